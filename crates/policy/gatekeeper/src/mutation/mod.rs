//! Mutators: what is changed in objects before they are judged (Gatekeeper, `pkg/mutation`).

mod admission;
mod apply;
mod conditions;
mod conflicts;
mod image;
mod mutator;
mod path;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use probity_model::node::Node;
use probity_model::{Problem, Value};

use crate::matching::Source;
use crate::object::{self, Gvk};
pub use admission::GatekeeperMutator;
use conflicts::{Ids, Place};
pub(crate) use mutator::Mutator;

/// The API group of mutators.
pub(crate) const GROUP: &str = "mutations.gatekeeper.sh";

/// What is being done with an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Operation {
    /// It is made.
    Create,
    /// It is changed.
    Update,
}

impl Operation {
    /// All of them.
    pub const ALL: &'static [Self] = &[Self::Create, Self::Update];

    /// The operation as admission requests write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Create => "CREATE",
            Self::Update => "UPDATE",
        }
    }
}

/// What is known about an object that is mutated, beside it.
#[derive(Debug, Clone, Copy)]
pub struct Occasion<'v> {
    /// The namespace it is in, as far as it is known.
    pub namespace: Option<&'v Value>,
    /// What is done with it; when that is not known only mutators for all operations count.
    pub operation: Option<Operation>,
    /// Where it comes from.
    pub source: Source,
}

impl Default for Occasion<'_> {
    fn default() -> Self {
        Self { namespace: None, operation: None, source: Source::Original }
    }
}

/// Why an object could not be mutated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MutateError {
    /// One of the mutators failed.
    #[error("{kind} {name}: {message}")]
    Failed {
        /// The kind of the mutator.
        kind: &'static str,
        /// Its name.
        name: String,
        /// What is wrong.
        message: String,
    },
    /// Mutators undo what others do, without end.
    #[error("mutation not converging for {0}")]
    NotConverging(String),
}

/// Mutators that are applied together, in the order of their kinds and names.
#[derive(Debug, Clone, Default)]
pub struct Mutators(Vec<Mutator>);

impl Mutators {
    /// Reads the mutators among documents; the others are left alone.
    ///
    /// # Errors
    /// Everything that is wrong, also mutators that contradict each other about what is where.
    pub fn read(documents: &[Node<'_>]) -> Result<Self, Vec<Problem>> {
        let (mut mutators, mut problems) = (Vec::new(), Vec::new());
        for node in documents.iter().filter(|node| object::group(node.value) == GROUP) {
            match Mutator::read(*node) {
                Ok(mutator) => mutators.push((mutator, *node)),
                Err(problem) => problems.push(problem),
            }
        }
        mutators.sort_by(|(a, _), (b, _)| (a.kind, &a.name).cmp(&(b.kind, &b.name)));
        for pair in mutators.windows(2) {
            let (one, other) = (&pair[0].0, &pair[1].0);
            if one.kind == other.kind && one.name == other.name {
                problems.push(pair[1].1.problem(format!("there is another {} `{}`", one.kind, one.name)));
            }
        }
        for id in conflicting(&mutators) {
            let (mutator, node) = &mutators[id];
            let message = format!("the location `{}` contradicts that of another mutator", mutator.location);
            problems.push(node.problem(message).with_help("each must take a place for the same kind of value"));
        }
        if problems.is_empty() {
            Ok(Self(mutators.into_iter().map(|(mutator, _)| mutator).collect()))
        } else {
            Err(problems)
        }
    }

    /// Whether the namespaces of objects must be known.
    pub(crate) fn need_namespace(&self) -> bool {
        self.0.iter().any(Mutator::needs_namespace)
    }

    /// An object of a namespace as it is after all mutations.
    ///
    /// # Errors
    /// When a mutator fails, or they do not come to an end.
    pub fn mutate(&self, object: &Value, namespace: Option<&Value>) -> Result<Value, MutateError> {
        self.mutate_on(object, &Occasion { namespace, ..Occasion::default() })
    }

    /// As [`Mutators::mutate`], knowing more.
    ///
    /// # Errors
    /// As [`Mutators::mutate`].
    pub fn mutate_on(&self, object: &Value, occasion: &Occasion<'_>) -> Result<Value, MutateError> {
        self.mutate_told(object, occasion).map(|(object, _)| object)
    }

    /// As [`Mutators::mutate_on`], with the positions of those that changed something.
    fn mutate_told(&self, object: &Value, occasion: &Occasion<'_>) -> Result<(Value, Ids), MutateError> {
        let mut current = object.clone();
        let mut by = Ids::new();
        for _ in 0..=self.0.len() {
            let before = current.clone();
            for (id, mutator) in self.0.iter().enumerate() {
                let failed = |message| MutateError::Failed { kind: mutator.kind, name: mutator.name.clone(), message };
                if mutator.matches(&current, occasion).map_err(failed)?
                    && let Some(new) = mutator.mutate(&current).map_err(failed)?
                {
                    if new != current {
                        by.insert(id);
                    }
                    current = new;
                }
            }
            if current == before {
                return Ok((current, by));
            }
        }
        let gvk = Gvk::of(object);
        let names = [object::namespace(object), object::name(object)].join("/");
        Err(MutateError::NotConverging(format!("{} {}", gvk.kind, names.trim_start_matches('/'))))
    }
}

/// The mutators that contradict each other.
fn conflicting(mutators: &[(Mutator, Node<'_>)]) -> Ids {
    let mut places: BTreeMap<(Gvk, Operation), Place> = BTreeMap::new();
    let mut conflicts = Ids::new();
    for (id, (mutator, _)) in mutators.iter().enumerate() {
        let (end, is_last) = mutator.end();
        for (apply, operations) in &mutator.apply_to {
            for gvk in apply.all() {
                for operation in operations {
                    let place = places.entry((gvk.clone(), *operation)).or_default();
                    conflicts.extend(place.add(id, &mutator.location.0, end, is_last));
                }
            }
        }
    }
    conflicts
}
