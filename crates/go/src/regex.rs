//! Regular expressions of RE2's syntax, as Go's `regexp` takes them.

mod re2;

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use regex::{Regex, RegexBuilder};

/// How many compiled expressions each thread keeps.
const KEPT: usize = 512;

/// Largest compiled expression, in bytes.
const MAX_SIZE: usize = 4 << 20;

thread_local! {
    static COMPILED: RefCell<HashMap<String, Rc<Regex>>> = RefCell::new(HashMap::new());
}

/// The compiled expression, kept on this thread for the next time.
///
/// # Errors
/// As [`compile`].
pub fn compiled(pattern: &str) -> Result<Rc<Regex>, String> {
    COMPILED.with_borrow_mut(|kept| {
        if let Some(known) = kept.get(pattern) {
            return Ok(Rc::clone(known));
        }
        let regex = Rc::new(compile(pattern)?);
        if kept.len() >= KEPT {
            kept.clear();
        }
        kept.insert(pattern.to_owned(), Rc::clone(&regex));
        Ok(regex)
    })
}

/// Compiles an expression. Matching takes time in proportion to the text, as there.
///
/// # Errors
/// In Go's words, when RE2 would refuse it or it compiles to more than four megabytes.
pub fn compile(pattern: &str) -> Result<Regex, String> {
    if let Some(problem) = re2::problem(pattern) {
        return Err(format!("error parsing regexp: {problem}"));
    }
    let translated = translate(pattern);
    RegexBuilder::new(&translated).octal(true).size_limit(MAX_SIZE).build().map_err(|error| {
        let shown = error.to_string();
        let problem = shown.lines().last().unwrap_or_default();
        let open = translated.rfind('[').filter(|_| problem.ends_with("unclosed character class"));
        let problem = problem.trim_start_matches("error: ");
        match open {
            _ if problem == "unclosed group" => format!("error parsing regexp: missing closing ): `{pattern}`"),
            _ if problem == "unopened group" => format!("error parsing regexp: unexpected ): `{pattern}`"),
            Some(open) => format!("error parsing regexp: missing closing ]: `{}`", &translated[open..]),
            None => format!("error parsing regexp: {problem}"),
        }
    })
}

/// From RE2's syntax to that of the `regex` crate: classes like `\d` are ASCII, a brace that begins no repetition stands
/// for itself, as does any escaped punctuation and a bracket within a class.
fn translate(pattern: &str) -> String {
    let mut out = String::with_capacity(pattern.len() + 16);
    let mut rest = pattern;
    let mut in_class = false;
    let mut class_start = false;
    while let Some(character) = rest.chars().next() {
        let tail = &rest[character.len_utf8()..];
        let first_of_class = std::mem::take(&mut class_start);
        match character {
            '\\' => {
                rest = escape(tail, in_class, &mut out);
                continue;
            }
            '[' if !in_class => {
                in_class = true;
                class_start = true;
                out.push('[');
                if let Some(negated) = tail.strip_prefix('^') {
                    out.push('^');
                    rest = negated;
                    continue;
                }
            }
            '[' => match tail.find(":]").filter(|_| tail.starts_with(':')) {
                Some(end) => {
                    out.push_str(&rest[..end + 3]);
                    rest = &rest[end + 3..];
                    continue;
                }
                None => out.push_str("\\["),
            },
            ']' if in_class && first_of_class => out.push_str("\\]"),
            ']' if in_class => {
                in_class = false;
                out.push(']');
            }
            '&' | '~' if in_class => {
                out.push('\\');
                out.push(character);
            }
            '-' if in_class && tail.starts_with('-') => out.push_str("\\-"),
            '{' if !in_class && !is_repetition(tail) => out.push_str("\\{"),
            other => out.push(other),
        }
        rest = tail;
    }
    out
}

/// Whether what stands behind a brace makes it a repetition.
fn is_repetition(tail: &str) -> bool {
    let Some(end) = tail.find('}') else { return false };
    let (low, high) = tail[..end].split_once(',').unwrap_or((&tail[..end], ""));
    !low.is_empty() && low.bytes().chain(high.bytes()).all(|byte| byte.is_ascii_digit())
}

/// Translates what stands behind a backslash; gives the rest.
fn escape<'p>(tail: &'p str, in_class: bool, out: &mut String) -> &'p str {
    let Some(character) = tail.chars().next() else {
        out.push('\\');
        return tail;
    };
    let rest = &tail[character.len_utf8()..];
    let class = |inside: &'static str, outside: &'static str| if in_class { inside } else { outside };
    match character {
        'd' => out.push_str(class("0-9", "[0-9]")),
        'D' => out.push_str("[^0-9]"),
        'w' => out.push_str(class("0-9A-Za-z_", "[0-9A-Za-z_]")),
        'W' => out.push_str("[^0-9A-Za-z_]"),
        's' => out.push_str(class("\\t\\n\\f\\r ", "[\\t\\n\\f\\r ]")),
        'S' => out.push_str("[^\\t\\n\\f\\r ]"),
        'b' => out.push_str("(?-u:\\b)"),
        'B' => out.push_str("(?-u:\\B)"),
        'Q' => {
            let (literal, rest) = rest.split_once("\\E").unwrap_or((rest, ""));
            out.push_str(&regex::escape(literal));
            return rest;
        }
        'E' => {}
        'p' | 'P' | 'x' if rest.starts_with('{') => {
            let end = rest.find('}').map_or(rest.len(), |end| end + 1);
            out.push('\\');
            out.push(character);
            out.push_str(&rest[..end]);
            return &rest[end..];
        }
        punctuation if punctuation.is_ascii_punctuation() => {
            out.push_str(&format!("\\x{:02X}", u32::from(punctuation)));
        }
        other => {
            out.push('\\');
            out.push(other);
        }
    }
    rest
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_matches() {
        for (pattern, text, expected) in [
            ("^[a-z]+$", "abc", true),
            ("\\d", "٣", false),
            ("a{,2}", "a{,2}", true),
            ("[[]", "[", true),
            ("\\Qa.b\\E", "axb", false),
            ("(?i)ABC", "abc", true),
        ] {
            assert_eq!(compiled(pattern).unwrap().is_match(text), expected, "{pattern} on {text}");
        }
    }

    #[test]
    fn what_is_refused() {
        for pattern in ["(", "a**", "a{1001}", "(?=a)", "[a", "\\1", "(a{1000}){1000}"] {
            assert!(compile(pattern).unwrap_err().starts_with("error parsing regexp: "), "{pattern}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_compiled_or_refused(pattern in "[ab(){}\\[\\]?*+|^$.\\\\dw:<>P,0-9-]{0,16}") {
            let _ = compile(&pattern);
        }
    }
}
