//! Decisions of a scan become entries of a ledger.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use jiff::Timestamp;
use jiff::civil::Date;
use probity_evidence_input::Kept;
use probity_evidence_ledger::Digest;
use probity_evidence_ledger::{
    Body, BuildRecord, DecisionRecord, FindingRecord, GateNumber, ImageRecord, InputRef, Ledger, LedgerError, Origin,
    ProblemRecord, ReportRecord, ScanRecord, SubjectRecord, Submission, VulnerabilitiesRecord, WaiverRecord,
    decompress,
};
use probity_evidence_redact::{Redactor, Secrets};
use probity_evidence_spool::{Server, Spool, SpoolError, deliver};
use probity_model::{
    Decision, Gate, Location, Metadata, Outcome, Pattern, Problem, ResourceGraph, Sources, SubjectKind, SubjectRef,
    Waived, Waiver,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::data::Data;
use super::origin::{self, Run};
use super::policies;
use crate::images;
use crate::policies::Own;

/// So many submissions go to a ledger of one's own together.
const BATCH: usize = 1_000;
/// A server that is away is waited for so long; then the decisions wait on disk.
const PATIENCE: Duration = Duration::from_secs(20);

/// A scan, or another run of a gate over many subjects, that is to be recorded.
pub(crate) struct Scan<'a> {
    pub(crate) gate: Gate,
    pub(crate) paths: &'a [PathBuf],
    pub(crate) graph: &'a ResourceGraph,
    pub(crate) decisions: &'a [Decision],
    pub(crate) policies: Vec<&'a Metadata>,
    pub(crate) own_policies: &'a Own,
    pub(crate) waivers: &'a [Waiver],
    pub(crate) problems: &'a [(PathBuf, Problem)],
    pub(crate) sources: &'a Sources,
    pub(crate) files: usize,
    /// Signed reports of images, each with the position of its decision.
    pub(crate) reports: &'a [(usize, ReportRecord)],
    pub(crate) frameworks: &'a [String],
    pub(crate) today: Date,
}

/// Where decisions go.
pub(crate) enum Destination {
    /// The ledger in the data folder.
    Own,
    /// A server.
    Server(Server),
}

/// What became of what was sent.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Sent {
    pub(crate) delivered: u64,
    /// Submissions that wait on disk, and why.
    pub(crate) waiting: u64,
    pub(crate) why: Option<String>,
    /// Entries under the ledger's newest checkpoint, where the ledger is one's own.
    pub(crate) size: Option<u64>,
}

impl Sent {
    /// Where the entries are, for people.
    pub(crate) fn words(&self, data: &Data) -> String {
        let folder = data.folder().display();
        match (&self.why, self.size) {
            (Some(why), _) => {
                format!("{} entries wait in {folder} because {why}; `probity evidence send` sends them", self.waiting)
            }
            (None, Some(size)) => format!("{size} entries in the ledger of {folder}"),
            (None, None) => format!("{} entries sent to the server", self.delivered),
        }
    }
}

/// Makes the decisions of a scan durable, and sends them.
pub(crate) fn record(scan: &Scan<'_>, data: &Data, destination: &Destination) -> Result<Sent> {
    let run = origin::of(scan.paths.first().map_or(Path::new("."), PathBuf::as_path));
    record_all(&[scan], None, &run, data, destination)
}

/// Makes the decisions of scans of one gate durable, with the build that they were of at the end, and sends them.
pub(crate) fn record_all(
    scans: &[&Scan<'_>],
    build: Option<&BuildRecord>,
    run: &Run,
    data: &Data,
    destination: &Destination,
) -> Result<Sent> {
    data.create()?;
    let (mut bodies, mut documents) = (Vec::new(), Vec::new());
    for scan in scans {
        let written = write(scan, run)?;
        bodies.extend(written.bodies);
        documents.extend(written.documents);
    }
    if let Some(build) = build {
        let clean = Clean { redactor: &Redactor::new(), secrets: &Secrets::new() };
        bodies.push(Body::Build(Box::new(clean.record(build)?)));
    }
    let now = Timestamp::now();
    let spool = open_spool(data, scans.first().map_or(Gate::Ci, |scan| scan.gate), run)?;
    let documents: Vec<&[u8]> = documents.iter().map(String::as_bytes).collect();
    spool.append(bodies.into_iter().map(|body| (now, body)).collect(), &documents)?;
    send(&spool, data, destination).with_context(|| {
        format!("the decisions are durable in {}, and not in the ledger yet", data.spool_folder().display())
    })
}

/// Puts the decisions of a run into a ledger that is open here, under a gate's name that no run had before; gives the entries' places, that of the run last.
pub(crate) fn record_in(scan: &Scan<'_>, run: &Run, gate: &str, ledger: &Ledger) -> Result<Vec<u64>> {
    let written = write(scan, run)?;
    for document in &written.documents {
        ledger.put_blob(document.as_bytes())?;
    }
    let now = Timestamp::now();
    let submissions: Vec<Submission> = (1..)
        .zip(written.bodies)
        .map(|(sequence, body)| {
            let gate = GateNumber { kind: scan.gate, name: gate.into(), sequence };
            Submission { time: now, gate: Some(gate), body }
        })
        .collect();
    let mut places = Vec::new();
    for batch in submissions.chunks(BATCH) {
        places.extend(ledger.append(batch)?.iter().map(|receipt| receipt.index));
    }
    Ok(places)
}

/// What a ledger keeps of a run.
struct Written {
    /// The subjects and the policies.
    documents: [String; 2],
    bodies: Vec<Body>,
}

fn write(scan: &Scan<'_>, run: &Run) -> Result<Written> {
    let redactor = Redactor::new();
    let kept = probity_evidence_input::write(scan.graph, &redactor);
    let policies = policies::write(scan.policies.iter().copied(), scan.own_policies, &redactor)?;
    let clean = Clean { redactor: &redactor, secrets: &kept.secrets };
    let bodies = bodies(scan, run, &kept, Digest::of(policies.as_bytes()), &clean);
    Ok(Written { documents: [kept.json, policies], bodies })
}

/// A gate that CI names has a spool for each run; on other machines there is one gate a data folder.
fn open_spool(data: &Data, kind: Gate, run: &Run) -> Result<Spool> {
    let folder = data.spool_folder();
    // Each kind of gate has its own numbers.
    let suffix = if kind == Gate::Ci { String::new() } else { format!("-{}", kind.as_str()) };
    if let Some(gate) = &run.gate {
        let name: String = gate.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).take(80).collect();
        let name = format!("{name}-{}", &Digest::of(gate.as_bytes()).hex()[..12]);
        return patiently(|| Spool::open(&folder.join(format!("{name}{suffix}")), kind, gate));
    }
    let name = format!("local/{}/{}", run.origin.host.as_deref().unwrap_or("machine"), random_name()?);
    patiently(|| reopen_or_open(&folder.join(format!("local{suffix}")), kind, &name))
}

fn reopen_or_open(folder: &Path, kind: Gate, name: &str) -> Result<Spool, SpoolError> {
    match Spool::reopen(folder) {
        Err(SpoolError::Missing { .. }) => Spool::open(folder, kind, name),
        opened => opened,
    }
}

/// Opens the spool of a gate that runs for long, with its name in front of the machine's when it is new.
pub(crate) fn open_gate_spool(data: &Data, kind: Gate, name: &str) -> Result<Spool> {
    let host = origin::of(Path::new(".")).origin.host;
    let new = format!("{name}/{}/{}", host.as_deref().unwrap_or("machine"), random_name()?);
    Ok(reopen_or_open(&data.spool_folder().join(name), kind, &new)?)
}

fn random_name() -> Result<String> {
    let mut bytes = [0; 6];
    getrandom::fill(&mut bytes).context("no randomness to name the gate by")?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Another scan on this machine may have the spool for a moment.
fn patiently(open: impl Fn() -> Result<Spool, SpoolError>) -> Result<Spool> {
    let started = Instant::now();
    loop {
        match open() {
            Err(SpoolError::Held { .. }) if started.elapsed() < PATIENCE => {
                std::thread::sleep(Duration::from_millis(50));
            }
            opened => return Ok(opened?),
        }
    }
}

/// Sends what waits in every spool of a data folder.
pub(crate) fn send_all(data: &Data, destination: &Destination) -> Result<Sent> {
    let mut all = Sent::default();
    let folder = data.spool_folder();
    let Ok(entries) = std::fs::read_dir(&folder) else { return Ok(all) };
    for entry in entries {
        let path = entry.with_context(|| format!("{} cannot be read", folder.display()))?.path();
        let sent = send(&patiently(|| Spool::reopen(&path))?, data, destination)?;
        all.delivered += sent.delivered;
        all.waiting += sent.waiting;
        all.why = sent.why.or(all.why);
        all.size = sent.size.or(all.size);
    }
    Ok(all)
}

/// Sends what waits in a spool.
pub(crate) fn send(spool: &Spool, data: &Data, destination: &Destination) -> Result<Sent> {
    match destination {
        Destination::Server(server) => {
            let delivered = deliver(spool, server, PATIENCE)?;
            Ok(Sent { delivered: delivered.sent, waiting: delivered.left, why: delivered.trouble, size: None })
        }
        Destination::Own => match Ledger::open(&data.ledger_folder(), data.key()?) {
            Ok(ledger) => send_to(spool, &ledger),
            Err(error @ LedgerError::InUse { .. }) => {
                Ok(Sent { waiting: spool.waiting(), why: Some(error.to_string()), ..Sent::default() })
            }
            Err(error) => Err(error.into()),
        },
    }
}

pub(crate) fn send_to(spool: &Spool, ledger: &Ledger) -> Result<Sent> {
    let delivered = hand_over(spool, ledger)?;
    Ok(Sent { delivered, size: Some(ledger.publish()?.size), ..Sent::default() })
}

/// Puts what waits in a spool into a ledger that seals it in its own time. Gives how many entries these are.
pub(crate) fn hand_over(spool: &Spool, ledger: &Ledger) -> Result<u64> {
    let mut sent = 0;
    let mut batch = Vec::new();
    let mut pending = spool.pending();
    loop {
        batch.clear();
        for submission in pending.by_ref().take(BATCH) {
            batch.push(submission?);
        }
        let Some(last) = batch.last().and_then(|submission: &Submission| submission.gate.as_ref()) else { break };
        let last = last.sequence;
        keep_documents(spool, ledger, &batch)?;
        ledger.append(&batch)?;
        spool.acknowledge(last)?;
        sent += batch.len() as u64;
    }
    Ok(sent)
}

/// Documents are in the ledger before the entries that refer to them.
fn keep_documents(spool: &Spool, ledger: &Ledger, batch: &[Submission]) -> Result<()> {
    let mut digests: Vec<Digest> = batch.iter().flat_map(|submission| submission.body.documents()).collect();
    digests.sort_unstable();
    digests.dedup();
    for digest in digests {
        match spool.blob(&digest)? {
            Some(compressed) => drop(ledger.put_blob(&decompress(&compressed)?)?),
            None if ledger.reader().has_blob(&digest) => {}
            None => bail!("the document {digest} is neither in the spool nor in the ledger"),
        }
    }
    Ok(())
}

/// Texts without secrets.
struct Clean<'a> {
    redactor: &'a Redactor,
    secrets: &'a Secrets,
}

impl Clean<'_> {
    fn text(&self, text: &str) -> String {
        self.redactor.text(text, self.secrets).into_owned()
    }

    fn optional(&self, text: Option<&str>) -> Option<String> {
        text.map(|text| self.text(text))
    }

    fn origin(&self, origin: &Origin) -> Origin {
        let mut origin = origin.clone();
        let Origin { repository, reference, actor, workspace, run, host, .. } = &mut origin;
        for field in [repository, reference, actor, workspace, run, host] {
            *field = self.optional(field.as_deref());
        }
        origin
    }

    fn location(&self, location: &Location) -> Location {
        Location { path: self.text(&location.path.display().to_string()).into(), ..location.clone() }
    }

    /// A record whose texts are all clean. No field can be forgotten; digests and times have no secret in them and stay.
    fn record<T: Serialize + DeserializeOwned>(&self, record: &T) -> Result<T> {
        let mut value = serde_json::to_value(record)?;
        self.value(&mut value);
        Ok(serde_json::from_value(value)?)
    }

    fn value(&self, value: &mut serde_json::Value) {
        use serde_json::Value;
        match value {
            Value::String(text) => *text = self.text(text),
            Value::Array(items) => items.iter_mut().for_each(|item| self.value(item)),
            Value::Object(fields) => fields.values_mut().for_each(|field| self.value(field)),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
}

/// A decision for each subject, what was found of each image behind its decision, and the scan at their end.
fn bodies(scan: &Scan<'_>, run: &Run, kept: &Kept, policies: Digest, clean: &Clean<'_>) -> Vec<Body> {
    let subjects = Digest::of(kept.json.as_bytes());
    let mut bodies = Vec::with_capacity(scan.decisions.len() + 1);
    for (position, decision) in (0..).zip(scan.decisions) {
        let redacted = kept.redacted.get(position as usize).copied().unwrap_or(0);
        let input = InputRef { subjects, position, policies, day: scan.today, redacted };
        bodies.push(Body::Decision(Box::new(decision_record(decision, input, scan.sources, clean))));
        if decision.subject.kind == SubjectKind::Image {
            let document = kept.documents.get(position as usize);
            let image = document.and_then(|document| images::record(document, decision));
            let report = scan.reports.iter().find(|(of, _)| *of == position as usize).map(|(_, report)| report.clone());
            let placed = |image| ImageRecord { report, ..placed(image, subjects, policies, run, clean) };
            bodies.extend(image.map(|image| Body::Image(Box::new(placed(image)))));
        }
    }
    bodies.push(Body::Scan(Box::new(scan_record(scan, run, policies, clean))));
    bodies
}

/// The record of an image, with where what was judged is kept, and for whom.
fn placed(image: ImageRecord, subjects: Digest, policies: Digest, run: &Run, clean: &Clean<'_>) -> ImageRecord {
    let list = Some(subjects);
    let vulnerabilities = image.vulnerabilities.map(|known| VulnerabilitiesRecord { list, ..known });
    ImageRecord { vulnerabilities, policies: Some(policies), origin: clean.origin(&run.origin), ..image }
}

fn decision_record(decision: &Decision, input: InputRef, sources: &Sources, clean: &Clean<'_>) -> DecisionRecord {
    let passed = decision.findings.iter().filter(|finding| finding.outcome == Outcome::Pass);
    let others = decision.findings.iter().filter(|finding| finding.outcome != Outcome::Pass);
    DecisionRecord {
        subject: subject_record(&decision.subject, sources, clean),
        action: decision.action,
        findings: others
            .map(|finding| FindingRecord {
                message: clean.text(&finding.message),
                reason: clean.optional(finding.reason.as_deref()),
                location: finding.location.as_ref().map(|location| clean.location(location)),
                ..FindingRecord::from(finding)
            })
            .collect(),
        passed: passed.map(|finding| finding.policy.clone()).collect(),
        input: Some(input),
        request: None,
        admission: None,
    }
}

fn subject_record(subject: &SubjectRef, sources: &Sources, clean: &Clean<'_>) -> SubjectRecord {
    let location = subject.location.clone().or_else(|| subject.span.and_then(|span| sources.locate(span)));
    let label = |label: &Option<probity_model::SmolStr>| clean.optional(label.as_deref()).map(Into::into);
    SubjectRecord {
        kind: subject.kind.as_str().into(),
        resource_type: clean.text(&subject.resource_type).into(),
        address: clean.text(&subject.address),
        labels: probity_model::Labels {
            environment: label(&subject.labels.environment),
            service: label(&subject.labels.service),
            owner: label(&subject.labels.owner),
        },
        location: location.as_ref().map(|location| clean.location(location)),
    }
}

fn scan_record(scan: &Scan<'_>, run: &Run, policies: Digest, clean: &Clean<'_>) -> ScanRecord {
    let count = |outcome: Outcome| {
        let findings = scan.decisions.iter().flat_map(|decision| &decision.findings);
        findings.filter(|finding| finding.outcome == outcome).count() as u64
    };
    let problem = |(path, problem): &(PathBuf, Problem)| ProblemRecord {
        path: clean.text(&path.display().to_string()),
        message: clean.text(&problem.display(scan.sources, path)),
    };
    let pattern = |pattern: &Pattern| clean.text(pattern.as_str());
    let waiver = |waiver: &Waiver| {
        let (policy, vulnerability, package) = match &waiver.of {
            Waived::Policies(policies) => (pattern(policies), None, None),
            Waived::Vulnerability { id, package } => (String::new(), Some(pattern(id)), package.as_ref().map(pattern)),
        };
        WaiverRecord {
            policy,
            vulnerability,
            package,
            subject: pattern(&waiver.subject),
            reason: clean.text(&waiver.reason),
            requested_by: clean.text(&waiver.requested_by),
            approved_by: clean.text(&waiver.approved_by),
            expires: waiver.expires,
        }
    };
    ScanRecord {
        origin: clean.origin(&run.origin),
        paths: scan.paths.iter().map(|path| clean.text(&path.display().to_string())).collect(),
        files: scan.files as u64,
        decisions: scan.decisions.len() as u64,
        outcomes: Outcome::ALL
            .iter()
            .map(|&outcome| (outcome, count(outcome)))
            .filter(|(_, count)| *count > 0)
            .collect(),
        problems: scan.problems.iter().map(problem).collect(),
        policies,
        waivers: scan.waivers.iter().map(waiver).collect(),
        frameworks: scan.frameworks.to_vec(),
        version: crate::version::version().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use probity_evidence_ledger::{CheckOutcome, CheckRecord};

    use super::*;

    #[test]
    fn no_text_of_a_record_keeps_a_secret() {
        let token = format!("ghp_{}", "a1B2c3D4e5F6".repeat(3));
        let check = CheckRecord {
            name: "signed".into(),
            outcome: CheckOutcome::Failed,
            blocks: true,
            detail: format!("asked with {token}"),
            fix: Some(format!("export TOKEN={token}")),
        };
        let clean = Clean { redactor: &Redactor::new(), secrets: &Secrets::new() };
        let kept = clean.record(&check).unwrap();
        assert_eq!((kept.name.as_str(), kept.outcome), ("signed", CheckOutcome::Failed));
        assert!(!format!("{kept:?}").contains(&token), "{kept:?}");
    }
}
