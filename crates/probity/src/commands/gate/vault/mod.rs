//! `probity gate vault`.

mod audit;
mod print;
mod proxy;
mod record;
mod sources;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use probity_gate_vault::Governing;
use probity_model::{Gate, Sources};
use probity_policy_conftest::Options as RegoOptions;
use probity_policy_core::{Policy, PolicySet};

use crate::commands::destination::DestinationArgs;
use crate::config::{self, Config};
use crate::evidence::data::DataArgs;
use crate::{policies, today};

#[derive(clap::Subcommand)]
pub(crate) enum Command {
    Audit(Box<audit::Args>),
    Proxy(Box<proxy::Args>),
}

/// Runs the command; gives the exit code.
pub(super) fn run(command: &Command) -> Result<u8> {
    match command {
        Command::Audit(args) => audit::run(args),
        Command::Proxy(args) => proxy::run(args),
    }
}

/// The policies that are asked.
#[derive(clap::Args)]
struct PolicyArgs {
    /// The file that names the endpoint and role governing policies, their paths and enforcement levels.
    #[arg(long = "policies", value_name = "FILE")]
    governing: Option<PathBuf>,
    /// Also judge by the policies of a folder or file that are for requests to Vault, in any language: those for the type
    /// `vault_request`. May be repeated.
    #[arg(long = "policy", value_name = "PATH")]
    policies: Vec<PathBuf>,
    /// Accepted findings. Default: the file that probity.yaml names.
    #[arg(long, value_name = "FILE")]
    waivers: Option<PathBuf>,
}

/// Whether decisions are kept, and where.
#[derive(clap::Args)]
struct RecordArgs {
    /// Keep the decisions as evidence: see `probity evidence`.
    #[arg(long)]
    record: bool,
    #[command(flatten)]
    destination: DestinationArgs,
    #[command(flatten)]
    data: DataArgs,
}

impl RecordArgs {
    fn asked(&self) -> bool {
        self.record || self.destination.server.is_some()
    }
}

/// Policies, ready to be asked.
struct Ready {
    set: Arc<PolicySet>,
    governing: Governing,
    config: Config,
}

impl PolicyArgs {
    fn read(&self, sources: &Arc<Sources>) -> Result<Ready> {
        let config = config::near(Path::new("."))?.unwrap_or_else(Config::none);
        let governing = match &self.governing {
            Some(path) => {
                probity_gate_vault::read(path, sources).map_err(|lines| anyhow::anyhow!(lines.join("\nerror: ")))?
            }
            None => Governing::default(),
        };
        let mut all: Vec<Arc<dyn Policy>> =
            governing.policies.iter().map(|policy| Arc::clone(policy) as Arc<dyn Policy>).collect();
        let own = policies::read(&self.policies, RegoOptions::default(), sources, &all)?;
        own.notes.iter().for_each(|note| eprintln!("note: {note}"));
        if let Some((path, problem)) = own.problems.first() {
            bail!(problem.display(sources, path));
        }
        all.extend(own.policies);
        if all.is_empty() {
            bail!("no policy is named; name some with --policies FILE or --policy PATH");
        }
        let waivers = match self.waivers.as_ref().or(config.waivers.as_ref()) {
            Some(path) => config::read_waivers(path, sources, today())?,
            None => Vec::new(),
        };
        let stages = config.stages();
        let set = PolicySet::builder(Gate::Vault, stages).policies(all).waivers(waivers).build();
        let set = Arc::new(set.context("give policies of the same file other names, and no id in their comments")?);
        Ok(Ready { set, governing, config })
    }
}
