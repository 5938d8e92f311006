//! `mutate`: what a rule changes, in the resource itself or in others (Kyverno, `pkg/engine/mutate` and
//! `pkg/engine/handlers/mutation`).

mod anchors;
mod foreach;
mod patch;
mod read;
mod run;
mod targets;
mod tree;

use crate::condition::Conditions;
use crate::entry::Entry;
use crate::query::Query;
use crate::template::Template;

pub(crate) use patch::Patcher;

/// What a rule changes.
#[derive(Debug, Clone)]
pub struct Mutate {
    change: Change,
    /// The other objects that are changed; none when the resource itself is.
    targets: Option<Vec<Target>>,
}

/// How an object is changed.
#[derive(Debug, Clone)]
enum Change {
    Patch(Patcher),
    ForEach(Vec<ForEach>),
    /// Nothing is said: Kyverno takes the rule, and says so when it is run.
    Nothing,
}

/// The same change for every element of a list.
#[derive(Debug, Clone)]
struct ForEach {
    list: Query,
    /// Whether the list is gone through from its end.
    descending: bool,
    context: Vec<Entry>,
    preconditions: Option<Conditions>,
    change: Change,
}

/// Other objects that are changed.
#[derive(Debug, Clone)]
struct Target {
    /// `apiVersion`, `kind`, `namespace`, `name` and `selector`.
    selector: Template,
    context: Vec<Entry>,
    preconditions: Option<Conditions>,
}

impl Mutate {
    /// Whether other objects are changed, rather than the resource.
    pub fn has_targets(&self) -> bool {
        self.targets.is_some()
    }

    /// Whether a JSON patch is among the changes; such rules are not generated for what makes pods.
    pub(crate) fn has_json_patch(&self) -> bool {
        let is_json = |change: &Change| matches!(change, Change::Patch(patcher) if patcher.is_json());
        match &self.change {
            Change::ForEach(loops) => loops.iter().any(|each| is_json(&each.change)),
            change => is_json(change),
        }
    }
}
