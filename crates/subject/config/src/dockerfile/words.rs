//! Words, quotes and flags.

/// What stands between words.
pub(super) fn is_space(character: char) -> bool {
    matches!(character, ' ' | '\t' | '\u{b}' | '\u{c}' | '\r')
}

/// The words of a text with their quotes and escapes, which keep words together.
pub(super) fn split(text: &str, escape: char) -> Vec<String> {
    let mut words = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let (word, after) = first(rest, escape);
        words.push(word);
        rest = after.trim_start();
    }
    words
}

/// The first word and what follows it. An escape at the very end is left out.
fn first(text: &str, escape: char) -> (String, &str) {
    let mut word = String::new();
    let mut quote = None;
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match (quote, character) {
            (None, space) if space.is_whitespace() => return (word, &text[at..]),
            (Some(open), close) if open == close => quote = None,
            (None, '"' | '\'') => quote = Some(character),
            _ => {}
        }
        if character == escape && quote != Some('\'') {
            let Some((_, next)) = characters.next() else { break };
            word.push(character);
            word.push(next);
        } else {
            word.push(character);
        }
    }
    (word, "")
}

/// The flags that a text begins with, without quotes and escapes, and what follows them. A `--` alone ends them.
pub(super) fn flags(text: &str, escape: char) -> (Vec<String>, &str) {
    let mut flags = Vec::new();
    let mut rest = text.trim_start();
    while rest.starts_with("--") {
        let (flag, after) = unquoted(rest, escape);
        rest = after;
        if flag == "--" {
            break;
        }
        flags.push(flag);
        rest = rest.trim_start();
    }
    (flags, rest)
}

fn unquoted(text: &str, escape: char) -> (String, &str) {
    let mut word = String::new();
    let mut quote = None;
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match (quote, character) {
            (None, space) if space.is_whitespace() => return (word, &text[at..]),
            (None, '"' | '\'') => quote = Some(character),
            (Some(open), close) if open == close => quote = None,
            (_, mark) if mark == escape => word.extend(characters.next().map(|(_, next)| next)),
            (_, other) => word.push(other),
        }
    }
    (word, "")
}

/// The name that a word `<<NAME` opens a here-document with, and whether tabs in front of its end are left out.
pub(super) fn heredoc(word: &str) -> Option<(String, bool)> {
    let rest = word.trim_start_matches(|c: char| c.is_ascii_digit()).strip_prefix("<<")?;
    let (rest, strips_tabs) = rest.strip_prefix('-').map_or((rest, false), |rest| (rest, true));
    if rest.contains('<') {
        return None;
    }
    let (name, after) = unquoted(rest, '\\');
    (!name.is_empty() && after.is_empty()).then_some((name, strips_tabs))
}
