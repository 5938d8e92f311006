//! From documents to policies.

use std::sync::Arc;

use probity_model::node::Node;
use probity_model::value::Array;
use probity_model::{Problem, Value};
use probity_policy_admission::Action;

use super::authorizing::{self, AuthorizingPolicy};
use super::deleting::DeletingPolicy;
use super::exception::Exception;
use super::generating::GeneratingPolicy;
use super::images::ImageValidatingPolicy;
use super::mutating::MutatingPolicy;
use super::rules::Head;
use super::validating::ValidatingPolicy;
use crate::object;

/// The API group of the policies.
const GROUP: &str = "policies.kyverno.io";

const VERSIONS: &[&str] = &["v1", "v1beta1", "v1alpha1"];

const KINDS: &[&str] =
    &["ValidatingPolicy", "MutatingPolicy", "GeneratingPolicy", "DeletingPolicy", "ImageValidatingPolicy"];

/// A policy of any kind.
#[derive(Debug, Clone)]
pub enum CelPolicy {
    /// It judges objects and documents.
    Validating(Arc<ValidatingPolicy>),
    /// It changes objects.
    Mutating(Arc<MutatingPolicy>),
    /// It makes objects.
    Generating(Arc<GeneratingPolicy>),
    /// It deletes objects.
    Deleting(Arc<DeletingPolicy>),
    /// It judges images.
    Images(Arc<ImageValidatingPolicy>),
    /// It answers requests of HTTP servers or of Envoy.
    Authorizing(Arc<AuthorizingPolicy>),
}

impl CelPolicy {
    /// Reads a policy and compiles its expressions, and the conditions of exceptions that are about it.
    ///
    /// # Errors
    /// What is wrong first, with its place.
    pub fn read(node: Node<'_>, exceptions: &[Exception]) -> Result<Self, Problem> {
        check_version(node)?;
        let kind = object::text(node.value, "kind");
        match kind.strip_prefix("Namespaced").unwrap_or(kind) {
            "ValidatingPolicy" => match authorizing::protocol(node)? {
                Some(protocol) => {
                    AuthorizingPolicy::read(node, protocol, exceptions).map(Arc::new).map(Self::Authorizing)
                }
                None => ValidatingPolicy::read(node, exceptions).map(Arc::new).map(Self::Validating),
            },
            "MutatingPolicy" => MutatingPolicy::read(node, exceptions).map(Arc::new).map(Self::Mutating),
            "GeneratingPolicy" => GeneratingPolicy::read(node, exceptions).map(Arc::new).map(Self::Generating),
            "DeletingPolicy" => DeletingPolicy::read(node, exceptions).map(Arc::new).map(Self::Deleting),
            "ImageValidatingPolicy" => ImageValidatingPolicy::read(node, exceptions).map(Arc::new).map(Self::Images),
            _ => Err(node.problem(format!("`{kind}` is no kind of policy in {GROUP}"))),
        }
    }

    /// Its name and place.
    pub fn head(&self) -> &Head {
        match self {
            Self::Validating(policy) => &policy.judging.head,
            Self::Mutating(policy) => &policy.head,
            Self::Generating(policy) => &policy.head,
            Self::Deleting(policy) => &policy.head,
            Self::Images(policy) => &policy.judging.head,
            Self::Authorizing(policy) => &policy.head,
        }
    }
}

impl CelPolicy {
    /// What its failures do; nothing when it does not judge.
    pub fn actions(&self) -> &[Action] {
        match self {
            Self::Validating(policy) => &policy.judging.actions,
            Self::Images(policy) => &policy.judging.actions,
            Self::Mutating(_) | Self::Generating(_) | Self::Deleting(_) | Self::Authorizing(_) => &[],
        }
    }
}

/// Whether a document is a policy of policies.kyverno.io.
pub fn is_cel_policy(document: &Value) -> bool {
    let kind = object::text(document, "kind");
    is_of_group(document) && KINDS.contains(&kind.strip_prefix("Namespaced").unwrap_or(kind))
}

/// Whether a document is an exception of policies.kyverno.io.
pub fn is_cel_exception(document: &Value) -> bool {
    is_of_group(document) && object::text(document, "kind") == "PolicyException"
}

/// Reads an exception.
///
/// # Errors
/// What is wrong first, with its place.
pub fn read_exception(node: Node<'_>) -> Result<Exception, Problem> {
    check_version(node)?;
    Exception::read(node)
}

fn is_of_group(document: &Value) -> bool {
    object::text(document, "apiVersion").split_once('/').is_some_and(|(group, _)| group == GROUP)
}

fn check_version(node: Node<'_>) -> Result<(), Problem> {
    let version = node.mapping()?.required("apiVersion")?;
    if version.string()?.split_once('/').is_some_and(|(_, version)| VERSIONS.contains(&version)) {
        return Ok(());
    }
    Err(version.problem(format!("the versions of {GROUP} are {}", VERSIONS.join(", "))))
}

/// The items of a list, when the document is one.
pub(crate) fn items(document: &Value) -> Option<&Array> {
    object::text(document, "kind").ends_with("List").then(|| document.get("items")?.as_array())?
}
