//! `probity version`.

use std::env::consts::{ARCH, OS};
use std::io::Write as _;

use probity_crypto::{Module, tls};
use serde::Serialize;

use crate::CLEAN;
use crate::version::version;

/// Say what this program is, and which cryptographic module it computes with.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Form of the answer.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    Text,
    Json,
}

#[derive(Serialize)]
struct About {
    name: &'static str,
    version: &'static str,
    /// What it was built from, when its builder has set `PROBITY_COMMIT`.
    commit: Option<&'static str>,
    target: String,
    crypto: Crypto,
    tls: Tls,
}

#[derive(Serialize)]
struct Crypto {
    module: &'static str,
    version: &'static str,
    /// Whether the module says that it runs in its FIPS mode.
    fips: bool,
}

#[derive(Serialize)]
struct Tls {
    implementation: &'static str,
    /// Whether only what is approved is negotiated.
    fips: bool,
    cipher_suites: Vec<String>,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<u8> {
    let about = about();
    let mut out = std::io::stdout().lock();
    match args.format {
        Format::Json => writeln!(out, "{}", serde_json::to_string_pretty(&about)?)?,
        Format::Text => write!(out, "{}", text(&about))?,
    }
    Ok(CLEAN)
}

fn about() -> About {
    let module = Module::linked();
    About {
        name: "probity",
        version: version(),
        commit: option_env!("PROBITY_COMMIT"),
        target: format!("{ARCH}-{OS}"),
        crypto: Crypto { module: module.name, version: module.version, fips: module.fips },
        tls: Tls { implementation: "rustls", fips: tls::provider().fips(), cipher_suites: tls::cipher_suites() },
    }
}

fn text(about: &About) -> String {
    let Crypto { module, version, fips } = about.crypto;
    let commit = about.commit.map(|commit| format!("commit   {commit}\n")).unwrap_or_default();
    let mode = if fips { " in FIPS mode" } else { "" };
    let suites = if about.tls.fips { ", approved algorithms only" } else { "" };
    format!(
        "{} {}\n{commit}target   {}\ncrypto   {module} {version}{mode}\ntls      {} on {module}{suites}\n",
        about.name, about.version, about.target, about.tls.implementation
    )
}
