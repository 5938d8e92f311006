//! Go's own functions.

use std::cmp::Ordering;

use super::{Failure, Outcome, Table, at_least, exactly, int, string};
use crate::datum::Datum;
use crate::print;

pub(super) const TABLE: Table = &[
    ("call", |_| Err("there is no function to call".into())),
    ("eq", eq),
    ("ge", |args| less(args, |order| order != Ordering::Less)),
    ("gt", |args| less(args, |order| order == Ordering::Greater)),
    ("html", |args| Ok(html(&print::print(args)).into())),
    ("index", index),
    ("js", |args| Ok(js(&print::print(args)).into())),
    ("le", |args| less(args, |order| order != Ordering::Greater)),
    ("len", len),
    ("lt", |args| less(args, |order| order == Ordering::Less)),
    ("ne", |args| {
        let [a, b] = exactly(args)?;
        Ok((!same(a, b)?).into())
    }),
    ("not", |args| {
        let [value] = exactly(args)?;
        Ok((!value.is_true()).into())
    }),
    ("print", |args| Ok(print::print(args).into())),
    ("printf", |args| {
        let ([format], rest) = at_least(args)?;
        Ok(print::format(string(format)?, rest).into())
    }),
    ("println", |args| Ok(print::println(args).into())),
    ("urlquery", |args| Ok(super::urls::query_escaped(&print::print(args)).into())),
];

fn eq(args: &[Datum]) -> Outcome {
    let ([first], rest) = at_least(args)?;
    if rest.is_empty() {
        return Err("missing argument for comparison".into());
    }
    for other in rest {
        if same(first, other)? {
            return Ok(true.into());
        }
    }
    Ok(false.into())
}

/// Whether two values are equal; those of different kinds cannot be compared, unless one is nil.
fn same(a: &Datum, b: &Datum) -> Result<bool, Failure> {
    match (a, b) {
        (a, b) if a.is_nil() || b.is_nil() => Ok(a.is_nil() && b.is_nil()),
        (Datum::Bool(a), Datum::Bool(b)) => Ok(a == b),
        (Datum::Int(a) | Datum::Int64(a), Datum::Int(b) | Datum::Int64(b)) => Ok(a == b),
        #[expect(clippy::float_cmp, reason = "as Go compares them")]
        (Datum::Float(a), Datum::Float(b)) => Ok(a == b),
        (Datum::Text(a), Datum::Text(b)) => Ok(a == b),
        (Datum::Native(_), Datum::Native(_)) => Ok(a.deep_equal(b)),
        (Datum::List(_) | Datum::Map(_), Datum::List(_) | Datum::Map(_)) => {
            Err(format!("non-comparable type {}: {}", print::plain(a), a.type_name()).into())
        }
        _ => Err("incompatible types for comparison".into()),
    }
}

fn less(args: &[Datum], holds: fn(Ordering) -> bool) -> Outcome {
    let [a, b] = exactly(args)?;
    let order = match (a, b) {
        (Datum::Int(a) | Datum::Int64(a), Datum::Int(b) | Datum::Int64(b)) => a.cmp(b),
        (Datum::Float(a), Datum::Float(b)) => match a.partial_cmp(b) {
            Some(order) => order,
            None => return Ok(false.into()),
        },
        (Datum::Text(a), Datum::Text(b)) => a.cmp(b),
        (Datum::Bool(_) | Datum::List(_) | Datum::Map(_) | Datum::Native(_), _) => {
            return Err("invalid type for comparison".into());
        }
        _ => return Err("incompatible types for comparison".into()),
    };
    Ok(holds(order).into())
}

fn index(args: &[Datum]) -> Outcome {
    let ([value], keys) = at_least(args)?;
    let mut value = value.clone();
    for key in keys {
        if let Datum::Native(native) = &value {
            value = native.data();
        }
        value = match &value {
            Datum::Map(map) => map.get(string(key)?).unwrap_or(Datum::Nil),
            Datum::List(list) => {
                let position = int(key)?;
                let found = usize::try_from(position).ok().and_then(|position| list.get(position));
                found.cloned().ok_or_else(|| format!("index out of range: {position}"))?
            }
            Datum::Text(text) => {
                let position = int(key)?;
                let byte = usize::try_from(position).ok().and_then(|position| text.as_bytes().get(position));
                Datum::Int(i64::from(*byte.ok_or_else(|| format!("index out of range: {position}"))?))
            }
            nil if nil.is_nil() => return Err("index of nil pointer".into()),
            other => return Err(format!("can't index item of type {}", other.type_name()).into()),
        };
    }
    if keys.is_empty() && value.is_nil() {
        return Err("index of untyped nil".into());
    }
    Ok(value)
}

fn len(args: &[Datum]) -> Outcome {
    let [value] = exactly(args)?;
    let length = match value {
        Datum::Text(text) => text.len(),
        Datum::List(list) => list.len(),
        Datum::Map(map) => map.len(),
        Datum::Native(native) => return len(&[native.data()]),
        nil if nil.is_nil() => return Err("len of nil pointer".into()),
        other => return Err(format!("len of type {}", other.type_name()).into()),
    };
    Ok(Datum::Int(i64::try_from(length).unwrap_or(i64::MAX)))
}

fn html(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '"' => out.push_str("&#34;"),
            '\'' => out.push_str("&#39;"),
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\0' => out.push('\u{fffd}'),
            other => out.push(other),
        }
    }
    out
}

fn js(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\\' => out.push_str("\\\\"),
            '\'' => out.push_str("\\'"),
            '"' => out.push_str("\\\""),
            '<' | '>' | '&' | '=' => out.push_str(&format!("\\u{:04X}", character as u32)),
            control if (control as u32) < 0x20 => out.push_str(&format!("\\u{:04X}", control as u32)),
            other => out.push(other),
        }
    }
    out
}
