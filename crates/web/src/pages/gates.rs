//! `/gates`: who sends evidence, and whether anything is missing.

use axum::response::Html;
use jiff::Timestamp;
use maud::{Markup, html};
use probity_evidence_index::{GapRow, GateFilter, GatePage, GateRow, ReplicaRow, Silence};
use probity_evidence_ledger::ReplicaState;

use super::parts::{counted, empty, moment, number, pager, table};
use super::posture::nothing_yet;
use super::view::{Section, View};
use crate::problem::Problem;

/// Gates on one page.
const ROWS: usize = 100;

/// `GET /gates`.
pub(crate) async fn page(view: View) -> Result<Html<String>, Problem> {
    let only_missing = view.params.text("missing") == Some("true");
    let filter = GateFilter {
        name: view.params.text("gate").map(str::to_owned),
        period: Some(view.period),
        only_missing,
        ..GateFilter::default()
    };
    let page = view.params.page(ROWS)?;
    let app = std::sync::Arc::clone(&view.app);
    let period = view.period;
    let (gates, life) = app
        .ask(move |_, queries| {
            let now = Timestamp::now();
            let life = Life {
                replicas: queries.replicas(period, now)?,
                silences: queries.silences(period, now)?,
                unrecorded: queries.unrecorded(period)?,
            };
            Ok((queries.gates(&filter, page)?, life))
        })
        .await?;
    let lead = html! { p.lead { "Each gate numbers what it sends, from 1 without gaps. A number that never came is evidence that is missing." } };
    let body = html! { (form(&view, only_missing)) @if gates.rows.is_empty() { (none(&view, only_missing)) } @else { (list(&view, &gates, only_missing)) } (life.shown()) };
    Ok(view.page(Section::Gates, "Gates", &[], &lead, &body))
}

/// What gates that serve say of themselves.
struct Life {
    replicas: Vec<ReplicaRow>,
    silences: Vec<Silence>,
    unrecorded: Vec<GapRow>,
}

impl Life {
    fn shown(&self) -> Markup {
        html! {
            @if !self.unrecorded.is_empty() { (self.unrecorded()) }
            @if !self.silences.is_empty() { (self.silences()) }
            @if !self.replicas.is_empty() { (self.replicas()) }
        }
    }

    fn unrecorded(&self) -> Markup {
        table(
            "Answers without evidence",
            &html! {
                table {
                    caption { "Answers without evidence" }
                    thead { tr { th scope="col" { "Replica" } th scope="col" { "From (UTC)" } th scope="col" { "To (UTC)" } th.num scope="col" { "Allowed" } th.num scope="col" { "Denied" } th.wide scope="col" { "Why" } } }
                    tbody {
                        @for row in &self.unrecorded {
                            tr {
                                th scope="row" { span.subject { (row.gap.replica) span.muted.small { (row.gap.cluster) } } }
                                td { (moment(row.gap.from)) } td { (moment(row.gap.to)) }
                                td.num { (number(row.gap.allowed)) } td.num { (number(row.gap.denied)) }
                                td { (row.gap.why) div.muted.small { "entry " (number(row.index)) } }
                            }
                        }
                    }
                }
            },
        )
    }

    fn silences(&self) -> Markup {
        table(
            "Silent replicas",
            &html! {
                table {
                    caption { "Silent replicas" }
                    thead { tr { th scope="col" { "Replica" } th scope="col" { "Last heard of (UTC)" } th scope="col" { "Heard of again (UTC)" } } }
                    tbody {
                        @for silence in &self.silences {
                            tr {
                                th scope="row" { span.subject { (silence.replica) span.muted.small { (silence.cluster) } } }
                                td { (moment(silence.from)) }
                                td { @match silence.to { Some(to) => { (moment(to)) } None => { span.chip.chip-fail { "Not yet" } } } }
                            }
                        }
                    }
                }
            },
        )
    }

    fn replicas(&self) -> Markup {
        table(
            "Replicas",
            &html! {
                table {
                    caption { "Replicas of gates" }
                    thead { tr { th scope="col" { "Replica" } th scope="col" { "State" } th scope="col" { "Since (UTC)" } th scope="col" { "Last sign of life (UTC)" } th scope="col" { "Version" } } }
                    tbody { @for row in &self.replicas { (replica(row)) } }
                }
            },
        )
    }
}

fn replica(row: &ReplicaRow) -> Markup {
    let heartbeat = &row.heartbeat;
    html! {
        tr {
            th scope="row" { span.subject { (heartbeat.replica) span.muted.small { (heartbeat.cluster) } } }
            td {
                @match (row.silent, heartbeat.state) {
                    (true, _) => { span.chip.chip-fail { "Silent" } }
                    (false, ReplicaState::Alive) => { span.chip.chip-pass { "Alive" } }
                    (false, ReplicaState::Stopped) => { span.chip.chip-none { "Stopped" } }
                }
            }
            td { (moment(heartbeat.since)) }
            td { (moment(row.last)) }
            td { (heartbeat.version) @if let Some(policies) = &heartbeat.policies { div.muted.small { "policies " (policies.hex().chars().take(12).collect::<String>()) } } }
        }
    }
}

fn form(view: &View, only_missing: bool) -> Markup {
    html! {
        form.search method="get" action="/gates" role="search" aria-label="Gates" {
            input type="hidden" name="from" value=(view.period.first);
            input type="hidden" name="to" value=(view.period.last);
            label.visually-hidden for="gate" { "Name; * stands for anything" }
            input #gate type="search" name="gate" value=(view.params.text("gate").unwrap_or_default()) placeholder="Name of a gate, such as ci/github/acme/*";
            label.visually-hidden for="missing" { "Which gates" }
            select #missing name="missing" {
                option value="" { "All gates" }
                option value="true" selected[only_missing] { "With missing numbers" }
            }
            button type="submit" { "Show" }
        }
    }
}

fn none(view: &View, only_missing: bool) -> Markup {
    if view.app.follower.indexed() == 0 {
        return nothing_yet();
    }
    if only_missing {
        return empty(
            "No number is missing",
            &html! { p { "Every gate of the period sent all it numbered, up to its newest entry here." } },
        );
    }
    empty(
        "No gate sent anything in this period",
        &html! { p { "Choose a longer period. A gate elsewhere sends to this server with a token of the role gate:" } code { "probity serve token create --role gate --name ci" } },
    )
}

fn list(view: &View, gates: &GatePage, only_missing: bool) -> Markup {
    let kept: Vec<(&str, &str)> = view.params.others(&["from", "to", "before"]).collect();
    let next =
        gates.next.map(|next| view.href("/gates", &[&kept[..], &[("before", next.to_string().as_str())]].concat()));
    let newest = view.params.text("before").map(|_| view.href("/gates", &kept));
    let said =
        format!("{}, {} missing", counted(gates.total, "gate", "gates"), counted(gates.missing, "number", "numbers"));
    html! {
        (table("Gates", &html! {
            table {
                caption { @if only_missing { "Gates with missing numbers" } @else { "Gates, newest first" } }
                thead {
                    tr {
                        th scope="col" { "Gate" } th scope="col" { "Numbers" } th.num scope="col" { "Entries" }
                        th scope="col" { "Highest" } th scope="col" { "Last entry (UTC)" }
                    }
                }
                tbody { @for gate in &gates.rows { (line(view, gate)) } }
            }
        }))
        (pager(&said, newest.as_deref(), next.as_deref()))
    }
}

fn line(view: &View, gate: &GateRow) -> Markup {
    html! {
        tr {
            th scope="row" { span.subject { a href=(view.href("/decisions", &[("gate", &gate.name)])) { (gate.name) } span.muted.small { (gate.kind) } } }
            td {
                @if gate.missing == 0 { span.chip.chip-pass { "Complete" } } @else {
                    span.chip.chip-fail { (number(gate.missing)) " missing" }
                    div.muted.small { (ranges(gate)) }
                }
                @if !gate.ended { div.muted.small { "its last run did not end" } }
            }
            td.num { (number(gate.entries)) }
            td { (number(gate.last_sequence)) }
            td { (moment(gate.last_time)) div.muted.small { "first " (gate.first_time.strftime("%Y-%m-%d")) } }
        }
    }
}

fn ranges(gate: &GateRow) -> String {
    let range = |(first, last): &(u64, u64)| {
        if first == last { number(*first) } else { format!("{}–{}", number(*first), number(*last)) }
    };
    let shown: Vec<String> = gate.gaps.iter().take(8).map(range).collect();
    let named: u64 = gate.gaps.iter().take(8).map(|(first, last)| last - first + 1).sum();
    let rest = if named < gate.missing { ", …" } else { "" };
    format!("{}{rest}", shown.join(", "))
}
