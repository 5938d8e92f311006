//! Index files that are missing, old, damaged or of something else, and ledgers that are not the one that was followed.

use std::fs;

use probity_evidence_index::{Filter, GateFilter, Index, IndexError, Of, Opened, Page, Period, Queries, Scope};
use probity_evidence_ledger::{KeyFile, Ledger, Reader};

use crate::planted::*;

type Make = Box<dyn Fn(&std::path::Path)>;

/// Everything that an index answers, as one text.
fn answers(queries: &Queries) -> String {
    let period = Period::new("2026-01-01".parse().unwrap(), "2026-01-31".parse().unwrap());
    let scope = Scope::all(period);
    let parts = [
        serde_json::to_string(&queries.decisions(&Filter::default(), Page::first(100)).unwrap()),
        serde_json::to_string(&queries.overview(&scope).unwrap()),
        serde_json::to_string(&queries.posture("soc2", &scope).unwrap()),
        serde_json::to_string(&queries.daily(Of::All, &scope).unwrap()),
        serde_json::to_string(&queries.policies(&scope).unwrap()),
        serde_json::to_string(&queries.policy_changes(period).unwrap()),
        serde_json::to_string(&queries.scans(period, false, Page::first(100)).unwrap()),
        serde_json::to_string(&queries.waivers(period).unwrap()),
        serde_json::to_string(&queries.gates(&GateFilter::default(), Page::first(100)).unwrap()),
        serde_json::to_string(&queries.sample(&Filter::default(), 3, "s").unwrap()),
        serde_json::to_string(&queries.choices().unwrap()),
    ];
    parts.into_iter().map(Result::unwrap).collect()
}

#[test]
fn however_it_is_made_it_answers_the_same() {
    let place = Place::new();
    let whole = answers(&place.follow(&ledger()));
    fs::remove_file(place.file()).unwrap();
    assert_eq!(answers(&place.follow(&ledger())), whole, "deleted and made anew");

    let (stepwise, all) = (Place::new(), ledger());
    for entries in 1..=all.entries.len() {
        let part = Memory { entries: all.entries[..entries].to_vec(), blobs: all.blobs.clone() };
        let mut index = stepwise.index();
        assert_eq!(index.follow(&part).unwrap().taken, 1);
        assert_eq!(index.follow(&part).unwrap().taken, 0, "what was taken is not taken again");
    }
    assert_eq!(answers(&stepwise.index().queries().unwrap()), whole, "entry by entry");
}

#[test]
fn a_file_that_is_no_index_is_put_aside() {
    let whole = answers(&Place::new().follow(&ledger()));
    let sqlite = |statement: &'static str| {
        move |file: &std::path::Path| rusqlite::Connection::open(file).unwrap().execute_batch(statement).unwrap()
    };
    let text = |bytes: &'static [u8]| move |file: &std::path::Path| fs::write(file, bytes).unwrap();
    let cases: [(&str, Make, bool); 5] = [
        ("a text", Box::new(text(b"this is no database, and it is longer than a header of one, which has 100 bytes; so there, it is long enough now")), true),
        ("a database of something else", Box::new(sqlite("CREATE TABLE customers(name)")), true),
        ("a database of another program", Box::new(sqlite("PRAGMA application_id = 7; CREATE TABLE x(y)")), true),
        ("an index of another version", Box::new(sqlite("PRAGMA application_id = 1349673592; PRAGMA user_version = 999; CREATE TABLE x(y)")), false),
        ("an empty file", Box::new(text(b"")), false),
    ];
    for (what, make, aside) in cases {
        let place = Place::new();
        make(&place.file());
        let mut index = place.index();
        assert_eq!(matches!(index.opened(), Opened::SetAside { .. }), aside, "{what}: {:?}", index.opened());
        if let Opened::SetAside { aside, .. } = index.opened() {
            assert!(aside.exists(), "{what}");
        }
        index.follow(&ledger()).unwrap();
        assert_eq!(answers(&index.queries().unwrap()), whole, "{what}");
    }
}

#[test]
fn a_damaged_index_is_made_anew() {
    let place = Place::new();
    let whole = answers(&place.follow(&ledger()));
    rusqlite::Connection::open(place.file())
        .and_then(|connection| connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())))
        .unwrap();
    let mut bytes = fs::read(place.file()).unwrap();
    let length = bytes.len();
    bytes[4096..length].fill(0x5a);
    fs::write(place.file(), &bytes).unwrap();
    let mut more = ledger();
    more.push(submit("2026-01-08T00:00:00Z", None, decision("bucket.c", vec![], &[])));
    let mut index = place.index();
    let followed = index.follow(&more).unwrap();
    assert_eq!(followed.entries, 7);
    assert!(followed.made_anew.is_some() || matches!(index.opened(), Opened::SetAside { .. }));
    assert_ne!(answers(&index.queries().unwrap()), whole);
    assert_eq!(index.queries().unwrap().decisions(&Filter::default(), Page::first(9)).unwrap().total.count, 5);
}

#[test]
fn a_ledger_that_was_rolled_back_is_told() {
    let place = Place::new();
    place.follow(&ledger());
    let mut shorter = ledger();
    shorter.entries.truncate(4);
    let error = place.index().follow(&shorter).unwrap_err();
    assert!(matches!(error, IndexError::RolledBack { ledger: 4, indexed: 6, .. }), "{error}");
    assert!(error.to_string().contains("rolled back"), "{error}");
    assert_eq!(place.index().next().unwrap(), 6, "what was indexed stays");
}

#[test]
fn another_ledger_is_told() {
    let place = Place::new();
    place.follow(&ledger());
    let mut other = ledger();
    other.entries.swap(0, 1);
    other.push(submit("2026-01-08T00:00:00Z", None, decision("bucket.c", vec![], &[])));
    let error = place.index().follow(&other).unwrap_err();
    assert!(matches!(error, IndexError::AnotherLedger { entries: 6, .. }), "{error}");
    assert_eq!(place.index().next().unwrap(), 6);
}

#[test]
fn without_an_index_there_are_no_answers() {
    let place = Place::new();
    assert!(matches!(Queries::open(&place.file()), Err(IndexError::Missing { .. })));
    fs::write(place.file(), b"").unwrap();
    assert!(matches!(Queries::open(&place.file()), Err(IndexError::Missing { .. })));
    assert!(Index::open(&place.file().join("no/such/folder")).is_err());
}

#[test]
fn an_entry_left_out_is_refused_and_nothing_taken() {
    let (place, all) = (Place::new(), ledger());
    let entry = |index: usize| (index as u64, probity_evidence_ledger::Digest::of(b"x"), all.entries[index].clone());
    let mut index = place.index();
    let error = index.apply([entry(0), entry(2)], |_| None).unwrap_err();
    assert!(matches!(error, IndexError::OutOfOrder { expected: 1, given: 2 }), "{error}");
    assert_eq!(index.next().unwrap(), 0);
    index.apply([entry(0), entry(1)], |_| None).unwrap();
    index.apply([entry(0), entry(1), entry(2)], |_| None).unwrap();
    assert_eq!(index.next().unwrap(), 3);
}

#[test]
fn a_ledger_on_disk_is_followed() {
    let place = Place::new();
    let folder = place.file().with_file_name("ledger");
    let key = KeyFile::load_or_create(&place.file().with_file_name("ledger.key")).unwrap();
    let ledger = Ledger::open(&folder, key).unwrap();
    let submissions: Vec<_> = (1..=600)
        .map(|n| submit("2026-01-05T10:00:00Z", gate("ci/one", n), decision(&format!("bucket.b{n}"), vec![], &["P-1"])))
        .collect();
    let receipts = ledger.append(&submissions).unwrap();
    ledger.publish().unwrap();
    let mut index = place.index();
    assert_eq!(index.follow(&Reader::open(&folder).unwrap()).unwrap().entries, 600);
    let row = index.queries().unwrap().decision(599).unwrap().unwrap();
    assert_eq!((row.leaf, row.address.as_str()), (receipts[599].leaf, "bucket.b600"));
}
