//! Registries (OCI distribution specification 1.1): images are pulled from them, and what is said of images is pushed.

mod authorize;
mod challenge;
mod client;
mod credentials;
mod endpoints;
mod remote;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use ureq::tls::{PemItem, RootCerts, TlsConfig, parse_pem};

use crate::digest::{Digest, Verified};
use crate::error::ImageError;
use crate::limits::Limits;
use crate::manifest::Descriptor;
use crate::reference::{DEFAULT_REGISTRY, Reference};
use crate::source::{Blob, Root, Store};

use client::{Server, Session};
use credentials::Credentials;
use endpoints::Answered;
pub(crate) use remote::Remote;

/// Where images of `docker.io` are had.
const DOCKER_HOST: &str = "registry-1.docker.io";

/// How registries are reached.
#[derive(Debug, Clone)]
pub struct RegistryOptions {
    /// Docker's `config.json` with credentials and helpers. `None` is nobody's.
    pub docker_config: Option<PathBuf>,
    /// Addresses that are asked before a registry is, such as `docker.io` to `https://mirror.example.com/hub`.
    pub mirrors: BTreeMap<String, Vec<String>>,
    /// Registries that are spoken to without TLS. Those of this machine are when they do not speak TLS.
    pub plain_http: BTreeSet<String>,
    /// A file of certificates in PEM that are trusted in place of the public authorities.
    pub authorities: Option<PathBuf>,
    /// Longest wait for a connection, for the head of an answer, and between two parts of its body.
    pub timeout: Duration,
}

impl Default for RegistryOptions {
    /// Docker's own configuration, when there is one.
    fn default() -> Self {
        Self {
            docker_config: credentials::default_path().filter(|path| path.exists()),
            mirrors: BTreeMap::new(),
            plain_http: BTreeSet::new(),
            authorities: None,
            timeout: Duration::from_secs(30),
        }
    }
}

/// Why a registry did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// A file that says how registries are reached.
    #[error("{}: {why}", path.display())]
    Config {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// A helper that keeps credentials.
    #[error("docker-credential-{helper} gives no credentials for {server}: {why}")]
    Helper {
        /// The helper.
        helper: String,
        /// What it was asked for.
        server: String,
        /// What happened.
        why: String,
    },
    /// A mirror's address cannot be used.
    #[error("the mirror {address} cannot be used: {why}")]
    Mirror {
        /// The address.
        address: String,
        /// What is wrong with it.
        why: String,
    },
    /// It does not answer.
    #[error("{server} does not answer: {what}")]
    Away {
        /// The server.
        server: String,
        /// What happened.
        what: String,
    },
    /// It wants to be told who asks, or does not let that one.
    #[error(
        "{server} does not give {repository} to {who} ({status}): {said}. Log in with `docker login`, or check the rights"
    )]
    Denied {
        /// The server.
        server: String,
        /// The repository.
        repository: String,
        /// `nobody`, or that there were credentials.
        who: &'static str,
        /// The status of the answer.
        status: u16,
        /// What the server says.
        said: String,
    },
    /// It has no such image, or does not say so to strangers.
    #[error("{server} has no {wanted}")]
    NotFound {
        /// The server.
        server: String,
        /// What it was asked for.
        wanted: String,
    },
    /// It asks to wait.
    #[error("{server} gives no more for now (429): {said}. Log in for a higher limit, use a mirror, or wait")]
    Limited {
        /// The server.
        server: String,
        /// What the server says.
        said: String,
    },
    /// Any other answer.
    #[error("{server} answers {status}: {said}")]
    Status {
        /// The server.
        server: String,
        /// The status of the answer.
        status: u16,
        /// What the server says.
        said: String,
    },
    /// An answer that is none.
    #[error("{server} gives an answer that makes no sense: {what}")]
    Answer {
        /// The server.
        server: String,
        /// What is wrong with it.
        what: String,
    },
}

/// Registries, as they are configured.
#[derive(Debug)]
pub struct Registry {
    options: RegistryOptions,
    credentials: Credentials,
    tls: TlsConfig,
}

impl Registry {
    /// Reads the files that the options name.
    ///
    /// # Errors
    /// When one cannot be read or is not of its form.
    pub fn new(options: RegistryOptions) -> Result<Self, ImageError> {
        let credentials = match &options.docker_config {
            Some(path) => Credentials::read(path)?,
            None => Credentials::default(),
        };
        let mut tls = TlsConfig::builder().unversioned_rustls_crypto_provider(probity_crypto::tls::provider());
        if let Some(path) = &options.authorities {
            let wrong = |why: String| RegistryError::Config { path: path.clone(), why };
            let pem = std::fs::read(path).map_err(|error| wrong(error.to_string()))?;
            let mut certificates = Vec::new();
            for item in parse_pem(&pem) {
                if let PemItem::Certificate(certificate) = item.map_err(|error| wrong(error.to_string()))? {
                    certificates.push(certificate);
                }
            }
            if certificates.is_empty() {
                return Err(wrong("has no certificate in PEM".to_owned()).into());
            }
            tls = tls.root_certs(RootCerts::new_with_certs(&certificates));
        }
        Ok(Self { tls: tls.build(), credentials, options })
    }

    /// Fetches what a name leads to, from the first place that has it.
    pub(crate) fn open(&self, reference: &Reference, limits: &Limits) -> Result<(Root, RegistryStore), ImageError> {
        let mut sessions = self.sessions(reference, false)?;
        let mut first = None;
        for at in 0..sessions.len() {
            match root(&sessions[at], reference, limits) {
                Ok(root) => {
                    sessions[..=at].rotate_right(1);
                    return Ok((root, RegistryStore { sessions }));
                }
                // What the registry itself says counts most: it comes last.
                Err(error) => first = Some(error),
            }
        }
        let nowhere =
            || RegistryError::NotFound { server: reference.registry().to_owned(), wanted: reference.to_string() };
        Err(first.unwrap_or_else(|| nowhere().into()))
    }

    /// The mirrors and the registry itself; that alone, where it is written to.
    fn sessions(&self, reference: &Reference, writes: bool) -> Result<Vec<Session>, ImageError> {
        let registry = reference.registry();
        let mut sessions = Vec::new();
        for address in self.options.mirrors.get(registry).into_iter().flatten().filter(|_| !writes) {
            sessions.push(self.mirror(address, reference)?);
        }
        let server = if registry == DEFAULT_REGISTRY { DOCKER_HOST } else { registry };
        let credential = self.credentials.find(registry, reference.repository())?;
        let local = is_local(&reference.host());
        let plain = self.options.plain_http.contains(registry);
        let bases = match (plain, local) {
            (true, _) => vec![format!("http://{server}")],
            (false, true) => vec![format!("https://{server}"), format!("http://{server}")],
            (false, false) => vec![format!("https://{server}")],
        };
        let repository = reference.repository().to_owned();
        let server = Server { bases, local, repository, credential, namespace: None, writes };
        sessions.push(Session::new(&self.tls, self.options.timeout, server));
        Ok(sessions)
    }

    /// The repository of a name, to look for what is beside images. Where it is written to as well, mirrors are left aside.
    pub(crate) fn repository(&self, reference: &Reference, writes: bool) -> Result<Remote, ImageError> {
        Ok(Remote::new(reference.clone(), self.sessions(reference, writes)?))
    }

    fn mirror(&self, address: &str, reference: &Reference) -> Result<Session, RegistryError> {
        let wrong = |why: &str| RegistryError::Mirror { address: address.to_owned(), why: why.to_owned() };
        let url = url::Url::parse(address).map_err(|error| wrong(&error.to_string()))?;
        let host = url.host_str().ok_or_else(|| wrong("it has no host"))?;
        let server = match url.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        };
        let local = is_local(host);
        if !url.username().is_empty() || url.password().is_some() {
            return Err(wrong("it has credentials in it; keep them in Docker's configuration"));
        }
        match url.scheme() {
            "https" => {}
            "http" if local || self.options.plain_http.contains(&server) => {}
            "http" => return Err(wrong("it is not https; list it in `plain_http` if that is meant")),
            _ => return Err(wrong("it is neither https nor http")),
        }
        let credential = self.credentials.find(&server, reference.repository())?;
        let repository = match url.path().trim_matches('/') {
            "" => reference.repository().to_owned(),
            prefix => format!("{prefix}/{}", reference.repository()),
        };
        let bases = vec![format!("{}://{server}", url.scheme())];
        let namespace = Some(reference.registry().to_owned());
        let server = Server { bases, local, repository, credential, namespace, writes: false };
        Ok(Session::new(&self.tls, self.options.timeout, server))
    }
}

fn is_local(host: &str) -> bool {
    let host = host.trim_matches(['[', ']']);
    host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn root(session: &Session, reference: &Reference, limits: &Limits) -> Result<Root, ImageError> {
    let Some(answered) = session.manifest(reference.wanted(), limits.document)? else {
        let wanted = format!("{} manifests/{}", reference.repository(), reference.wanted());
        return Err(RegistryError::NotFound { server: session.base()?, wanted }.into());
    };
    let Answered { bytes, media_type, promised, .. } = answered;
    let expected = reference.digest().cloned().or(promised).unwrap_or_else(|| Digest::sha256(&bytes));
    Verified::new(bytes.as_slice(), expected.clone(), None)
        .finish()
        .map_err(|error| ImageError::io(format!("the manifest of {reference}"), error))?;
    Ok(Root { bytes, media_type, digest: expected })
}

/// A repository of a registry, and of its mirrors.
pub(crate) struct RegistryStore {
    /// The one that had the image first.
    sessions: Vec<Session>,
}

impl Store for RegistryStore {
    fn open(&self, descriptor: &Descriptor) -> Result<Blob<'_>, ImageError> {
        let mut last = None;
        for session in &self.sessions {
            match session.blob(descriptor) {
                Ok(blob) => return Ok(blob),
                Err(error) => last = last.or(Some(error)),
            }
        }
        let nowhere = || {
            let wanted = descriptor.digest.to_string();
            RegistryError::NotFound { server: "the registry".to_owned(), wanted }.into()
        };
        Err(last.unwrap_or_else(nowhere))
    }
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod written;
