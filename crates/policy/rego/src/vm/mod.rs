//! Evaluation of plans.
//!
//! A body is run from front to back; an operation with several solutions runs what follows it once for each. What
//! happens at the end of a body is given by whoever runs it: collect a value, note that there is a solution, stop.

mod call;
mod eval;
mod grouped;
mod groups;
mod memo;
mod observed;
mod replace;
mod scan;
mod unknown;

use std::cell::OnceCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use hashbrown::HashMap;
use probity_model::Span;
use probity_model::value::{Key, Value};

use crate::builtins::{Context, Failure, expandable};
use crate::error::{Code, Error};
use crate::host::Host;
use crate::observe::Observer;
use memo::{Memo, Memos};

use crate::plan::{Block, Callee, NodeId, Plan, QueryPlan, Slot};

/// What an evaluation may take.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Operations.
    pub steps: u64,
    /// Rules, functions and comprehensions within one another.
    pub depth: u32,
    /// Bytes of the thread's stack, about.
    pub stack: usize,
    /// Values made, of about 24 bytes, in all: members of collections, and what functions make, also of texts.
    pub values: u64,
    /// The moment it must be done.
    pub deadline: Option<Instant>,
}

impl Default for Limits {
    fn default() -> Self {
        Self { steps: 200_000_000, depth: 400, stack: 1 << 20, values: 25_000_000, deadline: None }
    }
}

/// Whether to look for more solutions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flow {
    Continue,
    Stop,
}

pub(crate) type Res<T> = Result<T, Error>;

/// What is called at the end of a body.
pub(crate) type Then<'k, 'p> = &'k mut dyn FnMut(&mut Vm<'p>) -> Res<Flow>;

/// The documents and replacements that hold for a part of an evaluation, with the values known under them.
#[derive(Default)]
pub(crate) struct Scope {
    pub(crate) input: Option<Value>,
    pub(crate) data: Option<Value>,
    /// Nodes below which `with` has replaced the documents, so that rules do not count.
    masked: Option<Rc<Vec<NodeId>>>,
    mocks: Option<Rc<Vec<(Callee, Replaced)>>>,
    groups: Memos,
    /// What comprehensions give that pick by a variable, by where they are in the plan.
    grouped: HashMap<usize, grouped::Groups, foldhash::fast::RandomState>,
    functions: HashMap<groups::CallKey, Option<Value>, foldhash::fast::RandomState>,
}

/// What a function is replaced by.
#[derive(Clone)]
pub(crate) enum Replaced {
    Function(Callee),
    /// Nothing, when what stands for the function is undefined.
    Value(Option<Value>),
}

/// One evaluation.
pub(crate) struct Vm<'p> {
    pub(crate) plan: &'p Plan,
    /// The frames of what is being evaluated, one upon the other. Room above the last is kept for the next, with what
    /// was there: a slot is always given its value before it is read.
    slots: Vec<Value>,
    /// Where the last frame begins and ends.
    base: usize,
    top: usize,
    pub(crate) scope: Scope,
    pub(crate) context: Context<'p>,
    limits: &'p Limits,
    steps: u64,
    /// Values that were made and kept at least for a while.
    made: u64,
    depth: u32,
    /// Where the stack was when evaluation began.
    stack: usize,
    /// Where the operation that is being run stands.
    at: Option<Span>,
    /// Where the first unknown value is noted that had to be known.
    pub(crate) unknown: Option<&'p OnceCell<Arc<str>>>,
    /// The first error of a function; what called it is undefined.
    pub(crate) builtin_error: Option<Error>,
    /// Who is told what goes on.
    observer: Option<&'p dyn Observer>,
    /// How many brackets of rules and bodies evaluation is within.
    nesting: u32,
}

/// About where the stack is now.
#[inline(never)]
fn stack_place() -> usize {
    let here = 0_u8;
    std::ptr::from_ref(std::hint::black_box(&here)) as usize
}

/// Where a frame was that another one covers.
#[derive(Clone, Copy)]
struct Frame {
    base: usize,
    top: usize,
}

/// Bytes of a text that count as one value.
const TEXT: usize = 24;

/// How often the clock is looked at, in operations.
const CLOCK: u64 = 1024;

impl<'p> Vm<'p> {
    pub(crate) fn new(
        plan: &'p Plan,
        input: Option<Value>,
        data: Option<Value>,
        limits: &'p Limits,
        host: &'p dyn Host,
        observer: Option<&'p dyn Observer>,
    ) -> Self {
        let scope = Scope { input, data, groups: Memos::new(plan.groups.len()), ..Scope::default() };
        Self {
            plan,
            slots: Vec::new(),
            base: 0,
            top: 0,
            scope,
            context: Context::new(host, observer),
            limits,
            steps: 0,
            made: 0,
            depth: 0,
            stack: stack_place(),
            at: None,
            unknown: None,
            builtin_error: None,
            observer,
            nesting: 0,
        }
    }

    /// Runs a query; `found` is called with the values of the variables asked for, for each solution.
    pub(crate) fn query(&mut self, query: &'p QueryPlan, found: &mut dyn FnMut(&mut Self) -> Res<Flow>) -> Res<()> {
        self.grow(query.slots);
        self.run(&query.body, 0, found)?;
        Ok(())
    }

    pub(crate) fn slot(&self, slot: Slot) -> &Value {
        &self.slots[self.base + slot as usize]
    }

    fn set(&mut self, slot: Slot, value: Value) {
        let at = self.base + slot as usize;
        self.slots[at] = value;
    }

    fn error(&self, code: Code, message: impl Into<String>) -> Error {
        Error::new(code, self.at, message)
    }

    fn tick(&mut self) -> Res<()> {
        self.steps += 1;
        if self.steps.is_multiple_of(CLOCK) {
            self.check()?;
        }
        Ok(())
    }

    #[cold]
    fn check(&self) -> Res<()> {
        if self.steps > self.limits.steps {
            return Err(self.error(Code::EvalCancel, "evaluation took too many steps"));
        }
        if self.limits.deadline.is_some_and(|deadline| Instant::now() > deadline) {
            return Err(self.error(Code::EvalCancel, "evaluation took too long"));
        }
        self.check_made()
    }

    /// Counts what was made: a value as one, a text and the elements of a collection by their size.
    fn keep(&mut self, value: &Value) -> Res<()> {
        let size = match value {
            Value::String(text) => text.len() / TEXT,
            Value::Array(array) => array.len(),
            Value::Object(object) => 2 * object.len(),
            Value::Set(set) => set.len(),
            _ => 0,
        };
        self.made += 1 + size as u64;
        self.check_made()
    }

    fn check_made(&self) -> Res<()> {
        if self.made > self.limits.values {
            return Err(self.error(Code::EvalCancel, "evaluation made too many values"));
        }
        Ok(())
    }

    /// Begins a frame; what it gives back ends it.
    fn push(&mut self, slots: u32) -> Frame {
        let frame = Frame { base: self.base, top: self.top };
        self.base = self.top;
        self.grow(slots);
        frame
    }

    /// Gives the last frame this many slots.
    fn grow(&mut self, slots: u32) {
        let before = self.top;
        self.top = self.base + slots as usize;
        if self.slots.len() < self.top {
            self.slots.resize(self.top, Value::Null);
        }
        // An observer looks at slots before they are given their values.
        if self.observer.is_some() && before < self.top {
            self.slots[before..self.top].fill(Value::Null);
        }
    }

    fn pop(&mut self, frame: Frame) {
        self.base = frame.base;
        self.top = frame.top;
    }

    /// A value as a key: what is no text is written out.
    fn key(&self, value: &Value) -> Res<Key> {
        if matches!(value, Value::Array(_) | Value::Object(_) | Value::Set(_)) && expandable(value).is_err() {
            return Err(self.error(Code::EvalCancel, "a key is too large"));
        }
        Ok(Key::from_value(value))
    }

    fn enter(&mut self) -> Res<()> {
        self.depth += 1;
        if self.depth > self.limits.depth {
            return Err(self.error(Code::EvalCancel, "rules are nested too deep"));
        }
        Ok(())
    }

    /// Checks how much of the stack is taken.
    fn check_stack(&self) -> Res<()> {
        if self.stack.abs_diff(stack_place()) > self.limits.stack {
            return Err(self.error(Code::EvalCancel, "evaluation is nested too deep"));
        }
        Ok(())
    }

    fn leave(&mut self) {
        self.depth -= 1;
    }

    /// Whether a block has a solution.
    fn holds(&mut self, block: &'p Block) -> Res<bool> {
        let mut found = false;
        self.run(block, 0, &mut |_| {
            found = true;
            Ok(Flow::Stop)
        })?;
        Ok(found)
    }

    /// Notes an error of a function; only the first counts.
    fn note(&mut self, name: &str, failure: Failure, span: Span) -> Res<()> {
        let (code, message) = match failure {
            Failure::Undefined => return Ok(()),
            Failure::Type(message) => (Code::EvalType, message),
            Failure::Value(message) => (Code::EvalBuiltin, message),
            Failure::Halt(code, message) => return Err(Error::new(code, span, format!("{name}: {message}"))),
        };
        if self.builtin_error.is_none() {
            self.builtin_error = Some(Error::new(code, span, format!("{name}: {message}")));
        }
        Ok(())
    }
}
