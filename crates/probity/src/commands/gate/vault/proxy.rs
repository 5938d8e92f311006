//! `probity gate vault proxy`.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context, Result};
use probity_gate_vault::proxy::{Fail, Proxy, Settings, TlsFiles, Upstream};
use probity_gate_vault::{DecisionLog, Event, Recorded};
use probity_model::Sources;
use tokio::sync::{mpsc, oneshot};

use super::record::{self, Recorder};
use super::{PolicyArgs, RecordArgs};

/// So many decisions may wait; requests that ask for more wait too.
const WAITING: usize = 10_000;

/// So many decisions are kept together, with one sync of the disk.
const BATCH: usize = 500;

/// Judge requests to Vault and OpenBao before they pass.
///
/// Clients use the proxy's address in the place of the server's. A request that a policy denies gets the answer 403 with the policy's
/// name; all others go on as they are. Who asks is looked up with the client's own token.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[arg(
        long,
        value_name = "URL",
        help = "The server, such as http://127.0.0.1:8200 or https://vault.example.com:8200"
    )]
    upstream: String,
    /// Certificates to trust for the server, in PEM, in the place of the public authorities.
    #[arg(long, value_name = "FILE")]
    upstream_ca: Option<PathBuf>,
    /// Where to listen: an address with a port, or a port of 127.0.0.1. Any other than a loopback address needs a certificate.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8201", value_parser = read_address)]
    listen: SocketAddr,
    /// The certificate and those that lead to its root, in PEM.
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// The certificate's private key, in PEM.
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    #[command(flatten)]
    policies: PolicyArgs,
    /// What becomes of a request that cannot be decided: a policy fails, needs what is not known, or the decision cannot be kept.
    #[arg(long, value_enum, default_value_t = FailArg::Closed)]
    fail: FailArg,
    /// How long what is known of a token counts, in seconds; 0 to ask for every request.
    #[arg(long, value_name = "SECONDS", default_value_t = Settings::REMEMBER.as_secs(), value_parser = clap::value_parser!(u64).range(..=3600))]
    remember_tokens: u64,
    /// Largest body that is judged, in mebibytes; larger ones are refused.
    #[arg(long, value_name = "MEBIBYTES", default_value_t = (Settings::BODY_BYTES >> 20) as u64,
        value_parser = clap::value_parser!(u64).range(1..=1024))]
    max_body: u64,
    #[command(flatten)]
    record: RecordArgs,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum FailArg {
    /// It is denied.
    Closed,
    /// It passes, and the evidence says so.
    Open,
}

fn read_address(text: &str) -> Result<SocketAddr, String> {
    let port = text.parse().map(|port: u16| SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port));
    port.or_else(|_| text.parse())
        .map_err(|_| format!("`{text}` is not an address with a port, such as 127.0.0.1:8201"))
}

/// Runs the command; gives the exit code.
pub(super) fn run(args: &Args) -> Result<u8> {
    let ready = args.policies.read(&Arc::new(Sources::default()))?;
    let upstream = Upstream::new(&args.upstream, args.upstream_ca.as_deref())?;
    let log = if args.record.asked() || ready.config.evidence.record {
        let data = record::data(&args.record, &ready.config);
        let destination = args.record.destination.resolve(Some(&ready.config))?;
        Some(Arc::new(Log::new(Recorder::open("vault", data, destination)?)))
    } else {
        None
    };
    let count = ready.set.ids().len();
    let settings = Settings {
        listen: args.listen,
        tls: args.tls_cert.clone().zip(args.tls_key.clone()).map(|(certificate, key)| TlsFiles { certificate, key }),
        upstream,
        fail: if matches!(args.fail, FailArg::Open) { Fail::Open } else { Fail::Closed },
        remember: Duration::from_secs(args.remember_tokens),
        body_bytes: usize::try_from(args.max_body << 20).unwrap_or(usize::MAX),
        judges_all: count > ready.governing.policies.len(),
        set: ready.set,
        governing: ready.governing,
        log: log.clone().map(|log| log as Arc<dyn DecisionLog>),
    };
    let proxy = Proxy::new(settings)?;
    let stopper = proxy.stopper();
    ctrlc::set_handler(move || stopper.stop()).context("interrupts cannot be noticed")?;
    let policies = if count == 1 { "1 policy judges".to_owned() } else { format!("{count} policies judge") };
    eprintln!("{policies} what passes from {} to {} (Ctrl-C ends)", proxy.url(), args.upstream);
    proxy.run()?;
    if let Some(log) = log.and_then(Arc::into_inner) {
        log.finish()?;
    }
    Ok(crate::CLEAN)
}

/// A decision that is to be kept, and who waits for it.
struct Item {
    event: Event,
    done: oneshot::Sender<Result<(), String>>,
}

/// Keeps decisions. What waits at the same time is written together.
struct Log {
    queue: Option<mpsc::Sender<Item>>,
    writer: Option<JoinHandle<Recorder>>,
}

impl Log {
    fn new(recorder: Recorder) -> Self {
        let (queue, items) = mpsc::channel(WAITING);
        let writer = std::thread::spawn(move || write(recorder, items));
        Self { queue: Some(queue), writer: Some(writer) }
    }

    /// Sends what waits.
    fn finish(mut self) -> Result<()> {
        self.queue = None;
        let Some(Ok(recorder)) = self.writer.take().map(JoinHandle::join) else { return Ok(()) };
        let data = recorder.data().clone();
        eprintln!("{}", recorder.finish()?.words(&data));
        Ok(())
    }
}

fn write(recorder: Recorder, mut items: mpsc::Receiver<Item>) -> Recorder {
    let mut batch = Vec::new();
    while items.blocking_recv_many(&mut batch, BATCH) > 0 {
        let (events, waiting): (Vec<Event>, Vec<_>) = batch.drain(..).map(|item| (item.event, item.done)).unzip();
        let kept = recorder.keep(&events).map_err(|error| {
            eprintln!("error: decisions cannot be kept: {error:#}");
            format!("{error:#}")
        });
        for done in waiting {
            // The client may have left.
            let _ = done.send(kept.clone());
        }
    }
    recorder
}

impl DecisionLog for Log {
    fn record(&self, event: Event) -> Recorded {
        let (done, answer) = oneshot::channel();
        let queue = self.queue.clone();
        Box::pin(async move {
            let stopped = || "the queue of decisions was closed".to_owned();
            let queue = queue.ok_or_else(stopped)?;
            queue.send(Item { event, done }).await.map_err(|_| stopped())?;
            drop(queue);
            answer.await.unwrap_or_else(|_| Err(stopped()))
        })
    }
}
