//! Requests that a page of another site makes a browser send.

use axum::extract::Request;
use axum::http::header::{HOST, ORIGIN};
use axum::http::{HeaderMap, Method};

use crate::app::App;
use crate::problem::{Kind, Problem};

/// Refuses what another site may have caused: a name that was made to point at this machine (DNS rebinding), and anything
/// but reading from elsewhere (request forgery).
pub(super) fn check(app: &App, request: &Request) -> Result<(), Problem> {
    let host = host(request).ok_or_else(|| Problem::new(Kind::Host, "The request names no host."))?;
    if app.config.loopback() && !is_loopback(host) {
        return Err(Problem::new(
            Kind::Host,
            "The server listens on this machine only; ask for it as localhost or 127.0.0.1.",
        ));
    }
    let reads = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    if reads || same_origin(request.headers(), host) {
        return Ok(());
    }
    Err(Problem::new(Kind::CrossSite, "Send it from a page of this server, or from no browser at all."))
}

/// The host that the request is for; an absolute target counts before the header (RFC 9112, 3.2.2).
fn host(request: &Request) -> Option<&str> {
    let target = request.uri().authority().map(axum::http::uri::Authority::as_str);
    target.or_else(|| request.headers().get(HOST)?.to_str().ok())
}

/// Whether the host is a name of the loopback address that no other site can take.
fn is_loopback(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    name.eq_ignore_ascii_case("localhost") || name == "127.0.0.1" || name == "[::1]"
}

/// Whether the request was sent by a page of this server, or by no page. Browsers send one of the two headers with every
/// POST; programs send neither.
fn same_origin(headers: &HeaderMap, host: &str) -> bool {
    if let Some(site) = headers.get("sec-fetch-site") {
        return matches!(site.as_bytes(), b"same-origin" | b"none");
    }
    let Some(origin) = headers.get(ORIGIN) else { return true };
    origin.to_str().ok().and_then(|origin| origin.split_once("://")).is_some_and(|(_, origin)| origin == host)
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn names_of_this_machine() {
        for (host, own) in [
            ("localhost", true),
            ("LOCALHOST:8181", true),
            ("127.0.0.1:8181", true),
            ("[::1]:8181", true),
            ("[::1]", true),
            ("localhost.evil.example", false),
            ("127.0.0.1.evil.example:8181", false),
            ("evil.example", false),
            ("evil.example:127", false),
            ("localhost:80@evil.example", false),
            ("", false),
        ] {
            assert_eq!(is_loopback(host), own, "{host}");
        }
    }

    #[test]
    fn only_pages_of_this_server_send() {
        for (origin, site, same) in [
            (None, None, true),
            (Some("http://localhost:8181"), None, true),
            (Some("http://localhost:9999"), None, false),
            (Some("https://evil.example"), None, false),
            (Some("null"), None, false),
            (Some("http://localhost:8181"), Some("same-origin"), true),
            (None, Some("none"), true),
            (None, Some("cross-site"), false),
            (Some("http://localhost:8181"), Some("same-site"), false),
        ] {
            let mut headers = HeaderMap::new();
            for (name, value) in [("origin", origin), ("sec-fetch-site", site)] {
                if let Some(value) = value {
                    headers.insert(name, HeaderValue::from_static(value));
                }
            }
            assert_eq!(same_origin(&headers, "localhost:8181"), same, "{origin:?} {site:?}");
        }
    }
}
