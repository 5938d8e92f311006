//! What an HTTP request asks of Vault (Vault, "HTTP API"): its operation, path, namespace, token and parameters, as the server
//! reads them. What the server could read otherwise is refused.

use std::collections::BTreeMap;

use hyper::header::{AUTHORIZATION, CONTENT_TYPE};
use hyper::http::request::Parts;
use hyper::{HeaderMap, Method};
use percent_encoding::percent_decode_str;
use probity_model::{Value, json};

use super::answer::Refusal;

/// Where the API begins.
const API: &str = "/v1/";

/// What a header begins with by which a request logs in on the way: an endpoint that its path does not name.
const INLINE_AUTH: &str = "x-vault-inline-auth-";

/// Endpoints that no policy governs, as they are there for when nothing else is: unsealing, and making a token of root.
const LAST_RESORT: [&str; 8] = [
    "sys/generate-root/",
    "sys/rekey/",
    "sys/rekey-recovery-key/",
    "sys/unseal",
    "sys/init",
    "sys/seal-status",
    "sys/health",
    "sys/leader",
];

/// A request as the server reads it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Asked {
    pub(super) operation: &'static str,
    /// Without `/v1/`.
    pub(super) path: String,
    /// As its header says it.
    pub(super) namespace: String,
    pub(super) token: Option<String>,
    pub(super) wrap_ttl: i64,
    pub(super) policy_override: bool,
    /// Parameters of the query, where they are the data.
    pub(super) query: Value,
    pub(super) body: BodyForm,
}

/// What the body of a request is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BodyForm {
    /// The operation takes none.
    None,
    Json,
    Form,
    /// Not looked at by the server, and passed on as it comes: a snapshot.
    Stream,
}

impl Asked {
    /// Reads the head of a request; none when it is not for the API.
    pub(super) fn read(parts: &Parts) -> Result<Option<Self>, Refusal> {
        let path = path(parts.uri.path())?;
        let Some(path) = path.strip_prefix(API) else { return Ok(None) };
        let headers = &parts.headers;
        if headers.keys().any(|name| name.as_str().starts_with(INLINE_AUTH)) {
            return Err(Refusal::bad("inline authentication is not let through: log in first, and use the token"));
        }
        let query = Query::read(parts.uri.query().unwrap_or_default());
        let (operation, takes) = operation(&parts.method, &query)?;
        let mut path = path.to_owned();
        if matches!(operation, "list" | "scan") && !path.ends_with('/') {
            path.push('/');
        }
        let body = if takes { body_form(&path, headers) } else { BodyForm::None };
        let left_out = [if operation == "list" { "list" } else { "" }, if operation == "scan" { "scan" } else { "" }];
        let left_out = if parts.method == Method::GET { left_out } else { [""; 2] };
        Ok(Some(Self {
            operation,
            path,
            namespace: first(headers, "x-vault-namespace").to_owned(),
            token: token(headers),
            wrap_ttl: wrap_ttl(first(headers, "x-vault-wrap-ttl"))?,
            policy_override: truth(first(headers, "x-vault-policy-override")) == Some(true),
            query: if takes { Value::object::<&str>([]) } else { query.data(&left_out) },
            body,
        }))
    }

    /// Whether it is one that no policy governs.
    pub(super) fn is_last_resort(&self) -> bool {
        self.namespace.trim_matches('/').is_empty()
            && LAST_RESORT.iter().any(|path| self.path == *path || path.ends_with('/') && self.path.starts_with(path))
    }

    /// The data of a body.
    pub(super) fn data(&self, body: &[u8]) -> Result<Value, Refusal> {
        match self.body {
            BodyForm::None => Ok(self.query.clone()),
            BodyForm::Stream => Ok(Value::Unknown("the body is passed on as it comes".into())),
            BodyForm::Form if !looks_like_json(body) => {
                let text = std::str::from_utf8(body).map_err(|_| Refusal::bad("the form is no UTF-8 text"))?;
                Ok(Query::read(text).data(&[]))
            }
            BodyForm::Json | BodyForm::Form => json_data(body),
        }
    }
}

/// Whether the server looks at no token at a path within a namespace: a login.
pub(super) fn is_login(path: &str) -> bool {
    let mut segments = path.split('/');
    // The mount's path may have several segments.
    segments.next() == Some("auth") && segments.skip(1).any(|segment| segment == "login")
}

/// Whether the token of a request is one for wrapping, which counts once and is not spent on being looked up: one that
/// unwraps, and does not name the token to unwrap beside it.
pub(super) fn unwraps(path: &str, data: &Value) -> bool {
    matches!(path, "sys/wrapping/unwrap" | "sys/wrapping/rewrap" | "sys/wrapping/lookup") && data.get("token").is_none()
}

/// Whether the token at a path within a namespace may be one for wrapping, by the older way.
pub(super) fn may_unwrap(path: &str) -> bool {
    path == "cubbyhole/response"
}

fn json_data(body: &[u8]) -> Result<Value, Refusal> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Ok(Value::object::<&str>([]));
    }
    // The server would take the first of several values, and what follows would go unjudged.
    match json::read(body) {
        Ok(value @ Value::Object(_)) => Ok(value),
        Ok(Value::Null) => Ok(Value::object::<&str>([])),
        Ok(_) => Err(Refusal::bad("the body is no JSON object")),
        Err(problem) => Err(Refusal::bad(format!("the body is no JSON: {}", problem.message))),
    }
}

fn looks_like_json(body: &[u8]) -> bool {
    body.iter().find(|byte| !byte.is_ascii_whitespace()).is_some_and(|byte| matches!(byte, b'{' | b'['))
}

/// The decoded path. What a server would clean, and so read as another path, is refused.
fn path(raw: &str) -> Result<String, Refusal> {
    let mut rest = raw.as_bytes();
    while let Some(at) = rest.iter().position(|byte| *byte == b'%') {
        if !rest.get(at + 1..at + 3).is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit)) {
            return Err(Refusal::bad("the path has a `%` that encodes nothing"));
        }
        rest = &rest[at + 3..];
    }
    let path = percent_decode_str(raw).decode_utf8().map_err(|_| Refusal::bad("the path is no UTF-8 text"))?;
    if path.chars().any(char::is_control) {
        return Err(Refusal::bad("the path has control characters"));
    }
    let mut segments = path.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        let is_last = segments.peek().is_none();
        if matches!(segment, "." | "..") || segment.is_empty() && !is_last {
            return Err(Refusal::bad("the path has segments that are empty, `.` or `..`"));
        }
    }
    Ok(path.into_owned())
}

/// The operation, and whether it takes a body.
fn operation(method: &Method, query: &Query) -> Result<(&'static str, bool), Refusal> {
    let flag = |name: &str| match query.first(name) {
        "" => Ok(false),
        text => truth(text).ok_or_else(|| Refusal::bad(format!("the parameter `{name}` is neither true nor false"))),
    };
    Ok(match method.as_str() {
        "GET" if !query.first("help").is_empty() => ("help", false),
        "GET" => match (flag("list")?, flag("scan")?) {
            (true, true) => return Err(Refusal::bad("`list` and `scan` exclude each other")),
            (true, false) => ("list", false),
            (false, true) => ("scan", false),
            (false, false) => ("read", false),
        },
        "HEAD" => ("header", false),
        "LIST" => ("list", false),
        "SCAN" => ("scan", false),
        "HELP" => ("help", false),
        "OPTIONS" => ("options", false),
        "DELETE" => ("delete", false),
        "POST" | "PUT" => ("update", true),
        "PATCH" => ("patch", true),
        other => {
            let status = hyper::StatusCode::METHOD_NOT_ALLOWED;
            return Err(Refusal::new(status, format!("the method {other} is none of Vault's")));
        }
    })
}

fn body_form(path: &str, headers: &HeaderMap) -> BodyForm {
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let content_type = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let is_snapshot = matches!(path, "sys/storage/raft/snapshot" | "sys/storage/raft/snapshot-force");
    match content_type.as_str() {
        _ if is_snapshot => BodyForm::Stream,
        "application/ocsp-request" => BodyForm::Stream,
        "application/x-www-form-urlencoded" => BodyForm::Form,
        _ => BodyForm::Json,
    }
}

/// The first value of a header, as the server takes it.
fn first<'h>(headers: &'h HeaderMap, name: &str) -> &'h str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().trim()
}

fn token(headers: &HeaderMap) -> Option<String> {
    let own = first(headers, "x-vault-token");
    if !own.is_empty() {
        return Some(own.to_owned());
    }
    let mut values = headers.get_all(AUTHORIZATION).iter().filter_map(|value| value.to_str().ok());
    let bearer = values.find_map(|value| value.strip_prefix("Bearer "))?.trim();
    (!bearer.is_empty()).then(|| bearer.to_owned())
}

/// What Go reads as a truth value.
fn truth(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}

/// Seconds of a duration, which may be a number of them.
fn wrap_ttl(text: &str) -> Result<i64, Refusal> {
    let wrong = || Refusal::bad(format!("`{text}` in X-Vault-Wrap-TTL is no duration, such as 60 or 5m"));
    if text.is_empty() {
        return Ok(0);
    }
    if let Ok(seconds) = text.parse::<i64>() {
        return if seconds < 0 { Err(wrong()) } else { Ok(seconds) };
    }
    // Numbers with units, as Go writes durations; those below a second add none.
    let (mut seconds, mut rest) = (0_i64, text);
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
        let number: i64 = rest[..digits].parse().map_err(|_| wrong())?;
        let unit_end = rest[digits..].find(|c: char| c.is_ascii_digit()).map_or(rest.len(), |end| digits + end);
        let scale = match &rest[digits..unit_end] {
            "ns" | "us" | "µs" | "ms" => 0,
            "s" => 1,
            "m" => 60,
            "h" => 3_600,
            "d" => 86_400,
            _ => return Err(wrong()),
        };
        seconds = number.checked_mul(scale).and_then(|part| seconds.checked_add(part)).ok_or_else(wrong)?;
        rest = &rest[unit_end..];
    }
    Ok(seconds)
}

/// Parameters by name, in order.
struct Query(BTreeMap<String, Vec<String>>);

impl Query {
    fn read(text: &str) -> Self {
        let mut all = BTreeMap::<String, Vec<String>>::new();
        for (name, value) in form_urlencoded::parse(text.as_bytes()) {
            all.entry(name.into_owned()).or_default().push(value.into_owned());
        }
        Self(all)
    }

    fn first(&self, name: &str) -> &str {
        self.0.get(name).and_then(|values| values.first()).map_or("", String::as_str)
    }

    /// As data: a text, or a list of them when a name is there more than once.
    fn data(&self, left_out: &[&str]) -> Value {
        let wanted = self.0.iter().filter(|(name, _)| name.as_str() != "help" && !left_out.contains(&name.as_str()));
        Value::object(wanted.map(|(name, values)| {
            let value = match &values[..] {
                [one] => one.as_str().into(),
                many => Value::array(many.iter().map(|value| value.as_str().into())),
            };
            (name.as_str(), value)
        }))
    }
}

#[cfg(test)]
mod tests {
    use hyper::Request;

    use super::*;

    fn asked(method: &str, uri: &str, headers: &[(&str, &str)]) -> Result<Option<Asked>, Refusal> {
        let mut request = Request::builder().method(method).uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        Asked::read(&request.body(()).unwrap().into_parts().0)
    }

    #[test]
    fn operations_and_paths_are_those_of_the_server() {
        for (method, uri, operation, path, query) in [
            ("GET", "/v1/secret/data/a", "read", "secret/data/a", "{}"),
            ("GET", "/v1/secret/data/a?version=2", "read", "secret/data/a", r#"{"version":"2"}"#),
            ("GET", "/v1/secret/metadata/a?list=true", "list", "secret/metadata/a/", "{}"),
            (
                "GET",
                "/v1/secret/metadata/a?list=0&x=1&x=2",
                "read",
                "secret/metadata/a",
                r#"{"list":"0","x":["1","2"]}"#,
            ),
            ("LIST", "/v1/secret/metadata/a", "list", "secret/metadata/a/", "{}"),
            ("SCAN", "/v1/secret/metadata/a/", "scan", "secret/metadata/a/", "{}"),
            ("GET", "/v1/secret?help=1", "help", "secret", "{}"),
            ("DELETE", "/v1/secret/data/a?x=1", "delete", "secret/data/a", r#"{"x":"1"}"#),
            ("PUT", "/v1/secret/data/a", "update", "secret/data/a", "{}"),
            ("POST", "/v1/secret%2Fdata/a%20b", "update", "secret/data/a b", "{}"),
            ("PATCH", "/%761/secret/data/a", "patch", "secret/data/a", "{}"),
        ] {
            let asked = asked(method, uri, &[]).unwrap().unwrap();
            assert_eq!((asked.operation, asked.path.as_str()), (operation, path), "{uri}");
            assert_eq!(json::write(&asked.query), query, "{uri}");
        }
        assert_eq!(asked("GET", "/ui/vault", &[]).unwrap(), None);
    }

    #[test]
    fn what_could_be_read_otherwise_is_refused() {
        for (method, uri, headers) in [
            ("GET", "//v1/secret", &[][..]),
            ("GET", "/v1//secret", &[]),
            ("GET", "/v1/secret/../sys/raw", &[]),
            ("GET", "/v1/secret/%2e%2e/sys/raw", &[]),
            ("GET", "/ui/%2e%2e/v1/secret", &[]),
            ("GET", "/v1/secret/%00", &[]),
            ("GET", "/v1/secret/%zz", &[]),
            ("GET", "/v1/secret/%ff", &[]),
            ("GET", "/v1/secret?list=perhaps", &[]),
            ("GET", "/v1/secret?list=1&scan=1", &[]),
            ("BREW", "/v1/secret", &[]),
            ("GET", "/v1/secret", &[("x-vault-wrap-ttl", "soon")]),
            ("GET", "/v1/secret", &[("x-vault-wrap-ttl", "-5")]),
            ("GET", "/v1/secret", &[("X-Vault-Inline-Auth-Path", "auth/userpass/login/nora")]),
        ] {
            assert!(asked(method, uri, headers).is_err(), "{method} {uri} {headers:?}");
        }
    }

    #[test]
    fn headers_say_who_and_how() {
        let read = |headers: &[(&str, &str)]| asked("GET", "/v1/secret", headers).unwrap().unwrap();
        assert_eq!(read(&[("x-vault-token", "a"), ("x-vault-token", "b")]).token.as_deref(), Some("a"));
        let both = [("authorization", "Basic x"), ("authorization", "Bearer  c ")];
        assert_eq!(read(&both).token.as_deref(), Some("c"));
        assert_eq!(read(&[("authorization", "Bearer ")]).token, None);
        for (text, seconds) in [("60", 60), ("60s", 60), ("5m", 300), ("1h30m", 5400), ("2d", 172_800), ("", 0)] {
            assert_eq!(read(&[("x-vault-wrap-ttl", text)]).wrap_ttl, seconds, "{text}");
        }
        assert!(read(&[("x-vault-policy-override", "true")]).policy_override);
        assert!(!read(&[("x-vault-policy-override", "perhaps")]).policy_override);
        assert_eq!(read(&[("x-vault-namespace", "clinic/")]).namespace, "clinic/");
    }

    #[test]
    fn bodies_are_read_as_the_server_does() {
        let form = &[("content-type", "application/x-www-form-urlencoded; charset=utf-8")][..];
        for (headers, body, data) in [
            (&[][..], "", Some("{}")),
            (&[], " \n", Some("{}")),
            (&[], "null", Some("{}")),
            (&[], r#"{"a":{"b":[1]},"a":2}"#, Some(r#"{"a":2}"#)),
            (&[], r#"{"a":1}{"a":2}"#, None),
            (&[], "[1]", None),
            (&[], "a=1", None),
            (form, "a=1&a=2&b=%20", Some(r#"{"a":["1","2"],"b":" "}"#)),
            (form, r#" {"a":1}"#, Some(r#"{"a":1}"#)),
        ] {
            let asked = asked("POST", "/v1/secret/data/a", headers).unwrap().unwrap();
            let found = asked.data(body.as_bytes()).ok().map(|value| json::write(&value));
            assert_eq!(found.as_deref(), data, "{body}");
        }
        let snapshot = asked("POST", "/v1/sys/storage/raft/snapshot", &[]).unwrap().unwrap();
        assert_eq!(snapshot.body, BodyForm::Stream);
    }

    #[test]
    fn logins_wrapping_and_the_last_resort_are_known() {
        for (path, login) in [
            ("auth/userpass/login/nora", true),
            ("auth/ldap/login", true),
            ("auth/team/ldap/login/nora", true),
            ("auth/login", false),
            ("auth/token/create", false),
            ("secret/auth/ldap/login", false),
        ] {
            assert_eq!(is_login(path), login, "{path}");
        }
        for (uri, last) in [
            ("/v1/sys/unseal", true),
            ("/v1/sys/generate-root/attempt", true),
            ("/v1/sys/unsealed", false),
            ("/v1/sys/mounts", false),
        ] {
            assert_eq!(asked("POST", uri, &[]).unwrap().unwrap().is_last_resort(), last, "{uri}");
        }
        let (none, beside) = (Value::object::<&str>([]), Value::object([("token", Value::from("s.1"))]));
        assert!(unwraps("sys/wrapping/unwrap", &none) && !unwraps("sys/wrapping/unwrap", &beside));
        assert!(!unwraps("secret/sys/wrapping/unwrap", &none) && !unwraps("sys/wrapping/wrap", &none));
    }
}
