//! Judging again what was judged before.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use jiff::civil::Date;
use probity_evidence_ledger::{DecisionRecord, Digest, InputRef, Reader};
use probity_model::{Gate, NodeIndex, Outcome, PolicyId, ResourceGraph, Stage, Stages};
use probity_policy_core::{Facts, Policy, PolicySet, Rulings};

use super::policies;

/// What a policy says by itself, before waivers, skips and baselines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Verdict {
    Pass,
    Fail,
    Unknown,
    Error,
}

impl Verdict {
    /// A failure that was waived or skipped was a failure.
    fn of(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Pass => Self::Pass,
            Outcome::Fail | Outcome::Waived | Outcome::Skipped => Self::Fail,
            Outcome::Unknown => Self::Unknown,
            Outcome::Error => Self::Error,
        }
    }

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Unknown => "unknown",
            Self::Error => "error",
        }
    }
}

/// What each policy says of a subject: once for each place it looks at.
pub(crate) type Verdicts = BTreeMap<PolicyId, Vec<Verdict>>;

/// What a decision says that its policies said.
pub(crate) fn recorded(record: &DecisionRecord) -> Verdicts {
    let passed = record.passed.iter().map(|policy| (policy, Verdict::Pass));
    let others = record.findings.iter().map(|finding| (&finding.policy, Verdict::of(finding.outcome)));
    collect(passed.chain(others))
}

fn collect<'a>(pairs: impl Iterator<Item = (&'a PolicyId, Verdict)>) -> Verdicts {
    let mut verdicts = Verdicts::new();
    for (policy, verdict) in pairs {
        verdicts.entry(policy.clone()).or_default().push(verdict);
    }
    for list in verdicts.values_mut() {
        list.sort_unstable();
    }
    verdicts
}

/// Subjects read together, judged by a set on a day. Whole graphs are ruled once and then asked subject by subject.
struct Scene {
    graph: Arc<ResourceGraph>,
    set: Arc<PolicySet>,
    rulings: Rulings,
}

/// Judges again from what is kept in a ledger. What many decisions have in common is read once.
pub(crate) struct Judge<'a> {
    reader: &'a Reader,
    /// Judge by these instead of those that were asked.
    instead: Option<Arc<PolicySet>>,
    sets: HashMap<Digest, Arc<PolicySet>>,
    graphs: HashMap<Digest, Arc<ResourceGraph>>,
    scenes: HashMap<(Digest, Digest, Date), Scene>,
}

/// So many graphs are kept in memory at once.
const MAX_SCENES: usize = 4;

impl<'a> Judge<'a> {
    /// Judges by the policies that were asked then, or by others.
    pub(crate) fn new(reader: &'a Reader, instead: Option<Vec<Arc<dyn Policy>>>) -> Result<Self> {
        let instead = instead.map(set_of).transpose()?;
        Ok(Self { reader, instead, sets: HashMap::new(), graphs: HashMap::new(), scenes: HashMap::new() })
    }

    /// What the policies say of the subject of a decision.
    pub(crate) fn verdicts(&mut self, input: &InputRef) -> Result<Verdicts> {
        let key = (input.subjects, input.policies, input.day);
        if !self.scenes.contains_key(&key) {
            if self.scenes.len() >= MAX_SCENES {
                self.scenes.clear();
                self.graphs.clear();
            }
            let scene = self.scene(input)?;
            self.scenes.insert(key, scene);
        }
        let scene = &self.scenes[&key];
        if input.position as usize >= scene.graph.subjects().len() {
            bail!("the kept subjects are fewer than {}", u64::from(input.position) + 1);
        }
        let facts = Facts::of_files(&scene.graph, input.day);
        let index = NodeIndex(input.position);
        let decision = scene.set.evaluate(scene.graph.subject(index), index, &facts, &scene.rulings);
        Ok(collect(decision.findings.iter().map(|finding| (&finding.policy, Verdict::of(finding.outcome)))))
    }

    fn graph(&mut self, subjects: &Digest) -> Result<Arc<ResourceGraph>> {
        if let Some(graph) = self.graphs.get(subjects) {
            return Ok(Arc::clone(graph));
        }
        let bytes = self.reader.blob(subjects)?;
        let graph = probity_evidence_input::read(&bytes).with_context(|| format!("the kept subjects {subjects}"))?;
        let graph = Arc::new(graph);
        self.graphs.insert(*subjects, Arc::clone(&graph));
        Ok(graph)
    }

    fn scene(&mut self, input: &InputRef) -> Result<Scene> {
        let graph = self.graph(&input.subjects)?;
        let set = match (&self.instead, self.sets.get(&input.policies)) {
            (Some(set), _) | (None, Some(set)) => Arc::clone(set),
            (None, None) => {
                let set = set_of(policies::read(&self.reader.blob(&input.policies)?)?)?;
                self.sets.insert(input.policies, Arc::clone(&set));
                set
            }
        };
        let rulings = set.rule(&Facts::of_files(&graph, input.day));
        Ok(Scene { graph, set, rulings })
    }
}

fn set_of(policies: Vec<Arc<dyn Policy>>) -> Result<Arc<PolicySet>> {
    Ok(Arc::new(PolicySet::builder(Gate::Ci, Stages::all(Stage::Enforce)).policies(policies).build()?))
}
