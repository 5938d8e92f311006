//! `probity evidence verify`.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};
use probity_evidence_ledger::{Checkpoint, GateSummary, Proof, Verification, Verifier, leaf_hash, verify};

use crate::evidence::data::DataArgs;
use crate::evidence::seen::Seen;
use crate::output::harmless;

/// Check that a ledger is whole, or that a proof holds, by nothing but a public key. Works offline.
///
/// Every entry is hashed up to the signed checkpoint, every document is compared with its name, every gate's numbers are
/// counted. The newest checkpoint that was seen on this machine is remembered for each ledger: one that is older, or of
/// another history, is found.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The ledger: an exported folder. Default: the ledger of the data folder.
    folder: Option<PathBuf>,
    /// The trusted public key, as text or as the file that holds it. Default: the key in the data folder.
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
    /// A checkpoint that was kept earlier: the ledger must be of the same history. May be repeated.
    #[arg(long, value_name = "FILE")]
    checkpoint: Vec<PathBuf>,
    /// Do not compare with checkpoints seen before on this machine, and do not remember this one.
    #[arg(long)]
    forget: bool,
    /// Check a proof instead of a ledger.
    #[arg(long, value_name = "FILE", requires = "entry", conflicts_with_all = ["folder", "checkpoint", "forget"])]
    proof: Option<PathBuf>,
    /// The entry that the proof is of.
    #[arg(long, value_name = "FILE", requires = "proof")]
    entry: Option<PathBuf>,
    #[command(flatten)]
    data: DataArgs,
}

/// Runs the command; gives the exit code.
pub(crate) fn run(args: &Args) -> Result<u8> {
    let key = trusted(args)?;
    if let (Some(proof), Some(entry)) = (&args.proof, &args.entry) {
        return verify_proof(proof, entry, &key);
    }
    let folder = match &args.folder {
        Some(folder) => folder.clone(),
        None => super::data(&args.data)?.ledger_folder(),
    };
    let mut earlier = args.checkpoint.iter().map(|path| read_checkpoint(path)).collect::<Result<Vec<Checkpoint>>>()?;
    let seen = (!args.forget).then(Seen::open).flatten();
    earlier.extend(seen.as_ref().and_then(|seen| seen.checkpoint(&key)));
    let found = verify(&folder, std::slice::from_ref(&key), &earlier)?;
    if found.problems.is_empty() {
        if let Some(seen) = &seen {
            seen.remember(&key, &found.checkpoint);
        }
        print_whole(&found, earlier.len());
        return Ok(crate::CLEAN);
    }
    for problem in &found.problems {
        println!("{}", harmless(problem));
    }
    println!("{}: the ledger is NOT whole", folder.display());
    Ok(crate::FINDINGS)
}

fn trusted(args: &Args) -> Result<Verifier> {
    let text = match &args.key {
        Some(key) if key.contains('+') && !Path::new(key).exists() => key.clone(),
        Some(file) => read(Path::new(file))?,
        None if args.folder.is_some() || args.proof.is_some() => {
            bail!("name the public key that you trust with --key; one that lies beside the ledger proves nothing")
        }
        None => return Ok(super::data(&args.data)?.existing_key()?.verifier().clone()),
    };
    text.trim().parse().map_err(|error| anyhow!("{}: {error}", args.key.as_deref().unwrap_or_default()))
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))
}

fn read_checkpoint(path: &Path) -> Result<Checkpoint> {
    Checkpoint::parse(&read(path)?).map_err(|error| anyhow!("{}: {error}", path.display()))
}

fn verify_proof(proof: &Path, entry: &Path, key: &Verifier) -> Result<u8> {
    let parsed = Proof::parse(&read(proof)?).map_err(|error| anyhow!("{}: {error}", proof.display()))?;
    let mut bytes = fs::read(entry).with_context(|| format!("{} cannot be read", entry.display()))?;
    // `evidence show --format json` ends the line.
    if bytes.ends_with(b"\n") {
        bytes.pop();
    }
    match parsed.verify(&leaf_hash(&bytes), key) {
        Ok(()) => {
            let Checkpoint { origin, size, .. } = &parsed.checkpoint;
            println!("{} is entry {} of {size} in {}", entry.display(), parsed.index, harmless(origin));
            Ok(crate::CLEAN)
        }
        Err(error) => {
            println!("{}: {}", proof.display(), harmless(&error.to_string()));
            println!("the proof does NOT hold");
            Ok(crate::FINDINGS)
        }
    }
}

fn print_whole(found: &Verification, earlier: usize) {
    println!("{} entries are whole under {}", found.checkpoint.size, found.checkpoint.origin);
    println!("root       {}", found.checkpoint.root);
    if let Some((first, last)) = found.recorded {
        println!("recorded   {first} to {last}");
    }
    println!("documents  {}", found.documents);
    for (position, key) in found.keys.iter().enumerate() {
        println!("{:<10} {key}", if position == 0 { "key" } else { "then" });
    }
    if earlier > 0 {
        println!("history    the same as at {earlier} earlier checkpoints");
    }
    if found.pending > 0 {
        println!(
            "pending    {} entries are durable and come under a checkpoint when the ledger is opened",
            found.pending
        );
    }
    let missing: Vec<&GateSummary> = found.gates.iter().filter(|gate| gate.missing() > 0).collect();
    println!("gates      {}, {} with numbers missing", found.gates.len(), missing.len());
    for gate in missing {
        println!("missing    {} of {} numbers of {}", gate.missing(), gate.last, harmless(&gate.name));
    }
}
