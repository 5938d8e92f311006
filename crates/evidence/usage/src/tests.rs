//! What was taken is there again, whatever happened in between.

use std::fs;
use std::path::Path;

use probity_rbac::Use;
use proptest::prelude::*;
use serde_json::json;

use crate::*;

fn event(verb: &str, name: &str, time: &str) -> serde_json::Value {
    json!({
        "kind": "Event", "apiVersion": "audit.k8s.io/v1", "stage": "ResponseComplete", "auditID": "1", "verb": verb,
        "user": { "username": "system:serviceaccount:shop:deployer", "extra": { "token": ["tok-secret"] } },
        "objectRef": { "resource": "secrets", "namespace": "shop", "apiVersion": "v1", "name": name },
        "responseStatus": { "code": 200 }, "requestReceivedTimestamp": time,
        "responseObject": { "data": { "password": "cGFzc3dvcmQ=" } }, "sourceIPs": ["192.0.2.7"],
    })
}

fn list(events: &[serde_json::Value]) -> Vec<u8> {
    json!({ "kind": "EventList", "apiVersion": "audit.k8s.io/v1", "items": events }).to_string().into_bytes()
}

/// Which verbs were used, how often.
fn verbs(usage: &Use) -> Vec<(String, u64)> {
    let verb = |used: probity_rbac::Used<'_>| match used.request {
        probity_rbac::Request::Resource { verb, .. } | probity_rbac::Request::Path { verb, .. } => {
            (verb.to_owned(), used.count)
        }
    };
    let mut verbs: Vec<_> = usage.used().map(verb).collect();
    verbs.sort();
    verbs
}

fn known(folder: &Path) -> Vec<(String, u64)> {
    read(folder, "prod/../eu").unwrap().map(|known| verbs(&known.usage)).unwrap_or_default()
}

const CLUSTER: &str = "prod/../eu";

fn used(verbs: &[(&str, u64)]) -> Vec<(String, u64)> {
    verbs.iter().map(|(verb, count)| ((*verb).to_owned(), *count)).collect()
}

#[test]
fn what_was_taken_outlives_the_store_and_a_crash() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("usage");
    assert!(read(&place, CLUSTER).unwrap().is_none());
    let store = UsageStore::new(&place);
    assert_eq!(store.take(CLUSTER, &list(&[event("get", "a", "2026-11-01T00:00:00Z")])).unwrap(), 1);
    assert_eq!(known(&place), used(&[("get", 1)]), "another process reads what is in the journal");
    assert_eq!(store.look(CLUSTER, |known| verbs(&known.usage)).unwrap(), Some(used(&[("get", 1)])));
    // A crash: the store does not end, and the last line is cut.
    std::mem::forget(store);
    let journal = fs::read_dir(&place).unwrap().map(|file| file.unwrap().path()).next().unwrap();
    let mut cut = fs::read(&journal).unwrap();
    cut.extend_from_slice(br#"{"version":1,"win"#);
    fs::write(&journal, cut).unwrap();
    let store = UsageStore::new(&place);
    store.take(CLUSTER, &list(&[event("create", "b", "2026-11-01T00:00:01Z")])).unwrap();
    assert_eq!(known(&place), used(&[("create", 1), ("get", 1)]));
    // An orderly end draws the journal in, and the next store goes on.
    drop(store);
    assert!(!journal.exists());
    let store = UsageStore::new(&place);
    store.take(CLUSTER, &list(&[event("get", "c", "2026-11-01T00:00:02Z")])).unwrap();
    store.save().unwrap();
    store.take(CLUSTER, &list(&[event("delete", "c", "2026-11-01T00:00:03Z")])).unwrap();
    assert_eq!(known(&place), used(&[("create", 1), ("delete", 1), ("get", 2)]));
    drop(store);
    let all: Vec<u8> = fs::read_dir(&place)
        .unwrap()
        .flat_map(|file| zstd::stream::decode_all(fs::File::open(file.unwrap().path()).unwrap()).unwrap())
        .collect();
    let all = String::from_utf8(all).unwrap();
    for secret in ["tok-secret", "cGFzc3dvcmQ", "192.0.2.7"] {
        assert!(!all.contains(secret), "{secret} is kept: {all}");
    }
    assert!(folder.path().read_dir().unwrap().count() == 1, "names of clusters lead nowhere else");
}

#[test]
fn files_that_are_broken_are_put_aside() {
    let folder = tempfile::tempdir().unwrap();
    let store = UsageStore::new(folder.path());
    store.take("eu", &list(&[event("get", "a", "2026-11-01T00:00:00Z")])).unwrap();
    drop(store);
    let kept = folder.path().join("eu.json.zst");
    fs::write(&kept, zstd::encode_all(&b"{\"generation\":1}"[..], 3).unwrap()).unwrap();
    let said = read(folder.path(), "eu").unwrap_err().to_string();
    assert!(said.contains("eu.json.zst") && said.contains("move it away"), "{said}");
    let store = UsageStore::new(folder.path());
    store.take("eu", &list(&[event("list", "", "2026-11-02T00:00:00Z")])).unwrap();
    drop(store);
    let known = read(folder.path(), "eu").unwrap().unwrap();
    assert_eq!(verbs(&known.usage), used(&[("list", 1)]));
    assert_eq!(known.usage.window().first.unwrap().to_string(), "2026-11-02T00:00:00Z");
    assert!(folder.path().join("eu.json.zst.aside-1").exists());
}

#[test]
fn a_time_without_events_is_one_of_which_nothing_is_known() {
    let folder = tempfile::tempdir().unwrap();
    let store = UsageStore::new(folder.path());
    for time in ["2026-11-01T00:00:00Z", "2026-11-01T00:09:00Z", "2026-11-03T00:09:00Z", "2026-11-03T00:10:00Z"] {
        store.take("eu", &list(&[event("get", "a", time)])).unwrap();
    }
    drop(store);
    let known = read(folder.path(), "eu").unwrap().unwrap();
    assert_eq!(known.silent().as_hours(), 48);
    let doubts = known.doubts(1);
    assert_eq!(
        doubts,
        ["nothing was heard from 2026-11-01T00:09:00Z to 2026-11-03T00:09:00Z: what was used then is not known"]
    );
    let later = known.since("2026-11-02T00:09:00Z".parse().unwrap());
    assert_eq!((later.silent().as_hours(), verbs(&later.usage)), (24, used(&[("get", 4)])));
    let last = known.since("2026-11-04T00:00:00Z".parse().unwrap());
    assert_eq!((last.silent().as_hours(), verbs(&last.usage)), (0, used(&[])));
}

#[test]
fn what_was_not_used_for_longer_than_a_year_is_forgotten() {
    let folder = tempfile::tempdir().unwrap();
    let store = UsageStore::new(folder.path());
    for (verb, time) in
        [("get", "2025-01-01T00:00:00Z"), ("list", "2026-01-01T00:00:00Z"), ("delete", "2026-11-01T00:00:00Z")]
    {
        store.take("eu", &list(&[event(verb, "a", time)])).unwrap();
    }
    drop(store);
    let known = read(folder.path(), "eu").unwrap().unwrap();
    assert_eq!(verbs(&known.usage), used(&[("delete", 1), ("list", 1)]));
}

#[test]
fn what_is_no_part_of_a_log_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let store = UsageStore::new(folder.path());
    for part in [&b"{"[..], b"[]", b"{}", br#"{"kind":"Event","stage":"ResponseComplete"}"#] {
        assert!(matches!(store.take("eu", part), Err(TakeError::Event(_))), "{part:?}");
    }
    // Of a list with one event that is none the others are taken; an empty one says nothing.
    let mut broken = event("get", "a", "2026-11-01T00:00:00Z");
    broken["verb"] = json!("");
    assert_eq!(store.take("eu", &list(&[event("get", "a", "2026-11-01T00:00:00Z"), broken])).unwrap(), 1);
    assert_eq!(store.take("eu", &list(&[])).unwrap(), 0);
    for (name, expected) in [("eu", true), ("prod eu-1.example", true), ("", false), ("a/b", false), ("a\nb", false)] {
        assert_eq!(is_cluster_name(name), expected, "{name}");
    }
    for number in 0..MAX_CLUSTERS - 1 {
        store.take(&number.to_string(), &list(&[event("get", "a", "2026-11-01T00:00:00Z")])).unwrap();
    }
    let more = store.take("more", &list(&[event("get", "a", "2026-11-01T00:00:00Z")]));
    assert!(matches!(more, Err(TakeError::Clusters(_))));
}

proptest! {
    #[test]
    fn files_of_any_content_are_an_error_or_read(bytes in prop::collection::vec(any::<u8>(), 0..300), text in "\\PC{0,200}") {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("eu.json.zst"), &bytes).unwrap();
        let _ = read(folder.path(), "eu");
        fs::write(folder.path().join("eu.json.zst"), zstd::encode_all(text.as_bytes(), 3).unwrap()).unwrap();
        let _ = read(folder.path(), "eu");
        fs::remove_file(folder.path().join("eu.json.zst")).unwrap();
        fs::write(folder.path().join("eu.0.journal"), text.as_bytes()).unwrap();
        let _ = read(folder.path(), "eu");
    }
}
