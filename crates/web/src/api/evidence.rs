//! Reading evidence.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use probity_controls::{Requirement, Resolution};
use probity_evidence_index::{
    BuildFilter, BuildPage, ControlPosture, DayOutcomes, DecisionPage, GateFilter, GatePage, ImageFilter, ImagePage,
    Of, Overview, Page, Period, PolicyChange, PolicyDetail, PolicyRow, ScanPage, WaiverRow,
};
use probity_evidence_ledger::{Body, Digest, Entry, LedgerEntry};
use serde::Serialize;

use super::{PAGE, SCOPE};
use crate::app::{App, run};
use crate::params::{FILTERS, Params, bad};
use crate::problem::{Kind, Problem};

pub(crate) type Answered<T> = Result<Json<T>, Problem>;

/// Rows of a list when no number is asked for.
pub(crate) const ROWS: usize = 100;

/// `GET /api/v1/decisions`.
pub(crate) async fn decisions(State(app): State<Arc<App>>, params: Params) -> Answered<DecisionPage> {
    params.only(&[FILTERS, PAGE])?;
    let (filter, page) = (params.filter()?, params.page(ROWS)?);
    app.ask(move |_, queries| Ok(queries.decisions(&filter, page)?)).await.map(Json)
}

/// An entry with the proof that it is in the ledger.
#[derive(Serialize)]
pub(crate) struct ProvenEntry {
    index: u64,
    leaf: Digest,
    entry: Entry,
    canonical: String,
    proof: String,
    verified: bool,
}

fn proven(app: &App, index: u64) -> Result<ProvenEntry, Problem> {
    let LedgerEntry { index, leaf, bytes, entry } = app.reader.entry(index)?;
    let proof = app.reader.proof(index)?;
    let verified = proof.verify(&leaf, &app.ledger.verifier()).is_ok();
    let canonical = String::from_utf8_lossy(&bytes).into_owned();
    Ok(ProvenEntry { index, leaf, entry, canonical, proof: proof.to_text(), verified })
}

fn index(text: &str) -> Result<u64, Problem> {
    text.parse().map_err(|_| bad("index", "write the number of an entry, from 0"))
}

/// `GET /api/v1/decisions/{index}`.
pub(crate) async fn decision(
    State(app): State<Arc<App>>,
    Path(text): Path<String>,
    params: Params,
) -> Answered<ProvenEntry> {
    params.only(&[])?;
    let index = index(&text)?;
    let entry = run(move || proven(&app, index)).await?;
    match entry.entry.submission.body {
        Body::Decision(_) => Ok(Json(entry)),
        ref body => Err(Problem::new(Kind::NotFound, format!("Entry {index} is a {}, not a decision.", body.kind()))),
    }
}

/// `GET /api/v1/entries/{index}`.
pub(crate) async fn entry(
    State(app): State<Arc<App>>,
    Path(text): Path<String>,
    params: Params,
) -> Answered<ProvenEntry> {
    params.only(&[])?;
    let index = index(&text)?;
    run(move || proven(&app, index)).await.map(Json)
}

/// `GET /api/v1/entries/{index}/proof`.
pub(crate) async fn proof(
    State(app): State<Arc<App>>,
    Path(text): Path<String>,
    params: Params,
) -> Result<String, Problem> {
    params.only(&[])?;
    let index = index(&text)?;
    run(move || Ok(app.reader.proof(index)?.to_text())).await
}

/// `GET /api/v1/entries/{index}/canonical`.
pub(crate) async fn canonical(
    State(app): State<Arc<App>>,
    Path(text): Path<String>,
    params: Params,
) -> Result<Response, Problem> {
    params.only(&[])?;
    let index = index(&text)?;
    let entry = run(move || Ok(app.reader.entry(index)?)).await?;
    Ok(([(CONTENT_TYPE, "application/json")], entry.bytes).into_response())
}

/// An entry in a list.
#[derive(Serialize)]
pub(crate) struct ListedEntry {
    index: u64,
    leaf: Digest,
    entry: Entry,
}

/// Entries in their order.
#[derive(Serialize)]
pub(crate) struct EntryList {
    entries: Vec<ListedEntry>,
    size: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<u64>,
}

/// `GET /api/v1/entries`.
pub(crate) async fn entries(State(app): State<Arc<App>>, params: Params) -> Answered<EntryList> {
    params.only(&[&["start", "limit"]])?;
    let start: u64 = params.parse("start")?.unwrap_or(0);
    let limit = params.page(ROWS)?.limit as u64;
    run(move || {
        let size = app.reader.published()?;
        let end = start.saturating_add(limit).min(size);
        let listed = |entry: LedgerEntry| ListedEntry { index: entry.index, leaf: entry.leaf, entry: entry.entry };
        let entries = app.reader.entries(start.min(end)..end).map(|entry| Ok(entry.map(listed)?));
        Ok(EntryList { entries: entries.collect::<Result<_, Problem>>()?, size, next: (end < size).then_some(end) })
    })
    .await
    .map(Json)
}

/// `GET /api/v1/posture`.
pub(crate) async fn posture(State(app): State<Arc<App>>, params: Params) -> Answered<Overview> {
    params.only(&[SCOPE])?;
    let scope = params.scope()?;
    app.ask(move |_, queries| Ok(queries.overview(&scope)?)).await.map(Json)
}

/// A framework with its controls.
#[derive(Serialize)]
pub(crate) struct FrameworkPosture {
    framework: String,
    title: String,
    version: String,
    period: Period,
    controls: Vec<Control>,
}

/// What a control asks, and what is known of it.
#[derive(Serialize)]
pub(crate) struct Control {
    #[serde(rename = "control")]
    id: String,
    title: String,
    text: String,
    technical: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    posture: Option<ControlPosture>,
}

impl Control {
    fn new(requirement: &Requirement, posture: Option<ControlPosture>) -> Self {
        Self {
            id: requirement.id.to_string(),
            title: requirement.title.clone(),
            text: requirement.text.clone(),
            technical: requirement.technical.as_str(),
            posture,
        }
    }
}

/// `GET /api/v1/controls`.
pub(crate) async fn controls(State(app): State<Arc<App>>, params: Params) -> Answered<FrameworkPosture> {
    params.only(&[SCOPE, &["framework"]])?;
    let scope = params.scope()?;
    let id = params.text("framework").ok_or_else(|| bad("framework", "name a framework, such as soc2"))?;
    let framework = app.frameworks.get(id).ok_or_else(|| bad("framework", "there is none of this name"))?;
    app.ask(move |_, queries| {
        let mut postures = queries.posture(&framework.id, &scope)?;
        let mut control = |requirement: &Requirement| {
            let id = requirement.id.to_string();
            let at = postures.iter().position(|posture| posture.control == id);
            Control::new(requirement, at.map(|at| postures.swap_remove(at)))
        };
        Ok(FrameworkPosture {
            framework: framework.id.to_string(),
            title: framework.title.clone(),
            version: framework.version.clone(),
            period: scope.period,
            controls: framework.requirements.iter().map(&mut control).collect(),
        })
    })
    .await
    .map(Json)
}

/// A control by day.
#[derive(Serialize)]
pub(crate) struct ControlDetail {
    #[serde(flatten)]
    control: Control,
    period: Period,
    days: Vec<DayOutcomes>,
}

/// `GET /api/v1/controls/{framework}/{control}`.
pub(crate) async fn control(
    State(app): State<Arc<App>>,
    Path((framework, control)): Path<(String, String)>,
    params: Params,
) -> Answered<ControlDetail> {
    params.only(&[SCOPE])?;
    let scope = params.scope()?;
    let Some(Resolution::Current(requirement)) = app.frameworks.resolve(&framework, &control) else {
        return Err(Problem::new(Kind::NotFound, "There is no such control."));
    };
    app.ask(move |_, queries| {
        let id = requirement.id.to_string();
        let posture = queries.posture(&requirement.id.framework, &scope)?;
        let posture = posture.into_iter().find(|posture| posture.control == id);
        let days = queries.daily(Of::Control(&id), &scope)?;
        Ok(ControlDetail { control: Control::new(requirement, posture), period: scope.period, days })
    })
    .await
    .map(Json)
}

/// A list that is given whole.
#[derive(Serialize)]
pub(crate) struct Rows<T> {
    rows: Vec<T>,
}

/// `GET /api/v1/policies`.
pub(crate) async fn policies(State(app): State<Arc<App>>, params: Params) -> Answered<Rows<PolicyRow>> {
    params.only(&[SCOPE])?;
    let scope = params.scope()?;
    app.ask(move |_, queries| Ok(Rows { rows: queries.policies(&scope)? })).await.map(Json)
}

/// `GET /api/v1/policies/{policy}`.
pub(crate) async fn policy(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    params: Params,
) -> Answered<PolicyDetail> {
    params.only(&[SCOPE])?;
    let scope = params.scope()?;
    let detail = app.ask(move |_, queries| Ok(queries.policy(&id, &scope)?)).await?;
    detail.map(Json).ok_or_else(|| Problem::new(Kind::NotFound, "No policy of this name is in the ledger."))
}

/// `GET /api/v1/policy-changes`.
pub(crate) async fn policy_changes(State(app): State<Arc<App>>, params: Params) -> Answered<Rows<PolicyChange>> {
    params.only(&[&["from", "to"]])?;
    let period = params.period()?.0;
    app.ask(move |_, queries| Ok(Rows { rows: queries.policy_changes(period)? })).await.map(Json)
}

/// `GET /api/v1/gates`.
pub(crate) async fn gates(State(app): State<Arc<App>>, params: Params) -> Answered<GatePage> {
    params.only(&[&["from", "to", "gate", "gate_kind", "missing"], PAGE])?;
    let (period, page) = (params.period()?, params.page(ROWS)?);
    let filter = GateFilter {
        name: params.text("gate").map(str::to_owned),
        kind: params.parse("gate_kind")?,
        // Without a period all gates there are: what is missing does not go away with time.
        period: period.1.then_some(period.0),
        only_missing: params.parse("missing")?.unwrap_or(false),
    };
    app.ask(move |_, queries| Ok(queries.gates(&filter, page)?)).await.map(Json)
}

/// `GET /api/v1/scans`.
pub(crate) async fn scans(State(app): State<Arc<App>>, params: Params) -> Answered<ScanPage> {
    params.only(&[&["from", "to", "incomplete"], PAGE])?;
    let (period, page): (Period, Page) = (params.period()?.0, params.page(ROWS)?);
    let incomplete = params.parse("incomplete")?.unwrap_or(false);
    app.ask(move |_, queries| Ok(queries.scans(period, incomplete, page)?)).await.map(Json)
}

/// `GET /api/v1/images`.
pub(crate) async fn images(State(app): State<Arc<App>>, params: Params) -> Answered<ImagePage> {
    params.only(&[&["from", "to", "image", "action"], PAGE])?;
    let (period, page): (Period, Page) = (params.period()?.0, params.page(ROWS)?);
    let filter = ImageFilter { from: Some(period.start()), to: Some(period.end()), ..params.images()? };
    app.ask(move |_, queries| Ok(queries.images(&filter, page)?)).await.map(Json)
}

/// `GET /api/v1/builds`.
pub(crate) async fn builds(State(app): State<Arc<App>>, params: Params) -> Answered<BuildPage> {
    params.only(&[&["from", "to", "project", "number", "commit", "digest", "action"], PAGE])?;
    let (period, page): (Period, Page) = (params.period()?.0, params.page(ROWS)?);
    let filter = BuildFilter { from: Some(period.start()), to: Some(period.end()), ..params.builds()? };
    app.ask(move |_, queries| Ok(queries.builds(&filter, page)?)).await.map(Json)
}

/// `GET /api/v1/waivers`.
pub(crate) async fn waivers(State(app): State<Arc<App>>, params: Params) -> Answered<Rows<WaiverRow>> {
    params.only(&[&["from", "to"]])?;
    let period = params.period()?.0;
    app.ask(move |_, queries| Ok(Rows { rows: queries.waivers(period)? })).await.map(Json)
}

/// The newest checkpoint.
#[derive(Serialize)]
pub(crate) struct Checkpoint {
    origin: String,
    size: u64,
    root: Digest,
    note: String,
    key: String,
    fingerprint: String,
}

/// `GET /api/v1/checkpoint`.
pub(crate) async fn checkpoint(State(app): State<Arc<App>>, params: Params) -> Answered<Checkpoint> {
    params.only(&[])?;
    run(move || {
        let none = || Problem::new(Kind::NotFound, "The ledger has no checkpoint yet.");
        let checkpoint = app.reader.checkpoint()?.ok_or_else(none)?;
        let verifier = app.ledger.verifier();
        Ok(Checkpoint {
            origin: checkpoint.origin,
            size: checkpoint.size,
            root: checkpoint.root,
            note: checkpoint.note,
            key: verifier.to_string(),
            fingerprint: verifier.fingerprint(),
        })
    })
    .await
    .map(Json)
}
