//! What the evaluation of one root module may use up, so that no configuration, however it is written, takes the
//! machine's time or memory.

use std::cell::{Cell, RefCell};

use probity_model::{Problem, Span, Value};

/// Deepest chain of module calls.
pub(super) const MAX_CALLS: usize = 32;

/// Most instances of one resource.
pub(super) const MAX_INSTANCES: usize = 10_000;

/// Most subjects that one root module may make.
pub(super) const MAX_SUBJECTS: usize = 200_000;

/// Deepest nesting of evaluation, counted over locals, variables and modules together.
pub(super) const MAX_DEPTH: usize = 400;

/// Most elements that a function or a `for` may make.
pub(super) const MAX_ELEMENTS: usize = 100_000;

/// Longest string that an expression may make, in bytes.
pub(super) const MAX_STRING: usize = 10 << 20;

/// Most digits of a number that arithmetic may make; Terraform itself keeps about 150.
pub(super) const MAX_DIGITS: u64 = 1_000;

/// Most values that one value may stand for: parts are shared, so that a value that is small in memory can be endless
/// to walk through.
const MAX_WEIGHT: usize = 1_000_000;

/// Deepest nesting of a value.
const MAX_NESTING: usize = 256;

/// Most evaluation steps of one root module.
const MAX_STEPS: usize = 20_000_000;

/// So many bytes of a text weigh as much as one value.
const BYTES: usize = 64;

/// What the evaluation of one root has used up, and what was left out for it.
#[derive(Debug, Default)]
pub(super) struct Run {
    depth: Cell<usize>,
    steps: Cell<usize>,
    problems: RefCell<Vec<Problem>>,
}

impl Run {
    pub(super) fn enter(&self) -> usize {
        self.depth.set(self.depth.get() + 1);
        self.charge(1);
        self.depth.get()
    }

    pub(super) fn leave(&self) {
        self.depth.set(self.depth.get().saturating_sub(1));
    }

    /// Counts work beyond the evaluation of one expression.
    pub(super) fn charge(&self, steps: usize) {
        let before = self.steps.get();
        self.steps.set(before.saturating_add(steps));
        if before <= MAX_STEPS && self.exhausted() {
            self.leave_out(
                Problem::new(format!("the evaluation of the module took more than {MAX_STEPS} steps"), None)
                    .with_help("what was not evaluated by then is not known"),
            );
        }
    }

    pub(super) fn exhausted(&self) -> bool {
        self.steps.get() > MAX_STEPS
    }

    /// Weighs a value that was made; `None` for one that is over the bounds.
    pub(super) fn weigh(&self, value: &Value) -> Option<usize> {
        let weight = weight(value, MAX_WEIGHT, MAX_NESTING);
        // A value is walked through much faster than an expression is evaluated.
        self.charge(weight.unwrap_or(MAX_WEIGHT) / 8);
        weight
    }

    /// The number of instances to make of those wanted.
    pub(super) fn instances(&self, wanted: usize, header: Option<Span>) -> usize {
        if wanted > MAX_INSTANCES {
            let message = format!("{wanted} instances, of which the first {MAX_INSTANCES} are judged");
            self.leave_out(Problem::new(message, header).with_help("scan a plan, which has all of them"));
        }
        wanted.min(MAX_INSTANCES)
    }

    /// Notes something that is not judged. Once for each place.
    pub(super) fn leave_out(&self, problem: Problem) {
        let mut problems = self.problems.borrow_mut();
        if !problems.contains(&problem) {
            problems.push(problem);
        }
    }

    pub(super) fn take_problems(&self) -> Vec<Problem> {
        self.problems.take()
    }
}

/// How many values this one stands for, long texts by their length; `None` when there are more than `most`, or they
/// are nested deeper than `depth`.
fn weight(value: &Value, most: usize, depth: usize) -> Option<usize> {
    let all = |values: &mut dyn Iterator<Item = &Value>| {
        let depth = depth.checked_sub(1)?;
        let mut sum = 1;
        for inner in values {
            sum += weight(inner, most.checked_sub(sum)?, depth)?;
        }
        Some(sum)
    };
    let own = match value {
        Value::String(text) => 1 + text.len() / BYTES,
        Value::Array(list) => all(&mut list.iter())?,
        Value::Set(set) => all(&mut set.iter())?,
        Value::Object(object) => all(&mut object.iter().map(|(_, value)| value))?,
        _ => 1,
    };
    (own <= most).then_some(own)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shared_parts_weigh_each_time() {
        let mut value = Value::array([Value::from(1)]);
        assert_eq!(weight(&value, 10, 10), Some(2));
        for _ in 0..30 {
            value = Value::array([value.clone(), value]);
        }
        assert_eq!(weight(&value, MAX_WEIGHT, MAX_NESTING), None);
    }

    #[test]
    fn deep_values_are_refused() {
        let nested = |levels: usize| (0..levels).fold(Value::Null, |value, _| Value::array([value]));
        assert_eq!(weight(&nested(10), 100, 10), Some(11));
        assert_eq!(weight(&nested(11), 100, 10), None);
    }

    #[test]
    fn long_texts_weigh_by_their_length() {
        assert_eq!(weight(&"x".repeat(6_400).as_str().into(), 1_000, 1), Some(101));
    }
}
