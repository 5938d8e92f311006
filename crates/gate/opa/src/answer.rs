//! Answers in the form of OPA's.

use axum::http::StatusCode;
use axum::http::header::{CONTENT_TYPE, HeaderValue};
use axum::response::{IntoResponse, Response};
use probity_model::json;
use probity_model::value::Value;
use probity_policy_rego::{Error, Errors};

use crate::store::StoreError;

const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// An answer in JSON; `text` is JSON in one line.
pub(crate) fn ok(text: &str, pretty: bool) -> Response {
    let mut text = json::escaped_for_html(text).into_owned();
    if pretty {
        text = json::indented(&text);
    }
    text.push('\n');
    with_type(text)
}

fn with_type(text: String) -> Response {
    ([(CONTENT_TYPE, JSON)], text).into_response()
}

/// A text in JSON, quotes included.
pub(crate) fn quoted(text: &str) -> String {
    json::write(&Value::from(text))
}

/// Something that is not answered as it was asked.
#[derive(Debug)]
pub(crate) struct Refusal {
    status: StatusCode,
    code: &'static str,
    message: String,
    errors: Vec<Error>,
}

pub(crate) const INVALID: &str = "invalid_parameter";
const INTERNAL: &str = "internal_error";

impl Refusal {
    fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), errors: Vec::new() }
    }

    /// The request makes no sense.
    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, INVALID, message)
    }

    /// The request makes no sense, for each of these reasons.
    pub(crate) fn invalid_rego(message: &str, errors: Errors) -> Self {
        Self { errors: errors.0, ..Self::invalid(message) }
    }

    /// The same, said of an input that is a whole body.
    pub(crate) fn about_input(mut self) -> Self {
        self.message = format!("unexpected parse error for input: {}", self.message);
        self
    }

    /// As [`Refusal::invalid_rego`], of something that is there already.
    pub(crate) fn operation(message: &str, errors: Errors) -> Self {
        Self { code: "invalid_operation", ..Self::invalid_rego(message, errors) }
    }

    /// Something went wrong here.
    pub(crate) fn internal(message: impl Into<String>) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, INTERNAL, message)
    }

    /// An evaluation ended without a result.
    pub(crate) fn evaluation(error: Error) -> Self {
        Self { errors: vec![error], ..Self::internal("error(s) occurred while evaluating query") }
    }

    /// There is no such thing.
    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "resource_not_found", message)
    }

    /// There is no value.
    pub(crate) fn undefined(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "undefined_document", message)
    }

    /// The caller is not known.
    pub(crate) fn unauthorized(message: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "unauthorized", message)
    }

    /// The caller may not.
    pub(crate) fn forbidden(message: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "unauthorized", message)
    }

    fn text(&self) -> String {
        let mut text = format!("{{\"code\":\"{}\",\"message\":{}", self.code, quoted(&self.message));
        if !self.errors.is_empty() {
            let errors: Vec<String> = self.errors.iter().map(error_text).collect();
            text.push_str(&format!(",\"errors\":[{}]", errors.join(",")));
        }
        text.push('}');
        text
    }
}

fn error_text(error: &Error) -> String {
    let mut text = format!("{{\"code\":\"{}\",\"message\":{}", error.code.as_str(), quoted(&error.message));
    if let Some(location) = &error.location {
        let file = quoted(&location.path.display().to_string());
        text.push_str(&format!(
            ",\"location\":{{\"file\":{file},\"row\":{},\"col\":{}}}",
            location.line, location.column
        ));
    }
    text.push('}');
    text
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        let message = error.to_string();
        match error {
            StoreError::NotFound(_) => Self::not_found(message),
            StoreError::Conflict(_) => Self::new(StatusCode::NOT_FOUND, "resource_conflict", message),
            StoreError::InvalidPatch(_) => Self::invalid(message),
        }
    }
}

/// Data that has the place of a rule.
impl From<Errors> for Refusal {
    fn from(errors: Errors) -> Self {
        Self::invalid(errors.to_string())
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut response = with_type(json::indented(&json::escaped_for_html(&self.text())) + "\n");
        *response.status_mut() = self.status;
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_indented_as_go_does() {
        let text = r#"{"a":[],"b":{"c":[1,"x:,{\"]"]},"d":{}}"#;
        let wanted =
            "{\n  \"a\": [],\n  \"b\": {\n    \"c\": [\n      1,\n      \"x:,{\\\"]\"\n    ]\n  },\n  \"d\": {}\n}";
        assert_eq!(json::indented(text), wanted);
        assert_eq!(json::indented("\"\\\\\""), "\"\\\\\"");
        assert_eq!(json::escaped_for_html("\"<b>&\u{2028}é\""), "\"\\u003cb\\u003e\\u0026\\u2028é\"");
    }
}
