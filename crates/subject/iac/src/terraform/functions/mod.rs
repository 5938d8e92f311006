//! Terraform's functions (its documentation, "Built-in Functions"). Those that only apply can answer make their result
//! unknown, and so does one that is not known.

mod encodings;
mod files;
mod hashes;
mod network;
mod regex;
#[cfg(test)]
mod tests;
mod time;

use std::collections::{BTreeMap, HashSet};

use probity_model::{Key, Number, Value, json};

use crate::terraform::budget::{MAX_ELEMENTS, MAX_STRING};
use crate::terraform::eval::{EvalError, Evaluated, Evaluator, error, index, pairs, to_bool, to_number, to_text};
use crate::terraform::policy_document::with_placeholders;

/// Calls a function. Unknown arguments give an unknown result, but for functions that keep what is known.
pub(super) fn call(name: &str, arguments: &[Value], evaluator: &mut Evaluator<'_, '_>) -> Evaluated {
    match (name, arguments) {
        // JSON is mostly written for policy documents: one ARN that is not known must not hide the rest.
        ("jsonencode", [Value::Unknown(what)]) => return Ok(Value::Unknown(what.clone())),
        ("jsonencode", [value]) => return Ok(json::write(&with_placeholders(value)).into()),
        ("coalesce", values) => return coalesce(values, |value| !matches!(value.as_str(), Some(""))),
        ("coalescelist", values) => {
            return coalesce(values, |value| value.as_array().is_none_or(|list| !list.is_empty()));
        }
        ("concat", lists) => return concat(lists),
        ("merge", objects) => return merge(objects),
        ("tolist" | "toset" | "tomap" | "sensitive" | "nonsensitive" | "ephemeralasnull", [value]) => {
            return Ok(if name == "toset" { to_set(value) } else { value.clone() });
        }
        ("lookup", [Value::Object(object), Value::String(key), default @ ..]) => {
            return object
                .get(key)
                .or(default.first())
                .cloned()
                .ok_or_else(|| EvalError(format!("there is no `{key}`")));
        }
        _ => {}
    }
    if let Some(unknown) = arguments.iter().find(|argument| matches!(argument, Value::Unknown(_))) {
        return Ok(unknown.clone());
    }
    if let ("templatestring", [Value::String(template), variables]) = (name, arguments) {
        return evaluator.render(template, variables);
    }
    let result = strings(name, arguments)
        .or_else(|| numbers(name, arguments))
        .or_else(|| collections(name, arguments))
        .or_else(|| sets(name, arguments))
        .or_else(|| encodings::call(name, arguments))
        .or_else(|| conversions(name, arguments))
        .or_else(|| regex::call(name, arguments))
        .or_else(|| hashes::call(name, arguments))
        .or_else(|| network::call(name, arguments))
        .or_else(|| time::call(name, arguments))
        .or_else(|| files::call(name, arguments, evaluator));
    result.unwrap_or_else(|| Ok(Value::Unknown(format!("{name}()").as_str().into())))
}

fn coalesce(values: &[Value], good: impl Fn(&Value) -> bool) -> Evaluated {
    let found = values.iter().find(|value| !value.is_null() && good(value));
    found.cloned().ok_or_else(|| EvalError("every argument is null or empty".to_owned()))
}

fn concat(lists: &[Value]) -> Evaluated {
    let mut all = Vec::new();
    for list in lists {
        match list {
            Value::Array(list) => all.extend(list.iter().cloned()),
            Value::Set(set) => all.extend(set.iter().cloned()),
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

fn within_elements(count: usize) -> Result<(), EvalError> {
    if count > MAX_ELEMENTS { error(format!("makes more than {MAX_ELEMENTS} elements")) } else { Ok(()) }
}

fn within_string(bytes: usize) -> Result<(), EvalError> {
    if bytes > MAX_STRING { error("a string grows over its bound") } else { Ok(()) }
}

fn to_set(value: &Value) -> Value {
    match value {
        Value::Array(list) => Value::Set(list.iter().cloned().collect()),
        other => other.clone(),
    }
}

fn list(value: &Value) -> Result<Vec<Value>, EvalError> {
    match value {
        Value::Array(list) => Ok(list.iter().cloned().collect()),
        Value::Set(set) => Ok(set.iter().cloned().collect()),
        other => error(format!("expected a list, found a {}", other.kind())),
    }
}

fn int(value: &Value) -> Result<i64, EvalError> {
    to_number(value)?.as_i64().ok_or_else(|| EvalError("expected a whole number".to_owned()))
}

fn strings(name: &str, arguments: &[Value]) -> Option<Evaluated> {
    Some(match (name, arguments) {
        ("lower", [a]) => to_text(a).map(|a| a.to_lowercase().into()),
        ("upper", [a]) => to_text(a).map(|a| a.to_uppercase().into()),
        ("title", [a]) => to_text(a).map(|a| title(&a).into()),
        ("trimspace", [a]) => to_text(a).map(|a| a.trim().into()),
        ("chomp", [a]) => to_text(a).map(|a| a.trim_end_matches(['\n', '\r']).into()),
        ("trim", [a, set]) => two(a, set).map(|(a, set)| a.trim_matches(|c| set.contains(c)).into()),
        ("trimprefix", [a, b]) => two(a, b).map(|(a, b)| a.strip_prefix(&b).unwrap_or(&a).into()),
        ("trimsuffix", [a, b]) => two(a, b).map(|(a, b)| a.strip_suffix(&b).unwrap_or(&a).into()),
        ("startswith", [a, b]) => two(a, b).map(|(a, b)| a.starts_with(&b).into()),
        ("endswith", [a, b]) => two(a, b).map(|(a, b)| a.ends_with(&b).into()),
        ("strcontains", [a, b]) => two(a, b).map(|(a, b)| a.contains(&b).into()),
        ("strrev", [a]) => to_text(a).map(|a| a.chars().rev().collect::<String>().into()),
        ("split", [separator, a]) => two(separator, a).and_then(|(separator, a)| split(&separator, &a)),
        ("join", [separator, rest @ ..]) => join(separator, rest),
        ("replace", [a, from, to]) => replace(a, from, to),
        ("substr", [a, start, length]) => substr(a, start, length),
        ("formatlist", [form, rest @ ..]) => format_list(form, rest),
        ("format", [form, rest @ ..]) => to_text(form).and_then(|form| format(&form, rest)).map(Value::from),
        ("indent", [spaces, a]) => int(spaces).and_then(|spaces| {
            let pad = " ".repeat(usize::try_from(spaces.clamp(0, 1_000)).unwrap_or(0));
            replace_text(&to_text(a)?, "\n", &format!("\n{pad}"))
        }),
        _ => return None,
    })
}

fn two(a: &Value, b: &Value) -> Result<(String, String), EvalError> {
    Ok((to_text(a)?, to_text(b)?))
}

fn title(text: &str) -> String {
    let mut start = true;
    text.chars()
        .map(|character| {
            let shown = if start { character.to_uppercase().next().unwrap_or(character) } else { character };
            start = character.is_whitespace();
            shown
        })
        .collect()
}

fn join(separator: &Value, lists: &[Value]) -> Evaluated {
    let separator = to_text(separator)?;
    let (mut parts, mut bytes) = (Vec::new(), 0);
    for one in lists {
        for element in list(one)? {
            if let Value::Unknown(_) = element {
                return Ok(element);
            }
            let part = to_text(&element)?;
            bytes += part.len() + separator.len();
            within_string(bytes)?;
            parts.push(part);
        }
    }
    Ok(parts.join(&separator).into())
}

fn replace(text: &Value, from: &Value, to: &Value) -> Evaluated {
    let (text, from, to) = (to_text(text)?, to_text(from)?, to_text(to)?);
    if from.len() > 1 && from.starts_with('/') && from.ends_with('/') {
        return regex::replace(&text, &from[1..from.len() - 1], &to);
    }
    replace_text(&text, &from, &to)
}

fn replace_text(text: &str, from: &str, to: &str) -> Evaluated {
    within_string(text.len().saturating_add(text.matches(from).count().saturating_mul(to.len())))?;
    Ok(text.replace(from, to).into())
}

/// An empty separator cuts between all characters.
fn split(separator: &str, text: &str) -> Evaluated {
    within_elements(text.matches(separator).count())?;
    if separator.is_empty() {
        return Ok(Value::array(text.chars().map(|character| Value::from(character.to_string()))));
    }
    Ok(Value::array(text.split(separator).map(Value::from)))
}

fn substr(text: &Value, start: &Value, length: &Value) -> Evaluated {
    let (text, start, length) = (to_text(text)?, int(start)?, int(length)?);
    let characters: Vec<char> = text.chars().collect();
    let count = i64::try_from(characters.len()).unwrap_or(i64::MAX);
    let start = if start < 0 { (count + start).max(0) } else { start.min(count) };
    let end = if length < 0 { count } else { start.saturating_add(length).min(count) };
    let range = usize::try_from(start).unwrap_or(0)..usize::try_from(end).unwrap_or(0);
    Ok(characters[range].iter().collect::<String>().into())
}

/// `format` for each element of the lists, the same text for all of what is no list.
fn format_list(form: &Value, arguments: &[Value]) -> Evaluated {
    let form = to_text(form)?;
    let lists = arguments.iter().map(|argument| match argument {
        Value::Array(_) | Value::Set(_) => list(argument).map(Some),
        _ => Ok(None),
    });
    let lists: Vec<Option<Vec<Value>>> = lists.collect::<Result<_, _>>()?;
    let mut lengths = lists.iter().flatten().map(Vec::len);
    let length = lengths.next().unwrap_or(1);
    if lengths.any(|other| other != length) {
        return error("formatlist: the lists are of different lengths");
    }
    let made = (0..length).map(|position| {
        let row: Vec<Value> = arguments
            .iter()
            .zip(&lists)
            .map(|(argument, list)| list.as_ref().map_or_else(|| argument.clone(), |list| list[position].clone()))
            .collect();
        match row.iter().find(|value| matches!(value, Value::Unknown(_))) {
            Some(unknown) => Ok(unknown.clone()),
            None => format(&form, &row).map(Value::from),
        }
    });
    Ok(Value::array(made.collect::<Result<Vec<_>, _>>()?))
}

/// `format` with the verbs that are in use: `%s`, `%d`, `%v`, `%q`, `%t`, widths with zeros.
fn format(form: &str, arguments: &[Value]) -> Result<String, EvalError> {
    let mut arguments = arguments.iter();
    let mut out = String::new();
    let mut rest = form.chars().peekable();
    while let Some(character) = rest.next() {
        if character != '%' {
            out.push(character);
            continue;
        }
        let mut flags = String::new();
        while let Some(flag) = rest.next_if(|next| !next.is_ascii_alphabetic() && *next != '%') {
            flags.push(flag);
        }
        let verb = rest.next().unwrap_or('%');
        if verb == '%' {
            out.push('%');
            continue;
        }
        let Some(argument) = arguments.next() else { return error("format: too few arguments") };
        let text = match (verb, argument) {
            ('q', argument) => json::write(&to_text(argument)?.into()),
            ('v', Value::Array(_) | Value::Object(_) | Value::Null) => json::write(argument),
            (_, argument) => to_text(argument)?,
        };
        let width = flags.trim_start_matches(['-', '0', '+', '#', ' ']).parse::<usize>().unwrap_or(0).min(1_000);
        let pad = if flags.starts_with('0') { "0" } else { " " };
        let missing = width.saturating_sub(text.chars().count());
        if flags.starts_with('-') {
            out.push_str(&text);
            out.push_str(&" ".repeat(missing));
        } else {
            out.push_str(&pad.repeat(missing));
            out.push_str(&text);
        }
        within_string(out.len())?;
    }
    Ok(out)
}

fn numbers(name: &str, arguments: &[Value]) -> Option<Evaluated> {
    let all = || -> Result<Vec<Number>, EvalError> {
        match arguments {
            [one @ (Value::Array(_) | Value::Set(_))] => list(one)?.iter().map(to_number).collect(),
            many => many.iter().map(to_number).collect(),
        }
    };
    Some(match (name, arguments) {
        ("max", _) => {
            all().and_then(|all| all.into_iter().max().map(Value::Number).ok_or(EvalError("max of nothing".into())))
        }
        ("min", _) => {
            all().and_then(|all| all.into_iter().min().map(Value::Number).ok_or(EvalError("min of nothing".into())))
        }
        ("sum", _) => all().map(|all| {
            let zero = Number::from(0).to_big();
            Value::Number(Number::from(all.iter().fold(zero, |sum, number| sum + number.to_big())))
        }),
        ("abs", [a]) => to_number(a).map(|a| Value::Number(Number::from(a.to_big().abs()))),
        ("floor", [a]) => to_number(a).and_then(|a| whole(a.as_f64().floor())),
        ("ceil", [a]) => to_number(a).and_then(|a| whole(a.as_f64().ceil())),
        ("signum", [a]) => to_number(a).map(|a| i64::from(a > 0.into()).saturating_sub(i64::from(a < 0.into())).into()),
        ("log", [a, base]) => double(a).and_then(|a| Ok(a.ln() / double(base)?.ln())).and_then(from_double),
        ("pow", [a, power]) => double(a).and_then(|a| Ok(a.powf(double(power)?))).and_then(from_double),
        ("parseint", [a, base]) => int(base).and_then(|base| {
            let base = u32::try_from(base).ok().filter(|base| (2..=36).contains(base));
            let base = base.ok_or_else(|| EvalError("parseint: a base from 2 to 36".to_owned()))?;
            i64::from_str_radix(&to_text(a)?, base).map(Value::from).map_err(|_| EvalError("not a number".to_owned()))
        }),
        _ => return None,
    })
}

fn double(value: &Value) -> Result<f64, EvalError> {
    to_number(value).map(|number| number.as_f64())
}

fn from_double(double: f64) -> Evaluated {
    let number = Number::from_f64(double).ok_or_else(|| EvalError("the result is no number".to_owned()))?;
    Ok(number.as_i64().map_or(Value::Number(number), Value::from))
}

fn whole(double: f64) -> Evaluated {
    Number::from_f64(double)
        .and_then(|number| number.as_i64())
        .map(Value::from)
        .ok_or_else(|| EvalError("out of range".to_owned()))
}

fn collections(name: &str, arguments: &[Value]) -> Option<Evaluated> {
    Some(match (name, arguments) {
        ("length", [value]) => length(value),
        ("element", [value, position]) => list(value).and_then(|all| {
            let count = i64::try_from(all.len()).unwrap_or(i64::MAX);
            if count == 0 {
                return error("element of an empty list");
            }
            Ok(all[usize::try_from(int(position)?.rem_euclid(count)).unwrap_or(0)].clone())
        }),
        ("index", [value, wanted]) => list(value).and_then(|all| {
            let found = all.iter().position(|element| element == wanted);
            found.and_then(|at| i64::try_from(at).ok()).map(Value::from).ok_or(EvalError("not in the list".into()))
        }),
        ("contains", [value, wanted]) => {
            list(value).map(|all| match all.iter().find(|known| matches!(known, Value::Unknown(_))) {
                _ if all.contains(wanted) => true.into(),
                Some(unknown) => unknown.clone(),
                None => false.into(),
            })
        }
        ("keys", [Value::Object(object)]) => Ok(Value::array(object.iter().map(|(key, _)| key.as_str().into()))),
        ("values", [Value::Object(object)]) => Ok(Value::array(object.iter().map(|(_, value)| value.clone()))),
        ("flatten", [value]) => list(value).and_then(|all| {
            let mut flat = Vec::new();
            flatten(all, &mut flat)?;
            Ok(Value::array(flat))
        }),
        ("distinct", [value]) => list(value).map(|all| {
            let mut seen = HashSet::new();
            Value::array(all.into_iter().filter(|element| seen.insert(element.clone())))
        }),
        ("compact", [value]) => list(value).map(|all| {
            Value::array(all.into_iter().filter(|element| !element.is_null() && element.as_str() != Some("")))
        }),
        ("reverse", [value]) => list(value).map(|all| Value::array(all.into_iter().rev())),
        ("sort", [value]) => list(value).map(|mut all| {
            all.sort();
            Value::array(all)
        }),
        ("slice", [value, from, to]) => list(value).and_then(|all| {
            let (from, to) = (usize::try_from(int(from)?).ok(), usize::try_from(int(to)?).ok());
            let range = from.zip(to).filter(|(from, to)| from <= to && *to <= all.len());
            range.map(|(from, to)| Value::array(all[from..to].to_vec())).ok_or(EvalError("slice: out of range".into()))
        }),
        ("one", [value]) => list(value).and_then(|all| match all.as_slice() {
            [] => Ok(Value::Null),
            [only] => Ok(only.clone()),
            _ => error("one: the list has several elements"),
        }),
        ("zipmap", [keys, values]) => list(keys).and_then(|keys| {
            let keys = keys.iter().map(to_text).collect::<Result<Vec<_>, _>>()?;
            Ok(Value::object(keys.into_iter().zip(list(values)?)))
        }),
        ("range", numbers) => range(numbers),
        ("matchkeys", [values, keys, wanted]) => list(values).and_then(|values| {
            let (keys, wanted) = (list(keys)?, list(wanted)?);
            if keys.len() != values.len() {
                return error("matchkeys: the lists are of different lengths");
            }
            let pairs = values.into_iter().zip(keys).filter(|(_, key)| wanted.contains(key));
            Ok(Value::array(pairs.map(|(value, _)| value)))
        }),
        ("transpose", [Value::Object(object)]) => {
            let mut made: BTreeMap<String, Vec<Value>> = BTreeMap::new();
            object
                .iter()
                .try_for_each(|(key, values)| {
                    for value in list(values)? {
                        made.entry(to_text(&value)?).or_default().push(key.as_str().into());
                    }
                    Ok(())
                })
                .map(|()| Value::object(made.into_iter().map(|(key, values)| (key, Value::array(values)))))
        }
        ("chunklist", [value, size]) => list(value).and_then(|all| {
            let size = usize::try_from(int(size)?).unwrap_or(0).max(1);
            Ok(Value::array(all.chunks(size).map(|chunk| Value::array(chunk.to_vec()))))
        }),
        ("alltrue" | "anytrue", [value]) => list(value).and_then(|all| {
            let decisive = name == "anytrue";
            let mut unknown = None;
            for element in all {
                match to_bool(&element)? {
                    Ok(truth) if truth == decisive => return Ok(decisive.into()),
                    Ok(_) => {}
                    Err(waits) => unknown = Some(waits),
                }
            }
            Ok(unknown.unwrap_or_else(|| (!decisive).into()))
        }),
        ("lookup", [object, key, default @ ..]) => {
            index(object, key).or_else(|error| default.first().cloned().ok_or(error))
        }
        _ => return None,
    })
}

fn sets(name: &str, arguments: &[Value]) -> Option<Evaluated> {
    Some(match (name, arguments) {
        ("setunion", sets) => concat(sets).map(|all| to_set(&all)),
        ("setintersection", [first, rest @ ..]) => list(first).and_then(|mut all| {
            for other in rest {
                let other: HashSet<Value> = list(other)?.into_iter().collect();
                all.retain(|element| other.contains(element));
            }
            Ok(Value::Set(all.into_iter().collect()))
        }),
        ("setsubtract", [a, b]) => list(a).and_then(|a| {
            let b: HashSet<Value> = list(b)?.into_iter().collect();
            Ok(Value::Set(a.into_iter().filter(|element| !b.contains(element)).collect()))
        }),
        ("setproduct", sets) => product(sets),
        _ => return None,
    })
}

fn length(value: &Value) -> Evaluated {
    let length = match value {
        Value::String(text) => text.chars().count(),
        other => match pairs(other)? {
            Some(pairs) => pairs.len(),
            None => return Ok(other.clone()),
        },
    };
    Ok(i64::try_from(length).unwrap_or(i64::MAX).into())
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

fn range(numbers: &[Value]) -> Evaluated {
    let numbers = numbers.iter().map(int).collect::<Result<Vec<_>, _>>()?;
    let (start, end, step) = match numbers.as_slice() {
        [end] => (0, *end, if *end < 0 { -1 } else { 1 }),
        [start, end] => (*start, *end, if end < start { -1 } else { 1 }),
        [start, end, step] if *step != 0 => (*start, *end, *step),
        _ => return error("range: one to three numbers, the step not 0"),
    };
    let mut all = Vec::new();
    let mut next = start;
    while if step > 0 { next < end } else { next > end } {
        if all.len() >= MAX_ELEMENTS {
            return error(format!("range makes more than {MAX_ELEMENTS} elements"));
        }
        all.push(Value::from(next));
        next = next.saturating_add(step);
    }
    Ok(Value::array(all))
}

fn product(sets: &[Value]) -> Evaluated {
    let mut rows: Vec<Vec<Value>> = vec![Vec::new()];
    for set in sets {
        let members = list(set)?;
        within_elements(rows.len().saturating_mul(members.len()).saturating_mul(sets.len()))?;
        rows = rows
            .iter()
            .flat_map(|row| members.iter().map(move |member| row.iter().cloned().chain([member.clone()]).collect()))
            .collect();
    }
    Ok(Value::array(rows.into_iter().map(Value::array)))
}

fn conversions(name: &str, arguments: &[Value]) -> Option<Evaluated> {
    Some(match (name, arguments) {
        ("tostring" | "tonumber" | "tobool", [Value::Null]) => Ok(Value::Null),
        ("tostring", [value]) => to_text(value).map(Value::from),
        ("tonumber", [value]) => to_number(value).map(Value::Number),
        ("tobool", [value]) => to_bool(value).map(|truth| truth.map_or_else(|unknown| unknown, Value::Bool)),
        _ => return None,
    })
}
