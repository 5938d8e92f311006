//! Policies that are resources of Kubernetes: each language says which documents are its own, and reads them.

use std::sync::Arc;

use probity_model::node::Node;
use probity_model::{PolicyId, Problem, Span, Value};
use probity_policy_core::{Mutator, Policy};
use probity_policy_kyverno::images::Images;

/// A policy, and where it stands.
pub(super) struct Placed {
    pub(super) policy: Arc<dyn Policy>,
    pub(super) span: Option<Span>,
}

impl Placed {
    /// Its id, and where it stands.
    pub(super) fn place(&self) -> Option<(PolicyId, Span)> {
        Some((self.policy.metadata().id.clone(), self.span?))
    }
}

/// The policies that were read, or everything that is wrong.
pub(super) type Reading = Result<Vec<Placed>, Vec<Problem>>;

/// A language of policies that are resources.
pub(super) struct Language {
    /// Whether a document is of this language.
    pub(super) is_one: fn(&Value) -> bool,
    /// Reads the documents of this language, and passes the others over.
    pub(super) read: fn(&[Node<'_>], Asking<'_>) -> Reading,
}

/// What answers for registries; none when they are not asked.
pub(super) type Registries<'r> = Option<&'r Arc<dyn Images>>;

/// Where policies are asked.
#[derive(Clone, Copy, Default)]
pub(super) struct Asking<'r> {
    pub(super) registries: Registries<'r>,
    /// In front of a cluster and of what is in it, rather than of files.
    pub(super) in_cluster: bool,
}

/// All of them.
pub(super) const LANGUAGES: &[Language] = &[
    Language { is_one: probity_policy_gatekeeper::is_gatekeeper, read: gatekeeper },
    Language { is_one: probity_policy_kyverno::is_kyverno, read: kyverno },
    Language { is_one: probity_policy_kyverno::cel::is_kyverno_cel, read: kyverno_cel },
    Language { is_one: probity_policy_admission::is_admission_policy, read: admission },
];

impl Language {
    /// Reads the documents of this language, and tells what is wrong with some of them: a policy that is wrong takes no
    /// other down, but for those that need it.
    pub(super) fn read_most(&self, documents: &[Node<'_>], asking: Asking<'_>) -> (Vec<Placed>, Vec<Problem>) {
        let mut left = documents.to_vec();
        let mut problems = Vec::new();
        loop {
            let found = match (self.read)(&left, asking) {
                Ok(placed) => return (placed, problems),
                Err(found) => found,
            };
            let before = left.len();
            left.retain(|document| !found.iter().any(|problem| is_within(problem, *document)));
            problems.extend(found);
            if left.len() == before {
                return (Vec::new(), problems);
            }
        }
    }
}

/// Whether a problem is one of a document.
fn is_within(problem: &Problem, document: Node<'_>) -> bool {
    problem.span.zip(document.span).is_some_and(|(place, whole)| {
        place.source == whole.source && whole.start <= place.start && place.start < whole.end.max(whole.start + 1)
    })
}

fn gatekeeper(documents: &[Node<'_>], asking: Asking<'_>) -> Reading {
    let policies = if asking.in_cluster {
        probity_policy_gatekeeper::read_in_cluster(documents)?
    } else {
        probity_policy_gatekeeper::read(documents)?
    };
    Ok(policies.into_iter().map(|policy| Placed { span: policy.span(), policy: Arc::new(policy) }).collect())
}

fn kyverno(documents: &[Node<'_>], asking: Asking<'_>) -> Reading {
    let policies = probity_policy_kyverno::read(documents)?;
    let asking = policies.into_iter().map(|policy| policy.asking(asking.registries.cloned()));
    Ok(asking.map(|policy| Placed { span: policy.span(), policy: Arc::new(policy) }).collect())
}

fn kyverno_cel(documents: &[Node<'_>], asking: Asking<'_>) -> Reading {
    let policies = probity_policy_kyverno::cel::read(documents)?;
    let asking = policies.into_iter().map(|policy| policy.asking(asking.registries.cloned()));
    Ok(asking.map(|policy| Placed { span: policy.span(), policy: Arc::new(policy) }).collect())
}

fn admission(documents: &[Node<'_>], _: Asking<'_>) -> Reading {
    let policies = probity_policy_admission::read(documents)?;
    Ok(policies.into_iter().map(|policy| Placed { span: policy.span(), policy: Arc::new(policy) }).collect())
}

/// The policies among documents that change the objects of requests, in the order in which they are asked, and what is
/// wrong with others. Where registries are asked, tags of images are replaced by digests.
///
/// A cluster asks the `MutatingAdmissionPolicy` objects that it has itself: only those of files are to be given.
pub(super) fn mutators(documents: &[Node<'_>], registries: Registries<'_>) -> (Vec<Arc<dyn Mutator>>, Vec<Problem>) {
    let images = || registries.cloned();
    let mut found: Vec<Arc<dyn Mutator>> = Vec::new();
    let mut problems = Vec::new();
    let gatekeeper = |own: &[Node<'_>]| probity_policy_gatekeeper::read_mutator(own);
    let kyverno = |own: &[Node<'_>]| probity_policy_kyverno::read_mutator(own, images());
    let cel = |own: &[Node<'_>]| probity_policy_kyverno::cel::read_mutator(own, images());
    let admission = |own: &[Node<'_>]| probity_policy_admission::read_mutator(own);
    found.extend(most_of(documents, &mut problems, gatekeeper).map(shared));
    found.extend(most_of(documents, &mut problems, kyverno).map(shared));
    found.extend(most_of(documents, &mut problems, cel).map(shared));
    found.extend(most_of(documents, &mut problems, admission).map(shared));
    (found, problems)
}

fn shared(mutator: impl Mutator + 'static) -> Arc<dyn Mutator> {
    Arc::new(mutator)
}

/// What is read of documents without those that something is wrong with.
fn most_of<M>(
    documents: &[Node<'_>],
    problems: &mut Vec<Problem>,
    read: impl Fn(&[Node<'_>]) -> Result<Option<M>, Vec<Problem>>,
) -> Option<M> {
    let mut left = documents.to_vec();
    loop {
        let found = match read(&left) {
            Ok(mutator) => return mutator,
            Err(found) => found,
        };
        let before = left.len();
        left.retain(|document| !found.iter().any(|problem| is_within(problem, *document)));
        problems.extend(found);
        if left.len() == before {
            return None;
        }
    }
}

/// What is to be told of policies that judge nothing: a scan does not ask them.
pub(super) fn note_of_idle(documents: &[Node<'_>]) -> Option<String> {
    let mut names = Vec::new();
    let mut left: Vec<&Value> = documents.iter().rev().map(|document| document.value).collect();
    while let Some(document) = left.pop() {
        let text = |path: &[&str]| document.at(path).and_then(Value::as_str).unwrap_or_default();
        if text(&["kind"]).ends_with("List") {
            left.extend(
                document.get("items").and_then(Value::as_array).into_iter().flat_map(|items| items.iter().rev()),
            );
        }
        if probity_policy_kyverno::judges_nothing(document) || probity_policy_admission::is_mutating(document) {
            names.push(format!("{} {}", text(&["kind"]), text(&["metadata", "name"])));
        }
    }
    let all = match &names[..] {
        [] => return None,
        [one] => one.clone(),
        // A library has hundreds of them.
        [first, second, third, fourth, ..] if names.len() > 4 => {
            format!("{first}, {second}, {third}, {fourth} and {} more", names.len() - 4)
        }
        [most @ .., last] => format!("{} and {last}", most.join(", ")),
    };
    let (judge, is) = if names.len() == 1 { ("judges", "is") } else { ("judge", "are") };
    Some(format!("{all} {judge} no resource as it stands, and {is} not asked in a scan; `probity apply` asks"))
}

/// Whether a text may hold resources of Kubernetes: they must be read as Kubernetes reads YAML.
pub(super) fn glance(text: &str) -> bool {
    text.contains("apiVersion")
}

/// Whether a document is of one of the languages.
pub(super) fn is_resource(document: &Value) -> bool {
    LANGUAGES.iter().any(|language| (language.is_one)(document))
}
