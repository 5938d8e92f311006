//! Expressions as trees.

use ::regex::Regex;
use probity_go::regex;
use probity_kubernetes::semver::{Range, VersionError};
use probity_model::Value;
use probity_model::value::Key;

use crate::functions::Function;

/// A part of an expression, evaluated on a value.
#[derive(Debug, Clone)]
pub(crate) enum Node {
    /// `@`, or nothing.
    Current,
    Field(Key),
    Index(i64),
    Slice(Slice),
    Literal(Value),
    /// The right one on the left one's value; an index or a slice is one too.
    Sub(Box<Node>, Box<Node>),
    Pipe(Box<Node>, Box<Node>),
    Or(Box<Node>, Box<Node>),
    And(Box<Node>, Box<Node>),
    Not(Box<Node>),
    Compare(Comparator, Box<Node>, Box<Node>),
    Flatten(Box<Node>),
    /// The right one on each element of the left one's list.
    Project(Box<Node>, Box<Node>),
    /// The same on those elements for which the condition holds.
    Filter {
        list: Box<Node>,
        condition: Box<Node>,
        each: Box<Node>,
    },
    /// The right one on each value of the left one's object.
    ProjectValues(Box<Node>, Box<Node>),
    List(Vec<Node>),
    Object(Vec<(Key, Node)>),
    Call(Box<Call>),
    /// `&expression`, for a function to evaluate.
    Reference(Box<Node>),
}

/// A function with what it is given.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) name: String,
    /// None when there is none of that name, which is an error once it is called.
    pub(crate) function: Option<&'static Function>,
    pub(crate) arguments: Vec<Node>,
    /// What could be made of an argument that is written out.
    pub(crate) prepared: Option<Prepared>,
}

/// A literal argument, read once; or why it cannot be.
#[derive(Debug, Clone)]
pub(crate) enum Prepared {
    Regex(Result<Regex, String>),
    Range(Result<Range, String>),
}

impl Prepared {
    /// Of the arguments of a function of this name.
    pub(crate) fn of(name: &str, arguments: &[Node]) -> Option<Self> {
        let literal = |index: usize| match arguments.get(index) {
            Some(Node::Literal(value)) => value.as_str(),
            _ => None,
        };
        match name {
            "regex_match" | "regex_replace_all" | "regex_replace_all_literal" => {
                Some(Self::Regex(regex::compile(literal(0)?)))
            }
            "semver_compare" => Some(Self::Range(literal(1)?.parse().map_err(|error: VersionError| error.to_string()))),
            _ => None,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Comparator {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Slice {
    pub(crate) start: Option<i64>,
    pub(crate) stop: Option<i64>,
    pub(crate) step: Option<i64>,
}

impl Node {
    /// Calls what is given with this part and all parts of it.
    pub(crate) fn visit<'n>(&'n self, see: &mut impl FnMut(&'n Node)) {
        see(self);
        match self {
            Self::Current | Self::Field(_) | Self::Index(_) | Self::Slice(_) | Self::Literal(_) => {}
            Self::Not(inner) | Self::Flatten(inner) | Self::Reference(inner) => inner.visit(see),
            Self::Sub(left, right)
            | Self::Pipe(left, right)
            | Self::Or(left, right)
            | Self::And(left, right)
            | Self::Compare(_, left, right)
            | Self::Project(left, right)
            | Self::ProjectValues(left, right) => {
                left.visit(see);
                right.visit(see);
            }
            Self::Filter { list, condition, each } => {
                list.visit(see);
                condition.visit(see);
                each.visit(see);
            }
            Self::List(parts) => parts.iter().for_each(|part| part.visit(see)),
            Self::Object(parts) => parts.iter().for_each(|(_, part)| part.visit(see)),
            Self::Call(call) => call.arguments.iter().for_each(|argument| argument.visit(see)),
        }
    }
}
