//! What a template asks to be skipped: comments within a resource, and lists in its `Metadata`.

use jiff::civil::Date;
use probity_model::value::Object;
use probity_model::{InlineSkip, Problem, SmolStr, Span, Value};

use crate::skip;

/// Names under `Metadata` that have a `skip` list.
const TOOLS: [&str; 4] = ["probity", "checkov", "bridgecrew", "cortex"];

/// Skips in the comments between the first and the last line of a resource.
pub(super) fn commented(text: &str, span: Span, problems: &mut Vec<Problem>) -> Vec<InlineSkip> {
    let mut skips = Vec::new();
    let mut at = span.start as usize;
    let inner = text.get(at..(span.end as usize).min(text.len())).unwrap_or_default();
    for line in inner.split_inclusive('\n') {
        if let Some(comment) = line.find('#') {
            let place = Span::new(span.source, at + comment..at + line.len());
            for found in skip::parse_comment(&line[comment..], place) {
                found.map_or_else(|problem| problems.push(problem), |skip| skips.push(skip));
            }
        }
        at += line.len();
    }
    skips
}

/// Skips as `Metadata: {checkov: {skip: [{id: CKV_AWS_18, comment: why}]}}`; ours may have a last day under `expires`.
pub(super) fn from_metadata(fields: &Object, problems: &mut Vec<Problem>) -> Vec<InlineSkip> {
    let metadata = fields.get("Metadata");
    let mut skips = Vec::new();
    for list in TOOLS.iter().filter_map(|tool| metadata?.at(&[tool, "skip"])?.as_array()) {
        for (index, entry) in list.iter().enumerate() {
            let span = list.span(index);
            match read(entry, span) {
                Ok(skip) => skips.push(skip),
                Err(problem) => problems.push(problem),
            }
        }
    }
    skips
}

fn read(entry: &Value, span: Option<Span>) -> Result<InlineSkip, Problem> {
    let text = |name: &str| entry.get(name).and_then(Value::as_str);
    let id = text("id").filter(|id| !id.is_empty()).ok_or_else(|| {
        Problem::new("the skip names no policy", span)
            .with_help("write it as `{id: PRB-AWS-S3-001, comment: the reason}`")
    })?;
    let expires = entry.get("expires").map(|value| value.as_str().and_then(|day| day.parse::<Date>().ok()));
    if expires == Some(None) {
        return Err(Problem::new("`expires` is not a date, so the skip does not count", span)
            .with_help("write the last day on which it counts as 2027-01-31"));
    }
    let reason = text("comment").or_else(|| text("reason")).map(str::to_owned);
    Ok(InlineSkip { policies: vec![SmolStr::new(id)], reason, expires: expires.flatten(), span })
}
