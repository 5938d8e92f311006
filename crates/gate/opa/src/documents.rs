//! Changes of data: `PUT`, `PATCH` and `DELETE` of `/v1/data`.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use probity_model::json;
use probity_model::value::Value;
use probity_policy_rego::Errors;

use crate::answer::{self, Refusal};
use crate::data::below;
use crate::gate::Gate;
use crate::path::DataPath;
use crate::request::{self, Params};
use crate::snapshot::Snapshot;
use crate::store::{self, Change};
use crate::timers::{self, Timers};

/// Refuses to change what a bundle owns.
pub(crate) fn check_owner(snapshot: &Snapshot, path: &[String]) -> Result<(), Refusal> {
    if path.is_empty() && !snapshot.bundles.is_empty() {
        return Err(Refusal::invalid("can't write to document root with bundle roots configured"));
    }
    for (name, active) in &snapshot.bundles {
        for root in &active.roots {
            if root.is_empty() {
                return Err(Refusal::invalid(format!("all paths owned by bundle {name:?}")));
            }
            if probity_policy_bundle::roots_overlap(root, &path.join("/")) {
                return Err(Refusal::invalid(format!("path {} is owned by bundle {name:?}", path.join("/"))));
            }
        }
    }
    Ok(())
}

/// `PUT /v1/data/...`
pub(crate) async fn put(State(gate): State<Arc<Gate>>, request: Request) -> Response {
    changed(&gate, request, Kind::Put).await.unwrap_or_else(IntoResponse::into_response)
}

/// `PATCH /v1/data/...`
pub(crate) async fn patch(State(gate): State<Arc<Gate>>, request: Request) -> Response {
    changed(&gate, request, Kind::Patch).await.unwrap_or_else(IntoResponse::into_response)
}

/// `DELETE /v1/data/...`
pub(crate) async fn delete(State(gate): State<Arc<Gate>>, request: Request) -> Response {
    changed(&gate, request, Kind::Delete).await.unwrap_or_else(IntoResponse::into_response)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Put,
    Patch,
    Delete,
}

/// One change at a place.
type Step = (Vec<String>, Change);

/// Why nothing was changed.
enum Unchanged {
    Refused(Refusal),
    /// There is something already, and the client wanted to put only what is new.
    Known,
}

impl From<Errors> for Unchanged {
    fn from(errors: Errors) -> Self {
        Self::Refused(errors.into())
    }
}

async fn changed(gate: &Arc<Gate>, request: Request, kind: Kind) -> Result<Response, Refusal> {
    request::require_admin(&request)?;
    let (params, start) = (Params::of(&request), Instant::now());
    let escaped = below(&request, "/v1/data").to_owned();
    let path = DataPath::parse(&escaped).map_err(|_| Refusal::invalid(format!("bad path: {escaped}")))?;
    let new_only = request.headers().get("if-none-match").is_some_and(|value| value == "*");
    let (parts, body) = request.into_parts();
    let mut timers = Timers::default();
    let parsing = Instant::now();
    let bytes = request::body(&parts.headers, body, &gate.settings).await?;
    let steps = steps(kind, &path, &bytes)?;
    timers.since(timers::INPUT_PARSE, parsing);
    let gate = Arc::clone(gate);
    let done = tokio::task::spawn_blocking(move || {
        let done = apply(&gate, kind, &steps, new_only);
        timers.since(timers::HANDLER, start);
        (done, timers)
    });
    let (done, timers) = done.await.map_err(|_| Refusal::internal("the data could not be changed"))?;
    match done {
        Err(Unchanged::Refused(refusal)) => Err(refusal),
        Err(Unchanged::Known) => Ok(StatusCode::NOT_MODIFIED.into_response()),
        Ok(()) if params.metrics() => Ok(answer::ok(&format!("{{\"metrics\":{}}}", timers.json()), false)),
        Ok(()) => Ok(StatusCode::NO_CONTENT.into_response()),
    }
}

fn steps(kind: Kind, path: &DataPath, bytes: &[u8]) -> Result<Vec<Step>, Refusal> {
    let read = || json::read(bytes).map_err(|problem| Refusal::invalid(problem.message));
    match kind {
        Kind::Delete => Ok(vec![(path.parts().to_vec(), Change::Remove)]),
        Kind::Put => Ok(vec![(path.parts().to_vec(), Change::Add(read()?))]),
        Kind::Patch => {
            let patches = read()?;
            let patches = patches.as_array().ok_or_else(|| Refusal::invalid("a patch is a list of operations"))?;
            patches.iter().map(|patch| step(path.parts(), patch)).collect()
        }
    }
}

/// An operation of a patch: the paths are JSON Pointers (RFC 6901), with or without the first `/`.
fn step(root: &[String], patch: &Value) -> Result<Step, Refusal> {
    let text = |name: &str| patch.get(name).and_then(Value::as_str).unwrap_or_default();
    let value = || patch.get("value").cloned().unwrap_or_default();
    let change = match text("op") {
        "add" => Change::Add(value()),
        "replace" => Change::Replace(value()),
        "remove" => Change::Remove,
        other => return Err(Refusal::invalid(format!("bad patch operation: {other}"))),
    };
    let parts = text("path").trim_matches('/').split('/').filter(|part| !part.is_empty());
    let parts = parts.map(|part| part.replace("~1", "/").replace("~0", "~"));
    Ok((root.iter().cloned().chain(parts).collect(), change))
}

fn apply(gate: &Gate, kind: Kind, steps: &[Step], new_only: bool) -> Result<(), Unchanged> {
    let refuse = |error: store::StoreError| Unchanged::Refused(error.into());
    gate.change_data(|data, snapshot| {
        let mut data = data.clone();
        for (path, change) in steps {
            check_owner(snapshot, path).map_err(Unchanged::Refused)?;
            let known = store::get(&data, path).is_some();
            if kind == Kind::Put {
                match path.split_last() {
                    _ if known && new_only => return Err(Unchanged::Known),
                    Some((_, folders)) if !known => data = store::make_folders(&data, folders).map_err(refuse)?,
                    _ => {}
                }
            }
            data = store::changed(&data, path, change.clone()).map_err(refuse)?;
        }
        Ok(data)
    })
}
