//! A ledger as a company's gates fill it over three months, the same each time.

use std::path::Path;

use jiff::{SignedDuration, Timestamp};
use probity_evidence_ledger::{
    Body, DecisionRecord, Digest, FindingRecord, GateNumber, InputRef, KeyFile, Ledger, Origin, ProblemRecord,
    ScanRecord, SubjectRecord, Submission, WaiverRecord,
};
use probity_model::{Action, Gate, Labels, Location, Metadata, Outcome, PolicyId, Severity, Stage};

use crate::artifacts;

/// Days that the demonstration goes back.
pub(crate) const DAYS: i64 = 88;

/// What is in a repository: a kind, a type, and the prefix of the policies that judge it.
type Type = (&'static str, &'static str, &'static str);

/// Name, service, owner and types.
type Repository = (&'static str, &'static str, &'static str, &'static [Type]);

const REPOSITORIES: [Repository; 3] = [
    (
        "acme/patient-portal",
        "patient-portal",
        "team-portal",
        &[
            ("terraform", "aws_s3_bucket", "PRB-AWS-S3"),
            ("terraform", "aws_db_instance", "PRB-AWS-RDS"),
            ("terraform", "aws_iam_policy", "PRB-AWS-IAM"),
            ("kubernetes", "Deployment", "PRB-K8S-POD"),
        ],
    ),
    (
        "acme/imaging",
        "imaging",
        "team-imaging",
        &[
            ("terraform", "aws_instance", "PRB-AWS-EC2"),
            ("terraform", "aws_lambda_function", "PRB-AWS-LAMBDA"),
            ("kubernetes", "StatefulSet", "PRB-K8S-WORKLOAD"),
        ],
    ),
    (
        "acme/billing",
        "billing",
        "team-billing",
        &[
            ("terraform", "google_sql_database_instance", "PRB-GOOGLE-SQL"),
            ("terraform", "google_container_cluster", "PRB-GOOGLE-GKE"),
            ("kubernetes", "ClusterRole", "PRB-K8S-RBAC"),
        ],
    ),
];

const NAMES: [&str; 8] = ["records", "uploads", "sessions", "audit", "exports", "reports", "queue", "archive"];

/// Opens a new ledger in a folder.
pub(crate) fn ledger(folder: &Path) -> Ledger {
    let key = KeyFile::load_or_create(&folder.join("keys/ledger.key")).unwrap();
    Ledger::open(&folder.join("ledger"), key).unwrap()
}

/// What is known of the policies of the catalog.
pub(crate) fn policies() -> Vec<Metadata> {
    probity_catalog::policies().iter().map(|policy| policy.metadata().clone()).collect()
}

/// Numbers that look random and are the same each time.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

/// Fills a ledger with the runs of `DAYS` days up to now.
pub(crate) fn fill(ledger: &Ledger) {
    let policies = policies();
    let set = put_set(ledger, &policies[..policies.len() - 3]);
    let newer = put_set(ledger, &policies);
    let mut dice = Dice(7);
    let mut numbers = [0_u64; REPOSITORIES.len()];
    let start = Timestamp::now() - SignedDuration::from_hours(24 * DAYS);
    for day in 0..=DAYS {
        let set = if day < 60 { set } else { newer };
        for (at, sequence) in numbers.iter_mut().enumerate() {
            // One repository rests at the weekends, and for two weeks.
            if at == 2 && (day % 7 > 4 || (30..44).contains(&day)) {
                continue;
            }
            let time = start + SignedDuration::from_secs(day * 86_400 + i64::try_from(at).unwrap() * 4_000);
            let run = Run { at, day, time, set, policies: &policies };
            // A runner was lost before it sent its last entries.
            if at == 1 && day == 52 {
                *sequence += 4;
            }
            ledger.append(&run.submissions(sequence, &mut dice)).unwrap();
        }
    }
    ledger.publish().unwrap();
}

/// Keeps a set of policies as gates do.
pub(crate) fn put_set(ledger: &Ledger, policies: &[Metadata]) -> Digest {
    let set = serde_json::json!({ "version": 1, "policies": policies, "sources": [] });
    ledger.put_blob(set.to_string().as_bytes()).unwrap()
}

/// The address of a subject.
fn address(kind: &str, resource_type: &str, service: &str, name: &str) -> String {
    if kind == "kubernetes" {
        format!("{resource_type}/{service}/{name}")
    } else {
        format!("module.{service}.{resource_type}.{name}")
    }
}

struct Run<'p> {
    at: usize,
    day: i64,
    time: Timestamp,
    set: Digest,
    policies: &'p [Metadata],
}

impl Run<'_> {
    fn submissions(&self, sequence: &mut u64, dice: &mut Dice) -> Vec<Submission> {
        let (repository, ..) = REPOSITORIES[self.at];
        let gate = |sequence: u64| {
            Some(GateNumber { kind: Gate::Ci, name: format!("ci/github/{repository}").into(), sequence })
        };
        let mut submissions = Vec::new();
        let mut outcomes = [0_u64; Outcome::ALL.len()];
        let decisions = 4 + dice.below(9);
        for number in 0..decisions {
            *sequence += 1;
            let decision = self.decision(dice);
            outcomes[0] += decision.passed.len() as u64;
            for finding in &decision.findings {
                outcomes[Outcome::ALL.iter().position(|outcome| *outcome == finding.outcome).unwrap()] += 1;
            }
            let time = self.time + SignedDuration::from_millis(i64::try_from(number).unwrap() * 37);
            submissions.push(Submission { time, gate: gate(*sequence), body: Body::Decision(Box::new(decision)) });
        }
        *sequence += 1;
        let outcomes = Outcome::ALL.iter().copied().zip(outcomes).filter(|(_, count)| *count > 0).collect();
        let scan = self.scan(decisions, outcomes);
        let time = self.time + SignedDuration::from_secs(2);
        submissions.push(Submission { time, gate: gate(*sequence), body: Body::Scan(Box::new(scan)) });
        let (_, service, ..) = REPOSITORIES[self.at];
        for body in [artifacts::image(service, self.day, &self.set), artifacts::build(service, self.day, time)] {
            *sequence += 1;
            submissions.push(Submission { time, gate: gate(*sequence), body });
        }
        submissions
    }

    fn decision(&self, dice: &mut Dice) -> DecisionRecord {
        let (_, service, owner, types) = REPOSITORIES[self.at];
        let pick = |dice: &mut Dice, bound: usize| usize::try_from(dice.below(bound as u64)).unwrap();
        let (kind, resource_type, prefix) = types[pick(dice, types.len())];
        let name = NAMES[pick(dice, NAMES.len())];
        let address = address(kind, resource_type, service, name);
        let location = Location {
            path: format!("deploy/{service}/{name}.tf").into(),
            line: 12,
            column: 1,
            end_line: 30,
            end_column: 2,
        };
        let (mut findings, mut passed) = (Vec::new(), Vec::new());
        for policy in self.policies.iter().filter(|policy| policy.id.as_str().starts_with(prefix)) {
            // Things get better over time, but for one bad week.
            let odds = if (55..62).contains(&self.day) { 7 } else { 12 + self.day.unsigned_abs() / 3 };
            match dice.below(odds) {
                0 => findings.push(finding(policy, Outcome::Fail, &address, &location)),
                1 if name == "archive" => findings.push(finding(policy, Outcome::Waived, &address, &location)),
                1 if dice.below(4) == 0 => findings.push(finding(policy, Outcome::Unknown, &address, &location)),
                _ => passed.push(policy.id.clone()),
            }
        }
        let failed = findings.iter().any(|finding| finding.outcome == Outcome::Fail);
        let denied =
            findings.iter().any(|finding| finding.outcome == Outcome::Fail && finding.severity >= Severity::High);
        let action = if denied {
            Action::Deny
        } else if failed {
            Action::Warn
        } else {
            Action::Allow
        };
        let environment = ["production", "production", "staging", "test"][pick(dice, 4)];
        let subject = SubjectRecord {
            kind: kind.into(),
            resource_type: resource_type.into(),
            address,
            labels: Labels {
                environment: Some(environment.into()),
                service: Some(service.into()),
                owner: Some(owner.into()),
            },
            location: Some(location),
        };
        let input = InputRef {
            subjects: self.set,
            position: 3,
            policies: self.set,
            day: "2026-03-31".parse().unwrap(),
            redacted: 1,
        };
        DecisionRecord { subject, action, findings, passed, input: Some(input), request: None, admission: None }
    }

    fn scan(&self, decisions: u64, outcomes: Vec<(Outcome, u64)>) -> ScanRecord {
        let (repository, service, ..) = REPOSITORIES[self.at];
        let problems = if self.at == 0 && self.day % 40 == 7 {
            vec![ProblemRecord {
                path: format!("deploy/{service}/network.tf"),
                message: "line 14: a block is not closed".into(),
            }]
        } else {
            Vec::new()
        };
        let waiver = WaiverRecord {
            policy: "PRB-AWS-*".into(),
            vulnerability: None,
            package: None,
            subject: "*archive*".into(),
            reason: "The archive is read-only and leaves with the old system in the next quarter.".into(),
            requested_by: "Mara Lindqvist".into(),
            approved_by: if self.at == 2 { "Mara Lindqvist".into() } else { "Tomasz Wójcik".into() },
            expires: (Timestamp::now() + SignedDuration::from_hours(24 * 9)).to_string()[..10].parse().unwrap(),
        };
        ScanRecord {
            origin: Origin {
                repository: Some(format!("github.com/{repository}")),
                commit: Some(format!(
                    "{:040x}",
                    0x5eed_u128 * (u128::from(self.day.unsigned_abs()) + 3) * 0x9e37_79b9_7f4a_7c15
                )),
                reference: Some("main".into()),
                actor: Some(["mara", "tomasz", "ines"][self.at].into()),
                ..Origin::default()
            },
            paths: vec!["deploy".into()],
            files: 12 + self.day.unsigned_abs() % 7,
            decisions,
            outcomes,
            problems,
            policies: self.set,
            waivers: vec![waiver],
            frameworks: Vec::new(),
            version: env!("CARGO_PKG_VERSION").into(),
        }
    }
}

fn finding(policy: &Metadata, outcome: Outcome, address: &str, location: &Location) -> FindingRecord {
    FindingRecord {
        policy: policy.id.clone(),
        outcome,
        severity: policy.severity,
        stage: Stage::Enforce,
        message: match outcome {
            Outcome::Unknown => format!("{address}: a value is known only after apply"),
            _ => format!("{address} does not hold: {}", policy.title),
        },
        reason: (outcome == Outcome::Waived).then(|| "Leaves with the old system; approved by Tomasz Wójcik.".into()),
        location: Some(location.clone()),
    }
}

/// A decision about one subject, as a gate sends it.
pub(crate) fn submission(gate: &str, sequence: u64, address: &str) -> Submission {
    let subject = SubjectRecord {
        kind: "terraform".into(),
        resource_type: "aws_s3_bucket".into(),
        address: address.into(),
        labels: Labels::default(),
        location: None,
    };
    let finding = FindingRecord {
        policy: PolicyId::from("PRB-AWS-S3-001"),
        outcome: Outcome::Fail,
        severity: Severity::High,
        stage: Stage::Enforce,
        message: "open to everyone".into(),
        reason: None,
        location: None,
    };
    let decision = DecisionRecord {
        subject,
        action: Action::Deny,
        findings: vec![finding],
        passed: Vec::new(),
        input: None,
        request: None,
        admission: None,
    };
    Submission {
        time: Timestamp::now(),
        gate: Some(GateNumber { kind: Gate::Ci, name: gate.into(), sequence }),
        body: Body::Decision(Box::new(decision)),
    }
}
