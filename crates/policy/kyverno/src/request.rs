//! What is judged: an object with what is asked to be done with it, and who asks.

use probity_kubernetes::kind::GroupVersionKind;
use probity_model::value::Object;
use probity_model::{Key, SmolStr, Value};
pub use probity_policy_admission::Operation;

use crate::object;

/// Who asks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UserInfo {
    /// The name of the user, such as `system:serviceaccount:default:builder`.
    pub username: String,
    /// The user's UID.
    pub uid: String,
    /// The groups of the user.
    pub groups: Vec<String>,
    /// Further attributes, an object.
    pub extra: Option<Value>,
    /// The roles bound to the user, as `namespace:name`.
    pub roles: Vec<String>,
    /// The cluster roles bound to the user.
    pub cluster_roles: Vec<String>,
}

fn strings(list: &[String]) -> Value {
    Value::array(list.iter().map(|text| Value::from(text.as_str())))
}

impl UserInfo {
    /// The service account that the user is, as namespace and name; empty when it is none.
    pub fn service_account(&self) -> (&str, &str) {
        let rest = self.username.get("system:serviceaccount:".len()..).unwrap_or_default();
        let mut parts = rest.split(':');
        match (parts.next(), parts.next()) {
            (Some(namespace), Some(name)) => (namespace, name),
            _ => ("", ""),
        }
    }

    /// The user as requests have it: `username`, `uid`, `groups`, `extra`.
    pub(crate) fn value(&self) -> Value {
        let mut user = Vec::new();
        for (field, text) in [("username", &self.username), ("uid", &self.uid)] {
            if !text.is_empty() {
                user.push((Key::new(field), Value::from(text.as_str())));
            }
        }
        if !self.groups.is_empty() {
            user.push((Key::new("groups"), strings(&self.groups)));
        }
        if let Some(extra) = &self.extra {
            user.push((Key::new("extra"), extra.clone()));
        }
        Value::Object(user.into_iter().collect())
    }

    fn entries(&self) -> Vec<(Key, Value)> {
        let mut entries = vec![(Key::new("userInfo"), self.value())];
        for (field, list) in [("roles", &self.roles), ("clusterRoles", &self.cluster_roles)] {
            if !list.is_empty() {
                entries.push((Key::new(field), strings(list)));
            }
        }
        entries
    }
}

/// What policies judge.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// The object as it would be; absent when it is deleted.
    pub object: Option<Value>,
    /// The object as it was; absent when it is new.
    pub old_object: Option<Value>,
    /// What is asked to be done.
    pub operation: Operation,
    /// What the object is. Of a subresource, what it belongs to.
    pub gvk: GroupVersionKind,
    /// The subresource that is asked for, such as `status`; empty when it is the object itself.
    pub subresource: SmolStr,
    /// Who asks, when that is known: what policies say of users does not count otherwise.
    pub user: Option<UserInfo>,
    /// The labels of the namespace that the object is in.
    pub namespace_labels: Object,
    /// The fields of the admission request, such as `uid`, `resource`, `dryRun` and `options`; what they say of the operation
    /// is `operation`.
    pub fields: Object,
    /// Values given from outside, merged into the context by their dotted paths, such as `request.namespace`.
    pub values: Vec<(Vec<SmolStr>, Value)>,
}

impl Request {
    /// The request that an object stands for by itself: nothing is known of who asks for what.
    pub fn of_object(object: &Value) -> Self {
        Self { object: Some(object.clone()), gvk: object::gvk(object), ..Self::default() }
    }

    /// The request to delete an object.
    pub fn to_delete(object: &Value) -> Self {
        let gvk = object::gvk(object);
        Self { old_object: Some(object.clone()), gvk, operation: Operation::Delete, ..Self::default() }
    }

    /// The object that is asked about: as it would be, or as it was when it is deleted.
    pub fn resource(&self) -> Option<&Value> {
        self.object.as_ref().or(self.old_object.as_ref())
    }

    /// Whether an object takes the place of another.
    pub fn is_update(&self) -> bool {
        (self.object.is_some() && self.old_object.is_some()) || self.operation == Operation::Update
    }

    /// Whether the object goes.
    pub fn is_delete(&self) -> bool {
        self.operation == Operation::Delete
    }

    /// What variables see, besides what rules add: `request`, `serviceAccountName` and `serviceAccountNamespace`.
    pub(crate) fn variables(&self) -> Value {
        let namespace = self.object.as_ref().map_or("", object::namespace);
        let mut request: Vec<(Key, Value)> =
            vec![(Key::new("operation"), self.operation.as_str().into()), (Key::new("namespace"), namespace.into())];
        request.extend(self.fields.iter().map(|(key, value)| (key.clone(), value.clone())));
        for (field, value) in [("object", &self.object), ("oldObject", &self.old_object)] {
            if let Some(value) = value {
                request.push((Key::new(field), value.clone()));
            }
        }
        let mut root = Vec::new();
        if let Some(user) = &self.user {
            request.extend(user.entries());
            let (namespace, name) = user.service_account();
            root.push((Key::new("serviceAccountName"), name.into()));
            root.push((Key::new("serviceAccountNamespace"), namespace.into()));
        }
        root.push((Key::new("request"), Value::Object(request.into_iter().collect())));
        let root = Value::Object(root.into_iter().collect());
        self.values.iter().fold(root, |root, (path, value)| object::merged_at(&root, path, value))
    }
}
