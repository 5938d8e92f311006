//! Secrets in documents: what the names, types and marks around a value say of it.

use probity_model::value::{Array, Object};
use probity_model::{Key, SubjectKind, Value, json};

use probity_secrets::found::{merge, replace};
use probity_secrets::names::{self, Secrecy};
use probity_secrets::{encoded, harmless, kind, tokens};

use crate::secrets::Secrets;
use crate::{Redacted, Redaction, Redactor, commands};

/// Deepest nesting that is walked; the readers' own bound is lower. What is deeper is redacted as a whole.
const MAX_DEPTH: usize = 384;

/// How many JSON texts inside of each other are read.
const MAX_NESTED: usize = 3;

/// How often a document is looked at again after something was taken out of it.
const MAX_ROUNDS: usize = 4;

/// Attributes of resources that are secret whatever they are called, by type.
const ATTRIBUTES: &[(&str, &[&str])] = &[
    ("aws_iam_access_key", &["secret", "ses_smtp_password_v4", "encrypted_secret"]),
    ("aws_ssm_parameter", &["value", "value_wo"]),
    ("azurerm_key_vault_secret", &["value", "value_wo"]),
    ("circleci_environment_variable", &["value"]),
    ("cloudflare_worker_secret", &["secret_text"]),
    ("consul_key_prefix", &["subkeys"]),
    ("digitalocean_kubernetes_cluster", &["kube_config"]),
    ("doppler_secret", &["value"]),
    ("gitlab_group_variable", &["value"]),
    ("gitlab_instance_variable", &["value"]),
    ("gitlab_project_variable", &["value"]),
    ("google_secret_manager_secret_version", &["secret_data", "secret_data_wo"]),
    ("google_service_account_key", &["private_key"]),
    ("helm_release", &["set_sensitive"]),
    ("heroku_app", &["sensitive_config_vars"]),
    ("heroku_config", &["sensitive_vars"]),
    ("kubernetes_secret", &["data", "binary_data", "data_wo"]),
    ("kubernetes_secret_v1", &["data", "binary_data", "data_wo"]),
    ("local_sensitive_file", &["content", "content_base64"]),
    ("random_bytes", &["base64", "hex"]),
    ("random_password", &["result", "bcrypt_hash"]),
    ("tfe_variable", &["value"]),
    ("tls_private_key", &["private_key_pem", "private_key_openssh", "private_key_pem_pkcs8"]),
    ("vault_generic_secret", &["data_json", "data"]),
    ("vault_kv_secret", &["data_json", "data"]),
    ("vault_kv_secret_v2", &["data_json", "data"]),
    ("vercel_project_environment_variable", &["value"]),
];

/// What the places above a value say of it.
#[derive(Clone, Copy)]
struct Context<'v> {
    secrecy: Secrecy,
    /// Whether the value and all in it is secret, and what it is then called.
    all: Option<&'static str>,
    /// What the plan says of it: `true` for sensitive, or the same of what is in it.
    marks: Option<&'v Value>,
    /// Whether it is a checksum, which looks like a secret.
    checksum: bool,
    /// Which of its entries are secret as a whole.
    attributes: Attributes,
    /// What it is of a resource in a plan.
    part: Part,
}

type Attributes = &'static [&'static str];

/// A part of a resource in a plan that has its attributes further within, and which of them are secret.
#[derive(Clone, Copy)]
enum Part {
    None,
    Change(Attributes),
    Expressions(Attributes),
}

impl Context<'_> {
    const NOTHING: Self =
        Self { secrecy: Secrecy::None, all: None, marks: None, checksum: false, attributes: &[], part: Part::None };
}

/// The attributes of a resource that are secret.
fn attributes_of(resource_type: &str) -> Attributes {
    ATTRIBUTES.iter().find(|(known, _)| *known == resource_type).map_or(&[], |(_, attributes)| attributes)
}

struct Walk<'r> {
    redactor: &'r Redactor,
    path: Vec<String>,
    nested: usize,
    redactions: Vec<Redaction>,
    secrets: Secrets,
}

pub(crate) fn redact(
    redactor: &Redactor,
    kind: SubjectKind,
    resource_type: &str,
    document: &Value,
    marks: Option<&Value>,
) -> Redacted {
    let attributes = match kind {
        SubjectKind::Terraform | SubjectKind::TerraformPlan => {
            attributes_of(resource_type.strip_prefix("data.").unwrap_or(resource_type))
        }
        SubjectKind::Kubernetes
        | SubjectKind::CloudFormation
        | SubjectKind::Dockerfile
        | SubjectKind::GithubActions
        | SubjectKind::Config
        | SubjectKind::Secret
        | SubjectKind::Image
        | SubjectKind::Request
        | SubjectKind::VaultRequest => &[],
    };
    let mut walk = Walk { redactor, path: Vec::new(), nested: 0, redactions: Vec::new(), secrets: Secrets::new() };
    let mut value = document.clone();
    // What is taken out in one place may be said in another, and a text may read differently without it.
    for _ in 0..MAX_ROUNDS {
        let before = walk.redactions.len();
        if let Some(changed) = walk.value(&value, Context { marks, attributes, ..Context::NOTHING }, 0) {
            value = changed;
        }
        if let Some(changed) = walk.known(&value, 0) {
            value = changed;
        }
        if walk.redactions.len() == before {
            break;
        }
    }
    let Walk { mut redactions, secrets, .. } = walk;
    redactions.sort();
    redactions.dedup_by(|a, b| a.pointer == b.pointer);
    Redacted { value, redactions, secrets }
}

/// Whether a text is a path such as `var.region` or `module.db["a"].aws_db_instance.this[0].address`.
fn is_reference(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-' | '[' | ']' | '"' | '*');
    text.contains('.') && text.starts_with(|c: char| c.is_ascii_alphabetic()) && text.chars().all(plain)
}

impl Walk<'_> {
    /// The value without secrets; none when it has none and stays as it is.
    fn value(&mut self, value: &Value, context: Context<'_>, depth: usize) -> Option<Value> {
        let context = match context.marks {
            Some(Value::Bool(true)) => Context { all: context.all.or(Some(kind::SENSITIVE)), ..context },
            _ => context,
        };
        if depth > MAX_DEPTH {
            return Some(self.replaced(kind::TOO_DEEP));
        }
        match value {
            Value::Null | Value::Bool(_) => None,
            Value::Unknown(what) => self.unknown(what, context, depth),
            Value::Number(number) => {
                let text = number.to_string();
                let secret = context.all.is_some() || !harmless::stays(&text, context.secrecy);
                secret.then(|| self.whole(&text, context.all.unwrap_or(kind::SECRET_NAME)))
            }
            Value::String(text) => self.string(text, context, depth),
            Value::Array(array) => self.array(array, context, depth),
            Value::Set(set) => {
                let mut changed = false;
                let context = Context { marks: None, ..context };
                let members: Vec<Value> = set
                    .iter()
                    .enumerate()
                    .map(|(index, member)| self.element(index, member, context, depth, &mut changed))
                    .collect();
                changed.then(|| Value::Set(members.into_iter().collect()))
            }
            Value::Object(object) => self.object(object, context, depth),
        }
    }

    /// What is not known yet is named by what it waits for, or by its text where only a part of that is not known.
    fn unknown(&mut self, what: &str, context: Context<'_>, depth: usize) -> Option<Value> {
        if is_reference(what) {
            return None;
        }
        match self.string(what, context, depth)? {
            Value::String(text) => Some(Value::Unknown(text.as_str().into())),
            other => Some(other),
        }
    }

    fn replaced(&mut self, kind: &'static str) -> Value {
        let pointer: String = self.path.iter().map(|step| format!("/{}", escape(step))).collect();
        self.redactions.push(Redaction { pointer, kind });
        Value::from(kind::marker(kind))
    }

    /// Redacts a value as a whole.
    fn whole(&mut self, text: &str, kind: &'static str) -> Value {
        self.secrets.insert(text, kind);
        for inner in encoded::texts(text.trim()) {
            self.secrets.insert(&inner, kind);
        }
        // What else is secret in it may be quoted alone.
        self.redactor.clean_once(text, &mut self.secrets);
        self.replaced(kind)
    }

    fn string(&mut self, text: &str, context: Context<'_>, depth: usize) -> Option<Value> {
        if let Some(kind) = context.all {
            let stays = text.trim().is_empty() || kind::marker_at_start(text) == Some(text.len());
            return (!stays).then(|| self.whole(text, kind));
        }
        if context.checksum && is_checksum(text) {
            return None;
        }
        if !harmless::stays(text, context.secrecy) {
            return Some(self.whole(text, kind::SECRET_NAME));
        }
        let nested = self.nested_json(text, depth);
        let current = nested.as_deref().unwrap_or(text);
        let cleaned = self.redactor.clean_once(current, &mut self.secrets);
        match (cleaned, nested) {
            (Some((cleaned, kind)), _) => {
                self.replaced(kind);
                Some(Value::from(cleaned))
            }
            (None, Some(nested)) => Some(Value::from(nested)),
            (None, None) => None,
        }
    }

    /// A JSON text within a string, such as a policy or container definitions, without its secrets.
    fn nested_json(&mut self, text: &str, depth: usize) -> Option<String> {
        let trimmed = text.trim();
        let is_json = (trimmed.starts_with('{') && trimmed.ends_with('}'))
            || (trimmed.starts_with('[') && trimmed.ends_with(']'));
        if !is_json || trimmed.len() < 8 || self.nested >= MAX_NESTED {
            return None;
        }
        let value = json::read(trimmed.as_bytes()).ok()?;
        self.nested += 1;
        // The pointer is that of the text: what is in it has none.
        let (path, before) = (self.path.clone(), self.redactions.len());
        let changed = self.value(&value, Context::NOTHING, depth + 1);
        self.nested -= 1;
        self.path = path;
        let first = self.redactions.get(before).map(|redaction| redaction.kind);
        self.redactions.truncate(before);
        if let Some(kind) = first {
            self.replaced(kind);
        }
        changed.map(|changed| json::write(&changed))
    }

    fn element(
        &mut self,
        index: usize,
        element: &Value,
        context: Context<'_>,
        depth: usize,
        changed: &mut bool,
    ) -> Value {
        self.path.push(index.to_string());
        let new = self.value(element, context, depth + 1);
        self.path.pop();
        *changed |= new.is_some();
        new.unwrap_or_else(|| element.clone())
    }

    fn array(&mut self, array: &Array, context: Context<'_>, depth: usize) -> Option<Value> {
        self.arguments(array, &[], context, depth)
    }

    /// A list, read as the arguments of a command too.
    fn arguments(&mut self, array: &Array, commands: &[&str], context: Context<'_>, depth: usize) -> Option<Value> {
        let words: Vec<Option<&str>> = array.iter().map(Value::as_str).collect();
        let secret = commands::in_arguments(commands, &words);
        let mut in_key = false;
        let mut changed = false;
        let elements: Vec<Value> = array
            .iter()
            .enumerate()
            .map(|(index, element)| {
                let text = element.as_str().unwrap_or_default();
                let was_in_key = in_key && !text.is_empty();
                in_key = tokens::opens_private_key(text) || (in_key && !text.contains("-----END "));
                if was_in_key {
                    let all = Context { all: Some(kind::PRIVATE_KEY), ..context };
                    return self.element(index, element, all, depth, &mut changed);
                }
                if let Some((_, skip)) = secret.iter().find(|(position, _)| *position == index)
                    && kind::marker_at_start(&text[*skip..]) != Some(text.len() - skip)
                {
                    changed = true;
                    self.path.push(index.to_string());
                    let marker = self.whole(&text[*skip..], kind::CREDENTIALS);
                    self.path.pop();
                    let marker = marker.as_str().unwrap_or_default();
                    return Value::from(format!("{}{marker}", &text[..*skip]));
                }
                let marks = context.marks.and_then(Value::as_array).and_then(|marks| marks.get(index));
                self.element(index, element, Context { marks, ..context }, depth, &mut changed)
            })
            .collect();
        changed.then(|| list(array, elements))
    }

    fn object(&mut self, object: &Object, context: Context<'_>, depth: usize) -> Option<Value> {
        let facts = Facts::of(object);
        let mut changed = false;
        let mut entries: Vec<(Key, Value)> = Vec::with_capacity(object.len());
        for (key, value) in object.iter() {
            let name = self.key(key, &entries, &mut changed);
            self.path.push(name.as_str().to_owned());
            let context = entry_context(key.as_str(), &facts, object, context);
            let new = match value {
                Value::Array(array) if key.as_str() == "args" => {
                    self.arguments(array, &facts.commands, context, depth + 1)
                }
                _ => self.value(value, context, depth + 1),
            };
            self.path.pop();
            changed |= new.is_some();
            entries.push((name, new.unwrap_or_else(|| value.clone())));
        }
        changed.then(|| mapping(object, entries))
    }

    /// A key that is a token itself is replaced, and numbered when another one was before it.
    fn key(&mut self, key: &Key, before: &[(Key, Value)], changed: &mut bool) -> Key {
        if key.as_str().len() < 8 {
            return key.clone();
        }
        let mut found = Vec::new();
        self.redactor.tokens.find(key.as_str(), &mut found);
        let found = merge(key.as_str(), found);
        if found.is_empty() {
            return key.clone();
        }
        for part in &found {
            self.secrets.insert(&key.as_str()[part.range.clone()], part.kind);
        }
        let name = distinct(&replace(key.as_str(), &found), before);
        self.path.push(name.clone());
        self.replaced(found[0].kind);
        self.path.pop();
        *changed = true;
        Key::new(&name)
    }

    /// The value without what was found to be secret elsewhere in the document.
    fn known(&mut self, value: &Value, depth: usize) -> Option<Value> {
        if self.secrets.is_empty() || depth > MAX_DEPTH {
            return None;
        }
        match value {
            Value::Null | Value::Bool(_) | Value::Unknown(_) | Value::Number(_) => None,
            Value::String(text) => {
                let found = merge(text, self.secrets.find(text));
                let first = found.first()?;
                self.replaced(first.kind);
                Some(Value::from(replace(text, &found)))
            }
            Value::Array(array) => self.known_elements(array.iter(), depth).map(|elements| list(array, elements)),
            Value::Set(set) => {
                self.known_elements(set.iter(), depth).map(|members| Value::Set(members.into_iter().collect()))
            }
            Value::Object(object) => self.known_entries(object, depth),
        }
    }

    fn known_elements<'v>(&mut self, elements: impl Iterator<Item = &'v Value>, depth: usize) -> Option<Vec<Value>> {
        let mut changed = false;
        let new = elements
            .enumerate()
            .map(|(index, element)| {
                self.path.push(index.to_string());
                let new = self.known(element, depth + 1);
                self.path.pop();
                changed |= new.is_some();
                new.unwrap_or_else(|| element.clone())
            })
            .collect();
        changed.then_some(new)
    }

    fn known_entries(&mut self, object: &Object, depth: usize) -> Option<Value> {
        let mut changed = false;
        let mut entries: Vec<(Key, Value)> = Vec::with_capacity(object.len());
        for (key, value) in object.iter() {
            let found = merge(key.as_str(), self.secrets.find(key.as_str()));
            let name = match found.first() {
                // The name of a field is no secret, even when somebody chose it as a password.
                Some(first) if names::secrecy(key.as_str()) == Secrecy::None => {
                    let name = distinct(&replace(key.as_str(), &found), &entries);
                    self.path.push(name.clone());
                    self.replaced(first.kind);
                    self.path.pop();
                    changed = true;
                    Key::new(&name)
                }
                _ => key.clone(),
            };
            self.path.push(name.as_str().to_owned());
            let new = self.known(value, depth + 1);
            self.path.pop();
            changed |= new.is_some();
            entries.push((name, new.unwrap_or_else(|| value.clone())));
        }
        changed.then(|| mapping(object, entries))
    }
}

/// What an object and its place say of an entry.
fn entry_context<'v>(key: &str, facts: &Facts<'v>, object: &'v Object, outer: Context<'v>) -> Context<'v> {
    let marks = match outer.marks {
        Some(Value::Object(marks)) => marks.get(key),
        _ => marks_beside(key, object),
    };
    let own = names::remembered_secrecy(key);
    let mut secrecy = own;
    let mut checksum = own <= Secrecy::Suspicious && names::is_checksum(key);
    if matches!(key, "value" | "Value" | "ParameterValue" | "defaultValue" | "default_value" | "plain_text") {
        secrecy = secrecy.max(facts.named);
        checksum |= facts.checksum;
    }
    // A list of what passes is no list of passwords.
    if key == "pass" && matches!(object.get(key), Some(Value::Array(_) | Value::Object(_) | Value::Set(_))) {
        secrecy = Secrecy::None;
    }
    // What is in something secret is secret too, unless it says which secret is meant.
    if outer.secrecy > secrecy && !names::refers(key) {
        secrecy = outer.secrecy;
    }
    let all = if outer.attributes.contains(&key) {
        Some(kind::SENSITIVE)
    } else if facts.whole.contains(&key) {
        Some(facts.whole_kind)
    } else {
        (key == "kubectl.kubernetes.io/last-applied-configuration").then_some(kind::SECRET_DATA)
    };
    let (attributes, part) = within_resource(key, facts, outer.part);
    Context { secrecy, all: outer.all.or(all), marks, checksum, attributes, part }
}

/// Which entries of an entry are secret by the type of the resource that they are attributes of, and what it is of that resource.
fn within_resource(key: &str, facts: &Facts<'_>, part: Part) -> (Attributes, Part) {
    match (part, key) {
        (Part::None, "values") => (facts.attributes, Part::None),
        (Part::None, "change") => (&[], Part::Change(facts.attributes)),
        (Part::None, "expressions") => (&[], Part::Expressions(facts.attributes)),
        (Part::Change(attributes), "before" | "after") => (attributes, Part::None),
        (Part::Expressions(attributes), key) if attributes.contains(&key) => (&["constant_value"], Part::None),
        _ => (&[], Part::None),
    }
}

/// What the other entries of an object say of one.
struct Facts<'v> {
    /// What the name of a name and value pair says.
    named: Secrecy,
    /// The entries that are secret as a whole, by what the object is.
    whole: &'static [&'static str],
    whole_kind: &'static str,
    /// The command that the arguments belong to.
    commands: Vec<&'v str>,
    /// Whether the name of a name and value pair is that of a checksum.
    checksum: bool,
    /// The attributes that are secret of the resource in a plan that the object is.
    attributes: Attributes,
}

impl<'v> Facts<'v> {
    fn of(object: &'v Object) -> Self {
        let text = |key: &str| object.get(key).and_then(Value::as_str);
        let name = ["name", "Name", "key", "Key", "ParameterKey", "variable", "field"].into_iter().find_map(text);
        let secure = matches!(text("type"), Some("SecureString" | "SECRET" | "secret" | "secure"));
        let named = if secure { Secrecy::Certain } else { name.map_or(Secrecy::None, names::secrecy_of_path) };
        let (whole, whole_kind): (&[&str], _) = if text("kind") == Some("Secret") {
            (&["data", "stringData", "binaryData"], kind::SECRET_DATA)
        } else if text("kty").is_some() {
            // A JSON Web Key (RFC 7517).
            (&["d", "p", "q", "dp", "dq", "qi", "k", "oth"], kind::SECRET_DATA)
        } else if object.get("sensitive").and_then(Value::as_bool) == Some(true) {
            (&["value", "default"], kind::SENSITIVE)
        } else {
            (&[], kind::SENSITIVE)
        };
        let commands = object.get("command").and_then(Value::as_array);
        let resource_type = text("address").and(text("mode")).and(text("type"));
        Self {
            named,
            attributes: resource_type.map_or(&[], attributes_of),
            checksum: name.is_some_and(names::is_checksum),
            whole,
            whole_kind,
            commands: commands.into_iter().flatten().filter_map(Value::as_str).collect(),
        }
    }
}

/// What a plan says of an entry, in the entry beside it.
fn marks_beside<'v>(key: &str, object: &'v Object) -> Option<&'v Value> {
    let beside = match key {
        "values" => "sensitive_values",
        "after" => "after_sensitive",
        "before" => "before_sensitive",
        _ => return None,
    };
    object.get(beside)
}

/// Whether a text under the name of a checksum is one: a digest in hexadecimal or base64.
fn is_checksum(text: &str) -> bool {
    let hex = matches!(text.len(), 32 | 40 | 56 | 64 | 96 | 128) && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let base64 = matches!(text.len(), 24 | 28 | 44 | 64 | 88)
        && encoded::decode(text).is_some_and(|bytes| matches!(bytes.len(), 16 | 20 | 32 | 48 | 64));
    hex || base64
}

/// The name, with a number when it is taken.
fn distinct(name: &str, entries: &[(Key, Value)]) -> String {
    let taken = |name: &str| entries.iter().any(|(known, _)| known.as_str() == name);
    if !taken(name) {
        return name.to_owned();
    }
    let mut number = entries.len();
    while taken(&format!("{name}#{number}")) {
        number += 1;
    }
    format!("{name}#{number}")
}

/// A list of new elements in the places of the old.
fn list(old: &Array, elements: Vec<Value>) -> Value {
    let spans: Option<Vec<_>> = (0..old.len()).map(|index| old.span(index)).collect();
    match spans {
        Some(spans) if !spans.is_empty() => Value::Array(Array::with_spans(elements, spans)),
        _ => Value::Array(elements.into_iter().collect()),
    }
}

/// An object of new entries in the places of the old.
fn mapping(old: &Object, entries: Vec<(Key, Value)>) -> Value {
    let spans: Option<Vec<_>> = old.iter_spanned().map(|(_, _, span)| span).collect();
    match spans {
        Some(spans) => {
            let entries = entries.into_iter().zip(spans).map(|((key, value), span)| (key, value, span));
            Value::Object(Object::with_spans(entries.collect()))
        }
        None => Value::Object(entries.into_iter().collect()),
    }
}

/// A step of a JSON Pointer (RFC 6901, section 3).
fn escape(step: &str) -> String {
    step.replace('~', "~0").replace('/', "~1")
}
