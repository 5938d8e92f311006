//! Which of the replicas leads: it holds a `Lease` of `coordination.k8s.io`, renews it, and gives it back at the end.
//!
//! As Kubernetes' own controllers do it (`client-go/tools/leaderelection`): clocks of machines are never compared. A replica
//! takes over when it has seen the same lease for as long as that is valid, by its own clock; who leads stops before, when
//! renewing has failed for a while; writing what another one has changed meanwhile is refused by the API server.

mod candidate;

use std::time::Duration;

use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use kube::Api;
use kube::api::{ObjectMeta, PostParams};
use probity_policy_core::ClusterError;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout};

use crate::connection::Connection;
use candidate::Candidate;

/// How long giving the lease back may take: the next one waits no longer than for a lease that ran out.
const RELEASE: Duration = Duration::from_secs(2);

/// The times of an election.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// How long others wait for a leader that says nothing. In whole seconds in the cluster, rounded up.
    pub valid: Duration,
    /// After how long without a renewal a leader stops leading: shorter than `valid`.
    pub give_up: Duration,
    /// How often the lease is looked at, and renewed.
    pub every: Duration,
}

impl Default for Terms {
    fn default() -> Self {
        Self { valid: Duration::from_secs(15), give_up: Duration::from_secs(10), every: Duration::from_secs(2) }
    }
}

/// How it stands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Standing {
    /// Whether this replica leads.
    pub leads: bool,
    /// Who holds the lease, as far as is known; empty when nobody does.
    pub holder: String,
    /// Why the lease could not be looked at or renewed the last time.
    pub trouble: Option<String>,
}

/// A replica that wants to lead.
pub struct Election {
    api: Api<Lease>,
    namespace: String,
    name: String,
    candidate: Candidate,
}

impl Election {
    /// Takes part in the election for a lease. `replica` is told to others; a random end makes it one of its own after
    /// every start.
    ///
    /// # Errors
    /// When there is no randomness.
    pub fn new(
        connection: &Connection,
        namespace: &str,
        name: &str,
        replica: &str,
        terms: Terms,
    ) -> Result<Self, ClusterError> {
        let mut end = [0; 8];
        probity_crypto::fill(&mut end).map_err(|_| ClusterError::Failed("no randomness for a name".to_owned()))?;
        let end: String = end.iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(Self {
            api: Api::namespaced(connection.client.clone(), namespace),
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            candidate: Candidate::new(format!("{replica}_{end}"), terms),
        })
    }

    /// The name under which this replica holds the lease.
    pub fn holder(&self) -> &str {
        self.candidate.holder()
    }

    /// Takes part until `ended` is true, and tells how it stands. What the leader does must stop when it leads no more.
    /// At the end others are told that there is no leader before the lease is given back.
    pub async fn run(mut self, standing: watch::Sender<Standing>, mut ended: watch::Receiver<bool>) {
        let terms = self.candidate.terms();
        loop {
            let started = Instant::now();
            let looked = tokio::select! {
                _ = ended.wait_for(|end| *end) => break,
                looked = timeout(terms.give_up / 2, self.look(started)) => looked,
            };
            let trouble = match looked {
                Ok(Ok(())) => None,
                Ok(Err(error)) => Some(error.to_string()),
                Err(_) => Some(self.failed(&"the API server does not answer").to_string()),
            };
            self.tell(&standing, trouble);
            if self.stops_before(started + terms.every, &standing, &mut ended).await {
                break;
            }
        }
        let led = self.candidate.leads(Instant::now());
        self.candidate.resign();
        self.tell(&standing, None);
        if led {
            // A lease that is not given back runs out.
            let _ = timeout(RELEASE, self.release()).await;
        }
    }

    /// Waits until it is time to look again; tells it when leading ends before. Says whether all ends.
    async fn stops_before(
        &mut self,
        next: Instant,
        standing: &watch::Sender<Standing>,
        ended: &mut watch::Receiver<bool>,
    ) -> bool {
        if let Some(until) = self.candidate.leads_until().filter(|until| *until < next) {
            tokio::select! {
                _ = ended.wait_for(|end| *end) => return true,
                () = sleep_until(until) => {}
            }
            let trouble = standing.borrow().trouble.clone();
            self.tell(standing, trouble);
        }
        tokio::select! {
            _ = ended.wait_for(|end| *end) => true,
            () = sleep_until(next) => false,
        }
    }

    /// Looks at the lease, and takes or renews it where that can be.
    async fn look(&mut self, started: Instant) -> Result<(), ClusterError> {
        let held = self.api.get_opt(&self.name).await.map_err(|error| self.failed(&error))?;
        let spec = held.as_ref().map(|lease| lease.spec.clone().unwrap_or_default());
        let Some(spec) = self.candidate.look(spec.as_ref(), Instant::now()) else { return Ok(()) };
        match self.write(held.as_ref(), spec.clone()).await {
            Ok(()) => {
                self.candidate.wrote(spec, started);
                Ok(())
            }
            // Another one was faster; who it is is seen the next time.
            Err(kube::Error::Api(status)) if status.code == 409 => Ok(()),
            Err(error) => Err(self.failed(&error)),
        }
    }

    async fn release(&mut self) -> Result<(), kube::Error> {
        let Some(held) = self.api.get_opt(&self.name).await? else { return Ok(()) };
        match held.spec.as_ref().and_then(|spec| self.candidate.released(spec)) {
            Some(spec) => self.write(Some(&held), spec).await,
            None => Ok(()),
        }
    }

    /// Writes the lease, if it is still the one that was seen.
    async fn write(&self, held: Option<&Lease>, spec: LeaseSpec) -> Result<(), kube::Error> {
        let new = || ObjectMeta {
            name: Some(self.name.clone()),
            namespace: Some(self.namespace.clone()),
            labels: Some([("app.kubernetes.io/part-of".to_owned(), "probity".to_owned())].into()),
            ..ObjectMeta::default()
        };
        let metadata = held.map_or_else(new, |lease| lease.metadata.clone());
        let lease = Lease { metadata, spec: Some(spec) };
        match held {
            Some(_) => self.api.replace(&self.name, &PostParams::default(), &lease).await.map(drop),
            None => self.api.create(&PostParams::default(), &lease).await.map(drop),
        }
    }

    fn tell(&self, standing: &watch::Sender<Standing>, trouble: Option<String>) {
        let leads = self.candidate.leads(Instant::now());
        let now = Standing { leads, holder: self.candidate.known_holder().to_owned(), trouble };
        standing.send_if_modified(|before| std::mem::replace(before, now.clone()) != now);
    }

    fn failed(&self, error: &dyn std::fmt::Display) -> ClusterError {
        ClusterError::Failed(format!("the Lease {}/{}: {error}", self.namespace, self.name))
    }
}
