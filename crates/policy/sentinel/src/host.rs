//! What policies may have from outside: the time and the network.

use std::collections::BTreeMap;

/// Gives policies what they may have from outside. Whoever implements it can keep the answers for a replay.
///
/// Every method fails with a message for the policy's author.
pub trait Host: Sync {
    /// Nanoseconds since 1970; asked for once an evaluation.
    fn now_ns(&self) -> Result<i64, String> {
        Err("not allowed here: the time".to_owned())
    }

    /// The answer to a request of the `http` import, redirects followed and tried again as the request says.
    fn http(&self, request: &HttpRequest) -> Result<HttpResponse, String> {
        Err(format!("not allowed here: requests over the network, as to {}", request.url))
    }
}

/// A host that gives nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Nothing;

impl Host for Nothing {}

/// A request of the `http` import.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpRequest {
    /// `GET` or `POST`.
    pub method: &'static str,
    /// Where to.
    pub url: String,
    /// Headers by name.
    pub headers: BTreeMap<String, String>,
    /// What is sent; empty for nothing.
    pub body: String,
    /// Seconds until it fails, everything included; 1 to 30.
    pub timeout: u32,
    /// How often it is tried again after a failure of the server or the timeout; at most 10.
    pub retries: u32,
    /// Whether the server must have a certificate that is trusted.
    pub verify: bool,
}

/// The answer to an [`HttpRequest`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpResponse {
    /// Status, such as 200.
    pub status: u16,
    /// Headers by name.
    pub headers: BTreeMap<String, String>,
    /// The body.
    pub body: String,
}
