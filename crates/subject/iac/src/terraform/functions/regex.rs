//! Regular expressions, in the syntax of RE2.

use std::rc::Rc;

use probity_model::Value;
use regex::{Captures, Regex};

use super::{within_elements, within_string};
use crate::terraform::eval::{EvalError, Evaluated, error, to_text};

/// The function of this name.
pub(super) fn call(name: &str, arguments: &[Value]) -> Option<Evaluated> {
    Some(match (name, arguments) {
        ("regex", [pattern, text]) => first(pattern, text),
        ("regexall", [pattern, text]) => all(pattern, text),
        _ => return None,
    })
}

/// Groups have all names, or none.
fn compiled(pattern: &str) -> Result<Rc<Regex>, EvalError> {
    let regex = probity_go::regex::compiled(pattern).map_err(EvalError)?;
    let named = regex.capture_names().flatten().count();
    if named > 0 && named + 1 < regex.captures_len() {
        return error("a pattern has groups with names and groups without");
    }
    Ok(regex)
}

fn first(pattern: &Value, text: &Value) -> Evaluated {
    let (regex, text) = (compiled(&to_text(pattern)?)?, to_text(text)?);
    match regex.captures(&text) {
        Some(captures) => Ok(found(&regex, &captures)),
        None => error("regex: the pattern does not match"),
    }
}

fn all(pattern: &Value, text: &Value) -> Evaluated {
    let (regex, text) = (compiled(&to_text(pattern)?)?, to_text(text)?);
    let mut matches = Vec::new();
    for captures in regex.captures_iter(&text) {
        matches.push(found(&regex, &captures));
        within_elements(matches.len())?;
    }
    Ok(Value::array(matches))
}

/// What was matched: the groups by name, or as a list, or the whole where there are none.
fn found(regex: &Regex, captures: &Captures<'_>) -> Value {
    let text = |group: Option<regex::Match<'_>>| group.map_or(Value::Null, |group| group.as_str().into());
    let names: Vec<&str> = regex.capture_names().flatten().collect();
    if !names.is_empty() {
        return Value::object(names.into_iter().map(|name| (name, text(captures.name(name)))));
    }
    if captures.len() == 1 {
        return text(captures.get(0));
    }
    Value::array((1..captures.len()).map(|group| text(captures.get(group))))
}

/// `replace` with a pattern between slashes; `$1` and `${name}` in the replacement are groups.
pub(super) fn replace(text: &str, pattern: &str, replacement: &str) -> Evaluated {
    let regex = probity_go::regex::compiled(pattern).map_err(EvalError)?;
    let mut out = String::new();
    let mut end = 0;
    for captures in regex.captures_iter(text) {
        let Some(whole) = captures.get(0) else { continue };
        out.push_str(&text[end..whole.start()]);
        captures.expand(replacement, &mut out);
        end = whole.end();
        within_string(out.len())?;
    }
    out.push_str(&text[end..]);
    Ok(out.into())
}
