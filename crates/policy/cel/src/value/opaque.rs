//! Values of types that libraries add.

use std::any::Any;
use std::fmt;

use smol_str::SmolStr;

use super::{Map, Value, equals};
use crate::Error;

/// A value of a type that a library adds. Its functions are overloads on that type; what can be selected from it with
/// a dot are its fields.
pub trait Opaque: Any + fmt::Debug + Send + Sync {
    /// The type's name, such as `kubernetes.Quantity`: what `type(x)` and overloads go by.
    fn type_name(&self) -> &str;

    /// Whether this equals another value of a library's type.
    fn equals(&self, other: &dyn Opaque) -> bool;

    /// The field of this name; `None` when there is none.
    fn field(&self, name: &str) -> Option<Result<Value, Error>> {
        let _ = name;
        None
    }

    /// Whether the field of this name is set, where fields that are not have a value as well.
    fn has(&self, name: &str) -> bool {
        self.field(name).is_some()
    }

    /// The value as it goes into a document, when it can.
    fn to_model(&self) -> Option<probity_model::Value> {
        None
    }

    /// Whether this is the zero value of its type.
    fn is_zero(&self) -> bool {
        false
    }

    /// What its length is for the counting of costs.
    fn size(&self) -> u64 {
        1
    }
}

/// An object built by `Type{field: value}`, such as `Object.spec{replicas: 1}` or `JSONPatch{op: "add"}`.
#[derive(Debug, Clone)]
pub struct Struct {
    type_name: SmolStr,
    fields: Map,
}

impl Struct {
    /// An object of a type with these fields.
    pub fn new(type_name: SmolStr, fields: Map) -> Self {
        Self { type_name, fields }
    }

    /// The fields that are set.
    pub fn fields(&self) -> &Map {
        &self.fields
    }
}

impl Opaque for Struct {
    fn type_name(&self) -> &str {
        &self.type_name
    }

    fn equals(&self, other: &dyn Opaque) -> bool {
        let other: &dyn Any = other;
        other.downcast_ref::<Self>().is_some_and(|other| {
            self.type_name == other.type_name
                && equals(&Value::Map(self.fields.clone()), &Value::Map(other.fields.clone()))
        })
    }

    fn field(&self, name: &str) -> Option<Result<Value, Error>> {
        self.fields.get_str(name).map(Ok)
    }

    fn to_model(&self) -> Option<probity_model::Value> {
        Value::Map(self.fields.clone()).to_model().ok()
    }

    fn is_zero(&self) -> bool {
        self.fields.is_empty()
    }
}
