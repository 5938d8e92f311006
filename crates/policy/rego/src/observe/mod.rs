//! What an evaluation tells while it goes on: the raw material of traces, coverage, profiles and printed output.
//!
//! Two things must come together. The policies are compiled with [`CompileOptions::observe`], which puts a bracket
//! around every rule, body and expression, and the [`Evaluation`] carries an [`Observer`]. Policies that were not
//! compiled so have no brackets, and evaluation has nothing to look at. Calls of `print` are kept by
//! [`CompileOptions::keep_prints`] alone.
//!
//! [`CompileOptions::observe`]: crate::CompileOptions::observe
//! [`CompileOptions::keep_prints`]: crate::CompileOptions::keep_prints
//! [`Evaluation`]: crate::Evaluation

mod coverage;
mod profile;
#[cfg(test)]
mod tests;
mod trace;

use probity_model::Span;
use probity_model::value::Value;

pub use coverage::{Coverage, CoverageReport, FileCoverage, Position, Range};
pub use profile::{Cost, Profile};
pub use trace::{Explain, Step, Trace};

/// Is told what happens, in the order in which it happens.
///
/// It is called often, with what is at hand; it copies what it wants to keep.
pub trait Observer {
    /// Something happened.
    fn event(&self, event: &Event<'_>);
}

/// What happens to a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Act {
    /// Evaluation of a rule or body begins.
    Enter,
    /// An expression is about to be evaluated.
    Eval,
    /// A rule or body has a solution.
    Exit,
    /// An expression has no solution.
    Fail,
    /// What came after a solution is done; another one is looked for.
    Redo,
    /// `print` was called.
    Print,
    /// `trace` was called.
    Note,
}

/// What it happens to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Node<'e> {
    /// A query, or a body within an expression: of a comprehension, of `not`, of `every`.
    Body,
    /// One rule, or one of its `else` branches.
    Rule {
        /// The full name, such as `data.kubernetes.deny`.
        name: &'e str,
        /// Its head.
        head: Span,
    },
    /// An expression of a body. The compiler makes expressions of its own from calls and references within others;
    /// their place is what they were made from.
    Expr,
    /// The text that `print` or `trace` was given.
    Text(&'e str),
}

/// One thing that happened.
pub struct Event<'e> {
    /// What happened.
    pub act: Act,
    /// To what.
    pub node: Node<'e>,
    /// Where it stands; `None` when that is not known.
    pub span: Option<Span>,
    /// How many rules and bodies it is within.
    pub depth: u32,
    pub(crate) values: &'e dyn Seen,
}

impl std::fmt::Debug for Event<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Event").field("act", &self.act).field("node", &self.node).field("depth", &self.depth).finish()
    }
}

impl Event<'_> {
    /// The values known now of the variables and references in an expression, by where they stand; beside them those of
    /// the keys in the head of the rule it is in. A rule's are those of its head, once it has a solution. Nothing is
    /// evaluated for this.
    pub fn values(&self) -> Vec<(Span, Value)> {
        self.values.values()
    }
}

/// Looks up values when they are asked for.
pub(crate) trait Seen {
    fn values(&self) -> Vec<(Span, Value)>;
}

/// Has none.
pub(crate) struct Nothing;

impl Seen for Nothing {
    fn values(&self) -> Vec<(Span, Value)> {
        Vec::new()
    }
}
