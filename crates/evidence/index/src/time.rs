//! Times and days as the tables have them.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

/// Microseconds since 1970.
pub(crate) fn micros(time: Timestamp) -> i64 {
    time.as_microsecond()
}

/// The time of microseconds since 1970.
pub(crate) fn from_micros(micros: i64) -> Timestamp {
    Timestamp::from_microsecond(micros).unwrap_or(Timestamp::MAX)
}

/// The day in UTC that a time is in.
pub(crate) fn day_of(time: Timestamp) -> Date {
    TimeZone::UTC.to_datetime(time).date()
}

/// The number of a day, in their order: `20260131`.
pub(crate) fn day_number(day: Date) -> i64 {
    i64::from(day.year()) * 10_000 + i64::from(day.month()) * 100 + i64::from(day.day())
}

/// The number of the month that a day is in: `202601`.
pub(crate) fn month_number(day: Date) -> i64 {
    i64::from(day.year()) * 100 + i64::from(day.month())
}

/// The day of a number.
pub(crate) fn day_from_number(number: i64) -> Option<Date> {
    let part = |number: i64| i8::try_from(number).ok();
    Date::new(
        i16::try_from(number.div_euclid(10_000)).ok()?,
        part(number.rem_euclid(10_000) / 100)?,
        part(number.rem_euclid(100))?,
    )
    .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_have_numbers_in_order() {
        let mut before = i64::MIN;
        for text in ["-009999-01-01", "0000-12-31", "1969-12-31", "1970-01-01", "2026-02-28", "9999-12-31"] {
            let day: Date = text.parse().unwrap();
            assert_eq!(day_from_number(day_number(day)), Some(day), "{text}");
            assert!(day_number(day) > before, "{text}");
            before = day_number(day);
        }
        assert_eq!(day_from_number(20_261_301), None);
    }
}
