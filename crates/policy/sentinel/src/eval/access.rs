//! Selectors, indices, slices and calls (specification, "Primary Expressions").

use super::{Env, Interp, Stop};
use crate::imports;
use crate::syntax::ast::{Access, AccessKind, Expr};
use crate::syntax::token::At;
use crate::value::{Imported, List, MapKey, Reason, Text, Value};

impl Interp<'_> {
    pub(super) fn access(&mut self, base: &Expr, parts: &[Access], env: &Env) -> Result<Value, Stop> {
        let mut value = self.eval(base, env)?;
        for part in parts {
            let at = base.at.to(part.at);
            value = match &part.kind {
                AccessKind::Selector(name) => self.select(&value, name, env, at)?,
                AccessKind::Index(index) => {
                    let index = self.eval(index, env)?;
                    self.index(&value, &index, env, at)?
                }
                AccessKind::Slice(low, high) => self.slice(&value, low.as_ref(), high.as_ref(), env, at)?,
                AccessKind::Call(arguments) => self.call_with(&value, arguments, env, at)?,
            };
            if let Value::Rule(rule) = &value {
                value = self.force(&rule.clone())?;
            }
        }
        Ok(value)
    }

    /// `value.name`
    fn select(&mut self, value: &Value, name: &str, env: &Env, at: At) -> Result<Value, Stop> {
        match value {
            Value::Map(map) => match map.get_str(name) {
                Some(Value::Undefined(origin)) => Ok(Self::placed(&origin, env, at)),
                Some(found) => Ok(found),
                None => Ok(Self::undefined(env, at, Reason::MissingKey(name.into()))),
            },
            Value::Undefined(_) => Ok(value.clone()),
            Value::Null => Ok(Self::undefined(env, at, Reason::OfNull)),
            Value::Import(Imported::Standard(standard)) => {
                let member = imports::member(self, *standard, name).map_err(|stop| stop.or_at(env.span(at)))?;
                member.ok_or_else(|| {
                    let message = format!("the import {:?} has no member `{name}`", standard.path());
                    Stop::at(message, env.span(at))
                })
            }
            Value::Import(Imported::Module(module)) => match module.scope.own(name) {
                Some(found) => Ok(found),
                None => Ok(Self::undefined(env, at, Reason::MissingMember(name.into()))),
            },
            Value::Import(Imported::Terraform(namespace)) => match namespace.member(name) {
                Some(found) => Ok(found),
                None => Ok(Self::undefined(env, at, Reason::MissingMember(name.into()))),
            },
            Value::Object(object) => Ok(object
                .member(object, name)
                .unwrap_or_else(|| Self::undefined(env, at, Reason::MissingKey(name.into())))),
            other => {
                let message = format!("{} has no selectors, `.{name}` neither", other.type_name());
                Err(Stop::at(message, env.span(at)))
            }
        }
    }

    /// What the document does not know is undefined where it is first looked at.
    fn placed(origin: &crate::value::Origin, env: &Env, at: At) -> Value {
        let span = origin.span.or_else(|| Some(env.span(at)));
        Value::Undefined(std::rc::Rc::new(crate::value::Origin { span, reason: origin.reason.clone() }))
    }

    /// `value[index]`
    pub(super) fn index(&mut self, value: &Value, index: &Value, env: &Env, at: At) -> Result<Value, Stop> {
        let undefined = |reason| Ok(Self::undefined(env, at, reason));
        match (value, index) {
            (Value::Undefined(_), _) => Ok(value.clone()),
            (_, Value::Undefined(_)) => Ok(index.clone()),
            (Value::Null, _) => undefined(Reason::OfNull),
            (Value::Map(map), _) => {
                let Some(key) = MapKey::of(index) else {
                    let message = format!("{} cannot be the key of a map", index.type_name());
                    return Err(Stop::at(message, env.span(at)));
                };
                match map.get(&key) {
                    Some(Value::Undefined(origin)) => Ok(Self::placed(&origin, env, at)),
                    Some(found) => Ok(found),
                    None => undefined(Reason::MissingKey(key.to_text())),
                }
            }
            (Value::List(list), Value::Int(int)) => {
                let found = position(*int, list.len()).and_then(|position| list.get(position));
                match found {
                    Some(Value::Undefined(origin)) => Ok(Self::placed(&origin, env, at)),
                    Some(found) => Ok(found),
                    None => undefined(Reason::OutOfRange { index: *int, length: list.len() }),
                }
            }
            (Value::String(text), Value::Int(int)) => match position(*int, text.len()) {
                Some(position) => Ok(Value::String(Text::from_bytes(vec![text.as_bytes()[position]]))),
                None => undefined(Reason::OutOfRange { index: *int, length: text.len() }),
            },
            (Value::List(_) | Value::String(_), _) => {
                let message = format!("the index must be an integer, got {}", index.type_name());
                Err(Stop::at(message, env.span(at)))
            }
            (Value::Object(_) | Value::Import(_), Value::String(name)) => {
                let name = name.to_str().into_owned();
                self.select(value, &name, env, at)
            }
            (other, _) => Err(Stop::at(format!("{} has no indices", other.type_name()), env.span(at))),
        }
    }

    fn bound(&mut self, bound: Option<&Expr>, default: usize, env: &Env) -> Result<Result<i64, Value>, Stop> {
        let Some(bound) = bound else { return Ok(Ok(i64::try_from(default).unwrap_or(i64::MAX))) };
        match self.eval(bound, env)? {
            Value::Int(int) => Ok(Ok(int)),
            undefined @ Value::Undefined(_) => Ok(Err(undefined)),
            other => {
                let message = format!("the bound of a slice must be an integer, got {}", other.type_name());
                Err(Stop::at(message, env.span(bound.at)))
            }
        }
    }

    /// `value[low:high]`
    fn slice(
        &mut self,
        value: &Value,
        low: Option<&Expr>,
        high: Option<&Expr>,
        env: &Env,
        at: At,
    ) -> Result<Value, Stop> {
        let length = match value {
            Value::List(list) => list.len(),
            Value::String(text) => text.len(),
            Value::Undefined(_) => return Ok(value.clone()),
            Value::Null => return Ok(Self::undefined(env, at, Reason::OfNull)),
            other => return Err(Stop::at(format!("{} cannot be sliced", other.type_name()), env.span(at))),
        };
        let (low, high) = match (self.bound(low, 0, env)?, self.bound(high, length, env)?) {
            (Ok(low), Ok(high)) => (low, high),
            (Err(undefined), _) | (_, Err(undefined)) => return Ok(undefined),
        };
        let range = match (usize::try_from(low), usize::try_from(high)) {
            (Ok(low), Ok(high)) if low <= high && high <= length => low..high,
            _ => return Ok(Self::undefined(env, at, Reason::BadSlice)),
        };
        self.budget.bytes(32 * range.len() + 64)?;
        self.budget.steps(value.elements())?;
        Ok(match value {
            Value::List(list) => Value::List(List::new(list.to_vec()[range].to_vec())),
            Value::String(text) => Value::String(Text::from_bytes(text.as_bytes()[range].to_vec())),
            _ => Self::undefined(env, at, Reason::BadSlice),
        })
    }

    /// `value(arguments)`
    fn call_with(&mut self, value: &Value, arguments: &[Expr], env: &Env, at: At) -> Result<Value, Stop> {
        let function = match value {
            Value::Function(function) => function,
            Value::Undefined(_) => return Ok(value.clone()),
            other => return Err(Stop::at(format!("{} cannot be called", other.type_name()), env.span(at))),
        };
        let mut values = Vec::with_capacity(arguments.len());
        for argument in arguments {
            values.push(self.element(argument, env)?);
        }
        self.call(function, values, env.span(at))
    }
}

/// The position that an index means; one below zero counts from the end.
fn position(index: i64, length: usize) -> Option<usize> {
    let index = if index < 0 { index.checked_add_unsigned(length as u64)? } else { index };
    usize::try_from(index).ok().filter(|position| *position < length)
}
