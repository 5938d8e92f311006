//! `any`, `all`, `filter` and `map` (specification, "Quantifier Expressions").

use smol_str::SmolStr;

use super::selection::Selection;
use super::{Env, Interp, Stop};
use crate::syntax::ast::{Names, Quantifier, QuantifierOp};
use crate::syntax::token::At;
use crate::value::{Keys, Map, Value};

/// What a collection is iterated over as: it may be changed meanwhile.
pub(super) struct Items {
    pub(super) keys: Keys,
    /// Absent when only the keys of a map are asked for.
    pub(super) values: Option<Vec<Value>>,
}

impl Items {
    pub(super) fn len(&self) -> usize {
        self.keys.len()
    }
}

impl Interp<'_> {
    /// What a collection is iterated over as; none when it is no collection.
    pub(super) fn items(collection: &Value, names: &Names) -> Option<Items> {
        Some(match collection {
            Value::List(list) => {
                let values = list.to_vec();
                Items { keys: Keys::Positions(values.len()), values: Some(values) }
            }
            Value::Map(map) => {
                let values = names.second.is_some().then(|| map.to_values());
                Items { keys: map.keys(), values }
            }
            _ => return None,
        })
    }

    /// Gives the names of an iteration their values. One name is the value of a list and the key of a map. A key that is
    /// called `_` is left out where no expression of the file asks for that name.
    pub(super) fn bind(names: &Names, items: &Items, index: usize, env: &Env) {
        let value = items.values.as_ref().and_then(|values| values.get(index)).cloned();
        let (key_name, value_name) = match (&names.second, &value, &items.keys) {
            (None, Some(_), Keys::Positions(_)) => (None, Some(&names.first)),
            (second, ..) => (Some(&names.first), second.as_ref()),
        };
        let is_asked = |name: &&SmolStr| *name != "_" || env.instance.policy.file().reads_blank;
        if let Some(name) = key_name.filter(is_asked)
            && let Some(key) = items.keys.get(index)
        {
            env.scope.declare(name.clone(), key.to_value());
        }
        if let (Some(name), Some(value)) = (value_name, value) {
            env.scope.declare(name.clone(), value);
        }
    }

    /// A scope for the next iteration: the same again, unless something holds it.
    pub(super) fn fresh(inner: Env, outer: &Env) -> Env {
        if inner.scope.is_captured() {
            return outer.inner();
        }
        inner.scope.clear();
        inner
    }

    pub(super) fn quantifier(
        &mut self,
        quantifier: &Quantifier,
        env: &Env,
        at: At,
        record: bool,
    ) -> Result<Value, Stop> {
        let collection = self.eval(&quantifier.collection, env)?;
        if collection.is_undefined() {
            return Ok(collection);
        }
        self.budget.steps(collection.elements())?;
        let Some(items) = Self::items(&collection, &quantifier.names) else {
            let message = format!("expected a list or a map to iterate over, got {}", collection.type_name());
            return Err(Stop::at(message, env.span(quantifier.collection.at)));
        };
        match quantifier.op {
            QuantifierOp::All | QuantifierOp::Any => self.any_or_all(quantifier, &items, env, record),
            QuantifierOp::Filter => self.filter(quantifier, &collection, &items, env),
            QuantifierOp::Map => self.map(quantifier, &items, env, at),
        }
    }

    /// A chain of `or` or of `and`.
    fn any_or_all(&mut self, quantifier: &Quantifier, items: &Items, env: &Env, record: bool) -> Result<Value, Stop> {
        let all = quantifier.op == QuantifierOp::All;
        let mut undefined = None;
        let mut inner = env.inner();
        for index in 0..items.len() {
            inner = Self::fresh(inner, env);
            let label = if record { items.keys.get(index) } else { None };
            Self::bind(&quantifier.names, items, index, &inner);
            let value = match label {
                Some(key) => self.iteration_recorded(&quantifier.body, &inner, &key, all)?,
                None => self.eval(&quantifier.body, &inner)?,
            };
            match value {
                Value::Bool(truth) if truth != all => return Ok(Value::Bool(truth)),
                Value::Bool(_) => {}
                Value::Undefined(_) if all => return Ok(value),
                Value::Undefined(_) => undefined = undefined.or(Some(value)),
                other => return Err(not_boolean(&other, quantifier, env)),
            }
        }
        Ok(undefined.unwrap_or(Value::Bool(all)))
    }

    fn filter(&mut self, quantifier: &Quantifier, collection: &Value, items: &Items, env: &Env) -> Result<Value, Stop> {
        let mut kept = Vec::new();
        let mut inner = env.inner();
        let selection = Selection::of(self, quantifier, items, env)?;
        for index in 0..items.len() {
            if selection.as_ref().is_some_and(|selection| selection.rejects(items, index)) {
                continue;
            }
            inner = Self::fresh(inner, env);
            Self::bind(&quantifier.names, items, index, &inner);
            match self.eval(&quantifier.body, &inner)? {
                Value::Bool(true) => kept.push(index),
                Value::Bool(false) => {}
                undefined @ Value::Undefined(_) => return Ok(undefined),
                other => return Err(not_boolean(&other, quantifier, env)),
            }
        }
        self.budget.bytes(64 * kept.len())?;
        let value_at = |index: usize| items.values.as_ref().and_then(|values| values.get(index)).cloned();
        let Value::Map(map) = collection else {
            return Ok(Value::list(kept.into_iter().filter_map(value_at).collect()));
        };
        let entry = |index: usize| {
            let key = items.keys.get(index)?;
            let value = value_at(index).or_else(|| map.get(&key))?;
            Some((key, value))
        };
        Ok(Value::Map(Map::new(kept.into_iter().filter_map(entry).collect())))
    }

    fn map(&mut self, quantifier: &Quantifier, items: &Items, env: &Env, at: At) -> Result<Value, Stop> {
        self.budget.bytes(32 * items.len()).map_err(|message| Stop::at(message, env.span(at)))?;
        let mut results = Vec::with_capacity(items.len());
        let mut inner = env.inner();
        for index in 0..items.len() {
            inner = Self::fresh(inner, env);
            Self::bind(&quantifier.names, items, index, &inner);
            results.push(self.eval(&quantifier.body, &inner)?);
        }
        Ok(Value::list(results))
    }
}

fn not_boolean(value: &Value, quantifier: &Quantifier, env: &Env) -> Stop {
    let message = format!("the body must result in a boolean, got {}", value.type_name());
    Stop::at(message, env.span(quantifier.body.at))
}
