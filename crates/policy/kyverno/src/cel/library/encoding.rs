//! `json`, `yaml`, `gzip` and `hash`: other forms of values.

use std::io::{Read, Write};

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use md5::{Digest, Md5};
use probity_model::SourceId;
use probity_model::yaml::{self, Dialect};
use probity_policy_cel::{Builder, Error, Evaluation, Overload, Type, Value};
use sha1::Sha1;
use sha2::Sha256;

use super::{Namespace, from_go_json, namespace, text};

const JSON: &str = "json.Json";
const YAML: &str = "yaml.Yaml";

/// How much text is unpacked at most.
const MAX_UNPACKED: u64 = 16 * 1024 * 1024;

pub(super) fn add(builder: &mut Builder) {
    builder.constant("json", Value::opaque(Namespace(JSON))).constant("yaml", Value::opaque(Namespace(YAML)));
    let json = || namespace(JSON);
    let unmarshal = |_: &Evaluation<'_>, args: &[Value]| from_json(text(args, 1)?);
    builder
        .function("unmarshal", Overload::member("unmarshal_string_dyn", vec![json(), Type::Dyn], Type::Dyn, unmarshal));
    let marshal = |_: &Evaluation<'_>, args: &[Value]| to_json(&args[1]);
    builder.function("marshal", Overload::member("marshal_dyn_string", vec![json(), Type::Dyn], Type::String, marshal));
    let parse = |_: &Evaluation<'_>, args: &[Value]| from_yaml(text(args, 1)?);
    let params = vec![namespace(YAML), Type::String];
    builder.function("parse", Overload::member("parse_string_dyn", params, Type::Dyn, parse));
    let compress = |_: &Evaluation<'_>, args: &[Value]| packed(text(args, 0)?);
    builder.function("gzip.compress", Overload::global("compress_any_bytes", vec![Type::Dyn], Type::Bytes, compress));
    let decompress = |_: &Evaluation<'_>, args: &[Value]| unpacked(&args[0]);
    builder.function(
        "gzip.decompress",
        Overload::global("decompress_bytes_string", vec![Type::Bytes], Type::String, decompress),
    );
    hash(builder, ["md5", "hash.md5"], ["md5_string", "md5_string_prefixed"], |text| hex(&Md5::digest(text)));
    hash(builder, ["sha1", "hash.sha1"], ["sha1_string", "sha1_string_prefixed"], |text| hex(&Sha1::digest(text)));
    hash(builder, ["sha256", "hash.sha256"], ["sha256_string", "sha256_string_prefixed"], |text| {
        hex(&Sha256::digest(text))
    });
}

fn hash(builder: &mut Builder, names: [&'static str; 2], ids: [&'static str; 2], digest: fn(&str) -> String) {
    for (name, id) in names.into_iter().zip(ids) {
        let run = move |_: &Evaluation<'_>, args: &[Value]| Ok(digest(text(args, 0)?).into());
        builder.function(name, Overload::global(id, vec![Type::String], Type::String, run));
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(super) fn from_json(text: &str) -> Result<Value, Error> {
    let value = probity_model::json::read(text.as_bytes());
    value.map(|value| from_go_json(&value)).map_err(|problem| Error::new(format!("json: {}", problem.message)))
}

fn to_json(value: &Value) -> Result<Value, Error> {
    let text = probity_policy_jmespath::to_json(&value.to_model()?).map_err(|error| Error::new(error.to_string()))?;
    Ok(text.into())
}

/// The first document of a text; null when there is none.
fn from_yaml(text: &str) -> Result<Value, Error> {
    let documents = yaml::read(text, SourceId(0), Dialect::Kubernetes);
    let documents = documents.map_err(|(problem, _)| Error::new(format!("yaml: {}", problem.message)))?;
    Ok(documents.first().map_or(Value::Null, |document| from_go_json(&document.value)))
}

fn packed(text: &str) -> Result<Value, Error> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    let bytes = encoder.write_all(text.as_bytes()).and_then(|()| encoder.finish());
    bytes.map(Value::from).map_err(|error| Error::new(format!("gzip: {error}")))
}

fn unpacked(value: &Value) -> Result<Value, Error> {
    let Value::Bytes(bytes) = value else { return Err(Error::NoSuchOverload) };
    let mut text = String::new();
    let read = GzDecoder::new(&bytes[..]).take(MAX_UNPACKED + 1).read_to_string(&mut text);
    match read {
        Ok(_) if text.len() as u64 > MAX_UNPACKED => Err(Error::new("gzip: too much text")),
        Ok(_) => Ok(text.into()),
        Err(error) => Err(Error::new(format!("gzip: {error}"))),
    }
}
