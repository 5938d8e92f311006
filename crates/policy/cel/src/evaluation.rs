//! What an evaluation is given besides the expression: its variables, its limits and its surroundings.

use std::any::Any;
use std::cell::Cell;
use std::time::Instant;

use crate::library::kubernetes::Authorizer;
use crate::{Error, Value};

/// What an expression may cost in Kubernetes, in cel-go's units (`PerCallLimit` of the API server).
pub const PER_CALL_LIMIT: u64 = 1_000_000;

/// The variables of an expression.
pub trait Bindings {
    /// The variable's value; `None` when there is none.
    fn variable(&self, name: &str) -> Option<Result<Value, Error>>;

    /// The field of a variable that was declared lazy, such as `variables.image`; only those that were declared are
    /// asked for. `None` when there is none.
    fn field(&self, variable: &str, field: &str) -> Option<Result<Value, Error>> {
        let _ = (variable, field);
        None
    }
}

impl Bindings for () {
    fn variable(&self, _name: &str) -> Option<Result<Value, Error>> {
        None
    }
}

impl<K: AsRef<str>> Bindings for [(K, Value)] {
    fn variable(&self, name: &str) -> Option<Result<Value, Error>> {
        self.iter().find(|(known, _)| known.as_ref() == name).map(|(_, value)| Ok(value.clone()))
    }
}

impl<K: AsRef<str>, const N: usize> Bindings for [(K, Value); N] {
    fn variable(&self, name: &str) -> Option<Result<Value, Error>> {
        self.as_slice().variable(name)
    }
}

impl<K: AsRef<str>> Bindings for Vec<(K, Value)> {
    fn variable(&self, name: &str) -> Option<Result<Value, Error>> {
        self.as_slice().variable(name)
    }
}

/// What answers functions that reach outside of the expression, such as those that look for objects in a cluster.
pub trait Outside {
    /// The answer to a call, by the function's name.
    ///
    /// # Errors
    /// When there is no answer.
    fn call(&self, function: &str, args: &[Value]) -> Result<Value, Error>;
}

/// Limits and surroundings of one or more evaluations.
pub struct Evaluation<'h> {
    limit: u64,
    deadline: Option<Instant>,
    host: Option<&'h dyn Any>,
    outside: Option<&'h dyn Outside>,
    authorizer: Option<&'h dyn Authorizer>,
    spent: Cell<u64>,
}

impl Default for Evaluation<'_> {
    fn default() -> Self {
        Self::new(PER_CALL_LIMIT)
    }
}

impl<'h> Evaluation<'h> {
    /// Evaluations of which each may cost so much.
    pub fn new(limit: u64) -> Self {
        Self { limit, deadline: None, host: None, outside: None, authorizer: None, spent: Cell::new(0) }
    }

    /// The same, ended by this moment.
    #[must_use]
    pub fn with_deadline(mut self, deadline: Instant) -> Self {
        self.deadline = Some(deadline);
        self
    }

    /// The same with what functions ask for that reach outside of the expression.
    #[must_use]
    pub fn with_host(mut self, host: &'h dyn Any) -> Self {
        self.host = Some(host);
        self
    }

    /// What functions ask for, when it is of this type.
    pub fn host<T: 'static>(&self) -> Option<&'h T> {
        self.host.and_then(|host| host.downcast_ref())
    }

    /// The same with what answers calls that reach outside; it may borrow what [`Evaluation::with_host`] cannot.
    #[must_use]
    pub fn with_outside(mut self, outside: &'h dyn Outside) -> Self {
        self.outside = Some(outside);
        self
    }

    /// What answers calls that reach outside.
    pub fn outside(&self) -> Option<&'h dyn Outside> {
        self.outside
    }

    /// The same with who tells what may be done.
    #[must_use]
    pub fn with_authorizer(mut self, authorizer: &'h dyn Authorizer) -> Self {
        self.authorizer = Some(authorizer);
        self
    }

    /// Who tells what may be done.
    pub fn authorizer(&self) -> Option<&'h dyn Authorizer> {
        self.authorizer
    }

    /// What all evaluations so far cost together.
    pub fn cost(&self) -> u64 {
        self.spent.get()
    }

    /// What one evaluation may cost.
    pub fn limit(&self) -> u64 {
        self.limit
    }

    pub(crate) fn add_cost(&self, cost: u64) {
        self.spent.set(self.spent.get().saturating_add(cost));
    }

    /// Whether the deadline is past.
    pub(crate) fn check_deadline(&self) -> Result<(), Error> {
        match self.deadline {
            Some(deadline) if Instant::now() >= deadline => Err(Error::Interrupted),
            _ => Ok(()),
        }
    }
}
