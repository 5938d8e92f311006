//! `probity evidence show`.

use std::io::Write;

use anyhow::Result;
use probity_evidence_ledger::{AdmissionRecord, Body, DecisionRecord, FindingRecord, LedgerEntry, RequestRecord};
use probity_model::{Outcome, PolicyId};

use crate::evidence::data::DataArgs;
use crate::output::harmless;

/// Show one entry of the ledger.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The entry's number, from 0.
    index: u64,
    /// The form of the output.
    #[arg(long, value_enum, default_value_t = Form::Text)]
    format: Form,
    #[command(flatten)]
    data: DataArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Form {
    /// For people.
    Text,
    /// The canonical JSON of the entry: the bytes that its hash is over.
    Json,
}

/// Runs the command; gives the exit code.
pub(crate) fn run(args: &Args) -> Result<u8> {
    let entry = super::data(&args.data)?.reader()?.entry(args.index)?;
    let mut out = std::io::stdout().lock();
    match args.format {
        Form::Json => {
            out.write_all(&entry.bytes)?;
            writeln!(out)?;
        }
        Form::Text => write_text(&entry, &mut out)?,
    }
    Ok(crate::CLEAN)
}

fn write_text(entry: &LedgerEntry, out: &mut impl Write) -> Result<()> {
    let submission = &entry.entry.submission;
    writeln!(out, "entry     {} ({})", entry.index, submission.body.kind())?;
    writeln!(out, "leaf      {}", entry.leaf)?;
    writeln!(out, "time      {}", submission.time)?;
    writeln!(out, "recorded  {}", entry.entry.recorded)?;
    if let Some(gate) = &submission.gate {
        writeln!(out, "gate      {} {}, number {}", gate.kind, harmless(&gate.name), gate.sequence)?;
    }
    match &submission.body {
        Body::Decision(record) => write_decision(record, out),
        other => {
            // The rarer kinds are read by their fields.
            writeln!(out, "{}", serde_json::to_string_pretty(other)?)?;
            Ok(())
        }
    }
}

fn write_decision(record: &DecisionRecord, out: &mut impl Write) -> Result<()> {
    let subject = &record.subject;
    writeln!(out, "subject   {} {}", harmless(&subject.resource_type), harmless(&subject.address))?;
    if let Some(location) = &subject.location {
        writeln!(out, "at        {}", harmless(&location.to_string()))?;
    }
    let labels = [
        ("environment", &subject.labels.environment),
        ("service", &subject.labels.service),
        ("owner", &subject.labels.owner),
    ];
    for (name, label) in labels {
        if let Some(label) = label {
            writeln!(out, "{name:<9} {}", harmless(label))?;
        }
    }
    writeln!(out, "action    {}", record.action)?;
    for finding in &record.findings {
        write_finding(finding, out)?;
    }
    writeln!(out, "pass      {} policies", record.passed.len())?;
    if let Some(input) = &record.input {
        writeln!(out, "judged    from {} at {} by {}", input.subjects, input.position, input.policies)?;
        if input.redacted > 0 {
            writeln!(out, "redacted  {} values", input.redacted)?;
        }
    }
    if let Some(request) = &record.request {
        write_request(request, out)?;
    }
    if let Some(admission) = &record.admission {
        write_admission(admission, out)?;
    }
    Ok(())
}

fn write_admission(admission: &AdmissionRecord, out: &mut impl Write) -> Result<()> {
    let AdmissionRecord { cluster, operation, user, replica, duration_us, .. } = admission;
    let policies: Vec<&str> = admission.mutated_by.iter().map(PolicyId::as_str).collect();
    let lines = [
        ("decision", Some(admission.decision_id.clone())),
        ("request", Some(format!("{operation} in {cluster} by {user}"))),
        ("groups", Some(admission.groups.join(", ")).filter(|text| !text.is_empty())),
        ("images", Some(super::query::image_list(&admission.images)).filter(|text| !text.is_empty())),
        ("changed", Some(policies.join(", ")).filter(|text| !text.is_empty())),
        ("exempt", admission.exempt.clone()),
        ("unjudged", admission.fail_open.clone()),
        ("refused", admission.refused.clone()),
        ("answered", Some(format!("in {duration_us} µs by {replica}"))),
    ];
    for (name, text) in lines {
        if let Some(text) = text {
            writeln!(out, "{name:<9} {}", harmless(&text))?;
        }
    }
    Ok(())
}

fn write_request(request: &RequestRecord, out: &mut impl Write) -> Result<()> {
    writeln!(out, "decision  {}", harmless(&request.decision_id))?;
    let asked = request.query.as_ref().unwrap_or(&request.path);
    writeln!(out, "asked     {}", harmless(asked))?;
    let revisions: Vec<String> =
        request.revisions.iter().map(|(name, revision)| format!("{name} {revision}")).collect();
    let lines = [
        ("input", request.input.clone()),
        ("answer", request.result.clone()),
        ("error", request.error.clone()),
        ("from", request.requested_by.clone()),
        ("token", request.token.clone()),
        ("bundles", Some(revisions.join(", ")).filter(|text| !text.is_empty())),
        ("erased", Some(request.erased.join(", ")).filter(|text| !text.is_empty())),
        ("masked", Some(request.masked.join(", ")).filter(|text| !text.is_empty())),
        ("redacted", Some(format!("{} values", request.redacted)).filter(|_| request.redacted > 0)),
    ];
    for (name, text) in lines {
        if let Some(text) = text {
            writeln!(out, "{name:<9} {}", harmless(&text))?;
        }
    }
    Ok(())
}

fn write_finding(finding: &FindingRecord, out: &mut impl Write) -> Result<()> {
    let outcome = if finding.outcome == Outcome::Fail {
        format!("fail ({})", finding.severity)
    } else {
        finding.outcome.to_string()
    };
    writeln!(out, "{outcome:<9} {} at stage {}: {}", finding.policy, finding.stage, harmless(&finding.message))?;
    if let Some(reason) = &finding.reason {
        writeln!(out, "          because {}", harmless(reason))?;
    }
    Ok(())
}
