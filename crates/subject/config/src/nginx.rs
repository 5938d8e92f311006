//! The configuration of nginx: a tree of `directives`, each with its `name`, its `parameters` as they are written, and
//! its `block` when it has one.
//!
//! As with Conftest, the servers of `http` and `upstream` come after what else stands there, and named parameters of a
//! server without a block are ordered. Code in Lua is left out; included files are not read.

use std::collections::BTreeMap;
use std::ops::Range;

use probity_model::value::{Array, Object};
use probity_model::{Key, Problem, Span, Value};

use crate::MAX_DEPTH;
use crate::text::{Text, shown};

pub(crate) fn read(text: &Text<'_>) -> Result<Value, Problem> {
    let mut parser = Parser { text: *text, at: 0, depth: 0 };
    let directives = parser.directives(None)?;
    let end = text.whole.len();
    Ok(block(directives, text.span(0..end)))
}

struct Directive<'t> {
    name: &'t str,
    parameters: Vec<String>,
    block: Option<Vec<Directive<'t>>>,
    span: Span,
}

#[derive(Debug, PartialEq, Eq)]
enum Token<'t> {
    Word(&'t str),
    Semicolon,
    Open,
    Close,
    End,
}

struct Parser<'t> {
    text: Text<'t>,
    at: usize,
    depth: usize,
}

impl<'t> Parser<'t> {
    /// The next token and where it stands; comments and ends of lines are passed over.
    fn token(&mut self) -> Result<(Token<'t>, Range<usize>), Problem> {
        let whole = self.text.whole;
        loop {
            let rest = &whole[self.at..];
            let start = self.at;
            let Some(first) = rest.chars().next() else { return Ok((Token::End, start..start)) };
            let (token, len) = match first {
                ' ' | '\t' | '\r' | '\n' => {
                    self.at += 1;
                    continue;
                }
                '#' => {
                    self.at += rest.find(['\r', '\n']).unwrap_or(rest.len());
                    continue;
                }
                ';' => (Token::Semicolon, 1),
                '{' => (Token::Open, 1),
                '}' => (Token::Close, 1),
                '"' | '\'' | '`' => {
                    let len = quoted(rest, first)
                        .ok_or_else(|| self.text.problem("the quote does not end", start..start + 1))?;
                    (Token::Word(&rest[..len]), len)
                }
                _ => {
                    let len = word(rest);
                    (Token::Word(&rest[..len]), len)
                }
            };
            self.at += len;
            return Ok((token, start..start + len));
        }
    }

    /// The directives up to the end of the block that was opened, or of the text.
    fn directives(&mut self, opened: Option<Range<usize>>) -> Result<Vec<Directive<'t>>, Problem> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            let range = opened.unwrap_or(0..0);
            return Err(self.text.problem(format!("nested deeper than {MAX_DEPTH} levels"), range));
        }
        let mut found = Vec::new();
        loop {
            let (token, range) = self.token()?;
            match token {
                Token::Word(name) => found.push(self.directive(name, range)?),
                Token::Semicolon => {}
                Token::Close if opened.is_some() => break,
                Token::Close => return Err(self.text.problem("no block is open here", range)),
                Token::Open => return Err(self.text.problem("a block without a name", range)),
                Token::End => match opened {
                    Some(open) => return Err(self.text.problem("the block does not end", open)),
                    None => break,
                },
            }
        }
        self.depth -= 1;
        Ok(found)
    }

    fn directive(&mut self, name: &'t str, start: Range<usize>) -> Result<Directive<'t>, Problem> {
        let mut parameters = Vec::new();
        let block = loop {
            let (token, range) = self.token()?;
            match token {
                Token::Word(word) => parameters.push(word.to_owned()),
                Token::Semicolon => break None,
                Token::Open if name.ends_with("_by_lua_block") => {
                    self.lua(range)?;
                    break Some(Vec::new());
                }
                Token::Open => break Some(self.directives(Some(range))?),
                Token::Close | Token::End => {
                    let message = format!("`{}` does not end with a `;` or a block", shown(name));
                    return Err(self.text.problem(message, start));
                }
            }
        };
        let span = self.text.span(start.start..self.at);
        let directive = Directive { name, parameters, block, span };
        arranged(directive).map_err(|message| self.text.problem(message, start))
    }

    /// Passes over code in Lua: to the brace that closes the block.
    fn lua(&mut self, open: Range<usize>) -> Result<(), Problem> {
        let rest = &self.text.whole[self.at..];
        let mut depth = 1_usize;
        let mut is_comment = false;
        for (at, byte) in rest.bytes().enumerate() {
            match byte {
                b'\r' | b'\n' => is_comment = false,
                _ if is_comment => {}
                b'#' => is_comment = true,
                b'{' => depth += 1,
                b'}' => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                self.at += at + 1;
                return Ok(());
            }
        }
        Err(self.text.problem("the block of code does not end", open))
    }
}

/// Length of a quoted text. A backslash in front of the quote keeps it open.
fn quoted(text: &str, quote: char) -> Option<usize> {
    let mut from = 1;
    loop {
        let end = from + text[from..].find(quote)?;
        if end == 1 || !text[..end].ends_with('\\') {
            return Some(end + 1);
        }
        from = end + 1;
    }
}

/// Length of a word. Braces belong to it when they are those of a variable, `${name}`.
fn word(text: &str) -> usize {
    let mut before = ' ';
    let mut in_variable = false;
    for (at, character) in text.char_indices() {
        match character {
            ' ' | '\t' | '\r' | '\n' | ';' => return at,
            '{' if before == '$' => in_variable = true,
            '{' | '}' if !in_variable => return at,
            '}' => in_variable = false,
            '{' => {}
            other => before = other,
        }
    }
    text.len()
}

/// Directives that have a form of their own.
fn arranged(mut directive: Directive<'_>) -> Result<Directive<'_>, String> {
    let count = directive.parameters.len();
    match (directive.name, &mut directive.block) {
        ("http", Some(inner)) => {
            directive.parameters.clear();
            inner.sort_by_key(|inner| inner.name == "server" && inner.block.is_some());
        }
        ("upstream", Some(inner)) => {
            if count == 0 {
                return Err("`upstream` needs a name".to_owned());
            }
            directive.parameters.truncate(1);
            inner.sort_by_key(|inner| inner.name == "server");
        }
        ("server", Some(_)) => directive.parameters.clear(),
        ("server", None) => directive.parameters = server(&directive.parameters),
        ("location", Some(_)) if !(1..=2).contains(&count) => {
            return Err("`location` takes a path, and perhaps how it is matched".to_owned());
        }
        ("include", None) if count != 1 => return Err("`include` takes one path".to_owned()),
        _ => {}
    }
    Ok(directive)
}

/// The address of a server, then its named parameters by name, then the others.
fn server(parameters: &[String]) -> Vec<String> {
    let Some((address, rest)) = parameters.split_first() else { return vec![String::new()] };
    let named: BTreeMap<&str, &str> = rest.iter().filter_map(|parameter| parameter.split_once('=')).collect();
    let flags = rest.iter().filter(|parameter| !parameter.contains('='));
    let named = named.into_iter().map(|(name, value)| format!("{name}={value}"));
    std::iter::once(address.clone()).chain(named).chain(flags.cloned()).collect()
}

fn block(directives: Vec<Directive<'_>>, span: Span) -> Value {
    let spans = directives.iter().map(|directive| directive.span).collect();
    let list = Array::with_spans(directives.into_iter().map(value).collect(), spans);
    Value::Object(Object::with_spans(vec![(Key::new("directives"), Value::Array(list), span)]))
}

fn value(directive: Directive<'_>) -> Value {
    let span = directive.span;
    let mut entries = vec![(Key::new("name"), Value::from(directive.name), span)];
    if !directive.parameters.is_empty() {
        let parameters = Value::array(directive.parameters.into_iter().map(Value::from));
        entries.push((Key::new("parameters"), parameters, span));
    }
    if let Some(inner) = directive.block {
        entries.push((Key::new("block"), block(inner, span), span));
    }
    Value::Object(Object::with_spans(entries))
}
