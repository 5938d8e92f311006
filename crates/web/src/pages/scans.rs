//! `/scans`: runs of gates over many subjects; `/scans/{index}`: one of them.

use axum::extract::Path;
use axum::response::Html;
use maud::{Markup, html};
use probity_evidence_index::{Outcomes, ScanPage, ScanRow};
use probity_evidence_ledger::{Body, Entry, Origin, ScanRecord};

use super::decision::entry_index;
use super::parts::{
    self, counted, empty, gate, meter, moment, not_passed, number, pager, percent, short_moment, table,
};
use super::posture::nothing_yet;
use super::proof::Proven;
use super::view::{Section, View};
use crate::problem::{Kind, Problem};

/// Runs on one page.
const ROWS: usize = 50;

/// `GET /scans`.
pub(crate) async fn page(view: View) -> Result<Html<String>, Problem> {
    let (period, page) = (view.period, view.params.page(ROWS)?);
    let incomplete = view.params.text("incomplete") == Some("true");
    let app = std::sync::Arc::clone(&view.app);
    let scans = app.ask(move |_, queries| Ok(queries.scans(period, incomplete, page)?)).await?;
    let lead = html! { p.lead { "Runs of gates over many subjects at once: what they looked at, whether they could read all of it, and how it came out." } };
    let body = if scans.rows.is_empty() { none(&view) } else { list(&view, &scans) };
    Ok(view.page(Section::Scans, "Scans", &[], &lead, &body))
}

fn none(view: &View) -> Markup {
    if view.app.follower.indexed() == 0 {
        return nothing_yet();
    }
    empty(
        "No scan in this period",
        &html! { p { "Choose a longer period, or record a scan." } code { "probity scan --record ." } },
    )
}

fn list(view: &View, scans: &ScanPage) -> Markup {
    let kept: Vec<(&str, &str)> = view.params.others(&["from", "to", "before"]).collect();
    let next =
        scans.next.map(|next| view.href("/scans", &[&kept[..], &[("before", next.to_string().as_str())]].concat()));
    let newest = view.params.text("before").map(|_| view.href("/scans", &kept));
    let incomplete = view.params.text("incomplete") == Some("true");
    let current = |shown: bool| (shown == incomplete).then_some("true");
    html! {
        div.pills role="group" aria-label="Which scans" {
            a.pill href=(view.href("/scans", &[])) aria-current=[current(false)] { "All scans" }
            a.pill href=(view.href("/scans", &[("incomplete", "true")])) aria-current=[current(true)] { "Incomplete" }
        }
        (table("Scans", &html! {
            table {
                caption { "Scans, newest first" }
                thead {
                    tr {
                        th scope="col" { "What was scanned" } th scope="col" { "Read" } th.num scope="col" { "Decisions" }
                        th.wide scope="col" { "Passed" } th scope="col" { "Not passed" } th scope="col" { "Gate" } th scope="col" { "Ended (UTC)" }
                    }
                }
                tbody { @for scan in &scans.rows { (line(view, scan)) } }
            }
        }))
        (pager(&format!("{} on this page", scans.rows.len()), newest.as_deref(), next.as_deref()))
    }
}

fn line(view: &View, scan: &ScanRow) -> Markup {
    html! {
        tr {
            th scope="row" {
                span.subject {
                    a href=(view.href(&format!("/scans/{}", scan.index), &[])) { (source(&scan.origin, &scan.paths)) }
                    span.muted.small { (revision(&scan.origin)) }
                }
            }
            td {
                @if scan.problem_count == 0 { span.chip.chip-pass { "All of it" } } @else { span.chip.chip-warn { (number(scan.problem_count)) " not read" } }
                div.muted.small { (counted(scan.files, "file", "files")) }
            }
            td.num { (number(scan.decisions)) }
            td { (percent(scan.outcomes.pass_rate())) (meter(&scan.outcomes)) }
            td { (not_passed(&scan.outcomes)) }
            td { (gate(view, scan.gate.as_ref())) }
            td { (short_moment(scan.time, scan.index)) }
        }
    }
}

fn source(origin: &Origin, paths: &[String]) -> String {
    let repository = origin.repository.clone();
    let known = origin.workspace.clone().or(repository);
    known.unwrap_or_else(|| if paths.is_empty() { "A folder".to_owned() } else { paths.join(", ") })
}

fn revision(origin: &Origin) -> String {
    let commit = origin.commit.as_deref().map(|commit| commit.chars().take(12).collect::<String>());
    let parts = [origin.reference.clone(), commit, origin.actor.as_ref().map(|actor| format!("by {actor}"))];
    parts.into_iter().flatten().collect::<Vec<_>>().join(" · ")
}

/// `GET /scans/{index}`.
pub(crate) async fn one(mut view: View, Path(index): Path<String>) -> Result<Html<String>, Problem> {
    view.of_one_time = true;
    let index = entry_index(&index)?;
    let app = std::sync::Arc::clone(&view.app);
    let proven = app.ask(move |app, _| Proven::read(app, index)).await?;
    let entry = &proven.entry.entry;
    let Body::Scan(scan) = &entry.submission.body else {
        return Err(Problem::new(Kind::NotFound, format!("Entry {index} is not a scan.")));
    };
    let lead = html! { p.lead { (revision(&scan.origin)) @if scan.origin != Origin::default() { " · " } (moment(entry.submission.time)) " UTC" } };
    let body = html! {
        div.two { (about(&view, entry, scan)) (proven.panel()) }
        (problems(scan))
        (waivers(scan))
        (proven.canonical())
    };
    let crumbs = [("Scans", view.href("/scans", &[]))];
    Ok(view.page(Section::Scans, &source(&scan.origin, &scan.paths), &crumbs, &lead, &body))
}

fn about(view: &View, entry: &Entry, scan: &ScanRecord) -> Markup {
    let mut outcomes = Outcomes::default();
    scan.outcomes.iter().for_each(|(outcome, count)| outcomes.add(*outcome, *count));
    let origin = [
        ("Repository", &scan.origin.repository),
        ("Commit", &scan.origin.commit),
        ("Reference", &scan.origin.reference),
        ("Started by", &scan.origin.actor),
        ("Workspace", &scan.origin.workspace),
        ("Stage", &scan.origin.stage),
        ("Run", &scan.origin.run),
        ("Machine", &scan.origin.host),
    ];
    html! {
        section.card aria-labelledby="run" {
            header { h2 #run { "The run" } @if scan.problems.is_empty() { span.chip.chip-pass { "Read all of it" } } @else { span.chip.chip-warn { "Incomplete" } } }
            dl.facts {
                dt { "Findings" } dd { (percent(outcomes.pass_rate())) " of " (number(outcomes.total())) " passed" (meter(&outcomes)) }
                dt { "Not passed" } dd { (not_passed(&outcomes)) }
                dt { "Decisions" }
                dd {
                    @match &entry.submission.gate {
                        Some(gate) => { a href=(view.href("/decisions", &[("gate", &gate.name)])) { (counted(scan.decisions, "decision", "decisions")) } " by " (gate.name) }
                        None => { (number(scan.decisions)) }
                    }
                }
                dt { "Files" } dd { (number(scan.files)) }
                dt { "Paths" } dd { (scan.paths.join(", ")) }
                @for (label, value) in origin { @if let Some(value) = value { dt { (label) } dd { (value) } } }
                dt { "Frameworks" } dd { @if scan.frameworks.is_empty() { "All" } @else { (scan.frameworks.join(", ")) } }
                dt { "Policies" } dd { code { (scan.policies.hex()) } }
                dt { "Probity" } dd { (scan.version) }
            }
        }
    }
}

fn problems(scan: &ScanRecord) -> Markup {
    if scan.problems.is_empty() {
        return html! {};
    }
    table(
        "What could not be read",
        &html! {
            table {
                caption { "What could not be read " span.muted { (number(scan.problems.len() as u64)) } }
                thead { tr { th scope="col" { "File" } th scope="col" { "What is wrong" } } }
                tbody { @for problem in &scan.problems { tr { th.mono scope="row" { (problem.path) } td { (problem.message) } } } }
            }
        },
    )
}

fn waivers(scan: &ScanRecord) -> Markup {
    if scan.waivers.is_empty() {
        return html! {};
    }
    parts::table(
        "Waivers in force",
        &html! {
            table {
                caption { "Waivers in force " span.muted { (number(scan.waivers.len() as u64)) } }
                thead { tr { th scope="col" { "Policy" } th scope="col" { "Subject" } th scope="col" { "Reason" } th scope="col" { "Asked for by" } th scope="col" { "Approved by" } th scope="col" { "Until" } } }
                tbody {
                    @for waiver in &scan.waivers {
                        tr { th.mono scope="row" { (waiver.of()) } td.mono { (waiver.subject) } td { (waiver.reason) } td { (waiver.requested_by) } td { (waiver.approved_by) } td.nowrap { (waiver.expires) } }
                    }
                }
            }
        },
    )
}
