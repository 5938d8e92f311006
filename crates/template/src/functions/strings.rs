//! Texts.

use super::{Outcome, Table, exactly, int, size, string, text, texts};
use crate::datum::Datum;
use crate::print;

/// Longest text that repeating makes.
const MAX_TEXT: usize = 16 << 20;

pub(super) const TABLE: Table = &[
    ("abbrev", |args| {
        let [width, text] = exactly(args)?;
        Ok(abbreviated(string(text)?, size(width)?).into())
    }),
    ("abbrevboth", abbrevboth),
    ("camelcase", |args| one(args, |text| words(text).iter().map(|word| capitalized(word)).collect())),
    ("cat", |args| {
        let parts: Vec<String> = args.iter().filter(|value| !value.is_nil()).map(text).collect();
        Ok(parts.join(" ").into())
    }),
    ("contains", |args| two(args, |part, text| text.contains(part).into())),
    ("hasPrefix", |args| two(args, |part, text| text.starts_with(part).into())),
    ("hasSuffix", |args| two(args, |part, text| text.ends_with(part).into())),
    ("hello", |_| Ok("Hello!".into())),
    ("indent", |args| {
        let [count, text] = exactly(args)?;
        Ok(indented(size(count)?, string(text)?).into())
    }),
    ("initials", |args| one(args, |text| text.split_whitespace().filter_map(|word| word.chars().next()).collect())),
    ("kebabcase", |args| one(args, |text| words(text).join("-").to_lowercase())),
    ("lower", |args| one(args, str::to_lowercase)),
    ("nindent", |args| {
        let [count, text] = exactly(args)?;
        Ok(format!("\n{}", indented(size(count)?, string(text)?)).into())
    }),
    ("nospace", |args| one(args, |text| text.chars().filter(|character| !character.is_whitespace()).collect())),
    ("plural", |args| {
        let [one, many, count] = exactly(args)?;
        Ok(if int(count)? == 1 { one.clone() } else { many.clone() })
    }),
    ("quote", |args| {
        let parts: Vec<String> =
            args.iter().filter(|value| !value.is_nil()).map(|value| print::quoted(&text(value))).collect();
        Ok(parts.join(" ").into())
    }),
    ("repeat", |args| {
        let [count, text] = exactly(args)?;
        let (count, text) = (size(count)?, string(text)?);
        if count.saturating_mul(text.len()) > MAX_TEXT {
            return Err("the text would be too long".into());
        }
        Ok(text.repeat(count).into())
    }),
    ("replace", |args| {
        let [old, new, text] = exactly(args)?;
        Ok(string(text)?.replace(string(old)?, string(new)?).into())
    }),
    ("snakecase", |args| one(args, |text| words(text).join("_").to_lowercase())),
    ("split", |args| {
        let [separator, text] = exactly(args)?;
        Ok(numbered(&split(string(text)?, string(separator)?)))
    }),
    ("splitList", |args| two(args, |separator, text| list_of(&split(text, separator)))),
    ("splitn", |args| {
        let [separator, count, text] = exactly(args)?;
        let parts: Vec<&str> = match usize::try_from(int(count)?) {
            Ok(count) => string(text)?.splitn(count, string(separator)?).collect(),
            Err(_) => split(string(text)?, string(separator)?),
        };
        Ok(numbered(&parts))
    }),
    ("squote", |args| {
        let parts: Vec<String> =
            args.iter().filter(|value| !value.is_nil()).map(|value| format!("'{}'", text(value))).collect();
        Ok(parts.join(" ").into())
    }),
    ("substr", substr),
    ("swapcase", |args| one(args, |text| text.chars().flat_map(swapped).collect())),
    ("title", |args| one(args, title)),
    ("toString", |args| {
        let [value] = exactly(args)?;
        Ok(text(value).into())
    }),
    ("toStrings", |args| {
        let [value] = exactly(args)?;
        Ok(Datum::List(texts(value).into_iter().map(Datum::from).collect()))
    }),
    ("trim", |args| one(args, |text| text.trim().to_owned())),
    ("trimAll", |args| two(args, |cut, text| text.trim_matches(|c| cut.contains(c)).into())),
    ("trimall", |args| two(args, |cut, text| text.trim_matches(|c| cut.contains(c)).into())),
    ("trimPrefix", |args| two(args, |cut, text| text.strip_prefix(cut).unwrap_or(text).into())),
    ("trimSuffix", |args| two(args, |cut, text| text.strip_suffix(cut).unwrap_or(text).into())),
    ("trunc", |args| {
        let [count, text] = exactly(args)?;
        Ok(truncated(int(count)?, string(text)?).into())
    }),
    ("untitle", |args| one(args, untitle)),
    ("upper", |args| one(args, str::to_uppercase)),
    ("wrap", |args| {
        let [width, text] = exactly(args)?;
        Ok(wrapped(string(text)?, size(width)?, "\n", false).into())
    }),
    ("wrapWith", |args| {
        let [width, separator, text] = exactly(args)?;
        Ok(wrapped(string(text)?, size(width)?, string(separator)?, true).into())
    }),
];

fn one(args: &[Datum], change: fn(&str) -> String) -> Outcome {
    let [value] = exactly(args)?;
    Ok(change(string(value)?).into())
}

fn two(args: &[Datum], combine: fn(&str, &str) -> Datum) -> Outcome {
    let [first, second] = exactly(args)?;
    Ok(combine(string(first)?, string(second)?))
}

fn indented(count: usize, text: &str) -> String {
    let pad = " ".repeat(count);
    format!("{pad}{}", text.replace('\n', &format!("\n{pad}")))
}

/// The parts between separators; without one, the characters, as Go does.
fn split<'t>(text: &'t str, separator: &str) -> Vec<&'t str> {
    if separator.is_empty() {
        return text.char_indices().map(|(at, character)| &text[at..at + character.len_utf8()]).collect();
    }
    text.split(separator).collect()
}

fn list_of(parts: &[&str]) -> Datum {
    Datum::List(parts.iter().map(|part| Datum::from(*part)).collect())
}

/// `_0`, `_1` and so on.
fn numbered(parts: &[&str]) -> Datum {
    Datum::map(parts.iter().enumerate().map(|(position, part)| (format!("_{position}"), Datum::from(*part))))
}

/// As many bytes from the start, or from the end for a negative number; never half a character.
fn truncated(count: i64, text: &str) -> &str {
    let length = i64::try_from(text.len()).unwrap_or(i64::MAX);
    if count < 0 && length + count > 0 {
        let at = usize::try_from(length + count).unwrap_or(0);
        return &text[ceil_boundary(text, at)..];
    }
    if count >= 0 && length > count {
        return &text[..floor_boundary(text, usize::try_from(count).unwrap_or(0))];
    }
    text
}

fn floor_boundary(text: &str, at: usize) -> usize {
    (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}

fn ceil_boundary(text: &str, at: usize) -> usize {
    (at..=text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(text.len())
}

fn substr(args: &[Datum]) -> Outcome {
    let [start, end, text] = exactly(args)?;
    let (start, end, text) = (int(start)?, int(end)?, string(text)?);
    let length = i64::try_from(text.len()).unwrap_or(i64::MAX);
    let (from, to) = match () {
        () if start < 0 => (0, end),
        () if end < 0 || end > length => (start, length),
        () => (start, end),
    };
    let range = usize::try_from(from).ok().zip(usize::try_from(to).ok());
    let part = range.and_then(|(from, to)| text.get(ceil_boundary(text, from)..floor_boundary(text, to)));
    Ok(part.ok_or("slice bounds out of range")?.into())
}

fn abbreviated(text: &str, width: usize) -> String {
    let characters: Vec<char> = text.chars().collect();
    if width < 4 || characters.len() <= width {
        return text.to_owned();
    }
    characters[..width - 3].iter().collect::<String>() + "..."
}

fn abbrevboth(args: &[Datum]) -> Outcome {
    let [left, right, text] = exactly(args)?;
    let (left, right, text) = (size(left)?, size(right)?, string(text)?);
    let characters: Vec<char> = text.chars().collect();
    if right < 4 || left > 0 && right < 7 || characters.len() <= right {
        return Ok(text.into());
    }
    let left = left.min(characters.len());
    if left <= 4 {
        return Ok(abbreviated(text, right).into());
    }
    if characters.len() - left <= right - 3 {
        let tail: String = characters[characters.len() - (right - 3)..].iter().collect();
        return Ok(format!("...{tail}").into());
    }
    let middle: String = characters[left..].iter().collect();
    Ok(format!("...{}", abbreviated(&middle, right - 3)).into())
}

fn swapped(character: char) -> Vec<char> {
    if character.is_uppercase() { character.to_lowercase().collect() } else { character.to_uppercase().collect() }
}

fn title(text: &str) -> String {
    let mut before = ' ';
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        let inside = before == '_' || before.is_alphanumeric();
        if inside {
            out.push(character);
        } else {
            out.extend(character.to_uppercase());
        }
        before = character;
    }
    out
}

fn untitle(text: &str) -> String {
    let mut at_start = true;
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        if at_start {
            out.extend(character.to_lowercase());
        } else {
            out.push(character);
        }
        at_start = character.is_whitespace();
    }
    out
}

fn capitalized(word: &str) -> String {
    let mut characters = word.chars();
    let first = characters.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
    first + &characters.as_str().to_lowercase()
}

/// The words of a name: between separators and where the case changes.
fn words(text: &str) -> Vec<String> {
    let characters: Vec<char> = text.chars().collect();
    let mut words = vec![String::new()];
    for (at, &character) in characters.iter().enumerate() {
        if matches!(character, '_' | '-' | ' ' | '.') {
            words.push(String::new());
            continue;
        }
        let before = at.checked_sub(1).map(|at| characters[at]);
        let after = characters.get(at + 1);
        let begins = character.is_uppercase()
            && (before.is_some_and(char::is_lowercase)
                || before.is_some_and(char::is_uppercase) && after.is_some_and(|after| after.is_lowercase()))
            || character.is_ascii_digit() && before.is_some_and(char::is_alphabetic)
            || character.is_uppercase() && before.is_some_and(|before| before.is_ascii_digit());
        if begins {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut() {
            word.push(character);
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

fn wrapped(text: &str, width: usize, separator: &str, breaks_words: bool) -> String {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        let mut word = word.to_owned();
        let fits = lines.last().is_some_and(|line| line.chars().count() + 1 + word.chars().count() <= width);
        if let Some(line) = lines.last_mut().filter(|_| fits) {
            line.push(' ');
            line.push_str(&word);
            continue;
        }
        while breaks_words && width > 0 && word.chars().count() > width {
            let rest = word.chars().skip(width).collect();
            lines.push(word.chars().take(width).collect());
            word = rest;
        }
        lines.push(word);
    }
    lines.join(separator)
}
