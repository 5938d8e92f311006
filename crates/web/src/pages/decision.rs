//! `/decisions/{index}`: one decision, with its proof.

use std::collections::HashMap;

use axum::extract::Path;
use axum::response::Html;
use maud::{Markup, html};
use probity_evidence_index::{PolicyRecord, Queries};
use probity_evidence_ledger::{Body, DecisionRecord, Entry, FindingRecord, InputRef, RequestRecord};
use probity_model::ControlLink;

use super::admissions;
use super::decisions::policy_href;
use super::parts::{action, counted, moment, number, outcome, prose, severity, strength};
use super::proof::Proven;
use super::view::{Section, View, segment};
use crate::problem::{Kind, Problem};

/// Policies that hold which are listed at once; the others are behind a click.
const PASSED_SHOWN: usize = 400;

/// `GET /decisions/{index}`.
pub(crate) async fn page(mut view: View, Path(index): Path<String>) -> Result<Html<String>, Problem> {
    view.of_one_time = true;
    let index = entry_index(&index)?;
    let app = std::sync::Arc::clone(&view.app);
    let (proven, records, admission) = app
        .ask(move |app, queries| {
            let proven = Proven::read(app, index)?;
            let records = match &proven.entry.entry.submission.body {
                Body::Decision(decision) => records(queries, decision)?,
                _ => return Err(Problem::new(Kind::NotFound, format!("Entry {index} is not a decision."))),
            };
            Ok((proven, records, queries.admission(index)?))
        })
        .await?;
    let entry = &proven.entry.entry;
    let Body::Decision(decision) = &entry.submission.body else {
        return Err(Problem::new(Kind::NotFound, format!("Entry {index} is not a decision.")));
    };
    let lead = html! {
        p.lead { (decision.subject.resource_type) " · " (moment(entry.submission.time)) " UTC" }
    };
    let crumbs = [("Decisions", view.href("/decisions", &[]))];
    let body = html! {
        div.two {
            div.stack {
                (findings(&view, decision, &records))
                @if let Some(record) = &decision.admission {
                    (admissions::card(&view, record, admission.as_ref().and_then(|row| row.confirmation.as_ref())))
                }
                (about(&view, entry, decision, index))
                @match &decision.request {
                    Some(asked) => { (request(asked)) }
                    None => { (input(decision.input.as_ref(), index)) }
                }
            }
            (proven.panel())
        }
        (controls(&view, decision, &records))
        (proven.canonical())
    };
    Ok(view.page(Section::Decisions, &decision.subject.address, &crumbs, &lead, &body))
}

/// The number of an entry in an address.
pub(crate) fn entry_index(text: &str) -> Result<u64, Problem> {
    text.parse().map_err(|_| Problem::new(Kind::NotFound, "An entry is named by its number, from 0."))
}

/// What is known of the policies that do not hold.
fn records(queries: &Queries, decision: &DecisionRecord) -> Result<HashMap<String, PolicyRecord>, Problem> {
    let mut records = HashMap::new();
    for policy in decision.findings.iter().map(|finding| finding.policy.as_str()) {
        if let Some(record) = queries.policy_record(policy)? {
            records.insert(policy.to_owned(), record);
        }
    }
    Ok(records)
}

fn findings(view: &View, decision: &DecisionRecord, records: &HashMap<String, PolicyRecord>) -> Markup {
    html! {
        section.card aria-labelledby="findings" {
            header { h2 #findings { "Findings" } (action(decision.action)) }
            @if decision.findings.is_empty() && decision.passed.is_empty() {
                p.muted { "No policy was asked." }
            } @else if decision.findings.is_empty() {
                p.muted { "Every policy that was asked holds." }
            }
            @for one in &decision.findings { (finding(view, one, records.get(one.policy.as_str()))) }
            @if !decision.passed.is_empty() {
                details {
                    summary { (counted(decision.passed.len() as u64, "policy holds", "policies hold")) }
                    ul.tags {
                        @for policy in decision.passed.iter().take(PASSED_SHOWN) { li { a.tag href=(policy_href(view, policy.as_str())) { (policy) } } }
                        @if decision.passed.len() > PASSED_SHOWN { li { "and more, in the entry below" } }
                    }
                }
            }
        }
    }
}

fn finding(view: &View, finding: &FindingRecord, record: Option<&PolicyRecord>) -> Markup {
    html! {
        article.finding {
            div {
                (outcome(finding.outcome)) (severity(finding.severity))
                a href=(policy_href(view, finding.policy.as_str())) {
                    @match record { Some(record) => { (record.title) } None => { (finding.policy) } }
                }
            }
            @if !finding.message.is_empty() { p { (finding.message) } }
            @if let Some(reason) = &finding.reason { p.muted { "Reason: " (reason) } }
            p.muted.small {
                span.mono { (finding.policy) } " · at stage " (finding.stage)
                @if let Some(location) = &finding.location { " · " span.mono { (location) } }
            }
            @if let Some(record) = record {
                @if !record.fix.is_empty() { p.small { strong { "Fix: " } (prose(&record.fix)) } }
            }
        }
    }
}

fn about(view: &View, entry: &Entry, decision: &DecisionRecord, index: u64) -> Markup {
    let subject = &decision.subject;
    let labels = [
        ("Environment", "environment", &subject.labels.environment),
        ("Service", "service", &subject.labels.service),
        ("Owner", "owner", &subject.labels.owner),
    ];
    html! {
        section.card aria-labelledby="subject" {
            header { h2 #subject { "Subject" } a.small href=(view.href("/decisions", &[("address", &subject.address)])) { "All decisions on it" } }
            dl.facts {
                dt { "Address" } dd { (subject.address) }
                dt { "Type" } dd { (subject.resource_type) " " span.muted { "(" (subject.kind) ")" } }
                @for (label, name, value) in labels {
                    dt { (label) }
                    dd { @match value { Some(value) => { a href=(view.href("/decisions", &[(name, value)])) { (value) } } None => { span.muted { "–" } } } }
                }
                @if let Some(location) = &subject.location { dt { "Place" } dd.mono { (location) } }
                dt { "Decided" } dd { (moment(entry.submission.time)) " UTC" }
                dt { "Recorded" } dd { (moment(entry.recorded)) " UTC, as entry " (number(index)) }
                dt { "Gate" }
                dd {
                    @match &entry.submission.gate {
                        Some(gate) => { a href=(view.href("/decisions", &[("gate", &gate.name)])) { (gate.name) } " " span.muted { "(" (gate.kind) ", no. " (number(gate.sequence)) ")" } }
                        None => { span.muted { "The ledger itself" } }
                    }
                }
            }
        }
    }
}

/// Most characters of a document that are shown at once; the entry below has all of it.
const DOCUMENT_SHOWN: usize = 4_000;

fn request(asked: &RequestRecord) -> Markup {
    let document = |text: &Option<String>| {
        html! {
            @match text {
                Some(text) => {
                    code { (text.chars().take(DOCUMENT_SHOWN).collect::<String>()) }
                    @if text.chars().nth(DOCUMENT_SHOWN).is_some() { " " span.muted { "and more, in the entry below" } }
                }
                None => { span.muted { "–" } }
            }
        }
    };
    html! {
        section.card aria-labelledby="request" {
            header { h2 #request { "Question and answer" } }
            dl.facts {
                dt { "Decision" } dd { code { (asked.decision_id) } }
                @if let Some(query) = &asked.query { dt { "Query" } dd { code { (query) } } }
                dt { "Input" } dd { (document(&asked.input)) }
                dt { "Answer" }
                dd {
                    @match (&asked.error, &asked.result) {
                        (Some(error), _) => { (error) }
                        (None, None) => { span.muted { "Undefined" } }
                        (None, result) => { (document(result)) }
                    }
                }
                dt { "Asked by" }
                dd {
                    @match (&asked.token, &asked.requested_by) {
                        (Some(token), Some(address)) => { (token) " " span.muted { "(" (asked.role.as_deref().unwrap_or("–")) ") from " (address) } }
                        (Some(token), None) => { (token) }
                        (None, Some(address)) => { (address) }
                        (None, None) => { span.muted { "–" } }
                    }
                }
                @if !asked.revisions.is_empty() {
                    dt { "Bundles" }
                    dd { @for (name, revision) in &asked.revisions { div { (name) " " code { (revision) } } } }
                }
                @if !asked.erased.is_empty() { dt { "Erased" } dd { code { (asked.erased.join(", ")) } } }
                @if !asked.masked.is_empty() { dt { "Masked" } dd { code { (asked.masked.join(", ")) } } }
                @if asked.redacted > 0 { dt { "Redacted" } dd { (counted(asked.redacted.into(), "value", "values")) } }
            }
        }
    }
}

fn input(input: Option<&InputRef>, index: u64) -> Markup {
    html! {
        section.card aria-labelledby="inputs" {
            header { h2 #inputs { "Inputs" } }
            @match input {
                Some(input) => {
                    dl.facts {
                        dt { "Subjects" } dd { code { (input.subjects.hex()) } " " span.muted { "at position " (input.position) } }
                        dt { "Policies" } dd { code { (input.policies.hex()) } }
                        dt { "Day" } dd { (input.day) }
                        dt { "Redacted" } dd { @if input.redacted == 0 { "Nothing" } @else { (counted(input.redacted.into(), "value", "values")) } }
                    }
                    p.muted.small { "The ledger keeps them, so the decision can be made again, where the ledger is:" }
                    code { "probity evidence replay " (index) }
                }
                None => { p.muted { "The gate kept no inputs, so the decision cannot be made again." } }
            }
        }
    }
}

fn controls(view: &View, decision: &DecisionRecord, records: &HashMap<String, PolicyRecord>) -> Markup {
    let mut served: Vec<(&ControlLink, &str, Markup)> = Vec::new();
    for finding in &decision.findings {
        if let Some(record) = records.get(finding.policy.as_str()) {
            served.extend(record.controls.iter().map(|link| (link, finding.policy.as_str(), outcome(finding.outcome))));
        }
    }
    served.sort_by(|one, other| one.0.control.cmp(&other.0.control));
    if served.is_empty() {
        return html! {};
    }
    super::parts::table(
        "Controls these findings are about",
        &html! {
            table {
                caption { "Controls these findings are about" }
                thead { tr { th scope="col" { "Control" } th scope="col" { "Policy" } th scope="col" { "Outcome" } th scope="col" { "Serves" } } }
                tbody {
                    @for (link, policy, came_out) in &served {
                        tr {
                            th scope="row" { a.nowrap href=(control_href(view, link)) { (link.control) } }
                            td { a.mono.nowrap href=(policy_href(view, policy)) { (policy) } }
                            td { (came_out) }
                            td { (strength(link.serves)) div.muted.small { (link.why) } }
                        }
                    }
                }
            }
        },
    )
}

pub(crate) fn control_href(view: &View, link: &ControlLink) -> String {
    let (framework, requirement) = (segment(&link.control.framework), segment(&link.control.requirement));
    view.href(&format!("/frameworks/{framework}/controls/{requirement}"), &[])
}
