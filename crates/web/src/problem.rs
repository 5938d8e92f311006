//! What is answered when a request cannot be: RFC 9457 for programs, a page for people.

use axum::Json;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};

/// The kinds of problem, each with what it means. The names are those of `type`.
macro_rules! kinds {
    ($($(#[$meta:meta])* $variant:ident = $name:literal, $status:ident, $title:literal;)*) => {
        /// What kind of problem it is.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Kind { $($(#[$meta])* $variant,)* }

        impl Kind {
            /// All of them.
            pub(crate) const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// Its name in `type`.
            pub(crate) fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// The status it is answered with.
            pub(crate) fn status(self) -> StatusCode {
                match self { $(Self::$variant => StatusCode::$status,)* }
            }

            /// What it is, whatever the request.
            pub(crate) fn title(self) -> &'static str {
                match self { $(Self::$variant => $title,)* }
            }
        }
    };
}

kinds! {
    /// A parameter or a body is not as documented.
    BadRequest = "bad-request", BAD_REQUEST, "The request is not as documented";
    /// Nobody is signed in, or the token does not work.
    Unauthorized = "unauthorized", UNAUTHORIZED, "A valid token is needed";
    /// The token does not allow it.
    Forbidden = "forbidden", FORBIDDEN, "The token does not allow this";
    /// The request comes from another site.
    CrossSite = "cross-site", FORBIDDEN, "The request comes from another site";
    /// There is nothing there.
    NotFound = "not-found", NOT_FOUND, "There is no such thing";
    /// The path does not take the method.
    Method = "method-not-allowed", METHOD_NOT_ALLOWED, "The path does not take this method";
    /// The body is over the bound.
    TooLarge = "too-large", PAYLOAD_TOO_LARGE, "The body is too large";
    /// The body is of another type.
    MediaType = "media-type", UNSUPPORTED_MEDIA_TYPE, "The body is of another type than documented";
    /// The server is asked for by a name that is not its own.
    Host = "host", MISDIRECTED_REQUEST, "The server does not go by this name";
    /// A gate used a number for two different things.
    SequenceReused = "sequence-reused", CONFLICT, "A gate's number was used for something else before";
    /// Documents that entries refer to are not in the ledger.
    BlobsMissing = "blobs-missing", UNPROCESSABLE_ENTITY, "Documents that entries refer to are missing";
    /// Too much at once.
    Overload = "overload", SERVICE_UNAVAILABLE, "The server is busy";
    /// It took too long.
    Timeout = "timeout", SERVICE_UNAVAILABLE, "The answer took too long";
    /// The ledger or the index cannot be read or written now.
    Unavailable = "unavailable", SERVICE_UNAVAILABLE, "The evidence cannot be reached";
    /// What is kept is not as it should be.
    Internal = "internal", INTERNAL_SERVER_ERROR, "Something is wrong with the server";
}

/// What is answered when a request cannot be.
#[derive(Debug, Clone)]
pub(crate) struct Problem {
    pub(crate) kind: Kind,
    pub(crate) detail: String,
    extra: Map<String, Value>,
}

impl Problem {
    /// A problem with what is to be said about this request.
    pub(crate) fn new(kind: Kind, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into(), extra: Map::new() }
    }

    /// The same with a member of its own.
    pub(crate) fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.extra.insert(name.to_owned(), value.into());
        self
    }

    fn body(&self) -> Value {
        let mut body = json!({
            "type": format!("/api/v1/openapi.json#/components/x-problems/{}", self.kind.name()),
            "title": self.kind.title(),
            "status": self.kind.status().as_u16(),
            "detail": self.detail,
        });
        if let Value::Object(body) = &mut body {
            body.extend(self.extra.clone());
        }
        body
    }

    /// The same in the form that clients of OPA read.
    pub(crate) fn into_gate_response(self) -> Response {
        let code = match self.kind {
            Kind::Unauthorized | Kind::Forbidden | Kind::CrossSite => "unauthorized",
            Kind::BadRequest | Kind::Host | Kind::TooLarge => "invalid_parameter",
            _ => "internal_error",
        };
        let body = json!({ "code": code, "message": self.detail });
        let mut response = (self.kind.status(), Json(body)).into_response();
        self.headers(&mut response);
        response
    }

    /// The headers that a status calls for.
    pub(crate) fn headers(&self, response: &mut Response) {
        let headers = response.headers_mut();
        match self.kind {
            Kind::Unauthorized => {
                headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            Kind::Overload | Kind::Timeout | Kind::Unavailable => {
                headers.insert(RETRY_AFTER, HeaderValue::from_static("2"));
            }
            _ => {}
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = (self.kind.status(), Json(self.body())).into_response();
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        self.headers(&mut response);
        // The pages put a page in its place.
        response.extensions_mut().insert(self);
        response
    }
}
