//! `cargo xtask bench permissions PROBITY [EVENTS]`: an audit log of a million events, made the same each time, with impersonation
//! and an aggregated role: time and peak memory of the report and of the replay; and how long a change among 10,000 bindings takes
//! to be told. There is no peer that does all of it: times and memory are absolute.

use std::io::{BufWriter, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use probity_model::{SmolStr, Value};
use probity_rbac::{Binding, BindingKey, Change, Object, Rights, Role, RoleKey, Rule, Subject};
use serde_json::json;

use crate::measured;

/// Namespaces, and service accounts in each.
const NAMESPACES: usize = 200;
const ACCOUNTS: usize = 25;

/// Bindings among which a change is told.
const BINDINGS: usize = 10_000;

/// Changes of which the median and the slowest count.
const CHANGES: usize = 201;

/// Numbers that look drawn and are the same each time (xorshift).
struct Draw(u64);

impl Draw {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % bound as u64).unwrap_or(0)
    }
}

pub(crate) fn bench(probity: &str, events: usize) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (objects, log) = (folder.path().join("objects.json"), folder.path().join("audit.log"));
    std::fs::write(&objects, self::objects())?;
    let bytes = write_log(&log, events)?;
    println!("{events} events, {} MiB; {} service accounts", bytes >> 20, NAMESPACES * ACCOUNTS);
    let (objects, log) = (objects.to_str().context("the folder's name")?, log.to_str().context("the folder's name")?);
    for what in ["report", "replay"] {
        let found = measured(probity, &["permissions", what, "--objects", objects, "--audit-log", log])?;
        ensure!(found.code < 2, "`probity permissions {what}` ended with {}", found.code);
        println!("{what}: {:.2?}, at most {} MiB", found.time, found.peak_kib >> 10);
    }
    change();
    Ok(())
}

/// A deployer and a watcher by turns in each namespace; a few that are far too wide; one role made of others.
fn objects() -> String {
    let head = |kind: &str, name: &str| json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": kind, "metadata": {"name": name}});
    let with = |mut object: serde_json::Value, fields: serde_json::Value| {
        if let (Some(object), serde_json::Value::Object(fields)) = (object.as_object_mut(), fields) {
            object.extend(fields);
        }
        object
    };
    let rule = |groups: &[&str], resources: &[&str], verbs: &[&str]| json!({"apiGroups": groups, "resources": resources, "verbs": verbs});
    let all = ["get", "list", "watch", "create", "update", "patch", "delete"];
    let mut deploy = head("ClusterRole", "deploy-apps");
    deploy["metadata"]["labels"] = json!({"to-deployer": "true"});
    let mut items = vec![
        with(deploy, json!({"rules": [rule(&["apps"], &["deployments", "statefulsets"], &all)]})),
        with(
            head("ClusterRole", "deployer"),
            json!({"aggregationRule": {"clusterRoleSelectors": [{"matchLabels": {"to-deployer": "true"}}]}, "rules": []}),
        ),
        with(
            head("ClusterRole", "watcher"),
            json!({"rules": [rule(&[""], &["pods", "configmaps", "services"], &all), rule(&["coordination.k8s.io"], &["leases"], &all)]}),
        ),
        with(
            head("ClusterRole", "impersonator"),
            json!({"rules": [rule(&[""], &["users", "groups", "serviceaccounts"], &["impersonate"])]}),
        ),
    ];
    for namespace in 0..NAMESPACES {
        for account in 0..ACCOUNTS {
            for role in ["deployer", "watcher"] {
                let mut binding = head("RoleBinding", &format!("{role}-{account}"));
                binding["metadata"]["namespace"] = json!(format!("n{namespace}"));
                binding["roleRef"] = json!({"kind": "ClusterRole", "name": role});
                let subject = json!({"kind": "ServiceAccount", "name": format!("a{account}"), "namespace": format!("n{namespace}")});
                binding["subjects"] = json!([subject]);
                items.push(binding);
            }
        }
    }
    let mut binding = head("ClusterRoleBinding", "impersonator");
    binding["roleRef"] = json!({"kind": "ClusterRole", "name": "impersonator"});
    binding["subjects"] = json!([{"kind": "ServiceAccount", "name": "a0", "namespace": "n0"}]);
    items.push(binding);
    json!({"apiVersion": "v1", "kind": "List", "items": items}).to_string()
}

/// Events of about the size that an API server writes at level Metadata; gives the size of the log.
fn write_log(path: &Path, events: usize) -> Result<u64> {
    const ASKED: [(&str, &str, &str); 10] = [
        ("get", "", "pods"),
        ("list", "", "pods"),
        ("watch", "", "pods"),
        ("get", "", "configmaps"),
        ("update", "coordination.k8s.io", "leases"),
        ("get", "coordination.k8s.io", "leases"),
        ("patch", "apps", "deployments"),
        ("get", "apps", "deployments"),
        ("create", "", "configmaps"),
        ("delete", "", "secrets"),
    ];
    let mut out = BufWriter::with_capacity(1 << 20, std::fs::File::create(path)?);
    let mut draw = Draw(0x9e37_79b9_7f4a_7c15);
    for number in 0..events {
        let (verb, group, resource) = ASKED[draw.below(ASKED.len())];
        let (namespace, account) = (draw.below(NAMESPACES), draw.below(ACCOUNTS));
        let name = if matches!(verb, "list" | "watch") {
            String::new()
        } else {
            format!("{resource}-{:05}", draw.below(20_000))
        };
        // Nobody has rights on Secrets: these were denied.
        let (decision, code) = if resource == "secrets" { ("forbid", 403) } else { ("allow", 200) };
        let (hour, minute, second) = (number / 3600 % 24, number / 60 % 60, number % 60);
        let time = format!(
            "2026-11-{:02}T{hour:02}:{minute:02}:{second:02}.{:06}Z",
            1 + number * 27 / events.max(1),
            number % 1_000_000
        );
        let asking = |namespace: usize, account: usize| {
            json!({"username": format!("system:serviceaccount:n{namespace}:a{account}"), "uid": "5a1f0d0a-0f0c-4c40-8d2e-0d8b5d8f1a11",
                "groups": ["system:serviceaccounts", format!("system:serviceaccounts:n{namespace}"), "system:authenticated"],
                "extra": {"authentication.kubernetes.io/pod-name": [format!("web-{account}")], "authentication.kubernetes.io/node-name": ["node-1"]}})
        };
        let mut event = json!({
            "kind": "Event", "apiVersion": "audit.k8s.io/v1", "level": "Metadata", "auditID": format!("{number:032x}"),
            "stage": "ResponseComplete", "requestURI": format!("/api/v1/namespaces/n{namespace}/{resource}/{name}"), "verb": verb,
            "user": asking(namespace, account), "sourceIPs": ["10.1.2.3"],
            "userAgent": "controller/v1.2.3 (linux/amd64) kubernetes/1a2b3c4",
            "objectRef": {"resource": resource, "namespace": format!("n{namespace}"), "name": name, "apiGroup": group, "apiVersion": "v1"},
            "responseStatus": {"metadata": {}, "code": code},
            "requestReceivedTimestamp": time, "stageTimestamp": time,
            "annotations": {"authorization.k8s.io/decision": decision, "authorization.k8s.io/reason":
                if code == 200 { "RBAC: allowed by RoleBinding" } else { "" }},
        });
        // One in fifty is asked by another, as this one.
        if draw.below(50) == 0 {
            event["impersonatedUser"] = event["user"].clone();
            if let Some(user) = event["impersonatedUser"].as_object_mut() {
                user.remove("uid");
                user.remove("extra");
            }
            event["user"] = asking(0, 0);
        }
        writeln!(out, "{event}")?;
    }
    out.flush()?;
    Ok(std::fs::metadata(path)?.len())
}

/// How long it takes to tell who gained rights by one changed object among many.
fn change() {
    let mut rights: Rights = many().collect();
    let words = |list: &[&str]| -> Vec<SmolStr> { list.iter().copied().map(SmolStr::from).collect() };
    let admin = Rule { verbs: words(&["*"]), api_groups: words(&["*"]), resources: words(&["*"]), ..Rule::default() };
    rights.apply(role("cluster-admin", vec![admin]));
    let mut times: Vec<Duration> = Vec::new();
    let mut told = 0;
    for number in 0..CHANGES {
        let (namespace, account) = (format!("n{}", number % NAMESPACES), format!("a{number}"));
        let change = Change::Apply(binding(None, &format!("new-{number}"), "cluster-admin", &namespace, &account));
        let start = Instant::now();
        told += rights.change(change).len();
        times.push(start.elapsed());
    }
    times.sort();
    println!(
        "a new ClusterRoleBinding of cluster-admin among {BINDINGS} bindings: median {:.2?}, slowest {:.2?}; {told} of {CHANGES} widen",
        times[CHANGES / 2],
        times[CHANGES - 1]
    );
    let mut times: Vec<Duration> = Vec::new();
    for number in 0..CHANGES {
        let (namespace, account) = (format!("n{}", number % NAMESPACES), format!("a{number}"));
        let change = Change::Apply(binding(Some(&namespace), &format!("view-{number}"), "view", &namespace, &account));
        let start = Instant::now();
        rights.change(change);
        times.push(start.elapsed());
    }
    times.sort();
    println!(
        "a new RoleBinding that leads no further: median {:.2?}, slowest {:.2?}",
        times[CHANGES / 2],
        times[CHANGES - 1]
    );
}

fn many() -> impl Iterator<Item = Object> {
    let words = |list: &[&str]| -> Vec<SmolStr> { list.iter().copied().map(SmolStr::from).collect() };
    let run = Rule {
        verbs: words(&["get", "create"]),
        api_groups: words(&[""]),
        resources: words(&["pods"]),
        ..Rule::default()
    };
    let view =
        Rule { verbs: words(&["get"]), api_groups: words(&[""]), resources: words(&["services"]), ..Rule::default() };
    let roles = [role("run", vec![run]), role("view", vec![view])];
    roles.into_iter().chain((0..BINDINGS).map(|number| {
        let namespace = format!("n{}", number % NAMESPACES);
        binding(Some(&namespace), &format!("b{number}"), "run", &namespace, &format!("a{number}"))
    }))
}

fn role(name: &str, rules: Vec<Rule>) -> Object {
    let key = RoleKey { namespace: None, name: name.into() };
    Object::Role(Role { key, labels: Value::Null, rules: rules.into(), aggregation: None })
}

fn binding(bound_in: Option<&str>, name: &str, role: &str, namespace: &str, account: &str) -> Object {
    Object::Binding(Binding {
        key: BindingKey { namespace: bound_in.map(SmolStr::from), name: name.into() },
        role: RoleKey { namespace: None, name: role.into() },
        subjects: vec![Subject::service_account(namespace, account)],
        is_default: false,
    })
}
