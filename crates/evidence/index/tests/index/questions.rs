use probity_evidence_index::{Actions, Filter, GateFilter, Of, Outcomes, Page, Period, Queries, Scope, Total};
use probity_model::{Gate, Strength};
use serde_json::json;

use crate::planted::*;

fn january() -> Scope {
    Scope::all(Period::new("2026-01-01".parse().unwrap(), "2026-01-31".parse().unwrap()))
}

fn found(queries: &Queries, filter: &Filter) -> Vec<u64> {
    let page = queries.decisions(filter, Page::first(50)).unwrap();
    assert_eq!(page.total, Total { count: page.rows.len() as u64, exact: true });
    page.rows.iter().map(|row| row.index).collect()
}

#[test]
fn every_filter_finds_what_it_names() {
    let place = Place::new();
    let queries = place.follow(&ledger());
    for (filter, expected) in [
        (json!({}), vec![4, 3, 1, 0]),
        (json!({"from": "2026-01-06T00:00:00Z"}), vec![4, 3]),
        (json!({"from": "2026-01-05T10:00:01Z", "to": "2026-01-07T00:00:00Z"}), vec![3, 1]),
        (json!({"to": "2026-01-05T10:00:00.000001Z"}), vec![0]),
        (json!({"from": "2026-01-07T00:00:00Z", "to": "2026-01-05T00:00:00Z"}), vec![]),
        (json!({"gate": "ci/one"}), vec![4, 1, 0]),
        (json!({"gate": "*two"}), vec![3]),
        (json!({"gate_kind": "ci"}), vec![4, 3, 1, 0]),
        (json!({"environment": "production"}), vec![4, 1, 0]),
        (json!({"environment": "nowhere"}), vec![]),
        (json!({"service": "web"}), vec![3]),
        (json!({"owner": "team-a", "action": "deny"}), vec![0]),
        (json!({"action": "allow"}), vec![4, 3, 1]),
        (json!({"outcome": "fail"}), vec![0]),
        (json!({"outcome": "pass"}), vec![4, 1, 0]),
        (json!({"outcome": "waived"}), vec![3]),
        (json!({"outcome": "unknown", "severity_at_least": "medium"}), vec![3]),
        (json!({"outcome": "waived", "severity_at_least": "medium"}), vec![]),
        (json!({"severity_at_least": "high"}), vec![0]),
        (json!({"severity_at_least": "low"}), vec![3, 0]),
        (json!({"policy": "P-1"}), vec![4, 1, 0]),
        (json!({"policy": "P-1", "outcome": "pass"}), vec![4, 1]),
        (json!({"policy": "P-2", "outcome": "fail"}), vec![]),
        (json!({"policy": "P-2", "outcome": "pass"}), vec![4, 1, 0]),
        (json!({"policy": "P-?", "outcome": "fail"}), vec![0]),
        (json!({"policy": "*", "outcome": "pass", "severity_at_least": "high"}), vec![4, 1]),
        (json!({"policy": "P-4"}), vec![]),
        (json!({"control": "soc2:CC6.1"}), vec![4, 3, 1, 0]),
        (json!({"control": "soc2:CC6.1", "outcome": "fail"}), vec![0]),
        (json!({"control": "soc2:CC7.1", "outcome": "fail"}), vec![]),
        (json!({"control": "hipaa:164.312(b)"}), vec![3]),
        (json!({"control": "CC6.1"}), vec![]),
        (json!({"framework": "hipaa"}), vec![3]),
        (json!({"framework": "soc2", "policy": "P-3"}), vec![]),
        (json!({"subject_kind": "kubernetes"}), vec![3]),
        (json!({"resource_type": "aws_s3_bucket"}), vec![4, 1, 0]),
        (json!({"address": "bucket.a"}), vec![4, 0]),
        (json!({"address": "bucket.?"}), vec![4, 1, 0]),
        (json!({"address": "bucket.[ab]"}), vec![]),
        (json!({"text": "bucket"}), vec![4, 1, 0]),
        (json!({"text": "PUBLIC bucket"}), vec![0]),
        (json!({"text": "var.region"}), vec![3]),
        (json!({"text": "accepted"}), vec![3]),
        (json!({"text": "depl*"}), vec![3]),
        (json!({"text": "zebra*"}), vec![]),
        (json!({"text": "bucket", "environment": "staging"}), vec![]),
        (json!({"text": "  "}), vec![4, 3, 1, 0]),
    ] {
        let read: Filter = serde_json::from_value(filter.clone()).unwrap();
        assert_eq!(found(&queries, &read), expected, "{filter}");
    }
}

#[test]
fn a_row_says_what_the_entry_says() {
    let place = Place::new();
    let row = place.follow(&ledger()).decision(3).unwrap().unwrap();
    assert_eq!(row.address, "Deployment/web");
    assert_eq!(row.gate.as_ref().map(|gate| (gate.name.as_str(), gate.sequence)), Some(("ci/two", 2)));
    assert_eq!(row.outcomes, Outcomes { waived: 1, unknown: 1, ..Outcomes::default() });
    assert_eq!(row.severity, None, "neither finding is a failure");
    assert_eq!(row.findings[0].reason.as_deref(), Some("accepted by lee"));
    let queries = place.follow(&ledger());
    assert_eq!(queries.decision(2).unwrap(), None, "a run is no decision");
    assert_eq!(queries.decision(99).unwrap(), None);
    assert_eq!(queries.entry(2).unwrap().unwrap().kind, "scan");
}

#[test]
fn pages_follow_each_other() {
    let place = Place::new();
    let mut ledger = Memory::default();
    for at in 0..25 {
        ledger.push(submit("2026-01-05T10:00:00Z", None, decision(&format!("bucket.b{at}"), vec![], &["P-1"])));
    }
    let queries = place.follow(&ledger);
    for filter in [Filter::default(), Filter { text: Some("bucket".to_owned()), ..Filter::default() }] {
        let (mut seen, mut page) = (Vec::new(), Page::first(10));
        loop {
            let answer = queries.decisions(&filter, page).unwrap();
            assert_eq!(answer.total, Total { count: 25, exact: true });
            seen.extend(answer.rows.iter().map(|row| row.index));
            match answer.next {
                Some(next) => page = Page::after(next, 10),
                None => break,
            }
        }
        assert_eq!(seen, (0..25).rev().collect::<Vec<u64>>());
    }
    let (entries, next) = queries.entries(None, None, Page::first(10)).unwrap();
    assert_eq!((entries.len(), next), (10, Some(15)));
}

#[test]
fn sums_count_every_outcome() {
    let place = Place::new();
    let queries = place.follow(&ledger());
    let overview = queries.overview(&january()).unwrap();
    assert_eq!(overview.entries, 6);
    assert_eq!(overview.actions, Actions { allow: 3, warn: 0, deny: 1 });
    assert_eq!(overview.outcomes, Outcomes { pass: 5, fail: 1, waived: 1, unknown: 1, ..Outcomes::default() });
    assert_eq!(overview.days.len(), 3);
    assert_eq!((overview.scans, overview.incomplete_scans), (2, 1));
    assert_eq!((overview.gates, overview.missing), (2, 3));

    let posture = queries.posture("soc2", &january()).unwrap();
    let line = |control: &str| posture.iter().find(|posture| posture.control == control).unwrap();
    let access = line("soc2:CC6.1");
    assert_eq!(access.decisions, 4);
    assert_eq!(access.outcomes, Outcomes { pass: 5, fail: 1, unknown: 1, ..Outcomes::default() });
    assert_eq!(access.policies[0].policy.as_str(), "P-1");
    assert_eq!(access.policies[0].serves, Strength::Fully, "the newest set counts");
    assert_eq!(line("soc2:CC8.1").decisions, 0);
    assert_eq!(line("soc2:CC8.1").strongest_asked(), None);

    let staging = Scope { environment: Some("staging".to_owned()), ..january() };
    let posture = queries.posture("soc2", &staging).unwrap();
    assert_eq!(posture[0].decisions, 1);
    let days = queries.daily(Of::Control("soc2:CC6.1"), &january()).unwrap();
    assert_eq!(days.iter().map(|day| day.day.day()).collect::<Vec<_>>(), [5, 6, 7]);
    let all: u64 = queries.daily(Of::All, &january()).unwrap().iter().map(|day| day.outcomes.total()).sum();
    assert_eq!(all, 8);
    let one_day = Scope::all(Period::new("2026-01-06".parse().unwrap(), "2026-01-06".parse().unwrap()));
    assert_eq!(queries.overview(&one_day).unwrap().actions.total(), 1);
    assert_eq!(queries.posture("soc2", &one_day).unwrap()[0].decisions, 1);
}

#[test]
fn undecided_is_not_a_pass_and_nothing_is_not_all() {
    assert_eq!(Outcomes { pass: 3, unknown: 1, ..Outcomes::default() }.pass_rate(), Some(0.75));
    assert_eq!(Outcomes::default().pass_rate(), None);
}

#[test]
fn missing_numbers_of_gates() {
    for (sequences, gaps) in [
        (vec![1, 2, 3], vec![]),
        (vec![3], vec![(1, 2)]),
        (vec![1, 5, 3], vec![(2, 2), (4, 4)]),
        (vec![5, 1, 2, 4, 3], vec![]),
        (vec![2, 10, 1, 5, 4], vec![(3, 3), (6, 9)]),
        (vec![u64::MAX], vec![(1, u64::try_from(i64::MAX).unwrap() - 1)]),
    ] {
        let (place, mut ledger) = (Place::new(), Memory::default());
        for sequence in &sequences {
            ledger.push(submit("2026-01-05T10:00:00Z", gate("ci/one", *sequence), decision("a", vec![], &[])));
        }
        let page = place.follow(&ledger).gates(&GateFilter::default(), Page::first(10)).unwrap();
        assert_eq!(page.rows[0].gaps, gaps, "{sequences:?}");
        let missing: u64 = gaps.iter().map(|(first, last)| last - first + 1).sum();
        assert_eq!(page.missing, missing.min(1 << 40), "{sequences:?}");
    }
}

#[test]
fn gates_by_filter() {
    let place = Place::new();
    let queries = place.follow(&ledger());
    let names = |filter: GateFilter| -> Vec<String> {
        queries.gates(&filter, Page::first(10)).unwrap().rows.into_iter().map(|row| row.name).collect()
    };
    assert_eq!(names(GateFilter::default()), ["ci/two", "ci/one"]);
    assert_eq!(names(GateFilter { name: Some("*one".to_owned()), ..GateFilter::default() }), ["ci/one"]);
    assert_eq!(names(GateFilter { kind: Some(Gate::Ci), only_missing: true, ..GateFilter::default() }).len(), 2);
    let sixth = Period::new("2026-01-07".parse().unwrap(), "2026-01-07".parse().unwrap());
    assert_eq!(names(GateFilter { period: Some(sixth), ..GateFilter::default() }), ["ci/one"]);
    let rows = queries.gates(&GateFilter::default(), Page::first(10)).unwrap().rows;
    assert!(rows[1].ended && !rows[0].ended);
}

#[test]
fn policies_and_their_changes() {
    let place = Place::new();
    let queries = place.follow(&ledger());
    let ids: Vec<String> = queries.policies(&january()).unwrap().iter().map(|row| row.id.to_string()).collect();
    assert_eq!(ids, ["P-1", "P-2", "P-3", "P-4"]);
    let detail = queries.policy("P-1", &january()).unwrap().unwrap();
    assert_eq!(detail.policy.record.unwrap().title, "First, reworded");
    assert_eq!(detail.policy.outcomes, Outcomes { pass: 2, fail: 1, ..Outcomes::default() });
    assert_eq!(detail.versions.len(), 2);
    assert_eq!(queries.policy("bucket.a", &january()).unwrap(), None, "a word, but no policy");
    let changes = queries.policy_changes(january().period).unwrap();
    assert_eq!(changes.len(), 2);
    let texts = |ids: &[probity_model::PolicyId]| ids.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(texts(&changes[0].added), ["P-4"]);
    assert_eq!(texts(&changes[0].removed), ["P-3"]);
    assert_eq!(texts(&changes[0].changed), ["P-1"]);
    assert!(changes[0].sources_changed && changes[0].known);
    assert_eq!((changes[0].entry, changes[1].entry), (4, 2));
}

#[test]
fn a_set_that_comes_late_is_read_later() {
    let (place, mut ledger) = (Place::new(), ledger());
    let blobs = std::mem::take(&mut ledger.blobs);
    let queries = place.follow(&ledger);
    assert!(queries.policies(&january()).unwrap().iter().all(|row| row.record.is_none()));
    assert!(!queries.policy_changes(january().period).unwrap()[0].known);
    ledger.blobs = blobs;
    ledger.push(submit("2026-01-08T00:00:00Z", None, decision("bucket.c", vec![], &[])));
    let queries = place.follow(&ledger);
    assert_eq!(queries.posture("soc2", &january()).unwrap().len(), 3);
}

#[test]
fn runs_and_waivers() {
    let place = Place::new();
    let queries = place.follow(&ledger());
    let period = january().period;
    let runs = |only| queries.scans(period, only, Page::first(10)).unwrap().rows;
    assert_eq!(runs(false).iter().map(|row| row.index).collect::<Vec<_>>(), [5, 2]);
    assert_eq!(runs(true)[0].problems[0].message, "expected `}`");
    assert_eq!(queries.scans(period, false, Page::first(1)).unwrap().next, Some(5));
    assert_eq!(queries.scan(2).unwrap().unwrap().files, 3);
    assert_eq!(queries.scan(0).unwrap(), None);
    let waivers = queries.waivers(period).unwrap();
    assert_eq!(waivers.len(), 1);
    assert_eq!((waivers[0].first_entry, waivers[0].last_entry, waivers[0].scans), (2, 5, 2));
    assert_eq!(waivers[0].waiver, waiver());
    let before = Period::new("2025-01-01".parse().unwrap(), "2025-12-31".parse().unwrap());
    assert_eq!(queries.waivers(before).unwrap(), []);
}

#[test]
fn a_sample_is_drawn_by_its_seed_from_what_the_filter_names() {
    let place = Place::new();
    let queries = place.follow(&ledger());
    let filter = Filter { environment: Some("production".to_owned()), ..Filter::default() };
    let indexes = |seed: &str, count| -> Vec<u64> {
        queries.sample(&filter, count, seed).unwrap().rows.iter().map(|row| row.index).collect()
    };
    assert_eq!(indexes("q1", 2), indexes("q1", 2));
    assert_eq!(indexes("q1", 2).len(), 2);
    let mut all = indexes("other", 10);
    all.sort_unstable();
    assert_eq!(all, [0, 1, 4]);
    let nothing = Filter { environment: Some("nowhere".to_owned()), ..Filter::default() };
    assert_eq!(queries.sample(&nothing, 5, "q1").unwrap().population, 0);
    let mut each = Vec::new();
    assert_eq!(queries.each_decision(&filter, |row| each.push(row.index)).unwrap(), 3);
    assert_eq!(each, [0, 1, 4]);
}

#[test]
fn pinned_questions_see_one_moment() {
    let (place, mut ledger) = (Place::new(), ledger());
    let pinned = place.follow(&ledger);
    pinned.pin().unwrap();
    ledger.push(submit("2026-01-08T00:00:00Z", None, decision("bucket.c", vec![], &[])));
    let later = place.follow(&ledger);
    assert_eq!((pinned.entries_known().unwrap(), later.entries_known().unwrap()), (6, 7));
    assert_eq!(pinned.decisions(&Filter::default(), Page::first(1)).unwrap().total.count, 4);
}

#[test]
fn chunks_make_no_difference() {
    let (place, mut ledger) = (Place::new(), Memory::default());
    for at in 0..70_000_u64 {
        let mut record = decision(&format!("bucket.b{}", at % 7), vec![], &["P-1"]);
        if at % 10_000 == 3 {
            record = decision(
                "bucket.bad",
                vec![finding("P-1", probity_model::Outcome::Fail, probity_model::Severity::Low, "no")],
                &[],
            );
        }
        ledger.push(submit("2026-01-05T10:00:00Z", None, record));
    }
    let queries = place.follow(&ledger);
    let failed = Filter { outcome: Some(probity_model::Outcome::Fail), ..Filter::default() };
    assert_eq!(found(&queries, &failed), [60_003, 50_003, 40_003, 30_003, 20_003, 10_003, 3]);
    let text = Filter { text: Some("bad".to_owned()), ..Filter::default() };
    assert_eq!(found(&queries, &text), found(&queries, &failed));
    assert_eq!(queries.sample(&failed, 7, "s").unwrap().rows.len(), 7);
    let b3 = Filter { address: Some("bucket.b3".to_owned()), ..Filter::default() };
    assert_eq!(queries.decisions(&b3, Page::first(1)).unwrap().total.count, 10_000 - 1);
}
