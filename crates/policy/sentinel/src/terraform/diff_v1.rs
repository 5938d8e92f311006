//! The `diff` of the first `tfplan` import: one level of keys such as `ingress.0.from_port`, as states of old were kept.
//! Lists are counted under `.#`, maps and objects under `.%`. Which lists are sets only a provider's schema tells: all
//! are numbered from 0.

use std::collections::BTreeMap;

use probity_model::Value as Model;
use probity_model::value::{Array, Number, Object};

/// Deepest nesting that is told.
const MAX_DEPTH: usize = 64;

/// One side of a diff: texts by key; none for what is not known yet.
type Side = BTreeMap<String, Option<String>>;

/// The diff between the values before and after; `unknown` says what is not known after.
pub(super) fn diff(before: &Model, after: &Model, unknown: &Model) -> Model {
    let (mut old, mut new) = (Side::new(), Side::new());
    attributes(before, &Model::Null, &mut old);
    attributes(after, unknown, &mut new);
    computed(before, after, unknown, &mut new);
    let keys = old.keys().chain(new.keys().filter(|key| !old.contains_key(*key)));
    let entries = keys.filter_map(|key| {
        let (before, after) = (old.get(key), new.get(key));
        if before == after {
            return None;
        }
        let text = |side: Option<&Option<String>>| side.cloned().flatten().unwrap_or_default();
        let entry = [
            ("computed", matches!(after, Some(None)).into()),
            ("new", text(after).into()),
            ("old", text(before).into()),
        ];
        Some((key.clone(), Model::object(entry)))
    });
    Model::object(entries.collect::<Vec<_>>())
}

fn entries(value: &Model) -> impl Iterator<Item = (&str, &Model)> {
    value.as_object().into_iter().flat_map(Object::iter).map(|(name, value)| (name.as_str(), value))
}

/// The attributes of a resource.
fn attributes(values: &Model, unknown: &Model, side: &mut Side) {
    for (name, value) in entries(values) {
        flatten(name.to_owned(), value, part(unknown, name), side, 0);
    }
}

/// Attributes that are not known at all. The count of a list or map is what policies look at then: it is told unless the
/// value before shows that the attribute is something else.
fn computed(before: &Model, after: &Model, unknown: &Model, side: &mut Side) {
    let unknowns = entries(unknown).filter(|(_, unknown)| **unknown == Model::Bool(true));
    let inside = entries(after).filter(|(_, value)| matches!(value, Model::Unknown(_)));
    for (name, _) in unknowns.chain(inside) {
        side.remove(name);
        let endings: &[&str] = match before.get(name) {
            Some(Model::Array(_) | Model::Set(_)) => &[".#"],
            Some(Model::Object(_)) => &[".%"],
            Some(Model::Bool(_) | Model::Number(_) | Model::String(_)) => &[""],
            _ => &["", ".#", ".%"],
        };
        side.extend(endings.iter().map(|ending| (format!("{name}{ending}"), None)));
    }
}

fn part<'u>(unknown: &'u Model, name: &str) -> &'u Model {
    match unknown {
        Model::Bool(true) => unknown,
        _ => unknown.get(name).unwrap_or(&Model::Null),
    }
}

/// Whether something in it is not known.
fn is_partly(value: &Model, unknown: &Model, depth: usize) -> bool {
    if depth > MAX_DEPTH {
        return true;
    }
    let inside = match unknown {
        Model::Bool(truth) => *truth,
        Model::Array(array) => array.iter().any(|part| is_partly(&Model::Null, part, depth + 1)),
        Model::Object(object) => object.iter().any(|(_, part)| is_partly(&Model::Null, part, depth + 1)),
        _ => false,
    };
    inside
        || match value {
            Model::Unknown(_) => true,
            Model::Array(array) => array.iter().any(|part| is_partly(part, &Model::Null, depth + 1)),
            Model::Object(object) => object.iter().any(|(_, part)| is_partly(part, &Model::Null, depth + 1)),
            _ => false,
        }
}

fn flatten(key: String, value: &Model, unknown: &Model, side: &mut Side, depth: usize) {
    if depth > MAX_DEPTH {
        return;
    }
    if matches!(value, Model::Unknown(_)) || *unknown == Model::Bool(true) {
        side.insert(key, None);
        return;
    }
    match value {
        Model::Array(array) => {
            side.insert(format!("{key}.#"), Some(array.len().to_string()));
            let unknown = unknown.as_array().map(Array::as_slice).unwrap_or_default();
            for (index, element) in array.iter().enumerate() {
                let unknown = unknown.get(index).unwrap_or(&Model::Null);
                flatten(format!("{key}.{index}"), element, unknown, side, depth + 1);
            }
        }
        // What is in a map of which something is not known is not told.
        Model::Object(_) if is_partly(value, unknown, 0) => {
            side.insert(format!("{key}.%"), None);
        }
        Model::Object(object) => {
            side.insert(format!("{key}.%"), Some(object.len().to_string()));
            for (name, element) in object.iter() {
                flatten(format!("{key}.{name}"), element, part(unknown, name.as_str()), side, depth + 1);
            }
        }
        scalar => {
            side.insert(key, Some(text(scalar)));
        }
    }
}

/// A scalar as a text: that of `null` is empty.
pub(super) fn text(value: &Model) -> String {
    match value {
        Model::Bool(truth) => truth.to_string(),
        Model::Number(number) => Number::to_string(number),
        Model::String(text) => text.to_string(),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use probity_model::json::read;

    use super::*;

    fn lines(before: &str, after: &str, unknown: &str) -> Vec<String> {
        let [before, after, unknown] = [before, after, unknown].map(|text| read(text.as_bytes()).unwrap());
        let diff = diff(&before, &after, &unknown);
        let line = |(key, entry): (&probity_model::value::Key, &Model)| {
            let of = |name| entry.get(name).map(text).unwrap_or_default();
            format!("{key}: {} -> {}, {}", of("old"), of("new"), of("computed"))
        };
        diff.as_object().unwrap().iter().map(line).collect()
    }

    #[test]
    fn only_what_changes_is_told() {
        let diff = lines(r#"{"a": 1, "b": [1], "c": "x"}"#, r#"{"a": 2, "b": [1, true], "c": "x"}"#, "{}");
        assert_eq!(diff, ["a: 1 -> 2, false", "b.#: 1 -> 2, false", "b.1:  -> true, false"]);
    }

    #[test]
    fn all_of_what_is_made_or_removed_is_told() {
        let values = r#"{"a": null, "m": {"k": "v"}, "l": []}"#;
        let made = lines("null", values, "{}");
        assert_eq!(made, ["a:  -> , false", "l.#:  -> 0, false", "m.%:  -> 1, false", "m.k:  -> v, false"]);
        let removed = lines(values, "null", "{}");
        assert_eq!(removed, ["a:  -> , false", "l.#: 0 -> , false", "m.%: 1 -> , false", "m.k: v -> , false"]);
    }

    #[test]
    fn what_is_not_known_is_computed() {
        let diff = lines(
            "null",
            r#"{"tags": {"a": "b"}, "block": [{"x": 1}], "names": [null]}"#,
            r#"{"id": true, "tags": {"c": true}, "block": [{"y": true}], "names": [true]}"#,
        );
        assert_eq!(
            diff,
            [
                "block.#:  -> 1, false",
                "block.0.%:  -> , true",
                "id:  -> , true",
                "id.#:  -> , true",
                "id.%:  -> , true",
                "names.#:  -> 1, false",
                "names.0:  -> , true",
                "tags.%:  -> , true"
            ]
        );
    }
}
