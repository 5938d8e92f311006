//! Words, quotes and variables of an instruction.

use std::borrow::Cow;

use probity_model::Value;

/// Stands for what an unknown variable would put into a text.
const UNKNOWN: char = '\0';

/// Deepest nesting of `${A:-${B}}` that is followed.
const MAX_DEPTH: usize = 16;

/// Longest text that variables are put into; each may double the one before it.
const MAX_LEN: usize = 1024;

/// The words of a text as they are written; quotes and escapes keep words together.
pub(super) fn split(text: &str, escape: char) -> Vec<&str> {
    let mut words = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let end = word_end(rest, escape);
        words.push(&rest[..end]);
        rest = rest[end..].trim_start();
    }
    words
}

/// The first word as it is written, and what follows.
pub(super) fn first(text: &str, escape: char) -> (&str, &str) {
    let text = text.trim_start();
    let end = word_end(text, escape);
    (&text[..end], text[end..].trim_start())
}

fn word_end(text: &str, escape: char) -> usize {
    let mut quote = None;
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match (quote, character) {
            (None, space) if space.is_whitespace() => return at,
            (None, '"' | '\'') => quote = Some(character),
            (Some(open), close) if open == close => quote = None,
            (Some('\''), _) => {}
            (_, mark) if mark == escape => {
                characters.next();
            }
            _ => {}
        }
    }
    text.len()
}

/// A word without its quotes and escapes; variables stay as they are.
pub(super) fn unquote(word: &str, escape: char) -> String {
    expand_with(word, escape, None, 0)
}

/// What a variable is known to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Variable {
    /// Its value, with marks where that is unknown in part.
    Set(Expanded),
    /// Declared without a value: what the build is told.
    Open,
}

/// A text after its variables were put in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Expanded(String);

impl Expanded {
    /// A text that is known.
    #[cfg(test)]
    fn known(text: &str) -> Self {
        Self(text.replace(UNKNOWN, " "))
    }

    /// The text, when all of it is known.
    pub(super) fn text(&self) -> Option<&str> {
        (!self.0.contains(UNKNOWN)).then_some(&self.0)
    }

    /// The text with marks where it is unknown, to be taken apart.
    pub(super) fn marked(&self) -> &str {
        &self.0
    }

    /// The text, or an unknown value that waits for `written`.
    pub(super) fn value(&self, written: &str) -> Value {
        value(&self.0, written)
    }
}

/// A part of a marked text as a value.
pub(super) fn value(marked: &str, written: &str) -> Value {
    if marked.contains(UNKNOWN) { Value::Unknown(written.into()) } else { Value::from(marked) }
}

/// Whether a part of a marked text is unknown.
pub(super) fn is_unknown(marked: &str) -> bool {
    marked.contains(UNKNOWN)
}

/// Takes quotes and escapes off a word and puts variables in.
pub(super) fn expand(word: &str, escape: char, variable: &LookUp<'_, '_>) -> Expanded {
    let word: Cow<'_, str> = if word.contains(UNKNOWN) { word.replace(UNKNOWN, " ").into() } else { word.into() };
    Expanded(expand_with(&word, escape, Some(variable), 0))
}

type LookUp<'l, 'v> = dyn Fn(&str) -> Option<&'v Variable> + 'l;

/// Without `variable`, a `$` is a character like others.
fn expand_with(word: &str, escape: char, variable: Option<&LookUp<'_, '_>>, depth: usize) -> String {
    let mut out = String::with_capacity(word.len());
    let mut quote = None;
    let mut rest = word;
    while let Some(character) = rest.chars().next() {
        rest = &rest[character.len_utf8()..];
        match (quote, character) {
            (None, '"' | '\'') => quote = Some(character),
            (Some(open), close) if open == close => quote = None,
            (Some('\''), _) => out.push(character),
            (_, mark) if mark == escape => {
                let next = rest.chars().next();
                rest = &rest[next.map_or(0, char::len_utf8)..];
                // Inside double quotes only a few characters can be escaped.
                if quote.is_some() && !next.is_some_and(|next| matches!(next, '"' | '$') || next == escape) {
                    out.push(mark);
                }
                out.extend(next);
            }
            (_, '$') => match variable {
                Some(variable) => rest = substitute(rest, escape, variable, depth, &mut out),
                None => out.push('$'),
            },
            _ => out.push(character),
        }
    }
    out
}

/// Puts in one variable, given what follows its `$`; returns what follows the variable.
fn substitute<'t>(rest: &'t str, escape: char, variable: &LookUp<'_, '_>, depth: usize, out: &mut String) -> &'t str {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let Some(braced) = rest.strip_prefix('{') else {
        let end = rest.find(|c| !is_name(c)).unwrap_or(rest.len());
        if end == 0 {
            out.push('$');
            return rest;
        }
        put(variable(&rest[..end]), out);
        return &rest[end..];
    };
    let Some(close) = closing(braced) else {
        out.push(UNKNOWN);
        return "";
    };
    let (inside, after) = (&braced[..close], &braced[close + 1..]);
    let end = inside.find(|c| !is_name(c)).unwrap_or(inside.len());
    let (name, modifier) = inside.split_at(end);
    let known = variable(name);
    let (colon, modifier) = modifier.strip_prefix(':').map_or((false, modifier), |modifier| (true, modifier));
    let is_set = match known {
        Some(Variable::Set(value)) => !colon || !value.0.is_empty(),
        _ => false,
    };
    let word = |word: &str, out: &mut String| {
        if depth < MAX_DEPTH {
            out.push_str(&expand_with(word, escape, Some(variable), depth + 1));
        } else {
            out.push(UNKNOWN);
        }
    };
    match (modifier.chars().next(), is_set) {
        (None, _) | (Some('-' | '?'), true) => put(known, out),
        (Some('-'), false) | (Some('+'), true) => word(&modifier[1..], out),
        (Some('+'), false) => {}
        // Patterns (`${A#x}`) and variables that must be given.
        _ => out.push(UNKNOWN),
    }
    after
}

fn put(variable: Option<&Variable>, out: &mut String) {
    match variable {
        Some(Variable::Set(value)) if out.len() + value.0.len() <= MAX_LEN => out.push_str(&value.0),
        _ => out.push(UNKNOWN),
    }
}

/// Where the brace closes that was opened just before the text.
fn closing(text: &str) -> Option<usize> {
    let mut open = 1_usize;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'{' => open += 1,
            b'}' => open -= 1,
            _ => {}
        }
        if open == 0 {
            return Some(at);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_kept_together() {
        for (text, expected) in [
            ("a  b\tc ", vec!["a", "b", "c"]),
            ("a=\"b c\" d='e \"f' g\\ h", vec!["a=\"b c\"", "d='e \"f'", "g\\ h"]),
            ("\"a\\\" b\" c", vec!["\"a\\\" b\"", "c"]),
            ("'a\\' b", vec!["'a\\'", "b"]),
            ("\"open a", vec!["\"open a"]),
        ] {
            assert_eq!(split(text, '\\'), expected, "{text}");
        }
    }

    #[test]
    fn variables() {
        let set = Variable::Set(Expanded::known("1.2"));
        let empty = Variable::Set(Expanded::known(""));
        let open = Variable::Open;
        let look_up = |name: &str| match name {
            "V" => Some(&set),
            "E" => Some(&empty),
            "O" => Some(&open),
            _ => None,
        };
        for (word, expected) in [
            ("a:$V", Some("a:1.2")),
            ("a:${V}-x", Some("a:1.2-x")),
            ("$V_", None),
            ("${O}", None),
            ("$O", None),
            ("${O:-b}", Some("b")),
            ("${N:-b}", Some("b")),
            ("${E:-b}", Some("b")),
            ("${E-b}", Some("")),
            ("${V:-b}", Some("1.2")),
            ("${V:+b}", Some("b")),
            ("${N:+b}", Some("")),
            ("${N:-${V}}x", Some("1.2x")),
            ("${N:-${O}}", None),
            ("${N:?must}", None),
            ("${V#1}", None),
            ("${V", None),
            ("\\$V", Some("$V")),
            ("'$V'", Some("$V")),
            ("\"$V \\n\"", Some("1.2 \\n")),
            ("a$", Some("a$")),
            ("", Some("")),
        ] {
            assert_eq!(expand(word, '\\', &look_up).text(), expected, "{word}");
        }
        let deep = "${N:-".repeat(50) + &"}".repeat(50);
        assert_eq!(expand(&deep, '\\', &look_up).text(), None);
        assert_eq!(expand(&"$V".repeat(1000), '\\', &look_up).text(), None);
    }
}
