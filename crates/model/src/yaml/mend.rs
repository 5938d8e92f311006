//! Quoted scalars whose further lines are not indented enough. The specification refuses them, and the parser does;
//! the readers of Go and Python take them.

use std::fmt::Write as _;

/// Puts the quoted scalar that begins at `at` into one line, as reading it would, and fills up with spaces behind it:
/// everything else keeps its place. `None` when there is no such scalar.
pub(super) fn fold(text: &str, at: usize) -> Option<String> {
    let rest = text.get(at..)?;
    let quote = rest.chars().next().filter(|first| matches!(first, '"' | '\''))?;
    let end = 1 + closing(&rest[1..], quote)?;
    let folded = folded(&rest[..end], quote);
    if folded == rest[..end] {
        return None;
    }
    let padding = end.checked_sub(folded.len())?;
    Some([&text[..at], &folded, &" ".repeat(padding), &rest[end..]].concat())
}

/// The offset behind the closing quote.
fn closing(inside: &str, quote: char) -> Option<usize> {
    let mut characters = inside.char_indices().peekable();
    while let Some((at, character)) = characters.next() {
        if character == '\\' && quote == '"' {
            characters.next();
        } else if character == quote {
            match characters.peek() {
                Some((_, '\'')) if quote == '\'' => drop(characters.next()),
                _ => return Some(at + 1),
            }
        }
    }
    None
}

fn folded(scalar: &str, quote: char) -> String {
    let mut out = String::with_capacity(scalar.len());
    let mut lines = scalar.split('\n').map(|line| line.strip_suffix('\r').unwrap_or(line)).peekable();
    if let Some(first) = lines.next() {
        out.push_str(first);
    }
    let mut empty = 0;
    while let Some(line) = lines.next() {
        let line = line.trim_start_matches([' ', '\t']);
        if line.is_empty() && lines.peek().is_some() {
            empty += 1;
            continue;
        }
        join(&mut out, empty, quote);
        empty = 0;
        out.push_str(line);
    }
    out
}

/// One line end is a space, further ones are line ends; behind a backslash the first is nothing.
fn join(out: &mut String, empty: usize, quote: char) {
    let backslashes = out.len() - out.trim_end_matches('\\').len();
    if quote == '"' && backslashes % 2 == 1 {
        out.pop();
    } else {
        out.truncate(out.trim_end_matches([' ', '\t']).len());
        if empty == 0 || quote == '\'' {
            out.push(' ');
        }
    }
    if quote == '"' {
        let _ = write!(out, "{}", "\\n".repeat(empty));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scalars_are_folded_in_place() {
        for (text, expected) in [
            ("a: \"x\n  y\"\nb", Some("a: \"x y\"  \nb")),
            ("a: \"x \\\n  y\"", Some("a: \"x y\"    ")),
            ("a: \"x\\\\\n  y\"", Some("a: \"x\\\\ y\"  ")),
            ("a: \"x\n\n  y\"", Some("a: \"x\\ny\"  ")),
            ("a: 'x''\r\n y' # '", Some("a: 'x'' y'   # '")),
            ("a: \"x\" ", None),
            ("a: \"x\n", None),
            ("a: x", None),
        ] {
            let found = fold(text, 3);
            assert_eq!(found.as_deref(), expected, "{text:?}");
            assert!(found.is_none_or(|found| found.len() == text.len()), "{text:?}");
        }
    }
}
