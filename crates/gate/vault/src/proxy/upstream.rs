//! The server behind the proxy.

use std::io;
use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::body::Incoming;
use hyper::http::uri::{Authority, PathAndQuery, Scheme};
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper::{Request, Response, Uri};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;
use tower_service::Service;

use super::forward::{Body, Failure};
use super::tls;

/// Time to connect.
const CONNECT_TIME: Duration = Duration::from_secs(10);

/// Why there is no server to pass requests on to.
#[derive(Debug, thiserror::Error)]
pub enum UpstreamError {
    /// The address is none of a server.
    #[error("`{0}` is no address of a server, such as http://127.0.0.1:8200 or https://vault.example.com:8200")]
    Address(String),
    /// The certificates cannot be used.
    #[error("{0}")]
    Certificates(String),
}

/// A server, and the connections to it.
#[derive(Clone)]
pub struct Upstream {
    scheme: Scheme,
    authority: Authority,
    client: Client<Connector, Body>,
}

impl Upstream {
    /// The server at an address; `ca` are certificates to trust in the place of the public authorities.
    ///
    /// # Errors
    /// When the address is none, or the certificates cannot be read.
    pub fn new(url: &str, ca: Option<&Path>) -> Result<Self, UpstreamError> {
        let wrong = || UpstreamError::Address(url.to_owned());
        let parts = url.trim_end_matches('/').parse::<Uri>().map_err(|_| wrong())?.into_parts();
        let is_bare = parts.path_and_query.is_none_or(|path| path == "/");
        let (Some(scheme), Some(authority), true) = (parts.scheme, parts.authority, is_bare) else {
            return Err(wrong());
        };
        if scheme != Scheme::HTTP && scheme != Scheme::HTTPS || authority.as_str().contains('@') {
            return Err(wrong());
        }
        let tls = if scheme == Scheme::HTTPS {
            Some(tls::connector(ca).map_err(UpstreamError::Certificates)?)
        } else if ca.is_some() {
            return Err(UpstreamError::Certificates(format!(
                "{url} is asked without TLS; no certificate is looked at"
            )));
        } else {
            None
        };
        let client = Client::builder(TokioExecutor::new()).build(Connector { tls });
        Ok(Self { scheme, authority, client })
    }

    /// The address of a resource there.
    pub(super) fn address_of(&self, uri: &Uri) -> Result<Uri, hyper::http::Error> {
        let path = uri.path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/"));
        let builder = Uri::builder().scheme(self.scheme.clone()).authority(self.authority.clone());
        builder.path_and_query(path).build()
    }

    /// Sends a request to an address there.
    pub(super) async fn send(&self, request: Request<Body>) -> Result<Response<Incoming>, String> {
        self.client.request(request).await.map_err(|error| {
            let mut words = error.to_string();
            let mut cause = std::error::Error::source(&error);
            while let Some(next) = cause {
                words = format!("{words}: {next}");
                cause = next.source();
            }
            words
        })
    }
}

/// Connects, with TLS where the address says so.
#[derive(Clone)]
struct Connector {
    tls: Option<TlsConnector>,
}

impl Service<Uri> for Connector {
    type Response = Stream;
    type Error = Failure;
    type Future = Pin<Box<dyn Future<Output = Result<Stream, Failure>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let tls = self.tls.clone();
        Box::pin(async move {
            let connected = tokio::time::timeout(CONNECT_TIME, connect(&uri, tls)).await;
            connected.map_err(|_| Failure::from("it takes too long to connect"))?
        })
    }
}

async fn connect(uri: &Uri, tls: Option<TlsConnector>) -> Result<Stream, Failure> {
    let host = uri.host().ok_or("the address has no host")?.trim_start_matches('[').trim_end_matches(']');
    let port = uri.port_u16().unwrap_or(if tls.is_some() { 443 } else { 80 });
    let stream = TcpStream::connect((host, port)).await?;
    // Requests are written whole; waiting for more to send only delays them.
    stream.set_nodelay(true)?;
    let stream: Box<dyn Both> = match tls {
        None => Box::new(stream),
        Some(tls) => Box::new(tls.connect(ServerName::try_from(host.to_owned())?, stream).await?),
    };
    Ok(Stream(TokioIo::new(stream)))
}

trait Both: AsyncRead + AsyncWrite + Unpin + Send {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send> Both for S {}

/// A connection.
struct Stream(TokioIo<Box<dyn Both>>);

impl Connection for Stream {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

impl Read for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl Write for Stream {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_those_of_servers() {
        for (url, right) in [
            ("http://127.0.0.1:8200", true),
            ("https://vault.example.com/", true),
            ("http://[::1]:8200", true),
            ("127.0.0.1:8200", false),
            ("ftp://vault", false),
            ("http://vault/v1", false),
            ("http://user:word@vault", false),
            ("", false),
        ] {
            assert_eq!(Upstream::new(url, None).is_ok(), right, "{url}");
        }
    }
}
