//! `cargo xtask bench ledger FOLDER [COUNT]`: durable decisions a second, and the time to verify them.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use anyhow::{Result, ensure};
use jiff::Timestamp;
use probity_evidence_ledger::{
    Body, DecisionRecord, FindingRecord, GateNumber, KeyFile, Ledger, SubjectRecord, Submission, verify,
};
use probity_model::{Action, Gate, Labels, Location, Outcome, PolicyId, Severity, Stage};

/// So many clients wait for an acknowledgement at once, each with one decision.
const CLIENTS: u64 = 64;

pub(crate) fn bench(folder: &Path, count: u64) -> Result<()> {
    let key = KeyFile::load_or_create(&folder.join("keys/ledger.key"))?;
    let trusted = [key.verifier().clone()];
    let path = folder.join("ledger");
    let ledger = Arc::new(Ledger::open(&path, key)?);
    ensure!(ledger.appended() == 0, "{} has a ledger already; name an empty folder", folder.display());
    let bytes = AtomicU64::new(0);
    let start = Instant::now();
    std::thread::scope(|scope| {
        for client in 0..CLIENTS {
            let (ledger, bytes) = (&ledger, &bytes);
            scope.spawn(move || {
                for n in 1..=count / CLIENTS {
                    let submission = decision(client, n);
                    if n == 1 {
                        bytes.store(
                            serde_json::to_vec(&submission).map_or(0, |json| json.len() as u64),
                            Ordering::Relaxed,
                        );
                    }
                    ledger.append(&[submission]).expect("the decision is kept");
                }
            });
        }
    });
    let elapsed = start.elapsed();
    let kept = ledger.appended();
    println!(
        "{kept} decisions of {} bytes, each acknowledged when durable, {CLIENTS} clients: {} a second",
        bytes.into_inner(),
        u128::from(kept) * 1000 / elapsed.as_millis().max(1)
    );
    ledger.publish()?;
    println!("all of them under a checkpoint after {:.1} s", start.elapsed().as_secs_f64());
    drop(ledger);
    let start = Instant::now();
    let found = verify(&path, &trusted, &[])?;
    ensure!(found.problems.is_empty(), "{:?}", found.problems);
    println!("verify {} entries: {:.2} s", found.checkpoint.size, start.elapsed().as_secs_f64());
    let start = Instant::now();
    drop(Ledger::open(&path, KeyFile::load(&folder.join("keys/ledger.key"))?)?);
    println!("open it again: {:.3} s", start.elapsed().as_secs_f64());
    Ok(())
}

fn decision(client: u64, n: u64) -> Submission {
    let at = client * 7919 + n;
    let location = Location {
        path: format!("terraform/service-{}/storage.tf", at % 40).into(),
        line: u32::try_from(at % 400 + 1).unwrap_or(1),
        column: 1,
        end_line: u32::try_from(at % 400 + 9).unwrap_or(1),
        end_column: 2,
    };
    let subject = SubjectRecord {
        kind: "terraform".into(),
        resource_type: "aws_s3_bucket".into(),
        address: format!("module.service[{}].aws_s3_bucket.data{n}", at % 40),
        labels: Labels {
            environment: Some(["production", "staging"][usize::from(at.is_multiple_of(3))].into()),
            service: Some(smol_str::format_smolstr!("service-{}", at % 40)),
            owner: None,
        },
        location: Some(location.clone()),
    };
    let failed = at.is_multiple_of(5).then(|| FindingRecord {
        policy: PolicyId::from("PRB-AWS-S3-003"),
        outcome: Outcome::Fail,
        severity: Severity::High,
        stage: Stage::Observe,
        message: "The bucket keeps no earlier versions. (`versioning.enabled` is not set, wanted: true)".to_owned(),
        reason: None,
        location: Some(location),
    });
    let passed = (1..=9).map(|n| PolicyId(smol_str::format_smolstr!("PRB-AWS-S3-{n:03}"))).collect();
    let record = DecisionRecord {
        subject,
        action: Action::Allow,
        findings: failed.into_iter().collect(),
        passed,
        input: None,
        request: None,
        admission: None,
    };
    let gate = GateNumber { kind: Gate::Ci, name: smol_str::format_smolstr!("ci/bench/{client}"), sequence: n };
    Submission { time: Timestamp::now(), gate: Some(gate), body: Body::Decision(Box::new(record)) }
}
