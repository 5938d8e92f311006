//! What mutating policies build: JSON patches and apply configurations.

use std::sync::Arc;

use crate::environment::Builder;
use crate::library::args::text;
use crate::program::traversal;
use crate::types::ObjectType;
use crate::{Overload, Type, Value};

/// `JSONPatch{op: "add", path: "/metadata/labels/a", value: 1}` and `jsonpatch.escapeKey`.
pub fn json_patch(builder: &mut Builder) {
    let fields = [("op", Type::String), ("path", Type::String), ("from", Type::String), ("value", Type::Dyn)];
    let fields = fields.into_iter().map(|(name, field)| (name.into(), field)).collect();
    let patch = ObjectType { name: "JSONPatch".into(), fields, open: false };
    let escape = |_: &crate::Evaluation<'_>, args: &[Value]| {
        Ok(Value::from(text(args, 0)?.replace('~', "~0").replace('/', "~1")))
    };
    builder.constructible(Arc::new(patch)).function(
        "jsonpatch.escapeKey",
        Overload::global("string_jsonpatch_escapeKey_string", [Type::String], Type::String, escape)
            .with_cost(|args, _| traversal(args[0].size())),
    );
}

/// `Object{spec: Object.spec{replicas: 1}}`: objects of any fields.
pub fn object_construction(builder: &mut Builder) {
    builder.constructible_prefix("Object");
}
