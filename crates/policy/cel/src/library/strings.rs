//! Texts: positions count characters (cel-go's `ext/strings`).

use crate::environment::Builder;
use crate::program::{check_text, traversal};
use crate::{Error, Evaluation, Overload, Type, Value};

use super::args::{count, error, int, list, text};
use super::format::{self, Style};
use super::lists::check_length;

/// Texts, as cel-go has them now.
pub fn strings(builder: &mut Builder) {
    common(builder);
    format::format(builder, Style::Current);
    builder.function("reverse", Overload::member("string_reverse", [Type::String], Type::String, reverse));
}

/// Texts of version 2 of the library, as Kubernetes has them: `format` writes numbers as people of the United States
/// do, and there is no `reverse`.
pub fn strings_version_2(builder: &mut Builder) {
    common(builder);
    format::format(builder, Style::Version2);
}

type Run = fn(&Evaluation<'_>, &[Value]) -> Result<Value, Error>;

fn member(id: &'static str, params: Vec<Type>, result: Type, run: Run) -> Overload {
    Overload::member(id, params, result, run)
}

/// A function's name, the id of its overload, and what it does.
type Transform = (&'static str, &'static str, fn(&str) -> String);

fn common(builder: &mut Builder) {
    use Type::{Int, String};
    let once = |args: &[Value], _: &Value| traversal(args[0].size());
    let twice = |args: &[Value], _: &Value| (args[0].size() * 2).div_ceil(10);
    let searched = |args: &[Value], _: &Value| args[0].as_str().map_or(0, str::len) as u64 / 10;
    let texts = || Type::list(String);
    builder
        .function("charAt", member("string_char_at_int", vec![String, Int], String, char_at))
        .function("indexOf", member("string_index_of_string", vec![String, String], Int, index_of).with_cost(searched))
        .function(
            "indexOf",
            member("string_index_of_string_int", vec![String, String, Int], Int, index_of).with_cost(searched),
        )
        .function(
            "lastIndexOf",
            member("string_last_index_of_string", vec![String, String], Int, last_index_of).with_cost(searched),
        )
        .function(
            "lastIndexOf",
            member("string_last_index_of_string_int", vec![String, String, Int], Int, last_index_of)
                .with_cost(searched),
        )
        .function("replace", member("string_replace", vec![String, String, String], String, replace).with_cost(twice))
        .function(
            "replace",
            member("string_replace_int", vec![String, String, String, Int], String, replace).with_cost(twice),
        )
        .function("split", member("string_split_string", vec![String, String], texts(), split).with_cost(twice))
        .function(
            "split",
            member("string_split_string_int", vec![String, String, Int], texts(), split).with_cost(twice),
        )
        .function("substring", member("string_substring_int", vec![String, Int], String, substring).with_cost(once))
        .function(
            "substring",
            member("string_substring_int_int", vec![String, Int, Int], String, substring).with_cost(once),
        )
        .function("join", join("list_join", vec![texts()]))
        .function("join", join("list_join_string", vec![texts(), String]))
        .function("strings.quote", quote());
    let transforms: [Transform; 3] = [
        ("lowerAscii", "string_lower_ascii", str::to_ascii_lowercase),
        ("upperAscii", "string_upper_ascii", str::to_ascii_uppercase),
        ("trim", "string_trim", |text| text.trim_matches(is_space).to_owned()),
    ];
    for (name, id, transform) in transforms {
        let run = move |_: &Evaluation<'_>, args: &[Value]| Ok(Value::from(transform(text(args, 0)?)));
        builder.function(name, Overload::member(id, [String], String, run).with_cost(once));
    }
}

/// White space as Go's `unicode.IsSpace` has it.
fn is_space(c: char) -> bool {
    c.is_whitespace()
}

fn characters(args: &[Value], index: usize) -> Result<Vec<char>, Error> {
    Ok(text(args, index)?.chars().collect())
}

fn out_of_range(index: i64) -> Error {
    error(format!("index out of range: {index}"))
}

fn char_at(_: &Evaluation<'_>, args: &[Value]) -> Result<Value, Error> {
    let (characters, at) = (characters(args, 0)?, int(args, 1)?);
    match usize::try_from(at) {
        Ok(at) if at == characters.len() => Ok(Value::from("")),
        Ok(at) => characters.get(at).map(|c| Value::from(c.to_string())).ok_or_else(|| out_of_range(int_of(at))),
        Err(_) => Err(out_of_range(at)),
    }
}

fn int_of(at: usize) -> i64 {
    i64::try_from(at).unwrap_or(i64::MAX)
}

fn offset(args: &[Value]) -> Result<Option<usize>, Error> {
    if args.len() < 3 {
        return Ok(None);
    }
    let at = int(args, 2)?;
    usize::try_from(at).map(Some).map_err(|_| out_of_range(at))
}

fn found(position: Option<usize>) -> Value {
    position.map_or(Value::Int(-1), count)
}

fn index_of(_: &Evaluation<'_>, args: &[Value]) -> Result<Value, Error> {
    let (characters, part) = (characters(args, 0)?, characters(args, 1)?);
    let from = offset(args)?.unwrap_or(0);
    if part.is_empty() {
        return Ok(count(from.min(characters.len())));
    }
    let Some(rest) = characters.get(from..) else { return Ok(Value::Int(-1)) };
    Ok(found(rest.windows(part.len()).position(|window| window == part).map(|at| at + from)))
}

fn last_index_of(_: &Evaluation<'_>, args: &[Value]) -> Result<Value, Error> {
    let (characters, part) = (characters(args, 0)?, characters(args, 1)?);
    let to = offset(args)?;
    if part.is_empty() {
        return Ok(count(to.map_or(characters.len(), |to| to.min(characters.len()))));
    }
    // An offset past the end finds nothing.
    if to.is_some_and(|to| to >= characters.len()) {
        return Ok(Value::Int(-1));
    }
    let last = to.unwrap_or(characters.len());
    let windows = characters.windows(part.len()).enumerate();
    Ok(found(windows.filter(|(at, window)| *at <= last && *window == part).map(|(at, _)| at).next_back()))
}

fn replace(_: &Evaluation<'_>, args: &[Value]) -> Result<Value, Error> {
    let (whole, old, new) = (text(args, 0)?, text(args, 1)?, text(args, 2)?);
    let limit = match args.get(3) {
        None => usize::MAX,
        Some(_) => usize::try_from(int(args, 3)?).unwrap_or(usize::MAX),
    };
    let matches = if limit == 0 { 0 } else { whole.matches(old.as_str()).count().min(limit) };
    check_text(whole.len().saturating_add(matches.saturating_mul(new.len())))?;
    Ok(Value::from(whole.replacen(old.as_str(), new, limit)))
}

fn split(_: &Evaluation<'_>, args: &[Value]) -> Result<Value, Error> {
    let (whole, separator) = (text(args, 0)?, text(args, 1)?);
    let limit = match args.get(2) {
        None => usize::MAX,
        Some(_) => usize::try_from(int(args, 2)?).unwrap_or(usize::MAX),
    };
    if limit == 0 {
        return Ok(Value::list([]));
    }
    if separator.is_empty() {
        check_length(whole.len().min(limit))?;
        return Ok(Value::list(split_characters(whole, limit)));
    }
    check_length(whole.matches(separator.as_str()).count().min(limit))?;
    Ok(Value::list(whole.splitn(limit, separator.as_str()).map(Value::from)))
}

/// One text for each character, the last with all that is left when there may be no more.
fn split_characters(whole: &str, limit: usize) -> Vec<Value> {
    let mut parts = Vec::new();
    let mut rest = whole;
    while let Some(c) = rest.chars().next() {
        if parts.len() + 1 == limit {
            parts.push(Value::from(rest));
            break;
        }
        parts.push(Value::from(c.to_string()));
        rest = &rest[c.len_utf8()..];
    }
    parts
}

fn substring(_: &Evaluation<'_>, args: &[Value]) -> Result<Value, Error> {
    let (characters, start) = (characters(args, 0)?, int(args, 1)?);
    let Some(_) = args.get(2) else {
        let from = usize::try_from(start).ok().and_then(|start| characters.get(start..));
        return from.map(|part| Value::from(part.iter().collect::<String>())).ok_or_else(|| out_of_range(start));
    };
    let end = int(args, 2)?;
    if start > end {
        return Err(error(format!("invalid substring range. start: {start}, end: {end}")));
    }
    let within =
        |at: i64| usize::try_from(at).ok().filter(|at| *at <= characters.len()).ok_or_else(|| out_of_range(at));
    Ok(Value::from(characters[within(start)?..within(end)?].iter().collect::<String>()))
}

fn join(id: &'static str, params: Vec<Type>) -> Overload {
    let run = |_: &Evaluation<'_>, args: &[Value]| {
        let separator = if args.len() > 1 { text(args, 1)?.as_str() } else { "" };
        let mut joined = String::new();
        for (index, part) in list(args, 0)?.iter().enumerate() {
            let part = part.as_str().ok_or(Error::NoSuchOverload)?;
            check_text(joined.len() + separator.len() + part.len())?;
            if index > 0 {
                joined.push_str(separator);
            }
            joined.push_str(part);
        }
        Ok(Value::from(joined))
    };
    Overload::member(id, params, Type::String, run).with_cost(|_, result| (result.size() * 2).div_ceil(10))
}

fn reverse(_: &Evaluation<'_>, args: &[Value]) -> Result<Value, Error> {
    Ok(Value::from(text(args, 0)?.chars().rev().collect::<String>()))
}

fn quote() -> Overload {
    let run = |_: &Evaluation<'_>, args: &[Value]| Ok(Value::from(quoted(text(args, 0)?)));
    Overload::global("strings_quote", [Type::String], Type::String, run).with_cost(|args, _| traversal(args[0].size()))
}

/// A text between quotes, with the escapes that CEL reads back.
pub(super) fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '\u{7}' => out.push_str("\\a"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{b}' => out.push_str("\\v"),
            '\\' => out.push_str("\\\\"),
            '"' => out.push_str("\\\""),
            other => out.push(other),
        }
    }
    out.push('"');
    out
}
