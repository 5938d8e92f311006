//! Entries on their way into the tables.

use foldhash::{HashMap, HashMapExt as _, HashSet, HashSetExt as _};
use probity_evidence_ledger::{Body, DecisionRecord, Digest, Entry, FindingRecord, ScanRecord};
use probity_model::{Outcome, Severity};
use rusqlite::{Connection, OptionalExtension as _};

use crate::bits::{chunk_of, extended, position_of};
use crate::gate::GateState;
use crate::policies::{self, Blobs};
use crate::rows::Outcomes;
use crate::time::{day_number, day_of, micros, month_number};
use crate::tokens;
use crate::words::{Words, kept};
use crate::{admissions, builds, facet, images, liveness};

/// Sums by day, and sums by month for long periods.
pub(crate) const DAYS: i64 = 0;
/// See [`DAYS`].
pub(crate) const MONTHS: i64 = 1;

/// In sums the policy that stands for all; no text has this number.
pub(crate) const ALL_POLICIES: i64 = crate::words::NONE;

/// Problems of a run that are kept in its row.
const PROBLEMS: usize = 100;
/// Paths of a run that are kept in its row.
const PATHS: usize = 100;

/// What is collected over the entries of one transaction, and written at its end.
pub(crate) struct Batch<'b> {
    connection: &'b Connection,
    words: &'b mut Words,
    blobs: &'b mut Blobs<'b>,
    chunk: u64,
    facets: HashMap<(i64, i64), Vec<u16>>,
    gates: HashMap<(i64, String), GateState>,
    /// Policy, day, month, environment, outcome.
    findings: HashMap<(i64, i64, i64, i64, i64), i64>,
    /// Day, environment, action.
    actions: HashMap<(i64, i64, i64), i64>,
    /// Day, month, environment, list of policies.
    judged: HashMap<(i64, i64, i64, i64), i64>,
    sets: HashSet<Digest>,
}

/// The place of an entry.
#[derive(Clone, Copy)]
pub(crate) struct At {
    pub(crate) index: u64,
    pub(crate) id: i64,
    pub(crate) time: i64,
    pub(crate) gate: Option<i64>,
}

/// Whether nothing need follow: the end of a run, or what a gate that serves says by itself.
fn ends(body: &Body) -> bool {
    match body {
        Body::Decision(decision) => decision.admission.is_some(),
        Body::KeyRotation(_) | Body::ClockSetBack(_) => false,
        _ => true,
    }
}

/// The columns of an entry that only decisions have.
#[derive(Default)]
struct Decided {
    subject: Option<i64>,
    action: Option<i64>,
    severity: Option<i64>,
    passed: Option<i64>,
}

impl<'b> Batch<'b> {
    pub(crate) fn new(connection: &'b Connection, words: &'b mut Words, blobs: &'b mut Blobs<'b>) -> Self {
        Self {
            connection,
            words,
            blobs,
            chunk: 0,
            facets: HashMap::new(),
            gates: HashMap::new(),
            findings: HashMap::new(),
            actions: HashMap::new(),
            judged: HashMap::new(),
            sets: HashSet::new(),
        }
    }

    /// Takes one entry.
    pub(crate) fn add(&mut self, index: u64, leaf: &Digest, entry: &Entry) -> rusqlite::Result<()> {
        if chunk_of(index) != self.chunk {
            self.write_facets()?;
            self.chunk = chunk_of(index);
        }
        let submission = &entry.submission;
        let time = micros(submission.time);
        let kind = self.words.number(self.connection, submission.body.kind())?;
        self.facet(facet::KIND, kind, index);
        self.facet(facet::DAY, day_number(day_of(submission.time)), index);
        let gate = self.gate(index, entry, time)?;
        let at = At { index, id: index.cast_signed(), time, gate };
        let decided = match &submission.body {
            Body::Decision(decision) => self.decision(at, entry, decision)?,
            Body::Scan(scan) => {
                self.scan(at, scan)?;
                Decided::default()
            }
            Body::Image(image) => {
                image.policies.iter().try_for_each(|policies| self.policy_set(at, policies))?;
                images::write(self.connection, at, image)?;
                Decided::default()
            }
            Body::Build(build) => {
                builds::write(self.connection, at, build)?;
                Decided::default()
            }
            Body::Confirmation(confirmation) => {
                admissions::write_confirmation(self.connection, at, confirmation)?;
                Decided::default()
            }
            Body::Gap(gap) => {
                liveness::write_gap(self.connection, at, gap)?;
                Decided::default()
            }
            Body::Drift(drift) => {
                liveness::write_drift(self.connection, at, drift)?;
                Decided::default()
            }
            Body::Heartbeat(heartbeat) => {
                liveness::write_heartbeat(self.connection, at, heartbeat)?;
                Decided::default()
            }
            Body::KeyRotation(_) | Body::ClockSetBack(_) => Decided::default(),
        };
        let sequence = submission.gate.as_ref().map(|gate| signed(gate.sequence));
        self.connection
            .prepare_cached("INSERT INTO entry VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)")?
            .execute((
                at.id,
                kind,
                time,
                micros(entry.recorded),
                gate,
                sequence,
                &leaf.0[..],
                decided.subject,
                decided.action,
                decided.severity,
                decided.passed,
            ))
            .map(drop)
    }

    fn facet(&mut self, facet: i64, value: i64, index: u64) {
        let positions = self.facets.entry((facet, value)).or_default();
        if positions.last() != Some(&position_of(index)) {
            positions.push(position_of(index));
        }
    }

    fn gate(&mut self, index: u64, entry: &Entry, time: i64) -> rusqlite::Result<Option<i64>> {
        let Some(number) = &entry.submission.gate else { return Ok(None) };
        let kind = self.words.number(self.connection, number.kind.as_str())?;
        let key = (kind, kept(&number.name).into_owned());
        let mut state = match self.gates.get(&key) {
            Some(state) => *state,
            None => match GateState::load(self.connection, kind, &key.1)? {
                Some(state) => state,
                None => GateState::create(self.connection, kind, &key.1, time)?,
            },
        };
        let ends = ends(&entry.submission.body);
        state.count(self.connection, signed(number.sequence), time, ends)?;
        self.gates.insert(key, state);
        self.facet(facet::GATE, state.id, index);
        self.facet(facet::GATE_KIND, kind, index);
        Ok(Some(state.id))
    }

    fn decision(&mut self, at: At, entry: &Entry, decision: &DecisionRecord) -> rusqlite::Result<Decided> {
        let labels = &decision.subject.labels;
        let mut number = |text: Option<&str>| self.words.optional(self.connection, text);
        let environment = number(labels.environment.as_deref())?;
        let service = number(labels.service.as_deref())?;
        let owner = number(labels.owner.as_deref())?;
        let kind = number(Some(&decision.subject.kind))?;
        let resource_type = number(Some(&decision.subject.resource_type))?;
        let address = number(Some(&decision.subject.address))?;
        let subject = self.subject([address, kind, resource_type, environment, service, owner])?;
        let action = decision.action as i64;
        for (facet, value) in [
            (facet::ENVIRONMENT, environment),
            (facet::SERVICE, service),
            (facet::OWNER, owner),
            (facet::SUBJECT_KIND, kind),
            (facet::RESOURCE_TYPE, resource_type),
            (facet::ADDRESS, address),
            (facet::ACTION, action),
        ] {
            self.facet(facet, value, at.index);
        }
        let day = day_of(entry.submission.time);
        *self.actions.entry((day_number(day), environment, action)).or_default() += 1;
        let passed = self.findings(at, entry, decision, environment)?;
        self.tokens(at, entry, decision)?;
        if let Some(input) = &decision.input {
            self.policy_set(at, &input.policies)?;
        }
        if let Some(admission) = &decision.admission {
            admissions::write_admission(self.connection, at, decision, admission)?;
        }
        let severity = worst(&decision.findings).map(|severity| severity as i64);
        Ok(Decided { subject: Some(subject), action: Some(action), severity, passed: Some(passed) })
    }

    fn subject(&self, columns: [i64; 6]) -> rusqlite::Result<i64> {
        let known = self
            .connection
            .prepare_cached(
                "SELECT id FROM subject WHERE address = ?1 AND kind = ?2 AND type = ?3 AND environment = ?4 AND service = ?5
                 AND owner = ?6",
            )?
            .query_row(columns, |row| row.get(0))
            .optional()?;
        match known {
            Some(id) => Ok(id),
            None => self
                .connection
                .prepare_cached(
                    "INSERT INTO subject(address, kind, type, environment, service, owner) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
                     RETURNING id",
                )?
                .query_row(columns, |row| row.get(0)),
        }
    }

    /// Writes the findings that are not a pass, and counts all; gives how many passed.
    fn findings(
        &mut self,
        at: At,
        entry: &Entry,
        decision: &DecisionRecord,
        environment: i64,
    ) -> rusqlite::Result<i64> {
        let day = day_of(entry.submission.time);
        let (day, month) = (day_number(day), month_number(day));
        let mut asked: Vec<i64> = Vec::with_capacity(decision.findings.len() + decision.passed.len());
        for (position, finding) in decision.findings.iter().enumerate() {
            let policy = self.words.number(self.connection, finding.policy.as_str())?;
            asked.push(policy);
            self.finding(at, position, policy, finding)?;
            self.count(policy, day, month, environment, finding.outcome);
        }
        let mut passed = 0;
        for policy in &decision.passed {
            let policy = self.words.number(self.connection, policy.as_str())?;
            if asked.contains(&policy) {
                continue;
            }
            asked.push(policy);
            passed += 1;
            self.count(policy, day, month, environment, Outcome::Pass);
        }
        if passed > 0 {
            self.facet(facet::OUTCOME, facet::outcome(Outcome::Pass, Severity::Info), at.index);
        }
        let list = self.list(asked)?;
        self.facet(facet::JUDGED, list, at.index);
        *self.judged.entry((day, month, environment, list)).or_default() += 1;
        Ok(passed)
    }

    fn count(&mut self, policy: i64, day: i64, month: i64, environment: i64, outcome: Outcome) {
        for policy in [policy, ALL_POLICIES] {
            *self.findings.entry((policy, day, month, environment, outcome as i64)).or_default() += 1;
        }
    }

    fn finding(&mut self, at: At, position: usize, policy: i64, finding: &FindingRecord) -> rusqlite::Result<()> {
        let message = self.words.number(self.connection, &finding.message)?;
        let reason = self.words.optional(self.connection, finding.reason.as_deref())?;
        self.connection.prepare_cached("INSERT INTO finding VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)")?.execute((
            at.id,
            i64::try_from(position).unwrap_or(i64::MAX),
            policy,
            finding.outcome as i64,
            finding.severity as i64,
            finding.stage as i64,
            message,
            reason,
        ))?;
        if finding.outcome != Outcome::Pass {
            self.facet(facet::FINDING, facet::finding(policy, finding.outcome, finding.severity), at.index);
        }
        self.facet(facet::OUTCOME, facet::outcome(finding.outcome, finding.severity), at.index);
        Ok(())
    }

    /// The number of a list of policies.
    fn list(&self, mut policies: Vec<i64>) -> rusqlite::Result<i64> {
        policies.sort_unstable();
        policies.dedup();
        let stored = policies::encode_list(&policies);
        let known = self
            .connection
            .prepare_cached("SELECT id FROM judged WHERE policies = ?1")?
            .query_row([&stored], |row| row.get(0))
            .optional()?;
        if let Some(id) = known {
            return Ok(id);
        }
        for policy in &policies {
            self.connection.prepare_cached("INSERT OR IGNORE INTO asked VALUES (?1)")?.execute([policy])?;
        }
        self.connection
            .prepare_cached("INSERT INTO judged(policies) VALUES (?1) RETURNING id")?
            .query_row([&stored], |row| row.get(0))
    }

    fn tokens(&mut self, at: At, entry: &Entry, decision: &DecisionRecord) -> rusqlite::Result<()> {
        let subject = &decision.subject;
        let mut words = tokens::Words::default();
        words.add(&subject.address);
        words.add(&subject.resource_type);
        words.add(&subject.kind);
        let labels = [&subject.labels.environment, &subject.labels.service, &subject.labels.owner];
        labels.into_iter().flatten().for_each(|label| words.add(label));
        entry.submission.gate.iter().for_each(|gate| words.add(&gate.name));
        for finding in &decision.findings {
            words.add(finding.policy.as_str());
            words.add(&finding.message);
            finding.reason.iter().for_each(|reason| words.add(reason));
        }
        self.words.note_terms(self.connection, words.text())?;
        self.connection
            .prepare_cached("INSERT INTO words(rowid, text) VALUES (?1, ?2)")?
            .execute((at.id, words.text()))
            .map(drop)
    }

    fn scan(&mut self, at: At, scan: &ScanRecord) -> rusqlite::Result<()> {
        self.policy_set(at, &scan.policies)?;
        let mut outcomes = Outcomes::default();
        scan.outcomes.iter().for_each(|(outcome, count)| outcomes.add(*outcome, *count));
        let mut row = scan.clone();
        row.waivers.clear();
        row.paths.truncate(PATHS);
        row.paths.iter_mut().for_each(|path| *path = kept(path).into_owned());
        row.problems.truncate(PROBLEMS);
        for problem in &mut row.problems {
            problem.path = kept(&problem.path).into_owned();
            problem.message = kept(&problem.message).into_owned();
        }
        let body =
            serde_json::to_string(&row).map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
        let problems = i64::try_from(scan.problems.len()).unwrap_or(i64::MAX);
        self.connection.prepare_cached("INSERT INTO scan VALUES (?1, ?2, ?3, ?4, ?5)")?.execute((
            at.id,
            at.time,
            problems,
            &scan.policies.0[..],
            body,
        ))?;
        for waiver in &scan.waivers {
            let body =
                serde_json::to_string(waiver).map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
            self.connection
                .prepare_cached(
                    "INSERT INTO waiver(body, first_entry, first_time, last_entry, last_time, scans) VALUES (?1, ?2, ?3, ?2, ?3, 1)
                     ON CONFLICT(body) DO UPDATE SET last_entry = ?2, first_time = min(first_time, ?3),
                     last_time = max(last_time, ?3), scans = scans + 1",
                )?
                .execute((body, at.id, at.time))?;
        }
        Ok(())
    }

    fn policy_set(&mut self, at: At, digest: &Digest) -> rusqlite::Result<()> {
        if self.sets.insert(*digest) {
            policies::see(self.connection, self.words, self.blobs, at, digest)?;
        }
        Ok(())
    }

    /// Writes what was collected.
    pub(crate) fn finish(mut self) -> rusqlite::Result<()> {
        self.write_facets()?;
        for state in self.gates.values() {
            state.save(self.connection)?;
        }
        for ((policy, day, month, environment, outcome), count) in sorted(&self.findings) {
            for (span, period) in [(DAYS, day), (MONTHS, month)] {
                self.connection
                    .prepare_cached(
                        "INSERT INTO findings_by VALUES (?1, ?2, ?3, ?4, ?5, ?6)
                         ON CONFLICT DO UPDATE SET count = count + excluded.count",
                    )?
                    .execute((span, policy, period, environment, outcome, count))?;
            }
        }
        for ((day, environment, action), count) in sorted(&self.actions) {
            self.connection
                .prepare_cached(
                    "INSERT INTO actions_by VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO UPDATE SET count = count + excluded.count",
                )?
                .execute((day, environment, action, count))?;
        }
        for ((day, month, environment, list), count) in sorted(&self.judged) {
            for (span, period) in [(DAYS, day), (MONTHS, month)] {
                self.connection
                    .prepare_cached(
                        "INSERT INTO judged_by VALUES (?1, ?2, ?3, ?4, ?5)
                         ON CONFLICT DO UPDATE SET count = count + excluded.count",
                    )?
                    .execute((span, period, environment, list, count))?;
            }
        }
        Ok(())
    }

    fn write_facets(&mut self) -> rusqlite::Result<()> {
        let chunk = self.chunk.cast_signed();
        let mut facets: Vec<((i64, i64), Vec<u16>)> = self.facets.drain().collect();
        facets.sort_unstable_by_key(|(key, _)| *key);
        let mut read =
            self.connection.prepare_cached("SELECT bits FROM facet WHERE facet = ?1 AND chunk = ?2 AND value = ?3")?;
        let mut write = self.connection.prepare_cached("INSERT OR REPLACE INTO facet VALUES (?1, ?2, ?3, ?4)")?;
        for ((facet, value), positions) in facets {
            let stored: Option<Vec<u8>> = read.query_row((facet, chunk, value), |row| row.get(0)).optional()?;
            let bits = extended(stored.as_deref(), &positions).map_err(|_| not_a_set())?;
            write.execute((facet, chunk, value, bits))?;
        }
        Ok(())
    }
}

/// That stored bits are not what was written.
pub(crate) fn not_a_set() -> rusqlite::Error {
    let what = "a set of entries cannot be read".into();
    rusqlite::Error::FromSqlConversionFailure(0, rusqlite::types::Type::Blob, what)
}

/// Sums in the order of their keys, so that the tables are written front to back.
fn sorted<K: Copy + Ord>(sums: &HashMap<K, i64>) -> Vec<(K, i64)> {
    let mut sums: Vec<(K, i64)> = sums.iter().map(|(key, count)| (*key, *count)).collect();
    sums.sort_unstable();
    sums
}

/// A number as the database has it.
pub(crate) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn worst(findings: &[FindingRecord]) -> Option<Severity> {
    findings
        .iter()
        .filter(|finding| matches!(finding.outcome, Outcome::Fail | Outcome::Error))
        .map(|finding| finding.severity)
        .max()
}
