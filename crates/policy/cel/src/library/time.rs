//! Parts of points in time and of spans.

use crate::environment::Builder;
use crate::value::Civil;
use crate::{Error, Overload, Type, Value};

/// A function's name, the ids of its overloads without and with a time zone, and what it tells.
type OfTimestamp = (&'static str, [&'static str; 2], fn(&Civil) -> i64);

/// A function's name, the id of its overload, and what it tells of nanoseconds.
type OfDuration = (&'static str, &'static str, fn(i64) -> i64);

pub(super) fn accessors(builder: &mut Builder) {
    of_timestamps(builder);
    of_durations(builder);
}

fn of_timestamps(builder: &mut Builder) {
    let parts: [OfTimestamp; 10] = [
        ("getFullYear", ["timestamp_to_year", "timestamp_to_year_with_tz"], |time| time.year),
        ("getMonth", ["timestamp_to_month", "timestamp_to_month_with_tz"], |time| time.month - 1),
        ("getDayOfYear", ["timestamp_to_day_of_year", "timestamp_to_day_of_year_with_tz"], |time| time.day_of_year),
        ("getDayOfMonth", ["timestamp_to_day_of_month", "timestamp_to_day_of_month_with_tz"], |time| time.day - 1),
        ("getDate", ["timestamp_to_day_of_month_1_based", "timestamp_to_day_of_month_1_based_with_tz"], |time| {
            time.day
        }),
        ("getDayOfWeek", ["timestamp_to_day_of_week", "timestamp_to_day_of_week_with_tz"], |time| time.day_of_week),
        ("getHours", ["timestamp_to_hours", "timestamp_to_hours_with_tz"], |time| time.hour),
        ("getMinutes", ["timestamp_to_minutes", "timestamp_to_minutes_with_tz"], |time| time.minute),
        ("getSeconds", ["timestamp_to_seconds", "timestamp_to_seconds_with_tz"], |time| time.second),
        ("getMilliseconds", ["timestamp_to_milliseconds", "timestamp_to_milliseconds_with_tz"], |time| {
            time.millisecond
        }),
    ];
    for (name, [plain, zoned], part) in parts {
        let run = move |_: &crate::Evaluation<'_>, args: &[Value]| match args {
            [Value::Timestamp(time)] => Ok(Value::Int(part(&time.civil(None)?))),
            [Value::Timestamp(time), Value::String(zone)] => Ok(Value::Int(part(&time.civil(Some(zone))?))),
            _ => Err(Error::NoSuchOverload),
        };
        builder
            .function(name, Overload::member(plain, [Type::Timestamp], Type::Int, run))
            .function(name, Overload::member(zoned, [Type::Timestamp, Type::String], Type::Int, run));
    }
}

fn of_durations(builder: &mut Builder) {
    let parts: [OfDuration; 4] = [
        ("getHours", "duration_to_hours", |nanos| nanos / 3_600_000_000_000),
        ("getMinutes", "duration_to_minutes", |nanos| nanos / 60_000_000_000),
        ("getSeconds", "duration_to_seconds", |nanos| nanos / 1_000_000_000),
        ("getMilliseconds", "duration_to_milliseconds", |nanos| nanos / 1_000_000),
    ];
    for (name, id, part) in parts {
        let run = move |_: &crate::Evaluation<'_>, args: &[Value]| match args {
            [Value::Duration(duration)] => Ok(Value::Int(part(duration.nanoseconds()))),
            _ => Err(Error::NoSuchOverload),
        };
        builder.function(name, Overload::member(id, [Type::Duration], Type::Int, run));
    }
}
