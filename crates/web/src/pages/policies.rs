//! `/policies`: what is asked, and how it came out; `/policies/{policy}`: one of them.

use std::collections::BTreeMap;

use axum::extract::Path;
use axum::response::Html;
use maud::{Markup, html};
use probity_evidence_index::{DayOutcomes, DecisionPage, Filter, Of, Page, PolicyChange, PolicyDetail, PolicyRow};
use probity_model::PolicyId;
use probity_report::chart;

use super::decision::control_href;
use super::decisions::{self, policy_href};
use super::parts::{self, capital, counted, empty, meter, moment, not_passed, number, percent, prose, severity, table};
use super::posture::nothing_yet;
use super::view::{Section, View};
use crate::problem::{Kind, Problem};

/// Decisions shown on a policy's page.
const SHOWN: usize = 15;

/// Policies named of one change.
const NAMED: usize = 12;

/// `GET /policies`.
pub(crate) async fn page(view: View) -> Result<Html<String>, Problem> {
    let scope = view.scope();
    let app = std::sync::Arc::clone(&view.app);
    let (rows, changes) =
        app.ask(move |_, queries| Ok((queries.policies(&scope)?, queries.policy_changes(scope.period)?))).await?;
    let lead = html! { p.lead { "The policies that gates asked, the ones with most failures first, and how the set of them changed." } };
    let body = if rows.is_empty() && changes.is_empty() {
        if view.app.follower.indexed() == 0 { nothing_yet() } else { none_asked() }
    } else {
        html! { (list(&view, rows)) (changes_table(&view, &changes)) }
    };
    Ok(view.page(Section::Policies, "Policies", &[], &lead, &body))
}

fn none_asked() -> Markup {
    empty("No policy was asked in this period", &html! { p { "Choose a longer period." } })
}

fn list(view: &View, mut rows: Vec<PolicyRow>) -> Markup {
    rows.sort_by(|one, other| {
        let bad = |row: &PolicyRow| row.outcomes.fail + row.outcomes.error;
        bad(other).cmp(&bad(one)).then_with(|| one.id.cmp(&other.id))
    });
    table(
        "Policies",
        &html! {
            table {
                caption { "Policies asked " span.muted { (number(rows.len() as u64)) } }
                thead { tr { th scope="col" { "Policy" } th scope="col" { "Severity" } th.wide scope="col" { "Passed" } th scope="col" { "Not passed" } th scope="col" { "Serves" } } }
                tbody {
                    @for row in &rows {
                        tr {
                            th scope="row" {
                                span.subject {
                                    a href=(policy_href(view, row.id.as_str())) { (title(row)) }
                                    span.muted.small.mono { (row.id) }
                                }
                            }
                            td { @if let Some(record) = &row.record { (severity(record.severity)) } @else { span.muted { "–" } } }
                            td { (percent(row.outcomes.pass_rate())) " " span.muted.small { "of " (number(row.outcomes.total())) } (meter(&row.outcomes)) }
                            td { (not_passed(&row.outcomes)) }
                            td { (frameworks(view, row)) }
                        }
                    }
                }
            }
        },
    )
}

fn title(row: &PolicyRow) -> &str {
    row.record.as_ref().map_or(row.id.as_str(), |record| &record.title)
}

/// The frameworks that a policy serves, with how many controls of each.
fn frameworks(view: &View, row: &PolicyRow) -> Markup {
    let mut counts = BTreeMap::new();
    for link in row.record.iter().flat_map(|record| &record.controls) {
        *counts.entry(link.control.framework.as_str()).or_insert(0_u64) += 1;
    }
    html! {
        div.tags {
            @for (id, count) in &counts {
                span.tag title=(counted(*count, "control", "controls")) { (view.app.frameworks.get(id).map_or(*id, |framework| &framework.title)) }
            }
        }
    }
}

fn changes_table(view: &View, changes: &[PolicyChange]) -> Markup {
    if changes.is_empty() {
        return html! {};
    }
    table(
        "Changes of the policies",
        &html! {
            table {
                caption { "Changes of the policies, newest first" }
                thead { tr { th scope="col" { "First used (UTC)" } th scope="col" { "Change" } th scope="col" { "Gate" } th.num scope="col" { "Entry" } } }
                tbody {
                    @for change in changes {
                        tr {
                            td { (moment(change.time)) }
                            td.wide { (changed(view, change)) }
                            td { @if let Some(gate) = &change.gate { a href=(view.href("/decisions", &[("gate", gate)])) { (gate) } } @else { span.muted { "–" } } }
                            td.num { (change.entry) }
                        }
                    }
                }
            }
        },
    )
}

fn changed(view: &View, change: &PolicyChange) -> Markup {
    let parts = [("Added", &change.added), ("Removed", &change.removed), ("Changed", &change.changed)];
    html! {
        @if !change.known { "What changed is not known: a set cannot be read" }
        @else if change.before.is_none() { "The first set of policies" }
        @else {
            @for (word, policies) in parts { @if !policies.is_empty() { div { (word) ": " (named(view, policies)) } } }
            @if change.sources_changed { div { "The text of policies changed" } }
        }
    }
}

fn named(view: &View, policies: &[PolicyId]) -> Markup {
    html! {
        @for (at, policy) in policies.iter().take(NAMED).enumerate() {
            @if at > 0 { ", " }
            a.mono href=(policy_href(view, policy.as_str())) { (policy) }
        }
        @if policies.len() > NAMED { " and " (policies.len() - NAMED) " more" }
    }
}

/// `GET /policies/{policy}`.
pub(crate) async fn one(view: View, Path(id): Path<String>) -> Result<Html<String>, Problem> {
    let app = std::sync::Arc::clone(&view.app);
    let (view, (detail, days, page)) = app
        .ask(move |_, queries| {
            let scope = view.scope();
            let none = || Problem::new(Kind::NotFound, "No policy of this name is in the ledger.");
            let detail = queries.policy(&id, &scope)?.ok_or_else(none)?;
            let days = queries.daily(Of::Policy(&id), &scope)?;
            let outcome = (detail.policy.outcomes.fail > 0).then_some(probity_model::Outcome::Fail);
            let filter =
                Filter { policy: Some(id), outcome, environment: scope.environment, ..Filter::within(view.period) };
            let page = queries.decisions(&filter, Page::first(SHOWN))?;
            Ok((view, (detail, days, page)))
        })
        .await?;
    let lead = html! { p.lead.mono { (detail.policy.id) } };
    let crumbs = [("Policies", view.href("/policies", &[]))];
    let body = detail_body(&view, &detail, &days, &page);
    Ok(view.page(Section::Policies, title(&detail.policy), &crumbs, &lead, &body))
}

fn detail_body(view: &View, detail: &PolicyDetail, days: &[DayOutcomes], page: &DecisionPage) -> Markup {
    let outcomes = &detail.policy.outcomes;
    let id = detail.policy.id.as_str();
    html! {
        dl.stats {
            div.stat { dt { "Findings that passed" } dd { (percent(outcomes.pass_rate())) } dd { "of " (number(outcomes.total())) } }
            div.stat { dt { "Failed" } dd { (number(outcomes.fail + outcomes.error)) } dd { (number(outcomes.waived)) " waived" } }
            div.stat { dt { "Versions" } dd { (detail.versions.len()) } dd { "seen in the ledger" } }
        }
        div.two {
            section.card aria-labelledby="by-day" {
                header { h2 #by-day { "Findings by day" } }
                (chart::daily("findings", view.period, days))
            }
            (record(detail))
        }
        (serves(view, detail))
        @if !page.rows.is_empty() {
            (decisions::table(if outcomes.fail > 0 { "Decisions in which it failed, newest first" } else { "Decisions that asked it, newest first" }, view, &page.rows))
            div.pager { span {} nav aria-label="All decisions" { a.button href=(view.href("/decisions", &[("policy", id)])) { "All decisions" } } }
        }
    }
}

fn record(detail: &PolicyDetail) -> Markup {
    html! {
        section.card aria-labelledby="says" {
            header { h2 #says { "What it says" } @if let Some(record) = &detail.policy.record { (severity(record.severity)) } }
            @match &detail.policy.record {
                Some(record) => {
                    dl.facts {
                        dt { "Why" } dd { (prose(&record.why)) }
                        dt { "Fix" } dd { (prose(&record.fix)) }
                        dt { "About" } dd { (capital(&record.category)) }
                        dt { "Also called" } dd { @if record.aliases.is_empty() { span.muted { "–" } } @else { (record.aliases.join(", ")) } }
                        dt { "From" } dd { @if record.builtin { "Probity’s catalog" } @else { "your own policies" } }
                    }
                    @if detail.versions.len() > 1 {
                        details {
                            summary { "Versions" }
                            ol { @for version in &detail.versions { li { (moment(version.first_time)) " · first in entry " (version.first_entry) " · " (version.record.title) } } }
                        }
                    }
                }
                None => { p.muted { "The ledger has no text of it: the set of policies could not be read." } }
            }
        }
    }
}

fn serves(view: &View, detail: &PolicyDetail) -> Markup {
    let links: Vec<_> = detail.policy.record.iter().flat_map(|record| &record.controls).collect();
    if links.is_empty() {
        return html! {};
    }
    table(
        "Controls it serves",
        &html! {
            table {
                caption { "Controls it serves" }
                thead { tr { th scope="col" { "Control" } th scope="col" { "How much of it" } th scope="col" { "Why" } } }
                tbody {
                    @for link in links {
                        tr {
                            th.nowrap scope="row" { a href=(control_href(view, link)) { (link.control) } }
                            td.nowrap { (parts::strength(link.serves)) }
                            td { (link.why) }
                        }
                    }
                }
            }
        },
    )
}
