//! The page of one control.

use jiff::civil::Date;
use maud::{Markup, html};
use probity_evidence_index::{DecisionRow, WaiverRow};
use probity_model::Strength;

use super::parts::{amount, anchor, count, digest, facts, range, status_chip, table, time};
use crate::chart::{self, meter, outcome_words, percent, words};
use crate::model::{Control, Failure, Header};

/// Ranges of days without evidence that are named.
const RANGES: usize = 12;

pub(super) fn page(control: &Control, header: &Header) -> Markup {
    let anchor = anchor(&control.id);
    html! {
        section.control id=(anchor) aria-labelledby={ (anchor) "-title" } {
            header {
                h2 id={ (anchor) "-title" } { (control.id) " " (control.title) }
                (status_chip(control))
            }
            p.lede { (control.text) }
            (coverage(control))
            (facts(&[
                ("Decisions", html! { (count(control.decisions)) }),
                ("Findings", html! { (count(control.outcomes.total())) ": " (words(&control.outcomes)) }),
                ("Pass rate", html! { (percent(control.pass_rate)) }),
                ("Days without evidence", days_without(control)),
            ]))
            @if control.outcomes.total() > 0 {
                (chart::daily(&format!("{anchor}-chart"), header.period, &control.days))
            }
            h3 { "Policies" }
            (policies(control))
            h3 { "Failures" }
            (failures(control))
            h3 { "Exceptions" }
            (exceptions(control, header))
            h3 { "Samples" }
            (samples(control))
        }
    }
}

fn coverage(control: &Control) -> Markup {
    let technical = match control.technical {
        probity_controls::Technical::Fully => "Software can check all of this control.",
        probity_controls::Technical::Partly => {
            "Software can check a part of this control; the rest is for people and papers."
        }
        probity_controls::Technical::No => "Software cannot check this control; what is here only supports it.",
    };
    let served = match control.serves {
        Some(Strength::Fully) => "At least one policy answers for all that is asked, for the resources that it judges.",
        Some(Strength::Partly) => "Policies answer for a part of what is asked; none answers for all of it.",
        Some(Strength::Supports) => "Policies only help; none answers for what is asked.",
        None => "None of the policies that serve it was asked in the period.",
    };
    let class = if control.serves == Some(Strength::Fully) { "notice" } else { "notice notice-warn" };
    html! { div class=(class) { p { (served) " " (technical) } } }
}

fn days_without(control: &Control) -> Markup {
    let ranges: Vec<String> =
        control.gaps.iter().take(RANGES).map(|(first, last): &(Date, Date)| range(first, last)).collect();
    html! {
        (count(control.days_without))
        @if !ranges.is_empty() {
            ": " (ranges.join(", "))
            @if control.gaps.len() > RANGES { " and " (control.gaps.len() - RANGES) " more ranges" }
        }
    }
}

fn policies(control: &Control) -> Markup {
    let rows = control.policies.iter().map(|serving| {
        html! { tr {
            th.mono.nowrap scope="row" { (serving.policy) }
            td { (serving.title) div.muted.small { (serving.why) } }
            td { (serving.serves) }
            td.num { (count(serving.outcomes.total())) }
            td.num { (percent(serving.outcomes.pass_rate())) }
            td { (meter(&serving.outcomes)) }
        } }
    });
    let columns = [
        ("Policy", false),
        ("Holds when, and why it serves", false),
        ("Serves", false),
        ("Findings", true),
        ("Pass rate", true),
        ("Outcomes", false),
    ];
    table("Policies that serve this control", &columns, rows)
}

fn failures(control: &Control) -> Markup {
    if control.failures.is_empty() {
        return html! { p.muted { "No policy failed or was in error in the period." } };
    }
    let rows = control.failures.iter().map(|failure: &Failure| {
        html! { tr {
            th.num scope="row" { (failure.index) }
            td.nowrap { (time(failure.time)) }
            td.break { (failure.address) @if let Some(environment) = &failure.environment { div.muted.small { (environment) } } }
            td {
                @for finding in &failure.findings {
                    div { span.mono { (finding.policy) } " " (outcome_words(finding.outcome)) ", " (finding.severity) ": " (finding.message) }
                }
            }
        } }
    });
    let shown = control.failures.len() as u64;
    let caption = if control.failure_count > shown {
        format!("The newest {shown} of {} decisions with failures; all are in the CSV form", control.failure_count)
    } else {
        "Decisions with failures, the newest first".to_owned()
    };
    table(&caption, &[("Entry", true), ("Decided", false), ("Subject", false), ("Findings", false)], rows)
}

fn exceptions(control: &Control, header: &Header) -> Markup {
    if control.exceptions.is_empty() && control.outcomes.waived == 0 {
        return html! { p.muted { "No waiver was in force for these policies, and no finding was waived." } };
    }
    let today = header.through;
    let rows = control.exceptions.iter().map(|row: &WaiverRow| {
        let waiver = &row.waiver;
        let own = waiver.requested_by == waiver.approved_by;
        html! { tr {
            th.mono.break scope="row" { (waiver.of()) }
            td.break { (waiver.subject) }
            td { (waiver.reason) }
            td { (waiver.requested_by) }
            td { (waiver.approved_by) @if own { div.small { "the same person" } } }
            td.nowrap { (waiver.expires) @if waiver.expires < today { div.muted.small { "expired" } } }
        } }
    });
    let columns = [
        ("Policies", false),
        ("Subjects", false),
        ("Why", false),
        ("Asked for by", false),
        ("Approved by", false),
        ("Until", false),
    ];
    html! {
        p { "Waived in the period: " (amount(control.outcomes.waived, "finding")) "." }
        @if control.exceptions.is_empty() {
            p.muted { "None of the runs that ended in the period names a waiver for these policies." }
        } @else {
            (table("Waivers in force for these policies", &columns, rows))
        }
    }
}

fn samples(control: &Control) -> Markup {
    let sample = &control.sample;
    if sample.rows.is_empty() {
        return html! { p.muted { "There is nothing to draw from." } };
    }
    let rows = sample.rows.iter().map(|row: &DecisionRow| {
        html! { tr {
            th.num scope="row" { (row.index) }
            td { (time(row.time)) div.muted.small.break { (row.address) } }
            td { (row.action) }
            td.small { (words(&row.outcomes)) }
            td { (digest(&row.leaf)) }
        } }
    });
    let caption = format!("{} of {} decisions, seed {}", sample.rows.len(), sample.population, sample.seed);
    let columns =
        [("Entry", true), ("Decided", false), ("Action", false), ("All findings", false), ("Leaf hash", false)];
    table(&caption, &columns, rows)
}
