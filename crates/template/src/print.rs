//! Values as Go's `fmt` prints them.

use std::fmt::Write as _;

use probity_go::float;

use crate::datum::{Datum, MAX_DEPTH};

/// Widest field and most digits that a format may ask for.
const MAX_WIDTH: usize = 100_000;

/// As `%v` prints it.
pub fn plain(value: &Datum) -> String {
    let mut out = String::new();
    write(value, &mut out, MAX_DEPTH);
    out
}

fn write(value: &Datum, out: &mut String, depth: usize) {
    if depth == 0 {
        return;
    }
    match value {
        Datum::None | Datum::Nil => out.push_str("<nil>"),
        Datum::Bool(truth) => out.push_str(if *truth { "true" } else { "false" }),
        Datum::Int(int) | Datum::Int64(int) => {
            let _ = write!(out, "{int}");
        }
        Datum::Float(number) => out.push_str(&float_text(*number)),
        Datum::Text(text) => out.push_str(text),
        Datum::List(list) => {
            out.push('[');
            for (position, element) in list.iter().enumerate() {
                if position > 0 {
                    out.push(' ');
                }
                write(element, out, depth - 1);
            }
            out.push(']');
        }
        Datum::Map(map) => {
            out.push_str("map[");
            for (position, (key, element)) in map.entries().iter().enumerate() {
                if position > 0 {
                    out.push(' ');
                }
                out.push_str(key);
                out.push(':');
                write(element, out, depth - 1);
            }
            out.push(']');
        }
        Datum::Native(native) => out.push_str(&native.text()),
    }
}

fn float_text(number: f64) -> String {
    if number.is_nan() {
        return "NaN".to_owned();
    }
    if number.is_infinite() {
        return if number > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    float::plain(number)
}

/// As `print` puts operands together: a space between two that are no texts.
pub(crate) fn print(values: &[Datum]) -> String {
    let mut out = String::new();
    for (position, value) in values.iter().enumerate() {
        let texts = |value: &Datum| matches!(value, Datum::Text(_));
        if position > 0 && !texts(value) && !texts(&values[position - 1]) {
            out.push(' ');
        }
        write(value, &mut out, MAX_DEPTH);
    }
    out
}

/// As `println` does.
pub(crate) fn println(values: &[Datum]) -> String {
    let mut out = values.iter().map(plain).collect::<Vec<_>>().join(" ");
    out.push('\n');
    out
}

#[derive(Default, Clone, Copy)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of a format")]
struct Flags {
    plus: bool,
    minus: bool,
    sharp: bool,
    space: bool,
    zero: bool,
    width: Option<usize>,
    precision: Option<usize>,
}

/// As `Sprintf` does.
pub(crate) fn format(format: &str, operands: &[Datum]) -> String {
    let mut out = String::new();
    let mut characters = format.chars().peekable();
    let mut next = 0;
    let mut reordered = false;
    while let Some(character) = characters.next() {
        if character != '%' {
            out.push(character);
            continue;
        }
        let mut flags = Flags::default();
        while let Some(flag) = characters.peek() {
            match flag {
                '+' => flags.plus = true,
                '-' => flags.minus = true,
                '#' => flags.sharp = true,
                ' ' => flags.space = true,
                '0' => flags.zero = true,
                _ => break,
            }
            characters.next();
        }
        let mut index = |characters: &mut std::iter::Peekable<std::str::Chars<'_>>, next: &mut usize| {
            if characters.peek() == Some(&'[') {
                let digits: String = characters.by_ref().skip(1).take_while(|inner| *inner != ']').collect();
                if let Some(position) = digits.parse::<usize>().ok().and_then(|position| position.checked_sub(1)) {
                    *next = position;
                    reordered = true;
                }
            }
        };
        index(&mut characters, &mut next);
        flags.width = size(&mut characters, operands, &mut next);
        if characters.peek() == Some(&'.') {
            characters.next();
            index(&mut characters, &mut next);
            flags.precision = Some(size(&mut characters, operands, &mut next).unwrap_or(0));
        }
        index(&mut characters, &mut next);
        let Some(verb) = characters.next() else {
            out.push_str("%!(NOVERB)");
            break;
        };
        if verb == '%' {
            out.push('%');
            continue;
        }
        let Some(operand) = operands.get(next) else {
            let _ = write!(out, "%!{verb}(MISSING)");
            continue;
        };
        next += 1;
        out.push_str(&one(verb, flags, operand));
    }
    if !reordered && next < operands.len() {
        let extra: Vec<String> = operands[next..]
            .iter()
            .map(|operand| match operand {
                nil if nil.is_nil() => "<nil>".to_owned(),
                other => format!("{}={}", other.type_name(), plain(other)),
            })
            .collect();
        let _ = write!(out, "%!(EXTRA {})", extra.join(", "));
    }
    out
}

/// A width or a precision: digits, or an operand.
fn size(
    characters: &mut std::iter::Peekable<std::str::Chars<'_>>,
    operands: &[Datum],
    next: &mut usize,
) -> Option<usize> {
    if characters.peek() == Some(&'*') {
        characters.next();
        let operand = operands.get(*next);
        *next += 1;
        return match operand {
            Some(Datum::Int(int) | Datum::Int64(int)) => usize::try_from(*int).ok().map(|size| size.min(MAX_WIDTH)),
            _ => None,
        };
    }
    let mut size = None;
    while let Some(digit) = characters.peek().and_then(|digit| digit.to_digit(10)) {
        characters.next();
        size = Some((size.unwrap_or(0) * 10 + digit as usize).min(MAX_WIDTH));
    }
    size
}

fn one(verb: char, flags: Flags, operand: &Datum) -> String {
    if verb == 'T' {
        return pad(operand.type_name().to_owned(), Flags { zero: false, ..flags });
    }
    let text = match (verb, operand) {
        ('v', Datum::None | Datum::Nil) => return pad("<nil>".to_owned(), Flags { zero: false, ..flags }),
        (_, Datum::None | Datum::Nil) => return format!("%!{verb}(<nil>)"),
        ('v' | 's', Datum::List(list)) => {
            let parts: Vec<String> = list.iter().map(|element| one(verb, flags, element)).collect();
            return format!("[{}]", parts.join(" "));
        }
        ('v' | 's', Datum::Map(map)) => {
            let parts: Vec<String> = map
                .entries()
                .iter()
                .map(|(key, element)| {
                    format!("{}:{}", one(verb, flags, &Datum::Text(key.clone())), one(verb, flags, element))
                })
                .collect();
            return format!("map[{}]", parts.join(" "));
        }
        ('q', Datum::List(list)) => {
            let parts: Vec<String> = list.iter().map(|element| one(verb, flags, element)).collect();
            return format!("[{}]", parts.join(" "));
        }
        ('v', Datum::Text(text)) if flags.sharp => quoted(text),
        ('v' | 's', Datum::Text(text)) => cut(text, flags.precision),
        ('q', Datum::Text(text)) => quoted(&cut(text, flags.precision)),
        ('x', Datum::Text(text)) => text.bytes().map(|byte| format!("{byte:02x}")).collect(),
        ('X', Datum::Text(text)) => text.bytes().map(|byte| format!("{byte:02X}")).collect(),
        ('v' | 's', Datum::Native(native)) => native.text(),
        ('v' | 't', Datum::Bool(truth)) => truth.to_string(),
        ('v' | 'd' | 'b' | 'o' | 'O' | 'x' | 'X' | 'c' | 'q' | 'U', Datum::Int(int) | Datum::Int64(int)) => {
            return integer(verb, flags, *int);
        }
        ('v', Datum::Float(number)) => {
            let text = float_text(*number);
            return number_padded(with_sign(text, *number < 0.0, flags), flags);
        }
        ('e' | 'E' | 'f' | 'F' | 'g' | 'G', Datum::Float(number)) => {
            let verb = if verb == 'F' { 'f' } else { verb };
            let precision = flags.precision.or(matches!(verb, 'e' | 'E' | 'f').then_some(6));
            let digits = float::write(number.abs(), verb, precision);
            let text = if *number < 0.0 { format!("-{digits}") } else { digits };
            return number_padded(with_sign(text, *number < 0.0, flags), flags);
        }
        (_, other) => return format!("%!{verb}({}={})", other.type_name(), plain(other)),
    };
    pad(text, flags)
}

fn cut(text: &str, precision: Option<usize>) -> String {
    precision.map_or_else(|| text.to_owned(), |most| text.chars().take(most).collect())
}

fn integer(verb: char, flags: Flags, int: i64) -> String {
    let magnitude = int.unsigned_abs();
    let digits = match verb {
        'b' => format!("{magnitude:b}"),
        'o' => format!("{}{magnitude:o}", if flags.sharp { "0" } else { "" }),
        'O' => format!("0o{magnitude:o}"),
        'x' => format!("{}{magnitude:x}", if flags.sharp { "0x" } else { "" }),
        'X' => format!("{}{magnitude:X}", if flags.sharp { "0X" } else { "" }),
        'c' | 'q' => {
            let character = u32::try_from(int).ok().and_then(char::from_u32).unwrap_or('\u{fffd}');
            let text = if verb == 'q' { format!("'{character}'") } else { character.to_string() };
            return pad(text, flags);
        }
        'U' => return pad(format!("U+{magnitude:04X}"), flags),
        _ => magnitude.to_string(),
    };
    let digits = match flags.precision {
        Some(least) => format!("{digits:0>least$}"),
        None => digits,
    };
    let text = if int < 0 { format!("-{digits}") } else { digits };
    let zero = flags.zero && flags.precision.is_none();
    number_padded(with_sign(text, int < 0, flags), Flags { zero, ..flags })
}

fn with_sign(text: String, negative: bool, flags: Flags) -> String {
    match () {
        () if negative => text,
        () if flags.plus => format!("+{text}"),
        () if flags.space => format!(" {text}"),
        () => text,
    }
}

/// Zeros go behind the sign.
fn number_padded(text: String, flags: Flags) -> String {
    let width = flags.width.unwrap_or(0);
    if flags.zero && !flags.minus && text.len() < width {
        let (sign, digits) = text.split_at(usize::from(text.starts_with(['-', '+', ' '])));
        return format!("{sign}{digits:0>rest$}", rest = width - sign.len());
    }
    pad(text, Flags { zero: false, ..flags })
}

fn pad(text: String, flags: Flags) -> String {
    let missing = flags.width.unwrap_or(0).saturating_sub(text.chars().count());
    if missing == 0 {
        return text;
    }
    if flags.minus {
        return text + &" ".repeat(missing);
    }
    if flags.zero { "0".repeat(missing) + &text } else { " ".repeat(missing) + &text }
}

/// A text in double quotes, as `%q` writes it.
pub(crate) fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{7}' => out.push_str("\\a"),
            '\u{8}' => out.push_str("\\b"),
            '\u{b}' => out.push_str("\\v"),
            '\u{c}' => out.push_str("\\f"),
            control if (control as u32) < 0x20 || control as u32 == 0x7f => {
                let _ = write!(out, "\\x{:02x}", control as u32);
            }
            other if is_printable(other) => out.push(other),
            other if (other as u32) < 0x1_0000 => {
                let _ = write!(out, "\\u{:04x}", other as u32);
            }
            other => {
                let _ = write!(out, "\\U{:08x}", other as u32);
            }
        }
    }
    out.push('"');
    out
}

/// Whether Go takes a character that is no ASCII as one that can be shown, as far as it is likely to be met.
fn is_printable(character: char) -> bool {
    !matches!(character,
        '\u{80}'..='\u{a0}' | '\u{ad}' | '\u{1680}' | '\u{2000}'..='\u{200f}' | '\u{2028}'..='\u{202f}'
        | '\u{205f}'..='\u{206f}' | '\u{3000}' | '\u{e000}'..='\u{f8ff}' | '\u{feff}' | '\u{fff0}'..='\u{fffb}'
        | '\u{fffe}'..='\u{ffff}' | '\u{e0000}'..='\u{10ffff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats() {
        for (text, operands, expected) in [
            ("%s-%s", vec!["a".into(), "b".into()], "a-b"),
            ("%d", vec![Datum::Float(3.0)], "%!d(float64=3)"),
            ("%d", vec![Datum::Int64(3)], "3"),
            ("%v", vec![Datum::Float(1_000_000.0)], "1e+06"),
            ("%v", vec![Datum::Float(80.0)], "80"),
            ("%05d|%-4d|%4d", vec![Datum::Int(-7), Datum::Int(1), Datum::Int(2)], "-0007|1   |   2"),
            ("%.2f %e", vec![Datum::Float(1.005), Datum::Float(1.5)], "1.00 1.500000e+00"),
            ("%s", vec![Datum::Nil], "%!s(<nil>)"),
            ("%s", vec![], "%!s(MISSING)"),
            ("%s", vec!["a".into(), "b".into()], "a%!(EXTRA string=b)"),
            ("%q", vec!["a\"\n\u{1}".into()], r#""a\"\n\x01""#),
            ("%v", vec![Datum::map([("b", Datum::list(vec![Datum::Int(1), Datum::Nil]))])], "map[b:[1 <nil>]]"),
            ("%t%%", vec![true.into()], "true%"),
            ("%T", vec![Datum::Float(1.0)], "float64"),
            ("%[2]s%[1]s", vec!["a".into(), "b".into()], "ba"),
            ("%x %*d", vec!["hi".into(), Datum::Int(3), Datum::Int(1)], "6869   1"),
        ] {
            assert_eq!(format(text, &operands), expected, "{text}");
        }
    }

    #[test]
    fn spaces_stand_between_what_is_no_text() {
        assert_eq!(print(&[Datum::Int(1), Datum::Int(2), "a".into(), Datum::Int(3)]), "1 2a3");
        assert_eq!(println(&[Datum::Int(1), "a".into()]), "1 a\n");
    }
}
