//! The order of types.

use std::cmp::Ordering;

use super::{Object, Type};

/// Which of two types comes first; one that is not known before all others.
pub(crate) fn compare(one: Option<&Type>, other: Option<&Type>) -> Ordering {
    compare_at(one, other, false)
}

/// `unrolled` says whether a part of a schema that is within itself was already looked into: it is once, then its name
/// is compared.
fn compare_at(one: Option<&Type>, other: Option<&Type>, unrolled: bool) -> Ordering {
    let (Some(one), Some(other)) = (one, other) else { return one.is_some().cmp(&other.is_some()) };
    if one.is_same(other) {
        return Ordering::Equal;
    }
    match (one, other) {
        (Type::Recursive(a), Type::Recursive(b)) if unrolled => return a.name.cmp(&b.name),
        (Type::Recursive(_), _) | (_, Type::Recursive(_)) => {
            let (one, other) = (one.unrolled(), other.unrolled());
            if unrolled {
                return rank(&one).cmp(&rank(&other));
            }
            return compare_at(Some(&one), Some(&other), true);
        }
        _ => {}
    }
    let parts = |one: Option<&Type>, other: Option<&Type>| compare_at(one, other, unrolled);
    rank(one).cmp(&rank(other)).then_with(|| match (one, other) {
        (Type::Array(a), Type::Array(b)) => parts(a.rest.as_ref(), b.rest.as_ref())
            .then_with(|| lists(&a.fixed, &b.fixed, |a, b| parts(a.as_ref(), b.as_ref()))),
        (Type::Object(a), Type::Object(b)) => objects(a, b, &parts),
        (Type::Set(a), Type::Set(b)) => parts(a.of.as_ref(), b.of.as_ref()),
        (Type::OneOf(a), Type::OneOf(b)) => lists(&a.alternatives, &b.alternatives, |a, b| parts(Some(a), Some(b))),
        (Type::Any, Type::OneOf(_)) => Ordering::Less,
        (Type::OneOf(_), Type::Any) => Ordering::Greater,
        (Type::Function(a), Type::Function(b)) => {
            let result = |of: &super::Function| of.result.as_ref().and_then(|arg| arg.of.clone());
            a.args
                .len()
                .cmp(&b.args.len())
                .then_with(|| lists(&a.args, &b.args, |a, b| parts(a.of.as_ref(), b.of.as_ref())))
                .then_with(|| parts(result(a).as_ref(), result(b).as_ref()))
                .then_with(|| parts(a.variadic.as_ref(), b.variadic.as_ref()))
        }
        _ => Ordering::Equal,
    })
}

fn objects(a: &Object, b: &Object, parts: &dyn Fn(Option<&Type>, Option<&Type>) -> Ordering) -> Ordering {
    let rest = match (&a.rest, &b.rest) {
        (Some(a), Some(b)) => {
            parts(a.key.as_ref(), b.key.as_ref()).then_with(|| parts(a.value.as_ref(), b.value.as_ref()))
        }
        (a, b) => a.is_some().cmp(&b.is_some()),
    };
    rest.then_with(|| {
        lists(&a.fixed, &b.fixed, |(key, value), (other_key, other_value)| {
            key.cmp(other_key).then_with(|| parts(value.as_ref(), other_value.as_ref()))
        })
    })
}

fn lists<T>(one: &[T], other: &[T], compare: impl Fn(&T, &T) -> Ordering) -> Ordering {
    let pairs = one.iter().zip(other);
    pairs.map(|(a, b)| compare(a, b)).find(|order| order.is_ne()).unwrap_or_else(|| one.len().cmp(&other.len()))
}

fn rank(of: &Type) -> u8 {
    match of {
        Type::Null => 0,
        Type::Boolean => 1,
        Type::Number => 2,
        Type::String => 3,
        Type::Array(_) => 4,
        Type::Object(_) => 5,
        Type::Set(_) => 6,
        Type::Any | Type::OneOf(_) | Type::Recursive(_) => 7,
        Type::Function(_) => 8,
    }
}

/// Whether a type is another, or has it among its alternatives.
pub(crate) fn contains(whole: Option<&Type>, part: &Type) -> bool {
    match whole {
        Some(Type::Any) => !matches!(part, Type::Function(_)),
        Some(Type::OneOf(one_of)) => {
            let found = one_of.alternatives.binary_search_by(|known| compare(Some(known), Some(part)));
            !matches!(part, Type::Function(_)) && found.is_ok()
        }
        other => compare(other, Some(part)).is_eq(),
    }
}
