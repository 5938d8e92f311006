//! `/waivers`: what was accepted, by whom, until when.

use axum::response::Html;
use maud::{Markup, html};
use probity_evidence_index::WaiverRow;

use super::parts::{empty, moment, number, table};
use super::posture::nothing_yet;
use super::view::{Section, View};
use crate::params::today;
use crate::problem::Problem;

/// `GET /waivers`.
pub(crate) async fn page(view: View) -> Result<Html<String>, Problem> {
    let period = view.period;
    let app = std::sync::Arc::clone(&view.app);
    let rows = app.ask(move |_, queries| Ok(queries.waivers(period)?)).await?;
    let lead =
        html! { p.lead { "Findings that were accepted in the period: why, who asked, who approved, and until when." } };
    let body = match rows.is_empty() {
        true if view.app.follower.indexed() == 0 => nothing_yet(),
        true => empty(
            "No waiver was in force in this period",
            &html! { p { "Waivers are kept in a file that probity.yaml names; each is recorded with the scans that used it." } },
        ),
        false => list(&view, &rows),
    };
    Ok(view.page(Section::Waivers, "Waivers", &[], &lead, &body))
}

fn list(view: &View, rows: &[WaiverRow]) -> Markup {
    table(
        "Waivers",
        &html! {
            table {
                caption { "Waivers " span.muted { (number(rows.len() as u64)) } }
                thead {
                    tr {
                        th scope="col" { "Policies" } th scope="col" { "Subjects" } th.wide scope="col" { "Reason" }
                        th scope="col" { "Asked for by" } th scope="col" { "Approved by" } th scope="col" { "Until" } th scope="col" { "Last used (UTC)" }
                    }
                }
                tbody { @for row in rows { (line(view, row)) } }
            }
        },
    )
}

fn line(view: &View, row: &WaiverRow) -> Markup {
    let waiver = &row.waiver;
    let own = waiver.requested_by == waiver.approved_by;
    let decisions = view.href(
        "/decisions",
        &[("policy", waiver.policy.as_str()), ("address", waiver.subject.as_str()), ("outcome", "waived")],
    );
    html! {
        tr {
            th scope="row" {
                // What is accepted of a vulnerability is in no finding of its own.
                @if waiver.vulnerability.is_some() { span.mono { (waiver.of()) } }
                @else { a.mono.nowrap href=(decisions) { (waiver.policy) } }
            }
            td.mono { (waiver.subject) }
            td { (waiver.reason) }
            td { (waiver.requested_by) }
            td { (waiver.approved_by) @if own { div { span.chip.chip-fail { "Own approval" } } } }
            td.nowrap { (waiver.expires) @if waiver.expires < today() { div { span.chip.chip-none { "Ended" } } } }
            td { (moment(row.last_time)) div.muted.small { (number(row.scans)) " scans" } }
        }
    }
}
