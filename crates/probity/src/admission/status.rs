//! What became of the policies of each `PolicyBundle`, told in its status.

use jiff::Timestamp;
use probity_cluster::{Cache, Connection, apply_status};
use probity_model::{Value, json};

/// The condition that says whether all policies of a bundle are in force.
const READY: &str = "Ready";

/// Longest message, in characters, as for any condition of Kubernetes.
const LONGEST: usize = 32_768;

/// Tells in the status of each bundle whether its policies are in force, and what is wrong with those that are left out.
pub(super) async fn tell(connection: &Connection, cluster: &Cache, problems: &[String]) {
    let bundles = cluster.kinds("PolicyBundle").into_iter().flat_map(|kind| cluster.objects(&kind));
    for bundle in bundles {
        let Some(status) = changed_status(&bundle, problems, Timestamp::now()) else { continue };
        let metadata = Value::object([("name", name(&bundle).into())]);
        let document = Value::object([
            ("apiVersion", bundle.get("apiVersion").cloned().unwrap_or_default()),
            ("kind", bundle.get("kind").cloned().unwrap_or_default()),
            ("metadata", metadata),
            ("status", status),
        ]);
        if let Err(error) = apply_status(connection, "policybundles", &document).await {
            eprintln!("probity: the status of a bundle is not written: {error}");
        }
    }
}

fn name(bundle: &Value) -> &str {
    bundle.at(&["metadata", "name"]).and_then(Value::as_str).unwrap_or_default()
}

/// The status of a bundle, when it is another than before.
fn changed_status(bundle: &Value, problems: &[String], now: Timestamp) -> Option<Value> {
    let before = bundle.at(&["status", "conditions"]).and_then(Value::as_array);
    let before = before.and_then(|all| all.iter().find(|one| text(one, "type") == READY));
    let generation = bundle.at(&["metadata", "generation"]).cloned().unwrap_or_default();
    let own = format!("PolicyBundle/{}/", name(bundle));
    let wrong: Vec<&str> = problems.iter().filter_map(|problem| problem.strip_prefix(&own)).collect();
    let (status, reason) = if wrong.is_empty() { ("True", "InForce") } else { ("False", "Invalid") };
    let message = if wrong.is_empty() { "all of its policies are in force".to_owned() } else { wrong.join("\n") };
    let message: String = message.chars().take(LONGEST).collect();
    let says = |condition: &Value| {
        text(condition, "status") == status
            && text(condition, "message") == message
            && condition.get("observedGeneration") == Some(&generation)
    };
    if before.is_some_and(says) {
        return None;
    }
    let since =
        before.filter(|condition| text(condition, "status") == status).map(|one| text(one, "lastTransitionTime"));
    let since = since.map_or_else(|| format!("{now:.0}"), str::to_owned);
    let condition = Value::object([
        ("type", Value::from(READY)),
        ("status", status.into()),
        ("reason", reason.into()),
        ("message", message.into()),
        ("lastTransitionTime", since.into()),
        ("observedGeneration", generation.clone()),
    ]);
    Some(Value::object([("observedGeneration", generation), ("conditions", Value::array([condition]))]))
}

fn text<'v>(value: &'v Value, field: &str) -> &'v str {
    value.get(field).and_then(Value::as_str).unwrap_or_default()
}

/// Whether nothing that a policy says has changed: its status has, or what the server keeps of it.
pub(super) fn says_the_same(old: &Value, new: &Value) -> bool {
    let own = |object: &Value| {
        let fields = object.as_object().into_iter().flat_map(probity_model::value::Object::iter);
        let mut said: Vec<String> = fields
            .filter(|(key, _)| !["metadata", "status"].contains(&key.as_str()))
            .map(|(key, value)| format!("{key}={}", json::write(value)))
            .collect();
        for field in ["labels", "annotations"] {
            said.extend(object.at(&["metadata", field]).map(|value| format!("{field}={}", json::write(value))));
        }
        said
    };
    own(old) == own(new)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bundle(generation: i64) -> Value {
        Value::object([
            ("metadata", Value::object([("name", Value::from("clinic")), ("generation", generation.into())])),
            ("spec", Value::from("policies")),
        ])
    }

    fn with_status(bundle: &Value, status: Value) -> Value {
        let fields = bundle.as_object().into_iter().flat_map(probity_model::value::Object::iter);
        let fields = fields.map(|(key, value)| (key.as_str().to_owned(), value.clone()));
        Value::object(fields.chain([("status".to_owned(), status)]))
    }

    #[test]
    fn a_status_is_written_when_it_says_something_else() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let condition = |status: &Value| {
            let one = status.get("conditions").unwrap().as_array().unwrap().iter().next().unwrap();
            ["status", "message", "lastTransitionTime"].map(|field| text(one, field).to_owned())
        };
        let first = changed_status(&bundle(1), &[], at(0)).unwrap();
        assert_eq!(condition(&first), ["True", "all of its policies are in force", "1970-01-01T00:00:00Z"]);
        let known = with_status(&bundle(1), first.clone());
        assert_eq!(changed_status(&known, &["PolicyBundle/clinic-2/a.rego:1:1: no".to_owned()], at(5)), None);
        assert!(says_the_same(&bundle(1), &known) && says_the_same(&known, &bundle(2)));
        // Another generation is told, and does not change since when it is so.
        let next = changed_status(&with_status(&bundle(2), first), &[], at(5)).unwrap();
        assert_eq!(condition(&next)[2], "1970-01-01T00:00:00Z");
        let wrong = changed_status(&known, &["PolicyBundle/clinic/a.rego:1:1: no".to_owned()], at(5)).unwrap();
        assert_eq!(condition(&wrong), ["False", "a.rego:1:1: no", "1970-01-01T00:00:05Z"]);
    }
}
