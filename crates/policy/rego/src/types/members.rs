//! What is within a type: what a key selects, all keys, all values.

use probity_model::value::Value;

use super::{Type, or, order, position};

/// The type of what a key selects; `None` when there is no such thing.
pub(crate) fn select(of: &Type, key: &Value) -> Option<Type> {
    match of {
        Type::Recursive(_) => select(&of.unrolled(), key),
        Type::Array(array) => array.select(position(key)?).cloned(),
        Type::Object(object) => object.select(key).cloned(),
        Type::Set(set) => {
            let of_key = Type::of(key);
            match &set.of {
                Some(of) if order::compare(Some(of), Some(&of_key)).is_eq() => Some(of.clone()),
                Some(of @ (Type::Any | Type::OneOf(_))) if order::contains(Some(of), &of_key) => Some(of_key),
                _ => None,
            }
        }
        Type::Any => Some(Type::Any),
        Type::OneOf(one_of) => one_of.alternatives.iter().fold(None, |found, of| or(select(of, key), found)),
        _ => None,
    }
}

/// The type of what there is to go through as keys; `None` when that cannot be gone through.
pub(crate) fn keys(of: &Type) -> Option<Type> {
    match of {
        Type::Recursive(_) => keys(&of.unrolled()),
        Type::Array(_) => Some(Type::Number),
        Type::Object(object) => {
            let fixed = object.fixed.iter().fold(None, |keys, (key, _)| or(keys, Some(Type::of(key))));
            match &object.rest {
                Some(rest) => or(fixed, rest.key.clone()),
                None => fixed,
            }
        }
        Type::Set(set) => set.of.clone(),
        Type::Any => Some(Type::Any),
        Type::OneOf(one_of) => one_of.alternatives.iter().fold(None, |found, of| or(keys(of), found)),
        _ => None,
    }
}

/// The type of what there is to go through as values.
pub(crate) fn values(of: &Type) -> Option<Type> {
    match of {
        Type::Recursive(_) => values(&of.unrolled()),
        Type::Array(array) => array.fixed.iter().chain([&array.rest]).fold(None, |values, of| or(values, of.clone())),
        Type::Object(object) => {
            let fixed = object.fixed.iter().fold(None, |values, (_, of)| or(values, of.clone()));
            or(fixed, object.rest_value().cloned())
        }
        Type::Set(set) => set.of.clone(),
        Type::Any => Some(Type::Any),
        Type::OneOf(one_of) => one_of.alternatives.iter().fold(None, |found, of| or(values(of), found)),
        _ => None,
    }
}
