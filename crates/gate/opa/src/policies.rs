//! `/v1/policies`: the modules in force.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use percent_encoding::percent_decode_str;
use probity_model::Sources;
use probity_policy_rego::ast::{Module, Term};
use probity_policy_rego::{Errors, parse_module};

use crate::answer::{self, Refusal, quoted};
use crate::data::below;
use crate::documents::check_owner;
use crate::gate::{Gate, ModuleText};
use crate::request::{self, Params};
use crate::timers::{self, Timers};

const WRONG: &str = "error(s) occurred while compiling module(s)";

/// `GET /v1/policies`
pub(crate) async fn list(State(gate): State<Arc<Gate>>, request: Request) -> Response {
    let snapshot = gate.snapshot();
    let all: Vec<String> = snapshot.modules.iter().map(|(id, module)| described(id, module)).collect();
    answer::ok(&format!("{{\"result\":[{}]}}", all.join(",")), Params::of(&request).pretty())
}

/// `GET /v1/policies/{id}`
pub(crate) async fn get(State(gate): State<Arc<Gate>>, request: Request) -> Response {
    let id = id_of(&request);
    match gate.snapshot().modules.get(&id) {
        Some(module) => {
            answer::ok(&format!("{{\"result\":{}}}", described(&id, module)), Params::of(&request).pretty())
        }
        None => not_found(&id).into_response(),
    }
}

fn described(id: &str, module: &ModuleText) -> String {
    format!("{{\"id\":{},\"raw\":{}}}", quoted(id), quoted(&module.text))
}

fn not_found(id: &str) -> Refusal {
    Refusal::not_found(format!("storage_not_found_error: policy id {id:?}"))
}

fn id_of(request: &Request) -> String {
    let escaped = below(request, "/v1/policies/");
    percent_decode_str(escaped).decode_utf8_lossy().into_owned()
}

/// `PUT /v1/policies/{id}`
pub(crate) async fn put(State(gate): State<Arc<Gate>>, request: Request) -> Response {
    changed(&gate, request, true).await.unwrap_or_else(IntoResponse::into_response)
}

/// `DELETE /v1/policies/{id}`
pub(crate) async fn delete(State(gate): State<Arc<Gate>>, request: Request) -> Response {
    changed(&gate, request, false).await.unwrap_or_else(IntoResponse::into_response)
}

/// A module that does not compile, new or with what is there.
struct Wrong(Refusal);

impl From<Errors> for Wrong {
    fn from(errors: Errors) -> Self {
        Self(Refusal::invalid_rego(WRONG, errors))
    }
}

async fn changed(gate: &Arc<Gate>, request: Request, put: bool) -> Result<Response, Refusal> {
    request::require_admin(&request)?;
    let (id, params) = (id_of(&request), Params::of(&request));
    let mut timers = Timers::default();
    let (parts, body) = request.into_parts();
    let reading = Instant::now();
    let bytes = request::body(&parts.headers, body, &gate.settings).await?;
    timers.since(timers::READ_BYTES, reading);
    let gate = Arc::clone(gate);
    // Compiling takes long when there are many modules.
    let done = tokio::task::spawn_blocking(move || {
        let done =
            if put { put_module(&gate, &id, &bytes, &mut timers) } else { delete_module(&gate, &id, &mut timers) };
        done.map(|()| timers)
    });
    let timers = done.await.map_err(|_| Refusal::internal("the policies could not be compiled"))??;
    let text = if params.metrics() { format!("{{\"metrics\":{}}}", timers.json()) } else { "{}".to_owned() };
    Ok(answer::ok(&text, params.pretty()))
}

fn put_module(gate: &Gate, id: &str, bytes: &[u8], timers: &mut Timers) -> Result<(), Refusal> {
    let text = std::str::from_utf8(bytes).map_err(|_| Refusal::invalid("the module is not UTF-8"))?;
    let version = gate.settings.version;
    let snapshot = gate.snapshot();
    if let Some(known) = snapshot.modules.get(id) {
        check_module(gate, id, known)?;
        if *known.text == *text {
            return Ok(());
        }
    }
    if text.trim().is_empty() {
        return Err(Refusal::invalid(format!("{id}:0: rego_parse_error: empty module")));
    }
    let new = ModuleText { text: text.into(), version, bundle: None };
    check_module(gate, id, &new)?;
    gate.change(timers, |content| {
        content.modules.insert(id.to_owned(), new);
        Ok(())
    })
    .map_err(|Wrong(refusal)| refusal)
}

fn delete_module(gate: &Gate, id: &str, timers: &mut Timers) -> Result<(), Refusal> {
    struct Left(Refusal);
    impl From<Errors> for Left {
        fn from(errors: Errors) -> Self {
            Self(Refusal::operation(WRONG, errors))
        }
    }
    let known = gate.snapshot().modules.get(id).cloned().ok_or_else(|| not_found(id))?;
    check_module(gate, id, &known)?;
    gate.change(timers, |content| {
        content.modules.remove(id);
        Ok(())
    })
    .map_err(|Left(refusal)| refusal)
}

/// No bundle owns the module's package.
fn check_module(gate: &Gate, id: &str, module: &ModuleText) -> Result<(), Refusal> {
    let parsed: Module = parse_module(std::path::Path::new(id), &module.text, module.version, &Sources::default())
        .map_err(|errors| Refusal::invalid_rego(WRONG, errors))?;
    let package = parsed.package.iter().skip(1).filter_map(Term::as_str).map(str::to_owned).collect::<Vec<_>>();
    check_owner(&gate.snapshot(), &package)
}
