//! What policies may have from outside: the clock and chance, requests to hosts that are allowed by name, and files beside
//! them.

mod images;
mod sentinel;

use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use probity_cluster::Services;
use probity_model::value::{Key, Object, Value};
use probity_model::{SourceId, Sources, Span, json, yaml};
use probity_policy_core::ServiceCall;
use probity_policy_rego::{Host, Impure, System};
use probity_subject_config::{Format, UnknownFormat, parse_whole};
use ureq::http::{Method, Request, Response, Uri};
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};
use ureq::{Agent, Body, RequestExt};

use crate::input;
pub(crate) use images::ImageArgs;

/// As OPA's.
const TIMEOUT: Duration = Duration::from_secs(5);
/// Longest a request may take, whatever a policy says.
const MAX_TIMEOUT: Duration = Duration::from_mins(1);
/// Largest answer, in bytes.
const MAX_BODY: u64 = 16 << 20;
const MAX_REDIRECTS: usize = 10;
const MAX_RETRIES: i64 = 10;

/// Gives what it was told to give, and answers to requests to allowed hosts.
#[derive(Debug, Clone)]
pub(crate) struct Outside {
    system: System,
    hosts: Vec<String>,
    /// The modules that may read files beside them.
    files: Option<Arc<Sources>>,
}

impl Outside {
    /// Requests are allowed to these hosts: `api.example.com`, `api.example.com:8443`, `*.example.com`.
    pub(crate) fn new(allowed: impl IntoIterator<Item = Impure>, hosts: &[String]) -> Self {
        Self { system: System::allowing(allowed), hosts: hosts.to_vec(), files: None }
    }

    /// Files may be read, by paths that count from the modules among these.
    pub(crate) fn with_files(self, sources: &Arc<Sources>) -> Self {
        Self { files: Some(Arc::clone(sources)), ..self }
    }

    fn allows(&self, uri: &Uri) -> bool {
        let Some(host) = uri.host() else { return false };
        self.hosts.iter().any(|allowed| {
            let (name, port) = match allowed.rsplit_once(':') {
                Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => (name, port.parse().ok()),
                _ => (allowed.as_str(), None),
            };
            let is_host = match name.strip_prefix('*') {
                Some(suffix) => {
                    suffix.starts_with('.') && host.to_ascii_lowercase().ends_with(&suffix.to_ascii_lowercase())
                }
                None => host.eq_ignore_ascii_case(name),
            };
            is_host && port.is_none_or(|port: u16| uri.port_u16() == Some(port))
        })
    }

    fn check(&self, uri: &Uri) -> Result<(), String> {
        if !matches!(uri.scheme_str(), Some("http" | "https")) {
            return Err(format!("{uri}: only http and https are known"));
        }
        if self.allows(uri) {
            Ok(())
        } else {
            Err(format!("requests to {} are not allowed here", uri.host().unwrap_or("it")))
        }
    }

    fn send(&self, asked: &Asked) -> Result<Response<Body>, String> {
        let mut tries = 0;
        loop {
            match self.follow(asked) {
                Err(Failed::Network(_)) if tries < asked.retries => tries += 1,
                Err(Failed::Network(message) | Failed::Refused(message)) => return Err(message),
                Ok(response) => return Ok(response),
            }
        }
    }

    /// Sends a request, and those that its answer leads to when that is asked for. Each is to an allowed host.
    fn follow(&self, asked: &Asked) -> Result<Response<Body>, Failed> {
        let (mut uri, mut method, mut body) = (asked.uri.clone(), asked.method.clone(), asked.body.as_deref());
        for _ in 0..=MAX_REDIRECTS {
            self.check(&uri).map_err(Failed::Refused)?;
            let mut request = Request::builder().method(method.clone()).uri(uri.clone());
            let elsewhere = uri.authority() != asked.uri.authority();
            for (name, value) in &asked.headers {
                // What lets the policy in at one host is not for another.
                if !(elsewhere && ["authorization", "cookie"].contains(&name.to_ascii_lowercase().as_str())) {
                    request = request.header(name, value);
                }
            }
            let request = request.body(body.unwrap_or_default().to_owned());
            let request = request.map_err(|error| Failed::Refused(error.to_string()))?;
            let sent = request.with_agent(&asked.agent).run();
            let response = sent.map_err(|error| Failed::Network(error.to_string()))?;
            let status = response.status().as_u16();
            let next = response.headers().get("location").and_then(|value| value.to_str().ok());
            let Some(next) = next.filter(|_| asked.redirect && (300..400).contains(&status)) else {
                return Ok(response);
            };
            uri = joined(&uri, next).map_err(Failed::Refused)?;
            if status == 303 || matches!(status, 301 | 302) && method == Method::POST {
                (method, body) = (Method::GET, None);
            }
        }
        Err(Failed::Refused(format!("more than {MAX_REDIRECTS} redirects")))
    }
}

enum Failed {
    Network(String),
    Refused(String),
}

/// The address that a `Location` means.
fn joined(base: &Uri, location: &str) -> Result<Uri, String> {
    let base = url::Url::parse(&base.to_string()).map_err(|error| error.to_string())?;
    base.join(location)
        .map_err(|error| error.to_string())?
        .as_str()
        .parse()
        .map_err(|_| format!("{location} is no address"))
}

/// A request as a policy asks for it.
struct Asked {
    uri: Uri,
    method: Method,
    headers: Vec<(String, String)>,
    body: Option<String>,
    redirect: bool,
    retries: i64,
    agent: Agent,
}

impl Asked {
    fn of(request: &Object) -> Result<Self, String> {
        let text = |name: &str| request.get(name).and_then(Value::as_str);
        let holds = |name: &str| request.get(name).and_then(Value::as_bool).unwrap_or(false);
        for name in ["tls_client_cert", "tls_client_cert_file", "tls_client_cert_env_variable", "tls_server_name"] {
            if request.get(name).is_some() {
                return Err(format!("`{name}` is not known here"));
            }
        }
        if holds("tls_insecure_skip_verify") {
            return Err("`tls_insecure_skip_verify` is refused: give the authority with `tls_ca_cert`".to_owned());
        }
        let uri = text("url").ok_or("`url` must be a text")?;
        let method = text("method").ok_or("`method` must be a text")?.to_ascii_uppercase();
        let body = match (text("raw_body"), request.get("body")) {
            (Some(raw), _) => Some(raw.to_owned()),
            (None, Some(body)) => Some(json::write(body)),
            (None, None) => None,
        };
        let headers = request.get("headers").and_then(Value::as_object).into_iter().flat_map(Object::iter);
        let mut headers: Vec<(String, String)> = headers
            .map(|(name, value)| {
                (name.as_str().to_owned(), value.as_str().map_or_else(|| json::write(value), str::to_owned))
            })
            .collect();
        if request.get("body").is_some() && !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type")) {
            headers.push(("content-type".to_owned(), "application/json".to_owned()));
        }
        let retries =
            request.get("max_retry_attempts").and_then(Value::as_number).and_then(probity_model::Number::as_i64);
        Ok(Self {
            uri: uri.parse().map_err(|_| format!("{uri} is no address"))?,
            method: method.parse().map_err(|_| format!("`{method}` is no method"))?,
            headers,
            body,
            redirect: holds("enable_redirect"),
            retries: retries.unwrap_or(0).clamp(0, MAX_RETRIES),
            agent: agent(request)?,
        })
    }
}

fn agent(request: &Object) -> Result<Agent, String> {
    let mut trusted = None;
    if let Some(pem) = authorities(request)? {
        trusted = Some(root_certificates(&pem).map_err(|why| format!("`tls_ca_cert`: {why}"))?);
    }
    Ok(agent_with(trusted, timeout(request.get("timeout"))?))
}

fn root_certificates(pem: &[u8]) -> Result<RootCerts, String> {
    let found: Vec<Certificate<'static>> = parse_pem(pem)
        .filter_map(|item| if let Ok(PemItem::Certificate(found)) = item { Some(found) } else { None })
        .collect();
    if found.is_empty() {
        Err("there is no certificate in PEM".to_owned())
    } else {
        Ok(RootCerts::new_with_certs(&found))
    }
}

fn agent_with(trusted: Option<RootCerts>, timeout: Duration) -> Agent {
    let mut tls = TlsConfig::builder().unversioned_rustls_crypto_provider(probity_crypto::tls::provider());
    if let Some(trusted) = trusted {
        tls = tls.root_certs(trusted);
    }
    let config = Agent::config_builder()
        .tls_config(tls.build())
        .http_status_as_error(false)
        .max_redirects(0)
        .allow_non_standard_methods(true)
        .timeout_global(Some(timeout))
        .user_agent(concat!("probity/", env!("CARGO_PKG_VERSION")));
    config.build().into()
}

fn authorities(request: &Object) -> Result<Option<Vec<u8>>, String> {
    let text = |name: &str| request.get(name).and_then(Value::as_str);
    if let Some(pem) = text("tls_ca_cert") {
        return Ok(Some(pem.as_bytes().to_vec()));
    }
    if let Some(path) = text("tls_ca_cert_file") {
        return std::fs::read(path).map(Some).map_err(|error| format!("{path}: {error}"));
    }
    match text("tls_ca_cert_env_variable") {
        Some(name) => {
            std::env::var(name).map(|pem| Some(pem.into_bytes())).map_err(|_| format!("the variable {name} is not set"))
        }
        None => Ok(None),
    }
}

/// Nanoseconds, or a text such as `500ms`.
fn timeout(value: Option<&Value>) -> Result<Duration, String> {
    let found = match value {
        None => TIMEOUT,
        Some(Value::Number(number)) => Duration::from_nanos(
            number.as_i64().and_then(|nanos| u64::try_from(nanos).ok()).ok_or("`timeout` makes no sense")?,
        ),
        Some(Value::String(text)) => {
            let span: jiff::SignedDuration = text.parse().map_err(|_| format!("`{text}` is no time, such as 500ms"))?;
            span.try_into().map_err(|_| format!("`{text}` is no time to wait"))?
        }
        Some(_) => return Err("`timeout` must be a number or a text".to_owned()),
    };
    Ok(if found.is_zero() { MAX_TIMEOUT } else { found.min(MAX_TIMEOUT) })
}

/// The answer as OPA gives it to policies.
fn answer(request: &Object, mut response: Response<Body>) -> Result<Value, String> {
    let holds = |name: &str| request.get(name).and_then(Value::as_bool).unwrap_or(false);
    let status = response.status();
    let mut headers: Vec<(Key, Value)> = Vec::new();
    for name in response.headers().keys() {
        let values = response.headers().get_all(name).iter().filter_map(|value| value.to_str().ok());
        headers.push((Key::new(name.as_str()), Value::array(values.map(Value::from))));
    }
    let kind = response.headers().get("content-type").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim().to_owned();
    let raw = response.body_mut().with_config().limit(MAX_BODY).read_to_vec().map_err(|error| error.to_string())?;
    let raw = String::from_utf8_lossy(&raw).into_owned();
    let is_yaml = ["application/yaml", "application/x-yaml", "text/yaml", "text/x-yaml"].contains(&kind.as_str());
    let body = if holds("force_json_decode") || kind == "application/json" {
        json::read(raw.as_bytes()).ok()
    } else if holds("force_yaml_decode") || is_yaml {
        let documents = yaml::read(&raw, SourceId(0), yaml::Dialect::Go).ok();
        documents.and_then(|documents| Some(documents.into_iter().next()?.value))
    } else {
        None
    };
    Ok(Value::object([
        ("status", Value::from(status.to_string())),
        ("status_code", i64::from(status.as_u16()).into()),
        ("body", body.unwrap_or_default()),
        ("raw_body", raw.into()),
        ("headers", Value::Object(headers.into_iter().collect())),
    ]))
}

impl Services for Outside {
    fn call(&self, call: &ServiceCall<'_>, time: Duration) -> Result<Value, String> {
        let authorities = (!call.authorities.is_empty()).then(|| root_certificates(call.authorities.as_bytes()));
        let mut headers: Vec<_> = call.headers.iter().map(|(name, value)| (name.to_string(), value.clone())).collect();
        let body = (!call.body.is_null()).then(|| json::write(call.body));
        if body.is_some() && !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type")) {
            headers.push(("content-type".to_owned(), "application/json".to_owned()));
        }
        let trusted = authorities.transpose()?;
        let mut answer = self.send(&Asked {
            uri: call.url.parse().map_err(|_| "that is no address".to_owned())?,
            method: call.method.parse().map_err(|_| format!("`{}` is no method", call.method))?,
            headers,
            body,
            redirect: true,
            retries: 0,
            agent: agent_with(trusted, time.min(MAX_TIMEOUT)),
        })?;
        let bytes = answer.body_mut().with_config().limit(MAX_BODY).read_to_vec().map_err(|error| error.to_string())?;
        if !answer.status().is_success() {
            return Err(format!("HTTP {}: {}", answer.status(), String::from_utf8_lossy(&bytes)));
        }
        json::read(&bytes).map_err(|_| "the answer is no JSON".to_owned())
    }
}

impl Host for Outside {
    fn now_ns(&self) -> Result<i64, String> {
        self.system.now_ns()
    }

    fn random(&self, buffer: &mut [u8]) -> Result<(), String> {
        self.system.random(buffer)
    }

    fn lookup(&self, name: &str) -> Result<Vec<IpAddr>, String> {
        self.system.lookup(name)
    }

    fn runtime(&self) -> Result<Value, String> {
        self.system.runtime()
    }

    fn parse_config(&self, format: &str, text: &str) -> Result<Value, String> {
        let format: Format = format.parse().map_err(|error: UnknownFormat| error.to_string())?;
        parse_whole(format, text, SourceId(0)).map_err(|problem| problem.message)
    }

    fn parse_config_file(&self, path: &str, from: Option<Span>) -> Result<Value, String> {
        let Some(sources) = &self.files else { return Err("reading files is not allowed here".to_owned()) };
        let module = from.and_then(|span| sources.get(span.source));
        let folder = module.as_ref().and_then(|module| module.path.parent()).unwrap_or(Path::new(""));
        let file = folder.join(path);
        let format = Format::of(&file).ok_or_else(|| format!("{path}: the name does not tell what format it has"))?;
        let text = input::read_text(&file).map_err(|error| format!("{error:#}"))?;
        parse_whole(format, &text, SourceId(0)).map_err(|problem| format!("{path}: {}", problem.message))
    }

    fn http_send(&self, request: &Value) -> Result<Value, String> {
        let Value::Object(request) = request else { return Err("a request must be an object".to_owned()) };
        let asked = Asked::of(request)?;
        // Not of the network: no policy may ask to go on without.
        self.check(&asked.uri)?;
        match self.send(&asked).and_then(|response| answer(request, response)) {
            Err(message) if request.get("raise_error").and_then(Value::as_bool) == Some(false) => {
                let error = [("code", Value::from("eval_http_send_network_error")), ("message", message.into())];
                Ok(Value::object([("status_code", 0.into()), ("error", Value::object(error))]))
            }
            answered => answered,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_allowed_by_name() {
        let hosts = ["api.example.com", "other.example.com:8443", "*.internal.example"].map(str::to_owned);
        let outside = Outside::new([], &hosts);
        for (address, allowed) in [
            ("https://api.example.com/x", true),
            ("https://API.example.com:444/x", true),
            ("https://api.example.com.evil.test/", false),
            ("https://other.example.com/", false),
            ("https://other.example.com:8443/", true),
            ("http://a.internal.example/", true),
            ("http://internal.example/", false),
            ("http://api.example.com@evil.test/", false),
            ("ftp://api.example.com/", false),
            ("http://127.0.0.1/", false),
        ] {
            let uri: Uri = address.parse().unwrap();
            assert_eq!(outside.check(&uri).is_ok(), allowed, "{address}");
        }
    }

    #[test]
    fn times_are_read() {
        assert_eq!(timeout(None), Ok(TIMEOUT));
        assert_eq!(timeout(Some(&"500ms".into())), Ok(Duration::from_millis(500)));
        assert_eq!(timeout(Some(&2_000_000_000_i64.into())), Ok(Duration::from_secs(2)));
        assert_eq!(timeout(Some(&"10h".into())), Ok(MAX_TIMEOUT));
        for bad in [Value::from("soon"), Value::from("-1s"), (-1_i64).into(), true.into()] {
            assert!(timeout(Some(&bad)).is_err(), "{bad:?}");
        }
    }
}
