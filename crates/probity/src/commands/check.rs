//! `probity policy check`.

use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Result;
use probity_model::Sources;
use probity_policy_rego::{CompileOptions, Extensions, Policies, Schemas, Version};
use probity_policy_test::Fault;
use serde_json::{Value, json};

use crate::commands::faults;
use crate::{policies, schemas};

/// What is checked, and how strictly.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Files and folders with policies: Rego modules, sets of Sentinel policies, and YAML or JSON files of policies. Default: the
    /// current folder.
    paths: Vec<PathBuf>,
    /// Also object to unused variables, unused imports and deprecated functions.
    #[arg(long, short = 'S')]
    strict: bool,
    /// The form of the output.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Read policies that do not say otherwise as Rego v0, the language before OPA 1.0.
    #[arg(long)]
    v0_compatible: bool,
    /// Leave out files and folders whose name matches. May be repeated.
    #[arg(long, value_name = "GLOB")]
    ignore: Vec<String>,
    /// A JSON schema of the input, or a folder of schemas that `# METADATA` may name (`schema.x` for `x.json`).
    #[arg(long, short, value_name = "PATH")]
    schema: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    Text,
    Json,
}

/// Runs the command; gives the exit code.
pub(crate) fn run(args: &Args) -> Result<u8> {
    let paths = if args.paths.is_empty() { vec![PathBuf::from(".")] } else { args.paths.clone() };
    if let Some(missing) = paths.iter().find(|path| !path.exists()) {
        anyhow::bail!("{}: there is no such file or folder", missing.display());
    }
    let sources = Arc::new(Sources::default());
    let schemas = args.schema.as_deref().map(schemas::read).transpose()?;
    let (modules, mut faults) = modules(args, schemas, &paths, &sources);
    let (files, other) = policies::faults(&paths, &args.ignore, faults.is_empty(), &sources);
    faults.extend(other);
    let mut out = io::BufWriter::new(io::stdout().lock());
    match args.format {
        Format::Text => {
            faults::write(&faults, &sources, &mut out)?;
            let of = |count: usize, what: &str| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
            let checked = format!("{} and {} of policies", of(modules, "Rego module"), of(files, "file"));
            match faults.len() {
                0 => writeln!(out, "ok: {checked}")?,
                count => writeln!(out, "{} in {checked}", of(count, "error"))?,
            }
        }
        Format::Json => {
            let errors: Vec<Value> = faults.iter().map(fault).collect();
            let root = json!({"modules": modules, "files": files, "errors": errors});
            serde_json::to_writer_pretty(&mut out, &root)?;
            writeln!(out)?;
        }
    }
    out.flush()?;
    if modules + files == 0 && faults.is_empty() {
        anyhow::bail!("no policies were found there");
    }
    Ok(if faults.is_empty() { crate::CLEAN } else { crate::FINDINGS })
}

/// How many Rego modules there are, and what is wrong with them: with each by itself, or else with all together.
fn modules(
    args: &Args,
    schemas: Option<Arc<Schemas>>,
    paths: &[PathBuf],
    sources: &Arc<Sources>,
) -> (usize, Vec<Fault>) {
    let version = if args.v0_compatible { Version::V0 } else { Version::V1 };
    let is_rego = |fault: &Fault| fault.path.extension().is_some_and(|extension| extension == "rego");
    let read = probity_policy_test::read(paths, version, &args.ignore, sources);
    let mut faults: Vec<Fault> = read.faults.into_iter().filter(is_rego).collect();
    let mut broken: Vec<&PathBuf> = faults.iter().map(|fault| &fault.path).collect();
    broken.dedup();
    let count = read.modules.len() + broken.len();
    if faults.is_empty() {
        let options = CompileOptions {
            strict: args.strict,
            keep_prints: true,
            extensions: Extensions::ALL,
            schemas,
            ..CompileOptions::default()
        };
        faults = Policies::compile(read.modules, options, Arc::clone(sources))
            .err()
            .map(Fault::of_errors)
            .unwrap_or_default();
    }
    (count, faults)
}

fn fault(fault: &Fault) -> Value {
    let mut value = json!({"code": fault.code, "message": fault.message});
    let path = fault.path.display().to_string();
    value["location"] = match &fault.location {
        Some(location) => json!({
            "file": path,
            "row": location.line,
            "col": location.column,
            "end_row": location.end_line,
            "end_col": location.end_column,
        }),
        None => json!({"file": path}),
    };
    if let Some(hint) = &fault.hint {
        value["hint"] = json!(hint);
    }
    value
}
