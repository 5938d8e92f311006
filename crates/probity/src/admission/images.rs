//! What containers run, judged by the policies on images: once a digest, and from what the ledger has before any registry
//! is asked.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use probity_evidence_index::{Filter, Page, Queries};
use probity_evidence_ledger::{Body, Reader};
use probity_gate_admission::Images;
use probity_inspection::Inspection;
use probity_model::{
    CONTAINER_IMAGE, Finding, Gate, Labels, NodeIndex, Outcome, PolicyId, ResourceGraph, Severity, Sources, Stage,
};
use probity_policy_core::{Facts, FailMode, PolicySet, Rulings};
use probity_subject_image::{Digest, Location, Reference};

use super::policies::admission_stages;
use super::tags::Tags;
use crate::config::Config;
use crate::images::{ImageSource, InspectArgs, Inspector};
use crate::today;

/// How long what was found of a digest counts.
const FRESH: Duration = Duration::from_mins(5);

/// Most digests that are remembered.
const MOST: usize = 10_000;

/// Images that are looked into at the same time.
const AT_ONCE: usize = 4;

/// The policy whose finding says that an image could not be looked into.
const UNKNOWN: &str = "image";

/// What knows of images.
pub(super) struct Known {
    args: &'static InspectArgs,
    inspector: Inspector<'static>,
    tags: Arc<Tags>,
    set: PolicySet,
    config: Arc<Config>,
    /// The ledger and its index, where they are on this machine.
    ledger: Option<(Reader, PathBuf)>,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    found: HashMap<Digest, (Instant, Result<Vec<Finding>, String>)>,
    /// Digests that are being looked into.
    asked: Vec<Digest>,
}

/// What was found of an image before.
pub(super) struct Remembered {
    /// Whether it still counts at a gate.
    pub(super) is_fresh: bool,
    pub(super) digest: Option<String>,
    pub(super) findings: Vec<Finding>,
}

/// What knows of images, until a deadline.
pub(super) struct Until {
    known: Arc<Known>,
    deadline: Instant,
}

impl Known {
    /// Opens what the configuration names.
    pub(super) fn open(
        args: InspectArgs,
        tags: Arc<Tags>,
        set: PolicySet,
        config: Arc<Config>,
        ledger: Option<(Reader, PathBuf)>,
    ) -> Result<Arc<Self>> {
        // One for as long as the process lives.
        let args: &'static InspectArgs = Box::leak(Box::new(args));
        let inspector = args.open(&config, &Sources::default()).context("images cannot be judged")?;
        Ok(Arc::new(Self {
            args,
            inspector,
            tags,
            set,
            config,
            ledger,
            state: Mutex::default(),
            changed: Condvar::new(),
        }))
    }

    /// The files that an opinion on an image is made of.
    pub(super) fn files(&self) -> Vec<PathBuf> {
        self.args.files(&self.config)
    }

    /// What looks into images by those files as they are now.
    pub(super) fn anew(&self) -> Result<Inspector<'static>> {
        self.args.open(&self.config, &Sources::default())
    }

    /// The digest that a reference means now.
    pub(super) fn digest(&self, reference: &Reference, deadline: Instant) -> Result<Digest, String> {
        self.tags.digest(reference, deadline)
    }

    /// What an inspector finds in an image, without what is accepted.
    pub(super) fn look(&self, inspector: &Inspector<'_>, at: &Reference) -> Result<Inspection, String> {
        let inspected = inspector.inspect(&ImageSource::Image(Location::Registry(at.clone())));
        let mut inspection = inspected.map_err(|error| crate::words(&error))?;
        inspection.waive(self.set.waivers(), today());
        Ok(inspection)
    }

    /// Whether a request can be denied for an image.
    pub(super) fn fail_mode(&self) -> FailMode {
        let stages = admission_stages(&self.config);
        let denies = |id: &PolicyId| stages.most(Gate::Admission, id) == Stage::Enforce;
        if self.set.ids().any(denies) { FailMode::Closed } else { FailMode::Open }
    }

    /// The policies on images.
    pub(super) fn set(&self) -> &PolicySet {
        &self.set
    }

    /// What was last found of a reference, however long ago; nobody is asked.
    pub(super) fn remembered(&self, reference: &str) -> Option<Remembered> {
        let unknown = |is_fresh, why| Some(Remembered { is_fresh, digest: None, findings: self.unknown(why) });
        let parsed: Reference = match reference.parse() {
            Ok(parsed) => parsed,
            Err(error) => return unknown(true, format!("{error}")),
        };
        let (is_named, digest) = match self.tags.remembered(&parsed)? {
            (is_fresh, Ok(digest)) => (is_fresh, digest),
            (is_fresh, Err(why)) => return unknown(is_fresh, why),
        };
        let state = self.state();
        let (since, found) = state.found.get(&digest)?;
        Some(Remembered {
            is_fresh: is_named && since.elapsed() < FRESH,
            findings: found.clone().unwrap_or_else(|why| self.unknown(why)),
            digest: Some(digest.to_string()),
        })
    }

    fn unknown(&self, why: String) -> Vec<Finding> {
        vec![self.finding(PolicyId::from(UNKNOWN), Outcome::Error, why)]
    }

    /// The same, which waits for registries until then.
    pub(super) fn until(self: &Arc<Self>, deadline: Instant) -> Until {
        Until { known: Arc::clone(self), deadline }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What policies say of a digest; looked into on a thread of its own, which goes on when nobody waits any more, so
    /// that the next request finds it done.
    fn findings(
        self: &Arc<Self>,
        reference: &Reference,
        digest: &Digest,
        labels: &Labels,
        deadline: Instant,
    ) -> Result<Vec<Finding>, String> {
        let mut state = self.state();
        loop {
            if let Some((since, found)) = state.found.get(digest)
                && since.elapsed() < FRESH
            {
                return found.clone();
            }
            if !state.asked.contains(digest) && state.asked.len() < AT_ONCE {
                state.asked.push(digest.clone());
                let (known, at, digest, labels) =
                    (Arc::clone(self), reference.at(digest.clone()), digest.clone(), labels.clone());
                std::thread::spawn(move || known.look_into(&at, &digest, &labels));
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err("it is still being looked into; try again in a moment".to_owned());
            }
            state = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn look_into(&self, at: &Reference, digest: &Digest, labels: &Labels) {
        let look = || self.held(digest).map_or_else(|| self.inspect(at, labels), Ok);
        // What panics must not be waited for.
        let found = std::panic::catch_unwind(std::panic::AssertUnwindSafe(look))
            .unwrap_or_else(|_| Err("it could not be looked into; the log says why".to_owned()));
        let mut state = self.state();
        if state.found.len() >= MOST {
            state.found.clear();
        }
        state.found.insert(digest.clone(), (Instant::now(), found));
        state.asked.retain(|asked| asked != digest);
        self.changed.notify_all();
    }

    /// What the ledger has of a digest, when it was judged today by all policies that are asked here.
    fn held(&self, digest: &Digest) -> Option<Vec<Finding>> {
        let (reader, index) = self.ledger.as_ref()?;
        let midnight = jiff::tz::Offset::UTC.to_timestamp(today().at(0, 0, 0, 0)).ok()?;
        let filter = Filter {
            address: Some(format!("*{digest}")),
            resource_type: Some(CONTAINER_IMAGE.to_owned()),
            from: Some(midnight),
            ..Filter::default()
        };
        let newest = Queries::open(index).ok()?.decisions(&filter, Page::first(1)).ok()?.rows.into_iter().next()?;
        let Body::Decision(record) = reader.entry(newest.index).ok()?.entry.submission.body else { return None };
        let was_asked =
            |id: &PolicyId| record.passed.contains(id) || record.findings.iter().any(|finding| finding.policy == *id);
        if !self.set.ids().all(was_asked) {
            return None;
        }
        let passed = record.passed.iter().map(|id| self.finding(id.clone(), Outcome::Pass, String::new()));
        let others = record.findings.iter().map(|finding| Finding {
            stage: finding.stage,
            reason: finding.reason.clone(),
            ..self.finding(finding.policy.clone(), finding.outcome, finding.message.clone())
        });
        Some(passed.chain(others).collect())
    }

    fn finding(&self, policy: PolicyId, outcome: Outcome, message: String) -> Finding {
        let severity = self.set.get(&policy).map_or(Severity::High, |metadata| metadata.severity);
        Finding { policy, outcome, severity, stage: Stage::Enforce, message, reason: None, span: None, location: None }
    }

    fn inspect(&self, at: &Reference, labels: &Labels) -> Result<Vec<Finding>, String> {
        let inspection = self.look(&self.inspector, at)?;
        let mut subject = inspection.subject(today());
        subject.labels = self.config.labels_of(&at.name());
        subject.labels.environment = labels.environment.clone().or(subject.labels.environment);
        let graph = ResourceGraph::new(vec![subject], []);
        let facts = Facts::of_files(&graph, today());
        Ok(self.set.evaluate(graph.subject(NodeIndex(0)), NodeIndex(0), &facts, &Rulings::default()).findings)
    }
}

impl Images for Until {
    fn judge(&self, reference: &str, labels: &Labels) -> (Option<String>, Vec<Finding>) {
        let known = &self.known;
        let unknown = |why: String| known.unknown(why);
        let parsed: Reference = match reference.parse() {
            Ok(parsed) => parsed,
            Err(error) => return (None, unknown(format!("{error}"))),
        };
        let digest = match known.tags.digest(&parsed, self.deadline) {
            Ok(digest) => digest,
            Err(why) => return (None, unknown(why)),
        };
        let findings = known.findings(&parsed, &digest, labels, self.deadline).unwrap_or_else(unknown);
        (Some(digest.to_string()), findings)
    }
}
