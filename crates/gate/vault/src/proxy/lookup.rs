//! Who asks: what the server says of a token to the one who has it. It is remembered for a moment, under a keyed hash.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use http_body_util::{BodyExt as _, Limited};
use hyper::body::Bytes;
use hyper::header::HeaderValue;
use hyper::{Request, StatusCode, Uri};
use jiff::Timestamp;
use probity_crypto::hmac_sha256;
use probity_model::{Value, json};

use super::forward::read_body;
use super::upstream::Upstream;
use crate::request::duration;

/// Tokens that are remembered at a time.
const MOST: usize = 10_000;

/// Groups that are looked up for an entity.
const MOST_GROUPS: usize = 64;

/// Largest answer, in bytes.
const MAX_ANSWER: usize = 4 << 20;

/// Time for an answer.
const TIME: Duration = Duration::from_secs(10);

/// Why a token is not looked up.
pub(super) const NOT_SPENT: &str = "a token for wrapping counts once, and is not spent on being looked up";

/// What is known of who asks.
#[derive(Debug, Clone)]
pub(super) struct Who {
    pub(super) token: Value,
    pub(super) identity: Option<Value>,
}

impl Who {
    /// Nothing is known but that there is a token.
    pub(super) fn unknown(why: &str) -> Self {
        Self { token: Value::Unknown(why.into()), identity: Some(Value::Unknown(why.into())) }
    }

    /// What is known of a token for wrapping, whoever has it.
    pub(super) fn wrapping() -> Self {
        let unknown =
            ["creation_time", "creation_time_unix", "creation_ttl", "creation_ttl_seconds", "metadata", "path", "type"];
        let unknown = unknown.map(|name| (name, Value::Unknown(NOT_SPENT.into())));
        let known = [
            ("display_name", Value::from("")),
            ("entity_id", Value::from("")),
            ("identity_policies", Value::array([])),
            ("num_uses", Value::from(1)),
            ("policies", Value::array(["response-wrapping".into()])),
        ];
        Self { token: Value::object(known.into_iter().chain(unknown)), identity: None }
    }
}

type Digest = [u8; 32];

/// Looks tokens up.
pub(super) struct Lookup {
    upstream: Upstream,
    remember: Duration,
    /// Whether entity and groups are wanted.
    identity: bool,
    key: [u8; 32],
    known: Mutex<HashMap<Digest, (Instant, Arc<Who>)>>,
}

/// An answer of the server.
enum Answer {
    Data(Value),
    /// It was refused, or there is nothing.
    Refused(StatusCode),
}

impl Lookup {
    pub(super) fn new(upstream: Upstream, remember: Duration, identity: bool) -> Result<Self, String> {
        let mut key = [0; 32];
        probity_crypto::fill(&mut key).map_err(|error| error.to_string())?;
        Ok(Self { upstream, remember, identity, key, known: Mutex::default() })
    }

    /// What is known of who has this token.
    ///
    /// # Errors
    /// When the server does not answer, or with an error of its own.
    pub(super) async fn who(&self, token: &str, namespace: &str) -> Result<Arc<Who>, String> {
        let digest = self.digest(token, namespace);
        if let Some(who) = self.remembered(&digest) {
            return Ok(who);
        }
        let who = Arc::new(self.ask(token, namespace).await?);
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MOST {
            let now = Instant::now();
            known.retain(|_, (until, _)| *until > now);
        }
        if known.len() < MOST {
            known.insert(digest, (Instant::now() + self.remember, Arc::clone(&who)));
        }
        Ok(who)
    }

    fn remembered(&self, digest: &Digest) -> Option<Arc<Who>> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(digest).filter(|(until, _)| *until > Instant::now()).map(|(_, who)| Arc::clone(who))
    }

    fn digest(&self, token: &str, namespace: &str) -> Digest {
        hmac_sha256(&self.key, &[token.as_bytes(), &[0], namespace.as_bytes()])
    }

    async fn ask(&self, token: &str, namespace: &str) -> Result<Who, String> {
        let data = match self.get("auth/token/lookup-self", token, namespace).await? {
            Answer::Data(data) => data,
            Answer::Refused(status) => {
                return Ok(Who::unknown(&format!("the server answers {status} when the token looks itself up")));
            }
        };
        let entity_id = data.get("entity_id").and_then(Value::as_str).unwrap_or_default().to_owned();
        let identity = match (entity_id.as_str(), self.identity) {
            ("", _) => None,
            (id, true) => Some(self.identity_of(id, token, namespace).await?),
            (id, false) => Some(Value::object([("entity", Value::object([("id", Value::from(id))]))])),
        };
        Ok(Who { token: token_of(&data), identity })
    }

    async fn identity_of(&self, id: &str, token: &str, namespace: &str) -> Result<Value, String> {
        let unknown = |what: &str, status: StatusCode| {
            Value::Unknown(
                format!("the {what}: the server answers {status} when the token asks; let tokens read it").into(),
            )
        };
        // The id comes from the server.
        let entity = match self.get(&format!("identity/entity/id/{id}"), token, namespace).await? {
            Answer::Data(entity) => entity,
            Answer::Refused(status) => {
                let fields = [
                    "aliases",
                    "creation_time",
                    "last_update_time",
                    "merged_entity_ids",
                    "metadata",
                    "name",
                    "policies",
                ]
                .map(|name| (name, unknown(&format!("entity's {name}"), status)));
                let entity = Value::object([("id", Value::from(id))].into_iter().chain(fields));
                let groups = ["by_id", "by_name"].map(|name| (name, unknown("groups", status)));
                return Ok(Value::object([("entity", entity), ("groups", Value::object(groups))]));
            }
        };
        let mut groups = Vec::new();
        let mut by_name = Some(Vec::new());
        let ids = entity.get("group_ids").and_then(Value::as_array);
        for id in ids.into_iter().flat_map(|ids| ids.iter()).filter_map(Value::as_str).take(MOST_GROUPS) {
            match self.get(&format!("identity/group/id/{id}"), token, namespace).await? {
                Answer::Data(group) => {
                    let group = group_of(&group);
                    if let (Some(by_name), Some(name)) = (&mut by_name, group.get("name").and_then(Value::as_str)) {
                        by_name.push((name.to_owned(), group.clone()));
                    }
                    groups.push((id.to_owned(), group));
                }
                Answer::Refused(status) => {
                    by_name = None;
                    groups.push((id.to_owned(), unknown("group", status)));
                }
            }
        }
        let by_name = by_name.map_or_else(|| unknown("names of groups", StatusCode::FORBIDDEN), Value::object);
        let groups = Value::object([("by_id", Value::object(groups)), ("by_name", by_name)]);
        Ok(Value::object([("entity", entity_of(&entity)), ("groups", groups)]))
    }

    async fn get(&self, path: &str, token: &str, namespace: &str) -> Result<Answer, String> {
        tokio::time::timeout(TIME, self.get_in_time(path, token, namespace))
            .await
            .unwrap_or_else(|_| Err("the server takes too long to say who asks".to_owned()))
    }

    async fn get_in_time(&self, path: &str, token: &str, namespace: &str) -> Result<Answer, String> {
        let wrong = |error: &dyn std::fmt::Display| format!("the server cannot be asked who asks: {error}");
        let uri: Uri = format!("/v1/{path}").parse().map_err(|error| wrong(&error))?;
        let uri = self.upstream.address_of(&uri).map_err(|error| wrong(&error))?;
        let mut token = HeaderValue::from_str(token).map_err(|_| wrong(&"the token is none"))?;
        token.set_sensitive(true);
        let mut request = Request::get(uri).header("x-vault-token", token).header("x-vault-request", "true");
        if !namespace.is_empty() {
            request = request.header("x-vault-namespace", namespace);
        }
        let request = request.body(read_body(Bytes::new())).map_err(|error| wrong(&error))?;
        let answer = self.upstream.send(request).await?;
        let status = answer.status();
        match status.as_u16() {
            200 => {}
            400 | 403 | 404 => return Ok(Answer::Refused(status)),
            _ => return Err(format!("the server answers {status} when it is asked who asks")),
        }
        let body = Limited::new(answer.into_body(), MAX_ANSWER).collect().await.map_err(|error| wrong(&error))?;
        let value = json::read(&body.to_bytes()).map_err(|problem| wrong(&problem.message))?;
        value
            .get("data")
            .filter(|data| data.as_object().is_some())
            .cloned()
            .map(Answer::Data)
            .ok_or_else(|| wrong(&"no data"))
    }
}

/// Fields of an answer under the names that Sentinel has them by; what is absent or null is `otherwise`.
fn fields<'d>(data: &'d Value, names: &'d [(&'d str, &'d str, Value)]) -> impl Iterator<Item = (String, Value)> + 'd {
    names.iter().map(|(name, own, otherwise)| {
        let value = data.get(own).filter(|value| !value.is_null()).unwrap_or(otherwise);
        ((*name).to_owned(), value.clone())
    })
}

fn token_of(data: &Value) -> Value {
    let (text, list, map) = (|| Value::from(""), || Value::array([]), || Value::object::<&str>([]));
    let unix = data.get("creation_time").and_then(Value::as_number).and_then(probity_model::Number::as_i64);
    let time =
        unix.and_then(|seconds| Timestamp::from_second(seconds).ok()).map_or_else(text, |time| time.to_string().into());
    let same = [
        ("display_name", "display_name", text()),
        ("entity_id", "entity_id", text()),
        ("identity_policies", "identity_policies", list()),
        ("metadata", "meta", map()),
        ("num_uses", "num_uses", 0.into()),
        ("path", "path", text()),
        ("policies", "policies", list()),
        ("role", "role", text()),
        ("type", "type", text()),
    ];
    let durations = ["creation_ttl", "explicit_max_ttl", "period"].into_iter().flat_map(|name| {
        let seconds = data.get(name).filter(|value| value.as_number().is_some()).cloned();
        duration(name, &seconds.unwrap_or_else(|| Value::from(0)))
    });
    let namespace = data.get("namespace_path").and_then(Value::as_str).unwrap_or_default();
    let more = [
        ("creation_time".to_owned(), time),
        ("creation_time_unix".to_owned(), unix.unwrap_or_default().into()),
        ("namespace".to_owned(), Value::object([("path", Value::from(namespace))])),
    ];
    Value::object(fields(data, &same).chain(durations).chain(more))
}

fn entity_of(data: &Value) -> Value {
    let (text, list, map) = (|| Value::from(""), || Value::array([]), || Value::object::<&str>([]));
    let names = [
        ("aliases", "aliases", list()),
        ("creation_time", "creation_time", text()),
        ("id", "id", text()),
        ("last_update_time", "last_update_time", text()),
        ("merged_entity_ids", "merged_entity_ids", list()),
        ("metadata", "metadata", map()),
        ("name", "name", text()),
        ("policies", "policies", list()),
    ];
    Value::object(fields(data, &names))
}

fn group_of(data: &Value) -> Value {
    let (text, list, map) = (|| Value::from(""), || Value::array([]), || Value::object::<&str>([]));
    let names = [
        ("creation_time", "creation_time", text()),
        ("id", "id", text()),
        ("last_update_time", "last_update_time", text()),
        ("member_entity_ids", "member_entity_ids", list()),
        ("metadata", "metadata", map()),
        ("name", "name", text()),
        ("parent_group_ids", "parent_group_ids", list()),
        ("policies", "policies", list()),
    ];
    Value::object(fields(data, &names))
}
