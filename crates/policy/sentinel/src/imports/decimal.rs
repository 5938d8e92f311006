//! `decimal`: decimal numbers of up to 100 digits.

use std::cmp::Ordering;
use std::str::FromStr;

use bigdecimal::{BigDecimal, RoundingMode, Signed, ToPrimitive, Zero};

use super::{Object, real};
use crate::eval::{Args, Def, Interp, Stop, Unfit, settle};
use crate::value::Value;

/// Largest exponent either way: what is beyond is infinite or nothing.
const MAX_EXPONENT: i64 = 100_000;

pub(super) static FUNCTIONS: [Def; 9] = [
    Def { name: "inf", call: infinity },
    Def { name: "infinity", call: infinity },
    Def { name: "is_inf", call: is_infinite },
    Def { name: "is_infinite", call: is_infinite },
    Def { name: "is_nan", call: is_nan },
    Def { name: "isinf", call: is_infinite },
    Def { name: "isinfinite", call: is_infinite },
    Def { name: "isnan", call: is_nan },
    Def { name: "new", call: new },
];

type Binary = fn(&Decimal, &Decimal) -> Decimal;

pub(super) static METHODS: [Def; 37] = [
    Def { name: "abs", call: |_, args| unary(args, Decimal::absolute) },
    Def { name: "absolute", call: |_, args| unary(args, Decimal::absolute) },
    Def { name: "add", call: |_, args| binary(args, Decimal::add) },
    Def { name: "ceil", call: |_, args| unary(args, |number| number.rounded(RoundingMode::Ceiling)) },
    Def { name: "ceiling", call: |_, args| unary(args, |number| number.rounded(RoundingMode::Ceiling)) },
    Def { name: "div", call: |_, args| binary(args, Decimal::divide) },
    Def { name: "divide", call: |_, args| binary(args, Decimal::divide) },
    Def { name: "exp", call: |_, args| unary(args, Decimal::exp) },
    Def { name: "floor", call: |_, args| unary(args, |number| number.rounded(RoundingMode::Floor)) },
    Def { name: "greater_than", call: |_, args| test(args, |order| order == Some(Ordering::Greater)) },
    Def { name: "greater_than_or_equals", call: |_, args| test(args, |order| order.is_some_and(Ordering::is_ge)) },
    Def { name: "gt", call: |_, args| test(args, |order| order == Some(Ordering::Greater)) },
    Def { name: "gte", call: |_, args| test(args, |order| order.is_some_and(Ordering::is_ge)) },
    Def { name: "is", call: |_, args| test(args, |order| order == Some(Ordering::Equal)) },
    Def { name: "is_not", call: |_, args| test(args, |order| order != Some(Ordering::Equal)) },
    Def { name: "less_than", call: |_, args| test(args, |order| order == Some(Ordering::Less)) },
    Def { name: "less_than_or_equals", call: |_, args| test(args, |order| order.is_some_and(Ordering::is_le)) },
    Def { name: "ln", call: |_, args| unary(args, Decimal::ln) },
    Def { name: "log", call: |_, args| unary(args, Decimal::log10) },
    Def { name: "log10", call: |_, args| unary(args, Decimal::log10) },
    Def { name: "loge", call: |_, args| unary(args, Decimal::ln) },
    Def { name: "lt", call: |_, args| test(args, |order| order == Some(Ordering::Less)) },
    Def { name: "lte", call: |_, args| test(args, |order| order.is_some_and(Ordering::is_le)) },
    Def { name: "mod", call: |_, args| binary(args, Decimal::remainder) },
    Def { name: "modulo", call: |_, args| binary(args, Decimal::remainder) },
    Def { name: "mul", call: |_, args| binary(args, Decimal::multiply) },
    Def { name: "multiply", call: |_, args| binary(args, Decimal::multiply) },
    Def { name: "neg", call: |_, args| unary(args, Decimal::negated) },
    Def { name: "negate", call: |_, args| unary(args, Decimal::negated) },
    Def { name: "pow", call: |_, args| binary(args, Decimal::power) },
    Def { name: "power", call: |_, args| binary(args, Decimal::power) },
    Def { name: "rem", call: |_, args| binary(args, Decimal::remainder) },
    Def { name: "remainder", call: |_, args| binary(args, Decimal::remainder) },
    Def { name: "sqrt", call: |_, args| unary(args, Decimal::square_root) },
    Def { name: "square_root", call: |_, args| unary(args, Decimal::square_root) },
    Def { name: "sub", call: |_, args| binary(args, Decimal::subtract) },
    Def { name: "subtract", call: |_, args| binary(args, Decimal::subtract) },
];

/// A decimal number.
#[derive(Debug, Clone)]
pub(crate) enum Decimal {
    NotANumber,
    Infinite { negative: bool },
    Finite(BigDecimal),
}

use Decimal::{Finite, Infinite, NotANumber};

impl Decimal {
    fn parse(text: &str) -> Option<Self> {
        let (sign, rest) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        match rest.to_ascii_lowercase().as_str() {
            "inf" | "infinity" => return Some(Infinite { negative: sign }),
            "nan" => return Some(NotANumber),
            _ => {}
        }
        let exponent = rest.split_once(['e', 'E']).map_or(Some(0), |(_, exponent)| exponent.parse::<i64>().ok())?;
        if exponent.abs() > MAX_EXPONENT || text.len() > 1000 {
            return None;
        }
        BigDecimal::from_str(text).ok().map(Self::of)
    }

    fn of(number: BigDecimal) -> Self {
        let number = if number.digits() > real::DIGITS { number.with_prec(real::DIGITS) } else { number };
        let (_, scale) = number.as_bigint_and_exponent();
        match scale {
            // What is too small for the exponent is nothing, what is too great is beyond all.
            _ if scale > MAX_EXPONENT => Finite(BigDecimal::zero()),
            _ if scale < -MAX_EXPONENT => Infinite { negative: number.is_negative() },
            _ => Finite(number),
        }
    }

    fn is_negative(&self) -> bool {
        match self {
            NotANumber => false,
            Infinite { negative } => *negative,
            Finite(number) => number.is_negative(),
        }
    }

    fn is_zero(&self) -> bool {
        matches!(self, Finite(number) if number.is_zero())
    }

    fn order(&self, other: &Self) -> Option<Ordering> {
        Some(match (self, other) {
            (NotANumber, _) | (_, NotANumber) => return None,
            (Finite(a), Finite(b)) => a.cmp(b),
            (Infinite { negative: a }, Infinite { negative: b }) => b.cmp(a),
            (Infinite { negative }, Finite(_)) => {
                if *negative {
                    Ordering::Less
                } else {
                    Ordering::Greater
                }
            }
            (Finite(_), Infinite { negative }) => {
                if *negative {
                    Ordering::Greater
                } else {
                    Ordering::Less
                }
            }
        })
    }

    fn negated(&self) -> Self {
        match self {
            NotANumber => NotANumber,
            Infinite { negative } => Infinite { negative: !negative },
            Finite(number) => Finite(-number),
        }
    }

    fn absolute(&self) -> Self {
        if self.is_negative() { self.negated() } else { self.clone() }
    }

    fn add(&self, other: &Self) -> Self {
        match (self, other) {
            (Finite(a), Finite(b)) => sum(a, b),
            (Infinite { negative: a }, Infinite { negative: b }) if a != b => NotANumber,
            (NotANumber, _) | (_, NotANumber) => NotANumber,
            (infinite @ Infinite { .. }, _) | (_, infinite) => infinite.clone(),
        }
    }

    fn subtract(&self, other: &Self) -> Self {
        self.add(&other.negated())
    }

    fn multiply(&self, other: &Self) -> Self {
        match (self, other) {
            (Finite(a), Finite(b)) => Self::of(a * b),
            (NotANumber, _) | (_, NotANumber) => NotANumber,
            _ if self.is_zero() || other.is_zero() => NotANumber,
            _ => Infinite { negative: self.is_negative() != other.is_negative() },
        }
    }

    fn divide(&self, other: &Self) -> Self {
        match (self, other) {
            (Finite(a), Finite(b)) if !b.is_zero() => Self::of((a / b).with_prec(real::DIGITS).normalized()),
            (Finite(a), Finite(_)) if a.is_zero() => NotANumber,
            (Finite(_) | Infinite { .. }, Finite(_)) => {
                Infinite { negative: self.is_negative() != other.is_negative() }
            }
            (Finite(_), Infinite { .. }) => Finite(BigDecimal::zero()),
            _ => NotANumber,
        }
    }

    fn remainder(&self, other: &Self) -> Self {
        match (self, other) {
            (Finite(a), Finite(b)) if !b.is_zero() && spread(a, b) <= 1_000 => Self::of(a % b),
            (Finite(a), Infinite { .. }) => Finite(a.clone()),
            _ => NotANumber,
        }
    }

    fn power(&self, other: &Self) -> Self {
        match (self, other) {
            (Finite(base), Finite(power)) => real::pow(base, power).map_or(NotANumber, Self::of),
            _ => NotANumber,
        }
    }

    fn exp(&self) -> Self {
        match self {
            Finite(power) => real::exp(power).map_or(NotANumber, Self::of),
            Infinite { negative: true } => Finite(BigDecimal::zero()),
            other => other.clone(),
        }
    }

    fn ln(&self) -> Self {
        match self {
            Finite(number) if number.is_positive() => Finite(real::ln(number)),
            Finite(number) if number.is_zero() => Infinite { negative: true },
            Infinite { negative: false } => self.clone(),
            _ => NotANumber,
        }
    }

    fn log10(&self) -> Self {
        match self {
            Finite(number) if number.is_positive() => {
                Finite((real::ln(number) / real::ln(&BigDecimal::from(10))).with_prec(real::DIGITS - 5).normalized())
            }
            _ => self.ln(),
        }
    }

    fn square_root(&self) -> Self {
        match self {
            Finite(number) if !number.is_negative() => {
                Self::of(real::sqrt(number).with_prec(real::DIGITS).normalized())
            }
            Infinite { negative: false } => self.clone(),
            _ => NotANumber,
        }
    }

    fn rounded(&self, mode: RoundingMode) -> Self {
        match self {
            Finite(number) => Finite(number.with_scale_round(0, mode)),
            other => other.clone(),
        }
    }

    fn text(&self) -> String {
        match self {
            NotANumber => "NaN".to_owned(),
            Infinite { negative: true } => "-Infinity".to_owned(),
            Infinite { negative: false } => "Infinity".to_owned(),
            Finite(number) => {
                let (digits, scale) = number.as_bigint_and_exponent();
                if scale.abs() <= 100 { number.to_plain_string() } else { format!("{digits}E{:+}", -scale) }
            }
        }
    }

    pub(crate) fn data(&self) -> Value {
        let (coefficient, exponent) = match self {
            Finite(number) => {
                let (digits, scale) = number.as_bigint_and_exponent();
                (
                    digits.abs().to_i64().map_or_else(|| Value::String(digits.abs().to_string().into()), Value::Int),
                    -scale,
                )
            }
            _ => (Value::Int(0), 0),
        };
        let sign = if self.is_negative() { -1 } else { i64::from(!self.is_zero() && !matches!(self, NotANumber)) };
        let (float, int) = match self {
            NotANumber => (f64::NAN, 0),
            Infinite { negative: true } => (f64::NEG_INFINITY, i64::MIN),
            Infinite { negative: false } => (f64::INFINITY, i64::MAX),
            Finite(number) => {
                let clamped = if number.is_negative() { i64::MIN } else { i64::MAX };
                let whole = number.with_scale_round(0, RoundingMode::Floor);
                (number.to_f64().unwrap_or(f64::NAN), whole.to_i64().unwrap_or(clamped))
            }
        };
        Value::map([
            ("string", Value::String(self.text().into())),
            ("sign", Value::Int(sign)),
            ("coefficient", coefficient),
            ("exponent", Value::Int(exponent)),
            ("float", Value::Float(float)),
            ("int", Value::Int(int)),
        ])
    }
}

/// How far apart two numbers are, in digits.
fn spread(a: &BigDecimal, b: &BigDecimal) -> i64 {
    let magnitude =
        |number: &BigDecimal| i64::try_from(number.digits()).unwrap_or(i64::MAX) - number.as_bigint_and_exponent().1;
    (magnitude(a) - magnitude(b)).abs()
}

/// A sum; when one number is too small beside the other to be seen in 100 digits, that other.
fn sum(a: &BigDecimal, b: &BigDecimal) -> Decimal {
    let unseen = 2 * real::DIGITS.cast_signed();
    if a.is_zero() || b.is_zero() || spread(a, b) <= unseen {
        return Decimal::of(if a.is_zero() {
            b.clone()
        } else if b.is_zero() {
            a.clone()
        } else {
            a + b
        });
    }
    Decimal::of(if a.abs() > b.abs() { a.clone() } else { b.clone() })
}

/// `nan`
pub(super) fn constant(name: &str) -> Option<Value> {
    (name == "nan").then(|| NotANumber.into())
}

fn infinity(_: &mut Interp<'_>, args: &Args) -> Result<Value, Stop> {
    args.count(1, 1)?;
    settle(args.int(0).map(|sign| Infinite { negative: sign < 0 }.into()))
}

fn argument(args: &Args, index: usize) -> Result<Decimal, Unfit> {
    match args.get(index)? {
        Value::Int(int) => Ok(Finite(BigDecimal::from(*int))),
        Value::Float(float) if float.is_nan() => Ok(NotANumber),
        Value::Float(float) if float.is_infinite() => Ok(Infinite { negative: *float < 0.0 }),
        // The shortest decimal that reads as the same float.
        Value::Float(float) => Ok(Decimal::parse(&float.to_string()).unwrap_or(NotANumber)),
        Value::Object(object) => match &**object {
            Object::Decimal(number) => Ok(number.clone()),
            _ => Err("expected a number".to_owned().into()),
        },
        _ => {
            let text = args.text(index)?.to_str();
            Ok(Decimal::parse(&text).ok_or_else(|| format!("`{text}` is no decimal number"))?)
        }
    }
}

fn receiver(args: &Args) -> Result<&Decimal, Unfit> {
    match args.receiver.as_deref() {
        Some(Object::Decimal(number)) => Ok(number),
        _ => Err(format!("{} is a method of a decimal", args.name).into()),
    }
}

fn new(_: &mut Interp<'_>, args: &Args) -> Result<Value, Stop> {
    args.count(1, 1)?;
    settle(argument(args, 0).map(Value::from))
}

fn is_infinite(_: &mut Interp<'_>, args: &Args) -> Result<Value, Stop> {
    is(args, |number| matches!(number, Infinite { .. }))
}

fn is_nan(_: &mut Interp<'_>, args: &Args) -> Result<Value, Stop> {
    is(args, |number| matches!(number, NotANumber))
}

fn is(args: &Args, is: fn(&Decimal) -> bool) -> Result<Value, Stop> {
    args.count(1, 1)?;
    settle(argument(args, 0).map(|number| Value::Bool(is(&number))))
}

fn unary(args: &Args, function: fn(&Decimal) -> Decimal) -> Result<Value, Stop> {
    args.count(0, 0)?;
    settle(receiver(args).map(|number| function(number).into()))
}

fn binary(args: &Args, function: Binary) -> Result<Value, Stop> {
    args.count(1, 1)?;
    settle((|| Ok(function(receiver(args)?, &argument(args, 0)?).into()))())
}

fn test(args: &Args, holds: fn(Option<Ordering>) -> bool) -> Result<Value, Stop> {
    args.count(1, 1)?;
    settle((|| Ok(Value::Bool(holds(receiver(args)?.order(&argument(args, 0)?)))))())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_without_an_exact_result() {
        let close = |number: Decimal, expected: &str| {
            let text = number.text();
            assert!(text.starts_with(expected), "{text} begins with {expected}");
        };
        let number = |text: &str| Decimal::parse(text).unwrap();
        close(
            number("1").exp(),
            "2.71828182845904523536028747135266249775724709369995957496696762772407663035354759457138",
        );
        close(
            number("2").ln(),
            "0.69314718055994530941723212145817656807550013436025525412068000949339362196969471560586",
        );
        close(
            number("2").square_root(),
            "1.41421356237309504880168872420969807856967187537694807317667973799073247846210703885",
        );
        close(number("1000").log10(), "3");
        close(number("2").power(&number("0.5")), "1.414213562373095048801688724209698078569671875376948073176679737");
        close(number("2").power(&number("-2")), "0.25");
        assert!(matches!(number("-1").square_root(), NotANumber));
    }
}
