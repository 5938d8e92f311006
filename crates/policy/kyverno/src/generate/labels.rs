//! The labels by which Kyverno finds again what it made, and of what.

use probity_model::value::Object;
use probity_model::{Key, Value};

use crate::object::{self, with_entry};
use crate::policy::Policy;

const PREFIX: &str = "generate.kyverno.io/";

/// The object with labels added.
fn labelled(made: &Value, labels: &[(String, &str)]) -> Value {
    let empty = Object::default();
    let own = object::labels(made).unwrap_or(&empty).iter().map(|(key, value)| (key.clone(), value.clone()));
    let new = labels.iter().map(|(key, value)| (Key::new(key), Value::from(*value)));
    with_metadata(made, "labels", Some(Value::Object(own.chain(new).collect())))
}

/// The object with a field of its metadata replaced, or taken away.
pub(super) fn with_metadata(made: &Value, field: &str, value: Option<Value>) -> Value {
    let empty = Object::default();
    let fields = made.as_object().unwrap_or(&empty);
    let metadata = fields.get("metadata").and_then(Value::as_object).unwrap_or(&empty);
    let others = metadata.iter().filter(|(key, _)| key.as_str() != field);
    let others = others.map(|(key, value)| (key.clone(), value.clone()));
    let metadata: Object = others.chain(value.map(|value| (Key::new(field), value))).collect();
    Value::Object(with_entry(fields, "metadata", Value::Object(metadata)))
}

fn named(name: &str) -> String {
    format!("{PREFIX}{name}")
}

/// The labels of what a rule made for a trigger.
pub(super) fn managed(made: &Value, trigger: &Value, policy: &Policy, rule: &str) -> Value {
    let gvk = object::gvk(trigger);
    let labels = [
        ("app.kubernetes.io/managed-by".to_owned(), "kyverno"),
        (named("policy-name"), policy.name.as_str()),
        (named("policy-namespace"), policy.namespace.as_str()),
        (named("rule-name"), rule),
        (named("trigger-version"), gvk.version.as_str()),
        (named("trigger-group"), gvk.group.as_str()),
        (named("trigger-kind"), gvk.kind.as_str()),
        (named("trigger-namespace"), object::namespace(trigger)),
        (named("trigger-uid"), object::metadata(trigger, "uid")),
    ];
    labelled(made, &labels)
}

/// The labels of what was cloned.
pub(super) fn cloned(made: &Value, source: &Value) -> Value {
    let gvk = object::gvk(source);
    let labels = [
        (named("clone-source"), ""),
        (named("source-group"), gvk.group.as_str()),
        (named("source-version"), gvk.version.as_str()),
        (named("source-kind"), gvk.kind.as_str()),
        (named("source-namespace"), object::namespace(source)),
        (named("source-uid"), object::metadata(source, "uid")),
    ];
    labelled(made, &labels)
}
