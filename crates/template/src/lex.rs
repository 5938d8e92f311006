//! A template's text as tokens.

use crate::ast::Source;
use crate::error::{Error, ErrorKind};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Outside of actions.
    Text,
    /// `{{`
    Left,
    /// `}}`
    Right,
    Space,
    Identifier,
    /// `.name`
    Field,
    /// `.` alone
    Dot,
    /// `$name` or `$`
    Variable,
    Number,
    Character,
    /// `"…"`
    String,
    /// `` `…` ``
    Raw,
    Pipe,
    Comma,
    /// `=`
    Assign,
    /// `:=`
    Declare,
    Open,
    Close,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Token {
    pub(crate) kind: Kind,
    pub(crate) start: usize,
    pub(crate) end: usize,
}

const SPACE: [char; 4] = [' ', '\t', '\r', '\n'];

pub(crate) fn tokens(source: &Source) -> Result<Vec<Token>, Error> {
    let mut lexer = Lexer { source, text: &source.text, at: 0, tokens: Vec::new() };
    lexer.run()?;
    Ok(lexer.tokens)
}

struct Lexer<'s> {
    source: &'s Source,
    text: &'s str,
    at: usize,
    tokens: Vec<Token>,
}

impl Lexer<'_> {
    fn fail<T>(&self, message: impl Into<String>) -> Result<T, Error> {
        Err(Error::new(ErrorKind::Parse, message, self.source, self.at))
    }

    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    fn push(&mut self, kind: Kind, length: usize) {
        self.tokens.push(Token { kind, start: self.at, end: self.at + length });
        self.at += length;
    }

    fn run(&mut self) -> Result<(), Error> {
        let mut trim = false;
        loop {
            let start = if trim { self.text.len() - self.rest().trim_start_matches(SPACE).len() } else { self.at };
            let Some(open) = self.rest().find("{{").map(|at| self.at + at) else {
                self.text_token(start, self.text.len());
                return Ok(());
            };
            let inner = &self.text[open + 2..];
            let trims_left = inner.starts_with('-') && inner[1..].starts_with(SPACE);
            let before = self.text.get(start..open).unwrap_or_default();
            let end = if trims_left { start + before.trim_end_matches(SPACE).len() } else { start + before.len() };
            if start < end {
                self.text_token(start, end);
            }
            self.at = open;
            let marker = if trims_left { 2 } else { 0 };
            trim = if self.text[open + 2 + marker..].starts_with("/*") {
                self.at = open + 2 + marker;
                self.comment()?
            } else {
                self.push(Kind::Left, 2 + marker.min(1));
                self.action()?
            };
        }
    }

    fn text_token(&mut self, start: usize, end: usize) {
        if start < end {
            self.tokens.push(Token { kind: Kind::Text, start, end });
        }
        self.at = end;
    }

    /// A comment up to behind its `}}`; whether it trims what follows.
    fn comment(&mut self) -> Result<bool, Error> {
        let Some(end) = self.rest().find("*/") else { return self.fail("unclosed comment") };
        self.at += end + 2;
        let rest = self.rest();
        if rest.starts_with("}}") {
            self.at += 2;
            return Ok(false);
        }
        if rest.starts_with(SPACE) && rest[1..].starts_with("-}}") {
            self.at += 4;
            return Ok(true);
        }
        self.fail("comment ends before closing delimiter")
    }

    /// The tokens of an action; whether it trims what follows.
    fn action(&mut self) -> Result<bool, Error> {
        let mut depth = 0_usize;
        loop {
            let rest = self.rest();
            let trims = rest.starts_with(SPACE) && rest[1..].starts_with("-}}");
            if trims || rest.starts_with("}}") {
                if depth > 0 {
                    return self.fail("unclosed left paren");
                }
                self.push(Kind::Right, if trims { 4 } else { 2 });
                return Ok(trims);
            }
            let Some(first) = rest.chars().next() else { return self.fail("unclosed action") };
            match first {
                space if SPACE.contains(&space) => self.space(),
                '(' => {
                    self.push(Kind::Open, 1);
                    depth += 1;
                }
                ')' => {
                    let Some(less) = depth.checked_sub(1) else { return self.fail("unexpected right paren") };
                    depth = less;
                    self.push(Kind::Close, 1);
                }
                '|' => self.push(Kind::Pipe, 1),
                ',' => self.push(Kind::Comma, 1),
                '=' => self.push(Kind::Assign, 1),
                ':' if rest[1..].starts_with('=') => self.push(Kind::Declare, 2),
                ':' => return self.fail("expected :="),
                '"' => self.quoted(Kind::String, '"')?,
                '\'' => self.quoted(Kind::Character, '\'')?,
                '`' => match rest[1..].find('`') {
                    Some(end) => self.push(Kind::Raw, end + 2),
                    None => return self.fail("unterminated raw quoted string"),
                },
                '$' => {
                    let length = 1 + word(&rest[1..]);
                    self.word(Kind::Variable, length)?;
                }
                '.' if !rest[1..].starts_with(|next: char| next.is_ascii_digit()) => {
                    let length = 1 + word(&rest[1..]);
                    self.word(if length == 1 { Kind::Dot } else { Kind::Field }, length)?;
                }
                '+' | '-' | '.' | '0'..='9' => self.number()?,
                letter if letter == '_' || letter.is_alphanumeric() => {
                    let length = word(rest);
                    self.word(Kind::Identifier, length)?;
                }
                other => return self.fail(format!("unexpected {other:?} in command")),
            }
        }
    }

    fn space(&mut self) {
        let rest = self.rest();
        let mut length = rest.len() - rest.trim_start_matches(SPACE).len();
        // The last space belongs to a trim marker behind it.
        if rest[length..].starts_with("-}}") {
            length -= 1;
        }
        self.push(Kind::Space, length);
    }

    fn word(&mut self, kind: Kind, length: usize) -> Result<(), Error> {
        let follows = self.rest()[length..].chars().next();
        let ends = follows.is_none_or(|next| SPACE.contains(&next) || ".,|:()}=".contains(next));
        if !ends && kind != Kind::Dot {
            self.at += length;
            return self.fail(format!("bad character {:?}", follows.unwrap_or_default()));
        }
        self.push(kind, length);
        Ok(())
    }

    fn number(&mut self) -> Result<(), Error> {
        let rest = self.rest();
        let signed = usize::from(rest.starts_with(['+', '-']));
        let hexadecimal = rest[signed..].starts_with("0x") || rest[signed..].starts_with("0X");
        let mut length = signed;
        let mut before = ' ';
        for character in rest[signed..].chars() {
            let sign_of_exponent = matches!(character, '+' | '-') && !hexadecimal && matches!(before, 'e' | 'E');
            if !(character.is_ascii_alphanumeric() || matches!(character, '.' | '_') || sign_of_exponent) {
                break;
            }
            before = character;
            length += character.len_utf8();
        }
        if length == signed {
            return self.fail(format!("bad number syntax: {:?}", &rest[..length]));
        }
        self.push(Kind::Number, length);
        Ok(())
    }

    fn quoted(&mut self, kind: Kind, quote: char) -> Result<(), Error> {
        let mut escaped = false;
        for (at, character) in self.rest().char_indices().skip(1) {
            match character {
                '\n' => break,
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                end if end == quote => {
                    self.push(kind, at + 1);
                    return Ok(());
                }
                _ => {}
            }
        }
        self.fail(if kind == Kind::String { "unterminated quoted string" } else { "unterminated character constant" })
    }
}

/// Length of the letters, digits and underscores that a text begins with.
fn word(text: &str) -> usize {
    text.find(|next: char| next != '_' && !next.is_alphanumeric()).unwrap_or(text.len())
}
