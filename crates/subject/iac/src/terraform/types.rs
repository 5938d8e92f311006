//! Types: those of variables (Terraform's documentation, "Type Constraints"), and those to which values are brought when
//! they come together in a list, a map or a conditional.
//!
//! A value does not tell a list from a tuple, nor a map from an object; the conversions here make no difference either.

use std::collections::HashSet;

use probity_model::value::Object;
use probity_model::{Key, Value};

use super::eval::{EvalError, Evaluated, error, plain, to_number, to_text};
use super::syntax::{Call, Expression, Kind};

/// Deepest nesting of types.
const MAX_DEPTH: usize = 64;

/// What values may be.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Type {
    /// Anything: `any`, and what is not known.
    Any,
    Bool,
    Number,
    String,
    List(Box<Type>),
    Set(Box<Type>),
    Map(Box<Type>),
    Tuple(Vec<Type>),
    Object(Vec<Attribute>),
}

/// An attribute of an object's type.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Attribute {
    name: Key,
    required: Type,
    /// `optional(type, default)`: what an attribute that is left out, or null, is.
    default: Option<Value>,
    optional: bool,
}

impl Type {
    /// Reads a type constraint. What is none stands for anything.
    pub(super) fn read(
        expression: &Expression,
        evaluate: &mut dyn FnMut(&Expression) -> Result<Value, EvalError>,
    ) -> Self {
        Self::read_within(expression, evaluate, 0).unwrap_or(Self::Any)
    }

    fn read_within(
        expression: &Expression,
        evaluate: &mut dyn FnMut(&Expression) -> Result<Value, EvalError>,
        depth: usize,
    ) -> Option<Self> {
        if depth > MAX_DEPTH {
            return None;
        }
        match &expression.kind {
            // Types were once written in quotes.
            Kind::Name(name) => Self::named(name),
            Kind::Literal(Value::String(name)) => Self::named(name),
            Kind::Call(call) => Self::constructed(call, evaluate, depth),
            _ => None,
        }
    }

    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "string" => Self::String,
            "number" => Self::Number,
            "bool" => Self::Bool,
            "any" => Self::Any,
            "list" => Self::List(Box::new(Self::Any)),
            "map" => Self::Map(Box::new(Self::Any)),
            "set" => Self::Set(Box::new(Self::Any)),
            _ => return None,
        })
    }

    fn constructed(
        call: &Call,
        evaluate: &mut dyn FnMut(&Expression) -> Result<Value, EvalError>,
        depth: usize,
    ) -> Option<Self> {
        let [argument] = call.arguments.as_slice() else { return None };
        let mut inner =
            |expression: &Expression| Self::read_within(expression, evaluate, depth + 1).unwrap_or(Self::Any);
        Some(match (&*call.name, &argument.kind) {
            ("list", _) => Self::List(Box::new(inner(argument))),
            ("set", _) => Self::Set(Box::new(inner(argument))),
            ("map", _) => Self::Map(Box::new(inner(argument))),
            ("tuple", Kind::Tuple(elements)) => Self::Tuple(elements.iter().map(inner).collect()),
            ("object", Kind::Object(entries)) => {
                let attribute = |(key, value): &(Expression, Expression)| {
                    let Kind::Literal(name) = &key.kind else { return None };
                    let name = Key::new(&to_text(name).ok()?);
                    let Kind::Call(call) = &value.kind else {
                        let required = Self::read_within(value, evaluate, depth + 1).unwrap_or(Self::Any);
                        return Some(Attribute { name, required, default: None, optional: false });
                    };
                    let optional = &*call.name == "optional";
                    let written = if optional { call.arguments.first()? } else { value };
                    let required = Self::read_within(written, evaluate, depth + 1).unwrap_or(Self::Any);
                    let default = call.arguments.get(1).filter(|_| optional);
                    let default = default.map(|default| evaluate(default).unwrap_or_else(EvalError::into_unknown));
                    Some(Attribute { name, required, default, optional })
                };
                Self::Object(entries.iter().filter_map(attribute).collect())
            }
            _ => return None,
        })
    }

    /// Whether a text that is given for it is an expression, and not the value itself.
    pub(super) fn is_collection(&self) -> bool {
        !matches!(self, Self::Any | Self::Bool | Self::Number | Self::String)
    }

    /// The type of a value.
    fn of(value: &Value) -> Self {
        match value {
            Value::Null | Value::Unknown(_) => Self::Any,
            Value::Bool(_) => Self::Bool,
            Value::Number(_) => Self::Number,
            Value::String(_) => Self::String,
            Value::Array(list) => Self::Tuple(list.iter().map(Self::of).collect()),
            Value::Set(set) => {
                let members: Vec<Self> = set.iter().map(Self::of).collect();
                Self::Set(Box::new(Self::unified(&members).unwrap_or(Self::Any)))
            }
            Value::Object(object) => Self::Object(
                object
                    .iter()
                    .map(|(name, value)| Attribute {
                        name: name.clone(),
                        required: Self::of(value),
                        default: None,
                        optional: false,
                    })
                    .collect(),
            ),
        }
    }

    /// The type that all of these can be converted to; `None` where there is none.
    fn unified(types: &[Self]) -> Option<Self> {
        let mut types = types.iter().filter(|one| **one != Self::Any);
        let first = types.next().cloned().unwrap_or(Self::Any);
        types.try_fold(first, Self::with)
    }

    fn with(self, other: &Self) -> Option<Self> {
        Some(match (self, other) {
            (Self::Any, other) => other.clone(),
            (one, Self::Any) => one,
            (one, other) if one == *other => one,
            (Self::String, Self::Number | Self::Bool) | (Self::Number | Self::Bool, Self::String) => Self::String,
            (Self::Tuple(a), Self::Tuple(b)) if a.len() == b.len() => {
                let both = a.into_iter().zip(b).map(|(a, b)| a.with(b));
                Self::Tuple(both.collect::<Option<_>>()?)
            }
            (Self::Set(a), Self::Set(b)) => Self::Set(Box::new(a.with(b)?)),
            (Self::Set(a), Self::Tuple(b)) => Self::Set(Box::new(Self::unified(b)?.with(&a)?)),
            (Self::Tuple(a), Self::Set(b)) => Self::Set(Box::new(Self::unified(&a)?.with(b)?)),
            (Self::Tuple(a), Self::Tuple(b)) => Self::List(Box::new(Self::unified(&a)?.with(&Self::unified(b)?)?)),
            (Self::List(a), Self::Tuple(b)) => Self::List(Box::new(a.with(&Self::unified(b)?)?)),
            (Self::Tuple(a), Self::List(b)) => Self::List(Box::new(Self::unified(&a)?.with(b)?)),
            (Self::List(a), Self::List(b)) => Self::List(Box::new(a.with(b)?)),
            (Self::Map(a), Self::Map(b)) => Self::Map(Box::new(a.with(b)?)),
            (Self::Object(a), Self::Map(b)) => Self::Map(Box::new(Self::of_attributes(&a)?.with(b)?)),
            (Self::Map(a), Self::Object(b)) => Self::Map(Box::new(a.with(&Self::of_attributes(b)?)?)),
            (Self::Object(a), Self::Object(b)) => Self::with_attributes(a, b)?,
            _ => return None,
        })
    }

    fn of_attributes(attributes: &[Attribute]) -> Option<Self> {
        let types: Vec<Self> = attributes.iter().map(|attribute| attribute.required.clone()).collect();
        Self::unified(&types)
    }

    /// Objects of the same attributes stay objects; others become maps, when all of their values can be of one type.
    fn with_attributes(a: Vec<Attribute>, b: &[Attribute]) -> Option<Self> {
        let same = a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.name == b.name);
        if !same {
            return match (Self::of_attributes(&a), Self::of_attributes(b)) {
                (Some(one), Some(other)) => Some(Self::Map(Box::new(one.with(&other)?))),
                _ => None,
            };
        }
        let both = a.into_iter().zip(b).map(|(mut a, b)| {
            a.required = a.required.with(&b.required)?;
            Some(a)
        });
        both.collect::<Option<_>>().map(Self::Object)
    }

    /// The value brought to this type.
    pub(super) fn convert(&self, value: &Value) -> Evaluated {
        match (self, value) {
            (_, Value::Null | Value::Unknown(_)) | (Self::Any, _) | (Self::Bool, Value::Bool(_)) => Ok(value.clone()),
            (Self::String, value) => to_text(value).map(Value::from),
            (Self::Number, value) => to_number(value).map(|number| Value::Number(plain(&number))),
            (Self::Bool, Value::String(text)) => match text.as_str() {
                "true" | "1" => Ok(true.into()),
                "false" | "0" => Ok(false.into()),
                other => error(format!("`{other}` is neither true nor false")),
            },
            (Self::List(inner), Value::Array(_) | Value::Set(_)) => {
                Ok(Value::array(inner.convert_all(&elements(value))?))
            }
            (Self::Set(inner), Value::Array(_) | Value::Set(_)) => {
                Ok(Value::Set(inner.convert_all(&elements(value))?.into_iter().collect()))
            }
            (Self::Map(inner), Value::Object(object)) => {
                let values: Vec<Value> = object.iter().map(|(_, value)| value.clone()).collect();
                let values = inner.convert_all(&values)?;
                Ok(with_values(object, values))
            }
            (Self::Tuple(types), Value::Array(list)) if types.len() == list.len() => {
                let made = types.iter().zip(list).map(|(one, value)| one.convert(value));
                Ok(Value::array(made.collect::<Result<Vec<_>, _>>()?))
            }
            (Self::Object(attributes), Value::Object(object)) => convert_object(attributes, object),
            (_, other) => error(format!("a {} is not {}", other.kind(), self.describe())),
        }
    }

    /// Elements brought to this type; where it is any, to one that all of them can have.
    fn convert_all(&self, values: &[Value]) -> Result<Vec<Value>, EvalError> {
        match self {
            Self::Any => unify(values),
            one => values.iter().map(|value| one.convert(value)).collect(),
        }
    }

    fn describe(&self) -> &'static str {
        match self {
            Self::Any => "a value",
            Self::Bool => "true or false",
            Self::Number => "a number",
            Self::String => "a string",
            Self::List(_) => "a list",
            Self::Set(_) => "a set",
            Self::Map(_) => "a map",
            Self::Tuple(_) => "a tuple of this length",
            Self::Object(_) => "an object of these attributes",
        }
    }
}

fn convert_object(attributes: &[Attribute], object: &Object) -> Evaluated {
    let mut entries = Vec::new();
    for attribute in attributes {
        let given = object.get_key(&attribute.name).filter(|given| !given.is_null());
        let value = match (given.or(attribute.default.as_ref()), attribute.optional) {
            (Some(value), _) => attribute.required.convert(value)?,
            (None, true) => Value::Null,
            (None, false) if object.get_key(&attribute.name).is_some() => Value::Null,
            (None, false) => return error(format!("the attribute `{}` is missing", attribute.name)),
        };
        entries.push((attribute.name.clone(), value));
    }
    Ok(Value::Object(entries.into_iter().collect()))
}

fn with_values(object: &Object, values: Vec<Value>) -> Value {
    Value::Object(object.iter().map(|(key, _)| key.clone()).zip(values).collect())
}

fn elements(value: &Value) -> Vec<Value> {
    match value {
        Value::Array(list) => list.iter().cloned().collect(),
        Value::Set(set) => set.iter().cloned().collect(),
        _ => Vec::new(),
    }
}

/// Values brought to one type, as the elements of a list are.
pub(super) fn unify(values: &[Value]) -> Result<Vec<Value>, EvalError> {
    // Most are of one simple kind.
    let kinds: HashSet<std::mem::Discriminant<Value>> = values.iter().map(std::mem::discriminant).collect();
    let is_simple = |value: &Value| !matches!(value, Value::Array(_) | Value::Object(_) | Value::Set(_));
    if kinds.len() <= 1 && values.first().is_none_or(is_simple) {
        return Ok(values.to_vec());
    }
    let types: Vec<Type> = values.iter().map(Type::of).collect();
    match Type::unified(&types) {
        Some(one) => values.iter().map(|value| one.convert(value)).collect(),
        None => error("the values are of different types"),
    }
}

/// The chosen one of two values, brought to the type that both can have.
pub(super) fn chosen(value: Value, other: &Value) -> Evaluated {
    if matches!(value, Value::Null | Value::Unknown(_)) || matches!(other, Value::Null | Value::Unknown(_)) {
        return Ok(value);
    }
    // With something unknown inside, what type it will have is not known either.
    let Some(one) = Type::of(&value).with(&Type::of(other)) else {
        return error("what stands for true and what stands for false are of different types");
    };
    one.convert(&value)
}
