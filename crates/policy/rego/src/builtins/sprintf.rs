//! Text made from a format in Go's style.

use std::fmt::Write as _;

use bigdecimal::num_bigint::{BigInt, Sign};
use probity_model::value::{Number, Value};

use super::args::whole;

/// A value as Rego writes it: JSON with spaces, sets in braces.
pub(crate) fn text(value: &Value) -> String {
    let mut out = String::new();
    write(value, &mut out);
    out
}

fn write(value: &Value, out: &mut String) {
    let list = |items: &mut dyn Iterator<Item = &Value>, out: &mut String| {
        for (position, item) in items.enumerate() {
            if position > 0 {
                out.push_str(", ");
            }
            write(item, out);
        }
    };
    match value {
        Value::Array(array) => {
            out.push('[');
            list(&mut array.iter(), out);
            out.push(']');
        }
        Value::Set(set) if set.is_empty() => out.push_str("set()"),
        Value::Set(set) => {
            out.push('{');
            list(&mut set.iter(), out);
            out.push('}');
        }
        Value::Object(object) => {
            out.push('{');
            for (position, (key, value)) in object.iter().enumerate() {
                if position > 0 {
                    out.push_str(", ");
                }
                write(&key.to_value(), out);
                out.push_str(": ");
                write(value, out);
            }
            out.push('}');
        }
        other => out.push_str(&probity_model::json::write(other)),
    }
}

/// An operand as Go would see it.
enum Operand {
    Int(BigInt),
    Float(f64),
    Text(String),
}

impl Operand {
    fn of(value: &Value) -> Self {
        match value {
            Value::Number(number) => Self::of_number(number),
            Value::String(text) => Self::Text(text.to_string()),
            other => Self::Text(text(other)),
        }
    }

    fn of_number(number: &Number) -> Self {
        let written = number.to_string();
        if written.contains(['.', 'e', 'E']) {
            let float = number.as_f64();
            return if float.is_finite() { Self::Float(float) } else { Self::Text(written) };
        }
        whole(number).map_or(Self::Text(written), Self::Int)
    }

    fn go_type(&self) -> &'static str {
        match self {
            Self::Int(int) if i64::try_from(int).is_ok() => "int64",
            Self::Int(_) => "*big.Int",
            Self::Float(_) => "float64",
            Self::Text(_) => "string",
        }
    }

    fn plain(&self) -> String {
        match self {
            Self::Int(int) => int.to_string(),
            Self::Float(float) => general(*float, None, false),
            Self::Text(text) => text.clone(),
        }
    }
}

#[derive(Default)]
struct Spec {
    plus: bool,
    minus: bool,
    sharp: bool,
    space: bool,
    zero: bool,
    width: Option<usize>,
    precision: Option<usize>,
}

/// Widest field and most digits that a format may ask for.
const MAX_WIDTH: usize = 1_000_000;

/// The format with the operands put in.
pub(crate) fn format(format: &str, values: &[Value]) -> String {
    let operands: Vec<Operand> = values.iter().map(Operand::of).collect();
    let mut out = String::with_capacity(format.len() + 16 * values.len());
    let mut characters = format.chars().peekable();
    let mut next = 0;
    let mut reordered = false;
    while let Some(character) = characters.next() {
        if character != '%' {
            out.push(character);
            continue;
        }
        let mut spec = Spec::default();
        while let Some(flag) = characters.peek() {
            match flag {
                '+' => spec.plus = true,
                '-' => {
                    spec.minus = true;
                    spec.zero = false;
                }
                '#' => spec.sharp = true,
                ' ' => spec.space = true,
                '0' => spec.zero = !spec.minus,
                _ => break,
            }
            characters.next();
        }
        argument_number(&mut characters, &mut next, &mut reordered);
        spec.width = size(&mut characters, &operands, &mut next);
        if characters.peek() == Some(&'.') {
            characters.next();
            argument_number(&mut characters, &mut next, &mut reordered);
            spec.precision = Some(size(&mut characters, &operands, &mut next).unwrap_or(0));
        }
        argument_number(&mut characters, &mut next, &mut reordered);
        match characters.next() {
            None => out.push_str("%!(NOVERB)"),
            Some('%') => out.push('%'),
            Some(verb) => match operands.get(next) {
                Some(operand) => {
                    next += 1;
                    one(&mut out, &spec, verb, operand);
                }
                None => {
                    let _ = write!(out, "%!{verb}(MISSING)");
                }
            },
        }
    }
    if !reordered && next < operands.len() {
        out.push_str("%!(EXTRA ");
        for (position, operand) in operands[next..].iter().enumerate() {
            if position > 0 {
                out.push_str(", ");
            }
            let _ = write!(out, "{}={}", operand.go_type(), operand.plain());
        }
        out.push(')');
    }
    out
}

type Characters<'f> = std::iter::Peekable<std::str::Chars<'f>>;

/// `[3]`: which operand is next.
fn argument_number(characters: &mut Characters<'_>, next: &mut usize, reordered: &mut bool) {
    if characters.peek() != Some(&'[') {
        return;
    }
    let mut ahead = characters.clone();
    ahead.next();
    let digits: String = std::iter::from_fn(|| ahead.next_if(char::is_ascii_digit)).collect();
    if ahead.next() == Some(']')
        && let Ok(number) = digits.parse::<usize>()
        && number > 0
    {
        *next = number - 1;
        *reordered = true;
        *characters = ahead;
    }
}

fn size(characters: &mut Characters<'_>, operands: &[Operand], next: &mut usize) -> Option<usize> {
    if characters.next_if_eq(&'*').is_some() {
        let operand = operands.get(*next)?;
        *next += 1;
        return match operand {
            Operand::Int(int) => usize::try_from(int).ok().filter(|size| *size <= MAX_WIDTH),
            _ => None,
        };
    }
    let digits: String = std::iter::from_fn(|| characters.next_if(char::is_ascii_digit)).collect();
    digits.parse().ok().filter(|size| *size <= MAX_WIDTH)
}

fn one(out: &mut String, spec: &Spec, verb: char, operand: &Operand) {
    if verb == 'T' {
        return pad(out, spec, operand.go_type(), false);
    }
    match operand {
        Operand::Int(int) => match integer(int, spec, verb) {
            Some(text) => pad(out, spec, &text, true),
            None => bad_verb(out, verb, operand),
        },
        Operand::Float(float) => match floating(*float, spec, verb) {
            Some(text) => pad(out, spec, &text, float.is_finite()),
            None => bad_verb(out, verb, operand),
        },
        Operand::Text(text) => match textual(text, spec, verb) {
            Some(text) => pad(out, spec, &text, false),
            None => bad_verb(out, verb, operand),
        },
    }
}

fn bad_verb(out: &mut String, verb: char, operand: &Operand) {
    let _ = write!(out, "%!{verb}({}={})", operand.go_type(), operand.plain());
}

/// Pads to the width; zeros go behind a sign.
fn pad(out: &mut String, spec: &Spec, text: &str, number: bool) {
    let length = text.chars().count();
    let missing = spec.width.unwrap_or(0).saturating_sub(length);
    if spec.minus {
        out.push_str(text);
        out.extend(std::iter::repeat_n(' ', missing));
    } else if spec.zero {
        let sign = usize::from(number && text.starts_with(['+', '-', ' ']));
        out.push_str(&text[..sign]);
        out.extend(std::iter::repeat_n('0', missing));
        out.push_str(&text[sign..]);
    } else {
        out.extend(std::iter::repeat_n(' ', missing));
        out.push_str(text);
    }
}

fn signed(negative: bool, spec: &Spec, digits: &str) -> String {
    let sign = if negative {
        "-"
    } else if spec.plus {
        "+"
    } else if spec.space {
        " "
    } else {
        ""
    };
    format!("{sign}{digits}")
}

fn integer(int: &BigInt, spec: &Spec, verb: char) -> Option<String> {
    let negative = int.sign() == Sign::Minus;
    let (radix, prefix) = match verb {
        'v' | 'd' => (10, ""),
        'b' => (2, if spec.sharp { "0b" } else { "" }),
        'o' => (8, if spec.sharp { "0" } else { "" }),
        'O' => (8, "0o"),
        'x' => (16, if spec.sharp { "0x" } else { "" }),
        'X' => (16, if spec.sharp { "0X" } else { "" }),
        'c' | 'q' | 'U' => {
            let character = u32::try_from(int).ok().and_then(char::from_u32).unwrap_or(char::REPLACEMENT_CHARACTER);
            return Some(match verb {
                'c' => character.to_string(),
                'q' => format!("'{}'", character.escape_debug()),
                _ => format!("U+{:04X}", u32::from(character)),
            });
        }
        's' if i64::try_from(int).is_err() => (10, ""),
        _ => return None,
    };
    let mut digits = int.magnitude().to_str_radix(radix);
    if verb == 'X' {
        digits.make_ascii_uppercase();
    }
    if let Some(precision) = spec.precision {
        while digits.len() < precision {
            digits.insert(0, '0');
        }
    }
    Some(signed(negative, spec, &format!("{prefix}{digits}")))
}

fn floating(float: f64, spec: &Spec, verb: char) -> Option<String> {
    if !float.is_finite() {
        let text = if float.is_nan() { "NaN" } else { "Inf" };
        return Some(signed(float < 0.0, spec, text));
    }
    let magnitude = float.abs();
    let digits = match verb {
        'v' => general(magnitude, spec.precision, false),
        'g' => general(magnitude, spec.precision, true),
        'G' => general(magnitude, spec.precision, true).to_uppercase(),
        'f' | 'F' => format!("{magnitude:.*}", spec.precision.unwrap_or(6)),
        'e' => exponent(magnitude, Some(spec.precision.unwrap_or(6))),
        'E' => exponent(magnitude, Some(spec.precision.unwrap_or(6))).to_uppercase(),
        _ => return None,
    };
    Some(signed(float.is_sign_negative(), spec, &digits))
}

/// `1.5e+06`, with as many digits as asked for or as are needed.
fn exponent(magnitude: f64, precision: Option<usize>) -> String {
    let text = match precision {
        Some(precision) => format!("{magnitude:.precision$e}"),
        None => format!("{magnitude:e}"),
    };
    let (digits, power) = text.split_once('e').unwrap_or((&text, "0"));
    let power: i32 = power.parse().unwrap_or(0);
    let sign = if power < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{:02}", power.abs())
}

/// Plain digits unless the number is very large or very small.
fn general(float: f64, precision: Option<usize>, short: bool) -> String {
    let magnitude = float.abs();
    let sign = if float.is_sign_negative() { "-" } else { "" };
    if magnitude == 0.0 {
        return format!("{sign}0");
    }
    let digits = precision.map(|precision| precision.max(1));
    let scientific = match digits {
        Some(digits) => format!("{magnitude:.*e}", digits - 1),
        None => format!("{magnitude:e}"),
    };
    let power: i32 = scientific.split_once('e').and_then(|(_, power)| power.parse().ok()).unwrap_or(0);
    let limit = match digits {
        Some(digits) => i32::try_from(digits).unwrap_or(i32::MAX),
        None if short => {
            let count = scientific.split('e').next().map_or(0, |mantissa| mantissa.replace('.', "").len());
            i32::try_from(count.max(21)).unwrap_or(21)
        }
        None => 21,
    };
    if power < -4 || power >= limit {
        let (mantissa, _) = scientific.split_once('e').unwrap_or((&scientific, ""));
        let mantissa = if digits.is_some() { trim_zeros(mantissa) } else { mantissa };
        let exponent_sign = if power < 0 { '-' } else { '+' };
        return format!("{sign}{mantissa}e{exponent_sign}{:02}", power.abs());
    }
    let plain = match digits {
        Some(digits) => {
            let behind = (i32::try_from(digits).unwrap_or(i32::MAX) - 1 - power).max(0);
            let text = format!("{magnitude:.*}", usize::try_from(behind).unwrap_or(0));
            trim_zeros(&text).to_owned()
        }
        None => format!("{magnitude}"),
    };
    format!("{sign}{plain}")
}

fn trim_zeros(text: &str) -> &str {
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { text }
}

fn textual(text: &str, spec: &Spec, verb: char) -> Option<String> {
    let cut: String = match spec.precision {
        Some(precision) => text.chars().take(precision).collect(),
        None => text.to_owned(),
    };
    match verb {
        'v' if spec.sharp => Some(quote(&cut, spec)),
        'v' | 's' => Some(cut),
        'q' => Some(quote(&cut, spec)),
        'x' => Some(cut.bytes().map(|byte| format!("{byte:02x}")).collect()),
        'X' => Some(cut.bytes().map(|byte| format!("{byte:02X}")).collect()),
        _ => None,
    }
}

fn quote(text: &str, spec: &Spec) -> String {
    if spec.sharp && !text.contains(['`', '\r', '\u{feff}']) && text.chars().all(|c| c == '\t' || !c.is_control()) {
        return format!("`{text}`");
    }
    let mut out = String::from("\"");
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\u{7}' => out.push_str("\\a"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{b}' => out.push_str("\\v"),
            control if control.is_control() && u32::from(control) < 0x80 => {
                let _ = write!(out, "\\x{:02x}", u32::from(control));
            }
            other if spec.plus && !other.is_ascii() => {
                let _ = write!(out, "\\u{:04x}", u32::from(other));
            }
            other => out.push(other),
        }
    }
    out.push('"');
    out
}
