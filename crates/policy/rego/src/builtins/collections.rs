//! Lists, sets, objects, graphs.

use std::collections::BTreeSet;

use probity_model::value::{Key, Object, Set, Value};

use super::args::{all_expandable, array, elements, int, object, set, wrong_element, wrong_type};
use super::{Context, Failure, Outcome};

/// Longest list that is put together.
const MAX_ELEMENTS: usize = 10_000_000;

fn bounded(elements: usize) -> Result<(), Failure> {
    if elements > MAX_ELEMENTS {
        return Err(Failure::value("the list would be too long"));
    }
    Ok(())
}

pub(super) fn array_concat(_: &mut Context<'_>, args: &[Value]) -> Outcome {
    let (left, right) = (array(args, 0)?, array(args, 1)?);
    bounded(left.len() + right.len())?;
    Ok(Value::array(left.iter().chain(right).cloned()))
}

pub(super) fn array_flatten(_: &mut Context<'_>, args: &[Value]) -> Outcome {
    let mut flat = Vec::new();
    for element in array(args, 0)? {
        match element {
            Value::Array(inner) => {
                bounded(flat.len() + inner.len())?;
                flat.extend(inner.iter().cloned());
            }
            other => flat.push(other.clone()),
        }
    }
    Ok(Value::array(flat))
}

pub(super) fn array_reverse(_: &mut Context<'_>, args: &[Value]) -> Outcome {
    Ok(Value::array(array(args, 0)?.iter().rev().cloned()))
}

pub(super) fn array_slice(_: &mut Context<'_>, args: &[Value]) -> Outcome {
    let (array, start, stop) = (array(args, 0)?, int(args, 1)?, int(args, 2)?);
    let stop = usize::try_from(stop).unwrap_or(0).min(array.len());
    let start = usize::try_from(start).unwrap_or(0).min(stop);
    Ok(Value::array(array.as_slice()[start..stop].iter().cloned()))
}

pub(super) fn set_and(_: &mut Context<'_>, args: &[Value]) -> Outcome {
    let (left, right) = (set(args, 0)?, set(args, 1)?);
    Ok(Value::Set(left.iter().filter(|member| right.contains(member)).cloned().collect()))
}

pub(super) fn set_or(_: &mut Context<'_>, args: &[Value]) -> Outcome {
    let (left, right) = (set(args, 0)?, set(args, 1)?);
    Ok(Value::Set(left.iter().chain(right).cloned().collect()))
}

pub(super) fn set_diff(_: &mut Context<'_>, args: &[Value]) -> Outcome {
    let (left, right) = (set(args, 0)?, set(args, 1)?);
    Ok(Value::Set(left.iter().filter(|member| !right.contains(member)).cloned().collect()))
}

fn sets(args: &[Value]) -> Result<Vec<&Set>, Failure> {
    set(args, 0)?.iter().map(|member| member.as_set().ok_or_else(|| wrong_type(1, member, &["set"]))).collect()
}

pub(super) fn intersection(_: &mut Context<'_>, args: &[Value]) -> Outcome {
    let sets = sets(args)?;
    let Some((first, rest)) = sets.split_first() else { return Ok(Value::Set(Set::default())) };
    Ok(Value::Set(first.iter().filter(|member| rest.iter().all(|set| set.contains(member))).cloned().collect()))
}

pub(super) fn union(_: &mut Context<'_>, args: &[Value]) -> Outcome {
    Ok(Value::Set(sets(args)?.into_iter().flatten().cloned().collect()))
}

pub(super) fn member(_: &mut Context<'_>, args: &[Value]) -> Outcome {
    Ok(match &args[1] {
        Value::Set(set) => set.contains(&args[0]),
        Value::Array(array) => array.iter().any(|element| *element == args[0]),
        Value::Object(object) => object.iter().any(|(_, value)| *value == args[0]),
        _ => false,
    }
    .into())
}

pub(super) fn member_with_key(_: &mut Context<'_>, args: &[Value]) -> Outcome {
    Ok(entry(&args[2], &args[0]).is_some_and(|value| value == args[1]).into())
}

/// The entry of a container under a key.
fn entry(container: &Value, key: &Value) -> Option<Value> {
    match container {
        Value::Object(object) => object.get_key(&Key::from_value(key)).cloned(),
        Value::Array(array) => array.get(usize::try_from(key.as_number()?.as_i64()?).ok()?).cloned(),
        Value::Set(set) => set.contains(key).then(|| key.clone()),
        _ => None,
    }
}

pub(super) fn object_get(_: &mut Context<'_>, args: &[Value]) -> Outcome {
    object(args, 0)?;
    let found = match &args[1] {
        Value::Array(path) => path.iter().try_fold(args[0].clone(), |value, key| entry(&value, key)),
        key => entry(&args[0], key),
    };
    Ok(found.unwrap_or_else(|| args[2].clone()))
}

pub(super) fn object_keys(_: &mut Context<'_>, args: &[Value]) -> Outcome {
    Ok(Value::Set(object(args, 0)?.iter().map(|(key, _)| key.to_value()).collect()))
}

fn keys(value: &Value) -> Result<BTreeSet<Key>, Failure> {
    match value {
        Value::Array(array) => Ok(array.iter().map(Key::from_value).collect()),
        Value::Set(set) => Ok(set.iter().map(Key::from_value).collect()),
        Value::Object(object) => Ok(object.iter().map(|(key, _)| key.clone()).collect()),
        other => Err(wrong_type(2, other, &["object", "set", "array"])),
    }
}

pub(super) fn object_remove(_: &mut Context<'_>, args: &[Value]) -> Outcome {
    let (object, keys) = (object(args, 0)?, keys(&args[1])?);
    let kept = object.iter().filter(|(key, _)| !keys.contains(*key));
    Ok(Value::Object(kept.map(|(key, value)| (key.clone(), value.clone())).collect()))
}

pub(super) fn object_filter(_: &mut Context<'_>, args: &[Value]) -> Outcome {
    let (object, keys) = (object(args, 0)?, keys(&args[1])?);
    let kept = object.iter().filter(|(key, _)| keys.contains(*key));
    Ok(Value::Object(kept.map(|(key, value)| (key.clone(), value.clone())).collect()))
}

/// Both objects in one; where both have an entry and it is no object in both, the second wins.
fn overwrite(first: &Object, second: &Object) -> Object {
    let mut entries: Vec<(Key, Value)> = first.iter().map(|(key, value)| (key.clone(), value.clone())).collect();
    for (key, value) in second.iter() {
        let merged = match (first.get_key(key), value) {
            (Some(Value::Object(old)), Value::Object(new)) => Value::Object(overwrite(old, new)),
            _ => value.clone(),
        };
        entries.push((key.clone(), merged));
    }
    entries.into_iter().collect()
}

pub(super) fn object_union(_: &mut Context<'_>, args: &[Value]) -> Outcome {
    all_expandable(args)?;
    Ok(Value::Object(overwrite(object(args, 0)?, object(args, 1)?)))
}

pub(super) fn object_union_n(_: &mut Context<'_>, args: &[Value]) -> Outcome {
    all_expandable(args)?;
    let mut merged = Object::default();
    for element in array(args, 0)? {
        let Value::Object(object) = element else {
            return Err(wrong_element(1, &args[0], element, &["object"]));
        };
        merged = overwrite(&merged, object);
    }
    Ok(Value::Object(merged))
}

pub(super) fn object_subset(_: &mut Context<'_>, args: &[Value]) -> Outcome {
    all_expandable(args)?;
    match (&args[0], &args[1]) {
        (Value::Object(_), Value::Object(_)) | (Value::Set(_), Value::Set(_)) | (Value::Array(_), Value::Array(_)) => {
            Ok(has_subset(&args[0], &args[1]).into())
        }
        (Value::Array(array), Value::Set(set)) => {
            let unmatched = set.iter().any(|member| !array.iter().any(|element| element == member));
            Ok((!unmatched && !array.is_empty()).into())
        }
        _ => Err(Failure::Type("both arguments object.subset must be of the same type or array and set".to_owned())),
    }
}

fn has_subset(whole: &Value, part: &Value) -> bool {
    match (whole, part) {
        (Value::Object(whole), Value::Object(part)) => part
            .iter()
            .all(|(key, part)| whole.get_key(key).is_some_and(|whole| whole == part || has_subset(whole, part))),
        (Value::Set(whole), Value::Set(part)) => part.iter().all(|member| whole.contains(member)),
        (Value::Array(whole), Value::Array(part)) => {
            part.is_empty() || whole.as_slice().windows(part.len()).any(|window| window == part.as_slice())
        }
        _ => false,
    }
}

/// The nodes that an edge list names.
fn neighbours(edges: &Value) -> &[Value] {
    match edges {
        Value::Array(array) => array.as_slice(),
        Value::Set(set) => set.as_slice(),
        _ => &[],
    }
}

fn starts(args: &[Value]) -> Result<&[Value], Failure> {
    match &args[1] {
        Value::Array(_) | Value::Set(_) => elements(args, 1),
        other => Err(wrong_type(2, other, &["array", "set"])),
    }
}

pub(super) fn reachable(_: &mut Context<'_>, args: &[Value]) -> Outcome {
    let graph = object(args, 0)?;
    let mut open: Vec<Value> = starts(args)?.to_vec();
    let mut found: BTreeSet<Value> = BTreeSet::new();
    while let Some(node) = open.pop() {
        if found.contains(&node) {
            continue;
        }
        if let Some(edges) = graph.get_key(&Key::from_value(&node)) {
            open.extend(neighbours(edges).iter().cloned());
            found.insert(node);
        }
    }
    Ok(Value::Set(found.into_iter().collect()))
}

/// Most paths that are given, and steps that are taken to find them.
const MAX_PATHS: usize = 1_000_000;

pub(super) fn reachable_paths(_: &mut Context<'_>, args: &[Value]) -> Outcome {
    let graph = object(args, 0)?;
    let mut found = Vec::new();
    let mut steps = 0;
    for node in starts(args)? {
        match graph.get_key(&Key::from_value(node)) {
            Some(edges) if !neighbours(edges).is_empty() => {
                paths(graph, edges, &mut vec![node.clone()], &mut found, &mut steps)?;
            }
            Some(_) => found.push(Value::array([node.clone()])),
            None => {}
        }
    }
    Ok(Value::Set(found.into_iter().collect()))
}

fn paths(
    graph: &Object,
    edges: &Value,
    path: &mut Vec<Value>,
    found: &mut Vec<Value>,
    steps: &mut usize,
) -> Result<(), Failure> {
    for node in neighbours(edges) {
        *steps += 1;
        if *steps > MAX_PATHS || path.len() > 1000 {
            return Err(Failure::value("the graph has too many paths"));
        }
        let next = graph.get_key(&Key::from_value(node));
        // The first step may lead back to where it began.
        if path.len() > 1 && path.contains(node) || next.is_none() {
            found.push(Value::array(path.iter().cloned()));
            continue;
        }
        path.push(node.clone());
        match next {
            Some(edges) if !neighbours(edges).is_empty() => paths(graph, edges, path, found, steps)?,
            _ => found.push(Value::array(path.iter().cloned())),
        }
        path.pop();
    }
    Ok(())
}
