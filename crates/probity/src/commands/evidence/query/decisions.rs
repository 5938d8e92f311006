//! Decisions in the forms of a list.

use std::io::Write;

use anyhow::Result;
use probity_evidence_index::{DecisionPage, DecisionRow, Filter, Page, Queries};

use super::Form;
use crate::output::{csv_field, harmless};

/// Writes the decisions that fit, as many as are asked for.
pub(super) fn write(queries: &Queries, filter: &Filter, limit: u64, form: Form, out: &mut impl Write) -> Result<()> {
    if form == Form::Csv {
        writeln!(
            out,
            "entry,time,gate,number,type,address,environment,service,owner,action,policy,outcome,severity,message,leaf"
        )?;
    }
    let (mut left, mut before) = (limit, None);
    loop {
        let size = usize::try_from(left).unwrap_or(Page::MAX).min(Page::MAX);
        let DecisionPage { rows, total, next } = queries.decisions(filter, Page { before, limit: size })?;
        for row in &rows {
            write_row(row, form, out)?;
        }
        left -= rows.len() as u64;
        if left > 0 && next.is_some() {
            before = next;
            continue;
        }
        out.flush()?;
        let more = if total.exact { "" } else { "more than " };
        eprintln!("{} of {more}{} decisions", limit.saturating_sub(left), total.count);
        return Ok(());
    }
}

fn write_row(row: &DecisionRow, form: Form, out: &mut impl Write) -> Result<()> {
    match form {
        Form::Json => writeln!(out, "{}", serde_json::to_string(row)?)?,
        Form::Csv => write_csv(row, out)?,
        Form::Text => {
            let time = row.time.strftime("%Y-%m-%d %H:%M:%S");
            let subject = harmless(&format!("{} {}", row.resource_type, row.address));
            writeln!(out, "{:>8}  {time}  {:<5}  {subject}", row.index, row.action)?;
            for finding in &row.findings {
                let message = harmless(&finding.message);
                writeln!(
                    out,
                    "{:>10}{:<8} {:<8} {}  {message}",
                    "", finding.outcome, finding.severity, finding.policy
                )?;
            }
        }
    }
    Ok(())
}

/// A line for each finding that is not a pass, or one for a decision without any.
fn write_csv(row: &DecisionRow, out: &mut impl Write) -> Result<()> {
    let optional = |text: &Option<String>| text.clone().unwrap_or_default();
    let (gate, number) =
        row.gate.as_ref().map_or((String::new(), String::new()), |gate| (gate.name.clone(), gate.sequence.to_string()));
    let head = [
        row.index.to_string(),
        row.time.to_string(),
        gate,
        number,
        row.resource_type.clone(),
        row.address.clone(),
        optional(&row.environment),
        optional(&row.service),
        optional(&row.owner),
        row.action.to_string(),
    ];
    let mut line = |finding: [String; 4]| -> Result<()> {
        let fields = head.iter().chain(&finding).map(|field| csv_field(field)).collect::<Vec<_>>();
        Ok(writeln!(out, "{},{}", fields.join(","), row.leaf)?)
    };
    if row.findings.is_empty() {
        return line(Default::default());
    }
    for finding in &row.findings {
        line([
            finding.policy.clone(),
            finding.outcome.to_string(),
            finding.severity.to_string(),
            finding.message.clone(),
        ])?;
    }
    Ok(())
}
