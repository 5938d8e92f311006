//! `probity evidence prove`.

use std::path::PathBuf;

use anyhow::Result;

use crate::evidence::data::DataArgs;
use crate::files::write_file;

/// Write the proof that an entry is in the ledger (C2SP tlog-proof), and the entry beside it.
///
/// Whoever has the two files and the ledger's public key checks them with `probity evidence verify --proof`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The entry's number, from 0.
    index: u64,
    /// Where the proof goes; the entry goes beside it, with the ending .json. Default: entry-<number>.tlog-proof.
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    data: DataArgs,
}

/// Runs the command; gives the exit code.
pub(crate) fn run(args: &Args) -> Result<u8> {
    let reader = super::data(&args.data)?.reader()?;
    let (entry, proof) = (reader.entry(args.index)?, reader.proof(args.index)?);
    let path = args.output.clone().unwrap_or_else(|| format!("entry-{}.tlog-proof", args.index).into());
    let entry_path = path.with_extension("json");
    write_file(&path, &proof.to_text())?;
    write_file(&entry_path, std::str::from_utf8(&entry.bytes)?)?;
    println!(
        "entry {} is under the checkpoint at {} of {}",
        entry.index, proof.checkpoint.size, proof.checkpoint.origin
    );
    println!("proof: {}, entry: {}", path.display(), entry_path.display());
    println!(
        "check it offline: probity evidence verify --proof {} --entry {} --key {}",
        path.display(),
        entry_path.display(),
        reader.folder().join("ledger.pub").display()
    );
    Ok(crate::CLEAN)
}
