//! Decisions of the gate become entries of the ledger.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use anyhow::{Context, Result};
use probity_evidence_ledger::{
    Body, DecisionRecord, FindingRecord, GateNumber, Ledger, RequestRecord, SubjectRecord, Submission,
};
use probity_evidence_redact::{Redactor, Secrets};
use probity_gate_opa::{DecisionLog, Event, Recorded};
use probity_model::value::Value;
use probity_model::{Gate, Outcome, SmolStr, SubjectKind, json};
use tokio::sync::{mpsc, oneshot};

/// So many decisions are given to the ledger together.
const BATCH: usize = 1_000;

/// So many decisions may wait; those that ask for more wait too.
const WAITING: usize = 10_000;

/// Threads that take secrets out and wait for the disk: while one does, the other brings what has come since.
const THREADS: usize = 2;

/// A decision that is to be kept, and who waits for it.
struct Item {
    event: Event,
    done: Done,
}

type Done = oneshot::Sender<Result<(), String>>;

/// Keeps decisions in a ledger. What waits at the same time is written together, with one sync.
pub(super) struct LedgerLog {
    queue: Option<mpsc::Sender<Item>>,
    threads: Vec<JoinHandle<()>>,
}

impl LedgerLog {
    /// A log under a gate's name that is new for each run, as its numbers begin anew.
    pub(super) fn new(ledger: &Arc<Ledger>, host: Option<&str>) -> Result<Self> {
        let mut bytes = [0; 6];
        getrandom::fill(&mut bytes).context("no randomness to name the gate by")?;
        let run: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let name: SmolStr = format!("api/{}/{run}", host.unwrap_or("machine")).into();
        let (sender, receiver) = mpsc::channel(WAITING);
        let receiver = Arc::new(Mutex::new(receiver));
        let redactor = Arc::new(Redactor::new());
        let sequence = Arc::new(AtomicU64::new(1));
        let threads = (0..THREADS)
            .map(|_| {
                let writer = Writer {
                    ledger: Arc::clone(ledger),
                    name: name.clone(),
                    sequence: Arc::clone(&sequence),
                    receiver: Arc::clone(&receiver),
                    redactor: Arc::clone(&redactor),
                };
                std::thread::spawn(move || writer.run())
            })
            .collect();
        Ok(Self { queue: Some(sender), threads })
    }
}

impl DecisionLog for LedgerLog {
    fn record(&self, event: Event) -> Recorded {
        let (done, answer) = oneshot::channel();
        let item = Item { event, done };
        let queue = self.queue.clone();
        Box::pin(async move {
            let stopped = || "the ledger was closed".to_owned();
            let queue = queue.ok_or_else(stopped)?;
            queue.send(item).await.map_err(|_| stopped())?;
            drop(queue);
            answer.await.unwrap_or_else(|_| Err(stopped()))
        })
    }
}

impl Drop for LedgerLog {
    fn drop(&mut self) {
        self.queue = None;
        for thread in self.threads.drain(..) {
            // A thread that panicked has said so.
            let _ = thread.join();
        }
    }
}

struct Writer {
    ledger: Arc<Ledger>,
    name: SmolStr,
    sequence: Arc<AtomicU64>,
    receiver: Arc<Mutex<mpsc::Receiver<Item>>>,
    redactor: Arc<Redactor>,
}

impl Writer {
    fn run(&self) {
        loop {
            let items = self.take();
            if items.is_empty() {
                return;
            }
            let (submissions, waiting): (Vec<Submission>, Vec<Done>) =
                items.into_iter().map(|(sequence, item)| (self.submission(sequence, item.event), item.done)).unzip();
            let kept = self.ledger.append(&submissions).map(drop).map_err(|error| {
                eprintln!("probity serve: decisions cannot be kept: {error}");
                "the decision could not be kept; the server's log says why".to_owned()
            });
            for done in waiting {
                // The client may have left.
                let _ = done.send(kept.clone());
            }
        }
    }

    /// What waits, at least one; nothing once nothing will come. Numbers are given here, so that they have the order of
    /// the queue.
    fn take(&self) -> Vec<(u64, Item)> {
        let mut receiver = self.receiver.lock().unwrap_or_else(PoisonError::into_inner);
        let mut items = Vec::new();
        receiver.blocking_recv_many(&mut items, BATCH);
        items.into_iter().map(|item| (self.sequence.fetch_add(1, Ordering::Relaxed), item)).collect()
    }

    fn submission(&self, sequence: u64, event: Event) -> Submission {
        let gate = Some(GateNumber { kind: Gate::Api, name: self.name.clone(), sequence });
        Submission { time: event.time, gate, body: body(event, &self.redactor) }
    }
}

/// The entry for an event, without secrets.
fn body(event: Event, redactor: &Redactor) -> Body {
    let mut secrets = Secrets::new();
    let mut redacted = 0;
    let mut document = |value: Option<Value>| {
        value.map(|value| {
            let clean = redactor.document(SubjectKind::Request, "request", &value);
            redacted += u32::try_from(clean.redactions.len()).unwrap_or(u32::MAX);
            secrets.extend(&clean.secrets);
            json::write(&clean.value)
        })
    };
    let (input, result, outside) = (document(event.input), document(event.result), document(event.outside));
    let text = |text: &str| redactor.text(text, &secrets).into_owned();
    let decision = event.decision;
    let (passed, findings): (Vec<_>, Vec<_>) =
        decision.findings.iter().partition(|finding| finding.outcome == Outcome::Pass);
    let request = RequestRecord {
        decision_id: event.decision_id,
        path: text(&event.path),
        query: event.query.as_deref().map(text),
        input,
        result,
        outside,
        error: event.error.as_deref().map(text),
        requested_by: event.caller.address.map(|address| address.to_string()),
        token: event.caller.token.map(Into::into),
        role: event.caller.role.map(str::to_owned),
        revisions: event.revisions,
        metrics: event.metrics.into_iter().map(|(name, value)| (name.to_owned(), value)).collect::<BTreeMap<_, _>>(),
        erased: event.erased,
        masked: event.masked,
        redacted,
    };
    Body::Decision(Box::new(DecisionRecord {
        subject: SubjectRecord {
            kind: decision.subject.kind.as_str().into(),
            resource_type: decision.subject.resource_type,
            address: text(&decision.subject.address),
            labels: decision.subject.labels,
            location: None,
        },
        action: decision.action,
        findings: findings
            .into_iter()
            .map(|finding| FindingRecord { message: text(&finding.message), ..FindingRecord::from(finding) })
            .collect(),
        passed: passed.into_iter().map(|finding| finding.policy.clone()).collect(),
        input: None,
        request: Some(Box::new(request)),
        admission: None,
    }))
}
