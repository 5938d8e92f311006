//! The HTTP audit device of OpenBao: it posts each entry, and the request that the entry is about waits for the answer.

use std::convert::Infallible;
use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::sync::Semaphore;

use super::lines::MAX_LINE;

/// Connections at a time.
const CONNECTIONS: usize = 64;

/// Time for the head of a request.
const HEAD_TIME: Duration = Duration::from_secs(30);

/// Deals with the body of a request: it is answered with success once this returns so.
pub type Handle = Arc<dyn Fn(&[u8]) -> Result<(), String> + Send + Sync>;

/// Answers devices until the process ends.
///
/// # Errors
/// When the system has no threads.
pub fn serve(listener: TcpListener, handle: &Handle) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::from_std(listener)?;
        let places = Arc::new(Semaphore::new(CONNECTIONS));
        loop {
            // The semaphore is never closed.
            let place = Arc::clone(&places).acquire_owned().await.ok();
            let Ok((stream, _)) = listener.accept().await else {
                tokio::time::sleep(Duration::from_millis(200)).await;
                continue;
            };
            let handle = Arc::clone(handle);
            tokio::spawn(async move {
                let _place = place;
                let service = service_fn(move |request| answer(request, Arc::clone(&handle)));
                let mut http = http1::Builder::new();
                http.timer(TokioTimer::new()).header_read_timeout(HEAD_TIME);
                // What goes wrong with a connection concerns the device, which tries again or fails the request.
                let _ = http.serve_connection(TokioIo::new(stream), service).await;
            });
        }
    })
}

async fn answer(request: Request<Incoming>, handle: Handle) -> Result<Response<Empty<Bytes>>, Infallible> {
    let status = if request.method() == Method::POST || request.method() == Method::PUT {
        match Limited::new(request.into_body(), MAX_LINE).collect().await {
            Err(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Ok(body) => {
                let bytes = body.to_bytes();
                match tokio::task::spawn_blocking(move || handle(&bytes)).await {
                    Ok(Ok(())) => StatusCode::NO_CONTENT,
                    _ => StatusCode::SERVICE_UNAVAILABLE,
                }
            }
        }
    } else {
        StatusCode::METHOD_NOT_ALLOWED
    };
    let mut response = Response::new(Empty::new());
    *response.status_mut() = status;
    Ok(response)
}
