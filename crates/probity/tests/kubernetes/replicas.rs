//! Two replicas behind one address, of which one is killed while they are asked.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use probity_evidence_index::{GateFilter, Page, Period, Queries};

use crate::cluster::{ADMIN, Cluster, Ran, eventually, free_port};
use crate::gate::{Gate, TAGS};
use crate::server::Server;

/// Clients that make Pods at the same time.
const CLIENTS: usize = 4;

/// What a Service is in a cluster: connections go to one backend or the other, and to none that does not listen.
struct Balancer {
    port: u16,
    open: Arc<[AtomicUsize; 2]>,
}

impl Balancer {
    fn start(backends: [u16; 2]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let open: Arc<[AtomicUsize; 2]> = Arc::default();
        let counts = Arc::clone(&open);
        thread::spawn(move || {
            for (turn, client) in listener.incoming().flatten().enumerate() {
                let backend = [turn % 2, (turn + 1) % 2].into_iter().find_map(|number| {
                    TcpStream::connect(("127.0.0.1", backends[number])).ok().map(|stream| (number, stream))
                });
                let Some((number, backend)) = backend else { continue };
                let counts = Arc::clone(&counts);
                thread::spawn(move || {
                    counts[number].fetch_add(1, Ordering::Relaxed);
                    pass(&client, &backend);
                    counts[number].fetch_sub(1, Ordering::Relaxed);
                });
            }
        });
        Self { port, open }
    }

    /// The backend with the most connections.
    fn busiest(&self) -> usize {
        let [first, second] = [0, 1].map(|number| self.open[number].load(Ordering::Relaxed));
        usize::from(second > first)
    }
}

/// Passes bytes on both ways until one side ends.
fn pass(client: &TcpStream, backend: &TcpStream) {
    let one_way = |mut from: &TcpStream, mut to: &TcpStream| {
        let _ = io::copy(&mut from, &mut to);
        let _ = from.shutdown(Shutdown::Both);
        let _ = to.shutdown(Shutdown::Both);
    };
    thread::scope(|scope| {
        scope.spawn(|| one_way(client, backend));
        one_way(backend, client);
    });
}

fn apply(cluster: &Cluster, namespace: &str, name: &str, tag: &str) -> Ran {
    let spec = format!("{{containers: [{{name: web, image: 'portal:{tag}'}}]}}");
    let pod = format!("{{apiVersion: v1, kind: Pod, metadata: {{name: {name}}}, spec: {spec}}}");
    cluster.apply(ADMIN, namespace, &pod)
}

/// What the clients did until they were told to stop: the Pods that they made, and requests that were lost with a replica.
struct Asked {
    made: BTreeSet<String>,
    lost: usize,
}

/// Makes Pods, and one with a tag that is not allowed after each. A request that is lost is made again.
fn make_pods(cluster: &Cluster, namespace: &str, client: usize, enough: &AtomicBool) -> Asked {
    let mut asked = Asked { made: BTreeSet::new(), lost: 0 };
    while !enough.load(Ordering::Relaxed) {
        let name = format!("pod-{client}-{}", asked.made.len());
        let mut ran = apply(cluster, namespace, &name, "1");
        for _ in 0..2 {
            if ran.status.success() {
                break;
            }
            assert!(ran.stderr.contains("failed calling webhook"), "{}", ran.stderr);
            asked.lost += 1;
            ran = apply(cluster, namespace, &name, "1");
        }
        ran.done();
        asked.made.insert(name);
        // By whatever it is refused, it is not let in.
        apply(cluster, namespace, &format!("bad-{client}"), "latest").refused();
    }
    asked
}

#[test]
fn a_replica_that_is_killed_loses_no_decision_and_is_told_as_lost() {
    let Some(cluster) = Cluster::start(None) else { return };
    let installed = Gate::install(&cluster, &[("tags.yaml", TAGS)], "admission: {cluster: eu-1, audit: false}");
    let server = Server::start(&installed);
    let ports = [free_port(), free_port()];
    let balancer = Balancer::start(ports);
    let start = |number: usize| server.replica((&cluster, &installed), number, (ports[number], balancer.port));
    let said = |number: usize| fs::read_to_string(installed.folder().join(format!("{number}.log"))).unwrap_or_default();
    let mut replicas = [0, 1].map(|number| Some(start(number)));
    let clinic = cluster.namespace("clinic");
    eventually("both replicas are there, and asked", || {
        let ready = [0, 1].iter().all(|number| said(*number).contains("policies are in force"));
        (ready && apply(&cluster, &clinic, "bad", "latest").stderr.contains("the tag latest")).then_some(())
    });

    let enough = AtomicBool::new(false);
    let (killed, asked) = thread::scope(|scope| {
        let (cluster, clinic, enough) = (&cluster, &clinic, &enough);
        let client = |number: usize| scope.spawn(move || make_pods(cluster, clinic, number, enough));
        let clients: Vec<_> = (0..CLIENTS).map(client).collect();
        thread::sleep(Duration::from_secs(3));
        let busiest = balancer.busiest();
        drop(replicas[busiest].take());
        thread::sleep(Duration::from_secs(3));
        enough.store(true, Ordering::Relaxed);
        (busiest, clients.into_iter().map(|client| client.join().unwrap()).collect::<Vec<Asked>>())
    });
    let lost: usize = asked.iter().map(|asked| asked.lost).sum();
    let made: BTreeSet<String> = asked.into_iter().flat_map(|asked| asked.made).collect();
    println!("{} Pods made, {lost} requests lost with the replica and made again", made.len());
    // What was on its way to the replica is lost with it, and nothing after that.
    assert!(lost <= CLIENTS && made.len() > 2 * CLIENTS, "{lost} of {}", made.len());

    // It is told as lost, by the number that came of it last, when it has said nothing for some time.
    let query = ["evidence", "query", "--kind", "admission", "--limit", "100000", "--data", "server"];
    installed.probity(&query);
    let queries = || Queries::open(&installed.folder().join("server/index.db")).unwrap();
    let later = Timestamp::now() + SignedDuration::from_mins(10);
    let ever = Period::new("2000-01-01".parse().unwrap(), "2999-12-31".parse().unwrap());
    let silences = queries().silences(ever, later).unwrap();
    let silence = silences.iter().find(|silence| silence.replica == format!("replica-{killed}")).unwrap();
    assert!(silence.to.is_none() && silence.last_sequence > Some(1), "{silence:?}");

    // What it had decided was on its disk before the API server had the answer: it comes when a replica has that again.
    replicas[killed] = Some(start(killed));
    let missing = |lines: &str| {
        let has = |name: &&String| {
            lines.lines().any(|line| line.contains(" ALLOWED ") && line.contains(&format!(" {name}: ")))
        };
        made.iter().filter(|name| !has(name)).cloned().collect::<Vec<_>>()
    };
    eventually("the ledger has all decisions", || missing(&installed.probity(&query)).is_empty().then_some(()));
    let gates = queries().gates(&GateFilter::default(), Page::first(10)).unwrap();
    assert_eq!((gates.total, gates.missing), (2, 0), "{gates:?}");
    let verified = installed.probity(&["evidence", "verify", "--data", "server"]);
    assert!(verified.contains("are whole"), "{verified}");
}
