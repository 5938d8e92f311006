//! What one evaluation holds while it runs.

use crate::{Bindings, Error, Evaluation, Value};

/// Longest list that is made.
pub(crate) const MAX_ELEMENTS: usize = 1_000_000;
/// Longest text or bytes that are made.
pub(crate) const MAX_TEXT: usize = 10_000_000;

/// Variables, values of comprehensions, and the cost so far.
pub(super) struct Frame<'e> {
    pub(super) bindings: &'e dyn Bindings,
    pub(super) evaluation: &'e Evaluation<'e>,
    /// Variables of comprehensions and bindings, each at its depth.
    pub(super) locals: Vec<Value>,
    /// Slots of blocks.
    pub(super) slots: Vec<Result<Value, Error>>,
    cost: u64,
    limit: u64,
    iterations: u32,
}

impl<'e> Frame<'e> {
    pub(super) fn new(bindings: &'e dyn Bindings, evaluation: &'e Evaluation<'e>, depth: usize) -> Self {
        Self {
            bindings,
            evaluation,
            locals: Vec::with_capacity(depth),
            slots: Vec::new(),
            cost: 0,
            limit: evaluation.limit(),
            iterations: 0,
        }
    }

    pub(super) fn cost(&self) -> u64 {
        self.cost
    }

    /// Counts what was done.
    pub(super) fn charge(&mut self, cost: u64) -> Result<(), Error> {
        self.cost = self.cost.saturating_add(cost);
        if self.cost > self.limit { Err(Error::CostLimit) } else { Ok(()) }
    }

    /// Counts one turn of a loop; looks at the clock every hundred turns.
    pub(super) fn turn(&mut self) -> Result<(), Error> {
        self.iterations = self.iterations.wrapping_add(1);
        if self.iterations.is_multiple_of(100) { self.evaluation.check_deadline() } else { Ok(()) }
    }
}
