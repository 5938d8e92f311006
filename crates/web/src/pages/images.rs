//! `/images`: images that were looked into; `/images/{index}`: what went into one of them.

use axum::extract::Path;
use axum::response::Html;
use maud::{Markup, html};
use probity_evidence_index::{
    BuildFilter, BuildRow, DecisionRow, Filter, ImageFilter, ImagePage, ImageRow, Page, Queries,
};
use probity_evidence_ledger::{Body, Entry, ImageRecord, SignerRecord, VulnerabilitiesRecord};

use super::builds;
use super::decision::entry_index;
use super::parts::{action, empty, gate, moment, number, pager, short_moment, table};
use super::posture::nothing_yet;
use super::proof::Proven;
use super::view::{Section, View};
use crate::problem::{Kind, Problem};

/// Images on one page.
const ROWS: usize = 50;
/// Builds and decisions of one image that are shown.
const SHOWN: usize = 50;

/// `GET /images`.
pub(crate) async fn page(view: View) -> Result<Html<String>, Problem> {
    let page = view.params.page(ROWS)?;
    let filter = ImageFilter { from: Some(view.period.start()), to: Some(view.period.end()), ..view.params.images()? };
    let app = std::sync::Arc::clone(&view.app);
    let images = app.ask(move |_, queries| Ok(queries.images(&filter, page)?)).await?;
    let lead = html! { p.lead { "Container images that were looked into: who signed them, what is in them, and what was decided." } };
    let body = if images.rows.is_empty() { none(&view) } else { list(&view, &images) };
    Ok(view.page(Section::Images, "Images", &[], &lead, &body))
}

fn none(view: &View) -> Markup {
    if view.app.follower.indexed() == 0 {
        return nothing_yet();
    }
    empty(
        "No image in this period",
        &html! { p { "Choose a longer period, or look into an image." } code { "probity image scan --record IMAGE" } },
    )
}

fn list(view: &View, images: &ImagePage) -> Markup {
    let kept: Vec<(&str, &str)> = view.params.others(&["from", "to", "before"]).collect();
    let next =
        images.next.map(|next| view.href("/images", &[&kept[..], &[("before", next.to_string().as_str())]].concat()));
    let newest = view.params.text("before").map(|_| view.href("/images", &kept));
    let chosen = view.params.text("action");
    let current = |action: Option<&str>| (action == chosen).then_some("true");
    html! {
        div.pills role="group" aria-label="Which images" {
            a.pill href=(view.href("/images", &[])) aria-current=[current(None)] { "All images" }
            a.pill href=(view.href("/images", &[("action", "deny")])) aria-current=[current(Some("deny"))] { "Denied" }
        }
        (table("Images", &html! {
            table {
                caption { "Images, newest first" }
                thead {
                    tr {
                        th.wide scope="col" { "Image" } th scope="col" { "Decided" } th scope="col" { "Signed" }
                        th scope="col" { "Open vulnerabilities" } th scope="col" { "Base" } th scope="col" { "Gate" } th scope="col" { "Looked into (UTC)" }
                    }
                }
                tbody { @for row in &images.rows { (line(view, row)) } }
            }
        }))
        (pager(&format!("{} on this page", images.rows.len()), newest.as_deref(), next.as_deref()))
    }
}

fn line(view: &View, row: &ImageRow) -> Markup {
    let image = &row.image;
    html! {
        tr {
            th scope="row" {
                span.subject {
                    a href=(view.href(&format!("/images/{}", row.index), &[])) { (name(image)) }
                    span.muted.small.mono { (image.content().chars().take(19).collect::<String>()) }
                }
            }
            td { (action(image.action)) }
            td { (signed(image)) }
            td { (open(image.vulnerabilities.as_ref())) }
            td { @match &image.base { Some(base) => { (base.name) } None => { span.muted { "–" } } } }
            td { (gate(view, row.gate.as_ref())) }
            td { (short_moment(row.time, row.index)) }
        }
    }
}

fn name(image: &ImageRecord) -> &str {
    if image.reference.is_empty() { image.content() } else { &image.reference }
}

fn signed(image: &ImageRecord) -> Markup {
    match &image.signatures {
        None => html! { span.chip.chip-none { "Not looked for" } },
        Some(all) => {
            if let Some(signature) = all.iter().find(|signature| signature.signer.approved) {
                let signer = &signature.signer;
                html! { span.chip.chip-pass { "By " (signer.name.as_ref().unwrap_or(&signer.identity)) } }
            } else {
                html! { span.chip.chip-fail { "By no approved builder" } }
            }
        }
    }
}

fn open(found: Option<&VulnerabilitiesRecord>) -> Markup {
    let Some(found) = found else { return html! { span.chip.chip-none { "Not looked for" } } };
    html! {
        div.tags {
            @for (severity, count) in found.open.by_severity() {
                @if count > 0 {
                    @let class = match severity { "critical" | "high" => "chip plain chip-fail", "medium" => "chip plain chip-warn", _ => "chip plain chip-none" };
                    span class=(class) { (number(count)) " " (severity) }
                }
            }
            @if found.open.total() == 0 { span.muted { "None" } }
            @if !found.complete { span.chip.plain.chip-warn { "not all assessed" } }
        }
    }
}

/// What is known of an image beside its record.
struct Around {
    builds: Vec<BuildRow>,
    decisions: Vec<DecisionRow>,
}

impl Around {
    fn read(queries: &Queries, image: &ImageRecord) -> Result<Self, Problem> {
        let digest = image.content().to_owned();
        let builds = BuildFilter { digest: Some(digest.clone()), ..BuildFilter::default() };
        let decisions = Filter { address: Some(format!("*{digest}*")), ..Filter::default() };
        Ok(Self {
            builds: queries.builds(&builds, Page::first(SHOWN))?.rows,
            decisions: queries.decisions(&decisions, Page::first(SHOWN))?.rows,
        })
    }
}

/// `GET /images/{index}`.
pub(crate) async fn one(mut view: View, Path(index): Path<String>) -> Result<Html<String>, Problem> {
    view.of_one_time = true;
    let index = entry_index(&index)?;
    let app = std::sync::Arc::clone(&view.app);
    let not_one = move || Problem::new(Kind::NotFound, format!("Entry {index} is not an image."));
    let (proven, around) = app
        .ask(move |app, queries| {
            let proven = Proven::read(app, index)?;
            let Body::Image(image) = &proven.entry.entry.submission.body else { return Err(not_one()) };
            let around = Around::read(queries, image)?;
            Ok((proven, around))
        })
        .await?;
    let entry = &proven.entry.entry;
    let Body::Image(image) = &entry.submission.body else { return Err(not_one()) };
    let lead = html! { p.lead { "Looked into " (moment(entry.submission.time)) " UTC by " (image.scanner) " · " (action(image.action)) } };
    let body = html! {
        div.two {
            div.stack { (about(&view, entry, image)) (trust(image)) (vulnerabilities(image.vulnerabilities.as_ref())) }
            (proven.panel())
        }
        @if !around.builds.is_empty() { (builds::rows(&view, &around.builds)) }
        (decisions(&view, &around.decisions))
        (proven.canonical())
    };
    let crumbs = [("Images", view.href("/images", &[]))];
    Ok(view.page(Section::Images, name(image), &crumbs, &lead, &body))
}

fn about(view: &View, entry: &Entry, image: &ImageRecord) -> Markup {
    let facts = [
        ("Platform", image.platform.clone()),
        ("Created", image.created.clone()),
        ("System", image.os.clone()),
        ("User", image.user.clone().map(|user| if user.is_empty() { "none, which is root".to_owned() } else { user })),
        ("Packages", image.packages.map(number)),
        (
            "Dependencies",
            image.dependencies.map(|counts| {
                format!(
                    "{}: {} approved, {} not approved",
                    number(counts.total),
                    number(counts.approved),
                    number(counts.unapproved)
                )
            }),
        ),
        ("Secrets", image.secrets.map(number)),
        ("Repository", image.origin.repository.clone()),
        ("Run", image.origin.run.clone()),
    ];
    html! {
        section.card aria-labelledby="image" {
            header { h2 #image { "The image" } }
            dl.facts {
                dt { "Digest" } dd { a.mono href=(view.href("/images", &[("image", image.content())])) { (image.content()) } }
                dt { "Base" }
                dd {
                    @match &image.base {
                        None => { "None that is approved" }
                        Some(base) => {
                            (base.name) @if let Some(date) = base.date { " of " (date) } @if base.approved { ", approved" } @else { ", not approved" }
                            @if let Some(newer) = &base.newer { br; span.muted { "A newer one" @if let Some(date) = newer.date { " of " (date) } " exists" } }
                        }
                    }
                }
                @for (label, value) in facts { @if let Some(value) = value { dt { (label) } dd { (value) } } }
                @if let Some(gate) = &entry.submission.gate { dt { "Gate" } dd { (gate.name) } }
            }
        }
    }
}

fn signer(signer: &SignerRecord) -> Markup {
    html! {
        @if let Some(name) = &signer.name { strong { (name) } br; }
        span.mono.small { (signer.identity) }
        @if let Some(issuer) = &signer.issuer { br; span.muted.small { "of " (issuer) } }
        @if !signer.approved { br; span.muted.small { "not approved" } }
    }
}

fn trust(image: &ImageRecord) -> Markup {
    html! {
        section.card aria-labelledby="trust" {
            header { h2 #trust { "Where it comes from" } (signed(image)) }
            dl.facts {
                @for signature in image.signatures.iter().flatten() {
                    dt { "Signed by" }
                    dd { (signer(&signature.signer)) @if let Some(at) = signature.signed_at { br; span.muted.small { (moment(at)) " UTC" } } }
                }
                @for attestation in image.attestations.iter().flatten() {
                    dt { "Attested" } dd { span.mono.small { (attestation.predicate_type) } br; (signer(&attestation.signer)) }
                }
                @for refused in &image.refused { dt { "Refused" } dd { (refused.kind) " " (refused.reason) } }
                @match &image.provenance {
                    None => { dt { "Provenance" } dd { "None that an approved signer vouches for" } }
                    Some(of) => {
                        @for (label, value) in [("Source", &of.repository), ("Commit", &of.commit), ("Builder", &of.builder), ("Built as", &of.identity)] {
                            @if let Some(value) = value { dt { (label) } dd { (value) } }
                        }
                        @if let Some(finished) = of.finished { dt { "Built" } dd { (moment(finished)) " UTC" } }
                    }
                }
                dt { "Bill of materials" }
                dd {
                    @match image.sbom.as_ref().filter(|sbom| !sbom.format.is_empty()) {
                        None => { "None that can be read comes with it" }
                        Some(sbom) => {
                            (sbom.format) @if let Some(version) = &sbom.version { " " (version) } ", " (number(sbom.components)) " components"
                            @if sbom.valid { ", valid" } @else { ", not valid" }
                            @if sbom.signed { ", signed by an approved signer" } @else { ", not signed by an approved signer" }
                        }
                    }
                }
                @if let Some(report) = &image.report { dt { "Signed report" } dd.mono { (report.digest) } }
            }
        }
    }
}

fn vulnerabilities(found: Option<&VulnerabilitiesRecord>) -> Markup {
    let Some(found) = found else { return html! {} };
    html! {
        section.card aria-labelledby="vulnerabilities" {
            header { h2 #vulnerabilities { "Vulnerabilities" } (open(Some(found))) }
            dl.facts {
                @if let Some(database) = &found.database { dt { "Database" } dd { (database.date) br; span.mono.small { (database.digest) } } }
                @for gap in &found.not_assessed { dt { "Not assessed" } dd { (number(gap.packages)) " packages of " (gap.ecosystem) ": " (gap.reason) } }
                @if found.vex > 0 { dt { "Said not to affect it" } dd { (number(found.vex)) } }
                @if let Some(list) = &found.list { dt { "Full list" } dd { code { (list.hex()) } } }
            }
        }
        @if !found.accepted.is_empty() {
            (table("Accepted risks", &html! {
                table {
                    caption { "Accepted risks " span.muted { (number(found.accepted.len() as u64)) } }
                    thead { tr { th scope="col" { "Vulnerability" } th scope="col" { "Package" } th scope="col" { "Reason" } th scope="col" { "Asked for by" } th scope="col" { "Approved by" } th scope="col" { "Until" } } }
                    tbody {
                        @for risk in &found.accepted {
                            tr { th.mono scope="row" { (risk.id) " " span.muted { (risk.severity) } } td.mono { (risk.package) } td { (risk.reason) } td { (risk.requested_by) } td { (risk.approved_by) } td.nowrap { (risk.expires) } }
                        }
                    }
                }
            }))
        }
    }
}

fn decisions(view: &View, decisions: &[DecisionRow]) -> Markup {
    if decisions.is_empty() {
        return html! {};
    }
    table(
        "Decisions about it",
        &html! {
            table {
                caption { "Decisions about it, newest first" }
                thead { tr { th.wide scope="col" { "Subject" } th scope="col" { "Decided" } th scope="col" { "Gate" } th scope="col" { "When (UTC)" } } }
                tbody {
                    @for row in decisions {
                        tr {
                            th scope="row" { a href=(view.href(&format!("/decisions/{}", row.index), &[])) { (row.address) } }
                            td { (action(row.action)) }
                            td { (gate(view, row.gate.as_ref())) }
                            td { (short_moment(row.time, row.index)) }
                        }
                    }
                }
            }
        },
    )
}
