//! `/v1/data`, `/v0/data` and `POST /`: what policies say about an input.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::{Request, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use probity_model::value::Value;
use probity_model::{Caller, json};
use probity_policy_rego::Error;

use crate::answer::{self, Refusal, quoted};
use crate::evaluate;
use crate::event::Event;
use crate::explain::{self, Explain};
use crate::gate::Gate;
use crate::mask;
use crate::outside::Answers;
use crate::request::{self, Params};
use crate::snapshot::{PrepareError, Prepared, Snapshot};
use crate::timers::{self, Timers};
use crate::verdict;

/// A question for a document.
struct Question {
    id: String,
    start: Instant,
    params: Params,
    caller: Caller,
    input: Option<Value>,
    timers: Timers,
}

impl Question {
    fn new(request: &Request) -> Self {
        Self {
            id: decision_id(),
            start: Instant::now(),
            params: Params::of(request),
            caller: request::caller(request),
            input: None,
            timers: Timers::default(),
        }
    }
}

/// A new name for a decision: a UUID of version 4.
pub(crate) fn decision_id() -> String {
    let mut bytes = [0; 16];
    // Without chance the name is not one of its own, and nothing else is lost.
    let _ = getrandom::fill(&mut bytes);
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let mut text = String::with_capacity(36);
    for (position, byte) in bytes.iter().enumerate() {
        if matches!(position, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        for digit in [byte >> 4, byte & 15] {
            text.push(char::from_digit(u32::from(digit), 16).unwrap_or('0'));
        }
    }
    text
}

/// `GET /v1/data/...`
pub(crate) async fn get(State(gate): State<Arc<Gate>>, request: Request) -> Response {
    let mut question = Question::new(&request);
    let path = below(&request, "/v1/data").to_owned();
    let parsing = Instant::now();
    if let Some(text) = question.params.last("input") {
        match json::read(text.as_bytes()) {
            Ok(input) => question.input = Some(input),
            Err(problem) => {
                let message = format!("parameter contains malformed input document: {}", problem.message);
                return Refusal::invalid(message).into_response();
            }
        }
    }
    question.timers.since(timers::INPUT_PARSE, parsing);
    let warning = "";
    answered(&gate, question, &path, warning).await.unwrap_or_else(IntoResponse::into_response)
}

/// `POST /v1/data/...`
pub(crate) async fn post(State(gate): State<Arc<Gate>>, request: Request) -> Response {
    posted(&gate, request).await.unwrap_or_else(IntoResponse::into_response)
}

const NO_INPUT: &str = r#","warning":{"code":"api_usage_warning","message":"'input' key missing from the request"}"#;

async fn posted(gate: &Arc<Gate>, request: Request) -> Result<Response, Refusal> {
    let mut question = Question::new(&request);
    let path = below(&request, "/v1/data").to_owned();
    let (parts, body) = request.into_parts();
    let parsing = Instant::now();
    let bytes = request::body(&parts.headers, body, &gate.settings).await?;
    question.input = input_of(&parts.headers, &bytes)
        .map_err(|why| Refusal::invalid(format!("body contains malformed input document: {why}")))?;
    question.timers.since(timers::INPUT_PARSE, parsing);
    let warning = if question.input.is_none() { NO_INPUT } else { "" };
    answered(gate, question, &path, warning).await
}

/// The input in a body; `null` is as good as none, as in OPA.
fn input_of(headers: &HeaderMap, bytes: &[u8]) -> Result<Option<Value>, String> {
    match request::document(headers, bytes)? {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Object(object)) => Ok(object.get("input").filter(|input| !input.is_null()).cloned()),
        Some(other) => Err(format!("it is a {}, not an object with the key `input`", other.kind())),
    }
}

async fn answered(gate: &Arc<Gate>, question: Question, path: &str, warning: &str) -> Result<Response, Refusal> {
    let snapshot = gate.snapshot();
    let logged = gate.settings.log.is_some();
    let (provenance, metrics) = (question.params.flag("provenance"), question.params.metrics());
    let pretty = question.params.pretty();
    let id = question.id.clone();
    let explain = Explain::of(&question.params).map(|explain| (explain, question.input.clone()));
    let (value, timers) = decide(gate, &snapshot, question, path).await?;
    let mut text = String::with_capacity(128);
    text.push('{');
    if logged {
        text.push_str("\"decision_id\":\"");
        text.push_str(&id);
        text.push_str("\",");
    }
    if provenance {
        text.push_str(&format!("\"provenance\":{},", provenance_of(&snapshot)));
    }
    if let Some((explain, input)) = explain
        && (value.is_some() || explain == Explain::Full)
    {
        let explanation = explained(gate, &snapshot, path, input, explain, pretty).await?;
        text.push_str(&format!("\"explanation\":{explanation},"));
    }
    if metrics {
        text.push_str(&format!("\"metrics\":{},", timers.json()));
    }
    if let Some(value) = value {
        text.push_str("\"result\":");
        text.push_str(&json::write(&value));
        text.push(',');
    }
    if text.ends_with(',') {
        text.pop();
    }
    // A comma before the warning that has nothing before it would be one too many.
    text.push_str(if text == "{" { warning.trim_start_matches(',') } else { warning });
    text.push('}');
    Ok(answer::ok(&text, pretty))
}

/// What the evaluation goes through when it is done once more with somebody looking.
async fn explained(
    gate: &Arc<Gate>,
    snapshot: &Arc<Snapshot>,
    path: &str,
    input: Option<Value>,
    explain: Explain,
    pretty: bool,
) -> Result<String, Refusal> {
    let prepared = snapshot.prepared(path, &mut Timers::default()).map_err(refused)?;
    let (gate, snapshot) = (Arc::clone(gate), Arc::clone(snapshot));
    let looking =
        evaluate::elsewhere(move || explain::explain(&gate, &snapshot, &prepared.text, input, explain, pretty));
    looking.await.map_err(Refusal::evaluation)
}

fn provenance_of(snapshot: &Snapshot) -> String {
    let version = env!("CARGO_PKG_VERSION");
    let mut text =
        format!("{{\"version\":\"{version}\",\"build_commit\":\"\",\"build_timestamp\":\"\",\"build_hostname\":\"\"");
    if !snapshot.bundles.is_empty() {
        let bundles: Vec<String> = snapshot
            .bundles
            .iter()
            .map(|(name, active)| format!("{}:{{\"revision\":{}}}", quoted(name), quoted(&active.revision)))
            .collect();
        text.push_str(&format!(",\"bundles\":{{{}}}", bundles.join(",")));
    }
    text.push('}');
    text
}

/// `POST /v0/data/...`
pub(crate) async fn post_v0(State(gate): State<Arc<Gate>>, request: Request) -> Response {
    let path = below(&request, "/v0/data").to_owned();
    plain(&gate, request, &path).await.unwrap_or_else(IntoResponse::into_response)
}

/// `POST /`: the default decision.
pub(crate) async fn post_default(State(gate): State<Arc<Gate>>, request: Request) -> Response {
    let path = format!("/{}", gate.settings.default_decision);
    plain(&gate, request, &path).await.unwrap_or_else(IntoResponse::into_response)
}

/// The input is the whole body, and the answer the document alone.
async fn plain(gate: &Arc<Gate>, request: Request, path: &str) -> Result<Response, Refusal> {
    let mut question = Question::new(&request);
    let pretty = question.params.pretty();
    let (parts, body) = request.into_parts();
    let bytes = request::body(&parts.headers, body, &gate.settings).await.map_err(Refusal::about_input)?;
    question.input = request::document(&parts.headers, &bytes)
        .map_err(|why| Refusal::invalid(format!("body contains malformed input document: {why}")).about_input())?;
    // An empty body is `null` here, as in OPA.
    question.input.get_or_insert(Value::Null);
    let snapshot = gate.snapshot();
    if let Some(value) = decide(gate, &snapshot, question, path).await?.0 {
        return Ok(answer::ok(&json::write(&value), pretty));
    }
    let prepared = snapshot.prepared(path, &mut Timers::default()).map_err(refused)?;
    let has_rules = snapshot.policies.entries().any(|entry| entry == prepared.name);
    let what = if has_rules { "document undefined" } else { "document missing" };
    Err(Refusal::undefined(format!("{what}: {}", prepared.name)))
}

fn refused(error: PrepareError) -> Refusal {
    match error {
        PrepareError::Path(why) => Refusal::internal(format!("invalid_parameter: invalid path: {why}")),
        PrepareError::Query(errors) => Refusal::internal(errors.to_string()),
    }
}

/// Evaluates a document and has the decision kept.
async fn decide(
    gate: &Arc<Gate>,
    snapshot: &Arc<Snapshot>,
    mut question: Question,
    path: &str,
) -> Result<(Option<Value>, Timers), Refusal> {
    let prepared = snapshot.prepared(path, &mut question.timers).map_err(refused)?;
    let strict = question.params.flag("strict-builtin-errors");
    let evaluating = Instant::now();
    let answers = Arc::new(Answers::default());
    let result = evaluate::document(gate, snapshot, &prepared, question.input.clone(), strict, &answers).await;
    question.timers.since(timers::QUERY_EVAL, evaluating);
    question.timers.since(timers::HANDLER, question.start);
    let timers = question.timers.clone();
    if gate.settings.log.is_some() {
        let event = Event { outside: answers.take(), ..event(snapshot, question, &prepared, &result) };
        keep(gate, snapshot, event).await?;
    }
    gate.tidy();
    result.map(|value| (value, timers)).map_err(Refusal::evaluation)
}

fn event(snapshot: &Snapshot, question: Question, prepared: &Prepared, result: &Result<Option<Value>, Error>) -> Event {
    let error = result.as_ref().err().map(ToString::to_string);
    let value = result.as_ref().ok().and_then(Option::as_ref);
    let outcome = match &error {
        Some(error) => Err(error.as_str()),
        None => Ok(value),
    };
    Event {
        decision: verdict::decision(&prepared.name, &prepared.last, outcome),
        decision_id: question.id,
        path: prepared.slashed.clone(),
        query: None,
        input: question.input,
        result: value.cloned(),
        outside: None,
        error,
        caller: question.caller,
        revisions: revisions(snapshot),
        time: Timestamp::now(),
        metrics: question.timers.into_sorted(),
        erased: Vec::new(),
        masked: Vec::new(),
    }
}

/// The revisions of the bundles in force.
pub(crate) fn revisions(snapshot: &Snapshot) -> std::collections::BTreeMap<String, String> {
    snapshot.bundles.iter().map(|(name, active)| (name.clone(), active.revision.clone())).collect()
}

/// Has an event kept, after masking.
pub(crate) async fn keep(gate: &Arc<Gate>, snapshot: &Snapshot, event: Event) -> Result<(), Refusal> {
    let Some(log) = &gate.settings.log else { return Ok(()) };
    let wrong = |why: String| Refusal::internal(format!("decision_logs: {why}"));
    match mask::apply(gate, snapshot, event).map_err(wrong)? {
        Some(event) => log.record(event).await.map_err(wrong),
        None => Ok(()),
    }
}

/// The path of a request behind a prefix, as it was sent.
pub(crate) fn below<'r>(request: &'r Request, prefix: &str) -> &'r str {
    let path = request.uri().path();
    path.strip_prefix(prefix).unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_decisions_are_uuids() {
        let (one, two) = (decision_id(), decision_id());
        assert_eq!(one.len(), 36);
        assert_eq!(one.as_bytes()[14], b'4');
        assert!(matches!(one.as_bytes()[19], b'8' | b'9' | b'a' | b'b'), "{one}");
        assert_ne!(one, two);
    }
}
