//! That the cluster of these tests is one: it answers, it tells users apart, it says what it did, and it can fail.

use std::fs;
use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;

use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::Value;

use crate::cluster::{ADMIN, ALICE, AuditWebhook, BOB, Cluster, PROBITY, eventually};

const POD: &str = r#"{apiVersion: v1, kind: Pod, metadata: {name: portal},
  spec: {containers: [{name: web, image: "registry.example.com/clinic/portal:1.2"}]}}"#;

#[test]
fn a_pod_is_applied_and_the_audit_log_says_by_whom() {
    let Some(cluster) = Cluster::shared() else { return };
    let clinic = cluster.namespace("clinic");
    cluster.grant(ALICE, "edit", &clinic);
    assert_eq!(cluster.apply(ALICE, &clinic, POD).done(), "pod/portal created\n");
    // As in any cluster, the Pod runs as the service account of its namespace.
    let account =
        "jsonpath={.spec.serviceAccountName} {.spec.volumes[0].projected.sources[0].serviceAccountToken.path}";
    let read = cluster.kubectl(ALICE, &["get", "pod", "portal", "--namespace", &clinic, "--output", account]);
    assert_eq!(read.done(), "default token");
    let event = cluster.audited("the Pod was created", |event| {
        event["verb"] == "create"
            && event["objectRef"]["resource"] == "pods"
            && event["objectRef"]["namespace"] == *clinic
    });
    assert_eq!(event["user"]["username"], ALICE.name);
    assert_eq!(event["objectRef"]["name"], "portal");
    assert_eq!((&event["level"], &event["stage"]), (&"Metadata".into(), &"ResponseComplete".into()));
    assert_eq!(event["annotations"]["authorization.k8s.io/decision"], "allow");
}

#[test]
fn controllers_do_what_follows_and_are_seen_at_it() {
    let Some(cluster) = Cluster::shared() else { return };
    let clinic = cluster.namespace("clinic");
    cluster.grant(ALICE, "edit", &clinic);
    let image = "--image=registry.example.com/clinic/portal:1.2";
    cluster.kubectl(ALICE, &["create", "deployment", "portal", image, "--namespace", &clinic]).done();
    let created = cluster.audited("the Deployment's Pod was created", |event| {
        event["verb"] == "create"
            && event["objectRef"]["resource"] == "pods"
            && event["objectRef"]["namespace"] == *clinic
    });
    assert_eq!(created["user"]["username"], "system:serviceaccount:kube-system:replicaset-controller");
    // What is owned goes with its owner.
    cluster.kubectl(ALICE, &["delete", "deployment", "portal", "--namespace", &clinic]).done();
    let pods = ["get", "pods", "--namespace", &clinic, "--output", "name"];
    eventually("the Pod is gone", || cluster.kubectl(ALICE, &pods).done().is_empty().then_some(()));
}

#[test]
fn nobody_may_what_they_were_not_granted() {
    let Some(cluster) = Cluster::shared() else { return };
    let clinic = cluster.namespace("clinic");
    cluster.grant(ALICE, "edit", &clinic);
    for user in [BOB, PROBITY] {
        let refused = cluster.apply(user, &clinic, POD).refused();
        assert!(refused.contains("Forbidden") && refused.contains(user.name), "{refused}");
    }
    let binding = cluster.audited("the binding was created", |event| {
        event["objectRef"]["resource"] == "rolebindings" && event["objectRef"]["namespace"] == *clinic
    });
    assert_eq!(binding["requestObject"]["subjects"][0]["name"], ALICE.name);
}

#[test]
fn what_was_applied_outlives_the_servers() {
    let Some(mut cluster) = Cluster::start(None) else { return };
    let get = ["get", "pod", "portal", "--output", "name"];
    let soon = "--request-timeout=2s";
    cluster.apply(ADMIN, "default", POD).done();

    cluster.stop_api_server();
    cluster.kubectl(ADMIN, &get).refused();
    cluster.start_api_server();
    assert_eq!(cluster.kubectl(ADMIN, &get).done(), "pod/portal\n");

    cluster.pause_etcd();
    cluster.kubectl(ADMIN, &["create", "configmap", "while-paused", soon]).refused();
    cluster.resume_etcd();
    let create = |name| cluster.kubectl(ADMIN, &["create", "configmap", name, soon]).status.success().then_some(());
    eventually("etcd goes on", || create("after-the-pause"));

    cluster.kill_etcd();
    cluster.kubectl(ADMIN, &["create", "configmap", "without-etcd", soon]).refused();
    cluster.start_etcd();
    eventually("the API server finds etcd again", || cluster.kubectl(ADMIN, &get).status.success().then_some(()));
}

#[test]
fn nothing_is_left_of_a_cluster() {
    let Some(cluster) = Cluster::start(None) else { return };
    let folder = cluster.folder().to_owned();
    let processes = ["kube-controller-manager", "kube-apiserver", "etcd"].map(|name| {
        let pid = fs::read_to_string(folder.join(format!("{name}.pid"))).unwrap();
        Path::new("/proc").join(pid)
    });
    assert!(processes.iter().all(|process| process.exists()));
    drop(cluster);
    assert!(!folder.exists() && !processes.iter().any(|process| process.exists()));
}

#[test]
fn audit_events_are_sent_where_the_webhook_is() {
    let folder = tempfile::tempdir().unwrap();
    let authority = folder.path().join("audit.crt");
    let (url, events) = receiver(&authority);
    let webhook = AuditWebhook { url, authority, token: "let me in".to_owned() };
    let Some(cluster) = Cluster::start(Some(&webhook)) else { return };
    cluster.apply(ADMIN, "default", POD).done();
    let (authorization, list) = eventually("the Pod's creation is sent", || {
        events.try_iter().find(|(_, list)| {
            let events = list["items"].as_array().unwrap();
            events.iter().any(|event| event["verb"] == "create" && event["objectRef"]["resource"] == "pods")
        })
    });
    assert_eq!((&list["kind"], &list["apiVersion"]), (&"EventList".into(), &"audit.k8s.io/v1".into()));
    assert_eq!(authorization, "Bearer let me in");
}

/// A server on loopback that takes what is posted, with a certificate that it writes to a file: its address, and what came as
/// authorization and body.
fn receiver(certificate: &Path) -> (String, Receiver<(String, Value)>) {
    let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
    fs::write(certificate, made.cert.pem()).unwrap();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(probity_crypto::tls::provider());
    let config = config.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
    let config = Arc::new(config.with_single_cert(vec![made.cert.der().clone()], key).unwrap());

    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}/audit", listener.local_addr().unwrap());
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
            let (stream, sender) = (StreamOwned::new(connection, stream.unwrap()), sender.clone());
            thread::spawn(move || take(BufReader::new(stream), &sender));
        }
    });
    (url, receiver)
}

/// Takes the requests of one connection until it ends.
fn take<S: Read + Write>(mut stream: BufReader<S>, sender: &Sender<(String, Value)>) {
    loop {
        let lines = stream.by_ref().lines().map_while(Result::ok);
        let head: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
        let header = |name: &str| {
            let mut headers = head.iter().filter_map(|line| line.split_once(": "));
            headers.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
        };
        let Some(length) = header("content-length") else { return };
        let mut body = vec![0; length.parse().unwrap()];
        stream.read_exact(&mut body).unwrap();
        let authorization = header("authorization").unwrap_or_default().to_owned();
        if sender.send((authorization, serde_json::from_slice(&body).unwrap())).is_err() {
            return;
        }
        stream.get_mut().write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").unwrap();
        stream.get_mut().flush().unwrap();
    }
}
