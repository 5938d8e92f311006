//! The pages for auditors.

mod admissions;
mod builds;
mod chart;
mod control;
mod decision;
mod decisions;
mod deployments;
mod drift;
mod failure;
mod framework;
mod gates;
mod images;
mod live;
mod parts;
mod policies;
mod posture;
mod proof;
mod report;
mod scans;
mod sign_in;
mod view;
mod waivers;

use std::sync::Arc;

use axum::Router;
use axum::middleware::map_response;
use axum::routing::get;

use crate::app::App;

/// The pages' routes. What goes wrong on them is told by a page.
pub(crate) fn router() -> Router<Arc<App>> {
    Router::new()
        .route("/", get(posture::page))
        .route("/frameworks/{framework}", get(framework::page))
        .route("/frameworks/{framework}/controls/{control}", get(control::page))
        .route("/decisions", get(decisions::page))
        .route("/decisions/{index}", get(decision::page))
        .route("/admissions", get(admissions::page))
        .route("/admissions/live", get(live::stream))
        .route("/deployments", get(deployments::page))
        .route("/drift", get(drift::page))
        .route("/policies", get(policies::page))
        .route("/policies/{policy}", get(policies::one))
        .route("/scans", get(scans::page))
        .route("/scans/{index}", get(scans::one))
        .route("/images", get(images::page))
        .route("/images/{index}", get(images::one))
        .route("/builds", get(builds::page))
        .route("/builds/{index}", get(builds::one))
        .route("/waivers", get(waivers::page))
        .route("/gates", get(gates::page))
        .route("/report", get(report::page))
        .route("/sign-in", get(sign_in::page).post(sign_in::sign_in))
        .route("/sign-out", axum::routing::post(sign_in::sign_out))
        .fallback(failure::nothing_here)
        .layer(map_response(failure::as_page))
}
