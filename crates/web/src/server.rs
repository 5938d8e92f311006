//! Starting and stopping.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use probity_evidence_index::IndexError;
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

use crate::access::{TokenError, TokenFile};
use crate::app::{App, Parts};
use crate::config::{Config, Limits};
use crate::follow::Follower;
use crate::{listen, routes, tls};

/// Threads that answer requests; what waits for the disk has its own.
const THREADS: usize = 2;

/// Threads that may wait for the disk at once.
const BLOCKING_THREADS: usize = 16;

/// Bytes of the stack of each thread; what is not used takes no memory.
const STACK: usize = 8 << 20;

/// Why a server does not start.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The configuration is not one to start with.
    #[error("{0}")]
    Config(String),
    /// The address cannot be listened on.
    #[error("{address} cannot be listened on: {error}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        error: io::Error,
    },
    /// The file of tokens cannot be used.
    #[error(transparent)]
    Tokens(#[from] TokenError),
    /// The index cannot be opened.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// Certificate or key cannot be used.
    #[error("TLS: {0}")]
    Tls(String),
    /// Threads or signals are not to be had.
    #[error("the server cannot be started: {0}")]
    System(io::Error),
}

/// A server that listens; it answers when it is run.
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    tls: Option<TlsAcceptor>,
    limits: Limits,
    app: Arc<App>,
    stop: watch::Sender<bool>,
}

/// Stops a server from another thread.
#[derive(Debug, Clone)]
pub struct Stopper(watch::Sender<bool>);

impl Stopper {
    /// Has the server take no more connections, end open requests and return.
    pub fn stop(&self) {
        self.0.send_replace(true);
    }
}

impl Server {
    /// Checks the configuration, reads tokens, certificate and key, opens the index, and listens.
    pub fn new(config: Config, parts: Parts) -> Result<Self, ServeError> {
        config.check().map_err(ServeError::Config)?;
        let tls = config.tls.as_ref().map(tls::acceptor).transpose().map_err(ServeError::Tls)?;
        let tokens = TokenFile::open(config.tokens.clone())?;
        let wrong = |error| ServeError::Listen { address: config.listen, error };
        let listener = TcpListener::bind(config.listen).map_err(wrong)?;
        listener.set_nonblocking(true).map_err(wrong)?;
        let address = listener.local_addr().map_err(wrong)?;
        let follower = Follower::start(&parts.index, parts.ledger.reader())?;
        let limits = config.limits.clone();
        let app = Arc::new(App::new(config, parts, tokens, follower));
        Ok(Self { listener, address, tls, limits, app, stop: watch::Sender::new(false) })
    }

    /// Where it listens: the port is a real one even when the configuration said 0.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The address to open in a browser.
    pub fn url(&self) -> String {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        format!("{scheme}://{}", self.address)
    }

    /// What stops it.
    pub fn stopper(&self) -> Stopper {
        Stopper(self.stop.clone())
    }

    /// Answers requests until SIGTERM, SIGINT (Ctrl-C) or its [`Stopper`]; then lets open requests end and returns.
    pub fn run(self) -> Result<(), ServeError> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(THREADS)
            .max_blocking_threads(BLOCKING_THREADS)
            // Policies are evaluated on these threads, and nest.
            .thread_stack_size(STACK)
            .enable_all()
            .build()
            .map_err(ServeError::System)?;
        let ended = runtime.block_on(async {
            let listener = tokio::net::TcpListener::from_std(self.listener).map_err(ServeError::System)?;
            let router = routes::router(Arc::clone(&self.app));
            let told = stopped(self.stop.subscribe()).map_err(ServeError::System)?;
            let app = Arc::clone(&self.app);
            let stop = async move {
                told.await;
                app.stopping.send_replace(true);
            };
            listen::serve(listener, self.tls, router, &self.limits, stop).await;
            Ok(())
        });
        runtime.shutdown_timeout(self.limits.stop_time);
        self.app.follower.stop();
        ended
    }
}

/// Ready when the server is to stop.
#[cfg(unix)]
fn stopped(mut told: watch::Receiver<bool>) -> io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! {
            _ = told.wait_for(|told| *told) => {}
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

/// Ready when the server is to stop.
#[cfg(not(unix))]
fn stopped(mut told: watch::Receiver<bool>) -> io::Result<impl Future<Output = ()>> {
    Ok(async move {
        tokio::select! {
            _ = told.wait_for(|told| *told) => {}
            _ = tokio::signal::ctrl_c() => {}
        }
    })
}
