//! `/frameworks/{framework}/controls/{control}`: what it asks, which policies serve it, what was decided.

use axum::extract::Path;
use axum::response::Html;
use maud::{Markup, html};
use probity_controls::{Framework, Requirement, Resolution, Technical};
use probity_evidence_index::{ControlPosture, DayOutcomes, DecisionPage, Filter, Of, Page, Serving};
use probity_model::ControlId;
use probity_report::chart;

use super::decisions::policy_href;
use super::parts::{self, counted, empty, meter, not_passed, number, percent, table};
use super::view::{Section, View, segment};
use super::{decisions, framework};
use crate::problem::{Kind, Problem};

/// Decisions shown on the page; the list has the rest.
const SHOWN: usize = 25;

struct Evidence {
    posture: Option<ControlPosture>,
    days: Vec<DayOutcomes>,
    decisions: DecisionPage,
}

/// `GET /frameworks/{framework}/controls/{control}`.
pub(crate) async fn page(view: View, Path((id, control)): Path<(String, String)>) -> Result<Html<String>, Problem> {
    let framework = framework::find(&view, &id)?;
    let requirement = match view.app.frameworks.resolve(&framework.id, &control) {
        Some(Resolution::Current(requirement)) => requirement,
        Some(Resolution::Retired(retired)) => return Err(moved(&retired[0].now, &control)),
        _ => return Err(Problem::new(Kind::NotFound, format!("{} has no control of this id.", framework.title))),
    };
    let app = std::sync::Arc::clone(&view.app);
    let (view, evidence) = app
        .ask(move |_, queries| {
            let scope = view.scope();
            let posture = queries.posture(&framework.id, &scope)?;
            let id = requirement.id.to_string();
            let posture = posture.into_iter().find(|control| control.control == id);
            let days = queries.daily(Of::Control(&id), &scope)?;
            let filter = Filter { control: Some(id), environment: scope.environment, ..Filter::within(view.period) };
            let decisions = queries.decisions(&filter, Page::first(SHOWN))?;
            Ok((view, Evidence { posture, days, decisions }))
        })
        .await?;
    let crumbs = [
        ("Posture", view.href("/", &[])),
        (framework.title.as_str(), view.href(&format!("/frameworks/{}", segment(&framework.id)), &[])),
    ];
    let title = format!("{} {}", requirement.id.requirement, requirement.title);
    let lead = html! { p.lead { (requirement.text) } };
    let body = body(&view, framework, requirement, &evidence);
    Ok(view.page(Section::Posture, &title, &crumbs, &lead, &body))
}

fn moved(now: &[ControlId], control: &str) -> Problem {
    let now: Vec<String> = now.iter().map(ToString::to_string).collect();
    let now =
        if now.is_empty() { "no control asks for it now".to_owned() } else { format!("now it is {}", now.join(", ")) };
    Problem::new(Kind::NotFound, format!("{control} is an id of an earlier version: {now}."))
}

fn body(view: &View, framework: &Framework, requirement: &Requirement, evidence: &Evidence) -> Markup {
    let posture = evidence.posture.as_ref();
    html! {
        div.tags {
            (framework::state(requirement, posture))
            @if let Some(group) = &requirement.group { span.tag { (group) } }
            span.tag { (checkable(requirement.technical)) }
        }
        (crosswalk(view, requirement))
        @match posture {
            Some(posture) => {
                (stats(posture))
                section.card aria-labelledby="by-day" {
                    header { h2 #by-day { "Findings by day" } }
                    (chart::daily("findings", view.period, &evidence.days))
                }
                (policies(view, posture))
                (decided(view, requirement, posture, &evidence.decisions))
            }
            None => { (not_served(view, framework, requirement)) }
        }
    }
}

/// The controls of other frameworks that ask for the same or a part of it.
fn crosswalk(view: &View, requirement: &Requirement) -> Markup {
    let others = view.app.frameworks.crosswalk_from(&requirement.id);
    html! {
        @if !others.is_empty() {
            p.muted {
                "Asked for alike by "
                @for (at, other) in others.iter().enumerate() {
                    @if at > 0 { ", " }
                    a.nowrap href=(other_href(view, other)) { (other) }
                }
            }
        }
    }
}

fn checkable(technical: Technical) -> &'static str {
    match technical {
        Technical::Fully => "Software can check all of it",
        Technical::Partly => "Software can check a part of it",
        Technical::No => "For people and papers",
    }
}

fn other_href(view: &View, control: &ControlId) -> String {
    view.href(&format!("/frameworks/{}/controls/{}", segment(&control.framework), segment(&control.requirement)), &[])
}

fn not_served(view: &View, framework: &Framework, requirement: &Requirement) -> Markup {
    if requirement.technical == Technical::No {
        return empty(
            "Software cannot check this",
            &html! { p { "It asks for people, papers or places. Keep its evidence where you keep that of people." } },
        );
    }
    let would =
        view.app.policies.iter().filter(|policy| policy.controls.iter().any(|link| link.control == requirement.id));
    match would.count() as u64 {
        0 => {
            empty("No policy serves this control", &html! { p { "Write one, and name the control in its metadata." } })
        }
        count => empty(
            "No gate has asked a policy that serves this control",
            &html! {
                p { (counted(count, "policy", "policies")) " here would. See which, then scan what they are about." }
                code { "probity policy list --framework " (framework.id) }
            },
        ),
    }
}

fn stats(posture: &ControlPosture) -> Markup {
    let outcomes = &posture.outcomes;
    html! {
        dl.stats {
            div.stat { dt { "Decisions" } dd { (number(posture.decisions)) } dd { "that asked one of its policies" } }
            div.stat { dt { "Findings that passed" } dd { (percent(outcomes.pass_rate())) } dd { "of " (number(outcomes.total())) } }
            div.stat { dt { "Failed" } dd { (number(outcomes.fail + outcomes.error)) } dd { (number(outcomes.waived)) " waived" } }
            div.stat {
                dt { "Policies" } dd { (posture.policies.len()) }
                dd { @match posture.strongest_asked() { Some(strength) => { "strongest: " (parts::strength(strength).to_lowercase()) } None => { "none was asked" } } }
            }
        }
    }
}

fn policies(view: &View, posture: &ControlPosture) -> Markup {
    let (asked, others): (Vec<&Serving>, Vec<&Serving>) =
        posture.policies.iter().partition(|serving| serving.outcomes.total() > 0);
    html! {
        @if !asked.is_empty() { (asked_policies(view, &asked)) }
        @if !others.is_empty() {
            section.card aria-labelledby="not-asked" {
                header { h2 #not-asked { "Policies that serve it and were not asked in the period" } span.muted.small { "nothing they are about was judged" } }
                ul.tags { @for serving in others { li { a.tag href=(policy_href(view, serving.policy.as_str())) { (serving.title) } } } }
            }
        }
    }
}

fn asked_policies(view: &View, asked: &[&Serving]) -> Markup {
    table(
        "Policies that serve it",
        &html! {
            table {
                caption { "Policies that serve it" }
                thead { tr { th scope="col" { "Policy" } th scope="col" { "Serves" } th.wide scope="col" { "Passed" } th scope="col" { "Not passed" } } }
                tbody {
                    @for serving in asked {
                        tr {
                            th scope="row" {
                                span.subject {
                                    a href=(policy_href(view, serving.policy.as_str())) { (serving.title) }
                                    span.muted.small.mono { (serving.policy) }
                                }
                            }
                            td { (parts::strength(serving.serves)) div.muted.small { (serving.why) } }
                            td { (percent(serving.outcomes.pass_rate())) " " span.muted.small { "of " (number(serving.outcomes.total())) } (meter(&serving.outcomes)) }
                            td { (not_passed(&serving.outcomes)) }
                        }
                    }
                }
            }
        },
    )
}

fn decided(view: &View, requirement: &Requirement, posture: &ControlPosture, page: &DecisionPage) -> Markup {
    let control = requirement.id.to_string();
    let all = view.href("/decisions", &[("control", &control)]);
    let failed = view.href("/decisions", &[("control", &control), ("outcome", "fail")]);
    if page.rows.is_empty() {
        return empty(
            "No decision in this period asked these policies",
            &html! { p { "Choose a longer period, or scan what they are about." } },
        );
    }
    html! {
        (decisions::table("Decisions, newest first", view, &page.rows))
        div.pager {
            span { "The newest " (page.rows.len()) " of " (counted(posture.decisions, "decision", "decisions")) }
            nav aria-label="All decisions" {
                @if posture.outcomes.fail > 0 { a.button href=(failed) { "With failures" } }
                a.button href=(all) { "All decisions" }
            }
        }
    }
}
