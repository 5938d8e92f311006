//! Drift: what changes in a cluster without a request that was judged, told as it happens. One replica looks.

mod away;
mod changed;
mod images;
mod past;
mod rights;
mod telling;
mod webhooks;

use std::sync::Arc;

use probity_policy_core::Watched;
use tokio::sync::watch;

use self::telling::Teller;
use super::webhook::Gate;

/// Looks until the end.
pub(super) async fn run(gate: Arc<Gate>, ended: watch::Receiver<bool>) {
    let teller = |ended: &watch::Receiver<bool>| Teller::new(Arc::clone(&gate), ended.clone());
    tokio::join!(
        rights::run(teller(&ended), ended.clone()),
        webhooks::run(teller(&ended), ended.clone()),
        changed::run(teller(&ended), ended.clone()),
        away::run(teller(&ended), ended.clone()),
        images::run(teller(&ended), ended.clone())
    );
    for whom in [changed::WATCHES, away::WATCHES] {
        gate.cluster.watch_aside(whom, &[]);
    }
}

fn watched(api_version: &str, kind: &str) -> Watched {
    Watched { api_version: api_version.into(), kind: kind.into() }
}
