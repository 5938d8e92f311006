//! From questions to a report.

use std::collections::HashMap;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use probity_controls::{Framework, Frameworks, Requirement};
use probity_evidence_index::{
    ControlPosture, DayOutcomes, Filter, GateFilter, Of, Outcomes, Page, Period, Queries, Sample, Scope, WaiverRow,
};
use probity_evidence_ledger::Checkpoint;
use probity_model::{Outcome, Pattern, PolicyId};

use crate::error::ReportError;
use crate::model::{
    Completeness, Control, Failure, FrameworkFacts, Header, LedgerFacts, Report, Rows, Status, VERSION,
};

/// Failures that a control shows.
const FAILURES: usize = 20;
/// Gates and runs that are shown.
const SHOWN: usize = 50;
/// Days of a report.
const DAYS: i32 = 3_660;

/// What a report is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The framework: `soc2`.
    pub framework: String,
    /// The days.
    pub period: Period,
    /// One environment; all when there is none.
    pub environment: Option<String>,
    /// Decisions to draw for each control.
    pub samples: u64,
    /// The seed to draw by.
    pub seed: String,
    /// Who asks.
    pub made_by: String,
    /// When.
    pub made_at: Timestamp,
}

impl Request {
    /// The decisions that the report is over.
    pub fn filter(&self) -> Filter {
        Filter {
            framework: Some(self.framework.clone()),
            environment: self.environment.clone(),
            ..Filter::within(self.period)
        }
    }

    /// The request as the command that makes it.
    pub fn command(&self) -> String {
        let environment = self.environment.as_ref().map(|name| format!(" --environment {name}")).unwrap_or_default();
        format!(
            "probity report --framework {} --from {} --to {}{environment} --samples {} --seed {}",
            self.framework, self.period.first, self.period.last, self.samples, self.seed
        )
    }

    fn check(&self) -> Result<(), ReportError> {
        let days = self.period.first.until(self.period.last).map_or(i32::MAX, |span| span.get_days());
        if (0..DAYS).contains(&days) {
            return Ok(());
        }
        Err(ReportError::Period { first: self.period.first, last: self.period.last })
    }
}

impl Report {
    /// Asks the index for everything that a report says. The index is pinned: all of it is over the same entries.
    ///
    /// # Errors
    /// When there is no such framework, the period is none, or the index cannot be read.
    pub fn build(
        request: &Request,
        frameworks: &Frameworks,
        queries: &Queries,
        checkpoint: Option<&Checkpoint>,
    ) -> Result<Self, ReportError> {
        request.check()?;
        let Some(framework) = frameworks.get(&request.framework) else {
            let known: Vec<&str> = frameworks.iter().map(|framework| framework.id.as_str()).collect();
            return Err(ReportError::NoFramework { name: request.framework.clone(), known: known.join(", ") });
        };
        queries.pin()?;
        let scope = Scope { period: request.period, environment: request.environment.clone() };
        let overview = queries.overview(&scope)?;
        let waivers = queries.waivers(request.period)?;
        let controls = controls(request, framework, queries, &scope, &waivers)?;
        let count = |status| (status, controls.iter().filter(|control| control.status == status).count());
        let rows = Rows {
            controls: controls.len() as u64,
            decisions: overview.actions.total(),
            findings: overview.outcomes.total(),
            waivers: waivers.len() as u64,
            samples: controls.iter().map(|control| control.sample.rows.len() as u64).sum(),
        };
        Ok(Self {
            version: VERSION,
            header: header(request, overview.entries, checkpoint, rows),
            framework: facts(framework),
            summary: Status::ALL.into_iter().map(count).collect(),
            controls,
            completeness: completeness(request, queries, overview.scans, overview.incomplete_scans)?,
            policy_changes: queries.policy_changes(request.period)?,
            waivers,
            overview,
        })
    }
}

fn header(request: &Request, entries: u64, checkpoint: Option<&Checkpoint>, rows: Rows) -> Header {
    Header {
        query: request.command(),
        period: request.period,
        through: through(request),
        environment: request.environment.clone(),
        seed: request.seed.clone(),
        samples: request.samples,
        made_by: request.made_by.clone(),
        made_at: request.made_at,
        probity: env!("CARGO_PKG_VERSION").to_owned(),
        entries,
        ledger: checkpoint.map(|checkpoint| LedgerFacts {
            origin: checkpoint.origin.clone(),
            size: checkpoint.size,
            root: checkpoint.root,
            checkpoint: checkpoint.note.clone(),
        }),
        rows,
    }
}

/// The last day of the period that has begun.
fn through(request: &Request) -> Date {
    let today = TimeZone::UTC.to_datetime(request.made_at).date();
    request.period.last.min(today)
}

fn facts(framework: &Framework) -> FrameworkFacts {
    FrameworkFacts {
        id: framework.id.to_string(),
        title: framework.title.clone(),
        version: framework.version.clone(),
        publisher: framework.publisher.clone(),
        source: framework.source.clone(),
    }
}

fn completeness(
    request: &Request,
    queries: &Queries,
    scans: u64,
    incomplete: u64,
) -> Result<Completeness, ReportError> {
    let period = Some(request.period);
    let all = queries.gates(&GateFilter { period, ..GateFilter::default() }, Page::first(1))?;
    let with_gaps = GateFilter { period, only_missing: true, ..GateFilter::default() };
    Ok(Completeness {
        gates: all.total,
        missing: all.missing,
        gates_with_gaps: queries.gates(&with_gaps, Page::first(SHOWN))?.rows,
        silences: queries.silences(request.period, request.made_at)?,
        unrecorded: queries.unrecorded(request.period)?,
        scans,
        incomplete,
        incomplete_scans: queries.scans(request.period, true, Page::first(SHOWN))?.rows,
    })
}

fn controls(
    request: &Request,
    framework: &Framework,
    queries: &Queries,
    scope: &Scope,
    waivers: &[WaiverRow],
) -> Result<Vec<Control>, ReportError> {
    let posture = queries.posture(&request.framework, scope)?;
    let mut posture: HashMap<String, ControlPosture> =
        posture.into_iter().map(|posture| (posture.control.to_string(), posture)).collect();
    let mut controls = Vec::with_capacity(framework.requirements.len());
    for requirement in &framework.requirements {
        let posture = posture.remove(&requirement.id.to_string());
        controls.push(control(request, requirement, posture, queries, scope, waivers)?);
    }
    Ok(controls)
}

fn control(
    request: &Request,
    requirement: &Requirement,
    posture: Option<ControlPosture>,
    queries: &Queries,
    scope: &Scope,
    waivers: &[WaiverRow],
) -> Result<Control, ReportError> {
    let id = requirement.id.to_string();
    let served = posture.is_some();
    let serves = posture.as_ref().and_then(ControlPosture::strongest_asked);
    let (policies, decisions, outcomes) = posture.map_or_else(
        || (Vec::new(), 0, Outcomes::default()),
        |posture| (posture.policies, posture.decisions, posture.outcomes),
    );
    let names: Vec<PolicyId> = policies.iter().map(|serving| serving.policy.clone()).collect();
    let days = if served { queries.daily(Of::Control(&id), scope)? } else { Vec::new() };
    let gaps = if served { gaps(request.period.first, through(request), &days) } else { Vec::new() };
    let (failures, failure_count) = failures(request, &id, &names, outcomes, queries)?;
    let asked = Filter { control: Some(id), framework: None, ..request.filter() };
    let sample = if decisions > 0 {
        queries.sample(&asked, request.samples, &request.seed)?
    } else {
        Sample { seed: request.seed.clone(), population: 0, rows: Vec::new() }
    };
    Ok(Control {
        id: requirement.id.requirement.to_string(),
        title: requirement.title.clone(),
        text: requirement.text.clone(),
        technical: requirement.technical,
        status: Status::of(served, requirement.technical, &outcomes),
        serves,
        policies,
        decisions,
        pass_rate: outcomes.pass_rate(),
        outcomes,
        days_without: gaps.iter().map(|(first, last)| Period::new(*first, *last).days().count() as u64).sum(),
        days,
        gaps,
        exceptions: waivers.iter().filter(|row| covers(row, &names)).cloned().collect(),
        failures,
        failure_count,
        sample,
    })
}

fn failures(
    request: &Request,
    control: &str,
    policies: &[PolicyId],
    outcomes: Outcomes,
    queries: &Queries,
) -> Result<(Vec<Failure>, u64), ReportError> {
    let (mut failures, mut count) = (Vec::new(), 0);
    for outcome in [Outcome::Fail, Outcome::Error] {
        if outcomes.of(outcome) == 0 {
            continue;
        }
        let filter =
            Filter { control: Some(control.to_owned()), framework: None, outcome: Some(outcome), ..request.filter() };
        let page = queries.decisions(&filter, Page::first(FAILURES))?;
        count += page.total.count;
        failures.extend(page.rows.into_iter().map(|row| Failure::new(row, policies)));
    }
    failures.sort_by_key(|failure| std::cmp::Reverse(failure.index));
    failures.dedup_by_key(|failure| failure.index);
    failures.truncate(FAILURES);
    Ok((failures, count))
}

fn covers(waiver: &WaiverRow, policies: &[PolicyId]) -> bool {
    let pattern = Pattern::from(waiver.waiver.policy.as_str());
    policies.iter().any(|policy| pattern.matches(policy.as_str()))
}

/// The days from one to another without findings, as ranges.
fn gaps(first: Date, last: Date, days: &[DayOutcomes]) -> Vec<(Date, Date)> {
    let mut gaps: Vec<(Date, Date)> = Vec::new();
    let mut with = days.iter().map(|day| day.day).peekable();
    for day in Period::new(first, last).days() {
        if with.next_if_eq(&day).is_some() {
            continue;
        }
        match gaps.last_mut() {
            Some((_, end)) if end.tomorrow().ok() == Some(day) => *end = day,
            _ => gaps.push((day, day)),
        }
    }
    gaps
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_without_evidence_are_ranges() {
        let date = |text: &str| -> Date { text.parse().unwrap() };
        let day = |text: &str| DayOutcomes { day: date(text), outcomes: Outcomes { pass: 1, ..Outcomes::default() } };
        let (first, last) = (date("2026-01-30"), date("2026-02-03"));
        for (days, expected) in [
            (vec![], vec![("2026-01-30", "2026-02-03")]),
            (vec![day("2026-01-31")], vec![("2026-01-30", "2026-01-30"), ("2026-02-01", "2026-02-03")]),
            (vec![day("2026-01-30"), day("2026-02-03")], vec![("2026-01-31", "2026-02-02")]),
        ] {
            let expected: Vec<(Date, Date)> = expected.into_iter().map(|(a, b)| (date(a), date(b))).collect();
            assert_eq!(gaps(first, last, &days), expected);
        }
        assert_eq!(gaps(last, first, &[]), []);
    }
}
