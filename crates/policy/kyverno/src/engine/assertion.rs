//! `validate.assert`.

use probity_model::Value;

use super::Run;
use crate::assertion::Assertion;
use crate::condition::joined;
use crate::context::Context;
use crate::response::{RuleResponse, RuleType, Status};
use crate::rule::Validate;

const TYPE: RuleType = RuleType::Validation;

impl Run<'_> {
    pub(super) fn asserted(&self, assertion: &Assertion, validate: &Validate, context: &Context<'_>) -> RuleResponse {
        match assertion.failures(&self.asserted_of(), context.evaluation()) {
            Err(error) => self.error(TYPE, "failed to apply assertion", error),
            Ok(failures) if failures.is_empty() => {
                self.own(TYPE, Status::Pass, format!("Validation rule '{}' passed.", self.rule.name))
            }
            Ok(failures) => {
                let message = joined(&[&validate.message_text, &failures.join("; ")], "; ");
                self.own(TYPE, Status::Fail, message)
            }
        }
    }

    /// What assertions are about: the request, by other names than variables have for it.
    fn asserted_of(&self) -> Value {
        let request = self.request;
        let or_null = |value: &Option<Value>| value.clone().unwrap_or_default();
        let user = request.user.as_ref().map(crate::request::UserInfo::value);
        Value::object([
            ("object", or_null(&request.object)),
            ("oldObject", or_null(&request.old_object)),
            ("operation", request.operation.as_str().into()),
            ("admissionInfo", Value::object([("userInfo", user.unwrap_or_default())])),
            ("namespaceLabels", Value::Object(request.namespace_labels.clone())),
            (
                "resourceKind",
                Value::object([
                    ("group", Value::from(request.gvk.group.as_str())),
                    ("version", request.gvk.version.as_str().into()),
                    ("kind", request.gvk.kind.as_str().into()),
                    ("subResource", request.subresource.as_str().into()),
                ]),
            ),
        ])
    }
}
