//! The report as one HTML file: nothing is loaded, nothing runs, every text is escaped.

mod control;
mod parts;

use std::io::{self, Write};

use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::chart::{meter, percent};
use crate::model::{Completeness, Control, Header, Report, Status};
use crate::style;
use parts::{amount, anchor, chip, count, digest, facts, status_chip, table, time};

impl Report {
    /// Writes the report as one HTML file that needs nothing else.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write_html(&self, out: &mut dyn Write) -> io::Result<()> {
        let (first, rest): (Vec<&Control>, Vec<&Control>) =
            self.controls.iter().partition(|control| !control.policies.is_empty());
        out.write_all(head(self).into_string().as_bytes())?;
        out.write_all(self.cover().into_string().as_bytes())?;
        for control in first {
            out.write_all(control::page(control, &self.header).into_string().as_bytes())?;
        }
        out.write_all(not_covered(&rest).into_string().as_bytes())?;
        out.write_all(self.closing().into_string().as_bytes())?;
        out.write_all(b"</main></body></html>\n")
    }

    fn cover(&self) -> Markup {
        let header = &self.header;
        html! {
            header.cover {
                (brand())
                p.eyebrow { "Compliance report" }
                h1 { (self.framework.title) }
                p.lede {
                    (header.period.first) " to " (header.period.last)
                    @if let Some(environment) = &header.environment { ", environment " (environment) } @else { ", all environments" }
                    ". What was judged at the gates, and what of it the ledger proves."
                }
                (self.figures())
                (self.notices())
            }
            section aria-labelledby="controls" {
                h2 #controls { "Controls" }
                (self.overview_table())
            }
            section aria-labelledby="basis" {
                h2 #basis { "How this report came to be" }
                (basis(header))
            }
            section aria-labelledby="complete" {
                h2 #complete { "Is anything missing?" }
                (completeness(&self.completeness))
            }
        }
    }

    fn figures(&self) -> Markup {
        let overview = &self.overview;
        let asked = self.controls.iter().filter(|control| control.decisions > 0).count();
        html! {
            div.cards {
                div.card { span.figure { (count(overview.actions.total())) } span { "decisions" } }
                div.card { span.figure { (percent(overview.outcomes.pass_rate())) } span { "of " (count(overview.outcomes.total())) " findings passed" } }
                div.card { span.figure { (count(overview.actions.deny)) } span { "decisions denied" } }
                div.card { span.figure { (asked) " of " (self.controls.len()) } span { "controls with evidence" } }
            }
            p {
                @for (status, controls) in self.summary.iter().filter(|(_, controls)| *controls > 0) {
                    (chip(status.chip(), &format!("{controls} × {}", status.words()))) " "
                }
            }
        }
    }

    fn notices(&self) -> Markup {
        let (header, complete) = (&self.header, &self.completeness);
        html! {
            @if header.through < header.period.last {
                div.notice { p { "The period was not over when this report was made: days after " (header.through) " are not counted as gaps." } }
            }
            @if complete.missing > 0 {
                div.notice.notice-warn { p { "Missing: " (amount(complete.missing, "number")) " that gates gave to entries which are not in the ledger." } }
            }
            @if !complete.unrecorded.is_empty() {
                div.notice.notice-warn { p { "Gates answered without being able to keep evidence of it: " (amount(complete.unrecorded.len() as u64, "time")) "." } }
            }
            @if !complete.silences.is_empty() {
                div.notice.notice-warn { p { "Replicas of gates fell silent: " (amount(complete.silences.len() as u64, "time")) ". What they decided then may not be in the ledger." } }
            }
            @if complete.incomplete > 0 {
                div.notice.notice-warn { p { (count(complete.incomplete)) " of " (amount(complete.scans, "run")) " could not read everything. What was not read was not judged." } }
            }
            @if header.ledger.is_none() {
                div.notice.notice-warn { p { "No checkpoint was given: nothing here can be proved against the ledger's root." } }
            }
        }
    }

    fn overview_table(&self) -> Markup {
        let rows = self.controls.iter().map(|control| {
            html! { tr {
                th.nowrap scope="row" {
                    @if control.policies.is_empty() { (control.id) } @else { a href={ "#" (anchor(&control.id)) } { (control.id) } }
                }
                td { (control.title) }
                td.nowrap { (status_chip(control)) }
                td.num { @if control.decisions > 0 { (count(control.decisions)) } @else { "–" } }
                td.num { (percent(control.pass_rate)) }
                td { (meter(&control.outcomes)) }
            } }
        });
        let columns = [
            ("Control", false),
            ("Asks for", false),
            ("Status", false),
            ("Decisions", true),
            ("Pass rate", true),
            ("Findings", false),
        ];
        html! {
            p.muted.small {
                "Pass rate is passes out of everything that was to be judged: what was waived, skipped, undecided or in error is not a pass. "
                "“In part” says that no policy answers for the whole control."
            }
            div.overview { (table("Every control of the framework", &columns, rows)) }
        }
    }

    fn closing(&self) -> Markup {
        html! {
            @if !self.policy_changes.is_empty() {
                section.control aria-labelledby="changes" { h2 #changes { "Changes to the policies" } (changes(self)) }
            }
            footer {
                p { "Requirement ids: " (self.framework.publisher) ", " (self.framework.version) ". " (self.framework.source) }
                p { "Each row names its entry by index and leaf hash. " code { "probity evidence prove INDEX" } " gives the proof that it is under the root above; "
                    code { "probity evidence verify" } " checks the ledger offline." }
            }
        }
    }
}

fn head(report: &Report) -> Markup {
    html! {
        (DOCTYPE)
        (PreEscaped("<html lang=\"en\">"))
        head {
            meta charset="utf-8";
            meta name="viewport" content="width=device-width, initial-scale=1";
            meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'";
            meta name="referrer" content="no-referrer";
            title { (report.framework.title) ", " (report.header.period.first) " to " (report.header.period.last) " · Probity" }
            style { (PreEscaped(style::SHARED)) (PreEscaped(style::REPORT)) }
        }
        (PreEscaped("<body><main class=\"page\">"))
    }
}

fn brand() -> Markup {
    html! {
        div.brand {
            svg viewBox="0 0 24 24" aria-hidden="true" {
                path fill="none" stroke="var(--accent)" stroke-width="2" stroke-linejoin="round" d="M12 2.5 20 6v6c0 4.8-3.3 8-8 9.5C7.300 20 4 16.800 4 12V6z" {}
                path fill="none" stroke="var(--accent)" stroke-width="2" stroke-linecap="round" stroke-linejoin="round" d="m8.500 12 2.500 2.500 4.500-5" {}
            }
            "Probity"
        }
    }
}

fn basis(header: &Header) -> Markup {
    let rows = &header.rows;
    let mut all = vec![
        ("Query", html! { code { (header.query) } }),
        ("Period", html! { (header.period.first) " to " (header.period.last) ", days in UTC, both included" }),
        ("Run by", html! { (header.made_by) }),
        ("Run at", html! { (time(header.made_at)) }),
        ("Version", html! { "Probity " (header.probity) }),
        (
            "Rows",
            html! {
                (amount(rows.controls, "control")) ", " (amount(rows.decisions, "decision")) ", " (amount(rows.findings, "finding")) ", "
                (amount(rows.waivers, "waiver")) ", " (amount(rows.samples, "sample"))
            },
        ),
        (
            "Ledger range",
            html! { @if header.entries == 0 { "no entries" } @else { "entries 0 to " (header.entries - 1) } },
        ),
        ("Samples", html! { (header.samples) " for each control, seed " code { (header.seed) } }),
    ];
    if let Some(ledger) = &header.ledger {
        all.push(("Ledger", html! { (ledger.origin) ", checkpoint over " (count(ledger.size)) " entries" }));
        all.push(("Root", digest(&ledger.root)));
    }
    html! {
        (facts(&all))
        @if let Some(ledger) = &header.ledger {
            details { summary { "Signed checkpoint" } pre.mono.card.break { (ledger.checkpoint) } }
        }
        p.muted.small {
            "Draw number k, from 0, takes the decision at position n mod population in the order of the ledger, where n is the first eight bytes of the SHA-256 of "
            code { "seed:k" } "; one drawn before is passed over. Anyone can draw the same again."
        }
    }
}

/// What the replicas of gates that serve left out.
fn of_replicas(complete: &Completeness) -> Markup {
    let unrecorded = complete.unrecorded.iter().map(|row| {
        html! { tr {
            th.break scope="row" { (row.gap.cluster) " " (row.gap.replica) }
            td.nowrap { (time(row.gap.from)) }
            td.nowrap { (time(row.gap.to)) }
            td.num { (count(row.gap.allowed.saturating_add(row.gap.denied))) }
            td.break { (row.gap.why) }
        } }
    });
    let silences = complete.silences.iter().map(|silence| {
        html! { tr {
            th.break scope="row" { (silence.cluster) " " (silence.replica) }
            td.nowrap { (time(silence.from)) }
            td.nowrap { @match silence.to { Some(to) => { (time(to)) } None => { "not yet" } } }
        } }
    });
    let answers = [("Replica", false), ("From", false), ("To", false), ("Requests", true), ("Why", false)];
    let silent = [("Replica", false), ("Last heard of", false), ("Heard of again", false)];
    html! {
        @if !complete.unrecorded.is_empty() { (table("Answers without evidence", &answers, unrecorded)) }
        @if !complete.silences.is_empty() { (table("Silent replicas", &silent, silences)) }
    }
}

fn completeness(complete: &Completeness) -> Markup {
    let gates = complete.gates_with_gaps.iter().map(|gate| {
        let ranges: Vec<String> = gate.gaps.iter().take(8).map(|(first, last)| parts::range(first, last)).collect();
        html! { tr {
            th.break scope="row" { (gate.name) }
            td.num { (count(gate.missing)) }
            td.break { (ranges.join(", ")) @if gate.gaps.len() > 8 { " …" } }
            td { (time(gate.last_time)) }
        } }
    });
    let scans = complete.incomplete_scans.iter().map(|scan| {
        html! { tr {
            th.num scope="row" { (scan.index) }
            td.nowrap { (time(scan.time)) }
            td.break { (scan.origin.repository.as_deref().unwrap_or("–")) }
            td.num { (count(scan.problem_count)) }
            td.break { @for problem in scan.problems.iter().take(3) { div { (problem.path) ": " (problem.message) } } }
        } }
    });
    let numbers = [("Gate", false), ("Missing", true), ("Numbers", false), ("Last seen", false)];
    let unread =
        [("Entry", true), ("Ended", false), ("Repository", false), ("Problems", true), ("The first of them", false)];
    html! {
        p {
            "Each gate numbers what it sends. In the period " (amount(complete.gates, "gate")) " sent entries; "
            @if complete.missing == 0 { "no number is missing." } @else { (amount(complete.missing, "number")) " missing." }
            " " (amount(complete.scans, "run")) " ended, "
            @if complete.incomplete == 0 { "and everything given was read." } @else { (count(complete.incomplete)) " without reading everything." }
        }
        @if !complete.gates_with_gaps.is_empty() { (table("Gates with missing numbers, the newest", &numbers, gates)) }
        (of_replicas(complete))
        @if !complete.incomplete_scans.is_empty() { (table("Runs that could not read everything, the newest", &unread, scans)) }
        p.muted.small { "The numbers say what gates sent, not what never reached a gate; that takes a comparison with another source." }
    }
}

fn not_covered(controls: &[&Control]) -> Markup {
    let of = |status: Status| controls.iter().filter(move |control| control.status == status);
    let rows = |status: Status| {
        of(status).map(|control| {
            html! { tr { th.nowrap scope="row" { (control.id) } td { strong { (control.title) } div.muted.small { (control.text) } } } }
        })
    };
    let columns = [("Control", false), ("Asks for", false)];
    html! {
        @if !controls.is_empty() {
            section.control aria-labelledby="uncovered" {
                h2 #uncovered { "Controls without policies" }
                @if of(Status::NotServed).next().is_some() {
                    (table("Not covered: software could check these at least in part, and no policy does", &columns, rows(Status::NotServed)))
                }
                @if of(Status::NotTechnical).next().is_some() {
                    (table("Not technical: people and papers answer for these", &columns, rows(Status::NotTechnical)))
                }
            }
        }
    }
}

fn changes(report: &Report) -> Markup {
    let ids = |ids: &[probity_model::PolicyId]| {
        let shown: Vec<&str> = ids.iter().take(12).map(probity_model::PolicyId::as_str).collect();
        let more = ids.len().saturating_sub(shown.len());
        html! { @if ids.is_empty() { "–" } @else { (shown.join(", ")) @if more > 0 { " and " (more) " more" } } }
    };
    let rows = report.policy_changes.iter().map(|change| {
        html! { tr {
            th.num scope="row" { (change.entry) }
            td.nowrap { (time(change.time)) }
            @if change.known {
                td.break { (ids(&change.added)) }
                td.break { (ids(&change.removed)) }
                td.break { (ids(&change.changed)) @if change.sources_changed { div.muted.small { "Sources changed." } } }
            } @else {
                td colspan="3" { "The ledger does not have the text of one of the sets: what changed is not known." }
            }
        } }
    });
    let columns = [("First seen", true), ("When", false), ("Added", false), ("Removed", false), ("Changed", false)];
    table("Sets of policies that were new in the period, the newest first", &columns, rows)
}
