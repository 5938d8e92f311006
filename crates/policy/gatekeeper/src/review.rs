//! What is judged: an object as the admission request that would bring it (`admission.k8s.io/v1`).

use probity_model::Value;
use probity_model::value::Object;
use probity_policy_core::{AdmissionRequest, Operation};

use crate::matching::Source;
use crate::object::{self, Gvk, with_entry};

/// The fields of an admission request.
const FIELDS: &[&str] = &[
    "uid",
    "kind",
    "resource",
    "subResource",
    "requestKind",
    "requestResource",
    "requestSubResource",
    "name",
    "namespace",
    "operation",
    "userInfo",
    "object",
    "oldObject",
    "dryRun",
    "options",
];

/// A request to be judged.
#[derive(Debug, Clone)]
pub(crate) struct Review {
    /// What `input.review` is, without the namespace's object.
    request: Object,
    pub(crate) object: Option<Value>,
    pub(crate) old_object: Option<Value>,
    pub(crate) source: Source,
    /// What policies see, where that was made before.
    shown: Option<Value>,
}

fn empty(fields: &[&str]) -> Value {
    Value::object(fields.iter().map(|field| (*field, Value::from(""))))
}

/// The fields that are there in every request.
fn template() -> Object {
    let fields = [
        ("uid", Value::from("")),
        ("kind", empty(&["group", "version", "kind"])),
        ("resource", empty(&["group", "version", "resource"])),
        ("operation", Value::from("")),
        ("userInfo", Value::object::<&str>([])),
        ("object", Value::Null),
        ("oldObject", Value::Null),
        ("options", Value::Null),
    ];
    fields.into_iter().map(|(name, value)| (name.into(), value)).collect()
}

fn present(value: Option<&Value>) -> Option<Value> {
    value.filter(|value| !value.is_null()).cloned()
}

impl Review {
    /// The request that an object stands for by itself: nothing is known of who asks for what.
    pub(crate) fn of_object(object: &Value, source: Source) -> Self {
        let gvk = Gvk::of(object);
        let kind = [("group", gvk.group), ("version", gvk.version), ("kind", gvk.kind)];
        let mut request = with_entry(&template(), "kind", Value::object(kind.map(|(name, part)| (name, part.into()))));
        request = with_entry(&request, "object", object.clone());
        for (field, text) in [("name", object::name(object)), ("namespace", object::namespace(object))] {
            if !text.is_empty() {
                request = with_entry(&request, field, text.into());
            }
        }
        Self { request, object: Some(object.clone()), old_object: None, source, shown: None }
    }

    /// Whether a document is an `AdmissionReview`.
    pub(crate) fn is_admission_review(document: &Value) -> bool {
        object::text(document, "kind") == "AdmissionReview" && object::group(document) == "admission.k8s.io"
    }

    /// The request of an `AdmissionReview`.
    ///
    /// # Errors
    /// When there is none, or it is not complete.
    pub(crate) fn of_admission_review(document: &Value) -> Result<Self, String> {
        let request = document.get("request").and_then(Value::as_object);
        let request = request.ok_or("the AdmissionReview has no request")?;
        if let Some((field, _)) = request.iter().find(|(field, _)| !FIELDS.contains(&field.as_str())) {
            return Err(format!("unknown field `request.{field}` in the AdmissionReview"));
        }
        let (mut object, old_object) = (present(request.get("object")), present(request.get("oldObject")));
        if object.is_none() && old_object.is_none() {
            return Err("the AdmissionRequest has neither `object` nor `oldObject` to review".to_owned());
        }
        for value in object.iter().chain(&old_object) {
            if object::text(value, "kind").is_empty() {
                return Err("an object in the AdmissionRequest has no kind".to_owned());
            }
        }
        let known = template();
        let all = known.iter().chain(request.iter()).map(|(key, value)| (key.clone(), value.clone()));
        let mut request: Object = all.collect();
        if request.get("operation").and_then(Value::as_str) == Some("DELETE") {
            object = Some(old_object.clone().ok_or("oldObject cannot be nil for DELETE operations")?);
            request = with_entry(&request, "object", object.clone().unwrap_or_default());
        }
        Ok(Self { request, object, old_object, source: Source::Original, shown: None })
    }

    /// A request to an API server. What is deleted is shown as the object, too.
    pub(crate) fn of_request(asked: &AdmissionRequest) -> Self {
        let known = template();
        let own = asked.value().as_object().into_iter().flat_map(Object::iter);
        let all = known.iter().chain(own).map(|(key, value)| (key.clone(), value.clone()));
        let mut request: Object = all.collect();
        let old_object = asked.old_object().cloned();
        let mut object = asked.object().cloned();
        if asked.operation() == Operation::Delete {
            object.clone_from(&old_object);
            request = with_entry(&request, "object", object.clone().unwrap_or_default());
        }
        Self { request, object, old_object, source: Source::Original, shown: None }
    }

    /// The same, with what policies see made once for all of them.
    pub(crate) fn prepared(self, namespace: Option<&Value>) -> Self {
        Self { shown: Some(self.value(namespace)), ..self }
    }

    /// The namespace that the request is about; empty when it is about the cluster.
    pub(crate) fn namespace(&self) -> &str {
        self.request.get("namespace").and_then(Value::as_str).unwrap_or_default()
    }

    /// Whether an object is made or changed.
    pub(crate) fn is_written(&self) -> bool {
        let operation = self.request.get("operation").and_then(Value::as_str);
        !matches!(operation, Some("DELETE" | "CONNECT"))
    }

    /// Whether it is about a namespace.
    pub(crate) fn is_of_namespace(&self) -> bool {
        self.object.as_ref().or(self.old_object.as_ref()).is_some_and(|object| Gvk::of(object).is_namespace())
    }

    /// The namespace that it is in; a `Namespace` is in itself.
    pub(crate) fn place(&self) -> &str {
        match self.object.as_ref().or(self.old_object.as_ref()) {
            Some(object) if self.is_of_namespace() => object::name(object),
            Some(object) if self.namespace().is_empty() => object::namespace(object),
            _ => self.namespace(),
        }
    }

    /// What `input.review` is.
    pub(crate) fn value(&self, namespace: Option<&Value>) -> Value {
        if let Some(shown) = &self.shown {
            return shown.clone();
        }
        // Where there is none, Gatekeeper shows an object without fields.
        let object = namespace.cloned().unwrap_or_else(|| Value::object::<&str>([]));
        let shown = with_entry(&self.request, "namespaceObject", object);
        match namespace {
            // Where Gatekeeper kept it before 3.2.
            Some(namespace) => {
                let unstable = Value::object([("namespace", namespace.clone())]);
                Value::Object(with_entry(&shown, "_unstable", unstable))
            }
            None => Value::Object(shown),
        }
    }
}
