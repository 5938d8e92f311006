//! What this replica let in lately, so that what is seen in the cluster can be told from what went past it.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use probity_evidence_ledger::Digest;
use probity_gate_admission::content_digest;
use probity_model::{SmolStr, Value};
use probity_policy_core::{AdmissionRequest, Operation};

/// So many contents, and objects, are remembered in each of two generations.
const MOST: usize = 25_000;

/// Most ways by which one object was asked about that are remembered.
const MOST_WAYS: usize = 8;

/// What was let in lately.
#[derive(Default)]
pub(super) struct LetIn(Mutex<State>);

#[derive(Default)]
struct State {
    /// By the digest of the content, who asked.
    contents: Recent<Digest, SmolStr>,
    /// The uids of objects that were made: each is made once.
    made: Recent<String, ()>,
    /// By group, resource, namespace and name: the versions and parts in which it was asked about, and when.
    ways: Recent<String, Vec<(SmolStr, Instant)>>,
}

impl LetIn {
    /// Remembers a request that was allowed, and the digest of the object when it is written as a whole.
    pub(super) fn remember(&self, request: &AdmissionRequest, content: Option<Digest>) {
        let resource = |field| request.text(&["resource", field]);
        let object =
            key(resource("group"), resource("resource"), request.text(&["namespace"]), request.text(&["name"]));
        let way = match request.text(&["subResource"]) {
            subresource if subresource.is_empty() || content.is_some() => {
                SmolStr::new(request.text(&["kind", "version"]))
            }
            subresource => SmolStr::new(format!("/{subresource}")),
        };
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(digest) = content {
            state.contents.insert(digest, request.username().into());
        }
        if request.operation() == Operation::Create
            && let Some(uid) = content.and(request.object()).and_then(uid)
        {
            state.made.insert(uid.to_owned(), ());
        }
        let mut ways = state.ways.take(&object).unwrap_or_default();
        ways.retain(|(known, _)| *known != way);
        if ways.len() >= MOST_WAYS {
            ways.remove(0);
        }
        ways.push((way, Instant::now()));
        state.ways.insert(object, ways);
    }

    /// Who asked for this content, when it was let in here.
    pub(super) fn user(&self, content: &Digest) -> Option<SmolStr> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).contents.get(content).cloned()
    }

    /// Whether an object was made by a request that was let in here.
    pub(super) fn is_made(&self, object: &Value) -> bool {
        let state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        uid(object).is_some_and(|uid| state.made.get(uid).is_some())
    }

    /// Whether an object was asked about lately in another version than this one, or as a part: then its content is not known.
    pub(super) fn is_let_in_otherwise(&self, group: &str, version: &str, resource: &str, name: (&str, &str)) -> bool {
        /// A change is seen within this time.
        const LATELY: Duration = Duration::from_secs(30);
        let object = key(group, resource, name.0, name.1);
        let state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let ways = state.ways.get(&object);
        ways.is_some_and(|ways| ways.iter().any(|(way, when)| way != version && when.elapsed() < LATELY))
    }
}

/// What the API server calls an object, and no other one ever.
pub(super) fn uid(object: &Value) -> Option<&str> {
    object.at(&["metadata", "uid"]).and_then(Value::as_str)
}

fn key(group: &str, resource: &str, namespace: &str, name: &str) -> String {
    format!("{group}/{resource}/{namespace}/{name}")
}

/// The digest of the object that a request writes as a whole; none for other requests.
pub(super) fn content_of(request: &AdmissionRequest) -> Option<Digest> {
    let object = request.object().filter(|_| request.writes_object())?;
    content_digest(object).parse().ok()
}

/// A map that forgets what was not put in for long.
struct Recent<K, V> {
    young: HashMap<K, V>,
    old: HashMap<K, V>,
}

impl<K, V> Default for Recent<K, V> {
    fn default() -> Self {
        Self { young: HashMap::default(), old: HashMap::default() }
    }
}

impl<K: std::hash::Hash + Eq, V> Recent<K, V> {
    fn insert(&mut self, key: K, value: V) {
        if self.young.len() >= MOST {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(key, value);
    }

    fn get<Q: std::hash::Hash + Eq + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: std::borrow::Borrow<Q>,
    {
        self.young.get(key).or_else(|| self.old.get(key))
    }

    fn take(&mut self, key: &K) -> Option<V> {
        let young = self.young.remove(key);
        let old = self.old.remove(key);
        young.or(old)
    }
}

#[cfg(test)]
mod tests {
    use probity_model::json;

    use super::*;

    fn request(version: &str, subresource: &str, image: &str) -> AdmissionRequest {
        let text = format!(
            r#"{{"uid": "u", "operation": "UPDATE", "namespace": "shop", "name": "web", "subResource": "{subresource}",
                "kind": {{"group": "apps", "version": "{version}", "kind": "Deployment"}},
                "resource": {{"group": "apps", "version": "{version}", "resource": "deployments"}},
                "userInfo": {{"username": "alice@company.com"}},
                "object": {{"kind": "Deployment", "spec": {{"image": "{image}"}}}}}}"#
        );
        AdmissionRequest::new(json::read(text.as_bytes()).unwrap()).unwrap()
    }

    fn otherwise(let_in: &LetIn) -> bool {
        let_in.is_let_in_otherwise("apps", "v1", "deployments", ("shop", "web"))
    }

    #[test]
    fn what_was_let_in_is_known_by_its_content() {
        let let_in = LetIn::default();
        let [asked, other] = ["portal:1", "portal:2"].map(|image| request("v1", "", image));
        let_in.remember(&asked, content_of(&asked));
        assert_eq!(let_in.user(&content_of(&asked).unwrap()).as_deref(), Some("alice@company.com"));
        assert_eq!(let_in.user(&content_of(&other).unwrap()), None);
        assert!(!otherwise(&let_in));
        assert_eq!(content_of(&request("v1", "status", "portal:1")), None);
    }

    #[test]
    fn what_was_let_in_as_a_part_or_in_another_version_has_no_known_content() {
        for (version, subresource) in [("v1", "scale"), ("v2", "")] {
            let let_in = LetIn::default();
            let_in.remember(&request(version, subresource, "portal:1"), None);
            assert!(otherwise(&let_in), "{version} {subresource}");
        }
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut recent = Recent::default();
        for number in 0..3 * MOST {
            recent.insert(number, ());
        }
        assert!(recent.young.len() + recent.old.len() <= 2 * MOST);
        assert!(recent.get(&(3 * MOST - 1)).is_some() && recent.get(&0).is_none());
    }
}
