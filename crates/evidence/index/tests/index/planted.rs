//! A ledger in memory, and entries to plant in it.

use std::collections::HashMap;
use std::error::Error;
use std::ops::Range;
use std::path::PathBuf;

use jiff::Timestamp;
use probity_evidence_index::{Index, LedgerSource, Queries};
use probity_evidence_ledger::{
    Body, DecisionRecord, Digest, Entry, FindingRecord, GateNumber, InputRef, Origin, ProblemRecord, ScanRecord,
    SubjectRecord, Submission, WaiverRecord,
};
use probity_model::{Action, Gate, Labels, Outcome, PolicyId, Severity, Stage};

/// A ledger in memory.
#[derive(Default, Clone)]
pub(crate) struct Memory {
    pub(crate) entries: Vec<Entry>,
    pub(crate) blobs: HashMap<Digest, Vec<u8>>,
}

impl Memory {
    pub(crate) fn push(&mut self, submission: Submission) -> &mut Self {
        self.entries.push(Entry { recorded: submission.time, submission });
        self
    }

    pub(crate) fn put(&mut self, json: &serde_json::Value) -> Digest {
        let bytes = json.to_string().into_bytes();
        let digest = Digest::of(&bytes);
        self.blobs.insert(digest, bytes);
        digest
    }
}

fn leaf(entry: &Entry) -> Digest {
    Digest::of(&serde_json::to_vec(entry).unwrap())
}

impl LedgerSource for Memory {
    fn size(&self) -> Result<u64, Box<dyn Error + Send + Sync>> {
        Ok(self.entries.len() as u64)
    }

    fn root(&self, size: u64) -> Result<Digest, Box<dyn Error + Send + Sync>> {
        let all: Vec<u8> = self.entries.iter().take(size.try_into()?).flat_map(|entry| leaf(entry).0).collect();
        Ok(Digest::of(&all))
    }

    fn entries(
        &self,
        range: Range<u64>,
    ) -> impl Iterator<Item = Result<(u64, Digest, Entry), Box<dyn Error + Send + Sync>>> {
        range.map(|index| {
            let entry = &self.entries[usize::try_from(index)?];
            Ok((index, leaf(entry), entry.clone()))
        })
    }

    fn blob(&self, digest: &Digest) -> Option<Vec<u8>> {
        self.blobs.get(digest).cloned()
    }
}

/// A folder with an index.
pub(crate) struct Place(tempfile::TempDir);

impl Place {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn file(&self) -> PathBuf {
        self.0.path().join("index.sqlite")
    }

    pub(crate) fn index(&self) -> Index {
        Index::open(&self.file()).unwrap()
    }

    /// Questions to an index of the ledger.
    pub(crate) fn follow(&self, ledger: &Memory) -> Queries {
        let mut index = self.index();
        index.follow(ledger).unwrap();
        index.queries().unwrap()
    }
}

pub(crate) fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

#[expect(clippy::unnecessary_wraps, reason = "as a field takes it")]
pub(crate) fn gate(name: &str, sequence: u64) -> Option<GateNumber> {
    Some(GateNumber { kind: Gate::Ci, name: name.into(), sequence })
}

pub(crate) fn finding(policy: &str, outcome: Outcome, severity: Severity, message: &str) -> FindingRecord {
    FindingRecord {
        policy: policy.into(),
        outcome,
        severity,
        stage: Stage::Enforce,
        message: message.to_owned(),
        reason: (outcome == Outcome::Waived).then(|| "accepted by lee".to_owned()),
        location: None,
    }
}

/// A decision about a bucket in production.
pub(crate) fn decision(address: &str, findings: Vec<FindingRecord>, passed: &[&str]) -> DecisionRecord {
    let failed = findings.iter().any(|finding| matches!(finding.outcome, Outcome::Fail | Outcome::Error));
    DecisionRecord {
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
        findings,
        passed: passed.iter().map(|policy| PolicyId::from(*policy)).collect(),
        input: None,
        request: None,
        admission: None,
    }
}

pub(crate) fn submit(at: &str, gate: Option<GateNumber>, record: DecisionRecord) -> Submission {
    Submission { time: time(at), gate, body: Body::Decision(Box::new(record)) }
}

#[expect(clippy::unnecessary_wraps, reason = "as a field takes it")]
pub(crate) fn input(policies: Digest) -> Option<InputRef> {
    Some(InputRef { subjects: policies, position: 0, policies, day: "2026-01-01".parse().unwrap(), redacted: 0 })
}

pub(crate) fn scan(at: &str, gate: Option<GateNumber>, policies: Digest, problem: Option<&str>) -> Submission {
    let record = ScanRecord {
        origin: Origin { repository: Some("github.com/acme/portal".to_owned()), ..Origin::default() },
        paths: vec![".".to_owned()],
        files: 3,
        decisions: 2,
        outcomes: vec![(Outcome::Pass, 4), (Outcome::Fail, 1)],
        problems: problem
            .into_iter()
            .map(|message| ProblemRecord { path: "main.tf".to_owned(), message: message.to_owned() })
            .collect(),
        policies,
        waivers: vec![waiver()],
        frameworks: Vec::new(),
        version: "0.1.0".to_owned(),
    };
    Submission { time: time(at), gate, body: Body::Scan(Box::new(record)) }
}

pub(crate) fn waiver() -> WaiverRecord {
    WaiverRecord {
        policy: "P-3".to_owned(),
        vulnerability: None,
        package: None,
        subject: "*".to_owned(),
        reason: "until the move".to_owned(),
        requested_by: "dana".to_owned(),
        approved_by: "lee".to_owned(),
        expires: "2026-12-31".parse().unwrap(),
    }
}

pub(crate) fn policy(id: &str, title: &str, severity: &str, controls: &[(&str, &str)]) -> serde_json::Value {
    let controls: Vec<serde_json::Value> = controls
        .iter()
        .map(|(control, serves)| serde_json::json!({"control": control, "serves": serves, "why": "because"}))
        .collect();
    serde_json::json!({"id": id, "title": title, "severity": severity, "category": "access", "why": "w", "fix": "f",
        "aliases": [], "controls": controls, "language": "graph", "builtin": true})
}

/// A few decisions that differ in everything that can be asked for.
///
/// | entry | address | outcomes |
/// | --- | --- | --- |
/// | 0 | `bucket.a` | P-1 fails (high), P-2 passes |
/// | 1 | `bucket.b` | P-1 and P-2 pass |
/// | 2 | a run ended | |
/// | 3 | `Deployment/web` in staging | P-3 is waived (low), P-2 undecided (medium) |
/// | 4 | `bucket.a`, two days later | P-1 and P-2 pass |
/// | 5 | a run with a problem | |
pub(crate) fn ledger() -> Memory {
    let mut ledger = Memory::default();
    let p3 = policy("P-3", "Third", "low", &[("hipaa:164.312(b)", "fully")]);
    let old = ledger.put(&serde_json::json!({"version": 1, "sources": ["x"], "policies": [
        policy("P-1", "First", "high", &[("soc2:CC6.1", "partly")]),
        policy("P-2", "Second", "medium", &[("soc2:CC6.1", "supports"), ("soc2:CC7.1", "fully")]), p3]}));
    let new = ledger.put(&serde_json::json!({"version": 1, "sources": ["y"], "policies": [
        policy("P-1", "First, reworded", "high", &[("soc2:CC6.1", "fully")]),
        policy("P-2", "Second", "medium", &[("soc2:CC6.1", "supports"), ("soc2:CC7.1", "fully")]),
        policy("P-4", "Fourth", "info", &[("soc2:CC8.1", "fully")])]}));
    let fail = finding("P-1", Outcome::Fail, Severity::High, "The bucket is public.");
    ledger.push(submit("2026-01-05T10:00:00Z", gate("ci/one", 1), decision("bucket.a", vec![fail], &["P-2"])));
    ledger.push(submit("2026-01-05T10:00:01Z", gate("ci/one", 2), decision("bucket.b", vec![], &["P-1", "P-2"])));
    ledger.push(scan("2026-01-05T10:00:02Z", gate("ci/one", 3), old, None));
    let mut web = decision(
        "Deployment/web",
        vec![
            finding("P-3", Outcome::Waived, Severity::Low, "No limits."),
            finding("P-2", Outcome::Unknown, Severity::Medium, "Waits for var.region."),
        ],
        &[],
    );
    web.subject.kind = "kubernetes".into();
    web.subject.resource_type = "Deployment".into();
    web.subject.labels =
        Labels { environment: Some("staging".into()), service: Some("web".into()), owner: Some("team-b".into()) };
    ledger.push(submit("2026-01-06T23:59:59Z", gate("ci/two", 2), web));
    let mut again = decision("bucket.a", vec![], &["P-1", "P-2"]);
    again.input = input(new);
    ledger.push(submit("2026-01-07T00:00:00Z", gate("ci/one", 6), again));
    ledger.push(scan("2026-01-07T00:00:01Z", gate("ci/one", 7), new, Some("expected `}`")));
    ledger
}
