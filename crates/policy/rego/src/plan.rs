//! What policies are compiled to: operations over numbered slots.
//!
//! Since every variable is given its value by one operation that is known beforehand, evaluation binds nothing that
//! would have to be taken back: an operation that has several solutions writes its slots anew for each.

use std::collections::BTreeMap;

use probity_model::Span;
use probity_model::value::{Key, Value};

use crate::builtins::{Builtin, Fast};
use crate::index::Index;

/// Number of a variable in the frame of a rule, function or query.
pub(crate) type Slot = u32;

/// Number of a node in the tree of rules.
pub(crate) type NodeId = u32;

/// Number of a group: all rules of one name.
pub(crate) type GroupId = u32;

/// Expressions that must hold together.
#[derive(Debug, Default)]
pub(crate) struct Block {
    pub(crate) ops: Vec<Op>,
}

/// One operation.
#[derive(Debug)]
pub(crate) enum Op {
    /// Gives a slot a value; fails when the expression is undefined.
    Set(Slot, Ex),
    /// Fails unless the expression is defined and not false.
    Test(Ex),
    /// Fails unless both are defined and equal.
    Equal(Ex, Ex),
    /// Takes a value apart.
    Match(Pattern, Ex),
    /// Goes through the entries that a reference with open keys can mean.
    Scan(Box<Scan>),
    /// Goes through all values within a value, each with its path.
    Walk(Box<(Ex, Pattern)>),
    /// Fails when the block has a solution.
    Not(Block),
    /// Fails unless both have a solution.
    And(Block, Block),
    /// Fails unless one has a solution.
    Or(Block, Block),
    /// Fails unless the block has a solution for every entry.
    Every(Box<Every>),
    /// Evaluates a block while documents or functions are replaced, then goes on without.
    With(Box<With>),
    /// Has no solution.
    Fail,
    /// Where in the text what follows stands, for errors.
    At(Span),
    /// Writes the values of an array.
    Print(Box<(Ex, Span)>),
    /// A block whose evaluation is told; only in plans that were made to be observed.
    Observed(Box<Observed>),
}

/// A bracket around what an observer is told of.
#[derive(Debug)]
pub(crate) struct Observed {
    pub(crate) node: ObservedNode,
    pub(crate) span: Span,
    pub(crate) block: Block,
    /// What stands in it and may have a value, by where. Looked at, never evaluated.
    pub(crate) values: Vec<(Span, Ex)>,
}

#[derive(Debug)]
pub(crate) enum ObservedNode {
    Body,
    /// The full name, and the place of the head.
    Rule(String, Span),
    Expr,
}

#[derive(Debug)]
pub(crate) struct Every {
    pub(crate) key: Slot,
    pub(crate) value: Slot,
    pub(crate) domain: Ex,
    pub(crate) body: Block,
}

#[derive(Debug)]
pub(crate) struct With {
    pub(crate) replacements: Vec<Replacement>,
    pub(crate) body: Block,
}

#[derive(Debug)]
pub(crate) enum Replacement {
    Input(Vec<Ex>, Ex),
    Data(Vec<Ex>, Ex),
    Function(Callee, Mock),
}

/// What a function is replaced by.
#[derive(Debug)]
pub(crate) enum Mock {
    Function(Callee),
    Value(Ex),
}

/// What is called.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Callee {
    Builtin(&'static Builtin),
    Group(GroupId),
}

impl PartialEq for Callee {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Builtin(a), Self::Builtin(b)) => std::ptr::eq(*a, *b),
            (Self::Group(a), Self::Group(b)) => a == b,
            _ => false,
        }
    }
}

/// Where a reference begins.
#[derive(Debug)]
pub(crate) enum Root {
    Slot(Slot),
    Input,
    /// A node of the tree of rules, with the base document at the same path.
    Data(NodeId),
    /// A base document that no rule adds to, at this path.
    Base(Vec<Key>),
    /// Anything else.
    Ex(Ex),
}

/// A reference with keys that are not known.
#[derive(Debug)]
pub(crate) struct Scan {
    pub(crate) root: Root,
    pub(crate) steps: Vec<Step>,
    pub(crate) out: Out,
}

/// A key that is followed.
#[derive(Debug)]
pub(crate) enum Hop {
    /// A constant, as the key of an object and as a value.
    Const(Key, Value),
    Ex(Ex),
}

#[derive(Debug)]
pub(crate) enum Step {
    Key(Hop),
    Each(Pattern),
}

/// What becomes of each value found.
#[derive(Debug)]
pub(crate) enum Out {
    /// It must not be false.
    Test,
    Match(Pattern),
}

/// What a value must look like, and which slots get its parts.
#[derive(Debug)]
pub(crate) enum Pattern {
    Any,
    Bind(Slot),
    Equal(Ex),
    Array(Vec<Pattern>),
    Object(Vec<(Ex, Pattern)>),
}

/// An expression with at most one value.
#[derive(Debug)]
pub(crate) enum Ex {
    Const(Value),
    Slot(Slot),
    Array(Vec<Ex>),
    Set(Vec<Ex>),
    Object(Vec<(Ex, Ex)>),
    Ref(Box<(Root, Vec<Hop>)>),
    ArrayCompr(Box<(Block, Ex)>),
    SetCompr(Box<(Block, Ex)>),
    ObjectCompr(Box<(Block, Ex, Ex)>),
    /// A comprehension that picks by a variable.
    Grouped(Box<Grouped>),
    Call(Box<Call>),
    Compare(Relation, Box<(Ex, Ex)>),
    /// The value of a group without parameters.
    Group(GroupId),
}

/// A comprehension whose results for all values of a variable can be found at once.
#[derive(Debug)]
pub(crate) struct Grouped {
    /// The comprehension as it is written.
    pub(crate) plain: Ex,
    /// The variable.
    pub(crate) key: Slot,
    /// As the comprehension's, for every value of the variable; which is `by`.
    pub(crate) body: Block,
    pub(crate) by: Ex,
    pub(crate) term: Ex,
    /// Whether the results are sets, not lists.
    pub(crate) set: bool,
}

#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) callee: Callee,
    pub(crate) args: Vec<Ex>,
    /// How it is called without copies of its operands.
    pub(crate) fast: Option<Fast>,
    pub(crate) span: Span,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Relation {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// A node of the tree of rules: a package, a part of a rule's name, or a rule.
#[derive(Debug, Default)]
pub(crate) struct Node {
    pub(crate) path: Vec<Key>,
    pub(crate) children: BTreeMap<Key, NodeId>,
    pub(crate) group: Option<GroupId>,
}

/// What the rules of one name define together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// One value.
    Complete,
    /// A set.
    Set,
    /// An object, of values or of sets.
    Object,
    /// A function.
    Function(usize),
}

/// All rules of one name.
#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) kind: Kind,
    pub(crate) node: NodeId,
    /// The name in full, for errors.
    pub(crate) name: String,
    pub(crate) rules: Vec<Rule>,
    pub(crate) default: Option<Rule>,
    /// Whether one solution is enough, as all have the same value.
    pub(crate) early_exit: bool,
    /// Whether the result of this function is had sooner than it is looked up.
    pub(crate) cheap: bool,
    pub(crate) index: Option<Index>,
}

/// One rule with its `else` branches.
#[derive(Debug)]
pub(crate) struct Rule {
    pub(crate) span: Span,
    /// What the operands must look like, which are in the first slots.
    pub(crate) args: Vec<Pattern>,
    pub(crate) body: Block,
    /// Keys behind the group's name.
    pub(crate) path: Vec<Ex>,
    /// The value, or the member of a set.
    pub(crate) value: Ex,
    /// Whether the rule adds a member to a set.
    pub(crate) multi: bool,
    pub(crate) slots: u32,
    pub(crate) otherwise: Option<Box<Rule>>,
}

/// All compiled rules.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    pub(crate) nodes: Vec<Node>,
    pub(crate) groups: Vec<Group>,
}

impl Plan {
    pub(crate) fn child(&self, node: NodeId, key: &Key) -> Option<NodeId> {
        self.nodes[node as usize].children.get(key).copied()
    }
}

/// A compiled query.
#[derive(Debug)]
pub(crate) struct QueryPlan {
    pub(crate) body: Block,
    pub(crate) slots: u32,
    /// The variables whose values are the result.
    pub(crate) outputs: Vec<(smol_str::SmolStr, Slot)>,
}
