//! `/admissions`: requests to API servers that gates answered, as they come; parts of `/decisions/{index}` that are about one.

use axum::response::Html;
use maud::{Markup, html};
use probity_evidence_index::{AdmissionOutcome, AdmissionPage, AdmissionRow, ConfirmationRow, done};
use probity_evidence_ledger::{AdmissionRecord, AdmittedImage};

use super::parts::{self, breakable, capital, empty, moment, number, pager, short_moment, table};
use super::posture::nothing_yet;
use super::view::{Section, View};
use crate::problem::Problem;

/// Requests on one page.
const ROWS: usize = 50;

/// Images of a row that are named.
const IMAGES: usize = 4;

/// What narrows the list, as text: name, label, example.
const TEXTS: [(&str, &str, &str); 7] = [
    ("user", "Who", "*@company.com"),
    ("name", "Object", "patient-*"),
    ("kind", "Kind", "Deployment"),
    ("namespace", "Namespace", "clinic"),
    ("cluster", "Cluster", "prod-*"),
    ("environment", "Environment", "production"),
    ("image", "Image", "*/portal:* or sha256:…"),
];

/// `GET /admissions`.
pub(crate) async fn page(view: View) -> Result<Html<String>, Problem> {
    let page = view.params.page(ROWS)?;
    let mut filter = view.params.admissions()?;
    (filter.from, filter.to) = (Some(view.period.start()), Some(view.period.end()));
    let app = std::sync::Arc::clone(&view.app);
    let (found, known) =
        app.ask(move |_, queries| Ok((queries.admissions(&filter, page)?, queries.entries_known()?))).await?;
    let lead = html! { p.lead { "What was asked of clusters, and what the gate answered. What the API server then did is known from its audit log." } };
    let body = html! { (form(&view)) (list(&view, &found, known)) };
    Ok(view.page(Section::Admissions, "Requests", &[], &lead, &body))
}

/// What of an address narrows the list.
pub(crate) fn filters(view: &View) -> Vec<(&str, &str)> {
    view.params.others(&["from", "to", "before", "limit", "after"]).collect()
}

fn form(view: &View) -> Markup {
    let value = |name: &str| view.params.text(name).unwrap_or_default();
    let narrowed = !filters(view).is_empty();
    html! {
        form.card method="get" action="/admissions" role="search" aria-label="Requests" {
            input type="hidden" name="from" value=(view.period.first);
            input type="hidden" name="to" value=(view.period.last);
            details open[narrowed] {
                summary { "Filters" }
                div.fields {
                    (choice(view, "outcome", "Answer", AdmissionOutcome::ALL.map(|one| (one.as_str(), capital(one.as_str()))).as_slice()))
                    (choice(view, "operation", "Operation", ["CREATE", "UPDATE", "DELETE", "CONNECT"].map(|one| (one, capital(&one.to_lowercase()))).as_slice()))
                    (choice(view, "done", "By the server", &[("true", "Done".to_owned()), ("false", "Not done, or not known".to_owned())]))
                    @for (name, label, example) in TEXTS {
                        div.field { label for=(name) { (label) } input id=(name) name=(name) value=(value(name)) placeholder=(example); }
                    }
                }
                button.primary type="submit" { "Show" }
            }
        }
    }
}

/// A field with a few values.
pub(super) fn choice(view: &View, name: &str, label: &str, words: &[(&str, String)]) -> Markup {
    let chosen = view.params.text(name);
    html! {
        div.field {
            label for=(name) { (label) }
            select id=(name) name=(name) {
                option value="" { "Any" }
                @for (word, shown) in words { option value=(word) selected[chosen == Some(word)] { (shown) } }
            }
        }
    }
}

fn list(view: &View, page: &AdmissionPage, known: u64) -> Markup {
    if page.rows.is_empty() {
        return none(view);
    }
    let kept = filters(view);
    let next = page.next.map(|next| {
        let next = next.to_string();
        view.href("/admissions", &[&kept[..], &[("before", next.as_str())]].concat())
    });
    let newest = view.params.text("before").map(|_| view.href("/admissions", &kept));
    // Only the newest page, up to today, goes on.
    let after = known.saturating_sub(1).to_string();
    let goes_on = newest.is_none() && view.period.last >= crate::params::today();
    let live = goes_on.then(|| view.href("/admissions/live", &[&kept[..], &[("after", after.as_str())]].concat()));
    html! {
        @if goes_on {
            p.muted.small.live role="status" data-live-state="" {
                a href=(view.href("/admissions", &kept)) { "Load this page again" } " for what is new."
            }
        }
        (table("Requests", &html! {
            table data-live=[live] {
                caption { "Requests, newest first" }
                thead {
                    tr {
                        th scope="col" { "Object" } th.wide scope="col" { "Answer" } th scope="col" { "Who" }
                        th scope="col" { "Where" } th scope="col" { "API server" } th scope="col" { "Time (UTC)" }
                    }
                }
                tbody { @for row in &page.rows { (line(view, row)) } }
            }
        }))
        (pager(&format!("{} on this page", page.rows.len()), newest.as_deref(), next.as_deref()))
    }
}

fn none(view: &View) -> Markup {
    if view.app.follower.indexed() == 0 {
        return nothing_yet();
    }
    if !filters(view).is_empty() {
        let all = view.href("/admissions", &[]);
        return empty(
            "No request fits",
            &html! { p { "Take a filter away, or choose a longer period." } a.button href=(all) { "All requests of the period" } },
        );
    }
    empty(
        "No request in this period",
        &html! { p { "A gate in front of a cluster's API server sends what it answers:" } code { "probity serve --gate admission" } },
    )
}

/// A request as a row.
pub(super) fn line(view: &View, row: &AdmissionRow) -> Markup {
    let admission = &row.admission;
    html! {
        tr {
            th scope="row" {
                span.subject {
                    a href=(view.href(&format!("/decisions/{}", row.decision.index), &[])) { (breakable(&admission.name)) }
                    span.muted.small { (admission.operation.to_lowercase()) " " (what(admission)) }
                }
            }
            td { (answer(row)) " " (row.why()) (images(&admission.images)) }
            td { (breakable(&admission.user)) }
            td { (place(&admission.cluster, &admission.namespace)) @if let Some(environment) = &row.decision.environment { div.muted.small { (environment) } } }
            td { (server(row.confirmation.as_ref())) }
            td { (short_moment(row.decision.time, row.decision.index)) }
        }
    }
}

/// The same as data, of which the script makes a row.
pub(super) fn live_row(view: &View, row: &AdmissionRow) -> serde_json::Value {
    let (admission, time) = (&row.admission, row.decision.time);
    let (answer_class, answer) = answered(row.outcome);
    let (server_class, server, by) = by_server(row.confirmation.as_ref());
    let place = [&*admission.cluster, &*admission.namespace].join("/");
    let image = |image: &AdmittedImage| match short_digest(image) {
        Some(digest) => format!("{}@{digest}", image.reference),
        None => image.reference.clone(),
    };
    serde_json::json!({
        "href": view.href(&format!("/decisions/{}", row.decision.index), &[]),
        "name": admission.name, "what": format!("{} {}", admission.operation.to_lowercase(), what(admission)),
        "answer": [answer_class, answer], "why": row.why(), "user": admission.user,
        "images": admission.images.iter().take(IMAGES).map(image).collect::<Vec<_>>(),
        "place": place.trim_end_matches('/'), "environment": row.decision.environment,
        "server": [server_class, server], "by": by, "time": time.to_string(),
        "day": time.strftime("%Y-%m-%d").to_string(), "clock": time.strftime("%H:%M:%S").to_string(),
        "entry": format!("entry {}", number(row.decision.index)),
    })
}

fn what(admission: &AdmissionRecord) -> String {
    match &admission.subresource {
        Some(subresource) => format!("{} ({subresource})", admission.kind),
        None => admission.kind.to_string(),
    }
}

/// The class and the word of an answer.
fn answered(outcome: AdmissionOutcome) -> (&'static str, &'static str) {
    match outcome {
        AdmissionOutcome::Allowed => ("chip chip-pass", "Allowed"),
        AdmissionOutcome::Rejected => ("chip chip-fail", "Rejected"),
        AdmissionOutcome::Exempt => ("chip chip-warn", "Exempt"),
        AdmissionOutcome::FailOpen => ("chip chip-warn", "Not judged"),
    }
}

fn answer(row: &AdmissionRow) -> Markup {
    let (class, word) = answered(row.outcome);
    html! { span class=(class) { (word) } }
}

/// A cluster and a namespace.
pub(super) fn place(cluster: &str, namespace: &str) -> Markup {
    html! { (cluster) @if !namespace.is_empty() { "/" wbr; (namespace) } }
}

/// The beginning of a digest that the reference does not have itself.
fn short_digest(image: &AdmittedImage) -> Option<String> {
    let digest = image.digest.as_ref().filter(|digest| !image.reference.contains(digest.as_str()))?;
    Some(format!("{}…", digest.chars().take(19).collect::<String>()))
}

/// The first of the images.
pub(super) fn images(images: &[AdmittedImage]) -> Markup {
    html! {
        @for image in images.iter().take(IMAGES) {
            div.muted.small {
                (breakable(&image.reference))
                @if let Some(digest) = short_digest(image) { "@" wbr; (digest) }
            }
        }
        @if images.len() > IMAGES { div.muted.small { (number((images.len() - IMAGES) as u64)) " more" } }
    }
}

/// The class and the word of what the API server did, and who kept it from doing it.
fn by_server(row: Option<&ConfirmationRow>) -> (&'static str, &'static str, Option<&str>) {
    match row {
        Some(row) if row.confirmation.done() => ("chip plain chip-pass", "Done", None),
        Some(row) => {
            let by = row.confirmation.denied_by.as_deref().unwrap_or("the API server");
            ("chip plain chip-fail", "Not done", Some(by))
        }
        None => ("chip plain chip-none", "Not known", None),
    }
}

fn server(row: Option<&ConfirmationRow>) -> Markup {
    let (class, word, by) = by_server(row);
    html! { span class=(class) { (word) } @if let Some(by) = by { div.muted.small { (breakable(by)) } } }
}

/// The request that a decision is about, and what the server did.
pub(super) fn card(view: &View, admission: &AdmissionRecord, confirmation: Option<&ConfirmationRow>) -> Markup {
    let milliseconds = format!("{}.{:03} ms", admission.duration_us / 1_000, admission.duration_us % 1_000);
    let resource = &admission.resource;
    let groups = admission.groups.join(", ");
    let facts = [
        ("Decision", Some(&admission.decision_id)),
        ("Review", Some(&admission.request_uid)),
        ("Groups", Some(&groups).filter(|groups| !groups.is_empty())),
        ("Webhook", Some(&admission.webhook).filter(|webhook| !webhook.is_empty())),
        ("Object's uid", admission.object_uid.as_ref()),
        ("Not held to policies", admission.exempt.as_ref()),
        ("Passed without being judged", admission.fail_open.as_ref()),
        ("Refused", admission.refused.as_ref()),
    ];
    html! {
        section.card aria-labelledby="admission" {
            header { h2 #admission { "Request to the cluster" } a.small href=(view.href("/admissions", &[("user", &admission.user)])) { "All of this user" } }
            dl.facts {
                dt { "Who" } dd { (admission.user) }
                dt { "Where" } dd { (place(&admission.cluster, &admission.namespace)) }
                dt { "What" } dd { (admission.operation) " " (what(admission)) " " (admission.name) " " span.muted { "(" (resource.resource) " of " @if resource.group.is_empty() { "the core group" } @else { (resource.group) } ", " (resource.version) ")" } }
                @for (label, value) in facts { @if let Some(value) = value { dt { (label) } dd { (value) } } }
                @for image in admission.images.iter().take(100) {
                    dt { "Image of " (image.container) }
                    dd { (image.reference) @if let Some(digest) = &image.digest { br; a.mono href=(view.href("/images", &[("image", digest)])) { (digest) } } @else { br; span.muted { "not resolved to a digest" } } }
                }
                @if !admission.mutated_by.is_empty() { dt { "Changed by" } dd { @for policy in &admission.mutated_by { (policy) " " } } }
                dt { "Answered" } dd { "in " (milliseconds) " by " (admission.replica) }
                dt { "API server" }
                dd { @match confirmation {
                    None => { "Its audit log has not told what it did." }
                    Some(row) => {
                        (parts::capital(&done(&row.confirmation))) ", " (moment(row.time)) " UTC "
                        span.muted { "(audit " (row.confirmation.audit_id) ", entry " (number(row.index)) ")" }
                        @if let Some(message) = &row.confirmation.message { br; (message) }
                    }
                } }
            }
        }
    }
}
