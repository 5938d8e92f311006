use probity_controls::Frameworks;
use probity_evidence_index::{Outcomes, Period};
use probity_report::{Control, Report, ReportError, Request, Status, write_findings, write_population};

use serde_json::json;

use crate::planted::{request, week};

fn control<'r>(report: &'r Report, id: &str) -> &'r Control {
    report.controls.iter().find(|control| control.id == id).unwrap()
}

#[test]
fn what_replicas_left_out_is_said() {
    let mut planted = week();
    for (sequence, kind, record) in [
        (
            1,
            "heartbeat",
            json!({ "cluster": "prod-eu", "replica": "probity-lost", "since": "2026-01-06T10:00:00Z",
            "state": "alive", "interval_s": 60, "last_sequence": 0, "version": "0.1.0" }),
        ),
        (
            2,
            "gap",
            json!({ "cluster": "prod-eu", "replica": "probity-full", "from": "2026-01-06T10:00:00Z",
            "to": "2026-01-06T10:05:00Z", "allowed": 3, "denied": 1, "why": "no space left on device" }),
        ),
    ] {
        let body = serde_json::from_value(json!({ "kind": kind, "body": record })).unwrap();
        planted.push("2026-01-06T10:30:00Z", "admission/prod-eu/one", sequence, body);
    }
    let report = planted.report(&request());
    assert_eq!((report.completeness.silences.len(), report.completeness.unrecorded.len()), (1, 1));
    let mut html = Vec::new();
    report.write_html(&mut html).unwrap();
    let html = String::from_utf8(html).unwrap();
    for said in [
        "Replicas of gates fell silent: 1 time",
        "probity-lost",
        "without being able to keep evidence",
        "no space left on device",
    ] {
        assert!(html.contains(said), "{said}");
    }
}

#[test]
fn figures_are_honest() {
    let report = week().report(&request());
    let access = control(&report, "CC6.1");
    assert_eq!(access.status, Status::Failing);
    assert_eq!(access.decisions, 5, "neither the undecided bucket.c nor the decision after the period");
    assert_eq!(access.outcomes, Outcomes { pass: 8, fail: 1, waived: 1, ..Outcomes::default() });
    assert_eq!(access.pass_rate, Some(0.8), "a waived finding is not a pass");
    assert_eq!(access.days_without, 3);
    let gaps: Vec<String> = access.gaps.iter().map(|(first, last)| format!("{first} {last}")).collect();
    assert_eq!(gaps, ["2026-01-07 2026-01-09"]);
    assert_eq!((access.failure_count, access.failures.len()), (1, 1));
    assert_eq!(access.failures[0].findings.len(), 1);
    assert_eq!(access.exceptions.len(), 1);
    assert_eq!((access.sample.population, access.sample.rows.len()), (5, 2));
    for (id, status) in [
        ("CC7.2", Status::Passing),
        ("CC8.1", Status::NoEvidence),
        ("A1.2", Status::Undecided),
        ("CC1.1", Status::NotTechnical),
        ("CC7.3", Status::NotServed),
    ] {
        assert_eq!(control(&report, id).status, status, "{id}");
    }
    assert_eq!((report.completeness.gates, report.completeness.missing), (1, 1));
    assert_eq!((report.completeness.scans, report.completeness.incomplete), (2, 1));
    assert_eq!(report.summary.iter().map(|(_, count)| count).sum::<usize>(), report.controls.len());
    assert_eq!(
        report.header.rows.samples,
        report.controls.iter().map(|control| control.sample.rows.len() as u64).sum::<u64>()
    );
}

#[test]
fn days_that_have_not_come_are_no_gaps() {
    let early = Request { made_at: "2026-01-08T12:00:00Z".parse().unwrap(), ..request() };
    let report = week().report(&early);
    assert_eq!(report.header.through.to_string(), "2026-01-08");
    assert_eq!(control(&report, "CC8.1").days_without, 4);
}

#[test]
fn one_environment() {
    let nowhere = Request { environment: Some("nowhere".to_owned()), ..request() };
    let report = week().report(&nowhere);
    assert_eq!(control(&report, "CC6.1").status, Status::NoEvidence);
    assert_eq!(report.header.rows.decisions, 0);
    let production = Request { environment: Some("production".to_owned()), ..request() };
    assert_eq!(control(&week().report(&production), "CC6.1").decisions, 5);
}

#[test]
fn what_cannot_be_reported_is_told() {
    let planted = week();
    let build = |request: &Request| Report::build(request, Frameworks::builtin(), &planted.queries(), None);
    let wrong = Request { framework: "soc3".to_owned(), ..request() };
    assert!(matches!(build(&wrong), Err(ReportError::NoFramework { .. })));
    for (first, last) in [("2026-02-01", "2026-01-01"), ("1990-01-01", "2026-01-01")] {
        let period = Period::new(first.parse().unwrap(), last.parse().unwrap());
        assert!(matches!(build(&Request { period, ..request() }), Err(ReportError::Period { .. })), "{first}");
    }
}

#[test]
fn json_is_as_it_was() {
    let mut report = week().report(&request());
    report.controls.retain(|control| ["CC6.1", "CC8.1", "CC1.1"].contains(&control.id.as_str()));
    let mut json = Vec::new();
    report.write_json(&mut json).unwrap();
    insta::assert_snapshot!("json", String::from_utf8(json).unwrap());
}

#[test]
fn csv_is_as_it_was() {
    let (planted, mut csv) = (week(), Vec::new());
    planted.report(&request()).write_csv(&mut csv).unwrap();
    let csv = String::from_utf8(csv).unwrap();
    let columns = |line: &str| line.matches(',').count();
    assert!(csv.ends_with("\r\n"));
    assert_eq!(columns(csv.lines().next().unwrap()), 17);
    let served: Vec<&str> = csv.lines().filter(|line| line.contains("\"P-") || line.contains("CC1.1")).collect();
    insta::assert_snapshot!("csv", served.join("\n"));
    let (mut findings, mut population) = (Vec::new(), Vec::new());
    assert_eq!(write_findings(&request(), &planted.queries(), &mut findings).unwrap(), 3);
    assert_eq!(write_population(&request(), &planted.queries(), &mut population).unwrap(), 6);
    insta::assert_snapshot!("csv_findings", String::from_utf8(findings).unwrap());
    insta::assert_snapshot!("csv_population", String::from_utf8(population).unwrap());
}
