//! Durations as Go's `time` package reads and writes them, which is how Kubernetes' API has them.

use std::fmt::Write as _;

/// A text that is no duration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DurationError {
    /// Not of the form, or more than 2^63 nanoseconds.
    #[error("time: invalid duration {0:?}")]
    Invalid(String),
    /// A number without a unit behind it.
    #[error("time: missing unit in duration {0:?}")]
    MissingUnit(String),
    /// Another unit than h, m, s, ms, us and ns.
    #[error("time: unknown unit {unit:?} in duration {text:?}")]
    UnknownUnit {
        /// The unit.
        unit: String,
        /// The whole text.
        text: String,
    },
}

/// Most nanoseconds, either way.
const LIMIT: u64 = 1 << 63;

/// Nanoseconds of a duration such as `1h15m30.918s`, `-1.5h` or `300ms` (Go, `time.ParseDuration`).
pub fn parse(text: &str) -> Result<i64, DurationError> {
    let invalid = || DurationError::Invalid(text.to_owned());
    let negative = text.starts_with('-');
    let mut rest = text.strip_prefix(['-', '+']).unwrap_or(text);
    if rest == "0" {
        return Ok(0);
    }
    if rest.is_empty() {
        return Err(invalid());
    }
    let mut total: u64 = 0;
    while !rest.is_empty() {
        let (nanoseconds, behind) = part(text, rest)?;
        total = total.checked_add(nanoseconds).filter(|total| *total <= LIMIT).ok_or_else(invalid)?;
        rest = behind;
    }
    match (negative, i64::try_from(total)) {
        (true, Ok(total)) => Ok(-total),
        (true, Err(_)) => Ok(i64::MIN),
        (false, total) => total.map_err(|_| invalid()),
    }
}

/// One number with its unit, and what is behind it.
fn part<'t>(text: &str, rest: &'t str) -> Result<(u64, &'t str), DurationError> {
    let invalid = || DurationError::Invalid(text.to_owned());
    let (whole, behind) = rest.split_at(digits(rest));
    let (fraction, behind) = match behind.strip_prefix('.') {
        Some(behind) => behind.split_at(digits(behind)),
        None => ("", behind),
    };
    if whole.is_empty() && fraction.is_empty() {
        return Err(invalid());
    }
    let length = behind.find(|other: char| other == '.' || other.is_ascii_digit()).unwrap_or(behind.len());
    let (name, behind) = behind.split_at(length);
    if name.is_empty() {
        return Err(DurationError::MissingUnit(text.to_owned()));
    }
    let unit = unit(name).ok_or_else(|| DurationError::UnknownUnit { unit: name.to_owned(), text: text.to_owned() })?;
    let whole: u64 = if whole.is_empty() { 0 } else { whole.parse().map_err(|_| invalid())? };
    let nanoseconds = whole.checked_mul(unit).filter(|nanoseconds| *nanoseconds <= LIMIT).ok_or_else(invalid)?;
    let nanoseconds = nanoseconds + fraction_of(fraction, unit);
    if nanoseconds > LIMIT { Err(invalid()) } else { Ok((nanoseconds, behind)) }
}

fn digits(text: &str) -> usize {
    text.bytes().take_while(u8::is_ascii_digit).count()
}

fn unit(name: &str) -> Option<u64> {
    Some(match name {
        "ns" => 1,
        "us" | "\u{b5}s" | "\u{3bc}s" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        _ => return None,
    })
}

/// The fraction in nanoseconds, reckoned in doubles as Go does; digits beyond the 18th do not count.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "less than one hour in nanoseconds"
)]
fn fraction_of(digits: &str, unit: u64) -> u64 {
    let (mut value, mut scale) = (0_u64, 1.0_f64);
    for digit in digits.bytes() {
        if value > (LIMIT - 1) / 10 {
            break;
        }
        value = value * 10 + u64::from(digit - b'0');
        scale *= 10.0;
    }
    (value as f64 * (unit as f64 / scale)) as u64
}

/// The form `72h3m0.5s`; below a second `1.5ms`, `2µs` or `3ns` (Go, `Duration.String`).
pub fn format(nanoseconds: i64) -> String {
    let magnitude = nanoseconds.unsigned_abs();
    let mut out = String::new();
    if nanoseconds < 0 {
        out.push('-');
    }
    match magnitude {
        0 => out.push_str("0s"),
        1..1_000 => write_decimal(&mut out, magnitude, 0, "ns"),
        1_000..1_000_000 => write_decimal(&mut out, magnitude, 3, "µs"),
        1_000_000..1_000_000_000 => write_decimal(&mut out, magnitude, 6, "ms"),
        _ => {
            let minutes = magnitude / 60_000_000_000;
            if minutes >= 60 {
                let _ = write!(out, "{}h", minutes / 60);
            }
            if minutes > 0 {
                let _ = write!(out, "{}m", minutes % 60);
            }
            write_decimal(&mut out, magnitude % 60_000_000_000, 9, "s");
        }
    }
    out
}

/// A value of so many decimal places, without zeros at its end.
fn write_decimal(out: &mut String, value: u64, places: usize, unit: &str) {
    let scale = 10_u64.pow(u32::try_from(places).unwrap_or(0));
    let _ = write!(out, "{}", value / scale);
    if !value.is_multiple_of(scale) {
        let fraction = format!("{:0places$}", value % scale);
        let _ = write!(out, ".{}", fraction.trim_end_matches('0'));
    }
    out.push_str(unit);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_as_go_does() {
        const SECOND: i64 = 1_000_000_000;
        for (text, expected) in [
            ("0", Ok(0)),
            ("-0", Ok(0)),
            ("5s", Ok(5 * SECOND)),
            ("+5s", Ok(5 * SECOND)),
            ("1h15m30.918s", Ok(4530 * SECOND + 918_000_000)),
            ("-1.5h", Ok(-5400 * SECOND)),
            (".5m", Ok(30 * SECOND)),
            ("5.m", Ok(300 * SECOND)),
            ("12\u{b5}s34\u{3bc}s", Ok(46_000)),
            ("1m1m", Ok(120 * SECOND)),
            ("9223372036854775807ns", Ok(i64::MAX)),
            ("-9223372036854775808ns", Ok(i64::MIN)),
            ("0.3333333333333333333h", Ok(20 * 60 * SECOND)),
            ("", Err("time: invalid duration \"\"")),
            ("-", Err("time: invalid duration \"-\"")),
            ("3", Err("time: missing unit in duration \"3\"")),
            ("3d", Err("time: unknown unit \"d\" in duration \"3d\"")),
            (".s", Err("time: invalid duration \".s\"")),
            ("--3s", Err("time: invalid duration \"--3s\"")),
            ("9223372036854775808ns", Err("time: invalid duration \"9223372036854775808ns\"")),
            ("3000000h", Err("time: invalid duration \"3000000h\"")),
        ] {
            assert_eq!(parse(text).map_err(|error| error.to_string()), expected.map_err(str::to_owned), "{text}");
        }
    }

    #[test]
    fn writes_as_go_does() {
        for (nanoseconds, expected) in [
            (0, "0s"),
            (1, "1ns"),
            (1_100, "1.1µs"),
            (2_200_000, "2.2ms"),
            (3_300_000_000, "3.3s"),
            (245_000_000_000, "4m5s"),
            (245_001_000_000, "4m5.001s"),
            (18_367_001_000_000, "5h6m7.001s"),
            (480_000_000_001, "8m0.000000001s"),
            (3_600_000_000_000, "1h0m0s"),
            (i64::MAX, "2562047h47m16.854775807s"),
            (i64::MIN, "-2562047h47m16.854775808s"),
        ] {
            assert_eq!(format(nanoseconds), expected);
        }
    }

    proptest! {
        #[test]
        fn reads_what_it_writes(nanoseconds in any::<i64>(), shift in 0_u32..64) {
            let nanoseconds = nanoseconds >> shift;
            // Go reckons fractions in doubles, so the last digits of large ones are not exact there either.
            prop_assert!(parse(&format(nanoseconds)).unwrap().abs_diff(nanoseconds) <= 1);
        }

        #[test]
        fn any_text_is_read_or_refused(text in "[-+.0-9hmsnuµμ ]{0,12}") {
            let _ = parse(&text);
        }
    }
}
