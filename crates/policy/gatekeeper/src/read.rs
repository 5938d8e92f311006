//! From documents to policies.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use probity_model::node::Node;
use probity_model::{Problem, Value};
use probity_policy_core::Watched;

use crate::constraint::{self, Constraint};
use crate::enforcement::Point;
use crate::exclusion::Exclusions;
use crate::expansion::{self, Expander, ExpansionTemplate};
use crate::judge::Bound;
use crate::mutation::{self, GatekeeperMutator, Mutators};
use crate::object;
use crate::policy::{At, ConstraintPolicy, Shared};
use crate::template::{self, Template};

/// The API group of `Config`, which says what is in the inventory.
const CONFIG: &str = "config.gatekeeper.sh";

/// The API group of `SyncSet`, which says more of it.
const SYNC: &str = "syncset.gatekeeper.sh";

/// What a `Config` or a `SyncSet` wants in the inventory.
fn synced(document: &Value) -> Vec<Watched> {
    let lists = [&["spec", "sync", "syncOnly"][..], &["spec", "gvks"]].into_iter();
    let entries = lists.filter_map(|path| document.at(path)?.as_array()).flat_map(|list| list.iter());
    entries
        .map(|entry| {
            let (group, version) = (object::text(entry, "group"), object::text(entry, "version"));
            let api_version = if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") };
            Watched { api_version: api_version.into(), kind: object::text(entry, "kind").into() }
        })
        .collect()
}

/// Whether a document is one of Gatekeeper's: a template, a constraint, a mutator or an expansion template, or what says
/// what is in the inventory, or a list of them.
pub fn is_gatekeeper(document: &Value) -> bool {
    let is_one = |value: &Value| {
        matches!(
            object::group(value),
            template::GROUP | constraint::GROUP | expansion::GROUP | mutation::GROUP | CONFIG | SYNC
        )
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
    read_for(documents, At::Point(Point::Gator))
}

/// As [`read`], for a point of enforcement: constraints that are not asked there give no policy.
///
/// # Errors
/// As [`read`].
pub fn read_at(documents: &[Node<'_>], point: Point) -> Result<Vec<ConstraintPolicy>, Vec<Problem>> {
    read_for(documents, At::Point(point))
}

/// As [`read`], for a cluster: constraints that are asked by its webhook or its audit.
///
/// # Errors
/// As [`read`].
pub fn read_in_cluster(documents: &[Node<'_>]) -> Result<Vec<ConstraintPolicy>, Vec<Problem>> {
    read_for(documents, At::Cluster)
}

/// Reads the mutators among documents; `None` when there is none.
///
/// # Errors
/// Everything that is wrong with them, each with its place.
pub fn read_mutator(documents: &[Node<'_>]) -> Result<Option<GatekeeperMutator>, Vec<Problem>> {
    let mut reader = Reader::default();
    for document in documents {
        reader.sort_mutators(*document);
    }
    let mutators = Mutators::read(&reader.mutators)?;
    if !reader.problems.is_empty() {
        return Err(reader.problems);
    }
    let mutator = GatekeeperMutator { mutators, exclusions: reader.exclusions };
    Ok((!reader.mutators.is_empty()).then_some(mutator))
}

fn read_for(documents: &[Node<'_>], at: At) -> Result<Vec<ConstraintPolicy>, Vec<Problem>> {
    let mut reader = Reader::default();
    for document in documents {
        reader.sort(*document);
    }
    let policies = reader.policies(at);
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
    /// What is to be in the inventory.
    sync: Vec<Watched>,
    exclusions: Exclusions,
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
            (CONFIG, _) => {
                self.sync.extend(synced(node.value));
                self.exclude(node);
            }
            (SYNC, _) => self.sync.extend(synced(node.value)),
            _ => {}
        }
    }

    fn sort_mutators(&mut self, node: Node<'d>) {
        match items(node.value) {
            Some(items) => {
                for value in items {
                    self.sort_mutators(Node { value, span: node.span });
                }
            }
            None if object::group(node.value) == mutation::GROUP => self.mutators.push(node),
            None if object::group(node.value) == CONFIG => self.exclude(node),
            None => {}
        }
    }

    fn exclude(&mut self, config: Node<'_>) {
        self.problems.extend(self.exclusions.read(config).err());
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

    fn policies(&mut self, at: At) -> Vec<ConstraintPolicy> {
        let shared = Shared {
            expander: Arc::new(self.expander()),
            sync: std::mem::take(&mut self.sync).into(),
            exclusions: Arc::new(std::mem::take(&mut self.exclusions)),
        };
        let mut policies = Vec::new();
        let mut known = BTreeSet::new();
        for node in std::mem::take(&mut self.constraints) {
            let (kind, name) = (constraint::kind(node.value), object::name(node.value));
            if !known.insert((kind, name)) {
                self.problems.push(node.problem(format!("there is another {kind} `{name}`")));
                continue;
            }
            match self.constraint(node, &shared, at) {
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

    fn constraint(&self, node: Node<'_>, shared: &Shared, at: At) -> Result<Vec<ConstraintPolicy>, Vec<Problem>> {
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
        ConstraintPolicy::all(bound, node.span, shared, at).map_err(|message| vec![node.problem(message)])
    }
}
