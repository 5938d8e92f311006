//! What expressions may ask for outside of the request.

use std::sync::Arc;

use probity_policy_cel::library::kubernetes::{
    Attributes as Question, Authorizer, authorizer_value, resource_check_value,
};
use probity_policy_cel::{Evaluation, Value};

use crate::attributes::Attributes;

/// What stands behind policies. Without an authorizer, all that is asked of one is denied with an error.
#[derive(Clone, Default)]
pub struct Host(Option<Arc<dyn Authorizer>>);

impl Host {
    /// A host whose authorizer tells who may do what.
    pub fn new(authorizer: Arc<dyn Authorizer>) -> Self {
        Self(Some(authorizer))
    }

    /// Limits of the evaluations of one policy.
    pub(crate) fn evaluation() -> Evaluation<'static> {
        Evaluation::default()
    }

    /// What expressions see as `authorizer` and `authorizer.requestResource`.
    pub(crate) fn inputs(&self, attributes: &Attributes) -> [(&'static str, Value); 2] {
        let question = Question {
            group: attributes.resource.group.clone(),
            resource: attributes.resource.resource.clone(),
            subresource: attributes.subresource.to_string(),
            namespace: attributes.namespace.to_string(),
            name: attributes.name.to_string(),
            ..Question::default()
        };
        [
            ("authorizer", authorizer_value(self.0.clone())),
            ("authorizer.requestResource", resource_check_value(self.0.clone(), question)),
        ]
    }
}
