//! Rights that somebody gains: each change of a role or binding is compared with what was before it.

use std::time::Duration;

use probity_cluster::{Change, Kind, What};
use probity_evidence_ledger::DriftKind;
use probity_gate_admission::content_digest;
use probity_model::node::Node;
use probity_model::{SmolStr, Value};
use probity_rbac::{Change as RightsChange, Object, ObjectKey, Rights, Widening, widening};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::watch;

use super::telling::{About, Drift, Teller, last_manager};
use super::watched;

/// The group of roles and bindings.
const GROUP: &str = "rbac.authorization.k8s.io";

/// Its kinds.
const KINDS: [&str; 4] = ["Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding"];

/// How often it is looked whether what is there is known.
const LOOK: Duration = Duration::from_millis(50);

/// Most subjects of one change that are told each by an entry.
const MOST: usize = 20;

/// Most paths of a subject that a message names.
const MOST_PATHS: usize = 3;

/// Tells who gains rights, until the end. What is there when it starts is the base.
pub(super) async fn run(mut teller: Teller, mut ended: watch::Receiver<bool>) {
    let cluster = teller.gate.cluster.clone();
    let mut changes = cluster.changes();
    let of_group = KINDS.iter().map(|kind| watched(&format!("{GROUP}/v1"), kind));
    cluster.watch(&of_group.chain([watched("v1", "ServiceAccount")]).collect::<Vec<_>>());
    while !is_known(&teller) {
        tokio::select! {
            _ = ended.wait_for(|end| *end) => return,
            () = tokio::time::sleep(LOOK) => {}
        }
    }
    let mut rights = what_is_there(&teller);
    eprintln!("rights are compared from now on");
    loop {
        let change = tokio::select! {
            _ = ended.wait_for(|end| *end) => return,
            change = changes.recv() => change,
        };
        match change {
            Ok(change) if !change.listed && matters(&change) => {
                // What panics says so itself; then only the present is known.
                let compared = compare(rights, &change).await;
                let (after, gains) = compared.unwrap_or_else(|| (what_is_there(&teller), Vec::new()));
                rights = after;
                let who = who(&teller, &change);
                tell(&mut teller, About::of(&change), who, gains).await;
            }
            Ok(_) => {}
            Err(RecvError::Lagged(_)) => {
                let now = what_is_there(&teller);
                let gains = widening(&rights, &now);
                rights = now;
                for gained in gains {
                    let kind = if gained.binding.namespace.is_some() { "RoleBinding" } else { "ClusterRoleBinding" };
                    let namespace = gained.binding.namespace.clone().unwrap_or_default();
                    let name = gained.binding.name.clone();
                    let about = About { kind, namespace: &namespace, name: &name, before: None, after: None };
                    tell(&mut teller, about, None, vec![gained]).await;
                }
            }
            Err(RecvError::Closed) => return,
        }
    }
}

/// The kinds of which rights are made, as the cluster serves them.
fn kinds(teller: &Teller) -> impl Iterator<Item = Kind> {
    let cluster = &teller.gate.cluster;
    let of_group = KINDS.iter().flat_map(|kind| cluster.kinds(kind)).filter(|kind| kind.group == GROUP);
    of_group.chain(cluster.kinds("ServiceAccount").into_iter().filter(|kind| kind.group.is_empty()))
}

fn is_known(teller: &Teller) -> bool {
    kinds(teller).all(|kind| teller.gate.cluster.knows(&kind))
}

/// The rights that roles and bindings give now.
fn what_is_there(teller: &Teller) -> Rights {
    kinds(teller).flat_map(|kind| teller.gate.cluster.objects(&kind)).filter_map(|object| read(&object)).collect()
}

/// Who made a change: whoever asked the gate for it, if that was asked, or else what wrote it.
fn who(teller: &Teller, change: &Change) -> Option<String> {
    let asked = About::of(change).after.and_then(|object| content_digest(object).parse().ok());
    let user = asked.and_then(|digest| teller.gate.let_in.user(&digest));
    user.map(String::from).or_else(|| last_manager(&change.managers))
}

fn matters(change: &Change) -> bool {
    let kind = &change.kind;
    match kind.group.as_str() {
        GROUP => KINDS.contains(&kind.kind.as_str()),
        "" => kind.kind == "ServiceAccount",
        _ => false,
    }
}

/// What the object says; one that cannot be read gives no rights, as the API server lets none pass.
fn read(object: &Value) -> Option<Object> {
    Object::read(Node::root(object, None)).ok().flatten()
}

/// What a change of an object gives to whom. What it was before is what the change says: so that it is counted once, whether
/// or not it was there when the base was taken.
async fn compare(mut rights: Rights, change: &Change) -> Option<(Rights, Vec<Widening>)> {
    let what = change.what.clone();
    let kind = change.kind.kind.clone();
    let (namespace, name) = (change.namespace.clone(), change.name.clone());
    let compared = tokio::task::spawn_blocking(move || {
        let gains = step(&mut rights, &kind, &namespace, &name, &what);
        (rights, gains)
    });
    compared.await.ok()
}

fn step(rights: &mut Rights, kind: &str, namespace: &str, name: &str, what: &What) -> Vec<Widening> {
    let (old, new) = match what {
        What::Added(new) => (None, Some(new)),
        What::Modified { old, new } => (Some(old), Some(new)),
        What::Deleted(old) => (Some(old), None),
    };
    match old.and_then(read) {
        Some(old) => rights.apply(old),
        None => rights.remove(&key(kind, namespace, name)),
    }
    let change = match new.and_then(read) {
        Some(new) => RightsChange::Apply(new),
        None => RightsChange::Remove(key(kind, namespace, name)),
    };
    rights.change(change)
}

fn key(kind: &str, namespace: &str, name: &str) -> ObjectKey {
    use probity_rbac::{BindingKey, RoleKey};
    let within = Some(SmolStr::new(namespace)).filter(|namespace| !namespace.is_empty());
    let name = SmolStr::new(name);
    match kind {
        "Role" | "ClusterRole" => ObjectKey::Role(RoleKey { namespace: within, name }),
        "ServiceAccount" => ObjectKey::ServiceAccount { namespace: namespace.into(), name },
        _ => ObjectKey::Binding(BindingKey { namespace: within, name }),
    }
}

async fn tell(teller: &mut Teller, about: About<'_>, who: Option<String>, gains: Vec<Widening>) {
    // The worst come first.
    let others = gains.len().saturating_sub(MOST);
    for (position, gained) in gains.into_iter().take(MOST).enumerate() {
        let mut message = message(&gained);
        if others > 0 && position + 1 == MOST {
            message.push_str(&format!("; and {others} other subjects gain rights by the same change"));
        }
        let drift = Drift::new(DriftKind::RightsWidened, gained.severity, message);
        teller.tell(about, Drift { who: who.clone(), ..drift }).await;
    }
}

/// What happened, and what it leads to.
fn message(gained: &Widening) -> String {
    let mut message = gained.message();
    for path in gained.escalations.iter().take(MOST_PATHS) {
        let steps: Vec<String> = path.steps.iter().map(ToString::to_string).collect();
        message.push_str(&format!("; it reaches {}: {}", path.reach, steps.join(", then ")));
    }
    if gained.escalations.len() > MOST_PATHS {
        message.push_str(&format!("; and {} more", gained.escalations.len() - MOST_PATHS));
    }
    if !gained.also.is_empty() {
        let named: Vec<String> = gained.also.iter().take(MOST_PATHS).map(ToString::to_string).collect();
        let more = gained.also.len().saturating_sub(MOST_PATHS);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        message.push_str(&format!("; so do {}{more}, who can become it", named.join(", ")));
    }
    message
}

#[cfg(test)]
mod tests {
    use probity_model::json;

    use super::*;

    fn object(text: &str) -> Value {
        json::read(text.as_bytes()).unwrap()
    }

    fn role(name: &str, verbs: &str) -> Value {
        object(&format!(
            r#"{{"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {{"name": "{name}",
                "labels": {{"aggregate": "yes"}}}}, "rules": [{{"apiGroups": [""], "resources": ["secrets"], "verbs": [{verbs}]}}]}}"#
        ))
    }

    fn binding(role: &str) -> Value {
        object(&format!(
            r#"{{"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", "metadata": {{"name": "ops"}},
                "roleRef": {{"kind": "ClusterRole", "name": "{role}"}},
                "subjects": [{{"kind": "ServiceAccount", "namespace": "shop", "name": "deployer"}}]}}"#
        ))
    }

    fn told(rights: &mut Rights, kind: &str, name: &str, what: &What) -> Vec<String> {
        step(rights, kind, "", name, what).iter().map(message).collect()
    }

    #[test]
    fn what_a_binding_gives_is_told_once() {
        let mut rights: Rights = read(&role("reader", r#""get""#)).into_iter().collect();
        let added = What::Added(binding("reader"));
        let [first, again] = [0, 1].map(|_| told(&mut rights, "ClusterRoleBinding", "ops", &added));
        assert_eq!(first.len(), 1);
        assert!(
            first[0].starts_with("ClusterRoleBinding ops gives ServiceAccount shop/deployer reader")
                && first[0].contains("reaches every Secret in the cluster"),
            "{first:?}"
        );
        // It is compared with what the change says was before, whatever the base has.
        assert_eq!(again, first);
        let same = What::Modified { old: binding("reader"), new: binding("reader") };
        assert_eq!(told(&mut rights, "ClusterRoleBinding", "ops", &same), Vec::<String>::new());
        let gone = What::Deleted(binding("reader"));
        assert_eq!(told(&mut rights, "ClusterRoleBinding", "ops", &gone), Vec::<String>::new());
        assert!(rights.bindings().next().is_none());
    }

    #[test]
    fn an_aggregated_role_that_follows_tells_nothing_new() {
        let whole = |rules: &str| {
            object(&format!(
                r#"{{"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {{"name": "whole"}},
                    "aggregationRule": {{"clusterRoleSelectors": [{{"matchLabels": {{"aggregate": "yes"}}}}]}}, "rules": {rules}}}"#
            ))
        };
        let mut rights: Rights = [whole("[]"), binding("whole")].iter().filter_map(read).collect();
        let added = What::Added(role("part", r#""get""#));
        assert_eq!(told(&mut rights, "ClusterRole", "part", &added).len(), 1);
        // The controller-manager writes it into the role a moment later.
        let rules = r#"[{"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"]}]"#;
        let followed = What::Modified { old: whole("[]"), new: whole(rules) };
        assert_eq!(told(&mut rights, "ClusterRole", "whole", &followed), Vec::<String>::new());
    }
}
