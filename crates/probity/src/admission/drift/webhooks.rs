//! The webhook configurations by which the API server asks, changed or taken away by others. They are put back (`upkeep`); that
//! they were not there for a moment is told.

use std::collections::HashMap;
use std::sync::Arc;

use probity_cluster::{Change, MANAGER, Manager, What};
use probity_evidence_ledger::DriftKind;
use probity_gate_admission::{content, differing};
use probity_model::value::Object;
use probity_model::{Severity, Value};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::watch;

use super::telling::{About, Drift, Teller};
use crate::admission::upkeep;

/// Most differences that a message names.
const MOST: usize = 8;

/// Tells what others do with the webhooks, until the end.
pub(super) async fn run(mut teller: Teller, mut ended: watch::Receiver<bool>) {
    let mut changes = teller.gate.cluster.changes();
    let mut known: HashMap<String, Arc<[Manager]>> = HashMap::new();
    loop {
        let change = tokio::select! {
            _ = ended.wait_for(|end| *end) => return,
            change = changes.recv() => change,
        };
        match change {
            Ok(change) if is_ours(&change) => {
                let before = known.insert(change.kind.kind.clone(), Arc::clone(&change.managers)).unwrap_or_default();
                if let Some((message, who)) = told(&change, &before) {
                    let drift = Drift::new(DriftKind::WebhookChanged, Severity::Critical, message);
                    teller.tell(About::of(&change), Drift { who, ..drift }).await;
                }
            }
            Ok(_) => {}
            // Who wrote them last is not known any more.
            Err(RecvError::Lagged(_)) => known.clear(),
            Err(RecvError::Closed) => return,
        }
    }
}

fn is_ours(change: &Change) -> bool {
    let kind = &change.kind;
    kind.group == "admissionregistration.k8s.io"
        && kind.kind.ends_with("WebhookConfiguration")
        && change.name == upkeep::NAME
        && !change.listed
}

/// What others did, and who; nothing for what Probity itself did.
fn told(change: &Change, before: &[Manager]) -> Option<(String, Option<String>)> {
    let name = format!("{} {}", change.kind.kind, change.name);
    match &change.what {
        // Whoever made it, it is as it should be a moment later.
        What::Added(_) => None,
        What::Deleted(_) => {
            Some((format!("{name} was deleted: the API server asked nobody until it was put back"), None))
        }
        What::Modified { old, new } => {
            let mut others: Vec<&str> = change
                .managers
                .iter()
                .filter(|manager| manager.name != MANAGER && manager.wrote_since(before))
                .map(|manager| manager.name.as_str())
                .collect();
            others.dedup();
            // Of a change that was seen only when the watch began anew, the last that wrote is not known.
            if others.is_empty() {
                return None;
            }
            let paths = differences(old, new);
            if paths.is_empty() {
                return None;
            }
            let who = format!("the client {}", others.join(" and "));
            Some((format!("{name} was changed: {}", paths.join(", ")), Some(who)))
        }
    }
}

/// Where they differ: of each webhook, the fields.
fn differences(old: &Value, new: &Value) -> Vec<String> {
    let by_name = |object: &Value| {
        let content = content(object);
        let webhooks = content.get("webhooks").and_then(Value::as_array).cloned();
        let webhooks = webhooks.iter().flat_map(|webhooks| webhooks.iter());
        let named = webhooks.filter_map(|webhook| Some((webhook.get("name")?.as_str()?.to_owned(), webhook.clone())));
        let others = content.as_object().into_iter().flat_map(Object::iter);
        let others = others.filter(|(key, _)| key.as_str() != "webhooks");
        let others: Vec<(String, Value)> =
            others.map(|(key, value)| (key.as_str().to_owned(), value.clone())).collect();
        Value::object(others.into_iter().chain(named))
    };
    differing(&by_name(old), &by_name(new), MOST).into_iter().map(|path| path.join(": ")).collect()
}

#[cfg(test)]
mod tests {
    use probity_cluster::Kind;
    use probity_model::json;

    use super::*;

    fn configuration(policy: &str, timeout: u8) -> Value {
        let text = format!(
            r#"{{"kind": "ValidatingWebhookConfiguration", "metadata": {{"name": "probity", "generation": {timeout}}},
                "webhooks": [{{"name": "a", "failurePolicy": "{policy}", "timeoutSeconds": {timeout}}}, {{"name": "b"}}]}}"#
        );
        json::read(text.as_bytes()).unwrap()
    }

    fn change(what: What) -> Change {
        let kind = Kind {
            group: "admissionregistration.k8s.io".to_owned(),
            version: "v1".to_owned(),
            kind: "ValidatingWebhookConfiguration".to_owned(),
            plural: "validatingwebhookconfigurations".to_owned(),
            namespaced: false,
        };
        let (namespace, name) = (String::new(), "probity".to_owned());
        Change { kind: Arc::new(kind), namespace, name, what, listed: false, managers: Arc::default() }
    }

    #[test]
    fn what_is_different_is_told_by_webhook() {
        let fail = configuration("Fail", 3);
        assert_eq!(differences(&fail, &configuration("Ignore", 3)), ["a: failurePolicy"]);
        assert_eq!(differences(&fail, &configuration("Ignore", 1)), ["a: failurePolicy", "a: timeoutSeconds"]);
        assert!(differences(&fail, &fail).is_empty());
    }

    #[test]
    fn what_nobody_else_wrote_is_not_told_and_a_deletion_is() {
        let (old, new) = (configuration("Fail", 3), configuration("Ignore", 3));
        assert!(told(&change(What::Modified { old: old.clone(), new: new.clone() }), &[]).is_none());
        assert!(told(&change(What::Added(new)), &[]).is_none());
        let (message, who) = told(&change(What::Deleted(old)), &[]).unwrap();
        assert!(message.contains("ValidatingWebhookConfiguration probity was deleted") && who.is_none(), "{message}");
    }
}
