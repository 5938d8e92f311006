//! `strings`: operations on strings.

use crate::eval::{Args, Def, Interp, Stop, Unfit, settle};
use crate::value::{Text, Value};

pub(super) static FUNCTIONS: [Def; 13] = [
    Def { name: "has_prefix", call: |_, args| test(args, <[u8]>::starts_with) },
    Def { name: "has_suffix", call: |_, args| test(args, <[u8]>::ends_with) },
    Def { name: "join", call: join },
    Def { name: "replace", call: replace },
    Def { name: "split", call: split },
    Def { name: "to_lower", call: |interp, args| change(interp, args, str::to_lowercase) },
    Def { name: "to_upper", call: |interp, args| change(interp, args, str::to_uppercase) },
    Def { name: "trim", call: |interp, args| trim(interp, args, |text, set| text.trim_matches(set)) },
    Def { name: "trim_left", call: |interp, args| trim(interp, args, |text, set| text.trim_start_matches(set)) },
    Def { name: "trim_prefix", call: |interp, args| cut(interp, args, |text, part| text.strip_prefix(part)) },
    Def { name: "trim_right", call: |interp, args| trim(interp, args, |text, set| text.trim_end_matches(set)) },
    Def { name: "trim_space", call: |interp, args| change(interp, args, |text| text.trim().to_owned()) },
    Def { name: "trim_suffix", call: |interp, args| cut(interp, args, |text, part| text.strip_suffix(part)) },
];

fn test(args: &Args, test: fn(&[u8], &[u8]) -> bool) -> Result<Value, Stop> {
    args.count(2, 2)?;
    settle((|| Ok(Value::Bool(test(args.text(0)?.as_bytes(), args.text(1)?.as_bytes()))))())
}

fn text(interp: &mut Interp<'_>, text: String) -> Result<Value, Unfit> {
    interp.budget.bytes(text.len())?;
    Ok(Value::String(text.into()))
}

fn change(interp: &mut Interp<'_>, args: &Args, change: fn(&str) -> String) -> Result<Value, Stop> {
    args.count(1, 1)?;
    settle((|| text(interp, change(&args.text(0)?.to_str())))())
}

/// A string without a part of it, if it is there.
fn cut(interp: &mut Interp<'_>, args: &Args, cut: for<'t> fn(&'t str, &str) -> Option<&'t str>) -> Result<Value, Stop> {
    args.count(2, 2)?;
    settle((|| {
        let whole = args.text(0)?.to_str();
        let part = args.text(1)?.to_str();
        text(interp, cut(&whole, &part).unwrap_or(&whole).to_owned())
    })())
}

/// A string without the characters of a set at its ends.
fn trim(interp: &mut Interp<'_>, args: &Args, trim: for<'t> fn(&'t str, &[char]) -> &'t str) -> Result<Value, Stop> {
    args.count(2, 2)?;
    settle((|| {
        let whole = args.text(0)?.to_str();
        let set: Vec<char> = args.text(1)?.to_str().chars().collect();
        text(interp, trim(&whole, &set).to_owned())
    })())
}

fn replace(interp: &mut Interp<'_>, args: &Args) -> Result<Value, Stop> {
    args.count(3, 4)?;
    settle((|| {
        let whole = args.text(0)?.to_str();
        let (old, new) = (args.text(1)?.to_str(), args.text(2)?.to_str());
        let most = if args.values.len() > 3 { args.int(3)? } else { -1 };
        // Counted before it is made: an empty text stands between all characters.
        let found = if old.is_empty() { whole.chars().count() + 1 } else { whole.matches(old.as_ref()).count() };
        let count = usize::try_from(most).map_or(found, |most| most.min(found));
        interp.budget.bytes(whole.len() + count.saturating_mul(new.len()))?;
        text(interp, whole.replacen(old.as_ref(), &new, count))
    })())
}

fn split(interp: &mut Interp<'_>, args: &Args) -> Result<Value, Stop> {
    args.count(2, 2)?;
    if let list @ Value::List(_) = &args.values[0] {
        return Ok(list.clone());
    }
    settle((|| {
        let whole = args.text(0)?.to_str();
        let separator = args.text(1)?.to_str();
        let parts: Vec<Value> = if separator.is_empty() {
            whole.chars().map(|c| Value::String(Text::from(c.encode_utf8(&mut [0; 4]) as &str))).collect()
        } else {
            whole.split(separator.as_ref()).map(Value::text).collect()
        };
        interp.budget.bytes(32 * parts.len() + whole.len())?;
        Ok(Value::list(parts))
    })())
}

fn join(interp: &mut Interp<'_>, args: &Args) -> Result<Value, Stop> {
    args.count(2, 2)?;
    settle((|| {
        args.list(0)?;
        let separator = args.text(1)?.to_str();
        let mut parts = Vec::new();
        flatten(interp, &args.values[0], &mut parts, 0)?;
        let length: usize = parts.iter().map(|part| part.len() + separator.len()).sum();
        interp.budget.bytes(length)?;
        text(interp, parts.join(&separator))
    })())
}

/// The texts in a list and the lists in it.
fn flatten(interp: &mut Interp<'_>, value: &Value, parts: &mut Vec<String>, depth: usize) -> Result<(), Unfit> {
    interp.budget.step()?;
    parts.push(match value {
        Value::List(_) if depth > 64 => return Err("the lists to join are nested too deeply".to_owned().into()),
        Value::List(list) => {
            return list.to_vec().iter().try_for_each(|element| flatten(interp, element, parts, depth + 1));
        }
        Value::Undefined(_) => return Err(Unfit::Undefined(value.clone())),
        Value::String(text) => text.to_str().into_owned(),
        Value::Bool(_) | Value::Int(_) | Value::Float(_) => crate::value::show(value),
        other => return Err(format!("join wants strings, numbers and booleans, got {}", other.type_name()).into()),
    });
    Ok(())
}
