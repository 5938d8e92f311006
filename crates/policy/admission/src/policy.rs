//! Validating policies as policies of a scan, and of an API server.

use std::collections::HashMap;
use std::sync::Arc;

use probity_model::{Metadata, NodeIndex, Problem, Span, Stage, Subject, SubjectKind, Value};
use probity_policy_core::{Cluster, Facts, FailMode, Policy, RequestRule, Scope, TypeSelector, Verdict, Watched};

use crate::attributes::{Attributes, namespace_in};
use crate::binding::{Action, Binding};
use crate::host::{ClusterAuthorizer, Host};
use crate::object;
use crate::read::Set;
use crate::validating::{Decision, Evaluated, ValidatingPolicy};

/// A validating policy, applied through a binding or by itself.
pub struct AdmissionPolicy {
    metadata: Metadata,
    types: Vec<TypeSelector>,
    policy: Arc<ValidatingPolicy>,
    binding: Option<Arc<Binding>>,
    /// What was among the files of the policies.
    objects: Arc<Vec<Value>>,
}

/// Where the parameters of the policy are found for a binding.
type Params<'p> = dyn Fn(&Binding) -> Result<Vec<Option<Value>>, String> + 'p;

/// What is around the objects that are judged.
#[derive(Default)]
struct Around<'g> {
    namespaces: HashMap<&'g str, &'g Value>,
    objects: Vec<&'g Value>,
}

impl<'g> Around<'g> {
    fn of(facts: &'g Facts<'_>) -> Self {
        let subjects = facts.graph.subjects().iter().filter(|subject| subject.kind == SubjectKind::Kubernetes);
        let objects: Vec<&Value> = subjects.map(|subject| &subject.document).collect();
        let is_namespace =
            |object: &&&Value| object::text(object, "kind") == "Namespace" && object::group(object).is_empty();
        let namespaces = objects.iter().filter(is_namespace).map(|object| (object::name(object), *object)).collect();
        Self { namespaces, objects }
    }
}

impl AdmissionPolicy {
    /// The policies of a set: one for each binding of a policy, one for each policy without.
    pub(crate) fn all(set: &Set) -> Result<Vec<Self>, Vec<Problem>> {
        let (mut policies, mut problems) = (Vec::new(), Vec::new());
        for policy in &set.validating {
            let bindings: Vec<&Arc<Binding>> =
                set.validating_bindings.iter().filter(|binding| binding.policy == policy.head.name()).collect();
            let mut add = |binding: Option<&Arc<Binding>>, named: bool| {
                let name = binding.filter(|_| named).map(|binding| binding.name.as_str());
                let controls = binding.and_then(|binding| binding.controls.as_deref());
                match policy.head.about.metadata(name, controls) {
                    Ok(metadata) => policies.push(Self::new(metadata, policy, binding, set)),
                    Err(message) => {
                        problems
                            .push(Problem::new(message, binding.map_or(policy.head.span(), |binding| binding.span)));
                    }
                }
            };
            if bindings.is_empty() {
                add(None, false);
            }
            for binding in &bindings {
                add(Some(binding), bindings.len() > 1);
            }
        }
        for binding in &set.validating_bindings {
            if !set.validating.iter().any(|policy| policy.head.name() == binding.policy) {
                let problem = format!("there is no ValidatingAdmissionPolicy `{}`", binding.policy);
                problems.push(Problem::new(problem, binding.span).with_help("name the policy's file as well"));
            }
        }
        if problems.is_empty() { Ok(policies) } else { Err(problems) }
    }

    fn new(metadata: Metadata, policy: &Arc<ValidatingPolicy>, binding: Option<&Arc<Binding>>, set: &Set) -> Self {
        let types = match policy.head.constraints.kinds() {
            Some(kinds) => kinds.into_iter().map(|kind| TypeSelector::Exact(kind.into())).collect(),
            None => vec![TypeSelector::All],
        };
        Self { metadata, types, policy: policy.clone(), binding: binding.cloned(), objects: set.objects.clone() }
    }

    /// Where the policy stands.
    pub fn span(&self) -> Option<Span> {
        self.policy.head.span()
    }

    /// Whether what it says depends on other objects than the one judged.
    fn looks_around(&self) -> bool {
        self.policy.head.param_kind().is_some() || self.needs_namespace()
    }

    fn needs_namespace(&self) -> bool {
        self.policy.head.constraints.needs_namespace()
            || self.policy.names("namespaceObject")
            || self.binding.as_ref().is_some_and(|binding| binding.needs_namespace())
    }

    fn asks_who(&self) -> bool {
        self.policy.names("authorizer") || self.policy.names("authorizer.requestResource")
    }

    /// Judges a request, or an object that is there, in a cluster.
    fn judge_in(&self, attributes: &Attributes, cluster: &dyn Cluster, is_asked: bool, verdicts: &mut Vec<Verdict>) {
        let authorizer = ClusterAuthorizer::new(cluster, &attributes.user);
        let params =
            |binding: &Binding| binding.params_in(cluster, self.policy.head.param_kind(), &attributes.namespace);
        match self.decisions(attributes, &params, Host::new(&authorizer)) {
            Ok(Some(_)) if !is_asked && self.asks_who() => {
                let message = "the policy asks who may do what, and nobody asked for this".to_owned();
                verdicts.push(Verdict::Unknown { message, span: None });
            }
            Ok(decisions) => tell(decisions, verdicts),
            Err(message) => verdicts.push(Verdict::Error { message }),
        }
    }

    fn judge_within(&self, subject: &Subject, around: &Around<'_>, verdicts: &mut Vec<Verdict>) {
        if subject.kind != SubjectKind::Kubernetes {
            return;
        }
        let mut attributes = Attributes::of_object(&subject.document);
        attributes.namespace_object = namespace_of(&subject.document, around);
        let params = |binding: &Binding| {
            let objects = self.objects.iter().chain(around.objects.iter().copied());
            let found = binding.params(self.policy.head.param_kind(), objects, &attributes.namespace)?;
            Ok(found.into_iter().map(Option::<&Value>::cloned).collect())
        };
        match self.decisions(&attributes, &params, Host::default()) {
            Ok(Some(_)) if self.asks_who() => {
                let message = "the policy asks who may do what in a cluster".to_owned();
                verdicts.push(Verdict::Unknown { message, span: None });
            }
            Ok(decisions) => tell(decisions, verdicts),
            Err(message) => verdicts.push(Verdict::Unknown { message, span: None }),
        }
    }

    /// What came of the policy's validations; `None` when it is not about the request.
    fn decisions(
        &self,
        attributes: &Attributes,
        params: &Params<'_>,
        host: Host<'_>,
    ) -> Result<Option<Vec<Decision>>, String> {
        let Some(matched) = self.policy.head.matches(attributes)? else { return Ok(None) };
        let binding = self.binding.as_deref();
        if let Some(binding) = binding
            && !binding.matches(attributes)?
        {
            return Ok(None);
        }
        let params = binding.map_or_else(|| Ok(vec![None]), params)?;
        let mut decisions = Vec::new();
        let mut applies = false;
        for param in params {
            let verdict = self.policy.validate(attributes, &matched, param.as_ref(), host);
            applies |= verdict.applies;
            decisions.extend(verdict.decisions);
        }
        Ok(applies.then_some(decisions))
    }
}

/// A request in the form that these policies have for it.
#[derive(Debug)]
pub(crate) struct Requested(pub(crate) Attributes);

fn tell(decisions: Option<Vec<Decision>>, verdicts: &mut Vec<Verdict>) {
    let Some(decisions) = decisions else { return };
    let before = verdicts.len();
    verdicts.extend(decisions.into_iter().filter_map(verdict));
    if verdicts.len() == before {
        verdicts.push(Verdict::Pass);
    }
}

/// The namespace of an object among those around; what is in a namespace that is not there waits for it.
fn namespace_of(object: &Value, around: &Around<'_>) -> Value {
    let is_namespace = object::text(object, "kind") == "Namespace" && object::group(object).is_empty();
    let name = object::namespace(object);
    if is_namespace || name.is_empty() {
        return Value::Null;
    }
    let unknown = || Value::Unknown(format!("the namespace `{name}`, which is in no file").into());
    around.namespaces.get(name).map_or_else(unknown, |namespace| (*namespace).clone())
}

fn verdict(decision: Decision) -> Option<Verdict> {
    let Decision { evaluated, message, .. } = decision;
    match evaluated {
        Evaluated::Admit => None,
        Evaluated::Deny => Some(Verdict::Fail { message, span: None }),
        Evaluated::Unknown => Some(Verdict::Unknown { message, span: None }),
        // Also where failures are ignored: what could not be judged has not passed.
        Evaluated::Error => Some(Verdict::Error { message }),
    }
}

impl Policy for AdmissionPolicy {
    fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    fn types(&self) -> &[TypeSelector] {
        &self.types
    }

    fn scope(&self) -> Scope {
        if self.looks_around() { Scope::Graph } else { Scope::Subject }
    }

    fn most(&self) -> Stage {
        let actions = self.binding.as_ref().map(|binding| binding.actions.iter().copied());
        actions.and_then(Iterator::max).unwrap_or(Action::Deny).stage()
    }

    fn requests(&self) -> Vec<RequestRule> {
        self.policy.head.requests()
    }

    fn fail_mode(&self) -> FailMode {
        self.policy.failure_policy().fail_mode()
    }

    fn watches(&self) -> Vec<Watched> {
        self.policy.head.watches(self.needs_namespace())
    }

    fn judge(&self, subject: &Subject, _: NodeIndex, facts: &Facts<'_>, verdicts: &mut Vec<Verdict>) {
        let Some(cluster) = facts.cluster else {
            return self.judge_within(subject, &Around::default(), verdicts);
        };
        if subject.kind != SubjectKind::Kubernetes {
            return;
        }
        if let Some(request) = facts.request {
            let requested = request.view(|request| Requested(Attributes::of_request(request, Some(cluster))));
            return self.judge_in(&requested.0, cluster, true, verdicts);
        }
        let mut attributes = Attributes::of_object(&subject.document);
        if self.needs_namespace() && !attributes.is_of_namespace() {
            attributes.namespace_object = namespace_in(cluster, &attributes.namespace);
        }
        self.judge_in(&attributes, cluster, false, verdicts);
    }

    fn judge_graph(&self, facts: &Facts<'_>) -> Vec<(NodeIndex, Verdict)> {
        let around = Around::of(facts);
        let (mut all, mut verdicts) = (Vec::new(), Vec::new());
        for (index, subject) in facts.graph.iter() {
            if self.types.iter().any(|selector| selector.matches(&subject.resource_type)) {
                self.judge_within(subject, &around, &mut verdicts);
                all.extend(verdicts.drain(..).map(|verdict| (index, verdict)));
            }
        }
        all
    }
}
