//! How the platform of a pipeline is told, in its own form.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use probity_evidence_ledger::{BuildRecord, CheckRecord};
use probity_model::Action;

use super::summary;
use crate::files::write_file;
use crate::output::{self, Format, Report};

/// The form of the platform.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Annotate {
    /// That of the platform it runs on.
    Auto,
    /// None.
    None,
    /// Workflow commands, and the summary of the step.
    Github,
    #[value(help = "A code quality report, gl-code-quality-report.json")]
    Gitlab,
    /// Logging commands of Azure Pipelines.
    Azure,
    /// An annotation, by the agent.
    Buildkite,
    #[value(help = "JUnit XML, probity-junit.xml")]
    Junit,
}

impl Annotate {
    /// The form of a system that is known by its name.
    fn of(system: Option<&str>) -> Self {
        match system {
            Some("github") => Self::Github,
            Some("gitlab") => Self::Gitlab,
            Some("azure") => Self::Azure,
            Some("buildkite") => Self::Buildkite,
            Some("jenkins" | "circleci") => Self::Junit,
            _ => Self::None,
        }
    }
}

/// What the platform is told.
pub(crate) struct Annotations<'a> {
    pub(crate) build: &'a BuildRecord,
    /// Findings that have a place, or that no check speaks of.
    pub(crate) report: &'a Report<'a>,
    /// Checks that speak for themselves.
    pub(crate) checks: &'a [CheckRecord],
}

impl Annotations<'_> {
    /// Tells the platform. Commands go to `out`; files are written where the platform looks for them, or where `file` says.
    pub(crate) fn tell(&self, annotate: Annotate, file: Option<&Path>, out: &mut dyn Write) -> Result<()> {
        let annotate = match annotate {
            Annotate::Auto => Annotate::of(self.build.system.as_deref()),
            chosen => chosen,
        };
        match annotate {
            Annotate::Auto | Annotate::None => Ok(()),
            Annotate::Github => {
                self.write(Format::Github, out)?;
                self.step_summary()
            }
            Annotate::Azure => Ok(self.write(Format::Azure, out)?),
            Annotate::Gitlab => self.file(Format::Gitlab, file.unwrap_or(Path::new("gl-code-quality-report.json"))),
            Annotate::Junit => self.file(Format::Junit, file.unwrap_or(Path::new("probity-junit.xml"))),
            Annotate::Buildkite => self.buildkite(),
        }
    }

    fn write(&self, format: Format, out: &mut dyn Write) -> io::Result<()> {
        output::write_build(format, self.report, self.checks, out)
    }

    fn file(&self, format: Format, path: &Path) -> Result<()> {
        let mut text = Vec::new();
        self.write(format, &mut text)?;
        write_file(path, &String::from_utf8_lossy(&text))?;
        eprintln!("report   {}", path.display());
        Ok(())
    }

    /// Adds to the page that GitHub shows of the step.
    fn step_summary(&self) -> Result<()> {
        let Some(path) = std::env::var_os("GITHUB_STEP_SUMMARY").map(PathBuf::from) else { return Ok(()) };
        let file = std::fs::OpenOptions::new().append(true).create(true).open(&path);
        let written = file.and_then(|mut file| file.write_all(summary::markdown(self.build).as_bytes()));
        written.with_context(|| format!("the summary of the step, {}, cannot be written", path.display()))
    }

    /// Gives the summary to Buildkite's agent, which is on its machines.
    fn buildkite(&self) -> Result<()> {
        let style = if self.build.action == Action::Deny { "error" } else { "success" };
        let spawned = Command::new("buildkite-agent")
            .args(["annotate", "--context", "probity", "--style", style])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn();
        let mut agent = match spawned {
            Ok(agent) => agent,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                eprintln!("note: there is no buildkite-agent here; the build has no annotation");
                return Ok(());
            }
            Err(error) => return Err(error).context("buildkite-agent cannot be run"),
        };
        if let Some(mut input) = agent.stdin.take() {
            input.write_all(summary::markdown(self.build).as_bytes()).context("buildkite-agent does not take it")?;
        }
        let status = agent.wait()?;
        if !status.success() {
            bail!("buildkite-agent annotate failed: {status}");
        }
        Ok(())
    }
}
