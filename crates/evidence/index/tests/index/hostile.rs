//! Texts that mean something to SQL, to the full-text index or to a terminal mean nothing to the index.

use probity_evidence_index::{Filter, GateFilter, Of, Page, Period, Scope};
use probity_evidence_ledger::Body;
use probity_model::{Labels, Outcome, Severity};

use crate::planted::*;

const HOSTILE: &[&str] = &[
    "'; DROP TABLE entry; --",
    "\" OR 1=1 --",
    "a\" NEAR(b c) *",
    "text MATCH 'x'",
    "NEAR",
    "AND OR NOT",
    "*",
    "?",
    "[a-z]*",
    "%",
    "nul\0byte",
    "-col:x ^y {a b}",
    "\u{202e}\u{7}\u{1b}[31m",
    "<script>alert(1)</script>",
    "$1 ?1 :name @x",
    "\u{0130}\u{fb03} \u{1f469}\u{200d}\u{1f680}",
    "(((((((((((((((((",
    "",
];

#[test]
fn every_field_and_every_filter_takes_every_text() {
    let (place, mut ledger) = (Place::new(), Memory::default());
    for (at, text) in HOSTILE.iter().enumerate() {
        let mut record = decision(text, vec![finding(text, Outcome::Fail, Severity::High, text)], &[text, "P-1"]);
        record.findings[0].reason = Some((*text).to_owned());
        record.subject.kind = (*text).into();
        record.subject.resource_type = (*text).into();
        let label = Some((*text).into());
        record.subject.labels = Labels { environment: label.clone(), service: label.clone(), owner: label };
        let set = ledger.put(&serde_json::json!({"version": 1, "policies": [
            policy(text, text, "high", &[(&format!("soc2:{text}x"), "fully")])]}));
        record.input = input(set);
        let name = format!("ci/{text}");
        let sequence = at as u64 + 1;
        ledger.push(submit("2026-01-05T10:00:00Z", gate(&name, sequence), record));
        let mut run = scan("2026-01-05T10:00:01Z", gate(&name, sequence + 1), set, Some(text));
        if let Body::Scan(scan) = &mut run.body {
            scan.waivers[0].reason = (*text).to_owned();
            scan.paths = vec![(*text).to_owned()];
        }
        ledger.push(run);
    }
    let queries = place.follow(&ledger);
    let scope = Scope::all(Period::new("2026-01-05".parse().unwrap(), "2026-01-05".parse().unwrap()));
    for (at, text) in HOSTILE.iter().enumerate() {
        let index = 2 * at as u64;
        let given = Some((*text).to_owned());
        let none = Filter::default;
        let exact = [
            Filter { environment: given.clone(), ..none() },
            Filter { service: given.clone(), ..none() },
            Filter { owner: given.clone(), ..none() },
            Filter { subject_kind: given.clone(), ..none() },
            Filter { resource_type: given.clone(), ..none() },
        ];
        for filter in exact {
            let rows = queries.decisions(&filter, Page::first(100)).unwrap().rows;
            assert_eq!(rows.iter().map(|row| row.index).collect::<Vec<_>>(), [index], "{filter:?}");
        }
        let patterns = [
            Filter { address: given.clone(), ..none() },
            Filter { policy: given.clone(), ..none() },
            Filter { policy: given.clone(), outcome: Some(Outcome::Fail), ..none() },
            Filter { gate: Some(format!("ci/{text}")), ..none() },
            Filter { control: Some(format!("soc2:{text}x")), outcome: Some(Outcome::Fail), ..none() },
        ];
        for filter in patterns {
            let rows = queries.decisions(&filter, Page::first(100)).unwrap().rows;
            assert!(rows.iter().any(|row| row.index == index), "{filter:?}");
        }
        let words = Filter { text: given.clone(), ..none() };
        let rows = queries.decisions(&words, Page::first(100)).unwrap().rows;
        let searchable = text.is_empty() || text.chars().any(char::is_alphanumeric);
        assert_eq!(rows.iter().any(|row| row.index == index), searchable, "{text:?}");
        queries.decisions(&Filter { framework: given.clone(), ..none() }, Page::first(1)).unwrap();
        queries.posture(text, &scope).unwrap();
        queries.policy(text, &scope).unwrap();
        queries.daily(Of::Control(text), &scope).unwrap();
        queries.daily(Of::Policy(text), &scope).unwrap();
        queries.overview(&Scope { environment: given.clone(), ..scope.clone() }).unwrap();
        queries.gates(&GateFilter { name: given, ..GateFilter::default() }, Page::first(10)).unwrap();
        queries.entries(Some(text), None, Page::first(1)).unwrap();
        queries.sample(&Filter::default(), 3, text).unwrap();
    }
    assert_eq!(queries.overview(&scope).unwrap().actions.total(), HOSTILE.len() as u64);
    assert_eq!(queries.choices().unwrap().environments.len(), HOSTILE.len());
    let waivers = queries.waivers(scope.period).unwrap();
    assert!(HOSTILE.iter().all(|text| waivers.iter().any(|row| row.waiver.reason == *text)));
}

#[test]
fn a_field_of_a_million_characters_is_cut() {
    let long = "x".repeat(1_000_000);
    let other = format!("{}y", "x".repeat(999_999));
    let (place, mut ledger) = (Place::new(), Memory::default());
    for text in [&long, &other] {
        let mut record = decision(text, vec![finding(text, Outcome::Fail, Severity::High, text)], &[text]);
        record.subject.labels.environment = Some(text.as_str().into());
        ledger.push(submit("2026-01-05T10:00:00Z", gate(text, 1), record));
    }
    let queries = place.follow(&ledger);
    for (index, text) in [(0, &long), (1, &other)] {
        for filter in [
            Filter { address: Some(text.clone()), ..Filter::default() },
            Filter { environment: Some(text.clone()), ..Filter::default() },
            Filter { policy: Some(text.clone()), outcome: Some(Outcome::Fail), ..Filter::default() },
        ] {
            let rows = queries.decisions(&filter, Page::first(10)).unwrap().rows;
            assert_eq!(rows.iter().map(|row| row.index).collect::<Vec<_>>(), [index]);
            assert!(rows[0].address.len() < 1_100 && rows[0].findings[0].message.len() < 1_100);
        }
    }
    queries.decisions(&Filter { text: Some(long), ..Filter::default() }, Page::first(10)).unwrap();
    assert!(std::fs::metadata(place.file()).unwrap().len() < 2_000_000);
}
