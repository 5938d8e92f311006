//! `any`, `all`, `filter` and `map` (specification, "Quantifier Expressions").

use super::{Env, Interp, Stop};
use crate::syntax::ast::{Names, Quantifier, QuantifierOp};
use crate::syntax::token::At;
use crate::value::{Map, MapKey, Value};

/// What an iteration gives: the key or position, and the value.
pub(super) struct Item {
    key: MapKey,
    /// Absent when nothing is named after it.
    value: Option<Value>,
    of_map: bool,
}

impl Interp<'_> {
    /// What a collection is iterated over as; none when it is no collection.
    pub(super) fn items(collection: &Value, names: &Names) -> Option<Vec<Item>> {
        let position = |index: usize| MapKey::Int(i64::try_from(index).unwrap_or(i64::MAX));
        match collection {
            Value::List(list) => {
                let elements = list.to_vec().into_iter().enumerate();
                Some(
                    elements
                        .map(|(index, value)| Item { key: position(index), value: Some(value), of_map: false })
                        .collect(),
                )
            }
            Value::Map(map) if names.second.is_none() => {
                Some(map.keys().into_iter().map(|key| Item { key, value: None, of_map: true }).collect())
            }
            Value::Map(map) => Some(
                map.to_vec().into_iter().map(|(key, value)| Item { key, value: Some(value), of_map: true }).collect(),
            ),
            _ => None,
        }
    }

    /// Gives the names of an iteration their values. One name is the value of a list and the key of a map.
    pub(super) fn bind(names: &Names, item: Item, env: &Env) {
        match (&names.second, item.value) {
            (Some(second), Some(value)) => {
                env.scope.declare(names.first.clone(), item.key.to_value());
                env.scope.declare(second.clone(), value);
            }
            (None, Some(value)) if !item.of_map => env.scope.declare(names.first.clone(), value),
            _ => env.scope.declare(names.first.clone(), item.key.to_value()),
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
        let Some(items) = Self::items(&collection, &quantifier.names) else {
            let message = format!("expected a list or a map to iterate over, got {}", collection.type_name());
            return Err(Stop::at(message, env.span(quantifier.collection.at)));
        };
        match quantifier.op {
            QuantifierOp::All | QuantifierOp::Any => self.any_or_all(quantifier, items, env, record),
            QuantifierOp::Filter => self.filter(quantifier, &collection, items, env),
            QuantifierOp::Map => self.map(quantifier, items, env, at),
        }
    }

    /// A chain of `or` or of `and`.
    fn any_or_all(
        &mut self,
        quantifier: &Quantifier,
        items: Vec<Item>,
        env: &Env,
        record: bool,
    ) -> Result<Value, Stop> {
        let all = quantifier.op == QuantifierOp::All;
        let mut undefined = None;
        let mut inner = env.inner();
        for item in items {
            inner = Self::fresh(inner, env);
            let label = record.then(|| item.key.clone());
            Self::bind(&quantifier.names, item, &inner);
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

    fn filter(
        &mut self,
        quantifier: &Quantifier,
        collection: &Value,
        items: Vec<Item>,
        env: &Env,
    ) -> Result<Value, Stop> {
        let mut kept = Vec::new();
        let mut inner = env.inner();
        for item in items {
            inner = Self::fresh(inner, env);
            let key = item.key.clone();
            let value = item.value.clone();
            Self::bind(&quantifier.names, item, &inner);
            match self.eval(&quantifier.body, &inner)? {
                Value::Bool(true) => kept.push((key, value)),
                Value::Bool(false) => {}
                undefined @ Value::Undefined(_) => return Ok(undefined),
                other => return Err(not_boolean(&other, quantifier, env)),
            }
        }
        self.budget.bytes(64 * kept.len())?;
        let Value::Map(map) = collection else {
            return Ok(Value::list(kept.into_iter().filter_map(|(_, value)| value).collect()));
        };
        let entry = |(key, value): (MapKey, Option<Value>)| {
            let value = value.or_else(|| map.get(&key))?;
            Some((key, value))
        };
        Ok(Value::Map(Map::new(kept.into_iter().filter_map(entry).collect())))
    }

    fn map(&mut self, quantifier: &Quantifier, items: Vec<Item>, env: &Env, at: At) -> Result<Value, Stop> {
        self.budget.bytes(32 * items.len()).map_err(|message| Stop::at(message, env.span(at)))?;
        let mut results = Vec::with_capacity(items.len());
        let mut inner = env.inner();
        for item in items {
            inner = Self::fresh(inner, env);
            Self::bind(&quantifier.names, item, &inner);
            results.push(self.eval(&quantifier.body, &inner)?);
        }
        Ok(Value::list(results))
    }
}

fn not_boolean(value: &Value, quantifier: &Quantifier, env: &Env) -> Stop {
    let message = format!("the body must result in a boolean, got {}", value.type_name());
    Stop::at(message, env.span(quantifier.body.at))
}
