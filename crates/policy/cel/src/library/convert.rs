//! Conversions between types.

use smol_str::SmolStr;

use crate::environment::Builder;
use crate::program::traversal;
use crate::value::{Duration, Timestamp};
use crate::{Error, Evaluation, Overload, Type, Value};

type Convert = fn(&Value) -> Result<Value, Error>;

fn conversion(id: &'static str, from: Type, to: Type, convert: Convert) -> Overload {
    Overload::global(id, [from], to, move |_, args| args.first().map_or(Err(Error::NoSuchOverload), convert))
}

#[expect(clippy::unnecessary_wraps, reason = "it stands among conversions that may fail")]
fn same(value: &Value) -> Result<Value, Error> {
    Ok(value.clone())
}

pub(super) fn conversions(builder: &mut Builder) {
    use Type::{Bool, Bytes, Double, Dyn, Int, String, Timestamp as Time, Uint};
    let by_length = |args: &[Value], _: &Value| traversal(args[0].size());
    let type_of = |_: &Evaluation<'_>, args: &[Value]| Ok(Value::Type(SmolStr::new(args[0].type_name())));
    let a = || Type::param("A");
    builder
        .function("type", Overload::global("type", [a()], Type::Type(std::sync::Arc::new(a())), type_of))
        .function("dyn", conversion("to_dyn", a(), Dyn, same))
        .function("bool", conversion("bool_to_bool", Bool, Bool, same))
        .function("bool", conversion("string_to_bool", String, Bool, to_bool))
        .function("bytes", conversion("bytes_to_bytes", Bytes, Bytes, same))
        .function("bytes", conversion("string_to_bytes", String, Bytes, to_bytes).with_cost(by_length))
        .function("timestamp", conversion("timestamp_to_timestamp", Time, Time, same))
        .function("timestamp", conversion("int64_to_timestamp", Int, Time, to_timestamp))
        .function("timestamp", conversion("string_to_timestamp", String, Time, to_timestamp))
        .function("duration", conversion("duration_to_duration", Type::Duration, Type::Duration, same))
        .function("duration", conversion("string_to_duration", String, Type::Duration, to_duration))
        .function("string", conversion("bytes_to_string", Bytes, String, to_string).with_cost(by_length));
    let ints = [
        ("int64_to_int64", Int),
        ("uint64_to_int64", Uint),
        ("double_to_int64", Double),
        ("string_to_int64", String),
        ("timestamp_to_int64", Time),
        ("duration_to_int64", Type::Duration),
    ];
    for (id, from) in ints {
        builder.function("int", conversion(id, from, Int, to_int));
    }
    let uints = [
        ("uint64_to_uint64", Uint),
        ("int64_to_uint64", Int),
        ("double_to_uint64", Double),
        ("string_to_uint64", String),
    ];
    for (id, from) in uints {
        builder.function("uint", conversion(id, from, Uint, to_uint));
    }
    let doubles = [
        ("double_to_double", Double),
        ("int64_to_double", Int),
        ("uint64_to_double", Uint),
        ("string_to_double", String),
    ];
    for (id, from) in doubles {
        builder.function("double", conversion(id, from, Double, to_double));
    }
    let strings = [
        ("string_to_string", String),
        ("bool_to_string", Bool),
        ("int64_to_string", Int),
        ("uint64_to_string", Uint),
        ("double_to_string", Double),
        ("timestamp_to_string", Time),
        ("duration_to_string", Type::Duration),
    ];
    for (id, from) in strings {
        builder.function("string", conversion(id, from, String, to_string));
    }
}

fn failed(value: &Value, to: &str) -> Error {
    Error::Other(format!("type conversion error from '{}' to '{to}'", value.type_name()).into())
}

fn to_bool(value: &Value) -> Result<Value, Error> {
    match value.as_str() {
        Some("1" | "t" | "T" | "true" | "TRUE" | "True") => Ok(Value::Bool(true)),
        Some("0" | "f" | "F" | "false" | "FALSE" | "False") => Ok(Value::Bool(false)),
        _ => Err(failed(value, "bool")),
    }
}

fn to_bytes(value: &Value) -> Result<Value, Error> {
    value.as_str().map(|text| Value::from(text.as_bytes().to_vec())).ok_or(Error::NoSuchOverload)
}

#[expect(clippy::cast_possible_truncation, reason = "the range is checked; the fraction is cut off as it should be")]
fn to_int(value: &Value) -> Result<Value, Error> {
    const OVERFLOW: Error = Error::Other(std::borrow::Cow::Borrowed("integer overflow"));
    /// 2^63
    const LIMIT: f64 = 9_223_372_036_854_775_808.0;
    Ok(Value::Int(match value {
        Value::Int(int) => *int,
        Value::Uint(uint) => i64::try_from(*uint).map_err(|_| OVERFLOW)?,
        Value::Double(double) if *double > -LIMIT && *double < LIMIT => *double as i64,
        Value::Double(_) => return Err(OVERFLOW),
        Value::String(text) => go_integer(text).ok_or_else(|| failed(value, "int"))?,
        Value::Timestamp(time) => time.seconds(),
        Value::Duration(duration) => duration.nanoseconds(),
        _ => return Err(Error::NoSuchOverload),
    }))
}

/// Decimal digits with a sign, as Go's `strconv.ParseInt` reads them.
fn go_integer(text: &str) -> Option<i64> {
    text.parse().ok()
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the range is checked; the fraction is cut off as it should be"
)]
fn to_uint(value: &Value) -> Result<Value, Error> {
    const OVERFLOW: Error = Error::Other(std::borrow::Cow::Borrowed("unsigned integer overflow"));
    Ok(Value::Uint(match value {
        Value::Uint(uint) => *uint,
        Value::Int(int) => u64::try_from(*int).map_err(|_| OVERFLOW)?,
        Value::Double(double) if *double >= 0.0 && *double < 18_446_744_073_709_551_616.0 => *double as u64,
        Value::Double(_) => return Err(OVERFLOW),
        Value::String(text) if text.starts_with('+') => return Err(failed(value, "uint")),
        Value::String(text) => text.parse().map_err(|_| failed(value, "uint"))?,
        _ => return Err(Error::NoSuchOverload),
    }))
}

#[expect(clippy::cast_precision_loss, reason = "the nearest double is what is asked for")]
fn to_double(value: &Value) -> Result<Value, Error> {
    Ok(Value::Double(match value {
        Value::Double(double) => *double,
        Value::Int(int) => *int as f64,
        Value::Uint(uint) => *uint as f64,
        Value::String(text) => text.parse().map_err(|_| failed(value, "double"))?,
        _ => return Err(Error::NoSuchOverload),
    }))
}

fn to_string(value: &Value) -> Result<Value, Error> {
    Ok(Value::String(match value {
        Value::String(text) => text.clone(),
        Value::Bool(truth) => SmolStr::from(truth.to_string()),
        Value::Int(int) => SmolStr::from(int.to_string()),
        Value::Uint(uint) => SmolStr::from(uint.to_string()),
        Value::Double(double) => SmolStr::from(go_double(*double)),
        Value::Timestamp(time) => SmolStr::from(time.to_string()),
        Value::Duration(duration) => SmolStr::from(duration.to_string()),
        Value::Bytes(bytes) => match std::str::from_utf8(bytes) {
            Ok(text) => SmolStr::from(text),
            Err(_) => return Err(Error::new("invalid UTF-8 in bytes, cannot convert to string")),
        },
        _ => return Err(Error::NoSuchOverload),
    }))
}

/// A double as Go's `%g` prints it with the fewest digits: an exponent below 1e-4 and from 1e6 on, as far as more digits.
pub(super) fn go_double(double: f64) -> String {
    if double.is_nan() {
        return "NaN".to_owned();
    }
    if double.is_infinite() {
        return if double > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    let scientific = format!("{double:e}");
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or_default();
    if (-4..6).contains(&exponent) {
        return format!("{double}");
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{mantissa}e{sign}{:02}", exponent.unsigned_abs())
}

fn to_timestamp(value: &Value) -> Result<Value, Error> {
    match value {
        Value::Int(seconds) => Timestamp::new(*seconds, 0).map(Value::Timestamp),
        Value::String(text) => Timestamp::parse(text).map(Value::Timestamp),
        _ => Err(Error::NoSuchOverload),
    }
}

fn to_duration(value: &Value) -> Result<Value, Error> {
    match value {
        Value::String(text) => {
            Duration::parse(text).map(Value::Duration).map_err(|_| failed(value, "google.protobuf.Duration"))
        }
        _ => Err(Error::NoSuchOverload),
    }
}
