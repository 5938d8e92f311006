//! From a request to an answer.

use std::sync::Arc;

use jiff::civil::Date;
use probity_model::{
    Decision, Finding, Gate, Labels, NodeIndex, Outcome, PolicyId, ResourceGraph, Stage, Stages, Subject, Waiver,
};
use probity_model::{Sources, Value};
use probity_policy_core::{
    AdmissionRequest, Called, Cluster, Facts, FailMode, Mutation, Mutator, Operation, Policy, PolicySet, Query,
    Rulings, TypeSelector, Watched,
};
use probity_subject_iac::kubernetes;

use crate::answer::{Answer, Passed};
use crate::exemption::Exemptions;
use crate::images::image_references;
use crate::patch::difference;
use crate::subject::{subject, watched_subject};

/// Most rounds of changes: policies that undo what others do are stopped.
const MAX_ROUNDS: usize = 3;

/// Most objects around a subject that its connections are looked for in.
const MAX_NEIGHBOURS: usize = 2_000;

/// Two policies of the same name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct JudgingError(String);

/// What knows of images: the digest that a reference means, and what policies on images say of it.
pub trait Images: Send + Sync {
    /// The digest, and the findings on the image. Stages and waivers are applied.
    fn judge(&self, reference: &str, labels: &Labels) -> (Option<String>, Vec<Finding>);
}

/// What a gate judges by.
#[derive(Default)]
pub struct Judging {
    /// The policies, of all languages.
    pub policies: Vec<Arc<dyn Policy>>,
    /// What changes objects before they are judged.
    pub mutators: Vec<Arc<dyn Mutator>>,
    /// Accepted findings.
    pub waivers: Vec<Waiver>,
}

/// What is around a request.
#[derive(Clone, Copy)]
pub struct Surroundings<'s> {
    /// The cluster, when there is one to ask.
    pub cluster: Option<&'s dyn Cluster>,
    /// The day.
    pub today: Date,
    /// Where what is asked about belongs.
    pub labels: &'s Labels,
    /// What knows of images, when their policies are asked.
    pub images: Option<&'s dyn Images>,
}

/// Compiled policies, shared between threads.
pub struct Judge {
    /// All policies, for requests that some policy which fails closed is about.
    all: PolicySet,
    /// Those that fail open, for the other requests.
    open: PolicySet,
    /// Those of both that are asked of what is there already.
    background: PolicySet,
    mutators: Vec<Arc<dyn Mutator>>,
    exemptions: Exemptions,
    /// Kinds of objects that connections of policies lead to, with the types that those policies judge.
    neighbours: Vec<(Vec<TypeSelector>, Vec<Watched>)>,
}

impl Judge {
    /// A judge by these policies.
    ///
    /// # Errors
    /// When two policies have the same id.
    pub fn new(judging: Judging, stages: &Stages, exemptions: Exemptions) -> Result<Self, JudgingError> {
        let Judging { policies, mutators, waivers } = judging;
        let connecting = policies.iter().filter(|policy| policy.connects());
        let neighbours = connecting.map(|policy| (policy.types().to_vec(), policy.watches())).collect();
        let set = |is_in: &dyn Fn(&dyn Policy) -> bool| {
            let own = policies.iter().filter(|policy| is_in(&***policy)).cloned();
            let set =
                PolicySet::builder(Gate::Admission, stages.clone()).policies(own).waivers(waivers.iter().cloned());
            set.build().map_err(|error| JudgingError(error.to_string()))
        };
        Ok(Self {
            all: set(&|_| true)?,
            open: set(&|policy| fail_mode(policy, stages) == FailMode::Open)?,
            background: set(&|policy| policy.occasions().background)?,
            mutators,
            exemptions,
            neighbours,
        })
    }

    /// The policies that are asked where the API server fails so: where it fails closed all of them.
    fn set(&self, mode: FailMode) -> &PolicySet {
        if mode == FailMode::Closed { &self.all } else { &self.open }
    }

    /// The policies that are asked of what is there already.
    pub fn background(&self) -> &PolicySet {
        &self.background
    }

    /// All policies.
    pub fn policies(&self) -> impl Iterator<Item = &Arc<dyn Policy>> {
        self.all.policies().iter()
    }

    /// All policies, each with how it fails here.
    pub fn modes(&self) -> impl Iterator<Item = (FailMode, &dyn Policy)> {
        self.policies().map(|policy| (self.fail_mode(policy.id()), &**policy))
    }

    fn fail_mode(&self, policy: &PolicyId) -> FailMode {
        if self.open.get(policy).is_some() { FailMode::Open } else { FailMode::Closed }
    }

    /// What changes objects.
    pub fn mutators(&self) -> &[Arc<dyn Mutator>] {
        &self.mutators
    }

    /// What always passes.
    pub fn exemptions(&self) -> &Exemptions {
        &self.exemptions
    }

    /// Judges a request: by all policies where the API server fails closed, and else by those that fail open.
    pub fn validate(
        &self,
        mode: FailMode,
        request: &AdmissionRequest,
        id: String,
        around: &Surroundings<'_>,
    ) -> Answer {
        let uid = request.text(&["uid"]);
        if let Some(reason) = self.exemptions.reason(request) {
            return Answer::passed(id, uid, Passed::Exempt(reason));
        }
        if only_goes(request) {
            return Answer::passed(
                id,
                uid,
                Passed::Exempt("the object is being deleted and nothing else changes".to_owned()),
            );
        }
        let Some(subject) = subject(request, around.labels.clone()) else { return Answer::allowed(id, uid) };
        let set = self.set(mode);
        let mut decision = self.decision(set, subject, request, around);
        let mut images = Vec::new();
        if matches!(request.operation(), Operation::Create | Operation::Update) {
            images = request.object().map(|object| judge_images(object, around, &mut decision)).unwrap_or_default();
        }
        let metadata = |id: &PolicyId| set.get(id);
        Answer { images, ..Answer::of_decision(id, uid, decision, metadata) }
    }

    /// Judges what is there already, as if it were made now, by all policies that are asked in the background, and what
    /// its containers run by those on images, when there are.
    pub fn audit(&self, object: &Value, around: &Surroundings<'_>) -> Option<Decision> {
        let subject = watched_subject(object, around.labels.clone())?;
        let neighbours = self.neighbours_of(&subject, around);
        let mut decision = Self::evaluate(&self.background, subject, &neighbours, None, around);
        if around.images.is_some() {
            judge_images(object, around, &mut decision);
        }
        Some(decision)
    }

    fn decision(
        &self,
        set: &PolicySet,
        subject: Subject,
        request: &AdmissionRequest,
        around: &Surroundings<'_>,
    ) -> Decision {
        let neighbours = self.neighbours_of(&subject, around);
        Self::evaluate(set, subject, &neighbours, Some(request), around)
    }

    fn evaluate(
        set: &PolicySet,
        subject: Subject,
        neighbours: &[Subject],
        request: Option<&AdmissionRequest>,
        around: &Surroundings<'_>,
    ) -> Decision {
        let mut subjects = vec![subject];
        subjects.extend(neighbours.iter().cloned());
        let edges =
            if neighbours.is_empty() { Vec::new() } else { kubernetes::connect(&subjects, &Sources::default()) };
        let graph = ResourceGraph::new(subjects, edges);
        let facts = Facts { graph: &graph, today: around.today, request, cluster: around.cluster };
        // Without a cluster to ask, what looks around sees what it was given.
        let rulings = if around.cluster.is_none() { set.rule(&facts) } else { Rulings::default() };
        set.evaluate(graph.subject(NodeIndex(0)), NodeIndex(0), &facts, &rulings)
    }

    /// The objects of the same namespace that connections may lead to.
    fn neighbours_of(&self, subject: &Subject, around: &Surroundings<'_>) -> Vec<Subject> {
        let Some(cluster) = around.cluster else { return Vec::new() };
        let text = |field: &str| subject.document.at(&["metadata", field]).and_then(Value::as_str).unwrap_or_default();
        let (namespace, name) = (text("namespace"), text("name"));
        let mut wanted: Vec<&Watched> = self
            .neighbours
            .iter()
            .filter(|(types, _)| types.iter().any(|types| types.matches(&subject.resource_type)))
            .flat_map(|(_, watched)| watched)
            .collect();
        wanted.sort();
        wanted.dedup();
        let mut found = Vec::new();
        for watched in wanted {
            let called = Called::Kind(&watched.kind);
            let query = Query { api_version: &watched.api_version, called, namespace };
            // What cannot be told is missing in the graph, and the policy says what that means.
            for object in cluster.list(query).unwrap_or_default() {
                let is_itself = subject.resource_type == watched.kind
                    && object.at(&["metadata", "name"]).and_then(Value::as_str) == Some(name);
                if !is_itself && found.len() < MAX_NEIGHBOURS {
                    found.extend(kubernetes::subject_of(&object));
                }
            }
        }
        found
    }

    /// Changes the object of a request by all mutators.
    pub fn mutate(&self, request: &AdmissionRequest, id: String, around: &Surroundings<'_>) -> Answer {
        let uid = request.text(&["uid"]);
        if let Some(reason) = self.exemptions.reason(request) {
            return Answer::passed(id, uid, Passed::Exempt(reason));
        }
        let Some(before) = request.object().filter(|_| !only_goes(request)) else { return Answer::allowed(id, uid) };
        let whole = self.mutation(request, around);
        let denying: Vec<String> = whole
            .failures
            .iter()
            .filter(|failure| failure.denies)
            .map(|failure| format!("{}: it cannot change the object: {}", failure.policy, failure.message))
            .collect();
        let passing = whole.failures.iter().filter(|failure| !failure.denies);
        let mut warnings = whole.warnings;
        warnings.extend(passing.map(|failure| format!("{}: {}", failure.policy, failure.message)));
        let patch = whole.object.as_ref().map(|after| difference(before, after)).unwrap_or_default();
        let (allowed, message) = (denying.is_empty(), denying.join("\n"));
        let refused = (!allowed).then(|| message.clone());
        Answer { allowed, refused, message, warnings, patch, mutated_by: whole.by, ..Answer::allowed(id, uid) }
    }

    /// What all mutators make of the object: those that follow see what those before them made, and all are asked again
    /// while something changes.
    fn mutation(&self, request: &AdmissionRequest, around: &Surroundings<'_>) -> Mutation {
        let graph = ResourceGraph::default();
        let mut all = Mutation::default();
        let mut current: Option<AdmissionRequest> = None;
        for _ in 0..MAX_ROUNDS {
            let mut changed = false;
            for mutator in &self.mutators {
                let asked = current.as_ref().unwrap_or(request);
                let facts = Facts { graph: &graph, today: around.today, request: Some(asked), cluster: around.cluster };
                let Mutation { object, by, failures, warnings } = mutator.mutate(&facts);
                if let Some(object) = object.filter(|object| Some(object) != asked.object()) {
                    current = Some(asked.with_object(object.clone()));
                    all.object = Some(object);
                    changed = true;
                }
                add_new(&mut all.by, by);
                add_new(&mut all.failures, failures);
                add_new(&mut all.warnings, warnings);
            }
            if !changed || self.mutators.len() == 1 {
                break;
            }
        }
        all
    }
}

/// Adds what policies on images say of what an object runs; gives each container with its reference and digest.
fn judge_images(
    object: &Value,
    around: &Surroundings<'_>,
    decision: &mut Decision,
) -> Vec<(String, String, Option<String>)> {
    let mut images = Vec::new();
    for (container, reference) in image_references(object) {
        let Some(knowing) = around.images else {
            images.push((container.to_owned(), reference.to_owned(), digest_in(reference)));
            continue;
        };
        let (digest, findings) = knowing.judge(reference, around.labels);
        decision.findings.extend(findings.into_iter().map(|finding| about(container, reference, finding)));
        images.push((container.to_owned(), reference.to_owned(), digest.or_else(|| digest_in(reference))));
    }
    decision.action = Decision::action_of(&decision.findings);
    images
}

/// How a policy fails at this gate: one that denies nobody here must not keep anybody from anything.
fn fail_mode(policy: &dyn Policy, stages: &Stages) -> FailMode {
    let most = stages.most(Gate::Admission, policy.id()).min(policy.most());
    if most < Stage::Enforce { FailMode::Open } else { policy.fail_mode() }
}

fn add_new<T: PartialEq>(list: &mut Vec<T>, more: Vec<T>) {
    for one in more {
        if !list.contains(&one) {
            list.push(one);
        }
    }
}

/// Whether an object that is being deleted is only let go: what keeps it must not be kept by a policy.
fn only_goes(request: &AdmissionRequest) -> bool {
    let (Some(new), Some(old)) = (request.object(), request.old_object()) else { return false };
    let without_metadata = |object: &Value| -> Vec<(String, Value)> {
        let fields = object.as_object().into_iter().flat_map(probity_model::value::Object::iter);
        let others = fields.filter(|(key, _)| !["metadata", "status"].contains(&key.as_str()));
        others.map(|(key, value)| (key.as_str().to_owned(), value.clone())).collect()
    };
    request.operation() == Operation::Update
        && old.at(&["metadata", "deletionTimestamp"]).is_some_and(|time| !time.is_null())
        && without_metadata(new) == without_metadata(old)
}

/// The digest that a reference names itself.
fn digest_in(reference: &str) -> Option<String> {
    reference.split_once('@').map(|(_, digest)| digest.to_owned())
}

/// A finding on the image of a container.
fn about(container: &str, reference: &str, finding: Finding) -> Finding {
    if finding.outcome == Outcome::Pass {
        return finding;
    }
    let message = format!("container {container}, image {reference}: {}", finding.message);
    Finding { message, ..finding }
}
