//! Asking the platform, and telling it.

use std::fs::File;
use std::io::{self, Read as _};
use std::thread::sleep;
use std::time::{Duration, Instant};

use ureq::http::Response;
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};
use ureq::{Agent, Body};
use url::Url;

use crate::hosts::{HostError, Hosts, same_host};
use crate::payload::Task;

/// The media type of JSON:API.
const JSON_API: &str = "application/vnd.api+json";

/// So many redirects are followed: the platform has one, to where it keeps plans.
const REDIRECTS: usize = 5;

/// Longest time to come to a connection.
const CONNECT: Duration = Duration::from_secs(10);

/// Longest time until an answer begins.
const ANSWER: Duration = Duration::from_secs(30);

/// Longest wait between two tries.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// How much of the text of an error is told.
const TOLD: usize = 300;

/// Certificates in PEM that are trusted in place of the public authorities.
#[derive(Debug, Clone)]
pub struct Authorities(Vec<Certificate<'static>>);

impl Authorities {
    /// Reads certificates; `None` when there are none.
    pub fn read(pem: &[u8]) -> Option<Self> {
        let items = parse_pem(pem).filter_map(Result::ok);
        let found: Vec<_> =
            items.filter_map(|item| if let PemItem::Certificate(found) = item { Some(found) } else { None }).collect();
        (!found.is_empty()).then_some(Self(found))
    }
}

/// Why the platform could not be asked or told.
#[derive(Debug, thiserror::Error)]
pub enum PlatformError {
    /// The address may not be asked for.
    #[error(transparent)]
    Host(#[from] HostError),
    /// The token is not accepted.
    #[error("{host} refuses the token of the task (status {status}): it has expired, or the run has ended")]
    Token {
        /// The host.
        host: String,
        /// The status.
        status: u16,
    },
    /// Another status than one of success.
    #[error("{host} answers with status {status}{said}")]
    Status {
        /// The host.
        host: String,
        /// The status.
        status: u16,
        /// What it said, with a colon before it.
        said: String,
    },
    /// It could not be reached, or the answer broke off.
    #[error("{host} cannot be reached: {message}")]
    Network {
        /// The host.
        host: String,
        /// Why.
        message: String,
    },
    /// What was asked for is not there yet.
    #[error("{0} has no plan yet")]
    NotYet(String),
    /// It is too large.
    #[error("what {host} sends is larger than {limit} bytes")]
    TooLarge {
        /// The host.
        host: String,
        /// What is taken.
        limit: u64,
    },
    /// It was led from one address to the next.
    #[error("more than {REDIRECTS} redirects")]
    Redirects,
    /// What came could not be written.
    #[error("it cannot be kept: {0}")]
    File(#[from] io::Error),
}

impl PlatformError {
    /// Whether the same may go well a moment later.
    fn is_passing(&self) -> bool {
        match self {
            Self::Network { .. } | Self::NotYet(_) => true,
            Self::Status { status, .. } => *status >= 500 || *status == 429 || *status == 408,
            _ => false,
        }
    }

    /// Whether the platform did not understand what it was told.
    pub(crate) fn is_refused_form(&self) -> bool {
        matches!(self, Self::Status { status: 400 | 413 | 422, .. })
    }
}

/// The platform as a client sees it.
pub(crate) struct Platform {
    agent: Agent,
    hosts: Hosts,
    /// Time until the second try; it doubles with each.
    first_wait: Duration,
}

impl Platform {
    pub(crate) fn new(hosts: Hosts, authorities: Option<&Authorities>, first_wait: Duration) -> Self {
        let mut tls = TlsConfig::builder().unversioned_rustls_crypto_provider(probity_crypto::tls::provider());
        if let Some(Authorities(found)) = authorities {
            tls = tls.root_certs(RootCerts::new_with_certs(found));
        }
        let config = Agent::config_builder()
            .tls_config(tls.build())
            .http_status_as_error(false)
            .max_redirects(0)
            .timeout_connect(Some(CONNECT))
            .timeout_recv_response(Some(ANSWER))
            .user_agent(concat!("probity/", env!("CARGO_PKG_VERSION")));
        Self { agent: config.build().into(), hosts, first_wait }
    }

    /// Writes what is at an address to a file; gives its size. Tries again until `until` when it may go well then.
    pub(crate) fn fetch(
        &self,
        task: &Task,
        address: &str,
        to: &mut File,
        limit: u64,
        until: Instant,
    ) -> Result<u64, PlatformError> {
        let url = self.hosts.check(address, &task.task_result_callback_url)?;
        self.again(until, || {
            io::Seek::rewind(to)?;
            to.set_len(0)?;
            self.fetch_once(task, &url, to, limit, until)
        })
    }

    fn fetch_once(
        &self,
        task: &Task,
        first: &Url,
        to: &mut File,
        limit: u64,
        until: Instant,
    ) -> Result<u64, PlatformError> {
        let mut url = first.clone();
        for _ in 0..=REDIRECTS {
            let mut request = self.agent.get(url.as_str());
            // What lets one in at the platform is not for where it keeps its files.
            if same_host(first, &url) {
                request = request.header("authorization", task.access_token.bearer());
            }
            let sent = request.config().timeout_global(Some(left(until))).build().call();
            let response = sent.map_err(|error| network(&url, &error))?;
            let status = response.status().as_u16();
            if !(300..400).contains(&status) {
                return save(response, &url, to, limit);
            }
            url = self.next(&url, &response, task)?;
        }
        Err(PlatformError::Redirects)
    }

    /// Where a redirect leads, when that may be asked.
    fn next(&self, url: &Url, response: &Response<Body>, task: &Task) -> Result<Url, PlatformError> {
        let location = response.headers().get("location").and_then(|value| value.to_str().ok()).unwrap_or_default();
        let next = url.join(location).map_err(|error| HostError::Address(error.to_string()))?;
        self.hosts.check_url(&next, &task.task_result_callback_url)?;
        Ok(next)
    }

    /// Sends a document of JSON:API. Tries again until `until` when it may go well then.
    pub(crate) fn patch(&self, task: &Task, document: &str, until: Instant) -> Result<(), PlatformError> {
        let callback = &task.task_result_callback_url;
        let url = self.hosts.check(callback, callback)?;
        self.again(until, || {
            let request = self.agent.patch(url.as_str()).header("content-type", JSON_API);
            let request = request.header("authorization", task.access_token.bearer());
            let sent = request.config().timeout_global(Some(left(until))).build().send(document);
            let mut response = sent.map_err(|error| network(&url, &error))?;
            if response.status().is_success() { Ok(()) } else { Err(refusal(&mut response, &url)) }
        })
    }

    fn again<T>(
        &self,
        until: Instant,
        mut attempt: impl FnMut() -> Result<T, PlatformError>,
    ) -> Result<T, PlatformError> {
        let mut wait = self.first_wait;
        loop {
            match attempt() {
                Err(error) if error.is_passing() && Instant::now() + wait < until => {
                    sleep(wait);
                    wait = (wait * 2).min(LONGEST_WAIT);
                }
                ended => return ended,
            }
        }
    }
}

/// The time that is left, at least a little: a request that is given none waits for ever.
fn left(until: Instant) -> Duration {
    until.saturating_duration_since(Instant::now()).max(Duration::from_millis(100))
}

fn host(url: &Url) -> String {
    url.host_str().unwrap_or("the platform").to_owned()
}

fn network(url: &Url, error: &ureq::Error) -> PlatformError {
    // What an address has behind its path may let somebody in.
    let message = error.to_string().replace(url.as_str(), url.path());
    PlatformError::Network { host: host(url), message }
}

/// Takes an answer's body.
fn save(mut response: Response<Body>, url: &Url, to: &mut File, limit: u64) -> Result<u64, PlatformError> {
    let status = response.status().as_u16();
    if status == 204 {
        return Err(PlatformError::NotYet(host(url)));
    }
    if status != 200 {
        return Err(refusal(&mut response, url));
    }
    let too_large = || PlatformError::TooLarge { host: host(url), limit };
    if response.body().content_length().is_some_and(|length| length > limit) {
        return Err(too_large());
    }
    let mut body = response.into_body().into_with_config().limit(u64::MAX).reader().take(limit.saturating_add(1));
    let mut piece = vec![0; 1 << 16];
    let mut size = 0;
    loop {
        let read = match body.read(&mut piece) {
            Ok(0) => break,
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(PlatformError::Network { host: host(url), message: error.to_string() }),
        };
        size += read as u64;
        if size > limit {
            return Err(too_large());
        }
        io::Write::write_all(to, &piece[..read])?;
    }
    Ok(size)
}

/// What a status other than one of success means.
fn refusal(response: &mut Response<Body>, url: &Url) -> PlatformError {
    let status = response.status().as_u16();
    if matches!(status, 401 | 403) {
        return PlatformError::Token { host: host(url), status };
    }
    let mut text = String::new();
    // What cannot be read is not told.
    let _ = response.body_mut().with_config().limit(64 << 10).reader().read_to_string(&mut text);
    let text: String = text.chars().filter(|c| !c.is_control()).take(TOLD).collect();
    let said = if text.trim().is_empty() { String::new() } else { format!(": {}", text.trim()) };
    PlatformError::Status { host: host(url), status, said }
}
