//! Lists as sets (cel-go's `ext/sets`).

use crate::environment::Builder;
use crate::value::{List, equals};
use crate::{Error, Evaluation, Overload, Type, Value};

use super::args::list;

/// A function's name, the id of its overload, what it tells, and how often it compares each pair.
type OfLists = (&'static str, &'static str, fn(&List, &List) -> bool, u64);

/// `sets.contains`, `sets.equivalent` and `sets.intersects`.
pub fn sets(builder: &mut Builder) {
    let functions: [OfLists; 3] = [
        ("sets.contains", "list_sets_contains_list", includes, 1),
        ("sets.equivalent", "list_sets_equivalent_list", |a, b| includes(a, b) && includes(b, a), 2),
        ("sets.intersects", "list_sets_intersects_list", |a, b| a.iter().any(|element| has(b, &element)), 1),
    ];
    for (name, id, holds, factor) in functions {
        let params = [Type::list(Type::param("T")), Type::list(Type::param("T"))];
        let run = move |_: &Evaluation<'_>, args: &[Value]| -> Result<Value, Error> {
            Ok(Value::Bool(holds(list(args, 0)?, list(args, 1)?)))
        };
        let cost: fn(&[Value], &Value) -> u64 = if factor == 1 {
            |args, _| 1 + args[0].size().saturating_mul(args[1].size())
        } else {
            |args, _| 1 + args[0].size().saturating_mul(args[1].size()).saturating_mul(2)
        };
        builder.function(name, Overload::global(id, params, Type::Bool, run).with_cost(cost));
    }
}

fn has(list: &List, element: &Value) -> bool {
    list.iter().any(|known| equals(&known, element))
}

fn includes(list: &List, part: &List) -> bool {
    part.iter().all(|element| has(list, &element))
}
