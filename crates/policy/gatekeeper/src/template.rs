//! Constraint templates (`templates.gatekeeper.sh`, v1, v1beta1, v1alpha1).

use probity_model::node::{Mapping, Node};
use probity_model::value::Array;
use probity_model::{Problem, Value, json};
use probity_policy_core::{Operation, Watched};
use probity_policy_rego::Version;

use crate::native::{self, Native};
use crate::object;
use crate::rego::Rego;
use crate::schema::Schema;

/// The API group of templates.
pub(crate) const GROUP: &str = "templates.gatekeeper.sh";

/// The only target that there is.
const TARGET: &str = "admission.k8s.gatekeeper.sh";

/// A kind of constraints: what their parameters look like, and the code that judges by them.
#[derive(Debug, Clone)]
pub(crate) struct Template {
    /// The kind of its constraints.
    pub(crate) kind: String,
    /// What `parameters` of constraints look like; absent when they have none.
    pub(crate) schema: Option<Schema>,
    pub(crate) code: Code,
    pub(crate) title: Option<String>,
    pub(crate) description: Option<String>,
    pub(crate) severity: Option<String>,
    pub(crate) controls: Option<String>,
    /// What is done with the objects that its constraints are asked about.
    pub(crate) operations: Vec<Operation>,
    /// The objects that it wants to be there, in the words of its annotation.
    pub(crate) watches: Vec<Watched>,
}

/// The code of a template: Gatekeeper asks CEL where there is both.
#[derive(Debug, Clone)]
pub(crate) enum Code {
    Rego(Rego),
    Native(Native),
}

impl Code {
    /// Whether it looks at objects beside the one that is judged.
    pub(crate) fn uses_inventory(&self) -> bool {
        matches!(self, Self::Rego(rego) if rego.uses_inventory)
    }

    /// Whether it looks at the namespace of the one that is judged.
    pub(crate) fn uses_namespace(&self) -> bool {
        match self {
            Self::Rego(rego) => rego.uses_namespace,
            Self::Native(native) => native.uses_namespace,
        }
    }
}

/// The annotation that gives the severity of findings, on a constraint or a template.
pub(crate) const SEVERITY: &str = "probity.dev/severity";

/// The annotation that names what is to be in the inventory.
const SYNC_DATA: &str = "metadata.gatekeeper.sh/requires-sync-data";

/// The annotation that names the controls served, on a constraint or a template.
pub(crate) const CONTROLS: &str = "probity.dev/controls";

impl Template {
    /// Reads a template and compiles its code.
    ///
    /// # Errors
    /// What is wrong first, with its place.
    pub(crate) fn read(node: Node<'_>) -> Result<Self, Problem> {
        let fields = node.mapping()?;
        let version = fields.required("apiVersion")?;
        let legacy = match version.string()?.rsplit('/').next() {
            Some("v1") => false,
            Some("v1beta1" | "v1alpha1") => true,
            _ => return Err(version.problem("templates are of v1, v1beta1 or v1alpha1")),
        };
        let spec = fields.required("spec")?.mapping()?;
        let crd = spec.required("crd")?.mapping()?.required("spec")?.mapping()?;
        let kind_node = crd.required("names")?.mapping()?.required("kind")?;
        let kind = kind_node.string()?.to_owned();
        let name = object::name(node.value);
        if !name.eq_ignore_ascii_case(&kind) {
            let lower = kind.to_ascii_lowercase();
            return Err(kind_node.problem(format!("a template for `{kind}` must be called `{lower}`, not `{name}`")));
        }
        let text = |annotation: &str| object::annotation(node.value, annotation).map(|text| text.trim().to_owned());
        Ok(Self {
            schema: read_schema(&crd, legacy)?,
            code: read_target(&spec, &kind)?,
            title: text("metadata.gatekeeper.sh/title"),
            description: text("description"),
            severity: text(SEVERITY),
            controls: text(CONTROLS),
            operations: operations(&spec)?,
            watches: text(SYNC_DATA).map(|text| watches(&text)).unwrap_or_default(),
            kind,
        })
    }
}

/// What is done with the objects: made and changed, as Gatekeeper's webhook asks by default, and what the target names in
/// `operations`. What its code names is asked for, too: Gatekeeper leaves that to how it is installed.
fn operations(spec: &Mapping<'_>) -> Result<Vec<Operation>, Problem> {
    let [target] = spec.required("targets")?.list()?[..] else { return Ok(Vec::new()) };
    if let Some(node) = target.mapping()?.optional("operations") {
        let words = node.strings()?;
        if words.contains(&"*") {
            return Ok(Operation::ALL.to_vec());
        }
        return Ok(words.into_iter().filter_map(Operation::named).collect());
    }
    let named = |operation: &Operation| mentions(target.value, &format!("\"{}\"", operation.as_str()));
    let others = [Operation::Delete, Operation::Connect].into_iter().filter(named);
    Ok([Operation::Create, Operation::Update].into_iter().chain(others).collect())
}

/// Whether a text within a value has a word.
fn mentions(value: &Value, word: &str) -> bool {
    match value {
        Value::String(text) => text.contains(word),
        Value::Array(items) => items.iter().any(|item| mentions(item, word)),
        Value::Object(fields) => fields.iter().any(|(_, value)| mentions(value, word)),
        _ => false,
    }
}

/// The objects of an annotation: lists of lists of `groups`, `versions` and `kinds`.
fn watches(text: &str) -> Vec<Watched> {
    // It may stand in quotes of its own.
    let text = text.trim().trim_matches('"');
    let Ok(list) = json::read(text.as_bytes()) else { return Vec::new() };
    let mut watched = Vec::new();
    let requirements = list.as_array().into_iter().flat_map(|all| all.iter());
    let entries = requirements.flat_map(|one| one.as_array().map(Array::as_slice).unwrap_or_default());
    for entry in entries {
        let words = |field: &str| -> Vec<&str> {
            let list = entry.get(field).and_then(Value::as_array);
            list.into_iter().flat_map(|list| list.iter()).filter_map(Value::as_str).collect()
        };
        for group in words("groups") {
            for version in words("versions") {
                let api_version = if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") };
                watched.extend(
                    words("kinds")
                        .into_iter()
                        .map(|kind| Watched { api_version: api_version.as_str().into(), kind: kind.into() }),
                );
            }
        }
    }
    watched
}

fn read_schema(crd: &Mapping<'_>, legacy: bool) -> Result<Option<Schema>, Problem> {
    let validation = crd.optional("validation").map(Node::mapping).transpose()?;
    let legacy = match validation.and_then(|fields| fields.optional("legacySchema")) {
        Some(node) => node.boolean()?,
        None => legacy,
    };
    match validation.and_then(|fields| fields.optional("openAPIV3Schema")) {
        Some(node) => Schema::read(node, legacy).map(Some),
        None => Ok(legacy.then(Schema::anything)),
    }
}

/// Compiles the code of the only target.
fn read_target(spec: &Mapping<'_>, kind: &str) -> Result<Code, Problem> {
    let targets = spec.required("targets")?;
    let [target] = targets.list()?[..] else {
        return Err(targets.problem("a template has exactly one target"));
    };
    let fields = target.mapping()?;
    let name = fields.required("target")?;
    if name.string()? != TARGET {
        return Err(name.problem(format!("the target of a template is `{TARGET}`")));
    }
    if let Some(source) = source_of(&fields, native::ENGINE)? {
        return Native::read(&source).map(Code::Native);
    }
    let mut source = fields;
    let mut version = Version::V0;
    if fields.optional("rego").is_none_or(|node| node.value.as_str() == Some("")) {
        source = rego_source(&target)?;
        if let Some(node) = source.optional("version")
            && node.string()? == "v1"
        {
            version = Version::V1;
        }
    }
    let rego = source.required("rego")?;
    let libs = source.optional("libs").map(Node::strings).transpose()?.unwrap_or_default();
    let compiled = Rego::compile(kind, rego.string()?, &libs, version);
    compiled.map(Code::Rego).map_err(|message| rego.problem(message))
}

/// The source for an engine, when the target has one.
fn source_of<'a>(target: &Mapping<'a>, engine: &str) -> Result<Option<Mapping<'a>>, Problem> {
    for node in target.optional("code").map(Node::list).transpose()?.unwrap_or_default() {
        let fields = node.mapping()?;
        if fields.required("engine")?.string()? == engine {
            return fields.required("source")?.mapping().map(Some);
        }
    }
    Ok(None)
}

/// The source for Rego.
fn rego_source<'a>(target: &Node<'a>) -> Result<Mapping<'a>, Problem> {
    let fields = target.mapping()?;
    if let Some(source) = source_of(&fields, "Rego")? {
        return Ok(source);
    }
    let Some(code) = fields.optional("code") else {
        return Err(target.problem("the target has no code: neither `rego` nor `code`"));
    };
    let engines = code.list()?.into_iter().filter_map(|node| node.value.get("engine")?.as_str());
    let engines: Vec<&str> = engines.collect();
    let problem = format!("there is no engine for code of {}", engines.join(" and "));
    Err(code.problem(problem).with_help(format!("one of Rego, {}", native::ENGINE)))
}
