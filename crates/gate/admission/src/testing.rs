//! Reviews for tests.

use probity_model::Value;
use probity_policy_core::AdmissionRequest;

/// A Pod of the namespace `shop` with a container of its name.
pub(crate) fn pod(name: &str, image: &str) -> Value {
    let container = Value::object([("name", Value::from(name)), ("image", image.into())]);
    let metadata = Value::object([("name", Value::from(name)), ("namespace", "shop".into())]);
    Value::object([
        ("apiVersion", Value::from("v1")),
        ("kind", "Pod".into()),
        ("metadata", metadata),
        ("spec", Value::object([("containers", Value::array([container]))])),
    ])
}

/// The review of a Pod, asked by alice.
pub(crate) fn review(operation: &str, object: Value) -> Value {
    let name = object.at(&["metadata", "name"]).cloned().unwrap_or_default();
    let triple = |last: &str, word: &str| {
        Value::object([("group", Value::from("")), ("version", "v1".into()), (last, word.into())])
    };
    let user = Value::object([
        ("username", Value::from("alice@company.com")),
        ("groups", Value::array([Value::from("system:authenticated")])),
    ]);
    let (object, old) = if operation == "DELETE" { (Value::Null, object) } else { (object, Value::Null) };
    let request = Value::object([
        ("uid", Value::from("uid-1")),
        ("kind", triple("kind", "Pod")),
        ("resource", triple("resource", "pods")),
        ("name", name),
        ("namespace", "shop".into()),
        ("operation", operation.into()),
        ("userInfo", user),
        ("object", object),
        ("oldObject", old),
        ("dryRun", false.into()),
    ]);
    Value::object([
        ("apiVersion", Value::from("admission.k8s.io/v1")),
        ("kind", "AdmissionReview".into()),
        ("request", request),
    ])
}

/// The request of that review.
pub(crate) fn request(operation: &str, object: Value) -> AdmissionRequest {
    AdmissionRequest::new(review(operation, object).get("request").cloned().unwrap_or_default()).unwrap()
}
