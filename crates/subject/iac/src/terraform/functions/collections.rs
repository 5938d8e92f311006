//! Lists and mappings.

use std::collections::{BTreeMap, HashSet};

use probity_model::{Key, Value};

use super::{count, int, list, within_elements};
use crate::terraform::eval::{EvalError, Evaluated, error, pairs, to_bool, to_text};
use crate::terraform::types::{Type, unify};

/// Functions that keep what is known although some of it is not.
pub(super) fn of_partly_known(name: &str, arguments: &[Value]) -> Option<Evaluated> {
    Some(match (name, arguments) {
        ("coalesce", values) => coalesce(values),
        ("coalescelist", values) => coalesce_list(values),
        ("concat", lists) => concat(lists),
        ("merge", objects) => merge(objects),
        ("sensitive" | "nonsensitive" | "ephemeralasnull", [value]) => Ok(value.clone()),
        ("lookup", [Value::Object(object), Value::String(key), default @ ..]) => {
            object.get(key).or(default.first()).cloned().ok_or_else(|| EvalError(format!("there is no `{key}`")))
        }
        _ => return None,
    })
}

/// The first that is neither null nor an empty text, as a value of the type that all of them can have.
fn coalesce(values: &[Value]) -> Evaluated {
    let values = unify(values)?;
    let found = values.into_iter().find(|value| !value.is_null() && value.as_str() != Some(""));
    found.ok_or_else(|| EvalError("every argument is null or empty".to_owned()))
}

fn coalesce_list(values: &[Value]) -> Evaluated {
    for value in values {
        if let Value::Unknown(_) = value {
            return Ok(value.clone());
        }
        if !list(value)?.is_empty() {
            return Ok(value.clone());
        }
    }
    error("every argument is empty")
}

fn concat(lists: &[Value]) -> Evaluated {
    if lists.is_empty() {
        return error("concat: at least one list");
    }
    let mut all = Vec::new();
    for list in lists {
        match list {
            Value::Array(list) => all.extend(list.iter().cloned()),
            // One element stands for those that are not known.
            unknown @ Value::Unknown(_) => all.push(unknown.clone()),
            other => return error(format!("concat: expected a list, found a {}", other.kind())),
        }
        within_elements(all.len())?;
    }
    Ok(Value::array(all))
}

fn merge(objects: &[Value]) -> Evaluated {
    let mut entries: Vec<(Key, Value)> = Vec::new();
    for object in objects {
        match object {
            Value::Object(object) => entries.extend(object.iter().map(|(key, value)| (key.clone(), value.clone()))),
            Value::Null => {}
            Value::Unknown(_) => return Ok(object.clone()),
            other => return error(format!("merge: expected a mapping, found a {}", other.kind())),
        }
        within_elements(entries.len())?;
    }
    Ok(Value::Object(entries.into_iter().collect()))
}

/// The function of this name.
pub(super) fn call(name: &str, arguments: &[Value]) -> Option<Evaluated> {
    Some(match (name, arguments) {
        ("length", [value]) => pairs(value).map(|pairs| count(pairs.map_or(0, |pairs: Vec<_>| pairs.len()))),
        ("element", [Value::Array(all), position]) => int(position).and_then(|position| {
            let length = i64::try_from(all.len()).unwrap_or(i64::MAX);
            let at = position.checked_rem_euclid(length).and_then(|at| usize::try_from(at).ok());
            let found = at.and_then(|at| all.get(at)).cloned();
            found.ok_or_else(|| EvalError("element of an empty list".to_owned()))
        }),
        ("index", [value, wanted]) => list(value).and_then(|all| {
            let found = all.iter().position(|element| element == wanted);
            found.map(count).ok_or_else(|| EvalError("not in the list".to_owned()))
        }),
        ("contains", [value, wanted]) => list(value).and_then(|all| contains(&all, wanted)),
        ("keys", [Value::Object(object)]) => Ok(Value::array(object.iter().map(|(key, _)| key.as_str().into()))),
        ("values", [Value::Object(object)]) => Ok(Value::array(object.iter().map(|(_, value)| value.clone()))),
        ("flatten", [value]) => list(value).and_then(|all| {
            let mut flat = Vec::new();
            flatten(all, &mut flat)?;
            Ok(Value::array(flat))
        }),
        ("distinct", [value]) => list(value).and_then(|all| {
            let mut seen = HashSet::new();
            Ok(Value::array(unify(&all)?.into_iter().filter(|element| seen.insert(element.clone()))))
        }),
        ("compact", [value]) => list(value).and_then(|all| {
            let all = texts(&all)?;
            Ok(Value::array(all.into_iter().filter(|element| !element.is_null() && element.as_str() != Some(""))))
        }),
        ("reverse", [value]) => list(value).map(|all| Value::array(all.into_iter().rev())),
        ("sort", [value]) => list(value).and_then(|all| sort(&all)),
        ("slice", [Value::Array(all), from, to]) => int(from).and_then(|from| {
            let (from, to) = (usize::try_from(from).ok(), usize::try_from(int(to)?).ok());
            let range = from.zip(to).filter(|(from, to)| from <= to && *to <= all.len());
            let found = range.map(|(from, to)| Value::array(all.as_slice()[from..to].to_vec()));
            found.ok_or_else(|| EvalError("slice: out of range".to_owned()))
        }),
        ("one", [value]) => list(value).and_then(|all| match all.as_slice() {
            [] => Ok(Value::Null),
            [only] => Ok(only.clone()),
            _ => error("one: the list has several elements"),
        }),
        ("zipmap", [keys, values]) => list(keys).and_then(|keys| {
            let (keys, values) = (keys.iter().map(to_text).collect::<Result<Vec<_>, _>>()?, list(values)?);
            if keys.len() != values.len() {
                return error("zipmap: the lists are of different lengths");
            }
            Ok(Value::object(keys.into_iter().zip(values)))
        }),
        ("matchkeys", [values, keys, wanted]) => match_keys(values, keys, wanted),
        ("transpose", [Value::Object(object)]) => transpose(object),
        ("chunklist", [value, size]) => list(value).and_then(|all| {
            let size =
                usize::try_from(int(size)?).map_err(|_| EvalError("chunklist: a size of at least 0".to_owned()))?;
            // All at once.
            let size = if size == 0 { all.len().max(1) } else { size };
            Ok(Value::array(unify(&all)?.chunks(size).map(|chunk| Value::array(chunk.to_vec()))))
        }),
        ("alltrue" | "anytrue", [value]) => list(value).and_then(|all| decided(&all, name == "anytrue")),
        _ => return None,
    })
}

/// The elements as texts; null stays.
fn texts(all: &[Value]) -> Result<Vec<Value>, EvalError> {
    all.iter().map(|element| Type::String.convert(element)).collect()
}

fn contains(all: &[Value], wanted: &Value) -> Evaluated {
    if wanted.is_null() {
        return error("contains: null is in no list");
    }
    let unknown = all.iter().find(|known| matches!(known, Value::Unknown(_)));
    Ok(match unknown {
        _ if all.contains(wanted) => true.into(),
        Some(unknown) => unknown.clone(),
        None => false.into(),
    })
}

fn sort(all: &[Value]) -> Evaluated {
    if let Some(unknown) = all.iter().find(|element| matches!(element, Value::Unknown(_))) {
        return Ok(unknown.clone());
    }
    let mut texts = all.iter().map(to_text).collect::<Result<Vec<_>, _>>()?;
    texts.sort();
    Ok(Value::array(texts.into_iter().map(Value::from)))
}

fn match_keys(values: &Value, keys: &Value, wanted: &Value) -> Evaluated {
    let (values, keys, wanted) = (list(values)?, list(keys)?, list(wanted)?);
    if keys.len() != values.len() {
        return error("matchkeys: the lists are of different lengths");
    }
    let (values, both) = (unify(&values)?, unify(&[keys.clone(), wanted].concat())?);
    let (keys, wanted) = both.split_at(keys.len());
    let found = values.into_iter().zip(keys).filter(|(_, key)| wanted.contains(key));
    Ok(Value::array(found.map(|(value, _)| value)))
}

fn transpose(object: &probity_model::value::Object) -> Evaluated {
    let mut made: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for (key, values) in object.iter() {
        for value in list(values)? {
            made.entry(to_text(&value)?).or_default().push(key.as_str().into());
        }
    }
    Ok(Value::object(made.into_iter().map(|(key, values)| (key, Value::array(values)))))
}

/// Whether all are true, or any: the `decisive` one is enough. Null counts as false.
fn decided(all: &[Value], decisive: bool) -> Evaluated {
    let mut unknown = None;
    for element in all {
        let truth = if element.is_null() { Ok(false) } else { to_bool(element)? };
        match truth {
            Ok(truth) if truth == decisive => return Ok(decisive.into()),
            Ok(_) => {}
            Err(waits) => unknown = Some(waits),
        }
    }
    Ok(unknown.unwrap_or_else(|| (!decisive).into()))
}

fn flatten(elements: Vec<Value>, flat: &mut Vec<Value>) -> Result<(), EvalError> {
    for element in elements {
        match element {
            Value::Array(inner) => flatten(inner.iter().cloned().collect(), flat)?,
            Value::Set(inner) => flatten(inner.iter().cloned().collect(), flat)?,
            other => flat.push(other),
        }
        within_elements(flat.len())?;
    }
    Ok(())
}
