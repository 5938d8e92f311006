//! Points in time from year 1 to 9999 and spans of time, to the nanosecond.

use std::cmp::Ordering;
use std::fmt;

use crate::Error;

const NANOS: i128 = 1_000_000_000;
/// 0001-01-01T00:00:00Z
const MIN_SECONDS: i64 = -62_135_596_800;
/// 9999-12-31T23:59:59Z
const MAX_SECONDS: i64 = 253_402_300_799;

fn overflow<T>(what: &'static str) -> Result<T, Error> {
    Err(Error::new(what))
}

/// A point in time.
///
/// It is printed with the offset from UTC that it was read with; two points in time are the same whatever their offsets.
#[derive(Debug, Clone, Copy)]
pub struct Timestamp {
    seconds: i64,
    nanos: u32,
    /// Minutes east of UTC.
    offset: i16,
}

impl PartialEq for Timestamp {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Timestamp {}

impl PartialOrd for Timestamp {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Timestamp {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.seconds, self.nanos).cmp(&(other.seconds, other.nanos))
    }
}

impl Timestamp {
    /// Seconds since 1970 and nanoseconds of the second.
    ///
    /// # Errors
    /// Out of the years 1 to 9999.
    pub fn new(seconds: i64, nanos: u32) -> Result<Self, Error> {
        if !(MIN_SECONDS..=MAX_SECONDS).contains(&seconds) || nanos > 999_999_999 {
            return overflow("timestamp overflow");
        }
        Ok(Self { seconds, nanos, offset: 0 })
    }

    fn from_nanoseconds(nanos: i128) -> Result<Self, Error> {
        let Ok(seconds) = i64::try_from(nanos.div_euclid(NANOS)) else { return overflow("timestamp overflow") };
        Self::new(seconds, u32::try_from(nanos.rem_euclid(NANOS)).unwrap_or_default())
    }

    fn nanoseconds(self) -> i128 {
        i128::from(self.seconds) * NANOS + i128::from(self.nanos)
    }

    /// Seconds since 1970.
    pub fn seconds(self) -> i64 {
        self.seconds
    }

    /// Nanoseconds of the second.
    pub fn subsecond(self) -> u32 {
        self.nanos
    }

    /// Whether this is the first moment of the year 1, Go's zero time.
    pub fn is_zero(self) -> bool {
        self.seconds == MIN_SECONDS && self.nanos == 0
    }

    /// Reads the form of RFC 3339.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let invalid = || Error::Other(format!("invalid RFC 3339 timestamp {text:?}").into());
        let read = Reader::new(text).timestamp().ok_or_else(invalid)?;
        Ok(Self { offset: read.2, ..Self::new(read.0, read.1)? })
    }

    /// The same point in time, printed in UTC.
    #[must_use]
    pub fn in_utc(self) -> Self {
        Self { offset: 0, ..self }
    }

    /// The point in time a span later.
    pub fn later(self, duration: Duration) -> Result<Self, Error> {
        let later = Self::from_nanoseconds(self.nanoseconds() + i128::from(duration.0))?;
        Ok(Self { offset: self.offset, ..later })
    }

    /// The point in time a span earlier.
    pub fn earlier(self, duration: Duration) -> Result<Self, Error> {
        let earlier = Self::from_nanoseconds(self.nanoseconds() - i128::from(duration.0))?;
        Ok(Self { offset: self.offset, ..earlier })
    }

    /// The span from another point in time to this.
    pub fn since(self, other: Self) -> Result<Duration, Error> {
        match i64::try_from(self.nanoseconds() - other.nanoseconds()) {
            Ok(nanos) => Ok(Duration(nanos)),
            Err(_) => overflow("duration overflow"),
        }
    }

    /// Date and time of day in a time zone: its name or its offset such as `-08:00`; UTC by default.
    pub fn civil(self, zone: Option<&str>) -> Result<Civil, Error> {
        let offset = match zone {
            None => 0,
            Some(zone) => self.offset(zone)?,
        };
        Ok(Civil::new(self.seconds + offset, self.nanos))
    }

    fn offset(self, zone: &str) -> Result<i64, Error> {
        let unknown = || Error::Other(format!("unknown time zone {zone}").into());
        if let Some((hours, minutes)) = zone.split_once(':') {
            let hour: i64 = hours.parse().ok().filter(|hour: &i64| hour.abs() < 100).ok_or_else(unknown)?;
            let minute: i64 = minutes.parse().map_err(|_| unknown())?;
            if !(0..60).contains(&minute) {
                let message = format!("timezone offset minutes out of range [0, 59]: {zone}");
                return Err(Error::Other(message.into()));
            }
            let minute = if zone.starts_with('-') { -minute } else { minute };
            return Ok(hour * 3600 + minute * 60);
        }
        if zone.is_empty() {
            return Ok(0);
        }
        let rules = jiff::tz::TimeZone::get(zone).map_err(|_| unknown())?;
        let (first, last) = (jiff::Timestamp::MIN.as_second(), jiff::Timestamp::MAX.as_second());
        let at = jiff::Timestamp::from_second(self.seconds.clamp(first, last)).map_err(|_| unknown())?;
        Ok(rules.to_offset(at).seconds().into())
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let local = self.seconds + i64::from(self.offset) * 60;
        let Civil { year, month, day, hour, minute, second, .. } = Civil::new(local, self.nanos);
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}")?;
        if self.nanos > 0 {
            let digits = format!("{:09}", self.nanos);
            write!(f, ".{}", digits.trim_end_matches('0'))?;
        }
        match self.offset {
            0 => f.write_str("Z"),
            offset => {
                let sign = if offset < 0 { '-' } else { '+' };
                write!(f, "{sign}{:02}:{:02}", offset.abs() / 60, offset.abs() % 60)
            }
        }
    }
}

/// A date with a time of day.
#[derive(Debug, Clone, Copy)]
pub struct Civil {
    /// Year, from 1.
    pub year: i64,
    /// Month, 1 to 12.
    pub month: i64,
    /// Day of the month, from 1.
    pub day: i64,
    /// Day of the year, from 0.
    pub day_of_year: i64,
    /// Day of the week, 0 is Sunday.
    pub day_of_week: i64,
    /// Hour.
    pub hour: i64,
    /// Minute.
    pub minute: i64,
    /// Second.
    pub second: i64,
    /// Milliseconds of the second.
    pub millisecond: i64,
}

impl Civil {
    fn new(seconds: i64, nanos: u32) -> Self {
        let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
        let (year, month, day) = date_of(days);
        Self {
            year,
            month,
            day,
            day_of_year: days - days_of(year, 1, 1),
            day_of_week: (days + 4).rem_euclid(7),
            hour: second / 3600,
            minute: second / 60 % 60,
            second: second % 60,
            millisecond: i64::from(nanos / 1_000_000),
        }
    }
}

/// Days since 1970-01-01 in the Gregorian calendar: years begin in March, so that the leap day is their last.
fn days_of(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

fn date_of(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * of_year + 2) / 153;
    let month = (shifted + 2) % 12 + 1;
    (year_of_era + era * 400 + i64::from(month <= 2), month, of_year - (153 * shifted + 2) / 5 + 1)
}

struct Reader<'t>(&'t [u8]);

impl<'t> Reader<'t> {
    fn new(text: &'t str) -> Self {
        Self(text.as_bytes())
    }

    fn one_of(&mut self, bytes: &[u8]) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        if !bytes.contains(first) {
            return None;
        }
        self.0 = rest;
        Some(*first)
    }

    fn digits(&mut self, count: usize, range: std::ops::RangeInclusive<i64>) -> Option<i64> {
        let (digits, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        let value = std::str::from_utf8(digits).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))?;
        value.parse().ok().filter(|value| range.contains(value))
    }

    /// Digits of a fraction as nanoseconds; what is finer is cut off.
    fn fraction(&mut self) -> Option<u32> {
        let count = self.0.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (digits, rest) = self.0.split_at(count);
        self.0 = rest;
        if count == 0 {
            return None;
        }
        let nine: String = digits.iter().map(|byte| char::from(*byte)).chain("000000000".chars()).take(9).collect();
        nine.parse().ok()
    }

    fn timestamp(mut self) -> Option<(i64, u32, i16)> {
        let year = self.digits(4, 0..=9999)?;
        self.one_of(b"-")?;
        let month = self.digits(2, 1..=12)?;
        self.one_of(b"-")?;
        let day = self.digits(2, 1..=31)?;
        self.one_of(b"Tt")?;
        let hour = self.digits(2, 0..=23)?;
        self.one_of(b":")?;
        let minute = self.digits(2, 0..=59)?;
        self.one_of(b":")?;
        let second = self.digits(2, 0..=59)?;
        let nanos = if self.one_of(b".").is_some() { self.fraction()? } else { 0 };
        let offset = match self.one_of(b"Zz+-")? {
            b'Z' | b'z' => 0,
            sign => {
                let hours = self.digits(2, 0..=23)?;
                self.one_of(b":")?;
                let offset = hours * 3600 + self.digits(2, 0..=59)? * 60;
                if sign == b'-' { -offset } else { offset }
            }
        };
        let days = days_of(year, month, day);
        let real = self.0.is_empty() && date_of(days) == (year, month, day);
        let minutes = i16::try_from(offset / 60).ok()?;
        real.then_some((days * 86_400 + hour * 3600 + minute * 60 + second - offset, nanos, minutes))
    }
}

/// A span of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Duration(i64);

impl Duration {
    /// A span of so many nanoseconds.
    pub fn from_nanoseconds(nanos: i64) -> Self {
        Self(nanos)
    }

    /// The span in nanoseconds.
    pub fn nanoseconds(self) -> i64 {
        self.0
    }

    /// Reads Go's form, such as `1h30m` or `-1.5s`.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let invalid = || Error::Other(format!("time: invalid duration {text:?}").into());
        let (negative, mut rest) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        if rest == "0" {
            return Ok(Self(0));
        }
        let mut total: i128 = 0;
        while !rest.is_empty() {
            let (amount, after) = part(rest).ok_or_else(invalid)?;
            total = total.checked_add(amount).filter(|total| *total <= 1 << 63).ok_or_else(invalid)?;
            rest = after;
        }
        if text.trim_start_matches(['-', '+']).is_empty() {
            return Err(invalid());
        }
        i64::try_from(if negative { -total } else { total }).map(Self).map_err(|_| invalid())
    }

    /// The sum of two spans.
    pub fn plus(self, other: Self) -> Result<Self, Error> {
        self.0.checked_add(other.0).map_or_else(|| overflow("duration overflow"), |nanos| Ok(Self(nanos)))
    }

    /// The difference of two spans.
    pub fn minus(self, other: Self) -> Result<Self, Error> {
        self.0.checked_sub(other.0).map_or_else(|| overflow("duration overflow"), |nanos| Ok(Self(nanos)))
    }
}

/// One amount with its unit in nanoseconds, and what follows it.
fn part(text: &str) -> Option<(i128, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.')?;
    let (number, rest) = text.split_at(end);
    let unit_end = rest.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(rest.len());
    let (unit, rest) = rest.split_at(unit_end);
    let scale: i128 = match unit {
        "ns" => 1,
        "us" | "µs" | "μs" => 1_000,
        "ms" => 1_000_000,
        "s" => NANOS,
        "m" => 60 * NANOS,
        "h" => 3600 * NANOS,
        _ => return None,
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() && fraction.is_empty() || fraction.contains('.') || whole.len() > 19 {
        return None;
    }
    let whole: i128 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    // Digits finer than a nanosecond of the largest unit do not count.
    let fraction = &fraction[..fraction.len().min(20)];
    let part: i128 = if fraction.is_empty() { 0 } else { fraction.parse().ok()? };
    let digits = u32::try_from(fraction.len()).ok()?;
    Some((whole.checked_mul(scale)? + part * scale / 10_i128.pow(digits), rest))
}

impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        #[expect(clippy::cast_precision_loss, reason = "Go prints the nearest double")]
        let seconds = (self.0 / 1_000_000_000) as f64 + (self.0 % 1_000_000_000) as f64 / 1e9;
        write!(f, "{seconds}s")
    }
}
