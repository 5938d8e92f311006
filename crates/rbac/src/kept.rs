//! Use, as it is kept on a disk and sent between programs: JSON in which each text stands once.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use probity_model::SmolStr;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::event::Written;
use crate::subject::Identity;
use crate::usage::{Key, MAX_IDENTITIES, MAX_NAMES, MAX_RECORDS, MAX_WORDS, MAX_WRITTEN, Record, Use, Window, Words};

/// Counts up with every change that an older version would misread.
const VERSION: u32 = 1;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    version: u32,
    window: Window,
    words: Vec<SmolStr>,
    identities: Vec<(SmolStr, Vec<SmolStr>)>,
    requests: Vec<Request>,
    written: BTreeMap<u32, BTreeSet<Written>>,
}

/// A request: who, what, and when. Numbers stand for words and identities.
#[derive(Serialize, Deserialize)]
struct Request {
    #[serde(flatten)]
    key: Key,
    complete: u64,
    /// Microseconds since 1970.
    first: i64,
    last: i64,
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    names: BTreeSet<u32>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    is_nameless: bool,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    has_more: bool,
}

impl Serialize for Use {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let request = |(key, record): (&Key, &Record)| Request {
            key: *key,
            complete: record.complete,
            first: record.first.as_microsecond(),
            last: record.last.as_microsecond(),
            names: record.names.clone(),
            is_nameless: record.is_nameless,
            has_more: record.has_more,
        };
        let mut requests: Vec<Request> = self.records.iter().map(request).collect();
        requests.sort_unstable_by_key(|request| request.key);
        let identity = |identity: &Identity| (identity.user.clone(), identity.groups.clone());
        let kept = Kept {
            version: VERSION,
            window: self.window,
            words: self.words.texts.clone(),
            identities: self.identities.iter().map(identity).collect(),
            requests,
            written: self.written.clone(),
        };
        kept.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Use {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read(Kept::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

fn read(kept: Kept) -> Result<Use, String> {
    if kept.version != VERSION {
        return Err(format!("it is of version {}, and this program reads version {VERSION}", kept.version));
    }
    bounded("words", kept.words.len(), MAX_WORDS)?;
    bounded("identities", kept.identities.len(), MAX_IDENTITIES)?;
    bounded("requests", kept.requests.len(), MAX_RECORDS)?;
    let mut usage = Use::new();
    (usage.window, usage.words) = (kept.window, words(&kept.words)?);
    for (user, groups) in kept.identities {
        usage.add_identity(&Identity { user, groups }).ok_or("an identity is there twice")?;
    }
    for request in kept.requests {
        let (key, record) = record(&usage, request)?;
        if usage.records.insert(key, record).is_some() {
            return Err("a request is there twice".to_owned());
        }
    }
    for (identity, written) in kept.written {
        bounded("writes of an identity", written.len(), MAX_WRITTEN)?;
        known("identity", identity, usage.identities.len())?;
        usage.written.insert(identity, written);
    }
    Ok(usage)
}

fn words(texts: &[SmolStr]) -> Result<Words, String> {
    let mut words = Words::default();
    for (at, text) in texts.iter().enumerate() {
        if words.number(text).is_none_or(|number| number as usize != at) {
            return Err(format!("the word `{text}` is there twice"));
        }
    }
    Ok(words)
}

fn record(usage: &Use, request: Request) -> Result<(Key, Record), String> {
    let Request { key, complete, first, last, names, is_nameless, has_more } = request;
    bounded("names of a request", names.len(), MAX_NAMES)?;
    known("identity", key.identity, usage.identities.len())?;
    let parts = [key.verb, key.group, key.resource, key.subresource, key.namespace];
    for word in parts.iter().chain(&names) {
        known("word", *word, usage.words.texts.len())?;
    }
    let time = |micros| Timestamp::from_microsecond(micros).map_err(|error| error.to_string());
    Ok((key, Record { complete, first: time(first)?, last: time(last)?, names, is_nameless, has_more }))
}

fn bounded(what: &str, count: usize, most: usize) -> Result<(), String> {
    if count > most { Err(format!("{count} {what}, and at most {most} are kept")) } else { Ok(()) }
}

fn known(what: &str, number: u32, count: usize) -> Result<(), String> {
    if number as usize >= count { Err(format!("there is no {what} {number}")) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn event(user: usize, verb: usize, name: usize, day: usize) -> Value {
        let verbs = ["get", "create", "deletecollection", "watch"];
        json!({
            "kind": "Event", "apiVersion": "audit.k8s.io/v1", "stage": "ResponseComplete", "auditID": "1",
            "requestURI": "/api/v1/namespaces/shop/secrets", "verb": verbs[verb],
            "user": { "username": format!("system:serviceaccount:shop:account-{user}"), "groups": ["system:serviceaccounts"] },
            "objectRef": { "resource": "secrets", "namespace": "shop", "apiVersion": "v1", "name": format!("name-{name}") },
            "responseStatus": { "code": 200 }, "requestReceivedTimestamp": format!("2026-11-{:02}T17:30:00.000001Z", day + 1),
            "annotations": { "authorization.k8s.io/decision": "allow" },
        })
    }

    fn used(usage: &Use) -> Vec<String> {
        let mut used: Vec<String> = usage.used().map(|used| format!("{used:?}")).collect();
        used.sort();
        used
    }

    fn usage(events: &[(usize, usize, usize, usize)]) -> Use {
        let mut usage = Use::new();
        for (user, verb, name, day) in events {
            usage.add(event(*user, *verb, *name, *day).to_string().as_bytes()).unwrap();
        }
        usage
    }

    proptest! {
        #[test]
        fn what_is_kept_is_what_was_seen(
            events in prop::collection::vec((0..4_usize, 0..4_usize, 0..400_usize, 0..30_usize), 0..300),
            day in 0..30_usize,
        ) {
            let usage = usage(&events);
            let text = serde_json::to_string(&usage).unwrap();
            let mut read: Use = serde_json::from_str(&text).unwrap();
            prop_assert_eq!(used(&read), used(&usage));
            prop_assert_eq!(read.window(), usage.window());
            prop_assert_eq!(serde_json::to_string(&read).unwrap(), text);
            // It goes on where it was.
            let more = event(1, 1, 1, 29).to_string();
            let mut usage = usage;
            usage.add(more.as_bytes()).unwrap();
            read.add(more.as_bytes()).unwrap();
            prop_assert_eq!(used(&read), used(&usage));
            // What is left of a later time is what was used then.
            let since: Timestamp = format!("2026-11-{:02}T00:00:00Z", day + 1).parse().unwrap();
            let left = usage.used_since(since);
            prop_assert!(left.used().all(|used| used.last >= since));
            prop_assert_eq!(left.used().count(), usage.used().filter(|used| used.last >= since).count());
        }

        #[test]
        fn nothing_that_is_read_panics(text in "\\PC*", at in 0..4_000_usize, with in "[0-9]{1,9}|null|-1|\\[\\]") {
            let _ = serde_json::from_str::<Use>(&text);
            let mut text = serde_json::to_string(&usage(&[(0, 0, 0, 0), (1, 1, 1, 1), (1, 3, 2, 2)])).unwrap();
            let at = at % text.len();
            text.replace_range(at..=at, &with);
            if let Ok(usage) = serde_json::from_str::<Use>(&text) {
                let _ = used(&usage);
                let _ = usage.by_subject();
                Use::new().merge(&usage);
            }
        }
    }

    #[test]
    fn what_does_not_fit_together_is_refused() {
        let good = serde_json::to_value(usage(&[(0, 0, 0, 0)])).unwrap();
        for (pointer, value, said) in [
            ("/version", json!(2), "version 2"),
            ("/requests/0/verb", json!(99), "no word 99"),
            ("/requests/0/identity", json!(1), "no identity 1"),
            ("/requests/0/names", json!([99]), "no word 99"),
            ("/requests/0/first", json!(i64::MAX), "microsecond"),
            ("/words/1", good["words"][0].clone(), "there twice"),
            ("/written", json!({ "7": [] }), "no identity 7"),
        ] {
            let mut text = good.clone();
            *text.pointer_mut(pointer).unwrap() = value;
            let error = serde_json::from_value::<Use>(text).unwrap_err().to_string();
            assert!(error.contains(said), "{pointer}: {error}");
        }
    }
}
