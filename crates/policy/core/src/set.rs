use std::collections::HashMap;
use std::sync::Arc;

use probity_model::{
    Decision, Finding, Gate, InlineSkip, Metadata, NodeIndex, Outcome, PolicyId, SmolStr, Span, Stage, Stages, Subject,
    SubjectRef, Waived, Waiver,
};

use crate::policy::{Facts, Policy, Scope, TypeSelector, Verdict};
use crate::reach::{FailMode, RequestRule};
use crate::request::AdmissionRequest;
use crate::selection::Selection;

/// Two policies of the same name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetError {
    /// The name.
    pub id: String,
}

impl std::fmt::Display for SetError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "two policies have the id `{}`; rename or leave out one of them", self.id)
    }
}

impl std::error::Error for SetError {}

/// Collects policies and how they are applied.
pub struct PolicySetBuilder {
    policies: Vec<Arc<dyn Policy>>,
    gate: Gate,
    stages: Stages,
    waivers: Vec<Waiver>,
    selection: Selection,
}

impl PolicySetBuilder {
    /// Adds policies.
    #[must_use]
    pub fn policies(mut self, policies: impl IntoIterator<Item = Arc<dyn Policy>>) -> Self {
        self.policies.extend(policies);
        self
    }

    /// Sets which policy is at which stage.
    #[must_use]
    pub fn stages(mut self, stages: Stages) -> Self {
        self.stages = stages;
        self
    }

    /// Adds waivers.
    #[must_use]
    pub fn waivers(mut self, waivers: impl IntoIterator<Item = Waiver>) -> Self {
        self.waivers.extend(waivers);
        self
    }

    /// Sets which policies are asked.
    #[must_use]
    pub fn selection(mut self, selection: Selection) -> Self {
        self.selection = selection;
        self
    }

    /// The set, indexed.
    ///
    /// # Errors
    /// When two policies have the same id.
    pub fn build(self) -> Result<PolicySet, SetError> {
        let mut policies = self.policies;
        // Metadata is not read when nothing depends on it.
        if !self.selection.is_empty() {
            let is_asked = self.selection.filter();
            policies.retain(|policy| is_asked(policy.metadata()));
        }
        policies.sort_by(|a, b| a.id().cmp(b.id()));
        if let Some(pair) = policies.windows(2).find(|pair| pair[0].id() == pair[1].id()) {
            return Err(SetError { id: pair[0].id().to_string() });
        }
        let index = Index::new(&policies);
        let asked = match self.gate {
            Gate::Admission => Asked::of(&policies),
            _ => Asked::default(),
        };
        Ok(PolicySet { policies, index, asked, gate: self.gate, stages: self.stages, waivers: self.waivers })
    }
}

/// Policies by the resource types they judge.
#[derive(Default)]
struct Index {
    exact: HashMap<SmolStr, Vec<usize>>,
    prefixes: Vec<(TypeSelector, usize)>,
}

impl Index {
    fn new(policies: &[Arc<dyn Policy>]) -> Self {
        let mut index = Self::default();
        for (position, policy) in policies.iter().enumerate() {
            for selector in policy.types() {
                match selector {
                    TypeSelector::Exact(name) => index.exact.entry(name.clone()).or_default().push(position),
                    other => index.prefixes.push((other.clone(), position)),
                }
            }
        }
        index
    }

    /// Positions of the policies that judge this type, in order and without repeats.
    fn policies(&self, resource_type: &str) -> Vec<usize> {
        let mut positions = self.exact.get(resource_type).cloned().unwrap_or_default();
        positions.extend(
            self.prefixes.iter().filter(|(selector, _)| selector.matches(resource_type)).map(|(_, position)| *position),
        );
        positions.sort_unstable();
        positions.dedup();
        positions
    }
}

/// The requests that policies are about. Most policies share what they say of that, and it is looked at once.
#[derive(Default)]
struct Asked {
    rules: Vec<Vec<RequestRule>>,
    /// Of each policy, where its rules are.
    of: Vec<usize>,
}

impl Asked {
    fn of(policies: &[Arc<dyn Policy>]) -> Self {
        let mut rules = Vec::new();
        let place = |own: Vec<RequestRule>| {
            rules.iter().position(|known| *known == own).unwrap_or_else(|| {
                rules.push(own);
                rules.len() - 1
            })
        };
        let of = policies.iter().map(|policy| policy.requests()).map(place).collect();
        Self { rules, of }
    }

    /// Whether a policy is about the request.
    fn filter<'a>(&'a self, request: Option<&AdmissionRequest>) -> impl Fn(usize) -> bool + use<'a> {
        let is_about =
            |rules: &Vec<RequestRule>| request.is_none_or(|request| rules.iter().any(|rule| rule.is_about(request)));
        let about: Vec<bool> = self.rules.iter().map(is_about).collect();
        move |policy| self.of.get(policy).is_none_or(|place| about[*place])
    }
}

/// What the policies that look at a whole graph say, by subject; made once for a graph by [`PolicySet::rule`].
#[derive(Debug, Default)]
pub struct Rulings(HashMap<(usize, NodeIndex), Vec<Verdict>>);

/// Compiled policies and how they are applied, shared read-only between threads.
pub struct PolicySet {
    policies: Vec<Arc<dyn Policy>>,
    index: Index,
    /// The requests that each is about, at a gate that judges requests.
    asked: Asked,
    gate: Gate,
    stages: Stages,
    waivers: Vec<Waiver>,
}

impl PolicySet {
    /// Starts a set for a gate where all policies are at the stage that `stages` says.
    pub fn builder(gate: Gate, stages: Stages) -> PolicySetBuilder {
        PolicySetBuilder { policies: Vec::new(), gate, stages, waivers: Vec::new(), selection: Selection::default() }
    }

    /// What is known of the policies, in the order of their ids.
    pub fn metadata(&self) -> impl Iterator<Item = &Metadata> + Clone {
        self.policies.iter().map(|policy| policy.metadata())
    }

    /// The resource types that some policy judges.
    pub fn types(&self) -> impl Iterator<Item = &TypeSelector> {
        self.policies.iter().flat_map(|policy| policy.types())
    }

    /// The policies, in the order of their ids.
    pub fn policies(&self) -> &[Arc<dyn Policy>] {
        &self.policies
    }

    /// The identifiers of the policies, in order.
    pub fn ids(&self) -> impl ExactSizeIterator<Item = &PolicyId> {
        self.policies.iter().map(|policy| policy.id())
    }

    /// What is known of a policy of the set.
    pub fn get(&self, id: &PolicyId) -> Option<&Metadata> {
        let position = self.policies.binary_search_by(|policy| policy.id().cmp(id)).ok()?;
        Some(self.policies[position].metadata())
    }

    /// The waivers in force.
    pub fn waivers(&self) -> &[Waiver] {
        &self.waivers
    }

    /// Asks the policies that look at all subjects at once.
    pub fn rule(&self, facts: &Facts<'_>) -> Rulings {
        let mut rulings = Rulings::default();
        for (position, policy) in self.policies.iter().enumerate() {
            if policy.scope() == Scope::Graph {
                for (index, verdict) in policy.judge_graph(facts) {
                    rulings.0.entry((position, index)).or_default().push(verdict);
                }
            }
        }
        rulings
    }

    /// Judges one subject, at position `index` of `facts.graph`, by every policy of its type.
    pub fn evaluate(&self, subject: &Subject, index: NodeIndex, facts: &Facts<'_>, rulings: &Rulings) -> Decision {
        let mut findings = Vec::new();
        let mut verdicts = Vec::new();
        let is_asked = self.asked.filter(facts.request);
        for position in self.index.policies(&subject.resource_type).into_iter().filter(|policy| is_asked(*policy)) {
            let policy = &self.policies[position];
            match policy.scope() {
                Scope::Graph if facts.cluster.is_none() => {
                    verdicts.extend(rulings.0.get(&(position, index)).into_iter().flatten().cloned());
                }
                Scope::Subject | Scope::Graph => policy.judge(subject, index, facts, &mut verdicts),
            }
            for verdict in verdicts.drain(..) {
                findings.push(self.finding(&**policy, verdict, subject, facts));
            }
        }
        // Of a large plan there are millions, and all are kept.
        findings.shrink_to_fit();
        Decision {
            subject: SubjectRef::from(subject),
            gate: self.gate,
            action: Decision::action_of(&findings),
            findings,
        }
    }

    fn finding(&self, policy: &dyn Policy, verdict: Verdict, subject: &Subject, facts: &Facts<'_>) -> Finding {
        let metadata = policy.metadata();
        let mut reason = None;
        let (outcome, message, span) = match verdict {
            Verdict::Pass => (Outcome::Pass, String::new(), None),
            Verdict::Fail { message, span } => (Outcome::Fail, message, span),
            Verdict::Excepted { message, reason: exception } => {
                reason = Some(exception);
                (Outcome::Skipped, message, None)
            }
            // A request is answered now: what is not known in time is a failure of the policy.
            Verdict::Unknown { message, span } if facts.request.is_some() => (Outcome::Error, message, span),
            Verdict::Unknown { message, span } => (Outcome::Unknown, message, span),
            Verdict::Error { message } => (Outcome::Error, message, None),
        };
        let configured = self.stages.stage(self.gate, subject.labels.environment.as_deref(), &metadata.id);
        let passes_on_error =
            facts.request.is_some() && outcome == Outcome::Error && policy.fail_mode() == FailMode::Open;
        let most = if passes_on_error { policy.most().min(Stage::Warn) } else { policy.most() };
        let mut finding = Finding {
            policy: metadata.id.clone(),
            outcome,
            severity: metadata.severity,
            stage: configured.min(most),
            message,
            reason,
            span: span.or(subject.header).or(subject.span),
            location: None,
        };
        if outcome == Outcome::Fail {
            if policy.can_be_waived() {
                self.accept(&mut finding, metadata, subject, facts);
            } else if self.waivers.iter().any(|waiver| waiver.covers(&metadata.id, subject)) {
                finding.reason = Some("the policy accepts no waiver".to_owned());
            }
        }
        finding
    }

    /// Turns a failure into a skip or a waived one when the source or a waiver says so.
    fn accept(&self, finding: &mut Finding, metadata: &Metadata, subject: &Subject, facts: &Facts<'_>) {
        let asked = || {
            let names = |skip: &&InlineSkip| skip.policies.iter().any(|name| name == "*" || metadata.is_called(name));
            subject.skips.iter().filter(names)
        };
        let covering = || self.waivers.iter().filter(|waiver| waiver.covers(&metadata.id, subject));
        let in_force = |skip: &&InlineSkip| skip.expires.is_none_or(|expires| facts.today <= expires);
        if let Some(skip) = asked().find(in_force) {
            finding.outcome = Outcome::Skipped;
            finding.reason = Some(skip.reason.clone().unwrap_or_else(|| "skipped in the source".to_owned()));
        } else if let Some(waiver) = covering().find(|waiver| facts.today <= waiver.expires) {
            finding.outcome = Outcome::Waived;
            finding.reason = Some(format!(
                "{} (requested by {}, approved by {}, expires {})",
                waiver.reason, waiver.requested_by, waiver.approved_by, waiver.expires
            ));
        } else if let Some((skip, expires)) = asked().find_map(|skip| Some((skip, skip.expires?))) {
            let why = skip.reason.as_ref().map(|reason| format!(" ({reason})")).unwrap_or_default();
            finding.reason = Some(format!("the skip in the source{why} expired on {expires}"));
        } else if let Some(waiver) = covering().max_by_key(|waiver| waiver.expires) {
            finding.reason = Some(format!("the waiver ({}) expired on {}", waiver.reason, waiver.expires));
        }
    }

    /// The place of a waiver of policies that covers nothing among these decisions, to be named to the user. Of one of a
    /// vulnerability only who looked for vulnerabilities knows.
    pub fn unused_waivers<'a>(&'a self, decisions: &'a [Decision]) -> impl Iterator<Item = (&'a Waiver, Option<Span>)> {
        self.waivers
            .iter()
            .filter(|waiver| matches!(waiver.of, Waived::Policies(_)))
            .filter(|waiver| {
                !decisions.iter().any(|decision| {
                    waiver.subject.matches(&decision.subject.address)
                        && decision
                            .findings
                            .iter()
                            .any(|finding| finding.outcome == Outcome::Waived && waiver.is_of(&finding.policy))
                })
            })
            .map(|waiver| (waiver, waiver.span))
    }
}
