//! Operands, taken as what they must be.

use bigdecimal::BigDecimal;
use bigdecimal::num_bigint::BigInt;
use probity_model::value::{Array, Number, Object, Set, Value};

use super::Failure;

/// A value's type as Rego calls it.
pub(crate) fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
        Value::Set(_) => "set",
        Value::Unknown(_) => "unknown",
    }
}

/// An operand is of the wrong type; positions count from 1.
pub(crate) fn wrong_type(position: usize, value: &Value, wanted: &[&str]) -> Failure {
    let got = type_name(value);
    Failure::Type(match wanted {
        [one] => format!("operand {position} must be {one} but got {got}"),
        many => format!("operand {position} must be one of {{{}}} but got {got}", many.join(", ")),
    })
}

/// An operand's element is of the wrong type.
pub(crate) fn wrong_element(position: usize, container: &Value, element: &Value, wanted: &[&str]) -> Failure {
    let (outer, got) = (type_name(container), type_name(element));
    Failure::Type(match wanted {
        [one] => format!("operand {position} must be {outer} of {one}s but got {outer} containing {got}"),
        many => {
            format!(
                "operand {position} must be {outer} of (any of) {{{}}} but got {outer} containing {got}",
                many.join(", ")
            )
        }
    })
}

/// An operand is not one of those it can be.
pub(crate) fn not_one_of(position: usize, wanted: &[&str]) -> Failure {
    Failure::Type(match wanted {
        [one] => format!("operand {position} must be {one}"),
        many => format!("operand {position} must be one of {{{}}}", many.join(", ")),
    })
}

/// Something else is wrong with an operand.
pub(crate) fn bad(position: usize, message: impl std::fmt::Display) -> Failure {
    Failure::Type(format!("operand {position} {message}"))
}

pub(crate) fn string(args: &[Value], index: usize) -> Result<&str, Failure> {
    args[index].as_str().ok_or_else(|| wrong_type(index + 1, &args[index], &["string"]))
}

pub(crate) fn number(args: &[Value], index: usize) -> Result<&Number, Failure> {
    args[index].as_number().ok_or_else(|| wrong_type(index + 1, &args[index], &["number"]))
}

pub(crate) fn array(args: &[Value], index: usize) -> Result<&Array, Failure> {
    args[index].as_array().ok_or_else(|| wrong_type(index + 1, &args[index], &["array"]))
}

pub(crate) fn object(args: &[Value], index: usize) -> Result<&Object, Failure> {
    args[index].as_object().ok_or_else(|| wrong_type(index + 1, &args[index], &["object"]))
}

pub(crate) fn set(args: &[Value], index: usize) -> Result<&Set, Failure> {
    args[index].as_set().ok_or_else(|| wrong_type(index + 1, &args[index], &["set"]))
}

const NOT_WHOLE: &str = "must be integer number but got floating-point number";

/// A whole number that fits a machine word, and is written without an exponent.
pub(crate) fn int(args: &[Value], index: usize) -> Result<i64, Failure> {
    let number = number(args, index)?;
    number.as_i64().filter(|_| !number.is_written_with_exponent()).ok_or_else(|| bad(index + 1, NOT_WHOLE))
}

/// A whole number of any size.
pub(crate) fn big_int(args: &[Value], index: usize) -> Result<BigInt, Failure> {
    let number = args[index].as_number().ok_or_else(|| wrong_type(index + 1, &args[index], &["integer"]))?;
    whole(number).ok_or_else(|| bad(index + 1, NOT_WHOLE))
}

/// The number as a whole number, when it is one.
pub(crate) fn whole(number: &Number) -> Option<BigInt> {
    if let Some(int) = number.as_i64() {
        return Some(int.into());
    }
    let big = number.to_big();
    big.is_integer().then(|| big.with_scale(0).into_bigint_and_exponent().0)
}

/// The elements of a list or set.
pub(crate) fn elements(args: &[Value], index: usize) -> Result<&[Value], Failure> {
    match &args[index] {
        Value::Array(array) => Ok(array.as_slice()),
        Value::Set(set) => Ok(set.as_slice()),
        other => Err(wrong_type(index + 1, other, &["array", "set"])),
    }
}

/// The texts of a list or set.
pub(crate) fn strings(args: &[Value], index: usize) -> Result<Vec<&str>, Failure> {
    let container = &args[index];
    elements(args, index)?
        .iter()
        .map(|element| element.as_str().ok_or_else(|| wrong_element(index + 1, container, element, &["string"])))
        .collect()
}

/// A whole number as a value.
pub(crate) fn whole_value(int: BigInt) -> Value {
    Value::Number(BigDecimal::new(int, 0).into())
}

/// A length as a value.
pub(crate) fn count(length: usize) -> Value {
    i64::try_from(length).unwrap_or(i64::MAX).into()
}

/// Largest value that is written out or gone through as a whole, in values and bytes of texts. Values share their parts, so
/// that a small one may stand for more than could ever be written.
const MAX_EXPANDED: usize = 32 << 20;

/// Checks that a value can be gone through.
pub(crate) fn expandable(value: &Value) -> Result<(), Failure> {
    fn count(value: &Value, left: &mut usize) -> Option<()> {
        *left = left.checked_sub(1)?;
        match value {
            Value::String(text) => *left = left.checked_sub(text.len())?,
            Value::Array(array) => array.iter().try_for_each(|element| count(element, left))?,
            Value::Set(set) => set.iter().try_for_each(|member| count(member, left))?,
            Value::Object(object) => object.iter().try_for_each(|(key, value)| {
                *left = left.checked_sub(key.as_str().len())?;
                count(value, left)
            })?,
            _ => {}
        }
        Some(())
    }
    count(value, &mut MAX_EXPANDED.clone()).ok_or_else(|| Failure::value("the value is too large"))
}

/// Checks that all operands can be gone through.
pub(super) fn all_expandable(args: &[Value]) -> Result<(), Failure> {
    args.iter().try_for_each(expandable)
}
