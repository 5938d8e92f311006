//! The charts that only pages have; those of findings by day are the report's.

use jiff::civil::Date;
use maud::{Markup, html};
use probity_evidence_index::{Actions, DayOutcomes, Period};

use super::parts::{number, percent};

/// Columns of a chart at most; longer periods put several days into one.
const COLUMNS: usize = 92;

/// Points of a sparkline at most.
const POINTS: usize = 30;

/// One column: the days it is for, and its parts from the bottom up.
struct Column {
    first: Date,
    last: Date,
    parts: [u64; 3],
}

/// What the parts of a column are, from the bottom up.
const CLASSES: [&str; 3] = ["pass", "waived", "fail"];

/// Decisions by day, by what followed.
pub(crate) fn actions(title: &str, period: Period, days: &[(Date, Actions)]) -> Markup {
    let parts = days.iter().map(|(day, actions)| (*day, [actions.allow, actions.warn, actions.deny]));
    columns(title, period, parts, &["Allowed", "Warned", "Denied"])
}

fn columns(title: &str, period: Period, days: impl Iterator<Item = (Date, [u64; 3])>, names: &[&str]) -> Markup {
    let columns = gather(period, days, COLUMNS);
    let highest = columns.iter().map(|column| column.parts.iter().sum::<u64>()).max().unwrap_or(0).max(1);
    let width = 1000.0 / count(columns.len());
    html! {
        figure.chart.volume {
            svg viewBox="0 0 1000 150" preserveAspectRatio="none" role="img" aria-label=(title) {
                line.base x1="0" x2="1000" y1="149.5" y2="149.5" {}
                @for (at, column) in columns.iter().enumerate() {
                    g.column {
                        title { (described(column, names)) }
                        // So that the whole height answers to the pointer.
                        rect x=(place(count(at) * width)) width=(place(width)) height="150" fill="transparent" {}
                        @for (class, from, height) in stack(column, highest) {
                            rect class=(class) x=(place(count(at) * width + width * 0.14)) y=(place(from))
                                width=(place(width * 0.72)) height=(place(height)) {}
                        }
                    }
                }
            }
            div.scale aria-hidden="true" {
                span { (period.first) }
                span { "highest " (number(highest)) @if columns.iter().any(|column| column.first != column.last) { " a column" } @else { " a day" } }
                span { (period.last) }
            }
            ul.legend {
                @for (class, name) in CLASSES.iter().zip(names) {
                    li { i class=(class) {} (name) }
                }
            }
            details { summary { "The same as a table" } (as_table(title, &columns, names)) }
        }
    }
}

fn described(column: &Column, names: &[&str]) -> String {
    let parts: Vec<String> = names
        .iter()
        .zip(column.parts)
        .filter(|(_, count)| *count > 0)
        .map(|(name, count)| format!("{} {}", number(count), name.to_lowercase()))
        .collect();
    let what = if parts.is_empty() { "nothing".to_owned() } else { parts.join(", ") };
    format!("{}: {what}", days_of(column))
}

fn days_of(column: &Column) -> String {
    if column.first == column.last { column.first.to_string() } else { format!("{} to {}", column.first, column.last) }
}

fn as_table(title: &str, columns: &[Column], names: &[&str]) -> Markup {
    let with_any = || columns.iter().filter(|column| column.parts.iter().sum::<u64>() > 0);
    html! {
        div.table-wrap role="region" aria-label=(title) tabindex="0" {
            table {
                caption.visually-hidden { (title) }
                thead { tr { th scope="col" { "Days (UTC)" } @for name in names { th.num scope="col" { (name) } } } }
                tbody {
                    @for column in with_any() {
                        tr {
                            th scope="row" { (days_of(column)) }
                            @for (_, count) in names.iter().zip(column.parts) { td.num { (number(count)) } }
                        }
                    }
                }
            }
        }
    }
}

/// The parts of a column with where they begin and how high they are, on a height of 148.
fn stack(column: &Column, highest: u64) -> impl Iterator<Item = (&'static str, f64, f64)> {
    let mut floor = 149.0;
    CLASSES.into_iter().zip(column.parts).filter(|(_, part)| *part > 0).map(move |(class, part)| {
        let height = (ratio(part, highest) * 146.0).max(1.5);
        floor -= height;
        (class, floor, height)
    })
}

/// Days put together so that there are not more columns than can be seen.
fn gather(period: Period, days: impl Iterator<Item = (Date, [u64; 3])>, most: usize) -> Vec<Column> {
    let all = period.days().count().max(1);
    let each = all.div_ceil(most);
    let mut columns: Vec<Column> = Vec::with_capacity(all.div_ceil(each));
    for (at, day) in period.days().enumerate() {
        match columns.last_mut() {
            Some(column) if !at.is_multiple_of(each) => column.last = day,
            _ => columns.push(Column { first: day, last: day, parts: [0; 3] }),
        }
    }
    for (day, parts) in days {
        let at = columns.partition_point(|column| column.last < day);
        if let Some(column) = columns.get_mut(at).filter(|column| column.first <= day) {
            column.parts.iter_mut().zip(parts).for_each(|(sum, part)| *sum += part);
        }
    }
    columns
}

/// The pass rate over the period as a line; days without evidence are left out of it, not drawn as nothing passed.
pub(crate) fn spark(title: &str, period: Period, days: &[DayOutcomes]) -> Markup {
    let parts = days.iter().map(|day| (day.day, [day.outcomes.pass, day.outcomes.total(), 0]));
    let columns = gather(period, parts, POINTS);
    let step = 100.0 / count(columns.len().saturating_sub(1).max(1));
    let rates: Vec<Option<f64>> =
        columns.iter().map(|column| (column.parts[1] > 0).then(|| ratio(column.parts[0], column.parts[1]))).collect();
    // The line shows how the rate moves; half of the height is kept for small differences.
    let lowest = rates.iter().flatten().copied().fold(0.9, f64::min);
    let height = |rate: f64| 32.0 - (rate - lowest) / (1.0 - lowest).max(0.01) * 28.0;
    let mut path = String::new();
    let mut drawing = false;
    let mut last = None;
    for (at, rate) in rates.iter().enumerate() {
        if let Some(rate) = rate {
            let (x, y) = (count(at) * step, height(*rate));
            path.push_str(&format!("{}{x:.1} {y:.1}", if drawing { "L" } else { "M" }));
            last = Some((x, y, *rate));
        }
        drawing = drawing || rate.is_some();
    }
    html! {
        @if let Some((x, y, rate)) = last {
            svg.spark viewBox="0 0 100 34" preserveAspectRatio="none" role="img"
                aria-label={ (title) ", by the end " (percent(Some(rate))) } {
                path d=(path) {}
                @if rates.iter().flatten().count() == 1 { circle cx=(place(x)) cy=(place(y)) r="2.5" {} }
            }
        }
    }
}

fn place(value: f64) -> String {
    format!("{value:.2}")
}

#[expect(clippy::cast_precision_loss, reason = "a place on a screen")]
fn count(count: usize) -> f64 {
    count as f64
}

#[expect(clippy::cast_precision_loss, reason = "a place on a screen")]
fn ratio(part: u64, whole: u64) -> f64 {
    part as f64 / whole.max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> Date {
        text.parse().unwrap()
    }

    #[test]
    fn every_day_is_in_one_column() {
        let period = Period::new(day("2025-01-01"), day("2025-12-31"));
        let days = period.days().map(|day| (day, [1, 2, 0]));
        let columns = gather(period, days, COLUMNS);
        assert!(columns.len() <= COLUMNS);
        assert_eq!(columns.iter().map(|column| column.parts[0]).sum::<u64>(), 365);
        assert_eq!((columns[0].first, columns.last().unwrap().last), (period.first, period.last));
        assert!(columns.windows(2).all(|pair| pair[0].last.tomorrow().unwrap() == pair[1].first));
    }

    #[test]
    fn days_outside_of_the_period_are_left_out() {
        let period = Period::new(day("2026-02-01"), day("2026-02-03"));
        let days = ["2026-01-31", "2026-02-02", "2026-02-04"].map(|text| (day(text), [1, 0, 0]));
        let sums: Vec<u64> = gather(period, days.into_iter(), COLUMNS).iter().map(|column| column.parts[0]).collect();
        assert_eq!(sums, [0, 1, 0]);
    }
}
