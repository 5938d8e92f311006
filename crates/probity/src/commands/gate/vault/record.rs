//! Decisions on requests become entries of a ledger, by way of a queue on this machine's disk.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::Result;
use probity_evidence_ledger::{Body, DecisionRecord, FindingRecord, RequestRecord, SubjectRecord};
use probity_evidence_redact::{Redactor, Secrets};
use probity_evidence_spool::Spool;
use probity_gate_vault::Event;
use probity_model::{Gate, Outcome, Value, json};

use crate::evidence::data::Data;
use crate::evidence::record::{self, Destination, Sent};

/// How often what waits is sent.
const PAUSE: Duration = Duration::from_secs(1);

/// After so many attempts to send it is said that decisions wait.
const PATIENCE: u32 = 10;

/// Keeps decisions.
pub(super) struct Recorder {
    shared: Arc<Shared>,
    sender: Option<JoinHandle<()>>,
}

struct Shared {
    spool: Spool,
    data: Data,
    destination: Destination,
    redactor: Redactor,
    ending: AtomicBool,
    /// Whether something was appended since the last sending.
    news: Mutex<bool>,
    awake: Condvar,
}

impl Recorder {
    /// Opens the queue of a gate of this data folder: one process has it at a time.
    pub(super) fn open(name: &str, data: Data, destination: Destination) -> Result<Self> {
        data.create()?;
        let spool = record::open_gate_spool(&data, Gate::Vault, name)?;
        let shared = Arc::new(Shared {
            spool,
            data,
            destination,
            redactor: Redactor::new(),
            ending: AtomicBool::new(false),
            news: Mutex::new(true),
            awake: Condvar::new(),
        });
        let other = Arc::clone(&shared);
        let sender = std::thread::spawn(move || other.send_until_end());
        Ok(Self { shared, sender: Some(sender) })
    }

    /// Keeps decisions: they are on the disk when this returns.
    pub(super) fn keep(&self, events: &[Event]) -> Result<()> {
        let bodies = events.iter().map(|event| (event.time, body(event, &self.shared.redactor))).collect();
        self.shared.spool.append(bodies, &[])?;
        *self.shared.news.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.shared.awake.notify_one();
        Ok(())
    }

    /// Sends what waits; what could not be sent is said.
    pub(super) fn finish(mut self) -> Result<Sent> {
        self.stop();
        self.shared.send()
    }

    pub(super) fn data(&self) -> &Data {
        &self.shared.data
    }

    fn stop(&mut self) {
        self.shared.ending.store(true, Ordering::Release);
        self.shared.awake.notify_one();
        if let Some(sender) = self.sender.take() {
            // A thread that panicked has said so.
            let _ = sender.join();
        }
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Shared {
    fn send(&self) -> Result<Sent> {
        record::send(&self.spool, &self.data, &self.destination)
    }

    fn send_until_end(&self) {
        let (mut failures, mut said) = (0, false);
        while !self.ending.load(Ordering::Acquire) {
            let news = self.news.lock().unwrap_or_else(PoisonError::into_inner);
            let (mut news, _) = self
                .awake
                .wait_timeout_while(news, PAUSE, |news| !*news && !self.ending.load(Ordering::Acquire))
                .unwrap_or_else(PoisonError::into_inner);
            if !std::mem::take(&mut *news) && self.spool.waiting() == 0 {
                continue;
            }
            drop(news);
            let trouble = match self.send() {
                Ok(sent) => sent.why,
                Err(error) => Some(format!("{error:#}")),
            };
            failures = if trouble.is_some() { failures + 1 } else { 0 };
            // Another gate of this data folder has the ledger for a moment.
            if failures == PATIENCE && !said {
                let (folder, why) = (self.data.folder().display(), trouble.unwrap_or_default());
                eprintln!("note: decisions wait in {folder}: {why}");
            }
            said = failures >= PATIENCE;
            // Many decisions are sent together.
            std::thread::sleep(PAUSE / 4);
        }
    }
}

/// The entry for an event, without secrets.
fn body(event: &Event, redactor: &Redactor) -> Body {
    let (subject, decision) = (&event.subject, &event.decision);
    let mut secrets = Secrets::new();
    let clean = match &subject.sensitive {
        Some(marks) => redactor.document_with_marks(subject.kind, &subject.resource_type, &subject.document, marks),
        None => redactor.document(subject.kind, &subject.resource_type, &subject.document),
    };
    secrets.extend(&clean.secrets);
    let text = |text: &str| redactor.text(text, &secrets).into_owned();
    let (passed, others): (Vec<_>, Vec<_>) =
        decision.findings.iter().partition(|finding| finding.outcome == Outcome::Pass);
    let note = event.note.as_deref().map(|note| ("note", Value::from(text(note))));
    let result = Value::object([("allowed", event.allowed.into())].into_iter().chain(note));
    let said = |path: &[&str]| subject.document.at(path).and_then(Value::as_str).map(text);
    let request = RequestRecord {
        decision_id: event.id.clone(),
        path: text(&subject.address),
        input: Some(json::write(&clean.value)),
        result: Some(json::write(&result)),
        requested_by: said(&["request", "connection", "remote_addr"]),
        token: said(&["token", "display_name"]),
        redacted: u32::try_from(clean.redactions.len()).unwrap_or(u32::MAX),
        ..RequestRecord::default()
    };
    Body::Decision(Box::new(DecisionRecord {
        subject: SubjectRecord {
            kind: subject.kind.as_str().into(),
            resource_type: subject.resource_type.clone(),
            address: text(&subject.address),
            labels: subject.labels.clone(),
            location: decision.subject.location.clone(),
        },
        action: decision.action,
        findings: others
            .into_iter()
            .map(|finding| FindingRecord {
                message: text(&finding.message),
                reason: finding.reason.as_deref().map(text),
                ..FindingRecord::from(finding)
            })
            .collect(),
        passed: passed.into_iter().map(|finding| finding.policy.clone()).collect(),
        input: None,
        request: Some(Box::new(request)),
        admission: None,
    }))
}

/// The gate's name in the data folder of the current folder or the one that is named.
pub(super) fn data(args: &super::RecordArgs, config: &crate::config::Config) -> Data {
    let configured = (config.folder != Path::new("")).then(|| config.data());
    Data::find(&args.data, configured)
}
