//! Images and builds are found by what names them.

use probity_evidence_index::{BuildFilter, ImageFilter, Page, Queries};
use probity_evidence_ledger::{
    Body, BuildRecord, BuiltImage, CheckOutcome, CheckRecord, ImageRecord, Origin, Submission,
};
use probity_model::Action;
use serde_json::json;

use crate::planted::*;

fn digest(letter: &str) -> String {
    format!("sha256:{}", letter.repeat(64))
}

fn image(at: &str, sequence: u64, reference: &str, content: &str, action: Action) -> Submission {
    let record = json!({
        "reference": reference, "digest": digest(content), "id": digest("f"), "action": action, "scanner": "probity 1",
        "user": "65534",
    });
    let record: ImageRecord = serde_json::from_value(record).unwrap();
    Submission { time: time(at), gate: gate("ci/one", sequence), body: Body::Image(Box::new(record)) }
}

fn build(at: &str, sequence: u64, number: &str, commit: &str, content: &str, action: Action) -> Submission {
    let check = CheckRecord {
        name: "signed".into(),
        outcome: CheckOutcome::Passed,
        blocks: true,
        detail: String::new(),
        fix: None,
    };
    let record = BuildRecord {
        project: "patient-portal".into(),
        version: Some("1.2.3".into()),
        number: Some(number.into()),
        system: Some("github".into()),
        builder: None,
        origin: Origin { commit: Some(commit.into()), ..Origin::default() },
        started: time(at),
        ended: time(at),
        images: vec![BuiltImage { reference: "r/portal".into(), digest: Some(digest(content)) }],
        checks: vec![check],
        action,
        scanner: "probity 1".into(),
    };
    Submission { time: time(at), gate: gate("ci/one", sequence), body: Body::Build(Box::new(record)) }
}

fn planted() -> Memory {
    let mut ledger = Memory::default();
    ledger.push(submit("2026-01-05T10:00:00Z", gate("ci/one", 1), decision("bucket.a", vec![], &["P-1"])));
    ledger.push(image("2026-01-05T10:00:00Z", 2, "r/portal:1.2.2", "a", Action::Allow));
    ledger.push(build("2026-01-05T10:01:00Z", 3, "41", "abc123", "a", Action::Allow));
    ledger.push(image("2026-04-06T10:00:00Z", 4, "r/portal:1.2.3", "b", Action::Deny));
    ledger.push(build("2026-04-06T10:01:00Z", 5, "42", "def456", "b", Action::Deny));
    ledger.push(image("2026-04-07T10:00:00Z", 6, "r/portal:1.2.3", "b", Action::Allow));
    ledger
}

fn images(queries: &Queries, filter: &serde_json::Value) -> Vec<u64> {
    let filter: ImageFilter = serde_json::from_value(filter.clone()).unwrap();
    queries.images(&filter, Page::first(50)).unwrap().rows.iter().map(|row| row.index).collect()
}

fn builds(queries: &Queries, filter: &serde_json::Value) -> Vec<u64> {
    let filter: BuildFilter = serde_json::from_value(filter.clone()).unwrap();
    queries.builds(&filter, Page::first(50)).unwrap().rows.iter().map(|row| row.index).collect()
}

#[test]
fn every_filter_of_images_finds_what_it_names() {
    let place = Place::new();
    let queries = place.follow(&planted());
    for (filter, expected) in [
        (json!({}), vec![5, 3, 1]),
        (json!({"from": "2026-01-01T00:00:00Z", "to": "2026-04-01T00:00:00Z"}), vec![1]),
        (json!({"reference": "r/portal:1.2.3"}), vec![5, 3]),
        (json!({"reference": "r/*"}), vec![5, 3, 1]),
        (json!({"reference": "R/portal:1.2.3"}), vec![]),
        (json!({"digest": digest("a")}), vec![1]),
        (json!({"digest": "bbbbbbbbbbbb"}), vec![5, 3]),
        (json!({"digest": "sha256:bbbbbbbbbbbbc"}), vec![]),
        // The configuration names it too.
        (json!({"digest": digest("f")}), vec![5, 3, 1]),
        (json!({"action": "deny"}), vec![3]),
        (json!({"latest": true}), vec![5, 1]),
        (json!({"latest": true, "action": "deny"}), vec![]),
        (json!({"digest": "' OR 1=1 --"}), vec![]),
    ] {
        assert_eq!(images(&queries, &filter), expected, "{filter}");
    }
}

#[test]
fn every_filter_of_builds_finds_what_it_names() {
    let place = Place::new();
    let queries = place.follow(&planted());
    for (filter, expected) in [
        (json!({}), vec![4, 2]),
        (json!({"project": "patient-portal", "number": "42"}), vec![4]),
        (json!({"number": "#42"}), vec![4]),
        (json!({"number": "4"}), vec![]),
        (json!({"project": "patient-*"}), vec![4, 2]),
        (json!({"project": "portal"}), vec![]),
        (json!({"commit": "abc"}), vec![2]),
        (json!({"commit": "abc123"}), vec![2]),
        (json!({"commit": "abd"}), vec![]),
        (json!({"digest": digest("b")}), vec![4]),
        (json!({"from": "2026-04-06T10:01:00Z"}), vec![4]),
        (json!({"to": "2026-04-06T10:01:00Z"}), vec![2]),
        (json!({"action": "allow"}), vec![2]),
    ] {
        assert_eq!(builds(&queries, &filter), expected, "{filter}");
    }
}

#[test]
fn rows_say_what_the_entries_say_and_pages_follow_each_other() {
    let place = Place::new();
    let queries = place.follow(&planted());
    let row = queries.build(4).unwrap().unwrap();
    assert_eq!((row.build.number.as_deref(), row.build.checks.len()), (Some("42"), 1));
    assert_eq!(row.gate.map(|gate| gate.sequence), Some(5));
    assert_eq!(queries.build(3).unwrap(), None, "an image is no build");
    assert_eq!(queries.image(3).unwrap().unwrap().image.user.as_deref(), Some("65534"));
    assert_eq!(queries.image(99).unwrap(), None);
    let first = queries.images(&ImageFilter::default(), Page::first(2)).unwrap();
    assert_eq!((first.rows.len(), first.next), (2, Some(3)));
    let second = queries.images(&ImageFilter::default(), Page::after(3, 2)).unwrap();
    assert_eq!((second.rows.len(), second.rows[0].index, second.next), (1, 1, None));
    // They are no decisions.
    assert_eq!(queries.decisions(&probity_evidence_index::Filter::default(), Page::first(9)).unwrap().total.count, 1);
}
