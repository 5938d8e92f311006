//! From documents to policies.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use probity_model::node::Node;
use probity_model::{Problem, Value};

use crate::constraint::{self, Constraint};
use crate::enforcement::Point;
use crate::expansion::{self, Expander, ExpansionTemplate};
use crate::judge::Bound;
use crate::mutation::{self, Mutators};
use crate::object;
use crate::policy::ConstraintPolicy;
use crate::template::{self, Template};

/// Whether a document is one of Gatekeeper's: a template, a constraint, a mutator or an expansion template, or a list
/// of them.
pub fn is_gatekeeper(document: &Value) -> bool {
    let is_one = |value: &Value| {
        matches!(object::group(value), template::GROUP | constraint::GROUP | expansion::GROUP | mutation::GROUP)
    };
    is_one(document) || items(document).is_some_and(|items| items.iter().any(is_one))
}

fn items(document: &Value) -> Option<&[Value]> {
    let is_list = object::text(document, "kind").ends_with("List");
    is_list.then(|| document.get("items")?.as_array().map(probity_model::value::Array::as_slice))?
}

/// Reads the documents of any number of files, in any order, as they are asked in a scan. What is not Gatekeeper's is
/// left alone. YAML must have been read as Kubernetes does.
///
/// # Errors
/// Everything that is wrong, each with its place.
pub fn read(documents: &[Node<'_>]) -> Result<Vec<ConstraintPolicy>, Vec<Problem>> {
    read_at(documents, Point::Gator)
}

/// As [`read`], for a point of enforcement: constraints that are not asked there give no policy.
///
/// # Errors
/// As [`read`].
pub fn read_at(documents: &[Node<'_>], point: Point) -> Result<Vec<ConstraintPolicy>, Vec<Problem>> {
    let mut reader = Reader::default();
    for document in documents {
        reader.sort(*document);
    }
    let policies = reader.policies(point);
    if reader.problems.is_empty() { Ok(policies) } else { Err(reader.problems) }
}

/// Reads the expansion templates and mutators among documents, to expand objects by.
///
/// # Errors
/// Everything that is wrong with them, each with its place.
pub fn read_expander(documents: &[Node<'_>]) -> Result<Expander, Vec<Problem>> {
    let mut reader = Reader::default();
    for document in documents {
        if matches!(object::group(document.value), expansion::GROUP | mutation::GROUP) {
            reader.sort(*document);
        }
    }
    let expander = reader.expander();
    if reader.problems.is_empty() { Ok(expander) } else { Err(reader.problems) }
}

#[derive(Default)]
struct Reader<'d> {
    templates: BTreeMap<String, Arc<Template>>,
    /// Kinds whose templates could not be read: their constraints are not complained about as well.
    broken: Vec<String>,
    expansions: Vec<(ExpansionTemplate, Node<'d>)>,
    mutators: Vec<Node<'d>>,
    constraints: Vec<Node<'d>>,
    problems: Vec<Problem>,
}

impl<'d> Reader<'d> {
    fn sort(&mut self, node: Node<'d>) {
        if let Some(items) = items(node.value) {
            for (index, value) in items.iter().enumerate() {
                let list = node.value.get("items").and_then(Value::as_array);
                let span = list.and_then(|list| list.span(index)).or(node.span);
                self.sort(Node { value, span });
            }
            return;
        }
        match (object::group(node.value), object::text(node.value, "kind")) {
            (template::GROUP, "ConstraintTemplate") => self.template(node),
            (constraint::GROUP, _) => self.constraints.push(node),
            (expansion::GROUP, "ExpansionTemplate") => match ExpansionTemplate::read(node) {
                Ok(template) => self.expansions.push((template, node)),
                Err(problem) => self.problems.push(problem),
            },
            (mutation::GROUP, _) => self.mutators.push(node),
            _ => {}
        }
    }

    fn template(&mut self, node: Node<'_>) {
        match Template::read(node) {
            Ok(template) => {
                let kind = template.kind.clone();
                if self.templates.insert(kind.clone(), Arc::new(template)).is_some() {
                    self.problems.push(node.problem(format!("there is another template for `{kind}`")));
                }
            }
            Err(problem) => {
                let kind = node.value.at(&["spec", "crd", "spec", "names", "kind"]).and_then(Value::as_str);
                self.broken.extend(kind.map(str::to_owned));
                self.problems.push(problem);
            }
        }
    }

    fn policies(&mut self, point: Point) -> Vec<ConstraintPolicy> {
        let expander = Arc::new(self.expander());
        let mut policies = Vec::new();
        let mut known = BTreeSet::new();
        for node in std::mem::take(&mut self.constraints) {
            let (kind, name) = (constraint::kind(node.value), object::name(node.value));
            if !known.insert((kind, name)) {
                self.problems.push(node.problem(format!("there is another {kind} `{name}`")));
                continue;
            }
            match self.constraint(node, &expander, point) {
                Ok(own) => policies.extend(own),
                Err(problems) => self.problems.extend(problems),
            }
        }
        policies
    }

    fn expander(&mut self) -> Expander {
        let templates = self.expansions.iter().map(|(template, _)| template.clone()).collect();
        let mutators = Mutators::read(&self.mutators).unwrap_or_else(|problems| {
            self.problems.extend(problems);
            Mutators::default()
        });
        let (expander, circular) = Expander::new(templates, mutators);
        for (template, node) in &self.expansions {
            if circular.contains(&template.name) {
                self.problems.push(node.problem("the template expands what it makes, through others"));
            }
        }
        expander
    }

    fn constraint(
        &self,
        node: Node<'_>,
        expander: &Arc<Expander>,
        point: Point,
    ) -> Result<Vec<ConstraintPolicy>, Vec<Problem>> {
        let kind = constraint::kind(node.value);
        let Some(template) = self.templates.get(kind) else {
            if self.broken.iter().any(|broken| broken == kind) {
                return Ok(Vec::new());
            }
            let problem = node.problem(format!("there is no template for `{kind}`"));
            return Err(vec![problem.with_help("name the ConstraintTemplate's file as well")]);
        };
        let constraint = Constraint::read(node, template).map_err(|invalid| invalid.problems)?;
        constraint.enforcement.check(&node).map_err(|problem| vec![problem])?;
        let bound = Bound { template: template.clone(), constraint };
        ConstraintPolicy::all(bound, node.span, expander, point).map_err(|message| vec![node.problem(message)])
    }
}
