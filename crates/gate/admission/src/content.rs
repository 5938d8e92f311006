//! What counts of an object when it is compared with what was let in.

use probity_crypto::Sha256;
use probity_model::value::Object;
use probity_model::{Value, json};

/// The fields of `metadata` that whoever writes an object says; the others are the server's.
const METADATA: [&str; 6] = ["annotations", "finalizers", "labels", "name", "namespace", "ownerReferences"];

/// Annotations that controllers write with the status (`deployment.kubernetes.io/revision`), and what kubectl repeats of the
/// object.
const ANNOTATIONS: [&str; 2] =
    ["deployment.kubernetes.io/revision", "kubectl.kubernetes.io/last-applied-configuration"];

/// Fields of `spec` that the server takes by another way than with the object: `scale` the first, `binding` of a Pod the
/// second.
const SPEC: [&str; 2] = ["replicas", "nodeName"];

/// The content of an object: without its status, without what the server keeps in it for itself or takes by other ways
/// (the number of replicas, the node of a Pod), and without the values of a Secret.
pub fn content(object: &Value) -> Value {
    let kind = object.get("kind").and_then(Value::as_str).unwrap_or_default();
    let is_secret = kind == "Secret";
    // The server gives a Job that has no labels those of its Pods when it is read, and makes some of them after it was decoded.
    let labels = object.at(&["spec", "template", "metadata", "labels"]).filter(|_| kind == "Job");
    kept(object, |key, value| match key {
        "status" => None,
        "metadata" => Some(kept(value, |key, value| match key {
            "annotations" => present(kept(value, |key, value| (!ANNOTATIONS.contains(&key)).then(|| value.clone()))),
            "labels" if labels == Some(value) => None,
            _ if METADATA.contains(&key) => present(said(value)),
            _ => None,
        })),
        "spec" => Some(kept(value, |key, value| (!SPEC.contains(&key)).then(|| said(value)))),
        "data" | "stringData" if is_secret => Some(kept(value, |_, _| Some(Value::Bool(true)))),
        _ => Some(said(value)),
    })
}

/// A value that says something: a map or list with something in it.
fn present(value: Value) -> Option<Value> {
    let is_empty = match &value {
        Value::Object(object) => object.is_empty(),
        Value::Array(array) => array.is_empty(),
        _ => false,
    };
    (!is_empty).then_some(value)
}

/// The digest of the [`content`] of an object, as `sha256:` and hexadecimal digits. It is the same for the object of a
/// review of the version that is watched and for the object that is then watched.
pub fn content_digest(object: &Value) -> String {
    // Keys are in order, and numbers as they were written.
    let digest = Sha256::digest(json::write(&content(object)));
    let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
}

/// The fields of an object that are kept, without those that say nothing.
fn kept(value: &Value, keep: impl Fn(&str, &Value) -> Option<Value>) -> Value {
    let Some(object) = value.as_object() else { return said(value) };
    let fields = object.iter().filter(|(_, value)| !value.is_null());
    Value::Object(fields.filter_map(|(key, value)| Some((key.clone(), keep(key.as_str(), value)?))).collect::<Object>())
}

/// A value without fields that are null, which servers write or leave out.
fn said(value: &Value) -> Value {
    match value {
        Value::Object(_) => kept(value, |_, value| Some(said(value))),
        Value::Array(array) => Value::array(array.iter().map(said)),
        other => other.clone(),
    }
}

/// The paths at which two contents differ, `spec.template.spec.containers` for what is in a list, so many at most. An object that
/// only one of them has is one path.
pub fn differing(before: &Value, after: &Value, most: usize) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    differ(before, after, &mut Vec::new(), most, &mut found);
    found
}

fn differ(before: &Value, after: &Value, path: &mut Vec<String>, most: usize, found: &mut Vec<Vec<String>>) {
    if before == after || found.len() >= most {
        return;
    }
    let (Some(old), Some(new)) = (before.as_object(), after.as_object()) else {
        found.push(path.clone());
        return;
    };
    let gone = old.iter().filter(|(key, _)| new.get_key(key).is_none());
    let mut keys: Vec<_> = new.iter().chain(gone).map(|(key, _)| key).collect();
    keys.sort();
    for key in keys {
        path.push(key.as_str().to_owned());
        match (old.get_key(key), new.get_key(key)) {
            (Some(before), Some(after)) => differ(before, after, path, most, found),
            _ if found.len() < most => found.push(path.clone()),
            _ => {}
        }
        path.pop();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::testing;

    fn read(text: &str) -> Value {
        json::read(text.as_bytes()).unwrap()
    }

    #[test]
    fn what_the_server_keeps_for_itself_does_not_count() {
        let let_in = read(
            r#"{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web", "namespace": "shop", "creationTimestamp": null,
                "managedFields": [{"manager": "kubectl"}], "annotations": {"a": "b"}}, "spec": {"containers": []}, "status": {}}"#,
        );
        let watched = read(
            r#"{"kind": "Pod", "apiVersion": "v1", "spec": {"nodeName": "n1", "containers": []}, "status": {"phase": "Running"},
                "metadata": {"namespace": "shop", "name": "web", "uid": "u", "resourceVersion": "7", "generation": 2,
                "annotations": {"a": "b", "kubectl.kubernetes.io/last-applied-configuration": "{}"}}}"#,
        );
        assert_eq!(content_digest(&let_in), content_digest(&watched));
    }

    #[test]
    fn what_somebody_says_counts() {
        let pod = testing::pod("web", "nginx:1.27");
        for other in [testing::pod("web", "nginx:1.28"), testing::pod("api", "nginx:1.27")] {
            assert_ne!(content_digest(&pod), content_digest(&other));
        }
    }

    #[test]
    fn the_values_of_a_secret_are_in_no_digest() {
        let secret = |value: &str| read(&format!(r#"{{"kind": "Secret", "data": {{"password": "{value}"}}}}"#));
        assert_eq!(content_digest(&secret("aHVudGVyMg==")), content_digest(&secret("b3RoZXI=")));
        assert!(!json::write(&content(&secret("aHVudGVyMg=="))).contains("aHVudGVyMg=="));
    }

    #[test]
    fn where_contents_differ_is_told() {
        let before = read(r#"{"metadata": {"labels": {"a": "b"}}, "spec": {"list": [1, 2], "same": 1}}"#);
        let after =
            read(r#"{"metadata": {"labels": {"a": "c"}}, "spec": {"list": [1, 3], "same": 1, "new": {"x": 1}}}"#);
        let paths: Vec<String> = differing(&before, &after, 10).iter().map(|path| path.join(".")).collect();
        assert_eq!(paths, ["metadata.labels.a", "spec.list", "spec.new"]);
        assert_eq!(differing(&before, &after, 2).len(), 2);
    }

    #[test]
    fn a_job_has_the_labels_of_its_pods_when_it_has_none() {
        let job = |labels: &str| {
            read(&format!(
                r#"{{"kind": "Job", "metadata": {{"name": "once"{labels}}},
                    "spec": {{"template": {{"metadata": {{"labels": {{"job-name": "once"}}}}}}}}}}"#
            ))
        };
        let [none, same, other] = ["", r#", "labels": {"job-name": "once"}"#, r#", "labels": {"app": "x"}"#]
            .map(|labels| content_digest(&job(labels)));
        assert_eq!(none, same);
        assert_ne!(none, other);
    }

    fn document() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![Just(Value::Null), any::<bool>().prop_map(Value::Bool), (0i64..3).prop_map(Value::from)];
        leaf.prop_recursive(4, 30, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::array),
                prop::collection::vec(("spec|metadata|status|[a-c]", inner), 0..4).prop_map(Value::object),
            ]
        })
    }

    proptest! {
        #[test]
        fn the_content_of_a_content_is_itself_and_no_difference_is_missed(a in document(), b in document()) {
            let (a, b) = (content(&a), content(&b));
            prop_assert_eq!(&content(&a), &a);
            prop_assert_eq!(differing(&a, &b, 100).is_empty(), a == b);
            prop_assert_eq!(content_digest(&a) == content_digest(&b), a == b);
        }
    }
}
