//! Which resources refer to which: directly, through local values, through variables of modules and their outputs.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use probity_model::{NodeIndex, Subject, Value};

use super::config::DeclarationKind;
use super::instance::Instance;
use super::syntax::{Body, Expression, Kind, Step};

/// Deepest chain of locals, variables and outputs that is followed.
const MAX_DEPTH: usize = 64;

/// Most edges between the instances of two declarations.
const MAX_PAIRS: usize = 100_000;

type Place = (*const (), usize);

/// The subjects of a root by the declaration they come from.
#[derive(Default)]
pub(super) struct Nodes<'t> {
    order: Vec<(Rc<Instance<'t>>, usize)>,
    subjects: HashMap<Place, Vec<usize>>,
}

impl<'t> Nodes<'t> {
    pub(super) fn add(&mut self, instance: &Rc<Instance<'t>>, position: usize, subject: usize) {
        let subjects = self.subjects.entry(place(instance, position)).or_default();
        if subjects.is_empty() {
            self.order.push((instance.clone(), position));
        }
        subjects.push(subject);
    }

    /// The edges between all subjects.
    pub(super) fn edges(&self) -> Vec<(NodeIndex, NodeIndex)> {
        let mut edges = Vec::new();
        for (instance, position) in &self.order {
            let mut targets = Targets::default();
            targets.body(instance, &instance.module.declarations[*position].body, 0);
            let from = &self.subjects[&place(instance, *position)];
            for target in targets.found {
                let Some(to) = self.subjects.get(&target) else { continue };
                edges.extend(between(from, to).into_iter().map(|(a, b)| (index(a), index(b))));
            }
        }
        edges
    }
}

/// Which instances of one declaration refer to which of another: with as many of both each to its counterpart, else each
/// to all.
pub(super) fn between<T: Copy>(from: &[T], to: &[T]) -> Vec<(T, T)> {
    if from.len() == to.len() {
        return from.iter().copied().zip(to.iter().copied()).collect();
    }
    if from.len().saturating_mul(to.len()) > MAX_PAIRS {
        // So many would say no more of each than one does.
        let longest = if from.is_empty() || to.is_empty() { 0 } else { from.len().max(to.len()) };
        return from.iter().copied().cycle().zip(to.iter().copied().cycle()).take(longest).collect();
    }
    from.iter().flat_map(|&a| to.iter().map(move |&b| (a, b))).collect()
}

/// From resources that say how an S3 bucket is set up to the bucket that they name, where they do so without a reference.
pub(super) fn by_bucket_name(subjects: &[Subject]) -> Vec<(NodeIndex, NodeIndex)> {
    let bucket = |subject: &Subject| subject.document.get("bucket").cloned();
    let mut named: HashMap<Value, Vec<usize>> = HashMap::new();
    for (index, subject) in subjects.iter().enumerate().filter(|(_, subject)| subject.resource_type == "aws_s3_bucket")
    {
        if let Some(name) = bucket(subject) {
            named.entry(name).or_default().push(index);
        }
    }
    // A name that several have, as one that is not known can be, tells none of them.
    let only = |name: Value| named.get(&name).filter(|buckets| buckets.len() == 1).map(|buckets| buckets[0]);
    let others = subjects.iter().enumerate().filter(|(_, subject)| subject.resource_type.starts_with("aws_s3_bucket_"));
    others.filter_map(|(from, subject)| Some((index(from), index(only(bucket(subject)?)?)))).collect()
}

fn place(instance: &Rc<Instance<'_>>, position: usize) -> Place {
    (Rc::as_ptr(instance).cast(), position)
}

fn index(subject: usize) -> NodeIndex {
    NodeIndex(u32::try_from(subject).unwrap_or(u32::MAX))
}

/// Names that a piece of syntax refers to, as far as they can lead to a resource.
#[derive(Default)]
struct References(Vec<Vec<String>>);

impl References {
    fn add(&mut self, expression: &Expression) {
        let Kind::Traversal(from, steps) = &expression.kind else { return };
        let Kind::Name(root) = &from.kind else { return };
        let mut names = vec![root.to_string()];
        add_names(steps, &mut names);
        names.truncate(4);
        self.0.push(names);
    }
}

/// The names among steps: indices and splats are passed over.
fn add_names(steps: &[Step], names: &mut Vec<String>) {
    for step in steps {
        match step {
            Step::Attribute(name) => names.push(name.to_string()),
            Step::Index(_) => {}
            Step::Splat(inner) => add_names(inner, names),
        }
    }
}

#[derive(Default)]
struct Targets {
    found: HashSet<Place>,
    seen: HashSet<(*const (), String)>,
}

impl Targets {
    fn body(&mut self, instance: &Rc<Instance<'_>>, body: &Body, depth: usize) {
        let mut references = References::default();
        body.walk(&mut |expression| references.add(expression));
        self.resolve_all(instance, &references, depth);
    }

    fn expression(&mut self, instance: &Rc<Instance<'_>>, expression: &Expression, depth: usize) {
        let mut references = References::default();
        expression.walk(&mut |expression| references.add(expression));
        self.resolve_all(instance, &references, depth);
    }

    fn resolve_all(&mut self, instance: &Rc<Instance<'_>>, references: &References, depth: usize) {
        if depth > MAX_DEPTH {
            return;
        }
        for names in &references.0 {
            let key = (Rc::as_ptr(instance).cast::<()>(), names.join("."));
            if self.seen.insert(key) {
                self.resolve(instance, names, depth + 1);
            }
        }
    }

    fn resolve(&mut self, instance: &Rc<Instance<'_>>, names: &[String], depth: usize) {
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let module = instance.module;
        match names.as_slice() {
            ["local", name, ..] => {
                if let Some(local) = module.locals.get(*name) {
                    self.expression(instance, local, depth);
                }
            }
            ["var", name, ..] => {
                if let Some(call) = &instance.call
                    && let Some(argument) = call.declaration.attribute(name)
                {
                    self.expression(&call.caller.clone(), &argument.value, depth);
                }
            }
            ["module", name, rest @ ..] => {
                let Some(position) = module.declaration(DeclarationKind::Module, "module", name) else { return };
                self.found.insert(place(instance, position));
                for child in instance.children(position) {
                    if let Some(output) = rest.first().and_then(|output| child.module.outputs.get(*output)) {
                        self.expression(&child, &output.value, depth);
                    }
                }
            }
            [kind @ ("data" | "ephemeral"), resource_type, name, ..] => {
                let kind = if *kind == "data" { DeclarationKind::Data } else { DeclarationKind::Ephemeral };
                if let Some(position) = module.declaration(kind, resource_type, name) {
                    self.found.insert(place(instance, position));
                }
            }
            [resource_type, name, ..] => {
                if let Some(position) = module.declaration(DeclarationKind::Resource, resource_type, name) {
                    self.found.insert(place(instance, position));
                }
            }
            _ => {}
        }
    }
}
