//! What the platform asks.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::header::RETRY_AFTER;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;

use crate::payload::Request;
use crate::service::{Service, Taken};
use crate::signature::HEADER;

/// The path that requests of the platform come to.
pub const PATH: &str = "/terraform/run-task";

/// Largest payload, in bytes. Its longest part is what somebody wrote to a run.
const MAX_BODY: usize = 1 << 20;

/// Answers the platform. Requests show by a signature that they come from it, and need nothing else.
pub fn router(service: Arc<Service>) -> Router {
    Router::new().route(PATH, post(run_task)).layer(DefaultBodyLimit::max(MAX_BODY)).with_state(service)
}

/// `POST /terraform/run-task`: takes a task, and answers before it is done.
async fn run_task(State(service): State<Arc<Service>>, headers: HeaderMap, body: Bytes) -> Response {
    let signature = headers.get(HEADER).map(HeaderValue::as_bytes).unwrap_or_default();
    if !service.verifies(&body, signature) {
        return refuse(StatusCode::UNAUTHORIZED, "the signature in X-TFC-Task-Signature is not that of the body\n");
    }
    let task = match Request::read(&body) {
        Ok(Request::Test) => return StatusCode::OK.into_response(),
        Ok(Request::Task(task)) => task,
        Err(error) => return refuse(StatusCode::UNPROCESSABLE_ENTITY, format!("{error}\n")),
    };
    // Waits for the disk.
    let taken = tokio::task::spawn_blocking(move || service.take(*task)).await;
    match taken {
        Ok(Ok(Taken::New | Taken::Known)) => StatusCode::OK.into_response(),
        Ok(Ok(Taken::Full)) => {
            let busy = (StatusCode::SERVICE_UNAVAILABLE, [(RETRY_AFTER, "30")], "as many tasks wait as may\n");
            busy.into_response()
        }
        Ok(Err(_)) | Err(_) => refuse(StatusCode::INTERNAL_SERVER_ERROR, "the task could not be kept\n"),
    }
}

fn refuse(status: StatusCode, why: impl Into<String>) -> Response {
    (status, why.into()).into_response()
}
