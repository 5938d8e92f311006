//! The server, spoken to over HTTP.

use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use ureq::http::Uri;
use ureq::tls::{PemItem, RootCerts, TlsConfig, parse_pem};

use crate::spool::SpoolError;

/// Longest that one request may take.
const REQUEST: Duration = Duration::from_secs(30);

/// Largest answer, in bytes.
const MAX_ANSWER: u64 = 64 << 20;

/// Most of what a server says of an error that is repeated.
const MAX_SAID: usize = 300;

/// What keeps submissions from being delivered until somebody does something. They stay in the spool.
#[derive(Debug, thiserror::Error)]
pub enum DeliverError {
    /// The address cannot be used.
    #[error("the server's address cannot be used: {0}")]
    Address(String),
    /// The certificates to trust cannot be read.
    #[error("{}: {what}", path.display())]
    Certificates {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// The token cannot be sent.
    #[error("the token for {server} has characters that a header cannot have; check how it is given to the gate")]
    Token {
        /// The server.
        server: String,
    },
    /// The server does not know the token (401), or it may not write (403).
    #[error(
        "{server} refuses the token ({status}): {said}. Give the gate a token that may write; what it has to send is kept"
    )]
    Refused {
        /// The server.
        server: String,
        /// The status of the answer.
        status: u16,
        /// What the server says.
        said: String,
    },
    /// The server has other submissions under these numbers (409).
    #[error(
        "{server} has other entries under the numbers of the gate {gate}: {said}. Two gates use one name, or the spool was \
         restored or deleted: give this gate a new name; what it has to send is kept"
    )]
    Conflict {
        /// The server.
        server: String,
        /// The gate.
        gate: String,
        /// What the server says.
        said: String,
    },
    /// The server does not take what is sent, for another reason.
    #[error("{server} does not take the submissions ({status}): {said}")]
    Rejected {
        /// The server.
        server: String,
        /// The status of the answer.
        status: u16,
        /// What the server says.
        said: String,
    },
    /// The answer is not what was agreed upon.
    #[error("{server} gives an answer that makes no sense: {what}. Is it a Probity server?")]
    Answer {
        /// The server.
        server: String,
        /// What is wrong with it.
        what: String,
    },
    /// The server asks for a document that is not in the spool.
    #[error("{server} asks for the document {digest}, which the spool does not have any more")]
    BlobLost {
        /// The server.
        server: String,
        /// The document.
        digest: String,
    },
    /// The spool.
    #[error(transparent)]
    Spool(#[from] SpoolError),
}

/// Where submissions go. Its debug form does not have the token.
pub struct Server {
    url: String,
    token: String,
    agent: ureq::Agent,
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("url", &self.url).finish_non_exhaustive()
    }
}

/// Why a request has to be repeated.
pub(crate) enum Trouble {
    /// It may work later.
    Later(String),
    /// The request is too large for the server.
    TooLarge(DeliverError),
    /// It will not work.
    Final(DeliverError),
}

impl Server {
    /// A server at `url`, such as `https://evidence.example.com`, that is written to with `token`. `ca` is a file of certificates in PEM to
    /// trust in place of the public authorities.
    ///
    /// # Errors
    /// When the address is no HTTP address, or is plain HTTP and not of this machine, and when the certificates cannot be read.
    pub fn new(url: &str, token: &str, ca: Option<&Path>) -> Result<Self, DeliverError> {
        let url = url.trim().trim_end_matches('/');
        let local = check(url).map_err(DeliverError::Address)?;
        if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(DeliverError::Token { server: url.to_owned() });
        }
        let mut tls = TlsConfig::builder().unversioned_rustls_crypto_provider(probity_crypto::tls::provider());
        if let Some(path) = ca {
            tls = tls.root_certs(certificates(path)?);
        }
        let mut config = ureq::Agent::config_builder()
            .tls_config(tls.build())
            .http_status_as_error(false)
            // The token goes to this server and to no other.
            .max_redirects(0)
            .user_agent(concat!("probity/", env!("CARGO_PKG_VERSION")));
        if local {
            config = config.proxy(None);
        }
        Ok(Self { url: url.to_owned(), token: token.to_owned(), agent: config.build().into() })
    }

    /// The address.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Asks the server: `path` begins with a slash, and the parameters are added to it.
    ///
    /// # Errors
    /// When there is no answer within the time, or it is not the one that is expected, in words.
    pub fn get<T: DeserializeOwned>(
        &self,
        path: &str,
        parameters: &[(&str, &str)],
        time: Duration,
    ) -> Result<T, String> {
        let asked = self
            .agent
            .get(format!("{}{path}", self.url))
            .query_pairs(parameters.iter().copied())
            .config()
            .timeout_global(Some(time))
            .build()
            .header("authorization", format!("Bearer {}", self.token))
            .call();
        let said = |error: &ureq::Error| format!("{}: {}", self.url, self.said(error.to_string().as_bytes()));
        let mut answer = asked.map_err(|error| said(&error))?;
        let status = answer.status().as_u16();
        let text = answer.body_mut().with_config().limit(MAX_ANSWER).read_to_vec().map_err(|error| said(&error))?;
        if status != 200 {
            return Err(format!("{} answers {status}: {}", self.url, self.said(&text)));
        }
        serde_json::from_slice(&text).map_err(|error| self.answer(&error.to_string()).to_string())
    }

    pub(crate) fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
        gate: &str,
        left: Duration,
    ) -> Result<T, Trouble> {
        let body = serde_json::to_vec(body).map_err(|error| Trouble::Final(self.answer(&error.to_string())))?;
        let answer = self
            .agent
            .post(format!("{}{path}", self.url))
            .config()
            .timeout_global(Some(left.min(REQUEST).max(Duration::from_millis(1))))
            .build()
            .header("authorization", format!("Bearer {}", self.token))
            .content_type("application/json")
            .send(&body[..]);
        let mut answer = answer.map_err(|error| self.trouble(&error))?;
        let status = answer.status().as_u16();
        let text = answer.body_mut().with_config().limit(MAX_ANSWER).read_to_vec();
        if status == 200 || status == 201 {
            let text = text.map_err(|error| self.trouble(&error))?;
            return serde_json::from_slice(&text).map_err(|error| Trouble::Final(self.answer(&error.to_string())));
        }
        let said = self.said(&text.unwrap_or_default());
        Err(self.status(status, said, gate))
    }

    fn status(&self, status: u16, said: String, gate: &str) -> Trouble {
        let server = self.url.clone();
        match status {
            401 | 403 => Trouble::Final(DeliverError::Refused { server, status, said }),
            409 => Trouble::Final(DeliverError::Conflict { server, gate: gate.to_owned(), said }),
            413 => Trouble::TooLarge(DeliverError::Rejected { server, status, said }),
            408 | 425 | 429 | 500 | 502..=504 => Trouble::Later(format!("{server} answers {status}: {said}")),
            300..=399 => {
                let said = "it sends elsewhere; give the address that it sends to".to_owned();
                Trouble::Final(DeliverError::Rejected { server, status, said })
            }
            _ => Trouble::Final(DeliverError::Rejected { server, status, said }),
        }
    }

    pub(crate) fn answer(&self, what: &str) -> DeliverError {
        DeliverError::Answer { server: self.url.clone(), what: what.to_owned() }
    }

    /// A request that got no answer. Nearly everything may be better later; a certificate is not.
    fn trouble(&self, error: &ureq::Error) -> Trouble {
        let what = format!("{}: {}", self.url, self.said(error.to_string().as_bytes()));
        match error {
            ureq::Error::Tls(_) | ureq::Error::Rustls(_) | ureq::Error::Pem(_) => Trouble::Final(
                DeliverError::Address(format!("{what}. Give the authority of its certificate with `ca`")),
            ),
            ureq::Error::BadUri(_) | ureq::Error::Http(_) => Trouble::Final(DeliverError::Address(what)),
            ureq::Error::BodyExceedsLimit(_) => Trouble::Final(self.answer("it is too long")),
            _ => Trouble::Later(what),
        }
    }

    /// What a server says, short, in one line, and without the token.
    fn said(&self, bytes: &[u8]) -> String {
        let text = String::from_utf8_lossy(bytes).replace(&self.token, "[token]");
        let said: String =
            text.chars().take(MAX_SAID).map(|character| if character.is_control() { ' ' } else { character }).collect();
        if said.trim().is_empty() { "it does not say why".to_owned() } else { said.trim().to_owned() }
    }
}

/// Whether the address is one of this machine; an error when it must not be used.
fn check(url: &str) -> Result<bool, String> {
    let uri: Uri = url.parse().map_err(|error| format!("`{}` {error}", without_credentials(url)))?;
    let authority = uri.authority().ok_or("it has no host; write it as https://host")?;
    if authority.as_str().contains('@') {
        return Err("it has credentials in it; give the token apart".to_owned());
    }
    if uri.query().is_some() {
        return Err("it has a query in it".to_owned());
    }
    let host = authority.host().trim_matches(['[', ']']);
    let local =
        host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    match uri.scheme_str() {
        Some("https") => Ok(local),
        Some("http") if local => Ok(true),
        Some("http") => Err(format!("http://{host} would send the token in the clear; use https")),
        _ => Err("it is neither https nor http".to_owned()),
    }
}

fn without_credentials(url: &str) -> &str {
    url.rsplit('@').next().unwrap_or(url)
}

fn certificates(path: &Path) -> Result<RootCerts, DeliverError> {
    let wrong = |what: String| DeliverError::Certificates { path: path.to_owned(), what };
    let pem = std::fs::read(path).map_err(|error| wrong(error.to_string()))?;
    let mut certificates = Vec::new();
    for item in parse_pem(&pem) {
        if let PemItem::Certificate(certificate) = item.map_err(|error| wrong(error.to_string()))? {
            certificates.push(certificate);
        }
    }
    if certificates.is_empty() {
        return Err(wrong("has no certificate in PEM".to_owned()));
    }
    Ok(RootCerts::new_with_certs(&certificates))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_not_sent_in_the_clear() {
        let table = [
            ("https://evidence.example.com", Ok(false)),
            ("http://127.0.0.1:8080", Ok(true)),
            ("http://127.9.9.9", Ok(true)),
            ("http://[::1]:8080/probity", Ok(true)),
            ("http://localhost:1", Ok(true)),
            ("http://example.com", Err("in the clear")),
            ("http://127.0.0.1.example.com", Err("in the clear")),
            ("http://localhost.example.com", Err("in the clear")),
            ("https://me:secret@example.com", Err("credentials")),
            ("ftp://example.com", Err("neither")),
            ("example", Err("neither")),
            ("https://example.com/?a=b", Err("query")),
        ];
        for (url, expected) in table {
            match (check(url), expected) {
                (Ok(local), Ok(expected)) => assert_eq!(local, expected, "{url}"),
                (Err(error), Err(expected)) => {
                    assert!(error.contains(expected) && !error.contains("secret"), "{url}: {error}");
                }
                (found, _) => panic!("{url}: {found:?}"),
            }
        }
    }

    #[test]
    fn the_token_is_nowhere() {
        let server = Server::new("http://localhost:1", "tok-1234", None).unwrap();
        assert!(!format!("{server:?}").contains("tok-1234"));
        assert_eq!(server.said(b"bad tok-1234\r\n<b>"), "bad [token]  <b>");
        let error = Server::new("http://localhost:1", "tok 1234\n", None).unwrap_err().to_string();
        assert!(!error.contains("1234"), "{error}");
    }
}
