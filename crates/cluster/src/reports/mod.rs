//! Reports in the cluster of what is wrong with its objects: `PolicyReport` of `wgpolicyk8s.io/v1alpha2`, and its successor
//! `Report` of `openreports.io/v1alpha1`.
//!
//! They are for people who look with kubectl and for dashboards; the evidence is in the ledger. So that etcd stays small and
//! the API server free, there is one for each object with something wrong and none for the others, with so many results and
//! no more, owned by its object and written when it says something else than before.

mod form;
mod plan;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use kube::api::{Api, DeleteParams, DynamicObject, ListParams, Patch, PatchParams, PostParams};
use kube::discovery::ApiResource;
use probity_policy_core::ClusterError;
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep_until};

use crate::cache::Cache;
pub use form::{Audited, Limits, OPEN_REPORTS, POLICY_REPORTS, Reported, Verdict};
use form::{CONTENT, Form, LABEL, Place, Report};
use plan::{Content, Plan, Todo};
pub use plan::{Progress, Taken};

/// Reports of a page of a list.
const PAGE: u32 = 500;

/// How often it is looked whether the reports are still as they were written.
const LOOK: Duration = Duration::from_mins(10);

/// How often it is looked at whether the cluster has a kind for reports now.
const KIND: Duration = Duration::from_secs(2);

/// How long after a failure it goes on, at first and at most.
const AGAIN: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));

/// How long the API server may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// The reports of a cluster. One replica has them at a time: the one that leads.
#[derive(Clone)]
pub struct Reports {
    shared: Arc<Shared>,
}

struct Shared {
    cache: Cache,
    limits: Limits,
    plan: Mutex<Plan>,
    news: Notify,
}

/// A look at all objects, at whose end reports of objects that were not seen go.
#[derive(Debug, Clone, Copy)]
#[must_use = "reports of objects that are gone stay until the round is finished"]
pub struct Round(u64);

impl Reports {
    /// Reports that nobody writes yet; [`run`](Self::run) does.
    pub fn new(cache: &Cache, limits: Limits) -> Self {
        let plan = Mutex::new(Plan::default());
        Self { shared: Arc::new(Shared { cache: cache.clone(), limits, plan, news: Notify::new() }) }
    }

    /// Takes what was found of an object, to be written when it is different from what its report says.
    pub fn take(&self, audited: &Audited) -> Taken {
        let report = Report::of(audited, &self.shared.limits);
        let taken = self.shared.plan().take(&audited.uid, report);
        if taken == Taken::Waiting {
            self.shared.news.notify_one();
        }
        taken
    }

    /// Whether what is found is taken: the cluster has a kind for reports, and those that it has are known.
    pub fn is_open(&self) -> bool {
        self.shared.plan().is_open()
    }

    /// An object is there, and what was found of it stays as it is for this round.
    pub fn keep(&self, uid: &str) {
        self.shared.plan().keep(uid);
    }

    /// An object is gone; its report goes with it, by Kubernetes' own garbage collector.
    pub fn forget(&self, uid: &str) {
        self.shared.plan().forget(uid);
    }

    /// A look at all objects begins.
    pub fn begin(&self) -> Round {
        Round(self.shared.plan().begin())
    }

    /// All objects have been looked at: reports of others go. A round that was not whole must not be finished.
    pub fn finish(&self, round: Round) {
        self.shared.plan().finish(round.0);
        self.shared.news.notify_one();
    }

    /// How far it is.
    pub fn progress(&self) -> Progress {
        self.shared.plan().progress()
    }

    /// Writes until `ended` is true. Nothing is taken before it has seen what the cluster has.
    pub async fn run(&self, mut ended: watch::Receiver<bool>) {
        let work = self.work();
        tokio::select! {
            () = work => {}
            _ = ended.wait_for(|end| *end) => {}
        }
        self.shared.plan().close();
    }

    async fn work(&self) {
        let mut again = AGAIN.0;
        loop {
            let Some(form) = Form::served(&self.shared.cache) else {
                self.shared.plan().close();
                tokio::time::sleep(KIND).await;
                continue;
            };
            match self.write(form).await {
                Ok(()) => again = AGAIN.0,
                Err(error) => {
                    self.shared.plan().troubled(error.to_string());
                    tokio::time::sleep(again).await;
                    again = (again * 2).min(AGAIN.1);
                }
            }
        }
    }

    /// Looks at the reports that there are, and then writes for a while.
    async fn write(&self, form: Form) -> Result<(), ClusterError> {
        let shared = &self.shared;
        let known = shared.known(form).await?;
        shared.plan().open(known);
        shared.sweep(form.other()).await?;
        let (until, pause) = (Instant::now() + LOOK, shared.limits.pause());
        let mut next = Instant::now();
        while Instant::now() < until && Form::served(&shared.cache) == Some(form) {
            let Some((uid, todo)) = shared.plan().next() else {
                tokio::select! {
                    () = shared.news.notified() => {}
                    () = tokio::time::sleep(KIND) => {}
                }
                continue;
            };
            sleep_until(next).await;
            next = Instant::now() + pause;
            match shared.put(form, &uid, &todo).await {
                Ok(()) => shared.plan().done(&uid, &todo),
                Err(Failure::Refused(why)) => shared.plan().refused(&uid, &todo, why),
                Err(Failure::Later(error)) => {
                    shared.plan().put_back(uid, todo);
                    return Err(error);
                }
            }
        }
        Ok(())
    }
}

/// Why a report is not written.
enum Failure {
    /// It will not be: the API server refuses this one.
    Refused(String),
    /// It may be, later.
    Later(ClusterError),
}

impl Failure {
    fn of(name: &str, error: kube::Error) -> Self {
        match error {
            kube::Error::Api(status) if is_about_the_report(&status) => {
                Self::Refused(format!("the report {name}: {}", status.message))
            }
            error => Self::Later(ClusterError::Failed(format!("the report {name}: {error}"))),
        }
    }
}

impl Shared {
    fn plan(&self) -> MutexGuard<'_, Plan> {
        self.plan.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The reports of Probity that the cluster has, with what they say.
    async fn known(&self, form: Form) -> Result<Vec<(String, Place, Content)>, ClusterError> {
        let mut known = Vec::new();
        for namespaced in [true, false] {
            let api: Api<DynamicObject> = Api::all_with(self.client(), &form.resource(namespaced));
            let mut params = ListParams::default().labels(LABEL).limit(PAGE);
            loop {
                let page = tokio::time::timeout(PATIENCE, api.list_metadata(&params)).await;
                let page = page.map_err(|_| ClusterError::NotReady("reports".to_owned()))?;
                let page = page.map_err(|error| ClusterError::Failed(format!("reports: {error}")))?;
                for report in page.items {
                    let name = report.metadata.name.unwrap_or_default();
                    let Some(uid) = form::uid_of(&name) else { continue };
                    let content = report.metadata.annotations.and_then(|mut all| all.remove(CONTENT));
                    let place = report.metadata.namespace.unwrap_or_default();
                    known.push((uid.to_owned(), place, Content::read(&content.unwrap_or_default())));
                }
                params.continue_token = page.metadata.continue_.filter(|token| !token.is_empty());
                if params.continue_token.is_none() {
                    break;
                }
            }
        }
        Ok(known)
    }

    /// Deletes the reports of a form that is not the one, or not any more.
    async fn sweep(&self, form: Form) -> Result<(), ClusterError> {
        if !form.is_served(&self.cache) {
            return Ok(());
        }
        for (uid, place, _) in self.known(form).await? {
            match self.put(form, &uid, &Todo::Delete { place }).await {
                Err(Failure::Later(error)) => return Err(error),
                Ok(()) | Err(Failure::Refused(_)) => tokio::time::sleep(self.limits.pause()).await,
            }
        }
        Ok(())
    }

    fn client(&self) -> kube::Client {
        self.cache.0.connection.client.clone()
    }

    fn api(&self, form: Form, place: &str) -> Api<DynamicObject> {
        let resource: ApiResource = form.resource(!place.is_empty());
        match place {
            "" => Api::all_with(self.client(), &resource),
            namespace => Api::namespaced_with(self.client(), namespace, &resource),
        }
    }

    /// Does what is to be done for one object.
    async fn put(&self, form: Form, uid: &str, todo: &Todo) -> Result<(), Failure> {
        let name = form::name_of(uid);
        let answer = tokio::time::timeout(PATIENCE, async {
            match todo {
                Todo::Write { report, exists } => self.put_report(form, &name, report, *exists).await,
                Todo::Delete { place } => match self.api(form, place).delete(&name, &DeleteParams::default()).await {
                    Err(error) if !is_missing(&error) => Err(error),
                    _ => Ok(()),
                },
            }
        });
        let answer = answer.await.map_err(|_| Failure::Later(ClusterError::NotReady(format!("the report {name}"))))?;
        answer.map_err(|error| Failure::of(&name, error))
    }

    async fn put_report(&self, form: Form, name: &str, report: &Report, exists: bool) -> Result<(), kube::Error> {
        let api = self.api(form, &report.place);
        let change = || async {
            let change = report.change(form, name);
            api.patch(name, &PatchParams::default(), &Patch::Merge(&change)).await.map(drop)
        };
        let make = || async {
            let object = serde_json::from_value(report.document(form, name)).map_err(kube::Error::SerdeError)?;
            api.create(&PostParams::default(), &object).await.map(drop)
        };
        // Somebody may have deleted or made it meanwhile.
        if exists {
            match change().await {
                Err(error) if is_missing(&error) => make().await,
                done => done,
            }
        } else {
            match make().await {
                Err(kube::Error::Api(status)) if status.code == 409 => change().await,
                done => done,
            }
        }
    }
}

/// Whether another report may fare better. Nothing can be made in a namespace that ends.
fn is_about_the_report(status: &kube::core::Status) -> bool {
    let causes = status.details.iter().flat_map(|details| &details.causes);
    let namespace_ends = causes.map(|cause| cause.reason.as_str()).any(|reason| reason == "NamespaceTerminating");
    match status.code {
        401 | 408 | 429 => false,
        403 => namespace_ends,
        code => (400..500).contains(&code),
    }
}

fn is_missing(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == 404)
}
