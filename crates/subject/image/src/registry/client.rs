//! One repository of one server.

use std::io::Read;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use ureq::http::{HeaderMap, Response, StatusCode, header};
use ureq::tls::TlsConfig;
use ureq::{Agent, Body};
use url::Url;

use super::RegistryError;
use super::challenge::{self, Challenge};
use super::credentials::Credential;
use crate::digest::Digest;
use crate::error::{Exceeded, ImageError};
use crate::manifest::{DOCKER_INDEX, DOCKER_MANIFEST, Descriptor, OCI_INDEX, OCI_MANIFEST};
use crate::source::Blob;

const MAX_REDIRECTS: usize = 5;
const MAX_TRIES: u32 = 3;
const MAX_WAIT: Duration = Duration::from_secs(10);
/// Most that is read of an error or of a token.
const MAX_ANSWER: u64 = 1 << 20;
/// Most of what a server says that is repeated.
const MAX_SAID: usize = 300;

/// What is said to a server.
pub(super) struct Session {
    agent: Agent,
    /// `https://host`, and `http://host` when it is of this machine.
    bases: Vec<String>,
    /// The base that answers.
    base: Mutex<Option<String>>,
    repository: String,
    credential: Option<Credential>,
    /// The registry that this is a mirror of.
    namespace: Option<String>,
    /// What `Authorization` is, once it is known.
    authorization: Mutex<Option<String>>,
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Session {
    pub(super) fn new(
        tls: &TlsConfig,
        timeout: Duration,
        local: bool,
        bases: Vec<String>,
        repository: String,
        credential: Option<Credential>,
        namespace: Option<String>,
    ) -> Self {
        let mut config = Agent::config_builder()
            .tls_config(tls.clone())
            .http_status_as_error(false)
            // Credentials go to one server; where else it sends is asked without them.
            .max_redirects(0)
            .timeout_connect(Some(timeout))
            .timeout_recv_response(Some(timeout))
            .timeout_per_read(Some(timeout))
            .user_agent(concat!("probity/", env!("CARGO_PKG_VERSION")));
        if local {
            config = config.proxy(None);
        }
        let base = Mutex::new((bases.len() == 1).then(|| bases[0].clone()));
        let agent = config.build().into();
        Self { agent, bases, base, repository, credential, namespace, authorization: Mutex::new(None) }
    }

    /// A manifest or an index: its bytes, its media type, and the digest that the server says it has.
    pub(super) fn manifest(&self, wanted: &str, most: u64) -> Result<(Vec<u8>, String, Option<Digest>), ImageError> {
        let answer = self.get(&format!("manifests/{wanted}"), true)?;
        let text = |name: &str| answer.headers().get(name).and_then(|value| value.to_str().ok());
        let media_type = text("content-type").unwrap_or_default().to_owned();
        let promised = text("docker-content-digest").and_then(|digest| digest.parse().ok());
        let mut bytes = Vec::new();
        let what = format!("the manifest {}:{wanted}", self.repository);
        let read = answer.into_body().into_reader().take(most + 1).read_to_end(&mut bytes);
        read.map_err(|error| ImageError::io(what.clone(), error))?;
        if bytes.len() as u64 > most {
            let exceeded = Exceeded { of: "bytes", most, limit: "document" };
            return Err(ImageError::io(what, std::io::Error::other(exceeded)));
        }
        Ok((bytes, media_type, promised))
    }

    pub(super) fn blob(&self, descriptor: &Descriptor) -> Result<Blob<'static>, ImageError> {
        let manifest =
            matches!(descriptor.media_type.as_str(), OCI_MANIFEST | OCI_INDEX | DOCKER_MANIFEST | DOCKER_INDEX);
        let kind = if manifest { "manifests" } else { "blobs" };
        let answer = self.get(&format!("{kind}/{}", descriptor.digest), manifest)?;
        Ok(Box::new(answer.into_body().into_reader()))
    }

    fn base(&self) -> Result<String, RegistryError> {
        let mut known = lock(&self.base);
        if let Some(base) = &*known {
            return Ok(base.clone());
        }
        let mut trouble = None;
        for base in &self.bases {
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
        let server = self.bases.first().cloned().unwrap_or_default();
        let silent = || RegistryError::Away { server, what: "it speaks neither https nor http".to_owned() };
        Err(trouble.unwrap_or_else(silent))
    }

    fn away(&self, base: &str, error: &ureq::Error) -> RegistryError {
        RegistryError::Away { server: base.to_owned(), what: self.said(error.to_string().as_bytes()) }
    }

    /// Asks for a part of the repository, tells who asks when that is wanted, and tries again what may pass.
    fn get(&self, part: &str, manifest: bool) -> Result<Response<Body>, ImageError> {
        let base = self.base()?;
        let query = self.namespace.as_ref().map(|namespace| {
            let pair: String = form_urlencoded::Serializer::new(String::new()).append_pair("ns", namespace).finish();
            format!("?{pair}")
        });
        let url = format!("{base}/v2/{}/{part}{}", self.repository, query.unwrap_or_default());
        let mut told = false;
        let mut tries = 0;
        loop {
            let answer = self.follow(&base, &url, manifest)?;
            let status = answer.status();
            match status.as_u16() {
                200 => return Ok(answer),
                401 if !told => {
                    told = true;
                    let authorization = self.authorize(&base, answer.headers())?;
                    *lock(&self.authorization) = authorization;
                }
                429 | 500 | 502..=504 if tries + 1 < MAX_TRIES => {
                    tries += 1;
                    thread::sleep(wait(answer.headers(), tries));
                }
                _ => return Err(self.refused(&base, part, answer).into()),
            }
        }
    }

    /// Sends a request and follows where it is sent; elsewhere without credentials.
    fn follow(&self, base: &str, url: &str, manifest: bool) -> Result<Response<Body>, RegistryError> {
        let wrong = |what: String| RegistryError::Answer { server: base.to_owned(), what };
        let start = Url::parse(url).map_err(|error| wrong(error.to_string()))?;
        let mut at = start.clone();
        for _ in 0..=MAX_REDIRECTS {
            let mut request = self.agent.get(at.as_str());
            if manifest {
                request =
                    request.header(header::ACCEPT, [OCI_INDEX, OCI_MANIFEST, DOCKER_INDEX, DOCKER_MANIFEST].join(", "));
            }
            if let Some(authorization) = lock(&self.authorization).as_ref().filter(|_| at.origin() == start.origin()) {
                request = request.header(header::AUTHORIZATION, authorization);
            }
            let answer = request.call().map_err(|error| self.away(base, &error))?;
            if !matches!(answer.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
                return Ok(answer);
            }
            let to = answer.headers().get(header::LOCATION).and_then(|to| to.to_str().ok());
            let to = to
                .and_then(|to| at.join(to).ok())
                .ok_or_else(|| wrong("it sends elsewhere and not where".to_owned()))?;
            if to.scheme() != "https" && to.scheme() != start.scheme() {
                return Err(wrong("it sends from https to something else".to_owned()));
            }
            at = to;
        }
        Err(wrong(format!("it sends elsewhere more than {MAX_REDIRECTS} times")))
    }

    /// What `Authorization` has to be for a challenge. `None` when there is nothing to say.
    fn authorize(&self, base: &str, headers: &HeaderMap) -> Result<Option<String>, RegistryError> {
        let challenges = headers.get_all(header::WWW_AUTHENTICATE).iter().filter_map(|value| value.to_str().ok());
        match (challenge::parse(challenges), &self.credential) {
            (_, Some(Credential::Bearer(token))) => Ok(Some(format!("Bearer {token}"))),
            (Some(Challenge::Basic), Some(Credential::Basic { user, password })) => Ok(Some(basic(user, password))),
            (Some(Challenge::Bearer { realm, service, scope }), _) => {
                let scope = scope.unwrap_or_else(|| format!("repository:{}:pull", self.repository));
                self.token(base, &realm, service.as_deref(), &scope).map(|token| Some(format!("Bearer {token}")))
            }
            _ => Ok(None),
        }
    }

    /// A token of the server that the registry names (its token authentication specification).
    fn token(&self, base: &str, realm: &str, service: Option<&str>, scope: &str) -> Result<String, RegistryError> {
        #[derive(Deserialize)]
        struct Token {
            token: Option<String>,
            access_token: Option<String>,
        }
        let wrong = |what: &str| RegistryError::Answer { server: base.to_owned(), what: what.to_owned() };
        let mut url = Url::parse(realm).map_err(|_| wrong("the server of its tokens has no address"))?;
        if url.scheme() != "https" && !(url.scheme() == "http" && base.starts_with("http://")) {
            return Err(wrong("the server of its tokens is not https: a password would be sent in the clear"));
        }
        let server = url.origin().ascii_serialization();
        let answer = if let Some(Credential::Identity(token)) = &self.credential {
            let form =
                [("grant_type", "refresh_token"), ("client_id", "probity"), ("scope", scope), ("refresh_token", token)];
            let service = service.map(|service| ("service", service));
            self.agent.post(url.as_str()).send_form(form.into_iter().chain(service))
        } else {
            url.query_pairs_mut().extend_pairs(service.map(|service| ("service", service))).append_pair("scope", scope);
            let mut request = self.agent.get(url.as_str());
            if let Some(Credential::Basic { user, password }) = &self.credential {
                request = request.header(header::AUTHORIZATION, basic(user, password));
            }
            request.call()
        };
        let mut answer = answer.map_err(|error| self.away(&server, &error))?;
        if answer.status() != StatusCode::OK {
            return Err(self.refused(&server, &self.repository, answer));
        }
        let text = answer
            .body_mut()
            .with_config()
            .limit(MAX_ANSWER)
            .read_to_vec()
            .map_err(|error| self.away(&server, &error))?;
        let token: Option<Token> = serde_json::from_slice(&text).ok();
        let token = token.and_then(|token| token.token.filter(|token| !token.is_empty()).or(token.access_token));
        let sound = |token: &String| !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic());
        token.filter(sound).ok_or_else(|| wrong("there is no token in the answer of the server of its tokens"))
    }

    fn refused(&self, server: &str, wanted: &str, mut answer: Response<Body>) -> RegistryError {
        let status = answer.status().as_u16();
        let text = answer.body_mut().with_config().limit(MAX_ANSWER).read_to_vec().unwrap_or_default();
        let (server, said) = (server.to_owned(), self.said(&reason(&text).unwrap_or(text)));
        let repository = self.repository.clone();
        let who =
            if self.credential.is_some() { "whom the credentials name" } else { "nobody (no credentials are known)" };
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
        let secret = match &self.credential {
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

fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
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
