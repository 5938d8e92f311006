//! A compiled expression and its evaluation.

mod attribute;
mod comprehension;
mod frame;
mod node;
mod operator;
mod plan;

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use smol_str::SmolStr;

use crate::ast::Expr;
use crate::compile_error::Issue;
use crate::environment::Names;
use crate::{Bindings, Error, Evaluation, Type, Value};
use frame::Frame;
use node::Node;

pub(crate) use comprehension::check_sortable;
pub(crate) use frame::MAX_ELEMENTS;
pub(crate) use operator::{check_text, sum, traversal};

/// A compiled expression. Cheap to clone, shared between threads.
#[derive(Clone)]
pub struct Program(Arc<Compiled>);

struct Compiled {
    source: String,
    result: Type,
    root: Node,
    /// How many variables of comprehensions and bindings are alive at once at most.
    depth: usize,
    variables: BTreeSet<SmolStr>,
    lazy_fields: BTreeSet<(SmolStr, SmolStr)>,
}

/// Makes a program of a checked expression.
pub(crate) fn plan(names: &Names, expr: &Expr, result: Type, source: &str) -> Result<Program, Issue> {
    let mut planner = plan::Planner::new(names);
    let root = planner.plan(expr)?;
    let plan::Planner { depth, variables, lazy_fields, .. } = planner;
    Ok(Program(Arc::new(Compiled { source: source.to_owned(), result, root, depth, variables, lazy_fields })))
}

impl Program {
    /// The value of the expression.
    ///
    /// # Errors
    /// In cel-go's words: a key that is not there, values that no overload takes, a limit that is exceeded, ...
    pub fn evaluate(&self, bindings: &dyn Bindings, evaluation: &Evaluation<'_>) -> Result<Value, Error> {
        let mut frame = Frame::new(bindings, evaluation, self.0.depth);
        let result = self.0.root.evaluate(&mut frame);
        evaluation.add_cost(frame.cost());
        result
    }

    /// The type of the result, as far as it is known.
    pub fn result_type(&self) -> &Type {
        &self.0.result
    }

    /// The text of the expression.
    pub fn source(&self) -> &str {
        &self.0.source
    }

    /// The declared variables that the expression names.
    pub fn variables(&self) -> impl Iterator<Item = &str> {
        self.0.variables.iter().map(SmolStr::as_str)
    }

    /// The fields of lazy variables that the expression names, with their variables.
    pub fn lazy_fields(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.lazy_fields.iter().map(|(variable, field)| (variable.as_str(), field.as_str()))
    }
}

impl fmt::Debug for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Program").field(&self.0.source).finish()
    }
}
