//! HCL1, the language of Terraform until 0.11: every object is in a list, with all that stands under its name.
//!
//! Its form in JSON is not read.

mod lexer;

use std::collections::{HashMap, VecDeque};
use std::ops::Range;

use probity_model::value::{Array, Object};
use probity_model::{Key, Problem, Span, Value};

use crate::MAX_DEPTH;
use crate::text::{Text, shown};
use lexer::Token;

pub(crate) fn read(text: &Text<'_>) -> Result<Value, Problem> {
    if text.whole.trim_start().starts_with('{') {
        return Err(text.problem("the form in JSON is not read", 0..0).with_help("read it as json"));
    }
    let mut parser = Parser { text, tokens: lexer::tokens(text)?.into(), depth: 0 };
    let items = parser.items(None)?;
    map(text, items)
}

struct Item {
    keys: VecDeque<String>,
    value: Node,
    range: Range<usize>,
}

enum Node {
    Literal(Value),
    List(Vec<(Node, Range<usize>)>),
    Object(Vec<Item>),
}

struct Parser<'t> {
    text: &'t Text<'t>,
    tokens: VecDeque<(Token, Range<usize>)>,
    depth: usize,
}

impl Parser<'_> {
    fn next(&mut self) -> (Token, Range<usize>) {
        let end = self.text.whole.len();
        self.tokens.pop_front().unwrap_or((Token::End, end..end))
    }

    fn peek(&self) -> Option<&Token> {
        self.tokens.front().map(|(token, _)| token)
    }

    fn take(&mut self, mark: char) -> bool {
        let found = self.peek() == Some(&Token::Mark(mark));
        if found {
            self.tokens.pop_front();
        }
        found
    }

    fn deeper(&mut self, range: &Range<usize>) -> Result<(), Problem> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(self.text.problem(format!("nested deeper than {MAX_DEPTH} levels"), range.clone()));
        }
        Ok(())
    }

    /// The items up to the end of the object that was opened, or of the text.
    fn items(&mut self, opened: Option<Range<usize>>) -> Result<Vec<Item>, Problem> {
        self.deeper(&opened.clone().unwrap_or(0..0))?;
        let mut items = Vec::new();
        loop {
            let (token, range) = self.next();
            match token {
                Token::Mark('}') if opened.is_some() => break,
                Token::End => match opened {
                    Some(open) => return Err(self.text.problem("the object does not end", open)),
                    None => break,
                },
                Token::Name(key) | Token::String(key) => items.push(self.item(key, range)?),
                _ => return Err(self.text.problem("a key is missing", range)),
            }
            self.take(',');
        }
        self.depth -= 1;
        Ok(items)
    }

    fn item(&mut self, key: String, mut range: Range<usize>) -> Result<Item, Problem> {
        let mut keys = VecDeque::from([key]);
        loop {
            let (token, here) = self.next();
            let value = match token {
                Token::Name(key) | Token::String(key) => {
                    keys.push_back(key);
                    continue;
                }
                Token::Mark('=') if keys.len() == 1 => {
                    let (token, here) = self.next();
                    self.value(token, here)?
                }
                Token::Mark('{') => {
                    // Each key is a level of its own.
                    self.depth += keys.len();
                    let inner = self.items(Some(here.clone()))?;
                    self.depth -= keys.len();
                    (Node::Object(inner), here)
                }
                _ => {
                    let message = format!("`{}` needs a `=` or a `{{`", shown(&keys[0]));
                    return Err(self.text.problem(message, here));
                }
            };
            let (value, last) = value;
            // What comes next begins behind the value.
            let end = self.tokens.front().map_or(last.end, |(_, next)| next.start);
            range.end = range.start + self.text.whole[range.start..end].trim_end().len();
            return Ok(Item { keys, value, range });
        }
    }

    fn value(&mut self, token: Token, range: Range<usize>) -> Result<(Node, Range<usize>), Problem> {
        match token {
            Token::String(text) => Ok((Node::Literal(text.into()), range)),
            Token::Literal(value) => Ok((Node::Literal(value), range)),
            Token::Mark('{') => Ok((Node::Object(self.items(Some(range.clone()))?), range)),
            Token::Mark('[') => Ok((Node::List(self.list(range.clone())?), range)),
            _ => Err(self.text.problem("a value is missing", range)),
        }
    }

    fn list(&mut self, open: Range<usize>) -> Result<Vec<(Node, Range<usize>)>, Problem> {
        self.deeper(&open)?;
        let mut elements = Vec::new();
        let mut needs_comma = false;
        loop {
            let (token, range) = self.next();
            match token {
                Token::Mark(']') => break,
                Token::Mark(',') => needs_comma = false,
                Token::End => return Err(self.text.problem("the list does not end", open)),
                _ if needs_comma => return Err(self.text.problem("a comma is missing", range)),
                token => {
                    let element = self.value(token, range)?;
                    // Behind a list there may be none.
                    needs_comma = !matches!(element.0, Node::List(_));
                    elements.push(element);
                }
            }
        }
        self.depth -= 1;
        Ok(elements)
    }
}

/// All that stands under one name.
enum Slot {
    Literal(Value, Span),
    List(Vec<(Value, Span)>),
    /// Items that have more names.
    Named(Vec<Item>, Span),
}

fn map(text: &Text<'_>, items: Vec<Item>) -> Result<Value, Problem> {
    let mut slots: Vec<(String, Option<Slot>)> = Vec::new();
    let mut positions: HashMap<String, usize> = HashMap::new();
    for mut item in items {
        let Some(key) = item.keys.pop_front() else { continue };
        let range = item.range.clone();
        let position = *positions.entry(key.clone()).or_insert_with(|| {
            slots.push((key.clone(), None));
            slots.len() - 1
        });
        let known = slots[position].1.take();
        let joined = joined(text, known, item)?;
        slots[position].1 = Some(joined.ok_or_else(|| {
            text.problem(format!("`{}` is given in forms that do not go together", shown(&key)), range)
        })?);
    }
    let slots = slots.into_iter().filter_map(|(key, slot)| Some((key, slot?)));
    let entries = slots.map(|(key, slot)| entry(text, &key, slot)).collect::<Result<_, _>>()?;
    Ok(Value::Object(Object::with_spans(entries)))
}

/// What stands under a name once an item has come; nothing when the item does not go with what stands there.
fn joined(text: &Text<'_>, known: Option<Slot>, item: Item) -> Result<Option<Slot>, Problem> {
    let span = text.span(item.range.clone());
    if !item.keys.is_empty() {
        return Ok(match known {
            None => Some(Slot::Named(vec![item], span)),
            Some(Slot::Named(mut items, first)) => {
                items.push(item);
                Some(Slot::Named(items, first))
            }
            Some(_) => None,
        });
    }
    let more = match item.value {
        Node::Literal(value) => {
            let fits = matches!(known, None | Some(Slot::Literal(..)));
            return Ok(fits.then_some(Slot::Literal(value, span)));
        }
        Node::Object(inner) => vec![(map(text, inner)?, span)],
        Node::List(list) => elements(text, list)?,
    };
    Ok(match known {
        None => Some(Slot::List(more)),
        Some(Slot::List(mut list)) => {
            list.extend(more);
            Some(Slot::List(list))
        }
        Some(_) => None,
    })
}

fn entry(text: &Text<'_>, key: &str, slot: Slot) -> Result<(Key, Value, Span), Problem> {
    let list = |list: Vec<(Value, Span)>| {
        let (values, spans) = list.into_iter().unzip();
        Value::Array(Array::with_spans(values, spans))
    };
    let (value, span) = match slot {
        Slot::Literal(value, span) => (value, span),
        Slot::List(elements) => {
            let span = elements.first().map_or(text.span(0..0), |(_, span)| *span);
            (list(elements), span)
        }
        Slot::Named(items, span) => {
            let named = items.into_iter().map(|item| {
                let span = text.span(item.range.clone());
                Ok((map(text, vec![item])?, span))
            });
            (list(named.collect::<Result<_, Problem>>()?), span)
        }
    };
    Ok((Key::new(key), value, span))
}

fn elements(text: &Text<'_>, list: Vec<(Node, Range<usize>)>) -> Result<Vec<(Value, Span)>, Problem> {
    let value = |node| match node {
        Node::Literal(value) => Ok(value),
        Node::Object(items) => map(text, items),
        Node::List(list) => {
            let (values, spans) = elements(text, list)?.into_iter().unzip();
            Ok(Value::Array(Array::with_spans(values, spans)))
        }
    };
    list.into_iter().map(|(node, range)| Ok((value(node)?, text.span(range)))).collect()
}
