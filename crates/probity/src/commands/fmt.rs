//! `probity policy fmt`.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use probity_model::Sources;
use probity_policy_sentinel::{Policy, set};

use crate::files::write_file;
use crate::input;

/// Deepest folder that is looked into.
const MAX_DEPTH: usize = 32;

/// What is formatted.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Files and folders with Sentinel policies; `-` is the standard input, which is written formatted to the standard output.
    #[arg(required = true)]
    paths: Vec<PathBuf>,
    /// Write nothing: name the files that are not well-formed, and exit with 1 when there is one.
    #[arg(long)]
    check: bool,
}

/// Runs the command; gives the exit code.
pub(crate) fn run(args: &Args) -> Result<u8> {
    let mut changed = false;
    for path in &args.paths {
        if path.as_os_str() == "-" {
            changed |= standard_input(args.check)?;
            continue;
        }
        let mut files = Vec::new();
        collect(path, 0, &mut files).with_context(|| format!("{} cannot be read", path.display()))?;
        if files.is_empty() {
            bail!("{}: no Sentinel policy is there", path.display());
        }
        files.sort();
        for file in &files {
            changed |= format_file(file, args.check)?;
        }
    }
    Ok(if changed && args.check { crate::FINDINGS } else { crate::CLEAN })
}

/// Formats a file, and names it when that changes it.
fn format_file(path: &Path, check: bool) -> Result<bool> {
    let text = input::read_text(path)?;
    let formatted = formatted(path, &text)?;
    if formatted == text {
        return Ok(false);
    }
    if !check {
        write_file(path, &formatted)?;
    }
    writeln!(io::stdout(), "{}", path.display())?;
    Ok(true)
}

fn standard_input(check: bool) -> Result<bool> {
    let text = input::read_text(Path::new("/dev/stdin"))?;
    let formatted = formatted(Path::new("-"), &text)?;
    if !check {
        io::stdout().write_all(formatted.as_bytes())?;
    }
    Ok(formatted != text)
}

fn formatted(path: &Path, text: &str) -> Result<String> {
    let sources = Sources::default();
    let policy = Policy::parse(&sources, sources.add(path, text));
    let policy = policy.map_err(|problems| {
        let lines: Vec<String> = problems.0.iter().map(|problem| problem.display(&sources, path)).collect();
        anyhow::anyhow!(lines.join("\nerror: "))
    })?;
    Ok(policy.formatted())
}

fn collect(path: &Path, depth: usize, files: &mut Vec<PathBuf>) -> io::Result<()> {
    if depth == 0 && path.is_file() || set::is_policy_file(path) && path.is_file() {
        files.push(path.to_owned());
    } else if depth == 0 || path.is_dir() && !path.is_symlink() && depth < MAX_DEPTH {
        for entry in std::fs::read_dir(path)? {
            collect(&entry?.path(), depth + 1, files)?;
        }
    }
    Ok(())
}
