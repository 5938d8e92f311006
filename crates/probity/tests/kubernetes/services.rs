//! Services beside the API server that policies ask.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::thread;

use rustix::process::Signal;

use crate::cluster::{ADMIN, Cluster, eventually};
use crate::gate::Gate;

const POLICY: &str = "
apiVersion: kyverno.io/v1
kind: ClusterPolicy
metadata: {name: owners}
spec:
  rules:
    - name: known-owner
      match: {any: [{resources: {kinds: [ConfigMap]}}]}
      context:
        - name: directory
          apiCall:
            method: POST
            service: {url: 'http://HOST/owners'}
            data: [{key: owner, value: '{{ request.object.metadata.name }}'}]
      validate:
        failureAction: Enforce
        message: the directory does not know the owner
        deny: {conditions: {any: [{key: '{{ directory.known }}', operator: Equals, value: false}]}}
---
apiVersion: policies.kyverno.io/v1
kind: ValidatingPolicy
metadata: {name: frozen}
spec:
  validationActions: [Deny]
  matchConstraints:
    resourceRules:
      - {apiGroups: [''], apiVersions: [v1], operations: [CREATE], resources: [services]}
  variables:
    - {name: answer, expression: 'http.Get(\"http://HOST/freeze\")'}
  validations:
    - {expression: '!variables.answer.frozen', message: nothing is changed today}
";

/// A service that knows one owner, and says that nothing is to be changed.
fn directory() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let host = listener.local_addr().unwrap().to_string();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = BufReader::new(stream.unwrap());
            let (mut first, mut length) = (String::new(), 0);
            stream.read_line(&mut first).unwrap();
            loop {
                let mut line = String::new();
                stream.read_line(&mut line).unwrap();
                if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                    length = value.trim().parse().unwrap();
                }
                if line.trim().is_empty() {
                    break;
                }
            }
            let mut body = vec![0; length];
            stream.read_exact(&mut body).unwrap();
            let known = String::from_utf8(body).unwrap().contains(r#""owner":"clinic""#);
            let answer = if first.starts_with("POST /owners") {
                format!(r#"{{"known": {known}}}"#)
            } else {
                r#"{"frozen": true}"#.to_owned()
            };
            let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length:";
            write!(stream.get_mut(), "{head} {}\r\n\r\n{answer}", answer.len()).unwrap();
        }
    });
    host
}

#[test]
fn services_are_asked_where_they_are_allowed() {
    let Some(cluster) = Cluster::start(None) else { return };
    let host = directory();
    let policy = POLICY.replace("HOST", &host);
    let mut gate = Gate::install(&cluster, &[("services.yaml", &policy)], "admission: {cluster: eu-1}");
    gate.start(&cluster, &[]);
    let made = |name: &str| cluster.kubectl(ADMIN, &["create", "configmap", name, "--dry-run=server"]);
    let serve = ["create", "service", "clusterip", "portal", "--tcp=80", "--dry-run=server"];
    // Without leave a policy is sent nowhere, and what it cannot judge is denied.
    let refused = eventually("the policy is in force", || {
        let refused = made("clinic").stderr;
        refused.contains("owners/known-owner").then_some(refused)
    });
    assert!(refused.contains("requests to 127.0.0.1 are not allowed here"), "{refused}");
    assert!(cluster.kubectl(ADMIN, &serve).refused().contains("are not allowed here"));

    gate.end(Signal::INT);
    gate.start(&cluster, &[&format!("--allow-http={host}")]);
    eventually("the service is asked", || made("clinic").status.success().then_some(()));
    let refused = made("nobody").refused();
    assert!(refused.contains("the directory does not know the owner"), "{refused}");
    assert!(cluster.kubectl(ADMIN, &serve).refused().contains("nothing is changed today"));
}
