//! Numbers.

use bigdecimal::num_bigint::BigInt;
use bigdecimal::{BigDecimal, RoundingMode, Signed as _, Zero as _};
use probity_model::{Number, Value};

use super::{int, list};
use crate::terraform::budget::MAX_ELEMENTS;
use crate::terraform::eval::{EvalError, Evaluated, error, plain, to_number};

/// Longest text that is read as a whole number.
const MAX_DIGITS: usize = 1_000;

/// The function of this name.
pub(super) fn call(name: &str, arguments: &[Value]) -> Option<Evaluated> {
    let all = || arguments.iter().map(to_number).collect::<Result<Vec<Number>, EvalError>>();
    Some(match (name, arguments) {
        ("max", _) => {
            all().and_then(|all| all.into_iter().max().map(Value::Number).ok_or(EvalError("max of nothing".into())))
        }
        ("min", _) => {
            all().and_then(|all| all.into_iter().min().map(Value::Number).ok_or(EvalError("min of nothing".into())))
        }
        ("sum", [value]) => list(value).and_then(|all| sum(&all)),
        ("abs", [a]) => to_number(a).map(|a| exact(a.to_big().abs())),
        ("floor", [a]) => to_number(a).map(|a| exact(a.to_big().with_scale_round(0, RoundingMode::Floor))),
        ("ceil", [a]) => to_number(a).map(|a| exact(a.to_big().with_scale_round(0, RoundingMode::Ceiling))),
        ("signum", [a]) => int(a).map(|a| a.signum().into()),
        ("log", [a, base]) => double(a).and_then(|a| Ok(a.ln() / double(base)?.ln())).and_then(from_double),
        ("pow", [a, power]) => double(a).and_then(|a| Ok(a.powf(double(power)?))).and_then(from_double),
        ("parseint", [Value::String(text), base]) => int(base).and_then(|base| parse_int(text, base)),
        ("range", numbers) => range(numbers),
        _ => return None,
    })
}

fn exact(number: BigDecimal) -> Value {
    Value::Number(plain(&Number::from(number)))
}

fn sum(all: &[Value]) -> Evaluated {
    if let Some(unknown) = all.iter().find(|value| matches!(value, Value::Unknown(_))) {
        return Ok(unknown.clone());
    }
    if all.is_empty() {
        return error("sum of nothing");
    }
    let numbers = all.iter().map(to_number).collect::<Result<Vec<_>, _>>()?;
    Ok(exact(numbers.iter().fold(BigDecimal::zero(), |sum, number| sum + number.to_big())))
}

fn double(value: &Value) -> Result<f64, EvalError> {
    to_number(value).map(|number| number.as_f64())
}

fn from_double(double: f64) -> Evaluated {
    let number = Number::from_f64(double).ok_or_else(|| EvalError("the result is no number".to_owned()))?;
    Ok(Value::Number(plain(&number)))
}

/// Digits, then small letters, then, for bases over 36, capitals.
fn parse_int(text: &str, base: i64) -> Evaluated {
    let base = u32::try_from(base).ok().filter(|base| (2..=62).contains(base));
    let base = base.ok_or_else(|| EvalError("parseint: a base from 2 to 62".to_owned()))?;
    let (negative, digits) = text.strip_prefix('-').map_or((false, text), |digits| (true, digits));
    let digit = |character: char| match character {
        '0'..='9' => Some(u32::from(character) - u32::from('0')),
        'a'..='z' => Some(u32::from(character) - u32::from('a') + 10),
        'A'..='Z' if base <= 36 => Some(u32::from(character) - u32::from('A') + 10),
        'A'..='Z' => Some(u32::from(character) - u32::from('A') + 36),
        _ => None,
    };
    let digits = digits.strip_prefix('+').filter(|_| !negative).unwrap_or(digits);
    let all: Option<Vec<u32>> = digits.chars().map(|c| digit(c).filter(|digit| *digit < base)).collect();
    let all = all.filter(|all| !all.is_empty() && all.len() <= MAX_DIGITS);
    let all = all.ok_or_else(|| EvalError(format!("parseint: `{text}` is no number of base {base}")))?;
    let made = all.into_iter().fold(BigInt::zero(), |made, digit| made * base + digit);
    Ok(exact(BigDecimal::from(if negative { -made } else { made })))
}

/// From the first up to the second, or down to it, in steps.
fn range(numbers: &[Value]) -> Evaluated {
    let numbers =
        numbers.iter().map(|number| Ok(to_number(number)?.to_big())).collect::<Result<Vec<_>, EvalError>>()?;
    let (zero, one) = (BigDecimal::zero(), BigDecimal::from(1));
    let towards = |start: &BigDecimal, end: &BigDecimal| if end < start { -one.clone() } else { one.clone() };
    let (start, end, step) = match numbers.as_slice() {
        [end] => (zero.clone(), end.clone(), towards(&zero, end)),
        [start, end] => (start.clone(), end.clone(), towards(start, end)),
        [start, end, step] => (start.clone(), end.clone(), step.clone()),
        _ => return error("range: one to three numbers"),
    };
    let up = start < end;
    if step.is_zero() || start != end && up != step.is_positive() {
        return error("range: the step leads away from the end");
    }
    let mut all = Vec::new();
    let mut next = start;
    while if up { next < end } else { next > end } {
        if all.len() >= MAX_ELEMENTS {
            return error(format!("range makes more than {MAX_ELEMENTS} elements"));
        }
        all.push(exact(next.clone()));
        next += &step;
    }
    Ok(Value::array(all))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::terraform::eval::to_text;

    #[test]
    fn whole_numbers_of_any_base() {
        for (text, base, expected) in
            [("FF", 16, "255"), ("-10", 2, "-2"), ("A", 62, "36"), ("99999999999999999999", 10, "99999999999999999999")]
        {
            assert_eq!(to_text(&parse_int(text, base).unwrap()).unwrap(), expected, "{text}");
        }
        for (text, base) in [("", 10), ("z", 10), ("1", 63), ("--1", 10)] {
            assert!(parse_int(text, base).is_err(), "{text}");
        }
    }
}
