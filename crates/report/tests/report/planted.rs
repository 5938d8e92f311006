//! Decisions to report on.

use probity_controls::Frameworks;
use probity_evidence_index::{Index, Period, Queries};
use probity_evidence_ledger::{
    Body, Checkpoint, DecisionRecord, Digest, Entry, FindingRecord, GateNumber, Origin, ProblemRecord, ScanRecord,
    SubjectRecord, Submission, WaiverRecord,
};
use probity_model::{Action, Gate, Labels, Outcome, PolicyId, Severity, Stage};
use probity_report::{Report, Request};

/// An index of planted entries.
pub(crate) struct Planted {
    folder: tempfile::TempDir,
    entries: Vec<Entry>,
    set: Vec<u8>,
}

impl Planted {
    /// `policies` are of the form of the ledger's sets.
    pub(crate) fn new(policies: &serde_json::Value) -> Self {
        let set = serde_json::json!({"version": 1, "policies": policies, "sources": []}).to_string().into_bytes();
        Self { folder: tempfile::tempdir().unwrap(), entries: Vec::new(), set }
    }

    pub(crate) fn push(&mut self, time: &str, gate: &str, sequence: u64, body: Body) {
        let gate = Some(GateNumber { kind: Gate::Ci, name: gate.into(), sequence });
        let submission = Submission { time: time.parse().unwrap(), gate, body };
        self.entries.push(Entry { recorded: submission.time, submission });
    }

    pub(crate) fn decide(
        &mut self,
        time: &str,
        (gate, sequence): (&str, u64),
        address: &str,
        findings: &[(&str, Outcome)],
        message: &str,
    ) {
        let failed = findings.iter().any(|(_, outcome)| matches!(outcome, Outcome::Fail | Outcome::Error));
        let record = DecisionRecord {
            subject: SubjectRecord {
                kind: "terraform".into(),
                resource_type: "aws_s3_bucket".into(),
                address: address.to_owned(),
                labels: Labels {
                    environment: Some("production".into()),
                    service: Some("portal".into()),
                    owner: Some("team-a".into()),
                },
                location: None,
            },
            action: if failed { Action::Deny } else { Action::Allow },
            findings: findings
                .iter()
                .filter(|(_, outcome)| *outcome != Outcome::Pass)
                .map(|(policy, outcome)| FindingRecord {
                    policy: (*policy).into(),
                    outcome: *outcome,
                    severity: Severity::High,
                    stage: Stage::Enforce,
                    message: message.to_owned(),
                    reason: (*outcome == Outcome::Waived).then(|| message.to_owned()),
                    location: None,
                })
                .collect(),
            passed: findings
                .iter()
                .filter(|(_, outcome)| *outcome == Outcome::Pass)
                .map(|(policy, _)| PolicyId::from(*policy))
                .collect(),
            input: None,
            request: None,
            admission: None,
        };
        self.push(time, gate, sequence, Body::Decision(Box::new(record)));
    }

    pub(crate) fn scan(
        &mut self,
        time: &str,
        (gate, sequence): (&str, u64),
        problem: Option<&str>,
        waiver: Option<WaiverRecord>,
    ) {
        let record = ScanRecord {
            origin: Origin { repository: Some("github.com/acme/portal".to_owned()), ..Origin::default() },
            paths: vec![".".to_owned()],
            files: 12,
            decisions: 2,
            outcomes: Vec::new(),
            problems: problem
                .into_iter()
                .map(|message| ProblemRecord { path: "infra/main.tf".to_owned(), message: message.to_owned() })
                .collect(),
            policies: Digest::of(&self.set),
            waivers: waiver.into_iter().collect(),
            frameworks: Vec::new(),
            version: "0.1.0".to_owned(),
        };
        self.push(time, gate, sequence, Body::Scan(Box::new(record)));
    }

    pub(crate) fn queries(&self) -> Queries {
        let mut index = Index::open(&self.folder.path().join("index.sqlite")).unwrap();
        let entries = self
            .entries
            .iter()
            .enumerate()
            .map(|(at, entry)| (at as u64, Digest::of(&serde_json::to_vec(entry).unwrap()), entry.clone()));
        index.apply(entries, |_| Some(self.set.clone())).unwrap();
        index.queries().unwrap()
    }

    pub(crate) fn report(&self, request: &Request) -> Report {
        Report::build(request, Frameworks::builtin(), &self.queries(), Some(&checkpoint())).unwrap()
    }
}

pub(crate) fn checkpoint() -> Checkpoint {
    let root = Digest::of(b"root");
    let note = "ledger.example\n9\nrSc/…\n\n— ledger.example AAAA\n".to_owned();
    Checkpoint { origin: "ledger.example".to_owned(), size: 9, root, note }
}

pub(crate) fn request() -> Request {
    Request {
        framework: "soc2".to_owned(),
        period: Period::new("2026-01-05".parse().unwrap(), "2026-01-11".parse().unwrap()),
        environment: None,
        samples: 2,
        seed: "2026-Q1".to_owned(),
        made_by: "dana@acme.example".to_owned(),
        made_at: "2026-02-01T09:30:00Z".parse().unwrap(),
    }
}

pub(crate) fn policy(id: &str, controls: &[(&str, &str)]) -> serde_json::Value {
    let controls: Vec<serde_json::Value> = controls
        .iter()
        .map(
            |(control, serves)| serde_json::json!({"control": control, "serves": serves, "why": format!("{id} helps")}),
        )
        .collect();
    serde_json::json!({"id": id, "title": format!("{id} holds"), "severity": "high", "category": "access", "why": "w",
        "fix": "f", "aliases": [], "controls": controls, "language": "graph", "builtin": true})
}

pub(crate) fn waiver() -> WaiverRecord {
    WaiverRecord {
        policy: "P-ACCESS".to_owned(),
        vulnerability: None,
        package: None,
        subject: "bucket.old".to_owned(),
        reason: "moves in March, SEC-1204".to_owned(),
        requested_by: "dana".to_owned(),
        approved_by: "lee".to_owned(),
        expires: "2026-01-08".parse().unwrap(),
    }
}

/// A week with a failure, a waiver, an undecided finding, two days without evidence, a missing number and a run with a
/// problem.
pub(crate) fn week() -> Planted {
    let mut planted = Planted::new(&serde_json::json!([
        policy("P-ACCESS", &[("soc2:CC6.1", "partly")]),
        policy("P-LOG", &[("soc2:CC6.1", "supports"), ("soc2:CC7.2", "fully")]),
        policy("P-NEVER", &[("soc2:CC8.1", "fully")]),
        policy("P-BACKUP", &[("soc2:A1.2", "partly")]),
    ]));
    let one = "ci/github/acme/portal/1";
    let pass = [("P-ACCESS", Outcome::Pass), ("P-LOG", Outcome::Pass)];
    planted.decide("2026-01-05T10:00:00Z", (one, 1), "bucket.a", &pass, "");
    let fail = [("P-ACCESS", Outcome::Fail), ("P-LOG", Outcome::Pass)];
    planted.decide("2026-01-05T10:00:01Z", (one, 2), "bucket.b", &fail, "The bucket is public.");
    planted.scan("2026-01-05T10:00:02Z", (one, 3), None, Some(waiver()));
    let waived = [("P-ACCESS", Outcome::Waived), ("P-LOG", Outcome::Pass)];
    planted.decide("2026-01-06T10:00:00Z", (one, 4), "bucket.old", &waived, "moves in March, SEC-1204");
    planted.decide("2026-01-07T10:00:00Z", (one, 6), "bucket.c", &[("P-BACKUP", Outcome::Unknown)], "Waits for var.x.");
    planted.scan("2026-01-08T10:00:00Z", (one, 7), Some("expected `}`"), None);
    planted.decide("2026-01-10T10:00:00Z", (one, 8), "bucket.a", &pass, "");
    planted.decide("2026-01-11T23:59:59Z", (one, 9), "bucket.b", &pass, "");
    planted.decide("2026-01-12T00:00:00Z", (one, 10), "bucket.b", &fail, "After the period.");
    planted
}
