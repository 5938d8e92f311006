//! `/v1/query`: any query, with all its solutions.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use probity_model::json;
use probity_model::value::Value;
use probity_policy_rego::{Bindings, Code, Errors};

use crate::answer::{self, Refusal};
use crate::data::{decision_id, keep, revisions};
use crate::evaluate;
use crate::event::Event;
use crate::explain::{self, Explain};
use crate::gate::Gate;
use crate::request::{self, Params};
use crate::timers::{self, Timers};
use crate::verdict;

/// `GET /v1/query`
pub(crate) async fn get(State(gate): State<Arc<Gate>>, request: Request) -> Response {
    let params = Params::of(&request);
    let Some(query) = params.last("q").map(str::to_owned) else {
        return Refusal::invalid("missing parameter 'q'").into_response();
    };
    let caller = request::caller(&request);
    answered(&gate, &params, caller, query, None).await.unwrap_or_else(IntoResponse::into_response)
}

/// `POST /v1/query`
pub(crate) async fn post(State(gate): State<Arc<Gate>>, request: Request) -> Response {
    posted(&gate, request).await.unwrap_or_else(IntoResponse::into_response)
}

async fn posted(gate: &Arc<Gate>, request: Request) -> Result<Response, Refusal> {
    let (params, caller) = (Params::of(&request), request::caller(&request));
    let (parts, body) = request.into_parts();
    let bytes = request::body(&parts.headers, body, &gate.settings).await?;
    let wrong = |why: String| Refusal::invalid(format!("error(s) occurred while decoding request: {why}"));
    let document = json::read(&bytes).map_err(|problem| wrong(problem.message))?;
    let object = document.as_object().ok_or_else(|| wrong("it is not an object".to_owned()))?;
    let query = match object.get("query") {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(query)) => query.to_string(),
        Some(_) => return Err(wrong("`query` is not a text".to_owned())),
    };
    let input = object.get("input").filter(|input| !input.is_null()).cloned();
    answered(gate, &params, caller, query, input).await
}

async fn answered(
    gate: &Arc<Gate>,
    params: &Params,
    caller: probity_model::Caller,
    text: String,
    input: Option<Value>,
) -> Result<Response, Refusal> {
    let (start, mut timers) = (Instant::now(), Timers::default());
    if text.trim().is_empty() {
        return Err(Refusal::internal("cannot evaluate empty query"));
    }
    let snapshot = gate.snapshot();
    let query = snapshot.query(&text).map_err(wrong_query)?;
    timers.since(timers::QUERY_COMPILE, start);
    let explain = Explain::of(params).map(|explain| (explain, text.clone(), input.clone()));
    let evaluating = Instant::now();
    let result = evaluate::solutions(gate, &snapshot, query, input.clone()).await;
    timers.since(timers::QUERY_EVAL, evaluating);
    timers.since(timers::HANDLER, start);
    let solutions = result.as_ref().ok().map(|solutions| Value::array(solutions.iter().map(variables)));
    if gate.settings.log.is_some() {
        let error = result.as_ref().err().map(ToString::to_string);
        let outcome = error.as_deref().map_or(Ok(solutions.as_ref()), Err);
        let event = Event {
            decision: verdict::decision("query", "query", outcome),
            decision_id: decision_id(),
            path: String::new(),
            query: Some(text),
            input,
            result: solutions.clone(),
            error,
            caller,
            revisions: revisions(&snapshot),
            time: Timestamp::now(),
            metrics: timers.clone().into_sorted(),
            erased: Vec::new(),
            masked: Vec::new(),
        };
        keep(gate, &snapshot, event).await?;
    }
    gate.tidy();
    result.map_err(Refusal::evaluation)?;
    let mut fields = Vec::new();
    if let Some((explain, text, input)) = explain {
        let (gate, snapshot, pretty) = (Arc::clone(gate), Arc::clone(&snapshot), params.pretty());
        let looking = evaluate::elsewhere(move || explain::explain(&gate, &snapshot, &text, input, explain, pretty));
        fields.push(format!("\"explanation\":{}", looking.await.map_err(Refusal::evaluation)?));
    }
    if params.metrics() {
        fields.push(format!("\"metrics\":{}", timers.json()));
    }
    // As in OPA, no solution is no result.
    if let Some(solutions) = solutions.filter(|solutions| solutions.as_array().is_some_and(|all| !all.is_empty())) {
        fields.push(format!("\"result\":{}", json::write(&solutions)));
    }
    Ok(answer::ok(&format!("{{{}}}", fields.join(",")), params.pretty()))
}

fn wrong_query(errors: Errors) -> Refusal {
    let parse = errors.0.iter().any(|error| error.code == Code::Parse);
    let what = if parse { "parsing" } else { "compiling" };
    Refusal::invalid_rego(&format!("error(s) occurred while {what} query"), errors)
}

/// The variables of the query; what its expressions are is not among them.
fn variables(bindings: &Bindings) -> Value {
    let own = bindings.iter().filter(|(name, _)| {
        let number = name.strip_prefix("expr").unwrap_or_default();
        number.is_empty() || !number.bytes().all(|byte| byte.is_ascii_digit())
    });
    Value::object(own.map(|(name, value)| (name.as_str(), value.clone())))
}
