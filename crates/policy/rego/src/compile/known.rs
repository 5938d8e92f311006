//! Which constants a variable can be, where a body tells.

use std::collections::HashMap;

use probity_model::value::{Key, Value};

use crate::ast::{Expr, Name, Term, TermKind};

/// Most constants that are followed for one variable.
const MAX_VALUES: usize = 64;

/// The constants that each variable can be, as far as the expressions of a body before tell.
#[derive(Default)]
pub(crate) struct Known<'e>(HashMap<&'e Name, Vec<Value>>);

impl<'e> Known<'e> {
    /// Learns from the next expression, when it makes a variable one of some constants. What was learned first stays.
    pub(crate) fn learn(&mut self, expr: &'e Expr) {
        if !expr.is_equality() || expr.negated || !expr.with.is_empty() {
            return;
        }
        let [left, right] = expr.operands() else { return };
        let found = [(left, right), (right, left)].into_iter().find_map(|(one, other)| {
            let name = one.as_var()?;
            Some((name, self.values(other)?))
        });
        if let Some((name, values)) = found {
            self.0.entry(name).or_insert(values);
        }
    }

    /// What a variable in a reference can be: `None` when that is not known, or nothing.
    pub(crate) fn keys(&self, part: &Term) -> Option<Vec<Key>> {
        let values = self.0.get(part.as_var()?).filter(|values| !values.is_empty())?;
        Some(values.iter().map(Key::from_value).collect())
    }

    fn values(&self, term: &Term) -> Option<Vec<Value>> {
        match &term.kind {
            TermKind::Var(name) => self.0.get(name).cloned(),
            TermKind::Ref(parts) => self.selected(parts),
            _ => Some(vec![constant(term)?]),
        }
    }

    /// What a reference into constants selects.
    fn selected(&self, parts: &[Term]) -> Option<Vec<Value>> {
        let mut values = self.values(&parts[0])?;
        for part in &parts[1..] {
            let next: Vec<Value> = match constant(part) {
                Some(key) => values.iter().filter_map(|value| member(value, &key)).collect(),
                None => values.iter().map(members).collect::<Option<Vec<_>>>()?.concat(),
            };
            if next.len() > MAX_VALUES {
                return None;
            }
            values = next;
        }
        Some(values)
    }
}

/// The value of a term without variables.
fn constant(term: &Term) -> Option<Value> {
    match &term.kind {
        TermKind::Scalar(value) => Some(value.clone()),
        TermKind::Array(terms) => Some(Value::array(terms.iter().map(constant).collect::<Option<Vec<_>>>()?)),
        TermKind::Set(terms) => Some(Value::Set(terms.iter().map(constant).collect::<Option<_>>()?)),
        TermKind::Object(pairs) => {
            let entry = |(key, value): &(Term, Term)| Some((Key::from_value(&constant(key)?), constant(value)?));
            Some(Value::Object(pairs.iter().map(entry).collect::<Option<_>>()?))
        }
        _ => None,
    }
}

fn member(of: &Value, key: &Value) -> Option<Value> {
    match of {
        Value::Object(object) => object.get_key(&Key::from_value(key)).cloned(),
        Value::Array(array) => array.get(usize::try_from(key.as_number()?.as_i64()?).ok()?).cloned(),
        Value::Set(set) => set.contains(key).then(|| key.clone()),
        _ => None,
    }
}

fn members(of: &Value) -> Option<Vec<Value>> {
    match of {
        Value::Array(array) => Some(array.iter().cloned().collect()),
        Value::Set(set) => Some(set.iter().cloned().collect()),
        Value::Object(object) => Some(object.iter().map(|(_, value)| value.clone()).collect()),
        _ => None,
    }
}
