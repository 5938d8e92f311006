//! `probity permissions role`.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::PathBuf;

use anyhow::{Result, bail};
use probity_model::node::closest;
use probity_rbac::{Options, Rights, Subject, propose};

use super::{ObjectsArgs, UsedArgs};
use crate::files::write_file;

/// Propose the roles and bindings that allow a subject what it used, and nothing else that it was given.
///
/// They are printed as `kubectl apply` takes them; what they do not say stands in comments. What the subject has by its groups
/// stays with the groups. What is not known of the log is told on the standard error.
///
/// Exit codes: 0 when there is a proposal, 2 when something could not be read, no binding names the subject, or the command is
/// wrong.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Who: NAMESPACE/NAME for a service account, user:NAME or group:NAME.
    subject: Subject,
    #[command(flatten)]
    objects: ObjectsArgs,
    #[command(flatten)]
    used: UsedArgs,
    /// Also name the objects that were used, where requests named them and there were not too many.
    #[arg(long)]
    names: bool,
    /// Keep rights whose use an audit log cannot show, such as `use`, `approve` and `finalizers`.
    #[arg(long)]
    keep_unseen: bool,
    /// Days that a log should be of; that it is shorter is told.
    #[arg(long, value_name = "DAYS", default_value_t = 30)]
    days: u32,
    /// Write to a file instead of the standard output.
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// Runs the command; gives the exit code.
pub(super) fn run(args: &Args) -> Result<u8> {
    args.objects.check(&args.used.logs)?;
    let rights = args.objects.rights()?;
    let Some(known) = args.used.known()? else {
        bail!("name an audit log with --audit-log, or a cluster with --used: without one nothing is known of use");
    };
    if rights.grants(&args.subject).is_empty() {
        bail!("no binding names {}{}", args.subject, meant(&args.subject, &rights));
    }
    let options = Options { names: args.names, keep_unseen: args.keep_unseen };
    let proposal = propose(&args.subject, &rights, &known.usage.by_subject(), options);
    for doubt in known.doubts(args.days) {
        eprintln!("note: {doubt}");
    }
    match &args.output {
        Some(path) => write_file(path, &proposal.yaml())?,
        None => anstream::stdout().lock().write_all(proposal.yaml().as_bytes())?,
    }
    Ok(crate::CLEAN)
}

/// Who was probably meant.
fn meant(subject: &Subject, rights: &Rights) -> String {
    let all: BTreeSet<String> = rights.subjects().iter().map(ToString::to_string).collect();
    let known: Vec<&str> = all.iter().map(String::as_str).collect();
    closest(&subject.to_string(), &known).map_or_else(String::new, |meant| format!("; did you mean {meant}?"))
}
