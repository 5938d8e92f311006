//! The syntax tree (specification, "Expressions" and "Statements").
//!
//! Operators of one precedence are one [`ExprKind::Chain`] and what follows an operand one [`ExprKind::Access`], so that a
//! long policy is not a deep tree.

use std::sync::Arc;

use smol_str::SmolStr;

use super::token::At;
use crate::value::Text;

/// A name with its place.
#[derive(Debug, Clone)]
pub(crate) struct Ident {
    pub(crate) name: SmolStr,
    pub(crate) at: At,
}

/// A file: what it imports, its parameters and its statements.
#[derive(Debug, Default)]
pub(crate) struct File {
    pub(crate) imports: Vec<Import>,
    pub(crate) params: Vec<Param>,
    pub(crate) statements: Vec<Statement>,
    /// The comment that the file begins with.
    pub(crate) description: Option<String>,
    /// Whether an expression asks for the name `_`.
    pub(crate) reads_blank: bool,
}

/// `import "path" as name`
#[derive(Debug)]
pub(crate) struct Import {
    pub(crate) path: SmolStr,
    /// What it is called in the file: the alias, or the path.
    pub(crate) name: SmolStr,
    pub(crate) at: At,
}

/// `param name default value`
#[derive(Debug)]
pub(crate) struct Param {
    pub(crate) name: Ident,
    pub(crate) default: Option<Expr>,
}

#[derive(Debug)]
pub(crate) struct Statement {
    pub(crate) kind: StatementKind,
    pub(crate) at: At,
}

#[derive(Debug)]
pub(crate) enum StatementKind {
    Expr(Expr),
    /// `name = value`, with the operator before the equals sign when there is one.
    Assign(Ident, Option<BinaryOp>, Expr),
    /// `collection[index] = value`
    AssignIndex(Box<IndexTarget>, Option<BinaryOp>, Expr),
    /// Conditions with their blocks, in order, and what else is run.
    If(Vec<(Expr, Block)>, Option<Block>),
    For(Box<For>),
    Case(Box<Case>),
    Return(Expr),
    Break,
    Continue,
}

pub(crate) type Block = Vec<Statement>;

/// What an index assignment changes.
#[derive(Debug)]
pub(crate) struct IndexTarget {
    pub(crate) collection: Expr,
    pub(crate) index: Expr,
}

#[derive(Debug)]
pub(crate) struct For {
    pub(crate) collection: Expr,
    pub(crate) names: Names,
    pub(crate) body: Block,
}

/// The names of an iteration: one is the value of a list and the key of a map.
#[derive(Debug, Clone)]
pub(crate) struct Names {
    pub(crate) first: SmolStr,
    pub(crate) second: Option<SmolStr>,
}

#[derive(Debug)]
pub(crate) struct Case {
    pub(crate) subject: Option<Expr>,
    pub(crate) clauses: Vec<(Vec<Expr>, Block)>,
    pub(crate) otherwise: Option<Block>,
}

#[derive(Debug)]
pub(crate) struct Expr {
    pub(crate) kind: ExprKind,
    pub(crate) at: At,
}

#[derive(Debug)]
pub(crate) enum ExprKind {
    Int(i64),
    Float(f64),
    String(Text),
    Name(SmolStr),
    List(Vec<Expr>),
    Map(Vec<(Expr, Expr)>),
    Func(Arc<Func>),
    Rule(Arc<Rule>),
    Quantifier(Box<Quantifier>),
    Paren(Box<Expr>),
    Unary(UnaryOp, Box<Expr>),
    /// Operators of one precedence, from left to right.
    Chain(Box<Expr>, Vec<(BinaryOp, Expr)>),
    /// `x is empty`, `x is defined` and their opposites.
    Test(Box<Expr>, Test, Negated),
    /// An operand and what is taken of it, from left to right.
    Access(Box<Expr>, Vec<Access>),
}

/// Whether a test or operator says the opposite.
pub(crate) type Negated = bool;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Test {
    Empty,
    Defined,
}

#[derive(Debug)]
pub(crate) struct Access {
    pub(crate) kind: AccessKind,
    /// The part itself, with its brackets or its point.
    pub(crate) at: At,
}

#[derive(Debug)]
pub(crate) enum AccessKind {
    Selector(SmolStr),
    Index(Expr),
    Slice(Option<Expr>, Option<Expr>),
    Call(Vec<Expr>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum UnaryOp {
    Not,
    Minus,
    Plus,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BinaryOp {
    Multiply,
    Divide,
    Remainder,
    Add,
    Subtract,
    Else,
    Equal(Negated),
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Matches(Negated),
    Contains(Negated),
    In(Negated),
    And,
    Or,
    Xor,
}

impl BinaryOp {
    /// How strongly it binds, from 1 (`or`) to 6 (`*`).
    pub(crate) fn precedence(self) -> u8 {
        match self {
            Self::Multiply | Self::Divide | Self::Remainder => 6,
            Self::Add | Self::Subtract => 5,
            Self::Else => 4,
            Self::And => 2,
            Self::Or | Self::Xor => 1,
            _ => 3,
        }
    }

    /// How it is written.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Multiply => "*",
            Self::Divide => "/",
            Self::Remainder => "%",
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Else => "else",
            Self::Equal(false) => "is",
            Self::Equal(true) => "is not",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
            Self::Matches(false) => "matches",
            Self::Matches(true) => "not matches",
            Self::Contains(false) => "contains",
            Self::Contains(true) => "not contains",
            Self::In(false) => "in",
            Self::In(true) => "not in",
            Self::And => "and",
            Self::Or => "or",
            Self::Xor => "xor",
        }
    }
}

#[derive(Debug)]
pub(crate) struct Func {
    /// The name it was assigned to where it stands, if any.
    pub(crate) name: Option<SmolStr>,
    pub(crate) params: Vec<SmolStr>,
    pub(crate) body: Block,
    pub(crate) at: At,
}

#[derive(Debug)]
pub(crate) struct Rule {
    /// The name it was assigned to where it stands, if any.
    pub(crate) name: Option<SmolStr>,
    /// The comment right above the assignment.
    pub(crate) description: Option<String>,
    pub(crate) when: Option<Expr>,
    pub(crate) body: Expr,
    pub(crate) at: At,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum QuantifierOp {
    All,
    Any,
    Filter,
    Map,
}

#[derive(Debug)]
pub(crate) struct Quantifier {
    pub(crate) op: QuantifierOp,
    pub(crate) collection: Expr,
    pub(crate) names: Names,
    pub(crate) body: Expr,
}
