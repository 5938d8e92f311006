//! One repository of one server: requests, where they are sent on to, and what is said when they are refused.

use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use serde::Deserialize;
use ureq::http::{HeaderMap, Method, Request, Response, StatusCode, header};
use ureq::tls::TlsConfig;
use ureq::{Agent, Body};
use url::Url;

use super::credentials::Credential;
use super::{RegistryError, is_local};
use crate::error::ImageError;
use crate::manifest::{DOCKER_INDEX, DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST};

const MAX_REDIRECTS: usize = 5;
const MAX_TRIES: u32 = 3;
const MAX_WAIT: Duration = Duration::from_secs(10);
/// Most that is read of an error or of a token.
pub(super) const MAX_ANSWER: u64 = 1 << 20;
/// Most of what a server says that is repeated.
const MAX_SAID: usize = 300;

/// A server, and what is asked of it.
pub(super) struct Server {
    /// `https://host`, and `http://host` when it is of this machine.
    pub(super) bases: Vec<String>,
    /// Whether it is of this machine.
    pub(super) local: bool,
    pub(super) repository: String,
    pub(super) credential: Option<Credential>,
    /// The registry that this is a mirror of.
    pub(super) namespace: Option<String>,
    /// Whether it is written to as well.
    pub(super) writes: bool,
}

/// What is said to a server.
pub(super) struct Session {
    pub(super) agent: Agent,
    pub(super) server: Server,
    /// The base that answers.
    base: Mutex<Option<String>>,
    /// What `Authorization` is, once it is known.
    authorization: Mutex<Option<String>>,
}

/// A request.
#[derive(Default)]
pub(super) struct Ask<'a> {
    pub(super) method: Method,
    /// Whether it is a manifest that is asked for.
    pub(super) manifest: bool,
    /// What is sent: its media type and its bytes.
    pub(super) content: Option<(&'a str, &'a [u8])>,
    /// The state that what is replaced must be in.
    pub(super) if_match: Option<&'a str>,
}

impl Ask<'_> {
    fn writes(&self) -> bool {
        !matches!(self.method, Method::GET | Method::HEAD)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Session {
    pub(super) fn new(tls: &TlsConfig, timeout: Duration, server: Server) -> Self {
        let mut config = Agent::config_builder()
            .tls_config(tls.clone())
            .http_status_as_error(false)
            // Credentials go to one server; where else it sends is asked without them.
            .max_redirects(0)
            .timeout_connect(Some(timeout))
            .timeout_recv_response(Some(timeout))
            .timeout_per_read(Some(timeout))
            .user_agent(concat!("probity/", env!("CARGO_PKG_VERSION")));
        if server.local {
            config = config.proxy(None);
        }
        let base = Mutex::new((server.bases.len() == 1).then(|| server.bases[0].clone()));
        let agent = config.build().into();
        Self { agent, server, base, authorization: Mutex::new(None) }
    }

    pub(super) fn base(&self) -> Result<String, RegistryError> {
        let mut known = lock(&self.base);
        if let Some(base) = &*known {
            return Ok(base.clone());
        }
        let mut trouble = None;
        for base in &self.server.bases {
            match self.agent.get(format!("{base}/v2/")).call() {
                // What speaks TLS answers those who do not in plain words.
                Ok(answer) if base.starts_with("http://") && answer.status() == StatusCode::BAD_REQUEST => {}
                Ok(_) => {
                    *known = Some(base.clone());
                    return Ok(base.clone());
                }
                Err(error) => trouble = trouble.or(Some(self.away(base, &error))),
            }
        }
        let server = self.server.bases.first().cloned().unwrap_or_default();
        let silent = || RegistryError::Away { server, what: "it speaks neither https nor http".to_owned() };
        Err(trouble.unwrap_or_else(silent))
    }

    pub(super) fn away(&self, base: &str, error: &ureq::Error) -> RegistryError {
        RegistryError::Away { server: base.to_owned(), what: self.said(error.to_string().as_bytes()) }
    }

    /// Where a part of the repository is.
    pub(super) fn url(&self, base: &str, part: &str) -> Result<Url, RegistryError> {
        let url = Url::parse(&format!("{base}/v2/{}/{part}", self.server.repository));
        let mut url = url.map_err(|error| self.wrong(&error))?;
        if let Some(namespace) = &self.server.namespace {
            url.query_pairs_mut().append_pair("ns", namespace);
        }
        Ok(url)
    }

    /// Asks for a part of the repository, tells who asks when that is wanted, and tries again what may pass. An answer with
    /// another status than these is an error.
    pub(super) fn ask(&self, request: &Ask<'_>, part: &str, good: &[u16]) -> Result<Response<Body>, ImageError> {
        let url = self.url(&self.base()?, part)?;
        self.ask_at(request, &url, good)
    }

    /// As [`Session::ask`], at an address that the server gave.
    pub(super) fn ask_at(&self, request: &Ask<'_>, url: &Url, good: &[u16]) -> Result<Response<Body>, ImageError> {
        let base = self.base()?;
        let mut told = false;
        let mut tries = 0;
        loop {
            let answer = self.follow(&base, request, url.clone())?;
            let status = answer.status().as_u16();
            match status {
                _ if good.contains(&status) => return Ok(answer),
                401 if !told => {
                    told = true;
                    let authorization = self.authorize(&base, answer.headers())?;
                    *lock(&self.authorization) = authorization;
                }
                429 | 500 | 502..=504 if tries + 1 < MAX_TRIES => {
                    tries += 1;
                    thread::sleep(wait(answer.headers(), tries));
                }
                _ => {
                    let part = format!("/v2/{}/", self.server.repository);
                    return Err(self.refused(&base, url.path().trim_start_matches(&part), answer).into());
                }
            }
        }
    }

    /// Sends a request and follows where it is sent; elsewhere without credentials.
    fn follow(&self, base: &str, request: &Ask<'_>, mut at: Url) -> Result<Response<Body>, RegistryError> {
        let home = Url::parse(base).map_err(|error| self.wrong(&error))?;
        for _ in 0..=MAX_REDIRECTS {
            self.check_safe(&home, &at, request)?;
            let authorization = lock(&self.authorization).clone().filter(|_| at.origin() == home.origin());
            let answer = self.send(request, &at, authorization.as_deref()).map_err(|error| self.away(base, &error))?;
            let status = answer.status().as_u16();
            // What is written is sent on only where the server says that it is to be written there.
            let sends_on =
                if request.writes() { matches!(status, 307 | 308) } else { matches!(status, 301..=303 | 307 | 308) };
            if !sends_on {
                return Ok(answer);
            }
            let to = answer.headers().get(header::LOCATION).and_then(|to| to.to_str().ok());
            at = to.and_then(|to| at.join(to).ok()).ok_or_else(|| self.wrong("it sends elsewhere and not where"))?;
        }
        Err(self.wrong(&format!("it sends elsewhere more than {MAX_REDIRECTS} times")))
    }

    /// Refuses an address that would take what is protected out of TLS: plain http is for whom it was begun with, and from a
    /// server of this machine for this machine only. What is written stays with the server when that is plain.
    fn check_safe(&self, home: &Url, at: &Url, request: &Ask<'_>) -> Result<(), RegistryError> {
        let plain = at.scheme() == "http" && home.scheme() == "http";
        let near = at.host_str() == home.host_str() || at.host_str().is_some_and(is_local);
        let far = self.server.local || request.writes();
        if at.scheme() == "https" || (plain && (near || !far)) {
            return Ok(());
        }
        Err(self.wrong(&format!("it sends to {}, which is not https", at.origin().ascii_serialization())))
    }

    fn send(&self, ask: &Ask<'_>, at: &Url, authorization: Option<&str>) -> Result<Response<Body>, ureq::Error> {
        let mut request = Request::builder().method(ask.method.clone()).uri(at.as_str());
        let accept = ask.manifest.then(|| [OCI_INDEX, OCI_MANIFEST, DOCKER_INDEX, DOCKER_MANIFEST].join(", "));
        let headers = [
            (header::ACCEPT, accept.as_deref()),
            (header::AUTHORIZATION, authorization),
            (header::CONTENT_TYPE, ask.content.map(|(media_type, _)| media_type)),
            (header::IF_MATCH, ask.if_match),
        ];
        for (name, value) in headers {
            if let Some(value) = value {
                request = request.header(name, value);
            }
        }
        match ask.content {
            Some((_, bytes)) => self.agent.run(request.body(bytes)?),
            None => self.agent.run(request.body(())?),
        }
    }

    /// An answer that is none.
    pub(super) fn wrong(&self, what: &(impl ToString + ?Sized)) -> RegistryError {
        let server = lock(&self.base).clone().or_else(|| self.server.bases.first().cloned()).unwrap_or_default();
        RegistryError::Answer { server, what: what.to_string() }
    }

    pub(super) fn refused(&self, server: &str, wanted: &str, mut answer: Response<Body>) -> RegistryError {
        let status = answer.status().as_u16();
        let text = answer.body_mut().with_config().limit(MAX_ANSWER).read_to_vec().unwrap_or_default();
        let (server, said) = (server.to_owned(), self.said(&reason(&text).unwrap_or(text)));
        let repository = self.server.repository.clone();
        let who = if self.server.credential.is_some() {
            "whom the credentials name"
        } else {
            "nobody (no credentials are known)"
        };
        match status {
            401 | 403 => RegistryError::Denied { server, repository, who, status, said },
            404 => RegistryError::NotFound { server, wanted: format!("{repository} {wanted}") },
            429 => RegistryError::Limited { server, said },
            _ => RegistryError::Status { server, status, said },
        }
    }

    /// What a server says, short, in one line, and without secrets.
    fn said(&self, bytes: &[u8]) -> String {
        let mut text = String::from_utf8_lossy(bytes).into_owned();
        let secret = match &self.server.credential {
            Some(
                Credential::Basic { password: secret, .. } | Credential::Identity(secret) | Credential::Bearer(secret),
            ) => secret,
            None => "",
        };
        if !secret.is_empty() {
            text = text.replace(secret, "[secret]");
        }
        let said: String = text.chars().take(MAX_SAID).map(|c| if c.is_control() { ' ' } else { c }).collect();
        if said.trim().is_empty() { "it does not say why".to_owned() } else { said.trim().to_owned() }
    }
}

/// How long to wait: what the server says, within bounds.
fn wait(headers: &HeaderMap, tries: u32) -> Duration {
    let asked = headers.get(header::RETRY_AFTER).and_then(|value| value.to_str().ok()?.trim().parse().ok());
    asked.map_or(Duration::from_millis(250 << tries), Duration::from_secs).min(MAX_WAIT)
}

/// The codes and messages of an error body.
fn reason(text: &[u8]) -> Option<Vec<u8>> {
    #[derive(Deserialize)]
    struct Errors {
        errors: Vec<Error>,
    }
    #[derive(Deserialize)]
    struct Error {
        #[serde(default)]
        code: String,
        #[serde(default)]
        message: String,
    }
    let errors: Errors = serde_json::from_slice(text).ok()?;
    let all: Vec<String> = errors.errors.iter().map(|error| format!("{} {}", error.code, error.message)).collect();
    (!all.is_empty()).then(|| all.join("; ").into_bytes())
}
