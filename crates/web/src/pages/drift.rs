//! `/drift`: what changed without a gate having been asked.

use axum::response::Html;
use maud::{Markup, html};
use probity_evidence_index::{DriftPage, DriftRow};
use probity_evidence_ledger::{DriftKind, DriftState};

use super::admissions::choice;
use super::parts::{action, breakable, capital, empty, pager, prose, severity, short_moment, table};
use super::posture::nothing_yet;
use super::view::{Section, View};
use crate::problem::Problem;

/// Changes on one page.
const ROWS: usize = 50;

/// `GET /drift`.
pub(crate) async fn page(view: View) -> Result<Html<String>, Problem> {
    let page = view.params.page(ROWS)?;
    let mut filter = view.params.drift()?;
    (filter.from, filter.to) = (Some(view.period.start()), Some(view.period.end()));
    let app = std::sync::Arc::clone(&view.app);
    let found = app.ask(move |_, queries| Ok(queries.drift(&filter, page)?)).await?;
    let lead = html! { p.lead { "What is not as it was let in: changed behind the gates' back, or judged otherwise since the world changed." } };
    let body = html! { (form(&view)) (list(&view, &found)) };
    Ok(view.page(Section::Drift, "Drift", &[], &lead, &body))
}

/// A kind of change in words.
fn words(what: DriftKind) -> &'static str {
    match what {
        DriftKind::ChangedOutOfBand => "Changed out of band",
        DriftKind::PolicyChanged => "Policy changed",
        DriftKind::SurroundingsChanged => "Surroundings changed",
        DriftKind::WaiverExpired => "Waiver expired",
        DriftKind::Advisory => "New advisory",
        DriftKind::BaseOutdated => "Base image outdated",
        DriftKind::RightsWidened => "Rights widened",
        DriftKind::UnusedRights => "Rights unused",
        DriftKind::WebhookChanged => "Webhooks changed",
    }
}

fn form(view: &View) -> Markup {
    let value = |name: &str| view.params.text(name).unwrap_or_default();
    let narrowed = view.params.others(&["from", "to", "before", "limit"]).next().is_some();
    let severities: Vec<(&str, String)> =
        probity_model::Severity::ALL.iter().map(|one| (one.as_str(), capital(one.as_str()))).collect();
    let texts = [("address", "Subject", "Deployment/clinic/*"), ("cluster", "Cluster", "prod-*")];
    html! {
        form.card method="get" action="/drift" role="search" aria-label="Drift" {
            input type="hidden" name="from" value=(view.period.first);
            input type="hidden" name="to" value=(view.period.last);
            details open[narrowed] {
                summary { "Filters" }
                div.fields {
                    (choice(view, "what", "Change", DriftKind::ALL.map(|one| (one.as_str(), words(one).to_owned())).as_slice()))
                    (choice(view, "severity", "Severity at least", &severities))
                    @for (name, label, example) in texts {
                        div.field { label for=(name) { (label) } input id=(name) name=(name) value=(value(name)) placeholder=(example); }
                    }
                    div.field { label for="environment" { "Environment" } input #environment name="environment" value=(value("environment")) placeholder="production"; }
                }
                button.primary type="submit" { "Show" }
            }
        }
    }
}

fn list(view: &View, page: &DriftPage) -> Markup {
    if page.rows.is_empty() {
        if view.app.follower.indexed() == 0 {
            return nothing_yet();
        }
        return empty(
            "Nothing drifted in this period",
            &html! { p { "Nothing is known to have changed without a gate having been asked. Take a filter away, or choose a longer period." } },
        );
    }
    let kept: Vec<(&str, &str)> = view.params.others(&["from", "to", "before"]).collect();
    let next =
        page.next.map(|next| view.href("/drift", &[&kept[..], &[("before", next.to_string().as_str())]].concat()));
    let newest = view.params.text("before").map(|_| view.href("/drift", &kept));
    html! {
        (table("Drift", &html! {
            table {
                caption { "Changes, newest first" }
                thead {
                    tr {
                        th scope="col" { "Subject" } th scope="col" { "Change" } th.wide scope="col" { "What is different" }
                        th scope="col" { "Who" } th scope="col" { "Seen (UTC)" }
                    }
                }
                tbody { @for row in &page.rows { (line(view, row)) } }
            }
        }))
        (pager(&format!("{} on this page", page.rows.len()), newest.as_deref(), next.as_deref()))
    }
}

fn line(view: &View, row: &DriftRow) -> Markup {
    let drift = &row.drift;
    let environment = drift.subject.labels.environment.as_ref();
    html! {
        tr {
            th scope="row" {
                span.subject {
                    a href=(view.href("/decisions", &[("address", &drift.subject.address)])) { (breakable(&drift.subject.address)) }
                    span.muted.small { (drift.cluster) @if let Some(environment) = environment { " " (environment) } }
                }
            }
            td { div.tags { (severity(drift.severity)) span { (words(drift.what)) } } }
            td {
                (prose(&drift.message))
                @if drift.before.is_some() || drift.after.is_some() {
                    div.muted.small { (state(drift.before.as_ref())) " → " (state(drift.after.as_ref())) }
                }
            }
            td { @match &drift.who { Some(who) => { (breakable(who)) } None => { span.muted { "Not known" } } } }
            td { (short_moment(row.time, row.index)) }
        }
    }
}

fn state(state: Option<&DriftState>) -> Markup {
    html! {
        @match state {
            None => { "not known" }
            Some(state) => {
                @if let Some(verdict) = state.verdict { (action(verdict)) " " }
                @if let Some(digest) = &state.digest { span.mono { (digest.chars().take(19).collect::<String>()) } }
            }
        }
    }
}
