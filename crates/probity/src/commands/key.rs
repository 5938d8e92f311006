//! `probity key`.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;

use anyhow::{Context, Result};
use probity_trust::{KeyPair, PublicKey};

use crate::signing::new_password;

/// Keys to sign images with.
#[derive(clap::Subcommand)]
pub(crate) enum Command {
    /// Make a key pair as cosign does: NAME.key, encrypted with a password, and NAME.pub.
    ///
    /// The password is taken from the variable `COSIGN_PASSWORD`, or asked for. Files that are there are left as they are.
    Generate {
        /// What the files are called, without .key and .pub.
        #[arg(long, value_name = "NAME", default_value = "cosign")]
        output: PathBuf,
    },
}

/// Runs the command; gives the exit code.
pub(crate) fn run(command: &Command) -> Result<u8> {
    let Command::Generate { output } = command;
    let with = |ending: &str| {
        let mut name = output.clone().into_os_string();
        name.push(ending);
        PathBuf::from(name)
    };
    let (private, public) = (with(".key"), with(".pub"));
    for path in [&private, &public] {
        anyhow::ensure!(!path.exists(), "{} is there already: a key that is lost cannot be made again", path.display());
    }
    let pair = KeyPair::generate(new_password()?.as_bytes())?;
    write(&private, 0o600, &pair.private_pem)?;
    write(&public, 0o644, &pair.public_pem)?;
    let key = PublicKey::from_pem(&pair.public_pem)?;
    println!("wrote {} and {}; the key is {}", private.display(), public.display(), key.id());
    Ok(crate::CLEAN)
}

fn write(path: &PathBuf, mode: u32, text: &str) -> Result<()> {
    let file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path);
    let written = file.and_then(|mut file| file.write_all(text.as_bytes()));
    written.with_context(|| format!("{} cannot be written", path.display()))
}
