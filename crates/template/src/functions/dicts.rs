//! Maps. They are shared: what is set in one is set for all who have it.

use super::{Outcome, Table, at_least, exactly, map, string, text};
use crate::datum::{Datum, MAX_DEPTH, Map};

pub(super) const TABLE: Table = &[
    ("deepCopy", deep_copy),
    ("dict", |args| {
        Ok(Datum::map(args.chunks(2).map(|pair| (text(&pair[0]), pair.get(1).cloned().unwrap_or_else(|| "".into())))))
    }),
    ("dig", dig),
    ("get", |args| {
        let [value, key] = exactly(args)?;
        Ok(map(value)?.get(string(key)?).unwrap_or_else(|| "".into()))
    }),
    ("hasKey", |args| {
        let [value, key] = exactly(args)?;
        Ok(map(value)?.has(string(key)?).into())
    }),
    ("keys", |args| {
        let mut all = Vec::new();
        for value in args {
            all.extend(map(value)?.keys().into_iter().map(Datum::Text));
        }
        Ok(Datum::list(all))
    }),
    ("merge", |args| merged(args, false)),
    ("mergeOverwrite", |args| merged(args, true)),
    ("mustDeepCopy", deep_copy),
    ("mustMerge", |args| merged(args, false)),
    ("mustMergeOverwrite", |args| merged(args, true)),
    ("omit", |args| chosen(args, false)),
    ("pick", |args| chosen(args, true)),
    ("pluck", |args| {
        let ([key], maps) = at_least(args)?;
        let key = string(key)?;
        let mut found = Vec::new();
        for value in maps {
            found.extend(map(value)?.get(key));
        }
        Ok(Datum::list(found))
    }),
    ("set", |args| {
        let [value, key, element] = exactly(args)?;
        map(value)?.set(string(key)?, element.clone());
        Ok(value.clone())
    }),
    ("unset", |args| {
        let [value, key] = exactly(args)?;
        map(value)?.remove(string(key)?);
        Ok(value.clone())
    }),
    ("values", |args| {
        let [value] = exactly(args)?;
        Ok(Datum::List(map(value)?.entries().into_iter().map(|(_, value)| value).collect()))
    }),
];

fn deep_copy(args: &[Datum]) -> Outcome {
    let [value] = exactly(args)?;
    Ok(value.deep_copy())
}

fn chosen(args: &[Datum], keep: bool) -> Outcome {
    let ([value], keys) = at_least(args)?;
    let keys = keys.iter().map(string).collect::<Result<Vec<_>, _>>()?;
    let entries = map(value)?.entries().into_iter().filter(|(key, _)| keys.contains(&&**key) == keep);
    Ok(Datum::Map(entries.collect()))
}

fn dig(args: &[Datum]) -> Outcome {
    let [keys @ .., otherwise, value] = args else { return Err("dig needs at least three arguments".into()) };
    if keys.is_empty() {
        return Err("dig needs at least three arguments".into());
    }
    let mut value = value.clone();
    for key in keys {
        match map(&value)?.get(string(key)?) {
            Some(inner) => value = inner,
            None => return Ok(otherwise.clone()),
        }
    }
    Ok(value)
}

fn merged(args: &[Datum], overwrites: bool) -> Outcome {
    let ([target], sources) = at_least(args)?;
    for source in sources {
        if !source.is_nil() {
            merge(map(target)?, map(source)?, overwrites, MAX_DEPTH);
        }
    }
    Ok(target.clone())
}

/// What `mergo` does: maps are merged into each other; of all else what is there stays, unless it is empty or is to be
/// overwritten.
fn merge(target: &Map, source: &Map, overwrites: bool, depth: usize) {
    if depth == 0 || target.is_same(source) {
        return;
    }
    for (key, value) in source.entries() {
        let known = target.get(&key);
        match (known, value) {
            (Some(Datum::Map(known)), Datum::Map(inner)) => merge(&known, &inner, overwrites, depth - 1),
            (_, value) if value.is_nil() => {
                if overwrites {
                    target.set(&key, value);
                }
            }
            (Some(known), value) => {
                if overwrites || !known.is_true() {
                    target.set(&key, value);
                }
            }
            (None, value) => target.set(&key, value),
        }
    }
}
