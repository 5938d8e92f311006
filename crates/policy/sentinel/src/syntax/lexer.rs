//! Text to tokens (specification, "Lexical Elements").

use probity_model::{Problem, SourceId, Span};

use super::literal;
use super::token::{At, SIGNS, Token, TokenKind, WORDS};

/// Longest text that is read, in bytes.
const MAX_TEXT: usize = 32 << 20;

/// The tokens of a text, the comments between them, and what could not be read.
pub(crate) struct Lexed {
    pub(crate) tokens: Vec<Token>,
    /// Comments with their signs, without the end of the line.
    pub(crate) comments: Vec<At>,
    pub(crate) problems: Vec<Problem>,
}

/// Cuts a text into tokens; what is none becomes a problem and is passed over.
pub(crate) fn lex(text: &str, source: SourceId) -> Lexed {
    let lexed = Lexed { tokens: Vec::new(), comments: Vec::new(), problems: Vec::new() };
    let mut lexer = Lexer { text, source, at: 0, lexed };
    if text.len() > MAX_TEXT {
        lexer.problem("the text is longer than 32 MiB", 0, 0);
    } else {
        lexer.run();
    }
    lexer.end_statement(text.len());
    lexer.push(TokenKind::End, text.len());
    lexer.lexed
}

struct Lexer<'t> {
    text: &'t str,
    source: SourceId,
    at: usize,
    lexed: Lexed,
}

impl Lexer<'_> {
    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    fn problem(&mut self, message: impl Into<String>, start: usize, end: usize) {
        self.lexed.problems.push(Problem::new(message, Span::new(self.source, start..end)));
    }

    fn push(&mut self, kind: TokenKind, start: usize) {
        self.lexed.tokens.push(Token { kind, at: At::new(start, self.at) });
    }

    /// A line ends here: so does the statement, when the last token can end one.
    fn end_statement(&mut self, at: usize) {
        if self.lexed.tokens.last().is_some_and(|token| token.kind.ends_statement()) {
            let at = At::new(at, at);
            self.lexed.tokens.push(Token { kind: TokenKind::Semicolon { automatic: true }, at });
        }
    }

    fn run(&mut self) {
        while let Some(next) = self.rest().chars().next() {
            match next {
                '\n' => {
                    self.end_statement(self.at);
                    self.at += 1;
                }
                ' ' | '\t' | '\r' | '\u{feff}' => self.at += next.len_utf8(),
                '#' => self.line_comment(),
                '/' if self.rest().starts_with("//") => self.line_comment(),
                '/' if self.rest().starts_with("/*") => self.block_comment(),
                '"' | '`' => self.string(next),
                '0'..='9' => self.number(),
                '.' if self.rest().as_bytes().get(1).is_some_and(u8::is_ascii_digit) => self.number(),
                _ if next == '_' || next.is_alphabetic() => self.name(),
                _ => self.sign(next),
            }
        }
    }

    fn line_comment(&mut self) {
        let length = self.rest().find('\n').unwrap_or(self.rest().len());
        let end = self.at + self.rest()[..length].trim_end().len();
        self.lexed.comments.push(At::new(self.at, end));
        self.at += length;
    }

    fn block_comment(&mut self) {
        let start = self.at;
        let Some(length) = self.rest()[2..].find("*/") else {
            self.at = self.text.len();
            return self.problem("the comment is not closed", start, start + 2);
        };
        let length = length + 4;
        self.lexed.comments.push(At::new(start, start + length));
        if self.rest()[..length].contains('\n') {
            self.end_statement(start);
        }
        self.at += length;
    }

    fn name(&mut self) {
        let start = self.at;
        let length = self.rest().find(|c: char| c != '_' && !c.is_alphanumeric()).unwrap_or(self.rest().len());
        self.at += length;
        let text = &self.text[start..self.at];
        // Behind a point, reserved words are names, too.
        let selector = self.lexed.tokens.last().is_some_and(|token| token.kind == TokenKind::Sign("."));
        let word = WORDS.iter().find(|(known, _)| *known == text && !selector);
        self.push(word.map_or_else(|| TokenKind::Name(text.into()), |(_, word)| TokenKind::Word(*word)), start);
    }

    fn sign(&mut self, next: char) {
        let start = self.at;
        let Some(sign) = SIGNS.iter().find(|sign| self.rest().starts_with(**sign)) else {
            self.at += next.len_utf8();
            let end = self.at;
            let rest = self.rest();
            let mut problem =
                Problem::new(format!("unexpected character {next:?}"), Span::new(self.source, start..end));
            problem.help = match next {
                '&' => Some("`and` is the operator".to_owned()),
                '|' => Some("`or` is the operator".to_owned()),
                '\'' => Some("strings stand between double quotes or backquotes".to_owned()),
                _ => None,
            };
            if (next == '&' || next == '|') && rest.starts_with(next) {
                self.at += 1;
            }
            return self.lexed.problems.push(problem);
        };
        self.at += sign.len();
        let kind = if *sign == ";" { TokenKind::Semicolon { automatic: false } } else { TokenKind::Sign(sign) };
        self.push(kind, start);
    }

    fn number(&mut self) {
        let start = self.at;
        self.at += literal::number_length(self.rest());
        let kind = match literal::number(&self.text[start..self.at]) {
            Ok(literal::Number::Int(int)) => TokenKind::Int(int),
            Ok(literal::Number::Float(float)) => TokenKind::Float(float),
            Err(message) => {
                self.problem(message, start, self.at);
                TokenKind::Int(0)
            }
        };
        self.push(kind, start);
    }

    fn string(&mut self, quote: char) {
        let start = self.at;
        let Some(length) = literal::string_length(self.rest(), quote) else {
            self.at += self.rest().find('\n').unwrap_or(self.rest().len());
            self.problem("the string is not closed", start, start + 1);
            return self.push(TokenKind::String("".into()), start);
        };
        self.at += length;
        let inner = &self.text[start + 1..self.at - 1];
        let value = if quote == '`' {
            inner.replace('\r', "").into()
        } else {
            literal::unescape(inner).unwrap_or_else(|(message, offset)| {
                let at = start + 1 + offset;
                self.problem(message, at, at + 1);
                "".into()
            })
        };
        self.push(TokenKind::String(value), start);
    }
}
