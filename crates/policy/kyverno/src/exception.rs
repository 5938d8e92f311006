//! `PolicyException`: resources that rules are not asked about.

use probity_kubernetes::wildcard;
use probity_model::node::Node;
use probity_model::{Problem, SmolStr, Value};
use probity_policy_podsecurity::exclusion::Exclude;

use crate::condition::Conditions;
use crate::context::Context;
use crate::matching::{Candidate, Matching, texts};
use crate::object;
use crate::policy::Policy;
use crate::read::{Path, ReadError, Within};
use crate::request::Request;
use crate::rule::excludes;

/// Resources that rules are not asked about.
#[derive(Debug, Clone)]
pub struct PolicyException {
    /// Its name.
    pub name: SmolStr,
    /// The namespace that it is in.
    pub namespace: SmolStr,
    matching: Matching,
    conditions: Option<Conditions>,
    rules: Vec<(SmolStr, Vec<SmolStr>)>,
    /// Controls of the Pod Security Standards that are not asked, rather than the whole rule.
    pub(crate) pod_security: Vec<Exclude>,
    /// Whether it counts for what is there already.
    pub background: bool,
}

/// Whether a document is a `PolicyException` of Kyverno's for `ClusterPolicy` and `Policy`.
pub fn is_exception(document: &Value) -> bool {
    object::text(document, "apiVersion").starts_with("kyverno.io/")
        && object::text(document, "kind") == "PolicyException"
}

impl PolicyException {
    /// Reads an exception.
    ///
    /// # Errors
    /// What is wrong with it, with its place.
    pub fn read(node: Node<'_>) -> Result<Self, Problem> {
        let owner = format!("PolicyException `{}`", object::name(node.value));
        Self::read_document(node).map_err(|error| error.into_problem(&owner))
    }

    fn read_document(node: Node<'_>) -> Result<Self, ReadError> {
        let document = node.mapping()?;
        document.only(&["apiVersion", "kind", "metadata", "spec"])?;
        let fields = document.required("spec")?.mapping().within("spec")?;
        fields.only(&["background", "match", "conditions", "exceptions", "podSecurity"]).within("spec")?;
        let matching = Matching::read(fields.required("match").within("spec")?).within("match").within("spec")?;
        let conditions = fields.optional("conditions").map(Conditions::read).transpose();
        let mut rules = Vec::new();
        let nodes = fields.required("exceptions").within("spec")?.list().within("exceptions").within("spec")?;
        for (index, node) in nodes.into_iter().enumerate() {
            rules.push(excepted(node).within(Path::Index(index)).within("exceptions").within("spec")?);
        }
        Ok(Self {
            name: object::name(node.value).into(),
            namespace: object::namespace(node.value).into(),
            matching,
            conditions: conditions.within("conditions").within("spec")?.map(Conditions::without_empty_any),
            rules,
            pod_security: excludes(&fields, "podSecurity").within("spec")?,
            background: fields.optional("background").map(Node::boolean).transpose()?.unwrap_or(true),
        })
    }

    /// The exception as messages name it.
    pub fn key(&self) -> String {
        if self.namespace.is_empty() { self.name.to_string() } else { format!("{}/{}", self.namespace, self.name) }
    }

    /// Whether it is about a rule of a policy.
    pub fn is_about(&self, policy: &Policy, rule: &str) -> bool {
        let is_named = |name: &str| match policy.namespace.as_str() {
            "" => name == policy.name,
            namespace => name.split_once('/') == Some((namespace, policy.name.as_str())),
        };
        self.rules
            .iter()
            .any(|(name, rules)| is_named(name) && rules.iter().any(|pattern| wildcard::matches(pattern, rule)))
    }

    pub(crate) fn matching(&self) -> &Matching {
        &self.matching
    }

    /// Whether it asks for labels of namespaces.
    pub(crate) fn needs_namespace(&self) -> bool {
        self.matching.needs_namespace()
    }

    /// Whether it is about the resource of a request.
    pub(crate) fn matches(&self, request: &Request, context: &Context<'_>) -> bool {
        let Some(resource) = request.resource() else { return false };
        self.matching.selects_as_exception(&Candidate::new(request, resource))
            // What cannot be decided excepts nothing.
            && self.conditions.as_ref().is_none_or(|conditions| {
                conditions.evaluate(context).is_ok_and(|outcome| outcome.holds)
            })
    }
}

fn excepted(node: Node<'_>) -> Result<(SmolStr, Vec<SmolStr>), ReadError> {
    let fields = node.mapping()?;
    fields.only(&["policyName", "ruleNames"])?;
    let policy = fields.required("policyName")?.string().within("policyName")?;
    Ok((policy.into(), texts(&fields, "ruleNames")?))
}
