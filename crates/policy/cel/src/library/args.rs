//! Arguments as the types that an overload declares.

use smol_str::SmolStr;

use crate::value::List;
use crate::{Error, Value};

pub(super) fn text(args: &[Value], index: usize) -> Result<&SmolStr, Error> {
    match args.get(index) {
        Some(Value::String(text)) => Ok(text),
        _ => Err(Error::NoSuchOverload),
    }
}

pub(super) fn int(args: &[Value], index: usize) -> Result<i64, Error> {
    args.get(index).and_then(Value::as_int).ok_or(Error::NoSuchOverload)
}

pub(super) fn list(args: &[Value], index: usize) -> Result<&List, Error> {
    args.get(index).and_then(Value::as_list).ok_or(Error::NoSuchOverload)
}

/// A count of characters or elements.
pub(super) fn count(size: usize) -> Value {
    Value::Int(i64::try_from(size).unwrap_or(i64::MAX))
}

/// An error with a text made for it.
pub(super) fn error(message: String) -> Error {
    Error::Other(message.into())
}
