//! Tokens of CEL (cel-spec, "Syntax").

use smol_str::SmolStr;

use super::literal;
use crate::compile_error::Issue;

/// A token and where it begins.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Token {
    pub(crate) at: u32,
    pub(crate) end: u32,
    pub(crate) kind: TokenKind,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum TokenKind {
    Ident(SmolStr),
    /// A name in backquotes.
    Quoted(SmolStr),
    /// Digits as they are written.
    Int(SmolStr),
    Uint(SmolStr),
    Float(SmolStr),
    String(SmolStr),
    Bytes(Vec<u8>),
    /// An operator or a delimiter.
    Sign(&'static str),
    End,
}

const SIGNS: [&str; 24] = [
    "==", "!=", "<=", ">=", "&&", "||", "?", ":", "+", "-", "*", "/", "%", "<", ">", "!", ".", ",", "[", "]", "{", "}",
    "(", ")",
];

/// All tokens of a text, the last of which is its end.
pub(crate) fn tokens(text: &str) -> Result<Vec<Token>, Issue> {
    let mut lexer = Lexer { text, at: 0 };
    let mut tokens = Vec::new();
    loop {
        lexer.skip_space();
        let start = lexer.at;
        let kind = lexer.next()?;
        let last = kind == TokenKind::End;
        tokens.push(Token { at: offset(start), end: offset(lexer.at), kind });
        if last {
            return Ok(tokens);
        }
    }
}

/// Expressions are shorter than 4 GiB: their length is bounded before they are read.
fn offset(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

struct Lexer<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Lexer<'t> {
    fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    fn issue(&self, message: impl Into<String>) -> Issue {
        Issue { message: format!("Syntax error: {}", message.into()), offset: self.at }
    }

    fn skip_space(&mut self) {
        loop {
            let rest = self.rest();
            let blank = rest.len() - rest.trim_start_matches(['\t', ' ', '\r', '\n', '\u{c}']).len();
            self.at += blank;
            if self.rest().starts_with("//") {
                self.at += self.rest().find('\n').unwrap_or(self.rest().len());
            } else if blank == 0 {
                return;
            }
        }
    }

    fn take(&mut self, length: usize) -> &'t str {
        let taken = &self.rest()[..length];
        self.at += length;
        taken
    }

    fn next(&mut self) -> Result<TokenKind, Issue> {
        let rest = self.rest();
        let Some(first) = rest.chars().next() else { return Ok(TokenKind::End) };
        let mut second = rest.bytes().skip(1);
        if first.is_ascii_digit() || first == '.' && second.next().is_some_and(|byte| byte.is_ascii_digit()) {
            return Ok(self.number());
        }
        if let Some((prefix, quote)) = string_start(rest) {
            return self.string(prefix, quote);
        }
        if first.is_ascii_alphabetic() || first == '_' {
            let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
            return Ok(TokenKind::Ident(self.take(end).into()));
        }
        if first == '`' {
            return self.quoted();
        }
        match SIGNS.iter().find(|sign| rest.starts_with(**sign)) {
            Some(sign) => {
                self.at += sign.len();
                Ok(TokenKind::Sign(sign))
            }
            None => Err(self.issue(format!("token recognition error at: '{first}'"))),
        }
    }

    fn quoted(&mut self) -> Result<TokenKind, Issue> {
        let name: String = self.rest()[1..].chars().take_while(|c| *c != '`' && *c != '\n').collect();
        let allowed = |c: char| c.is_ascii_alphanumeric() || "_.-/ ".contains(c);
        let closed = self.rest()[1 + name.len()..].starts_with('`');
        if !closed || name.is_empty() || !name.chars().all(allowed) {
            return Err(self.issue(format!("token recognition error at: '`{name}'")));
        }
        self.at += name.len() + 2;
        Ok(TokenKind::Quoted(name.into()))
    }

    fn number(&mut self) -> TokenKind {
        let rest = self.rest();
        let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
        if let Some(hex) = rest.strip_prefix("0x") {
            let count = hex.bytes().take_while(u8::is_ascii_hexdigit).count();
            if count > 0 {
                return self.whole(count + 2);
            }
        }
        let mut length = digits(rest);
        let mut float = false;
        if rest[length..].starts_with('.') {
            let fraction = digits(&rest[length + 1..]);
            if fraction > 0 {
                length += 1 + fraction;
                float = true;
            }
        }
        if rest[length..].starts_with(['e', 'E']) {
            let signed = usize::from(rest[length + 1..].starts_with(['+', '-']));
            let exponent = digits(&rest[length + 1 + signed..]);
            if exponent > 0 {
                length += 1 + signed + exponent;
                float = true;
            }
        }
        if float { TokenKind::Float(self.take(length).into()) } else { self.whole(length) }
    }

    fn whole(&mut self, length: usize) -> TokenKind {
        let digits = self.take(length).into();
        if self.rest().starts_with(['u', 'U']) {
            self.at += 1;
            return TokenKind::Uint(digits);
        }
        TokenKind::Int(digits)
    }

    fn string(&mut self, prefix: usize, quote: char) -> Result<TokenKind, Issue> {
        let letters = self.rest()[..prefix].to_ascii_lowercase();
        let (raw, bytes) = (letters.contains('r'), letters.contains('b'));
        let body = &self.rest()[prefix..];
        let triple: String = std::iter::repeat_n(quote, 3).collect();
        let delimiter = if body.starts_with(&triple) { triple.as_str() } else { &triple[..1] };
        let inner = &body[delimiter.len()..];
        let Some(length) = string_length(inner, delimiter, raw) else {
            let shown = self.rest().lines().next().unwrap_or_default();
            return Err(self.issue(format!("token recognition error at: '{shown}'")));
        };
        let text = inner[..length].replace("\r\n", "\n").replace('\r', "\n");
        let unescaped = literal::unescape(&text, raw, bytes).map_err(|message| self.issue(message))?;
        self.at += prefix + length + 2 * delimiter.len();
        if bytes {
            return Ok(TokenKind::Bytes(unescaped));
        }
        let text = String::from_utf8(unescaped).map_err(|_| self.issue("invalid unicode code point"))?;
        Ok(TokenKind::String(text.into()))
    }
}

/// Length of the prefix and the quote, when a string begins here.
fn string_start(text: &str) -> Option<(usize, char)> {
    let prefix = text.bytes().take(2).take_while(|byte| b"rRbB".contains(byte)).count();
    let letters = text[..prefix].to_ascii_lowercase();
    let quote = text[prefix..].chars().next().filter(|c| *c == '"' || *c == '\'')?;
    ["", "r", "b", "br", "rb"].contains(&letters.as_str()).then_some((prefix, quote))
}

/// How long a string is up to its end.
fn string_length(text: &str, delimiter: &str, raw: bool) -> Option<usize> {
    let mut at = 0;
    while at < text.len() {
        let rest = &text[at..];
        if rest.starts_with(delimiter) {
            return Some(at);
        }
        let c = rest.chars().next()?;
        if delimiter.len() == 1 && (c == '\n' || c == '\r') {
            return None;
        }
        at += c.len_utf8();
        if c == '\\' && !raw {
            at += text[at..].chars().next()?.len_utf8();
        }
    }
    None
}
