//! Rights that service accounts have and nobody uses, told when a window has passed without use: of each account once, and
//! again when they are others.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};
use jiff::{SignedDuration, Timestamp};
use probity_evidence_index::{DriftFilter, Page, Queries};
use probity_evidence_ledger::{Body, Digest, DriftKind, DriftRecord, DriftState, SubjectRecord};
use probity_evidence_usage::KnownUsage;
use probity_model::node::Node;
use probity_model::{Severity, SmolStr, SubjectKind, Value};
use probity_policy_core::Watched;
use probity_rbac::{
    BindingKey, Excess, Object, Rights, RoleKey, RuleExcess, Subject, UseBySubject, escalations_of, excess_of,
};
use serde::Deserialize;
use tokio::sync::watch;

use super::webhook::Gate;
use crate::config::UnusedRights;
use crate::output::harmless;

/// The group of roles and bindings, and its kinds.
const GROUP: &str = "rbac.authorization.k8s.io";
const KINDS: [&str; 4] = ["Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding"];

/// What is told is at least this bad: what opens the way to more than it says.
const LEAST: Severity = Severity::High;

/// How long objects, the server and the disk are waited for.
const PATIENCE: Duration = Duration::from_secs(20);

/// Accounts that are told at one look; more follow at the next.
const MOST: usize = 200;

/// Rules and paths that one message names.
const NAMED: usize = 5;

/// Of a window, so much may be unknown: a tenth.
const UNKNOWN: i32 = 10;

/// Looks until the end.
pub(super) async fn run(gate: Arc<Gate>, mut ended: watch::Receiver<bool>) {
    let Some(wanted) = gate.config.admission.unused_rights else { return };
    let group = KINDS.iter().map(|kind| Watched { api_version: format!("{GROUP}/v1").into(), kind: (*kind).into() });
    let account = Watched { api_version: "v1".into(), kind: "ServiceAccount".into() };
    gate.cluster.watch(&group.chain([account]).collect::<Vec<_>>());
    let told = Arc::new(Mutex::new(Memory::new()));
    let mut said = String::new();
    loop {
        tokio::select! {
            _ = ended.wait_for(|end| *end) => return,
            () = tokio::time::sleep(wanted.interval) => {}
        }
        if let Err(why) = gate.cluster.settle(PATIENCE).await {
            eprintln!("probity: rights that nobody uses are not looked for: {why}");
            continue;
        }
        let (of, memory) = (Arc::clone(&gate), Arc::clone(&told));
        let looked = tokio::task::spawn_blocking(move || {
            look(&of, wanted, &mut memory.lock().unwrap_or_else(PoisonError::into_inner))
        });
        let trouble = match looked.await {
            Ok(Ok(())) => String::new(),
            Ok(Err(error)) => format!("{error:#}"),
            Err(error) => error.to_string(),
        };
        if !trouble.is_empty() && trouble != said {
            eprintln!("probity: rights that nobody uses are not told: {}", harmless(&trouble));
        }
        said = trouble;
    }
}

/// What is told of an account: its address, and the digest of what it does not use.
type Memory = HashMap<String, String>;

/// Looks once, and tells what is to be told.
fn look(gate: &Gate, wanted: UnusedRights, told: &mut Memory) -> Result<()> {
    let after = SignedDuration::try_from(wanted.after)?;
    let since = Timestamp::now().checked_sub(after)?;
    let known = known(gate, since)?;
    enough(&known, since, after)?;
    let held = Held::of(gate);
    let usage = known.usage.by_subject();
    let found = found(&held, &usage, since);
    told.retain(|address, _| found.iter().any(|unused| unused.address() == *address));
    let mut fresh = 0;
    for unused in &found {
        let (address, digest) = (unused.address(), unused.digest());
        if told.get(&address) == Some(&digest) {
            continue;
        }
        let before = last(gate, &address).context("what was told before")?;
        if before.as_ref() != Some(&digest) && fresh < MOST {
            keep(gate, unused.record(gate, &held.rights, wanted.after, (before, &digest)))?;
            fresh += 1;
        } else if before.as_ref() != Some(&digest) {
            continue;
        }
        told.insert(address, digest);
    }
    Ok(())
}

/// What was used since a time.
fn known(gate: &Gate, since: Timestamp) -> Result<KnownUsage> {
    let cluster = gate.cluster_name.as_str();
    if let Some(server) = gate.queue.server() {
        let known: Result<KnownUsage, String> =
            server.get("/api/v1/permissions/used", &[("cluster", cluster)], PATIENCE);
        return known.map(|known| known.since(since)).map_err(|error| anyhow!(error));
    }
    let usage = gate.usage.as_ref().context("there is no server that is sent an audit log")?;
    let known = usage.look(cluster, |known| known.since(since))?;
    known.with_context(|| format!("no audit log of the cluster `{cluster}` is sent to /api/v1/audit-log/{cluster}"))
}

/// Fails when not enough is known of the window to say of anything that it was not used.
fn enough(known: &KnownUsage, since: Timestamp, after: SignedDuration) -> Result<()> {
    let window = known.usage.window();
    let first = window.first.context("no request is known")?;
    if first > since {
        let ready = first.checked_add(after)?;
        return Err(anyhow!("use is known since {first:.0}; unused rights are told from {ready:.0} on"));
    }
    if window.reads == 0 {
        return Err(anyhow!("the audit policy leaves out get, list and watch, so nothing is known of their use"));
    }
    if known.silent() > after / UNKNOWN {
        let times = known.doubts(0).join("; ");
        return Err(anyhow!("too much is not known of the time since {since:.0}: {times}"));
    }
    Ok(())
}

/// The rights of a cluster, and since when what gives them is there.
struct Held {
    rights: Rights,
    since: HashMap<Place, Timestamp>,
}

/// An object: kind, namespace and name.
type Place = (&'static str, String, String);

impl Held {
    fn of(gate: &Gate) -> Self {
        let cluster = &gate.cluster;
        let mut held = Self { rights: Rights::default(), since: HashMap::new() };
        for name in KINDS.into_iter().chain(["ServiceAccount"]) {
            let group = if name == "ServiceAccount" { "" } else { GROUP };
            for kind in cluster.kinds(name).iter().filter(|kind| kind.group == group) {
                cluster.objects(kind).iter().for_each(|object| held.add(name, object));
            }
        }
        held
    }

    fn add(&mut self, kind: &'static str, object: &Value) {
        let text = |field: &str| object.at(&["metadata", field]).and_then(Value::as_str).unwrap_or_default();
        if let Ok(made) = text("creationTimestamp").parse() {
            self.since.insert((kind, text("namespace").to_owned(), text("name").to_owned()), made);
        }
        // One that cannot be read gives no rights: the API server lets none pass.
        if let Ok(Some(object)) = Object::read(Node::root(object, None)) {
            self.rights.apply(object);
        }
    }

    /// Whether an object is there for as long as that; one that is not there gives nothing by itself.
    fn was_there(&self, kind: &'static str, namespace: &str, name: &str, since: Timestamp) -> bool {
        self.since.get(&(kind, namespace.to_owned(), name.to_owned())).is_none_or(|made| *made <= since)
    }

    fn is_old(&self, rule: &RuleExcess, since: Timestamp) -> bool {
        let of = |namespace: &Option<SmolStr>, name: &str, within: &'static str, of_all: &'static str| {
            let kind = if namespace.is_some() { within } else { of_all };
            self.was_there(kind, namespace.as_deref().unwrap_or_default(), name, since)
        };
        let BindingKey { namespace, name } = &rule.binding;
        let binding = of(namespace, name, "RoleBinding", "ClusterRoleBinding");
        let RoleKey { namespace, name } = &rule.role;
        binding && of(namespace, name, "Role", "ClusterRole")
    }
}

/// What an account has and does not use.
struct Unused {
    namespace: String,
    name: String,
    excess: Excess,
    severity: Severity,
}

/// The accounts with rights that nobody uses and that are worth to be told. What was given since is left out.
fn found(held: &Held, usage: &UseBySubject<'_>, since: Timestamp) -> Vec<Unused> {
    let mut accounts: Vec<&Subject> = held.rights.bound().filter(|subject| !subject.is_system()).collect();
    accounts.sort();
    accounts.dedup();
    let unused = |subject: &Subject| {
        let Subject::ServiceAccount { namespace, name } = subject else { return None };
        if !held.was_there("ServiceAccount", namespace, name, since) {
            return None;
        }
        let mut excess = excess_of(subject, &held.rights, usage);
        let told = |rule: &RuleExcess| {
            !rule.unused.is_empty() && rule.severity >= LEAST && !rule.is_default && held.is_old(rule, since)
        };
        excess.rules.retain(told);
        let severity = excess.rules.iter().map(|rule| rule.severity).max()?;
        Some(Unused { namespace: namespace.to_string(), name: name.to_string(), excess, severity })
    };
    accounts.into_iter().filter_map(unused).collect()
}

impl Unused {
    fn address(&self) -> String {
        format!("ServiceAccount/{}/{}", self.namespace, self.name)
    }

    /// The rules, each with what gives it.
    fn rules(&self) -> Vec<String> {
        let told = |rule: &RuleExcess| {
            let unused: Vec<String> = rule.unused.iter().map(ToString::to_string).collect();
            format!("{} ({} of {})", unused.join("; "), rule.binding, rule.role)
        };
        let mut rules: Vec<(Severity, String)> =
            self.excess.rules.iter().map(|rule| (rule.severity, told(rule))).collect();
        rules.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
        rules.into_iter().map(|(_, text)| text).collect()
    }

    /// What it is known again by.
    fn digest(&self) -> String {
        Digest::of(self.rules().join("\n").as_bytes()).to_string()
    }

    fn message(&self, rights: &Rights, after: Duration) -> String {
        let subject = &self.excess.subject;
        let seen = match self.excess.last_seen {
            Some(time) => format!("last seen {time:.0}"),
            None => "never seen".to_owned(),
        };
        let paths: Vec<String> = escalations_of(rights, subject)
            .into_iter()
            .filter(|path| path.severity >= LEAST)
            .map(|path| path.reach.to_string())
            .collect();
        let leads = if paths.is_empty() { String::new() } else { format!("; its rights lead to {}", some(&paths)) };
        let doubts: String =
            self.excess.doubts.iter().take(NAMED).map(|doubt| format!("; not known: {doubt}")).collect();
        format!(
            "{subject}, {seen}, did not use in {}: {}{leads}{doubts}. `probity permissions role {}/{}` proposes what is enough",
            words(after),
            some(&self.rules()),
            self.namespace,
            self.name
        )
    }

    fn record(&self, gate: &Gate, rights: &Rights, after: Duration, digests: (Option<String>, &str)) -> DriftRecord {
        let state = |digest: String| DriftState { verdict: None, digest: Some(digest) };
        DriftRecord {
            cluster: gate.cluster_name.to_string(),
            subject: SubjectRecord {
                kind: SubjectKind::Kubernetes.as_str().into(),
                resource_type: "ServiceAccount".into(),
                address: self.address(),
                labels: gate.labels(&self.namespace, None),
                location: None,
            },
            what: DriftKind::UnusedRights,
            message: self.message(rights, after),
            severity: self.severity,
            before: digests.0.map(state),
            after: Some(state(digests.1.to_owned())),
            who: None,
            policies: Vec::new(),
        }
    }
}

/// The first of a list, and how many more there are.
fn some(list: &[String]) -> String {
    let first = list.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
    match list.len().saturating_sub(NAMED) {
        0 => first,
        more => format!("{first} and {more} more"),
    }
}

/// A duration in the largest unit that says it.
fn words(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let (count, unit) = [(86_400, "day"), (3600, "hour"), (60, "minute")]
        .into_iter()
        .find(|(size, _)| seconds >= *size && seconds.is_multiple_of(*size))
        .map_or((seconds, "second"), |(size, unit)| (seconds / size, unit));
    if count == 1 { format!("1 {unit}") } else { format!("{count} {unit}s") }
}

#[derive(Deserialize)]
struct Told {
    rows: Vec<Row>,
}

#[derive(Deserialize)]
struct Row {
    drift: DriftRecord,
}

/// The digest of what was told last of an account, by any replica.
fn last(gate: &Gate, address: &str) -> Result<Option<String>> {
    let cluster = gate.cluster_name.as_str();
    let newest = if let Some(server) = gate.queue.server() {
        let what = DriftKind::UnusedRights.as_str();
        let asked = [("cluster", cluster), ("what", what), ("address", address), ("limit", "1")];
        let page: Result<Told, String> = server.get("/api/v1/drift", &asked, PATIENCE);
        page.map_err(|error| anyhow!(error))?.rows.into_iter().next().map(|row| row.drift)
    } else if let Some(index) = &gate.index {
        let filter = DriftFilter {
            cluster: Some(cluster.to_owned()),
            what: Some(DriftKind::UnusedRights),
            address: Some(address.to_owned()),
            ..DriftFilter::default()
        };
        let page = Queries::open(index)?.drift(&filter, Page::first(1))?;
        page.rows.into_iter().next().map(|row| row.drift)
    } else {
        None
    };
    Ok(newest.and_then(|drift| drift.after?.digest))
}

/// Keeps an entry, and says so.
fn keep(gate: &Gate, record: DriftRecord) -> Result<()> {
    eprintln!("probity: drift: {} {}", record.what, harmless(&record.message));
    let body = Body::Drift(Box::new(record));
    gate.queue.keep(Timestamp::now(), body, Instant::now() + PATIENCE).map_err(|why| anyhow!("it is not kept: {why}"))
}

#[cfg(test)]
mod tests {
    use probity_evidence_usage::Silence;
    use probity_model::json;
    use serde_json::json;

    use super::*;

    const SINCE: &str = "2026-11-01T00:00:00Z";

    fn time(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    /// A request of `shop/deployer`.
    fn event(verb: &str, resource: &str, time: &str) -> String {
        json!({
            "kind": "Event", "stage": "ResponseComplete", "verb": verb, "requestReceivedTimestamp": time,
            "user": { "username": "system:serviceaccount:shop:deployer" },
            "objectRef": { "resource": resource, "namespace": "shop" }, "responseStatus": { "code": 200 },
        })
        .to_string()
    }

    fn known(events: &[(&str, &str, &str)]) -> KnownUsage {
        let mut known = KnownUsage::default();
        for (verb, resource, time) in events {
            known.usage.add(event(verb, resource, time).as_bytes()).unwrap();
        }
        known
    }

    #[test]
    fn nothing_is_told_before_enough_is_known() {
        let old = ("list", "pods", "2026-11-01T00:00:00Z");
        let month = SignedDuration::from_hours(30 * 24);
        let silence = |hours| {
            let from = time("2026-11-05T00:00:00Z");
            Silence { from, to: from.checked_add(SignedDuration::from_hours(hours)).unwrap() }
        };
        for (events, silences, said) in [
            (&[][..], vec![], Some("no request is known")),
            (&[("list", "pods", "2026-11-01T00:00:01Z")], vec![], Some("told from 2026-12-01T00:00:01Z on")),
            (&[("create", "pods", "2026-11-01T00:00:00Z")], vec![], Some("leaves out get, list and watch")),
            (&[old], vec![silence(73)], Some("nothing was heard from 2026-11-05T00:00:00Z to 2026-11-08T01:00:00Z")),
            (&[old], vec![silence(71)], None),
        ] {
            let known = KnownUsage { silences, ..known(events) };
            let error = enough(&known, time(SINCE), month).err().map(|error| error.to_string());
            match (&error, said) {
                (Some(error), Some(said)) => assert!(error.contains(said), "{error}"),
                (None, None) => {}
                _ => panic!("{error:?}, expected {said:?}"),
            }
        }
    }

    fn held(objects: &[(&'static str, serde_json::Value)]) -> Held {
        let mut held = Held { rights: Rights::default(), since: HashMap::new() };
        for (kind, object) in objects {
            let mut object = object.clone();
            object["kind"] = json!(kind);
            object["apiVersion"] = json!(if *kind == "ServiceAccount" { "v1" } else { "rbac.authorization.k8s.io/v1" });
            held.add(kind, &json::read(object.to_string().as_bytes()).unwrap());
        }
        held
    }

    /// A role with these rules and its binding, which is as old as that.
    fn given(name: &str, rules: &serde_json::Value, made: &str) -> [(&'static str, serde_json::Value); 2] {
        let old = "2026-01-01T00:00:00Z";
        let role =
            json!({ "metadata": { "name": name, "namespace": "shop", "creationTimestamp": old }, "rules": rules });
        let binding = json!({
            "metadata": { "name": name, "namespace": "shop", "creationTimestamp": made },
            "roleRef": { "apiGroup": GROUP, "kind": "Role", "name": name },
            "subjects": [{ "kind": "ServiceAccount", "name": "deployer", "namespace": "shop" },
                { "kind": "User", "apiGroup": GROUP, "name": "nora" }],
        });
        [("Role", role), ("RoleBinding", binding)]
    }

    #[test]
    fn what_is_dangerous_old_and_not_used_is_told() {
        let rule =
            |verbs: &[&str], resources: &[&str]| json!([{ "apiGroups": [""], "resources": resources, "verbs": verbs }]);
        let old = "2026-10-01T00:00:00Z";
        let account = |made: &str| {
            (
                "ServiceAccount",
                json!({ "metadata": { "name": "deployer", "namespace": "shop", "creationTimestamp": made } }),
            )
        };
        let objects = |account_made: &str| {
            let mut all = vec![account(account_made)];
            all.extend(given("secrets", &rule(&["get", "list"], &["secrets"]), old));
            all.extend(given("commands", &rule(&["create"], &["pods/exec"]), "2026-11-02T00:00:00Z"));
            all.extend(given("maps", &rule(&["get"], &["configmaps"]), old));
            all.extend(given("pods", &rule(&["create"], &["pods"]), old));
            all
        };
        let usage = known(&[("list", "pods", SINCE), ("create", "pods", "2026-11-03T00:00:00Z")]);
        let usage = usage.usage.by_subject();
        let long_held = held(&objects(old));
        let told = found(&long_held, &usage, time(SINCE));
        assert_eq!(told.iter().map(Unused::address).collect::<Vec<_>>(), ["ServiceAccount/shop/deployer"]);
        assert_eq!(told[0].rules(), ["get, list secrets (RoleBinding shop/secrets of Role shop/secrets)"]);
        let message = told[0].message(&long_held.rights, Duration::from_hours(30 * 24));
        for part in [
            "last seen 2026-11-03T00:00:00Z",
            "did not use in 30 days: get, list secrets",
            "permissions role shop/deployer",
        ] {
            assert!(message.contains(part), "{message}");
        }
        // In a month the newer one is told as well, which is another digest.
        let later = found(&long_held, &usage, time("2026-11-02T00:00:00Z"));
        assert_eq!(later[0].rules().len(), 2);
        assert_ne!(later[0].digest(), told[0].digest());
        // An account that is new had no time to use anything.
        assert!(found(&held(&objects("2026-11-02T00:00:00Z")), &usage, time(SINCE)).is_empty());
    }

    #[test]
    fn durations_are_told_in_their_largest_unit() {
        for (seconds, told) in [(2, "2 seconds"), (90, "90 seconds"), (3600, "1 hour"), (30 * 86_400, "30 days")] {
            assert_eq!(words(Duration::from_secs(seconds)), told);
        }
    }
}
