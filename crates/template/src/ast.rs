//! The syntax tree of a template.

use std::rc::Rc;

/// A text that templates were parsed from.
#[derive(Debug)]
pub(crate) struct Source {
    /// What errors call it.
    pub(crate) name: Rc<str>,
    pub(crate) text: Rc<str>,
    /// Its number, given by who added it; a text that a template made has none.
    pub(crate) id: Option<u32>,
}

/// A named template.
#[derive(Debug)]
pub(crate) struct Template {
    pub(crate) source: Rc<Source>,
    pub(crate) body: Vec<Node>,
}

impl Template {
    /// Whether it has nothing but space and definitions of others.
    pub(crate) fn is_blank(&self) -> bool {
        self.body.iter().all(|node| match node {
            Node::Text(start, end) => self.source.text[*start..*end].trim().is_empty(),
            _ => false,
        })
    }
}

/// A part of a template.
#[derive(Debug)]
pub(crate) enum Node {
    /// Text, as it stands at these bytes.
    Text(usize, usize),
    /// `{{ pipeline }}`
    Action(Pipe),
    /// `{{ if }}`
    If(Branch),
    /// `{{ with }}`
    With(Branch),
    /// `{{ range }}`
    Range(Branch),
    /// `{{ template "name" pipeline }}`, with where it stands.
    Template(Rc<str>, Option<Pipe>, usize),
    /// `{{ break }}`
    Break,
    /// `{{ continue }}`
    Continue,
}

#[derive(Debug)]
pub(crate) struct Branch {
    pub(crate) pipe: Pipe,
    pub(crate) body: Vec<Node>,
    pub(crate) otherwise: Vec<Node>,
}

/// Commands, each given the value of the one before.
#[derive(Debug)]
pub(crate) struct Pipe {
    /// Where it stands.
    pub(crate) start: usize,
    pub(crate) end: usize,
    /// Variables that take its value.
    pub(crate) variables: Vec<Rc<str>>,
    /// Whether they are given a new value, and not declared.
    pub(crate) assigns: bool,
    pub(crate) commands: Vec<Command>,
}

/// What is called, and its arguments; or one operand.
#[derive(Debug)]
pub(crate) struct Command {
    pub(crate) words: Vec<Word>,
}

#[derive(Debug)]
pub(crate) struct Word {
    pub(crate) offset: usize,
    pub(crate) kind: WordKind,
}

#[derive(Debug)]
pub(crate) enum WordKind {
    Dot,
    Nil,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(Rc<str>),
    /// `.a.b`
    Field(Vec<Rc<str>>),
    /// `$x.a.b`
    Variable(Rc<str>, Vec<Rc<str>>),
    Function(Rc<str>),
    Pipe(Box<Pipe>),
    /// `(pipeline).a.b`
    Chain(Box<Word>, Vec<Rc<str>>),
}
