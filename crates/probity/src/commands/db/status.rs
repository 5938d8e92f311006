//! `probity db status`.

use std::io::{self, Write};
use std::path::Path;

use anyhow::Result;
use jiff::civil::Date;
use probity_vulnerabilities::DatabaseStatus;
use serde_json::json;

use super::place;
use crate::images::DatabaseArgs;

/// Show what the database of vulnerabilities was built from, how old it is, and what it covers.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    database: DatabaseArgs,
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
    /// Exit with 1 when it is older.
    #[arg(long, value_name = "DAYS")]
    max_age: Option<u32>,
    /// Read all of it and compare it with its digest.
    #[arg(long)]
    verify: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Format {
    Text,
    Json,
}

/// Runs the command; gives the exit code.
pub(crate) fn run(args: &Args) -> Result<u8> {
    let path = place(&args.database)?;
    let database = super::open(&path)?;
    if args.verify {
        database.verify()?;
    }
    let status = database.status();
    let age = age(&status.date, crate::today());
    let mut out = io::BufWriter::new(io::stdout().lock());
    match args.format {
        Format::Text => text(&path, status, age, &mut out)?,
        Format::Json => {
            let mut document = serde_json::to_value(status)?;
            document["path"] = json!(path);
            document["age_days"] = json!(age);
            writeln!(out, "{}", serde_json::to_string_pretty(&document)?)?;
        }
    }
    out.flush()?;
    drop(out);
    let Some(most) = args.max_age else { return Ok(crate::CLEAN) };
    // Of what is not dated nobody can say that it is young enough.
    if age.is_some_and(|age| age <= i64::from(most)) {
        return Ok(crate::CLEAN);
    }
    let age = age.map_or_else(|| "of an age that is not known".to_owned(), |age| format!("{age} days old"));
    eprintln!("{} is {age}, and {most} are allowed: run `probity db update`", path.display());
    Ok(crate::FINDINGS)
}

/// Whole days since a date.
pub(super) fn age(date: &str, today: Date) -> Option<i64> {
    let date: Date = day(date).parse().ok()?;
    Some(i64::from((today - date).get_days()).max(0)).filter(|_| date <= today)
}

/// The day of a date and time.
pub(super) fn day(date: &str) -> &str {
    date.get(..10).filter(|_| date.len() >= 10).unwrap_or("unknown")
}

fn text(path: &Path, status: &DatabaseStatus, age: Option<i64>, out: &mut dyn Write) -> io::Result<()> {
    let age = age.map_or_else(String::new, |age| format!(" ({age} days old)"));
    writeln!(out, "{}", path.display())?;
    writeln!(out, "date    {}{age}", day(&status.date))?;
    writeln!(out, "digest  sha256:{}\n", status.digest)?;
    write_sources(status, out)?;
    if status.ecosystems.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n{:<32} {:>9} {:>10}", "ecosystem", "packages", "advisories")?;
    for (name, coverage) in &status.ecosystems {
        writeln!(out, "{name:<32} {:>9} {:>10}", coverage.packages, coverage.records)?;
    }
    Ok(())
}

/// A line a source.
pub(super) fn write_sources(status: &DatabaseStatus, out: &mut dyn Write) -> io::Result<()> {
    writeln!(
        out,
        "{:<24} {:<16} {:>9} {:>9} {:>10}  {:<10} retrieved",
        "source", "kind", "records", "withdrawn", "unreadable", "newest"
    )?;
    for source in &status.sources {
        let newest = if source.newest.is_empty() { "-" } else { day(&source.newest) };
        writeln!(
            out,
            "{:<24} {:<16} {:>9} {:>9} {:>10}  {newest:<10} {}",
            source.name,
            source.feed,
            source.advisories,
            source.withdrawn,
            source.unreadable,
            day(&source.retrieved)
        )?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::age;

    #[test]
    fn ages_are_whole_days() {
        let today = date(2026, 3, 1);
        let cases = [
            ("2026-03-01T23:00:00Z", Some(0)),
            ("2026-02-27T00:00:00Z", Some(2)),
            ("2025-03-01", Some(365)),
            ("2026-03-02T00:00:00Z", None),
            ("", None),
        ];
        for (text, days) in cases {
            assert_eq!(age(text, today), days, "{text}");
        }
    }
}
