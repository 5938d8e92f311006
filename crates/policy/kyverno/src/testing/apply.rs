//! Policies on resources, in the order in which Kyverno's command line applies them: what mutates goes first, and what it
//! leaves is judged.

use std::sync::Arc;

use probity_model::value::Object;
use probity_model::{SmolStr, Value};
use probity_policy_admission::Action;

use super::load::Policies;
use super::values::{self, Variable};
use super::world::World;
use crate::cel::{CelPolicies, Given, Protocol, Told};
use crate::engine::Surroundings;
use crate::exception::PolicyException;
use crate::host::{Answer, ApiCall, Host};
use crate::images::Images;
use crate::object;
use crate::policy::Policy;
use crate::request::{Operation, Request, UserInfo};
use crate::response::{Response, RuleResponse, Status};
use crate::rule::{Body, FailureAction, Rule};

/// What came of one policy on one resource.
#[derive(Debug, Clone)]
pub struct Applied {
    /// Which policy it is.
    pub policy: PolicyName,
    /// The resource that was judged.
    pub resource: Value,
    /// The resource as the policy leaves it.
    pub patched: Value,
    /// What came of the rules that applied.
    pub rules: Vec<RuleResponse>,
    /// The rules whose failure denies the request.
    pub enforced: Vec<SmolStr>,
    /// What failures do, of policies in CEL that judge.
    pub actions: Vec<Action>,
}

/// A policy by its names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyName {
    /// Its kind, such as `ClusterPolicy`.
    pub kind: SmolStr,
    /// Its namespace; empty when it is for the cluster.
    pub namespace: SmolStr,
    /// Its name.
    pub name: SmolStr,
    /// How severe it says it is; may be empty.
    pub severity: SmolStr,
    /// What it says it belongs to, such as `Pod Security Standards (Baseline)`; may be empty.
    pub category: SmolStr,
}

impl PolicyName {
    fn new<'p>(kind: &str, namespace: &str, name: &str, annotation: &dyn Fn(&str) -> Option<&'p str>) -> Self {
        let text = |name: &str| SmolStr::from(annotation(name).unwrap_or_default().trim());
        Self {
            kind: kind.into(),
            namespace: namespace.into(),
            name: name.into(),
            severity: text(SEVERITY),
            category: text(CATEGORY),
        }
    }

    /// The name with the namespace before it when there is one.
    pub fn full(&self) -> String {
        if self.namespace.is_empty() { self.name.to_string() } else { format!("{}/{}", self.namespace, self.name) }
    }
}

/// What is cloned by a rule.
#[derive(Debug, Clone)]
pub struct CloneSource {
    /// The policy of the rule.
    pub policy: SmolStr,
    /// The rule.
    pub rule: SmolStr,
    /// The objects.
    pub objects: Vec<Value>,
}

/// Policies with everything they are applied with.
#[derive(Debug, Clone, Default)]
pub struct Bench {
    /// The policies, in their order.
    pub policies: Vec<Arc<Policy>>,
    /// The exceptions there are.
    pub exceptions: Vec<Arc<PolicyException>>,
    /// Who asks, when that is known.
    pub user: Option<UserInfo>,
    /// What is found outside of the request.
    pub world: World,
    /// What rules clone.
    pub clones: Vec<CloneSource>,
    /// Other objects that rules may change.
    pub targets: Vec<Value>,
    /// Objects that may be parameters of admission policies.
    pub params: Vec<Value>,
    /// Policies in CEL: those of policies.kyverno.io, and the admission policies of Kubernetes.
    pub cel: Arc<CelPolicies>,
}

impl Bench {
    /// Policies and their exceptions with what is outside of requests.
    pub fn new(policies: Policies, world: World) -> Self {
        let Policies { policies, exceptions, cel, .. } = policies;
        Self { policies, exceptions, world, cel, ..Self::default() }
    }

    /// How many policies there are.
    pub fn len(&self) -> usize {
        self.policies.len() + self.cel.len()
    }

    /// Whether there is no policy.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Applies all policies to a resource. `operation` is what is asked for, over what the values say.
    pub fn apply(&self, resource: &Value, operation: Option<Operation>) -> Vec<Applied> {
        let mut all = Vec::new();
        let mut current = resource.clone();
        let around = Surroundings { host: &self.world, exceptions: &self.exceptions };
        let has = |policy: &Policy, is_wanted: fn(&Rule) -> bool| policy.rules().iter().any(|rule| is_wanted(rule));
        for policy in self.policies.iter().filter(|policy| has(policy, |rule| matches!(rule.body, Body::Mutate(_)))) {
            let request = self.request(policy, &current, operation);
            let response = policy.mutate(&request, around);
            let applied = applied(policy, &request, response);
            current = applied.patched.clone();
            all.push(applied);
        }
        for policy in self.policies.iter().filter(|policy| has(policy, Rule::verifies)) {
            let request = self.request(policy, &current, operation);
            let response = policy.verify_images(&request, around);
            let applied = applied(policy, &request, response);
            current = applied.patched.clone();
            all.push(applied);
        }
        for policy in self.policies.iter().filter(|policy| has(policy, Rule::validates)) {
            let request = self.request(policy, &current, operation);
            let response = policy.validate(&request, around);
            all.push(applied(policy, &request, response));
        }
        if !self.cel.is_empty() {
            self.apply_cel(&mut current, operation, &mut all);
        }
        for policy in self.policies.iter().filter(|policy| has(policy, |rule| matches!(rule.body, Body::Generate(_)))) {
            let request = self.request(policy, &current, operation);
            let host = Clones { world: &self.world, objects: self.clones_for(policy, &current) };
            let response = policy.generate(&request, Surroundings { host: &host, ..around });
            if !response.rules.is_empty() {
                all.push(applied(policy, &request, response));
            }
        }
        all
    }

    /// Applies the policies in CEL; values of variables are not for them, except the operation.
    fn apply_cel(&self, current: &mut Value, operation: Option<Operation>, all: &mut Vec<Applied>) {
        let said = operation.or_else(|| self.world.values.operation().and_then(Operation::named));
        let request = match said {
            Some(Operation::Delete) => Request::to_delete(current),
            Some(Operation::Update) => Request {
                old_object: Some(current.clone()),
                operation: Operation::Update,
                ..Request::of_object(current)
            },
            _ => Request::of_object(current),
        };
        let request = Request { user: self.user.clone(), namespace_labels: self.namespace_labels(current), ..request };
        let namespace = self.namespace(object::namespace(current));
        let given = Given {
            namespace: namespace.as_ref(),
            targets: &self.targets,
            params: &self.params,
            // What is done by a schedule is asked once, not for every operation.
            scheduled: operation.is_none(),
        };
        let told = self.cel.apply(&request, &given, &self.world);
        all.extend(told.responses.into_iter().map(|told| cel_applied(told, current)));
        if let Some(object) = told.object {
            *current = object;
        }
    }

    /// Applies the policies in CEL that judge JSON documents to one.
    pub fn apply_to_json(&self, document: &Value) -> Vec<Applied> {
        let told = self.cel.apply_to_json(document, &self.world);
        told.responses.into_iter().map(|told| cel_applied(told, document)).collect()
    }

    /// Applies the policies that answer requests to one that a server or Envoy asks about.
    pub fn answer(&self, protocol: Protocol, request: &Value) -> Vec<Applied> {
        let told = self.cel.answer(protocol, request, &self.world);
        told.responses.into_iter().map(|told| cel_applied(told, request)).collect()
    }

    /// The namespace of this name, as far as it is known.
    fn namespace(&self, name: &str) -> Option<Value> {
        let in_world =
            || self.world.of_kind("v1", "Namespace", "").into_iter().find(|namespace| object::name(namespace) == name);
        self.world.values.namespace(name).or_else(in_world)
    }

    /// The resource, and what the policy's rules clone: nothing else is there when resources are made.
    fn clones_for(&self, policy: &Policy, resource: &Value) -> Vec<Value> {
        let of_policy = self.clones.iter().filter(|clone| clone.policy == policy.name);
        std::iter::once(resource.clone()).chain(of_policy.flat_map(|clone| clone.objects.iter().cloned())).collect()
    }

    /// The request that a policy is asked about.
    fn request(&self, policy: &Policy, resource: &Value, operation: Option<Operation>) -> Request {
        let values = &self.world.values;
        let mut variables = values.variables(&policy.name, object::name(resource));
        if let Some(operation) = operation {
            variables.retain(|(name, _)| name != "request.operation");
            variables.push(("request.operation".to_owned(), operation.as_str().into()));
        }
        let said = variables.iter().find(|(name, _)| name == "request.operation");
        let operation = match said.and_then(|(_, value)| value.as_str()) {
            Some("UPDATE") => Operation::Update,
            Some("DELETE") => Operation::Delete,
            _ => Operation::Create,
        };
        let mut object = (operation != Operation::Delete).then(|| resource.clone());
        let mut old_object = (operation != Operation::Create).then(|| resource.clone());
        let mut rest: Vec<Variable> = Vec::new();
        for (name, value) in variables {
            let path = values::path(&name);
            match (path.first().map(SmolStr::as_str), path.get(1).map(SmolStr::as_str), &mut object, &mut old_object) {
                (Some("request"), Some("object"), Some(object), _) => {
                    *object = object::merged_at(object, &path[2..], &value);
                }
                (Some("request"), Some("oldObject"), _, Some(old)) => *old = object::merged_at(old, &path[2..], &value),
                _ => rest.push((path, value)),
            }
        }
        let own = object::gvk(resource);
        let (gvk, subresource) = values.parent(&own).unwrap_or((own, SmolStr::default()));
        Request {
            object,
            old_object,
            operation,
            gvk,
            subresource,
            user: self.user.clone(),
            namespace_labels: self.namespace_labels(resource),
            values: rest,
            ..Request::default()
        }
    }

    fn namespace_labels(&self, resource: &Value) -> Object {
        let name = object::namespace(resource);
        let labels = self.world.values.namespace_labels(name);
        if !labels.is_empty() || !self.world.is_cluster {
            return labels;
        }
        self.namespace(name).and_then(|namespace| object::labels(&namespace).cloned()).unwrap_or_default()
    }
}

fn cel_applied(told: Told, resource: &Value) -> Applied {
    let policy = PolicyName::new(&told.kind, &told.namespace, &told.policy, &|name| told.annotation(name));
    let is_advice = told.annotation(SCORED) == Some("false");
    let denies = told.actions.is_empty() || told.actions.contains(&Action::Deny);
    let rules = told.response.rules;
    Applied {
        policy,
        resource: resource.clone(),
        patched: told.response.patched.unwrap_or_else(|| resource.clone()),
        enforced: rules.iter().filter(|_| denies).map(|rule| rule.name.clone()).collect(),
        actions: told.actions,
        rules: rules.into_iter().map(|rule| scored(is_advice, rule)).collect(),
    }
}

/// The annotation that says how severe a policy is.
const SEVERITY: &str = "policies.kyverno.io/severity";

/// The annotation that says what a policy belongs to.
const CATEGORY: &str = "policies.kyverno.io/category";

/// The annotation of policies whose failures are meant as advice when it is `false`.
const SCORED: &str = "policies.kyverno.io/scored";

/// What came of a rule, as it is reported.
fn scored(is_advice: bool, rule: RuleResponse) -> RuleResponse {
    let warns = is_advice && rule.status == Status::Fail;
    RuleResponse { status: if warns { Status::Warn } else { rule.status }, ..rule }
}

/// The rules whose failure denies the request.
fn enforced(policy: &Policy, request: &Request) -> Vec<SmolStr> {
    let enforces = |rule: &&Arc<Rule>| policy.failure_action(rule, request) == FailureAction::Enforce;
    policy.rules_for(&request.gvk.kind).filter(enforces).map(|rule| rule.name.clone()).collect()
}

fn applied(policy: &Policy, request: &Request, response: Response) -> Applied {
    let resource = request.resource().cloned().unwrap_or_default();
    let kind = object::text(&policy.document, "kind");
    let is_advice = policy.annotation(SCORED) == Some("false");
    Applied {
        policy: PolicyName::new(kind, &policy.namespace, &policy.name, &|name| policy.annotation(name)),
        patched: response.patched.unwrap_or_else(|| resource.clone()),
        resource,
        rules: response.rules.into_iter().map(|rule| scored(is_advice, rule)).collect(),
        actions: Vec::new(),
        enforced: enforced(policy, request),
    }
}

/// The make-believe cluster in which resources are made.
struct Clones<'w> {
    world: &'w World,
    objects: Vec<Value>,
}

impl probity_policy_jmespath::Host for Clones<'_> {
    fn now_ns(&self) -> Result<i64, String> {
        probity_policy_jmespath::Host::now_ns(self.world)
    }

    fn random(&self, buffer: &mut [u8]) -> Result<(), String> {
        self.world.random(buffer)
    }
}

impl Host for Clones<'_> {
    fn values(&self, policy: &str, rule: &str) -> Vec<Variable> {
        self.world.values(policy, rule)
    }

    fn config_map(&self, namespace: &str, name: &str) -> Answer {
        self.world.config_map(namespace, name)
    }

    fn calls_apis(&self) -> bool {
        self.world.calls_apis()
    }

    fn api_call(&self, call: &ApiCall) -> Answer {
        self.world.api_call(call)
    }

    fn image_data(&self, reference: &str) -> Answer {
        self.world.image_data(reference)
    }

    fn images(&self) -> Option<&dyn Images> {
        self.world.images()
    }

    fn global_context(&self, name: &str) -> Answer {
        self.world.global_context(name)
    }

    fn objects(&self, api_version: &str, kind: &str, namespace: &str) -> Answer {
        let here = World { objects: self.objects.clone(), ..World::default() };
        Ok(Value::array(here.of_kind(api_version, kind, namespace)))
    }
}
