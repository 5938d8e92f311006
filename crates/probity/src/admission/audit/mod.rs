//! What is there already is judged: all of it in rounds, and each object when it changes, by the replica that leads.
//!
//! Verdicts are made by few threads that give way to requests. What is wrong is written into reports, and what became worse
//! though nobody asked for a change is drift.

mod around;
mod judging;
mod lane;
mod plan;
mod records;
mod scope;
mod telling;

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, RwLock};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use jiff::civil::Date;
use probity_cluster::{Change, Connection, Kind, Limits, Reports, Round, Taken, What};
use probity_gate_admission::Images;
use probity_model::Value;
use probity_policy_core::Policy;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::watch;

use self::around::Around;
use self::judging::{Judged, judge, text, uid};
use self::lane::{Lane, WithoutAsking};
use self::plan::{Job, Key, Plan};
use self::records::{Cause, Record, Records};
use self::scope::Sight;
use self::telling::Teller;
use super::start::{STACK, give_way};
use super::webhook::{Gate, InForce};
use crate::config::Audit;
use crate::today;

/// For whom kinds are watched.
const WATCHES: &str = "audit";

/// Threads that judge.
const THREADS: usize = 2;

/// How willing these threads are to let others go first (`nice(1)`): requests do not wait for the audit.
const NICENESS: i32 = 10;

/// How often it is looked at what cannot be waited for: the day, kinds that appear, how far a round is.
const LOOK: Duration = Duration::from_millis(200);

/// How long kinds may take to be listed before the others are judged without them.
const KNOWN: Duration = Duration::from_secs(15);

/// Least time between rounds that are asked for because something was missed.
const MISSED: Duration = Duration::from_secs(10);

/// Audits the cluster until the end.
pub(super) async fn run(gate: Arc<Gate>, connection: Connection, mut ended: watch::Receiver<bool>) {
    let Some(settings) = gate.config.admission.audit.clone() else {
        // The sender is gone only when the process ends.
        let _ = ended.wait_for(|end| *end).await;
        return;
    };
    let reports = settings.reports.then(|| Reports::new(&gate.cluster, Limits::default()));
    let writing = reports.clone().map(|reports| {
        let ended = ended.clone();
        tokio::spawn(async move { reports.run(ended).await })
    });
    let shared = Arc::new(Shared::new(Arc::clone(&gate), reports, ended.clone()));
    match start_threads(&shared) {
        Ok(threads) => {
            Loop::new(Arc::clone(&shared), connection, settings).work(&mut ended).await;
            gate.cluster.watch_aside(WATCHES, &[]);
            shared.end();
            let telling = Arc::clone(&shared);
            let end = move || {
                // What panicked has said so.
                for thread in threads {
                    let _ = thread.join();
                }
                telling.teller.end();
            };
            let _ = tokio::task::spawn_blocking(end).await;
        }
        Err(error) => eprintln!("probity: there is no audit: {error}"),
    }
    if let Some(writing) = writing {
        let _ = writing.await;
    }
}

/// Starts the threads that judge, and the one that looks into images, which nobody waits for.
fn start_threads(shared: &Arc<Shared>) -> std::io::Result<Vec<JoinHandle<()>>> {
    let thread = |name: &str| std::thread::Builder::new().name(name.to_owned()).stack_size(STACK);
    let images = Arc::clone(shared);
    thread("audit of images").spawn(move || images.lane.work(|keys| images.judge_again(keys)))?;
    let judging = |_| {
        let shared = Arc::clone(shared);
        thread("audit").spawn(move || shared.judge_until_end())
    };
    (0..THREADS).map(judging).collect()
}

/// What is judged by, since when.
struct By {
    in_force: Arc<InForce>,
    /// Counts changes of the policies and of the day.
    epoch: u32,
}

/// What the threads share.
struct Shared {
    gate: Arc<Gate>,
    reports: Option<Reports>,
    by: RwLock<Option<By>>,
    work: Mutex<Work>,
    /// Told when there is something to judge, or the end.
    news: Condvar,
    records: Mutex<Records>,
    teller: Teller,
    lane: Lane,
    /// Whether reports were not taken, so that they must be found again.
    missed: AtomicBool,
    /// The round that is at its end.
    finished: AtomicU32,
}

#[derive(Default)]
struct Work {
    plan: Plan,
    ended: bool,
}

impl Shared {
    fn new(gate: Arc<Gate>, reports: Option<Reports>, ended: watch::Receiver<bool>) -> Self {
        Self {
            teller: Teller::start(&gate, ended),
            gate,
            reports,
            by: RwLock::default(),
            work: Mutex::default(),
            news: Condvar::new(),
            records: Mutex::default(),
            lane: Lane::default(),
            missed: AtomicBool::new(false),
            finished: AtomicU32::new(0),
        }
    }

    fn work(&self) -> MutexGuard<'_, Work> {
        self.work.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn records(&self) -> MutexGuard<'_, Records> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn end(&self) {
        self.work().ended = true;
        self.news.notify_all();
        self.lane.end();
    }

    fn judge_until_end(&self) {
        give_way(NICENESS);
        while let Some((job, round)) = self.next() {
            self.look_at(&job.key, round);
            if let Some(round) = self.work().plan.done(&job) {
                self.finished.fetch_max(round, Ordering::Release);
            }
            // Another may have waited for this very object.
            self.news.notify_one();
        }
    }

    fn next(&self) -> Option<(Job, u32)> {
        let mut work = self.work();
        loop {
            if work.ended {
                return None;
            }
            if let Some(job) = work.plan.next() {
                return Some((job, work.plan.round()));
            }
            work = self.news.wait(work).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn look_at(&self, key: &Key, round: u32) {
        let Some(object) = self.gate.cluster.object(&key.kind, &key.namespace, &key.name) else { return };
        let (in_force, epoch) = match &*self.by.read().unwrap_or_else(PoisonError::into_inner) {
            Some(By { in_force, epoch }) => (Arc::clone(in_force), *epoch),
            None => return,
        };
        let images = in_force.images.as_ref().map(|known| WithoutAsking {
            known,
            lane: &self.lane,
            key,
            is_missing: AtomicBool::new(false),
        });
        let judged = judge(&self.gate, &in_force, &object, images.as_ref().map(|images| images as &dyn Images));
        let Some(judged) = judged else { return };
        self.gate.figures.judged();
        let is_whole = images.is_none_or(|images| !images.is_missing.into_inner());
        self.take(&judged, epoch, round, is_whole);
    }

    /// Takes what was found of an object.
    fn take(&self, judged: &Judged, epoch: u32, round: u32, is_whole: bool) {
        let uid = &judged.audited.uid;
        // What was said stays until all is known, and it is judged again then.
        if !is_whole && self.records().seen(uid, round) {
            if let Some(reports) = &self.reports {
                reports.keep(uid);
            }
            return;
        }
        let mut records = self.records();
        let own = if judged.is_sure { judged.own } else { records.at_most(uid, judged.own) };
        let record = Record { content: judged.content, rank: judged.rank, own, epoch, round };
        let before = records.judged(uid, record);
        self.gate.figures.known(records.len(), records.failing());
        drop(records);
        if let Some(before) = before
            && let Some(why) = record.is_worse_by(&before)
            && (why == Cause::Policies || !judged.goes)
        {
            self.teller.worse(judged, why, &before, &record);
        }
        let taken = self.reports.as_ref().map(|reports| reports.take(&judged.audited));
        if taken == Some(Taken::Full) {
            self.missed.store(true, Ordering::Relaxed);
        }
    }

    fn judge_again(&self, keys: impl IntoIterator<Item = Key>) {
        let mut work = self.work();
        keys.into_iter().for_each(|key| work.plan.changed(key));
        drop(work);
        self.news.notify_all();
    }

    fn forget(&self, object: &Value) {
        let uid = uid(object);
        let mut records = self.records();
        records.forget(uid);
        self.gate.figures.known(records.len(), records.failing());
        drop(records);
        if let Some(reports) = &self.reports {
            reports.forget(uid);
        }
    }
}

/// Why all objects are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Why {
    /// What is being looked at by now would be wrong: it begins anew.
    AtOnce,
    /// When the round that there is has come to its end.
    Next,
}

/// What the loop waited for.
enum Event {
    Policies,
    Look,
    Change(Result<Change, RecvError>),
}

/// A round that is under way.
struct Open {
    number: u32,
    started: Instant,
    /// Reports of what was not seen go at its end; none when not all kinds are known.
    reports: Option<Round>,
}

/// Waits for what is to be judged.
struct Loop {
    shared: Arc<Shared>,
    connection: Connection,
    settings: Audit,
    sight: Sight,
    kinds: Arc<Vec<Arc<Kind>>>,
    set: HashSet<Kind>,
    around: Around,
    /// What the cluster served when it was last looked at.
    served: Vec<Kind>,
    day: Date,
    /// A round is to begin, for this since then.
    wanted: Option<(Why, Instant)>,
    open: Option<Open>,
    last: Instant,
    were_reports_open: bool,
    /// Kinds that were not known when the round began.
    unknown: Vec<Arc<Kind>>,
}

impl Loop {
    fn new(shared: Arc<Shared>, connection: Connection, settings: Audit) -> Self {
        Self {
            shared,
            connection,
            settings,
            sight: Sight::default(),
            kinds: Arc::default(),
            set: HashSet::new(),
            around: Around::default(),
            served: Vec::new(),
            day: today(),
            wanted: None,
            open: None,
            last: Instant::now(),
            were_reports_open: false,
            unknown: Vec::new(),
        }
    }

    async fn work(mut self, ended: &mut watch::Receiver<bool>) {
        let gate = Arc::clone(&self.shared.gate);
        let mut in_force = gate.in_force.subscribe();
        in_force.mark_changed();
        let mut changes = gate.cluster.changes();
        let mut look = tokio::time::interval(LOOK);
        look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            let event = tokio::select! {
                biased;
                _ = ended.wait_for(|end| *end) => return,
                changed = in_force.changed() => match changed {
                    Ok(()) => Event::Policies,
                    Err(_) => return,
                },
                _ = look.tick() => Event::Look,
                change = changes.recv() => Event::Change(change),
            };
            match event {
                Event::Policies => {
                    let now = in_force.borrow_and_update().clone();
                    if let Some(now) = now {
                        self.enforce(now).await;
                    }
                }
                Event::Look => self.look().await,
                Event::Change(Ok(change)) => self.changed(&change),
                // What was missed is not known.
                Event::Change(Err(RecvError::Lagged(_))) => self.want(Why::Next),
                Event::Change(Err(RecvError::Closed)) => return,
            }
        }
    }

    /// Other policies are in force: all is judged anew.
    async fn enforce(&mut self, in_force: Arc<InForce>) {
        let policies = in_force.judge.background().policies();
        self.around = Around::of(policies.iter().map(|policy| &**policy as &dyn Policy));
        self.judge_by(Some(in_force));
        self.choose_kinds().await;
        self.want(Why::AtOnce);
    }

    /// Another epoch begins, by these policies or those that there are.
    fn judge_by(&self, in_force: Option<Arc<InForce>>) {
        let mut by = self.shared.by.write().unwrap_or_else(PoisonError::into_inner);
        let epoch = by.as_ref().map_or(0, |by| by.epoch) + 1;
        let in_force = in_force.or_else(|| by.as_ref().map(|by| Arc::clone(&by.in_force)));
        *by = in_force.map(|in_force| By { in_force, epoch });
    }

    /// Finds out which kinds are judged, and watches them.
    async fn choose_kinds(&mut self) {
        let in_force =
            self.shared.by.read().unwrap_or_else(PoisonError::into_inner).as_ref().map(|by| by.in_force.clone());
        let Some(in_force) = in_force else { return };
        let cluster = &self.shared.gate.cluster;
        self.served = served(cluster);
        let kinds = self.sight.of(&self.connection, scope::judged(&in_force, cluster)).await;
        cluster.watch_aside(WATCHES, &kinds);
        self.set = kinds.iter().cloned().collect();
        self.kinds = Arc::new(kinds.into_iter().map(Arc::new).collect());
    }

    fn want(&mut self, why: Why) {
        match &mut self.wanted {
            Some((known, _)) if why == Why::AtOnce => *known = why,
            Some(_) => {}
            None => self.wanted = Some((why, Instant::now())),
        }
    }

    /// An object changed.
    fn changed(&mut self, change: &Change) {
        if change.listed {
            return;
        }
        if change.kind.kind == "Namespace" && change.kind.group.is_empty() {
            self.namespace_changed(change);
        }
        self.around.changed(change, Instant::now());
        if !self.set.contains(&*change.kind) {
            return;
        }
        let is_exempt = self.is_exempt(&change.kind, &change.namespace, &change.name);
        match &change.what {
            What::Deleted(old) => return self.shared.forget(old),
            // Another one of the same name.
            What::Modified { old, new } if uid(old) != uid(new) => self.shared.forget(old),
            What::Added(_) | What::Modified { .. } => {}
        }
        if !is_exempt {
            let (namespace, name) = (change.namespace.as_str().into(), change.name.as_str().into());
            self.shared.judge_again([Key { kind: Arc::clone(&change.kind), namespace, name }]);
        }
    }

    /// What is in a namespace is judged by what it is called: its environment decides on the stage.
    fn namespace_changed(&self, change: &Change) {
        let What::Modified { old, new } = &change.what else { return };
        let labels = |object: &Value| object.at(&["metadata", "labels"]).cloned();
        if labels(old) != labels(new) {
            self.shared.judge_again(self.keys_of(|_, namespace| namespace == change.name));
        }
    }

    /// Judges what policies see differently because of what is around it.
    fn look_around(&mut self) {
        let now = Instant::now();
        let Some(mut due) = self.around.due(now) else { return };
        let keys = self.keys_of(|kind, namespace| self.around.takes(&mut due, kind, namespace));
        self.around.judged(due, now);
        self.shared.judge_again(keys);
    }

    /// Whether something is not judged, wherever it comes from.
    fn is_exempt(&self, kind: &Kind, namespace: &str, name: &str) -> bool {
        let by = self.shared.by.read().unwrap_or_else(PoisonError::into_inner);
        let Some(by) = &*by else { return false };
        let is_namespace = kind.kind == "Namespace" && kind.group.is_empty();
        let namespace = if is_namespace { name } else { namespace };
        by.in_force.judge.exemptions().namespaces.iter().any(|exempt| exempt == namespace)
    }

    /// Objects that are judged, of these kinds in these namespaces.
    fn keys_of(&self, mut is_of: impl FnMut(&Kind, &str) -> bool) -> Vec<Key> {
        let mut keys = Vec::new();
        for kind in &*self.kinds {
            for object in self.shared.gate.cluster.objects(kind) {
                let [namespace, name] = ["namespace", "name"].map(|field| text(&object, &["metadata", field]));
                if is_of(kind, namespace) && !self.is_exempt(kind, namespace, name) {
                    keys.push(Key { kind: Arc::clone(kind), namespace: namespace.into(), name: name.into() });
                }
            }
        }
        keys
    }

    /// Looks at what cannot be waited for.
    async fn look(&mut self) {
        self.finish();
        let cluster = Arc::clone(&self.shared.gate.cluster);
        if std::mem::replace(&mut self.day, today()) != self.day {
            // Waivers end, and policies may ask for the day.
            self.judge_by(None);
            self.want(Why::AtOnce);
        }
        if !self.kinds.is_empty() && served(&cluster) != self.served {
            self.choose_kinds().await;
            self.want(Why::AtOnce);
        }
        if self.unknown.iter().any(|kind| cluster.knows(kind)) {
            self.unknown.retain(|kind| !cluster.knows(kind));
            self.want(Why::Next);
        }
        self.look_at_reports();
        self.look_around();
        if self.last.elapsed() >= self.settings.interval {
            self.want(Why::Next);
        }
        self.begin();
    }

    /// What was found before reports could be taken is found again.
    fn look_at_reports(&mut self) {
        let Some(reports) = &self.shared.reports else { return };
        let is_open = reports.is_open();
        let opened = is_open && !std::mem::replace(&mut self.were_reports_open, is_open);
        self.were_reports_open = is_open;
        let has_room = is_open && self.last.elapsed() >= MISSED && reports.progress().waiting == 0;
        let missed = has_room && self.shared.missed.swap(false, Ordering::Relaxed);
        if opened || missed {
            self.want(Why::Next);
        }
    }

    /// Begins a round, when one is wanted and can be.
    fn begin(&mut self) {
        let Some((why, since)) = self.wanted else { return };
        let cluster = &self.shared.gate.cluster;
        let unknown: Vec<_> = self.kinds.iter().filter(|kind| !cluster.knows(kind)).cloned().collect();
        let is_patient = since.elapsed() < KNOWN;
        if self.kinds.is_empty() || !unknown.is_empty() && is_patient || self.open.is_some() && why == Why::Next {
            return;
        }
        if !unknown.is_empty() {
            let names: Vec<_> = unknown.iter().map(|kind| kind.plural.as_str()).collect();
            eprintln!("probity: the audit goes on without what is not known yet: {}", names.join(", "));
        }
        let reports = self.shared.reports.as_ref().map(Reports::begin).filter(|_| unknown.is_empty());
        let keys = self.keys_of(|_, _| true);
        let number = self.shared.work().plan.begin(keys);
        self.open = Some(Open { number, started: Instant::now(), reports });
        (self.wanted, self.unknown, self.last) = (None, unknown, Instant::now());
        self.shared.news.notify_all();
    }

    /// Takes note that a round is at its end.
    fn finish(&mut self) {
        let Some(open) = &self.open else { return };
        // One without objects has no last of them.
        let at_end = self.shared.work().plan.at_end() == Some(open.number);
        if !at_end && self.shared.finished.load(Ordering::Acquire) != open.number {
            return;
        }
        self.shared.teller.end_of_round();
        if let Some(round) = open.reports {
            let mut records = self.shared.records();
            records.sweep(open.number);
            self.shared.gate.figures.known(records.len(), records.failing());
            drop(records);
            if let Some(reports) = &self.shared.reports {
                reports.finish(round);
            }
        }
        self.shared.gate.figures.round(open.started.elapsed());
        self.open = None;
    }
}

fn served(cluster: &probity_cluster::Cache) -> Vec<Kind> {
    let mut kinds = cluster.kinds("*");
    kinds.sort();
    kinds
}
