//! Generated `ConfigMap`s and Secrets, and the hash in their names.

use std::fmt::Write as _;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use probity_model::value::{Key, Object, Value};
use probity_model::{Span, json};
use sha2::{Digest as _, Sha256};

use super::definition::{Entry, Generator, Pairs};
use super::edit::{self, New, Outcome};
use super::files::Files;
use super::resource::{Gvk, Resource};

/// Longest line of base64 in what is generated.
const LINE: usize = 70;

/// A key with its bytes and the place that gives it.
type Pair = (String, Vec<u8>, Option<Span>);

/// The `ConfigMap` or Secret that a generator gives.
pub(super) fn generate(generator: &Generator, root: &Path, files: &Files<'_>) -> Outcome<Resource> {
    if generator.name.is_empty() {
        return Err("a generated ConfigMap or Secret must have a name".to_owned());
    }
    let span = generator.span;
    let spanned = |entries: Vec<(&str, Value)>| {
        let entries = entries.into_iter().map(|(key, value)| (Key::new(key), value, span));
        Value::Object(Object::with_known_spans(entries.collect()))
    };
    let mut metadata = vec![("name", Value::from(generator.name.as_str()))];
    if !generator.namespace.is_empty() {
        metadata.push(("namespace", generator.namespace.as_str().into()));
    }
    for (name, pairs) in [("labels", &generator.options.labels), ("annotations", &generator.options.annotations)] {
        if !pairs.is_empty() {
            metadata.push((name, texts(pairs)));
        }
    }
    let kind = if generator.is_secret { "Secret" } else { "ConfigMap" };
    let mut fields = vec![("apiVersion", "v1".into()), ("kind", kind.into()), ("metadata", spanned(metadata))];
    let pairs = pairs(generator, root, files)?;
    let (text, binary): (Vec<Pair>, Vec<Pair>) =
        pairs.into_iter().partition(|(_, bytes, _)| generator.is_secret || std::str::from_utf8(bytes).is_ok());
    if generator.is_secret {
        let secret_type = if generator.secret_type.is_empty() { "Opaque" } else { &generator.secret_type };
        fields.push(("type", secret_type.into()));
        fields.push(("data", data(text, |bytes| encoded(&bytes))));
    } else if !text.is_empty() {
        fields.push(("data", data(text, |bytes| String::from_utf8_lossy(&bytes).into_owned())));
    }
    if !binary.is_empty() {
        fields.push(("binaryData", data(binary, |bytes| encoded(&bytes))));
    }
    if generator.options.is_immutable {
        fields.push(("immutable", true.into()));
    }
    let mut resource = Resource::new(spanned(fields), span);
    resource.needs_hash = !generator.options.without_hash;
    resource.behavior = generator.behavior;
    Ok(resource)
}

pub(super) fn texts(pairs: &Pairs) -> Value {
    let entries = pairs.iter().map(|(key, entry)| (Key::new(key), entry.text.as_str().into(), entry.span));
    Value::Object(Object::with_known_spans(entries.collect()))
}

fn data(pairs: Vec<Pair>, form: impl Fn(Vec<u8>) -> String) -> Value {
    let entries = pairs.into_iter().map(|(key, bytes, span)| (Key::new(&key), form(bytes).into(), span));
    Value::Object(Object::with_known_spans(entries.collect()))
}

/// In base64; what is longer than a line is broken into lines.
fn encoded(bytes: &[u8]) -> String {
    let text = STANDARD.encode(bytes);
    if text.len() < LINE {
        return text;
    }
    let mut lines = String::with_capacity(text.len() + text.len() / LINE + 1);
    let mut rest = text.as_str();
    while !rest.is_empty() {
        let (line, after) = rest.split_at(rest.len().min(LINE));
        lines.push_str(line);
        lines.push('\n');
        rest = after;
    }
    lines
}

fn pairs(generator: &Generator, root: &Path, files: &Files<'_>) -> Outcome<Vec<Pair>> {
    let mut pairs = Vec::new();
    for entry in &generator.envs {
        let file = files.load(root, &entry.text)?;
        env_lines(&file.bytes, entry.span, &mut pairs)?;
    }
    for entry in &generator.literals {
        pairs.push(literal(entry)?);
    }
    for entry in &generator.files {
        let (name, path) = file_source(&entry.text)?;
        let file = files.load(root, path)?;
        pairs.push((name.to_owned(), file.bytes.clone(), entry.span));
    }
    let mut names: Vec<&str> = pairs.iter().map(|(name, ..)| name.as_str()).collect();
    names.sort_unstable();
    if let Some((twice, _)) = names.iter().zip(names.iter().skip(1)).find(|(name, next)| name == next) {
        return Err(format!("{} illegally repeats the key `{}`", generator.name, twice));
    }
    let is_valid = |name: &str| {
        let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        !name.is_empty() && name.len() <= 253 && name.chars().all(legal) && name != "." && !name.starts_with("..")
    };
    match names.iter().find(|name| !is_valid(name)) {
        Some(name) => Err(format!("`{name}` is not a valid key name")),
        None => Ok(pairs),
    }
}

fn literal(entry: &Entry) -> Outcome<Pair> {
    let wrong = || format!("invalid literal source {}, expected key=value", entry.text);
    let (name, value) = entry.text.split_once('=').filter(|(name, _)| !name.is_empty()).ok_or_else(wrong)?;
    let quoted = ['"', '\''].iter().find_map(|quote| {
        let inner = value.strip_prefix(*quote)?.strip_suffix(*quote)?;
        Some(inner)
    });
    Ok((name.to_owned(), quoted.unwrap_or(value).as_bytes().to_vec(), entry.span))
}

/// The key and the path of `key=path` or `path`.
fn file_source(text: &str) -> Outcome<(&str, &str)> {
    match text.split('=').collect::<Vec<_>>()[..] {
        [path] => Ok((path.trim_end_matches('/').rsplit('/').next().unwrap_or(path), path)),
        [name, path] if !name.is_empty() && !path.is_empty() => Ok((name, path)),
        _ => Err(format!("invalid file source {text}, expected path or key=path")),
    }
}

fn env_lines(bytes: &[u8], span: Option<Span>, pairs: &mut Vec<Pair>) -> Outcome<()> {
    let text = std::str::from_utf8(bytes).map_err(|error| error.to_string())?;
    for line in text.strip_prefix('\u{feff}').unwrap_or(text).split('\n') {
        let line = line.strip_suffix('\r').unwrap_or(line).trim_start();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (name, value) = line.split_once('=').unwrap_or((line, ""));
        let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) || !name.chars().all(legal) {
            return Err(format!("`{name}` is not a valid name of an environment variable"));
        }
        pairs.push((name.to_owned(), value.as_bytes().to_vec(), span));
    }
    Ok(())
}

/// Puts the hash of what they hold behind the names of those objects that are to have it.
pub(super) fn add_hashes(resources: &mut [Resource]) -> Outcome<()> {
    for resource in resources.iter_mut().filter(|resource| resource.needs_hash) {
        let hash = hash(&resource.value)?;
        resource.remember();
        let name = format!("{}-{hash}", resource.name());
        resource.set_name(&name, None);
    }
    Ok(())
}

/// The hash of a `ConfigMap` or Secret as kustomize and kubectl have it.
fn hash(object: &Value) -> Outcome<String> {
    let field = |name: &'static str| {
        let value =
            object.get(name).map(|value| if edit::is_scalar(value) { edit::text(value).into() } else { value.clone() });
        (name, value.unwrap_or_else(|| "".into()))
    };
    let gvk = Gvk::of(object);
    // The name is looked for where none is, and so counts as empty.
    let mut fields = vec![("kind", gvk.kind.as_str().into()), ("name", "".into()), field("data")];
    let optional = match gvk.kind.as_str() {
        "ConfigMap" => "binaryData",
        "Secret" => {
            fields.push(field("type"));
            "stringData"
        }
        other => return Err(format!("the hash of a {other} is not known here")),
    };
    fields.extend([field(optional)].into_iter().filter(|(_, value)| matches!(value, Value::Object(_))));
    let text = json::write(&Value::object(fields));
    let digest = Sha256::digest(json::escaped_for_html(&text).as_bytes());
    let hex = digest.iter().take(5).fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    });
    let harmless = |c: char| match c {
        '0' => 'g',
        '1' => 'h',
        '3' => 'k',
        'a' => 'm',
        'e' => 't',
        other => other,
    };
    Ok(hex.chars().map(harmless).collect())
}

/// A `ServiceAccount` that stands for one of a cloud.
pub(super) fn service_account(name: &str, namespace: &str, account: &str, span: Option<Span>) -> Resource {
    let mut value = Value::object([("apiVersion", "v1".into()), ("kind", "ServiceAccount".into())]);
    value = edit::put(&value, &["metadata", "name"], New::text(name, span));
    let path = ["metadata", "annotations", "iam.gke.io/gcp-service-account"];
    value = edit::put(&value, &path, New::text(account, span));
    if !namespace.is_empty() {
        value = edit::put(&value, &["metadata", "namespace"], New::text(namespace, span));
    }
    Resource::new(value, span)
}
