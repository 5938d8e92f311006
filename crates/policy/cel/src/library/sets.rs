//! Lists as sets (cel-go's `ext/sets`).

use crate::environment::Builder;
use crate::value::{Comparison, List};
use crate::{Error, Evaluation, Overload, Type, Value};

use super::args::list;

type Holds = fn(&mut Comparison, &List, &List) -> Result<bool, Error>;

/// A function's name, the id of its overload, what it tells, and how often it compares each pair.
type OfLists = (&'static str, &'static str, Holds, u64);

/// `sets.contains`, `sets.equivalent` and `sets.intersects`.
pub fn sets(builder: &mut Builder) {
    let functions: [OfLists; 3] = [
        ("sets.contains", "list_sets_contains_list", includes, 1),
        ("sets.equivalent", "list_sets_equivalent_list", equivalent, 2),
        ("sets.intersects", "list_sets_intersects_list", intersects, 1),
    ];
    for (name, id, holds, factor) in functions {
        let params = [Type::list(Type::param("T")), Type::list(Type::param("T"))];
        let run = move |_: &Evaluation<'_>, args: &[Value]| -> Result<Value, Error> {
            holds(&mut Comparison::new(), list(args, 0)?, list(args, 1)?).map(Value::Bool)
        };
        let cost: fn(&[Value], &Value) -> u64 = if factor == 1 {
            |args, _| 1 + args[0].size().saturating_mul(args[1].size())
        } else {
            |args, _| 1 + args[0].size().saturating_mul(args[1].size()).saturating_mul(2)
        };
        builder.function(name, Overload::global(id, params, Type::Bool, run).with_cost(cost).charged_first());
    }
}

fn includes(comparison: &mut Comparison, list: &List, part: &List) -> Result<bool, Error> {
    for element in part.iter() {
        if comparison.position(list.iter(), &element)?.is_none() {
            return Ok(false);
        }
    }
    Ok(true)
}

fn equivalent(comparison: &mut Comparison, a: &List, b: &List) -> Result<bool, Error> {
    Ok(includes(comparison, a, b)? && includes(comparison, b, a)?)
}

fn intersects(comparison: &mut Comparison, a: &List, b: &List) -> Result<bool, Error> {
    for element in a.iter() {
        if comparison.position(b.iter(), &element)?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}
