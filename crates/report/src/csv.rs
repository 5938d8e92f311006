//! CSV (RFC 4180): nothing but rows under one line of names. How they came to be is in the JSON form.

use std::io::{self, Write};

use probity_evidence_index::{DecisionRow, Queries};
use probity_model::Outcome;

use crate::build::Request;
use crate::error::ReportError;
use crate::model::{Control, Report};

impl Report {
    /// Writes a row for each control and policy that serves it; a control that none serves has one row.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write_csv(&self, out: &mut dyn Write) -> io::Result<()> {
        out.write_all(
            b"framework,control,title,technical,status,policy,policy_title,serves,pass,fail,waived,skipped,undecided,error,\
              pass_rate,control_decisions,days_with_evidence,days_without_evidence\r\n",
        )?;
        for control in &self.controls {
            self.write_control(control, out)?;
        }
        Ok(())
    }

    fn write_control(&self, control: &Control, out: &mut dyn Write) -> io::Result<()> {
        let start = [
            self.framework.id.clone(),
            control.id.clone(),
            control.title.clone(),
            control.technical.to_string(),
            control.status.words().to_owned(),
        ];
        let end = [control.decisions, control.days.len() as u64, control.days_without].map(|count| count.to_string());
        if control.policies.is_empty() {
            let empty = std::iter::repeat_n(String::new(), 10);
            return row(out, start.into_iter().chain(empty).chain(end));
        }
        for serving in &control.policies {
            let outcomes = &serving.outcomes;
            let counts =
                [outcomes.pass, outcomes.fail, outcomes.waived, outcomes.skipped, outcomes.unknown, outcomes.error];
            let middle = [serving.policy.to_string(), serving.title.clone(), serving.serves.to_string()];
            let rate = outcomes.pass_rate().map(|rate| format!("{rate:.4}")).unwrap_or_default();
            let middle = middle.into_iter().chain(counts.map(|count| count.to_string())).chain([rate]);
            row(out, start.iter().cloned().chain(middle).chain(end.iter().cloned()))?;
        }
        Ok(())
    }
}

/// Writes a row for each finding that is not a pass, in the order of the ledger; gives how many.
///
/// # Errors
/// When the index cannot be read, or the rows cannot be written.
pub fn write_findings(request: &Request, queries: &Queries, out: &mut dyn Write) -> Result<u64, ReportError> {
    let names = "entry,leaf,time,gate,sequence,environment,service,owner,kind,type,address,action,policy,outcome,severity,\
                 stage,message,reason";
    write_each(request, queries, names, out, |decision, out| {
        let mut count = 0;
        for finding in decision.findings.iter().filter(|finding| finding.outcome != Outcome::Pass) {
            let findings = [
                finding.policy.clone(),
                finding.outcome.to_string(),
                finding.severity.to_string(),
                finding.stage.to_string(),
                finding.message.clone(),
                finding.reason.clone().unwrap_or_default(),
            ];
            row(out, subject(decision).into_iter().chain(findings))?;
            count += 1;
        }
        Ok(count)
    })
}

/// Writes a row for each decision that a policy of the framework was asked in, in the order of the ledger: the population
/// that samples are drawn from; gives how many.
///
/// # Errors
/// When the index cannot be read, or the rows cannot be written.
pub fn write_population(request: &Request, queries: &Queries, out: &mut dyn Write) -> Result<u64, ReportError> {
    let names = "entry,leaf,time,gate,sequence,environment,service,owner,kind,type,address,action,pass,fail,waived,skipped,\
                 undecided,error";
    write_each(request, queries, names, out, |decision, out| {
        let of = &decision.outcomes;
        let counts = [of.pass, of.fail, of.waived, of.skipped, of.unknown, of.error].map(|count| count.to_string());
        row(out, subject(decision).into_iter().chain(counts))?;
        Ok(1)
    })
}

fn write_each(
    request: &Request,
    queries: &Queries,
    names: &str,
    out: &mut dyn Write,
    mut write: impl FnMut(&DecisionRow, &mut dyn Write) -> io::Result<u64>,
) -> Result<u64, ReportError> {
    out.write_all(names.as_bytes())?;
    out.write_all(b"\r\n")?;
    let mut written = Ok(0);
    queries.each_decision(&request.filter(), |decision| {
        if let Ok(count) = written {
            written = write(&decision, out).map(|more| count + more);
        }
    })?;
    Ok(written?)
}

fn subject(decision: &DecisionRow) -> [String; 12] {
    let gate = decision.gate.as_ref();
    [
        decision.index.to_string(),
        decision.leaf.to_string(),
        decision.time.to_string(),
        gate.map(|gate| gate.name.clone()).unwrap_or_default(),
        gate.map(|gate| gate.sequence.to_string()).unwrap_or_default(),
        decision.environment.clone().unwrap_or_default(),
        decision.service.clone().unwrap_or_default(),
        decision.owner.clone().unwrap_or_default(),
        decision.subject_kind.clone(),
        decision.resource_type.clone(),
        decision.address.clone(),
        decision.action.to_string(),
    ]
}

fn row(out: &mut dyn Write, fields: impl IntoIterator<Item = String>) -> io::Result<()> {
    let fields: Vec<String> = fields.into_iter().map(|field| quoted(&field)).collect();
    write!(out, "{}\r\n", fields.join(","))
}

/// A field in quotes; one that a spreadsheet would take for a formula is made a text.
fn quoted(field: &str) -> String {
    let guard = if field.starts_with(['=', '+', '-', '@', '\t', '\r']) { "'" } else { "" };
    format!("\"{guard}{}\"", field.replace('"', "\"\""))
}
