//! Kyverno's functions of times (`pkg/engine/jmespath/time.go`), which are texts in the form of RFC 3339.

use probity_go::time::{self, Civil, RFC3339};
use probity_kubernetes::duration;
use probity_model::Value;

use super::{Arguments, error};
use crate::error::SearchError;

type Outcome = Result<Value, SearchError>;

const SECOND: i128 = 1_000_000_000;

/// Nanoseconds from the first of January of year 1, which Go counts from, to 1970.
const FROM_YEAR_ONE: i128 = 62_135_596_800 * SECOND;

fn parsed(layout: &str, text: &str) -> Result<Civil, SearchError> {
    time::parse(layout, text).map_err(error)
}

fn time(arguments: &Arguments<'_>, index: usize) -> Result<Civil, SearchError> {
    parsed(RFC3339, arguments.string(index)?)
}

fn instant(arguments: &Arguments<'_>, index: usize) -> Result<i128, SearchError> {
    Ok(time(arguments, index)?.to_nanoseconds())
}

fn lasting(arguments: &Arguments<'_>, index: usize) -> Result<i64, SearchError> {
    duration::parse(arguments.string(index)?).map_err(|problem| error(problem.to_string()))
}

/// A time in the zone of another one.
fn shown(nanoseconds: i128, offset: i64, zone: &str) -> Outcome {
    let time = Civil::from_nanoseconds(nanoseconds, offset, zone).ok_or_else(|| error("time out of range"))?;
    Ok(time::format(&time, RFC3339).into())
}

fn now_ns(arguments: &Arguments<'_>) -> Result<i128, SearchError> {
    arguments.interpreter.evaluation.host.now_ns().map(i128::from).map_err(error)
}

/// What lies between, or as much of it as a duration can hold.
fn between_of(from: i128, to: i128) -> Value {
    let nanoseconds = (to - from).clamp(i64::MIN.into(), i64::MAX.into());
    duration::format(i64::try_from(nanoseconds).unwrap_or_default()).into()
}

/// The time in Greenwich, whatever the machine has its clock at, so that a replay says the same.
pub(super) fn now(arguments: &Arguments<'_>) -> Outcome {
    shown(now_ns(arguments)?, 0, "UTC")
}

pub(super) fn since(arguments: &Arguments<'_>) -> Outcome {
    let layout = Some(arguments.string(0)?).filter(|layout| !layout.is_empty()).unwrap_or(RFC3339);
    let from = parsed(layout, arguments.string(1)?)?.to_nanoseconds();
    let to = match arguments.string(2)? {
        "" => now_ns(arguments)?,
        text => parsed(layout, text)?.to_nanoseconds(),
    };
    Ok(between_of(from, to))
}

pub(super) fn diff(arguments: &Arguments<'_>) -> Outcome {
    Ok(between_of(instant(arguments, 0)?, instant(arguments, 1)?))
}

pub(super) fn to_cron(arguments: &Arguments<'_>) -> Outcome {
    let time = time(arguments, 0)?;
    let weekday = time::weekday(time.year, time.month, time.day);
    Ok(format!("{} {} {} {} {weekday}", time.minute, time.hour, time.day, time.month).into())
}

pub(super) fn add(arguments: &Arguments<'_>) -> Outcome {
    let time = time(arguments, 0)?;
    let nanoseconds = time.to_nanoseconds() + i128::from(lasting(arguments, 1)?);
    shown(nanoseconds, time.offset, &time.zone)
}

pub(super) fn parse(arguments: &Arguments<'_>) -> Outcome {
    let (layout, text) = (arguments.string(0)?, arguments.string(1)?);
    if layout.parse::<i64>().is_err() {
        return Ok(time::format(&parsed(layout, text)?, RFC3339).into());
    }
    // A layout that is a number stands for seconds since 1970.
    let seconds: i64 =
        text.parse().map_err(|_| error(format!("strconv.ParseInt: parsing {text:?}: invalid syntax")))?;
    shown(i128::from(seconds) * SECOND, 0, "UTC")
}

pub(super) fn utc(arguments: &Arguments<'_>) -> Outcome {
    shown(instant(arguments, 0)?, 0, "UTC")
}

pub(super) fn before(arguments: &Arguments<'_>) -> Outcome {
    Ok((instant(arguments, 0)? < instant(arguments, 1)?).into())
}

pub(super) fn after(arguments: &Arguments<'_>) -> Outcome {
    Ok((instant(arguments, 0)? > instant(arguments, 1)?).into())
}

pub(super) fn between(arguments: &Arguments<'_>) -> Outcome {
    let (at, start, end) = (instant(arguments, 0)?, instant(arguments, 1)?, instant(arguments, 2)?);
    Ok((at > start && at < end).into())
}

pub(super) fn truncate(arguments: &Arguments<'_>) -> Outcome {
    let time = time(arguments, 0)?;
    let unit = i128::from(lasting(arguments, 1)?);
    let nanoseconds = time.to_nanoseconds();
    let rest = if unit > 0 { (nanoseconds + FROM_YEAR_ONE).rem_euclid(unit) } else { 0 };
    shown(nanoseconds - rest, time.offset, &time.zone)
}
