//! What a rule says of the object as it was.

use super::Run;
use crate::context::Context;
use crate::matching::Candidate;
use crate::request::{Operation, Request, UserInfo};
use crate::response::{RuleResponse, RuleType, Status};

/// Whom no rule means: who made the object as it was is not known.
fn nobody() -> UserInfo {
    UserInfo {
        username: "kyverno:kyverno-invalid-controller".to_owned(),
        uid: "kyverno:invaliduid".to_owned(),
        groups: vec!["kyverno:invalidgroup".to_owned()],
        extra: None,
        roles: vec!["kyverno:invalidrole".to_owned()],
        cluster_roles: vec!["kyverno:invalidrole".to_owned()],
    }
}

/// What a rule says of the object as it was.
pub(super) enum Before {
    /// This came of it, if it applies.
    Known(Option<RuleResponse>),
    /// That cannot be asked.
    Unknown,
}

impl Run<'_> {
    /// What the rule says of the object as it was, as if it were new.
    pub(super) fn before<'c>(
        &self,
        context: &mut Context<'c>,
        judge: impl FnOnce(&Run<'_>, &mut Context<'c>) -> Option<RuleResponse>,
    ) -> Before {
        if self.request.operation != Operation::Update {
            return Before::Unknown;
        }
        let mark = context.mark();
        context.set_old_object(None);
        context.set_object(self.request.old_object.as_ref());
        context.set_operation(Operation::Create);
        let request = Request {
            object: self.request.old_object.clone(),
            old_object: None,
            operation: Operation::Create,
            ..self.request.clone()
        };
        let run = Run { request: &request, ..*self };
        let response = run.as_new(context, judge);
        context.restore(&mark);
        context.set_operation(Operation::Update);
        context.set_object(self.request.object.as_ref());
        Before::Known(response)
    }

    fn as_new<'c>(
        &self,
        context: &mut Context<'c>,
        judge: impl FnOnce(&Run<'_>, &mut Context<'c>) -> Option<RuleResponse>,
    ) -> Option<RuleResponse> {
        let skipped = |message: &str| Some(self.own(RuleType::Validation, Status::Skip, message));
        let user = nobody();
        let object = self.request.object.as_ref()?;
        let candidate = Candidate { user: Some(&user), ..Candidate::new(self.request, object) };
        if !matches!(self.preconditions(context), Ok(None)) || !self.rule.selects_object(&candidate) {
            return skipped("resource not matched");
        }
        judge(self, context)
    }
}
