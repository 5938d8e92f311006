//! Points in time, as texts (RFC 3339). What time it is, is not known before apply.

use probity_go::time::{self as gotime, Civil};
use probity_model::Value;

use crate::terraform::eval::{EvalError, Evaluated, to_text};

/// The function of this name.
pub(super) fn call(name: &str, arguments: &[Value]) -> Option<Evaluated> {
    Some(match (name, arguments) {
        ("timeadd", [time, duration]) => add(time, duration),
        ("timecmp", [left, right]) => compare(left, right),
        ("formatdate", [form, time]) => format(form, time),
        _ => return None,
    })
}

/// Go's layout for RFC 3339.
const RFC_3339: &str = "2006-01-02T15:04:05Z07:00";

fn read(time: &Value) -> Result<Civil, EvalError> {
    let text = to_text(time)?;
    gotime::parse(RFC_3339, &text).map_err(|_| EvalError(format!("`{text}` is not a time in the form of RFC 3339")))
}

/// Nanoseconds of a duration of Go: `1h30m`, `-10s`, `1.5h`.
fn duration(text: &str) -> Option<i128> {
    let (sign, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest == "0" {
        return Some(0);
    }
    let mut total: i128 = 0;
    while !rest.is_empty() {
        let digits = rest.find(|character: char| !character.is_ascii_digit() && character != '.')?;
        let (number, behind) = rest.split_at(digits);
        let unit = behind.find(|character: char| character.is_ascii_digit() || character == '.');
        let (unit, behind) = behind.split_at(unit.unwrap_or(behind.len()));
        let nanoseconds: i128 = match unit {
            "ns" => 1,
            "us" | "µs" | "μs" => 1_000,
            "ms" => 1_000_000,
            "s" => 1_000_000_000,
            "m" => 60_000_000_000,
            "h" => 3_600_000_000_000,
            _ => return None,
        };
        total = total.checked_add(scaled(number, nanoseconds)?)?;
        rest = behind;
    }
    let within = i64::try_from(total).is_ok();
    (within && !text.is_empty()).then_some(total * sign)
}

/// A decimal number of units.
fn scaled(number: &str, unit: i128) -> Option<i128> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() && fraction.is_empty() || whole.len() > 18 || fraction.len() > 18 {
        return None;
    }
    let parse = |digits: &str| if digits.is_empty() { Some(0) } else { digits.parse::<i128>().ok() };
    let power = 10_i128.pow(u32::try_from(fraction.len()).ok()?);
    Some(parse(whole)? * unit + parse(fraction)? * unit / power)
}

fn add(time: &Value, text: &Value) -> Evaluated {
    let (time, text) = (read(time)?, to_text(text)?);
    let duration = duration(&text).ok_or_else(|| EvalError(format!("`{text}` is not a duration")))?;
    let sum = Civil::from_nanoseconds(time.to_nanoseconds() + duration, time.offset, &time.zone);
    let sum = sum.ok_or_else(|| EvalError("the time is out of range".to_owned()))?;
    Ok(gotime::format(&sum, RFC_3339).into())
}

fn compare(left: &Value, right: &Value) -> Evaluated {
    Ok((read(left)?.to_nanoseconds().cmp(&read(right)?.to_nanoseconds()) as i64).into())
}

/// A form such as `DD MMM YYYY hh:mm ZZZ`: runs of one letter are parts of the time, what is between quotes stands as it is.
fn format(form: &Value, time: &Value) -> Evaluated {
    let (form, time) = (to_text(form)?, read(time)?);
    let mut out = String::new();
    let mut rest = form.as_str();
    while let Some(first) = rest.chars().next() {
        if first == '\'' {
            let (literal, behind) = quoted(&rest[1..])?;
            out.push_str(&literal);
            rest = behind;
            continue;
        }
        let end = rest.find(|character| character != first).unwrap_or(rest.len());
        let (run, behind) = rest.split_at(end);
        rest = behind;
        if first.is_ascii_alphabetic() {
            out.push_str(&part(run, &time)?);
        } else {
            out.push_str(run);
        }
    }
    Ok(out.into())
}

/// What stands between quotes, two of which stand for one, and what follows.
fn quoted(text: &str) -> Result<(String, &str), EvalError> {
    let mut out = String::new();
    let mut rest = text;
    loop {
        let end = rest.find('\'').ok_or_else(|| EvalError("formatdate: a quote is not closed".to_owned()))?;
        out.push_str(&rest[..end]);
        rest = &rest[end + 1..];
        match rest.strip_prefix('\'') {
            Some(behind) => {
                out.push('\'');
                rest = behind;
            }
            None => return Ok((out, rest)),
        }
    }
}

fn part(run: &str, time: &Civil) -> Result<String, EvalError> {
    let layout = match run {
        "YYYY" => "2006",
        "YY" => "06",
        "MMMM" => "January",
        "MMM" => "Jan",
        "MM" => "01",
        "M" => "1",
        "DD" => "02",
        "D" => "2",
        "EEEE" => "Monday",
        "EEE" => "Mon",
        "hh" => "15",
        "h" => return Ok(time.hour.to_string()),
        "HH" => "03",
        "H" => "3",
        "AA" => "PM",
        "aa" => "pm",
        "mm" => "04",
        "m" => "4",
        "ss" => "05",
        "s" => "5",
        "ZZZZZ" => "-07:00",
        "ZZZ" if time.offset == 0 => return Ok("UTC".to_owned()),
        "ZZZZ" | "ZZZ" => "-0700",
        "Z" => "Z07:00",
        other => return Err(EvalError(format!("formatdate: `{other}` is no part of a time"))),
    };
    Ok(gotime::format(time, layout))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_of_go() {
        for (text, seconds) in [("1h", 3600), ("1h30m", 5400), ("-10s", -10), ("1.5h", 5400), ("0", 0)] {
            assert_eq!(duration(text), Some(seconds * 1_000_000_000), "{text}");
        }
        for text in ["", "h", "1", "1x", "1h-", "9999999h9999999h"] {
            assert_eq!(duration(text), None, "{text}");
        }
    }
}
