//! `/decisions`: all decisions, narrowed by filters and words.

use axum::response::Html;
use maud::{Markup, html};
use probity_evidence_index::{Choices, DecisionPage, DecisionRow, Filter};
use probity_model::{Action, Outcome, Severity};

use super::parts::{action, breakable, empty, gate, not_passed, pager, severity, short_moment, total};
use super::posture::nothing_yet;
use super::view::{Section, View, segment};
use super::{parts, posture};
use crate::params::FILTERS;
use crate::problem::Problem;

/// Decisions on one page.
const ROWS: usize = 50;

/// Filters that are texts: name, label, an example.
const TEXTS: [(&str, &str, &str); 9] = [
    ("policy", "Policy", "PRB-AWS-*"),
    ("control", "Control", "soc2:CC6.1"),
    ("resource_type", "Type", "aws_s3_bucket"),
    ("address", "Address", "module.logs.*"),
    ("environment", "Environment", "production"),
    ("service", "Service", "patient-portal"),
    ("owner", "Owner", "team-platform"),
    ("gate", "Gate", "ci/github/*"),
    ("subject_kind", "Kind", "terraform"),
];

/// `GET /decisions`.
pub(crate) async fn page(view: View) -> Result<Html<String>, Problem> {
    let filter = Filter { from: Some(view.period.start()), to: Some(view.period.end()), ..view.params.filter()? };
    let page = view.params.page(ROWS)?;
    let app = std::sync::Arc::clone(&view.app);
    let (decisions, choices) =
        app.ask(move |_, queries| Ok((queries.decisions(&filter, page)?, queries.choices()?))).await?;
    let lead = html! { p.lead { "Every subject that was judged, and what followed. Each has a proof that it is in the ledger." } };
    let body = html! { (form(&view, &choices)) (list(&view, &decisions)) };
    Ok(view.page(Section::Decisions, "Decisions", &[], &lead, &body))
}

fn list(view: &View, page: &DecisionPage) -> Markup {
    if page.rows.is_empty() {
        return nothing_found(view);
    }
    let kept: Vec<(&str, &str)> = view.params.others(&["from", "to", "before"]).collect();
    let next = page.next.map(|next| {
        let next = next.to_string();
        view.href("/decisions", &[&kept[..], &[("before", next.as_str())]].concat())
    });
    let newest = view.params.text("before").map(|_| view.href("/decisions", &kept));
    let said = format!("{} on this page, {} in all", page.rows.len(), total(page.total));
    html! { (table("Decisions, newest first", view, &page.rows)) (pager(&said, newest.as_deref(), next.as_deref())) }
}

fn nothing_found(view: &View) -> Markup {
    if active(view).next().is_some() {
        let all = view.href("/decisions", &[]);
        return empty(
            "No decision fits",
            &html! { p { "Take a filter away, or choose a longer period." } a.button href=(all) { "All decisions of the period" } },
        );
    }
    if view.app.follower.indexed() == 0 {
        return nothing_yet();
    }
    empty(
        "No decision in this period",
        &html! { p { "Nothing was judged from " (posture::period_words(view.period)) ". Choose a longer period." } },
    )
}

/// The filters that are set.
fn active(view: &View) -> impl Iterator<Item = (&str, &str)> {
    view.params.others(&["from", "to", "before", "limit"]).filter(|(name, _)| FILTERS.contains(name))
}

fn form(view: &View, choices: &Choices) -> Markup {
    let value = |name: &str| view.params.text(name).unwrap_or_default();
    let narrowed = active(view).any(|(name, _)| name != "text");
    html! {
        form.card method="get" action="/decisions" role="search" aria-label="Decisions" {
            input type="hidden" name="from" value=(view.period.first);
            input type="hidden" name="to" value=(view.period.last);
            div.search {
                label.visually-hidden for="text" { "Words in addresses, types, policies, messages and gates" }
                input #text type="search" name="text" value=(value("text")) placeholder="Search addresses, types, policies, messages, gates";
                button.primary type="submit" { "Search" }
            }
            details open[narrowed] {
                summary { "Filters" }
                div.fields {
                    (choice(view, "action", "Action", Action::ALL.iter().map(|one| one.as_str())))
                    (choice(view, "outcome", "With an outcome", Outcome::ALL.iter().map(|one| one.as_str())))
                    (choice(view, "severity", "Severity at least", Severity::ALL.iter().map(|one| one.as_str())))
                    (frameworks(view))
                    @for (name, label, example) in TEXTS {
                        @let known = known(choices, name);
                        @let list = format!("known-{name}");
                        div.field {
                            label for=(name) { (label) }
                            input id=(name) name=(name) value=(value(name)) placeholder=(example) list=[(!known.is_empty()).then_some(&list)];
                            @if !known.is_empty() { datalist id=(list) { @for value in known { option value=(value) {} } } }
                        }
                    }
                }
            }
            (chips(view))
        }
    }
}

/// The values that a filter can have, as far as they are known and few enough to choose from.
fn known<'c>(choices: &'c Choices, name: &str) -> &'c [String] {
    match name {
        "environment" => &choices.environments,
        "service" => &choices.services,
        "owner" => &choices.owners,
        "subject_kind" => &choices.subject_kinds,
        "resource_type" => &choices.resource_types,
        _ => &[],
    }
}

fn frameworks(view: &View) -> Markup {
    let chosen = view.params.text("framework");
    html! {
        div.field {
            label for="framework" { "Framework" }
            select #framework name="framework" {
                option value="" { "Any" }
                @for framework in view.app.frameworks { option value=(framework.id) selected[chosen == Some(framework.id.as_str())] { (framework.title) } }
            }
        }
    }
}

fn choice<'w>(view: &View, name: &str, label: &str, words: impl Iterator<Item = &'w str>) -> Markup {
    let chosen = view.params.text(name);
    html! {
        div.field {
            label for=(name) { (label) }
            select id=(name) name=(name) {
                option value="" { "Any" }
                @for word in words { option value=(word) selected[chosen == Some(word)] { (parts::capital(word)) } }
            }
        }
    }
}

/// What is set, each with a way to take it away.
fn chips(view: &View) -> Markup {
    let set: Vec<(&str, &str)> = active(view).collect();
    html! {
        @if !set.is_empty() {
            ul.pills aria-label="Set filters" {
                @for (name, value) in &set {
                    @let rest: Vec<(&str, &str)> = set.iter().filter(|(other, _)| other != name).copied().collect();
                    li {
                        a.pill href=(view.href("/decisions", &rest)) {
                            span { span.muted { (label(name)) " " } (value) }
                            span aria-hidden="true" { "×" } span.visually-hidden { "remove this filter" }
                        }
                    }
                }
            }
        }
    }
}

fn label(name: &str) -> &str {
    TEXTS.iter().find(|(known, ..)| *known == name).map_or(name, |(_, label, _)| label)
}

/// A table of decisions.
pub(crate) fn table(caption: &str, view: &View, rows: &[DecisionRow]) -> Markup {
    parts::table(
        caption,
        &html! {
            table {
                caption { (caption) }
                thead {
                    tr {
                        th scope="col" { "Subject" }
                        th scope="col" { "Action" }
                        th scope="col" { "Findings" }
                        th scope="col" { "Environment" }
                        th scope="col" { "Gate" }
                        th scope="col" { "Time (UTC)" }
                    }
                }
                tbody { @for row in rows { (line(view, row)) } }
            }
        },
    )
}

fn line(view: &View, row: &DecisionRow) -> Markup {
    let href = view.href(&format!("/decisions/{}", row.index), &[]);
    html! {
        tr {
            th scope="row" {
                span.subject { a href=(href) { (breakable(&row.address)) } span.muted.small { (row.resource_type) } }
            }
            td { div.tags { (action(row.action)) @if let Some(worst) = row.severity { (severity(worst)) } } }
            td { (not_passed(&row.outcomes)) }
            td { @match &row.environment { Some(environment) => { (environment) } None => { span.muted { "–" } } } @if let Some(service) = &row.service { div.muted.small { (service) } } }
            td { (gate(view, row.gate.as_ref())) }
            td { (short_moment(row.time, row.index)) }
        }
    }
}

/// The address of a policy's page.
pub(crate) fn policy_href(view: &View, policy: &str) -> String {
    view.href(&format!("/policies/{}", segment(policy)), &[])
}
