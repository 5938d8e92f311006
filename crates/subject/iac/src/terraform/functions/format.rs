//! `format` and `formatlist` (Terraform's documentation, "format Function").

use bigdecimal::num_bigint::Sign;
use bigdecimal::{BigDecimal, RoundingMode, Zero as _};
use probity_model::Value;
use unicode_segmentation::UnicodeSegmentation as _;

use super::encodings::json;
use super::{list, within_elements, within_string};
use crate::terraform::eval::{EvalError, Evaluated, error, to_bool, to_number, to_text};

/// Widest field and most digits.
const MAX_WIDTH: usize = 1_000;

/// The function of this name.
pub(super) fn call(name: &str, arguments: &[Value]) -> Option<Evaluated> {
    let (form, rest) = arguments.split_first()?;
    match name {
        "format" => Some(to_text(form).and_then(|form| format(&form, rest)).map(Value::from)),
        "formatlist" => Some(format_list(form, rest)),
        _ => None,
    }
}

/// `format` for each element of the lists, the same text for all of what is no list.
fn format_list(form: &Value, arguments: &[Value]) -> Evaluated {
    let form = to_text(form)?;
    let lists = arguments.iter().map(|argument| match argument {
        Value::Array(_) | Value::Set(_) => list(argument).map(Some),
        _ => Ok(None),
    });
    let lists: Vec<Option<Vec<Value>>> = lists.collect::<Result<_, _>>()?;
    let mut lengths = lists.iter().flatten().map(Vec::len);
    let length = lengths.next().unwrap_or(1);
    if lengths.any(|other| other != length) {
        return error("formatlist: the lists are of different lengths");
    }
    within_elements(length)?;
    let made = (0..length).map(|position| {
        let row: Vec<Value> = arguments
            .iter()
            .zip(&lists)
            .map(|(argument, list)| list.as_ref().map_or_else(|| argument.clone(), |list| list[position].clone()))
            .collect();
        match row.iter().find(|value| matches!(value, Value::Unknown(_))) {
            Some(unknown) => Ok(unknown.clone()),
            None => format(&form, &row).map(Value::from),
        }
    });
    Ok(Value::array(made.collect::<Result<Vec<_>, _>>()?))
}

/// One `%` sequence: flags, width, precision, which argument, and the verb.
#[derive(Default)]
struct Spec {
    /// What of `-+# 0` stands behind the mark.
    flags: String,
    width: usize,
    precision: Option<usize>,
    /// Counted from 1.
    argument: Option<usize>,
    verb: char,
}

fn format(form: &str, arguments: &[Value]) -> Result<String, EvalError> {
    let mut out = String::new();
    let (mut next, mut most, mut by_number) = (0, 0, false);
    let mut rest = form;
    while let Some(at) = rest.find('%') {
        out.push_str(&rest[..at]);
        let (spec, behind) = Spec::read(&rest[at + 1..])?;
        rest = behind;
        if spec.verb == '%' {
            out.push('%');
            continue;
        }
        by_number |= spec.argument.is_some();
        let position = spec.argument.map_or(next, |number| number - 1);
        next = position + 1;
        most = most.max(next);
        let Some(argument) = arguments.get(position) else { return error("format: too few arguments") };
        out.push_str(&spec.padded(&spec.text(argument)?));
        within_string(out.len())?;
    }
    out.push_str(rest);
    if most < arguments.len() && !by_number {
        return error("format: more arguments than the form has places for");
    }
    Ok(out)
}

impl Spec {
    fn read(text: &str) -> Result<(Self, &str), EvalError> {
        let mut spec = Self::default();
        let mut rest = text;
        while let Some(flag) = rest.chars().next() {
            if !"-+# 0".contains(flag) {
                break;
            }
            spec.flags.push(flag);
            rest = &rest[1..];
        }
        let number = |rest: &mut &str| {
            let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            let (digits, behind) = rest.split_at(digits);
            *rest = behind;
            digits.parse::<usize>().ok().map(|number| number.min(MAX_WIDTH))
        };
        spec.width = number(&mut rest).unwrap_or(0);
        if let Some(behind) = rest.strip_prefix('.') {
            rest = behind;
            spec.precision = Some(number(&mut rest).unwrap_or(0));
        }
        if let Some(behind) = rest.strip_prefix('[') {
            rest = behind;
            spec.argument = number(&mut rest).filter(|number| *number > 0);
            let closed = rest.strip_prefix(']').filter(|_| spec.argument.is_some());
            rest = closed.ok_or_else(|| EvalError("format: the number of an argument is not closed".to_owned()))?;
        }
        spec.verb = rest.chars().next().ok_or_else(|| EvalError("format: a `%` at the end".to_owned()))?;
        let behind = &rest[spec.verb.len_utf8()..];
        Ok((spec, behind))
    }

    fn has(&self, flag: char) -> bool {
        self.flags.contains(flag)
    }

    fn text(&self, value: &Value) -> Result<String, EvalError> {
        match self.verb {
            'v' if self.has('#') => Ok(json(value)),
            'v' => match value {
                Value::String(text) => Ok(text.to_string()),
                Value::Bool(truth) => Ok(truth.to_string()),
                Value::Number(number) => Ok(self.signed(general(&number.to_big(), None))),
                other => Ok(json(other)),
            },
            's' => Ok(self.cut(to_text(value)?)),
            'q' => Ok(json(&self.cut(to_text(value)?).into())),
            't' => match to_bool(value)? {
                Ok(truth) => Ok(truth.to_string()),
                Err(_) => error("format: not known"),
            },
            'd' | 'b' | 'o' | 'x' | 'X' => self.whole(value),
            'e' | 'E' | 'f' | 'F' | 'g' | 'G' => {
                let number = to_number(value)?.to_big();
                let text = match self.verb {
                    'f' | 'F' => fixed(&number, self.precision.unwrap_or(6)),
                    'e' | 'E' => scientific(&number, self.precision.unwrap_or(6)),
                    _ => general(&number, self.precision),
                };
                let text = self.signed(text);
                Ok(if self.verb.is_ascii_uppercase() { text.to_uppercase() } else { text })
            }
            other => error(format!("format: `%{other}` is no verb")),
        }
    }

    fn cut(&self, text: String) -> String {
        match self.precision {
            Some(most) => text.graphemes(true).take(most).collect(),
            None => text,
        }
    }

    fn whole(&self, value: &Value) -> Result<String, EvalError> {
        let number = to_number(value)?;
        if !number.is_integer() {
            return error("format: expected a whole number");
        }
        let (int, _) = number.to_big().with_scale(0).into_bigint_and_exponent();
        let (radix, prefix) = match self.verb {
            'b' => (2, "0b"),
            'o' => (8, "0"),
            'x' => (16, "0x"),
            'X' => (16, "0X"),
            _ => (10, ""),
        };
        let digits = int.magnitude().to_str_radix(radix);
        let digits = if self.verb == 'X' { digits.to_uppercase() } else { digits };
        let sign = if int.sign() == Sign::Minus { "-" } else { "" };
        let prefix = if self.has('#') { prefix } else { "" };
        Ok(self.signed(format!("{sign}{prefix}{digits}")))
    }

    fn signed(&self, text: String) -> String {
        match (text.starts_with('-'), self.has('+'), self.has(' ')) {
            (false, true, _) => format!("+{text}"),
            (false, false, true) => format!(" {text}"),
            _ => text,
        }
    }

    fn padded(&self, text: &str) -> String {
        let missing = self.width.saturating_sub(text.graphemes(true).count());
        if self.has('-') {
            return format!("{text}{}", " ".repeat(missing));
        }
        if !self.has('0') {
            return format!("{}{text}", " ".repeat(missing));
        }
        let is_number = !matches!(self.verb, 's' | 'q' | 't' | 'v');
        let sign = usize::from(is_number && text.starts_with(['-', '+', ' ']));
        format!("{}{}{}", &text[..sign], "0".repeat(missing), &text[sign..])
    }
}

fn fixed(number: &BigDecimal, precision: usize) -> String {
    let scale = i64::try_from(precision).unwrap_or(0);
    number.with_scale_round(scale, RoundingMode::HalfEven).to_plain_string()
}

/// Sign, significant digits without zeros at their end, and the power of ten of the first.
fn digits(number: &BigDecimal) -> (bool, String, i64) {
    if number.is_zero() {
        return (false, "0".to_owned(), 0);
    }
    let (int, scale) = number.normalized().into_bigint_and_exponent();
    let digits = int.magnitude().to_string();
    let power = i64::try_from(digits.len()).unwrap_or(0) - 1 - scale;
    (int.sign() == Sign::Minus, digits, power)
}

fn scientific(number: &BigDecimal, precision: usize) -> String {
    let kept = u64::try_from(precision + 1).unwrap_or(1);
    let rounded = if number.is_zero() {
        number.clone()
    } else {
        number.with_precision_round(
            std::num::NonZeroU64::new(kept).unwrap_or(std::num::NonZeroU64::MIN),
            RoundingMode::HalfEven,
        )
    };
    let (negative, mut digits, power) = digits(&rounded);
    while digits.len() <= precision {
        digits.push('0');
    }
    written(negative, &digits, power)
}

fn written(negative: bool, digits: &str, power: i64) -> String {
    let sign = if negative { "-" } else { "" };
    let (first, rest) = digits.split_at(1);
    let point = if rest.is_empty() { "" } else { "." };
    let power_sign = if power < 0 { '-' } else { '+' };
    format!("{sign}{first}{point}{rest}e{power_sign}{:02}", power.unsigned_abs())
}

/// The shorter of both forms, as Go decides for numbers of any precision: with an exponent where the power of ten is under -4, or
/// not under the digits that were asked for, which are six where none were.
fn general(number: &BigDecimal, precision: Option<usize>) -> String {
    let kept = precision.map(|precision| u64::try_from(precision.max(1)).unwrap_or(1));
    let number = match kept.and_then(std::num::NonZeroU64::new) {
        Some(kept) if !number.is_zero() => number.with_precision_round(kept, RoundingMode::HalfEven),
        _ => number.clone(),
    };
    let (negative, shown, power) = digits(&number);
    let length = i64::try_from(shown.len()).unwrap_or(i64::MAX);
    let limit = match kept.and_then(|kept| i64::try_from(kept).ok()) {
        Some(kept) if kept > length && length > power => length,
        Some(kept) => kept,
        None => 6,
    };
    if power < -4 || power >= limit {
        return written(negative, &shown, power);
    }
    number.normalized().to_plain_string()
}
