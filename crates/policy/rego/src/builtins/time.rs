//! Times and durations.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{Timestamp, civil};
use probity_go::time::{self as gotime, Civil, days_from_civil};
use probity_model::value::Value;

use super::args::{int, string, wrong_type};
use super::{Context, Failure, Outcome};

const EITHER: &str = "either number (ns) or [number (ns), string (tz)]";
const SECOND: i128 = 1_000_000_000;

pub(super) fn now_ns(context: &mut Context<'_>, _: &[Value]) -> Outcome {
    context.now_ns().map(Value::from)
}

/// A time, its zone, and the layout that was given with it.
struct Operand {
    nanoseconds: i64,
    zone: TimeZone,
    layout: String,
}

fn operand(args: &[Value], index: usize) -> Result<Operand, Failure> {
    let mut zone = TimeZone::UTC;
    let mut layout = String::new();
    let time = match &args[index] {
        value @ Value::Number(_) => value,
        Value::Array(array) if !array.is_empty() => {
            let text = |at: usize| match array.get(at) {
                None => Ok(None),
                Some(Value::String(text)) => Ok(Some(text.as_str())),
                Some(other) => Err(wrong_type(1, other, &["string"])),
            };
            if let Some(name) = text(1)? {
                zone = zone_of(name)?;
            }
            if let Some(text) = text(2)? {
                text.clone_into(&mut layout);
            }
            &array.as_slice()[0]
        }
        other => return Err(wrong_type(1, other, &[EITHER])),
    };
    let number = time.as_number().ok_or_else(|| wrong_type(1, time, &["number"]))?;
    let nanoseconds = number.as_i64().ok_or_else(|| Failure::value("timestamp too big"))?;
    Ok(Operand { nanoseconds, zone, layout })
}

fn zone_of(name: &str) -> Result<TimeZone, Failure> {
    match name {
        // Whatever the machine has its clock at must not make a difference.
        "" | "UTC" | "Local" => Ok(TimeZone::UTC),
        name => TimeZone::get(name).map_err(|_| Failure::value(format!("unknown time zone {name}"))),
    }
}

impl Operand {
    fn civil(&self) -> Result<Civil, Failure> {
        civil_of(self.nanoseconds, &self.zone)
    }
}

fn civil_of(nanoseconds: i64, zone: &TimeZone) -> Result<Civil, Failure> {
    let timestamp =
        Timestamp::from_nanosecond(nanoseconds.into()).map_err(|error| Failure::value(error.to_string()))?;
    let info = zone.to_offset_info(timestamp);
    let offset = i64::from(info.offset().seconds());
    Civil::from_nanoseconds(nanoseconds.into(), offset, info.abbreviation())
        .ok_or_else(|| Failure::value("time outside of valid range"))
}

fn in_range(nanoseconds: i128) -> Outcome {
    i64::try_from(nanoseconds).map(Value::from).map_err(|_| Failure::value("time outside of valid range"))
}

pub(super) fn parse_ns(_: &mut Context<'_>, args: &[Value]) -> Outcome {
    let (layout, text) = (string(args, 0)?, string(args, 1)?);
    in_range(gotime::parse(gotime::named(layout), text).map_err(Failure::Value)?.to_nanoseconds())
}

pub(super) fn parse_rfc3339_ns(_: &mut Context<'_>, args: &[Value]) -> Outcome {
    in_range(gotime::parse(gotime::RFC3339, string(args, 0)?).map_err(Failure::Value)?.to_nanoseconds())
}

pub(super) fn format(_: &mut Context<'_>, args: &[Value]) -> Outcome {
    let operand = operand(args, 0)?;
    let layout = if operand.layout.is_empty() { gotime::RFC3339_NANO } else { gotime::named(&operand.layout) };
    Ok(gotime::format(&operand.civil()?, layout).into())
}

pub(super) fn date(_: &mut Context<'_>, args: &[Value]) -> Outcome {
    let time = operand(args, 0)?.civil()?;
    Ok(Value::array([time.year.into(), time.month.into(), time.day.into()]))
}

pub(super) fn clock(_: &mut Context<'_>, args: &[Value]) -> Outcome {
    let time = operand(args, 0)?.civil()?;
    Ok(Value::array([time.hour.into(), time.minute.into(), time.second.into()]))
}

pub(super) fn weekday(_: &mut Context<'_>, args: &[Value]) -> Outcome {
    let time = operand(args, 0)?.civil()?;
    Ok(gotime::DAYS[gotime::weekday(time.year, time.month, time.day)].into())
}

pub(super) fn add_date(_: &mut Context<'_>, args: &[Value]) -> Outcome {
    let operand = operand(args, 0)?;
    let time = operand.civil()?;
    let (years, months, days) = (int(args, 1)?, int(args, 2)?, int(args, 3)?);
    let out = || Failure::value("time outside of valid range");
    if [years, months, days].iter().any(|amount| amount.abs() > 1_000_000_000) {
        return Err(out());
    }
    let days = days_from_civil(time.year + years, time.month + months, 1) + time.day - 1 + days;
    let (year, month, day) = gotime::civil_from_days(days);
    let narrow = |value: i64| i8::try_from(value).map_err(|_| out());
    let date =
        civil::Date::new(i16::try_from(year).map_err(|_| out())?, narrow(month)?, narrow(day)?).map_err(|_| out())?;
    let nanosecond = i32::try_from(time.nanosecond).unwrap_or_default();
    let clock = civil::Time::new(narrow(time.hour)?, narrow(time.minute)?, narrow(time.second)?, nanosecond)
        .map_err(|_| out())?;
    let local = DateTime::from_parts(date, clock);
    let zoned = operand.zone.to_ambiguous_timestamp(local).compatible().map_err(|_| out())?;
    in_range(zoned.as_nanosecond())
}

pub(super) fn diff(_: &mut Context<'_>, args: &[Value]) -> Outcome {
    let (first, second) = (operand(args, 0)?, operand(args, 1)?);
    let (low, high) = if first.nanoseconds > second.nanoseconds {
        (second.nanoseconds, first.nanoseconds)
    } else {
        (first.nanoseconds, second.nanoseconds)
    };
    // Both in the zone of the first.
    let (low, high) = (civil_of(low, &first.zone)?, civil_of(high, &first.zone)?);
    let mut parts = [
        high.year - low.year,
        high.month - low.month,
        high.day - low.day,
        high.hour - low.hour,
        high.minute - low.minute,
        high.second - low.second,
    ];
    let month_length = days_from_civil(low.year, low.month + 1, 1) - days_from_civil(low.year, low.month, 1);
    for (index, size) in [(5, 60), (4, 60), (3, 24), (2, month_length), (1, 12)] {
        if parts[index] < 0 {
            parts[index] += size;
            parts[index - 1] -= 1;
        }
    }
    Ok(Value::array(parts.map(Value::from)))
}

/// A duration in Go's notation, also with days, weeks and years of 365 days.
pub(super) fn parse_duration_ns(_: &mut Context<'_>, args: &[Value]) -> Outcome {
    let text = string(args, 0)?;
    let invalid = || Failure::value(format!("time: invalid duration {}", super::sprintf::text(&args[0])));
    let (negative, mut rest) = match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    };
    if rest == "0" {
        return Ok(0.into());
    }
    if rest.is_empty() {
        return Err(invalid());
    }
    let mut total: i128 = 0;
    while !rest.is_empty() {
        let length = rest.bytes().take_while(|byte| byte.is_ascii_digit() || *byte == b'.').count();
        let (digits, behind) = rest.split_at(length);
        let unit_length = behind.find(|next: char| next.is_ascii_digit() || next == '.').unwrap_or(behind.len());
        let (unit, behind) = behind.split_at(unit_length);
        let hour: i128 = 3600 * SECOND;
        let size: i128 = match unit {
            "ns" => 1,
            "us" | "µs" | "μs" => 1000,
            "ms" => 1_000_000,
            "s" => SECOND,
            "m" => 60 * SECOND,
            "h" => hour,
            "d" => 24 * hour,
            "w" => 7 * 24 * hour,
            "y" => 365 * 24 * hour,
            "" => {
                return Err(Failure::value(format!(
                    "time: missing unit in duration {}",
                    super::sprintf::text(&args[0])
                )));
            }
            other => {
                return Err(Failure::value(format!(
                    "time: unknown unit {} in duration {}",
                    super::sprintf::text(&other.into()),
                    super::sprintf::text(&args[0])
                )));
            }
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        if whole.is_empty() && fraction.is_empty() || fraction.contains('.') || whole.len() > 19 {
            return Err(invalid());
        }
        let whole: i128 = if whole.is_empty() { 0 } else { whole.parse().map_err(|_| invalid())? };
        let cut = &fraction[..fraction.len().min(18)];
        let fraction: i128 = if cut.is_empty() { 0 } else { cut.parse().map_err(|_| invalid())? };
        let scale = 10_i128.pow(u32::try_from(cut.len()).unwrap_or_default());
        total += whole * size + fraction * size / scale;
        if total > i128::from(i64::MAX) + 1 {
            return Err(invalid());
        }
        rest = behind;
    }
    let total = if negative { -total } else { total };
    i64::try_from(total).map(Value::from).map_err(|_| invalid())
}
