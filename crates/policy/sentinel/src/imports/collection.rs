//! `collection`: functions over lists and maps.

use crate::eval::{Args, Def, Interp, Stop, Unfit, settle};
use crate::value::{Function, MapKey, Reason, Value, equal};

pub(super) static FUNCTIONS: [Def; 5] = [
    Def { name: "filter", call: |interp, args| select(interp, args, true) },
    Def { name: "find", call: find },
    Def { name: "matches", call: matches },
    Def { name: "reduce", call: reduce },
    Def { name: "reject", call: |interp, args| select(interp, args, false) },
];

/// The elements of a collection, each with its position or key.
fn elements(interp: &mut Interp<'_>, args: &Args) -> Result<Vec<(Value, Value)>, Unfit> {
    interp.budget.steps(args.get(0)?.elements())?;
    let position = |index: usize| Value::Int(i64::try_from(index).unwrap_or(i64::MAX));
    match args.get(0)? {
        Value::List(list) => {
            Ok(list.to_vec().into_iter().enumerate().map(|(index, value)| (position(index), value)).collect())
        }
        Value::Map(map) => Ok(map.to_vec().into_iter().map(|(key, value)| (MapKey::to_value(&key), value)).collect()),
        undefined @ Value::Undefined(_) => Err(Unfit::Undefined(undefined.clone())),
        other => Err(format!("{} wants a list or a map, got {}", args.name, other.type_name()).into()),
    }
}

/// What a function that may want the key, too, is called with.
fn arguments(function: &Function, mut values: Vec<Value>, key: Value) -> Vec<Value> {
    if let Function::Closure(closure) = function
        && closure.func.params.len() > values.len()
    {
        values.push(key);
    }
    values
}

fn holds(interp: &mut Interp<'_>, args: &Args, predicate: &Function, key: Value, value: &Value) -> Result<bool, Stop> {
    interp.budget.step()?;
    match interp.call(predicate, arguments(predicate, vec![value.clone()], key), args.span)? {
        Value::Bool(truth) => Ok(truth),
        other => Err(format!("{} predicate must return boolean value, got {}", args.name, other.type_name()).into()),
    }
}

fn select(interp: &mut Interp<'_>, args: &Args, wanted: bool) -> Result<Value, Stop> {
    args.count(2, 2)?;
    settle((|| {
        let elements = elements(interp, args)?;
        let predicate = args.function(1)?;
        let mut kept = Vec::new();
        for (key, value) in elements {
            if holds(interp, args, predicate, key, &value)? == wanted {
                kept.push(value);
            }
        }
        interp.budget.bytes(32 * kept.len())?;
        Ok(Value::list(kept))
    })())
}

fn find(interp: &mut Interp<'_>, args: &Args) -> Result<Value, Stop> {
    args.count(2, 2)?;
    settle((|| {
        let elements = elements(interp, args)?;
        let predicate = args.function(1)?;
        for (key, value) in elements {
            if holds(interp, args, predicate, key, &value)? {
                return Ok(value);
            }
        }
        Ok(Interp::nothing(args, Reason::NothingFound))
    })())
}

fn reduce(interp: &mut Interp<'_>, args: &Args) -> Result<Value, Stop> {
    args.count(2, 3)?;
    settle((|| {
        let mut elements = elements(interp, args)?.into_iter();
        let function = args.function(1)?;
        let initial = args.values.get(2).cloned().or_else(|| elements.next().map(|(_, value)| value));
        let Some(mut result) = initial else { return Ok(Interp::nothing(args, Reason::NothingFound)) };
        for (key, value) in elements {
            interp.budget.step()?;
            result = interp.call(function, arguments(function, vec![result, value], key), args.span)?;
        }
        Ok(result)
    })())
}

fn matches(interp: &mut Interp<'_>, args: &Args) -> Result<Value, Stop> {
    args.count(2, 2)?;
    settle((|| {
        let elements = elements(interp, args)?;
        args.map(1)?;
        let mut kept = Vec::new();
        for (_, value) in elements {
            if agrees(interp, &value, &args.values[1], 0)? {
                kept.push(value);
            }
        }
        Ok(Value::list(kept))
    })())
}

/// Whether a value has what a partial one asks for.
fn agrees(interp: &mut Interp<'_>, value: &Value, partial: &Value, depth: usize) -> Result<bool, String> {
    interp.budget.step()?;
    if depth > 128 {
        return Err("what is compared is nested too deeply".to_owned());
    }
    let (Value::Map(map), Value::Map(partial)) = (value, partial) else {
        interp.assume(value);
        interp.assume(partial);
        return Ok(!value.is_undefined() && !partial.is_undefined() && equal(value, partial, &mut interp.budget)?);
    };
    for (key, wanted) in partial.to_vec() {
        match map.get(&key) {
            Some(found) if agrees(interp, &found, &wanted, depth + 1)? => {}
            _ => return Ok(false),
        }
    }
    Ok(true)
}
