//! What one replica does for all of them: the one that leads.

use std::sync::Arc;
use std::time::Duration;

use probity_cluster::{Connection, Election, Standing, Terms};
use tokio::sync::watch;
use tokio::task::{JoinError, JoinSet};

use super::webhook::Gate;
use super::{audit, drift, unused};

/// The Lease that the leader holds.
const LEASE: &str = "probity-controller";

/// How long the controllers may take to end what they are at. A lease is valid for longer than that after its holder stopped
/// leading, so that two replicas never work at once.
const GRACE: Duration = Duration::from_secs(2);

/// How long after a failure the controllers are started again.
const AGAIN: Duration = Duration::from_secs(10);

/// Starts all that only the leader does. Each works until `ended` is true, or has nothing to do.
fn controllers(gate: &Arc<Gate>, connection: &Connection, ended: &watch::Receiver<bool>) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    tasks.spawn(audit::run(Arc::clone(gate), connection.clone(), ended.clone()));
    tasks.spawn(drift::run(Arc::clone(gate), ended.clone()));
    tasks.spawn(unused::run(Arc::clone(gate), ended.clone()));
    tasks
}

/// Takes part in the election until the end, and works while this replica leads.
pub(super) async fn run(gate: Arc<Gate>, connection: Connection, namespace: String, mut ended: watch::Receiver<bool>) {
    let election = match Election::new(&connection, &namespace, LEASE, &gate.replica, Terms::default()) {
        Ok(election) => election,
        Err(error) => return eprintln!("probity: this replica cannot lead: {error}"),
    };
    let (teller, mut standing) = watch::channel(Standing::default());
    // What the leader does ends before others are told that there is none.
    let (end_election, election_ended) = watch::channel(false);
    let election = tokio::spawn(election.run(teller, election_ended));
    let mut trouble = None;
    while !*ended.borrow() {
        let now = standing.borrow_and_update().clone();
        tell(&now, &mut trouble);
        if now.leads {
            gate.figures.leads(true);
            eprintln!("this replica leads");
            lead(&gate, &connection, &mut standing, &mut ended).await;
            gate.figures.leads(false);
            eprintln!("this replica leads no more");
            continue;
        }
        tokio::select! {
            _ = ended.wait_for(|end| *end) => {}
            changed = standing.changed() => if changed.is_err() { break },
        }
    }
    end_election.send_replace(true);
    // It gives the lease back.
    let _ = election.await;
}

/// Says what is in the way of leading, once.
fn tell(standing: &Standing, said: &mut Option<String>) {
    if let Some(trouble) = &standing.trouble
        && said.as_ref() != Some(trouble)
    {
        eprintln!("probity: who leads is not known: {trouble}");
    }
    said.clone_from(&standing.trouble);
}

/// Works until another one leads, or the end.
async fn lead(
    gate: &Arc<Gate>,
    connection: &Connection,
    standing: &mut watch::Receiver<Standing>,
    ended: &mut watch::Receiver<bool>,
) {
    let is_over = async {
        tokio::select! {
            _ = ended.wait_for(|end| *end) => {}
            _ = standing.wait_for(|standing| !standing.leads) => {}
        }
    };
    tokio::pin!(is_over);
    loop {
        let (stop, stopped) = watch::channel(false);
        let mut tasks = controllers(gate, connection, &stopped);
        let failed = tokio::select! {
            () = &mut is_over => None,
            error = failure(&mut tasks) => Some(error),
        };
        stop.send_replace(true);
        let all = async { while tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(GRACE, all).await.is_err() {
            tasks.shutdown().await;
        }
        let Some(error) = failed else { return };
        eprintln!("probity: a controller failed, and is started again: {error}");
        tokio::select! {
            () = &mut is_over => return,
            () = tokio::time::sleep(AGAIN) => {}
        }
    }
}

/// Waits until one of them fails.
async fn failure(tasks: &mut JoinSet<()>) -> JoinError {
    while let Some(ended) = tasks.join_next().await {
        if let Err(error) = ended {
            return error;
        }
    }
    std::future::pending().await
}
