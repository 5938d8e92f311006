//! Tasks are taken, done and told.

use std::fs::{self, File};
use std::io;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};

use crate::archive::{ArchiveError, unpack};
use crate::hosts::{AllowedHost, Hosts};
use crate::journal::{Entry, Journal, JournalError};
use crate::payload::{Stage, Task};
use crate::plan::{PlanError, add_run, check_plan};
use crate::platform::{Authorities, Platform, PlatformError};
use crate::queue::{Admission, Queue};
use crate::result::{Judged, Status};
use crate::signature::Key;

/// A task is begun so often at most: one that ends the server each time would do so for ever.
const ATTEMPTS: u32 = 3;

/// After this the platform awaits no result any more.
const FORGOTTEN: Duration = Duration::from_hours(1);

/// Time that is spent on telling that a task is being worked on.
const PROGRESS: Duration = Duration::from_secs(10);

/// Bytes of the stack of each thread; policies nest.
const STACK: usize = 8 << 20;

/// What is to be judged.
#[derive(Debug)]
pub struct Subject {
    /// The folder that paths are shown from: below it there is one for the organization, and in that one for the workspace.
    pub root: PathBuf,
    /// The plan's file, or the configuration's folder.
    pub path: PathBuf,
    /// How often the task was begun, this time included.
    pub attempt: u32,
}

/// Judges what a run would do, and keeps the decision.
pub trait Judge: Send + Sync {
    /// Judges a plan or a configuration.
    ///
    /// # Errors
    /// In words, when it cannot be judged or the decision cannot be kept. The task fails then.
    fn judge(&self, task: &Task, subject: &Subject) -> Result<Judged, String>;
}

/// What one task, or all of them, may take.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Bytes of a plan in JSON.
    pub plan: u64,
    /// Bytes of a configuration, packed.
    pub archive: u64,
    /// Bytes of a configuration, unpacked.
    pub configuration: u64,
    /// Tasks that wait; more are told to come again.
    pub waiting: usize,
    /// Tasks that are done at the same time.
    pub workers: usize,
    /// Time from a task's coming until it is judged, or has failed. The platform waits ten minutes for a sign.
    pub time: Duration,
    /// Time until the platform is tried a second time; it doubles with each.
    pub first_wait: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            plan: 512 << 20,
            archive: 128 << 20,
            configuration: 512 << 20,
            waiting: 100,
            workers: 2,
            time: Duration::from_mins(9),
            first_wait: Duration::from_secs(1),
        }
    }
}

/// How the gate is set up.
pub struct Settings {
    /// The key that requests are signed with. Without, whoever reaches the gate can have plans judged.
    pub key: Option<Key>,
    /// Hosts that may be asked beside those of HCP Terraform and, of signed requests, of the callback.
    pub hosts: Vec<AllowedHost>,
    /// Certificates to trust in place of the public authorities.
    pub authorities: Option<Authorities>,
    /// The folder in which tasks are kept until they have ended.
    pub journal: PathBuf,
    /// Who judges.
    pub judge: Arc<dyn Judge>,
    /// What tasks may take.
    pub limits: Limits,
}

/// Why the gate does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The folder of tasks cannot be used.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// Threads are not to be had.
    #[error("run tasks need threads: {0}")]
    Thread(#[from] io::Error),
}

/// What became of a task that was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Taken {
    New,
    Known,
    Full,
}

/// The gate, running. Its workers end with it; what they had not ended is taken up by the next one.
pub struct Service {
    worker: Arc<Worker>,
}

impl Service {
    /// Takes up what an earlier run left, and begins to work.
    ///
    /// # Errors
    /// When tasks cannot be kept, or there are no threads.
    pub fn start(settings: Settings) -> Result<Self, StartError> {
        let journal = Journal::open(&settings.journal)?;
        let queue = Queue::new(settings.limits.waiting);
        let (waiting, problems) = journal.waiting()?;
        for problem in problems {
            log(&format!("is lost: {problem}"));
        }
        for entry in waiting {
            log(&format!("{}: taken up again", entry.task.name()));
            queue.resume(entry);
        }
        let hosts = Hosts::new(&settings.hosts, settings.key.is_some());
        let platform = Platform::new(hosts, settings.authorities.as_ref(), settings.limits.first_wait);
        let worker = Arc::new(Worker { settings, journal, queue, platform });
        let service = Self { worker };
        for number in 0..service.worker.settings.limits.workers {
            let worker = Arc::clone(&service.worker);
            let thread = thread::Builder::new().name(format!("run-task-{number}")).stack_size(STACK);
            thread.spawn(move || worker.run())?;
        }
        Ok(service)
    }

    /// Whether a request comes from who has the key.
    pub(crate) fn verifies(&self, body: &[u8], signature: &[u8]) -> bool {
        self.worker.settings.key.as_ref().is_none_or(|key| key.verifies(body, signature))
    }

    /// Takes a task; it is on disk when this returns.
    pub(crate) fn take(&self, task: Task) -> Result<Taken, JournalError> {
        let Worker { queue, journal, .. } = &*self.worker;
        let id = task.task_result_id.clone();
        match queue.admit(&id) {
            Admission::Known => return Ok(Taken::Known),
            Admission::Full => {
                log(&format!("{}: as many tasks wait as may; the platform is to come again", task.name()));
                return Ok(Taken::Full);
            }
            Admission::New => {}
        }
        let entry = Entry { received: Timestamp::now(), attempts: 0, task };
        if let Err(error) = journal.keep(&entry) {
            queue.withdraw(&id);
            log(&error.to_string());
            return Err(error);
        }
        queue.push(entry);
        Ok(Taken::New)
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.worker.queue.close();
    }
}

/// Why a task fails that was not judged.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("the stage `{0}` is not known here")]
    Stage(String),
    #[error("the platform names no address for {0}")]
    NoAddress(&'static str),
    #[error("{what} cannot be fetched: {error}")]
    Fetch { what: &'static str, error: PlatformError },
    #[error(transparent)]
    Plan(#[from] PlanError),
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    #[error("the configuration has no folder `{0}`, in which the workspace works")]
    WorkingDirectory(String),
    #[error("there is no room for it on this machine: {0}")]
    Room(#[from] io::Error),
    #[error("{0}")]
    Judge(String),
    #[error("it took longer than {:#}", SignedDuration::try_from(*.0).unwrap_or_default())]
    Time(Duration),
    #[error("the server ended {0} times while it judged this")]
    Attempts(u32),
    #[error("judging it broke off; the server's log says why")]
    Broke,
}

struct Worker {
    settings: Settings,
    journal: Journal,
    queue: Queue,
    platform: Platform,
}

impl Worker {
    fn run(self: Arc<Self>) {
        while let Some(entry) = self.queue.take() {
            let id = entry.task.task_result_id.clone();
            self.work(entry);
            if let Err(error) = self.journal.remove(&id) {
                log(&error.to_string());
            }
            self.queue.end(&id);
        }
    }

    fn work(self: &Arc<Self>, mut entry: Entry) {
        let name = entry.task.name();
        let age = Duration::try_from(Timestamp::now().duration_since(entry.received)).unwrap_or_default();
        if age > FORGOTTEN {
            log(&format!("{name}: given up, it came more than an hour ago and the platform awaits it no more"));
            return;
        }
        let time = self.settings.limits.time;
        let until = Instant::now() + time.saturating_sub(age);
        entry.attempts += 1;
        let mut judging = None;
        let judged = if entry.attempts > ATTEMPTS {
            Err(Failure::Attempts(entry.attempts - 1))
        } else if let Err(error) = self.journal.keep(&entry) {
            Err(Failure::Judge(error.to_string()))
        } else {
            self.say_running(&entry.task);
            self.judge_within(&entry, until, &mut judging)
        };
        let judged = judged.unwrap_or_else(|failure| {
            let reason = entry.task.access_token.without(&failure.to_string());
            Judged::not_judged(&reason)
        });
        let outcome = if judged.status == Status::Passed { "passed" } else { "failed" };
        log(&format!("{name}: {outcome}. {}", judged.message));
        self.tell(&entry.task, &judged, Instant::now() + time);
        if let Some(thread) = judging {
            // What still judges has its memory: no more of these than workers.
            let _ = thread.join();
        }
    }

    /// Says that the task is being worked on. What goes wrong with that is told by the result.
    fn say_running(&self, task: &Task) {
        let document = Judged::running().document(false).to_string();
        if let Err(error) = self.platform.patch(task, &document, Instant::now() + PROGRESS) {
            let error = task.access_token.without(&error.to_string());
            log(&format!("{}: the platform could not be told that it is being judged: {error}", task.name()));
        }
    }

    /// Judges on a thread of its own: when the time is over, the platform is told so whatever that thread does.
    fn judge_within(
        self: &Arc<Self>,
        entry: &Entry,
        until: Instant,
        judging: &mut Option<JoinHandle<()>>,
    ) -> Result<Judged, Failure> {
        let (sender, receiver) = channel();
        let (worker, entry) = (Arc::clone(self), entry.clone());
        let thread = thread::Builder::new().name("run-task-judge".to_owned()).stack_size(STACK);
        *judging = Some(thread.spawn(move || {
            // Nobody listens any more when the time was over.
            let _ = sender.send(worker.judge(&entry, until));
        })?);
        match receiver.recv_timeout(until.saturating_duration_since(Instant::now())) {
            Ok(judged) => judged,
            Err(RecvTimeoutError::Timeout) => Err(Failure::Time(self.settings.limits.time)),
            Err(RecvTimeoutError::Disconnected) => Err(Failure::Broke),
        }
    }

    fn judge(&self, entry: &Entry, until: Instant) -> Result<Judged, Failure> {
        let task = &entry.task;
        let place = tempfile::Builder::new().prefix("probity-run-").tempdir()?;
        // A finding stands at a path as the system names it.
        let root = place.path().canonicalize()?;
        let folder = root.join(task.folder());
        fs::create_dir_all(&folder)?;
        let path = match &task.stage {
            Stage::PrePlan => self.fetch_configuration(task, &root, &folder, until)?,
            Stage::PostPlan | Stage::PreApply | Stage::PostApply => self.fetch_plan(task, &folder, until)?,
            Stage::Other(stage) => return Err(Failure::Stage(stage.chars().take(40).collect())),
        };
        let subject = Subject { root, path, attempt: entry.attempts };
        self.settings.judge.judge(task, &subject).map_err(Failure::Judge)
    }

    fn fetch_plan(&self, task: &Task, folder: &Path, until: Instant) -> Result<PathBuf, Failure> {
        let address = task.plan_json_api_url.as_deref().ok_or(Failure::NoAddress("the plan"))?;
        let path = folder.join("plan.json");
        let mut file = File::options().read(true).write(true).create_new(true).open(&path)?;
        let fetched = self.platform.fetch(task, address, &mut file, self.settings.limits.plan, until);
        fetched.map_err(|error| Failure::Fetch { what: "the plan", error })?;
        check_plan(&mut file)?;
        add_run(&mut file, &task.tfrun())?;
        Ok(path)
    }

    /// Fetches the configuration; gives the folder that Terraform would run in.
    fn fetch_configuration(&self, task: &Task, root: &Path, folder: &Path, until: Instant) -> Result<PathBuf, Failure> {
        const WHAT: &str = "the configuration";
        let limits = &self.settings.limits;
        let address = task.configuration_version_download_url.as_deref().ok_or(Failure::NoAddress(WHAT))?;
        let archive = root.join(".configuration.tar.gz");
        let fetched = self.platform.fetch(task, address, &mut File::create_new(&archive)?, limits.archive, until);
        fetched.map_err(|error| Failure::Fetch { what: WHAT, error })?;
        unpack(&archive, folder, limits.configuration)?;
        fs::remove_file(&archive)?;
        let named = task.workspace_working_directory.as_deref().unwrap_or_default();
        let inner: PathBuf = Path::new(named.trim_start_matches('/'))
            .components()
            .filter(|part| !matches!(part, Component::CurDir))
            .collect();
        let path = folder.join(&inner);
        let stays = inner.components().all(|part| matches!(part, Component::Normal(_)));
        if stays && path.is_dir() {
            Ok(path)
        } else {
            Err(Failure::WorkingDirectory(named.chars().take(100).collect()))
        }
    }

    /// Tells the platform how a task came out.
    fn tell(&self, task: &Task, judged: &Judged, until: Instant) {
        let with_outcomes = task.capabilities.outcomes;
        let mut told = self.platform.patch(task, &judged.document(with_outcomes).to_string(), until);
        if with_outcomes && told.as_ref().is_err_and(PlatformError::is_refused_form) {
            log(&format!("{}: the platform does not take the outcomes, and is told without", task.name()));
            told = self.platform.patch(task, &judged.document(false).to_string(), until);
        }
        if let Err(error) = told {
            let error = task.access_token.without(&error.to_string());
            log(&format!("{}: the platform could not be told how it came out: {error}", task.name()));
        }
    }
}

fn log(line: &str) {
    let line: String = line.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    eprintln!("probity serve: run task {line}");
}

#[cfg(test)]
mod tests;
