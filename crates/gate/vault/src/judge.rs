//! The one verdict path.

use jiff::civil::Date;
use probity_model::{Decision, NodeIndex, ResourceGraph, Subject};
use probity_policy_core::{Facts, PolicySet};

/// Judges a request by itself; gives it back.
pub(crate) fn judge(set: &PolicySet, subject: Subject, today: Date) -> (Decision, Subject) {
    let graph = ResourceGraph::new(vec![subject], []);
    let facts = Facts::of_files(&graph, today);
    let rulings = set.rule(&facts);
    let index = NodeIndex(0);
    let decision = set.evaluate(graph.subject(index), index, &facts, &rulings);
    (decision, graph.subject(index).clone())
}
