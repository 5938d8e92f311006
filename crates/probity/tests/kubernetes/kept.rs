//! What Probity keeps in a cluster, and what it keeps of one: leases, reports, and the cache.

use std::collections::BTreeMap;
use std::process::Command;
use std::time::{Duration, Instant};

use probity_cluster::{
    Audited, Cache, Connection, Election, Limits, Options, Reported, Reports, Standing, Taken, Terms, Verdict,
};
use probity_model::{Severity, Value};
use probity_policy_core::Watched;
use tokio::runtime::Runtime;
use tokio::sync::watch;

use crate::cluster::{ADMIN, Cluster, eventually};

const TERMS: Terms =
    Terms { valid: Duration::from_secs(3), give_up: Duration::from_secs(2), every: Duration::from_millis(200) };

fn connect(cluster: &Cluster, runtime: &Runtime) -> Connection {
    let options = Options { kubeconfig: Some(cluster.kubeconfig(ADMIN)), context: None };
    runtime.block_on(Connection::open(&options)).unwrap()
}

/// A replica that takes part in an election.
struct Replica {
    standing: watch::Receiver<Standing>,
    ended: watch::Sender<bool>,
    task: tokio::task::JoinHandle<()>,
}

impl Replica {
    fn start(connection: &Connection, runtime: &Runtime, namespace: &str) -> Self {
        let election = Election::new(connection, namespace, "probity-controller", "replica", TERMS).unwrap();
        let (teller, standing) = watch::channel(Standing::default());
        let (ended, end) = watch::channel(false);
        let task = runtime.spawn(election.run(teller, end));
        Self { standing, ended, task }
    }

    fn leads(&self) -> bool {
        self.standing.borrow().leads
    }
}

#[test]
fn one_replica_leads_and_another_takes_over() {
    let Some(cluster) = Cluster::shared() else { return };
    let runtime = Runtime::new().unwrap();
    let connection = connect(cluster, &runtime);
    let namespace = cluster.namespace("lease");
    let mut replicas: Vec<_> = (0..3).map(|_| Replica::start(&connection, &runtime, &namespace)).collect();
    let leader = |replicas: &[Replica]| replicas.iter().position(Replica::leads);
    let first = eventually("one leads", || leader(&replicas));
    assert_eq!(replicas.iter().filter(|replica| replica.leads()).count(), 1);
    eventually("all know who leads", || {
        let known = replicas.iter().map(|replica| replica.standing.borrow().holder.clone());
        known.collect::<std::collections::BTreeSet<_>>().len().eq(&1).then_some(())
    });

    // One that ends gives the lease back, and leads no more when another one does.
    let ending = replicas.remove(first);
    ending.ended.send_replace(true);
    let since = Instant::now();
    let second = eventually("another one leads", || leader(&replicas));
    assert!(since.elapsed() < TERMS.valid, "the lease was not given back: {:?}", since.elapsed());
    assert!(!ending.leads());

    // One that is gone without a word is waited for until the lease ran out.
    let gone = replicas.remove(second);
    gone.task.abort();
    let since = Instant::now();
    eventually("the last one leads", || leader(&replicas));
    assert!(since.elapsed() > TERMS.valid / 2, "{:?}", since.elapsed());

    // Somebody else takes the lease: who led stops.
    let lease = ["patch", "lease", "probity-controller", "--namespace", &namespace, "--type=merge", "--patch"];
    let taken = r#"{"spec":{"holderIdentity":"somebody","renewTime":"2026-01-01T00:00:00.000000Z"}}"#;
    eventually("the lease is another's", || {
        cluster.kubectl(ADMIN, &[&lease[..], &[taken]].concat()).done();
        (!replicas[0].leads()).then_some(())
    });
    assert_eq!(replicas[0].standing.borrow().holder, "somebody");
}

fn failure(policy: &str, message: &str) -> Reported {
    Reported {
        policy: policy.to_owned(),
        rule: String::new(),
        verdict: Verdict::Fail,
        severity: Some(Severity::High),
        category: "Pods".to_owned(),
        message: message.to_owned(),
        properties: BTreeMap::from([("decision".to_owned(), "0190".to_owned())]),
    }
}

/// What was found of an object that the cluster has.
fn audited(cluster: &Cluster, kind: &str, namespace: &str, name: &str, results: Vec<Reported>) -> Audited {
    let mut arguments = vec!["get", kind, name, "--output=jsonpath={.apiVersion} {.kind} {.metadata.uid}"];
    if !namespace.is_empty() {
        arguments.extend(["--namespace", namespace]);
    }
    let told = cluster.kubectl(ADMIN, &arguments).done();
    let [api_version, kind, uid] = told.split(' ').collect::<Vec<_>>()[..] else { panic!("{told}") };
    Audited {
        api_version: api_version.to_owned(),
        kind: kind.to_owned(),
        namespace: namespace.to_owned(),
        name: name.to_owned(),
        uid: uid.to_owned(),
        digest: String::new(),
        results,
    }
}

pub(crate) fn install_reports(cluster: &Cluster, group: &str) {
    let printed = Command::new(env!("CARGO_BIN_EXE_probity")).args(["install", "reports", "--group", group]).output();
    let kinds = String::from_utf8(printed.unwrap().stdout).unwrap();
    cluster.kubectl_with(ADMIN, &["apply", "--server-side", "-f", "-"], &kinds).done();
}

/// What reports say, in the order of their objects' names.
pub(crate) fn told(cluster: &Cluster, reports: &str, namespace: &str) -> String {
    let columns = "--output=jsonpath={range .items[*]}{.scope.name}: {.summary.fail} {.results[*].message}\n{end}";
    let mut arguments = vec!["get", reports, columns];
    if !namespace.is_empty() {
        arguments.extend(["--namespace", namespace]);
    }
    let told = cluster.kubectl(ADMIN, &arguments).done();
    let mut lines: Vec<&str> = told.split_inclusive('\n').collect();
    lines.sort_unstable();
    lines.concat()
}

#[test]
fn reports_say_what_is_wrong_and_go_when_it_is_right() {
    let Some(cluster) = Cluster::start(None) else { return };
    let runtime = Runtime::new().unwrap();
    let cache = runtime.block_on(Cache::new(connect(&cluster, &runtime))).unwrap();
    let clinic = cluster.namespace("clinic");
    for name in ["portal", "records"] {
        cluster.kubectl(ADMIN, &["create", "configmap", name, "--namespace", &clinic]).done();
    }
    let of = |name: &str, results| audited(&cluster, "configmap", &clinic, name, results);
    let wrong = |message: &str| vec![failure("PRB-K8S-1", message)];

    let reports = Reports::new(&cache, Limits::default());
    let (end, ended) = watch::channel(false);
    let writing = runtime.spawn({
        let reports = reports.clone();
        async move { reports.run(ended).await }
    });
    // A cluster without kinds of reports gets none.
    assert_eq!(reports.take(&of("portal", wrong("no label"))), Taken::Closed);
    install_reports(&cluster, "openreports.io");
    let find_kinds = || runtime.block_on(cache.rediscover()).unwrap();
    eventually("what was found is taken", || {
        find_kinds();
        (reports.take(&of("portal", wrong("no label"))) == Taken::Waiting).then_some(())
    });
    let written = |kind: &str, wanted: &str| {
        eventually(&format!("{kind} say {wanted:?}"), || (told(&cluster, kind, &clinic) == wanted).then_some(()));
    };
    written("reports", "portal: 1 no label\n");

    // The kind that kubectl shows takes the place of the other, and nothing is told twice.
    install_reports(&cluster, "wgpolicyk8s.io");
    eventually("the other reports are gone", || {
        find_kinds();
        told(&cluster, "reports", &clinic).is_empty().then_some(())
    });
    let round = reports.begin();
    for name in ["portal", "records"] {
        eventually("it is taken", || (reports.take(&of(name, wrong("no label"))) == Taken::Waiting).then_some(()));
    }
    let namespace = audited(&cluster, "namespace", "", &clinic, wrong("no policy"));
    assert_eq!(reports.take(&namespace), Taken::Waiting);
    reports.finish(round);
    written("polr", "portal: 1 no label\nrecords: 1 no label\n");
    eventually("the namespace has a report", || {
        (told(&cluster, "cpolr", "") == format!("{clinic}: 1 no policy\n")).then_some(())
    });
    let shown = cluster.kubectl(ADMIN, &["get", "polr", "--namespace", &clinic]).done();
    assert!(shown.contains("PASS") && shown.contains("probity-"), "{shown}");

    // What is the same is not written again, and what is right has no report.
    let before = reports.progress().written;
    assert_eq!(reports.take(&of("portal", wrong("no label"))), Taken::Same);
    assert_eq!(reports.take(&of("records", Vec::new())), Taken::Waiting);
    written("polr", "portal: 1 no label\n");
    assert_eq!(reports.progress().written, before);
    reports.take(&of("portal", wrong("another label")));
    written("polr", "portal: 1 another label\n");

    // A round that sees less takes away the reports of what it did not see.
    let round = reports.begin();
    assert_eq!(reports.take(&of("portal", wrong("another label"))), Taken::Same);
    reports.finish(round);
    eventually("the namespace has no report", || told(&cluster, "cpolr", "").is_empty().then_some(()));

    // The report of an object goes with it.
    let portal = of("portal", Vec::new());
    cluster.kubectl(ADMIN, &["delete", "configmap", "portal", "--namespace", &clinic]).done();
    reports.forget(&portal.uid);
    written("polr", "");
    assert_eq!(reports.progress().refused, 0, "{:?}", reports.progress());

    end.send_replace(true);
    runtime.block_on(writing).unwrap();
    assert_eq!(reports.take(&namespace), Taken::Closed);
}

fn maps(cache: &Cache) -> Vec<String> {
    let kind = cache.kinds("ConfigMap").remove(0);
    let text = |object: &Value, field: &str| {
        object.at(&["metadata", field]).and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    let objects = cache.objects(&kind);
    objects.iter().filter(|map| text(map, "namespace") == "default").map(|map| text(map, "name")).collect()
}

#[test]
fn the_cache_outlives_the_api_server_and_kinds_come_and_go() {
    let Some(mut cluster) = Cluster::start(None) else { return };
    let runtime = Runtime::new().unwrap();
    let cache = runtime.block_on(Cache::new(connect(&cluster, &runtime))).unwrap();
    cache.watch(&[Watched { api_version: "v1".into(), kind: "ConfigMap".into() }]);
    let settle = |time: u64| runtime.block_on(cache.settle(Duration::from_secs(time)));
    settle(20).unwrap();
    let make = |cluster: &Cluster, name: &str| {
        cluster.kubectl(ADMIN, &["create", "configmap", name]).done();
    };
    make(&cluster, "before");
    eventually("it is seen", || maps(&cache).contains(&"before".to_owned()).then_some(()));
    let mut changes = cache.changes();
    cluster.stop_api_server();
    assert!(maps(&cache).contains(&"before".to_owned()));
    cluster.start_api_server();
    make(&cluster, "after");
    cluster.kubectl(ADMIN, &["delete", "configmap", "before"]).done();
    eventually("it is seen", || {
        let maps = maps(&cache);
        (maps.contains(&"after".to_owned()) && !maps.contains(&"before".to_owned())).then_some(())
    });
    let mut told = Vec::new();
    while let Ok(change) = changes.try_recv() {
        assert!(!change.listed, "{change:?}");
        told.push(change.name);
    }
    assert!(["before", "after"].iter().all(|name| told.contains(&(*name).to_owned())), "{told:?}");

    install_reports(&cluster, "openreports.io");
    let report = Watched { api_version: "openreports.io/v1alpha1".into(), kind: "Report".into() };
    let is_watched = || cache.watched().iter().any(|kind| kind.kind == "Report");
    eventually("the kind is served", || {
        runtime.block_on(cache.rediscover()).unwrap();
        cache.watch(std::slice::from_ref(&report));
        is_watched().then_some(())
    });
    settle(20).unwrap();
    let crds = ["reports.openreports.io", "clusterreports.openreports.io"];
    cluster.kubectl(ADMIN, &[&["delete", "crd"], &crds[..]].concat()).done();
    eventually("the kind is forgotten", || {
        runtime.block_on(cache.rediscover()).unwrap();
        (!is_watched()).then_some(())
    });
    settle(0).unwrap();
}
