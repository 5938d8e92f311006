//! `data "aws_iam_policy_document"`, rendered to the JSON that resources refer to.

use probity_model::{Key, Value, json};

/// The document with its `json` attribute (AWS provider, data source `aws_iam_policy_document`). Parts that are not
/// known are written as `${what they wait for}`, so that the rest can be judged; when an effect or an action is not
/// known, all of it is.
pub(super) fn with_json(document: &Value) -> Value {
    let Some(object) = document.as_object() else { return document.clone() };
    let statements: Vec<Value> =
        object.get("statement").and_then(Value::as_array).into_iter().flatten().map(statement).collect();
    let decisive = |statement: &Value| {
        ["Effect", "Action", "NotAction"].iter().any(|name| statement.get(name).is_some_and(has_unknown))
    };
    let rendered = if statements.iter().any(decisive) {
        Value::Unknown("data.aws_iam_policy_document.json".into())
    } else {
        let version = object.get("version").cloned().unwrap_or_else(|| "2012-10-17".into());
        let policy = Value::object([("Version", version), ("Statement", Value::array(statements))]);
        json::write(&with_placeholders(&policy)).into()
    };
    let span = object.iter_spanned().find_map(|(_, _, span)| span);
    let entries = object.iter_spanned().map(|(key, value, own)| (key.clone(), value.clone(), own.or(span)));
    let entries: Vec<_> = entries.chain([(Key::new("json"), rendered, span)]).collect();
    match entries.iter().map(|(key, value, span)| span.map(|span| (key.clone(), value.clone(), span))).collect() {
        Some(spanned) => Value::Object(probity_model::value::Object::with_spans(spanned)),
        None => Value::Object(entries.into_iter().map(|(key, value, _)| (key, value)).collect()),
    }
}

/// Whether a text is a policy document of which the effects and actions are known, with placeholders for what is not.
pub(super) fn is_decided(text: &str) -> bool {
    let Ok(document) = json::read(text.as_bytes()) else { return false };
    let statements = match document.get("Statement") {
        Some(Value::Array(list)) => list.iter().collect(),
        Some(one @ Value::Object(_)) => vec![one],
        _ => return false,
    };
    let is_open = |value: &Value| json::write(value).contains("${");
    statements
        .iter()
        .all(|statement| ["Effect", "Action", "NotAction"].iter().all(|name| !statement.get(name).is_some_and(is_open)))
}

fn statement(statement: &Value) -> Value {
    let mut entries: Vec<(&str, Value)> =
        vec![("Effect", statement.get("effect").cloned().unwrap_or_else(|| "Allow".into()))];
    for (from, to) in [
        ("sid", "Sid"),
        ("actions", "Action"),
        ("not_actions", "NotAction"),
        ("resources", "Resource"),
        ("not_resources", "NotResource"),
    ] {
        if let Some(value) = statement.get(from) {
            entries.push((to, single(value)));
        }
    }
    for (from, to) in [("principals", "Principal"), ("not_principals", "NotPrincipal")] {
        if let Some(principals) = statement.get(from).and_then(Value::as_array) {
            entries.push((to, principal(principals)));
        }
    }
    if let Some(conditions) = statement.get("condition").and_then(Value::as_array) {
        entries.push(("Condition", condition(conditions)));
    }
    Value::object(entries)
}

/// A list of one is written as its element.
fn single(value: &Value) -> Value {
    match value {
        Value::Array(list) if list.len() == 1 => list.as_slice()[0].clone(),
        other => other.clone(),
    }
}

fn principal(principals: &probity_model::value::Array) -> Value {
    let everyone = |principal: &Value| {
        principal.get("type").and_then(Value::as_str) == Some("*")
            && principal.get("identifiers").map(single).as_ref().and_then(Value::as_str) == Some("*")
    };
    if principals.iter().any(everyone) {
        return "*".into();
    }
    let text = |value: Option<&Value>| value.and_then(Value::as_str).unwrap_or("AWS").to_owned();
    Value::object(
        principals.iter().map(|principal| {
            (text(principal.get("type")), principal.get("identifiers").map(single).unwrap_or_default())
        }),
    )
}

fn condition(conditions: &probity_model::value::Array) -> Value {
    let text = |value: Option<&Value>| value.and_then(Value::as_str).unwrap_or("?").to_owned();
    let mut tests: Vec<(String, Vec<(String, Value)>)> = Vec::new();
    for condition in conditions {
        let entry = (text(condition.get("variable")), condition.get("values").map(single).unwrap_or_default());
        let test = text(condition.get("test"));
        match tests.iter_mut().find(|(known, _)| *known == test) {
            Some((_, entries)) => entries.push(entry),
            None => tests.push((test, vec![entry])),
        }
    }
    Value::object(tests.into_iter().map(|(test, entries)| (test, Value::object(entries))))
}

fn has_unknown(value: &Value) -> bool {
    match value {
        Value::Unknown(_) => true,
        Value::Array(list) => list.iter().any(has_unknown),
        Value::Object(object) => object.iter().any(|(_, value)| has_unknown(value)),
        _ => false,
    }
}

/// The value with every unknown inside it written as a text that names what it waits for.
pub(super) fn with_placeholders(value: &Value) -> Value {
    match value {
        Value::Unknown(what) => format!("${{{what}}}").into(),
        Value::Array(list) => Value::array(list.iter().map(with_placeholders)),
        Value::Set(set) => Value::array(set.iter().map(with_placeholders)),
        Value::Object(object) => {
            Value::Object(object.iter().map(|(key, value)| (key.clone(), with_placeholders(value))).collect())
        }
        other => other.clone(),
    }
}
