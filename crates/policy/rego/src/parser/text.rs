//! The values of literals.

use probity_model::value::{Number, Value};

/// The text of a string literal in quotes, or of the part of a template string between its marks. A brace may be
/// escaped in the latter.
pub(super) fn unescape(inner: &str) -> Option<String> {
    if !inner.contains('\\') {
        return Some(inner.to_owned());
    }
    let mut out = String::with_capacity(inner.len());
    let mut characters = inner.chars();
    while let Some(character) = characters.next() {
        if character != '\\' {
            out.push(character);
            continue;
        }
        match characters.next()? {
            '"' => out.push('"'),
            '\\' => out.push('\\'),
            '/' => out.push('/'),
            '{' => out.push('{'),
            'b' => out.push('\u{8}'),
            'f' => out.push('\u{c}'),
            'n' => out.push('\n'),
            'r' => out.push('\r'),
            't' => out.push('\t'),
            'u' => out.push(unicode(&mut characters)?),
            _ => return None,
        }
    }
    Some(out)
}

fn hex(characters: &mut std::str::Chars<'_>) -> Option<u32> {
    let text = characters.as_str().get(..4)?;
    let code = u32::from_str_radix(text, 16).ok()?;
    characters.nth(3);
    Some(code)
}

/// What stands behind `\u`; half a surrogate pair is the replacement character.
fn unicode(characters: &mut std::str::Chars<'_>) -> Option<char> {
    let high = hex(characters)?;
    if let Some(character) = char::from_u32(high) {
        return Some(character);
    }
    let mut ahead = characters.clone();
    if (0xD800..0xDC00).contains(&high) && ahead.next() == Some('\\') && ahead.next() == Some('u') {
        let low = hex(&mut ahead)?;
        if (0xDC00..0xE000).contains(&low) {
            *characters = ahead;
            return char::from_u32(0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00));
        }
    }
    Some(char::REPLACEMENT_CHARACTER)
}

/// The number of a literal, or what is wrong with it.
pub(super) fn number(text: &str) -> Result<Value, &'static str> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let mut bytes = digits.bytes();
    if bytes.next() == Some(b'0') && bytes.next().is_some_and(|byte| byte.is_ascii_digit()) {
        return Err("expected number without leading zero");
    }
    let text = match text.strip_prefix('.') {
        Some(fraction) => format!("0.{fraction}"),
        None => text.replace("-.", "-0."),
    };
    Number::as_written(&text).map(Value::Number).map_err(|_| "number too big")
}
