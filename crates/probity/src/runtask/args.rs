//! What the gate is told on the command line.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use probity_evidence_ledger::Ledger;
use probity_gate_terraform::{AllowedHost, Authorities, Key, Limits, PATH, Service, Settings, router};
use probity_model::{Gate, Sources};
use probity_web::Signed;
use url::Url;

use super::judge::PlanJudge;
use crate::evidence::data::Data;
use crate::scanning::PolicyArgs;

/// The variable that holds the key where no file is named.
const KEY: &str = "PROBITY_RUN_TASK_KEY";

/// The folder of tasks within the data folder.
const FOLDER: &str = "run-tasks";

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Run task of HCP Terraform and Terraform Enterprise")]
pub(crate) struct RunTaskArgs {
    /// Answer at /terraform/run-task as a run task: judge the plans of runs, and tell the platform how they came out. Requests
    /// must be signed with the HMAC key of the run task, which is read from the environment variable
    /// `PROBITY_RUN_TASK_KEY` or a file.
    #[arg(long)]
    run_task: bool,
    /// The file that has the HMAC key of the run task.
    #[arg(long, value_name = "FILE", requires = "run_task")]
    run_task_key: Option<PathBuf>,
    /// Take requests without a signature from whoever can reach the server. Only HCP Terraform and hosts that are named are asked
    /// for plans then.
    #[arg(long, requires = "run_task", conflicts_with = "run_task_key")]
    run_task_unsigned: bool,
    /// The configuration that says which policies judge runs, and at which stage. Default: the nearest probity.yaml.
    #[arg(long, value_name = "FILE", requires = "run_task")]
    run_task_config: Option<PathBuf>,
    /// A host that plans may be fetched from and results sent to, such as tfe.example.com or tfe.example.com:8443; with http://
    /// before it also without TLS. HCP Terraform, and the host of the callback of a signed request, need not be named. May be
    /// repeated.
    #[arg(long = "run-task-host", value_name = "HOST", requires = "run_task")]
    run_task_hosts: Vec<AllowedHost>,
    /// Certificates to trust for the platform, in PEM, in place of the public authorities.
    #[arg(long, value_name = "FILE", requires = "run_task")]
    run_task_ca: Option<PathBuf>,
    /// Largest plan that is fetched, in MiB.
    #[arg(long, value_name = "MIB", default_value_t = 512, requires = "run_task",
        value_parser = clap::value_parser!(u64).range(1..=2048))]
    run_task_max_plan: u64,
    /// The address under which people reach this server, for links to decisions, such as `https://probity.example.com`.
    #[arg(long, value_name = "URL", requires = "run_task")]
    public_url: Option<Url>,
}

/// What the gate begins with, read before anything is opened or made.
pub(crate) struct Prepared {
    key: Option<Key>,
    authorities: Option<Authorities>,
    config: PolicyArgs,
}

impl RunTaskArgs {
    /// Reads the key, and the policies once, so that what is wrong with them is told now; `None` when no run task is to be
    /// answered.
    pub(crate) fn prepare(&self, data: &Data) -> Result<Option<Prepared>> {
        if !self.run_task {
            return Ok(None);
        }
        let authorities = self.run_task_ca.as_deref().map(authorities).transpose()?;
        let config = PolicyArgs::of_file(self.run_task_config.clone());
        let prepared = Prepared { key: self.key()?, authorities, config };
        let sources = Arc::new(Sources::default());
        let configuration = prepared.config.configuration(&beside(data), &sources)?;
        let policies = prepared.config.read(Gate::Terraform, &configuration, &sources)?;
        policies.own.notes.iter().for_each(|note| eprintln!("note: {note}"));
        if let Some((path, problem)) = policies.own.problems.first() {
            bail!("{}", problem.display(&sources, path));
        }
        Ok(Some(prepared))
    }

    fn key(&self) -> Result<Option<Key>> {
        if self.run_task_unsigned {
            eprintln!("note: run tasks are taken from whoever can reach this server: their requests need no signature");
            return Ok(None);
        }
        let text = match &self.run_task_key {
            Some(path) => std::fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))?,
            None => std::env::var(KEY).map_err(|_| {
                anyhow::anyhow!(
                    "a run task needs the HMAC key that its requests are signed with: name its file with --run-task-key, or put \
                     it into the environment variable {KEY}; --run-task-unsigned goes without"
                )
            })?,
        };
        Ok(Some(Key::new(&text).context("the HMAC key of the run task")?))
    }
}

impl Prepared {
    /// Takes up tasks that were not ended, and is ready for more.
    pub(crate) fn start(self, args: &RunTaskArgs, data: &Data, ledger: &Arc<Ledger>) -> Result<Signed> {
        let judge = PlanJudge {
            policies: self.config,
            start: beside(data),
            ledger: Arc::clone(ledger),
            public_url: args.public_url.as_ref().map(|url| url.as_str().trim_end_matches('/').to_owned()),
        };
        let settings = Settings {
            key: self.key,
            hosts: args.run_task_hosts.clone(),
            authorities: self.authorities,
            journal: data.folder().join(FOLDER),
            judge: Arc::new(judge),
            limits: Limits { plan: args.run_task_max_plan << 20, ..Limits::default() },
        };
        let service = Arc::new(Service::start(settings)?);
        Ok(Signed { router: router(service), is_path: |path| path == PATH })
    }
}

/// Where the configuration is looked for: beside the data folder.
fn beside(data: &Data) -> PathBuf {
    let folder = data.folder().parent().filter(|folder| !folder.as_os_str().is_empty());
    folder.unwrap_or(Path::new(".")).to_owned()
}

fn authorities(path: &Path) -> Result<Authorities> {
    let pem = std::fs::read(path).with_context(|| format!("{} cannot be read", path.display()))?;
    Authorities::read(&pem).with_context(|| format!("{} has no certificate in PEM", path.display()))
}
