//! Policies on a request, in the order in which Kyverno's command line asks them; the admission policies of Kubernetes
//! are among them.

use std::sync::Arc;

use probity_model::node::Node;
use probity_model::value::SmolStr;
use probity_model::{Problem, Value};
use probity_policy_admission::{
    self as admission, Action, Binding, Evaluated, Matched, Mutated, MutatingPolicy as AdmissionMutation,
    ValidatingPolicy as AdmissionPolicy,
};

use super::library::Protocol;
use super::read::{CelPolicy, is_cel_exception, is_cel_policy, items, read_exception};
use super::seen::Seen;
use super::verifying::Checked;
use crate::host::Host;
use crate::request::Request;
use crate::response::{Response, RuleResponse, RuleType, Status};

/// Policies that were read together.
#[derive(Debug, Default)]
pub struct CelPolicies {
    policies: Vec<CelPolicy>,
    admission: admission::Set,
}

/// What is given beside a request.
#[derive(Debug, Clone, Copy, Default)]
pub struct Given<'g> {
    /// The object of the request's namespace.
    pub namespace: Option<&'g Value>,
    /// Objects that are there already, which mutating policies may change.
    pub targets: &'g [Value],
    /// Objects that may be parameters of admission policies.
    pub params: &'g [Value],
    /// Whether what is asked by a schedule is asked too: deleting policies.
    pub scheduled: bool,
}

/// What came of policies on a request.
#[derive(Debug, Default)]
pub struct Applied {
    /// Kind, namespace and name of each policy that has something to say, and what.
    pub responses: Vec<Told>,
    /// The object as mutating policies left it; `None` when there was none.
    pub object: Option<Value>,
}

/// What came of one policy.
#[derive(Debug, Clone)]
pub struct Told {
    /// The kind of the policy.
    pub kind: SmolStr,
    /// Its namespace; empty when it is one of the cluster.
    pub namespace: SmolStr,
    /// Its name.
    pub policy: SmolStr,
    /// Its annotations, an object; null when it has none.
    pub annotations: Value,
    /// What its failures do; empty when it is no policy whose failures do anything.
    pub actions: Vec<Action>,
    /// What came of it. Without rules the policy is not about the request.
    pub response: Response,
}

impl Told {
    /// The value of an annotation of the policy.
    pub fn annotation(&self, name: &str) -> Option<&str> {
        self.annotations.get(name)?.as_str()
    }
}

/// An object before and after tags are replaced by digests.
struct Left<'v> {
    mutated: &'v Value,
    pinned: &'v Value,
}

impl Left<'_> {
    /// The object as a policy on images leaves it: what it refuses is not changed. Kyverno does so at admission; its command line
    /// does not show it.
    fn by(&self, response: &Response) -> Option<Value> {
        let passes = response.rules.iter().all(|rule| matches!(rule.status, Status::Pass | Status::Skip));
        let object = if passes { self.pinned } else { self.mutated };
        Some(object.clone()).filter(|object| !object.is_null())
    }
}

/// The name of each kind of admission policies.
const VALIDATING: &str = "ValidatingAdmissionPolicy";
const MUTATING: &str = "MutatingAdmissionPolicy";

impl CelPolicies {
    /// Reads policies, exceptions and bindings among documents of any number of files, in any order; others are left
    /// alone. YAML must have been read as Kubernetes does.
    ///
    /// # Errors
    /// Everything that is wrong, each with its place.
    pub fn read(documents: &[Node<'_>]) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let mut all = Vec::new();
        for document in documents {
            flatten(*document, &mut all);
        }
        let mut exceptions = Vec::new();
        for node in all.iter().filter(|node| is_cel_exception(node.value)) {
            match read_exception(*node) {
                Ok(exception) => exceptions.push(exception),
                Err(problem) => problems.push(admission::problem_of(*node, problem)),
            }
        }
        let mut policies = Vec::new();
        for node in all.iter().filter(|node| is_cel_policy(node.value)) {
            match CelPolicy::read(*node, &exceptions) {
                Ok(policy) => policies.push(policy),
                Err(problem) => problems.push(admission::problem_of(*node, problem)),
            }
        }
        let others: Vec<Node<'_>> = all.into_iter().filter(|node| admission::is_admission_policy(node.value)).collect();
        let admission = admission::read_set(&others).unwrap_or_else(|own| {
            problems.extend(own);
            admission::Set::default()
        });
        if problems.is_empty() { Ok(Self { policies, admission }) } else { Err(problems) }
    }

    /// The policies of policies.kyverno.io.
    pub fn policies(&self) -> &[CelPolicy] {
        &self.policies
    }

    /// How many policies there are.
    pub fn len(&self) -> usize {
        self.policies.len() + self.admission.validating.len() + self.admission.mutating.len()
    }

    /// Whether there is no policy at all.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What comes of a request: first it is changed, then judged, then others are made of it.
    pub fn apply(&self, request: &Request, given: &Given<'_>, host: &dyn Host) -> Applied {
        let original = Seen::new(request, given.namespace);
        let mut seen = original.clone();
        let mut applied = Applied::default();
        for policy in &self.admission.mutating {
            let response = self.mutate(policy, &mut seen, given);
            applied.tell_admission(MUTATING, &policy.head, response.map(|response| (response, Vec::new())));
        }
        let first = applied.responses.len();
        for policy in &self.policies {
            if let CelPolicy::Mutating(own) = policy {
                applied.tell(policy, own.apply(&mut seen, host));
            }
        }
        // Kyverno shows the object as the last policy left it for each.
        for told in &mut applied.responses[first..] {
            told.response.patched = Some(seen.attributes.object.clone()).filter(|object| !object.is_null());
        }
        for policy in &self.policies {
            if let CelPolicy::Mutating(own) = policy {
                applied.tell(policy, own.apply_to_targets(&original, given.targets, host));
            }
        }
        let mutated = seen.attributes.object.clone();
        self.pin(&original, &mut seen, host, &mut applied);
        for policy in &self.admission.validating {
            applied.tell_admission(VALIDATING, &policy.head, Some(self.validate(policy, &seen, given)));
        }
        for policy in &self.policies {
            match policy {
                CelPolicy::Validating(own) if own.judging.judges_json => {
                    let judged = own.apply_to_json(&resource(&seen), host);
                    applied.tell(policy, Some(judged).filter(|response| !response.rules.is_empty()));
                }
                CelPolicy::Validating(own) => applied.tell(policy, own.apply(&seen, host)),
                CelPolicy::Generating(own) => applied.tell(policy, own.apply(&seen, host)),
                CelPolicy::Deleting(own) if given.scheduled => applied.tell(policy, own.apply(&original, host)),
                _ => {}
            }
        }
        let left = Left { mutated: &mutated, pinned: &seen.attributes.object };
        self.verify_images(&original, &left, host, &mut applied);
        applied.object = Some(seen.attributes.object).filter(|object| !object.is_null());
        applied
    }

    /// Replaces tags by digests, for the policies on images that do.
    fn pin(&self, original: &Seen, seen: &mut Seen, host: &dyn Host, applied: &mut Applied) {
        for policy in &self.policies {
            let CelPolicy::Images(own) = policy else { continue };
            if own.judging.judges_json {
                continue;
            }
            match own.pinned(seen, host) {
                Some(Ok(pinned)) => *seen = pinned,
                Some(Err(_)) if own.pinned(original, host).is_some_and(|pinned| pinned.is_err()) => {}
                Some(Err(response)) => applied.tell(policy, [response]),
                None => {}
            }
        }
    }

    /// Judges images, as they are once tags are replaced by digests. What one policy verified counts for all.
    fn verify_images(&self, original: &Seen, left: &Left<'_>, host: &dyn Host, applied: &mut Applied) {
        let own = || {
            self.policies.iter().filter_map(|policy| match policy {
                CelPolicy::Images(own) if !own.judging.judges_json => Some((policy, own)),
                _ => None,
            })
        };
        let mut pinned = original.clone();
        let mut failed = Vec::new();
        for (policy, own) in own() {
            match own.pinned(&pinned, host) {
                Some(Ok(object)) => pinned = object,
                Some(Err(response)) => failed.push((policy, response)),
                None => {}
            }
        }
        let checked = Checked::default();
        let judged: Vec<_> =
            own().filter_map(|(policy, own)| Some((policy, own.apply(&pinned, host, &checked)?))).collect();
        for (policy, response) in failed {
            applied.tell(policy, [response]);
        }
        for (policy, judged) in judged {
            let response = judged.settled(&checked);
            applied.tell(policy, [Response { patched: left.by(&response), ..response }]);
        }
    }

    /// What comes of a document that is no Kubernetes object.
    pub fn apply_to_json(&self, document: &Value, host: &dyn Host) -> Applied {
        let mut applied = Applied::default();
        for policy in &self.policies {
            match policy {
                CelPolicy::Validating(own) if own.judging.judges_json => {
                    applied.tell(policy, [own.apply_to_json(document, host)]);
                }
                CelPolicy::Images(own) if own.judging.judges_json => {
                    applied.tell(policy, own.apply_to_json(document, host));
                }
                CelPolicy::Deleting(own) => applied.tell(policy, [own.apply_to_json(document, host)]),
                _ => {}
            }
        }
        applied
    }

    /// What becomes of a request that a server or Envoy asks about, given as the document that tells of it.
    pub fn answer(&self, protocol: Protocol, request: &Value, host: &dyn Host) -> Applied {
        let mut applied = Applied::default();
        for policy in &self.policies {
            if let CelPolicy::Authorizing(own) = policy
                && own.protocol == protocol
            {
                applied.tell(policy, [own.apply(request, host)]);
            }
        }
        applied
    }

    /// What an admission policy says, and what its failures do; without a binding it is applied as it is, and denies. Of
    /// several bindings that apply the last counts, as for Kyverno.
    fn validate(&self, policy: &AdmissionPolicy, seen: &Seen, given: &Given<'_>) -> (Response, Vec<Action>) {
        let attributes = &seen.attributes;
        let bindings = &self.admission.validating_bindings;
        let (mut rules, mut actions) = (Vec::new(), vec![Action::Deny]);
        match policy.head.matches(attributes) {
            Ok(Some(matched)) => {
                for (binding, param) in params(policy.head.name(), bindings, seen, given) {
                    let mut rule = judged(policy, seen, &matched, param.as_ref());
                    if let Some(binding) = binding {
                        rule.properties.push(("binding".into(), binding.name.to_string()));
                        actions.clone_from(&binding.actions);
                    }
                    rules = vec![rule];
                }
            }
            Ok(None) => {}
            Err(error) => {
                rules.push(RuleResponse::error(policy.head.name(), RuleType::Validation, "failed to match", error));
            }
        }
        (Response { rules, patched: None }, actions)
    }

    /// What a mutating admission policy makes of the object; `None` when it says nothing.
    fn mutate(&self, policy: &AdmissionMutation, seen: &mut Seen, given: &Given<'_>) -> Option<Response> {
        let matched = policy.head.matches(&seen.attributes).ok().flatten()?;
        let mut last = None;
        for (_, param) in params(policy.head.name(), &self.admission.mutating_bindings, seen, given) {
            let host = admission::Host::default();
            let (status, message) = match policy.mutate(&seen.attributes, &matched, param.as_ref(), host) {
                Mutated::Skipped => (Status::Skip, "match conditions aren't met"),
                Mutated::Failed { .. } => continue,
                Mutated::Object(object) => {
                    *seen = seen.with_object(Matched::exactly(&seen.attributes).convert(&object));
                    (Status::Pass, "mutation is successfully applied")
                }
            };
            let rule = RuleResponse::new(policy.head.name(), RuleType::Mutation, status, message);
            let patched = (status == Status::Pass).then(|| seen.attributes.object.clone());
            last = Some(Response { rules: vec![rule], patched });
        }
        last
    }
}

/// The parameters of each evaluation: once for each binding that applies, or once when there is no binding.
fn params<'b>(
    policy: &str,
    bindings: &'b [Arc<Binding>],
    seen: &Seen,
    given: &Given<'_>,
) -> Vec<(Option<&'b Binding>, Option<Value>)> {
    let own: Vec<_> = bindings.iter().filter(|binding| binding.policy == policy).collect();
    if own.is_empty() {
        return vec![(None, None)];
    }
    let applies = own.into_iter().filter(|binding| binding.matches(&seen.attributes) == Ok(true));
    applies.map(|binding| (Some(binding.as_ref()), binding.param_as_one(given.params))).collect()
}

fn judged(policy: &AdmissionPolicy, seen: &Seen, matched: &Matched, param: Option<&Value>) -> RuleResponse {
    const TYPE: RuleType = RuleType::Validation;
    let verdict = policy.validate(&seen.attributes, matched, param, admission::Host::default());
    if !verdict.applies {
        return RuleResponse::new(policy.head.name(), TYPE, Status::Skip, "match conditions aren't met");
    }
    let decisive = verdict.decisions.into_iter().find(|decision| decision.evaluated != Evaluated::Admit);
    let (status, message) = match decisive {
        None => (Status::Pass, String::new()),
        Some(decision) if decision.evaluated == Evaluated::Deny => (Status::Fail, decision.message),
        Some(decision) => (Status::Error, decision.message),
    };
    RuleResponse { properties: verdict.annotations, ..RuleResponse::new(policy.head.name(), TYPE, status, message) }
}

fn resource(seen: &Seen) -> Value {
    let attributes = &seen.attributes;
    if attributes.object.is_null() { attributes.old_object.clone() } else { attributes.object.clone() }
}

fn flatten<'d>(node: Node<'d>, all: &mut Vec<Node<'d>>) {
    let Some(items) = items(node.value) else { return all.push(node) };
    for (index, value) in items.iter().enumerate() {
        flatten(Node { value, span: items.span(index).or(node.span) }, all);
    }
}

impl Applied {
    fn tell(&mut self, policy: &CelPolicy, responses: impl IntoIterator<Item = Response>) {
        let head = policy.head();
        self.responses.extend(responses.into_iter().map(|response| Told {
            kind: head.kind.clone(),
            namespace: head.namespace.clone(),
            policy: head.name.clone(),
            annotations: head.annotations.clone(),
            actions: policy.actions().to_vec(),
            response,
        }));
    }

    fn tell_admission(&mut self, kind: &'static str, head: &admission::Head, told: Option<(Response, Vec<Action>)>) {
        self.responses.extend(told.map(|(response, actions)| Told {
            kind: SmolStr::new_static(kind),
            namespace: SmolStr::default(),
            policy: head.name().into(),
            annotations: head.annotations().clone(),
            actions,
            response,
        }));
    }
}
