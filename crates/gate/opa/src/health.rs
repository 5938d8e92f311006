//! `/health`: whether decisions can be made.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use probity_model::value::Value;

use crate::answer::{self, Refusal, quoted};
use crate::data::below;
use crate::evaluate;
use crate::gate::Gate;
use crate::request::Params;
use crate::snapshot::PrepareError;
use crate::timers::Timers;

fn healthy(why: Result<(), String>) -> Response {
    match why {
        Ok(()) => answer::ok("{}", false),
        Err(why) => {
            let mut response = answer::ok(&format!("{{\"error\":{}}}", quoted(&why)), false);
            *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
            response
        }
    }
}

/// `GET /health`: with `bundles` or `plugins`, whether all bundles are in force.
pub(crate) async fn get(State(gate): State<Arc<Gate>>, request: Request) -> Response {
    let params = Params::of(&request);
    let missing = gate.missing();
    if missing.is_empty() {
        return healthy(Ok(()));
    }
    if params.flag("bundles") || params.flag("bundle") {
        return healthy(Err(format!("one or more bundles are not activated: {}", missing.join(", "))));
    }
    let left_out = params.last("exclude-plugin") == Some("bundle");
    healthy(if params.flag("plugins") && !left_out { Err("one or more plugins are not up".to_owned()) } else { Ok(()) })
}

/// `GET /health/...`: what the policy in `data.system.health` says.
pub(crate) async fn by_policy(State(gate): State<Arc<Gate>>, request: Request) -> Response {
    let path = format!("/system/health{}", below(&request, "/health"));
    let snapshot = gate.snapshot();
    let prepared = match snapshot.prepared(&path, &mut Timers::default()) {
        Ok(prepared) => prepared,
        Err(PrepareError::Path(why)) => return Refusal::invalid(format!("invalid path: {why}")).into_response(),
        Err(PrepareError::Query(errors)) => return healthy(Err(errors.to_string())),
    };
    let ready = gate.missing().is_empty();
    let mut states = BTreeMap::new();
    if !ready || !snapshot.bundles.is_empty() {
        states.insert("bundle", Value::from(if ready { "OK" } else { "NOT_READY" }));
    }
    let input = Value::object([("plugin_state", Value::object(states)), ("plugins_ready", ready.into())]);
    let name = &prepared.name;
    healthy(match evaluate::document(&gate, &snapshot, &prepared, Some(input), false).await {
        Ok(Some(Value::Bool(true))) => Ok(()),
        Ok(Some(_)) => Err(format!("health check ({name}) returned unexpected value")),
        Ok(None) => Err(format!("health check ({name}) was undefined")),
        Err(error) => Err(error.to_string()),
    })
}
