//! What a text is cut into.

use smol_str::SmolStr;

use crate::value::Text;

/// A range of bytes in the text of a module, the end not included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct At {
    pub(crate) start: u32,
    pub(crate) end: u32,
}

impl At {
    pub(crate) fn new(start: usize, end: usize) -> Self {
        let offset = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        Self { start: offset(start), end: offset(end) }
    }

    /// From the beginning of this one to the end of the other.
    pub(crate) fn to(self, end: Self) -> Self {
        Self { start: self.start, end: end.end.max(self.end) }
    }

    pub(crate) fn range(self) -> std::ops::Range<usize> {
        self.start as usize..self.end as usize
    }
}

/// A reserved word or an operator that is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Word {
    All,
    And,
    Any,
    As,
    Break,
    Case,
    Contains,
    Continue,
    Default,
    Else,
    Empty,
    Filter,
    For,
    Func,
    If,
    Import,
    In,
    Is,
    Map,
    Matches,
    Not,
    Or,
    Param,
    Return,
    Rule,
    When,
    Xor,
}

/// Every reserved word with its text.
pub(crate) const WORDS: [(&str, Word); 27] = [
    ("all", Word::All),
    ("and", Word::And),
    ("any", Word::Any),
    ("as", Word::As),
    ("break", Word::Break),
    ("case", Word::Case),
    ("contains", Word::Contains),
    ("continue", Word::Continue),
    ("default", Word::Default),
    ("else", Word::Else),
    ("empty", Word::Empty),
    ("filter", Word::Filter),
    ("for", Word::For),
    ("func", Word::Func),
    ("if", Word::If),
    ("import", Word::Import),
    ("in", Word::In),
    ("is", Word::Is),
    ("map", Word::Map),
    ("matches", Word::Matches),
    ("not", Word::Not),
    ("or", Word::Or),
    ("param", Word::Param),
    ("return", Word::Return),
    ("rule", Word::Rule),
    ("when", Word::When),
    ("xor", Word::Xor),
];

impl Word {
    pub(crate) fn as_str(self) -> &'static str {
        WORDS.iter().find(|(_, word)| *word == self).map_or("", |(text, _)| text)
    }
}

/// An operator or delimiter that is no word; each with its text.
pub(crate) const SIGNS: [&str; 28] = [
    "+=", "-=", "*=", "/=", "%=", "==", "!=", "<=", ">=", "+", "-", "*", "/", "%", "<", ">", "=", "!", "(", ")", "[",
    "]", "{", "}", ",", ".", ":", ";",
];

/// What a token is.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum TokenKind {
    Name(SmolStr),
    Word(Word),
    /// Up to 2^63, which only a minus before it brings into range.
    Int(u64),
    Float(f64),
    String(Text),
    /// One of [`SIGNS`], but for the semicolon.
    Sign(&'static str),
    /// The end of a statement: written, or the end of a line behind what can end a statement.
    Semicolon {
        automatic: bool,
    },
    End,
}

/// A token with its place.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Token {
    pub(crate) kind: TokenKind,
    pub(crate) at: At,
}

impl TokenKind {
    /// Whether the end of a line behind it ends a statement.
    pub(crate) fn ends_statement(&self) -> bool {
        match self {
            Self::Name(_) | Self::Int(_) | Self::Float(_) | Self::String(_) => true,
            Self::Word(word) => matches!(word, Word::Break | Word::Continue | Word::Return | Word::Empty),
            Self::Sign(sign) => matches!(*sign, ")" | "]" | "}"),
            Self::Semicolon { .. } | Self::End => false,
        }
    }

    /// What it is, as a message says it.
    pub(crate) fn shown(&self) -> String {
        match self {
            Self::Name(name) => format!("`{name}`"),
            Self::Word(word) => format!("`{}`", word.as_str()),
            Self::Int(int) => format!("`{int}`"),
            Self::Float(_) => "a number".to_owned(),
            Self::String(_) => "a string".to_owned(),
            Self::Sign(sign) => format!("`{sign}`"),
            Self::Semicolon { automatic: false } => "`;`".to_owned(),
            Self::Semicolon { automatic: true } => "the end of the line".to_owned(),
            Self::End => "the end of the file".to_owned(),
        }
    }
}
