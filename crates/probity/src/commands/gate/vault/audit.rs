//! `probity gate vault audit`.

use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, SyncSender, sync_channel};
use std::thread;

use anyhow::{Context, Result, bail};
use probity_gate_vault::Event;
use probity_gate_vault::audit::lines::Line;
use probity_gate_vault::audit::{Auditor, Judged, Step};
use probity_model::{Location, Sources, Value};

use super::print::{Format, Printer, Tally};
use super::record::{self, Recorder};
use super::sources::{self, Listen, Message};
use super::{PolicyArgs, RecordArgs};
use crate::today;

/// So many lines may wait.
const WAITING: usize = 1_000;

/// So many decisions are kept together.
const BATCH: usize = 500;

/// Judge the requests in audit logs of Vault and OpenBao, now or as they come.
///
/// Each request is judged once, by its first entry; those that the server refused by itself are counted. Devices hash most texts
/// of requests unless they log raw: a policy that needs one of them is undecided, and says so.
///
/// Exit codes: 0 when nothing is enforced against, 1 when a request should have been denied, 2 when something could not be read
/// or the command is wrong.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Audit logs; `-` is the standard input.
    files: Vec<PathBuf>,
    #[command(flatten)]
    policies: PolicyArgs,
    /// Go on when the end of a file is reached, over rotations, until interrupted.
    #[arg(long, requires = "files")]
    follow: bool,
    #[arg(
        long,
        value_name = "ADDRESS",
        conflicts_with = "files",
        help = "Listen for an audit device, until interrupted: tcp://127.0.0.1:9090 or unix://PATH for a socket device, \
                http://127.0.0.1:9091 for an HTTP device. May be repeated"
    )]
    listen: Vec<Listen>,
    /// The form of the output.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Exit with 0 although there are findings.
    #[arg(long)]
    soft_fail: bool,
    /// Also list what could not be decided; with jsonl every request.
    #[arg(long, short)]
    verbose: bool,
    #[command(flatten)]
    record: RecordArgs,
}

/// Runs the command; gives the exit code.
pub(super) fn run(args: &Args) -> Result<u8> {
    if args.files.is_empty() && args.listen.is_empty() {
        bail!("name an audit log, `-` for the standard input, or an address with --listen");
    }
    if args.follow && args.files.iter().any(|path| path == Path::new("-")) {
        bail!("the standard input ends when its writer ends; --follow is for files");
    }
    let sources = Arc::new(Sources::default());
    let ready = args.policies.read(&sources)?;
    let recorder = if args.record.asked() || ready.config.evidence.record {
        let data = record::data(&args.record, &ready.config);
        Some(Recorder::open("vault-audit", data, args.record.destination.resolve(Some(&ready.config))?)?)
    } else {
        None
    };
    let messages = start(args)?;
    let printer = Printer { format: args.format, verbose: args.verbose, set: &ready.set, tally: Tally::default() };
    let mut audit =
        Audit { auditor: Auditor::new(Arc::clone(&ready.set), today()), printer, recorder, unread: false, recorded: 0 };
    let mut out = BufWriter::new(anstream::stdout());
    audit.run(&messages, &mut out)?;
    audit.end(args, &mut out)
}

/// Begins to read.
fn start(args: &Args) -> Result<Receiver<Message>> {
    let (to, messages) = sync_channel(WAITING);
    for address in &args.listen {
        sources::listen(address, &to)?;
    }
    if args.follow {
        for path in args.files.clone() {
            let to = to.clone();
            thread::spawn(move || sources::follow(&path, &to));
        }
    } else if !args.files.is_empty() {
        let (files, to) = (args.files.clone(), to.clone());
        thread::spawn(move || sources::files(&files, &to));
    }
    if args.follow || !args.listen.is_empty() {
        interrupted(to)?;
    }
    Ok(messages)
}

fn interrupted(to: SyncSender<Message>) -> Result<()> {
    ctrlc::set_handler(move || drop(to.send(Message::Interrupted))).context("interrupts cannot be noticed")
}

struct Audit<'a> {
    auditor: Auditor,
    printer: Printer<'a>,
    recorder: Option<Recorder>,
    /// Whether something could not be read.
    unread: bool,
    recorded: u64,
}

/// What was judged and is not dealt with yet, and who waits for it.
#[derive(Default)]
struct Batch {
    judged: Vec<Judged>,
    waiting: Vec<mpsc::Sender<()>>,
}

impl Audit<'_> {
    fn run(&mut self, messages: &Receiver<Message>, out: &mut dyn Write) -> Result<()> {
        while let Ok(first) = messages.recv() {
            self.auditor.set_day(today());
            let mut batch = Batch::default();
            let mut ended = self.take(first, &mut batch);
            while !ended && batch.judged.len() < BATCH {
                let Ok(message) = messages.try_recv() else { break };
                ended = self.take(message, &mut batch);
            }
            self.deal_with(batch, out)?;
            if ended {
                break;
            }
        }
        Ok(())
    }

    /// Judges what a source says; true at the end.
    fn take(&mut self, message: Message, batch: &mut Batch) -> bool {
        match message {
            Message::Interrupted => return true,
            Message::Note { path, note } => eprintln!("note: {}: {note}", path.display()),
            Message::Problem { path, problem } => self.problem(&path.display().to_string(), &problem),
            Message::Line { path, line, done } => {
                batch.waiting.extend(done);
                self.line(path, &line, batch);
            }
        }
        false
    }

    fn line(&mut self, path: PathBuf, line: &Line, batch: &mut Batch) {
        let number = u32::try_from(line.number).unwrap_or(u32::MAX);
        let place = Location { path, line: number, column: 1, end_line: number, end_column: 1 };
        let step = match &line.text {
            Ok(text) => self.auditor.line(&place, text),
            Err(problem) => Step::Problem(problem.clone()),
        };
        match step {
            Step::Judged(judged) => batch.judged.push(*judged),
            Step::Passed => {}
            Step::Problem(problem) => self.problem(&format!("{}:{number}", place.path.display()), &problem),
        }
    }

    fn problem(&mut self, place: &str, problem: &str) {
        self.unread = true;
        eprintln!("problem: {}", crate::output::harmless(&format!("{place}: {problem}")));
    }

    /// Keeps and prints what was judged. Whoever waits for it goes on when it is kept.
    fn deal_with(&mut self, batch: Batch, out: &mut dyn Write) -> Result<()> {
        if let Some(recorder) = &self.recorder {
            let events: Vec<Event> = batch.judged.iter().map(event).collect();
            recorder.keep(&events).context("decisions cannot be kept")?;
            self.recorded += events.len() as u64;
        }
        for done in batch.waiting {
            // The device may have left.
            let _ = done.send(());
        }
        for judged in &batch.judged {
            self.printer.judged(judged, out)?;
        }
        out.flush()?;
        Ok(())
    }

    fn end(mut self, args: &Args, out: &mut dyn Write) -> Result<u8> {
        self.printer.summary(self.auditor.counts(), out)?;
        out.flush()?;
        if let Some(recorder) = self.recorder.take() {
            let data = recorder.data().clone();
            eprintln!("recorded {} decisions; {}", self.recorded, recorder.finish()?.words(&data));
        }
        if self.unread {
            return Ok(crate::BROKEN);
        }
        Ok(if self.printer.tally.denied && !args.soft_fail { crate::FINDINGS } else { crate::CLEAN })
    }
}

/// The request went on: what is in the log has happened.
fn event(judged: &Judged) -> Event {
    let id = judged.subject.document.at(&["request", "id"]).and_then(Value::as_str).unwrap_or_default();
    Event {
        id: id.to_owned(),
        decision: judged.decision.clone(),
        subject: judged.subject.clone(),
        time: judged.time,
        allowed: true,
        note: Some("judged from the audit log, after the request".to_owned()),
    }
}
