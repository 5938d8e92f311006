//! The JSON API. Each operation is described where it is routed, so that the document and the routes cannot part.

mod audit_log;
mod cluster;
mod describe;
mod evidence;
mod ingest;
mod report;
mod schemas;

use std::sync::Arc;

use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};
use axum::{Json, Router};

use crate::app::App;
use crate::params::FILTERS;
use crate::problem::{Kind, Problem};
pub(crate) use audit_log::AuditLog;
use describe::{Answer, Operation, Parameter, document};

/// Parameters of lists.
pub(crate) const PAGE: &[&str] = &["before", "limit"];

/// Parameters of sums.
pub(crate) const SCOPE: &[&str] = &["from", "to", "environment"];

fn operations(app: &App) -> Vec<Operation> {
    let scope = || Parameter::all(SCOPE);
    let json = Answer::Json;
    vec![
        Operation::get("/api/v1/decisions", "Decisions, newest first", get(evidence::decisions))
            .takes(Parameter::all(FILTERS))
            .takes(Parameter::all(PAGE))
            .gives(json("DecisionPage")),
        Operation::get("/api/v1/decisions/{index}", "One decision with its proof", get(evidence::decision))
            .takes(vec![Parameter::path("index")])
            .gives(json("ProvenEntry")),
        Operation::get("/api/v1/entries", "Entries of the ledger, in their order", get(evidence::entries))
            .takes(Parameter::all(&["start", "limit"]))
            .gives(json("EntryList")),
        Operation::get("/api/v1/entries/{index}", "One entry with its proof", get(evidence::entry))
            .takes(vec![Parameter::path("index")])
            .gives(json("ProvenEntry")),
        Operation::get(
            "/api/v1/entries/{index}/proof",
            "The proof of an entry, as text (c2sp.org/tlog-proof@v1)",
            get(evidence::proof),
        )
        .takes(vec![Parameter::path("index")])
        .gives(Answer::Text("text/plain")),
        Operation::get(
            "/api/v1/entries/{index}/canonical",
            "The bytes of an entry that its hash is over",
            get(evidence::canonical),
        )
        .takes(vec![Parameter::path("index")])
        .gives(json("Entry")),
        Operation::get("/api/v1/posture", "Sums over a period", get(evidence::posture))
            .takes(scope())
            .gives(json("Overview")),
        Operation::get("/api/v1/controls", "The controls of a framework over a period", get(evidence::controls))
            .takes(vec![Parameter::required("framework")])
            .takes(scope())
            .gives(json("FrameworkPosture")),
        Operation::get(
            "/api/v1/controls/{framework}/{control}",
            "One control over a period, by day too",
            get(evidence::control),
        )
        .takes(vec![Parameter::path("framework"), Parameter::path("control")])
        .takes(scope())
        .gives(json("ControlDetail")),
        Operation::get("/api/v1/policies", "All policies with their findings in a period", get(evidence::policies))
            .takes(scope())
            .gives(json("PolicyList")),
        Operation::get("/api/v1/policies/{policy}", "One policy with its versions", get(evidence::policy))
            .takes(vec![Parameter::path("policy")])
            .takes(scope())
            .gives(json("PolicyDetail")),
        Operation::get("/api/v1/policy-changes", "How the policies changed in a period", get(evidence::policy_changes))
            .takes(Parameter::all(&["from", "to"]))
            .gives(json("PolicyChangeList")),
        Operation::get("/api/v1/gates", "Gates, and the numbers that are missing", get(evidence::gates))
            .takes(Parameter::all(&["from", "to", "gate", "gate_kind", "missing"]))
            .takes(Parameter::all(PAGE))
            .gives(json("GatePage")),
        Operation::get("/api/v1/scans", "Runs of gates, newest first", get(evidence::scans))
            .takes(Parameter::all(&["from", "to", "incomplete"]))
            .takes(Parameter::all(PAGE))
            .gives(json("ScanPage")),
        Operation::get("/api/v1/images", "Images that were looked into, newest first", get(evidence::images))
            .takes(Parameter::all(&["from", "to", "image", "action"]))
            .takes(Parameter::all(PAGE))
            .gives(json("ImagePage")),
        Operation::get("/api/v1/builds", "Builds with their checks, newest first", get(evidence::builds))
            .takes(Parameter::all(&["from", "to", "project", "number", "commit", "digest", "action"]))
            .takes(Parameter::all(PAGE))
            .gives(json("BuildPage")),
        Operation::get("/api/v1/waivers", "Waivers that were in force in a period", get(evidence::waivers))
            .takes(Parameter::all(&["from", "to"]))
            .gives(json("WaiverList")),
        Operation::get(
            "/api/v1/checkpoint",
            "The newest checkpoint, and the key that signs",
            get(evidence::checkpoint),
        )
        .gives(json("Checkpoint")),
        Operation::get("/api/v1/report", "The report of a framework", get(report::report))
            .takes(vec![Parameter::required("framework")])
            .takes(Parameter::all(report::PARAMETERS))
            .gives(Answer::Report),
        Operation::post(
            "/api/v1/ingest",
            "Send evidence. Answered when it is durable; may be repeated",
            post(ingest::ingest).layer(DefaultBodyLimit::max(app.config.limits.ingest_bytes)),
        )
        .reads_body("Ingest")
        .gives(json("Receipts"))
        .fails(&[Kind::SequenceReused, Kind::BlobsMissing, Kind::TooLarge, Kind::Overload]),
        Operation::post("/api/v1/blobs/missing", "Which documents the ledger does not have", post(ingest::missing))
            .reads_body("Asked")
            .gives(json("Missing"))
            .fails(&[Kind::TooLarge]),
    ]
}

/// What is asked about clusters.
fn cluster_operations(app: &App) -> Vec<Operation> {
    let json = Answer::Json;
    vec![
        Operation::post(
            "/api/v1/audit-log/{cluster}",
            "Where an API server sends its audit log (audit.k8s.io/v1). Answered when it is durable; may be repeated",
            post(audit_log::take).layer(DefaultBodyLimit::max(app.config.limits.ingest_bytes)),
        )
        .takes(vec![Parameter::path("cluster")])
        .takes(Parameter::all(&["timeout"]))
        .reads_body("EventList")
        .gives(json("AuditLogTaken"))
        .fails(&[Kind::TooLarge]),
        Operation::get(
            "/api/v1/admissions",
            "Requests to API servers, newest first. A gate asks for one content or one object",
            get(cluster::admissions),
        )
        .takes(Parameter::all(cluster::ADMISSIONS))
        .takes(Parameter::all(PAGE))
        .gives(json("AdmissionPage")),
        Operation::get("/api/v1/deployments", "Who put what into clusters, newest first", get(cluster::deployments))
            .takes(Parameter::all(cluster::DEPLOYMENTS))
            .takes(Parameter::all(PAGE))
            .gives(json("DeploymentPage")),
        Operation::get("/api/v1/drift", "What changed without a gate having been asked", get(cluster::drift))
            .takes(Parameter::all(cluster::DRIFT))
            .takes(Parameter::all(PAGE))
            .gives(json("DriftPage")),
        Operation::get(
            "/api/v1/permissions/used",
            "Which rights are used in a cluster, as its audit log says",
            get(audit_log::used),
        )
        .takes(vec![Parameter::required("cluster")])
        .gives(json("KnownUsage")),
    ]
}

/// The API's routes, and the document that describes them.
pub(crate) fn router(app: &Arc<App>) -> Router<Arc<App>> {
    let mut operations = operations(app);
    operations.extend(cluster_operations(app));
    let openapi = document(&operations);
    let mut router = Router::new().route("/api/v1/openapi.json", get(async move || Json(openapi.clone())));
    for operation in operations {
        router = router.route(operation.path, operation.handler);
    }
    router.route("/api/{*path}", axum::routing::any(async || Problem::new(Kind::NotFound, "See /api/v1/openapi.json.")))
}
