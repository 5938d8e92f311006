//! `probity test`.

use std::io::{self, IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use probity_model::Sources;
use probity_policy_rego::{Impure, Version};
use probity_policy_sentinel::set::is_policy_file;
use probity_policy_test::output::{self, Style};
use probity_policy_test::{Options, Results, gatekeeper, kyverno, sentinel};
use regex::Regex;

use crate::commands::faults;
use crate::files::write_file;
use crate::outside::Outside;
use crate::policies::examples;

/// Run the tests of policies: Rego rules whose names begin with `test_`, as `opa test` and Conftest's `verify` do,
/// Gatekeeper's suites, as `gator verify` does, Kyverno's `kyverno-test.yaml`, as `kyverno test` does, Sentinel's
/// `test/POLICY` folders, as `sentinel test` does, and the examples of policies in any language: those within YAML policies,
/// and what is in `.examples/NAME` beside a policy.
///
/// Exit codes: 0 when all tests hold, 1 when one does not or coverage is below the threshold, 2 when tests cannot be run.
#[derive(clap::Args)]
// Each is a switch of the command line.
#[allow(clippy::struct_excessive_bools)]
pub(crate) struct Args {
    /// Files and folders with policies, their tests and their data. Default: the current folder.
    paths: Vec<PathBuf>,
    /// The form of the output.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Run only tests whose full name, such as `data.a_test.test_x`, has a match.
    #[arg(long, short, value_name = "REGEX")]
    run: Option<Regex>,
    /// Find out which lines are evaluated.
    #[arg(long, short)]
    coverage: bool,
    /// Write the coverage to a file in the form of lcov.
    #[arg(long, value_name = "FILE")]
    lcov: Option<PathBuf>,
    /// Fail when less than this percentage of lines is evaluated.
    #[arg(long, value_name = "PERCENT")]
    threshold: Option<f64>,
    /// Read policies that do not say otherwise as Rego v0, the language before OPA 1.0.
    #[arg(long)]
    v0_compatible: bool,
    /// Run the tests again whenever a file changes, until interrupted.
    #[arg(long, short)]
    watch: bool,
    /// Also show tests that pass, and what had no solution in those that fail.
    #[arg(long, short)]
    verbose: bool,
    /// How long one test may take, such as 500ms or 10s.
    #[arg(long, value_name = "DURATION", default_value = "5s", value_parser = duration)]
    timeout: Duration,
    /// Leave out files and folders whose name matches. May be repeated.
    #[arg(long, value_name = "GLOB")]
    ignore: Vec<String>,
    /// A host that policies may send requests to (http.send, Sentinel's http), such as api.example.com or *.example.com. May be repeated.
    #[arg(long, value_name = "HOST")]
    allow_http: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    Text,
    Junit,
    Json,
}

/// Reads a time such as `500ms`, `10s` or `2m`.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let end = text.find(|character: char| !character.is_ascii_digit() && character != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let factor = match unit {
        "ms" => 0.001,
        "" | "s" => 1.0,
        "m" => 60.0,
        _ => return Err(format!("`{text}` is no time such as 500ms, 10s or 2m")),
    };
    let number: f64 = number.parse().map_err(|_| format!("`{text}` is no time such as 500ms, 10s or 2m"))?;
    Duration::try_from_secs_f64(number * factor).map_err(|error| error.to_string())
}

impl Args {
    fn version(&self) -> Version {
        if self.v0_compatible { Version::V0 } else { Version::V1 }
    }

    fn paths(&self) -> Vec<PathBuf> {
        if self.paths.is_empty() { vec![PathBuf::from(".")] } else { self.paths.clone() }
    }
}

/// Runs the command; gives the exit code.
pub(crate) fn run(args: &Args) -> Result<u8> {
    if !args.watch {
        return once(args);
    }
    super::watch::whenever_changed(&args.paths(), || {
        // What is wrong now may be mended by the next change.
        if let Err(error) = once(args) {
            eprintln!("error: {error:#}");
        }
    })?;
    Ok(crate::CLEAN)
}

fn once(args: &Args) -> Result<u8> {
    let sources = Arc::new(Sources::default());
    // A policy of Sentinel's that is named means its own cases.
    let modules: Vec<PathBuf> = args.paths().into_iter().filter(|path| !is_policy_file(path)).collect();
    let read = probity_policy_test::read(&modules, args.version(), &args.ignore, &sources);
    for problem in read.passed_over.iter().filter(|_| args.verbose) {
        eprintln!("note: not read as data: {problem}");
    }
    if !read.faults.is_empty() {
        faults::write(&read.faults, &sources, &mut io::stderr().lock())?;
        return Ok(crate::BROKEN);
    }
    let host = Outside::new([Impure::Clock, Impure::Random, Impure::Runtime], &args.allow_http).with_files(&sources);
    let options = Options {
        only: args.run.clone(),
        timeout: args.timeout,
        coverage: args.coverage || args.lcov.is_some() || args.threshold.is_some(),
        trace: args.verbose,
        host: &host,
    };
    let mut results = match probity_policy_test::run(read, &options, &sources) {
        Ok(results) => results,
        Err(error) => {
            faults::write(&error.faults, &sources, &mut io::stderr().lock())?;
            return Ok(crate::BROKEN);
        }
    };
    let started = Instant::now();
    let suites = gatekeeper::find(&args.paths(), &args.ignore);
    results.suites.extend(gatekeeper::run(&suites, args.run.as_ref()));
    let tests = kyverno::find(&args.paths(), &args.ignore);
    results.suites.extend(kyverno::run(&tests, args.run.as_ref(), None));
    let cases = sentinel::find(&args.paths(), &args.ignore);
    results.suites.extend(sentinel::run(&cases, args.run.as_ref(), &host));
    results.suites.extend(examples::run(&args.paths(), &args.ignore, args.run.as_ref()));
    results.duration += started.elapsed();
    write(&results, args)?;
    if let (Some(path), Some(report)) = (&args.lcov, &results.coverage) {
        write_file(path, &probity_policy_test::lcov::write(report))?;
    }
    Ok(code(&results, args))
}

fn write(results: &Results, args: &Args) -> Result<()> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    match args.format {
        Format::Text => {
            let colour = io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
            output::text(results, Style { verbose: args.verbose, colour }, &mut out)?;
        }
        Format::Junit => output::junit(results, &mut out)?,
        Format::Json => {
            serde_json::to_writer_pretty(&mut out, &output::json(results)).context("the results cannot be written")?;
            writeln!(out)?;
        }
    }
    out.flush()?;
    Ok(())
}

fn code(results: &Results, args: &Args) -> u8 {
    let summary = results.summary();
    if summary.total() == 0 {
        eprintln!(
            "note: no tests were found: rules whose name begins with test_ in *.rego files, suites, kyverno-test.yaml, \
             Sentinel's test folders, examples within YAML policies, and .examples/NAME beside a policy"
        );
    }
    let reached = results.coverage.as_ref().map_or(0.0, |report| report.coverage);
    if let Some(threshold) = args.threshold.filter(|threshold| reached < *threshold) {
        eprintln!("error: coverage is {reached:.1} %, less than {threshold} %");
        return crate::FINDINGS;
    }
    if summary.is_clean() { crate::CLEAN } else { crate::FINDINGS }
}
