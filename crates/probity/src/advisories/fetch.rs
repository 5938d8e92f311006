//! Files that are had by HTTP, and kept: what has not changed since is not fetched again.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result, bail};
use probity_vulnerabilities::database::part_prefix;
use serde::{Deserialize, Serialize};
use tempfile::NamedTempFile;
use ureq::http::{HeaderMap, Response, header};
use ureq::tls::{PemItem, RootCerts, TlsConfig, parse_pem};
use ureq::{Agent, Body};
use url::Url;

/// The largest file that is fetched, in bytes.
const MAX_FILE: u64 = 16 << 30;
const ATTEMPTS: u32 = 4;
/// Before the second attempt; before each more twice as long.
const PAUSE: Duration = Duration::from_secs(1);
/// The longest that a server may ask to wait.
const MAX_PAUSE: Duration = Duration::from_mins(1);
/// Without an answer, or a part of one.
const TIMEOUT: Duration = Duration::from_mins(1);

/// Fetches files into a folder.
pub(crate) struct Fetcher {
    folder: PathBuf,
    tls: TlsConfig,
    /// Hosts that are spoken to without TLS, besides this machine.
    plain: HashSet<String>,
}

/// What was said with a file, to ask whether there is a newer one.
#[derive(Serialize, Deserialize)]
struct Seen {
    url: String,
    etag: Option<String>,
    last_modified: Option<String>,
}

/// Why an attempt gave nothing.
enum Failed {
    /// It may be better in a while.
    Later(String, Option<Duration>),
    Never(String),
}

impl Fetcher {
    /// Keeps what it fetches in a folder. `authorities` are certificates in PEM that are trusted in place of the public ones.
    pub(crate) fn new(folder: PathBuf, authorities: Option<&Path>, plain: &[String]) -> Result<Self> {
        let mut tls = TlsConfig::builder();
        if let Some(path) = authorities {
            let pem = fs::read(path).with_context(|| format!("{} cannot be read", path.display()))?;
            let mut certificates = Vec::new();
            for item in parse_pem(&pem) {
                if let PemItem::Certificate(certificate) =
                    item.with_context(|| format!("{} is no PEM", path.display()))?
                {
                    certificates.push(certificate);
                }
            }
            if certificates.is_empty() {
                bail!("{} has no certificate in PEM", path.display());
            }
            tls = tls.root_certs(RootCerts::new_with_certs(&certificates));
        }
        Ok(Self { folder, tls: tls.build(), plain: plain.iter().cloned().collect() })
    }

    /// Where files are kept.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The file at an address, as it is there now.
    pub(crate) fn fetch(&self, url: &Url) -> Result<PathBuf> {
        let agent = self.agent(url)?;
        let path = self.folder.join(name(url));
        let seen_path = path.with_added_extension("seen");
        let seen = fs::read(&seen_path).ok().and_then(|text| serde_json::from_slice::<Seen>(&text).ok());
        let seen = seen.filter(|seen| seen.url == url.as_str() && path.is_file());
        let mut pause = PAUSE;
        for attempt in 1.. {
            match self.attempt(&agent, url, seen.as_ref(), &path) {
                // It is as new as if it had been fetched now.
                Ok(None) => {
                    File::options().append(true).open(&path)?.set_modified(SystemTime::now())?;
                    return Ok(path);
                }
                Ok(Some(now)) => {
                    let written = serde_json::to_vec(&now).map_err(io::Error::from);
                    written.and_then(|text| fs::write(&seen_path, text)).context("the cache cannot be written")?;
                    return Ok(path);
                }
                Err(Failed::Later(why, asked)) if attempt < ATTEMPTS => {
                    let wait = asked.unwrap_or(pause).min(MAX_PAUSE);
                    eprintln!("note: {url}: {why}; tried again in {} s", wait.as_secs());
                    thread::sleep(wait);
                    pause *= 2;
                }
                Err(Failed::Later(why, _)) => bail!("{url}: {why} ({ATTEMPTS} attempts)"),
                Err(Failed::Never(why)) => bail!("{url}: {why}"),
            }
        }
        bail!("{url}: it was not asked")
    }

    /// A file of the folder, written as a whole, unless it is there.
    pub(crate) fn keep(&self, name: &str, write: impl FnOnce(&mut File) -> Result<()>) -> Result<PathBuf> {
        let path = self.folder.join(name);
        if !path.is_file() {
            let mut part = self.part()?;
            write(part.as_file_mut())?;
            part.persist(&path).with_context(|| format!("{} cannot be written", path.display()))?;
        }
        File::options().append(true).open(&path)?.set_modified(SystemTime::now())?;
        Ok(path)
    }

    fn part(&self) -> io::Result<NamedTempFile> {
        fs::create_dir_all(&self.folder)?;
        tempfile::Builder::new().prefix(&part_prefix()).tempfile_in(&self.folder)
    }

    fn agent(&self, url: &Url) -> Result<Agent> {
        let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
        let local = host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
        let secure = url.scheme() == "https";
        let authority = url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
        if !(secure || local || self.plain.contains(&authority)) {
            bail!("{url} is not https; if that is meant, allow it with --plain-http {authority}");
        }
        if !url.username().is_empty() || url.password().is_some() {
            bail!("the address at {host} has credentials in it; a registry takes those that `docker login` keeps");
        }
        let mut config = Agent::config_builder()
            .tls_config(self.tls.clone())
            .https_only(secure)
            .http_status_as_error(false)
            .timeout_connect(Some(TIMEOUT))
            .timeout_recv_response(Some(TIMEOUT))
            .user_agent(concat!("probity/", env!("CARGO_PKG_VERSION")));
        if local {
            config = config.proxy(None);
        }
        Ok(config.build().into())
    }

    /// Asks once; `None` when the file is still the newest.
    fn attempt(&self, agent: &Agent, url: &Url, seen: Option<&Seen>, path: &Path) -> Result<Option<Seen>, Failed> {
        let mut request = agent.get(url.as_str());
        if let Some(etag) = seen.and_then(|seen| seen.etag.as_ref()) {
            request = request.header(header::IF_NONE_MATCH, etag);
        } else if let Some(date) = seen.and_then(|seen| seen.last_modified.as_ref()) {
            request = request.header(header::IF_MODIFIED_SINCE, date);
        }
        let mut response = request.call().map_err(|error| match error {
            ureq::Error::Tls(_)
            | ureq::Error::Rustls(_)
            | ureq::Error::BadUri(_)
            | ureq::Error::RequireHttpsOnly(_) => Failed::Never(error.to_string()),
            other => Failed::Later(other.to_string(), None),
        })?;
        match response.status().as_u16() {
            304 if seen.is_some() => return Ok(None),
            200 => {}
            429 | 500..=599 => {
                return Err(Failed::Later(
                    format!("it answers {}", response.status()),
                    retry_after(response.headers()),
                ));
            }
            401 | 403 => {
                return Err(Failed::Never(format!("it answers {}: it wants to know who asks", response.status())));
            }
            404 | 410 => {
                return Err(Failed::Never(format!(
                    "it answers {}: there is nothing at this address",
                    response.status()
                )));
            }
            _ => return Err(Failed::Never(format!("it answers {}", response.status()))),
        }
        self.save(&mut response, path)?;
        let said = |name: header::HeaderName| Some(response.headers().get(name)?.to_str().ok()?.to_owned());
        Ok(Some(Seen { url: url.to_string(), etag: said(header::ETAG), last_modified: said(header::LAST_MODIFIED) }))
    }

    fn save(&self, response: &mut Response<Body>, path: &Path) -> Result<(), Failed> {
        let never = |error: io::Error| Failed::Never(format!("{} cannot be written: {error}", path.display()));
        let promised =
            response.headers().get(header::CONTENT_LENGTH).and_then(|it| it.to_str().ok()?.parse::<u64>().ok());
        let mut part = self.part().map_err(never)?;
        let mut body = response.body_mut().with_config().limit(MAX_FILE).reader();
        let mut buffer = vec![0; 1 << 16];
        let mut length = 0;
        loop {
            let count = body.read(&mut buffer).map_err(|error| Failed::Later(error.to_string(), None))?;
            if count == 0 {
                break;
            }
            length += count as u64;
            part.write_all(&buffer[..count]).map_err(never)?;
        }
        if promised.is_some_and(|promised| promised != length) {
            return Err(Failed::Later(format!("it is cut off after {length} bytes"), None));
        }
        part.as_file().sync_all().map_err(never)?;
        part.persist(path).map_err(|error| never(error.error))?;
        Ok(())
    }
}

/// A name that is told apart from those of other addresses, and has the end of the address' own.
fn name(url: &Url) -> String {
    let safe = |text: &str| {
        text.chars().map(|it| if it.is_ascii_alphanumeric() || ".-".contains(it) { it } else { '_' }).collect()
    };
    let whole: String = safe(url.as_str());
    let end: String = whole.chars().skip(whole.chars().count().saturating_sub(80)).collect();
    format!("{:016x}-{end}", fnv(url.as_str().as_bytes()))
}

/// FNV-1a: names of files need no more.
fn fnv(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |sum, byte| (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim().parse().ok().map(Duration::from_secs)
}
