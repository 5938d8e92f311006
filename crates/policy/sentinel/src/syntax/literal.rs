//! Numbers and strings as they are written.

use crate::value::Text;

/// A number as written.
#[derive(Debug, PartialEq)]
pub(crate) enum Number {
    /// Up to 2^63: `-9223372036854775808` is in range, with its minus.
    Int(u64),
    Float(f64),
}

/// How many bytes of the text, which begins with a digit or a point, belong to the number.
pub(crate) fn number_length(text: &str) -> usize {
    let bytes = text.as_bytes();
    let digits = |from: usize| bytes[from..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    if text.starts_with("0x") || text.starts_with("0X") {
        return 2 + bytes[2..].iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
    }
    let mut at = digits(0);
    if bytes.get(at) == Some(&b'.') {
        at += 1;
        at += digits(at);
    }
    if matches!(bytes.get(at), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(bytes.get(at + 1), Some(b'+' | b'-')));
        let exponent = digits((at + 1 + sign).min(bytes.len()));
        if exponent > 0 {
            at += 1 + sign + exponent;
        }
    }
    at
}

/// Reads a number: decimal, octal behind `0`, hexadecimal behind `0x`, or with a point or exponent.
///
/// # Errors
/// When a digit does not belong to the base, or the integer is greater than 2^63.
pub(crate) fn number(text: &str) -> Result<Number, String> {
    let hex = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"));
    if hex.is_none() && text.contains(['.', 'e', 'E']) {
        return text.parse().map(Number::Float).map_err(|_| format!("`{text}` is no number"));
    }
    let (digits, base) = match hex {
        Some(digits) => (digits, 16),
        None if text.len() > 1 && text.starts_with('0') => (&text[1..], 8),
        None => (text, 10),
    };
    if let Some(digit) = digits.chars().find(|digit| !digit.is_digit(base)) {
        return Err(format!("`{digit}` is no digit of the octal number `{text}`"));
    }
    if digits.is_empty() {
        return Err(format!("`{text}` has no digits"));
    }
    match u64::from_str_radix(digits, base) {
        Ok(int) if int <= 1 << 63 => Ok(Number::Int(int)),
        _ => Err(format!("the integer `{text}` does not fit in 64 bits")),
    }
}

/// How many bytes of the text belong to the string that it begins with, quotes included.
pub(crate) fn string_length(text: &str, quote: char) -> Option<usize> {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\n' if quote == '"' => return None,
            '\\' if quote == '"' => escaped = true,
            _ if c == quote => return Some(at + 1),
            _ => {}
        }
    }
    None
}

/// What stands between double quotes, with its escapes replaced.
///
/// # Errors
/// For an escape that there is none of, with its offset.
pub(crate) fn unescape(inner: &str) -> Result<Text, (String, usize)> {
    if !inner.contains('\\') {
        return Ok(inner.into());
    }
    let mut bytes = Vec::with_capacity(inner.len());
    let mut at = 0;
    while let Some(c) = inner[at..].chars().next() {
        if c == '\\' {
            at += escape(inner, at, &mut bytes).map_err(|message| (message, at))?;
        } else {
            bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
            at += c.len_utf8();
        }
    }
    Ok(Text::from_bytes(bytes))
}

/// Writes what the escape at this offset stands for; how long it is.
fn escape(inner: &str, at: usize, bytes: &mut Vec<u8>) -> Result<usize, String> {
    let Some(kind) = inner[at + 1..].chars().next() else {
        return Err("an escape without its character".to_owned());
    };
    let code = |from: usize, length: usize, base: u32| -> Result<u32, String> {
        let digits = inner.get(from..from + length).filter(|digits| digits.chars().all(|c| c.is_digit(base)));
        let digits = digits.ok_or_else(|| format!("`\\{kind}` wants {length} digits of base {base}"))?;
        u32::from_str_radix(digits, base).map_err(|error| error.to_string())
    };
    let byte = |code: u32| u8::try_from(code).map_err(|_| "the byte is greater than 255".to_owned());
    let simple = match kind {
        'a' => 7,
        'b' => 8,
        'f' => 12,
        'n' => b'\n',
        'r' => b'\r',
        't' => b'\t',
        'v' => 11,
        '\\' | '"' => kind as u8,
        'x' => {
            bytes.push(byte(code(at + 2, 2, 16)?)?);
            return Ok(4);
        }
        '0'..='7' => {
            bytes.push(byte(code(at + 1, 3, 8)?)?);
            return Ok(4);
        }
        'u' | 'U' => {
            let length = if kind == 'u' { 4 } else { 8 };
            let code = code(at + 2, length, 16)?;
            let c = char::from_u32(code).ok_or_else(|| format!("U+{code:04X} is no character"))?;
            bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
            return Ok(2 + length);
        }
        _ => return Err(format!("unknown escape `\\{kind}`")),
    };
    bytes.push(simple);
    Ok(2)
}
