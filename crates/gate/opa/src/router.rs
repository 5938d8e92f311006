use std::sync::Arc;

use axum::Router;
use axum::http::StatusCode;
use axum::routing::{MethodRouter, get, post};

use crate::gate::Gate;
use crate::{data, documents, health, policies, query};

/// Whether a path is one that [`router`] answers.
pub fn is_path(path: &str) -> bool {
    ["/v1/data", "/v0/data", "/v1/policies", "/v1/query", "/health"]
        .iter()
        .any(|own| path.strip_prefix(own).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')))
}

/// Everything that the gate answers. Whoever mounts it says who asks by a [`Caller`](probity_model::Caller) in the
/// extensions of the request; without one nothing can be changed.
pub fn router(gate: Arc<Gate>) -> Router {
    let documents = || {
        closed(get(data::get).post(data::post).put(documents::put).patch(documents::patch).delete(documents::delete))
    };
    let version_0 = || closed(post(data::post_v0));
    let modules = || closed(get(policies::get).put(policies::put).delete(policies::delete));
    Router::new()
        .route("/", post(data::post_default))
        .route("/v0/data", version_0())
        .route("/v0/data/", version_0())
        .route("/v0/data/{*path}", version_0())
        .route("/v1/data", documents())
        .route("/v1/data/", documents())
        .route("/v1/data/{*path}", documents())
        .route("/v1/query", closed(get(query::get).post(query::post)))
        .route("/v1/policies", closed(get(policies::list)))
        .route("/v1/policies/{*id}", modules())
        .route("/health", closed(get(health::get)))
        .route("/health/{*path}", closed(get(health::by_policy)))
        .with_state(gate)
}

/// Other methods are refused without a word, as by OPA.
fn closed(methods: MethodRouter<Arc<Gate>>) -> MethodRouter<Arc<Gate>> {
    methods.fallback(async || StatusCode::METHOD_NOT_ALLOWED)
}
