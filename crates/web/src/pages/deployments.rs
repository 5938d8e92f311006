//! `/deployments`: who put what into which cluster.

use axum::response::Html;
use maud::{Markup, html};
use probity_evidence_index::{Deployment, DeploymentKnown, DeploymentPage};

use super::admissions::{choice, images, place};
use super::parts::{breakable, empty, pager, short_moment, table};
use super::posture::nothing_yet;
use super::view::{Section, View};
use crate::problem::Problem;

/// Deployments on one page.
const ROWS: usize = 50;

/// The environment that is asked about when none is chosen.
const USUAL: &str = "production";

/// What narrows the list, as text.
const TEXTS: [(&str, &str, &str); 5] = [
    ("environment", "Environment", USUAL),
    ("user", "Who", "*@company.com"),
    ("namespace", "Namespace", "clinic"),
    ("cluster", "Cluster", "prod-*"),
    ("image", "Image", "*/portal:* or sha256:…"),
];

/// `GET /deployments`.
pub(crate) async fn page(view: View) -> Result<Html<String>, Problem> {
    let page = view.params.page(ROWS)?;
    let mut filter = view.params.deployments()?;
    (filter.from, filter.to) = (Some(view.period.start()), Some(view.period.end()));
    if filter.environment.is_none() {
        filter.environment = Some(USUAL.to_owned());
    } else if filter.environment.as_deref() == Some("*") {
        filter.environment = None;
    }
    let named = filter.environment.clone();
    let app = std::sync::Arc::clone(&view.app);
    let found = app.ask(move |_, queries| Ok(queries.deployments(&filter, page)?)).await?;
    let lead = html! { p.lead { "Who deployed what: what gates let into clusters and servers then did, and what servers did without a gate." } };
    let body = html! { (form(&view, named.as_deref())) (list(&view, &found, named.as_deref())) };
    let title = named.map_or_else(|| "Deployments".to_owned(), |environment| format!("Deployments to {environment}"));
    Ok(view.page(Section::Deployments, &title, &[], &lead, &body))
}

fn form(view: &View, environment: Option<&str>) -> Markup {
    let value = |name: &str| match name {
        "environment" => environment.unwrap_or("*").to_owned(),
        name => view.params.text(name).unwrap_or_default().to_owned(),
    };
    let narrowed = view.params.others(&["from", "to", "before", "limit"]).next().is_some();
    html! {
        form.card method="get" action="/deployments" role="search" aria-label="Deployments" {
            input type="hidden" name="from" value=(view.period.first);
            input type="hidden" name="to" value=(view.period.last);
            details open[narrowed] {
                summary { "Filters" }
                div.fields {
                    @for (name, label, example) in TEXTS {
                        div.field { label for=(name) { (label) } input id=(name) name=(name) value=(value(name)) placeholder=(example); }
                    }
                    (choice(view, "controllers", "By Kubernetes' own controllers", &[("true", "Too".to_owned())]))
                }
                button.primary type="submit" { "Show" }
            }
        }
    }
}

fn list(view: &View, page: &DeploymentPage, environment: Option<&str>) -> Markup {
    if page.rows.is_empty() {
        return none(view, environment);
    }
    let kept: Vec<(&str, &str)> = view.params.others(&["from", "to", "before"]).collect();
    let next = page
        .next
        .map(|next| view.href("/deployments", &[&kept[..], &[("before", next.to_string().as_str())]].concat()));
    let newest = view.params.text("before").map(|_| view.href("/deployments", &kept));
    html! {
        (table("Deployments", &html! {
            table {
                caption { "Deployments, newest first" }
                thead {
                    tr {
                        th scope="col" { "What" } th.wide scope="col" { "Images" } th scope="col" { "Who" }
                        th scope="col" { "Where" } th scope="col" { "Known as" } th scope="col" { "Time (UTC)" }
                    }
                }
                tbody { @for row in &page.rows { (line(view, row)) } }
            }
        }))
        (pager(&format!("{} on this page", page.rows.len()), newest.as_deref(), next.as_deref()))
    }
}

fn none(view: &View, environment: Option<&str>) -> Markup {
    if view.app.follower.indexed() == 0 {
        return nothing_yet();
    }
    let title = environment.map_or_else(
        || "No deployment in this period".to_owned(),
        |name| format!("No deployment to {name} in this period"),
    );
    let all = view.href("/deployments", &[("environment", "*")]);
    empty(
        &title,
        &html! { p { "Choose a longer period, or look at all environments." } a.button href=(all) { "All environments" } },
    )
}

fn line(view: &View, row: &Deployment) -> Markup {
    let by_gate = matches!(row.known, DeploymentKnown::Confirmed | DeploymentKnown::Unconfirmed);
    html! {
        tr {
            th scope="row" {
                span.subject {
                    @if by_gate { a href=(view.href(&format!("/decisions/{}", row.index), &[])) { (breakable(&row.name)) } }
                    @else { (breakable(&row.name)) }
                    span.muted.small { (row.operation.to_lowercase()) " " (row.kind) }
                }
            }
            td { @if row.images.is_empty() { span.muted { "Not known" } } @else { (images(&row.images)) } }
            td { (breakable(&row.user)) @if let Some(other) = &row.impersonated { div.muted.small { "as " (other) } } }
            td { (place(&row.cluster, &row.namespace)) @if let Some(environment) = &row.environment { div.muted.small { (environment) } } }
            td { (known(row.known)) }
            td { (short_moment(row.time, row.index)) }
        }
    }
}

fn known(known: DeploymentKnown) -> Markup {
    match known {
        DeploymentKnown::Confirmed => html! { span.chip.plain.chip-pass { "Confirmed" } },
        DeploymentKnown::Unconfirmed => html! { span.chip.plain.chip-none { "Unconfirmed" } },
        DeploymentKnown::DecisionMissing => html! { span.chip.plain.chip-warn { "Decision missing" } },
        DeploymentKnown::OutsideOfGates => html! { span.chip.plain.chip-fail { "Outside of gates" } },
    }
}
