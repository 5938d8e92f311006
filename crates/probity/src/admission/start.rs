//! The gate is started, and ended.

use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use probity_cluster::{Cache, Connection, Options, Rotation, Serving};
use probity_crypto::tls;
use probity_evidence_ledger::Ledger;
use probity_evidence_usage::UsageStore;
use probity_gate_admission::{Asked, Client, Limits, Webhook, serve};
use probity_model::Sources;
use tokio::runtime::{Handle, Runtime};
use tokio::sync::watch;
use tokio_rustls::rustls::ServerConfig;

use super::args::AdmissionArgs;
use super::bundles::Bundles;
use super::controller;
use super::figures::Figures;
use super::let_in::LetIn;
use super::queue::{Queue, Sink};
use super::tags::Tags;
use super::upkeep::{self, Upkeep};
use super::webhook::Gate;
use crate::config::{self, Config};
use crate::evidence::data::Data;
use crate::evidence::origin;
use crate::evidence::record::Destination;
use crate::outside::Outside;

/// Threads of what goes on besides: watching the cluster, audits, drift.
const THREADS: usize = 2;

/// How willing these are to let others go first: what is seen of the cluster comes in just when the API server answers who
/// asked for it.
const NICENESS: i32 = 5;

/// Threads that make verdicts and wait for the disk.
const BLOCKING_THREADS: usize = 96;

/// Bytes of the stack of each thread; what is not used takes no memory.
pub(super) const STACK: usize = 8 << 20;

/// The Secret that holds the certificates.
const SECRET: &str = "probity-admission-tls";

/// The Service that the API server asks.
const SERVICE: &str = "probity-admission";

/// The gate, running on a thread of its own.
pub(crate) struct Running {
    thread: Option<JoinHandle<Result<()>>>,
    stop: watch::Sender<bool>,
}

impl Running {
    /// Has the gate end its open requests and return.
    pub(crate) fn stop(mut self) -> Result<()> {
        self.stop.send_replace(true);
        self.join()
    }

    /// Waits until the gate ends by itself, on a signal.
    pub(crate) fn wait(mut self) -> Result<()> {
        self.join()
    }

    fn join(&mut self) -> Result<()> {
        let Some(thread) = self.thread.take() else { return Ok(()) };
        thread.join().map_err(|_| anyhow::anyhow!("the gate failed; the log says how"))?
    }
}

/// Starts the gate. With a ledger here, decisions go to it, and the gate ends when it is told; without, they go to a server,
/// and it ends on SIGTERM and Ctrl-C.
///
/// Policies may ask services at these hosts. What was used of rights is known here, when the server is.
pub(crate) fn start(
    args: AdmissionArgs,
    hosts: &[String],
    data: &Data,
    ledger: Option<&Arc<Ledger>>,
    usage: Option<Arc<UsageStore>>,
) -> Result<Running> {
    let config = configuration(&args)?;
    // What is wrong with policies is told before anything starts.
    let bundles = Bundles::open(&args, data)?;
    upkeep::check(&args, &config, &bundles)?;
    let replica = replica();
    let sink = match (ledger, args.destination.resolve(Some(&config))?) {
        (Some(ledger), _) => Sink::Ledger(Arc::clone(ledger)),
        (None, Destination::Server(server)) => Sink::Server(server),
        (None, Destination::Own) => bail!("there is no ledger for the decisions; name one with --server or --data"),
    };
    let listener = TcpListener::bind(args.admission_listen)
        .with_context(|| format!("{} cannot be listened on", args.admission_listen))?;
    let queue = Queue::open(data, sink, &config.admission.cluster, &replica)?;
    let mut besides = tokio::runtime::Builder::new_multi_thread();
    let runtime = build(besides.worker_threads(THREADS).on_thread_start(|| give_way(NICENESS)))?;
    // Reviews come and answers go on one thread: to wake a second one takes longer than what it would do.
    let answering = build(&mut tokio::runtime::Builder::new_current_thread())?;
    let stop = watch::Sender::new(false);
    let told = stop.subscribe();
    let here = Here { held: ledger.map(|ledger| (ledger.reader(), data.index_file())), usage };
    let on_signals = ledger.is_none();
    // What is wrong with the cluster is told before anything else starts.
    let (gate, upkeep, serving) = runtime.block_on(prepare(args, config, replica, queue, bundles, here))?;
    gate.cluster.answer_for_services(Arc::new(Outside::new([], hosts)));
    let thread = std::thread::spawn(move || {
        let ended = answering.block_on(run(listener, gate, upkeep, serving, told, on_signals, runtime.handle()));
        answering.shutdown_timeout(Duration::from_secs(5));
        runtime.shutdown_timeout(Duration::from_secs(5));
        ended
    });
    Ok(Running { thread: Some(thread), stop })
}

/// Has the thread let others go first, by so much (`nice(1)`).
pub(super) fn give_way(niceness: i32) {
    // Only on Linux each thread has its own; elsewhere, and where that cannot be, it is one among all.
    if cfg!(target_os = "linux") {
        let _ = rustix::process::setpriority_process(None, niceness);
    }
}

fn build(of: &mut tokio::runtime::Builder) -> Result<Runtime> {
    of.max_blocking_threads(BLOCKING_THREADS)
        .thread_stack_size(STACK)
        .enable_all()
        .build()
        .context("the gate cannot be started")
}

fn configuration(args: &AdmissionArgs) -> Result<Config> {
    match &args.config {
        Some(path) => Config::read(path, &Sources::default()),
        None => Ok(config::near(Path::new("."))?.unwrap_or_else(Config::none)),
    }
}

/// This replica's name: the Pod's, which is that of its host.
fn replica() -> String {
    origin::of(Path::new(".")).origin.host.unwrap_or_else(|| "replica".to_owned())
}

/// What of the server is in this process.
struct Here {
    held: Option<(probity_evidence_ledger::Reader, std::path::PathBuf)>,
    usage: Option<Arc<UsageStore>>,
}

async fn prepare(
    args: AdmissionArgs,
    config: Config,
    replica: String,
    queue: Queue,
    bundles: Bundles,
    Here { held, usage }: Here,
) -> Result<(Arc<Gate>, Upkeep, Arc<Serving>)> {
    let options = Options { kubeconfig: args.kubeconfig.clone(), context: args.context.clone() };
    let connection = Connection::open(&options).await?;
    let user = connection.user().await.with_context(|| format!("the cluster at {}", connection.address()))?;
    let cluster = Arc::new(Cache::new(connection.clone()).await?);
    let names = names(&args)?;
    let valid = Duration::from_secs(args.certificate_seconds);
    let rotation = Rotation { valid, renew_before: valid / 6 };
    let serving = Serving::open(connection.clone(), &args.gate_namespace, SECRET, names, rotation).await?;
    eprintln!("the gate judges what is asked of {} as {user}", connection.address());
    let gate = Arc::new(Gate {
        cluster_name: config.admission.cluster.as_str().into(),
        replica: replica.into(),
        in_force: watch::Sender::new(None),
        cluster,
        queue,
        let_in: LetIn::default(),
        index: held.as_ref().map(|(_, index)| index.clone()),
        usage,
        figures: Figures::new(),
        open: AtomicU64::new(0),
        config: Arc::new(config),
    });
    let tags = Tags::new(args.images.registries().open()?);
    let upkeep = Upkeep {
        args: Arc::new(args),
        gate: Arc::clone(&gate),
        connection,
        serving: Arc::clone(&serving),
        user,
        bundles: Arc::new(bundles),
        tags,
        held,
        asked: Asked::new(),
        problems: Vec::new(),
    };
    Ok((gate, upkeep, serving))
}

/// The names that the API server may know the gate by.
fn names(args: &AdmissionArgs) -> Result<Vec<String>> {
    let host = format!("{SERVICE}.{}.svc", args.gate_namespace);
    let mut names = vec![host.clone(), format!("{host}.cluster.local")];
    if let Some(url) = &args.webhook_url {
        let parsed: url::Url = url.parse().with_context(|| format!("--webhook-url {url}"))?;
        if parsed.scheme() != "https" || parsed.path() != "/" {
            bail!("--webhook-url {url}: it begins with https:// and has no path; the gate adds its own");
        }
        names.extend(parsed.host_str().map(|host| host.trim_matches(['[', ']']).to_owned()));
    }
    Ok(names)
}

/// Where the API server finds the gate.
pub(super) fn client(args: &AdmissionArgs) -> Client {
    match &args.webhook_url {
        Some(url) => Client::Url(url.trim_end_matches('/').to_owned()),
        None => Client::Service { namespace: args.gate_namespace.clone(), name: SERVICE.to_owned(), port: 443 },
    }
}

async fn run(
    listener: TcpListener,
    gate: Arc<Gate>,
    upkeep: Upkeep,
    serving: Arc<Serving>,
    told: watch::Receiver<bool>,
    on_signals: bool,
    besides: &Handle,
) -> Result<()> {
    let mut config = ServerConfig::builder_with_provider(tls::provider())
        .with_safe_default_protocol_versions()
        .context("TLS")?
        .with_no_client_auth()
        .with_cert_resolver(serving);
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    let time = gate.config.admission.patience();
    let drain = if upkeep.removes_webhooks() { Duration::from_millis(200) } else { Limits::default().drain };
    let limits = Limits { time, drain, ..Limits::default() };
    let (end, ended) = watch::channel(false);
    let (connection, namespace) = (upkeep.connection.clone(), upkeep.args.gate_namespace.clone());
    let controllers = besides.spawn(controller::run(Arc::clone(&gate), connection, namespace, ended.clone()));
    let upkeep = besides.spawn(upkeep.run(ended));
    let stop = async move {
        stopped(told, on_signals).await;
        end.send_replace(true);
    };
    let webhook: Arc<dyn Webhook> = gate;
    serve(listener, Arc::new(config), webhook, limits, stop).await.context("the gate cannot listen")?;
    controllers.await.context("the gate's controllers failed")?;
    upkeep.await.context("the gate's upkeep failed")
}

/// Ready when the gate is to end.
async fn stopped(mut told: watch::Receiver<bool>, on_signals: bool) {
    use tokio::signal::unix::{SignalKind, signal};
    let asked = async {
        // The sender is gone only when the process ends.
        let _ = told.wait_for(|stop| *stop).await;
    };
    let (Ok(mut terminate), Ok(mut interrupt)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        return asked.await;
    };
    tokio::select! {
        () = asked => {}
        _ = terminate.recv(), if on_signals => {}
        _ = interrupt.recv(), if on_signals => {}
    }
}
