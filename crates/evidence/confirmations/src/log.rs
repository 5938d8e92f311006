//! A log from its beginning to its end, and a part of one.

use std::io::{self, BufRead, Read as _};

use foldhash::{HashSet, HashSetExt as _};
use jiff::Timestamp;
use probity_evidence_ledger::ConfirmationRecord;
use probity_evidence_redact::{Redactor, Secrets};

use crate::event::Event;

/// The longest line that is read, in bytes: a list of the webhook backend is one.
pub const MAX_LINE: usize = 32 << 20;

/// Broken lines that are named; the others are counted.
const NAMED: usize = 20;

/// Events that are remembered, so that one that stands in the log twice is told once.
const REMEMBERED: usize = 1_000_000;

/// What an event of the log says.
#[derive(Debug, Clone, PartialEq)]
pub struct Confirmation {
    /// When the server answered.
    pub time: Timestamp,
    /// What it did.
    pub record: ConfirmationRecord,
}

/// A part of the log that could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    /// The line, from 1.
    pub line: u64,
    /// What is wrong with it.
    pub what: String,
}

/// What was found in a log.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    /// Events that were read.
    pub events: u64,
    /// Confirmations that were handed on.
    pub confirmations: u64,
    /// Events that were there before.
    pub repeated: u64,
    /// Lines, or events of a list, that could not be read.
    pub broken: u64,
    /// The first of them.
    pub named: Vec<Broken>,
}

impl Summary {
    fn breaks(&mut self, line: u64, what: String) {
        self.broken += 1;
        if self.named.len() < NAMED {
            self.named.push(Broken { line, what });
        }
    }
}

/// Why reading ended early.
#[derive(Debug, thiserror::Error)]
pub enum ReadError<E> {
    /// The log cannot be read any further.
    #[error("the audit log cannot be read: {0}")]
    Log(#[source] io::Error),
    /// Whoever took the confirmations did not want any more.
    #[error(transparent)]
    Taken(E),
}

/// Makes confirmations of the audit logs of one cluster.
pub struct Confirmations<'r> {
    cluster: String,
    redactor: &'r Redactor,
    seen: HashSet<String>,
}

impl<'r> Confirmations<'r> {
    /// For the cluster that is called so; what the server said is redacted.
    pub fn new(cluster: impl Into<String>, redactor: &'r Redactor) -> Self {
        Self { cluster: cluster.into(), redactor, seen: HashSet::new() }
    }

    /// Reads events, one JSON text a line, and hands on what they confirm: those by which a gate's decision is named, and those
    /// that create, change or delete what runs containers. Each event is told once, also when it is read again by the same
    /// reader. What cannot be read is counted, and the rest is read.
    ///
    /// # Errors
    /// When the log cannot be read, or `take` fails.
    pub fn read<E>(
        &mut self,
        mut log: impl BufRead,
        mut take: impl FnMut(Confirmation) -> Result<(), E>,
    ) -> Result<Summary, ReadError<E>> {
        let mut summary = Summary::default();
        let mut line = Vec::new();
        for number in 1.. {
            match next_line(&mut log, &mut line).map_err(ReadError::Log)? {
                Line::End => break,
                Line::TooLong => summary.breaks(number, format!("it is longer than {MAX_LINE} bytes")),
                Line::Whole => self.line(number, &line, &mut summary, &mut take).map_err(ReadError::Taken)?,
            }
        }
        Ok(summary)
    }

    /// Reads one event or a list of them, as the webhook backend sends it, however it is broken into lines; else as
    /// [`Confirmations::read`].
    ///
    /// # Errors
    /// When `take` fails.
    pub fn list<E>(&mut self, text: &[u8], mut take: impl FnMut(Confirmation) -> Result<(), E>) -> Result<Summary, E> {
        let mut summary = Summary::default();
        self.line(1, text, &mut summary, &mut take)?;
        Ok(summary)
    }

    fn line<E>(
        &mut self,
        number: u64,
        line: &[u8],
        summary: &mut Summary,
        take: &mut impl FnMut(Confirmation) -> Result<(), E>,
    ) -> Result<(), E> {
        if line.trim_ascii().is_empty() {
            return Ok(());
        }
        let event: Event<'_> = match serde_json::from_slice(line) {
            Ok(event) => event,
            Err(error) => {
                summary.breaks(number, error.to_string());
                return Ok(());
            }
        };
        match event.kind.as_deref() {
            Some("EventList") => {
                for item in event.items.unwrap_or_default() {
                    // Members of a list need not say their version again.
                    match serde_json::from_str(item.get()) {
                        Ok(event) => self.event(number, event, summary, take)?,
                        Err(error) => summary.breaks(number, error.to_string()),
                    }
                }
            }
            Some("Event") if event.api_version.as_deref() == Some("audit.k8s.io/v1") => {
                self.event(number, event, summary, take)?;
            }
            _ => summary.breaks(number, "it is no Event or EventList of audit.k8s.io/v1".to_owned()),
        }
        Ok(())
    }

    fn event<E>(
        &mut self,
        number: u64,
        event: Event<'_>,
        summary: &mut Summary,
        take: &mut impl FnMut(Confirmation) -> Result<(), E>,
    ) -> Result<(), E> {
        summary.events += 1;
        if !event.counts() {
            return Ok(());
        }
        let Some(id) = event.audit_id.clone().filter(|id| !id.is_empty() && id.len() <= 256) else {
            summary.breaks(number, "the event has no auditID".to_owned());
            return Ok(());
        };
        let Some(time) = event.time() else {
            summary.breaks(number, "the event has no stageTimestamp".to_owned());
            return Ok(());
        };
        if self.seen.contains(&id) {
            summary.repeated += 1;
            return Ok(());
        }
        let clean = |text: &str| self.redactor.text(text, &Secrets::default()).into_owned();
        take(Confirmation { time, record: event.record(&self.cluster, clean) })?;
        summary.confirmations += 1;
        if self.seen.len() >= REMEMBERED {
            self.seen = HashSet::new();
        }
        self.seen.insert(id);
        Ok(())
    }
}

enum Line {
    Whole,
    TooLong,
    End,
}

/// Reads a line without more memory than the longest may take; of one that is longer the rest is passed over.
fn next_line(log: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<Line> {
    line.clear();
    let read = log.by_ref().take(MAX_LINE as u64 + 1).read_until(b'\n', line)?;
    if read == 0 {
        return Ok(Line::End);
    }
    if line.last() == Some(&b'\n') || read <= MAX_LINE {
        return Ok(Line::Whole);
    }
    loop {
        line.clear();
        let read = log.by_ref().take(MAX_LINE as u64).read_until(b'\n', line)?;
        if read == 0 || line.last() == Some(&b'\n') {
            return Ok(Line::TooLong);
        }
    }
}
