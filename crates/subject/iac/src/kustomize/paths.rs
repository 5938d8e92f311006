//! Paths into objects as `replacements` and `vars` have them: `spec.containers.[name=web].image`.

use probity_go::regex;
use probity_model::value::{Array, Object, Value};

use super::edit::{self, New, Outcome};
use super::fields;

/// The parts of a path. What is in brackets stays together.
pub(super) fn split(path: &str) -> Vec<String> {
    let parts = fields::split(path, '.');
    let (mut result, mut rest) = (Vec::new(), parts.into_iter());
    while let Some(part) = rest.next() {
        if !part.starts_with('[') || part.ends_with(']') {
            result.push(part);
            continue;
        }
        let mut whole = part;
        for next in rest.by_ref() {
            whole = format!("{whole}.{next}");
            if next.ends_with(']') {
                break;
            }
        }
        result.push(if whole.contains('=') { whole } else { whole.trim_matches(['[', ']']).to_owned() });
    }
    result
}

fn is_element(part: &str) -> bool {
    part.starts_with('[') && part.ends_with(']')
}

/// Name and value of `[name=value]`.
fn element(part: &str) -> Outcome<(&str, &str)> {
    let inner = part.trim_start_matches('[').trim_end_matches(']');
    inner
        .split_once('=')
        .ok_or_else(|| format!("list path element must contain fieldName=fieldValue for element: {part}"))
}

/// The value at a path; nothing when something on the way is missing.
pub(super) fn find<'v>(value: &'v Value, path: &[String]) -> Outcome<Option<&'v Value>> {
    let mut value = value;
    for part in path.iter().map(|part| part.trim()).filter(|part| !part.is_empty()) {
        let next = match (value, part.parse::<i64>()) {
            (Value::Null, _) => None,
            (_, Ok(at)) if at < 0 => return Err(format!("array index {at} cannot be negative")),
            (Value::Array(list), Ok(at)) => usize::try_from(at).ok().and_then(|at| list.get(at)),
            (Value::Array(list), _) if part == "-" => list.as_slice().last(),
            (Value::Array(list), _) if is_element(part) => {
                let (name, wanted) = element(part)?;
                let text = |element: &Value| {
                    if name.is_empty() { Some(edit::text(element)) } else { element.get(name).map(edit::text) }
                };
                list.iter().find(|element| text(element).as_deref() == Some(wanted))
            }
            (Value::Object(object), Err(_)) if !is_element(part) => {
                if part == "*" {
                    return Err("wildcard is not supported here".to_owned());
                }
                object.get(part)
            }
            (other, _) => return Err(format!("wrong kind of node at `{part}`: a {}", other.kind())),
        };
        match next {
            Some(next) => value = next,
            None => return Ok(None),
        }
    }
    Ok(Some(value))
}

/// Kinds of nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Scalar,
    List,
    Mapping,
}

impl Kind {
    pub(super) fn of(value: &Value) -> Self {
        match value {
            Value::Array(_) => Self::List,
            Value::Object(_) => Self::Mapping,
            _ => Self::Scalar,
        }
    }

    fn empty(self) -> Value {
        match self {
            Self::Scalar => Value::Null,
            Self::List => Value::Array(Array::default()),
            Self::Mapping => Value::Object(Object::default()),
        }
    }
}

/// What is set at all places that a path leads to.
pub(super) struct Setter<'s> {
    /// What is made of places that are not there.
    pub(super) create: Option<Kind>,
    pub(super) set: &'s dyn Fn(&Value, bool) -> Outcome<New>,
    /// How many places there were.
    pub(super) found: usize,
}

impl Setter<'_> {
    /// The value with everything set. `is_made` says that it was not there.
    pub(super) fn walk(&mut self, value: &Value, path: &[String], is_made: bool) -> Outcome<Option<New>> {
        let Some((first, rest)) = path.split_first() else {
            self.found += 1;
            return (self.set)(value, is_made).map(Some);
        };
        if first.parse::<u64>().is_ok() {
            return self.at_index(value, first, rest);
        }
        if is_element(first) {
            return self.at_elements(value, first, rest);
        }
        if first == "*" {
            let Value::Array(list) = value else { return Err(mismatch("a list", value)) };
            let list = edit::changed_elements(list, &mut |element| self.walk(element, rest, false))?;
            return Ok(list.map(same));
        }
        self.at_field(value, first, rest)
    }

    fn made(&self, next: Option<&String>) -> Value {
        let kind = match next {
            None => self.create.unwrap_or(Kind::Scalar),
            Some(next) if is_element(next) || next.parse::<u64>().is_ok() => Kind::List,
            Some(_) => Kind::Mapping,
        };
        kind.empty()
    }

    fn at_field(&mut self, value: &Value, name: &str, rest: &[String]) -> Outcome<Option<New>> {
        let object = match value {
            Value::Object(object) => object,
            Value::Null if self.create.is_none() => return Ok(None),
            other => return Err(mismatch("a mapping", other)),
        };
        let changed = match object.get(name) {
            Some(present) => self.walk(present, rest, false)?,
            None if self.create.is_some() => {
                let made = self.made(rest.first());
                Some(self.walk(&made, rest, true)?.unwrap_or(New { value: made, span: None }))
            }
            None => None,
        };
        Ok(changed.map(|new| New { value: Value::Object(edit::with(object, name, new)), span: None }))
    }

    fn at_index(&mut self, value: &Value, part: &str, rest: &[String]) -> Outcome<Option<New>> {
        let Value::Array(list) = value else { return Err(mismatch("a list", value)) };
        let at: usize = part.parse().map_err(|_| format!("`{part}` is no index"))?;
        let mut elements: Vec<_> = list.iter_spanned().map(|(value, span)| (value.clone(), span)).collect();
        let is_made = at == elements.len() && self.create.is_some();
        if is_made {
            elements.push((self.made(rest.first()), None));
        }
        let length = elements.len();
        let Some((element, span)) = elements.get_mut(at) else {
            return Err(format!("index {at} specified but only {length} elements found"));
        };
        match self.walk(element, rest, is_made)? {
            Some(new) => (*element, *span) = (new.value, new.span.or(*span)),
            None => return Ok(None),
        }
        Ok(Some(same(Array::with_known_spans(elements))))
    }

    fn at_elements(&mut self, value: &Value, part: &str, rest: &[String]) -> Outcome<Option<New>> {
        let Value::Array(list) = value else { return Err(mismatch("a list", value)) };
        let (name, wanted) = element(part)?;
        let pattern = regex::compiled(wanted)?;
        let before = self.found;
        let matching = |setter: &mut Self, list: &Array| {
            edit::changed_elements(list, &mut |element| {
                let text = if name.is_empty() { Some(element) } else { element.get(name) };
                match text.map(edit::text) {
                    Some(text) if pattern.is_match(text.trim()) => {
                        setter.walk(element, if name.is_empty() { &[] } else { rest }, false)
                    }
                    _ => Ok(None),
                }
            })
        };
        let changed = matching(self, list)?;
        if self.found > before || self.create.is_none() {
            return Ok(changed.map(same));
        }
        let made = if name.is_empty() { edit::plain(wanted) } else { Value::object([(name, edit::plain(wanted))]) };
        let elements = list.iter_spanned().map(|(value, span)| (value.clone(), span)).chain([(made, None)]);
        let list = Array::with_known_spans(elements.collect());
        Ok(Some(same(matching(self, &list)?.unwrap_or(list))))
    }
}

fn same(list: Array) -> New {
    New { value: Value::Array(list), span: None }
}

fn mismatch(wanted: &str, found: &Value) -> String {
    format!("wrong kind of node: expected {wanted}, found a {}", found.kind())
}
