//! Policies are asked about everything that was read.

use probity_model::{Decision, NodeIndex, ResourceGraph, Sources};
use probity_policy_core::{Facts, PolicySet};
use rayon::prelude::*;

use crate::today;

/// A decision for each subject, in their order.
pub(crate) fn decide(set: &PolicySet, graph: &ResourceGraph, sources: &Sources) -> Vec<Decision> {
    let facts = Facts::of_files(graph, today());
    let rulings = set.rule(&facts);
    (0..graph.subjects().len())
        .into_par_iter()
        .filter_map(|position| {
            let index = NodeIndex(u32::try_from(position).ok()?);
            let mut decision = set.evaluate(graph.subject(index), index, &facts, &rulings);
            decision.locate(sources);
            Some(decision)
        })
        .collect()
}
