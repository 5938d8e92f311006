//! Which policies are asked: the built-in ones, and those of the configuration and the command line.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Result, bail};
use jiff::civil::Date;
use probity_controls::Frameworks;
use probity_model::{Gate, Severity, Sources};
use probity_policy_conftest::Options as RegoOptions;
use probity_policy_core::{Policy, PolicySet, Selection};
use probity_policy_kyverno::images::Images;

use crate::config::{self, Config};
use crate::policies::{self, Own, Taking};
use crate::today;

/// The configuration, and which policies are asked beyond what it says.
#[derive(Debug, Default, clap::Args)]
pub(crate) struct PolicyArgs {
    /// Also judge by the policies of a folder or file: YAML policies, Rego modules with deny, violation and warn rules, and
    /// Sentinel policies. May be repeated.
    #[arg(long = "policy", value_name = "PATH")]
    policies: Vec<PathBuf>,
    #[command(flatten)]
    rego: RegoArgs,
    /// The configuration. Default: the nearest probity.yaml upward from the first path.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Do not look for a probity.yaml.
    #[arg(long, conflicts_with = "config")]
    no_config: bool,
    /// Ask only policies that serve these frameworks, such as soc2,pci-dss.
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    framework: Vec<String>,
    /// Ask only policies of at least this severity.
    #[arg(long, value_name = "LEVEL")]
    severity: Option<Severity>,
    /// Ask only these policies: ids, those of other tools, or patterns with `*`.
    #[arg(long = "check", value_name = "IDS", value_delimiter = ',')]
    checks: Vec<String>,
    /// Do not ask these policies.
    #[arg(long = "skip-check", value_name = "IDS", value_delimiter = ',')]
    skip_checks: Vec<String>,
    /// Accepted findings. Default: the file that probity.yaml names.
    #[arg(long, value_name = "FILE")]
    waivers: Option<PathBuf>,
}

/// The heading of options that concern Rego alone; those behind them have none.
const REGO: &str = "Rego policies";

/// How Rego policies are taken.
#[derive(Debug, Default, clap::Args)]
struct RegoArgs {
    /// JSON or YAML that Rego policies find under `data`: a file, or a folder whose folders are the keys. May be repeated.
    #[arg(long, value_name = "PATH", help_heading = REGO)]
    policy_data: Vec<PathBuf>,
    /// Ask only the rules of these packages of Rego, such as main,kubernetes.security. Default: all.
    #[arg(long = "namespace", value_name = "NAMES", value_delimiter = ',', help_heading = REGO)]
    namespaces: Vec<String>,
    /// Ask Rego policies once about all documents together: their input is a list of objects with path and contents.
    #[arg(long, help_heading = REGO)]
    combine: bool,
}

/// The policies that are asked, and what they come from.
pub(crate) struct Policies {
    pub(crate) set: PolicySet,
    /// The repository's own ones.
    pub(crate) own: Own,
    pub(crate) frameworks: Vec<String>,
}

impl PolicyArgs {
    /// Those of a configuration, or of the nearest, and no others.
    pub(crate) fn of_file(config: Option<PathBuf>) -> Self {
        Self { config, ..Self::default() }
    }

    /// Those of a configuration that is read elsewhere, and of these files and folders; Rego policies find `data`.
    pub(crate) fn of_paths(policies: Vec<PathBuf>, data: Vec<PathBuf>) -> Self {
        Self { policies, rego: RegoArgs { policy_data: data, ..RegoArgs::default() }, ..Self::default() }
    }

    /// The files and folders that are named.
    pub(crate) fn paths(&self) -> impl Iterator<Item = &PathBuf> {
        self.policies.iter().chain(&self.rego.policy_data)
    }

    /// The configuration that is named, or else the nearest upward from a path.
    pub(crate) fn configuration(&self, start: &Path, sources: &Sources) -> Result<Config> {
        if self.no_config {
            return Ok(Config::none());
        }
        match self.config.clone().or_else(|| Config::find(start)) {
            Some(path) => Config::read(&config::shortened(path), sources),
            None => Ok(Config::none()),
        }
    }

    /// The policies that are asked at a gate.
    pub(crate) fn read(&self, gate: Gate, config: &Config, sources: &Arc<Sources>) -> Result<Policies> {
        self.read_asking(None, gate, config, sources)
    }

    /// The same, where these answer for registries when policies ask.
    pub(crate) fn read_asking(
        &self,
        registries: Option<Arc<dyn Images>>,
        gate: Gate,
        config: &Config,
        sources: &Arc<Sources>,
    ) -> Result<Policies> {
        let mut policies: Vec<Arc<dyn Policy>> = probity_catalog::policies();
        let paths = config.policy_folders.iter().chain(&self.policies);
        let taking =
            Taking { rego: self.rego_options(config, sources)?, registries, in_cluster: gate == Gate::Admission };
        let repository = policies::read(paths, taking, sources, &policies)?;
        policies.extend(repository.policies.iter().cloned());
        let frameworks = if self.framework.is_empty() { config.frameworks.clone() } else { self.framework.clone() };
        check_frameworks(&frameworks)?;
        let own = repository.policies.iter().map(|policy| policy.id().to_string());
        // What probity.yaml includes is said of the built-in policies; a repository's own ones are there to be asked.
        let checks = match (self.checks.is_empty(), config.include.is_empty()) {
            (false, _) => self.checks.clone(),
            (true, true) => Vec::new(),
            (true, false) => config.include.iter().cloned().chain(own).collect(),
        };
        let skip_checks = config.skip.iter().chain(&self.skip_checks).cloned().collect();
        let selection = Selection { checks, skip_checks, frameworks: frameworks.clone(), severity: self.severity };
        if !selection.is_empty() {
            selection.check(&policies.iter().map(|policy| policy.metadata()))?;
        }
        let waivers = match self.waivers.as_ref().or(config.waivers.as_ref()) {
            // A gate goes on when one of them expires; the set says when it counts no more.
            Some(path) if gate == Gate::Admission => config::read_waivers(path, sources, Date::MIN)?,
            Some(path) => config::read_waivers(path, sources, today())?,
            None => Vec::new(),
        };
        let set = PolicySet::builder(gate, config.stages())
            .policies(policies)
            .selection(selection)
            .waivers(waivers)
            .build()?;
        Ok(Policies { set, own: repository, frameworks })
    }

    fn rego_options(&self, config: &Config, sources: &Sources) -> Result<RegoOptions> {
        let args = &self.rego;
        let namespaces = if args.namespaces.is_empty() { &config.namespaces } else { &args.namespaces };
        let data: Vec<PathBuf> = config.policy_data.iter().chain(&args.policy_data).cloned().collect();
        let data = config::read_data(&data, sources)?;
        Ok(RegoOptions { namespaces: namespaces.clone(), data, combine: args.combine })
    }
}

fn check_frameworks(names: &[String]) -> Result<()> {
    if names.is_empty() {
        return Ok(());
    }
    let known: Vec<&str> = Frameworks::builtin().iter().map(|framework| framework.id.as_str()).collect();
    for name in names {
        if !known.contains(&name.as_str()) && name != "cis" {
            bail!("there is no framework `{name}`; known are {}", known.join(", "));
        }
    }
    Ok(())
}
