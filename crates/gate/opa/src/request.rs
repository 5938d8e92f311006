//! What a request says.

use std::io::Read as _;

use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use flate2::read::MultiGzDecoder;
use probity_model::value::Value;
use probity_model::yaml::{self, Dialect};
use probity_model::{Caller, SourceId, json};

use crate::answer::Refusal;
use crate::gate::Settings;

/// The parameters of a request.
#[derive(Debug, Default)]
pub(crate) struct Params(Vec<(String, String)>);

impl Params {
    pub(crate) fn of(request: &Request) -> Self {
        let query = request.uri().query().unwrap_or_default();
        Self(form_urlencoded::parse(query.as_bytes()).into_owned().collect())
    }

    /// Whether something is asked for: its name alone, or `true`.
    pub(crate) fn flag(&self, name: &str) -> bool {
        let mut given = self.0.iter().filter(|(known, _)| known == name).map(|(_, value)| value);
        let Some(first) = given.next() else { return false };
        let more = given.clone().next().is_some();
        !more && first.is_empty() || std::iter::once(first).chain(given).any(|value| value.eq_ignore_ascii_case("true"))
    }

    /// The last value of a name.
    pub(crate) fn last(&self, name: &str) -> Option<&str> {
        self.0.iter().rev().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Whether figures are asked for.
    pub(crate) fn metrics(&self) -> bool {
        self.flag("metrics") || self.flag("instrument")
    }

    /// Whether the answer is to be on many lines.
    pub(crate) fn pretty(&self) -> bool {
        self.flag("pretty")
    }
}

/// Who sends the request.
pub(crate) fn caller(request: &Request) -> Caller {
    request.extensions().get::<Caller>().cloned().unwrap_or_default()
}

/// Refuses whoever may not change what is decided by.
pub(crate) fn require_admin(request: &Request) -> Result<(), Refusal> {
    match request.extensions().get::<Caller>() {
        Some(caller) if caller.admin => Ok(()),
        Some(Caller { role: Some(role), .. }) => Err(Refusal::forbidden(format!(
            "the token has the role {role}; policies and data are changed with one of the role admin"
        ))),
        _ => Err(Refusal::unauthorized(
            "policies and data are changed with a token of the role admin: `Authorization: Bearer ...`",
        )),
    }
}

/// Receives a body and unpacks it when it came compressed.
pub(crate) async fn body(headers: &HeaderMap, body: Body, settings: &Settings) -> Result<Vec<u8>, Refusal> {
    let too_large = || Refusal::invalid("request body too large");
    let bytes = to_bytes(body, settings.body_bytes).await.map_err(|_| too_large())?;
    if !has(headers, CONTENT_ENCODING.as_str(), "gzip") {
        return Ok(bytes.into());
    }
    let mut expanded = Vec::new();
    let most = settings.expanded_bytes as u64;
    MultiGzDecoder::new(&bytes[..])
        .take(most + 1)
        .read_to_end(&mut expanded)
        .map_err(|error| Refusal::invalid(format!("could not decompress the body: {error}")))?;
    if expanded.len() as u64 > most { Err(too_large()) } else { Ok(expanded) }
}

fn has(headers: &HeaderMap, name: &str, word: &str) -> bool {
    headers.get(name).and_then(|value| value.to_str().ok()).is_some_and(|value| value.contains(word))
}

/// Reads a document in JSON, or in YAML when the header says so; `None` when there is nothing.
pub(crate) fn document(headers: &HeaderMap, bytes: &[u8]) -> Result<Option<Value>, String> {
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Ok(None);
    }
    if has(headers, CONTENT_TYPE.as_str(), "yaml") {
        let text = std::str::from_utf8(bytes).map_err(|error| error.to_string())?;
        let documents = yaml::read(text, SourceId(0), Dialect::Core).map_err(|(problem, _)| problem.message)?;
        return Ok(documents.into_iter().next().map(|document| document.value));
    }
    json::read(bytes).map(Some).map_err(|problem| problem.message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn params(query: &str) -> Params {
        Params::of(&Request::builder().uri(format!("/?{query}")).body(Body::empty()).unwrap())
    }

    #[test]
    fn flags_are_read_as_opa_reads_them() {
        for (query, wanted) in [
            ("pretty", true),
            ("pretty=true", true),
            ("pretty=TRUE", true),
            ("pretty=1", false),
            ("pretty=false", false),
            ("pretty=false&pretty=true", true),
            ("pretty=&pretty=", false),
            ("other", false),
            ("", false),
        ] {
            assert_eq!(params(query).pretty(), wanted, "{query}");
        }
        assert_eq!(params("input=1&input=%7B%7D").last("input"), Some("{}"));
    }
}
