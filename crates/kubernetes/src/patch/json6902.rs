//! JSON Patch, RFC 6902, as the Go library `evanphx/json-patch` applies it: in Kubernetes strictly, in Kyverno leniently.

use probity_model::Span;
use probity_model::value::{Array, Key, Object, Value};

use super::PatchError;

/// Most operations of a patch.
const MAX_OPERATIONS: usize = 10_000;

/// Most elements that a list is made to have to reach an index that is added to.
const MAX_PADDING: usize = 10_000;

/// Operations in the order in which they are applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JsonPatch {
    operations: Vec<Operation>,
}

/// What is made of places that are not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Options {
    /// Removing what is not there does nothing, instead of failing.
    pub allow_missing_on_remove: bool,
    /// Adding makes the objects and lists on the way, instead of failing.
    pub ensure_path_on_add: bool,
}

impl Options {
    /// As Kyverno applies patches.
    pub const LENIENT: Self = Self { allow_missing_on_remove: true, ensure_path_on_add: true };
    /// As the RFC has it, and the API server.
    pub const STRICT: Self = Self { allow_missing_on_remove: false, ensure_path_on_add: false };
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Operation {
    Add(Pointer, New),
    Remove(Pointer),
    Replace(Pointer, New),
    Move { from: Pointer, to: Pointer },
    Copy { from: Pointer, to: Pointer },
    Test(Pointer, Value),
}

/// A value that the document gets, with its place where that is known.
#[derive(Debug, Clone, PartialEq, Eq)]
struct New {
    value: Value,
    span: Option<Span>,
}

/// A JSON pointer, RFC 6901: its parts unescaped.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Pointer {
    text: String,
    parts: Vec<String>,
}

impl Pointer {
    fn read(text: &str) -> Result<Self, String> {
        if !text.is_empty() && !text.starts_with('/') {
            return Err(format!("`{text}` is no JSON pointer; it begins with a slash"));
        }
        let parts = text.split('/').skip(1).map(|part| part.replace("~1", "/").replace("~0", "~")).collect();
        Ok(Self { text: text.to_owned(), parts })
    }

    fn missing(&self, operation: &'static str) -> PatchError {
        PatchError::Missing { operation, path: self.text.clone() }
    }
}

impl JsonPatch {
    /// Reads a list of operations.
    ///
    /// # Errors
    /// When it is none, or an operation lacks what it needs.
    pub fn read(patch: &Value) -> Result<Self, PatchError> {
        let operations = patch.as_array().ok_or_else(|| PatchError::NoList(patch.kind()))?;
        if operations.len() > MAX_OPERATIONS {
            return Err(PatchError::Bounds);
        }
        let read = |(index, value)| Operation::read(value).map_err(|reason| PatchError::Operation { index, reason });
        Ok(Self { operations: operations.iter().enumerate().map(read).collect::<Result<_, _>>()? })
    }

    /// Applies all operations, one after the other.
    ///
    /// # Errors
    /// The first that does not apply.
    pub fn apply(&self, document: &Value, options: Options) -> Result<Value, PatchError> {
        self.operations.iter().try_fold(document.clone(), |document, operation| operation.apply(&document, options))
    }
}

impl Operation {
    fn read(value: &Value) -> Result<Self, String> {
        let fields = value.as_object().ok_or_else(|| format!("it is a {}, not a mapping", value.kind()))?;
        let text = |name: &str| match fields.get(name) {
            Some(Value::String(text)) => Pointer::read(text),
            Some(other) => Err(format!("`{name}` is a string, not a {}", other.kind())),
            None => Err(format!("missing field `{name}`")),
        };
        let value = || {
            let value = fields.get("value").cloned().ok_or_else(|| "missing field `value`".to_owned())?;
            Ok::<_, String>(New { value, span: fields.span("value") })
        };
        let path = || text("path");
        match fields.get("op").and_then(Value::as_str) {
            Some("add") => Ok(Self::Add(path()?, value()?)),
            Some("remove") => Ok(Self::Remove(path()?)),
            Some("replace") => Ok(Self::Replace(path()?, value()?)),
            Some("move") => Ok(Self::Move { from: text("from")?, to: path()? }),
            Some("copy") => Ok(Self::Copy { from: text("from")?, to: path()? }),
            Some("test") => Ok(Self::Test(path()?, fields.get("value").cloned().unwrap_or_default())),
            Some(other) => Err(format!("unsupported operation `{other}`")),
            None => Err("missing field `op`".to_owned()),
        }
    }

    fn apply(&self, document: &Value, options: Options) -> Result<Value, PatchError> {
        match self {
            Self::Add(path, value) if options.ensure_path_on_add => {
                let document = ensure(document, &path.parts)?;
                add(&document, path, value, "add")
            }
            Self::Add(path, value) => add(document, path, value, "add"),
            Self::Remove(path) => remove(document, path, options.allow_missing_on_remove),
            Self::Replace(path, value) => {
                find(document, path)?.ok_or_else(|| path.missing("replace"))?;
                change(document, &path.parts, &|_| Ok(Some(value.clone()))).map(|new| new.value)
            }
            Self::Move { from, to } => {
                let value = find(document, from)?.ok_or_else(|| from.missing("move"))?.clone();
                let value = New { value, span: None };
                add(&remove(document, from, false)?, to, &value, "move")
            }
            Self::Copy { from, to } => {
                let value = find(document, from)?.ok_or_else(|| from.missing("copy"))?.clone();
                add(document, to, &New { value, span: None }, "copy")
            }
            Self::Test(path, value) => match find(document, path)?.unwrap_or(&Value::Null) {
                found if found == value => Ok(document.clone()),
                _ => Err(PatchError::Test(path.text.clone())),
            },
        }
    }
}

/// The value at a place. A way that ends early has none; an index that a list cannot have is an error.
fn find<'v>(document: &'v Value, path: &Pointer) -> Result<Option<&'v Value>, PatchError> {
    let mut value = document;
    for part in &path.parts {
        let next = match value {
            Value::Object(object) => object.get(part),
            Value::Array(array) => index(part, array.len())?.and_then(|at| array.get(at)),
            _ => None,
        };
        match next {
            Some(next) => value = next,
            None => return Ok(None),
        }
    }
    Ok(Some(value))
}

/// The position that a part of a path means in a list of this length; negative ones count from its end.
fn index(part: &str, length: usize) -> Result<Option<usize>, PatchError> {
    let at: i64 = part.parse().map_err(|_| PatchError::Index(part.to_owned()))?;
    if at >= 0 {
        return Ok(usize::try_from(at).ok());
    }
    let back = usize::try_from(at.unsigned_abs()).map_err(|_| PatchError::Index(part.to_owned()))?;
    length.checked_sub(back).map(Some).ok_or_else(|| PatchError::Index(part.to_owned()))
}

/// The document with the value at a place that exists changed, or taken away. What is put there may bring its place along.
fn change(
    document: &Value,
    parts: &[String],
    to: &dyn Fn(&Value) -> Result<Option<New>, PatchError>,
) -> Result<New, PatchError> {
    let same = |value: Value| Ok(New { value, span: None });
    let Some((part, rest)) = parts.split_first() else {
        return Ok(to(document)?.unwrap_or(New { value: Value::Null, span: None }));
    };
    let next = |value: &Value| if rest.is_empty() { to(value) } else { change(value, rest, to).map(Some) };
    match document {
        Value::Object(object) => match object.get(part).map(next).transpose()? {
            Some(changed) => same(Value::Object(with(object, part, changed))),
            None => same(document.clone()),
        },
        Value::Array(array) => {
            let Some(at) = index(part, array.len())? else { return same(document.clone()) };
            let Some(value) = array.get(at) else { return same(document.clone()) };
            let mut elements: Vec<_> = array.iter_spanned().map(|(value, span)| (value.clone(), span)).collect();
            match next(value)? {
                Some(changed) => elements[at] = (changed.value, changed.span.or(elements[at].1)),
                None => drop(elements.remove(at)),
            }
            same(Value::Array(Array::with_known_spans(elements)))
        }
        other => same(other.clone()),
    }
}

fn with(object: &Object, name: &str, new: Option<New>) -> Object {
    let others = object.iter_spanned().filter(|(key, ..)| key.as_str() != name);
    let others = others.map(|(key, value, span)| (key.clone(), value.clone(), span));
    let new = new.map(|new| (Key::new(name), new.value, new.span.or_else(|| object.span(name))));
    Object::with_known_spans(others.chain(new).collect())
}

fn add(document: &Value, path: &Pointer, new: &New, operation: &'static str) -> Result<Value, PatchError> {
    let Some((last, before)) = path.parts.split_last() else { return Ok(new.value.clone()) };
    let parent = Pointer { text: path.text.clone(), parts: before.to_vec() };
    match find(document, &parent) {
        Ok(Some(Value::Object(_) | Value::Array(_))) => {}
        _ => return Err(path.missing(operation)),
    }
    let changed = change(document, before, &|parent| {
        let value = match parent {
            Value::Object(object) => Value::Object(with(object, last, Some(new.clone()))),
            Value::Array(array) => Value::Array(insert(array, last, new.clone())?),
            other => other.clone(),
        };
        Ok(Some(New { value, span: None }))
    })?;
    Ok(changed.value)
}

fn insert(array: &Array, part: &str, new: New) -> Result<Array, PatchError> {
    let wrong = || PatchError::Index(part.to_owned());
    let at = if part == "-" { array.len() } else { index(part, array.len() + 1)?.ok_or_else(wrong)? };
    if at > array.len() {
        return Err(wrong());
    }
    let mut elements: Vec<_> = array.iter_spanned().map(|(value, span)| (value.clone(), span)).collect();
    elements.insert(at, (new.value, new.span));
    Ok(Array::with_known_spans(elements))
}

fn remove(document: &Value, path: &Pointer, allow_missing: bool) -> Result<Value, PatchError> {
    let Some((last, before)) = path.parts.split_last() else { return Err(path.missing("remove")) };
    let parent = Pointer { text: path.text.clone(), parts: before.to_vec() };
    let found = match find(document, &parent) {
        Ok(Some(Value::Object(object))) => object.get(last).is_some(),
        Ok(Some(Value::Array(array))) => match index(last, array.len()) {
            Ok(at) => at.is_some_and(|at| at < array.len()),
            Err(_) if last.parse::<i64>().is_ok() => false,
            Err(error) => return Err(error),
        },
        _ => false,
    };
    match found {
        true => change(document, &path.parts, &|_| Ok(None)).map(|new| new.value),
        false if allow_missing => Ok(document.clone()),
        false => Err(path.missing("remove")),
    }
}

/// The position of an element that is there, or that it would be added at.
fn place(part: &str, length: usize) -> Result<Option<usize>, PatchError> {
    index(part, length).or_else(|_| index(part, length + 1))
}

/// The document with all objects and lists on the way to a place.
fn ensure(document: &Value, parts: &[String]) -> Result<Value, PatchError> {
    let [part, next, ..] = parts else { return Ok(document.clone()) };
    let rest = &parts[1..];
    match document {
        Value::Object(object) => {
            let child = match object.get(part).filter(|value| !value.is_null()) {
                Some(child) => ensure(child, rest)?,
                None => ensure(&container(next)?, rest)?,
            };
            Ok(Value::Object(with(object, part, Some(New { value: child, span: None }))))
        }
        Value::Array(array) => {
            let mut elements = array.as_slice().to_vec();
            let at = if part == "-" { Some(array.len()) } else { place(part, array.len())? };
            let at = at.unwrap_or(array.len());
            match elements.get(at).filter(|value| !value.is_null()) {
                Some(child) => elements[at] = ensure(child, rest)?,
                None if at > array.len() + MAX_PADDING => return Err(PatchError::Bounds),
                None => {
                    let child = ensure(&container(next)?, rest)?;
                    elements.resize(at, Value::Null);
                    elements.push(child);
                    // What was null at the place stays behind it, as in the library.
                    elements.extend(array.as_slice().get(at..).unwrap_or_default().iter().cloned());
                }
            }
            Ok(Value::array(elements))
        }
        // What stands in the way is found when the value is added.
        other => Ok(other.clone()),
    }
}

/// What a part of a path is looked up in: a list when it is an index, padded with nulls up to it.
fn container(part: &str) -> Result<Value, PatchError> {
    if part == "-" {
        return Ok(Value::array([]));
    }
    match part.parse::<i64>() {
        Ok(-1) => Ok(Value::array([])),
        Ok(at) if usize::try_from(at).is_ok_and(|at| at <= MAX_PADDING) => {
            Ok(Value::array(std::iter::repeat_n(Value::Null, usize::try_from(at).unwrap_or_default())))
        }
        Ok(_) => Err(PatchError::Index(part.to_owned())),
        Err(_) => Ok(Value::object::<&str>([])),
    }
}
