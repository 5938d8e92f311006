//! All policies on a request, as the API server asks them: what the mutating ones make of the object, and what the
//! validating ones say of it.

use probity_model::Value;
use probity_model::value::SmolStr;
use probity_policy_core::Cluster;

use crate::attributes::{Attributes, Matched};
use crate::binding::{Action, Binding};
use crate::conditions::FailurePolicy;
use crate::head::Head;
use crate::host::Host;
use crate::mutating::{Mutated, MutatingPolicy};
use crate::read::Set;
use crate::validating::{Decision, Evaluated};

/// What a validating policy says against a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The policy's name.
    pub policy: SmolStr,
    /// The binding's name; empty when the policy itself cannot be applied.
    pub binding: SmolStr,
    /// What it does.
    pub actions: Vec<Action>,
    /// What was decided.
    pub decision: Decision,
}

impl Failure {
    /// Whether the request is denied by it.
    pub fn denies(&self) -> bool {
        self.actions.contains(&Action::Deny)
    }

    /// What the API server says.
    pub fn message(&self) -> String {
        let (policy, said) = (&self.policy, &self.decision.message);
        if self.binding.is_empty() {
            return format!("ValidatingAdmissionPolicy '{policy}' denied request: {said}");
        }
        format!("ValidatingAdmissionPolicy '{policy}' with binding '{}' denied request: {said}", self.binding)
    }
}

/// What validating policies say of a request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answer {
    /// Everything against it.
    pub failures: Vec<Failure>,
    /// What is to be written to the audit log: policy and key, and the values of all bindings.
    pub annotations: Vec<(String, String)>,
}

/// Why a mutating policy could not change an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// The policy's name.
    pub policy: SmolStr,
    /// What the API server says of it.
    pub message: String,
    /// Whether the request is denied by it.
    pub denies: bool,
}

/// What mutating policies make of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changed {
    /// The object after all of them.
    pub object: Value,
    /// The names of those that changed it, once each.
    pub by: Vec<SmolStr>,
    /// What went wrong.
    pub troubles: Vec<Trouble>,
}

/// Where the parameters of a policy are found for a binding.
type Params<'p> = dyn Fn(&Head, &Binding) -> Result<Vec<Option<Value>>, String> + 'p;

/// One evaluation of a mutating policy: through a binding, with a parameter.
struct Invocation<'s> {
    policy: &'s MutatingPolicy,
    binding: &'s Binding,
    matched: Matched,
    param: Option<Value>,
}

impl Set {
    /// What validating policies say of a request; `objects` are those that may be parameters.
    pub fn validate(&self, attributes: &Attributes, objects: &[Value], host: Host<'_>) -> Answer {
        let mut answer = Answer::default();
        for policy in &self.validating {
            let failed = |binding: &str, message: String| {
                let decision = Decision::of_error(message, policy.failure_policy());
                let actions = vec![Action::Deny];
                decision.denies.then(|| Failure {
                    policy: policy.head.name().into(),
                    binding: binding.into(),
                    actions,
                    decision,
                })
            };
            let matched = match policy.head.matches(attributes) {
                Ok(Some(matched)) => matched,
                Ok(None) => continue,
                Err(error) => {
                    answer.failures.extend(failed("", format!("failed to configure policy: {error}")));
                    continue;
                }
            };
            for binding in self.validating_bindings.iter().filter(|binding| binding.policy == policy.head.name()) {
                let params = match binding.matches(attributes) {
                    Ok(false) => continue,
                    Ok(true) => {
                        let objects = self.objects.iter().chain(objects);
                        binding.params(policy.head.param_kind(), objects, &attributes.namespace)
                    }
                    Err(error) => Err(error),
                };
                let params = match params {
                    Ok(params) => params,
                    Err(error) => {
                        answer.failures.extend(failed(&binding.name, format!("failed to configure binding: {error}")));
                        continue;
                    }
                };
                for param in params {
                    let verdict = policy.validate(attributes, &matched, param, host);
                    let denying = verdict.decisions.into_iter().filter(|decision| decision.denies);
                    answer.failures.extend(denying.map(|decision| Failure {
                        policy: policy.head.name().into(),
                        binding: binding.name.clone(),
                        actions: binding.actions.clone(),
                        decision,
                    }));
                    for (key, value) in verdict.annotations {
                        answer.annotate(format!("{}/{key}", policy.head.name()), value);
                    }
                }
            }
        }
        answer
    }

    /// What mutating policies make of the object of a request; `objects` are those that may be parameters.
    ///
    /// # Errors
    /// Every reason for which the request is denied.
    pub fn mutate(&self, attributes: &Attributes, objects: &[Value], host: Host<'_>) -> Result<Value, Vec<String>> {
        let params = |head: &Head, binding: &Binding| {
            let objects = self.objects.iter().chain(objects);
            let found = binding.params(head.param_kind(), objects, &attributes.namespace)?;
            Ok(found.into_iter().map(Option::<&Value>::cloned).collect())
        };
        let changed = self.change(attributes, &params, host);
        let denials: Vec<String> =
            changed.troubles.into_iter().filter(|trouble| trouble.denies).map(|trouble| trouble.message).collect();
        if denials.is_empty() { Ok(changed.object) } else { Err(denials) }
    }

    /// What mutating policies make of the object of a request; parameters are looked for in a cluster.
    pub fn mutate_in(&self, attributes: &Attributes, cluster: &dyn Cluster, host: Host<'_>) -> Changed {
        let params =
            |head: &Head, binding: &Binding| binding.params_in(cluster, head.param_kind(), &attributes.namespace);
        self.change(attributes, &params, host)
    }

    /// Those that want it are asked again when others changed the object after them.
    fn change(&self, attributes: &Attributes, params: &Params<'_>, host: Host<'_>) -> Changed {
        let (invocations, troubles) = self.invocations(attributes, params);
        let mut changed = Changed { object: attributes.object.clone(), by: Vec::new(), troubles };
        // Which are to be asked again.
        let mut again = vec![false; invocations.len()];
        for round in 0..2 {
            let first = round == 0;
            for (index, invocation) in invocations.iter().enumerate() {
                if !first && !again[index] {
                    continue;
                }
                let attributes = attributes.with_object(changed.object.clone());
                let object = invocation.mutate(&attributes, host, &mut changed.troubles);
                if let Some(object) = object.filter(|object| *object != changed.object) {
                    changed.object = object;
                    let name = SmolStr::from(invocation.policy.head.name());
                    if !changed.by.contains(&name) {
                        changed.by.push(name);
                    }
                    if first {
                        let before = invocations[..index].iter().map(|one| one.policy.reinvoked);
                        again.iter_mut().zip(before).for_each(|(again, wanted)| *again |= wanted);
                    }
                }
            }
        }
        changed
    }

    fn invocations(&self, attributes: &Attributes, params: &Params<'_>) -> (Vec<Invocation<'_>>, Vec<Trouble>) {
        let (mut invocations, mut troubles) = (Vec::new(), Vec::new());
        for policy in &self.mutating {
            let mut failed = |binding: Option<&Binding>, message: String| {
                troubles.push(Trouble::of(policy, binding, &message));
            };
            let matched = match policy.head.matches(attributes) {
                Ok(Some(matched)) => matched,
                Ok(None) => continue,
                Err(error) => {
                    failed(None, format!("failed to configure policy: {error}"));
                    continue;
                }
            };
            for binding in self.mutating_bindings.iter().filter(|binding| binding.policy == policy.head.name()) {
                let params = match binding.matches(attributes) {
                    Ok(false) => continue,
                    Ok(true) => params(&policy.head, binding),
                    Err(error) => Err(error),
                };
                match params {
                    Ok(params) => invocations.extend(params.into_iter().map(|param| Invocation {
                        policy,
                        binding,
                        matched: matched.clone(),
                        param,
                    })),
                    Err(error) => failed(Some(binding), format!("failed to configure binding: {error}")),
                }
            }
        }
        (invocations, troubles)
    }
}

impl Trouble {
    fn of(policy: &MutatingPolicy, binding: Option<&Binding>, message: &str) -> Self {
        let name = policy.head.name();
        Self {
            policy: name.into(),
            message: denial(name, binding, message),
            denies: policy.failure_policy() == FailurePolicy::Fail,
        }
    }
}

fn denial(policy: &str, binding: Option<&Binding>, message: &str) -> String {
    match binding {
        Some(binding) => format!("policy '{policy}' with binding '{}' denied request: {message}", binding.name),
        None => format!("policy \"{policy}\" denied request: {message}"),
    }
}

impl Invocation<'_> {
    /// The object after the policy, in the version of the request.
    fn mutate(&self, attributes: &Attributes, host: Host<'_>, troubles: &mut Vec<Trouble>) -> Option<Value> {
        let changed = match self.policy.mutate(attributes, &self.matched, self.param.as_ref(), host) {
            Mutated::Skipped => return None,
            Mutated::Object(object) => object,
            Mutated::Failed { object, message, .. } => {
                troubles.push(Trouble::of(self.policy, Some(self.binding), &message));
                object
            }
        };
        Some(Matched::exactly(attributes).convert(&changed))
    }
}

impl Answer {
    /// Values of the same key are told once each, parted by commas.
    fn annotate(&mut self, key: String, value: String) {
        match self.annotations.iter_mut().find(|(known, _)| *known == key) {
            None => self.annotations.push((key, value)),
            Some((_, known)) if known.split(", ").any(|known| known == value) => {}
            Some((_, known)) => *known = format!("{known}, {value}"),
        }
    }
}

impl Decision {
    fn of_error(message: String, failure: FailurePolicy) -> Self {
        let denies = failure == FailurePolicy::Fail;
        Self { evaluated: Evaluated::Error, denies, message, reason: None, span: None }
    }
}
