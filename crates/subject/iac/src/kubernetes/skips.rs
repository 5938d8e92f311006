//! What a manifest asks to be skipped: comments above a document, annotations on an object and on its Pod template.

use probity_model::{InlineSkip, Key, Problem, Span, Value};

use super::object;
use crate::skip;

/// Skips in the comments between the `---` before a document and its first key; before the first document also those
/// above the `---`.
pub(super) fn above(text: &str, document: Span, first: bool, problems: &mut Vec<Problem>) -> Vec<InlineSkip> {
    let end = document.start as usize;
    let Some(before) = text.get(..end) else { return Vec::new() };
    let start = if first { 0 } else { before.rfind("\n---").map_or(end, |at| at + 1) };
    let mut skips = Vec::new();
    let mut at = start;
    for line in before[start..].split_inclusive('\n') {
        if let Some(comment) = line.find('#') {
            let span = Span::new(document.source, at + comment..at + line.len());
            collect(skip::parse_comment(&line[comment..], span), &mut skips, problems);
        }
        at += line.len();
    }
    skips
}

/// Skips in the annotations of an object and of the Pod template it carries.
pub(super) fn annotated(kind: &str, value: &Value, problems: &mut Vec<Problem>) -> Vec<InlineSkip> {
    let mut skips = Vec::new();
    from_metadata(value, &mut skips, problems);
    if kind != "Pod"
        && let Some(pod) = object::pod(kind, value)
    {
        from_metadata(pod, &mut skips, problems);
    }
    skips
}

fn from_metadata(value: &Value, skips: &mut Vec<InlineSkip>, problems: &mut Vec<Problem>) {
    let Some(annotations) = value.at(&["metadata", "annotations"]).and_then(Value::as_object) else { return };
    for (key, value, span) in annotations.iter_spanned() {
        let Some(ours) = is_skip(key) else { continue };
        let Some(text) = value.as_str() else {
            problems.push(
                Problem::new(format!("the annotation `{key}` is a {}, not a string", value.kind()), span)
                    .with_help("put it in quotes"),
            );
            continue;
        };
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        collect(
            lines.map(|line| {
                if ours { skip::parse_annotation(line, span) } else { skip::parse_annotation(&with_colon(line), span) }
            }),
            skips,
            problems,
        );
    }
}

/// Whether an annotation asks for a skip, and if so whether in our own form.
fn is_skip(key: &Key) -> Option<bool> {
    let (domain, name) = key.as_str().split_once('/')?;
    if !name.starts_with("skip") {
        return None;
    }
    match domain {
        "probity.dev" => Some(true),
        "checkov.io" | "bridgecrew.io" | "cortex.io" => Some(false),
        _ => None,
    }
}

/// Checkov writes `ID=reason`.
fn with_colon(line: &str) -> String {
    line.replacen('=', ":", 1)
}

fn collect(
    found: impl IntoIterator<Item = Result<InlineSkip, Problem>>,
    skips: &mut Vec<InlineSkip>,
    problems: &mut Vec<Problem>,
) {
    for skip in found {
        match skip {
            Ok(skip) => skips.push(skip),
            Err(problem) => problems.push(problem),
        }
    }
}
