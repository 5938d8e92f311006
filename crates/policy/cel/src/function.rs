//! Functions and their overloads.

use std::sync::Arc;

use crate::{Error, Evaluation, Type, Value};

/// What a function does: the evaluation it is part of, and the arguments, the value it is called on first.
pub type Implementation = Arc<dyn Fn(&Evaluation<'_>, &[Value]) -> Result<Value, Error> + Send + Sync>;

/// What an overload makes of arguments that are known when the expression is compiled: an implementation that has
/// read them, such as a compiled regular expression.
pub(crate) type Specialize = fn(&[Option<&Value>]) -> Option<Result<Implementation, Error>>;

/// What a call costs, by its arguments and its result.
pub(crate) type Cost = fn(&[Value], &Value) -> u64;

/// One form of a function: the types of its parameters and of its result.
#[derive(Clone)]
pub struct Overload {
    pub(crate) id: &'static str,
    pub(crate) member: bool,
    pub(crate) params: Vec<Type>,
    pub(crate) result: Type,
    pub(crate) run: Implementation,
    pub(crate) cost: Cost,
    pub(crate) specialize: Option<Specialize>,
    /// Whether the cost, by the arguments alone, is counted before the work is done.
    pub(crate) charged_first: bool,
    /// Whether the result depends on the arguments alone, so that a call of constants is done once.
    pub(crate) pure: bool,
}

impl Overload {
    /// A form that is called as `function(arguments)`.
    pub fn global<F>(id: &'static str, params: impl Into<Vec<Type>>, result: Type, run: F) -> Self
    where
        F: Fn(&Evaluation<'_>, &[Value]) -> Result<Value, Error> + Send + Sync + 'static,
    {
        let (params, run) = (params.into(), Arc::new(run));
        Self {
            id,
            member: false,
            params,
            result,
            run,
            cost: |_, _| 1,
            specialize: None,
            charged_first: false,
            pure: true,
        }
    }

    /// A form that is called as `first.function(others)`.
    pub fn member<F>(id: &'static str, params: impl Into<Vec<Type>>, result: Type, run: F) -> Self
    where
        F: Fn(&Evaluation<'_>, &[Value]) -> Result<Value, Error> + Send + Sync + 'static,
    {
        Self { member: true, ..Self::global(id, params, result, run) }
    }

    /// The same with what a call costs, by its arguments and its result, in the units of cel-go; 1 by default.
    #[must_use]
    pub fn with_cost(mut self, cost: fn(&[Value], &Value) -> u64) -> Self {
        self.cost = cost;
        self
    }

    /// The same with its cost, by the arguments alone, counted before the work is done: for what is much work.
    #[must_use]
    pub fn charged_first(mut self) -> Self {
        self.charged_first = true;
        self
    }

    /// The same as one whose result depends on more than its arguments, such as the time or a cluster.
    #[must_use]
    pub fn impure(mut self) -> Self {
        self.pure = false;
        self
    }

    /// The same with what is done once when arguments are constants.
    #[must_use]
    pub(crate) fn specialized(mut self, specialize: Specialize) -> Self {
        self.specialize = Some(specialize);
        self
    }

    pub(crate) fn admits(&self, args: &[Value]) -> bool {
        self.params.len() == args.len() && self.params.iter().zip(args).all(|(param, arg)| param.admits(arg))
    }
}
