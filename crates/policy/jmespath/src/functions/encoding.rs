//! Kyverno's functions that decode, encode and hash.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use md5::Md5;
use probity_model::yaml::{self, Dialect};
use probity_model::{SourceId, Value, json};
use sha1::Sha1;
use sha2::{Digest, Sha256};

use super::{Arguments, bounded, error};
use crate::error::SearchError;
use crate::text::decoded;

type Outcome = Result<Value, SearchError>;

pub(super) fn base64_decode(arguments: &Arguments<'_>) -> Outcome {
    // Go steps over ends of lines.
    let text: String = arguments.string(0)?.chars().filter(|other| !matches!(other, '\r' | '\n')).collect();
    let bytes = STANDARD.decode(&text).map_err(|problem| {
        let at = match problem {
            base64::DecodeError::InvalidByte(at, _) | base64::DecodeError::InvalidLastSymbol { offset: at, .. } => at,
            _ => text.len() / 4 * 4,
        };
        error(format!("illegal base64 data at input byte {at}"))
    })?;
    Ok(String::from_utf8_lossy(&bytes).into_owned().into())
}

pub(super) fn base64_encode(arguments: &Arguments<'_>) -> Outcome {
    bounded(STANDARD.encode(arguments.string(0)?))
}

pub(super) fn parse_json(arguments: &Arguments<'_>) -> Outcome {
    json::read(arguments.string(0)?.as_bytes()).map(decoded).map_err(|problem| error(problem.message))
}

/// The first document of a text.
pub(super) fn parse_yaml(arguments: &Arguments<'_>) -> Outcome {
    match yaml::read(arguments.string(0)?, SourceId(0), Dialect::Kubernetes) {
        Ok(documents) => Ok(documents.into_iter().next().map(|document| decoded(document.value)).unwrap_or_default()),
        Err((problem, _)) => Err(error(format!("yaml: {}", problem.message))),
    }
}

fn hexadecimal(digest: impl AsRef<[u8]>) -> Value {
    digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect::<String>().into()
}

pub(super) fn sha256(arguments: &Arguments<'_>) -> Outcome {
    Ok(hexadecimal(Sha256::digest(arguments.string(0)?)))
}

pub(super) fn sha1(arguments: &Arguments<'_>) -> Outcome {
    Ok(hexadecimal(Sha1::digest(arguments.string(0)?)))
}

pub(super) fn md5(arguments: &Arguments<'_>) -> Outcome {
    Ok(hexadecimal(Md5::digest(arguments.string(0)?)))
}
