//! `probity report`.

use std::io::Write as _;
use std::path::PathBuf;

use anyhow::Result;
use jiff::Timestamp;
use jiff::civil::Date;
use probity_report::Request;

use crate::config;
use crate::evidence::data::DataArgs;
use crate::evidence::report::{Form, SAMPLES, SEED, Table, period, write};
use crate::files::write_file;

/// Write the report of a framework over recorded decisions: a page a control.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The framework: soc2, pci-dss, hipaa, iso-27001, nist-800-53, cis-aws, cis-azure, cis-google, cis-kubernetes,
    /// cis-docker.
    #[arg(long, value_name = "NAME")]
    framework: String,
    /// The first day, in UTC. Default: ninety days up to the last.
    #[arg(long, value_name = "DAY")]
    from: Option<Date>,
    /// The last day. Default: today.
    #[arg(long, value_name = "DAY")]
    to: Option<Date>,
    /// Only subjects of this environment.
    #[arg(long, value_name = "NAME")]
    environment: Option<String>,
    /// Decisions to draw as samples for each control.
    #[arg(long, value_name = "COUNT", default_value_t = SAMPLES, value_parser = clap::value_parser!(u64).range(0..=500))]
    samples: u64,
    /// What samples are drawn by: the same seed draws the same ones.
    #[arg(long, value_name = "TEXT", default_value = SEED)]
    seed: String,
    /// The form of the output.
    #[arg(long, value_enum, default_value_t = Form::Html)]
    format: Form,
    /// The rows of the CSV form.
    #[arg(long, value_enum, default_value_t = Table::Controls)]
    table: Table,
    /// Write to a file instead of the standard output.
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    data: DataArgs,
}

/// Runs the command; gives the exit code.
pub(crate) fn run(args: &Args) -> Result<u8> {
    let data = config::data(&args.data)?;
    let reader = data.reader()?;
    let queries = data.index()?.queries()?;
    let request = Request {
        framework: args.framework.clone(),
        period: period(args.from, args.to)?,
        environment: args.environment.clone(),
        samples: args.samples,
        seed: args.seed.clone(),
        made_by: made_by(),
        made_at: Timestamp::now(),
    };
    let mut text = Vec::new();
    write(&request, (args.format, args.table), &queries, &reader, &mut text)?;
    match &args.output {
        Some(path) => {
            write_file(path, std::str::from_utf8(&text)?)?;
            eprintln!("wrote {}", path.display());
        }
        None => std::io::stdout().lock().write_all(&text)?,
    }
    Ok(crate::CLEAN)
}

/// Who runs this command, as the system says.
pub(crate) fn made_by() -> String {
    let user = ["USER", "LOGNAME", "USERNAME"].iter().find_map(|name| std::env::var(name).ok());
    user.filter(|user| !user.is_empty()).unwrap_or_else(|| "someone on this machine".to_owned())
}
