//! Listening.

use std::convert::Infallible;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, watch};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use super::Settings;
use super::judged::Gate;
use super::tls;

/// Connections at a time.
const CONNECTIONS: u32 = 1_024;

/// Time for the head of a request, and for the handshake of TLS.
const HEAD_TIME: Duration = Duration::from_secs(30);

/// Bytes of the head of a request.
const HEAD_BYTES: usize = 1 << 20;

/// Time for open requests to end when the proxy is to stop.
const STOP_TIME: Duration = Duration::from_secs(10);

/// Bytes of the stack of each thread: policies are evaluated on these, and nest.
const STACK: usize = 8 << 20;

/// Threads on which policies are evaluated at once.
const JUDGING: usize = 32;

/// Why a proxy does not start.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// Secrets would pass in the open.
    #[error("{0} is no loopback address: listening there needs a certificate and its key")]
    Open(SocketAddr),
    /// The address cannot be listened on.
    #[error("{address} cannot be listened on: {error}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        error: io::Error,
    },
    /// Certificate or key cannot be used.
    #[error("TLS: {0}")]
    Tls(String),
    /// Threads, signals or randomness are not to be had.
    #[error("the proxy cannot be started: {0}")]
    System(String),
}

/// A proxy that listens; it answers when it is run.
pub struct Proxy {
    listener: TcpListener,
    address: SocketAddr,
    tls: Option<TlsAcceptor>,
    gate: Arc<Gate>,
    stop: watch::Sender<bool>,
}

/// Stops a proxy from another thread.
#[derive(Debug, Clone)]
pub struct Stopper(watch::Sender<bool>);

impl Stopper {
    /// Has the proxy take no more connections, end open requests and return.
    pub fn stop(&self) {
        self.0.send_replace(true);
    }
}

impl Proxy {
    /// Reads certificate and key, and listens.
    ///
    /// # Errors
    /// When the address is not one to listen on so, and when files cannot be used.
    pub fn new(settings: Settings) -> Result<Self, ServeError> {
        let listen = settings.listen;
        if settings.tls.is_none() && !listen.ip().is_loopback() {
            return Err(ServeError::Open(listen));
        }
        let tls = settings.tls.as_ref().map(tls::acceptor).transpose().map_err(ServeError::Tls)?;
        let wrong = |error| ServeError::Listen { address: listen, error };
        let listener = TcpListener::bind(listen).map_err(wrong)?;
        listener.set_nonblocking(true).map_err(wrong)?;
        let address = listener.local_addr().map_err(wrong)?;
        let gate = Arc::new(Gate::new(settings).map_err(ServeError::System)?);
        Ok(Self { listener, address, tls, gate, stop: watch::Sender::new(false) })
    }

    /// The address that clients use: the port is a real one even when the settings said 0.
    pub fn url(&self) -> String {
        format!("{}://{}", if self.tls.is_some() { "https" } else { "http" }, self.address)
    }

    /// What stops it.
    pub fn stopper(&self) -> Stopper {
        Stopper(self.stop.clone())
    }

    /// Answers requests until its [`Stopper`]; then lets open requests end and returns.
    ///
    /// # Errors
    /// When the system has no threads.
    pub fn run(self) -> Result<(), ServeError> {
        let system = |error: io::Error| ServeError::System(error.to_string());
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .max_blocking_threads(JUDGING)
            .thread_stack_size(STACK)
            .enable_all()
            .build()
            .map_err(system)?;
        let ended = runtime.block_on(async {
            let listener = tokio::net::TcpListener::from_std(self.listener).map_err(system)?;
            accept(listener, self.tls, self.gate, self.stop.subscribe()).await;
            Ok(())
        });
        runtime.shutdown_timeout(STOP_TIME);
        ended
    }
}

async fn accept(
    listener: tokio::net::TcpListener,
    tls: Option<TlsAcceptor>,
    gate: Arc<Gate>,
    mut told: watch::Receiver<bool>,
) {
    let places = Arc::new(Semaphore::new(CONNECTIONS as usize));
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEAD_TIME).max_buf_size(HEAD_BYTES);
    loop {
        let accepted = async {
            // The semaphore is never closed.
            let place = Arc::clone(&places).acquire_owned().await.ok();
            (place, listener.accept().await)
        };
        let (place, (stream, client)) = tokio::select! {
            _ = told.wait_for(|told| *told) => break,
            (place, accepted) = accepted => match accepted {
                Ok(accepted) => (place, accepted),
                Err(error) => {
                    eprintln!("note: a connection could not be accepted: {error}");
                    tokio::time::sleep(Duration::from_millis(200)).await;
                    continue;
                }
            },
        };
        let (http, tls, gate, mut told) = (http.clone(), tls.clone(), Arc::clone(&gate), told.clone());
        tokio::spawn(async move {
            let _place = place;
            let Some(stream) = open(stream, tls).await else { return };
            let service = service_fn(move |request: Request<Incoming>| {
                let gate = Arc::clone(&gate);
                async move { Ok::<_, Infallible>(gate.answer(request, client.ip().to_canonical()).await) }
            });
            let mut connection = std::pin::pin!(http.serve_connection(TokioIo::new(stream), service).with_upgrades());
            // What goes wrong with one connection concerns its client, who is gone.
            tokio::select! {
                _ = connection.as_mut() => return,
                _ = told.wait_for(|told| *told) => connection.as_mut().graceful_shutdown(),
            }
            let _ = connection.await;
        });
    }
    drop(listener);
    // All places are free once every request has been answered.
    let _ = timeout(STOP_TIME, places.acquire_many(CONNECTIONS)).await;
}

/// The stream, behind TLS when the proxy speaks it; none when the client does not.
async fn open(stream: TcpStream, tls: Option<TlsAcceptor>) -> Option<Box<dyn Stream>> {
    // Answers are written as they come; waiting for more to send only delays them.
    let _ = stream.set_nodelay(true);
    match tls {
        None => Some(Box::new(stream)),
        Some(tls) => match timeout(HEAD_TIME, tls.accept(stream)).await {
            Ok(Ok(stream)) => Some(Box::new(stream)),
            _ => None,
        },
    }
}

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}
