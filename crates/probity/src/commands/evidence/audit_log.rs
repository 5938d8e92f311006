//! `probity evidence audit-log`.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;

use anyhow::{Context, Result};
use jiff::Timestamp;
use probity_evidence_confirmations::{Confirmations, ReadError, Summary};
use probity_evidence_index::{Index, Queries};
use probity_evidence_ledger::Body;
use probity_evidence_redact::Redactor;
use probity_evidence_spool::Spool;
use probity_model::Gate;

use crate::commands::destination::DestinationArgs;
use crate::evidence::data::DataArgs;
use crate::evidence::record::{Destination, open_gate_spool, send};
use crate::output::harmless;

/// So many confirmations are made durable together.
const BATCH: usize = 1_000;

/// Keep what an API server's audit log says: which requests that the gate let pass were done, and what ran past it.
///
/// Reads JSON lines, as the server writes them, and the lists that its webhook backend sends. Only requests that a gate was
/// asked about, and those that change what runs containers, are kept. A log can be read again: each event is kept once.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Logs; `-` for the standard input.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// The cluster, as the gate calls it.
    #[arg(long, value_name = "NAME")]
    cluster: String,
    #[command(flatten)]
    destination: DestinationArgs,
    #[command(flatten)]
    data: DataArgs,
}

/// Runs the command; gives the exit code.
pub(crate) fn run(args: &Args) -> Result<u8> {
    let config = crate::config::near(std::path::Path::new("."))?;
    let data = crate::config::data(&args.data)?;
    let destination = args.destination.resolve(config.as_ref())?;
    data.create()?;
    let spool = open_gate_spool(&data, Gate::Admission, "audit-log")?;
    // Before the first evidence there is no index, and nothing that is in it.
    let own = matches!(destination, Destination::Own) && data.ledger_folder().exists();
    let index = if own { Some(data.index()?) } else { None };
    let known = index.as_ref().map(Index::queries).transpose()?;
    let redactor = Redactor::new();
    let mut confirmations = Confirmations::new(args.cluster.clone(), &redactor);
    let mut keeping =
        Keeping { cluster: &args.cluster, spool: &spool, known, batch: Vec::new(), kept: 0, known_before: 0 };
    let mut broken = 0;
    for file in &args.files {
        let summary = if file.as_os_str() == "-" {
            read(&mut confirmations, std::io::stdin().lock(), &mut keeping)
        } else {
            let log = File::open(file).with_context(|| format!("{} cannot be read", file.display()))?;
            read(&mut confirmations, BufReader::new(log), &mut keeping)
        };
        let summary = summary.with_context(|| file.display().to_string())?;
        tell(&file.display().to_string(), &summary);
        broken += summary.broken;
    }
    keeping.write()?;
    let (kept, before) = (keeping.kept, keeping.known_before);
    let sent = send(&spool, &data, &destination)
        .with_context(|| format!("{kept} confirmations are durable in {}", data.spool_folder().display()))?;
    println!("{kept} confirmations kept, {before} known before; {}", sent.words(&data));
    Ok(if broken == 0 { crate::CLEAN } else { crate::BROKEN })
}

/// Takes confirmations, those that are not in the ledger yet.
struct Keeping<'k> {
    cluster: &'k str,
    spool: &'k Spool,
    known: Option<Queries>,
    batch: Vec<(Timestamp, Body)>,
    kept: u64,
    known_before: u64,
}

impl Keeping<'_> {
    fn write(&mut self) -> Result<()> {
        self.kept += self.batch.len() as u64;
        if !self.batch.is_empty() {
            self.spool.append(std::mem::take(&mut self.batch), &[])?;
        }
        Ok(())
    }
}

fn read(confirmations: &mut Confirmations<'_>, log: impl BufRead, keeping: &mut Keeping<'_>) -> Result<Summary> {
    let summary = confirmations.read(log, |confirmation| {
        let id = &confirmation.record.audit_id;
        if let Some(known) = &keeping.known
            && known.knows_audit_event(keeping.cluster, id)?
        {
            keeping.known_before += 1;
            return Ok(());
        }
        keeping.batch.push((confirmation.time, Body::Confirmation(Box::new(confirmation.record))));
        if keeping.batch.len() < BATCH { Ok(()) } else { keeping.write() }
    });
    summary.map_err(|error| match error {
        ReadError::Taken(error) => error,
        ReadError::Log(_) => anyhow::Error::msg(error.to_string()),
    })
}

fn tell(file: &str, summary: &Summary) {
    for broken in &summary.named {
        eprintln!("{}:{}: {}", harmless(file), broken.line, harmless(&broken.what));
    }
    let more = summary.broken - summary.named.len() as u64;
    if more > 0 {
        eprintln!("{}: {more} more lines or events could not be read", harmless(file));
    }
    let Summary { events, confirmations, repeated, .. } = summary;
    eprintln!("{}: {events} events, {confirmations} of them count, {repeated} were there twice", harmless(file));
}
