//! `/`: where things stand, by framework.

use std::collections::BTreeMap;

use axum::response::Html;
use jiff::ToSpan;
use jiff::civil::Date;
use maud::{Markup, html};
use probity_controls::{Framework, Technical};
use probity_evidence_index::{
    ControlPosture, DayOutcomes, GateFilter, Outcomes, Overview, Page, Period, Queries, ScanRow, Scope, WaiverRow,
};
use probity_model::PolicyId;

use super::parts::{counted, empty, number, percent};
use super::view::{Section, View, segment};
use super::{chart, parts};
use crate::app::App;
use crate::params::today;
use crate::problem::Problem;

/// Controls that are named for their failures.
const WORST: usize = 5;

/// Days that the line on a framework's card is over.
const RECENT: i32 = 30;

/// Days before a waiver ends in which it is said.
const SOON: i32 = 14;

/// Everything the page is made of.
struct Posture {
    overview: Overview,
    frameworks: Vec<Standing>,
    /// Of each framework, the findings of the last days of the period.
    recent: Vec<Vec<DayOutcomes>>,
    newest_scan: Option<ScanRow>,
    gates_missing: u64,
    ending: Vec<WaiverRow>,
}

/// How one framework stands.
pub(crate) struct Standing {
    pub(crate) framework: &'static Framework,
    pub(crate) controls: Vec<ControlPosture>,
    /// Findings of the policies that serve it, each counted once.
    pub(crate) outcomes: Outcomes,
}

impl Standing {
    /// The standings of frameworks, in their order.
    pub(crate) fn read(
        queries: &Queries,
        frameworks: &[&'static Framework],
        scope: &Scope,
    ) -> Result<Vec<Self>, Problem> {
        let ids: Vec<&str> = frameworks.iter().map(|framework| framework.id.as_str()).collect();
        let postures = queries.postures(&ids, scope)?;
        Ok(frameworks.iter().zip(postures).map(|(framework, controls)| Self::new(framework, controls)).collect())
    }

    fn new(framework: &'static Framework, controls: Vec<ControlPosture>) -> Self {
        let policies: BTreeMap<&PolicyId, &Outcomes> = controls
            .iter()
            .flat_map(|control| &control.policies)
            .map(|serving| (&serving.policy, &serving.outcomes))
            .collect();
        let mut outcomes = Outcomes::default();
        for of_policy in policies.values() {
            outcomes.add_all(of_policy);
        }
        Self { framework, controls, outcomes }
    }

    /// Controls that software can check, and how many of them there is evidence for.
    pub(crate) fn covered(&self) -> (u64, u64) {
        let technical = self.framework.requirements.iter().filter(|one| one.technical != Technical::No).count();
        let asked = self.controls.iter().filter(|control| control.outcomes.total() > 0).count();
        (asked as u64, technical as u64)
    }
}

/// `GET /`.
pub(crate) async fn page(view: View) -> Result<Html<String>, Problem> {
    let posture = read(&view).await?;
    let lead = html! { p.lead { "What was decided, what holds, and whether anything is missing, from the evidence in the ledger." } };
    let body = if posture.overview.entries == 0 { nothing_yet() } else { body(&view, &posture) };
    Ok(view.page(Section::Posture, "Posture", &[], &lead, &body))
}

/// Asks everything, on two connections at the same time.
async fn read(view: &View) -> Result<Posture, Problem> {
    let (app, scope) = (&view.app, view.scope());
    let standings = {
        let scope = scope.clone();
        app.ask(move |app, queries| {
            let frameworks: Vec<&'static Framework> = app.frameworks.iter().collect();
            Standing::read(queries, &frameworks, &scope)
        })
    };
    let sums = app.ask(move |app, queries| sums(app, queries, &scope));
    let (frameworks, sums) = tokio::try_join!(standings, sums)?;
    Ok(Posture { frameworks, ..sums })
}

/// Everything but the frameworks.
fn sums(app: &App, queries: &Queries, scope: &Scope) -> Result<Posture, Problem> {
    let ids: Vec<&str> = app.frameworks.iter().map(|framework| framework.id.as_str()).collect();
    let missing = GateFilter { period: Some(scope.period), only_missing: true, ..GateFilter::default() };
    let waivers = queries.waivers(scope.period)?;
    Ok(Posture {
        frameworks: Vec::new(),
        recent: queries.daily_of_frameworks(&ids, &Scope { period: recent(scope.period), ..scope.clone() })?,
        overview: queries.overview(scope)?,
        newest_scan: queries.scans(scope.period, false, Page::first(1))?.rows.into_iter().next(),
        gates_missing: queries.gates(&missing, Page::first(1))?.total,
        ending: waivers.into_iter().filter(|row| ends_soon(row.waiver.expires, today())).collect(),
    })
}

/// The last days of a period.
fn recent(period: Period) -> Period {
    let first = period.last.checked_sub((RECENT - 1).days()).unwrap_or(period.first);
    Period::new(first.max(period.first), period.last)
}

fn ends_soon(expires: Date, today: Date) -> bool {
    expires >= today && today.until(expires).is_ok_and(|span| span.get_days() <= SOON)
}

pub(crate) fn nothing_yet() -> Markup {
    empty(
        "There is no evidence yet",
        &html! {
            p { "Record a scan on this machine, or have a gate elsewhere send its decisions here. This page shows them within a second." }
            code { "probity scan --record ." }
        },
    )
}

fn body(view: &View, posture: &Posture) -> Markup {
    let (with, without): (Vec<(&Standing, &Vec<DayOutcomes>)>, Vec<_>) =
        posture.frameworks.iter().zip(&posture.recent).partition(|(standing, _)| standing.outcomes.total() > 0);
    html! {
        (stats(view, posture))
        div.two.even {
            section.card aria-labelledby="decided" {
                header { h2 #decided { "Decisions by day" } }
                (chart::actions("Decisions by day", view.period, &posture.overview.days))
            }
            section.card aria-labelledby="attention" {
                header { h2 #attention { "Needs attention" } }
                (attention(view, posture))
            }
        }
        section aria-labelledby="frameworks" {
            h2.visually-hidden #frameworks { "Frameworks" }
            div.cards { @for (standing, recent) in &with { (card(view, standing, recent)) } }
        }
        @if with.is_empty() {
            (empty("No framework has evidence in this period", &html! { p { "Choose a longer period, or scan with policies that serve a framework." } }))
        }
        @if !without.is_empty() {
            section.card aria-labelledby="without" {
                header { h2 #without { "No evidence in this period" } }
                div.tags {
                    @for (standing, _) in &without {
                        a.pill href=(view.href(&format!("/frameworks/{}", segment(&standing.framework.id)), &[])) { (standing.framework.title) }
                    }
                }
            }
        }
    }
}

fn stats(view: &View, posture: &Posture) -> Markup {
    let Overview { actions, outcomes, .. } = &posture.overview;
    let overview = &posture.overview;
    html! {
        dl.stats {
            div.stat {
                dt { "Decisions" }
                dd { (number(actions.total())) }
                dd { (number(actions.deny)) " denied, " (number(actions.warn)) " warned" }
            }
            div.stat {
                dt { "Findings that passed" }
                dd { (percent(outcomes.pass_rate())) }
                dd { (number(outcomes.fail)) " failed, " (number(outcomes.waived)) " waived" }
            }
            div.stat {
                dt { "Completeness" }
                @if overview.missing == 0 {
                    dd { @if overview.gates == 0 { "–" } @else { "Complete" } }
                    dd { "no number missing of " (counted(overview.gates, "gate", "gates")) }
                } @else {
                    dd.is-fail { (number(overview.missing)) " missing" }
                    dd { a href=(view.href("/gates", &[("missing", "true")])) { "of " (counted(posture.gates_missing, "gate", "gates")) } }
                }
            }
            div.stat {
                dt { "Last scan" }
                @match &posture.newest_scan {
                    Some(scan) => {
                        dd { (scan.time.strftime("%b %-d")) }
                        dd { "at " (scan.time.strftime("%H:%M")) " UTC, " (counted(overview.scans, "scan", "scans")) " in the period" }
                    }
                    None => { dd { "–" } dd { "none in the period" } }
                }
            }
            div.stat {
                dt { "Ledger" }
                dd { (number(overview.entries)) }
                dd { "entries, all under one signed checkpoint" }
            }
        }
    }
}

fn attention(view: &View, posture: &Posture) -> Markup {
    let mut failing: Vec<(&Framework, &ControlPosture)> = posture
        .frameworks
        .iter()
        .flat_map(|standing| standing.controls.iter().map(move |control| (standing.framework, control)))
        .filter(|(_, control)| control.outcomes.fail + control.outcomes.error > 0)
        .collect();
    failing.sort_by_key(|(_, control)| std::cmp::Reverse(control.outcomes.fail + control.outcomes.error));
    let (missing, incomplete) = (posture.overview.missing, posture.overview.incomplete_scans);
    let calm = failing.is_empty() && missing == 0 && incomplete == 0 && posture.ending.is_empty();
    html! {
        @if calm { p.muted { "Nothing failed in the period, no number is missing, every scan was complete." } }
        ul.attention {
            @if missing > 0 {
                li {
                    a href=(view.href("/gates", &[("missing", "true")])) { (counted(missing, "entry was", "entries were")) " numbered by a gate and never came" }
                    span.chip.chip-fail { "Missing" }
                }
            }
            @if incomplete > 0 {
                li {
                    a href=(view.href("/scans", &[("incomplete", "true")])) { (counted(incomplete, "scan", "scans")) " could not read everything" }
                    span.chip.chip-warn { "Incomplete" }
                }
            }
            @if let Some(first) = posture.ending.iter().map(|row| row.waiver.expires).min() {
                li {
                    a href=(view.href("/waivers", &[])) { (counted(posture.ending.len() as u64, "waiver ends", "waivers end")) " soon, the first after " span.nowrap { (first) } }
                    span.chip.chip-warn { "Ending" }
                }
            }
            @for (framework, control) in failing.iter().take(WORST) {
                li {
                    a href=(control_href(view, framework, requirement_of(control))) { (framework.title) " " (requirement_of(control)) }
                    span.chip.chip-fail { (counted(control.outcomes.fail + control.outcomes.error, "failure", "failures")) }
                }
            }
        }
    }
}

/// The id of a control without that of its framework.
pub(crate) fn requirement_of(control: &ControlPosture) -> &str {
    control.control.split_once(':').map_or(&control.control, |(_, requirement)| requirement)
}

pub(crate) fn control_href(view: &View, framework: &Framework, control: &str) -> String {
    view.href(&format!("/frameworks/{}/controls/{}", segment(&framework.id), segment(control)), &[])
}

fn card(view: &View, standing: &Standing, days: &[DayOutcomes]) -> Markup {
    let framework = standing.framework;
    let (asked, technical) = standing.covered();
    let failing =
        standing.controls.iter().filter(|control| control.outcomes.fail + control.outcomes.error > 0).count() as u64;
    html! {
        article.card.framework {
            div {
                h3 { a href=(view.href(&format!("/frameworks/{}", segment(&framework.id)), &[])) { (framework.title) } }
                div.muted.small { (framework.version) }
            }
            div.row {
                div {
                    div.rate { (percent(standing.outcomes.pass_rate())) }
                    div.muted.small { "of " (counted(standing.outcomes.total(), "finding", "findings")) " passed" }
                }
                (chart::spark(&format!("Pass rate of the last {RECENT} days"), recent(view.period), days))
            }
            (parts::meter(&standing.outcomes))
            div.small {
                @if failing > 0 { span.is-fail { (counted(failing, "control", "controls")) " with failures" } } @else { span.is-pass { "No failures" } }
                span.muted { " · evidence for " (number(asked)) " of " (number(technical)) " that software can check" }
            }
        }
    }
}

/// The period in words.
pub(crate) fn period_words(period: Period) -> String {
    format!("{} to {}", period.first, period.last)
}
