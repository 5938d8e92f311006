//! Changing the resource, rule by rule: each sees what those before it left.

use probity_model::Value;

use super::Mutate;
use super::foreach::Changed;
use crate::context::Context;
use crate::engine::{Run, Surroundings};
use crate::object;
use crate::policy::Policy;
use crate::request::Request;
use crate::response::{PatchedTarget, Response, RuleResponse, RuleType, Status};
use crate::rule::{Body, Rule};

pub(super) const TYPE: RuleType = RuleType::Mutation;

impl Policy {
    /// Changes what a request asks for by the rules that mutate. The resource after all of them is in the response, when
    /// it is another one than before.
    pub fn mutate(&self, request: &Request, around: Surroundings<'_>) -> Response {
        self.mutate_where(request, around, |_| true)
    }

    /// As [`Policy::mutate`], without the rules that change other objects: a request does not wait for these.
    pub(crate) fn mutate_object(&self, request: &Request, around: Surroundings<'_>) -> Response {
        self.mutate_where(request, around, |mutation| !mutation.has_targets())
    }

    fn mutate_where(
        &self,
        request: &Request,
        around: Surroundings<'_>,
        is_meant: impl Fn(&Mutate) -> bool,
    ) -> Response {
        let mut response = Response::default();
        if !self.is_for(request) {
            return response;
        }
        let mut current = request.object.clone();
        for rule in self.rules_for(&request.gvk.kind) {
            let Body::Mutate(mutation) = &rule.body else { continue };
            if !is_meant(mutation) {
                continue;
            }
            let request = Request { object: current.clone(), ..request.clone() };
            if !rule.selects(&request) {
                continue;
            }
            let (rules, patched) = self.mutate_by(rule, mutation, &request, around);
            response.rules.extend(rules);
            if let Some(patched) = patched {
                current = Some(patched);
            }
            if self.spec.apply_one && response.applied() > 0 {
                break;
            }
        }
        response.patched = current.filter(|patched| request.object.as_ref() != Some(patched));
        response
    }

    fn mutate_by(
        &self,
        rule: &Rule,
        mutation: &Mutate,
        request: &Request,
        around: Surroundings<'_>,
    ) -> (Vec<RuleResponse>, Option<Value>) {
        let mut context = Context::new(request, &self.namespace, around.host);
        let run = Run { policy: self, rule, request, around };
        if let Some(response) = run.prepare(TYPE, rule, &mut context) {
            return (vec![response], None);
        }
        let exceptions = run.exceptions(&context);
        if !exceptions.is_empty() {
            return (vec![run.excepted(TYPE, &exceptions)], None);
        }
        let (responses, patched) = if mutation.has_targets() {
            (mutation.targets(run, &mut context), None)
        } else {
            let (response, patched) = mutation.resource(run, &mut context);
            (vec![response], patched)
        };
        (responses.into_iter().map(|response| run.with_properties(response, &context)).collect(), patched)
    }
}

impl Mutate {
    fn resource<'c>(&'c self, run: Run<'c>, context: &mut Context<'c>) -> (RuleResponse, Option<Value>) {
        let Some(object) = &run.request.object else {
            return (run.own(TYPE, Status::Error, "failed to marshal resource: there is none"), None);
        };
        match self.change.apply(object, run, context, 0) {
            Changed::Patched(patched) => (run.own(TYPE, Status::Pass, mutated(&patched)), Some(patched)),
            Changed::Same(message) => (run.own(TYPE, Status::Skip, message), None),
            Changed::Failed(message) => (run.own(TYPE, Status::Error, message), None),
        }
    }

    /// Changes another object.
    pub(super) fn target<'c>(&'c self, object: &Value, run: Run<'c>, context: &mut Context<'c>) -> RuleResponse {
        match self.change.apply(object, run, context, 0) {
            Changed::Patched(patched) => {
                let response = run.own(TYPE, Status::Pass, mutated(&patched));
                RuleResponse { target: Some(PatchedTarget { object: patched, subresource: "".into() }), ..response }
            }
            Changed::Same(message) => run.own(TYPE, Status::Skip, message),
            Changed::Failed(message) => run.own(TYPE, Status::Error, message),
        }
    }
}

/// What was changed, in words.
fn mutated(object: &Value) -> String {
    let named = format!("mutated {}/{}", object::text(object, "kind"), object::name(object));
    match object::namespace(object) {
        "" => named,
        namespace => format!("{named} in namespace {namespace}"),
    }
}
