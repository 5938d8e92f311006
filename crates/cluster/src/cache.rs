//! Objects of a cluster, kept up to date by watches.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use kube::api::{Api, DynamicObject};
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{self, Event, watcher};
use probity_model::{Value, json};
use probity_policy_core::{Called, ClusterError, Query, Watched};
use tokio::runtime::Handle;
use tokio::sync::broadcast;
use tokio::task::JoinHandle;

use crate::connection::Connection;
use crate::inventory::Inventory;
use crate::kinds::{Kind, Kinds};
use crate::managers::{self, Manager};
use crate::sharing::Sharing;
use crate::store::{Changed, Name, Store};
use crate::view::{Allowances, Services, View};

/// Objects of a page of a list.
const PAGE: u32 = 500;

/// Changes that a slow listener may be behind before it must look at everything anew.
const BEHIND: usize = 16_384;

/// How often it is looked at most for kinds that were not there.
const REDISCOVERY: Duration = Duration::from_secs(2);

/// What became of an object.
#[derive(Debug, Clone)]
pub struct Change {
    /// What it is.
    pub kind: Arc<Kind>,
    /// The namespace; empty for objects of the cluster.
    pub namespace: String,
    /// The object's name.
    pub name: String,
    /// What happened.
    pub what: What,
    /// Whether it was there when the watch began.
    pub listed: bool,
    /// Who wrote which of its fields, when the change itself was seen: not for what a list tells, nor for what is gone.
    pub managers: Arc<[Manager]>,
}

/// What happened to an object.
#[derive(Debug, Clone)]
pub enum What {
    /// It is new.
    Added(Value),
    /// It is another.
    Modified {
        /// As it was.
        old: Value,
        /// As it is.
        new: Value,
    },
    /// It is gone.
    Deleted(Value),
}

pub(crate) struct Inner {
    pub(crate) connection: Connection,
    pub(crate) runtime: Handle,
    kinds: RwLock<(Kinds, Option<Instant>)>,
    stores: RwLock<HashMap<Kind, Arc<Store>>>,
    watches: Mutex<HashMap<Kind, JoinHandle<()>>>,
    /// What is watched beside that, by whom it is for.
    aside: Mutex<HashMap<&'static str, Vec<Kind>>>,
    changes: broadcast::Sender<Change>,
    pub(crate) inventory: Inventory,
    pub(crate) allowances: Allowances,
    sharing: Arc<Mutex<Sharing>>,
    pub(crate) services: OnceLock<Arc<dyn Services>>,
}

/// Objects of a cluster. Kinds are watched when they are asked for.
#[derive(Clone)]
pub struct Cache(pub(crate) Arc<Inner>);

impl Cache {
    /// A cache that watches nothing yet. `runtime` runs its watches.
    ///
    /// # Errors
    /// When the API server does not say what it serves.
    pub async fn new(connection: Connection) -> Result<Self, ClusterError> {
        let kinds = Kinds::discover(&connection.client).await;
        let kinds = kinds.map_err(|error| ClusterError::Failed(format!("what the cluster serves: {error}")))?;
        let inner = Inner {
            connection,
            runtime: Handle::current(),
            kinds: RwLock::new((kinds, Some(Instant::now()))),
            stores: RwLock::default(),
            watches: Mutex::default(),
            aside: Mutex::default(),
            changes: broadcast::Sender::new(BEHIND),
            inventory: Inventory::default(),
            allowances: Allowances::default(),
            sharing: Arc::default(),
            services: OnceLock::new(),
        };
        Ok(Self(Arc::new(inner)))
    }

    /// The cluster until then: what is not known by that time is an error.
    pub fn with_deadline(&self, deadline: Instant) -> View {
        View { inner: Arc::clone(&self.0), deadline }
    }

    /// Has this answer for services; the first that is given does. Without, none is asked.
    pub fn answer_for_services(&self, services: Arc<dyn Services>) {
        let _ = self.0.services.set(services);
    }

    /// Watches kinds; those that are not served are watched once they are asked for and there.
    pub fn watch(&self, wanted: &[Watched]) {
        for Watched { api_version, kind } in wanted {
            if let Some(kind) = self.0.find(api_version, Called::Kind(kind)) {
                self.0.store(&kind);
            }
        }
    }

    /// Whether the objects of a kind may be listed and watched; one that may not would never be known.
    pub async fn may_watch(&self, kind: &Kind) -> bool {
        self.0.connection.may_watch(kind).await.unwrap_or(false)
    }

    /// Who wrote which fields of an object, as the API server has it now; none when it cannot be asked.
    pub async fn managers(&self, kind: &Kind, namespace: &str, name: &str) -> Option<Arc<[Manager]>> {
        let client = self.0.connection.client.clone();
        let api: Api<DynamicObject> = match namespace {
            "" => Api::all_with(client, &kind.resource()),
            namespace => Api::namespaced_with(client, namespace, &kind.resource()),
        };
        let object = api.get_metadata(name).await.ok()?;
        Some(managers::of(object.metadata.managed_fields))
    }

    /// Watches these kinds for somebody, beside those that policies look at: nobody waits for them, the inventory does not have
    /// them, and what is there at first is not told as changes. What was watched for them before and for nobody else is watched
    /// no more.
    pub fn watch_aside(&self, whom: &'static str, wanted: &[Kind]) {
        let mut aside = self.0.aside.lock().unwrap_or_else(PoisonError::into_inner);
        aside.insert(whom, wanted.to_vec());
        self.0.leave(|kind| !aside.values().any(|kinds| kinds.contains(kind)));
        for kind in wanted {
            self.0.watched(kind, false);
        }
    }

    /// Watches all kinds of an API group; gives how many there are.
    pub fn watch_group(&self, group: &str) -> usize {
        let kinds: Vec<Kind> = self.0.kinds().0.of_group(group).cloned().collect();
        for kind in &kinds {
            self.0.store(kind);
        }
        kinds.len()
    }

    /// The kinds of this name in any group, in the versions that the server prefers; all for `*`.
    pub fn kinds(&self, name: &str) -> Vec<Kind> {
        self.0.kinds().0.named(name).cloned().collect()
    }

    /// Whether the cluster serves a kind in this very version.
    pub fn serves(&self, api_version: &str, kind: &str) -> bool {
        self.0.find(api_version, Called::Kind(kind)).is_some_and(|found| found.api_version() == api_version)
    }

    /// Asks anew what the cluster serves, as after a new `CustomResourceDefinition`.
    ///
    /// # Errors
    /// When it does not say.
    pub async fn rediscover(&self) -> Result<(), ClusterError> {
        self.0.rediscover().await
    }

    /// All watched objects of a kind.
    pub fn objects(&self, kind: &Kind) -> Vec<Value> {
        let store = self.0.stores.read().unwrap_or_else(PoisonError::into_inner).get(kind).cloned();
        store.map(|store| store.list("")).unwrap_or_default()
    }

    /// An object of a kind that is watched.
    pub fn object(&self, kind: &Kind, namespace: &str, name: &str) -> Option<Value> {
        let store = self.0.stores.read().unwrap_or_else(PoisonError::into_inner).get(kind).cloned();
        store.and_then(|store| store.get(namespace, name))
    }

    /// The kinds that are watched.
    pub fn watched(&self) -> Vec<Kind> {
        let stores = self.0.stores.read().unwrap_or_else(PoisonError::into_inner);
        let mut kinds: Vec<Kind> = stores.keys().cloned().collect();
        kinds.sort();
        kinds
    }

    /// Whether a kind is watched, and all its objects are known.
    pub fn knows(&self, kind: &Kind) -> bool {
        let stores = self.0.stores.read().unwrap_or_else(PoisonError::into_inner);
        stores.get(kind).is_some_and(|store| store.is_whole())
    }

    /// How many objects are kept.
    pub fn len(&self) -> usize {
        let stores = self.0.stores.read().unwrap_or_else(PoisonError::into_inner);
        stores.values().map(|store| store.len()).sum()
    }

    /// Whether nothing is kept.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Every change from now on. A listener that is too slow is told so, and must look at everything anew.
    pub fn changes(&self) -> broadcast::Receiver<Change> {
        self.0.changes.subscribe()
    }

    /// Whether all that policies look at is known.
    ///
    /// # Errors
    /// What is not, and why.
    pub fn ready(&self) -> Result<(), String> {
        let stores = self.0.stores.read().unwrap_or_else(PoisonError::into_inner);
        let unknown = stores.iter().find(|(_, store)| store.is_wanted() && !store.is_whole());
        match unknown {
            None => Ok(()),
            Some((kind, store)) => {
                let why = store.trouble().map(|why| format!(": {why}")).unwrap_or_default();
                Err(format!("{} of the cluster are not known yet{why}", kind.plural))
            }
        }
    }

    /// Waits until all that policies look at is known, or the time has passed.
    ///
    /// # Errors
    /// As [`Cache::ready`].
    pub async fn settle(&self, time: Duration) -> Result<(), String> {
        let deadline = Instant::now() + time;
        loop {
            match self.ready() {
                Err(why) if Instant::now() >= deadline => return Err(why),
                Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
                Ok(()) => return Ok(()),
            }
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        for watch in self.watches.get_mut().unwrap_or_else(PoisonError::into_inner).values() {
            watch.abort();
        }
    }
}

impl Inner {
    fn kinds(&self) -> std::sync::RwLockReadGuard<'_, (Kinds, Option<Instant>)> {
        self.kinds.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn find(&self, api_version: &str, called: Called<'_>) -> Option<Kind> {
        self.kinds().0.find(api_version, called).cloned()
    }

    async fn rediscover(&self) -> Result<(), ClusterError> {
        let kinds = Kinds::discover(&self.connection.client).await;
        let kinds = kinds.map_err(|error| ClusterError::Failed(format!("what the cluster serves: {error}")))?;
        if !kinds.is_empty() {
            *self.kinds.write().unwrap_or_else(PoisonError::into_inner) = (kinds, Some(Instant::now()));
        }
        Ok(())
    }

    /// The kind that a query means; when it is not known, what is served may have changed.
    pub(crate) fn resolve(&self, query: Query<'_>, deadline: Instant) -> Result<Kind, ClusterError> {
        if let Some(kind) = self.find(query.api_version, query.called) {
            return Ok(kind);
        }
        let name = match query.called {
            Called::Kind(name) | Called::Plural(name) => name,
        };
        let missing = || ClusterError::NoSuchKind(format!("{name} of {}", query.api_version));
        let is_old = self.kinds().1.is_none_or(|since| since.elapsed() > REDISCOVERY);
        let left = deadline.saturating_duration_since(Instant::now());
        if is_old && !left.is_zero() {
            let asked = self.runtime.block_on(async { tokio::time::timeout(left, self.rediscover()).await });
            asked.map_err(|_| ClusterError::NotReady("what the cluster serves".to_owned()))??;
        }
        self.find(query.api_version, query.called).ok_or_else(missing)
    }

    /// The objects of a kind, which is watched from now on.
    pub(crate) fn store(self: &Arc<Self>, kind: &Kind) -> Arc<Store> {
        self.watched(kind, true)
    }

    /// The same, whether policies look at it or not.
    fn watched(self: &Arc<Self>, kind: &Kind, is_wanted: bool) -> Arc<Store> {
        // As long as the lock is held nobody leaves it.
        let known = |stores: &HashMap<Kind, Arc<Store>>| {
            let store = stores.get(kind)?;
            if is_wanted {
                store.want();
            }
            Some(Arc::clone(store))
        };
        if let Some(store) = known(&self.stores.read().unwrap_or_else(PoisonError::into_inner)) {
            return store;
        }
        let mut stores = self.stores.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(store) = known(&stores) {
            return store;
        }
        let store = Arc::new(Store::default());
        if is_wanted {
            store.want();
        }
        stores.insert(kind.clone(), Arc::clone(&store));
        let watch = Watch {
            api: Api::all_with(self.connection.client.clone(), &kind.resource()),
            kind: Arc::new(kind.clone()),
            store: Arc::clone(&store),
            changes: self.changes.clone(),
            sharing: Arc::clone(&self.sharing),
            inner: Arc::downgrade(self),
        };
        let task = self.runtime.spawn(watch.run());
        self.watches.lock().unwrap_or_else(PoisonError::into_inner).insert(kind.clone(), task);
        drop(stores);
        store
    }

    /// Watches kinds no more that no policy looks at.
    fn leave(&self, is_left: impl Fn(&Kind) -> bool) {
        let mut stores = self.stores.write().unwrap_or_else(PoisonError::into_inner);
        let mut watches = self.watches.lock().unwrap_or_else(PoisonError::into_inner);
        stores.retain(|kind, store| {
            let stays = store.is_wanted() || !is_left(kind);
            if !stays && let Some(watch) = watches.remove(kind) {
                watch.abort();
            }
            stays
        });
    }

    /// The objects of a kind when it is watched already.
    pub(crate) fn watched_store(&self, api_version: &str, plural: &str) -> Option<(Kind, Arc<Store>)> {
        let kind = self.find(api_version, Called::Plural(plural)).filter(|kind| kind.api_version() == api_version)?;
        let store = self.stores.read().unwrap_or_else(PoisonError::into_inner).get(&kind).cloned()?;
        Some((kind, store))
    }

    /// The stores of what policies look at, for the inventory.
    pub(crate) fn stores(&self) -> Vec<(Kind, Arc<Store>)> {
        let stores = self.stores.read().unwrap_or_else(PoisonError::into_inner);
        let wanted = stores.iter().filter(|(_, store)| store.is_wanted());
        wanted.map(|(kind, store)| (kind.clone(), Arc::clone(store))).collect()
    }
}

/// The watch of a kind.
struct Watch {
    api: Api<DynamicObject>,
    kind: Arc<Kind>,
    store: Arc<Store>,
    changes: broadcast::Sender<Change>,
    sharing: Arc<Mutex<Sharing>>,
    inner: std::sync::Weak<Inner>,
}

impl Watch {
    async fn run(self) {
        let config = watcher::Config::default().page_size(PAGE);
        let mut events = std::pin::pin!(watcher(self.api.clone(), config).default_backoff());
        while let Some(event) = events.next().await {
            match event {
                Ok(Event::Init) => self.store.begin(),
                Ok(Event::InitApply(object)) => {
                    if let Some((name, object)) = self.value(&object) {
                        self.store.listed(name, object);
                    }
                }
                Ok(Event::InitDone) => {
                    let is_first = !self.store.is_whole();
                    self.tell(self.store.finish(), is_first, &Arc::default());
                }
                Ok(Event::Apply(mut object)) => {
                    let managers = managers::of(object.metadata.managed_fields.take());
                    if let Some((name, object)) = self.value(&object) {
                        self.tell(self.store.put(name, object), false, &managers);
                    }
                }
                Ok(Event::Delete(object)) => {
                    let name =
                        (object.metadata.namespace.unwrap_or_default(), object.metadata.name.unwrap_or_default());
                    self.tell(self.store.remove(name), false, &Arc::default());
                }
                Err(error) => {
                    if is_not_found(&error) && self.is_gone() {
                        return self.end();
                    }
                    self.store.troubled(error.to_string());
                }
            }
        }
    }

    fn value(&self, object: &DynamicObject) -> Option<(Name, Value)> {
        let (name, object) = value(&self.kind, object)?;
        Some((name, self.sharing.lock().unwrap_or_else(PoisonError::into_inner).share(&object)))
    }

    /// Whether the cluster serves the kind no more, as far as is known.
    fn is_gone(&self) -> bool {
        self.inner.upgrade().is_none_or(|inner| !inner.kinds().0.has(&self.kind))
    }

    /// Nothing of the kind is there any more, and nobody waits for it.
    fn end(&self) {
        let Some(inner) = self.inner.upgrade() else { return };
        let mut stores = inner.stores.write().unwrap_or_else(PoisonError::into_inner);
        stores.remove(&*self.kind);
        inner.watches.lock().unwrap_or_else(PoisonError::into_inner).remove(&*self.kind);
        drop(stores);
        self.store.begin();
        self.tell(self.store.finish(), false, &Arc::default());
        inner.inventory.gone(&self.kind);
    }

    fn tell(&self, changes: impl IntoIterator<Item = Changed>, listed: bool, managers: &Arc<[Manager]>) {
        let Some(inner) = self.inner.upgrade() else { return };
        for Changed { name: (namespace, name), old, new } in changes {
            inner.inventory.touched(&self.kind, &namespace);
            if listed && !self.store.is_wanted() {
                continue;
            }
            let what = match (old, new) {
                (None, Some(new)) => What::Added(new),
                (Some(old), Some(new)) => What::Modified { old, new },
                (Some(old), None) => What::Deleted(old),
                (None, None) => continue,
            };
            // Nobody may listen.
            let (kind, managers) = (Arc::clone(&self.kind), Arc::clone(managers));
            let _ = self.changes.send(Change { kind, namespace, name, what, listed, managers });
        }
    }
}

fn is_not_found(error: &watcher::Error) -> bool {
    use watcher::Error::{InitialListFailed, WatchFailed, WatchStartFailed};
    match error {
        InitialListFailed(kube::Error::Api(status))
        | WatchStartFailed(kube::Error::Api(status))
        | WatchFailed(kube::Error::Api(status)) => status.code == 404,
        _ => false,
    }
}

/// An object as a value, without what servers keep in it for themselves.
fn value(kind: &Kind, object: &DynamicObject) -> Option<(Name, Value)> {
    let name = (object.metadata.namespace.clone().unwrap_or_default(), object.metadata.name.clone()?);
    let mut document = serde_json::to_value(object).ok()?;
    if let Some(fields) = document.as_object_mut() {
        // Only the list itself says it, not what is in it.
        fields.entry("apiVersion").or_insert_with(|| kind.api_version().into());
        fields.entry("kind").or_insert_with(|| kind.kind.as_str().into());
    }
    if let Some(metadata) = document.get_mut("metadata").and_then(serde_json::Value::as_object_mut) {
        metadata.remove("managedFields");
        if let Some(annotations) = metadata.get_mut("annotations").and_then(serde_json::Value::as_object_mut) {
            annotations.remove("kubectl.kubernetes.io/last-applied-configuration");
        }
    }
    let text = serde_json::to_vec(&document).ok()?;
    Some((name, json::read(&text).ok()?))
}
