//! What happened at clusters: requests that gates answered, what runs because of them, and what changed besides.

use std::sync::Arc;

use axum::extract::State;
use axum::{Extension, Json};
use probity_evidence_index::{
    AdmissionFilter, AdmissionPage, AdmissionRow, DeploymentFilter, DeploymentPage, DriftFilter, DriftPage,
};

use super::PAGE;
use super::evidence::{Answered, ROWS};
use crate::access::Identity;
use crate::app::App;
use crate::params::{Params, bad};
use crate::problem::{Kind, Problem};

/// What narrows a list of requests.
pub(crate) const ADMISSIONS: &[&str] = &[
    "from",
    "to",
    "cluster",
    "namespace",
    "environment",
    "user",
    "kind",
    "name",
    "image",
    "object_digest",
    "operation",
    "result",
    "done",
];

/// What narrows a list of deployments.
pub(crate) const DEPLOYMENTS: &[&str] =
    &["from", "to", "cluster", "namespace", "environment", "user", "image", "controllers"];

/// What narrows a list of changes.
pub(crate) const DRIFT: &[&str] = &["from", "to", "cluster", "environment", "what", "address", "severity"];

/// `GET /api/v1/admissions`.
pub(crate) async fn admissions(
    State(app): State<Arc<App>>,
    identity: Option<Extension<Identity>>,
    params: Params,
) -> Answered<AdmissionPage> {
    params.only(&[ADMISSIONS, PAGE])?;
    let (from, to) = params.times()?;
    let mut filter = AdmissionFilter { from, to, outcome: params.parse("result")?, ..params.admissions()? };
    let page = params.page(ROWS)?;
    let gate = of_gate(&app, identity);
    if gate.is_some() {
        narrow(&mut filter)?;
    }
    let mut found = app.ask(move |_, queries| Ok(queries.admissions(&filter, page)?)).await?;
    if let Some(Identity { token, .. }) = gate {
        let own = |row: &AdmissionRow| row.decision.gate.as_ref().is_some_and(|gate| token.sends_for(&gate.name));
        found.rows.retain(own);
    }
    Ok(Json(found))
}

/// Who asks, when that is a gate, which is told only what it must know. On a loopback address anybody reads.
fn of_gate(app: &App, identity: Option<Extension<Identity>>) -> Option<Identity> {
    let identity = identity.filter(|_| !app.config.loopback())?.0;
    (!identity.token.role.reads()).then_some(identity)
}

/// Holds a gate to what it must know: whether this very content, or this very object, was decided about.
fn narrow(filter: &mut AdmissionFilter) -> Result<(), Problem> {
    let forbidden = || {
        Problem::new(
            Kind::Forbidden,
            "A token of the role gate asks with `cluster` and `object_digest`, or with `cluster`, `kind`, `namespace` \
             (none for what is in none) and `name`.",
        )
    };
    let exact = |name: &str, text: Option<&String>| exact(name, text).ok_or_else(forbidden)?;
    exact("cluster", filter.cluster.as_ref())?;
    if filter.object_digest.is_some() {
        return Ok(());
    }
    exact("kind", filter.kind.as_ref())?;
    exact("name", filter.name.as_ref())?;
    exact("namespace", Some(filter.namespace.get_or_insert_default()))
}

/// Holds a gate to what was told of one thing.
fn narrow_drift(filter: &DriftFilter) -> Result<(), Problem> {
    let forbidden =
        || Problem::new(Kind::Forbidden, "A token of the role gate asks with `cluster`, `what` and `address`.");
    exact("cluster", filter.cluster.as_ref()).ok_or_else(forbidden)??;
    exact("address", filter.address.as_ref()).ok_or_else(forbidden)??;
    filter.what.map(|_| ()).ok_or_else(forbidden)
}

/// Holds a parameter to one thing; none when it is not given.
fn exact(name: &str, text: Option<&String>) -> Option<Result<(), Problem>> {
    let is_pattern = text?.contains(['*', '?']);
    Some(if is_pattern { Err(bad(name, "a gate asks for one, not for a pattern")) } else { Ok(()) })
}

/// `GET /api/v1/deployments`.
pub(crate) async fn deployments(State(app): State<Arc<App>>, params: Params) -> Answered<DeploymentPage> {
    params.only(&[DEPLOYMENTS, PAGE])?;
    let (from, to) = params.times()?;
    let (filter, page) = (DeploymentFilter { from, to, ..params.deployments()? }, params.page(ROWS)?);
    app.ask(move |_, queries| Ok(queries.deployments(&filter, page)?)).await.map(Json)
}

/// `GET /api/v1/drift`.
pub(crate) async fn drift(
    State(app): State<Arc<App>>,
    identity: Option<Extension<Identity>>,
    params: Params,
) -> Answered<DriftPage> {
    params.only(&[DRIFT, PAGE])?;
    let (from, to) = params.times()?;
    let (filter, page) = (DriftFilter { from, to, ..params.drift()? }, params.page(ROWS)?);
    let gate = of_gate(&app, identity);
    if gate.is_some() {
        narrow_drift(&filter)?;
    }
    let mut found = app.ask(move |_, queries| Ok(queries.drift(&filter, page)?)).await?;
    if let Some(Identity { token, .. }) = gate {
        found.rows.retain(|row| row.gate.as_ref().is_some_and(|gate| token.sends_for(&gate.name)));
    }
    Ok(Json(found))
}
