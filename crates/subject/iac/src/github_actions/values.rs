//! What a text with an expression can be, where the file itself says.

use probity_model::{Span, Value};

use super::expression::{self, Expression, Step};
use super::object::{Entries, list, texts};
use super::origin::{Scope, by_name};
use super::uses::image_document;

/// Most values that an expression is followed to.
const MAX_VALUES: usize = 256;

/// All texts that a text can be; `None` when an expression in it is decided elsewhere.
pub(super) fn of(text: &str, scope: &Scope<'_>) -> Option<Vec<String>> {
    let fences = expression::fences(text);
    let [fence] = fences.as_slice() else { return fences.is_empty().then(|| vec![text.to_owned()]) };
    let tree = expression::parse(&text[fence.start + 3..fence.end - 2]).ok()?;
    let mut values = Vec::new();
    leaves(&tree, scope, &mut values)?;
    let around = (&text[..fence.start], &text[fence.end..]);
    Some(values.into_iter().map(|value| format!("{}{value}{}", around.0, around.1)).collect())
}

fn leaves(tree: &Expression, scope: &Scope<'_>, values: &mut Vec<String>) -> Option<()> {
    match tree {
        Expression::Text(text) => values.push(text.to_string()),
        Expression::Or(parts) => parts.iter().try_for_each(|part| leaves(part, scope, values))?,
        Expression::And(parts) => leaves(parts.last()?, scope, values)?,
        Expression::Context { root, path } if root == "matrix" => matrix(path, scope, values)?,
        _ => return None,
    }
    (values.len() <= MAX_VALUES).then_some(())
}

fn matrix(path: &[Step], scope: &Scope<'_>, values: &mut Vec<String>) -> Option<()> {
    let matrix = scope.matrix?.as_object()?;
    let (Step::Name(name), rest) = path.split_first()? else { return None };
    let before = values.len();
    if let Some(list) = by_name(matrix, name) {
        for value in list.as_array()? {
            values.extend(scalar(value, rest)?);
        }
    }
    if let Some(included) = matrix.get("include") {
        for value in included.as_array()?.iter().filter_map(|entry| by_name(entry.as_object()?, name)) {
            values.extend(scalar(value, rest)?);
        }
    }
    (values.len() > before).then_some(())
}

/// The text at a path of names; `None` when it is none, or has expressions of its own. A field that is not there gives
/// nothing.
fn scalar(value: &Value, path: &[Step]) -> Option<Vec<String>> {
    match (path.split_first(), value) {
        (None, Value::String(text)) => expression::fences(text).is_empty().then(|| vec![text.to_string()]),
        (None, Value::Bool(truth)) => Some(vec![truth.to_string()]),
        (None, Value::Number(number)) => Some(vec![number.to_string()]),
        (Some((Step::Name(name), rest)), Value::Object(object)) => match by_name(object, name) {
            Some(inner) => scalar(inner, rest),
            None => Some(Vec::new()),
        },
        _ => None,
    }
}

/// The runner of a job as a document.
pub(super) fn runner(runs_on: &Value, scope: &Scope<'_>, span: Span) -> Value {
    let mut entries = Entries::at(span);
    let (labels, group) = match runs_on {
        Value::Object(object) => (object.get("labels"), object.get("group").cloned()),
        other => (Some(other), None),
    };
    let labels: Vec<&str> = match labels {
        Some(Value::String(label)) => vec![label.as_str()],
        Some(Value::Array(list)) => list.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    let mut known = Vec::new();
    let mut is_known = true;
    for label in labels {
        match of(label, scope) {
            Some(values) => known.extend(values),
            None => is_known = false,
        }
    }
    // A matrix may give a list of labels, which is one value here.
    is_known &= known.iter().all(|label| !label.is_empty());
    let is_self_hosted = known.iter().any(|label| label.eq_ignore_ascii_case("self-hosted"));
    entries.add("labels", texts(&known));
    entries.add_some("group", group);
    match (is_self_hosted, is_known) {
        (true, _) => entries.add("self_hosted", true),
        (false, true) => entries.add("self_hosted", false),
        (false, false) => entries.add("self_hosted", Value::Unknown("an expression chooses the runner".into())),
    }
    entries.object()
}

/// The images that a job or an action runs, each with where it is named.
pub(super) fn images(named: Vec<(String, &Value, Span)>, scope: &Scope<'_>) -> Value {
    let mut documents = Vec::new();
    for (place, image, span) in named {
        let Some(text) = image.as_str().map(|text| text.strip_prefix("docker://").unwrap_or(text)) else { continue };
        let mut add = |parts: Value| {
            let mut entries = match &parts {
                Value::Object(parts) => Entries::of(parts, span),
                _ => Entries::at(span),
            };
            entries.add("at", place.as_str());
            documents.push((entries.object(), span));
        };
        match of(text, scope) {
            // An empty image is no container at all.
            Some(values) => {
                values.iter().filter(|value| !value.is_empty()).for_each(|value| add(image_document(value, span)));
            }
            None if expression::fences(text).len() == 1 && text.starts_with("${{") && text.ends_with("}}") => {
                let unknown = || Value::Unknown("an expression chooses the image".into());
                let mut parts = Entries::at(span);
                parts.add("reference", text);
                for name in ["image", "tag", "digest"] {
                    parts.add(name, unknown());
                }
                add(parts.object());
            }
            None => add(image_document(text, span)),
        }
    }
    list(documents)
}
