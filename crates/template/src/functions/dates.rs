//! Times. There is no clock: `now` is always the same moment.

use std::rc::Rc;

use probity_go::time::{self, Civil};

use super::{Failure, Outcome, Table, exactly, string};
use crate::datum::{Datum, Native};

/// What `now` is: 2000 began in Greenwich. In seconds since 1970.
const NOW: i64 = 946_684_800;

const SECOND: i128 = 1_000_000_000;

pub(super) const TABLE: Table = &[
    ("ago", |args| {
        let [value] = exactly(args)?;
        Ok(duration_text(i128::from(NOW) * SECOND - moment(value)).into())
    }),
    ("date", |args| {
        let [layout, value] = exactly(args)?;
        written(layout, value)
    }),
    ("dateInZone", in_zone),
    ("dateModify", |args| modified(args, false)),
    ("date_in_zone", in_zone),
    ("date_modify", |args| modified(args, false)),
    ("duration", |args| {
        let [value] = exactly(args)?;
        let seconds = match value {
            Datum::Text(text) => text.parse().unwrap_or(0),
            Datum::Int64(int) => *int,
            _ => 0,
        };
        Ok(duration_text(i128::from(seconds) * SECOND).into())
    }),
    ("durationRound", |args| {
        let [value] = exactly(args)?;
        let nanoseconds = match value {
            Datum::Text(text) => duration(text).unwrap_or(0),
            Datum::Int64(int) => i128::from(*int),
            Datum::Native(_) => i128::from(NOW) * SECOND - moment(value),
            _ => 0,
        };
        Ok(rounded(nanoseconds).into())
    }),
    ("htmlDate", |args| {
        let [value] = exactly(args)?;
        written(&"2006-01-02".into(), value)
    }),
    ("htmlDateInZone", |args| {
        let [value, _] = exactly(args)?;
        written(&"2006-01-02".into(), value)
    }),
    ("mustDateModify", |args| modified(args, true)),
    ("mustToDate", |args| {
        let [layout, text] = exactly(args)?;
        Ok(time_of(time::parse(string(layout)?, string(text)?)?.to_nanoseconds()))
    }),
    ("must_date_modify", |args| modified(args, true)),
    ("now", |args| {
        let [] = exactly(args)?;
        Ok(time_of(i128::from(NOW) * SECOND))
    }),
    ("toDate", |args| {
        let [layout, text] = exactly(args)?;
        let parsed = time::parse(string(layout)?, string(text)?);
        Ok(time_of(parsed.map_or(ZERO, |civil| civil.to_nanoseconds())))
    }),
    ("unixEpoch", |args| {
        let [value] = exactly(args)?;
        Ok(moment(value).div_euclid(SECOND).to_string().into())
    }),
];

/// Go's zero time, the year 1.
const ZERO: i128 = -62_135_596_800 * SECOND;

/// A point in time, in nanoseconds since 1970.
struct Time(i128);

impl Time {
    fn civil(&self) -> Option<Civil> {
        Civil::from_nanoseconds(self.0, 0, "UTC")
    }

    fn format(&self, layout: &str) -> String {
        self.civil().map(|civil| time::format(&civil, layout)).unwrap_or_default()
    }
}

impl Native for Time {
    fn type_name(&self) -> &'static str {
        "time.Time"
    }

    fn member(&self, name: &str, arguments: &[Datum]) -> Result<Option<Datum>, String> {
        let seconds = i64::try_from(self.0.div_euclid(SECOND)).unwrap_or(0);
        let part = |of: fn(&Civil) -> i64| Some(Datum::Int(self.civil().as_ref().map_or(0, of)));
        Ok(match (name, arguments) {
            ("Format", [Datum::Text(layout)]) => Some(self.format(layout).into()),
            ("Unix", []) => Some(Datum::Int64(seconds)),
            ("UnixNano", []) => Some(Datum::Int64(i64::try_from(self.0).unwrap_or(0))),
            ("String", []) => Some(self.text().into()),
            ("UTC" | "Local", []) => Some(time_of(self.0)),
            ("Year", []) => part(|civil| civil.year),
            ("Month", []) => part(|civil| civil.month),
            ("Day", []) => part(|civil| civil.day),
            ("Hour", []) => part(|civil| civil.hour),
            ("Minute", []) => part(|civil| civil.minute),
            ("Second", []) => part(|civil| civil.second),
            ("IsZero", []) => Some((self.0 == ZERO).into()),
            ("AddDate", [Datum::Int(years), Datum::Int(months), Datum::Int(days)]) => self.civil().map(|civil| {
                let day = time::days_from_civil(
                    civil.year.saturating_add(*years),
                    civil.month.saturating_add(*months),
                    civil.day.saturating_add(*days),
                );
                time_of(i128::from(day) * 86_400 * SECOND + self.0.rem_euclid(86_400 * SECOND))
            }),
            _ => None,
        })
    }

    fn text(&self) -> String {
        self.format("2006-01-02 15:04:05.999999999 -0700 MST")
    }
}

fn time_of(nanoseconds: i128) -> Datum {
    Datum::Native(Rc::new(Time(nanoseconds)))
}

/// The moment that a value stands for; what is no time is now.
fn moment(value: &Datum) -> i128 {
    match value {
        Datum::Int(int) | Datum::Int64(int) => i128::from(*int) * SECOND,
        Datum::Native(native) => match native.member("UnixNano", &[]) {
            Ok(Some(Datum::Int64(nanoseconds))) => i128::from(nanoseconds),
            _ => i128::from(NOW) * SECOND,
        },
        _ => i128::from(NOW) * SECOND,
    }
}

fn written(layout: &Datum, value: &Datum) -> Outcome {
    Ok(Time(moment(value)).format(string(layout)?).into())
}

/// Zones other than Greenwich are not known here.
fn in_zone(args: &[Datum]) -> Outcome {
    let [layout, value, zone] = exactly(args)?;
    string(zone)?;
    written(layout, value)
}

fn modified(args: &[Datum], must: bool) -> Outcome {
    let [by, value] = exactly(args)?;
    match duration(string(by)?) {
        Some(by) => Ok(time_of(moment(value) + by)),
        None if !must => Ok(value.clone()),
        None => Err(Failure::Message(format!("time: invalid duration {:?}", string(by)?))),
    }
}

/// Nanoseconds of a duration such as `-1h30m`.
fn duration(text: &str) -> Option<i128> {
    let (sign, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let mut sum = 0.0;
    while !rest.is_empty() {
        let digits = rest.find(|next: char| !next.is_ascii_digit() && next != '.')?;
        let number: f64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let length = rest.find(|next: char| next.is_ascii_digit() || next == '.').unwrap_or(rest.len());
        sum += number
            * match &rest[..length] {
                "ns" => 1.0,
                "us" | "µs" | "μs" => 1e3,
                "ms" => 1e6,
                "s" => 1e9,
                "m" => 60e9,
                "h" => 3600e9,
                _ => return None,
            };
        rest = &rest[length..];
    }
    #[expect(clippy::cast_possible_truncation, reason = "durations of that length are no use")]
    Some(sign * sum as i128)
}

fn duration_text(nanoseconds: i128) -> String {
    let sign = if nanoseconds < 0 { "-" } else { "" };
    let seconds = nanoseconds.unsigned_abs() / SECOND.unsigned_abs();
    let (hours, minutes, rest) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    match () {
        () if hours > 0 => format!("{sign}{hours}h{minutes}m{rest}s"),
        () if minutes > 0 => format!("{sign}{minutes}m{rest}s"),
        () => format!("{sign}{rest}s"),
    }
}

fn rounded(nanoseconds: i128) -> String {
    let seconds = nanoseconds.unsigned_abs() / SECOND.unsigned_abs();
    let units = [(31_536_000, "y"), (2_592_000, "mo"), (86_400, "d"), (3600, "h"), (60, "m"), (1, "s")];
    let found = units.iter().find(|(length, _)| seconds > *length || *length == 1 && seconds == 1);
    found.map_or_else(|| "0s".to_owned(), |(length, unit)| format!("{}{unit}", seconds / length))
}
