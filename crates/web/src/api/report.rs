//! The report of a framework, in the forms that `probity report` writes.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;

use crate::app::App;
use crate::params::{Params, bad};
use crate::problem::{Kind, Problem};

/// `GET /api/v1/report`.
pub(crate) async fn report(State(app): State<Arc<App>>, params: Params) -> Result<Response, Problem> {
    params.only(&[&["framework", "from", "to", "format"]])?;
    let id = params.text("framework").ok_or_else(|| bad("framework", "name a framework, such as soc2"))?;
    let _framework = app.frameworks.get(id).ok_or_else(|| bad("framework", "there is none of this name"))?;
    Err(Problem::new(Kind::Unavailable, "Waits for the report."))
}
