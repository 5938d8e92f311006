//! `probity evidence key`.

use anyhow::Result;

use crate::evidence::data::DataArgs;

/// Show the ledger's public key, or rotate the key.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Make a new key; the old one signs that it follows.
    #[arg(long)]
    rotate: bool,
    #[command(flatten)]
    data: DataArgs,
}

/// Runs the command; gives the exit code.
pub(crate) fn run(args: &Args) -> Result<u8> {
    let data = super::data(&args.data)?;
    let old = data.existing_key()?;
    if args.rotate {
        let verifier = data.open_ledger()?.rotate_key(data.key_path())?;
        println!("the old key  {}", old.verifier());
        println!("signed that  {verifier}");
        println!("follows it; who trusts the old key can verify the ledger as before");
        return Ok(crate::CLEAN);
    }
    println!("{}", old.verifier());
    println!("fingerprint {}", old.verifier().fingerprint());
    Ok(crate::CLEAN)
}
