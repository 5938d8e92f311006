//! The report of a framework over what is kept.

use std::io::Write;

use anyhow::Result;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};
use probity_controls::Frameworks;
use probity_evidence_index::{Period, Queries};
use probity_evidence_ledger::Reader;
use probity_report::{Report, Request, write_findings, write_population};

/// The form of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Form {
    /// A page a control, to read and to print.
    Html,
    /// Tables for spreadsheets.
    Csv,
    /// Everything, for programs.
    Json,
}

/// The rows of a report in CSV.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Table {
    /// A row for each control and policy that serves it.
    Controls,
    /// A row for each finding that is not a pass.
    Findings,
    /// A row for each decision: what samples are drawn from.
    Population,
}

/// Samples drawn for each control where nothing else is asked.
pub(crate) const SAMPLES: u64 = 5;
/// What they are drawn by.
pub(crate) const SEED: &str = "probity";

/// Days of a report for which no period is given, today included.
const DAYS: i64 = 90;

/// The period from a day to a day; by default the last ninety days.
pub(crate) fn period(from: Option<Date>, to: Option<Date>) -> Result<Period> {
    let last = match to {
        Some(to) => to,
        None => TimeZone::UTC.to_datetime(Timestamp::now()).date(),
    };
    let first = match from {
        Some(from) => from,
        None => last.checked_sub((DAYS - 1).days())?,
    };
    Ok(Period::new(first, last))
}

/// Writes a report.
pub(crate) fn write(
    request: &Request,
    (form, table): (Form, Table),
    queries: &Queries,
    reader: &Reader,
    out: &mut dyn Write,
) -> Result<()> {
    queries.pin()?;
    match (form, table) {
        (Form::Csv, Table::Findings) => drop(write_findings(request, queries, out)?),
        (Form::Csv, Table::Population) => drop(write_population(request, queries, out)?),
        _ => {
            let report = Report::build(request, Frameworks::builtin(), queries, reader.checkpoint()?.as_ref())?;
            match form {
                Form::Html => report.write_html(out)?,
                Form::Csv => report.write_csv(out)?,
                Form::Json => report.write_json(out)?,
            }
        }
    }
    Ok(())
}
