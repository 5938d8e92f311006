//! `probity policy`.

use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

use anyhow::{Result, bail};
use probity_model::{Metadata, Severity, Sources};
use probity_policy_core::{Policy, Selection};

use crate::output::framework_name;
use crate::{config, policies};

/// What to do with policies.
#[derive(clap::Subcommand)]
pub(crate) enum Command {
    /// List the built-in policies.
    List {
        /// Only policies that serve these frameworks.
        #[arg(long, value_name = "NAMES", value_delimiter = ',')]
        framework: Vec<String>,
        /// Only policies of at least this severity.
        #[arg(long, value_name = "LEVEL")]
        severity: Option<Severity>,
        /// Only policies for this provider: aws, azure, google, kubernetes, dockerfile, github-actions.
        #[arg(long, value_name = "NAME")]
        provider: Option<String>,
    },
    /// Show all that is known of a policy, with its examples.
    Show {
        /// Its id, here or in another tool.
        id: String,
    },
    /// Write a new policy, to begin from, with an example that passes and one that fails.
    ///
    /// Nothing is written over. `probity test` runs the examples.
    New(super::new::Args),
    /// Look for what is wrong with policies: texts that cannot be read, names that mean nothing, types that cannot fit.
    ///
    /// Exit codes: 0 when nothing is wrong, 1 when something is, 2 when nothing could be checked.
    Check(super::check::Args),
    /// Write Sentinel policies well-formed, as `sentinel fmt` does; the files that are changed are named.
    ///
    /// Exit codes: 0 when all could be formatted, or are well-formed with --check, 1 when --check finds one that is not, 2 when one
    /// cannot be read.
    Fmt(super::fmt::Args),
    /// Say why a policy matters, how to mend what it finds, and which controls it serves.
    Explain {
        /// Its id, here or in another tool.
        id: String,
    },
}

/// Runs the command; gives the exit code.
pub(crate) fn run(command: &Command) -> Result<u8> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    match command {
        Command::Check(args) => return super::check::run(args),
        Command::New(args) => return super::new::run(args),
        Command::Fmt(args) => return super::fmt::run(args),
        Command::List { framework, severity, provider } => {
            let selection = Selection { frameworks: framework.clone(), severity: *severity, ..Selection::default() };
            list(&selection, provider.as_deref(), &mut out)?;
        }
        Command::Show { id } => {
            let policy = find(id)?;
            explain(policy.metadata(), &mut out)?;
            examples(policy.metadata(), &mut out)?;
        }
        Command::Explain { id } => explain(find(id)?.metadata(), &mut out)?,
    }
    out.flush()?;
    Ok(crate::CLEAN)
}

fn list(selection: &Selection, provider: Option<&str>, out: &mut dyn Write) -> Result<()> {
    let mut count = 0;
    let is_asked = selection.filter();
    for policy in probity_catalog::policies() {
        let metadata = policy.metadata();
        let service = probity_catalog::service_of(&metadata.id);
        let of_provider = provider.is_none_or(|name| service.is_some_and(|service| service.provider == name));
        if is_asked(metadata) && of_provider {
            writeln!(out, "{:<24} {:<8} {}", metadata.id, metadata.severity, metadata.title)?;
            count += 1;
        }
    }
    writeln!(out, "{count} policies")?;
    Ok(())
}

/// A policy: a built-in one, or one of those that the configuration nearest to the current folder names.
fn find(id: &str) -> Result<Arc<dyn Policy>> {
    let is_called = |policy: &Arc<dyn Policy>| policy.metadata().is_called(id);
    let builtin = probity_catalog::policies();
    if let Some(policy) = builtin.iter().find(|policy| is_called(policy)) {
        return Ok(Arc::clone(policy));
    }
    if let Some(config) = config::near(Path::new("."))? {
        let sources = Arc::new(Sources::default());
        let own = policies::read(&config.policy_folders, config.rego_options(&sources)?, &sources, &builtin)?;
        if let Some(policy) = own.policies.into_iter().find(is_called) {
            return Ok(policy);
        }
    }
    bail!(
        "no policy is called `{id}`; `probity policy list` shows the built-in ones, and a repository's own are found \
         beside its probity.yaml"
    )
}

fn explain(policy: &Metadata, out: &mut dyn Write) -> Result<()> {
    writeln!(out, "{} {}\n", policy.id, policy.title)?;
    writeln!(out, "Severity  {}", policy.severity)?;
    writeln!(out, "Category  {}", policy.category)?;
    if !policy.aliases.is_empty() {
        writeln!(out, "Also      {}", policy.aliases.join(", "))?;
    }
    for (word, text) in [("Why", &policy.why), ("Fix", &policy.fix)] {
        if !text.is_empty() {
            writeln!(out, "\n{word}: {}", one_line(text))?;
        }
    }
    if !policy.controls.is_empty() {
        writeln!(out, "\nControls:")?;
    }
    for link in &policy.controls {
        let name = format!("{} {}", framework_name(&link.control.framework), link.control.requirement);
        writeln!(out, "  {name:<28} {:<9} {}", link.serves, one_line(&link.why))?;
    }
    Ok(())
}

fn examples(policy: &Metadata, out: &mut dyn Write) -> Result<()> {
    for binding in probity_catalog::examples(&policy.id) {
        writeln!(out, "\nFor {}:", binding.types.join(", "))?;
        for (word, texts) in [("Passes", &binding.pass), ("Fails", &binding.fail)] {
            for text in texts {
                writeln!(out, "\n{word}:\n")?;
                for line in text.lines() {
                    writeln!(out, "    {line}")?;
                }
            }
        }
    }
    Ok(())
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
