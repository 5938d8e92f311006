//! The expressions of GitHub Actions, as text to trees.
//!
//! The language is the one of GitHub's "Evaluate expressions in workflows and actions": literals, contexts, calls, and
//! operators. Names are compared without regard to case, so trees have them in small letters.

mod parse;

use std::ops::Range;

use probity_model::SmolStr;

pub(crate) use parse::parse;

/// An expression.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Expression {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number, as text; it is 0 or it is not.
    Number(f64),
    /// `'text'`
    Text(SmolStr),
    /// A context and what is looked up in it: `github.event.issue.title`.
    Context { root: SmolStr, path: Vec<Step> },
    /// A call and what is looked up in its result: `fromJSON(needs.a.outputs.b).c`.
    Call { function: SmolStr, arguments: Vec<Expression>, path: Vec<Step> },
    /// An expression in parentheses with something looked up in its value.
    Member { of: Box<Expression>, path: Vec<Step> },
    /// `!a`
    Not(Box<Expression>),
    /// `a && b && c`
    And(Vec<Expression>),
    /// `a || b || c`
    Or(Vec<Expression>),
    /// `a == b` and its kin.
    Compare { operator: Comparison, left: Box<Expression>, right: Box<Expression> },
}

/// One step of a lookup.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Step {
    /// `.name` or `['name']`, in small letters.
    Name(SmolStr),
    /// `.*`, `[*]` or `[0]`: elements.
    Element,
    /// `[expression]`
    Computed(Expression),
}

/// How two values are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// Why a text is no expression.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub(crate) struct ExpressionError {
    /// Byte in the text.
    pub(crate) at: usize,
    pub(crate) message: String,
}

/// Where `${{ ... }}` stand in a text: of each the range with its braces. One that does not end is left out.
pub(crate) fn fences(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(start) = text[from..].find("${{").map(|at| from + at) {
        let Some(end) = fence_end(text, start + 3) else { break };
        found.push(start..end);
        from = end;
    }
    found
}

/// One past the `}}` that ends what begins here; braces within quotes do not end it.
fn fence_end(text: &str, start: usize) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut quoted = false;
    let mut at = start;
    while at < bytes.len() {
        match bytes[at] {
            b'\'' => quoted = !quoted,
            b'}' if !quoted && bytes.get(at + 1) == Some(&b'}') => return Some(at + 2),
            _ => {}
        }
        at += 1;
    }
    None
}

impl Expression {
    /// Calls `visit` with this expression and all within it, outer ones first.
    pub(crate) fn walk<'e>(&'e self, visit: &mut dyn FnMut(&'e Expression)) {
        visit(self);
        let path = match self {
            Self::Null | Self::Bool(_) | Self::Number(_) | Self::Text(_) => return,
            Self::Context { path, .. } => path,
            Self::Call { arguments, path, .. } => {
                for argument in arguments {
                    argument.walk(visit);
                }
                path
            }
            Self::Member { of, path } => {
                of.walk(visit);
                path
            }
            Self::Not(inner) => return inner.walk(visit),
            Self::And(parts) | Self::Or(parts) => return parts.iter().for_each(|part| part.walk(visit)),
            Self::Compare { left, right, .. } => {
                left.walk(visit);
                return right.walk(visit);
            }
        };
        for step in path {
            if let Step::Computed(index) = step {
                index.walk(visit);
            }
        }
    }

    /// Calls `visit` with each context and each call whose value may become this expression's value, or a part of it.
    /// What is only compared or tested does not.
    pub(crate) fn flows<'e>(&'e self, visit: &mut dyn FnMut(&'e Expression)) {
        match self {
            Self::Null | Self::Bool(_) | Self::Number(_) | Self::Text(_) | Self::Not(_) | Self::Compare { .. } => {}
            Self::Context { .. } => visit(self),
            Self::Call { function, arguments, .. } => match function.as_str() {
                // What these give says nothing that their arguments could choose.
                "contains" | "startswith" | "endswith" | "hashfiles" | "success" | "failure" | "always"
                | "cancelled" => {}
                _ => arguments.iter().for_each(|argument| argument.flows(visit)),
            },
            Self::Member { of, .. } => of.flows(visit),
            // What is not taken for its truth is empty.
            Self::And(parts) => parts.iter().skip(parts.len().saturating_sub(1)).for_each(|part| part.flows(visit)),
            Self::Or(parts) => parts.iter().for_each(|part| part.flows(visit)),
        }
    }

    /// Whether the value is the same in every run.
    pub(crate) fn is_constant(&self) -> bool {
        let mut constant = true;
        self.walk(&mut |inner| match inner {
            Self::Context { .. } => constant = false,
            Self::Call { function, .. } => {
                let pure = ["contains", "startswith", "endswith", "format", "join", "tojson", "fromjson"];
                constant &= pure.contains(&function.as_str());
            }
            _ => {}
        });
        constant
    }

    /// Whether this is a literal that counts as false.
    pub(crate) fn is_falsy_literal(&self) -> bool {
        match self {
            Self::Null | Self::Bool(false) => true,
            Self::Number(number) => *number == 0.0 || number.is_nan(),
            Self::Text(text) => text.is_empty(),
            _ => false,
        }
    }
}

/// The name of a context with all that is looked up in it: `github.event.commits.*.message`. What is computed is `*`.
pub(crate) fn name_of(root: &str, path: &[Step]) -> String {
    let mut name = root.to_owned();
    for step in path {
        name.push('.');
        match step {
            Step::Name(key) => name.push_str(key),
            Step::Element | Step::Computed(_) => name.push('*'),
        }
    }
    name
}

#[cfg(test)]
mod tests;
