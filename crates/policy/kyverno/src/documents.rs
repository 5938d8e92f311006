//! From documents to policies of a scan.

use std::collections::HashSet;
use std::sync::Arc;

use probity_model::node::Node;
use probity_model::{Problem, Value};

use crate::exception::{PolicyException, is_exception};
use crate::images::Images;
use crate::live::KyvernoMutator;
use crate::object;
use crate::policy::{Policy, is_policy};
use crate::rule::{Body, Rule};
use crate::scan::RulePolicy;

/// Whether a document is one of Kyverno's that [`read`] reads, or a list of such.
pub fn is_kyverno(document: &Value) -> bool {
    let is_one = |value: &Value| is_policy(value) || is_exception(value);
    is_one(document) || items(document).is_some_and(|items| items.iter().any(is_one))
}

fn items(document: &Value) -> Option<&[Value]> {
    let is_list = object::text(document, "kind").ends_with("List");
    is_list.then(|| document.get("items")?.as_array().map(probity_model::value::Array::as_slice))?
}

/// Reads the documents of any number of files, in any order, as they are asked in a scan: each rule that judges
/// resources is a policy. What is not Kyverno's is left alone. YAML must have been read as Kubernetes does.
///
/// # Errors
/// Everything that is wrong, each with its place.
pub fn read(documents: &[Node<'_>]) -> Result<Vec<RulePolicy>, Vec<Problem>> {
    let mut reader = Reader::default();
    for document in documents {
        reader.sort(*document);
    }
    let exceptions: Arc<[Arc<PolicyException>]> = reader.exceptions.into();
    let changes = |rule: &Arc<Rule>| matches!(&rule.body, Body::Mutate(mutate) if !mutate.has_targets());
    let mutating = reader.policies.iter().filter(|policy| policy.rules().iter().any(changes)).cloned().collect();
    let mut all = Vec::new();
    for policy in &reader.policies {
        match RulePolicy::all(policy, &exceptions, &mutating) {
            Ok(own) => all.extend(own),
            Err(message) => reader.problems.push(Problem::new(message, policy.span)),
        }
    }
    if reader.problems.is_empty() { Ok(all) } else { Err(reader.problems) }
}

/// Reads the rules that change objects among documents; `None` when there is none. Without `images` no registry is asked.
///
/// # Errors
/// Everything that is wrong, each with its place.
pub fn read_mutator(
    documents: &[Node<'_>],
    images: Option<Arc<dyn Images>>,
) -> Result<Option<KyvernoMutator>, Vec<Problem>> {
    let mut reader = Reader::default();
    for document in documents {
        reader.sort(*document);
    }
    if !reader.problems.is_empty() {
        return Err(reader.problems);
    }
    let exceptions: Arc<[Arc<PolicyException>]> = reader.exceptions.into();
    Ok(KyvernoMutator::new(&reader.policies, &exceptions, images))
}

#[derive(Default)]
struct Reader {
    policies: Vec<Arc<Policy>>,
    exceptions: Vec<Arc<PolicyException>>,
    known: HashSet<(String, String)>,
    problems: Vec<Problem>,
}

impl Reader {
    fn sort(&mut self, node: Node<'_>) {
        if let Some(items) = items(node.value) {
            for (index, value) in items.iter().enumerate() {
                let list = node.value.get("items").and_then(Value::as_array);
                let span = list.and_then(|list| list.span(index)).or(node.span);
                self.sort(Node { value, span });
            }
            return;
        }
        if is_exception(node.value) {
            match PolicyException::read(node) {
                Ok(exception) => self.exceptions.push(Arc::new(exception)),
                Err(problem) => self.problems.push(problem),
            }
        } else if is_policy(node.value) {
            match Policy::read(node) {
                Ok(policy) if !self.known.insert((policy.namespace.to_string(), policy.name.to_string())) => {
                    self.problems.push(node.problem(format!("there is another policy `{}`", policy.name)));
                }
                Ok(policy) => self.policies.push(Arc::new(policy)),
                Err(problems) => self.problems.extend(problems),
            }
        }
    }
}
