//! What an entry says (Vault, "Audit devices"; OpenBao, "Audit request/response entry formats").

use jiff::Timestamp;
use probity_model::value::Object;
use probity_model::{Key, Value, json};

use crate::config::with_slash;
use crate::request::{Namespace, VaultRequest, duration};

/// Why most texts are not known.
pub const HASHED: &str = "hashed by the audit device; have it log raw, or use the proxy";

/// Why what Vault itself knows is not.
const NOT_LOGGED: &str = "audit entries do not say; use the proxy";

/// How a hashed text begins; 64 hexadecimal digits follow.
const HASH: &str = "hmac-sha256:";

/// Longest text before an entry, in bytes.
const MAX_PREFIX: usize = 256;

/// Deepest nesting of a document that is looked through for hashes.
const MAX_DEPTH: usize = 128;

/// Which of the two entries of a request it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Written before the request is answered.
    Request,
    /// Written when it is.
    Response,
}

/// An entry of an audit log.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Which one.
    pub kind: Kind,
    /// What Vault refused the request for, when it did.
    pub refused: Option<String>,
    /// The request.
    pub request: VaultRequest,
}

impl Entry {
    /// Reads a line.
    ///
    /// # Errors
    /// Says what an entry should be, when it is something else.
    pub fn read(line: &str) -> Result<Self, String> {
        // A device may put a text of the operator's before each entry.
        let line = line.find('{').filter(|start| *start <= MAX_PREFIX).map_or(line, |start| &line[start..]);
        let entry = json::read(line.as_bytes()).map_err(|problem| format!("no JSON: {}", problem.message))?;
        let text = |path: &[&str]| entry.at(path).and_then(Value::as_str);
        let kind = match text(&["type"]) {
            Some("request") => Kind::Request,
            Some("response") => Kind::Response,
            Some(other) => {
                return Err(format!("an entry of type `{other}`; those of an audit log are request and response"));
            }
            None => return Err("no entry of an audit log: it has no `type`".to_owned()),
        };
        let time = text(&["time"]).ok_or("no entry of an audit log: it has no `time`")?;
        let time: Timestamp = time.parse().map_err(|_| format!("`{time}` is no time by RFC 3339"))?;
        let request = entry.get("request").and_then(Value::as_object).ok_or("the entry has no `request`")?;
        let auth = entry.get("auth").and_then(Value::as_object);
        let request = request_of(request, auth, time)?;
        let allowed = entry.at(&["auth", "policy_results", "allowed"]).and_then(Value::as_bool);
        let error = text(&["error"]).filter(|error| !error.is_empty());
        // A backend's error comes with the response: the request was let through.
        let refused = match (kind, allowed) {
            (_, Some(false)) | (Kind::Request, _) => error.map(str::to_owned),
            (Kind::Response, _) => error.filter(|error| error.contains("permission denied")).map(str::to_owned),
        };
        Ok(Self { kind, refused, request })
    }
}

fn request_of(request: &Object, auth: Option<&Object>, time: Timestamp) -> Result<VaultRequest, String> {
    let text = |name: &str| request.get(name).and_then(Value::as_str);
    let truth = |name: &str| request.get(name).and_then(Value::as_bool).unwrap_or_default();
    let path = text("path").ok_or("the request has no `path`")?;
    let operation = text("operation").ok_or("the request has no `operation`")?;
    if path.starts_with(HASH) {
        return Err(format!("the path is {HASHED}"));
    }
    let namespace = namespace(request.get("namespace"));
    // A login's response has the token that it made.
    let had_token =
        auth.filter(|_| request.get("client_token").and_then(Value::as_str).is_some_and(|text| !text.is_empty()));
    Ok(VaultRequest {
        id: text("id").map(str::to_owned),
        time,
        operation: operation.to_owned(),
        may_create: false,
        path: path.trim_start_matches('/').to_owned(),
        data: match request.get("data") {
            None | Some(Value::Null) => Value::object::<&str>([]),
            Some(data) => without_hashes(data, 0),
        },
        remote_addr: known(request.get("remote_address")).unwrap_or_else(|| not_logged("the client's address")),
        policy_override: truth("policy_override"),
        unauthenticated: had_token.is_none(),
        wrap_ttl: wrap_ttl(request),
        namespace,
        token: had_token.map(token),
        identity: had_token.and_then(identity),
        elsewhere: NOT_LOGGED,
    })
}

/// Where a request goes; entries of older servers have only the id, which is `root` there.
fn namespace(value: Option<&Value>) -> Namespace {
    let text = |name: &str| value.and_then(|value| value.get(name)).and_then(Value::as_str);
    let id = text("id").unwrap_or("root");
    Namespace { id: id.into(), path: with_slash(text("path").unwrap_or_default()) }
}

/// Seconds, by the entry's number, or its text in older servers.
fn wrap_ttl(request: &Object) -> i64 {
    let value = request.get("wrap_ttl").or_else(|| request.get("wrapping").and_then(|wrapping| wrapping.get("ttl")));
    match value {
        Some(Value::Number(number)) => number.as_i64().unwrap_or_default(),
        Some(Value::String(text)) => text.parse().unwrap_or_default(),
        _ => 0,
    }
}

fn token(auth: &Object) -> Value {
    let get = |name: &str| known(auth.get(name));
    let list = |name: &str| known(auth.get(name)).filter(|value| !value.is_null());
    let ttl = get("token_ttl").unwrap_or_else(|| Value::from(0));
    let unlogged = ["explicit_max_ttl", "period"]
        .into_iter()
        .flat_map(|name| duration(name, &not_logged(&format!("the token's {name}"))));
    let unlogged =
        unlogged.chain(["path", "role"].map(|name| (name.to_owned(), not_logged(&format!("the token's {name}")))));
    let issued = get("token_issue_time").filter(|time| time.as_str().is_some_and(|time| !time.is_empty()));
    let unix = issued.as_ref().and_then(Value::as_str).and_then(|time| time.parse::<Timestamp>().ok());
    let unix = unix.map_or_else(|| not_logged("when the token was made"), |time| time.as_second().into());
    let policies = list("token_policies").or_else(|| list("policies")).unwrap_or_else(|| Value::array([]));
    let fields = [
        ("creation_time", issued.unwrap_or_else(|| not_logged("when the token was made"))),
        ("creation_time_unix", unix),
        ("display_name", get("display_name").unwrap_or_else(|| "".into())),
        ("entity_id", get("entity_id").unwrap_or_else(|| "".into())),
        ("identity_policies", list("identity_policies").unwrap_or_else(|| Value::array([]))),
        ("metadata", get("metadata").unwrap_or_else(|| Value::object::<&str>([]))),
        ("num_uses", get("remaining_uses").or_else(|| get("num_uses")).unwrap_or_else(|| Value::from(0))),
        ("policies", policies),
        ("type", get("token_type").unwrap_or_else(|| not_logged("the token's type"))),
    ];
    let fields = fields.into_iter().map(|(name, value)| (name.to_owned(), value));
    Value::object(fields.chain(duration("creation_ttl", &ttl)).chain(unlogged))
}

/// The entity, of which only the id and the policies are logged; none for a token without one.
fn identity(auth: &Object) -> Option<Value> {
    let id = known(auth.get("entity_id")).filter(|id| id.as_str() != Some(""))?;
    let unlogged =
        ["aliases", "creation_time", "last_update_time", "merged_entity_ids", "metadata", "name", "policies"]
            .map(|name| (name, not_logged(&format!("the entity's {name}"))));
    let entity = Value::object([("id", id)].into_iter().chain(unlogged));
    let groups = ["by_id", "by_name"].map(|name| (name, not_logged("the groups of the entity")));
    Some(Value::object([("entity", entity), ("groups", Value::object(groups))]))
}

fn not_logged(what: &str) -> Value {
    Value::Unknown(format!("{what}: {NOT_LOGGED}").into())
}

fn known(value: Option<&Value>) -> Option<Value> {
    value.filter(|value| !value.is_null()).map(|value| without_hashes(value, 0))
}

/// The value with what is not known in place of hashes.
fn without_hashes(value: &Value, depth: usize) -> Value {
    let within = |value: &Value| without_hashes(value, depth + 1);
    match value {
        Value::String(text) if is_hash(text) => Value::Unknown(HASHED.into()),
        _ if depth > MAX_DEPTH => Value::Unknown("nested too deeply".into()),
        Value::Array(elements) => Value::array(elements.iter().map(within)),
        Value::Object(entries) => {
            Value::Object(entries.iter().map(|(key, value)| (Key::clone(key), within(value))).collect())
        }
        other => other.clone(),
    }
}

fn is_hash(text: &str) -> bool {
    let digits = text.strip_prefix(HASH);
    digits.is_some_and(|digits| digits.len() == 64 && digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
}
