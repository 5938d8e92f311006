//! What is asked of a Kubernetes API server, as a webhook is shown it (`admission.k8s.io/v1`).

use std::any::Any;
use std::sync::{Arc, Mutex, PoisonError};

use probity_model::value::Object;
use probity_model::{SmolStr, Value};

/// What is done with an object.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Operation {
    /// It is made.
    #[default]
    Create,
    /// It is changed.
    Update,
    /// It is deleted.
    Delete,
    /// A connection to it is opened, such as `exec`.
    Connect,
}

impl Operation {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Create, Self::Update, Self::Delete, Self::Connect];

    /// The word that the API has for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Create => "CREATE",
            Self::Update => "UPDATE",
            Self::Delete => "DELETE",
            Self::Connect => "CONNECT",
        }
    }

    /// The operation of this name.
    pub fn named(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.as_str() == word)
    }
}

/// What a request is about. Each policy looks at it.
#[derive(Debug, Clone)]
pub(crate) struct AskedAbout {
    /// The group and name of the kind.
    pub(crate) kind: (SmolStr, SmolStr),
    /// The group and name of the resource.
    pub(crate) resource: (SmolStr, SmolStr),
    /// Empty for the object itself.
    pub(crate) subresource: SmolStr,
}

impl AskedAbout {
    fn of(request: &Value) -> Self {
        let text = |path: &[&str]| SmolStr::new(request.at(path).and_then(Value::as_str).unwrap_or_default());
        Self {
            kind: (text(&["kind", "group"]), text(&["kind", "kind"])),
            resource: (text(&["resource", "group"]), text(&["resource", "resource"])),
            subresource: text(&["subResource"]),
        }
    }
}

/// The `request` of an `AdmissionReview`.
#[derive(Debug)]
pub struct AdmissionRequest {
    request: Value,
    operation: Operation,
    asked: AskedAbout,
    views: Mutex<Vec<Arc<dyn Any + Send + Sync>>>,
}

impl AdmissionRequest {
    /// The request that this value is.
    ///
    /// # Errors
    /// When it has no uid, no kind, no resource or no known operation.
    pub fn new(request: Value) -> Result<Self, String> {
        let text = |path: &[&str]| request.at(path).and_then(Value::as_str).filter(|text| !text.is_empty());
        for path in [&["uid"] as &[&str], &["kind", "kind"], &["kind", "version"], &["resource", "resource"]] {
            if text(path).is_none() {
                return Err(format!("`request.{}` is missing or empty", path.join(".")));
            }
        }
        let word = text(&["operation"]).unwrap_or_default();
        let operation =
            Operation::named(word).ok_or_else(|| format!("`request.operation` is `{word}`, which is no operation"))?;
        let asked = AskedAbout::of(&request);
        Ok(Self { request, operation, asked, views: Mutex::default() })
    }

    /// All of it.
    pub fn value(&self) -> &Value {
        &self.request
    }

    /// What is done.
    pub fn operation(&self) -> Operation {
        self.operation
    }

    /// What it is about.
    pub(crate) fn asked(&self) -> &AskedAbout {
        &self.asked
    }

    /// The object as it would be; `None` when it is deleted.
    pub fn object(&self) -> Option<&Value> {
        self.present("object")
    }

    /// The object as it was; `None` when it is made.
    pub fn old_object(&self) -> Option<&Value> {
        self.present("oldObject")
    }

    /// The object that is asked about: as it would be, or as it was when it goes.
    pub fn subject(&self) -> Option<&Value> {
        self.object().or(self.old_object())
    }

    /// Whether an object is written as a whole, or a Pod's containers are: not its status or scale, and nothing that goes.
    pub fn writes_object(&self) -> bool {
        matches!(self.operation, Operation::Create | Operation::Update)
            && matches!(self.text(&["subResource"]), "" | "ephemeralcontainers" | "resize")
            && self.object().is_some()
    }

    /// A text of the request, such as `uid`, `name`, `namespace` or `subResource`; empty when it has none.
    pub fn text(&self, path: &[&str]) -> &str {
        self.request.at(path).and_then(Value::as_str).unwrap_or_default()
    }

    /// Who asks.
    pub fn username(&self) -> &str {
        self.text(&["userInfo", "username"])
    }

    /// The groups of who asks.
    pub fn groups(&self) -> impl Iterator<Item = &str> {
        let groups = self.request.at(&["userInfo", "groups"]).and_then(Value::as_array);
        groups.into_iter().flat_map(|groups| groups.iter()).filter_map(Value::as_str)
    }

    /// Whether nothing of it will be kept.
    pub fn is_dry_run(&self) -> bool {
        self.request.get("dryRun").and_then(Value::as_bool) == Some(true)
    }

    /// The same request about another object: what a mutation made of it.
    #[must_use]
    pub fn with_object(&self, object: Value) -> Self {
        let others = self.request.as_object().into_iter().flat_map(Object::iter);
        let others =
            others.filter(|(key, _)| key.as_str() != "object").map(|(key, value)| (key.clone(), value.clone()));
        let fields = others.chain([("object".into(), object)]);
        let (operation, asked) = (self.operation, self.asked.clone());
        Self { request: Value::Object(fields.collect()), operation, asked, views: Mutex::default() }
    }

    /// The request in the form that a language has for it, made once and shared by all its policies.
    pub fn view<T: Any + Send + Sync>(&self, make: impl FnOnce(&Self) -> T) -> Arc<T> {
        let known = |views: &[Arc<dyn Any + Send + Sync>]| views.iter().find_map(|view| view.clone().downcast().ok());
        let views = || self.views.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(view) = known(&views()) {
            return view;
        }
        let view = Arc::new(make(self));
        views().push(view.clone());
        view
    }

    fn present(&self, field: &str) -> Option<&Value> {
        self.request.get(field).filter(|value| !value.is_null())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(operation: &str) -> Value {
        let kind = Value::object([("version", "v1".into()), ("kind", "Pod".into())]);
        let resource = Value::object([("version", Value::from("v1")), ("resource", "pods".into())]);
        let object = Value::object([("kind", Value::from("Pod"))]);
        Value::object([
            ("uid", Value::from("1")),
            ("kind", kind),
            ("resource", resource),
            ("operation", operation.into()),
            ("object", object),
            ("oldObject", Value::Null),
        ])
    }

    #[test]
    fn what_is_incomplete_is_named() {
        let message = |value| AdmissionRequest::new(value).unwrap_err();
        assert_eq!(message(Value::Null), "`request.uid` is missing or empty");
        assert_eq!(message(request("PATCH")), "`request.operation` is `PATCH`, which is no operation");
    }

    #[test]
    fn a_mutation_changes_the_object_alone() {
        let before = AdmissionRequest::new(request("CREATE")).unwrap();
        let after = before.with_object(Value::object([("kind", Value::from("Job"))]));
        assert_eq!(after.object().and_then(|object| object.get("kind")?.as_str()), Some("Job"));
        assert_eq!((after.text(&["uid"]), after.old_object()), ("1", None));
    }

    #[test]
    fn a_view_is_made_once() {
        let request = AdmissionRequest::new(request("DELETE")).unwrap();
        let first = request.view(AdmissionRequest::operation);
        let second = request.view(|_| -> Operation { unreachable!("it is there") });
        assert_eq!((*first, *second), (Operation::Delete, Operation::Delete));
    }
}
