//! JSON: reading, writing, cutting and patching.

use probity_model::json;
use probity_model::value::{Array, Key, Object, Set, Value};

use super::args::{all_expandable, array, bad, object, string, type_name, wrong_type};
use super::{Context, Failure, Outcome};

/// A value as JSON has it: sets become lists.
pub(super) fn plain(value: &Value) -> Value {
    match value {
        Value::Array(array) => Value::array(array.iter().map(plain)),
        Value::Set(set) => Value::array(set.iter().map(plain)),
        Value::Object(object) => Value::object(object.iter().map(|(key, value)| (key.as_str(), plain(value)))),
        other => other.clone(),
    }
}

/// Compact JSON with the characters escaped that Go escapes.
pub(super) fn marshalled(value: &Value) -> String {
    let text = json::write(&plain(value));
    let text = json::escaped_for_html(&text).into_owned();
    if text.contains("\\u00") { text.replace("\\u0008", "\\b").replace("\\u000c", "\\f") } else { text }
}

pub(super) fn marshal(_: &mut Context<'_>, args: &[Value]) -> Outcome {
    all_expandable(args)?;
    Ok(marshalled(&args[0]).into())
}

pub(super) fn marshal_with_options(_: &mut Context<'_>, args: &[Value]) -> Outcome {
    all_expandable(args)?;
    let (mut indent, mut prefix) = ("\t", "");
    let (mut pretty, mut implied) = (None, false);
    for (key, value) in object(args, 1)?.iter() {
        let name = key.as_str();
        let text = || value.as_str().ok_or_else(|| bad(2, format!("key \"{name}\" failed cast to string")));
        match name {
            "prefix" => prefix = text()?,
            "indent" => indent = text()?,
            "pretty" => {
                let truth = value.as_bool().ok_or_else(|| bad(2, "key \"pretty\" failed cast to bool"))?;
                pretty = Some(truth);
                continue;
            }
            _ => return Err(bad(2, format!("object contained unknown key \"{name}\""))),
        }
        implied = true;
    }
    if !pretty.unwrap_or(implied) {
        return marshal_value(&args[0]);
    }
    let mut out = prefix.to_owned();
    write_indented(&plain(&args[0]), prefix, indent, 0, &mut out);
    Ok(out.into())
}

fn marshal_value(value: &Value) -> Outcome {
    Ok(marshalled(value).into())
}

fn write_indented(value: &Value, prefix: &str, indent: &str, level: usize, out: &mut String) {
    let line = |out: &mut String, level: usize| {
        out.push('\n');
        out.push_str(prefix);
        out.extend(std::iter::repeat_n(indent, level));
    };
    match value {
        Value::Array(array) if !array.is_empty() => {
            out.push('[');
            for (position, element) in array.iter().enumerate() {
                if position > 0 {
                    out.push(',');
                }
                line(out, level + 1);
                write_indented(element, prefix, indent, level + 1, out);
            }
            line(out, level);
            out.push(']');
        }
        Value::Object(object) if !object.is_empty() => {
            out.push('{');
            for (position, (key, value)) in object.iter().enumerate() {
                if position > 0 {
                    out.push(',');
                }
                line(out, level + 1);
                out.push_str(&marshalled(&key.as_str().into()));
                out.push_str(": ");
                write_indented(value, prefix, indent, level + 1, out);
            }
            line(out, level);
            out.push('}');
        }
        other => out.push_str(&marshalled(other)),
    }
}

pub(super) fn unmarshal(_: &mut Context<'_>, args: &[Value]) -> Outcome {
    let value =
        json::read(whole_surrogates(string(args, 0)?).as_bytes()).map_err(|problem| Failure::value(problem.message))?;
    if out_of_range(&value) { Err(Failure::value("a number is out of range")) } else { Ok(value) }
}

/// Largest power of ten that a number may have.
const MAX_EXPONENT: u64 = 32_768;

/// Whether any number is too large or too close to zero to be reckoned with.
fn out_of_range(value: &Value) -> bool {
    match value {
        Value::Number(number) => {
            number.as_i64().is_none() && {
                let (_, scale) = number.to_big().into_bigint_and_exponent();
                scale.unsigned_abs() > MAX_EXPONENT
            }
        }
        Value::Array(array) => array.iter().any(out_of_range),
        Value::Object(object) => object.iter().any(|(_, value)| out_of_range(value)),
        _ => false,
    }
}

pub(super) fn is_valid(_: &mut Context<'_>, args: &[Value]) -> Outcome {
    Ok(args[0].as_str().is_some_and(|text| json::read(whole_surrogates(text).as_bytes()).is_ok()).into())
}

type Path = Vec<Value>;

fn path(value: &Value) -> Result<Path, Failure> {
    match value {
        Value::String(text) if text.is_empty() => Ok(Vec::new()),
        Value::String(text) => Ok(text
            .trim_start_matches('/')
            .split('/')
            .map(|part| Value::from(part.replace("~1", "/").replace("~0", "~")))
            .collect()),
        Value::Array(array) => Ok(array.iter().cloned().collect()),
        other => Err(bad(
            2,
            format!(
                "must be one of {{set, array}} containing string paths or array of path segments but got {}",
                type_name(other)
            ),
        )),
    }
}

fn paths(value: &Value) -> Result<Vec<Path>, Failure> {
    match value {
        Value::Array(array) => array.iter().map(path).collect(),
        Value::Set(set) => set.iter().map(path).collect(),
        other => Err(wrong_type(2, other, &["set", "array"])),
    }
}

/// Paths as a tree; a path that ends within another's makes the longer one needless.
#[derive(Default)]
struct Cut {
    below: Vec<(Key, Cut)>,
    end: bool,
}

impl Cut {
    fn of(paths: &[Path]) -> Self {
        let mut root = Self::default();
        for path in paths.iter().filter(|path| !path.is_empty()) {
            let mut node = &mut root;
            for part in path {
                if node.end {
                    break;
                }
                let key = Key::from_value(part);
                let at = node.below.iter().position(|(known, _)| *known == key).unwrap_or_else(|| {
                    node.below.push((key, Self::default()));
                    node.below.len() - 1
                });
                node = &mut node.below[at].1;
            }
            node.end = true;
        }
        root
    }

    fn get(&self, key: &Key) -> Option<&Self> {
        self.below.iter().find(|(known, _)| known == key).map(|(_, cut)| cut)
    }

    fn at_index(&self, index: usize) -> Option<&Self> {
        self.get(&Key::new(&index.to_string()))
    }
}

pub(super) fn remove(_: &mut Context<'_>, args: &[Value]) -> Outcome {
    all_expandable(args)?;
    object(args, 0)?;
    let cut = Cut::of(&paths(&args[1])?);
    removed(&args[0], Some(&cut)).ok_or(Failure::Undefined)
}

fn removed(value: &Value, cut: Option<&Cut>) -> Option<Value> {
    let Some(cut) = cut else { return Some(value.clone()) };
    if cut.end {
        return None;
    }
    Some(match value {
        Value::Object(object) => Value::Object(
            object
                .iter()
                .filter_map(|(key, value)| Some((key.clone(), removed(value, cut.get(key))?)))
                .collect::<Object>(),
        ),
        Value::Array(array) => {
            Value::array(array.iter().enumerate().filter_map(|(at, value)| removed(value, cut.at_index(at))))
        }
        Value::Set(set) => {
            Value::Set(set.iter().filter_map(|value| removed(value, cut.get(&Key::from_value(value)))).collect::<Set>())
        }
        other => other.clone(),
    })
}

pub(super) fn filter(_: &mut Context<'_>, args: &[Value]) -> Outcome {
    all_expandable(args)?;
    object(args, 0)?;
    let cut = Cut::of(&paths(&args[1])?);
    Ok(filtered(&args[0], &cut))
}

fn filtered(value: &Value, cut: &Cut) -> Value {
    if cut.end {
        return value.clone();
    }
    match value {
        Value::Object(object) => Value::Object(
            object
                .iter()
                .filter_map(|(key, value)| Some((key.clone(), filtered(value, cut.get(key)?))))
                .collect::<Object>(),
        ),
        Value::Array(array) => {
            Value::array(array.iter().enumerate().filter_map(|(at, value)| Some(filtered(value, cut.at_index(at)?))))
        }
        Value::Set(set) => Value::Set(
            set.iter().filter_map(|value| Some(filtered(value, cut.get(&Key::from_value(value))?))).collect::<Set>(),
        ),
        other => other.clone(),
    }
}

pub(super) fn patch(_: &mut Context<'_>, args: &[Value]) -> Outcome {
    all_expandable(args)?;
    let mut document = args[0].clone();
    let mut removed = false;
    for operation in array(args, 1)? {
        let Value::Object(operation) = operation else {
            return Err(Failure::value(
                "must be an array of JSON-Patch objects, but at least one element is not an object",
            ));
        };
        let attribute = |name: &str| {
            operation.get(name).ok_or_else(|| Failure::value(format!("missing required attribute '{name}'")))
        };
        let at = attribute("path")?;
        let op = attribute("op")?;
        let op = op
            .as_str()
            .ok_or_else(|| Failure::value(format!("attribute 'op' must be a string but found: {}", type_name(op))))?;
        let at = path(at)?;
        if removed && !(at.is_empty() && op == "add") {
            return Err(Failure::value("nothing is left of the document"));
        }
        removed = op == "remove" && at.is_empty();
        document = match op {
            "add" => inserted(&document, &at, attribute("value")?.clone())?,
            "remove" => deleted(&document, &at)?,
            "replace" => {
                let without = deleted(&document, &at)?;
                inserted(&without, &at, attribute("value")?.clone())?
            }
            "move" => {
                let from = path(attribute("from")?)?;
                let chunk = found(&document, &from)?.clone();
                inserted(&deleted(&document, &from)?, &at, chunk)?
            }
            "copy" => {
                let from = path(attribute("from")?)?;
                let chunk = found(&document, &from)?.clone();
                inserted(&document, &at, chunk)?
            }
            "test" => {
                let chunk = found(&document, &at)?;
                let value = attribute("value")?;
                if chunk != value {
                    return Err(Failure::value("value from EditTree != patch value."));
                }
                document
            }
            other => return Err(Failure::value(format!("unrecognized op: '{other}'"))),
        };
    }
    Ok(document)
}

fn no_path(path: &[Value]) -> Failure {
    let shown: Vec<String> = path.iter().map(json::write).collect();
    Failure::value(format!("path {} does not exist", shown.join("/")))
}

/// A list's position; `-` is the one behind the last.
fn position(part: &Value, length: usize) -> Option<usize> {
    match part {
        Value::String(text) if text == "-" => Some(length),
        Value::String(text) if text == "0" || !text.starts_with(['0', '+']) => text.parse().ok(),
        Value::Number(number) => usize::try_from(number.as_i64()?).ok(),
        _ => None,
    }
}

fn child<'v>(value: &'v Value, part: &Value) -> Option<&'v Value> {
    match value {
        Value::Object(object) => object.get_key(&Key::from_value(part)),
        Value::Array(array) => array.get(position(part, array.len())?),
        Value::Set(set) => set.as_slice().binary_search(part).ok().map(|at| &set.as_slice()[at]),
        _ => None,
    }
}

fn found<'v>(value: &'v Value, path: &[Value]) -> Result<&'v Value, Failure> {
    path.iter().try_fold(value, child).ok_or_else(|| no_path(path))
}

fn with_child(value: &Value, part: &Value, new: Value) -> Value {
    match value {
        Value::Object(object) => {
            let key = Key::from_value(part);
            let entries = object.iter().map(|(key, value)| (key.clone(), value.clone()));
            Value::Object(entries.chain(std::iter::once((key, new))).collect())
        }
        Value::Array(array) => {
            let at = position(part, array.len()).unwrap_or_default();
            let mut elements: Vec<Value> = array.iter().cloned().collect();
            if let Some(element) = elements.get_mut(at) {
                *element = new;
            }
            Value::Array(elements.into_iter().collect::<Array>())
        }
        Value::Set(set) => {
            let others = set.iter().filter(|member| *member != part).cloned();
            Value::Set(others.chain(std::iter::once(new)).collect())
        }
        other => other.clone(),
    }
}

fn inserted(value: &Value, path: &[Value], new: Value) -> Result<Value, Failure> {
    let Some((part, rest)) = path.split_first() else { return Ok(new) };
    if !rest.is_empty() {
        let inner = child(value, part).ok_or_else(|| no_path(path))?;
        return Ok(with_child(value, part, inserted(inner, rest, new)?));
    }
    match value {
        Value::Object(_) => Ok(with_child(value, part, new)),
        Value::Array(array) => {
            let at = position(part, array.len()).filter(|at| *at <= array.len()).ok_or_else(|| no_path(path))?;
            let mut elements: Vec<Value> = array.iter().cloned().collect();
            elements.insert(at, new);
            Ok(Value::array(elements))
        }
        Value::Set(set) if *part == new => Ok(Value::Set(set.iter().cloned().chain([new]).collect())),
        Value::Set(_) => Err(Failure::value("set key must be equal to value being inserted")),
        _ => Err(no_path(path)),
    }
}

fn deleted(value: &Value, path: &[Value]) -> Result<Value, Failure> {
    let Some((part, rest)) = path.split_first() else { return Ok(Value::Null) };
    let inner = child(value, part).ok_or_else(|| no_path(path))?;
    if !rest.is_empty() {
        return Ok(with_child(value, part, deleted(inner, rest)?));
    }
    Ok(match value {
        Value::Object(object) => {
            let key = Key::from_value(part);
            let kept = object.iter().filter(|(known, _)| **known != key);
            Value::Object(kept.map(|(key, value)| (key.clone(), value.clone())).collect())
        }
        Value::Array(array) => {
            let at = position(part, array.len()).unwrap_or(usize::MAX);
            let kept = array.iter().enumerate().filter(|(index, _)| *index != at);
            Value::array(kept.map(|(_, value)| value.clone()))
        }
        Value::Set(set) => Value::Set(set.iter().filter(|member| *member != part).cloned().collect()),
        other => other.clone(),
    })
}

/// Halves of surrogate pairs that stand alone mean the replacement character, as in Go.
fn whole_surrogates(text: &str) -> std::borrow::Cow<'_, str> {
    if !text.contains("\\ud") && !text.contains("\\uD") {
        return text.into();
    }
    let half = |at: usize| {
        let digits = text.get(at..at + 6)?.strip_prefix("\\u")?;
        u16::from_str_radix(digits, 16).ok().filter(|code| (0xd800..0xe000).contains(code))
    };
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while let Some(character) = text[at..].chars().next() {
        let length = match (character, half(at)) {
            ('\\', Some(first)) if first < 0xdc00 && half(at + 6).is_some_and(|second| second >= 0xdc00) => 12,
            ('\\', Some(_)) => {
                out.push_str("\\ufffd");
                at += 6;
                continue;
            }
            ('\\', None) => 1 + text[at + 1..].chars().next().map_or(0, char::len_utf8),
            _ => character.len_utf8(),
        };
        out.push_str(&text[at..at + length]);
        at += length;
    }
    out.into()
}
