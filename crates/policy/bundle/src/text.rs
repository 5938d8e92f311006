//! Data files read into values.

use probity_model::value::Value;
use probity_model::yaml::{self, Dialect};
use probity_model::{SourceId, json};

/// The text of a file, without the mark that some editors put before it.
pub(crate) fn utf8(bytes: &[u8]) -> Result<&str, String> {
    let text = std::str::from_utf8(bytes).map_err(|error| format!("not UTF-8 after byte {}", error.valid_up_to()))?;
    Ok(text.strip_prefix('\u{feff}').unwrap_or(text))
}

/// Reads JSON.
pub(crate) fn json(bytes: &[u8]) -> Result<Value, String> {
    json::read(utf8(bytes)?.as_bytes()).map_err(|problem| problem.message)
}

/// Reads the first document of a YAML text, as OPA does; a text without one is `null`.
pub(crate) fn yaml(bytes: &[u8]) -> Result<Value, String> {
    let documents = match yaml::read(utf8(bytes)?, SourceId(0), Dialect::Core) {
        Ok(documents) => documents,
        Err((_, documents)) if !documents.is_empty() => documents,
        Err((problem, _)) => return Err(format!("not valid YAML: {}", problem.message)),
    };
    Ok(documents.into_iter().next().map_or(Value::Null, |document| document.value))
}
