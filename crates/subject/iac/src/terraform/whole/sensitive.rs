//! What a plan calls sensitive, wherever it says so: `sensitive_values` beside `values`, `after_sensitive` beside `after`,
//! `sensitive` of variables and outputs; and the constants of the configuration that become such values.

use std::collections::{BTreeMap, BTreeSet};

use probity_model::value::Object;
use probity_model::{Value, json};

/// Entries, and those beside them that say what of them is sensitive.
const BESIDE: &[(&str, &str)] = &[
    ("values", "sensitive_values"),
    ("before", "before_sensitive"),
    ("after", "after_sensitive"),
    ("config_values", "config_sensitive"),
];

/// The names of sensitive attributes, by the addresses of resources without the keys of instances.
type Attributes = BTreeMap<String, BTreeSet<String>>;

/// The shape of a plan, with `true` where it has what it calls sensitive; `None` when it has nothing of that kind.
pub(super) fn marks(plan: &Value) -> Option<Value> {
    let said = said(plan, 0);
    let mut attributes = Attributes::new();
    collect(plan, &mut attributes, 0);
    let configured = plan.at(&["configuration", "root_module"]).and_then(|root| in_module(root, "", &attributes, 0));
    let configured = configured.map(|root| within(&["configuration", "root_module"], root));
    [configured, given(plan)].into_iter().fold(said, both)
}

/// What the plan says beside the values.
fn said(value: &Value, depth: usize) -> Option<Value> {
    if depth > json::MAX_DEPTH {
        return None;
    }
    match value {
        Value::Object(object) => {
            let is_sensitive = object.get("sensitive").and_then(Value::as_bool) == Some(true);
            marked(object, |key, inner| match key {
                "value" | "default" if is_sensitive => Some(true.into()),
                "expression" if is_sensitive => constants(inner, 0),
                _ => beside(key, object).or_else(|| said(inner, depth + 1)),
            })
        }
        Value::Array(list) => elements(list.iter().map(|element| said(element, depth + 1)).collect()),
        _ => None,
    }
}

fn beside(key: &str, object: &Object) -> Option<Value> {
    let (_, name) = BESIDE.iter().find(|(values, _)| *values == key)?;
    object.get(name).filter(|marks| has_mark(marks, 0)).cloned()
}

fn has_mark(marks: &Value, depth: usize) -> bool {
    depth <= json::MAX_DEPTH
        && match marks {
            Value::Bool(mark) => *mark,
            Value::Object(object) => object.iter().any(|(_, inner)| has_mark(inner, depth + 1)),
            Value::Array(list) => list.iter().any(|inner| has_mark(inner, depth + 1)),
            _ => false,
        }
}

/// The values that sensitive variables of the root module are given.
fn given(plan: &Value) -> Option<Value> {
    let declared = plan.at(&["configuration", "root_module", "variables"])?.as_object()?;
    let given = plan.get("variables")?.as_object()?;
    let marks = marked(given, |name, _| is_sensitive(declared.get(name)?).then(|| within(&["value"], true.into())))?;
    Some(within(&["variables"], marks))
}

fn is_sensitive(declared: &Value) -> bool {
    declared.get("sensitive").and_then(Value::as_bool) == Some(true)
}

/// Which attributes of resources have something sensitive in them.
fn collect(value: &Value, attributes: &mut Attributes, depth: usize) {
    if depth > json::MAX_DEPTH {
        return;
    }
    match value {
        Value::Object(object) => {
            if let Some(address) = object.get("address").and_then(Value::as_str) {
                let change = object.get("change");
                let after = change.and_then(|change| change.get("after_sensitive"));
                let marks = [object.get("sensitive_values"), after];
                let names = marks.into_iter().flatten().filter_map(Value::as_object).flat_map(Object::iter);
                let names = names.filter(|(_, mark)| has_mark(mark, 0)).map(|(name, _)| name.as_str().to_owned());
                let mut names = names.peekable();
                if names.peek().is_some() {
                    attributes.entry(super::super::plan::without_keys(address)).or_default().extend(names);
                }
            }
            object.iter().for_each(|(_, inner)| collect(inner, attributes, depth + 1));
        }
        Value::Array(list) => list.iter().for_each(|inner| collect(inner, attributes, depth + 1)),
        _ => {}
    }
}

/// The constants of a module that sensitive attributes and variables of modules are given.
fn in_module(module: &Value, prefix: &str, attributes: &Attributes, depth: usize) -> Option<Value> {
    if depth > json::MAX_DEPTH {
        return None;
    }
    let resource = |resource: &Value| {
        let names = attributes.get(&format!("{prefix}{}", resource.get("address")?.as_str()?))?;
        let marks = marked(resource.get("expressions")?.as_object()?, |name, inner| {
            names.contains(name).then(|| constants(inner, 0)).flatten()
        })?;
        Some(within(&["expressions"], marks))
    };
    let resources = module.get("resources").and_then(Value::as_array);
    let resources = resources.and_then(|resources| elements(resources.iter().map(resource).collect()));
    let call = |name: &str, call: &Value| {
        let child = call.get("module")?;
        let inner = in_module(child, &format!("{prefix}module.{name}."), attributes, depth + 1);
        let given = call.get("expressions").and_then(Value::as_object).and_then(|given| {
            marked(given, |name, inner| {
                is_sensitive(child.at(&["variables", name])?).then(|| constants(inner, 0)).flatten()
            })
        });
        let inner = inner.map(|inner| within(&["module"], inner));
        both(inner, given.map(|given| within(&["expressions"], given)))
    };
    let calls = module.get("module_calls").and_then(Value::as_object).and_then(|calls| marked(calls, call));
    both(
        resources.map(|resources| within(&["resources"], resources)),
        calls.map(|calls| within(&["module_calls"], calls)),
    )
}

/// What is written as it is in an expression of the configuration.
fn constants(expression: &Value, depth: usize) -> Option<Value> {
    if depth > json::MAX_DEPTH {
        return None;
    }
    match expression {
        Value::Object(object) => marked(object, |key, inner| match key {
            "constant_value" => Some(true.into()),
            _ => constants(inner, depth + 1),
        }),
        Value::Array(list) => elements(list.iter().map(|inner| constants(inner, depth + 1)).collect()),
        _ => None,
    }
}

/// The entries of which something is marked.
fn marked(object: &Object, mut mark: impl FnMut(&str, &Value) -> Option<Value>) -> Option<Value> {
    let entries: Object =
        object.iter().filter_map(|(key, inner)| Some((key.clone(), mark(key.as_str(), inner)?))).collect();
    (!entries.is_empty()).then_some(Value::Object(entries))
}

/// The elements up to the last of which something is marked.
pub(super) fn elements(mut marks: Vec<Option<Value>>) -> Option<Value> {
    let length = marks.iter().rposition(Option::is_some)? + 1;
    marks.truncate(length);
    Some(Value::array(marks.into_iter().map(|mark| mark.unwrap_or(false.into()))))
}

fn within(keys: &[&str], marks: Value) -> Value {
    keys.iter().rev().fold(marks, |inner, key| Value::object([(*key, inner)]))
}

/// What either of two marks.
pub(super) fn both(one: Option<Value>, other: Option<Value>) -> Option<Value> {
    match (one, other) {
        (Some(one), Some(other)) => Some(joined(&one, &other)),
        (one, other) => one.or(other),
    }
}

fn joined(one: &Value, other: &Value) -> Value {
    match (one, other) {
        (Value::Bool(true), _) | (_, Value::Bool(true)) => true.into(),
        (Value::Object(a), Value::Object(b)) => {
            let common = a.iter().map(|(key, mark)| match b.get_key(key) {
                Some(other) => (key.clone(), joined(mark, other)),
                None => (key.clone(), mark.clone()),
            });
            let others = b.iter().filter(|(key, _)| a.get_key(key).is_none());
            Value::Object(common.chain(others.map(|(key, mark)| (key.clone(), mark.clone()))).collect())
        }
        (Value::Array(a), Value::Array(b)) => {
            let no = Value::Bool(false);
            let at = |list: &probity_model::value::Array, index| list.get(index).cloned().unwrap_or(no.clone());
            Value::array((0..a.len().max(b.len())).map(|index| joined(&at(a, index), &at(b, index))))
        }
        (Value::Object(_) | Value::Array(_), _) => one.clone(),
        _ => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(plan: &str) -> String {
        marks(&json::read(plan.as_bytes()).unwrap()).as_ref().map(json::write).unwrap_or_default()
    }

    #[test]
    fn what_is_called_sensitive_is_marked_wherever_it_stands() {
        for (plan, expected) in [
            (
                r#"{"planned_values":{"root_module":{"child_modules":[{"resources":[{"values":{"a":1}},
                   {"values":{"p":"s","q":1},"sensitive_values":{"p":true,"l":[]}},{"values":{},"sensitive_values":{}}]}]}}}"#,
                r#"{"planned_values":{"root_module":{"child_modules":[{"resources":[false,{"values":{"l":[],"p":true}}]}]}}}"#,
            ),
            (
                r#"{"resource_changes":[{"change":{"before":{"p":"s"},"after":{"p":"t"},"before_sensitive":{"p":true},
                   "after_sensitive":true}}],"resource_drift":[{"change":{"after":["s"],"after_sensitive":[true]}}]}"#,
                r#"{"resource_changes":[{"change":{"after":true,"before":{"p":true}}}],"resource_drift":[{"change":{"after":[true]}}]}"#,
            ),
            (
                r#"{"output_changes":{"o":{"before":null,"after":"s","before_sensitive":false,"after_sensitive":true}},
                   "planned_values":{"outputs":{"o":{"sensitive":true,"value":{"x":"s"}},"p":{"sensitive":false,"value":"t"}}}}"#,
                r#"{"output_changes":{"o":{"after":true}},"planned_values":{"outputs":{"o":{"value":true}}}}"#,
            ),
            (
                r#"{"prior_state":{"values":{"root_module":{"resources":[{"values":{"p":"s"},"sensitive_values":{"p":true}}]}}}}"#,
                r#"{"prior_state":{"values":{"root_module":{"resources":[{"values":{"p":true}}]}}}}"#,
            ),
            (
                r#"{"variables":{"a":{"value":"s"},"b":{"value":"t"}},"configuration":{"root_module":{"variables":{
                   "a":{"default":"d","sensitive":true},"b":{"default":"e"}},
                   "outputs":{"o":{"sensitive":true,"expression":{"constant_value":"s"}}}}}}"#,
                r#"{"configuration":{"root_module":{"outputs":{"o":{"expression":{"constant_value":true}}},"variables":{"a":{"default":true}}}},"variables":{"a":{"value":true}}}"#,
            ),
            (
                r#"{"resource_changes":[{"address":"module.m[\"k\"].t.r[0]","change":{"after":{"p":"s"},"after_sensitive":{"p":true}}}],
                   "configuration":{"root_module":{"module_calls":{"m":{"expressions":{"v":{"constant_value":"s"},"w":{"constant_value":"t"}},
                   "module":{"variables":{"v":{"sensitive":true},"w":{}},"resources":[{"address":"t.r","expressions":{
                   "p":{"constant_value":"s"},"q":{"constant_value":"t"}}}]}}}}}}"#,
                r#"{"configuration":{"root_module":{"module_calls":{"m":{"expressions":{"v":{"constant_value":true}},"module":{"resources":[{"expressions":{"p":{"constant_value":true}}}]}}}}},"resource_changes":[{"change":{"after":{"p":true}}}]}"#,
            ),
            (r#"{"planned_values":{"root_module":{"resources":[{"values":{"a":1},"sensitive_values":{}}]}}}"#, ""),
        ] {
            assert_eq!(of(plan), expected, "{plan}");
        }
    }
}
