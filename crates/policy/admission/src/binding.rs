//! Bindings: where a policy is applied, with which parameters, and what its failures do.

use probity_model::node::Node;
use probity_model::value::SmolStr;
use probity_model::{Problem, Span, Stage, Value};
use probity_policy_core::Cluster;

use crate::attributes::Attributes;
use crate::matching::MatchResources;
use crate::object;
use crate::params::ParamRef;

/// What a failure does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Action {
    /// It is written to the audit log.
    Audit,
    /// The user is warned.
    Warn,
    /// The request is denied.
    Deny,
}

impl Action {
    /// The action of this name.
    pub fn named(word: &str) -> Option<Self> {
        match word {
            "Audit" => Some(Self::Audit),
            "Warn" => Some(Self::Warn),
            "Deny" => Some(Self::Deny),
            _ => None,
        }
    }

    /// The word for it in policies.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Audit => "Audit",
            Self::Warn => "Warn",
            Self::Deny => "Deny",
        }
    }

    /// The stage that the action is at.
    pub fn stage(self) -> Stage {
        match self {
            Self::Audit => Stage::Observe,
            Self::Warn => Stage::Warn,
            Self::Deny => Stage::Enforce,
        }
    }
}

/// Reads `validationActions`.
///
/// # Errors
/// When one is none, is there twice, or denies and warns at once.
pub fn read_actions(node: Node<'_>) -> Result<Vec<Action>, Problem> {
    let mut actions = Vec::new();
    for node in node.list()? {
        let word = node.string()?;
        let action = Action::named(word)
            .ok_or_else(|| node.problem(format!("`{word}` is not an action")).with_help("one of Deny, Warn, Audit"))?;
        if actions.contains(&action) {
            return Err(node.problem(format!("`{word}` is named twice")));
        }
        actions.push(action);
    }
    if actions.contains(&Action::Deny) && actions.contains(&Action::Warn) {
        return Err(node.problem("Deny and Warn rule each other out: a warning repeats the denial"));
    }
    Ok(actions)
}

/// A binding of a validating or a mutating policy.
#[derive(Debug, Clone)]
pub struct Binding {
    /// Its name.
    pub name: SmolStr,
    /// The name of the policy.
    pub policy: SmolStr,
    /// What failures do; empty for mutating policies.
    pub actions: Vec<Action>,
    pub(crate) resources: Option<MatchResources>,
    pub(crate) param: Option<ParamRef>,
    pub(crate) span: Option<Span>,
    pub(crate) controls: Option<String>,
}

impl Binding {
    /// Reads a binding; one of a validating policy says what failures do.
    ///
    /// # Errors
    /// What is wrong first, with its place.
    pub(crate) fn read(node: Node<'_>, validating: bool) -> Result<Self, Problem> {
        let spec = node.mapping()?.required("spec")?.mapping()?;
        let mut known = vec!["policyName", "paramRef", "matchResources"];
        if validating {
            known.push("validationActions");
        }
        spec.only(&known)?;
        // The API server demands actions; what files of other tools leave out denies.
        let actions = spec.optional("validationActions").map(read_actions).transpose()?;
        let actions = if validating { actions.unwrap_or_else(|| vec![Action::Deny]) } else { Vec::new() };
        Ok(Self {
            name: object::required_name(node)?.into(),
            policy: spec.required("policyName")?.string()?.into(),
            actions,
            resources: spec.optional("matchResources").map(MatchResources::read).transpose()?,
            param: spec.optional("paramRef").map(ParamRef::read).transpose()?,
            span: node.span,
            controls: object::annotation(node.value, object::CONTROLS).map(str::to_owned),
        })
    }

    /// Whether the policy is applied to a request through this binding.
    ///
    /// # Errors
    /// As [`MatchResources::matches`].
    pub fn matches(&self, attributes: &Attributes) -> Result<bool, String> {
        let Some(resources) = &self.resources else { return Ok(true) };
        Ok(resources.matches(attributes)?.is_some())
    }

    /// Whether the labels of the request's namespace must be known to decide.
    pub(crate) fn needs_namespace(&self) -> bool {
        self.resources.as_ref().is_some_and(MatchResources::needs_namespace)
    }

    /// The parameters among these objects, one evaluation for each; `None` is one without parameters.
    ///
    /// # Errors
    /// When the binding demands some that are not there.
    pub fn params<'o>(
        &self,
        kind: Option<&probity_kubernetes::kind::GroupVersionKind>,
        objects: impl Iterator<Item = &'o Value>,
        namespace: &str,
    ) -> Result<Vec<Option<&'o Value>>, String> {
        crate::params::collect(kind, self.param.as_ref(), objects, namespace)
    }

    /// The parameters that a cluster has, as [`Binding::params`] gives those among objects.
    ///
    /// # Errors
    /// As there, and when the cluster cannot tell.
    pub fn params_in(
        &self,
        cluster: &dyn Cluster,
        kind: Option<&probity_kubernetes::kind::GroupVersionKind>,
        namespace: &str,
    ) -> Result<Vec<Option<Value>>, String> {
        crate::params::collect_in(cluster, kind, self.param.as_ref(), namespace)
    }

    /// The parameters among these objects as one value, as Kyverno's command line has them: the object that is named, or
    /// a list in `items`; `None` when there are none.
    pub fn param_as_one(&self, objects: &[Value]) -> Option<Value> {
        self.param.as_ref()?.as_one(objects)
    }
}
