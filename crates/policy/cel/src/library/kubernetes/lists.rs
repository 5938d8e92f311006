//! Sums, extremes and positions.

use std::cmp::Ordering;

use crate::environment::Builder;
use crate::library::args::{count, error, list};
use crate::value::{Comparison, Duration, MAX_PARTS, compare};
use crate::{Error, Evaluation, Overload, Type, Value};

/// Types with an order, and the ids of the overloads for lists of them.
const COMPARABLE: [([&str; 3], Type); 8] = [
    (["list_int_is_sorted_bool", "list_int_max_int", "list_int_min_int"], Type::Int),
    (["list_uint_is_sorted_bool", "list_uint_max_uint", "list_uint_min_uint"], Type::Uint),
    (["list_double_is_sorted_bool", "list_double_max_double", "list_double_min_double"], Type::Double),
    (["list_bool_is_sorted_bool", "list_bool_max_bool", "list_bool_min_bool"], Type::Bool),
    (["list_duration_is_sorted_bool", "list_duration_max_duration", "list_duration_min_duration"], Type::Duration),
    (
        ["list_timestamp_is_sorted_bool", "list_timestamp_max_timestamp", "list_timestamp_min_timestamp"],
        Type::Timestamp,
    ),
    (["list_string_is_sorted_bool", "list_string_max_string", "list_string_min_string"], Type::String),
    (["list_bytes_is_sorted_bool", "list_bytes_max_bytes", "list_bytes_min_bytes"], Type::Bytes),
];

/// The cost of looking at all parts of a value once.
fn traversal(args: &[Value], _: &Value) -> u64 {
    let mut parts = MAX_PARTS;
    args.first().map_or(0, |value| traversal_of(value, &mut parts))
}

/// Looks at no more than so many parts: what has more costs more than any expression may.
fn traversal_of(value: &Value, parts: &mut u64) -> u64 {
    *parts = parts.saturating_sub(1);
    if *parts == 0 {
        return u64::from(u32::MAX);
    }
    match value {
        Value::String(text) => text.len() as u64 / 10,
        Value::Bytes(bytes) => bytes.len() as u64 / 10,
        Value::List(list) => list.iter().map(|element| traversal_of(&element, parts)).fold(0, u64::saturating_add),
        Value::Map(map) => map
            .iter()
            .map(|(key, value)| traversal_of(&key, parts).saturating_add(traversal_of(&value, parts)))
            .fold(0, u64::saturating_add),
        _ => 1,
    }
}

pub(super) fn lists(builder: &mut Builder) {
    for ([sorted, max, min], element) in COMPARABLE {
        let whole = || [Type::list(element.clone())];
        builder
            .function("isSorted", Overload::member(sorted, whole(), Type::Bool, is_sorted).with_cost(traversal))
            .function(
                "max",
                Overload::member(max, whole(), element.clone(), |_, args| extreme(args, Ordering::Greater))
                    .with_cost(traversal),
            )
            .function(
                "min",
                Overload::member(min, whole(), element.clone(), |_, args| extreme(args, Ordering::Less))
                    .with_cost(traversal),
            );
    }
    let summable = [
        ("list_int_sum_int", Type::Int, Value::Int(0)),
        ("list_uint_sum_uint", Type::Uint, Value::Uint(0)),
        ("list_double_sum_double", Type::Double, Value::Double(0.0)),
        ("list_duration_sum_duration", Type::Duration, Value::Duration(Duration::from_nanoseconds(0))),
    ];
    for (id, element, zero) in summable {
        let run = move |_: &Evaluation<'_>, args: &[Value]| {
            list(args, 0)?.iter().try_fold(zero.clone(), |sum, element| crate::program::sum(&sum, &element))
        };
        builder.function("sum", Overload::member(id, [Type::list(element.clone())], element, run).with_cost(traversal));
    }
    let pair = || [Type::list(Type::param("A")), Type::param("A")];
    builder
        .function(
            "indexOf",
            Overload::member("list_a_index_of_int", pair(), Type::Int, index_of).with_cost(traversal).charged_first(),
        )
        .function(
            "lastIndexOf",
            Overload::member("list_a_last_index_of_int", pair(), Type::Int, last_index_of)
                .with_cost(traversal)
                .charged_first(),
        );
}

fn is_sorted(_: &Evaluation<'_>, args: &[Value]) -> Result<Value, Error> {
    let list = list(args, 0)?;
    let pairs = list.iter().zip(list.iter().skip(1));
    let falls = |(a, b): (Value, Value)| compare(&a, &b).map(Ordering::is_gt).ok_or(Error::NoSuchOverload);
    for pair in pairs {
        if falls(pair)? {
            return Ok(Value::Bool(false));
        }
    }
    Ok(Value::Bool(true))
}

fn extreme(args: &[Value], wanted: Ordering) -> Result<Value, Error> {
    let name = if wanted == Ordering::Greater { "max" } else { "min" };
    let better = |best: Value, other: Value| if compare(&other, &best) == Some(wanted) { other } else { best };
    list(args, 0)?.iter().reduce(better).ok_or_else(|| error(format!("{name} called on empty list")))
}

fn index_of(_: &Evaluation<'_>, args: &[Value]) -> Result<Value, Error> {
    let found = Comparison::new().position(list(args, 0)?.iter(), args.get(1).ok_or(Error::NoSuchOverload)?)?;
    Ok(found.map_or(Value::Int(-1), count))
}

fn last_index_of(_: &Evaluation<'_>, args: &[Value]) -> Result<Value, Error> {
    let list = list(args, 0)?;
    let found = Comparison::new().position(list.iter().rev(), args.get(1).ok_or(Error::NoSuchOverload)?)?;
    Ok(found.map_or(Value::Int(-1), |from_end| count(list.len() - 1 - from_end)))
}
