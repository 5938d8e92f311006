//! `time`: the time of the execution, and other times.

use jiff::tz::{Offset, TimeZone};
use jiff::{SignedDuration, Timestamp, ZonedDateTime};

use super::Object;
use crate::eval::{Args, Def, Interp, Stop, Unfit, settle};
use crate::value::Value;

pub(super) static FUNCTIONS: [Def; 1] = [Def { name: "load", call: load }];

pub(super) static METHODS: [Def; 5] = [
    Def { name: "add", call: add },
    Def { name: "after", call: |_, args| test(args, |time, other| time > other) },
    Def { name: "before", call: |_, args| test(args, |time, other| time < other) },
    Def { name: "equal", call: |_, args| test(args, |time, other| time == other) },
    Def { name: "sub", call: sub },
];

/// A time in a time zone.
#[derive(Debug, Clone)]
pub(crate) struct Timespace(ZonedDateTime);

impl Timespace {
    pub(crate) fn data(&self) -> Value {
        let time = &self.0;
        let seconds = time.offset().seconds();
        let (sign, minutes) = (if seconds < 0 { '-' } else { '+' }, seconds.abs() / 60);
        let nanoseconds = time.timestamp().as_nanosecond();
        let weekday = time.weekday().to_sunday_zero_offset();
        Value::map([
            ("year", Value::Int(time.year().into())),
            ("month", Value::Int(time.month().into())),
            ("month_name", Value::String(time.strftime("%B").to_string().into())),
            ("day", Value::Int(time.day().into())),
            ("weekday", Value::Int(weekday.into())),
            ("weekday_name", Value::String(time.strftime("%A").to_string().into())),
            ("hour", Value::Int(time.hour().into())),
            ("minute", Value::Int(time.minute().into())),
            ("second", Value::Int(time.second().into())),
            ("unix", Value::Int(time.timestamp().as_second())),
            ("unix_nano", Value::Int(i64::try_from(nanoseconds).unwrap_or(i64::MAX))),
            ("zone", Value::Int(seconds.into())),
            ("zone_string", Value::String(format!("{sign}{:02}:{:02}", minutes / 60, minutes % 60).into())),
        ])
    }
}

/// Units of duration in nanoseconds.
pub(super) fn constant(name: &str) -> Option<Value> {
    let unit = match name {
        "nanosecond" => 1,
        "microsecond" => 1_000,
        "millisecond" => 1_000_000,
        "second" => 1_000_000_000,
        "minute" => 60_000_000_000,
        "hour" => 3_600_000_000_000,
        _ => return None,
    };
    Some(Value::Int(unit))
}

/// The time of the execution: the same however often it is asked for.
pub(super) fn now(interp: &mut Interp<'_>) -> Result<Value, Stop> {
    let nanoseconds = match interp.now {
        Some(now) => now,
        None => *interp.now.insert(interp.input.host.now_ns()?),
    };
    let zone = match &interp.input.timezone {
        None => TimeZone::UTC,
        Some(name) => TimeZone::get(name).map_err(|error| error.to_string())?,
    };
    let timestamp = Timestamp::from_nanosecond(nanoseconds.into()).map_err(|error| error.to_string())?;
    Ok(Timespace(timestamp.to_zoned_datetime(zone)).into())
}

fn load(_: &mut Interp<'_>, args: &Args) -> Result<Value, Stop> {
    args.count(1, 1)?;
    settle(timeish(args, 0).map(|time| Timespace(time).into()))
}

/// Seconds since 1970, a time of RFC 3339, or a time made before.
fn timeish(args: &Args, index: usize) -> Result<ZonedDateTime, Unfit> {
    match args.get(index)? {
        Value::Object(object) => match &**object {
            Object::Time(time) => Ok(time.0.clone()),
            _ => Err("expected a time".to_owned().into()),
        },
        Value::String(text) => {
            let text = text.to_str();
            Ok(rfc3339(&text).ok_or_else(|| format!("`{text}` is no time of RFC 3339"))?)
        }
        _ => {
            let seconds = args.int(index)?;
            let timestamp = Timestamp::from_second(seconds);
            Ok(timestamp.map_err(|_| format!("{seconds} seconds are out of range"))?.to_zoned_datetime(TimeZone::UTC))
        }
    }
}

fn rfc3339(text: &str) -> Option<ZonedDateTime> {
    let pieces = jiff::fmt::temporal::Pieces::parse(text).ok()?;
    let offset = pieces.to_numeric_offset().unwrap_or(Offset::UTC);
    let time = pieces.time()?;
    // A time of RFC 3339 has an offset.
    pieces.offset()?;
    pieces.date().to_datetime(time).to_zoned_datetime(TimeZone::fixed(offset)).ok()
}

fn receiver(args: &Args) -> Result<&ZonedDateTime, Unfit> {
    match args.receiver.as_deref() {
        Some(Object::Time(time)) => Ok(&time.0),
        _ => Err(format!("{} is a method of a time", args.name).into()),
    }
}

fn test(args: &Args, holds: fn(Timestamp, Timestamp) -> bool) -> Result<Value, Stop> {
    args.count(1, 1)?;
    settle((|| Ok(Value::Bool(holds(receiver(args)?.timestamp(), timeish(args, 0)?.timestamp()))))())
}

fn add(_: &mut Interp<'_>, args: &Args) -> Result<Value, Stop> {
    args.count(1, 1)?;
    settle((|| {
        let time = receiver(args)?.checked_add(SignedDuration::from_nanos(args.int(0)?));
        Ok(Timespace(time.map_err(|error| error.to_string())?).into())
    })())
}

fn sub(_: &mut Interp<'_>, args: &Args) -> Result<Value, Stop> {
    args.count(1, 1)?;
    settle((|| {
        let duration = receiver(args)?.timestamp().duration_since(timeish(args, 0)?.timestamp());
        Ok(Value::Int(i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)))
    })())
}
