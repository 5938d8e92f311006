//! From documents to policies and bindings.

use std::collections::BTreeSet;
use std::sync::Arc;

use probity_model::node::Node;
use probity_model::value::Array;
use probity_model::{Problem, Value};

use crate::binding::Binding;
use crate::mutating::MutatingPolicy;
use crate::object;
use crate::policy::AdmissionPolicy;
use crate::validating::ValidatingPolicy;

/// The API group of policies and bindings.
const GROUP: &str = "admissionregistration.k8s.io";

const VERSIONS: &[&str] = &["v1", "v1beta1", "v1alpha1"];

const VALIDATING: &str = "ValidatingAdmissionPolicy";
const VALIDATING_BINDING: &str = "ValidatingAdmissionPolicyBinding";
const MUTATING: &str = "MutatingAdmissionPolicy";
const MUTATING_BINDING: &str = "MutatingAdmissionPolicyBinding";

/// Whether a document is a policy or a binding, or a list of them.
pub fn is_admission_policy(document: &Value) -> bool {
    let is_one = |value: &Value| {
        let kind = object::text(value, "kind");
        object::group(value) == GROUP && [VALIDATING, VALIDATING_BINDING, MUTATING, MUTATING_BINDING].contains(&kind)
    };
    is_one(document) || items(document).is_some_and(|items| items.iter().any(is_one))
}

/// Whether a document is a policy that changes objects, and judges none.
pub fn is_mutating(document: &Value) -> bool {
    object::group(document) == GROUP && object::text(document, "kind") == MUTATING
}

fn items(document: &Value) -> Option<&Array> {
    object::text(document, "kind").ends_with("List").then(|| document.get("items")?.as_array())?
}

/// Policies and bindings that were read together.
#[derive(Debug, Default)]
pub struct Set {
    /// The validating policies.
    pub validating: Vec<Arc<ValidatingPolicy>>,
    /// The mutating policies, by name, in the order in which they are applied.
    pub mutating: Vec<Arc<MutatingPolicy>>,
    /// The bindings of validating policies.
    pub validating_bindings: Vec<Arc<Binding>>,
    /// The bindings of mutating policies.
    pub mutating_bindings: Vec<Arc<Binding>>,
    /// What else was among the documents: parameters may be.
    pub objects: Arc<Vec<Value>>,
}

/// Reads the documents of any number of files, in any order. YAML must have been read as Kubernetes does.
///
/// # Errors
/// Everything that is wrong, each with its place.
pub fn read_set(documents: &[Node<'_>]) -> Result<Set, Vec<Problem>> {
    let mut reader = Reader::default();
    for document in documents {
        reader.sort(*document);
    }
    reader.set.mutating.sort_by(|a, b| a.head.name().cmp(b.head.name()));
    reader.set.objects = Arc::new(reader.objects);
    if reader.problems.is_empty() { Ok(reader.set) } else { Err(reader.problems) }
}

/// Reads validating policies as they are asked in a scan: through each binding, or as denying when they have none.
///
/// # Errors
/// Everything that is wrong, each with its place.
pub fn read(documents: &[Node<'_>]) -> Result<Vec<AdmissionPolicy>, Vec<Problem>> {
    AdmissionPolicy::all(&read_set(documents)?)
}

#[derive(Default)]
struct Reader {
    set: Set,
    objects: Vec<Value>,
    known: BTreeSet<(String, String)>,
    problems: Vec<Problem>,
}

impl Reader {
    fn sort(&mut self, node: Node<'_>) {
        if let Some(items) = items(node.value) {
            for (index, value) in items.iter().enumerate() {
                self.sort(Node { value, span: items.span(index).or(node.span) });
            }
            return;
        }
        if !is_admission_policy(node.value) {
            self.objects.push(node.value.clone());
            return;
        }
        if let Err(problem) = self.read(node) {
            self.problems.push(object::problem_of(node, problem));
        }
    }

    fn read(&mut self, node: Node<'_>) -> Result<(), Problem> {
        let fields = node.mapping()?;
        fields.only(&["apiVersion", "kind", "metadata", "spec", "status"])?;
        let version = fields.required("apiVersion")?;
        if !version.string()?.split_once('/').is_some_and(|(_, version)| VERSIONS.contains(&version)) {
            return Err(version.problem(format!("the versions of admission policies are {}", VERSIONS.join(", "))));
        }
        let (kind, name) = (object::text(node.value, "kind"), object::required_name(node)?);
        if !self.known.insert((kind.to_owned(), name.to_owned())) {
            return Err(node.problem(format!("there is another {kind} `{name}`")));
        }
        match kind {
            VALIDATING => self.set.validating.push(Arc::new(ValidatingPolicy::read(node)?)),
            VALIDATING_BINDING => self.set.validating_bindings.push(Arc::new(Binding::read(node, true)?)),
            MUTATING => self.set.mutating.push(Arc::new(MutatingPolicy::read(node)?)),
            _ => self.set.mutating_bindings.push(Arc::new(Binding::read(node, false)?)),
        }
        Ok(())
    }
}
