//! What expressions may ask for outside of the request.

use std::any::Any;

use probity_policy_cel::Evaluation;

/// Answers of what stands behind a policy, such as whether a user may do something. Refuses everything by default: what
/// an expression asks for is then an error.
#[derive(Clone, Copy, Default)]
pub struct Host<'h>(Option<&'h dyn Any>);

impl<'h> Host<'h> {
    /// A host that answers as far as the libraries of expressions know its type.
    pub fn new(host: &'h dyn Any) -> Self {
        Self(Some(host))
    }

    /// Evaluations with this host; each expression may cost as much as the API server lets it.
    pub(crate) fn evaluation(&self) -> Evaluation<'h> {
        match self.0 {
            Some(host) => Evaluation::default().with_host(host),
            None => Evaluation::default(),
        }
    }
}
