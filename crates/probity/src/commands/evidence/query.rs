//! `probity evidence query`.

use std::io::Write;

use anyhow::Result;
use jiff::civil::Date;
use probity_evidence_index::{DecisionPage, DecisionRow, Filter, Page, Period};
use probity_model::{Action, Outcome, Severity};

use crate::evidence::data::DataArgs;
use crate::output::{csv_field, harmless};

/// List decisions that fit, the newest first.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Decided on this day or later.
    #[arg(long, value_name = "DAY")]
    from: Option<Date>,
    /// Decided on this day or earlier.
    #[arg(long, value_name = "DAY")]
    to: Option<Date>,
    /// A policy that was asked: its id, or a pattern with `*`.
    #[arg(long, value_name = "ID")]
    policy: Option<String>,
    /// A policy that serves this control was asked, such as soc2:CC6.1.
    #[arg(long, value_name = "CONTROL")]
    control: Option<String>,
    /// A policy that serves this framework was asked.
    #[arg(long, value_name = "NAME")]
    framework: Option<String>,
    /// A finding came out like this: pass, fail, waived, skipped, unknown, error.
    #[arg(long)]
    outcome: Option<Outcome>,
    /// A finding is at least this severe.
    #[arg(long, value_name = "LEVEL")]
    severity: Option<Severity>,
    /// What followed: allow, warn, deny.
    #[arg(long)]
    action: Option<Action>,
    /// The subject's environment.
    #[arg(long, value_name = "NAME")]
    environment: Option<String>,
    /// The subject's service.
    #[arg(long, value_name = "NAME")]
    service: Option<String>,
    /// Who answers for the subject.
    #[arg(long, value_name = "NAME")]
    owner: Option<String>,
    /// The subject's type, such as `aws_s3_bucket`.
    #[arg(long = "type", value_name = "TYPE")]
    resource_type: Option<String>,
    /// The subject's address: a pattern with `*`.
    #[arg(long)]
    address: Option<String>,
    /// The gate's name: a pattern with `*`.
    #[arg(long)]
    gate: Option<String>,
    /// Words that occur in the subject, its labels, or the findings.
    #[arg(long, value_name = "WORDS")]
    text: Option<String>,
    /// So many decisions; 0 for all.
    #[arg(long, default_value_t = 50)]
    limit: u64,
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
    /// A JSON object a line.
    Json,
    /// A table for spreadsheets.
    Csv,
}

impl Args {
    fn filter(&self) -> Filter {
        let period = Period::new(self.from.unwrap_or(Date::ZERO), self.to.unwrap_or(Date::MAX));
        Filter {
            from: self.from.map(|_| period.start()),
            to: self.to.map(|_| period.end()),
            gate: self.gate.clone(),
            environment: self.environment.clone(),
            service: self.service.clone(),
            owner: self.owner.clone(),
            action: self.action,
            outcome: self.outcome,
            severity_at_least: self.severity,
            policy: self.policy.clone(),
            control: self.control.clone(),
            framework: self.framework.clone(),
            resource_type: self.resource_type.clone(),
            address: self.address.clone(),
            text: self.text.clone(),
            ..Filter::default()
        }
    }
}

/// Runs the command; gives the exit code.
pub(crate) fn run(args: &Args) -> Result<u8> {
    let queries = super::data(&args.data)?.index()?.queries()?;
    let filter = args.filter();
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    if args.format == Form::Csv {
        writeln!(
            out,
            "entry,time,gate,number,type,address,environment,service,owner,action,policy,outcome,severity,message,leaf"
        )?;
    }
    let limit = if args.limit == 0 { u64::MAX } else { args.limit };
    let (mut left, mut before) = (limit, None);
    loop {
        let size = usize::try_from(left).unwrap_or(Page::MAX).min(Page::MAX);
        let DecisionPage { rows, total, next } = queries.decisions(&filter, Page { before, limit: size })?;
        for row in &rows {
            write_row(row, args.format, &mut out)?;
        }
        left -= rows.len() as u64;
        if left > 0 && next.is_some() {
            before = next;
            continue;
        }
        out.flush()?;
        let more = if total.exact { "" } else { "more than " };
        eprintln!("{} of {more}{} decisions", limit.saturating_sub(left), total.count);
        return Ok(crate::CLEAN);
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
