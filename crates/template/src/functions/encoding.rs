//! Hashes, base64, JSON, YAML and TOML.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use md5::Md5;
use probity_go::float;
use probity_model::value::Value;
use probity_model::{Number, json};
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha512};

use super::{Outcome, Table, exactly, string};
use crate::datum::{Datum, MAX_DEPTH};
use crate::yaml;

pub(super) const TABLE: Table = &[
    ("adler32sum", |args| {
        let [text] = exactly(args)?;
        let (mut a, mut b) = (1_u32, 0_u32);
        for byte in string(text)?.bytes() {
            a = (a + u32::from(byte)) % 65_521;
            b = (b + a) % 65_521;
        }
        Ok((b << 16 | a).to_string().into())
    }),
    ("b32dec", |args| {
        let [text] = exactly(args)?;
        Ok(base32_decoded(string(text)?).unwrap_or_else(|| "illegal base32 data".to_owned()).into())
    }),
    ("b32enc", |args| {
        let [text] = exactly(args)?;
        Ok(base32(string(text)?.as_bytes()).into())
    }),
    ("b64dec", |args| {
        let [text] = exactly(args)?;
        // Go steps over line ends.
        let text: String = string(text)?.chars().filter(|c| !matches!(c, '\r' | '\n')).collect();
        Ok(match STANDARD.decode(&text) {
            Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned().into(),
            Err(error) => {
                let at = match error {
                    base64::DecodeError::InvalidByte(at, _) => at,
                    _ => text.len() / 4 * 4,
                };
                format!("illegal base64 data at input byte {at}").into()
            }
        })
    }),
    ("b64enc", |args| {
        let [text] = exactly(args)?;
        Ok(STANDARD.encode(string(text)?).into())
    }),
    ("fromJson", |args| {
        let [text] = exactly(args)?;
        Ok(read_json(string(text)?))
    }),
    ("fromJsonArray", |args| {
        let [text] = exactly(args)?;
        Ok(match json::read(string(text)?.as_bytes()) {
            Ok(value @ Value::Array(_)) => Datum::from_value(&value),
            Ok(other) => Datum::list(vec![wrong_kind(&other, "[]interface {}").into()]),
            Err(problem) => Datum::list(vec![problem.message.into()]),
        })
    }),
    ("fromToml", |args| {
        let [text] = exactly(args)?;
        Ok(match string(text)?.parse::<toml_edit::DocumentMut>() {
            Ok(document) => toml_table(document.as_table()),
            Err(error) => failed(&error.to_string()),
        })
    }),
    ("fromYaml", |args| {
        let [text] = exactly(args)?;
        Ok(match yaml::read(string(text)?) {
            Ok(map @ Datum::Map(_)) => map,
            Ok(nil) if nil.is_nil() => Datum::map::<&str>([]),
            Ok(other) => failed(&format!(
                "error unmarshaling JSON: while decoding JSON: json: cannot unmarshal {} into Go value of type \
                 map[string]interface {{}}",
                go_kind(&other)
            )),
            Err(message) => failed(&message),
        })
    }),
    ("fromYamlArray", |args| {
        let [text] = exactly(args)?;
        Ok(match yaml::read(string(text)?) {
            Ok(list @ Datum::List(_)) => list,
            Ok(nil) if nil.is_nil() => Datum::list(Vec::new()),
            Ok(other) => Datum::list(vec![
                format!(
                    "error unmarshaling JSON: while decoding JSON: json: cannot unmarshal {} into Go value of type \
                     []interface {{}}",
                    go_kind(&other)
                )
                .into(),
            ]),
            Err(message) => Datum::list(vec![message.into()]),
        })
    }),
    ("md5sum", |args| hash::<Md5>(args)),
    ("mustFromJson", |args| {
        let [text] = exactly(args)?;
        Ok(Datum::from_value(&json::read(string(text)?.as_bytes()).map_err(|problem| problem.message)?))
    }),
    ("mustToJson", |args| to_json(args, escaped)),
    ("mustToPrettyJson", |args| to_json(args, |json| json::indented(&escaped(json)))),
    ("mustToRawJson", |args| to_json(args, str::to_owned)),
    ("sha1sum", |args| hash::<Sha1>(args)),
    ("sha256sum", |args| hash::<Sha256>(args)),
    ("sha512sum", |args| hash::<Sha512>(args)),
    ("toJson", |args| to_json(args, escaped)),
    ("toPrettyJson", |args| to_json(args, |json| json::indented(&escaped(json)))),
    ("toRawJson", |args| to_json(args, str::to_owned)),
    ("toToml", |args| {
        let [value] = exactly(args)?;
        Ok(yaml::toml(value).into())
    }),
    ("toYaml", |args| {
        let [value] = exactly(args)?;
        Ok(yaml::write(value).trim_end_matches('\n').into())
    }),
    ("toYamlPretty", |args| {
        let [value] = exactly(args)?;
        Ok(yaml::write_pretty(value).trim_end_matches('\n').into())
    }),
];

fn hash<D: Digest>(args: &[Datum]) -> Outcome {
    let [text] = exactly(args)?;
    let digest = D::digest(string(text)?);
    Ok(digest.iter().map(|byte| format!("{byte:02x}")).collect::<String>().into())
}

fn failed(message: &str) -> Datum {
    Datum::map([("Error", message.into())])
}

fn go_kind(value: &Datum) -> &'static str {
    match value {
        Datum::List(_) => "array",
        Datum::Map(_) => "object",
        Datum::Text(_) => "string",
        Datum::Bool(_) => "bool",
        _ => "number",
    }
}

fn wrong_kind(value: &Value, wanted: &str) -> String {
    format!("json: cannot unmarshal {} into Go value of type {wanted}", go_kind(&Datum::from_value(value)))
}

fn read_json(text: &str) -> Datum {
    match json::read(text.as_bytes()) {
        Ok(value @ Value::Object(_)) => Datum::from_value(&value),
        Ok(Value::Null) => Datum::map::<&str>([]),
        Ok(other) => failed(&wrong_kind(&other, "map[string]interface {}")),
        Err(problem) => failed(&problem.message),
    }
}

fn escaped(json: &str) -> String {
    json::escaped_for_html(json).into_owned()
}

fn to_json(args: &[Datum], form: fn(&str) -> String) -> Outcome {
    let [value] = exactly(args)?;
    Ok(form(&json::write(&to_value(value, MAX_DEPTH))).into())
}

/// As data of a document; numbers print as Go's `encoding/json` prints them.
pub(crate) fn to_value(value: &Datum, depth: usize) -> Value {
    match value {
        _ if depth == 0 => Value::Null,
        Datum::None | Datum::Nil => Value::Null,
        Datum::Bool(truth) => Value::Bool(*truth),
        Datum::Int(int) | Datum::Int64(int) => (*int).into(),
        Datum::Float(number) => Number::as_written(&float::json(*number)).map_or(Value::Null, Value::Number),
        Datum::Text(text) => Value::from(&**text),
        Datum::List(list) => Value::array(list.iter().map(|element| to_value(element, depth - 1))),
        Datum::Map(map) => {
            Value::object(map.entries().into_iter().map(|(key, element)| (key, to_value(&element, depth - 1))))
        }
        Datum::Native(native) => match native.data() {
            Datum::Nil => Value::from(native.text()),
            data => to_value(&data, depth - 1),
        },
    }
}

const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

fn base32(bytes: &[u8]) -> String {
    let mut out = String::new();
    for chunk in bytes.chunks(5) {
        let mut group = [0_u8; 8];
        group[3..3 + chunk.len()].copy_from_slice(chunk);
        let bits = u64::from_be_bytes(group);
        let characters = (chunk.len() * 8).div_ceil(5);
        for at in 0..8 {
            let index = usize::try_from(bits >> (35 - 5 * at) & 31).unwrap_or(0);
            out.push(if at < characters { char::from(BASE32[index]) } else { '=' });
        }
    }
    out
}

fn base32_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let (mut bits, mut count) = (0_u32, 0);
    for character in text.trim_end_matches('=').bytes() {
        let digit = BASE32.iter().position(|known| *known == character)?;
        bits = bits << 5 | u32::try_from(digit).ok()?;
        count += 5;
        if count >= 8 {
            count -= 8;
            bytes.push(u8::try_from(bits >> count & 0xff).ok()?);
        }
    }
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

fn toml_table(table: &dyn toml_edit::TableLike) -> Datum {
    Datum::map(table.iter().map(|(key, item)| (key, toml_item(item))))
}

fn toml_item(item: &toml_edit::Item) -> Datum {
    match item {
        toml_edit::Item::None => Datum::Nil,
        toml_edit::Item::Value(value) => toml_value(value),
        toml_edit::Item::Table(table) => toml_table(table),
        toml_edit::Item::ArrayOfTables(tables) => Datum::List(tables.iter().map(|table| toml_table(table)).collect()),
    }
}

fn toml_value(value: &toml_edit::Value) -> Datum {
    match value {
        toml_edit::Value::String(text) => text.value().as_str().into(),
        toml_edit::Value::Integer(int) => Datum::Int64(*int.value()),
        toml_edit::Value::Float(float) => Datum::Float(*float.value()),
        toml_edit::Value::Boolean(truth) => Datum::Bool(*truth.value()),
        toml_edit::Value::Datetime(time) => time.value().to_string().into(),
        toml_edit::Value::Array(list) => Datum::List(list.iter().map(toml_value).collect()),
        toml_edit::Value::InlineTable(table) => toml_table(table),
    }
}
