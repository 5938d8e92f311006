//! `probity permissions report`.

use std::collections::{BTreeSet, HashMap};
use std::io::{BufWriter, Write as _};
use std::path::PathBuf;

use anyhow::{Result, bail};
use probity_evidence_usage::KnownUsage;
use probity_model::Severity;
use probity_rbac::{Escalation, Excess, Rights, Subject, Window, escalations, excess_of};
use serde::Serialize;

use super::{Format, ObjectsArgs, UsedArgs, print};
use crate::files::write_file;

/// Say which rights subjects have and did not use, and what their rights lead to.
///
/// Without --audit-log and --used only what the rights lead to is told. What Kubernetes itself brings (subjects that begin with `system:` or
/// are in kube-system) is left out unless --system.
///
/// Exit codes: 0 when nothing is as bad as --fail-on, 1 when something is, 2 when something could not be read or the command is
/// wrong.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    objects: ObjectsArgs,
    #[command(flatten)]
    used: UsedArgs,
    /// Only this one: NAMESPACE/NAME for a service account, user:NAME or group:NAME. May be repeated.
    #[arg(long, value_name = "SUBJECT")]
    subject: Vec<Subject>,
    /// Also who Kubernetes itself brings.
    #[arg(long)]
    system: bool,
    /// Days that a log should be of; that it is shorter is told.
    #[arg(long, value_name = "DAYS", default_value_t = 30)]
    days: u32,
    /// Exit with 1 when a right that is not used, or what rights lead to, is of at least this severity.
    #[arg(long, value_name = "LEVEL")]
    fail_on: Option<Severity>,
    /// The form of the output.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Write to a file instead of the standard output.
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// What is told.
#[derive(Serialize)]
pub(super) struct Report {
    /// The time that was looked at; none without a log.
    pub(super) window: Option<Window>,
    /// What is not known, in words.
    pub(super) doubts: Vec<String>,
    pub(super) subjects: Vec<Told>,
}

/// What is told of a subject.
#[derive(Serialize)]
pub(super) struct Told {
    pub(super) subject: Subject,
    /// What its rights lead to.
    pub(super) escalations: Vec<Escalation>,
    /// What it has and did not use; none without a log.
    pub(super) excess: Option<Excess>,
}

/// Runs the command; gives the exit code.
pub(super) fn run(args: &Args) -> Result<u8> {
    args.objects.check(&args.used.logs)?;
    let rights = args.objects.rights()?;
    let known = args.used.known()?;
    let report = report(args, &rights, known.as_ref())?;
    let mut text = Vec::new();
    match args.format {
        Format::Text => print::text(&report, &mut text)?,
        Format::Json => writeln!(text, "{}", serde_json::to_string_pretty(&report)?)?,
    }
    if let Some(path) = &args.output {
        write_file(path, &anstream::adapter::strip_str(&String::from_utf8_lossy(&text)).to_string())?;
    } else {
        let mut out = BufWriter::new(anstream::stdout());
        out.write_all(&text)?;
        out.flush()?;
    }
    let worst = report.subjects.iter().filter_map(Told::worst).max();
    Ok(if args.fail_on.is_some_and(|least| worst >= Some(least)) { crate::FINDINGS } else { crate::CLEAN })
}

impl Told {
    /// The worst of what is told.
    fn worst(&self) -> Option<Severity> {
        let unused = self.excess.iter().flat_map(|excess| &excess.rules).filter(|rule| !rule.unused.is_empty());
        unused.map(|rule| rule.severity).chain(self.escalations.iter().map(|path| path.severity)).max()
    }
}

fn report(args: &Args, rights: &Rights, known: Option<&KnownUsage>) -> Result<Report> {
    let bound: BTreeSet<Subject> = rights.bindings().flat_map(|binding| binding.subjects.iter().cloned()).collect();
    if let Some(unknown) = args.subject.iter().find(|subject| !bound.contains(*subject)) {
        bail!("no binding names {unknown}");
    }
    let is_asked = |subject: &Subject| {
        if args.subject.is_empty() { args.system || !subject.is_system() } else { args.subject.contains(subject) }
    };
    let mut paths: HashMap<Subject, Vec<Escalation>> = HashMap::new();
    for path in escalations(rights) {
        paths.entry(path.subject.clone()).or_default().push(path);
    }
    let by_subject = known.map(|known| known.usage.by_subject());
    let told = |subject: &Subject| Told {
        escalations: paths.get(subject).cloned().unwrap_or_default(),
        excess: by_subject.as_ref().map(|usage| excess_of(subject, rights, usage)),
        subject: subject.clone(),
    };
    Ok(Report {
        doubts: known.map(|known| known.doubts(args.days)).unwrap_or_default(),
        window: known.map(|known| known.usage.window()),
        subjects: bound.iter().filter(|subject| is_asked(subject)).map(told).collect(),
    })
}
