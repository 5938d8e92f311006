//! Connections: accepting them, TLS, and ending them well.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{Instant, Sleep, sleep, timeout};
use tokio_rustls::TlsAcceptor;

use crate::access::Peer;
use crate::config::Limits;

/// Serves connections until `stop` is ready, then lets open requests end.
pub(crate) async fn serve(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    router: Router,
    limits: &Limits,
    stop: impl Future<Output = ()>,
) {
    let graceful = GracefulShutdown::new();
    let places = Arc::new(Semaphore::new(limits.connections));
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(limits.head_time).max_buf_size(limits.head_bytes.max(8192));

    let mut stop = std::pin::pin!(stop);
    loop {
        let accepted = async {
            // The semaphore is never closed.
            let place = Arc::clone(&places).acquire_owned().await.ok();
            (place, listener.accept().await)
        };
        let (place, (stream, address)) = tokio::select! {
            () = &mut stop => break,
            (place, stream) = accepted => match stream {
                Ok((stream, address)) => (place, (stream, address)),
                Err(error) => {
                    rest_after(&error).await;
                    continue;
                }
            },
        };
        let (http, router, tls) = (http.clone(), router.clone(), tls.clone());
        let (watcher, head_time, stall_time) = (graceful.watcher(), limits.head_time, limits.stall_time);
        tokio::spawn(async move {
            let _place = place;
            // Answers are written whole; waiting for more to send only delays them.
            let _ = stream.set_nodelay(true);
            let Some(stream) = open(stream, tls, head_time).await else { return };
            let stream = TokioIo::new(Lively::new(stream, stall_time));
            let service = TowerToHyperService::new(router);
            let service = service_fn(move |mut request: Request<Incoming>| {
                request.extensions_mut().insert(Peer(address));
                service.call(request)
            });
            let connection = http.serve_connection(stream, service);
            // What goes wrong with one connection concerns its client, who is gone.
            let _ = watcher.watch(connection).await;
        });
    }
    drop(listener);
    let _ = timeout(limits.stop_time, graceful.shutdown()).await;
}

/// When there are no file handles left, accepting again at once would only burn time.
async fn rest_after(error: &io::Error) {
    let of_client = matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset);
    if !of_client {
        eprintln!("probity serve: a connection could not be accepted: {error}");
        sleep(Duration::from_millis(200)).await;
    }
}

/// The stream, behind TLS when the server speaks it; none when the client does not.
async fn open(stream: TcpStream, tls: Option<TlsAcceptor>, time: Duration) -> Option<Box<dyn Stream>> {
    match tls {
        None => Some(Box::new(stream)),
        Some(tls) => match timeout(time, tls.accept(stream)).await {
            Ok(Ok(stream)) => Some(Box::new(stream)),
            _ => None,
        },
    }
}

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

/// A stream that fails when nothing moves on it for a while, so that a client that stops to read holds no connection.
struct Lively<S> {
    stream: S,
    time: Duration,
    deadline: Pin<Box<Sleep>>,
    /// Whether a write waits for the client.
    writing: bool,
}

impl<S> Lively<S> {
    fn new(stream: S, time: Duration) -> Self {
        Self { stream, time, deadline: Box::pin(sleep(time)), writing: false }
    }

    /// Moves the deadline when something moved, and fails when it has passed. Only writes are watched: how long a
    /// request may take to arrive is bounded above.
    fn watch<T>(&mut self, context: &mut Context<'_>, poll: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if poll.is_ready() {
            self.writing = false;
            return poll;
        }
        if !self.writing {
            self.writing = true;
            self.deadline.as_mut().reset(Instant::now() + self.time);
        }
        match self.deadline.as_mut().poll(context) {
            Poll::Ready(()) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Lively<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Lively<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let poll = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.watch(context, poll)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let poll = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.watch(context, poll)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let poll = Pin::new(&mut self.stream).poll_flush(context);
        self.watch(context, poll)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let poll = Pin::new(&mut self.stream).poll_shutdown(context);
        self.watch(context, poll)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt;

    use super::*;

    #[tokio::test]
    async fn a_client_that_stops_to_read_is_let_go() {
        let (server, _client) = tokio::io::duplex(64);
        let mut stream = Lively::new(server, Duration::from_millis(50));
        let written = stream.write_all(&[0; 1000]).await;
        assert_eq!(written.unwrap_err().kind(), io::ErrorKind::TimedOut);
    }
}
