//! Passing a request on, and its answer back: bodies as they come, and connections that become something else.

use std::net::IpAddr;

use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONNECTION, HeaderName, HeaderValue, UPGRADE};
use hyper::http::request::Parts;
use hyper::{HeaderMap, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;

use super::answer::Refusal;
use super::upstream::Upstream;

/// Whatever can go wrong while a body is passed on.
pub(super) type Failure = Box<dyn std::error::Error + Send + Sync>;

/// A body that is passed on.
pub(super) type Body = BoxBody<Bytes, Failure>;

/// Headers of one connection, which are not the other's. What `Connection` names beside them is passed on: the policies were
/// told of it, too.
const OF_CONNECTION: [&str; 7] = [
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "transfer-encoding",
];

/// The body of a request that was read.
pub(super) fn read_body(bytes: Bytes) -> Body {
    Full::new(bytes).map_err(|never| -> Failure { match never {} }).boxed()
}

/// A body as it comes.
pub(super) fn stream(body: Incoming) -> Body {
    body.map_err(|error| -> Failure { Box::new(error) }).boxed()
}

/// Passes a request on; `upgrade` is the client's connection when it is to become something else.
pub(super) async fn forward(
    upstream: &Upstream,
    mut parts: Parts,
    body: Body,
    client: IpAddr,
    upgrade: Option<hyper::upgrade::OnUpgrade>,
) -> Result<Response<Body>, Refusal> {
    let wanted = parts.headers.get(UPGRADE).cloned();
    let bad = |error: &dyn std::fmt::Display| Refusal::bad(format!("the address cannot be passed on: {error}"));
    parts.uri = upstream.address_of(&parts.uri).map_err(|error| bad(&error))?;
    parts.headers.remove(hyper::header::HOST);
    clean(&mut parts.headers);
    forwarded_for(&mut parts.headers, client);
    if let (Some(wanted), Some(_)) = (&wanted, &upgrade) {
        parts.headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
        parts.headers.insert(UPGRADE, wanted.clone());
    }
    let mut answer = upstream.send(Request::from_parts(parts, body)).await.map_err(|error| {
        Refusal::new(StatusCode::BAD_GATEWAY, format!("the server behind this proxy does not answer: {error}"))
    })?;
    if answer.status() == StatusCode::SWITCHING_PROTOCOLS {
        if let Some(client) = upgrade {
            join(client, hyper::upgrade::on(&mut answer));
        }
    } else {
        clean(answer.headers_mut());
    }
    let (head, body) = answer.into_parts();
    Ok(Response::from_parts(head, stream(body)))
}

fn clean(headers: &mut HeaderMap) {
    for name in OF_CONNECTION {
        headers.remove(name);
    }
    headers.remove(UPGRADE);
}

/// Says who asks, behind those who were asked before.
fn forwarded_for(headers: &mut HeaderMap, client: IpAddr) {
    let name = HeaderName::from_static("x-forwarded-for");
    let before: Vec<&str> = headers.get_all(&name).iter().filter_map(|value| value.to_str().ok()).collect();
    let own = client.to_string();
    let all = before.into_iter().chain([own.as_str()]).collect::<Vec<_>>().join(", ");
    if let Ok(value) = HeaderValue::from_str(&all) {
        headers.insert(name, value);
    }
}

/// Passes on what both sides say, once both connections have become something else.
fn join(client: hyper::upgrade::OnUpgrade, server: hyper::upgrade::OnUpgrade) {
    tokio::spawn(async move {
        let (Ok(client), Ok(server)) = tokio::join!(client, server) else { return };
        // When one side ends, so does the other.
        let _ = tokio::io::copy_bidirectional(&mut TokioIo::new(client), &mut TokioIo::new(server)).await;
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_that_policies_were_told_of_stay() {
        let mut headers = HeaderMap::new();
        headers.insert(CONNECTION, HeaderValue::from_static("keep-alive, x-vault-namespace"));
        headers.insert("keep-alive", HeaderValue::from_static("timeout=5"));
        headers.insert("x-vault-namespace", HeaderValue::from_static("clinic"));
        headers.append("x-forwarded-for", HeaderValue::from_static("192.0.2.1"));
        clean(&mut headers);
        forwarded_for(&mut headers, IpAddr::from([10, 1, 2, 3]));
        let mut shown: Vec<(&str, &str)> =
            headers.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
        shown.sort_unstable();
        assert_eq!(shown, [("x-forwarded-for", "192.0.2.1, 10.1.2.3"), ("x-vault-namespace", "clinic")]);
    }
}
