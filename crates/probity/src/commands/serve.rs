//! `probity serve`.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use probity_controls::Frameworks;
use probity_model::Sources;
use probity_web::{Config, NewToken, Parts, Role, Server, TlsFiles, Tokens, accept_token, create_token, revoke_token};

use crate::admission::{self, AdmissionArgs};
use crate::config;
use crate::evidence::data::{Data, DataArgs};
use crate::opa;
use crate::output::harmless;
use crate::policies;
use crate::runtask::RunTaskArgs;

/// Serve the ledger: an API that gates send decisions to, and pages for auditors.
///
/// On a loopback address, the default, everybody on this machine may read. On any other the server needs a certificate,
/// and every request a token; writing always does.
///
/// With --run-task it judges runs of HCP Terraform and Terraform Enterprise as a run task: see docs/terraform.md.
///
/// With --gate admission it judges what is asked of a Kubernetes API server: see docs/admission.md. With --server as well,
/// decisions go to the ledger of that server, and there is none here.
///
/// With --policy or --bundle it also answers as OPA's REST API does: /v1/data, /v0/data, /v1/query, /v1/policies and /health.
/// Each decision becomes an entry of the ledger before it is answered; the rules data.system.log.mask and
/// data.system.log.drop are asked what is kept, as in OPA. Policies and data are changed with a token of the role admin.
#[derive(clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Option<Command>,
    /// Where to listen: an address with a port, or a port of 127.0.0.1.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8181", value_parser = read_address)]
    listen: SocketAddr,
    /// The certificate and those that lead to its root, in PEM.
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// The certificate's private key, in PEM.
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// Accept the token in this file from gates, such as one of a mounted Secret: 40 characters or more.
    #[arg(long, value_name = "FILE")]
    gate_token_file: Option<PathBuf>,
    // Before those that have a heading: it would count for what follows.
    #[command(flatten)]
    data: DataArgs,
    #[command(flatten)]
    opa: opa::OpaArgs,
    #[command(flatten)]
    run_task: RunTaskArgs,
    #[command(flatten)]
    admission: AdmissionArgs,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Make, list and revoke the tokens that requests carry.
    #[command(subcommand)]
    Token(TokenCommand),
}

#[derive(clap::Subcommand)]
enum TokenCommand {
    /// Make a token. It is shown once.
    Create {
        /// What it is called.
        name: String,
        /// What its holder may do: auditor reads, gate sends decisions, admin does both.
        #[arg(long)]
        role: Role,
        /// It may send decisions only for gates whose names begin so, such as github/acme/.
        #[arg(long, value_name = "PREFIX")]
        gate_prefix: Option<String>,
        /// The last day on which it counts.
        #[arg(long, value_name = "DAY")]
        expires: Option<Date>,
        #[command(flatten)]
        data: DataArgs,
    },
    /// List the tokens.
    List {
        #[command(flatten)]
        data: DataArgs,
    },
    /// Revoke a token. A server that runs takes note at once.
    Revoke {
        /// What it is called.
        name: String,
        #[command(flatten)]
        data: DataArgs,
    },
}

pub(crate) fn read_address(text: &str) -> Result<SocketAddr, String> {
    let port = text.parse().map(|port: u16| SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port));
    port.or_else(|_| text.parse())
        .map_err(|_| format!("`{text}` is not an address with a port, such as 127.0.0.1:8181"))
}

/// Runs the command; gives the exit code.
pub(crate) fn run(args: Args) -> Result<u8> {
    match &args.command {
        Some(Command::Token(command)) => token(command),
        None if args.admission.has_server() => {
            let data = config::data(&args.data)?;
            admission::start(args.admission, args.opa.allowed_hosts(), &data, None)?.wait()?;
            Ok(crate::CLEAN)
        }
        None => serve(args),
    }
}

fn serve(args: Args) -> Result<u8> {
    let data = config::data(&args.data)?;
    let tls = args.tls_cert.clone().zip(args.tls_key.clone());
    let settings = Config {
        listen: args.listen,
        tls: tls.map(|(certificate, key)| TlsFiles { certificate, key }),
        ..Config::new(data.tokens_file())
    };
    // What is wrong with policies is told before a folder is made.
    let (opa, policies) = (opa::Prepared::new(&args.opa)?, known_policies(&data)?);
    let run_task = args.run_task.prepare(&data)?;
    if let Some(path) = &args.gate_token_file {
        data.create()?;
        accept_token(&data.tokens_file(), GATE, Role::Gate, &gate_token(path)?)?;
    }
    let ledger = Arc::new(data.open_ledger()?);
    let verifier = ledger.verifier();
    let opa = opa.map(|opa| opa.start(&args.opa, &ledger)).transpose()?;
    let parts = Parts {
        ledger: Arc::clone(&ledger),
        index: data.index_file(),
        frameworks: Frameworks::builtin(),
        policies,
        gate: opa.as_ref().map(opa::Started::mounted),
        signed: run_task.map(|run_task| run_task.start(&args.run_task, &data, &ledger)).transpose()?,
    };
    let answers_run_tasks = parts.signed.is_some();
    let server = Server::new(settings, parts)?;
    eprintln!(
        "the ledger of {} has {} entries; its public key is {verifier}",
        data.folder().display(),
        ledger.appended()
    );
    eprintln!("open {} (Ctrl-C ends)", server.url());
    if opa.is_some() {
        eprintln!("decisions are asked for as from OPA: {}/v1/data", server.url());
    }
    if answers_run_tasks {
        eprintln!("runs of Terraform are judged as a run task: {}{}", server.url(), probity_gate_terraform::PATH);
    }
    let hosts = args.opa.allowed_hosts();
    let gate = args.admission.wanted().then(|| admission::start(args.admission, hosts, &data, Some(&ledger)));
    let gate = gate.transpose()?;
    server.run()?;
    gate.map(admission::Running::stop).transpose()?;
    Ok(crate::CLEAN)
}

/// The name of the token that a file gives to gates.
const GATE: &str = "gate-token-file";

/// Fewest characters of a token that is made elsewhere: its hash is kept as it is.
const SHORTEST: usize = 40;

fn gate_token(path: &std::path::Path) -> Result<String> {
    let text = crate::input::read_text(path)?.trim().to_owned();
    if text.len() < SHORTEST {
        bail!("{}: a token has at least {SHORTEST} characters; make one with `openssl rand -hex 32`", path.display());
    }
    Ok(text)
}

/// What is known of the policies that a scan here would ask.
fn known_policies(data: &Data) -> Result<Vec<probity_model::Metadata>> {
    let mut known = probity_catalog::policies();
    let beside = data.folder().parent().filter(|folder| !folder.as_os_str().is_empty());
    if let Some(config) = config::near(beside.unwrap_or(std::path::Path::new(".")))? {
        let sources = Arc::new(Sources::default());
        let own = policies::read(&config.policy_folders, config.rego_options(&sources)?, &sources, &known)?;
        known.extend(own.policies);
    }
    Ok(known.iter().map(|policy| policy.metadata().clone()).collect())
}

fn token(command: &TokenCommand) -> Result<u8> {
    match command {
        TokenCommand::Create { name, role, gate_prefix, expires, data } => {
            let data = config::data(data)?;
            data.create()?;
            let expires = expires.map(end_of).transpose()?;
            let new = NewToken { name: name.clone(), role: *role, gate_prefix: gate_prefix.clone(), expires };
            let token = create_token(&data.tokens_file(), new)?;
            eprintln!("a token for the role {}; it is shown this once:", role.as_str());
            println!("{token}");
        }
        TokenCommand::List { data } => {
            for token in &Tokens::read(&config::data(data)?.tokens_file())? {
                let expires = token.expires.map_or("never".to_owned(), |expires| expires.to_string());
                let gates = token.gate_prefix.as_deref().map(|prefix| format!(", gates {prefix}*")).unwrap_or_default();
                println!(
                    "{}  {}, made {:.0}, expires {expires}{}",
                    harmless(&token.name),
                    token.role.as_str(),
                    token.created,
                    harmless(&gates)
                );
            }
        }
        TokenCommand::Revoke { name, data } => {
            revoke_token(&config::data(data)?.tokens_file(), name)?;
            println!("{} is revoked", harmless(name));
        }
    }
    Ok(crate::CLEAN)
}

/// The moment at which a day has passed, in UTC.
fn end_of(day: Date) -> Result<Timestamp> {
    let next = day.tomorrow().context("the day is too far away")?;
    Ok(TimeZone::UTC.to_ambiguous_timestamp(next.at(0, 0, 0, 0)).unambiguous()?)
}
