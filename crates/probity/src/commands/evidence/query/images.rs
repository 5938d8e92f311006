//! Images in the forms of a list.

use std::io::Write;

use anyhow::Result;
use probity_evidence_index::{ImageFilter, ImageRow, Queries};
use probity_evidence_ledger::ImageRecord;
use probity_model::Action;

use super::{Form, pages};
use crate::output::{csv_field, harmless};

/// Writes the images that fit, as many as are asked for.
pub(super) fn write(
    queries: &Queries,
    filter: &ImageFilter,
    limit: u64,
    form: Form,
    out: &mut impl Write,
) -> Result<()> {
    if form == Form::Csv {
        writeln!(
            out,
            "entry,time,reference,digest,action,signed,sbom,base,user,packages,critical,high,medium,low,unknown,accepted,leaf"
        )?;
    }
    let ask = |page| {
        let page = queries.images(filter, page)?;
        Ok((page.rows, page.next))
    };
    pages(limit, "image", ask, |row: &ImageRow| {
        match form {
            Form::Json => writeln!(out, "{}", serde_json::to_string(row)?)?,
            Form::Csv => write_csv(row, out)?,
            Form::Text => writeln!(out, "{}", line(row))?,
        }
        Ok(())
    })?;
    Ok(out.flush()?)
}

fn line(row: &ImageRow) -> String {
    let image = &row.image;
    let action = match image.action {
        Action::Allow => "ALLOWED",
        Action::Warn => "WARNED",
        Action::Deny => "DENIED",
    };
    harmless(&format!(
        "{} image {} {action} ({}; {})  entry {}",
        row.time.strftime("%Y-%m-%dT%H:%M:%SZ"),
        named(image),
        signed(image),
        open(image),
        row.index
    ))
}

/// The name with the digest.
pub(in super::super) fn named(image: &ImageRecord) -> String {
    match &image.digest {
        Some(digest) if image.reference.contains(digest.as_str()) => image.reference.clone(),
        _ if image.reference.is_empty() => image.content().to_owned(),
        _ => format!("{}@{}", image.reference, image.content()),
    }
}

/// Who of the approved signers signed.
fn signed(image: &ImageRecord) -> String {
    let Some(signatures) = &image.signatures else { return "signatures not looked for".to_owned() };
    let approved = signatures.iter().find(|signature| signature.signer.approved);
    match approved {
        Some(signature) => {
            let signer = &signature.signer;
            format!("signed by {}", signer.name.as_ref().unwrap_or(&signer.identity))
        }
        None => "not signed by an approved builder".to_owned(),
    }
}

fn open(image: &ImageRecord) -> String {
    let Some(found) = &image.vulnerabilities else { return "vulnerabilities not looked for".to_owned() };
    let counts = found.open.by_severity().into_iter().filter(|(_, count)| *count > 0);
    let counts: Vec<String> = counts.map(|(severity, count)| format!("{count} {severity}")).collect();
    let incomplete = if found.complete { "" } else { ", not all packages assessed" };
    if counts.is_empty() {
        return format!("no open vulnerability{incomplete}");
    }
    format!("{}{incomplete}", counts.join(", "))
}

fn write_csv(row: &ImageRow, out: &mut impl Write) -> Result<()> {
    let image = &row.image;
    let approved = image.signatures.as_ref().map(|list| list.iter().any(|signature| signature.signer.approved));
    let number = |number: Option<u64>| number.map(|number| number.to_string()).unwrap_or_default();
    let counts = image.vulnerabilities.as_ref().map(|found| found.open);
    let count = |of: usize| number(counts.map(|counts| counts.by_severity()[of].1));
    let fields = [
        row.index.to_string(),
        row.time.to_string(),
        image.reference.clone(),
        image.content().to_owned(),
        image.action.to_string(),
        approved.map(|approved| approved.to_string()).unwrap_or_default(),
        image.sbom.as_ref().map(|sbom| sbom.format.to_string()).unwrap_or_default(),
        image.base.as_ref().map(|base| base.name.clone()).unwrap_or_default(),
        image.user.clone().unwrap_or_default(),
        number(image.packages),
        count(0),
        count(1),
        count(2),
        count(3),
        count(4),
        number(image.vulnerabilities.as_ref().map(|found| found.accepted.len() as u64)),
        row.leaf.to_string(),
    ];
    Ok(writeln!(out, "{}", fields.iter().map(|field| csv_field(field)).collect::<Vec<_>>().join(","))?)
}
