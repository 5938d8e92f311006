//! Which rules of a name can have a solution, by one value of the input.

use std::collections::HashMap;

use probity_model::value::{Key, Value};

use crate::plan::{Ex, Hop, Op, Relation, Root, Rule};

/// Fewer rules than this are just tried.
const MIN_RULES: usize = 4;

/// Rules that hold for one value of the input only, by that value.
#[derive(Debug)]
pub(crate) struct Index {
    path: Vec<Key>,
    /// For each value the rules that can hold, in their order.
    by_value: HashMap<Value, Vec<u32>>,
    /// Those that can hold for any other value.
    others: Vec<u32>,
}

impl Index {
    /// Finds the part of the input that most rules want a constant of.
    pub(crate) fn new(rules: &[Rule]) -> Option<Self> {
        if rules.len() < MIN_RULES {
            return None;
        }
        let mut uses: Vec<(Vec<&Key>, usize)> = Vec::new();
        for (path, _) in rules.iter().flat_map(demands) {
            match uses.iter_mut().find(|(known, _)| *known == path) {
                Some((_, count)) => *count += 1,
                None => uses.push((path, 1)),
            }
        }
        let (path, count) = uses.into_iter().max_by_key(|(_, count)| *count)?;
        // Each value's list has the others too.
        if count < MIN_RULES || (rules.len() - count.min(rules.len())) * count > 100_000 {
            return None;
        }
        let demanded: Vec<Option<&Value>> =
            rules.iter().map(|rule| demands(rule).find(|(found, _)| *found == path).map(|(_, value)| value)).collect();
        let number = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        let others: Vec<u32> = (0..rules.len()).filter(|at| demanded[*at].is_none()).map(number).collect();
        let mut by_value: HashMap<Value, Vec<u32>> = HashMap::new();
        for (at, value) in demanded.iter().enumerate() {
            if let Some(value) = value {
                by_value.entry((*value).clone()).or_insert_with(|| others.clone()).push(number(at));
            }
        }
        for list in by_value.values_mut() {
            list.sort_unstable();
        }
        Some(Self { path: path.into_iter().cloned().collect(), by_value, others })
    }

    /// The rules that can hold; `None` when all must be tried.
    pub(crate) fn candidates(&self, input: Option<&Value>) -> Option<&[u32]> {
        let mut value = input;
        for key in &self.path {
            value = match value {
                Some(Value::Object(object)) => object.get_key(key),
                Some(Value::Array(_) | Value::Set(_) | Value::Unknown(_)) => return None,
                _ => return Some(&self.others),
            };
        }
        match value {
            None => Some(&self.others),
            Some(Value::Unknown(_)) => None,
            Some(value) => Some(self.by_value.get(value).unwrap_or(&self.others)),
        }
    }
}

/// The constants that a rule wants of the input, and where. Rules that go on when they do not hold
/// want nothing.
fn demands(rule: &Rule) -> impl Iterator<Item = (Vec<&Key>, &Value)> {
    let ops: &[Op] = if rule.otherwise.is_some() { &[] } else { &rule.body.ops };
    ops.iter().filter_map(|op| {
        let (one, other) = match op {
            Op::Equal(one, other) => (one, other),
            Op::Test(Ex::Compare(Relation::Equal, sides)) => (&sides.0, &sides.1),
            _ => return None,
        };
        let ((Ex::Ref(reference), Ex::Const(value)) | (Ex::Const(value), Ex::Ref(reference))) = (one, other) else {
            return None;
        };
        let Root::Input = reference.0 else { return None };
        let hops = reference.1.iter().map(|hop| if let Hop::Const(key, _) = hop { Some(key) } else { None });
        Some((hops.collect::<Option<Vec<_>>>()?, value))
    })
}
