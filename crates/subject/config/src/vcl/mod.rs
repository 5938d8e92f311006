//! VCL, the configuration of Varnish and Fastly: below the word of a declaration (`backend`, `acl`, `sub`, …) and its
//! name stands what it sets, or the list of its members.
//!
//! As with Conftest, what stands below an `if` and calls of subroutines are left out, a string with a `/` in it keeps
//! its first quote, and of durations the unit is left out.

mod lexer;

use std::ops::Range;

use probity_model::value::Object;
use probity_model::{Key, Problem, Span, Value};

use crate::MAX_DEPTH;
use crate::scalar;
use crate::text::Text;
use lexer::Token;

const DECLARATIONS: [&str; 5] = ["acl", "backend", "director", "sub", "table"];

pub(crate) fn read(text: &Text<'_>) -> Result<Value, Problem> {
    let mut parser = Parser { text, tokens: lexer::tokens(text)?, at: 0, depth: 0 };
    let body = parser.body(None)?;
    Ok(document(body))
}

#[derive(Debug, Default)]
struct Body {
    attributes: Vec<(String, Value, Span)>,
    blocks: Vec<Block>,
    members: Vec<Member>,
    comments: Vec<Value>,
}

#[derive(Debug)]
struct Block {
    kind: String,
    labels: Vec<String>,
    body: Body,
    span: Span,
}

/// What stands in a block without a name.
#[derive(Debug)]
enum Member {
    Value(Value),
    Body(Body),
}

struct Parser<'t> {
    text: &'t Text<'t>,
    tokens: Vec<(Token<'t>, Range<usize>)>,
    at: usize,
    depth: usize,
}

impl<'t> Parser<'t> {
    fn peek(&self) -> Token<'t> {
        self.tokens.get(self.at).map_or(Token::End, |(token, _)| *token)
    }

    fn next(&mut self) -> (Token<'t>, Range<usize>) {
        let end = self.text.whole.len();
        let next = self.tokens.get(self.at).cloned().unwrap_or((Token::End, end..end));
        self.at += 1;
        next
    }

    fn take(&mut self, mark: char) -> bool {
        let found = self.peek() == Token::Mark(mark);
        self.at += usize::from(found);
        found
    }

    /// The statements up to the end of the block that was opened, or of the text.
    fn body(&mut self, opened: Option<Range<usize>>) -> Result<Body, Problem> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            let range = opened.unwrap_or(0..0);
            return Err(self.text.problem(format!("nested deeper than {MAX_DEPTH} levels"), range));
        }
        let mut body = Body::default();
        loop {
            let (token, range) = self.next();
            match token {
                Token::Mark('}') if opened.is_some() => break,
                Token::Mark('}') => return Err(self.text.problem("no block is open here", range)),
                Token::End => match opened {
                    Some(open) => return Err(self.text.problem("the block does not end", open)),
                    None => break,
                },
                token => self.statement(token, range, &mut body)?,
            }
        }
        self.depth -= 1;
        Ok(body)
    }

    fn statement(&mut self, token: Token<'t>, range: Range<usize>, body: &mut Body) -> Result<(), Problem> {
        match token {
            Token::Comment(comment) => body.comments.push(comment.into()),
            Token::LongComment => body.comments.push("/*".into()),
            Token::Name("if") => self.condition()?,
            // What is negated is no member.
            Token::Name("return" | "call") | Token::Mark('!') => self.skip_statement(),
            Token::Name(kind) if DECLARATIONS.contains(&kind) => self.declaration(kind, &range, body)?,
            Token::Name(name) if self.take('=') => self.assignment(name, &range, body)?,
            Token::String(name) if self.take(':') => {
                let value = match self.next() {
                    (value @ Token::String(_), _) => literal(value).unwrap_or_default(),
                    _ => Value::Null,
                };
                let span = self.span_from(&range);
                body.attributes.push((name.to_owned(), value, span));
            }
            Token::Mark('{') => body.members.push(Member::Body(self.body(Some(range))?)),
            Token::Mark('(') => self.parentheses(range)?,
            Token::String(_) | Token::Network(_) | Token::Integer(_) | Token::Name("true" | "false") => {
                if matches!(self.peek(), Token::Mark('+' | '~')) {
                    self.skip_statement();
                } else {
                    body.members.extend(literal(token).map(Member::Value));
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn span_from(&self, range: &Range<usize>) -> Span {
        let end = self.tokens.get(self.at.saturating_sub(1)).map_or(range.end, |(_, last)| last.end);
        self.text.span(range.start..end.max(range.end))
    }

    /// Passes over the rest of a statement.
    fn skip_statement(&mut self) {
        while !matches!(self.peek(), Token::Mark(';' | '{' | '}') | Token::End) {
            self.at += 1;
        }
    }

    fn parentheses(&mut self, open: Range<usize>) -> Result<(), Problem> {
        let mut depth = 1_usize;
        while depth > 0 {
            match self.next().0 {
                Token::Mark('(') => depth += 1,
                Token::Mark(')') => depth -= 1,
                Token::End => return Err(self.text.problem("no `)` follows", open)),
                _ => {}
            }
        }
        Ok(())
    }

    /// Passes over a condition and what depends on it, with all its other cases.
    fn condition(&mut self) -> Result<(), Problem> {
        let mut is_conditional = true;
        loop {
            if is_conditional {
                let (token, range) = self.next();
                if token != Token::Mark('(') {
                    return Err(self.text.problem("a condition in parentheses is missing", range));
                }
                self.parentheses(range)?;
            }
            self.dropped()?;
            let Token::Name(name @ ("else" | "elsif" | "elseif" | "elif")) = self.peek() else { return Ok(()) };
            self.at += 1;
            is_conditional = name != "else" || self.peek() == Token::Name("if");
            self.at += usize::from(name == "else" && is_conditional);
        }
    }

    fn dropped(&mut self) -> Result<(), Problem> {
        let (token, range) = self.next();
        if token != Token::Mark('{') {
            return Err(self.text.problem("a block is missing", range));
        }
        self.body(Some(range)).map(drop)
    }

    fn declaration(&mut self, kind: &str, start: &Range<usize>, body: &mut Body) -> Result<(), Problem> {
        let mut labels = Vec::new();
        let opened = loop {
            let (token, range) = self.next();
            match token {
                Token::Mark('{') => break Some(range),
                Token::Mark(';') => break None,
                Token::Mark('}') | Token::End => {
                    return Err(self.text.problem(format!("a block of `{kind}` is missing"), start.clone()));
                }
                Token::Comment(_) | Token::LongComment => {}
                Token::String(label) => labels.push(label.to_owned()),
                _ => labels.push(self.text.whole[range].to_owned()),
            }
        };
        // Each name is a level of its own.
        self.depth += labels.len();
        let inner = self.body_or_none(opened)?;
        self.depth -= labels.len();
        let span = self.span_from(start);
        body.blocks.push(Block { kind: kind.to_owned(), labels, body: inner, span });
        Ok(())
    }

    fn body_or_none(&mut self, opened: Option<Range<usize>>) -> Result<Body, Problem> {
        if opened.is_some() { self.body(opened) } else { Ok(Body::default()) }
    }

    fn assignment(&mut self, name: &str, start: &Range<usize>, body: &mut Body) -> Result<(), Problem> {
        let (token, range) = self.next();
        if token == Token::Mark('{') {
            let inner = self.body(Some(range))?;
            let span = self.span_from(start);
            body.blocks.push(Block { kind: name.to_owned(), labels: Vec::new(), body: inner, span });
            return Ok(());
        }
        let is_expression = matches!(self.peek(), Token::Mark('+' | '~'));
        let value = match literal(token).filter(|_| !is_expression) {
            Some(value) => value,
            None => self.source(&token, range)?,
        };
        let span = self.span_from(start);
        body.attributes.push((name.to_owned(), value, span));
        Ok(())
    }

    /// An expression that is no literal, as it is written.
    fn source(&mut self, first: &Token<'t>, range: Range<usize>) -> Result<Value, Problem> {
        if matches!(first, Token::Mark(';' | '}') | Token::End) {
            return Err(self.text.problem("a value is missing", range));
        }
        self.skip_statement();
        let end = self.tokens.get(self.at.saturating_sub(1)).map_or(range.end, |(_, last)| last.end);
        Ok(self.text.whole[range.start..end.max(range.end)].into())
    }
}

fn literal(token: Token<'_>) -> Option<Value> {
    match token {
        Token::Name("true") => Some(Value::Bool(true)),
        Token::Name("false") => Some(Value::Bool(false)),
        Token::Name(name) => Some(name.into()),
        Token::Integer(digits) => scalar::number(digits).map(Value::Number),
        Token::Percentage(written) | Token::Network(written) => Some(written.into()),
        Token::String(text) if text.contains('/') => Some(format!("\"{text}").into()),
        Token::String(text) => Some(text.into()),
        _ => None,
    }
}

/// The declarations of a text by their words and names; the last of a name counts.
fn document(body: Body) -> Value {
    let mut entries: Vec<(Key, Value, Span)> =
        body.attributes.into_iter().map(|(name, value, span)| (Key::new(&name), value, span)).collect();
    for (kind, blocks) in by_kind(body.blocks) {
        let span = blocks[0].span;
        let named = blocks.into_iter().map(|block| {
            let (span, mut labels) = (block.span, block.labels.into_iter());
            let name = labels.next().unwrap_or_default();
            let has_names = !block.body.attributes.is_empty() || !block.body.blocks.is_empty();
            let value = if has_names {
                labels.fold(object(block.body, span), |inner, label| Value::object([(label, inner)]))
            } else {
                members(block.body.members)
            };
            (Key::new(&name), value, span)
        });
        entries.push((Key::new(&kind), Value::Object(Object::with_spans(named.collect())), span));
    }
    Value::Object(Object::with_spans(entries))
}

/// Blocks of each kind, in the order in which the kinds first appear.
fn by_kind(blocks: Vec<Block>) -> Vec<(String, Vec<Block>)> {
    let mut kinds: Vec<(String, Vec<Block>)> = Vec::new();
    let mut positions = std::collections::HashMap::new();
    for block in blocks {
        let position = *positions.entry(block.kind.clone()).or_insert_with(|| {
            kinds.push((block.kind.clone(), Vec::new()));
            kinds.len() - 1
        });
        kinds[position].1.push(block);
    }
    kinds
}

/// What a block sets, and the blocks in it: one of a kind is itself, several are a list.
fn object(body: Body, span: Span) -> Value {
    let attributes = body.attributes.into_iter();
    let mut entries: Vec<(Key, Value, Span)> =
        attributes.map(|(name, value, span)| (Key::new(name.trim_matches('.')), value, span)).collect();
    for (kind, mut blocks) in by_kind(body.blocks) {
        let first = blocks.first().map_or(span, |block| block.span);
        let value = if blocks.len() == 1 {
            object(blocks.remove(0).body, first)
        } else {
            Value::array(blocks.into_iter().map(|block| {
                let inner = object(block.body, block.span);
                block.labels.into_iter().fold(inner, |inner, label| Value::object([(label, inner)]))
            }))
        };
        entries.push((Key::new(&kind), value, first));
    }
    Value::Object(Object::with_spans(entries))
}

fn members(members: Vec<Member>) -> Value {
    Value::array(members.into_iter().map(|member| match member {
        Member::Value(value) => value,
        Member::Body(body) => Value::object([("Type", "{".into()), ("Labels", Value::Null), ("Body", schema(body))]),
    }))
}

/// A body without a name in the form that Conftest's reader has for it inside.
fn schema(body: Body) -> Value {
    let attributes = body.attributes.into_iter().map(|(name, value, _)| {
        let attribute = Value::object([("Name", Value::from(name.as_str())), ("Value", value)]);
        (name, attribute)
    });
    let blocks = body.blocks.into_iter().map(|block| {
        let labels =
            if block.labels.is_empty() { Value::Null } else { Value::array(block.labels.into_iter().map(Value::from)) };
        Value::object([("Type", block.kind.into()), ("Labels", labels), ("Body", schema(block.body))])
    });
    let blocks: Vec<Value> = blocks.collect();
    Value::object([
        ("Attributes", Value::object(attributes)),
        ("Blocks", if blocks.is_empty() { Value::Null } else { Value::array(blocks) }),
        ("Flats", members(body.members)),
        ("Comments", Value::array(body.comments)),
    ])
}
