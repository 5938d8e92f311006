//! `/builds`: builds with their checks; `/builds/{index}`: one of them.

use axum::extract::Path;
use axum::response::Html;
use maud::{Markup, html};
use probity_evidence_index::{BuildFilter, BuildPage, BuildRow};
use probity_evidence_ledger::{Body, BuildRecord, BuiltImage, CheckOutcome, CheckRecord, Entry};
use probity_model::Action;

use super::decision::entry_index;
use super::parts::{action, empty, gate, moment, number, pager, prose, short_moment, table};
use super::posture::nothing_yet;
use super::proof::Proven;
use super::view::{Section, View};
use crate::problem::{Kind, Problem};

/// Builds on one page.
const ROWS: usize = 50;

/// `GET /builds`.
pub(crate) async fn page(view: View) -> Result<Html<String>, Problem> {
    let page = view.params.page(ROWS)?;
    let filter = BuildFilter { from: Some(view.period.start()), to: Some(view.period.end()), ..view.params.builds()? };
    let app = std::sync::Arc::clone(&view.app);
    let builds = app.ask(move |_, queries| Ok(queries.builds(&filter, page)?)).await?;
    let lead = html! { p.lead { "What pipelines built, how each check came out, and whether the build could go on." } };
    let body = if builds.rows.is_empty() { none(&view) } else { list(&view, &builds) };
    Ok(view.page(Section::Builds, "Builds", &[], &lead, &body))
}

fn none(view: &View) -> Markup {
    if view.app.follower.indexed() == 0 {
        return nothing_yet();
    }
    empty(
        "No build in this period",
        &html! { p { "Choose a longer period, or check a build where it is made." } code { "probity gate ci --image IMAGE" } },
    )
}

fn list(view: &View, builds: &BuildPage) -> Markup {
    let kept: Vec<(&str, &str)> = view.params.others(&["from", "to", "before"]).collect();
    let next =
        builds.next.map(|next| view.href("/builds", &[&kept[..], &[("before", next.to_string().as_str())]].concat()));
    let newest = view.params.text("before").map(|_| view.href("/builds", &kept));
    let chosen = view.params.text("action");
    let current = |action: Option<&str>| (action == chosen).then_some("true");
    html! {
        div.pills role="group" aria-label="Which builds" {
            a.pill href=(view.href("/builds", &[])) aria-current=[current(None)] { "All builds" }
            a.pill href=(view.href("/builds", &[("action", "deny")])) aria-current=[current(Some("deny"))] { "Failed" }
        }
        (rows(view, &builds.rows))
        (pager(&format!("{} on this page", builds.rows.len()), newest.as_deref(), next.as_deref()))
    }
}

/// Builds as a table.
pub(super) fn rows(view: &View, builds: &[BuildRow]) -> Markup {
    table(
        "Builds",
        &html! {
            table {
                caption { "Builds, newest first" }
                thead {
                    tr {
                        th scope="col" { "Build" } th scope="col" { "Outcome" } th.wide scope="col" { "Checks" }
                        th scope="col" { "Commit" } th scope="col" { "Gate" } th scope="col" { "Ended (UTC)" }
                    }
                }
                tbody { @for row in builds { (line(view, row)) } }
            }
        },
    )
}

fn line(view: &View, row: &BuildRow) -> Markup {
    let build = &row.build;
    let commit = build.origin.commit.as_deref().map(|commit| commit.chars().take(12).collect::<String>());
    html! {
        tr {
            th scope="row" {
                span.subject {
                    a href=(view.href(&format!("/builds/{}", row.index), &[])) { (name(build)) }
                    @if let Some(actor) = &build.origin.actor { span.muted.small { "by " (actor) } }
                }
            }
            td { (verdict(build.action)) }
            td { div.tags { @for check in &build.checks { (chip(check)) } } }
            td.mono { (commit.unwrap_or_default()) }
            td { (gate(view, row.gate.as_ref())) }
            td { (short_moment(row.time, row.index)) }
        }
    }
}

/// What a build is called.
fn name(build: &BuildRecord) -> String {
    let number = build.number.as_ref().map(|number| format!(" #{number}")).unwrap_or_default();
    let version = build.version.as_ref().map(|version| format!(" {version}")).unwrap_or_default();
    format!("{}{version}{number}", build.project)
}

fn verdict(action: Action) -> Markup {
    match action {
        Action::Deny => html! { span.chip.chip-fail { "Failed" } },
        Action::Allow | Action::Warn => html! { span.chip.chip-pass { "Passed" } },
    }
}

/// The class and the word of an outcome: colour is never all that tells.
fn shown(check: &CheckRecord) -> (&'static str, &'static str) {
    match check.outcome {
        CheckOutcome::Passed => ("chip chip-pass", "Passed"),
        CheckOutcome::Skipped => ("chip chip-none", "Skipped"),
        CheckOutcome::Failed if check.blocks => ("chip chip-fail", "Failed"),
        CheckOutcome::Error if check.blocks => ("chip chip-fail", "Not made"),
        CheckOutcome::Failed => ("chip chip-warn", "Failed"),
        CheckOutcome::Error => ("chip chip-warn", "Not made"),
    }
}

fn chip(check: &CheckRecord) -> Markup {
    let (class, word) = shown(check);
    html! { span class=(class) { (check.name) @if check.outcome != CheckOutcome::Passed { " " (word.to_lowercase()) } } }
}

/// `GET /builds/{index}`.
pub(crate) async fn one(mut view: View, Path(index): Path<String>) -> Result<Html<String>, Problem> {
    view.of_one_time = true;
    let index = entry_index(&index)?;
    let app = std::sync::Arc::clone(&view.app);
    let proven = app.ask(move |app, _| Proven::read(app, index)).await?;
    let entry = &proven.entry.entry;
    let Body::Build(build) = &entry.submission.body else {
        return Err(Problem::new(Kind::NotFound, format!("Entry {index} is not a build.")));
    };
    let lead =
        html! { p.lead { (moment(build.started)) " to " (moment(build.ended)) " UTC · " (verdict(build.action)) } };
    let body = html! {
        div.two { div.stack { (checks(build)) (about(&view, entry, build)) } (proven.panel()) }
        (proven.canonical())
    };
    let crumbs = [("Builds", view.href("/builds", &[]))];
    Ok(view.page(Section::Builds, &name(build), &crumbs, &lead, &body))
}

fn checks(build: &BuildRecord) -> Markup {
    table(
        "Checks",
        &html! {
            table {
                caption { "Checks " span.muted { (number(build.checks.len() as u64)) } }
                thead { tr { th scope="col" { "Check" } th scope="col" { "Outcome" } th.wide scope="col" { "Found" } } }
                tbody {
                    @for check in &build.checks {
                        @let (class, word) = shown(check);
                        tr {
                            th scope="row" { (check.name) }
                            td { span class=(class) { (word) } }
                            td {
                                (prose(&check.detail))
                                @if let Some(fix) = check.fix.as_ref().filter(|_| check.outcome != CheckOutcome::Passed) { div.muted.small { "How it is mended: " (prose(fix)) } }
                            }
                        }
                    }
                }
            }
        },
    )
}

fn about(view: &View, entry: &Entry, build: &BuildRecord) -> Markup {
    let origin = &build.origin;
    let system = build.system.as_ref().map(ToString::to_string);
    let facts = [
        ("Version", &build.version),
        ("Number", &build.number),
        ("CI system", &system),
        ("Built by", &build.builder),
        ("Repository", &origin.repository),
        ("Commit", &origin.commit),
        ("Reference", &origin.reference),
        ("Started by", &origin.actor),
        ("Run", &origin.run),
        ("Machine", &origin.host),
    ];
    html! {
        section.card aria-labelledby="build" {
            header { h2 #build { "The build" } (action(build.action)) }
            dl.facts {
                dt { "Project" } dd { a href=(view.href("/builds", &[("project", &build.project)])) { (build.project) } }
                @for (label, value) in facts { @if let Some(value) = value { dt { (label) } dd { (value) } } }
                @for image in &build.images { dt { "Image" } dd { (built(view, image)) } }
                @if let Some(gate) = &entry.submission.gate {
                    dt { "Decisions" } dd { a href=(view.href("/decisions", &[("gate", &gate.name)])) { "by " (gate.name) } }
                }
                dt { "Checked by" } dd { (build.scanner) }
            }
        }
    }
}

fn built(view: &View, image: &BuiltImage) -> Markup {
    html! {
        (image.reference)
        @match &image.digest {
            Some(digest) => { br; a.mono href=(view.href("/images", &[("image", digest)])) { (digest) } }
            None => { br; span.muted { "could not be read" } }
        }
    }
}
