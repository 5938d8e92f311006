//! Checks values against the schemas of the API's document: what they use of JSON Schema, and nothing they do not.

use serde_json::Value;

/// Members that say nothing about a value.
const SAID: &[&str] = &["description", "format", "contentEncoding"];

/// What is wrong with a value, with where; nothing when it is as the schema says.
pub(crate) fn check(document: &Value, schema: &Value, value: &Value, place: &str, wrong: &mut Vec<String>) {
    let schema = resolve(document, schema);
    for (keyword, of) in schema.as_object().expect("a schema is an object") {
        let holds = match keyword.as_str() {
            "type" => is_of_type(of, value),
            "enum" => of.as_array().unwrap().contains(value),
            "minimum" => value.as_f64().is_none_or(|number| number >= of.as_f64().unwrap()),
            "maximum" => value.as_f64().is_none_or(|number| number <= of.as_f64().unwrap()),
            "minItems" => value.as_array().is_none_or(|items| items.len() as u64 >= of.as_u64().unwrap()),
            "maxItems" => value.as_array().is_none_or(|items| items.len() as u64 <= of.as_u64().unwrap()),
            "pattern" => {
                assert_eq!(of, "^sha256:[0-9a-f]{64}$", "the one pattern there is");
                value.as_str().is_none_or(|text| text.parse::<probity_evidence_ledger::Digest>().is_ok())
            }
            "required" => of.as_array().unwrap().iter().all(|name| value.get(name.as_str().unwrap()).is_some()),
            "properties" | "additionalProperties" => {
                check_members(document, schema, value, place, wrong);
                true
            }
            "items" => {
                for (at, item) in value.as_array().into_iter().flatten().enumerate() {
                    check(document, of, item, &format!("{place}[{at}]"), wrong);
                }
                true
            }
            "prefixItems" => {
                for (item, schema) in value.as_array().into_iter().flatten().zip(of.as_array().unwrap()) {
                    check(document, schema, item, place, wrong);
                }
                true
            }
            said => {
                assert!(SAID.contains(&said), "this checker does not know `{said}`");
                true
            }
        };
        if !holds {
            wrong.push(format!("{place}: {keyword} {of} does not hold for {value}"));
        }
    }
}

fn check_members(document: &Value, schema: &Value, value: &Value, place: &str, wrong: &mut Vec<String>) {
    for (name, member) in value.as_object().into_iter().flatten() {
        let place = format!("{place}.{name}");
        match (schema["properties"].get(name), schema.get("additionalProperties")) {
            (Some(of), _) | (None, Some(of @ Value::Object(_))) => check(document, of, member, &place, wrong),
            (None, Some(Value::Bool(false))) => wrong.push(format!("{place} is not documented")),
            _ => {}
        }
    }
}

fn is_of_type(types: &Value, value: &Value) -> bool {
    let is = |name: &Value| match name.as_str().unwrap() {
        "string" => value.is_string(),
        "integer" => value.is_u64() || value.is_i64(),
        "boolean" => value.is_boolean(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        "null" => value.is_null(),
        other => panic!("no type {other}"),
    };
    types.as_array().map_or_else(|| is(types), |types| types.iter().any(is))
}

fn resolve<'d>(document: &'d Value, schema: &'d Value) -> &'d Value {
    match schema.get("$ref").and_then(Value::as_str) {
        Some(reference) => document
            .pointer(reference.trim_start_matches('#'))
            .unwrap_or_else(|| panic!("{reference} is not in the document")),
        None => schema,
    }
}
