//! The kinds of constraints that Gatekeeper's templates make: without them no constraint can be applied.

use probity_model::Value;

/// The `CustomResourceDefinition` of the constraints that a `ConstraintTemplate` makes; `None` when it names no kind.
///
/// As Gatekeeper makes it (`pkg/apis/.../crds` of its frameworks): cluster-scoped, with the template's own schema of
/// parameters where it is structural, and without one where it is not.
pub fn constraint_kind(template: &Value) -> Option<Value> {
    let crd = template.at(&["spec", "crd", "spec"])?;
    let kind = crd.at(&["names", "kind"]).and_then(Value::as_str)?;
    let plural = kind.to_lowercase();
    let legacy = crd.at(&["validation", "legacySchema"]).and_then(Value::as_bool);
    // The default of the first versions of templates; a schema that is not structural would be refused.
    let is_v1 = template.get("apiVersion").and_then(Value::as_str) == Some("templates.gatekeeper.sh/v1");
    let given = crd.at(&["validation", "openAPIV3Schema"]).filter(|_| !legacy.unwrap_or(!is_v1));
    let open =
        || Value::object([("type", Value::from("object")), ("x-kubernetes-preserve-unknown-fields", true.into())]);
    let parameters = given.cloned().unwrap_or_else(open);
    let properties = |entries: Vec<(&str, Value)>| {
        Value::object([("type", Value::from("object")), ("properties", Value::object(entries))])
    };
    let spec = properties(vec![
        ("enforcementAction", Value::object([("type", Value::from("string"))])),
        ("scopedEnforcementActions", Value::object([("type", Value::from("array")), ("items", open())])),
        ("match", open()),
        ("parameters", parameters),
    ]);
    let metadata =
        properties(vec![("name", Value::object([("type", Value::from("string")), ("maxLength", 63.into())]))]);
    let schema = properties(vec![("metadata", metadata), ("spec", spec), ("status", open())]);
    let column = Value::object([
        ("name", Value::from("enforcement-action")),
        ("type", "string".into()),
        ("jsonPath", ".spec.enforcementAction".into()),
    ]);
    let version = |name: &str, storage: bool| {
        Value::object([
            ("name", Value::from(name)),
            ("served", true.into()),
            ("storage", storage.into()),
            ("schema", Value::object([("openAPIV3Schema", schema.clone())])),
            ("subresources", Value::object([("status", Value::object::<&str>([]))])),
            ("additionalPrinterColumns", Value::array([column.clone()])),
        ])
    };
    let names = Value::object([
        ("kind", Value::from(kind)),
        ("listKind", format!("{kind}List").into()),
        ("plural", plural.as_str().into()),
        ("singular", plural.as_str().into()),
        ("categories", Value::array(["constraint", "constraints"].map(Value::from))),
    ]);
    Some(Value::object([
        ("apiVersion", Value::from("apiextensions.k8s.io/v1")),
        ("kind", "CustomResourceDefinition".into()),
        (
            "metadata",
            Value::object([
                ("name", Value::from(format!("{plural}.constraints.gatekeeper.sh"))),
                ("labels", Value::object([("gatekeeper.sh/constraint", Value::from("yes"))])),
            ]),
        ),
        (
            "spec",
            Value::object([
                ("group", Value::from("constraints.gatekeeper.sh")),
                ("names", names),
                ("scope", "Cluster".into()),
                ("versions", Value::array([version("v1beta1", true), version("v1alpha1", false)])),
            ]),
        ),
    ]))
}
