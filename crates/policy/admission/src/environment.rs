//! What the expressions of admission policies may name (API server, `pkg/admission/plugin/cel/compile.go`).

use std::sync::LazyLock;

use probity_policy_cel::library::kubernetes;
use probity_policy_cel::{Builder, Environment, Type};

/// The type of apply configurations.
pub(crate) const OBJECT: &str = "Object";

/// The type of operations of JSON Patch.
pub(crate) const JSON_PATCH: &str = "JSONPatch";

/// What a policy's expressions may name beside the request.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Names {
    /// `params`, when the policy says of what kind they are.
    pub params: bool,
    /// `authorizer`.
    pub authorizer: bool,
    /// `Object{...}` and `JSONPatch{...}`.
    pub patches: bool,
}

static BASE: LazyLock<Environment> = LazyLock::new(|| {
    Environment::kubernetes()
        .or_value_of_any()
        .variable("object", Type::Dyn)
        .variable("oldObject", Type::Dyn)
        .variable("request", request_type(&[]))
        .variable("namespaceObject", namespace_type())
        .build()
});

/// The names that a policy's expressions may use.
pub fn environment(names: Names) -> Environment {
    let mut builder = BASE.extend();
    if names.params {
        builder = builder.variable("params", Type::Dyn);
    }
    if names.authorizer {
        builder = builder
            .variable("authorizer", Type::opaque("kubernetes.authorization.Authorizer"))
            .variable("authorizer.requestResource", Type::opaque("kubernetes.authorization.ResourceCheck"));
    }
    if names.patches {
        builder = builder.with(patches);
    }
    builder.build()
}

/// What mutations build: objects with the fields to set, and operations of JSON Patch.
pub fn patches(builder: &mut Builder) {
    kubernetes::object_construction(builder);
    kubernetes::json_patch(builder);
}

/// The type of `request`, with fields that are not Kubernetes' own.
pub fn request_type(others: &[(&'static str, Type)]) -> Type {
    let text = || Type::String;
    let kind =
        || Type::object("kubernetes.GroupVersionKind", [("group", text()), ("version", text()), ("kind", text())]);
    let resource = || {
        Type::object("kubernetes.GroupVersionResource", [("group", text()), ("version", text()), ("resource", text())])
    };
    let user = Type::object(
        "kubernetes.UserInfo",
        [
            ("username", text()),
            ("uid", text()),
            ("groups", Type::list(text())),
            ("extra", Type::map(text(), Type::list(text()))),
        ],
    );
    let own = [
        ("kind", kind()),
        ("resource", resource()),
        ("subResource", text()),
        ("requestKind", kind()),
        ("requestResource", resource()),
        ("requestSubResource", text()),
        ("name", text()),
        ("namespace", text()),
        ("operation", text()),
        ("userInfo", user),
        ("dryRun", Type::Bool),
        ("options", Type::Dyn),
    ];
    Type::object("kubernetes.AdmissionRequest", own.into_iter().chain(others.iter().cloned()))
}

/// The type of `namespaceObject`.
pub fn namespace_type() -> Type {
    let text = || Type::String;
    let texts = || Type::map(text(), text());
    let condition = Type::object(
        "kubernetes.NamespaceCondition",
        [
            ("status", text()),
            ("type", text()),
            ("lastTransitionTime", Type::Timestamp),
            ("message", text()),
            ("reason", text()),
        ],
    );
    let metadata = Type::object(
        "kubernetes.NamespaceMetadata",
        [
            ("name", text()),
            ("generateName", text()),
            ("namespace", text()),
            ("labels", texts()),
            ("annotations", texts()),
            ("UID", text()),
            ("creationTimestamp", Type::Timestamp),
            ("deletionGracePeriodSeconds", Type::Int),
            ("deletionTimestamp", Type::Timestamp),
            ("generation", Type::Int),
            ("resourceVersion", text()),
            ("finalizers", Type::list(text())),
        ],
    );
    let spec = Type::object("kubernetes.NamespaceSpec", [("finalizers", Type::list(text()))]);
    let status = Type::object("kubernetes.NamespaceStatus", [("conditions", Type::list(condition)), ("phase", text())]);
    Type::object("kubernetes.Namespace", [("metadata", metadata), ("spec", spec), ("status", status)])
}
