//! What changed without a gate having been asked, in the forms of a list.

use std::io::Write;

use anyhow::Result;
use probity_evidence_index::{DriftFilter, DriftRow, Queries};

use super::{Form, pages};
use crate::output::{csv_field, harmless};

/// Writes the changes that fit, as many as are asked for.
pub(super) fn write(
    queries: &Queries,
    filter: &DriftFilter,
    limit: u64,
    form: Form,
    out: &mut impl Write,
) -> Result<()> {
    if form == Form::Csv {
        writeln!(out, "entry,time,cluster,environment,what,severity,subject,message,who")?;
    }
    let ask = |page| {
        let page = queries.drift(filter, page)?;
        Ok((page.rows, page.next))
    };
    pages(limit, "change", ask, |row: &DriftRow| {
        match form {
            Form::Json => writeln!(out, "{}", serde_json::to_string(row)?)?,
            Form::Csv => write_csv(row, out)?,
            Form::Text => writeln!(out, "{}", harmless(&line(row)))?,
        }
        Ok(())
    })?;
    Ok(out.flush()?)
}

fn line(row: &DriftRow) -> String {
    let drift = &row.drift;
    let time = row.time.strftime("%Y-%m-%dT%H:%M:%SZ");
    let who = drift.who.as_ref().map(|who| format!(", by {who}")).unwrap_or_default();
    let subject = &drift.subject.address;
    format!("{time} {} {} {subject}: {}{who}  entry {}", drift.severity, drift.what, drift.message, row.index)
}

fn write_csv(row: &DriftRow, out: &mut impl Write) -> Result<()> {
    let drift = &row.drift;
    let fields = [
        row.index.to_string(),
        row.time.to_string(),
        drift.cluster.clone(),
        drift.subject.labels.environment.as_deref().unwrap_or_default().to_owned(),
        drift.what.to_string(),
        drift.severity.to_string(),
        drift.subject.address.clone(),
        drift.message.clone(),
        drift.who.clone().unwrap_or_default(),
    ];
    Ok(writeln!(out, "{}", fields.iter().map(|field| csv_field(field)).collect::<Vec<_>>().join(","))?)
}
