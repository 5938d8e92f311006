//! Lists (cel-go's `ext/lists`, version 3).

use crate::environment::Builder;
use crate::parser::macros;
use crate::program::{MAX_ELEMENTS, check_sortable};
use crate::value::{Comparison, List, compare};
use crate::{Error, Evaluation, Overload, Type, Value};

use super::args::{count, error, int, list};

/// Types with an order, and their names in overloads.
pub(super) const COMPARABLE: [(&str, Type); 8] = [
    ("int", Type::Int),
    ("uint", Type::Uint),
    ("double", Type::Double),
    ("bool", Type::Bool),
    ("duration", Type::Duration),
    ("timestamp", Type::Timestamp),
    ("string", Type::String),
    ("bytes", Type::Bytes),
];

/// `slice`, `flatten`, `sort`, `sortBy`, `distinct`, `reverse` and `lists.range`.
pub fn lists(builder: &mut Builder) {
    let t = || Type::list(Type::param("T"));
    let dynamic = || Type::list(Type::Dyn);
    let of_result = |_: &[Value], result: &Value| 11 + result.size();
    let sorting = |args: &[Value], _: &Value| self_comparison_cost(&args[0]);
    builder
        .macros(macros::lists())
        .function("slice", Overload::member("list_slice", [t(), Type::Int, Type::Int], t(), slice).with_cost(of_result))
        .function("flatten", Overload::member("list_flatten", [Type::list(t())], t(), flatten).with_cost(flatten_cost))
        .function(
            "flatten",
            Overload::member("list_flatten_int", [dynamic(), Type::Int], dynamic(), flatten).with_cost(flatten_cost),
        )
        .function("reverse", Overload::member("list_reverse", [t()], t(), reverse).with_cost(of_result))
        .function(
            "distinct",
            Overload::member("list_distinct", [t()], t(), distinct).with_cost(sorting).charged_first(),
        )
        .function(
            "lists.range",
            Overload::global("lists_range", [Type::Int], Type::list(Type::Int), range).with_cost(of_result),
        );
    let ids = [
        "list_int_sort",
        "list_uint_sort",
        "list_double_sort",
        "list_bool_sort",
        "list_duration_sort",
        "list_timestamp_sort",
        "list_string_sort",
        "list_bytes_sort",
    ];
    for (id, (_, element)) in ids.into_iter().zip(COMPARABLE) {
        let whole = Type::list(element);
        builder.function("sort", Overload::member(id, [whole.clone()], whole, sort).with_cost(sorting).charged_first());
    }
}

/// The cost of comparing each element with each other.
pub(crate) fn self_comparison_cost(list: &Value) -> u64 {
    let Value::List(list) = list else { return 11 };
    let size = list.len() as u64;
    let pairs = size.saturating_mul(size);
    let texts = matches!(list.get(0), Some(Value::String(_) | Value::Bytes(_)));
    11_u64.saturating_add(pairs.saturating_mul(2)).saturating_add(if texts { pairs / 10 } else { 0 })
}

fn flatten_cost(args: &[Value], _: &Value) -> u64 {
    let depth = args.get(1).and_then(Value::as_int).map_or(1, i64::unsigned_abs);
    11_u64.saturating_add(args[0].size().saturating_mul(depth))
}

fn slice(_: &Evaluation<'_>, args: &[Value]) -> Result<Value, Error> {
    let (list, start, end) = (list(args, 0)?, int(args, 1)?, int(args, 2)?);
    let refuse = |why: &str| Err(error(format!("cannot slice({start}, {end}), {why}")));
    let (Ok(from), Ok(to)) = (usize::try_from(start), usize::try_from(end)) else {
        return refuse("negative indexes not supported");
    };
    if from > to {
        return refuse("start index must be less than or equal to end index");
    }
    if to > list.len() {
        return refuse(&format!("list is length {}", list.len()));
    }
    Ok(Value::list(list.iter().skip(from).take(to - from).collect::<Vec<_>>()))
}

fn flatten(_: &Evaluation<'_>, args: &[Value]) -> Result<Value, Error> {
    let depth = if args.len() > 1 { int(args, 1)? } else { 1 };
    if depth < 0 {
        return Err(Error::new("level must be non-negative"));
    }
    let mut flat = Vec::new();
    flatten_into(&mut flat, list(args, 0)?, depth)?;
    Ok(Value::List(flat.into()))
}

fn flatten_into(flat: &mut Vec<Value>, list: &List, depth: i64) -> Result<(), Error> {
    for element in list.iter() {
        match element {
            Value::List(inner) if depth > 0 => flatten_into(flat, &inner, depth - 1)?,
            other => flat.push(other),
        }
    }
    check_length(flat.len())
}

/// Whether a list of this length may be made.
pub(super) fn check_length(length: usize) -> Result<(), Error> {
    if length > MAX_ELEMENTS { Err(Error::new("list is too long")) } else { Ok(()) }
}

fn reverse(_: &Evaluation<'_>, args: &[Value]) -> Result<Value, Error> {
    Ok(Value::list(list(args, 0)?.iter().rev().collect::<Vec<_>>()))
}

fn distinct(_: &Evaluation<'_>, args: &[Value]) -> Result<Value, Error> {
    let mut kept: Vec<Value> = Vec::new();
    let mut comparison = Comparison::new();
    for element in list(args, 0)?.iter() {
        if comparison.position(kept.iter().cloned(), &element)?.is_none() {
            kept.push(element);
        }
    }
    Ok(Value::List(kept.into()))
}

fn range(_: &Evaluation<'_>, args: &[Value]) -> Result<Value, Error> {
    let size = int(args, 0)?;
    let length = usize::try_from(size);
    let length = length.map_err(|_| error(format!("lists.range: size must be non-negative, got {size}")))?;
    check_length(length)?;
    Ok(Value::list((0..length).map(count).collect::<Vec<_>>()))
}

fn sort(_: &Evaluation<'_>, args: &[Value]) -> Result<Value, Error> {
    let mut elements: Vec<Value> = list(args, 0)?.iter().collect();
    check_sortable(&elements)?;
    elements.sort_by(|a, b| compare(a, b).unwrap_or(std::cmp::Ordering::Equal));
    Ok(Value::List(elements.into()))
}
