//! How the server is set up.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

/// How the server is set up.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where to listen. Anything that is not a loopback address needs [`Config::tls`].
    pub listen: SocketAddr,
    /// Certificate and key, for TLS.
    pub tls: Option<TlsFiles>,
    /// The file of tokens.
    pub tokens: PathBuf,
    /// What one client, or all of them, may take.
    pub limits: Limits,
}

/// A certificate chain and its key, both in PEM.
#[derive(Debug, Clone)]
pub struct TlsFiles {
    /// The certificate, then those that lead to its root.
    pub certificate: PathBuf,
    /// The private key: PKCS #8, PKCS #1 or SEC 1.
    pub key: PathBuf,
}

/// What one client, or all of them, may take.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Bytes of one request's head.
    pub head_bytes: usize,
    /// Bytes of the body of a request that sends evidence; other bodies are small.
    pub ingest_bytes: usize,
    /// Time for a request's head to arrive. Also how long an idle connection is kept.
    pub head_time: Duration,
    /// Time for a request to be answered, its body included.
    pub request_time: Duration,
    /// Time in which a connection must take or give at least one byte.
    pub stall_time: Duration,
    /// Connections at once; more wait to be accepted.
    pub connections: usize,
    /// Requests that send evidence at once; more are told to come again.
    pub ingests: usize,
    /// Questions to the index at once; more wait.
    pub questions: usize,
    /// Entries by which the index may be behind the ledger for the server to be ready.
    pub index_lag: u64,
    /// Time that open requests have to end after the server was told to stop.
    pub stop_time: Duration,
    /// Browsers that may look at requests as they come.
    pub live: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            head_bytes: 32 * 1024,
            ingest_bytes: 32 * 1024 * 1024,
            head_time: Duration::from_secs(15),
            request_time: Duration::from_secs(30),
            stall_time: Duration::from_secs(30),
            connections: 512,
            ingests: 4,
            questions: 3,
            index_lag: 10_000,
            stop_time: Duration::from_secs(10),
            live: 32,
        }
    }
}

impl Config {
    /// The defaults with this file of tokens: loopback, port 8181, no TLS.
    pub fn new(tokens: PathBuf) -> Self {
        Self { listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8181)), tls: None, tokens, limits: Limits::default() }
    }

    /// Whether the server can be reached from this machine only. Then reading needs no token.
    pub fn loopback(&self) -> bool {
        self.listen.ip().is_loopback()
    }

    /// Whether the server may start like this.
    pub(crate) fn check(&self) -> Result<(), String> {
        if !self.loopback() && self.tls.is_none() {
            return Err(format!(
                "{} can be reached from other machines, so it needs TLS: give a certificate and its key, or listen on \
                 127.0.0.1",
                self.listen
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_goes_without_tls() {
        let tls = || Some(TlsFiles { certificate: "cert.pem".into(), key: "key.pem".into() });
        for (listen, tls, starts) in [
            ("127.0.0.1:8181", None, true),
            ("[::1]:8181", None, true),
            ("127.0.0.1:8181", tls(), true),
            ("0.0.0.0:8181", None, false),
            ("[::]:8181", None, false),
            ("192.0.2.1:8181", None, false),
            ("0.0.0.0:8181", tls(), true),
        ] {
            let config = Config { listen: listen.parse().unwrap(), tls, ..Config::new("tokens.json".into()) };
            assert_eq!(config.check().is_ok(), starts, "{listen}");
        }
    }
}
