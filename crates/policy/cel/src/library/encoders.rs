//! Base64 and JSON (cel-go's `ext/encoders`).

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};

use crate::environment::Builder;
use crate::program::traversal;
use crate::{Error, Evaluation, Overload, Type, Value};

use super::args::{error, text};

/// `base64.encode`, `base64.decode` and `json.encode`.
pub fn encoders(builder: &mut Builder) {
    let cost = |args: &[Value], _: &Value| 1 + traversal(args[0].size());
    let of_result = |_: &[Value], result: &Value| 1 + traversal(result.size());
    builder
        .function(
            "base64.decode",
            Overload::global("base64_decode_string", [Type::String], Type::Bytes, decode).with_cost(cost),
        )
        .function(
            "base64.encode",
            Overload::global("base64_encode_bytes", [Type::Bytes], Type::String, encode).with_cost(cost),
        )
        .function(
            "json.encode",
            Overload::global("json_encode_dyn", [Type::Dyn], Type::String, json).with_cost(of_result),
        );
}

fn decode(_: &Evaluation<'_>, args: &[Value]) -> Result<Value, Error> {
    // Go's decoder passes over line ends.
    let text = text(args, 0)?.replace(['\r', '\n'], "");
    let decoded = STANDARD.decode(&text).or_else(|_| STANDARD_NO_PAD.decode(&text));
    decoded.map(Value::from).map_err(|problem| error(format!("illegal base64 data: {problem}")))
}

fn encode(_: &Evaluation<'_>, args: &[Value]) -> Result<Value, Error> {
    match &args[0] {
        Value::Bytes(bytes) => Ok(Value::from(STANDARD.encode(bytes))),
        _ => Err(Error::NoSuchOverload),
    }
}

fn json(_: &Evaluation<'_>, args: &[Value]) -> Result<Value, Error> {
    Ok(Value::from(probity_model::json::write(&args[0].to_model()?)))
}
