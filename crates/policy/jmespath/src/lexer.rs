//! Words of expressions.

use std::fmt;

use probity_model::{Value, json};

use crate::error::SyntaxError;
use crate::text::decoded;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Token {
    Star,
    Dot,
    Filter,
    Flatten,
    LeftParenthesis,
    RightParenthesis,
    LeftBracket,
    RightBracket,
    LeftBrace,
    RightBrace,
    Or,
    Pipe,
    /// Digits, perhaps with a sign.
    Number(String),
    Identifier(String),
    Quoted(String),
    Comma,
    Colon,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Equal,
    NotEqual,
    Json(Value),
    Raw(String),
    Current,
    Reference,
    And,
    Not,
    /// A single `=`.
    Unknown,
    End,
}

impl fmt::Display for Token {
    /// The name that go-jmespath has for it in its messages.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Star => "tStar",
            Self::Dot => "tDot",
            Self::Filter => "tFilter",
            Self::Flatten => "tFlatten",
            Self::LeftParenthesis => "tLparen",
            Self::RightParenthesis => "tRparen",
            Self::LeftBracket => "tLbracket",
            Self::RightBracket => "tRbracket",
            Self::LeftBrace => "tLbrace",
            Self::RightBrace => "tRbrace",
            Self::Or => "tOr",
            Self::Pipe => "tPipe",
            Self::Number(_) => "tNumber",
            Self::Identifier(_) => "tUnquotedIdentifier",
            Self::Quoted(_) => "tQuotedIdentifier",
            Self::Comma => "tComma",
            Self::Colon => "tColon",
            Self::Less => "tLT",
            Self::LessOrEqual => "tLTE",
            Self::Greater => "tGT",
            Self::GreaterOrEqual => "tGTE",
            Self::Equal => "tEQ",
            Self::NotEqual => "tNE",
            Self::Json(_) => "tJSONLiteral",
            Self::Raw(_) => "tStringLiteral",
            Self::Current => "tCurrent",
            Self::Reference => "tExpref",
            Self::And => "tAnd",
            Self::Not => "tNot",
            Self::Unknown => "tUnknown",
            Self::End => "tEOF",
        })
    }
}

/// The words of an expression with their places, an end behind them.
pub(crate) fn tokens(text: &str) -> Result<Vec<(Token, usize)>, SyntaxError> {
    let mut lexer = Lexer { text, at: 0 };
    let mut tokens = Vec::new();
    loop {
        lexer.skip_blanks();
        let start = lexer.at;
        let Some(character) = lexer.rest().chars().next() else {
            tokens.push((Token::End, start));
            return Ok(tokens);
        };
        tokens.push((lexer.token(character)?, start));
    }
}

struct Lexer<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Lexer<'t> {
    fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    fn skip_blanks(&mut self) {
        self.at = self.text.len() - self.rest().trim_start_matches([' ', '\t', '\n', '\r']).len();
    }

    fn problem(&self, message: String) -> SyntaxError {
        SyntaxError { message, offset: self.at }
    }

    fn token(&mut self, character: char) -> Result<Token, SyntaxError> {
        match character {
            '"' => return self.quoted(),
            '\'' => return self.raw(),
            '`' => return self.json(),
            '-' | '0'..='9' => {
                let digits = self.rest()[1..].bytes().take_while(u8::is_ascii_digit).count();
                return Ok(Token::Number(self.take(1 + digits).to_owned()));
            }
            'a'..='z' | 'A'..='Z' | '_' => {
                let part = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
                let length = self.rest().bytes().take_while(part).count();
                return Ok(Token::Identifier(self.take(length).to_owned()));
            }
            _ => {}
        }
        let (token, length) =
            sign(self.rest()).ok_or_else(|| self.problem(format!("Unknown char: '{}'", character.escape_default())))?;
        self.at += length;
        Ok(token)
    }

    fn take(&mut self, length: usize) -> &'t str {
        let taken = &self.rest()[..length];
        self.at += length;
        taken
    }

    /// What is between this delimiter and the next one that has no backslash before it.
    fn delimited(&mut self, delimiter: char) -> Result<&'t str, SyntaxError> {
        self.at += 1;
        let mut escaped = false;
        for (offset, character) in self.rest().char_indices() {
            match character {
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                _ if character == delimiter => {
                    let inner = self.take(offset);
                    self.at += 1;
                    return Ok(inner);
                }
                _ => {}
            }
        }
        self.at = self.text.len();
        Err(self.problem(format!("Unclosed delimiter: {delimiter}")))
    }

    fn quoted(&mut self) -> Result<Token, SyntaxError> {
        let inner = self.delimited('"')?;
        match json::read(format!("\"{inner}\"").as_bytes()) {
            Ok(Value::String(text)) => Ok(Token::Quoted(text.to_string())),
            Ok(_) => Err(self.problem("not a quoted name".to_owned())),
            Err(problem) => Err(self.problem(problem.message)),
        }
    }

    fn json(&mut self) -> Result<Token, SyntaxError> {
        let inner = self.delimited('`')?.replace("\\`", "`");
        json::read(inner.as_bytes())
            .map(|value| Token::Json(decoded(value)))
            .map_err(|problem| self.problem(problem.message))
    }

    /// A text in which only `\'` is an escape.
    fn raw(&mut self) -> Result<Token, SyntaxError> {
        self.at += 1;
        let mut value = String::new();
        let mut characters = self.rest().char_indices().peekable();
        while let Some((offset, character)) = characters.next() {
            match character {
                '\'' => {
                    self.at += offset + 1;
                    return Ok(Token::Raw(value));
                }
                '\\' if characters.peek().is_some_and(|(_, next)| *next == '\'') => {
                    characters.next();
                    value.push('\'');
                }
                other => value.push(other),
            }
        }
        self.at = self.text.len();
        Err(self.problem("Unclosed delimiter: '".to_owned()))
    }
}

/// The sign at the beginning, and its length.
fn sign(rest: &str) -> Option<(Token, usize)> {
    const SIGNS: [(&str, Token); 25] = [
        ("||", Token::Or),
        ("|", Token::Pipe),
        ("<=", Token::LessOrEqual),
        ("<", Token::Less),
        (">=", Token::GreaterOrEqual),
        (">", Token::Greater),
        ("!=", Token::NotEqual),
        ("!", Token::Not),
        ("==", Token::Equal),
        ("=", Token::Unknown),
        ("&&", Token::And),
        ("&", Token::Reference),
        ("[?", Token::Filter),
        ("[]", Token::Flatten),
        ("[", Token::LeftBracket),
        ("]", Token::RightBracket),
        ("(", Token::LeftParenthesis),
        (")", Token::RightParenthesis),
        ("{", Token::LeftBrace),
        ("}", Token::RightBrace),
        (".", Token::Dot),
        ("*", Token::Star),
        (",", Token::Comma),
        (":", Token::Colon),
        ("@", Token::Current),
    ];
    SIGNS.into_iter().find(|(text, _)| rest.starts_with(text)).map(|(text, token)| (token, text.len()))
}
