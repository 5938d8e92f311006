//! Sets. Lists that are given for them are brought to one type.

use std::collections::HashSet;

use probity_model::Value;

use super::{list, within_elements};
use crate::terraform::eval::{EvalError, Evaluated, error};
use crate::terraform::types::unify;

/// The function of this name.
pub(super) fn call(name: &str, arguments: &[Value]) -> Option<Evaluated> {
    if !matches!(name, "setunion" | "setintersection" | "setsubtract" | "setproduct") {
        return None;
    }
    Some(match (name, arguments) {
        ("setproduct", [_, _, ..]) => product(arguments),
        ("setunion", [_, ..]) => together(arguments).map(|sets| sets.into_iter().flatten().collect()).map(Value::Set),
        ("setintersection", [_, ..]) => together(arguments).map(|sets| kept(sets, true)),
        ("setsubtract", [_, _]) => together(arguments).map(|sets| kept(sets, false)),
        _ => error(format!("{name}: not for this number of sets")),
    })
}

/// The members of all sets, of one type over all of them.
fn together(sets: &[Value]) -> Result<Vec<Vec<Value>>, EvalError> {
    let sets = sets.iter().map(list).collect::<Result<Vec<_>, _>>()?;
    within_elements(sets.iter().map(Vec::len).sum())?;
    let mut members = unify(&sets.concat())?.into_iter();
    Ok(sets.iter().map(|set| members.by_ref().take(set.len()).collect()).collect())
}

/// Of the first set what is in all others, or in none.
fn kept(sets: Vec<Vec<Value>>, within: bool) -> Value {
    let mut sets = sets.into_iter();
    let mut members = sets.next().unwrap_or_default();
    for other in sets {
        let other: HashSet<Value> = other.into_iter().collect();
        members.retain(|member| other.contains(member) == within);
    }
    Value::Set(members.into_iter().collect())
}

fn product(sets: &[Value]) -> Evaluated {
    let mut rows: Vec<Vec<Value>> = vec![Vec::new()];
    for set in sets {
        let members = unify(&list(set)?)?;
        within_elements(rows.len().saturating_mul(members.len()).saturating_mul(sets.len()))?;
        rows = rows
            .iter()
            .flat_map(|row| members.iter().map(move |member| row.iter().cloned().chain([member.clone()]).collect()))
            .collect();
    }
    let rows = rows.into_iter().map(Value::array);
    let is_set = sets.iter().any(|set| matches!(set, Value::Set(_)));
    Ok(if is_set { Value::Set(rows.collect()) } else { Value::array(rows) })
}
