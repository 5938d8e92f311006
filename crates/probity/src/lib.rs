//! The command line, the configuration, and the wiring of all parts.

mod admission;
mod advisories;
mod baseline;
mod change;
mod commands;
mod config;
mod documents;
mod evidence;
mod files;
mod images;
mod input;
mod opa;
mod output;
mod outside;
mod permissions;
mod pipe;
mod pipeline;
mod policies;
mod runtask;
mod scanning;
mod schemas;
mod secrets;
mod signing;
mod version;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Nothing to object to.
const CLEAN: u8 = 0;
/// There are findings.
const FINDINGS: u8 = 1;
/// Bad input or usage.
const BROKEN: u8 = 2;

/// Compliance as code: requirements as policies, judged where changes are made.
#[derive(Parser)]
#[command(name = "probity", version = version::version(), arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Judge infrastructure code.
    Scan(Box<commands::scan::Args>),
    /// Look into container images, and judge them.
    #[command(subcommand)]
    Image(commands::image::Command),
    /// Build the database of vulnerabilities, bring it up to date, and ask it.
    #[command(subcommand)]
    Db(commands::db::Command),
    Sign(Box<commands::sign::Args>),
    Attest(Box<commands::attest::Args>),
    Verify(Box<commands::verify::Args>),
    #[command(subcommand)]
    Key(commands::key::Command),
    /// Write a probity.yaml that fits a repository, with every policy at stage observe.
    Init(commands::init::Args),
    /// Show policies, and check those of a repository.
    #[command(subcommand)]
    Policy(commands::policy::Command),
    Test(commands::test::Args),
    Apply(Box<commands::apply::Args>),
    Eval(Box<commands::eval::Args>),
    /// Show frameworks, their requirements, and which policies serve them.
    Controls(commands::controls::Args),
    Graph(commands::graph::Args),
    /// Ask, prove, verify and judge again what was recorded.
    #[command(subcommand)]
    Evidence(commands::evidence::Command),
    /// Write the report of a framework over what was recorded.
    Report(commands::report::Args),
    /// Judge a change where it is made, and say whether it may be.
    #[command(subcommand)]
    Gate(commands::gate::Command),
    /// Say which rights subjects have in a cluster, which they used, and what should go.
    #[command(subcommand)]
    Permissions(commands::permissions::Command),
    /// Write, convert and compare bills of materials.
    #[command(subcommand)]
    Sbom(commands::sbom::Command),
    /// Print what installs Probity elsewhere.
    Install(commands::install::Args),
    /// Serve the ledger to gates and auditors.
    Serve(Box<commands::serve::Args>),
    Version(commands::version::Args),
}

/// Runs the command that the arguments name.
pub fn run() -> ExitCode {
    pipe::end_quietly();
    let command = Cli::parse().command;
    if let Err(error) = probity_crypto::ready() {
        eprintln!("error: {error}");
        return ExitCode::from(BROKEN);
    }
    let result = match command {
        Command::Scan(args) => commands::scan::run(&args),
        Command::Image(command) => commands::image::run(&command),
        Command::Db(command) => commands::db::run(&command),
        Command::Sign(args) => commands::sign::run(&args),
        Command::Attest(args) => commands::attest::run(&args),
        Command::Verify(args) => commands::verify::run(&args),
        Command::Key(command) => commands::key::run(&command),
        Command::Init(args) => commands::init::run(&args),
        Command::Policy(command) => commands::policy::run(&command),
        Command::Test(args) => commands::test::run(&args),
        Command::Apply(args) => commands::apply::run(&args),
        Command::Eval(args) => commands::eval::run(&args),
        Command::Controls(args) => commands::controls::run(&args),
        Command::Graph(args) => commands::graph::run(&args),
        Command::Evidence(command) => commands::evidence::run(&command),
        Command::Report(args) => commands::report::run(&args),
        Command::Gate(command) => commands::gate::run(&command),
        Command::Permissions(command) => commands::permissions::run(&command),
        Command::Sbom(command) => commands::sbom::run(&command),
        Command::Serve(args) => commands::serve::run(*args),
        Command::Install(args) => commands::install::run(&args),
        Command::Version(args) => commands::version::run(&args),
    };
    match result {
        Ok(code) => ExitCode::from(code),
        // The reader has seen enough: `probity scan | head`.
        Err(error) if is_broken_pipe(&error) => ExitCode::from(CLEAN),
        Err(error) => {
            eprintln!("error: {}", words(&error));
            ExitCode::from(BROKEN)
        }
    }
}

/// The error with its causes, each said once: some errors of libraries quote their cause already.
fn words(error: &anyhow::Error) -> String {
    error.chain().skip(1).fold(error.to_string(), |said, cause| {
        let cause = cause.to_string();
        if said.contains(&cause) { said } else { format!("{said}: {cause}") }
    })
}

/// The day by which skips and waivers expire, in UTC.
fn today() -> jiff::civil::Date {
    jiff::tz::TimeZone::UTC.to_datetime(jiff::Timestamp::now()).date()
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<std::io::Error>())
        .any(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
}

#[cfg(test)]
mod tests {
    use super::words;

    #[test]
    fn a_cause_is_said_once() {
        let error = anyhow::anyhow!("full").context("it cannot be written: full").context("not recorded");
        assert_eq!(words(&error), "not recorded: it cannot be written: full");
    }
}
