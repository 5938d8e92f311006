//! `collection/maps`: what stands deep inside of maps, by paths such as `rule.0.ports` and `rule.*.ports`.

use crate::eval::{Args, Def, Interp, Stop, Unfit, settle};
use crate::value::{List, Map, MapKey, Reason, Value};

/// Most parts of a path.
const MAX_PARTS: usize = 100;

pub(super) static FUNCTIONS: [Def; 6] = [
    Def { name: "get", call: get },
    Def { name: "has", call: has },
    Def { name: "omit", call: omit },
    Def { name: "pick", call: pick },
    Def { name: "set", call: set },
    Def { name: "unset", call: unset },
];

fn parts(path: &str) -> Result<Vec<String>, Unfit> {
    let parts: Vec<String> = path.split('.').map(str::to_owned).collect();
    if parts.len() > MAX_PARTS {
        return Err(format!("the path has more than {MAX_PARTS} parts").into());
    }
    Ok(parts)
}

fn path(args: &Args, index: usize) -> Result<Vec<String>, Unfit> {
    parts(&args.text(index)?.to_str())
}

/// What stands under a path; nothing when it leads nowhere, or to what is undefined.
fn find(interp: &mut Interp<'_>, value: &Value, path: &[String]) -> Result<Option<Value>, String> {
    let mut current = value.clone();
    for (index, part) in path.iter().enumerate() {
        interp.budget.step()?;
        let next = match &current {
            Value::Map(map) => map.get_str(part),
            Value::List(list) if part == "*" => {
                let rest = &path[index + 1..];
                let mut found = Vec::new();
                for element in list.to_vec() {
                    let missing = || Value::undefined(Reason::MissingKey(path.join(".").into()));
                    found.push(find(interp, &element, rest)?.unwrap_or_else(missing));
                }
                interp.budget.bytes(32 * found.len())?;
                return Ok(Some(Value::list(found)));
            }
            Value::List(list) => part.parse().ok().and_then(|position| list.get(position)),
            Value::Object(object) => object.member(object, part),
            _ => None,
        };
        match next {
            None => return Ok(None),
            Some(undefined @ Value::Undefined(_)) => {
                interp.assume(&undefined);
                return Ok(None);
            }
            Some(next) => current = next,
        }
    }
    Ok(Some(current))
}

fn get(interp: &mut Interp<'_>, args: &Args) -> Result<Value, Stop> {
    args.count(2, 3)?;
    settle((|| {
        let path = path(args, 1)?;
        if let Some(found) = find(interp, &args.values[0], &path)? {
            return Ok(found);
        }
        if let Some(default) = args.values.get(2) {
            if args.values[0].is_undefined() {
                interp.assume(&args.values[0]);
            }
            return Ok(default.clone());
        }
        match &args.values[0] {
            undefined @ Value::Undefined(_) => Ok(undefined.clone()),
            _ => Ok(Interp::nothing(args, Reason::MissingKey(path.join(".").into()))),
        }
    })())
}

fn has(interp: &mut Interp<'_>, args: &Args) -> Result<Value, Stop> {
    args.count(2, 2)?;
    settle((|| {
        let path = path(args, 1)?;
        if args.values[0].is_undefined() {
            return Ok(args.values[0].clone());
        }
        Ok(Value::Bool(match find(interp, &args.values[0], &path)? {
            None => false,
            Some(Value::List(found)) if path.iter().any(|part| part == "*") => {
                found.to_vec().iter().any(|element| !element.is_undefined())
            }
            Some(_) => true,
        }))
    })())
}

fn set(interp: &mut Interp<'_>, args: &Args) -> Result<Value, Stop> {
    args.count(3, 3)?;
    settle((|| {
        args.map(0)?;
        let path = path(args, 1)?;
        Ok(with(interp, Some(&args.values[0]), &path, &args.values[2])?)
    })())
}

/// A copy in which a value stands under a path.
fn with(interp: &mut Interp<'_>, value: Option<&Value>, path: &[String], new: &Value) -> Result<Value, String> {
    interp.budget.step()?;
    let Some((part, rest)) = path.split_first() else { return Ok(new.clone()) };
    match value {
        Some(Value::List(list)) => {
            interp.budget.bytes(32 * list.len())?;
            let mut elements = list.to_vec();
            if part == "*" {
                for element in &mut elements {
                    *element = with(interp, Some(element), rest, new)?;
                }
            } else {
                let position = part.parse::<usize>().ok();
                let place = position.and_then(|position| elements.get_mut(position));
                let place = place.ok_or_else(|| format!("the list has no element `{part}`"))?;
                *place = with(interp, Some(place), rest, new)?;
            }
            Ok(Value::List(List::new(elements)))
        }
        Some(Value::Map(map)) => {
            interp.budget.bytes(64 * (map.len() + 1))?;
            let mut entries = map.to_entries();
            let key = MapKey::String(part.as_str().into());
            let inner = with(interp, entries.get(&key), rest, new)?;
            entries.insert(key, inner);
            Ok(Value::Map(Map::new(entries)))
        }
        None | Some(Value::Null | Value::Undefined(_)) => {
            let inner = with(interp, None, rest, new)?;
            Ok(Value::map([(part.as_str(), inner)]))
        }
        Some(other) => Err(format!("{} has no members to set, `{part}` neither", other.type_name())),
    }
}

fn unset(interp: &mut Interp<'_>, args: &Args) -> Result<Value, Stop> {
    args.count(2, 2)?;
    settle((|| {
        args.map(0)?;
        Ok(without(interp, &args.values[0], &path(args, 1)?)?)
    })())
}

fn omit(interp: &mut Interp<'_>, args: &Args) -> Result<Value, Stop> {
    args.count(2, 2)?;
    settle((|| {
        args.map(0)?;
        let mut result = args.values[0].clone();
        for path in paths(args)? {
            result = without(interp, &result, &path)?;
        }
        Ok(result)
    })())
}

/// A list of paths, or one alone.
fn paths(args: &Args) -> Result<Vec<Vec<String>>, Unfit> {
    if let Value::String(path) = args.get(1)? {
        return Ok(vec![parts(&path.to_str())?]);
    }
    let path = |value: Value| match value {
        Value::String(path) => parts(&path.to_str()),
        Value::Undefined(_) => Err(Unfit::Undefined(value)),
        other => Err(format!("a path is a string, got {}", other.type_name()).into()),
    };
    args.list(1)?.to_vec().into_iter().map(path).collect()
}

/// A copy in which nothing stands under a path.
fn without(interp: &mut Interp<'_>, value: &Value, path: &[String]) -> Result<Value, String> {
    interp.budget.step()?;
    let Some((part, rest)) = path.split_first() else { return Ok(value.clone()) };
    match value {
        Value::Map(map) => {
            let key = MapKey::String(part.as_str().into());
            let mut entries = map.to_entries();
            interp.budget.bytes(64 * entries.len())?;
            if rest.is_empty() {
                entries.shift_remove(&key);
            } else if let Some(inner) = entries.get_mut(&key) {
                *inner = without(interp, inner, rest)?;
            }
            Ok(Value::Map(Map::new(entries)))
        }
        Value::List(list) => {
            let mut elements = list.to_vec();
            interp.budget.bytes(32 * elements.len())?;
            let position = part.parse::<usize>().ok().filter(|position| *position < elements.len());
            match position {
                Some(position) if rest.is_empty() => {
                    elements.remove(position);
                }
                Some(position) => elements[position] = without(interp, &elements[position], rest)?,
                None if part == "*" && rest.is_empty() => elements.clear(),
                None if part == "*" => {
                    for element in &mut elements {
                        *element = without(interp, element, rest)?;
                    }
                }
                None => {}
            }
            Ok(Value::List(List::new(elements)))
        }
        other => Ok(other.clone()),
    }
}

fn pick(interp: &mut Interp<'_>, args: &Args) -> Result<Value, Stop> {
    args.count(2, 2)?;
    settle((|| {
        args.map(0)?;
        let mut result = Value::Map(Map::empty());
        for path in paths(args)? {
            if let Some(picked) = only(interp, &args.values[0], &path)? {
                result = merged(interp, &result, &picked)?;
            }
        }
        Ok(result)
    })())
}

/// The value with nothing but what stands under a path.
fn only(interp: &mut Interp<'_>, value: &Value, path: &[String]) -> Result<Option<Value>, String> {
    interp.budget.step()?;
    let Some((part, rest)) = path.split_first() else { return Ok(Some(value.clone())) };
    match value {
        Value::Map(map) => {
            let Some(inner) = map.get_str(part) else { return Ok(None) };
            Ok(only(interp, &inner, rest)?.map(|inner| Value::map([(part.as_str(), inner)])))
        }
        Value::List(list) if part == "*" => {
            let mut kept = Vec::new();
            for element in list.to_vec() {
                kept.extend(only(interp, &element, rest)?);
            }
            Ok(Some(Value::list(kept)))
        }
        Value::List(list) => {
            let element = part.parse().ok().and_then(|position| list.get(position));
            let Some(element) = element else { return Ok(None) };
            Ok(only(interp, &element, rest)?.map(|element| Value::list(vec![element])))
        }
        _ => Ok(None),
    }
}

/// Both maps in one; maps under the same key, likewise.
fn merged(interp: &mut Interp<'_>, a: &Value, b: &Value) -> Result<Value, String> {
    interp.budget.step()?;
    match (a, b) {
        (Value::Map(a), Value::Map(b)) => {
            interp.budget.steps(a.len() + b.len())?;
            let mut entries = a.to_entries();
            for (key, value) in b.to_vec() {
                let value = match entries.get(&key) {
                    Some(before) => merged(interp, before, &value)?,
                    None => value,
                };
                entries.insert(key, value);
            }
            Ok(Value::Map(Map::new(entries)))
        }
        (Value::List(a), Value::List(b)) => {
            let mut elements = a.to_vec();
            elements.extend(b.to_vec());
            Ok(Value::list(elements))
        }
        _ => Ok(b.clone()),
    }
}
