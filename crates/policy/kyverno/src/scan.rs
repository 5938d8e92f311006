//! Rules as policies of a scan, where objects in files are judged as if they were created, and of an API server.

pub(crate) mod metadata;
mod objects;

use std::borrow::Cow;
use std::sync::Arc;

use probity_model::value::Object;
use probity_model::{Metadata, NodeIndex, Span, Stage, Subject, SubjectKind, Value};
use probity_policy_core::{
    Cluster, Facts, FailMode, Occasions, Operation, Policy as ScanPolicy, RequestRule, Scope, TypeSelector, Verdict,
    Watched,
};

use crate::engine::Surroundings;
use crate::exception::PolicyException;
use crate::images::Images;
use crate::live::{
    InCluster, Requested, WithRoles, asks_about_roles, asks_about_user, requests_of, types_of, watches_of,
};
use crate::object;
use crate::pointer;
use crate::policy::Policy;
use crate::request::Request;
use crate::response::{RuleResponse, Status};
use crate::rule::{Body, FailureAction, Rule};

use objects::Objects;

/// The annotation that says whether failures count.
const SCORED: &str = "policies.kyverno.io/scored";

/// A rule that judges resources, with what was generated of it for what makes pods.
pub struct RulePolicy {
    metadata: Metadata,
    types: Vec<TypeSelector>,
    policy: Arc<Policy>,
    exceptions: Arc<[Arc<PolicyException>]>,
    /// The policies that change objects before they are judged.
    mutating: Arc<[Arc<Policy>]>,
    /// The position of the rule in its policy.
    rule: usize,
    /// Which failures it is about, when that differs from namespace to namespace.
    action: Option<FailureAction>,
    most: Stage,
    scope: Scope,
    /// Whether labels of namespaces decide.
    needs_namespace: bool,
    /// Whether the roles of who asks decide.
    needs_roles: bool,
    occasions: Occasions,
    images: Option<Arc<dyn Images>>,
}

impl RulePolicy {
    /// The policies that the rules of a policy are, on objects as others of `mutating` leave them. A rule that denies in
    /// some namespaces and not in others is two.
    ///
    /// # Errors
    /// When an annotation cannot be read.
    pub(crate) fn all(
        policy: &Arc<Policy>,
        exceptions: &Arc<[Arc<PolicyException>]>,
        mutating: &Arc<[Arc<Policy>]>,
    ) -> Result<Vec<Self>, String> {
        let mut all = Vec::new();
        for (index, rule) in policy.rules().iter().enumerate() {
            if !rule.validates() && !matches!(rule.body, Body::VerifyImages(_)) {
                continue;
            }
            let new = |metadata: Metadata, action, most| Self {
                types: types(policy, index),
                scope: scope(policy, index, exceptions, mutating),
                metadata,
                policy: policy.clone(),
                exceptions: exceptions.clone(),
                mutating: mutating.clone(),
                rule: index,
                action,
                most,
                needs_namespace: rule.needs_namespace()
                    || policy.overrides_by_namespace_labels(rule)
                    || exceptions.iter().any(|exception| exception.needs_namespace()),
                needs_roles: asks_about_roles(rule, exceptions),
                occasions: Occasions {
                    admission: policy.spec.admission,
                    background: policy.spec.background && !asks_about_user(rule),
                },
                images: None,
            };
            let metadata = metadata::of(policy, rule)?;
            let audited = if policy.spec.emit_warning { Stage::Warn } else { Stage::Observe };
            // What is not scored is told as a warning.
            let enforced = if policy.annotation(SCORED) == Some("false") { Stage::Warn } else { Stage::Enforce };
            match (policy.may_enforce(rule), policy.may_audit(rule)) {
                (true, false) => all.push(new(metadata, None, enforced)),
                (false, _) => all.push(new(metadata, None, audited)),
                (true, true) => {
                    all.push(new(metadata.clone(), Some(FailureAction::Enforce), enforced));
                    all.push(new(metadata::audited(metadata), Some(FailureAction::Audit), audited));
                }
            }
        }
        Ok(all)
    }

    /// The same rule, where these answer for registries; without them no image is verified, and what must be fails.
    #[must_use]
    pub fn asking(self, images: Option<Arc<dyn Images>>) -> Self {
        Self { images, ..self }
    }

    /// Where the rule stands.
    pub fn span(&self) -> Option<Span> {
        self.policy.rules()[self.rule].source.span.or(self.policy.span)
    }

    fn judge_within(&self, subject: &Subject, objects: &Objects<'_>, verdicts: &mut Vec<Verdict>) {
        if subject.kind != SubjectKind::Kubernetes {
            return;
        }
        let around = Surroundings { host: objects, exceptions: &self.exceptions };
        let document = self.mutated(&subject.document, around);
        let mut request = Request::of_object(&document);
        let rules = self.policy.rules_of(self.rule, &request.gvk.kind);
        let rules: Vec<_> = rules.filter(|rule| rule.matching.may_select(&request)).collect();
        if rules.is_empty() {
            return;
        }
        if let Some(labels) = objects.namespace_labels(object::namespace(&subject.document)) {
            request.namespace_labels = labels.clone();
        }
        for rule in rules {
            if self.action.is_some_and(|action| self.policy.failure_action(rule, &request) != action) {
                continue;
            }
            let responses = self.policy.judge_rule(rule, &request, around);
            verdicts.extend(responses.into_iter().filter_map(|response| verdict(response, &subject.document)));
        }
    }

    /// Judges a request, or an object that is there as if it were made.
    fn judge_in(&self, subject: &Subject, cluster: &dyn Cluster, facts: &Facts<'_>, verdicts: &mut Vec<Verdict>) {
        let is_asked = if facts.request.is_some() { self.occasions.admission } else { self.occasions.background };
        if subject.kind != SubjectKind::Kubernetes || !is_asked {
            return;
        }
        let Some(asked) = facts.request else {
            let request = Request::of_object(&subject.document);
            let labels = if self.needs_namespace { labels_in(cluster, &request) } else { Ok(Object::default()) };
            let (namespace_labels, known) = match labels {
                Ok(labels) => (labels, Ok(())),
                Err(message) => (Object::default(), Err(message)),
            };
            return self.judge_request(&Request { namespace_labels, ..request }, &known, subject, cluster, verdicts);
        };
        let requested = asked.view(|asked| Requested::new(asked, cluster));
        if !self.needs_roles {
            return self.judge_request(&requested.request, &requested.namespace, subject, cluster, verdicts);
        }
        let known = asked.view(|_| WithRoles::new(&requested, cluster));
        match &known.0 {
            Ok(request) => self.judge_request(request, &requested.namespace, subject, cluster, verdicts),
            Err(message) => verdicts.push(Verdict::Error { message: message.clone() }),
        }
    }

    fn judge_request(
        &self,
        request: &Request,
        namespace: &Result<(), String>,
        subject: &Subject,
        cluster: &dyn Cluster,
        verdicts: &mut Vec<Verdict>,
    ) {
        let host = InCluster::new(cluster, self.images.as_deref());
        let around = Surroundings { host: &host, exceptions: &self.exceptions };
        let rules = self.policy.rules_of(self.rule, &request.gvk.kind);
        for rule in rules.filter(|rule| rule.matching.may_select(request)) {
            if let (true, Err(message)) = (self.needs_namespace, namespace) {
                verdicts.push(Verdict::Error { message: message.clone() });
                return;
            }
            if self.action.is_some_and(|action| self.policy.failure_action(rule, request) != action) {
                continue;
            }
            let responses = self.policy.judge_rule(rule, request, around);
            verdicts.extend(responses.into_iter().filter_map(|response| verdict(response, &subject.document)));
        }
    }

    /// An object as the policies leave it that change objects when they are created.
    fn mutated<'d>(&self, document: &'d Value, around: Surroundings<'_>) -> Cow<'d, Value> {
        let mut document = Cow::Borrowed(document);
        for policy in self.mutating.iter() {
            let patched = policy.mutate(&Request::of_object(&document), around).patched;
            document = patched.map_or(document, Cow::Owned);
        }
        document
    }
}

/// The labels of the namespace that an object is in.
fn labels_in(cluster: &dyn Cluster, request: &Request) -> Result<Object, String> {
    let namespace = request.resource().map_or("", object::namespace);
    if namespace.is_empty() || request.gvk.kind == "Namespace" {
        return Ok(Object::default());
    }
    let found = cluster.namespace(namespace).map_err(|error| format!("the namespace `{namespace}`: {error}"))?;
    let found = found.ok_or_else(|| format!("the namespace `{namespace}` is not there"))?;
    Ok(object::labels(&found).cloned().unwrap_or_default())
}

/// The kinds that a rule judges, and what was generated of it.
fn types(policy: &Policy, index: usize) -> Vec<TypeSelector> {
    let own = policy.all_rules().filter(|(own, _)| *own == index);
    let types: Vec<TypeSelector> = own.flat_map(|(_, rule)| types_of(rule)).collect();
    if types.contains(&TypeSelector::All) { vec![TypeSelector::All] } else { types }
}

/// Whether what a rule says of an object depends on others.
fn scope(policy: &Policy, index: usize, exceptions: &[Arc<PolicyException>], mutating: &[Arc<Policy>]) -> Scope {
    let rule = &policy.rules()[index];
    let needs_others = |rule: &Arc<Rule>| rule.needs_namespace() || rule.needs_objects();
    let looks_around = needs_others(rule)
        || policy.overrides_by_namespace_labels(rule)
        || mutating.iter().any(|policy| policy.rules().iter().any(needs_others))
        || exceptions.iter().any(|exception| exception.needs_namespace());
    if looks_around { Scope::Graph } else { Scope::Subject }
}

fn verdict(response: RuleResponse, document: &Value) -> Option<Verdict> {
    let RuleResponse { message, exceptions, path, .. } = response;
    match response.status {
        Status::Pass => Some(Verdict::Pass),
        Status::Fail | Status::Warn => {
            let span = path.and_then(|path| pointer::span(document, &path));
            Some(Verdict::Fail { message, span })
        }
        Status::Error => Some(Verdict::Error { message }),
        Status::Skip if exceptions.is_empty() => None,
        Status::Skip => {
            let reason = format!("PolicyException {}", exceptions.join(", "));
            Some(Verdict::Excepted { message, reason })
        }
    }
}

impl ScanPolicy for RulePolicy {
    fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    fn types(&self) -> &[TypeSelector] {
        &self.types
    }

    fn scope(&self) -> Scope {
        self.scope
    }

    fn most(&self) -> Stage {
        self.most
    }

    fn requests(&self) -> Vec<RequestRule> {
        let own = self.policy.all_rules().filter(|(own, _)| *own == self.rule);
        own.flat_map(|(_, rule)| match rule.body {
            Body::VerifyImages(_) => requests_of(rule, &[Operation::Create, Operation::Update]),
            _ => requests_of(rule, &Operation::ALL),
        })
        .collect()
    }

    fn fail_mode(&self) -> FailMode {
        self.policy.spec.failure.fail_mode()
    }

    fn occasions(&self) -> Occasions {
        self.occasions
    }

    fn watches(&self) -> Vec<Watched> {
        let kinds = |api_version: &str, kinds: &[&str]| -> Vec<Watched> {
            kinds.iter().map(|kind| Watched { api_version: api_version.into(), kind: (*kind).into() }).collect()
        };
        let mut watched = watches_of(&self.policy.rules()[self.rule]);
        if self.needs_namespace {
            watched.extend(kinds("v1", &["Namespace"]));
        }
        if self.needs_roles {
            watched.extend(kinds("rbac.authorization.k8s.io/v1", &["RoleBinding", "ClusterRoleBinding"]));
        }
        watched
    }

    fn judge(&self, subject: &Subject, _: NodeIndex, facts: &Facts<'_>, verdicts: &mut Vec<Verdict>) {
        if let Some(cluster) = facts.cluster {
            return self.judge_in(subject, cluster, facts, verdicts);
        }
        self.judge_within(subject, &Objects::none(facts.today).asking(self.images.as_deref()), verdicts);
    }

    fn judge_graph(&self, facts: &Facts<'_>) -> Vec<(NodeIndex, Verdict)> {
        let objects = Objects::of(facts).asking(self.images.as_deref());
        let (mut all, mut verdicts) = (Vec::new(), Vec::new());
        for (index, subject) in facts.graph.iter() {
            if self.types.iter().any(|selector| selector.matches(&subject.resource_type)) {
                self.judge_within(subject, &objects, &mut verdicts);
                all.extend(verdicts.drain(..).map(|verdict| (index, verdict)));
            }
        }
        all
    }
}
