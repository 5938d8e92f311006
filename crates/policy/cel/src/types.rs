//! Types as the checker knows them.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use smol_str::SmolStr;

use crate::Value;

/// The type of an expression, a variable or a parameter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Type {
    /// Any value; what it is shows when the expression is evaluated.
    Dyn,
    /// `null`
    Null,
    /// `bool`
    Bool,
    /// `int`
    Int,
    /// `uint`
    Uint,
    /// `double`
    Double,
    /// `string`
    String,
    /// `bytes`
    Bytes,
    /// `timestamp`
    Timestamp,
    /// `duration`
    Duration,
    /// A list of elements of this type.
    List(Arc<Type>),
    /// A map with keys and values of these types.
    Map(Arc<(Type, Type)>),
    /// A type itself.
    Type(Arc<Type>),
    /// A type of a library by its name, such as `kubernetes.Quantity`, with its parameters.
    Opaque(SmolStr, Arc<[Type]>),
    /// An object with known fields.
    Object(Arc<ObjectType>),
    /// A parameter of an overload: the same type wherever it stands.
    Param(SmolStr),
    /// A type that the checker is to find.
    Variable(u32),
    /// The type of what is wrong already.
    Error,
}

/// An object type whose fields are known, such as Kubernetes' admission request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectType {
    /// Its name.
    pub name: SmolStr,
    /// Its fields.
    pub fields: BTreeMap<SmolStr, Type>,
    /// Whether other fields may be selected too, of any type.
    pub open: bool,
}

/// The name of the type of optionals.
pub(crate) const OPTIONAL: SmolStr = SmolStr::new_static("optional_type");

impl Type {
    /// A list of elements of this type.
    pub fn list(element: Type) -> Self {
        Self::List(Arc::new(element))
    }

    /// A map with keys and values of these types.
    pub fn map(key: Type, value: Type) -> Self {
        Self::Map(Arc::new((key, value)))
    }

    /// A value of this type that may be absent.
    pub fn optional(value: Type) -> Self {
        Self::Opaque(OPTIONAL, Arc::new([value]))
    }

    /// A type of a library.
    pub fn opaque(name: impl Into<SmolStr>) -> Self {
        Self::Opaque(name.into(), Arc::new([]))
    }

    /// A parameter of an overload.
    pub fn param(name: &'static str) -> Self {
        Self::Param(SmolStr::new_static(name))
    }

    /// An object with these fields and no others.
    pub fn object<N: Into<SmolStr>>(name: impl Into<SmolStr>, fields: impl IntoIterator<Item = (N, Type)>) -> Self {
        let fields = fields.into_iter().map(|(name, field)| (name.into(), field)).collect();
        Self::Object(Arc::new(ObjectType { name: name.into(), fields, open: false }))
    }

    /// The type named by an identifier such as `int`.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "null_type" => Self::Null,
            "bool" => Self::Bool,
            "int" => Self::Int,
            "uint" => Self::Uint,
            "double" => Self::Double,
            "string" => Self::String,
            "bytes" => Self::Bytes,
            "google.protobuf.Timestamp" => Self::Timestamp,
            "google.protobuf.Duration" => Self::Duration,
            "list" => Self::list(Self::Dyn),
            "map" => Self::map(Self::Dyn, Self::Dyn),
            "type" => Self::Type(Arc::new(Self::Dyn)),
            "optional_type" => Self::optional(Self::Dyn),
            _ => return None,
        })
    }

    /// The name that `type(x)` tells of values of this type.
    pub(crate) fn runtime_name(&self) -> SmolStr {
        SmolStr::new_static(match self {
            Self::Null => "null_type",
            Self::Timestamp => "google.protobuf.Timestamp",
            Self::Duration => "google.protobuf.Duration",
            Self::List(_) => "list",
            Self::Map(_) => "map",
            Self::Type(_) => "type",
            Self::Opaque(name, _) => return name.clone(),
            Self::Object(object) => return object.name.clone(),
            other => return other.to_string().into(),
        })
    }

    /// What an optional holds, when this is one.
    pub(crate) fn as_optional(&self) -> Option<&Type> {
        match self {
            Self::Opaque(name, params) if *name == OPTIONAL => params.first(),
            _ => None,
        }
    }

    pub(crate) fn is_dyn(&self) -> bool {
        matches!(self, Self::Dyn)
    }

    /// Whether a value can be an argument where this type stands.
    pub(crate) fn admits(&self, value: &Value) -> bool {
        match (self, value) {
            (Self::Dyn | Self::Param(_) | Self::Variable(_) | Self::Error, _)
            | (Self::Null, Value::Null)
            | (Self::Bool, Value::Bool(_))
            | (Self::Int, Value::Int(_))
            | (Self::Uint, Value::Uint(_))
            | (Self::Double, Value::Double(_))
            | (Self::String, Value::String(_))
            | (Self::Bytes, Value::Bytes(_))
            | (Self::Timestamp, Value::Timestamp(_))
            | (Self::Duration, Value::Duration(_))
            | (Self::Map(_) | Self::Object(_), Value::Map(_))
            | (Self::Type(_), Value::Type(_)) => true,
            // The first element tells lists of different types apart, as far as they hold one type.
            (Self::List(element), Value::List(list)) => {
                element.is_open() || list.get(0).is_none_or(|first| element.admits(&first))
            }
            (Self::Opaque(name, _), Value::Optional(_)) => *name == OPTIONAL,
            (Self::Opaque(name, _), Value::Opaque(value)) => name == value.type_name(),
            (Self::Object(object), Value::Opaque(value)) => object.name == value.type_name(),
            _ => false,
        }
    }

    fn is_open(&self) -> bool {
        match self {
            Self::List(element) => element.is_open(),
            other => matches!(other, Self::Dyn | Self::Param(_) | Self::Variable(_)),
        }
    }
}

impl fmt::Display for Type {
    /// The form that cel-go's messages have.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dyn => f.write_str("dyn"),
            Self::Null => f.write_str("null"),
            Self::Bool => f.write_str("bool"),
            Self::Int => f.write_str("int"),
            Self::Uint => f.write_str("uint"),
            Self::Double => f.write_str("double"),
            Self::String => f.write_str("string"),
            Self::Bytes => f.write_str("bytes"),
            Self::Timestamp => f.write_str("timestamp"),
            Self::Duration => f.write_str("duration"),
            Self::List(element) => write!(f, "list({element})"),
            Self::Map(entry) => write!(f, "map({}, {})", entry.0, entry.1),
            Self::Type(of) => write!(f, "type({of})"),
            Self::Opaque(name, params) if params.is_empty() => f.write_str(name),
            Self::Opaque(name, params) => {
                let params: Vec<String> = params.iter().map(ToString::to_string).collect();
                write!(f, "{name}({})", params.join(", "))
            }
            Self::Object(object) => f.write_str(&object.name),
            Self::Param(name) => f.write_str(name),
            Self::Variable(number) => write!(f, "_var{number}"),
            Self::Error => f.write_str("!error!"),
        }
    }
}
