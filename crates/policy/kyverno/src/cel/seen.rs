//! What the expressions of a policy see of a request.

use probity_kubernetes::kind::GroupVersionKind;
use probity_model::value::{Object, SmolStr};
use probity_model::{Key, Value};
use probity_policy_admission::{Attributes, GroupVersionResource, Matched, input};
use probity_policy_cel::Value as Cel;
use probity_policy_core::{AdmissionRequest, Cluster};

use crate::object;
use crate::request::Request;

/// A request as it is matched and as expressions see it.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) attributes: Attributes,
    /// The namespace as expressions see it; null when nothing is known of it.
    namespace: Value,
    /// The whole request as an API server was asked it, when that is known.
    request: Option<Value>,
}

impl Seen {
    /// What is seen of a request; `namespace` is the object of its namespace, when that is known.
    pub(crate) fn new(request: &Request, namespace: Option<&Value>) -> Self {
        let resource = request.resource().cloned().unwrap_or_default();
        let kind = GroupVersionKind {
            group: request.gvk.group.clone(),
            version: request.gvk.version.clone(),
            kind: request.gvk.kind.clone(),
        };
        let namespace_name = SmolStr::from(object::namespace(&resource));
        let namespace = namespace.cloned().unwrap_or_else(|| known_namespace(request, &namespace_name));
        let attributes = Attributes {
            resource: GroupVersionResource::of(&kind),
            kind,
            subresource: request.subresource.clone(),
            name: object::name(&resource).into(),
            operation: request.operation,
            object: request.object.clone().unwrap_or_default(),
            old_object: request.old_object.clone().unwrap_or_default(),
            user: user(request),
            dry_run: false,
            options: Value::Null,
            namespace_object: matched_namespace(&namespace, &namespace_name),
            namespace: namespace_name,
        };
        Self { attributes, namespace, request: None }
    }

    /// What is seen of a request to an API server. Rules are compared with it as the webhook was given it.
    pub(crate) fn of_request(request: &AdmissionRequest, cluster: &dyn Cluster) -> Self {
        let text = |path: &[&str]| request.text(path).to_owned();
        let attributes = Attributes {
            kind: GroupVersionKind {
                group: text(&["kind", "group"]),
                version: text(&["kind", "version"]),
                kind: text(&["kind", "kind"]),
            },
            resource: GroupVersionResource {
                group: text(&["resource", "group"]),
                version: text(&["resource", "version"]),
                resource: text(&["resource", "resource"]),
            },
            ..Attributes::of_request(request, Some(cluster))
        };
        let namespace = attributes.namespace_object.clone();
        Self { attributes, namespace, request: Some(request.value().clone()) }
    }

    /// The same request about another object.
    pub(crate) fn with_object(&self, object: Value) -> Self {
        let request = self.request.as_ref().and_then(Value::as_object);
        let request = request.map(|request| Value::Object(object::with_entry(request, "object", object.clone())));
        Self { attributes: self.attributes.with_object(object), namespace: self.namespace.clone(), request }
    }

    /// The same request, as a policy that changes objects that are there already sees one of them.
    pub(crate) fn of_target(&self, target: &Value) -> Self {
        let attributes = Attributes::of_object(target);
        let namespace = attributes.namespace.clone();
        let attributes = Attributes {
            namespace_object: matched_namespace(&Value::Null, &namespace),
            user: self.attributes.user.clone(),
            ..attributes
        };
        Self { attributes, namespace: Value::Null, request: None }
    }

    /// The same request about a pod that its object would make.
    pub(crate) fn of_pod(&self, object: Option<Value>, old_object: Option<Value>) -> Self {
        let kind = GroupVersionKind::new("v1", "Pod");
        let name = object.as_ref().or(old_object.as_ref()).map_or("", object::name).into();
        let attributes = Attributes {
            resource: GroupVersionResource::of(&kind),
            kind,
            name,
            object: object.unwrap_or_default(),
            old_object: old_object.unwrap_or_default(),
            ..self.attributes.clone()
        };
        Self { attributes, namespace: self.namespace.clone(), request: None }
    }

    /// The variables that all policies have. What is not there is an object without fields, as in Kyverno.
    pub(crate) fn inputs(&self) -> Vec<(&'static str, Cel)> {
        let attributes = &self.attributes;
        let known = |request: Value| {
            vec![
                ("object", present(&attributes.object)),
                ("oldObject", present(&attributes.old_object)),
                ("request", input(&request)),
                ("namespaceObject", input(&self.namespace)),
            ]
        };
        if let Some(request) = &self.request {
            return known(request.clone());
        }
        let Value::Object(request) = attributes.request(&Matched::exactly(attributes)) else { return Vec::new() };
        let objects = [("object", &attributes.object), ("oldObject", &attributes.old_object)];
        let added = objects.map(|(name, value)| (Key::new(name), value.clone()));
        let request: Object = request.iter().map(|(key, value)| (key.clone(), value.clone())).chain(added).collect();
        known(Value::Object(request))
    }
}

fn present(value: &Value) -> Cel {
    if value.is_null() { input(&Value::object::<&str>([])) } else { input(value) }
}

fn user(request: &Request) -> Value {
    let Some(user) = &request.user else { return Value::object::<&str>([]) };
    let mut entries = Vec::new();
    for (field, text) in [("username", &user.username), ("uid", &user.uid)] {
        if !text.is_empty() {
            entries.push((field, Value::from(text.as_str())));
        }
    }
    if !user.groups.is_empty() {
        entries.push(("groups", Value::array(user.groups.iter().map(|group| Value::from(group.as_str())))));
    }
    entries.extend(user.extra.iter().map(|extra| ("extra", extra.clone())));
    Value::object(entries)
}

/// The namespace, as far as its labels are known.
fn known_namespace(request: &Request, name: &str) -> Value {
    if name.is_empty() || request.namespace_labels.is_empty() {
        return Value::Null;
    }
    namespace(name, Value::Object(request.namespace_labels.clone()))
}

fn namespace(name: &str, labels: Value) -> Value {
    let empty = || Value::object::<&str>([]);
    Value::object([
        ("apiVersion", Value::from("v1")),
        ("kind", Value::from("Namespace")),
        ("metadata", Value::object([("name", Value::from(name)), ("labels", labels)])),
        ("spec", empty()),
        ("status", empty()),
    ])
}

/// The namespace that selectors look at: every namespace has a label with its name.
fn matched_namespace(known: &Value, name: &str) -> Value {
    if !known.is_null() {
        return known.clone();
    }
    namespace(name, Value::object([("kubernetes.io/metadata.name", Value::from(name))]))
}
