//! Requests to API servers in the forms of a list.

use std::io::Write;
use std::time::Duration;

use anyhow::Result;
use probity_evidence_index::{AdmissionFilter, AdmissionRow, Index, Page, Queries};
use probity_evidence_ledger::{AdmittedImage, Reader};

use super::{Form, pages};
use crate::output::{csv_field, harmless};

/// How often is looked for what is new.
const PAUSE: Duration = Duration::from_millis(250);

/// Writes the requests that fit, as many as are asked for, newest first.
pub(super) fn write(
    queries: &Queries,
    filter: &AdmissionFilter,
    limit: u64,
    form: Form,
    out: &mut impl Write,
) -> Result<()> {
    head(form, out)?;
    let ask = |page| {
        let page = queries.admissions(filter, page)?;
        Ok((page.rows, page.next))
    };
    pages(limit, "request", ask, |row: &AdmissionRow| write_row(row, form, out))?;
    Ok(out.flush()?)
}

/// Writes the newest that fit, oldest first, and then each that comes, until whoever reads has enough.
pub(super) fn follow(
    mut index: Index,
    ledger: &Reader,
    filter: &AdmissionFilter,
    limit: u64,
    form: Form,
    out: &mut impl Write,
) -> Result<()> {
    let queries = index.queries()?;
    head(form, out)?;
    let newest = usize::try_from(limit).unwrap_or(Page::MAX).min(Page::MAX);
    let known = queries.entries_known()?.checked_sub(1);
    let rows = queries.admissions(filter, Page::first(newest))?.rows;
    rows.iter().rev().try_for_each(|row| write_row(row, form, out))?;
    let mut next = known.max(rows.first().map(|row| row.decision.index));
    loop {
        out.flush()?;
        std::thread::sleep(PAUSE);
        index.follow(ledger)?;
        let known = queries.entries_known()?.checked_sub(1);
        while next < known {
            let rows = queries.admissions_after(filter, next, Page::MAX)?;
            rows.iter().try_for_each(|row| write_row(row, form, out))?;
            // What came while these were read is for the next time.
            next = match rows.last() {
                Some(row) if rows.len() == Page::MAX => Some(row.decision.index),
                last => known.max(last.map(|row| row.decision.index)),
            };
        }
    }
}

fn head(form: Form, out: &mut impl Write) -> Result<()> {
    if form == Form::Csv {
        writeln!(
            out,
            "entry,time,outcome,user,cluster,namespace,environment,kind,name,operation,images,why,server,decision,leaf"
        )?;
    }
    Ok(())
}

fn write_row(row: &AdmissionRow, form: Form, out: &mut impl Write) -> Result<()> {
    match form {
        Form::Json => writeln!(out, "{}", serde_json::to_string(row)?)?,
        Form::Csv => write_csv(row, out)?,
        Form::Text => writeln!(out, "{}", harmless(&row.line()))?,
    }
    Ok(())
}

/// Images by their names and digests.
pub(in super::super) fn images(images: &[AdmittedImage]) -> String {
    let image = |image: &AdmittedImage| match &image.digest {
        Some(digest) if !image.reference.contains(digest.as_str()) => format!("{}@{digest}", image.reference),
        _ => image.reference.clone(),
    };
    images.iter().map(image).collect::<Vec<_>>().join(" ")
}

fn write_csv(row: &AdmissionRow, out: &mut impl Write) -> Result<()> {
    let admission = &row.admission;
    let fields = [
        row.decision.index.to_string(),
        row.decision.time.to_string(),
        row.outcome.as_str().to_owned(),
        admission.user.clone(),
        admission.cluster.clone(),
        admission.namespace.clone(),
        row.decision.environment.clone().unwrap_or_default(),
        admission.kind.to_string(),
        admission.name.clone(),
        admission.operation.to_string(),
        images(&admission.images),
        row.why(),
        row.confirmed(),
        admission.decision_id.clone(),
        row.decision.leaf.to_string(),
    ];
    Ok(writeln!(out, "{}", fields.iter().map(|field| csv_field(field)).collect::<Vec<_>>().join(","))?)
}
