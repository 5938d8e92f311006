//! References within a document: `$(./../name)` stands for the value at that path (Kyverno, `pkg/engine/variables`).
//!
//! What they stand for is known as soon as the document is: they are put in when a policy is read.

use std::borrow::Cow;
use std::sync::LazyLock;

use probity_model::{Key, Value};
use regex::{Captures, Regex};

use crate::anchor::Anchor;
use crate::pattern::Comparison;

static REFERENCE: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"(^|[^\\])(\$\([^\n][^ ]*\))").expect("a constant expression"));

static ESCAPED: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"\\(\$\([^\n][^ )]*\))").expect("a constant expression"));

/// Puts in what the references of a document stand for.
///
/// # Errors
/// When one leads nowhere, or to something that is no text.
pub(crate) fn resolve(document: &Value) -> Result<Cow<'_, Value>, String> {
    if !mentions(document) {
        return Ok(Cow::Borrowed(document));
    }
    resolved(document, document, &mut Vec::new()).map(Cow::Owned)
}

fn mentions(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains("$("),
        Value::Array(array) => array.iter().any(mentions),
        Value::Object(object) => object.iter().any(|(key, value)| key.as_str().contains("$(") || mentions(value)),
        _ => false,
    }
}

fn resolved(value: &Value, document: &Value, path: &mut Vec<String>) -> Result<Value, String> {
    match value {
        Value::String(own) => Ok(text(own, document, path)?.into()),
        Value::Array(array) => {
            let mut elements = Vec::with_capacity(array.len());
            for (index, element) in array.iter().enumerate() {
                path.push(index.to_string());
                elements.push(resolved(element, document, path)?);
                path.pop();
            }
            Ok(Value::array(elements))
        }
        Value::Object(object) => {
            let mut entries = Vec::with_capacity(object.len());
            for (key, element) in object.iter() {
                let name = text(key.as_str(), document, path)?;
                path.push(key.as_str().to_owned());
                entries.push((Key::new(&name), resolved(element, document, path)?));
                path.pop();
            }
            Ok(Value::Object(entries.into_iter().collect()))
        }
        other => Ok(other.clone()),
    }
}

fn text(own: &str, document: &Value, path: &[String]) -> Result<String, String> {
    if !own.contains("$(") {
        return Ok(own.to_owned());
    }
    let mut failed = None;
    let replaced = REFERENCE.replace_all(own, |found: &Captures<'_>| {
        let value = target(&found[2], document, path).unwrap_or_else(|message| {
            failed.get_or_insert(message);
            String::new()
        });
        format!("{}{value}", &found[1])
    });
    match failed {
        Some(message) => Err(message),
        None => Ok(ESCAPED.replace_all(&replaced, "$1").into_owned()),
    }
}

fn target(reference: &str, document: &Value, path: &[String]) -> Result<String, String> {
    let at = || format!("/{}", path.join("/"));
    let inner = reference.trim_matches(|character| matches!(character, '$' | '(' | ')'));
    let comparison = Comparison::of(inner);
    let way = &inner[comparison.sign().len()..];
    if way.is_empty() {
        return Err(format!("failed to resolve {reference} at path {}: expected path, found empty reference", at()));
    }
    let absolute = normalized(way, path);
    match find(document, &absolute) {
        Some(Value::String(text)) => Ok(format!("{}{text}", comparison.sign())),
        Some(Value::Number(number)) if comparison != Comparison::Equal => Ok(format!("{}{number}", comparison.sign())),
        Some(Value::Null | Value::Array(_) | Value::Object(_)) | None => {
            Err(format!("got nil resolved variable {reference} at path {}: <nil>", at()))
        }
        Some(_) => Err(format!("NotResolvedReferenceErr,reference {reference} not resolved at path {}", at())),
    }
}

/// The segments of a path that is given from the root or from another.
fn normalized(way: &str, from: &[String]) -> Vec<String> {
    let mut segments: Vec<String> = if way.starts_with('/') {
        Vec::new()
    } else {
        from.iter().map(|segment| Anchor::field(segment).to_owned()).collect()
    };
    for part in way.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(segments.pop()),
            other => segments.push(Anchor::field(other).to_owned()),
        }
    }
    segments
}

fn find<'v>(value: &'v Value, path: &[String]) -> Option<&'v Value> {
    let Some((first, rest)) = path.split_first() else { return Some(value) };
    match value {
        Value::Array(array) => find(array.get(first.parse().ok()?)?, rest),
        Value::Object(object) => object
            .iter()
            .filter(|(key, _)| Anchor::field(key.as_str()) == first)
            .find_map(|(_, value)| find(value, rest)),
        _ => None,
    }
}
