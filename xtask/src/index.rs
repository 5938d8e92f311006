//! `cargo xtask bench index [DECISIONS] [FOLDER]`: how fast the index catches up with a ledger, and how long each
//! question of a page takes. A folder that is given keeps the ledger and the index, for the next time.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use jiff::{SignedDuration, Timestamp};
use probity_controls::Frameworks;
use probity_evidence_index::{Filter, GateFilter, Index, Of, Page, Period, Queries, Scope};
use probity_evidence_ledger::{
    Body, DecisionRecord, Digest, FindingRecord, GateNumber, KeyFile, Ledger, Origin, ProblemRecord, Reader,
    ScanRecord, SubjectRecord, Submission, WaiverRecord,
};
use probity_model::{Action, Gate, Labels, Outcome, PolicyId, Severity, Stage};
use probity_report::{Report, Request};

/// Decisions of one run of a gate.
const RUN: u64 = 100;
/// Subjects that are judged again and again.
const SUBJECTS: u64 = 20_000;
/// Times that each question is asked; the slowest counts.
const ASKED: usize = 5;

pub(crate) fn bench(decisions: u64, folder: Option<&Path>) -> Result<()> {
    let own = tempfile::tempdir()?;
    let folder = folder.unwrap_or(own.path());
    let reader = ledger(decisions, folder)?;
    let file = folder.join("index.sqlite");
    let mut index = Index::open(&file)?;
    let start = Instant::now();
    let followed = index.follow(&reader)?;
    rate("catch up", followed.taken, start.elapsed());
    println!("index: {} MiB", megabytes(&file));
    ask(&index.queries()?, decisions)?;
    report(&index.queries()?)?;
    println!("memory at the most: {}", peak_memory());
    Ok(())
}

fn ledger(decisions: u64, folder: &Path) -> Result<Reader> {
    let at = folder.join("ledger");
    if let Ok(reader) = Reader::open(&at)
        && reader.published()? >= decisions
    {
        return Ok(reader);
    }
    let ledger = Ledger::open(&at, KeyFile::load_or_create(&folder.join("ledger.key"))?)?;
    let services = services();
    let set = serde_json::json!({"version": 1, "policies": metadata(), "sources": []});
    let set = ledger.put_blob(&serde_json::to_vec(&set)?)?;
    let start = Instant::now();
    let runs = decisions.div_ceil(RUN);
    for first in (0..runs).step_by(20) {
        let submissions: Vec<Submission> =
            (first..runs.min(first + 20)).flat_map(|number| run(number, runs, &services, set)).collect();
        ledger.append(&submissions)?;
    }
    ledger.publish()?;
    rate("ledger", decisions, start.elapsed());
    Reader::open(&at).context("the ledger that was made")
}

/// The policies for each service of the catalog.
fn services() -> Vec<(String, Vec<PolicyId>)> {
    let services = probity_catalog::services().iter();
    services.map(|service| (service.title.to_lowercase().replace(' ', "_"), service.policies.clone())).collect()
}

fn metadata() -> Vec<serde_json::Value> {
    probity_catalog::policies().iter().filter_map(|policy| serde_json::to_value(policy.metadata()).ok()).collect()
}

fn run(number: u64, runs: u64, services: &[(String, Vec<PolicyId>)], set: Digest) -> Vec<Submission> {
    let year = SignedDuration::from_hours(24 * 365);
    let offset = year.as_secs() * i64::try_from(number).unwrap_or(0) / i64::try_from(runs).unwrap_or(1);
    let start: Timestamp = "2025-07-01T00:00:00Z".parse().unwrap_or(Timestamp::UNIX_EPOCH);
    let time = start + SignedDuration::from_secs(offset);
    let repository = format!("acme/service-{}", number % 50);
    let gate = |sequence| {
        Some(GateNumber { kind: Gate::Ci, name: format!("ci/github/{repository}/{number}/1").into(), sequence })
    };
    let mut submissions: Vec<Submission> = (0..RUN)
        .map(|at| Submission {
            time: time + SignedDuration::from_millis(i64::try_from(at).unwrap_or(0)),
            gate: gate(at + 1),
            body: Body::Decision(Box::new(decision(number, at, services))),
        })
        .collect();
    let scan = scan(&repository, number, set);
    submissions.push(Submission { time, gate: gate(RUN + 1), body: Body::Scan(Box::new(scan)) });
    submissions
}

fn decision(run: u64, at: u64, services: &[(String, Vec<PolicyId>)]) -> DecisionRecord {
    let mut dice = Dice(run * RUN + at + 1);
    let subject = (run % 50) * (SUBJECTS / 50) + dice.below(SUBJECTS / 50);
    let (resource_type, policies) = &services[usize::try_from(subject).unwrap_or(0) % services.len()];
    let environment = ["production", "staging", "development"][usize::try_from(subject % 3).unwrap_or(0)];
    let mut record = DecisionRecord {
        subject: SubjectRecord {
            kind: "terraform".into(),
            resource_type: resource_type.as_str().into(),
            address: format!("module.team_{}.{resource_type}.resource_{subject}", subject % 97),
            labels: Labels {
                environment: Some(environment.into()),
                service: Some(format!("service-{}", run % 50).into()),
                owner: Some(format!("team-{}", subject % 12).into()),
            },
            location: None,
        },
        action: Action::Allow,
        findings: Vec::new(),
        passed: Vec::new(),
        input: None,
        request: None,
        admission: None,
    };
    for policy in policies {
        match dice.below(40) {
            0..=2 => record.findings.push(finding(policy, Outcome::Fail, None)),
            3 => record.findings.push(finding(policy, Outcome::Waived, Some("accepted until the move, SEC-1204"))),
            4 => record.findings.push(finding(policy, Outcome::Unknown, None)),
            _ => record.passed.push(policy.clone()),
        }
    }
    if record.findings.iter().any(|finding| finding.outcome == Outcome::Fail) {
        record.action = if environment == "production" { Action::Deny } else { Action::Warn };
    }
    record
}

fn finding(policy: &PolicyId, outcome: Outcome, reason: Option<&str>) -> FindingRecord {
    let severities = Severity::ALL;
    let severity = severities[policy.as_str().bytes().map(usize::from).sum::<usize>() % severities.len()];
    FindingRecord {
        policy: policy.clone(),
        outcome,
        severity,
        stage: Stage::Enforce,
        message: format!("What {policy} asks for is not there."),
        reason: reason.map(str::to_owned),
        location: None,
    }
}

fn scan(repository: &str, number: u64, set: Digest) -> ScanRecord {
    let problem = ProblemRecord { path: "main.tf".to_owned(), message: "expected `}`".to_owned() };
    ScanRecord {
        origin: Origin { repository: Some(repository.to_owned()), ..Origin::default() },
        paths: vec![".".to_owned()],
        files: 40,
        decisions: RUN,
        outcomes: vec![(Outcome::Pass, 900), (Outcome::Fail, 60)],
        problems: if number.is_multiple_of(50) { vec![problem] } else { Vec::new() },
        policies: set,
        waivers: vec![WaiverRecord {
            policy: format!("PRB-AWS-{}*", number % 40),
            vulnerability: None,
            package: None,
            subject: "*".to_owned(),
            reason: "accepted until the move, SEC-1204".to_owned(),
            requested_by: "dana".to_owned(),
            approved_by: "lee".to_owned(),
            expires: jiff::civil::date(2026, 12, 31),
        }],
        frameworks: Vec::new(),
        version: "0.1.0".to_owned(),
    }
}

/// Numbers that look random and are the same each time (`SplitMix64`).
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }
}

fn ask(queries: &Queries, decisions: u64) -> Result<()> {
    let period = Period::new("2025-07-01".parse()?, "2026-06-30".parse()?);
    let quarter = Period::new("2026-01-15".parse()?, "2026-04-14".parse()?);
    let year = Scope::all(period);
    let production = Scope { period: quarter, environment: Some("production".to_owned()) };
    for (name, filter) in filters()? {
        let page = queries.decisions(&filter, Page::first(50))?;
        let total = format!("{}{}", if page.total.exact { "" } else { "more than " }, page.total.count);
        time(&format!("decisions: {name} ({total})"), || queries.decisions(&filter, Page::first(50)).map(drop))?;
    }
    let all = Filter::default();
    time("decisions: a page in the middle", || queries.decisions(&all, Page::after(decisions / 2, 50)).map(drop))?;
    time("overview of a year", || queries.overview(&year).map(drop))?;
    time("overview of a quarter in production", || queries.overview(&production).map(drop))?;
    time("posture of soc2 over a year", || queries.posture("soc2", &year).map(drop))?;
    time("posture of nist-800-53 over a quarter in production", || {
        queries.posture("nist-800-53", &production).map(drop)
    })?;
    time("days of soc2:CC6.1 over a year", || queries.daily(Of::Control("soc2:CC6.1"), &year).map(drop))?;
    time("days of all over a year", || queries.daily(Of::All, &year).map(drop))?;
    time("policies over a year", || queries.policies(&year).map(drop))?;
    time("one policy", || queries.policy("PRB-AWS-S3-001", &year).map(drop))?;
    time("policy changes", || queries.policy_changes(period).map(drop))?;
    time("runs", || queries.scans(period, false, Page::first(50)).map(drop))?;
    time("runs with problems", || queries.scans(period, true, Page::first(50)).map(drop))?;
    time("waivers", || queries.waivers(period).map(drop))?;
    time("gates", || queries.gates(&GateFilter::default(), Page::first(50)).map(drop))?;
    time("entries", || queries.entries(Some("scan"), None, Page::first(50)).map(drop))?;
    time("choices", || queries.choices().map(drop))?;
    time("sample of 25 of all", || queries.sample(&all, 25, "seed").map(drop))?;
    let control = Filter { control: Some("soc2:CC6.1".to_owned()), ..Filter::within(quarter) };
    time("sample of 25 of soc2:CC6.1 in a quarter", || queries.sample(&control, 25, "seed").map(drop))?;
    Ok(())
}

/// A whole report with samples and failures for each control.
fn report(queries: &Queries) -> Result<()> {
    let request = Request {
        framework: "soc2".to_owned(),
        period: Period::new("2026-01-01".parse()?, "2026-03-31".parse()?),
        environment: None,
        samples: 10,
        seed: "seed".to_owned(),
        made_by: "bench".to_owned(),
        made_at: "2026-07-01T00:00:00Z".parse()?,
    };
    time("report of soc2 over a quarter, as HTML", || -> Result<()> {
        let report = Report::build(&request, Frameworks::builtin(), queries, None)?;
        Ok(report.write_html(&mut std::io::sink())?)
    })
}

fn filters() -> Result<Vec<(&'static str, Filter)>> {
    let text = |text: &str| Filter { text: Some(text.to_owned()), ..Filter::default() };
    let from: Timestamp = "2026-02-03T04:05:06Z".parse()?;
    let fields = |json: serde_json::Value| serde_json::from_value::<Filter>(json);
    Ok(vec![
        ("all", Filter::default()),
        ("denied in production", fields(serde_json::json!({"action": "deny", "environment": "production"}))?),
        ("since a moment", Filter { from: Some(from), ..Filter::default() }),
        (
            "one service, critical",
            fields(serde_json::json!({"service": "service-7", "severity_at_least": "critical"}))?,
        ),
        ("waived", fields(serde_json::json!({"outcome": "waived"}))?),
        ("a policy asked", fields(serde_json::json!({"policy": "PRB-AWS-S3-001"}))?),
        ("a policy failed", fields(serde_json::json!({"policy": "PRB-AWS-S3-001", "outcome": "fail"}))?),
        ("policies by pattern failed", fields(serde_json::json!({"policy": "PRB-AWS-*", "outcome": "fail"}))?),
        ("policies by pattern passed", fields(serde_json::json!({"policy": "PRB-AWS-*", "outcome": "pass"}))?),
        ("a control failed", fields(serde_json::json!({"control": "soc2:CC6.1", "outcome": "fail"}))?),
        ("a framework passed", fields(serde_json::json!({"framework": "nist-800-53", "outcome": "pass"}))?),
        ("one gate", fields(serde_json::json!({"gate": "ci/github/acme/service-7/57/1"}))?),
        ("gates by pattern", fields(serde_json::json!({"gate": "ci/github/acme/service-7/*"}))?),
        ("addresses by pattern", fields(serde_json::json!({"address": "module.team_5.*"}))?),
        ("addresses by their end", fields(serde_json::json!({"address": "*resource_777"}))?),
        ("a common word", text("terraform")),
        ("common words", text("production service team")),
        ("a rare word", text("777")),
        ("the beginning of a word", text("produc*")),
        ("a word that is nowhere", text("zzzzz")),
        (
            "a word, denied in production since a moment",
            Filter {
                from: Some(from),
                action: Some(Action::Deny),
                environment: Some("production".to_owned()),
                ..text("amazon")
            },
        ),
        (
            "a common word for one rare subject",
            Filter { address: Some("*resource_777".to_owned()), ..text("terraform") },
        ),
    ])
}

fn time<E>(name: &str, mut question: impl FnMut() -> Result<(), E>) -> Result<(), E> {
    let mut slowest = Duration::ZERO;
    for _ in 0..ASKED {
        let start = Instant::now();
        question()?;
        slowest = slowest.max(start.elapsed());
    }
    println!("{:>9.1} ms  {name}", slowest.as_secs_f64() * 1_000.0);
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "a figure for people")]
fn rate(name: &str, count: u64, took: Duration) {
    println!("{name}: {count} entries in {took:.1?}, {:.0} a second", count as f64 / took.as_secs_f64());
}

fn megabytes(file: &Path) -> u64 {
    let size = |ending: &str| {
        let mut name = file.as_os_str().to_owned();
        name.push(ending);
        std::fs::metadata(name).map_or(0, |metadata| metadata.len())
    };
    (size("") + size("-wal")) / (1024 * 1024)
}

fn peak_memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.map_or_else(|| "unknown".to_owned(), |line| line.trim().to_owned())
}
