//! Rules as policies of a scan: objects in files, judged as if they were created.

pub(crate) mod metadata;
mod objects;

use std::borrow::Cow;
use std::sync::Arc;

use probity_model::{Metadata, NodeIndex, Span, Stage, Subject, SubjectKind, Value};
use probity_policy_core::{Facts, Policy as ScanPolicy, Scope, TypeSelector, Verdict};

use crate::engine::Surroundings;
use crate::exception::PolicyException;
use crate::images::Images;
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

/// The kinds that a rule judges, and what was generated of it.
fn types(policy: &Policy, index: usize) -> Vec<TypeSelector> {
    let mut types = Vec::new();
    for (_, rule) in policy.all_rules().filter(|(own, _)| *own == index) {
        let Some(kinds) = rule.kinds() else { return vec![TypeSelector::All] };
        types.extend(kinds.into_iter().map(|kind| TypeSelector::Exact(kind.into())));
    }
    types
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

    fn judge(&self, subject: &Subject, _: NodeIndex, facts: &Facts<'_>, verdicts: &mut Vec<Verdict>) {
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
