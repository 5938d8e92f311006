//! Which path leads where, and through what every request goes.

use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::extract::{DefaultBodyLimit, MatchedPath, Path, Request, State};
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use crate::app::{App, run};
use crate::problem::{Kind, Problem};
use crate::{access, api, assets, headers, pages};

/// The largest body of a request that sends no evidence: a form.
const SMALL_BODY: usize = 64 * 1024;

/// Everything that the server answers.
pub(crate) fn router(app: Arc<App>) -> Router {
    let router = Router::new()
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .route("/assets/{name}", get(assets::get))
        .route("/ledger/{*path}", get(ledger_file))
        .merge(api::router(&app))
        .merge(pages::router());
    let router = match &app.gate {
        Some(gate) => router.merge(gate.router.clone().with_state(())),
        None => router,
    };
    let router = match &app.signed {
        Some(signed) => router.merge(signed.router.clone().with_state(())),
        None => router,
    };
    let router = router
        .method_not_allowed_fallback(async || Problem::new(Kind::Method, "See /api/v1/openapi.json."))
        .layer(DefaultBodyLimit::max(SMALL_BODY))
        .layer(from_fn_with_state(Arc::clone(&app), access::guard))
        .layer(from_fn_with_state(Arc::clone(&app), bounded))
        .layer(from_fn_with_state(Arc::clone(&app), measured));
    let router = if app.config.tls.is_some() {
        router.layer(from_fn(headers::add::<true>))
    } else {
        router.layer(from_fn(headers::add::<false>))
    };
    router.with_state(app)
}

/// Ends a request that takes too long, its body included.
async fn bounded(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let time = app.config.limits.request_time;
    tokio::time::timeout(time, next.run(request)).await.unwrap_or_else(|_| {
        Problem::new(Kind::Timeout, format!("It was given up after {} seconds.", time.as_secs())).into_response()
    })
}

/// Counts a request, by its route and not by its path: paths are as many as clients make up.
async fn measured(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().map(|route| route.as_str().to_owned());
    let method = request.method().clone();
    let start = Instant::now();
    let response = next.run(request).await;
    app.metrics.request(&method, route.as_deref().unwrap_or("none"), response.status(), start.elapsed());
    response
}

/// `GET /healthz`: whether the process lives.
async fn healthz() -> &'static str {
    "ok\n"
}

/// `GET /readyz`: whether requests are answered as they should be. Says no figures: it needs no token.
async fn readyz(State(app): State<Arc<App>>) -> Response {
    if app.gate.as_ref().is_some_and(|gate| (gate.ready)().is_err()) {
        return (StatusCode::SERVICE_UNAVAILABLE, "not ready: the gate cannot decide yet\n").into_response();
    }
    let state = run(move || {
        let published = app.reader.published()?;
        Ok(if app.ledger.failure().is_some() {
            Err("the ledger cannot publish its newest entries")
        } else if app.follower.failing() {
            Err("the index does not follow the ledger")
        } else if published.saturating_sub(app.follower.indexed()) > app.config.limits.index_lag {
            Err("the index is behind the ledger and catches up")
        } else {
            Ok(())
        })
    });
    match state.await {
        Ok(Ok(())) => "ready\n".into_response(),
        Ok(Err(why)) => (StatusCode::SERVICE_UNAVAILABLE, format!("not ready: {why}\n")).into_response(),
        Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "not ready: the ledger cannot be read\n").into_response(),
    }
}

/// `GET /metrics`: figures for Prometheus.
async fn metrics(State(app): State<Arc<App>>) -> Result<Response, Problem> {
    let text = run(move || {
        let published = app.reader.published()?;
        Ok(app.metrics.text(app.ledger.appended(), published, app.follower.indexed()))
    });
    let media_type = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    Ok(([(CONTENT_TYPE, media_type)], text.await?).into_response())
}

/// `GET /ledger/...`: the files of a tiled log (C2SP tlog-tiles).
async fn ledger_file(State(app): State<Arc<App>>, Path(path): Path<String>) -> Result<Response, Problem> {
    let text = !path.starts_with("tile/");
    let bytes = run(move || Ok(app.reader.file(&path)?)).await?;
    let (media_type, cache) = if text {
        ("text/plain; charset=utf-8", "no-cache")
    } else {
        // A tile never changes; one that grows gets another name.
        ("application/octet-stream", "private, max-age=31536000, immutable")
    };
    Ok(([(CONTENT_TYPE, media_type), (CACHE_CONTROL, cache)], bytes).into_response())
}
