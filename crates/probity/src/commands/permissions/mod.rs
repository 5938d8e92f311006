//! `probity permissions`.

mod print;
mod replay;
mod report;
mod role;

use std::path::PathBuf;

use anyhow::{Result, bail};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use probity_evidence_usage::KnownUsage;
use probity_rbac::{EventError, Rights, Use};

use crate::config;
use crate::evidence::data::DataArgs;
use crate::permissions::{Logs, Reader, read_objects};

/// What is done with rights and their use.
#[derive(clap::Subcommand)]
pub(crate) enum Command {
    Report(Box<report::Args>),
    Role(Box<role::Args>),
    Replay(Box<replay::Args>),
}

/// Runs the command; gives the exit code.
pub(crate) fn run(command: &Command) -> Result<u8> {
    match command {
        Command::Report(args) => report::run(args),
        Command::Role(args) => role::run(args),
        Command::Replay(args) => replay::run(args),
    }
}

/// The form of the output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// For people.
    Text,
    /// One JSON document.
    Json,
}

/// The objects that give rights.
#[derive(clap::Args)]
struct ObjectsArgs {
    /// What `kubectl get roles,clusterroles,rolebindings,clusterrolebindings,serviceaccounts -A -o json` (or yaml) prints; `-` is
    /// the standard input. May be repeated; what is in a later file stands for what has the same name in an earlier one.
    #[arg(long, value_name = "FILE", required = true)]
    objects: Vec<PathBuf>,
}

impl ObjectsArgs {
    fn rights(&self) -> Result<Rights> {
        Ok(read_objects(&self.objects)?.into_iter().collect())
    }

    /// Fails when the standard input is asked for twice.
    fn check(&self, logs: &Logs) -> Result<()> {
        let asked = self.objects.iter().chain(&logs.files).filter(|path| path.as_os_str() == "-").count();
        if asked > 1 {
            bail!("the standard input can be read once: name files for the rest");
        }
        Ok(())
    }
}

/// From where it is known what was used.
#[derive(clap::Args)]
struct UsedArgs {
    #[command(flatten)]
    logs: Logs,
    /// What was used in a cluster, as the audit log says that its API server sends to `probity serve` here. With --audit-log what
    /// both say.
    #[arg(long, value_name = "CLUSTER")]
    used: Option<String>,
    /// The folder of the server that knows. Default: the one that the nearest probity.yaml names, or .probity beside it.
    #[arg(long, value_name = "FOLDER", env = "PROBITY_DATA")]
    data: Option<PathBuf>,
    /// Pass over what was before a time, such as 2026-11-01 or 2026-11-01T08:00:00Z.
    #[arg(long, value_name = "TIME", value_parser = time)]
    since: Option<Timestamp>,
}

impl UsedArgs {
    /// What is known of use; none when nothing is named that tells it.
    fn known(&self) -> Result<Option<KnownUsage>> {
        let mut known = self.used.as_deref().map(|cluster| self.kept(cluster)).transpose()?;
        if !self.logs.files.is_empty() {
            known.get_or_insert_default().usage.merge(&self.read()?);
        }
        Ok(known)
    }

    /// What is kept of a cluster.
    fn kept(&self, cluster: &str) -> Result<KnownUsage> {
        let data = config::data(&DataArgs { data: self.data.clone(), ledger_key: None })?;
        let folder = data.usage_folder();
        let Some(known) = probity_evidence_usage::read(&folder, cluster)? else {
            bail!(
                "nothing is known of the use of rights in `{cluster}`: {} has nothing of it. Its API server sends its audit log to \
                 `probity serve`; docs/permissions.md says how",
                folder.display()
            );
        };
        Ok(self.since.map(|time| known.since(time)).unwrap_or(known))
    }

    /// What the logs tell.
    fn read(&self) -> Result<Use> {
        let make = || Taken(self.since.map_or_else(Use::new, Use::since));
        let mut readers = self.logs.read(make)?.into_iter();
        let mut usage = readers.next().map_or_else(Use::new, |Taken(usage)| usage);
        readers.for_each(|Taken(other)| usage.merge(&other));
        Ok(usage)
    }
}

/// A time, or a day at its beginning in UTC.
fn time(text: &str) -> Result<Timestamp, String> {
    let day = || TimeZone::UTC.to_timestamp(text.parse::<Date>().ok()?.at(0, 0, 0, 0)).ok();
    text.parse()
        .ok()
        .or_else(day)
        .ok_or_else(|| "expected a time such as 2026-11-01 or 2026-11-01T08:00:00Z".to_owned())
}

struct Taken(Use);

impl Reader for Taken {
    fn line(&mut self, line: &[u8]) -> Result<(), EventError> {
        self.0.add(line)
    }

    fn lost(&mut self) {
        self.0.broken(1);
    }
}
