//! What literals mean.

/// Replaces the escapes of a string or of bytes.
pub(crate) fn unescape(text: &str, raw: bool, bytes: bool) -> Result<Vec<u8>, &'static str> {
    if raw || !text.contains('\\') {
        return Ok(text.as_bytes().to_vec());
    }
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        out.extend_from_slice(&rest.as_bytes()[..at]);
        rest = escape(&rest[at + 1..], bytes, &mut out)?;
    }
    out.extend_from_slice(rest.as_bytes());
    Ok(out)
}

/// One escape, of which the backslash is taken; what follows it.
fn escape<'t>(text: &'t str, bytes: bool, out: &mut Vec<u8>) -> Result<&'t str, &'static str> {
    const UNKNOWN: &str = "unable to unescape string";
    let first = text.chars().next().ok_or(UNKNOWN)?;
    let rest = &text[first.len_utf8()..];
    let simple = match first {
        'a' => Some(7),
        'b' => Some(8),
        'f' => Some(12),
        'n' => Some(10),
        'r' => Some(13),
        't' => Some(9),
        'v' => Some(11),
        '\\' | '\'' | '"' | '`' | '?' => Some(first as u8),
        _ => None,
    };
    if let Some(byte) = simple {
        out.push(byte);
        return Ok(rest);
    }
    let (digits, radix, count) = match first {
        'x' | 'X' => (rest, 16, 2),
        'u' if !bytes => (rest, 16, 4),
        'U' if !bytes => (rest, 16, 8),
        '0'..='3' => (text, 8, 3),
        _ => return Err(UNKNOWN),
    };
    let number = digits.get(..count).filter(|digits| digits.chars().all(|c| c.is_digit(radix))).ok_or(UNKNOWN)?;
    let code = u32::from_str_radix(number, radix).map_err(|_| UNKNOWN)?;
    if bytes {
        out.push(u8::try_from(code).map_err(|_| UNKNOWN)?);
    } else {
        let c = char::from_u32(code).ok_or("invalid unicode code point")?;
        out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
    }
    Ok(&digits[count..])
}

/// The value of digits, decimal or hexadecimal, with their sign before them.
pub(crate) fn int(text: &str) -> Option<i64> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text),
    };
    let value = i128::from(uint(digits)?);
    i64::try_from(if negative { -value } else { value }).ok()
}

/// The value of digits, decimal or hexadecimal.
pub(crate) fn uint(digits: &str) -> Option<u64> {
    match digits.strip_prefix("0x") {
        Some(hex) => u64::from_str_radix(hex, 16).ok(),
        None => digits.parse().ok(),
    }
}
