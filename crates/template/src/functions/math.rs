//! Numbers. What sprig computes with is `int64`, or `float64` for the functions that end in `f`.

use super::{Outcome, Table, at_least, exactly, int};
use crate::datum::Datum;

/// Longest list of numbers that is made.
const MAX_NUMBERS: usize = 1 << 20;

pub(super) const TABLE: Table = &[
    ("add", |args| Ok(Datum::Int64(args.iter().fold(0, |sum: i64, value| sum.wrapping_add(to_int(value)))))),
    ("add1", |args| {
        let [value] = exactly(args)?;
        Ok(Datum::Int64(to_int(value).wrapping_add(1)))
    }),
    ("add1f", |args| {
        let [value] = exactly(args)?;
        Ok(Datum::Float(decimal(to_float(value), 1.0, |a, b| a + b)))
    }),
    ("addf", |args| Ok(Datum::Float(args.iter().fold(0.0, |sum, value| decimal(sum, to_float(value), |a, b| a + b))))),
    ("atoi", |args| {
        let [value] = exactly(args)?;
        Ok(Datum::Int(super::string(value)?.parse().unwrap_or(0)))
    }),
    ("biggest", |args| folded(args, i64::max)),
    ("ceil", |args| float(args, f64::ceil)),
    ("div", |args| whole(args, i64::checked_div)),
    ("divf", |args| folded_float(args, |a, b| decimal(a, b, |a, b| a / b))),
    ("float64", |args| float(args, |number| number)),
    ("floor", |args| float(args, f64::floor)),
    ("int", |args| {
        let [value] = exactly(args)?;
        Ok(Datum::Int(to_int(value)))
    }),
    ("int64", |args| {
        let [value] = exactly(args)?;
        Ok(Datum::Int64(to_int(value)))
    }),
    ("max", |args| folded(args, i64::max)),
    ("maxf", |args| folded_float(args, f64::max)),
    ("min", |args| folded(args, i64::min)),
    ("minf", |args| folded_float(args, f64::min)),
    ("mod", |args| whole(args, i64::checked_rem)),
    ("mul", |args| folded(args, i64::wrapping_mul)),
    ("mulf", |args| folded_float(args, |a, b| decimal(a, b, |a, b| a * b))),
    ("round", round),
    ("seq", seq),
    ("sub", |args| whole(args, |a, b| Some(a.wrapping_sub(b)))),
    ("subf", |args| folded_float(args, |a, b| decimal(a, b, |a, b| a - b))),
    ("toDecimal", |args| {
        let [value] = exactly(args)?;
        Ok(Datum::Int64(i64::from_str_radix(&super::text(value), 8).unwrap_or(0)))
    }),
    ("until", |args| {
        let [count] = exactly(args)?;
        let count = int(count)?;
        Ok(ints(&steps(0, count, if count < 0 { -1 } else { 1 })?))
    }),
    ("untilStep", |args| {
        let [start, stop, step] = exactly(args)?;
        Ok(ints(&steps(int(start)?, int(stop)?, int(step)?)?))
    }),
];

/// Anything as a whole number: texts are read as Go reads constants, and what is no number is 0.
#[expect(clippy::cast_possible_truncation, reason = "as Go converts")]
pub(super) fn to_int(value: &Datum) -> i64 {
    match value {
        Datum::Int(int) | Datum::Int64(int) => *int,
        Datum::Float(float) => *float as i64,
        Datum::Bool(truth) => i64::from(*truth),
        Datum::Text(text) => read_int(text),
        _ => 0,
    }
}

fn read_int(text: &str) -> i64 {
    // `5.00` is 5; other fractions are no whole numbers.
    let text = match text.split_once('.') {
        Some((whole, zeros)) if !zeros.is_empty() && zeros.bytes().all(|byte| byte == b'0') => whole,
        _ => text,
    };
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let lower = digits.to_ascii_lowercase();
    let number = match lower.get(..2) {
        Some("0x") => i64::from_str_radix(&lower[2..], 16),
        Some("0b") => i64::from_str_radix(&lower[2..], 2),
        Some("0o") => i64::from_str_radix(&lower[2..], 8),
        Some(octal) if octal.starts_with('0') => i64::from_str_radix(&lower[1..], 8),
        _ if lower.starts_with(['+', '-']) => Ok(0),
        _ => lower.parse(),
    };
    number.map_or(0, |number| sign * number)
}

fn to_float(value: &Datum) -> f64 {
    match value {
        #[expect(clippy::cast_precision_loss, reason = "as Go converts")]
        Datum::Int(int) | Datum::Int64(int) => *int as f64,
        Datum::Float(float) => *float,
        Datum::Bool(truth) => f64::from(u8::from(*truth)),
        Datum::Text(text) => text.parse().unwrap_or(0.0),
        _ => 0.0,
    }
}

/// What comes out in decimals: sprig adds 0.1 and 0.2 to 0.3.
fn decimal(a: f64, b: f64, operation: fn(f64, f64) -> f64) -> f64 {
    let exact = operation(a, b);
    if !exact.is_finite() {
        return exact;
    }
    // Fifteen digits hold what a double has of a decimal number.
    format!("{exact:.14e}").parse().unwrap_or(exact)
}

fn float(args: &[Datum], change: fn(f64) -> f64) -> Outcome {
    let [value] = exactly(args)?;
    Ok(Datum::Float(change(to_float(value))))
}

fn folded(args: &[Datum], combine: fn(i64, i64) -> i64) -> Outcome {
    let ([first], rest) = at_least(args)?;
    Ok(Datum::Int64(rest.iter().fold(to_int(first), |sum, value| combine(sum, to_int(value)))))
}

fn folded_float(args: &[Datum], combine: fn(f64, f64) -> f64) -> Outcome {
    let ([first], rest) = at_least(args)?;
    Ok(Datum::Float(rest.iter().fold(to_float(first), |sum, value| combine(sum, to_float(value)))))
}

fn whole(args: &[Datum], combine: fn(i64, i64) -> Option<i64>) -> Outcome {
    let [a, b] = exactly(args)?;
    Ok(Datum::Int64(combine(to_int(a), to_int(b)).ok_or("integer divide by zero")?))
}

fn round(args: &[Datum]) -> Outcome {
    let ([value, places], rest) = at_least(args)?;
    let on = rest.first().map_or(0.5, to_float);
    let power = 10_f64.powf(to_float(places));
    let digit = power * to_float(value);
    let rounded = if digit.fract() >= on { digit.ceil() } else { digit.floor() };
    Ok(Datum::Float(rounded / power))
}

fn steps(start: i64, stop: i64, step: i64) -> Result<Vec<i64>, super::Failure> {
    let mut numbers = Vec::new();
    let ends = |number: i64| if stop < start { number <= stop } else { number >= stop };
    if stop < start && step >= 0 || stop >= start && step <= 0 {
        return Ok(numbers);
    }
    let mut number = start;
    while !ends(number) {
        if numbers.len() >= MAX_NUMBERS {
            return Err("the list would be too long".into());
        }
        numbers.push(number);
        let Some(next) = number.checked_add(step) else { break };
        number = next;
    }
    Ok(numbers)
}

fn ints(numbers: &[i64]) -> Datum {
    Datum::List(numbers.iter().copied().map(Datum::Int).collect())
}

fn seq(args: &[Datum]) -> Outcome {
    let numbers = args.iter().map(int).collect::<Result<Vec<_>, _>>()?;
    let numbers = match numbers[..] {
        [end] => {
            let step = if end < 1 { -1 } else { 1 };
            steps(1, end.saturating_add(step), step)?
        }
        [start, end] => {
            let step = if end < start { -1 } else { 1 };
            steps(start, end.saturating_add(step), step)?
        }
        [start, step, end] if end < start && step > 0 => Vec::new(),
        [start, step, end] => steps(start, end.saturating_add(if end < start { -1 } else { 1 }), step)?,
        _ => Vec::new(),
    };
    Ok(numbers.iter().map(i64::to_string).collect::<Vec<_>>().join(" ").into())
}
