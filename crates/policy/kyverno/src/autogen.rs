//! Rules on pods, made into rules on what makes pods (Kyverno, `pkg/autogen/v1`).
//!
//! A rule that matches `Pod` is also meant for the pods that a `Deployment` or a `CronJob` will make. It is generated as a
//! document: its kinds are replaced, its pattern is put where the pod's template stands, and what its expressions say
//! of `request.object.spec` is said of the template's.

use std::sync::Arc;

use probity_model::value::Object;
use probity_model::{Key, SmolStr, Value};

use crate::object::{self, with_entry};
use crate::rule::{Body, Rule};

/// The annotation that says for which kinds rules are generated.
const ANNOTATION: &str = "pod-policies.kyverno.io/autogen-controllers";

const CRON_JOB: &str = "CronJob";

/// What makes pods, with its group and version.
const CONTROLLERS: &[(&str, &str)] = &[
    ("CronJob", "batch/v1/CronJob"),
    ("DaemonSet", "apps/v1/DaemonSet"),
    ("Deployment", "apps/v1/Deployment"),
    ("Job", "batch/v1/Job"),
    ("ReplicaSet", "apps/v1/ReplicaSet"),
    ("ReplicationController", "v1/ReplicationController"),
    ("StatefulSet", "apps/v1/StatefulSet"),
];

/// Longest name of a rule.
const MAX_NAME: usize = 63;

/// For which kinds rules are generated.
#[derive(Debug, Clone, Default)]
pub(crate) struct Autogen {
    /// The kinds, in order.
    pub(crate) controllers: Vec<SmolStr>,
}

/// The kind that a selector of kinds names, without group, version and subresource.
fn kind_of(selector: &str) -> &str {
    let is_version = |text: &str| text == "*" || text.starts_with('v') && text[1..].starts_with(char::is_numeric);
    let parts: Vec<&str> = selector.split('/').collect();
    let kind = match parts.as_slice() {
        [kind] => kind,
        [first, second] => {
            if is_version(first) {
                second
            } else {
                first
            }
        }
        [first, second, third] => {
            if is_version(first) {
                second
            } else {
                third
            }
        }
        [_, _, third, _] => third,
        _ => return "",
    };
    kind.split('.').next().unwrap_or_default()
}

fn kinds(resources: Option<&Value>) -> Vec<&str> {
    let list = resources.and_then(|resources| resources.get("kinds")).and_then(Value::as_array);
    list.map(|list| list.iter().filter_map(Value::as_str).collect()).unwrap_or_default()
}

/// The blocks of `match` or `exclude`, as what they say of resources.
fn blocks(matching: &Value) -> Vec<Option<&Value>> {
    let lists = ["any", "all"].into_iter().filter_map(|name| matching.get(name)?.as_array());
    let filters = lists.flat_map(|list| list.iter()).map(|filter| filter.get("resources"));
    std::iter::once(matching.get("resources")).chain(filters).collect()
}

fn is_given(resources: &Value, field: &str) -> bool {
    match resources.get(field) {
        None | Some(Value::Null) => false,
        Some(Value::String(text)) => !text.is_empty(),
        Some(Value::Array(array)) => !array.is_empty(),
        Some(_) => true,
    }
}

/// Whether what a block says can be said of other kinds as well.
fn is_general(resources: Option<&Value>) -> bool {
    let Some(resources) = resources else { return true };
    let is_special = ["name", "names", "selector", "annotations"].iter().any(|field| is_given(resources, field));
    let kinds = kinds(Some(resources));
    !is_special && (kinds.len() <= 1 || kinds.iter().all(|kind| kind_of(kind) != "Pod"))
}

/// Whether rules can be generated of a rule, as far as what it does goes.
fn is_possible(rule: &Rule) -> bool {
    match &rule.body {
        Body::Generate(_) => false,
        Body::Mutate(mutation) => !mutation.has_json_patch(),
        Body::Validate(_) | Body::VerifyImages(_) => true,
    }
}

impl Autogen {
    /// What is generated for a policy.
    pub(crate) fn of(policy: &Value, rules: &[Arc<Rule>]) -> Self {
        let mut is_needed = false;
        for rule in rules {
            let parts = ["match", "exclude"].into_iter().filter_map(|name| rule.source.value.get(name));
            let blocks: Vec<_> = parts.flat_map(blocks).collect();
            if !is_possible(rule) || !blocks.iter().all(|block| is_general(*block)) {
                return Self::default();
            }
            let is_pod_or_controller =
                |kind: &&str| *kind == "Pod" || CONTROLLERS.iter().any(|(controller, _)| controller == kind);
            is_needed |= blocks.iter().any(|block| kinds(*block).iter().any(is_pod_or_controller));
        }
        if !is_needed {
            return Self::default();
        }
        let all = CONTROLLERS.iter().map(|(controller, _)| *controller);
        let wanted = object::annotation(policy, ANNOTATION);
        let is_wanted =
            |controller: &&str| wanted.is_none_or(|wanted| wanted.split(',').any(|word| word == *controller));
        Self { controllers: all.filter(is_wanted).map(SmolStr::from).collect() }
    }

    /// The rules that are generated, each with the position of the rule it is made from.
    pub(crate) fn generate(&self, rules: &[Arc<Rule>]) -> Vec<(usize, Value)> {
        let (cron, others): (Vec<&SmolStr>, Vec<&SmolStr>) =
            self.controllers.iter().partition(|controller| *controller == CRON_JOB);
        let mut all = Vec::new();
        for (index, rule) in rules.iter().enumerate() {
            if rule.name.starts_with("autogen-") || !is_on_pods(rule) {
                continue;
            }
            if !others.is_empty()
                && let Some(value) = wrapped(&rule.source.value, "autogen", "template", "spec/template", &others, false)
            {
                all.push((index, rewritten(&value, "spec.template.", is_cel(rule))));
            }
            if !cron.is_empty() {
                let inner = wrapped(&rule.source.value, "autogen", "template", "spec/template", &cron, false);
                let place = ("jobTemplate", "spec/jobTemplate/spec/template");
                let outer = inner.and_then(|inner| wrapped(&inner, "autogen-cronjob", place.0, place.1, &cron, true));
                all.extend(outer.map(|value| {
                    let value = named(&value, "autogen-cronjob", &rule.name);
                    (index, rewritten(&value, "spec.jobTemplate.spec.template.", is_cel(rule)))
                }));
            }
        }
        all
    }
}

fn is_cel(rule: &Rule) -> bool {
    rule.validate().is_some_and(|validate| matches!(validate.check, crate::rule::Check::Cel(_)))
}

/// Whether a rule matches pods, and excludes no other kinds.
fn is_on_pods(rule: &Rule) -> bool {
    let named = |name: &str| -> Vec<&str> {
        let matching = rule.source.value.get(name);
        matching.map(|matching| blocks(matching).into_iter().flat_map(kinds).collect()).unwrap_or_default()
    };
    let has_pod = |kinds: &[&str]| kinds.iter().any(|kind| kind_of(kind) == "Pod");
    let excluded = named("exclude");
    has_pod(&named("match")) && (excluded.is_empty() || has_pod(&excluded))
}

fn named(rule: &Value, prefix: &str, name: &str) -> Value {
    let mut name = format!("{prefix}-{name}");
    name.truncate((0..=MAX_NAME.min(name.len())).rev().find(|at| name.is_char_boundary(*at)).unwrap_or(0));
    put(rule, "name", name.into())
}

fn put(value: &Value, field: &str, new: Value) -> Value {
    let empty = Object::default();
    Value::Object(with_entry(value.as_object().unwrap_or(&empty), field, new))
}

/// The rule for other kinds, what it says of a pod put under `spec.<place>`; `None` when no such rule can be made.
fn wrapped(
    rule: &Value,
    prefix: &str,
    place: &str,
    shift: &str,
    controllers: &[&SmolStr],
    replaces_all: bool,
) -> Option<Value> {
    let controller_kinds = Value::array(controllers.iter().map(|controller| {
        let known = CONTROLLERS.iter().find(|(name, _)| *name == controller.as_str());
        Value::from(known.map_or(controller.as_str(), |(_, full)| full))
    }));
    let name = object::text(rule, "name").to_owned();
    let mut made = named(rule, prefix, &name);
    for part in ["match", "exclude"] {
        if let Some(matching) = rule.get(part) {
            made = put(&made, part, for_kinds(matching, &controller_kinds, part == "match", replaces_all));
        }
    }
    for dropped in ["imageExtractors", "generate"] {
        let others = made.as_object()?.iter().filter(|(key, _)| key.as_str() != dropped);
        made = Value::Object(others.map(|(key, value)| (key.clone(), value.clone())).collect());
    }
    if let Some(mutation) = rule.get("mutate") {
        return Some(put(&made, "mutate", wrapped_mutation(mutation, place)?));
    }
    if let Some(validation) = rule.get("validate") {
        return Some(put(&made, "validate", wrapped_validation(validation, place, shift)?));
    }
    rule.get("verifyImages").map(|_| made)
}

/// What is matched, for other kinds.
fn for_kinds(matching: &Value, kinds: &Value, is_match: bool, replaces_all: bool) -> Value {
    let with_kinds = |filter: &Value| {
        let resources = filter.get("resources").cloned().unwrap_or_else(|| Value::object::<&str>([]));
        put(filter, "resources", put(&resources, "kinds", kinds.clone()))
    };
    for list in ["any", "all"] {
        let Some(filters) = matching.get(list).and_then(Value::as_array).filter(|filters| !filters.is_empty()) else {
            continue;
        };
        let filters = filters.iter().map(|filter| {
            let is_on_pods = self::kinds(filter.get("resources")).iter().any(|kind| kind_of(kind) == "Pod");
            if is_on_pods || replaces_all { with_kinds(filter) } else { filter.clone() }
        });
        return put(matching, list, Value::array(filters));
    }
    if is_match || !self::kinds(matching.get("resources")).is_empty() { with_kinds(matching) } else { matching.clone() }
}

fn under(place: &str, value: &Value) -> Value {
    Value::object([("spec", Value::object([(place, value.clone())]))])
}

fn kept(value: &Value, fields: &[&str]) -> Vec<(Key, Value)> {
    let kept = fields.iter().filter_map(|field| Some((Key::new(field), value.get(field)?.clone())));
    kept.collect()
}

fn wrapped_mutation(mutation: &Value, place: &str) -> Option<Value> {
    if let Some(patch) = mutation.get("patchStrategicMerge") {
        return Some(Value::object([("patchStrategicMerge", under(place, patch))]));
    }
    let loops = mutation.get("foreach")?.as_array()?;
    let loops = loops.iter().map(|each| {
        let mut entries = kept(each, &["list", "context", "preconditions"]);
        let patch = each.get("patchStrategicMerge").cloned().unwrap_or_default();
        entries.push((Key::new("patchStrategicMerge"), under(place, &patch)));
        Value::Object(entries.into_iter().collect())
    });
    Some(Value::object([("foreach", Value::array(loops))]))
}

fn wrapped_validation(validation: &Value, place: &str, shift: &str) -> Option<Value> {
    let mut entries = kept(validation, &["failureAction", "failureActionOverrides", "allowExistingViolations"]);
    let is_there = |field: &str| validation.get(field).filter(|value| !value.is_null());
    let message = |pivot: &str| {
        let text = validation.get("message").and_then(Value::as_str)?;
        Some((Key::new("message"), Value::from(shifted(text, shift, pivot))))
    };
    let (field, value, pivot) = if let Some(pattern) = is_there("pattern") {
        ("pattern", under(place, pattern), "pattern")
    } else if let Some(deny) = is_there("deny") {
        ("deny", deny.clone(), "deny")
    } else if let Some(standard) = is_there("podSecurity") {
        ("podSecurity", standard.clone(), "podSecurity")
    } else if let Some(patterns) = is_there("anyPattern") {
        let patterns = patterns.as_array()?.iter().map(|pattern| under(place, pattern));
        ("anyPattern", Value::array(patterns), "anyPattern")
    } else if let Some(loops) = is_there("foreach") {
        ("foreach", loops.clone(), "pattern")
    } else {
        return is_there("cel").map(|_| validation.clone());
    };
    entries.extend(message(pivot));
    entries.push((Key::new(field), value));
    Some(Value::Object(entries.into_iter().collect()))
}

/// References in a message, shifted with what they refer to.
fn shifted(message: &str, shift: &str, pivot: &str) -> String {
    if !message.contains("$(") {
        return message.to_owned();
    }
    let mut out = String::with_capacity(message.len());
    for (index, part) in message.split("$(").enumerate() {
        if index == 0 {
            out.push_str(part);
            continue;
        }
        let (reference, rest) = part.split_at(part.find(')').unwrap_or(part.len()));
        out.push_str("$(");
        out.push_str(&reference.replace(pivot, &format!("{pivot}/{shift}")));
        out.push_str(rest);
    }
    out
}

/// What expressions say of the pod, said of the template.
fn rewritten(value: &Value, template: &str, is_cel: bool) -> Value {
    let objects: &[&str] = if is_cel { &["object", "oldObject"] } else { &["request.object", "request.oldObject"] };
    let text = |text: &str| {
        let mut text = text.to_owned();
        for part in ["spec", "metadata"] {
            for object in objects {
                text = text.replace(&format!("{object}.{part}"), &format!("{object}.{template}{part}"));
            }
        }
        text
    };
    rewrite(value, &text)
}

fn rewrite(value: &Value, text: &impl Fn(&str) -> String) -> Value {
    match value {
        Value::String(own) if own.contains("bject.") => text(own).into(),
        Value::Array(array) => Value::array(array.iter().map(|element| rewrite(element, text))),
        Value::Object(object) => {
            let entries = object.iter().map(|(key, value)| {
                let key = if key.as_str().contains("bject.") { Key::new(&text(key.as_str())) } else { key.clone() };
                (key, rewrite(value, text))
            });
            Value::Object(entries.collect())
        }
        other => other.clone(),
    }
}
