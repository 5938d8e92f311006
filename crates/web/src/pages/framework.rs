//! `/frameworks/{framework}`: its controls.

use std::collections::HashMap;

use axum::extract::Path;
use axum::response::Html;
use maud::{Markup, html};
use probity_controls::{Framework, Requirement, Technical};
use probity_evidence_index::ControlPosture;

use super::parts::{self, counted, meter, not_passed, number, percent, table};
use super::posture::{Standing, control_href, requirement_of};
use super::view::{Section, View, segment};
use crate::problem::{Kind, Problem};

/// `GET /frameworks/{framework}`.
pub(crate) async fn page(view: View, Path(id): Path<String>) -> Result<Html<String>, Problem> {
    let framework = find(&view, &id)?;
    let app = std::sync::Arc::clone(&view.app);
    let (view, standing) = app
        .ask(move |_, queries| {
            let none = || Problem::new(Kind::Internal, "The framework is gone.");
            let standing = Standing::read(queries, &[framework], &view.scope())?.pop().ok_or_else(none)?;
            Ok((view, standing))
        })
        .await?;
    let lead = html! {
        p.lead { "Version " (framework.version) ", " (framework.publisher) ". The texts are our own words; the ids are the standard’s." }
    };
    let crumbs = [("Posture", view.href("/", &[]))];
    Ok(view.page(Section::Posture, &framework.title, &crumbs, &lead, &body(&view, &standing)))
}

/// The framework with this id.
pub(crate) fn find(view: &View, id: &str) -> Result<&'static Framework, Problem> {
    let none = || Problem::new(Kind::NotFound, "There is no framework of this name.");
    view.app.frameworks.get(id).ok_or_else(none)
}

fn body(view: &View, standing: &Standing) -> Markup {
    let framework = standing.framework;
    let (asked, technical) = standing.covered();
    let all = framework.requirements.len() as u64;
    html! {
        dl.stats {
            div.stat { dt { "Findings that passed" } dd { (percent(standing.outcomes.pass_rate())) } dd { "of " (number(standing.outcomes.total())) } }
            div.stat { dt { "Failed" } dd { (number(standing.outcomes.fail + standing.outcomes.error)) } dd { (number(standing.outcomes.waived)) " waived" } }
            div.stat { dt { "Controls with evidence" } dd { (number(asked)) } dd { "of " (number(technical)) " that software can check" } }
            div.stat { dt { "Left to people" } dd { (number(all - technical)) } dd { "of " (counted(all, "control", "controls")) } }
        }
        div.actions {
            a.button href=(view.href("/report", &[("framework", &framework.id)])) { "Report of this framework" }
            a.button href=(view.href("/decisions", &[("framework", &framework.id), ("outcome", "fail")])) { "Decisions with failures" }
        }
        (controls(view, standing))
    }
}

/// Which controls are shown.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shown {
    Served,
    Technical,
    All,
}

impl Shown {
    const ALL: [(Self, &'static str, &'static str); 3] = [
        (Self::Served, "served", "Served by policies"),
        (Self::Technical, "technical", "That software can check"),
        (Self::All, "all", "All"),
    ];

    /// What the address asks for; else those that policies serve, when there are any.
    fn chosen(view: &View, standing: &Standing) -> Self {
        let asked = view.params.text("show");
        let chosen = Self::ALL.into_iter().find(|(_, word, _)| asked == Some(word)).map(|(shown, ..)| shown);
        chosen.unwrap_or(if standing.controls.is_empty() { Self::All } else { Self::Served })
    }

    fn shows(self, requirement: &Requirement, served: bool) -> bool {
        match self {
            Self::Served => served,
            Self::Technical => served || requirement.technical != Technical::No,
            Self::All => true,
        }
    }
}

fn controls(view: &View, standing: &Standing) -> Markup {
    let shown = Shown::chosen(view, standing);
    let known: HashMap<&str, &ControlPosture> =
        standing.controls.iter().map(|control| (requirement_of(control), control)).collect();
    let mut group = None;
    let rows: Vec<(Option<&str>, &Requirement)> = standing
        .framework
        .requirements
        .iter()
        .filter(|requirement| shown.shows(requirement, known.contains_key(requirement.id.requirement.as_str())))
        .map(|requirement| {
            let of = requirement.group.as_deref();
            let new = (of != group).then_some(of).flatten();
            group = of;
            (new, requirement)
        })
        .collect();
    let path = format!("/frameworks/{}", segment(&standing.framework.id));
    let listed = table(
        "Controls",
        &html! {
            table {
                caption { "Controls" }
                thead {
                    tr {
                        th scope="col" { "Control" }
                        th scope="col" { "State" }
                        th.num scope="col" { "Decisions" }
                        th.wide scope="col" { "Passed" }
                        th scope="col" { "Not passed" }
                        th.num scope="col" { "Policies" }
                    }
                }
                tbody {
                    @for (group, requirement) in rows {
                        @if let Some(group) = group { tr.group { th colspan="6" scope="colgroup" { (group) } } }
                        (row(view, standing.framework, requirement, known.get(requirement.id.requirement.as_str()).copied()))
                    }
                }
            }
        },
    );
    html! {
        div.pills role="group" aria-label="Which controls" {
            @for (which, word, name) in Shown::ALL {
                a.pill href=(view.href(&path, &[("show", word)])) aria-current=[(which == shown).then_some("true")] { (name) }
            }
        }
        (listed)
    }
}

fn row(view: &View, framework: &Framework, requirement: &Requirement, posture: Option<&ControlPosture>) -> Markup {
    let href = control_href(view, framework, &requirement.id.requirement);
    html! {
        tr {
            th scope="row" {
                span.subject { a href=(href) { (requirement.id.requirement) } span.muted.small { (requirement.title) } }
            }
            td { (state(requirement, posture)) }
            @match posture.filter(|posture| posture.outcomes.total() > 0) {
                Some(posture) => {
                    td.num { (number(posture.decisions)) }
                    td { (percent(posture.outcomes.pass_rate())) (meter(&posture.outcomes)) }
                    td { (not_passed(&posture.outcomes)) }
                    td.num { (posture.policies.len()) }
                }
                None => {
                    td.num.muted { "–" } td.muted { "–" } td.muted { "–" }
                    td.num { @match posture { Some(posture) => { (posture.policies.len()) } None => { span.muted { "–" } } } }
                }
            }
        }
    }
}

/// What can be said of a control in a word. A control that is only supported is not said to hold.
pub(crate) fn state(requirement: &Requirement, posture: Option<&ControlPosture>) -> Markup {
    let badge = |class: &str, word: &str| html! { span class={ "chip chip-" (class) } { (word) } };
    match posture {
        _ if requirement.technical == Technical::No => badge("info", "For people"),
        None => badge("none", "Not served"),
        Some(posture) if posture.outcomes.total() == 0 => badge("none", "No evidence"),
        Some(posture) if posture.outcomes.fail + posture.outcomes.error > 0 => badge("fail", "Failures"),
        Some(posture) if posture.outcomes.waived > 0 => badge("warn", "Waived"),
        Some(posture) if posture.outcomes.pass < posture.outcomes.total() => badge("warn", "Undecided"),
        Some(posture) => {
            let strongest = posture.strongest_asked().map_or("", parts::strength);
            html! { (badge("pass", "Holds")) " " span.muted.small { (strongest) } }
        }
    }
}
