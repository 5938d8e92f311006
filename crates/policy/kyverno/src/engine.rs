//! Policies on requests (Kyverno, `pkg/engine`).

mod action;
mod assertion;
mod attested;
mod cel;
mod foreach;
mod images;
mod message;
mod old;
mod pattern;
mod podsecurity;
mod validate;
mod verified;

pub(crate) use foreach::elements;

use std::sync::Arc;

use probity_model::Value;

use crate::condition::{Conditions, joined};
use crate::context::Context;
use crate::entry::Entry;
use crate::exception::PolicyException;
use crate::gofmt;
use crate::host::Host;
use crate::matching::Candidate;
use crate::object;
use crate::policy::Policy;
use crate::request::Request;
use crate::response::{Response, RuleResponse, RuleType, Status};
use crate::rule::{Body, Check, ForEach, Rule};

/// What a policy is judged with besides the request.
#[derive(Clone, Copy)]
pub struct Surroundings<'s> {
    /// What answers what is asked from outside.
    pub host: &'s dyn Host,
    /// The exceptions there are.
    pub exceptions: &'s [Arc<PolicyException>],
}

impl Policy {
    /// Whether the policy is asked about a request at all: one for a namespace is asked about what is in it.
    pub fn is_for(&self, request: &Request) -> bool {
        let is_within = |object: &Value| object::namespace(object) == self.namespace;
        let is_of_namespace =
            self.namespace.is_empty() || request.object.iter().chain(&request.old_object).all(is_within);
        is_of_namespace
            && self.spec.match_conditions.as_ref().is_none_or(|conditions| cel::conditions_hold(conditions, request))
    }

    /// Judges a request by the rules that validate.
    pub fn validate(&self, request: &Request, around: Surroundings<'_>) -> Response {
        let mut response = Response::default();
        if !self.is_for(request) {
            return response;
        }
        let mut context = None;
        for rule in self.rules_for(&request.gvk.kind) {
            if !rule.validates() || !rule.selects(request) {
                continue;
            }
            // Made for the first rule that applies: most policies have none.
            let context = context.get_or_insert_with(|| Context::new(request, &self.namespace, around.host));
            let mark = context.mark();
            let run = Run { policy: self, rule, request, around };
            response.rules.extend(run.validation(rule, context));
            context.restore(&mark);
            if self.spec.apply_one && response.applied() > 0 {
                break;
            }
        }
        response
    }

    /// Judges a request by one rule, verifying images as well. Where only the first rule that applies counts, those
    /// before it are asked too.
    pub(crate) fn judge_rule(&self, rule: &Rule, request: &Request, around: Surroundings<'_>) -> Vec<RuleResponse> {
        if !self.is_for(request) || !rule.selects(request) {
            return Vec::new();
        }
        if self.spec.apply_one {
            let mut rules = self.validate(request, around).rules;
            rules.retain(|response| response.name == rule.name);
            return rules;
        }
        let Body::VerifyImages(_) = &rule.body else { return self.validated_by(rule, request, around) };
        let (verified, patched) = self.verified_by(rule, request, around);
        let is_decided = verified.iter().any(|response| matches!(response.status, Status::Fail | Status::Error));
        match patched {
            // As at admission: what the verification leaves is then judged.
            Some(object) if !is_decided => {
                let request = Request { object: Some(object), ..request.clone() };
                let judged = self.validated_by(rule, &request, around);
                if judged.is_empty() { verified } else { judged }
            }
            _ if verified.is_empty() => self.validated_by(rule, request, around),
            _ => verified,
        }
    }

    fn validated_by(&self, rule: &Rule, request: &Request, around: Surroundings<'_>) -> Vec<RuleResponse> {
        if !rule.validates() {
            return Vec::new();
        }
        let mut context = Context::new(request, &self.namespace, around.host);
        Run { policy: self, rule, request, around }.validation(rule, &mut context).into_iter().collect()
    }

    /// What comes of the images of a request by one rule, and the object as it leaves it.
    fn verified_by(
        &self,
        rule: &Rule,
        request: &Request,
        around: Surroundings<'_>,
    ) -> (Vec<RuleResponse>, Option<Value>) {
        let Body::VerifyImages(verifications) = &rule.body else { return (Vec::new(), None) };
        let mut context = Context::new(request, &self.namespace, around.host);
        let outcome = Run { policy: self, rule, request, around }.verified(verifications, rule, &mut context);
        // Without registries nothing was found that could be noted.
        let object = outcome.patched.as_ref().or(request.object.as_ref()).filter(|_| around.host.images().is_some());
        let object = object.map(|object| verified::annotated(object, self, &rule.name, &outcome.noted));
        (outcome.responses, object)
    }

    /// Verifies the images of a request, by the rules that do. Where registries are not asked, what must be signed fails.
    pub fn verify_images(&self, request: &Request, around: Surroundings<'_>) -> Response {
        let mut response = Response::default();
        if !self.is_for(request) || request.is_delete() {
            return response;
        }
        let mut request = request.clone();
        let rules: Vec<_> = self.rules_for(&request.gvk.kind).filter(|rule| rule.verifies()).cloned().collect();
        for rule in rules {
            if !rule.selects(&request) {
                continue;
            }
            let (verified, patched) = self.verified_by(&rule, &request, around);
            response.rules.extend(verified);
            if patched.is_some() && patched != request.object {
                response.patched.clone_from(&patched);
                request.object = patched;
            }
            if self.spec.apply_one && response.applied() > 0 {
                break;
            }
        }
        response
    }
}

impl Rule {
    /// Whether the rule is about the object of a request, or about what it was when it goes.
    pub fn selects(&self, request: &Request) -> bool {
        match (&request.object, &request.old_object) {
            (Some(object), _) | (None, Some(object)) => self.selects_object(&Candidate::new(request, object)),
            (None, None) => false,
        }
    }

    /// Whether it asks for labels of namespaces.
    pub(crate) fn needs_namespace(&self) -> bool {
        self.matching.needs_namespace() || self.exclude.needs_namespace()
    }

    /// Whether it asks for other objects.
    pub(crate) fn needs_objects(&self) -> bool {
        let is_outside = |entry: &Entry| entry.is_outside();
        let loops = match self.validate().map(|validate| &validate.check) {
            Some(Check::ForEach(loops)) => loops.as_slice(),
            _ => &[],
        };
        self.context.iter().any(is_outside) || loops.iter().any(ForEach::needs_objects)
    }

    /// Whether it verifies images.
    pub(crate) fn verifies(&self) -> bool {
        matches!(self.body, Body::VerifyImages(_))
    }

    /// Whether it has something to say of a resource, rather than something to do with it.
    pub(crate) fn validates(&self) -> bool {
        match &self.body {
            Body::Validate(_) => true,
            Body::VerifyImages(verifications) => {
                verifications.iter().any(|verification| verification.verify_digest || verification.required)
            }
            Body::Mutate(_) | Body::Generate(_) => false,
        }
    }

    pub(crate) fn selects_object(&self, candidate: &Candidate<'_>) -> bool {
        self.matching.selects(candidate) && (self.exclude.is_empty() || !self.exclude.excludes(candidate))
    }
}

/// One rule on one request.
#[derive(Clone, Copy)]
pub(crate) struct Run<'r> {
    pub(crate) policy: &'r Policy,
    pub(crate) rule: &'r Rule,
    pub(crate) request: &'r Request,
    pub(crate) around: Surroundings<'r>,
}

impl<'r> Run<'r> {
    fn validation<'c>(&self, rule: &'c Rule, context: &mut Context<'c>) -> Option<RuleResponse> {
        if let Body::VerifyImages(verifications) = &rule.body {
            match self.matching_images(verifications, context) {
                Ok(images) if images.is_empty() => return None,
                Ok(_) => {}
                Err(error) => return Some(self.error(RuleType::Validation, "failed to instantiate handler", error)),
            }
        }
        if let Some(response) = self.prepare(RuleType::Validation, rule, context) {
            return Some(response);
        }
        let response = match &rule.body {
            Body::Validate(validate) => self.validated(validate, context),
            Body::VerifyImages(verifications) => Some(self.checked_images(verifications, context)),
            Body::Mutate(_) | Body::Generate(_) => None,
        };
        response.map(|response| self.with_properties(response, context))
    }

    /// Prepares the context and asks the preconditions; what came of the rule, when they end it.
    pub(crate) fn prepare<'c>(
        &self,
        rule_type: RuleType,
        rule: &'c Rule,
        context: &mut Context<'c>,
    ) -> Option<RuleResponse> {
        self.load(context, &rule.context);
        match self.preconditions(context) {
            Ok(None) => None,
            Ok(Some(message)) => Some(self.own(rule_type, Status::Skip, message)),
            Err(error) => Some(self.error(rule_type, "failed to evaluate preconditions", error)),
        }
    }

    /// The response with what the rule adds to reports.
    pub(crate) fn with_properties(&self, mut response: RuleResponse, context: &Context<'_>) -> RuleResponse {
        for (name, template) in &self.rule.properties {
            if let Ok(value) = template.substitute(context) {
                response.properties.push((name.clone(), gofmt::print(&value).to_string()));
            }
        }
        response
    }

    /// Adds entries, and the values that the host has for the rule.
    pub(crate) fn load<'c>(&self, context: &mut Context<'c>, entries: &'c [Entry]) {
        context.merge(&self.around.host.values(&self.policy.name, &self.rule.name));
        context.load(entries);
    }

    /// Why the rule is not asked; `None` when it is.
    pub(crate) fn preconditions(&self, context: &Context<'_>) -> Result<Option<String>, String> {
        unmet(self.rule.preconditions.as_ref(), context)
    }

    /// The exceptions that are about the rule and the resource.
    pub(crate) fn exceptions(&self, context: &Context<'_>) -> Vec<&'r PolicyException> {
        let all = self.around.exceptions.iter().map(|exception| &**exception);
        let about = all.filter(|exception| exception.is_about(self.policy, &self.rule.name));
        about.filter(|exception| exception.matches(self.request, context)).collect()
    }

    /// A response of the rule.
    pub(crate) fn own(&self, rule_type: RuleType, status: Status, message: impl Into<String>) -> RuleResponse {
        RuleResponse::new(self.rule.name.clone(), rule_type, status, message)
    }

    /// An error of the rule.
    pub(crate) fn error(&self, rule_type: RuleType, message: &str, cause: impl std::fmt::Display) -> RuleResponse {
        RuleResponse::error(self.rule.name.clone(), rule_type, message, cause)
    }

    /// The rule is skipped for these exceptions.
    pub(crate) fn excepted(&self, rule_type: RuleType, exceptions: &[&PolicyException]) -> RuleResponse {
        let keys: Vec<String> = exceptions.iter().map(|exception| exception.key()).collect();
        let message = format!("rule is skipped due to policy exceptions{}", keys.join(", "));
        RuleResponse { exceptions: keys, ..self.own(rule_type, Status::Skip, message) }
    }
}

/// Why conditions do not let a rule be asked; `None` when they do.
pub(crate) fn unmet(conditions: Option<&Conditions>, context: &Context<'_>) -> Result<Option<String>, String> {
    let Some(conditions) = conditions else { return Ok(None) };
    let outcome = conditions.evaluate(context)?;
    let message = || joined(&["preconditions not met", &outcome.message], "; ");
    Ok((!outcome.holds).then(message))
}
