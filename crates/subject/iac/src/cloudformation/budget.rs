//! What the evaluation of one template may use up, so that no template, however it is written, takes the machine's time
//! or memory.

use std::cell::{Cell, RefCell};

use probity_model::{Problem, Span};

/// Most values that are looked at or made.
const MAX_STEPS: usize = 1_000_000;

/// Deepest nesting of evaluation, counted over conditions that name each other.
const MAX_DEPTH: usize = 300;

/// Most problems of one template that are told.
const MAX_PROBLEMS: usize = 100;

/// So many bytes of a text that is made cost as much as one value.
const BYTES: usize = 32;

/// What the evaluation has used up, and what was left out for it.
#[derive(Debug, Default)]
pub(super) struct Run {
    depth: Cell<usize>,
    steps: Cell<usize>,
    problems: RefCell<Vec<Problem>>,
}

impl Run {
    /// Goes one level deeper, unless that is too deep or too much was done already.
    pub(super) fn enter(&self, span: Option<Span>) -> bool {
        if self.depth.get() >= MAX_DEPTH {
            self.tell(Problem::new(format!("evaluated deeper than {MAX_DEPTH} levels"), span));
            return false;
        }
        if !self.charge(1, span) {
            return false;
        }
        self.depth.set(self.depth.get() + 1);
        true
    }

    pub(super) fn leave(&self) {
        self.depth.set(self.depth.get() - 1);
    }

    /// Counts work; whether there may be more.
    pub(super) fn charge(&self, steps: usize, span: Option<Span>) -> bool {
        let before = self.steps.get();
        self.steps.set(before.saturating_add(steps));
        if before <= MAX_STEPS && self.steps.get() > MAX_STEPS {
            let problem =
                Problem::new(format!("the evaluation of the template took more than {MAX_STEPS} steps"), span);
            self.tell(problem.with_help("what was not evaluated by then is not known"));
        }
        self.steps.get() <= MAX_STEPS
    }

    /// Counts a text that is made.
    pub(super) fn charge_text(&self, text: &str, span: Option<Span>) -> bool {
        self.charge(text.len() / BYTES, span)
    }

    /// Notes what is wrong. Once for each place.
    pub(super) fn tell(&self, problem: Problem) {
        let mut problems = self.problems.borrow_mut();
        if problems.len() < MAX_PROBLEMS && !problems.contains(&problem) {
            problems.push(problem);
        }
    }

    pub(super) fn take_problems(&self) -> Vec<Problem> {
        self.problems.take()
    }
}
