//! Messages with known fields: a field that is not set has the zero value of its type, and `has()` tells that it is not.

use std::any::Any;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use probity_model::value::Object;
use probity_model::{SmolStr, Value as Model};
use probity_policy_cel::value::{List, Map, Timestamp};
use probity_policy_cel::{Error, Opaque, Type, Value};

use super::super::from_go_json;

/// A type of messages.
#[derive(Debug)]
pub(super) struct Shape {
    pub(super) name: &'static str,
    pub(super) fields: &'static [(&'static str, Kind)],
}

/// What a field holds.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    Text,
    Int,
    Uint,
    Bool,
    Bytes,
    Timestamp,
    /// A number that has a name in documents.
    Enum(&'static [&'static str]),
    /// Texts by their names.
    Texts,
    /// Lists of texts by their names.
    Lists,
    /// Anything by its name.
    Anything,
    Message(&'static Shape),
    Messages(&'static Shape),
}

/// How names of fields are written in documents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Names {
    /// In any case; others are passed over.
    Go,
    /// As they are or in camel case; others are wrong.
    Protobuf,
}

/// A message.
#[derive(Debug, Clone)]
pub(super) struct Message {
    shape: &'static Shape,
    /// What is set.
    fields: Vec<(&'static str, Value)>,
}

impl Shape {
    pub(super) fn as_type(&self) -> Type {
        Type::object(self.name, self.fields.iter().map(|(name, kind)| (*name, kind.as_type())))
    }

    /// A message from a document.
    ///
    /// # Errors
    /// When the document is of another shape.
    pub(super) fn read(&'static self, document: &Model, names: Names) -> Result<Value, String> {
        let Model::Object(object) = document else { return Err(format!("{} is an object", self.name)) };
        let mut fields: Vec<(&'static str, Value)> = Vec::new();
        for (name, value) in object.iter() {
            let Some((known, kind)) = self.find(name.as_str(), names) else {
                if names == Names::Protobuf {
                    return Err(format!("unknown field `{}` in {}", name.as_str(), self.name));
                }
                continue;
            };
            let value = match value {
                Model::Null => continue,
                value => kind.read(value, names).map_err(|error| format!("{known}: {error}"))?,
            };
            fields.retain(|(name, _)| *name != known);
            fields.push((known, value));
        }
        Ok(Value::opaque(Message { shape: self, fields }))
    }

    fn find(&self, name: &str, names: Names) -> Option<(&'static str, Kind)> {
        let is_it = |known: &str| match names {
            Names::Go => known.eq_ignore_ascii_case(name),
            Names::Protobuf => known == name || camel_case(known) == name,
        };
        self.fields.iter().find(|(known, _)| is_it(known)).copied()
    }
}

fn camel_case(name: &str) -> String {
    let mut parts = name.split('_');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |mut name, part| {
        let mut letters = part.chars();
        name.extend(letters.next().map(|letter| letter.to_ascii_uppercase()));
        name + letters.as_str()
    })
}

impl Kind {
    fn as_type(self) -> Type {
        match self {
            Self::Text => Type::String,
            Self::Int | Self::Enum(_) => Type::Int,
            Self::Uint => Type::Uint,
            Self::Bool => Type::Bool,
            Self::Bytes => Type::Bytes,
            Self::Timestamp => Type::Timestamp,
            Self::Texts => Type::map(Type::String, Type::String),
            Self::Lists => Type::map(Type::String, Type::list(Type::String)),
            Self::Anything => Type::map(Type::String, Type::Dyn),
            Self::Message(shape) => shape.as_type(),
            Self::Messages(shape) => Type::list(shape.as_type()),
        }
    }

    /// What a field that is not set has.
    fn zero(self) -> Value {
        match self {
            Self::Text => "".into(),
            Self::Int | Self::Enum(_) => Value::Int(0),
            Self::Uint => Value::Uint(0),
            Self::Bool => false.into(),
            Self::Bytes => Vec::new().into(),
            Self::Timestamp => Timestamp::new(0, 0).map_or(Value::Null, Value::Timestamp),
            Self::Texts | Self::Lists | Self::Anything => Value::Map(Map::default()),
            Self::Message(shape) => Value::opaque(Message { shape, fields: Vec::new() }),
            Self::Messages(_) => Value::List(List::default()),
        }
    }

    fn read(self, value: &Model, names: Names) -> Result<Value, String> {
        let wrong = |what: &str| Err(format!("is {what}"));
        match (self, value) {
            (Self::Text, Model::String(text)) => Ok(text.clone().into()),
            (Self::Bool, Model::Bool(truth)) => Ok((*truth).into()),
            (Self::Int, _) => whole(value).map(Value::Int).map_or_else(|| wrong("a whole number"), Ok),
            (Self::Uint, _) => {
                let number = whole(value).and_then(|number| u32::try_from(number).ok());
                number.map_or_else(|| wrong("a whole number of 32 bits"), |number| Ok(Value::Uint(number.into())))
            }
            (Self::Enum(known), Model::String(word)) => {
                let at = known.iter().position(|known| known == word).and_then(|at| i64::try_from(at).ok());
                at.map_or_else(|| wrong(&format!("one of {}", known.join(", "))), |at| Ok(Value::Int(at)))
            }
            (Self::Enum(_), _) => whole(value).map(Value::Int).map_or_else(|| wrong("a name"), Ok),
            (Self::Bytes, Model::String(text)) => {
                let bytes = STANDARD.decode(text.as_bytes()).or_else(|_| URL_SAFE.decode(text.as_bytes()));
                bytes.map_or_else(|_| wrong("text in base64"), |bytes| Ok(bytes.into()))
            }
            (Self::Timestamp, Model::String(text)) => {
                Timestamp::parse(text).map_or_else(|_| wrong("a time"), |time| Ok(Value::Timestamp(time)))
            }
            (Self::Texts, Model::Object(entries)) => map(entries, text),
            (Self::Lists, Model::Object(entries)) => map(entries, |value| match value {
                Model::Array(items) => Ok(Value::list(items.iter().map(text).collect::<Result<Vec<_>, _>>()?)),
                Model::Null => Ok(Value::List(List::default())),
                _ => Err("is a list of texts".to_owned()),
            }),
            (Self::Anything, Model::Object(_)) => Ok(from_go_json(value)),
            (Self::Message(shape), _) => shape.read(value, names),
            (Self::Messages(shape), Model::Array(items)) => {
                Ok(Value::list(items.iter().map(|item| shape.read(item, names)).collect::<Result<Vec<_>, _>>()?))
            }
            _ => Err(format!("is of another type: {}", self.as_type())),
        }
    }
}

fn whole(value: &Model) -> Option<i64> {
    match value {
        Model::Number(number) => number.as_i64(),
        Model::String(text) => text.parse().ok(),
        _ => None,
    }
}

fn text(value: &Model) -> Result<Value, String> {
    value.as_str().map(Value::from).ok_or_else(|| "is a text".to_owned())
}

fn map(entries: &Object, read: impl Fn(&Model) -> Result<Value, String>) -> Result<Value, String> {
    let read = |(name, value): (&probity_model::Key, &Model)| {
        let value = read(value).map_err(|error| format!("{}: {error}", name.as_str()))?;
        Ok((SmolStr::from(name.as_str()), value))
    };
    Ok(Value::map(entries.iter().map(read).collect::<Result<Vec<_>, String>>()?))
}

impl Message {
    /// A field that is set.
    pub(super) fn get(&self, name: &str) -> Option<&Value> {
        self.fields.iter().find(|(known, _)| *known == name).map(|(_, value)| value)
    }
}

impl Opaque for Message {
    fn type_name(&self) -> &str {
        self.shape.name
    }

    fn equals(&self, other: &dyn Opaque) -> bool {
        let other: &dyn Any = other;
        other.downcast_ref::<Self>().is_some_and(|other| {
            let names = || self.shape.fields.iter().map(|(name, _)| *name);
            self.shape.name == other.shape.name && names().all(|name| self.field(name) == other.field(name))
        })
    }

    fn field(&self, name: &str) -> Option<Result<Value, Error>> {
        let (_, kind) = self.shape.fields.iter().find(|(known, _)| *known == name)?;
        Some(Ok(self.get(name).cloned().unwrap_or_else(|| kind.zero())))
    }

    fn has(&self, name: &str) -> bool {
        self.get(name).is_some_and(|value| matches!(value, Value::Opaque(_)) || !value.is_zero())
    }

    fn is_zero(&self) -> bool {
        self.fields.is_empty()
    }
}
