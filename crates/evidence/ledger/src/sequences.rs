//! Which number of which gate is which entry.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use crate::entry::GateNumber;

/// Numbers that follow each other and are entries that follow each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Run {
    sequence: u64,
    index: u64,
    length: u64,
}

/// The numbers of every gate, as runs in order. What gates send comes in order and in groups, so runs are few.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Sequences(HashMap<SmolStr, Vec<Run>>);

/// How an insertion is taken back.
#[derive(Debug)]
pub(crate) struct Undo {
    gate: SmolStr,
    at: usize,
}

impl Sequences {
    /// The entry that has this number.
    pub(crate) fn find(&self, number: &GateNumber) -> Option<u64> {
        let runs = self.0.get(&key(number))?;
        let at = runs.partition_point(|run| run.sequence <= number.sequence).checked_sub(1)?;
        let offset = number.sequence - runs[at].sequence;
        (offset < runs[at].length).then(|| runs[at].index + offset)
    }

    /// Adds a number that is not there yet. Undone in the opposite order.
    pub(crate) fn insert(&mut self, number: &GateNumber, index: u64) -> Undo {
        let gate = key(number);
        let runs = self.0.entry(gate.clone()).or_default();
        let at = runs.partition_point(|run| run.sequence <= number.sequence);
        if let Some(run) = at.checked_sub(1).map(|at| &mut runs[at])
            && run.sequence + run.length == number.sequence
            && run.index + run.length == index
        {
            run.length += 1;
            return Undo { gate, at: at - 1 };
        }
        runs.insert(at, Run { sequence: number.sequence, index, length: 1 });
        Undo { gate, at }
    }

    pub(crate) fn undo(&mut self, undo: &Undo) {
        let Some(runs) = self.0.get_mut(&undo.gate) else { return };
        runs[undo.at].length -= 1;
        if runs[undo.at].length == 0 {
            runs.remove(undo.at);
        }
    }
}

fn key(number: &GateNumber) -> SmolStr {
    smol_str::format_smolstr!("{} {}", number.kind, number.name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use probity_model::Gate;
    use proptest::prelude::*;

    fn number(name: &str, sequence: u64) -> GateNumber {
        GateNumber { kind: Gate::Ci, name: name.into(), sequence }
    }

    proptest! {
        #[test]
        fn finds_what_was_inserted_and_nothing_that_was_undone(
            order in Just((1_u64..40).collect::<Vec<_>>()).prop_shuffle(), keep in 1_usize..39,
        ) {
            let mut sequences = Sequences::default();
            let mut before = None;
            let mut undo = Vec::new();
            for (index, &sequence) in (100..).zip(&order) {
                if undo.is_empty() && index == 100 + keep as u64 {
                    before = Some(sequences.clone());
                }
                let step = sequences.insert(&number("a", sequence), index);
                if before.is_some() {
                    undo.push(step);
                }
            }
            for (index, &sequence) in (100..).zip(&order) {
                prop_assert_eq!(sequences.find(&number("a", sequence)), Some(index));
                prop_assert_eq!(sequences.find(&number("b", sequence)), None);
            }
            undo.iter().rev().for_each(|step| sequences.undo(step));
            prop_assert_eq!(Some(sequences), before);
        }
    }

    #[test]
    fn numbers_in_order_are_one_run() {
        let mut sequences = Sequences::default();
        for n in 0..1000 {
            sequences.insert(&number("a", n + 1), n);
        }
        assert_eq!(sequences.0["ci a"].len(), 1);
    }
}
