//! JSON Merge Patch, RFC 7396.

use probity_model::value::{Object, Value};

/// Applies a merge patch: objects are merged, null removes, all else replaces.
pub fn apply(target: &Value, patch: &Value) -> Value {
    let Value::Object(changes) = patch else { return patch.clone() };
    let empty = Object::default();
    let target = target.as_object().unwrap_or(&empty);
    let kept = target.iter().filter(|(key, _)| changes.get_key(key).is_none());
    let kept = kept.map(|(key, value)| (key.clone(), value.clone()));
    let changed = changes.iter().filter(|(_, value)| !value.is_null());
    let changed = changed.map(|(key, value)| (key.clone(), apply(target.get_key(key).unwrap_or(&Value::Null), value)));
    Value::Object(kept.chain(changed).collect())
}

#[cfg(test)]
mod tests {
    use probity_model::json;

    use super::apply;

    #[test]
    fn the_examples_of_the_rfc() {
        for (target, patch, wanted) in [
            (r#"{"a":"b"}"#, r#"{"a":"c"}"#, r#"{"a":"c"}"#),
            (r#"{"a":"b"}"#, r#"{"b":"c"}"#, r#"{"a":"b","b":"c"}"#),
            (r#"{"a":"b"}"#, r#"{"a":null}"#, "{}"),
            (r#"{"a":"b","b":"c"}"#, r#"{"a":null}"#, r#"{"b":"c"}"#),
            (r#"{"a":["b"]}"#, r#"{"a":"c"}"#, r#"{"a":"c"}"#),
            (r#"{"a":"c"}"#, r#"{"a":["b"]}"#, r#"{"a":["b"]}"#),
            (r#"{"a":{"b":"c"}}"#, r#"{"a":{"b":"d","c":null}}"#, r#"{"a":{"b":"d"}}"#),
            (r#"{"a":[{"b":"c"}]}"#, r#"{"a":[1]}"#, r#"{"a":[1]}"#),
            (r#"["a","b"]"#, r#"["c","d"]"#, r#"["c","d"]"#),
            (r#"{"a":"b"}"#, r#"["c"]"#, r#"["c"]"#),
            (r#"{"a":"foo"}"#, "null", "null"),
            (r#"{"a":"foo"}"#, r#""bar""#, r#""bar""#),
            (r#"{"e":null}"#, r#"{"a":1}"#, r#"{"a":1,"e":null}"#),
            ("[1,2]", r#"{"a":"b","c":null}"#, r#"{"a":"b"}"#),
            ("{}", r#"{"a":{"bb":{"ccc":null}}}"#, r#"{"a":{"bb":{}}}"#),
        ] {
            let read = |text: &str| json::read(text.as_bytes()).unwrap();
            assert_eq!(apply(&read(target), &read(patch)), read(wanted), "{target} {patch}");
        }
    }
}
