//! Tokens to a tree. A statement that cannot be read becomes a problem, and the next one is read.

mod comments;
mod expression;
mod operator;
mod statement;

use probity_model::{Problem, SourceId, Span};
use smol_str::SmolStr;

use super::ast::{File, Ident};
use super::lexer::{Lexed, lex};
use super::token::{At, Token, TokenKind, Word};

/// Deepest nesting of expressions and blocks.
const MAX_DEPTH: usize = 128;

/// After this many problems the rest of a file is not looked at.
const MAX_PROBLEMS: usize = 20;

/// Reads a file.
///
/// # Errors
/// With every problem found, in the order of their places.
pub(crate) fn parse(text: &str, source: SourceId) -> Result<File, Vec<Problem>> {
    let Lexed { tokens, comments, problems } = lex(text, source);
    let mut parser =
        Parser { text, source, tokens, comments, problems, at: 0, depth: 0, assigned: None, file: File::default() };
    parser.file();
    if parser.problems.is_empty() {
        return Ok(parser.file);
    }
    parser.problems.sort_by_key(|problem| problem.span.map(|span| span.start));
    parser.problems.truncate(MAX_PROBLEMS);
    Err(parser.problems)
}

pub(super) struct Parser<'t> {
    text: &'t str,
    source: SourceId,
    tokens: Vec<Token>,
    comments: Vec<At>,
    problems: Vec<Problem>,
    at: usize,
    depth: usize,
    /// What the operand that is read next is assigned to: functions and rules are called by it.
    assigned: Option<(SmolStr, Option<String>)>,
    file: File,
}

type Parsed<T> = Result<T, Problem>;

impl Parser<'_> {
    fn token(&self) -> &Token {
        self.ahead(0)
    }

    fn ahead(&self, count: usize) -> &Token {
        // The last token is the end, and never passed over.
        &self.tokens[(self.at + count).min(self.tokens.len() - 1)]
    }

    fn kind(&self) -> &TokenKind {
        &self.token().kind
    }

    /// Where the token before this one ends.
    fn behind(&self, start: At) -> At {
        start.to(self.at.checked_sub(1).map_or(start, |at| self.tokens[at].at))
    }

    fn span(&self, at: At) -> Span {
        Span::new(self.source, at.range())
    }

    fn problem(&self, message: impl Into<String>, at: At) -> Problem {
        Problem::new(message, self.span(at))
    }

    fn unexpected(&self, expected: &str) -> Problem {
        self.problem(format!("expected {expected}, found {}", self.kind().shown()), self.token().at)
    }

    fn is_sign(&self, sign: &str) -> bool {
        matches!(self.kind(), TokenKind::Sign(found) if *found == sign)
    }

    fn is_word(&self, word: Word) -> bool {
        *self.kind() == TokenKind::Word(word)
    }

    fn take_sign(&mut self, sign: &str) -> bool {
        let found = self.is_sign(sign);
        self.at += usize::from(found);
        found
    }

    fn take_word(&mut self, word: Word) -> bool {
        let found = self.is_word(word);
        self.at += usize::from(found);
        found
    }

    fn expect_sign(&mut self, sign: &str) -> Parsed<At> {
        let at = self.token().at;
        if self.take_sign(sign) { Ok(at) } else { Err(self.unexpected(&format!("`{sign}`"))) }
    }

    fn expect_word(&mut self, word: Word) -> Parsed<()> {
        if self.take_word(word) { Ok(()) } else { Err(self.unexpected(&format!("`{}`", word.as_str()))) }
    }

    /// A name, as what `what` says.
    fn ident(&mut self, what: &str) -> Parsed<Ident> {
        let at = self.token().at;
        match self.kind() {
            TokenKind::Name(name) => {
                let name = name.clone();
                self.at += 1;
                Ok(Ident { name, at })
            }
            TokenKind::Word(word) => {
                let message = format!("`{}` is a reserved word and cannot be {what}", word.as_str());
                Err(self.problem(message, at))
            }
            _ => Err(self.unexpected(what)),
        }
    }

    /// Passes over ends of lines that end nothing.
    fn skip_line_ends(&mut self) {
        while matches!(self.kind(), TokenKind::Semicolon { automatic: true }) {
            self.at += 1;
        }
    }

    fn skip_semicolons(&mut self) {
        while matches!(self.kind(), TokenKind::Semicolon { .. }) {
            self.at += 1;
        }
    }

    /// Runs `inner` one level deeper.
    fn nested<T>(&mut self, inner: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        if self.depth >= MAX_DEPTH {
            return Err(self.problem(format!("nested deeper than {MAX_DEPTH} levels"), self.token().at));
        }
        self.depth += 1;
        let result = inner(self);
        self.depth -= 1;
        result
    }
}
