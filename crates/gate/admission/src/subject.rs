//! What a request is about, as policies see it.

use probity_model::{Labels, SmolStr, Subject, Value};
use probity_policy_core::AdmissionRequest;
use probity_subject_iac::kubernetes;

/// The subject of a request; `None` when it has no object, as some connections have none.
///
/// What the object itself asks to be skipped does not count: whoever asks would excuse himself.
pub fn subject(request: &AdmissionRequest, labels: Labels) -> Option<Subject> {
    let object = request.subject()?;
    let mut subject = kubernetes::subject_of(object)?;
    subject.skips.clear();
    subject.address = address(request, &subject.resource_type);
    subject.labels = labels;
    Some(subject)
}

/// The subject that an object of a cluster is, called as at a request for it.
///
/// What the object itself asks to be skipped does not count here either.
pub fn watched_subject(object: &Value, labels: Labels) -> Option<Subject> {
    let mut subject = kubernetes::subject_of(object)?;
    subject.skips.clear();
    let text = |field: &str| object.at(&["metadata", field]).and_then(Value::as_str).unwrap_or_default();
    let place = [subject.resource_type.as_str(), text("namespace"), text("name")];
    let place: Vec<&str> = place.into_iter().filter(|part| !part.is_empty()).collect();
    subject.address = place.join("/").into();
    subject.labels = labels;
    Some(subject)
}

/// `Kind/namespace/name`, with the subresource behind it: what the server says, as objects may say less.
fn address(request: &AdmissionRequest, kind: &str) -> SmolStr {
    let generated = || {
        let name = request.subject()?.at(&["metadata", "generateName"]).and_then(Value::as_str)?;
        Some(format!("{name}*"))
    };
    let name = Some(request.text(&["name"])).filter(|name| !name.is_empty()).map(str::to_owned);
    let name = name.or_else(generated).unwrap_or_else(|| "(unnamed)".to_owned());
    let resource = (request.text(&["resource", "group"]), request.text(&["resource", "resource"]));
    let namespace = if resource == ("", "namespaces") { "" } else { request.text(&["namespace"]) };
    let place = if namespace.is_empty() { format!("{kind}/{name}") } else { format!("{kind}/{namespace}/{name}") };
    match request.text(&["subResource"]) {
        "" => place.into(),
        subresource => format!("{place} ({subresource})").into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn an_object_is_called_as_the_server_calls_it_and_excuses_itself_from_nothing() {
        let pod = testing::pod("web", "nginx:1.27");
        let request = testing::request("CREATE", pod);
        let subject = subject(&request, Labels::default()).unwrap();
        assert_eq!((subject.address.as_str(), subject.resource_type.as_str()), ("Pod/shop/web", "Pod"));
        assert!(subject.skips.is_empty());
        assert_eq!(
            watched_subject(&testing::pod("web", "nginx:1.27"), Labels::default()).unwrap().address,
            subject.address
        );
    }
}
