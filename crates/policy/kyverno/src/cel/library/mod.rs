//! The libraries that Kyverno gives to expressions (its module `sdk`, `extensions/cel/libs`).

mod authorizer;
mod encoding;
mod image;
mod outside;
mod random;
mod time;
mod transform;
mod verify;
mod x509;

use std::any::Any;

use probity_model::Value as Model;
use probity_policy_cel::{Builder, Error, Opaque, Type, Value};

pub use authorizer::Protocol;
pub(crate) use authorizer::{Answer, Refusal, base as authorizer_base};
pub(crate) use outside::Scope;
pub(crate) use verify::verification;

/// A variable that only has functions, such as `http` and `json`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Namespace(&'static str);

impl Opaque for Namespace {
    fn type_name(&self) -> &str {
        self.0
    }

    fn equals(&self, other: &dyn Opaque) -> bool {
        let other: &dyn Any = other;
        other.downcast_ref::<Self>() == Some(self)
    }
}

/// The type of such a variable.
fn namespace(name: &'static str) -> Type {
    Type::opaque(name)
}

/// What all kinds of policies have.
pub(crate) fn common(builder: &mut Builder) {
    encoding::add(builder);
    image::add(builder);
    random::add(builder);
    time::add(builder);
    transform::add(builder);
    x509::add(builder);
}

/// What reaches outside: resources, HTTP, global context entries, what registries say of images.
pub(crate) fn outside(builder: &mut Builder, scope: Scope) {
    outside::add(builder, scope);
}

/// What makes resources.
pub(crate) fn generator(builder: &mut Builder, scope: Scope) {
    outside::add_generator(builder, scope);
}

/// The text that is an argument.
fn text(args: &[Value], index: usize) -> Result<&str, Error> {
    args.get(index).and_then(Value::as_str).ok_or(Error::NoSuchOverload)
}

/// A value as Go reads it from JSON: every number is a double.
fn from_go_json(value: &Model) -> Value {
    match value {
        Model::Number(number) => Value::Double(number.as_f64()),
        Model::Array(items) => Value::list(items.iter().map(from_go_json)),
        Model::Object(fields) => {
            Value::map(fields.iter().map(|(key, value)| (key.as_str().to_owned(), from_go_json(value))))
        }
        other => Value::from(other),
    }
}
