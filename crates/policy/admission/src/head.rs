//! What validating and mutating policies have alike: a name, what they are about, and the kind of their parameters.

use probity_kubernetes::kind::GroupVersionKind;
use probity_model::node::{Mapping, Node};
use probity_model::{Problem, Span, Value};
use probity_policy_core::{RequestRule, Watched};

use crate::about::About;
use crate::attributes::{Attributes, Matched};
use crate::matching::MatchResources;
use crate::params;

/// Name, place and reach of a policy.
#[derive(Debug, Clone)]
pub struct Head {
    pub(crate) about: About,
    pub(crate) constraints: MatchResources,
    pub(crate) param_kind: Option<GroupVersionKind>,
}

impl Head {
    /// Reads what a policy has alike with others from it and its spec.
    ///
    /// # Errors
    /// What is wrong first, with its place.
    pub(crate) fn read(node: Node<'_>, spec: &Mapping<'_>) -> Result<Self, Problem> {
        let constraints = spec.required("matchConstraints")?;
        let resources = MatchResources::read(constraints)?;
        if !resources.has_rules() {
            return Err(constraints.problem("`resourceRules` must name what the policy is about"));
        }
        Ok(Self { about: About::read(node)?, constraints: resources, param_kind: params::read_kind(spec)? })
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.about.name
    }

    /// Its annotations, an object; null when it has none.
    pub fn annotations(&self) -> &Value {
        &self.about.annotations
    }

    /// Where it stands.
    pub fn span(&self) -> Option<Span> {
        self.about.span
    }

    /// The requests that it may be about.
    pub fn requests(&self) -> Vec<RequestRule> {
        self.constraints.requests()
    }

    /// The objects that it looks at besides: its parameters, and namespaces when it asks for them.
    pub(crate) fn watches(&self, needs_namespace: bool) -> Vec<Watched> {
        let params = self.param_kind.iter();
        let params =
            params.map(|kind| Watched { api_version: kind.api_version().into(), kind: kind.kind.as_str().into() });
        let namespaces = needs_namespace.then(|| Watched { api_version: "v1".into(), kind: "Namespace".into() });
        params.chain(namespaces).collect()
    }

    /// The kind of its parameters.
    pub fn param_kind(&self) -> Option<&GroupVersionKind> {
        self.param_kind.as_ref()
    }

    /// Whether the policy is about a request, and as what.
    ///
    /// # Errors
    /// As [`MatchResources::matches`].
    pub fn matches(&self, attributes: &Attributes) -> Result<Option<Matched>, String> {
        self.constraints.matches(attributes)
    }
}
