//! Predeclared functions (specification, "Built-in Functions").

use std::cmp::Ordering;

use crate::eval::{Args, Def, Interp, Stop, Unfit, settle};
use crate::syntax::literal;
use crate::value::{Function, MapKey, Native, Reason, Value, ordering, show};

/// Longest list that `range` makes.
const MAX_RANGE: i64 = 1_000_000;

static FUNCTIONS: [Def; 13] = [
    Def { name: "append", call: append },
    Def { name: "bool", call: to_bool },
    Def { name: "compare", call: compare },
    Def { name: "delete", call: delete },
    Def { name: "error", call: error },
    Def { name: "float", call: to_float },
    Def { name: "int", call: to_int },
    Def { name: "keys", call: keys },
    Def { name: "length", call: length },
    Def { name: "print", call: print },
    Def { name: "range", call: range },
    Def { name: "string", call: to_string },
    Def { name: "values", call: values },
];

/// The predeclared function of this name.
pub(crate) fn find(name: &str) -> Option<Function> {
    let def = FUNCTIONS.iter().find(|def| def.name == name)?;
    Some(Function::Native(Native { def, receiver: None }))
}

/// Whether a name is predeclared.
pub(crate) fn is_predeclared(name: &str) -> bool {
    is_constant(name) || FUNCTIONS.iter().any(|def| def.name == name)
}

/// Whether a name is that of a predeclared constant.
pub(crate) fn is_constant(name: &str) -> bool {
    matches!(name, "true" | "false" | "null" | "undefined")
}

fn append(interp: &mut Interp<'_>, args: &Args) -> Result<Value, Stop> {
    args.count(2, 2)?;
    let Value::List(list) = &args.values[0] else {
        return Err(format!("append wants a list, got {}", args.values[0].type_name()).into());
    };
    interp.budget.bytes(32)?;
    interp.watch_list(list, &args.values[1]);
    list.push(args.values[1].clone());
    Ok(Value::undefined(Reason::NoResult("append")))
}

fn delete(_: &mut Interp<'_>, args: &Args) -> Result<Value, Stop> {
    args.count(2, 2)?;
    let Value::Map(map) = &args.values[0] else {
        return Err(format!("delete wants a map, got {}", args.values[0].type_name()).into());
    };
    if let Some(key) = MapKey::of(&args.values[1]) {
        map.remove(&key);
    }
    Ok(Value::undefined(Reason::NoResult("delete")))
}

fn keys(interp: &mut Interp<'_>, args: &Args) -> Result<Value, Stop> {
    args.count(1, 1)?;
    settle(args.map(0).and_then(|map| {
        interp.budget.bytes(32 * map.len())?;
        Ok(Value::list(map.keys().iter().map(|key| key.to_value()).collect()))
    }))
}

fn values(interp: &mut Interp<'_>, args: &Args) -> Result<Value, Stop> {
    args.count(1, 1)?;
    settle(args.map(0).and_then(|map| {
        interp.budget.bytes(32 * map.len())?;
        Ok(Value::list(map.to_values()))
    }))
}

fn length(_: &mut Interp<'_>, args: &Args) -> Result<Value, Stop> {
    args.count(1, 1)?;
    let length = match &args.values[0] {
        Value::String(text) => text.len(),
        Value::List(list) => list.len(),
        Value::Map(map) => map.len(),
        undefined @ Value::Undefined(_) => return Ok(undefined.clone()),
        other => return Err(format!("length wants a string, a list or a map, got {}", other.type_name()).into()),
    };
    Ok(Value::Int(i64::try_from(length).unwrap_or(i64::MAX)))
}

fn range(interp: &mut Interp<'_>, args: &Args) -> Result<Value, Stop> {
    args.count(1, 3)?;
    settle(bounds(args).and_then(|(start, end, step)| {
        if step == 0 {
            return Err(Unfit::from("the step of a range must not be 0".to_owned()));
        }
        let span = i128::from(end) - i128::from(start);
        let count = (span + i128::from(step) - i128::from(step.signum())) / i128::from(step);
        let count = i64::try_from(count.max(0)).unwrap_or(i64::MAX);
        if count > MAX_RANGE {
            return Err(format!("the range has {count} elements, more than {MAX_RANGE}").into());
        }
        interp.budget.bytes(32 * usize::try_from(count).unwrap_or(0))?;
        Ok(Value::list((0..count).map(|index| Value::Int(start + index * step)).collect()))
    }))
}

fn bounds(args: &Args) -> Result<(i64, i64, i64), Unfit> {
    Ok(match args.values.len() {
        1 => (0, args.int(0)?, 1),
        2 => (args.int(0)?, args.int(1)?, 1),
        _ => (args.int(0)?, args.int(1)?, args.int(2)?),
    })
}

fn compare(_: &mut Interp<'_>, args: &Args) -> Result<Value, Stop> {
    args.count(2, 2)?;
    let (left, right) = (&args.values[0], &args.values[1]);
    if let Some(undefined) = args.values.iter().find(|value| value.is_undefined()) {
        return Ok(undefined.clone());
    }
    match ordering(left, right) {
        Some(Ordering::Less) => Ok(Value::Int(-1)),
        Some(Ordering::Equal) => Ok(Value::Int(0)),
        Some(Ordering::Greater) => Ok(Value::Int(1)),
        None => Err(format!("{} and {} have no order", left.type_name(), right.type_name()).into()),
    }
}

fn joined(args: &Args) -> String {
    args.values.iter().map(show).collect::<Vec<_>>().join(" ")
}

fn print(interp: &mut Interp<'_>, args: &Args) -> Result<Value, Stop> {
    args.count(1, usize::MAX)?;
    interp.budget.steps(args.values.iter().map(Value::elements).sum())?;
    interp.print(joined(args))?;
    Ok(Value::Bool(true))
}

fn error(_: &mut Interp<'_>, args: &Args) -> Result<Value, Stop> {
    Err(joined(args).into())
}

fn conversion(to: &'static str) -> Value {
    Value::undefined(Reason::Conversion(to))
}

fn to_int(_: &mut Interp<'_>, args: &Args) -> Result<Value, Stop> {
    args.count(1, 1)?;
    Ok(match &args.values[0] {
        value @ (Value::Int(_) | Value::Undefined(_)) => value.clone(),
        Value::Bool(truth) => Value::Int(i64::from(*truth)),
        #[expect(clippy::cast_possible_truncation, reason = "floats out of range become the nearest integer")]
        Value::Float(float) if !float.is_nan() => Value::Int(float.floor() as i64),
        Value::String(text) => written_int(&text.to_str()).map_or_else(|| conversion("int"), Value::Int),
        _ => conversion("int"),
    })
}

/// An integer by the syntax of literals, with a sign.
fn written_int(text: &str) -> Option<i64> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if !digits.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let Ok(literal::Number::Int(int)) = literal::number(digits) else { return None };
    if negative { 0_i64.checked_sub_unsigned(int) } else { i64::try_from(int).ok() }
}

fn to_float(_: &mut Interp<'_>, args: &Args) -> Result<Value, Stop> {
    args.count(1, 1)?;
    #[expect(clippy::cast_precision_loss, reason = "an integer becomes the nearest float (specification)")]
    Ok(match &args.values[0] {
        value @ (Value::Float(_) | Value::Undefined(_)) => value.clone(),
        Value::Int(int) => Value::Float(*int as f64),
        Value::Bool(truth) => Value::Float(f64::from(u8::from(*truth))),
        Value::String(text) => {
            let text = text.to_str();
            let numeric = text.contains(|c: char| c.is_ascii_digit());
            text.parse().ok().filter(|_| numeric).map_or_else(|| conversion("float"), Value::Float)
        }
        _ => conversion("float"),
    })
}

fn to_string(interp: &mut Interp<'_>, args: &Args) -> Result<Value, Stop> {
    args.count(1, 1)?;
    interp.budget.bytes(24)?;
    Ok(match &args.values[0] {
        value @ (Value::String(_) | Value::Undefined(_)) => value.clone(),
        Value::Int(int) => Value::String(int.to_string().into()),
        Value::Float(float) => Value::String(format!("{float:.6}").into()),
        Value::Bool(truth) => Value::String(truth.to_string().into()),
        _ => conversion("string"),
    })
}

fn to_bool(_: &mut Interp<'_>, args: &Args) -> Result<Value, Stop> {
    args.count(1, 1)?;
    Ok(match &args.values[0] {
        value @ (Value::Bool(_) | Value::Undefined(_)) => value.clone(),
        Value::Int(int) => Value::Bool(*int != 0),
        Value::Float(float) => Value::Bool(*float != 0.0),
        Value::String(text) => match text.as_bytes() {
            b"1" | b"t" | b"T" | b"TRUE" | b"true" | b"True" => Value::Bool(true),
            b"0" | b"f" | b"F" | b"FALSE" | b"false" | b"False" => Value::Bool(false),
            _ => conversion("bool"),
        },
        _ => conversion("bool"),
    })
}
