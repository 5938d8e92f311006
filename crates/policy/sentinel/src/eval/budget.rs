//! What an evaluation may take.

use std::time::Instant;

/// Bounds of one evaluation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Steps: expressions evaluated, elements compared.
    pub steps: u64,
    /// Expressions and statements inside of each other, those of called functions included.
    pub depth: usize,
    /// Bytes that values may take, counted when they are made.
    pub memory: u64,
    /// When to stop, whatever is left of the rest.
    pub deadline: Option<Instant>,
}

impl Default for Limits {
    /// 200 million steps, 400 levels and one gigabyte; no deadline.
    fn default() -> Self {
        Self { steps: 200_000_000, depth: 400, memory: 1 << 30, deadline: None }
    }
}

/// How often the clock is looked at.
const STEPS_A_LOOK: u64 = 1 << 14;

/// What is left of the limits.
pub(crate) struct Budget {
    limits: Limits,
    steps: u64,
    next_look: u64,
    memory: u64,
    depth: usize,
}

impl Budget {
    pub(crate) fn new(limits: Limits) -> Self {
        Self { limits, steps: 0, next_look: STEPS_A_LOOK, memory: 0, depth: 0 }
    }

    pub(crate) fn step(&mut self) -> Result<(), String> {
        self.steps(1)
    }

    pub(crate) fn steps(&mut self, count: usize) -> Result<(), String> {
        self.steps = self.steps.saturating_add(count as u64);
        if self.steps < self.next_look { Ok(()) } else { self.look() }
    }

    #[cold]
    fn look(&mut self) -> Result<(), String> {
        self.next_look = self.steps.saturating_add(STEPS_A_LOOK).min(self.limits.steps.max(self.steps + 1));
        if self.steps >= self.limits.steps {
            return Err(format!("the evaluation takes more than {} steps", self.limits.steps));
        }
        match self.limits.deadline {
            Some(deadline) if Instant::now() >= deadline => Err("the evaluation takes too long".to_owned()),
            _ => Ok(()),
        }
    }

    /// Bytes that a new value takes.
    pub(crate) fn bytes(&mut self, count: usize) -> Result<(), String> {
        self.memory = self.memory.saturating_add(count as u64);
        if self.memory <= self.limits.memory {
            return Ok(());
        }
        Err(format!("the evaluation takes more than {} bytes", self.limits.memory))
    }

    pub(crate) fn enter(&mut self) -> Result<(), String> {
        if self.depth >= self.limits.depth {
            return Err(format!("nested deeper than {} levels: a recursion without end?", self.limits.depth));
        }
        self.depth += 1;
        Ok(())
    }

    pub(crate) fn leave(&mut self) {
        self.depth -= 1;
    }
}
