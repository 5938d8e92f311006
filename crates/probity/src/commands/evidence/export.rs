//! `probity evidence export`.

use std::path::PathBuf;

use anyhow::Result;

use crate::evidence::data::DataArgs;

/// Copy the ledger without its private key, for somebody who is to verify it.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The new folder.
    folder: PathBuf,
    #[command(flatten)]
    data: DataArgs,
}

/// Runs the command; gives the exit code.
pub(crate) fn run(args: &Args) -> Result<u8> {
    let reader = super::data(&args.data)?.reader()?;
    let exported = reader.export(&args.folder)?;
    println!("{} entries and {} documents in {}", exported.entries, exported.documents, args.folder.display());
    println!("public key (give it by another way): {}", exported.public_key.trim());
    println!(
        "check it offline: probity evidence verify {} --key '{}'",
        args.folder.display(),
        exported.public_key.trim()
    );
    Ok(crate::CLEAN)
}
