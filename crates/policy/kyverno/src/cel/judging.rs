//! What policies that judge have alike, those on images and those on all else.

use probity_model::Problem;
use probity_model::node::{Mapping, Node};
use probity_policy_admission::{Action, read_actions};
use probity_policy_core::{FailMode, Occasions, RequestRule};

use super::autogen::{self, Config, Rewriting};
use super::rules::{Head, Rules};

/// A policy that judges: the policy itself, and what it says of what makes pods.
#[derive(Debug, Clone)]
pub(crate) struct Judging<V> {
    /// Its name and place.
    pub(crate) head: Head,
    /// What its failures do.
    pub(crate) actions: Vec<Action>,
    /// Whether it judges documents that are no Kubernetes objects.
    pub(crate) judges_json: bool,
    /// Where in a cluster it is asked.
    pub(crate) occasions: Occasions,
    /// The policy itself is the first.
    pub(crate) variants: Vec<V>,
}

/// One way in which a policy is applied.
pub(crate) trait Variant {
    /// What decides whether it is.
    fn rules(&self) -> &Rules;
}

/// Where a way in which a policy is applied is read.
#[derive(Clone, Copy)]
pub(crate) struct Origin<'o> {
    pub(crate) head: &'o Head,
    /// `None` for the policy itself.
    pub(crate) config: Option<Config>,
    pub(crate) judges_json: bool,
}

impl<V: Variant> Judging<V> {
    /// Reads a policy that has these fields in its spec; `read` reads each way in which it is applied.
    ///
    /// # Errors
    /// What is wrong first, with its place.
    pub(crate) fn read(
        node: Node<'_>,
        fields: &[&str],
        read: impl Fn(Origin<'_>, Node<'_>) -> Result<V, Problem>,
    ) -> Result<Self, Problem> {
        let head = Head::read(node)?;
        let spec_node = node.mapping()?.required("spec")?;
        let spec = spec_node.mapping()?;
        spec.only(fields)?;
        let judges_json = judges_json(&spec)?;
        let origin = Origin { head: &head, config: None, judges_json };
        let mut variants = vec![read(origin, spec_node)?];
        if !judges_json {
            for (config, generated) in autogen::generated(spec_node.value, Rewriting::Everywhere) {
                let node = Node { value: &generated, span: spec_node.span };
                variants.push(read(Origin { config: Some(config), ..origin }, node)?);
            }
        }
        let actions = spec.optional("validationActions").map(read_actions).transpose()?.unwrap_or_default();
        let actions = if actions.is_empty() { vec![Action::Deny] } else { actions };
        let occasions = occasions(&spec)?;
        Ok(Self { head, actions, judges_json, occasions, variants })
    }

    /// Whether labels of namespaces decide what the policy is about.
    pub(crate) fn needs_namespace(&self) -> bool {
        self.variants.iter().any(|variant| variant.rules().needs_namespace())
    }

    /// The requests that it can be about.
    pub(crate) fn requests(&self) -> Vec<RequestRule> {
        self.variants.iter().flat_map(|variant| variant.rules().requests()).collect()
    }

    /// What it means that it cannot be evaluated.
    pub(crate) fn fail_mode(&self) -> FailMode {
        self.variants.first().map_or(FailMode::Closed, |variant| variant.rules().failure.fail_mode())
    }

    /// The kinds of native types that it can be about; `None` when others can be as well.
    pub(crate) fn kinds(&self) -> Option<Vec<&'static str>> {
        let kinds: Option<Vec<_>> = self.variants.iter().map(|variant| variant.rules().kinds()).collect();
        kinds.map(|kinds| kinds.concat())
    }
}

/// Reads where a policy is asked, which is everywhere unless it says otherwise.
pub(crate) fn occasions(spec: &Mapping<'_>) -> Result<Occasions, Problem> {
    let settings = spec.optional("evaluation").map(Node::mapping).transpose()?;
    let enabled = |name: &str| {
        let given = settings.and_then(|settings| settings.optional(name)).map(Node::mapping).transpose()?;
        let enabled = given.and_then(|given| given.optional("enabled")).map(Node::boolean).transpose()?;
        Ok::<bool, Problem>(enabled.unwrap_or(true))
    };
    Ok(Occasions { admission: enabled("admission")?, background: enabled("background")? })
}

fn judges_json(spec: &Mapping<'_>) -> Result<bool, Problem> {
    let Some(fields) = spec.optional("evaluation").map(Node::mapping).transpose()? else { return Ok(false) };
    fields.only(&["mode", "admission", "background"])?;
    Ok(fields.optional("mode").map(Node::string).transpose()? == Some("JSON"))
}
