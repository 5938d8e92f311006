//! `time.now`, `time.truncate` and `time.toCron`.

use probity_policy_cel::value::Timestamp;
use probity_policy_cel::{Builder, Error, Evaluation, Overload, Type, Value};

use super::outside::ask;

/// Seconds from the year 1, Go's zero time, to 1970.
const ZERO_TIME: i128 = 62_135_596_800;

const NANOSECONDS: i128 = 1_000_000_000;

pub(super) fn add(builder: &mut Builder) {
    let now = |evaluation: &Evaluation<'_>, _: &[Value]| ask(evaluation, "time.now", &[]);
    builder.function("time.now", Overload::global("time_now", Vec::new(), Type::Timestamp, now).impure());
    let truncate = |_: &Evaluation<'_>, args: &[Value]| match (&args[0], &args[1]) {
        (Value::Timestamp(time), Value::Duration(step)) => truncated(*time, step.nanoseconds()),
        _ => Err(Error::NoSuchOverload),
    };
    let params = vec![Type::Timestamp, Type::Duration];
    builder.function("time.truncate", Overload::global("time_truncate", params, Type::Timestamp, truncate));
    let cron = |_: &Evaluation<'_>, args: &[Value]| match &args[0] {
        Value::Timestamp(time) => cron(*time),
        _ => Err(Error::NoSuchOverload),
    };
    builder.function("time.toCron", Overload::global("time_to_cron", vec![Type::Timestamp], Type::String, cron));
}

/// The last multiple of a step since Go's zero time.
fn truncated(time: Timestamp, step: i64) -> Result<Value, Error> {
    if step <= 0 {
        return Ok(Value::Timestamp(time));
    }
    let since_zero = (i128::from(time.seconds()) + ZERO_TIME) * NANOSECONDS + i128::from(time.subsecond());
    let truncated = since_zero - since_zero.rem_euclid(i128::from(step)) - ZERO_TIME * NANOSECONDS;
    let overflow = || Error::new("timestamp overflow");
    let seconds = i64::try_from(truncated.div_euclid(NANOSECONDS)).map_err(|_| overflow())?;
    let nanoseconds = u32::try_from(truncated.rem_euclid(NANOSECONDS)).map_err(|_| overflow())?;
    Timestamp::new(seconds, nanoseconds).map(Value::Timestamp)
}

/// A schedule that comes at this time: minute, hour, day, month and day of the week.
fn cron(time: Timestamp) -> Result<Value, Error> {
    let time = jiff::Timestamp::from_second(time.seconds()).map_err(|error| Error::new(error.to_string()))?;
    let time = jiff::tz::Offset::UTC.to_datetime(time);
    let weekday = time.weekday().to_sunday_zero_offset();
    Ok(format!("{} {} {} {} {weekday}", time.minute(), time.hour(), time.day(), time.month()).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_truncated_and_scheduled() {
        let time = Timestamp::parse("2026-11-26T17:31:45.5Z").unwrap();
        for (step, expected) in [
            (3_600_000_000_000, "2026-11-26T17:00:00Z"),
            (86_400_000_000_000, "2026-11-26T00:00:00Z"),
            (1_000_000_000, "2026-11-26T17:31:45Z"),
        ] {
            let Ok(Value::Timestamp(found)) = truncated(time, step) else { panic!("no time") };
            assert_eq!(found, Timestamp::parse(expected).unwrap());
        }
        assert_eq!(cron(time).unwrap().as_str(), Some("31 17 26 11 4"));
    }
}
