//! The pass rate by day as a chart: bars of outcomes in inline SVG, with the same figures as a table.

use jiff::civil::Date;
use maud::{Markup, html};
use probity_evidence_index::{DayOutcomes, Outcomes, Period};
use probity_model::Outcome;

const WIDTH: f64 = 960.0;
const HEIGHT: f64 = 210.0;
const LEFT: f64 = 44.0;
const TOP: f64 = 12.0;
const BASE: f64 = 178.0;
/// Bars of a chart at most; longer periods are drawn with several days in each.
const BARS: usize = 124;

/// The outcomes in the order in which they are stacked, from below.
const STACK: [Outcome; 6] =
    [Outcome::Pass, Outcome::Waived, Outcome::Unknown, Outcome::Skipped, Outcome::Error, Outcome::Fail];

/// What people read for an outcome.
pub fn outcome_words(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Pass => "pass",
        Outcome::Fail => "fail",
        Outcome::Waived => "waived",
        Outcome::Skipped => "skipped",
        Outcome::Unknown => "undecided",
        Outcome::Error => "error",
    }
}

/// A rate from 0 to 1 for people. Never rounded up to 100 %.
pub fn percent(rate: Option<f64>) -> String {
    match rate {
        None => "–".to_owned(),
        Some(rate) if rate >= 1.0 => "100 %".to_owned(),
        Some(rate) => format!("{:.1} %", (rate * 1_000.0).floor() / 10.0),
    }
}

/// The findings of a period by day. A day without any is a gap and drawn as one, which is not the same as a day on which
/// everything passed. `id` is unique in the page.
pub fn daily(id: &str, period: Period, days: &[DayOutcomes]) -> Markup {
    let bars = bars(period, days);
    let per_bar = bars.first().map_or(1, |bar| bar.days);
    let (with, of) = (days.len(), period.days().count());
    let mut all = Outcomes::default();
    for day in days {
        all.add_all(&day.outcomes);
    }
    html! {
        figure.chart {
            svg viewBox=(format!("0 0 {WIDTH} {HEIGHT}")) role="img" aria-labelledby={ (id) "-title " (id) "-desc" } {
                title id={ (id) "-title" } { "Findings by day from " (period.first) " to " (period.last) }
                desc id={ (id) "-desc" } {
                    "Pass rate " (percent(all.pass_rate())) " of " (all.total()) " findings; " (with) " of " (of)
                    " days have evidence. The table below has the figures."
                }
                (grid())
                @for (at, bar) in bars.iter().enumerate() { (draw(bar, at, bars.len())) }
                line.base x1=(LEFT) x2=(WIDTH) y1=(BASE) y2=(BASE) {}
                (axis(&bars))
            }
            (legend(&all, with < of))
            @if per_bar > 1 { p.small.muted { "Each bar is " (per_bar) " days." } }
            details.screen {
                summary { "Figures by day" }
                (table(days))
            }
        }
    }
}

/// A thin bar of outcomes, with the same in words for those who do not see it.
pub fn meter(outcomes: &Outcomes) -> Markup {
    let total = outcomes.total();
    html! {
        @if total == 0 { span.muted { "–" } } @else {
            span.meter role="img" aria-label=(words(outcomes)) title=(words(outcomes)) {
                @for outcome in STACK.into_iter().filter(|outcome| outcomes.of(*outcome) > 0) {
                    i class=(outcome.as_str()) style={ "width:" (format!("{:.2}", share(outcomes.of(outcome), total) * 100.0)) "%" } {}
                }
            }
        }
    }
}

/// Outcomes in words: `12 pass, 3 fail`.
pub fn words(outcomes: &Outcomes) -> String {
    let parts: Vec<String> = STACK
        .into_iter()
        .filter(|outcome| outcomes.of(*outcome) > 0)
        .map(|outcome| format!("{} {}", outcomes.of(outcome), outcome_words(outcome)))
        .collect();
    if parts.is_empty() { "nothing".to_owned() } else { parts.join(", ") }
}

struct Bar {
    first: Date,
    last: Date,
    days: usize,
    outcomes: Outcomes,
}

fn bars(period: Period, days: &[DayOutcomes]) -> Vec<Bar> {
    let all: Vec<Date> = period.days().collect();
    let per_bar = all.len().div_ceil(BARS).max(1);
    let mut rest = days.iter().peekable();
    let mut bars = Vec::with_capacity(all.len().div_ceil(per_bar));
    for part in all.chunks(per_bar) {
        let mut bar = Bar { first: part[0], last: part[part.len() - 1], days: per_bar, outcomes: Outcomes::default() };
        while let Some(day) = rest.next_if(|day| day.day <= bar.last) {
            bar.outcomes.add_all(&day.outcomes);
        }
        bars.push(bar);
    }
    bars
}

fn grid() -> Markup {
    html! {
        @for (part, label) in [(0.0, "0 %"), (0.5, "50 %"), (1.0, "100 %")] {
            @let y = BASE - part * (BASE - TOP);
            line.grid x1=(LEFT) x2=(WIDTH) y1=(y) y2=(y) {}
            text x=(LEFT - 8.0) y=(y + 4.0) text-anchor="end" { (label) }
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "a drawing")]
fn draw(bar: &Bar, at: usize, of: usize) -> Markup {
    let slot = (WIDTH - LEFT) / of as f64;
    let gap = (slot * 0.18).min(3.0);
    let (x, width) = (LEFT + slot * at as f64 + gap / 2.0, slot - gap);
    let total = bar.outcomes.total();
    let when = if bar.first == bar.last { bar.first.to_string() } else { format!("{} to {}", bar.first, bar.last) };
    let mut y = BASE;
    html! {
        g {
            title { (when) ": " @if total == 0 { "no evidence" } @else { (words(&bar.outcomes)) } }
            @if total == 0 {
                rect.gap x=(short(x)) y=(TOP) width=(short(width)) height=(BASE - TOP) {}
                line.gap-mark x1=(short(x + width / 2.0)) x2=(short(x + width / 2.0)) y1=(TOP) y2=(BASE) {}
            }
            @for outcome in STACK.into_iter().filter(|outcome| bar.outcomes.of(*outcome) > 0) {
                @let height = share(bar.outcomes.of(outcome), total) * (BASE - TOP);
                @let top = { y -= height; y };
                rect class=(outcome.as_str()) x=(short(x)) y=(short(top)) width=(short(width)) height=(short(height)) {}
            }
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "a drawing")]
fn axis(bars: &[Bar]) -> Markup {
    let slot = (WIDTH - LEFT) / bars.len().max(1) as f64;
    let every = bars.len().div_ceil(8).max(1);
    html! {
        @for (at, bar) in bars.iter().enumerate().step_by(every) {
            @let x = LEFT + slot * at as f64;
            @let end = WIDTH - x < 70.0;
            text x=(short(if end { WIDTH } else { x })) y=(BASE + 20.0) text-anchor=(if end { "end" } else { "start" }) { (bar.first) }
        }
    }
}

fn legend(all: &Outcomes, gaps: bool) -> Markup {
    html! {
        ul.legend {
            @for outcome in STACK.into_iter().filter(|outcome| all.of(*outcome) > 0) {
                li { i class=(outcome.as_str()) {} (outcome_words(outcome)) " " (all.of(outcome)) }
            }
            @if gaps { li { i.gap {} "no evidence" } }
        }
    }
}

fn table(days: &[DayOutcomes]) -> Markup {
    html! {
        div.table-wrap tabindex="0" {
            table {
                thead { tr {
                    th scope="col" { "Day (UTC)" }
                    th.num scope="col" { "Pass rate" }
                    @for outcome in STACK { th.num scope="col" { (outcome_words(outcome)) } }
                } }
                tbody {
                    @for day in days {
                        tr {
                            th scope="row" { (day.day) }
                            td.num { (percent(day.outcomes.pass_rate())) }
                            @for outcome in STACK { td.num { (day.outcomes.of(outcome)) } }
                        }
                    }
                }
            }
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "a drawing")]
fn share(part: u64, total: u64) -> f64 {
    if total == 0 { 0.0 } else { part as f64 / total as f64 }
}

fn short(number: f64) -> String {
    format!("{number:.2}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(day: &str, pass: u64, fail: u64) -> DayOutcomes {
        DayOutcomes { day: day.parse().unwrap(), outcomes: Outcomes { pass, fail, ..Outcomes::default() } }
    }

    fn period(first: &str, last: &str) -> Period {
        Period::new(first.parse().unwrap(), last.parse().unwrap())
    }

    #[test]
    fn a_day_without_evidence_is_a_gap() {
        let days = [day("2026-01-01", 4, 0), day("2026-01-03", 3, 1)];
        let svg = daily("c", period("2026-01-01", "2026-01-03"), &days).into_string();
        assert!(svg.contains("2026-01-02: no evidence"));
        assert!(svg.contains("2026-01-03: 3 pass, 1 fail"));
        assert!(svg.contains("2 of 3 days have evidence"));
        assert!(svg.contains("Pass rate 87.5 % of 8 findings"));
        assert_eq!(svg.matches("class=\"gap\"").count(), 2, "one bar and the legend");
    }

    #[test]
    fn a_long_period_has_several_days_in_a_bar() {
        let days = [day("2026-12-31", 1, 0)];
        let bars = bars(period("2026-01-01", "2026-12-31"), &days);
        assert_eq!(bars.len(), 122);
        assert_eq!(bars.last().map(|bar| bar.outcomes.pass), Some(1));
        assert_eq!(bars.iter().map(|bar| bar.outcomes.total()).sum::<u64>(), 1);
    }

    #[test]
    fn nearly_all_is_not_all() {
        assert_eq!(percent(Some(0.999_99)), "99.9 %");
        assert_eq!(percent(Some(1.0)), "100 %");
        assert_eq!(percent(None), "–");
    }
}
