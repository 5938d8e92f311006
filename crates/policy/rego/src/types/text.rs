//! Types as error messages write them.

use std::fmt::{self, Write};

use probity_model::value::Value;

use super::{Arg, Function, Type};

/// What is written for a type that is not known.
pub(crate) const UNKNOWN: &str = "???";

/// A type, or that it is not known, as text.
pub(crate) fn text(of: Option<&Type>) -> String {
    of.map_or_else(|| UNKNOWN.to_owned(), Type::to_string)
}

/// A parameter with its name.
pub(crate) fn arg_text(arg: &Arg) -> String {
    match &arg.name {
        Some(name) => format!("{name}: {}", text(arg.of.as_ref())),
        None => text(arg.of.as_ref()),
    }
}

/// A key as OPA prints it: texts bare, lists and objects the way Go does.
pub(crate) fn key_text(key: &Value) -> String {
    match key {
        Value::Null => "<nil>".to_owned(),
        Value::String(text) => text.to_string(),
        Value::Array(array) => {
            let elements: Vec<_> = array.iter().map(key_text).collect();
            format!("[{}]", elements.join(" "))
        }
        Value::Object(object) => {
            let entries: Vec<_> = object
                .iter()
                .map(|(key, value)| format!("{}:{}", key_text(&key.to_value()), key_text(value)))
                .collect();
            format!("map[{}]", entries.join(" "))
        }
        other => probity_model::json::write(other),
    }
}

/// `kind<fixed>[rest]`, what is absent left out.
pub(super) fn composite(kind: &str, fixed: &[String], rest: Option<&str>) -> String {
    let mut text = kind.to_owned();
    if !fixed.is_empty() {
        let _ = write!(text, "<{}>", fixed.join(", "));
    }
    if let Some(rest) = rest {
        let _ = write!(text, "[{rest}]");
    }
    text
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Boolean => f.write_str("boolean"),
            Self::Number => f.write_str("number"),
            Self::String => f.write_str("string"),
            Self::Array(array) => {
                let fixed: Vec<_> = array.fixed.iter().map(|of| text(of.as_ref())).collect();
                f.write_str(&composite("array", &fixed, array.rest.as_ref().map(Self::to_string).as_deref()))
            }
            Self::Object(object) => {
                let fixed = object.fixed.iter().map(|(key, of)| format!("{}: {}", key_text(key), text(of.as_ref())));
                let rest = object
                    .rest
                    .as_ref()
                    .map(|rest| format!("{}: {}", text(rest.key.as_ref()), text(rest.value.as_ref())));
                f.write_str(&composite("object", &fixed.collect::<Vec<_>>(), rest.as_deref()))
            }
            Self::Set(set) => f.write_str(&composite("set", &[], set.of.as_ref().map(Self::to_string).as_deref())),
            Self::Any => f.write_str("any"),
            Self::OneOf(one_of) => {
                let alternatives: Vec<_> = one_of.alternatives.iter().map(Self::to_string).collect();
                f.write_str(&composite("any", &alternatives, None))
            }
            Self::Function(function) => function.fmt(f),
            Self::Recursive(recursive) => write!(f, "recursive({})", recursive.name),
        }
    }
}

impl fmt::Display for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut args: Vec<_> = self.args.iter().map(|arg| text(arg.of.as_ref())).collect();
        args.extend(self.variadic.as_ref().map(|of| format!("{of}...")));
        let result = text(self.result.as_ref().and_then(|arg| arg.of.as_ref()));
        write!(f, "({}) => {result}", args.join(", "))
    }
}
