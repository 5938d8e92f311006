//! Field specs: which fields of which kinds a transformation reaches.

use probity_model::Span;
use probity_model::value::{Array, Object, Value};

use super::edit::{self, New, Outcome};
use super::resource::Gvk;

/// A field of some kinds of objects. Lists on its way are gone through without being named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FieldSpec {
    pub(super) gvk: Gvk,
    /// Names parted by slashes; `[]` at the end of one says that it is a list.
    pub(super) path: String,
    /// Whether it is made where it is not there.
    pub(super) create: bool,
}

/// What is made of fields that are not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Create {
    Nothing,
    Scalar,
    Mapping,
}

/// Changes the field in an object of any of its kinds. Nothing is given when nothing changes.
pub(super) fn change(
    object: &Value,
    spec: &FieldSpec,
    (create, span): (Create, Option<Span>),
    set: &mut dyn FnMut(&Value) -> Outcome<Option<New>>,
) -> Outcome<Option<Value>> {
    if !Gvk::of(object).is_selected(&spec.gvk) {
        return Ok(None);
    }
    let path = split(&spec.path, '/');
    let create = if spec.create { create } else { Create::Nothing };
    let mut walk = Walk { create, span, set };
    let changed = walk.step(object, &path).map_err(|message| format!("at field `{}`: {message}", spec.path))?;
    Ok(changed.map(|new| new.value))
}

/// As [`change`], for several fields one after the other.
pub(super) fn change_all<'s>(
    object: &Value,
    specs: impl IntoIterator<Item = &'s FieldSpec>,
    (create, span): (Create, Option<Span>),
    set: &mut dyn FnMut(&Value) -> Outcome<Option<New>>,
) -> Outcome<Option<Value>> {
    let mut current: Option<Value> = None;
    for spec in specs {
        let changed = change(current.as_ref().unwrap_or(object), spec, (create, span), set)?;
        current = changed.or(current);
    }
    Ok(current)
}

struct Walk<'w> {
    create: Create,
    span: Option<Span>,
    set: &'w mut dyn FnMut(&Value) -> Outcome<Option<New>>,
}

impl Walk<'_> {
    fn step(&mut self, value: &Value, path: &[String]) -> Outcome<Option<New>> {
        let Some((first, rest)) = path.split_first() else { return (self.set)(value) };
        match value {
            Value::Null => Ok(None),
            Value::Array(list) => {
                let list = edit::changed_elements(list, &mut |element| self.step(element, path))?;
                Ok(list.map(|list| New { value: Value::Array(list), span: None }))
            }
            Value::Object(object) => self.entry(object, first, rest),
            _ => Err("expected sequence or mapping node".to_owned()),
        }
    }

    fn entry(&mut self, object: &Object, name: &str, rest: &[String]) -> Outcome<Option<New>> {
        let (name, is_list) = name.strip_suffix("[]").map_or((name, false), |name| (name, true));
        if name.is_empty() {
            return Err("cannot set or create an empty field name".to_owned());
        }
        let creates = self.create != Create::Nothing && !is_list;
        let made = match (is_list, rest.is_empty(), self.create) {
            (true, ..) => Value::Array(Array::default()),
            (_, true, Create::Scalar) => "".into(),
            _ => Value::Object(Object::default()),
        };
        let present = object.get(name);
        let changed = match present {
            None if !creates => return Ok(None),
            None => {
                let new = self.step(&made, rest)?.unwrap_or(New { value: made, span: None });
                Some(New { value: new.value, span: new.span.or(self.span) })
            }
            Some(Value::Null) if creates || is_list => self.step(&made, rest)?,
            Some(present) => self.step(present, rest)?,
        };
        Ok(changed.map(|new| New { value: Value::Object(edit::with(object, name, new)), span: None }))
    }
}

/// Sets a scalar; what is none is refused.
pub(super) fn set_scalar(present: &Value, new: New) -> Outcome<Option<New>> {
    if edit::is_scalar(present) {
        return Ok(Some(new));
    }
    Err(format!("wrong kind of node: expected a scalar, found a {}", present.kind()))
}

/// The parts of a path; the sign that parts them is kept behind a backslash.
pub(super) fn split(path: &str, sign: char) -> Vec<String> {
    let mut parts: Vec<String> = Vec::new();
    let pieces = path.split(sign).collect::<Vec<_>>();
    let skipped = usize::from(pieces.len() > 1 && pieces[0].is_empty());
    for piece in &pieces[skipped..] {
        match parts.last_mut() {
            Some(last) if last.ends_with('\\') => {
                last.pop();
                last.push(sign);
                last.push_str(piece);
            }
            _ => parts.push((*piece).to_owned()),
        }
    }
    parts
}
