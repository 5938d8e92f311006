//! Keeping bundles up to date.

use std::fs;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

use probity_model::Sources;
use probity_policy_bundle::{Bundle, Options, Verification};
use ureq::http::Uri;
use ureq::tls::{PemItem, RootCerts, TlsConfig, parse_pem};

use crate::gate::Gate;

/// Where a bundle is.
#[derive(Debug, Clone)]
pub enum Source {
    /// On a server.
    Url {
        /// The address, `https://` or, on this machine, `http://`.
        url: String,
        /// What is sent as a bearer token.
        token: Option<String>,
        /// Certificates in PEM to trust in place of the public authorities.
        ca: Option<Vec<u8>>,
    },
    /// A folder, or a tar.gz file.
    Path(PathBuf),
}

/// A bundle that is looked after.
#[derive(Debug, Clone)]
pub struct Poll {
    /// What it is called.
    pub name: String,
    /// Where it is.
    pub source: Source,
    /// How it is read.
    pub options: Options,
    /// Shortest time between two looks.
    pub min_delay: Duration,
    /// Longest time between two looks.
    pub max_delay: Duration,
    /// Longest that one look may take.
    pub timeout: Duration,
}

/// Why a bundle cannot be looked after.
#[derive(Debug, thiserror::Error)]
#[error("the bundle {name}: {why}")]
pub struct PollError {
    name: String,
    why: String,
}

/// Ends the looking when it is dropped.
pub struct Stop {
    stopped: Arc<(Mutex<bool>, Condvar)>,
    thread: Option<JoinHandle<()>>,
}

impl std::fmt::Debug for Stop {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stop").finish_non_exhaustive()
    }
}

impl Drop for Stop {
    fn drop(&mut self) {
        *self.stopped.0.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.stopped.1.notify_all();
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has said so.
            let _ = thread.join();
        }
    }
}

/// The first wait after something went wrong; it doubles from time to time.
const FIRST_RETRY: Duration = Duration::from_millis(500);

impl Poll {
    /// Looks after the bundle until [`Stop`] is dropped. The gate is not ready before it was loaded once; one that cannot be
    /// loaded or does not compile leaves the last good one in force, which standard error says once.
    ///
    /// # Errors
    /// When the address or the certificates cannot be used.
    pub fn start(self, gate: Arc<Gate>) -> Result<Stop, PollError> {
        let wrong = |why| PollError { name: self.name.clone(), why };
        if self.min_delay > self.max_delay {
            return Err(wrong("the shortest delay is longer than the longest".to_owned()));
        }
        let agent = self.agent().map_err(wrong)?;
        gate.await_bundle(&self.name);
        let stopped = Arc::new((Mutex::new(false), Condvar::new()));
        let watched = Arc::clone(&stopped);
        let looker = Looker { poll: self, gate, agent, known: Known::default(), failures: 0, said: None };
        let thread = std::thread::spawn(move || looker.run(&watched));
        Ok(Stop { stopped, thread: Some(thread) })
    }

    fn agent(&self) -> Result<Option<ureq::Agent>, String> {
        let Source::Url { url, token, ca } = &self.source else { return Ok(None) };
        let signed = matches!(self.options.verification, Verification::Required(_));
        let local = check(url, token.is_some(), signed)?;
        if token.as_deref().is_some_and(|token| token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()))
        {
            return Err("the token has characters that a header cannot have".to_owned());
        }
        let mut tls = TlsConfig::builder().unversioned_rustls_crypto_provider(probity_crypto::tls::provider());
        if let Some(pem) = ca {
            tls = tls.root_certs(certificates(pem)?);
        }
        let mut config = ureq::Agent::config_builder()
            .tls_config(tls.build())
            .http_status_as_error(false)
            .max_redirects(if token.is_some() { 0 } else { 3 })
            .timeout_global(Some(self.timeout))
            .user_agent(concat!("probity/", env!("CARGO_PKG_VERSION")));
        if local {
            config = config.proxy(None);
        }
        Ok(Some(config.build().into()))
    }
}

/// Whether the address is one of this machine; an error when it must not be used.
fn check(url: &str, token: bool, signed: bool) -> Result<bool, String> {
    let uri: Uri = url.parse().map_err(|_| "the address is not one".to_owned())?;
    let authority = uri.authority().ok_or("the address has no host")?;
    if authority.as_str().contains('@') {
        return Err("the address has credentials in it; give the token apart".to_owned());
    }
    let host = authority.host().trim_matches(['[', ']']);
    let local =
        host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    match uri.scheme_str() {
        Some("https") => Ok(local),
        Some("http") if local => Ok(true),
        Some("http") if token => Err(format!("http://{host} would get the token in the clear; use https")),
        Some("http") if signed => Ok(false),
        Some("http") => {
            Err(format!("what comes from http://{host} can be changed on its way; use https, or a signed bundle"))
        }
        _ => Err("the address is neither https nor http".to_owned()),
    }
}

fn certificates(pem: &[u8]) -> Result<RootCerts, String> {
    let mut certificates = Vec::new();
    for item in parse_pem(pem) {
        if let PemItem::Certificate(certificate) = item.map_err(|error| error.to_string())? {
            certificates.push(certificate);
        }
    }
    if certificates.is_empty() {
        return Err("there is no certificate in PEM among those to trust".to_owned());
    }
    Ok(RootCerts::new_with_certs(&certificates))
}

/// How the bundle in force is known again.
#[derive(Default)]
struct Known {
    etag: Option<String>,
    changed: Option<(SystemTime, u64)>,
}

struct Looker {
    poll: Poll,
    gate: Arc<Gate>,
    agent: Option<ureq::Agent>,
    known: Known,
    failures: u32,
    said: Option<String>,
}

impl Looker {
    fn run(mut self, stopped: &(Mutex<bool>, Condvar)) {
        loop {
            let delay = match self.look() {
                Ok(()) => {
                    self.failures = 0;
                    self.said = None;
                    self.delay()
                }
                Err(why) => {
                    self.failures = self.failures.saturating_add(1);
                    self.say(&why);
                    let doubled = FIRST_RETRY.saturating_mul(1 << self.failures.min(16).saturating_sub(1));
                    doubled.min(self.delay())
                }
            };
            let flag = stopped.0.lock().unwrap_or_else(PoisonError::into_inner);
            let waited = stopped.1.wait_timeout_while(flag, delay, |stopped| !*stopped);
            if *waited.unwrap_or_else(PoisonError::into_inner).0 {
                return;
            }
        }
    }

    fn say(&mut self, why: &str) {
        self.gate.bundle_failed(&self.poll.name, why);
        if self.said.as_deref() != Some(why) {
            eprintln!("probity serve: the bundle {}: {why}", self.poll.name);
            self.said = Some(why.to_owned());
        }
    }

    /// Some time between the shortest and the longest, so that many servers do not ask at once.
    fn delay(&self) -> Duration {
        let mut bytes = [0; 4];
        // Without chance all wait the shortest time.
        let _ = getrandom::fill(&mut bytes);
        let part = f64::from(u32::from_le_bytes(bytes)) / f64::from(u32::MAX);
        self.poll.min_delay + self.poll.max_delay.saturating_sub(self.poll.min_delay).mul_f64(part)
    }

    fn look(&mut self) -> Result<(), String> {
        match self.poll.source.clone() {
            Source::Path(path) => self.look_at(&path),
            Source::Url { url, token, .. } => self.ask(&url, token.as_deref()),
        }
    }

    /// A file is read again when it has changed; a folder once.
    fn look_at(&mut self, path: &std::path::Path) -> Result<(), String> {
        let meta = fs::metadata(path).map_err(|error| format!("{}: {error}", path.display()))?;
        let changed = meta.modified().ok().map(|time| (time, if meta.is_dir() { 0 } else { meta.len() }));
        let same =
            changed.is_some() && self.known.changed.is_some() && (meta.is_dir() || self.known.changed == changed);
        if same {
            return Ok(());
        }
        let bundle = Bundle::from_path(&self.poll.name, path, &self.poll.options, &Sources::default());
        self.activate(&bundle.map_err(|error| error.to_string())?)?;
        self.known.changed = changed;
        Ok(())
    }

    fn ask(&mut self, url: &str, token: Option<&str>) -> Result<(), String> {
        let Some(agent) = &self.agent else { return Ok(()) };
        let mut request = agent.get(url);
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        if let Some(etag) = &self.known.etag {
            request = request.header("if-none-match", etag);
        }
        let mut answer = request.call().map_err(|error| error.to_string())?;
        match answer.status().as_u16() {
            200 => {}
            304 => return Ok(()),
            status => return Err(format!("{url} answers {status}")),
        }
        let etag = answer.headers().get("etag").and_then(|etag| etag.to_str().ok()).map(str::to_owned);
        let limit = self.poll.options.limits.compressed;
        let bytes = answer.body_mut().with_config().limit(limit).read_to_vec().map_err(|error| error.to_string())?;
        let bundle = Bundle::from_bytes(&self.poll.name, &bytes, &self.poll.options, &Sources::default());
        self.activate(&bundle.map_err(|error| error.to_string())?)?;
        self.known.etag = etag;
        Ok(())
    }

    fn activate(&self, bundle: &Bundle) -> Result<(), String> {
        self.gate.activate(bundle).map_err(|error| error.to_string())?;
        let revision = &bundle.manifest.revision;
        let revision = if revision.is_empty() { String::new() } else { format!(", revision {revision}") };
        eprintln!("probity serve: the bundle {} is in force{}", bundle.name, revision.escape_debug());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_trusted_that_can_be_changed_on_its_way() {
        for (url, token, signed, fine) in [
            ("https://bundles.example.com/a.tar.gz", true, false, true),
            ("http://127.0.0.1:80/a.tar.gz", true, false, true),
            ("http://localhost/a.tar.gz", false, false, true),
            ("http://bundles.example.com/a.tar.gz", false, false, false),
            ("http://bundles.example.com/a.tar.gz", false, true, true),
            ("http://bundles.example.com/a.tar.gz", true, true, false),
            ("https://me:secret@example.com/a", false, true, false),
            ("ftp://example.com/a", false, true, false),
            ("a.tar.gz", false, true, false),
        ] {
            assert_eq!(check(url, token, signed).is_ok(), fine, "{url} {token} {signed}");
        }
    }
}
