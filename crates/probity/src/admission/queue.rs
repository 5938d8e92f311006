//! What was decided, on its way to the ledger: durable on this machine before the API server is answered.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Condvar, Mutex, PoisonError, TryLockError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::Result;
use jiff::Timestamp;
use probity_evidence_ledger::{Body, Digest, GapRecord, HeartbeatRecord, Ledger, ReplicaState};
use probity_evidence_spool::{Server, Spool, SpoolError, deliver};
use probity_model::Gate;

use super::start::give_way;
use crate::evidence::data::Data;
use crate::evidence::record;

/// So many entries are written together, with one sync.
const BATCH: usize = 1_000;
/// So many may wait to be written.
const WAITING: usize = 10_000;
/// How often what could not be written, or sent, is tried again.
const PAUSE: Duration = Duration::from_secs(1);
/// So often what waits is sent, decisions that were gathered meanwhile together. Nobody is woken for it: to wake a thread takes
/// time that who waits for an answer would have to wait.
const TOGETHER: Duration = Duration::from_millis(250);
/// How willing the thread that sends is to let others go first: who is asked for an answer does not wait for it.
const NICENESS: i32 = 10;
/// How often a replica says that it lives.
const HEARTBEAT: Duration = Duration::from_mins(1);
/// A server that is away is waited for so long in one attempt.
const PATIENCE: Duration = Duration::from_secs(20);

/// Where entries go from the queue.
pub(super) enum Sink {
    /// A ledger that is open in this process.
    Ledger(Arc<Ledger>),
    /// The ledger of a server.
    Server(Server),
}

struct Item {
    time: Timestamp,
    body: Body,
    done: Option<SyncSender<Result<(), String>>>,
}

/// What could not be written.
struct Missed {
    since: Timestamp,
    allowed: u64,
    denied: u64,
    why: String,
}

struct Shared {
    /// Held by who writes.
    turn: Mutex<()>,
    /// Taken out for a moment when it is opened anew.
    spool: Mutex<Option<Arc<Spool>>>,
    folder: PathBuf,
    sink: Sink,
    missed: Mutex<Option<Missed>>,
    ending: Mutex<bool>,
    /// Told when that changes.
    ended: Condvar,
    started: Timestamp,
    /// The cluster's name, and this replica's.
    cluster: String,
    replica: String,
    /// The policies in force, and as the document that is kept of them until it was.
    policies: Mutex<Option<(Digest, Option<String>)>>,
    written: AtomicU64,
}

/// The queue of a replica, with its own numbers.
pub(super) struct Queue {
    shared: Arc<Shared>,
    sender: Option<SyncSender<Item>>,
    writing: Option<JoinHandle<()>>,
    sending: Option<JoinHandle<()>>,
}

impl Queue {
    /// Opens the queue in a data folder: one process has it at a time.
    pub(super) fn open(data: &Data, sink: Sink, cluster: &str, replica: &str) -> Result<Self> {
        data.create()?;
        let spool = record::open_gate_spool(data, Gate::Admission, "admission")?;
        let shared = Arc::new(Shared {
            turn: Mutex::new(()),
            spool: Mutex::new(Some(Arc::new(spool))),
            folder: data.spool_folder().join("admission"),
            sink,
            missed: Mutex::default(),
            ending: Mutex::default(),
            ended: Condvar::new(),
            started: Timestamp::now(),
            cluster: cluster.to_owned(),
            replica: replica.to_owned(),
            policies: Mutex::default(),
            written: AtomicU64::new(0),
        });
        let (sender, receiver) = sync_channel(WAITING);
        let (writing, sending) = (Arc::clone(&shared), Arc::clone(&shared));
        let writing = std::thread::spawn(move || writing.write_until_end(&receiver));
        let sending = std::thread::spawn(move || sending.send_until_end());
        Ok(Self { shared, sender: Some(sender), writing: Some(writing), sending: Some(sending) })
    }

    /// Keeps an entry: it is on the disk when this returns.
    ///
    /// # Errors
    /// When it is not, in words.
    pub(super) fn keep(&self, time: Timestamp, body: Body, deadline: Instant) -> Result<(), String> {
        let body = match self.shared.write_at_once(time, body) {
            Ok(kept) => return kept,
            Err(body) => body,
        };
        let (done, kept) = sync_channel(1);
        self.push(Item { time, body, done: Some(done) })?;
        match kept.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(kept) => kept,
            Err(_) => Err("the disk took too long".to_owned()),
        }
    }

    /// Says that an entry comes soon.
    pub(super) fn expect(&self) {
        if let Ok(spool) = self.shared.spool.try_lock()
            && let Some(spool) = &*spool
        {
            spool.expect();
        }
    }

    fn push(&self, item: Item) -> Result<(), String> {
        let sender = self.sender.as_ref().ok_or("the queue is closed")?;
        sender.try_send(item).map_err(|error| match error {
            TrySendError::Full(_) => "too many decisions wait for the disk".to_owned(),
            TrySendError::Disconnected(_) => "the queue is closed".to_owned(),
        })
    }

    /// Counts a request whose decision could not be kept. The count becomes an entry once the disk takes one again.
    pub(super) fn missed(&self, time: Timestamp, allowed: bool, why: &str) {
        let mut missed = self.shared.missed.lock().unwrap_or_else(PoisonError::into_inner);
        let missed = missed.get_or_insert_with(|| {
            eprintln!("probity: requests are answered without a decision that is kept: {why}");
            Missed { since: time, allowed: 0, denied: 0, why: why.to_owned() }
        });
        *(if allowed { &mut missed.allowed } else { &mut missed.denied }) += 1;
    }

    /// Which policies are in force: signs of life name them, and the first of those comes with them.
    pub(super) fn in_force(&self, digest: Digest, document: String) {
        let mut policies = self.shared.policies.lock().unwrap_or_else(PoisonError::into_inner);
        if policies.as_ref().is_none_or(|(known, _)| *known != digest) {
            *policies = Some((digest, Some(document)));
        }
    }

    /// The server that has the ledger, when it is not in this process.
    pub(super) fn server(&self) -> Option<&Server> {
        match &self.shared.sink {
            Sink::Ledger(_) => None,
            Sink::Server(server) => Some(server),
        }
    }

    /// Entries that wait for the ledger.
    pub(super) fn waiting(&self) -> u64 {
        self.shared.spool().map_or(0, |spool| spool.waiting())
    }

    /// Entries written to the disk.
    pub(super) fn written(&self) -> u64 {
        self.shared.written.load(Ordering::Relaxed)
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        // A thread that panicked has said so.
        let join = |thread: &mut Option<JoinHandle<()>>| drop(thread.take().map(JoinHandle::join));
        self.sender = None;
        join(&mut self.writing);
        *self.shared.ending.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.shared.ended.notify_one();
        join(&mut self.sending);
    }
}

impl Shared {
    fn spool(&self) -> Option<Arc<Spool>> {
        self.spool.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Writes what comes until the queue is closed and empty.
    fn write_until_end(&self, queue: &Receiver<Item>) {
        let mut beat = Instant::now();
        loop {
            let first = match queue.recv_timeout(PAUSE) {
                Ok(item) => Some(item),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => break,
            };
            let mut items: Vec<Item> = first.into_iter().collect();
            while items.len() < BATCH
                && let Ok(item) = queue.try_recv()
            {
                items.push(item);
            }
            if beat.elapsed() >= HEARTBEAT {
                beat = Instant::now();
                items.push(self.sign_of_life(ReplicaState::Alive));
            }
            self.write_together(items);
        }
        self.write_together(vec![self.sign_of_life(ReplicaState::Stopped)]);
    }

    fn has_news(&self) -> bool {
        let policies = self.policies.lock().unwrap_or_else(PoisonError::into_inner);
        policies.as_ref().is_some_and(|(_, document)| document.is_some())
    }

    fn sign_of_life(&self, state: ReplicaState) -> Item {
        let beat = HeartbeatRecord {
            cluster: self.cluster.clone(),
            replica: self.replica.clone(),
            since: self.started,
            state,
            interval_s: u32::try_from(HEARTBEAT.as_secs()).unwrap_or(u32::MAX),
            last_sequence: self.spool().map_or(0, |spool| spool.last()),
            policies: self.policies.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map(|(digest, _)| *digest),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        };
        Item { time: Timestamp::now(), body: Body::Heartbeat(Box::new(beat)), done: None }
    }

    /// Writes an entry on this thread when nobody else writes: to wake another one takes about as long as the disk. Gives it
    /// back when it is to be written together with others.
    fn write_at_once(&self, time: Timestamp, body: Body) -> Result<Result<(), String>, Body> {
        match self.turn.try_lock() {
            Ok(_turn) => Ok(self.write(vec![(time, body)])),
            Err(TryLockError::Poisoned(_) | TryLockError::WouldBlock) => Err(body),
        }
    }

    fn write_together(&self, items: Vec<Item>) {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let (entries, waiting): (Vec<_>, Vec<_>) =
            items.into_iter().map(|item| ((item.time, item.body), item.done)).unzip();
        let kept = self.write(entries);
        for done in waiting.into_iter().flatten() {
            // Who asked may have given up.
            let _ = done.try_send(kept.clone());
        }
    }

    /// Writes entries. In front of them is what could not be written before, and that other policies are in force, which is
    /// told of at once.
    fn write(&self, entries: Vec<(Timestamp, Body)>) -> Result<(), String> {
        let missed = self.missed.lock().unwrap_or_else(PoisonError::into_inner).take();
        let news = self.has_news().then(|| self.sign_of_life(ReplicaState::Alive)).map(|item| (item.time, item.body));
        let count = (entries.len() + usize::from(news.is_some())) as u64;
        if count == 0 && missed.is_none() {
            return Ok(());
        }
        let gap = missed.as_ref().map(|missed| self.gap(missed));
        let kept = self.append(gap.into_iter().chain(news).chain(entries).collect());
        match &kept {
            Ok(()) => {
                self.written.fetch_add(count, Ordering::Relaxed);
                if missed.is_some() {
                    eprintln!("probity: how many they were is an entry now");
                }
            }
            Err(_) => self.put_back(missed),
        }
        kept
    }

    fn gap(&self, missed: &Missed) -> (Timestamp, Body) {
        let now = Timestamp::now();
        let Missed { since, allowed, denied, why } = missed;
        // A clock may have been set back since.
        let (from, to) = ((*since).min(now), (*since).max(now));
        let gap = GapRecord {
            cluster: self.cluster.clone(),
            replica: self.replica.clone(),
            from,
            to,
            allowed: *allowed,
            denied: *denied,
            why: why.clone(),
        };
        (now, Body::Gap(Box::new(gap)))
    }

    fn append(&self, entries: Vec<(Timestamp, Body)>) -> Result<(), String> {
        let spool = self.spool().ok_or("the queue is not open")?;
        let policies = self.policies.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let document = policies.as_ref().and_then(|(_, document)| document.as_deref());
        match spool.append(entries, document.map(str::as_bytes).as_slice()) {
            Ok(_) => {
                if let (Some((digest, Some(_))), Some(now)) =
                    (policies, &mut *self.policies.lock().unwrap_or_else(PoisonError::into_inner))
                    && now.0 == digest
                {
                    now.1 = None;
                }
                Ok(())
            }
            Err(error) => {
                drop(spool);
                if matches!(error, SpoolError::Failed { .. }) {
                    self.reopen();
                }
                Err(error.to_string())
            }
        }
    }

    /// Opens the queue anew, after an error that left it in an unknown state.
    fn reopen(&self) {
        let mut spool = self.spool.lock().unwrap_or_else(PoisonError::into_inner);
        let unused = spool.take().map(Arc::try_unwrap);
        match unused {
            // The thread that sends has it now; the next error tries again.
            Some(Err(used)) => *spool = Some(used),
            _ => match Spool::reopen(&self.folder) {
                Ok(opened) => *spool = Some(Arc::new(opened)),
                Err(error) => eprintln!("probity: the queue of decisions cannot be opened: {error}"),
            },
        }
    }

    fn put_back(&self, earlier: Option<Missed>) {
        let Some(earlier) = earlier else { return };
        let mut missed = self.missed.lock().unwrap_or_else(PoisonError::into_inner);
        *missed = Some(match missed.take() {
            None => earlier,
            Some(later) => {
                Missed { allowed: earlier.allowed + later.allowed, denied: earlier.denied + later.denied, ..earlier }
            }
        });
    }

    fn send_until_end(&self) {
        give_way(NICENESS);
        let mut said = false;
        let mut ending = false;
        loop {
            let trouble = self.send();
            if let (Some(why), false) = (&trouble, said) {
                eprintln!("probity: decisions wait on this disk: {why}");
            }
            said = trouble.is_some();
            if ending {
                return;
            }
            ending = self.ends_within(if said { PAUSE } else { TOGETHER });
        }
    }

    fn ends_within(&self, time: Duration) -> bool {
        let ending = self.ending.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.ended.wait_timeout_while(ending, time, |ending| !*ending);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }

    /// Sends what waits; says what is in the way.
    fn send(&self) -> Option<String> {
        let spool = self.spool()?;
        let trouble = if spool.waiting() > 0 { self.deliver(&spool) } else { None };
        // What is in the way of that is told by the append that it would have been for.
        let _ = spool.prepare();
        trouble
    }

    fn deliver(&self, spool: &Spool) -> Option<String> {
        match &self.sink {
            // The ledger seals what it has every second, and when it is closed.
            Sink::Ledger(ledger) => record::hand_over(spool, ledger).err().map(|error| format!("{error:#}")),
            Sink::Server(server) => match deliver(spool, server, PATIENCE) {
                Ok(delivered) => delivered.trouble,
                Err(error) => Some(error.to_string()),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;
    use probity_evidence_ledger::Submission;

    use super::*;
    use crate::evidence::data::DataArgs;

    fn gap(why: &str) -> Body {
        let now = Timestamp::now();
        let (cluster, replica) = ("eu-1".to_owned(), "one".to_owned());
        Body::Gap(Box::new(GapRecord {
            cluster,
            replica,
            from: now,
            to: now,
            allowed: 0,
            denied: 1,
            why: why.to_owned(),
        }))
    }

    /// A queue of a ledger in a folder.
    fn opened(folder: &std::path::Path) -> (Data, Arc<Ledger>, Queue) {
        let data = Data::find(&DataArgs { data: Some(folder.to_owned()), ledger_key: None }, None);
        let ledger = Arc::new(data.open_ledger().unwrap());
        let queue = Queue::open(&data, Sink::Ledger(Arc::clone(&ledger)), "eu-1", "one").unwrap();
        (data, ledger, queue)
    }

    /// What a ledger has when its queue is closed.
    fn closed((data, ledger, queue): (Data, Arc<Ledger>, Queue)) -> Vec<Submission> {
        drop(queue);
        ledger.publish().unwrap();
        data.reader().unwrap().entries(0..1_000).map(|read| read.unwrap().entry.submission).collect()
    }

    fn signs(entries: &[Submission]) -> Vec<(ReplicaState, Option<Digest>)> {
        let beats = entries.iter().filter_map(|entry| match &entry.body {
            Body::Heartbeat(beat) => Some((beat.state, beat.policies)),
            _ => None,
        });
        beats.collect()
    }

    fn gaps(entries: &[Submission]) -> Vec<&GapRecord> {
        let gaps = entries.iter().filter_map(|entry| match &entry.body {
            Body::Gap(gap) => Some(&**gap),
            _ => None,
        });
        gaps.collect()
    }

    #[test]
    fn the_order_is_that_of_numbers_when_the_clock_jumps() {
        let folder = tempfile::tempdir().unwrap();
        let opened = opened(folder.path());
        let queue = &opened.2;
        let clock = |hours: i64| Timestamp::now() + SignedDuration::from_hours(hours);
        let jumps = [0, -1, 24, 0];
        for (number, hours) in jumps.into_iter().enumerate() {
            let deadline = Instant::now() + Duration::from_secs(10);
            queue.keep(clock(hours), gap(&number.to_string()), deadline).unwrap();
        }
        // The clock was a day ahead when the first of these was answered.
        queue.missed(clock(24), true, "missed");
        queue.missed(clock(0), false, "missed");
        let entries = closed(opened);
        let numbers = entries.iter().map(|entry| entry.gate.as_ref().unwrap().sequence);
        assert!(numbers.eq(1..=entries.len() as u64));
        let gaps = gaps(&entries);
        let order: Vec<_> = gaps.iter().map(|gap| gap.why.as_str()).collect();
        assert_eq!(order, ["0", "1", "2", "3", "missed"]);
        let missed = gaps[4];
        assert_eq!((missed.allowed, missed.denied), (1, 1));
        assert!(missed.to.duration_since(missed.from) > SignedDuration::from_hours(23), "{missed:?}");
    }

    #[test]
    fn all_that_is_kept_at_once_is_there_once_and_says_by_which_policies() {
        let folder = tempfile::tempdir().unwrap();
        let opened = opened(folder.path());
        let queue = &opened.2;
        let policies = Digest::of(b"policies");
        queue.in_force(policies, "policies".to_owned());
        std::thread::scope(|scope| {
            for thread in 0..4 {
                scope.spawn(move || {
                    for number in 0..25 {
                        let deadline = Instant::now() + Duration::from_secs(30);
                        queue.keep(Timestamp::now(), gap(&format!("{thread}-{number}")), deadline).unwrap();
                    }
                });
            }
        });
        let entries = closed(opened);
        let mut kept: Vec<&str> = gaps(&entries).iter().map(|gap| gap.why.as_str()).collect();
        kept.sort_unstable();
        kept.dedup();
        assert_eq!((kept.len(), entries.len()), (100, 102));
        assert_eq!(signs(&entries), [(ReplicaState::Alive, Some(policies)), (ReplicaState::Stopped, Some(policies))]);
        assert!(matches!(entries[0].body, Body::Heartbeat(_)));
    }

    #[test]
    fn that_it_stops_is_the_last_that_a_replica_says() {
        let folder = tempfile::tempdir().unwrap();
        let opened = opened(folder.path());
        let policies = Digest::of(b"policies");
        opened.2.in_force(policies, "policies".to_owned());
        let said = signs(&closed(opened));
        assert_eq!(said, [(ReplicaState::Alive, Some(policies)), (ReplicaState::Stopped, Some(policies))]);
    }
}
