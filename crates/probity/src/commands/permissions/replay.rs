//! `probity permissions replay`.

use std::io::{BufWriter, Write};
use std::path::PathBuf;

use anyhow::{Result, bail};
use probity_rbac::{Counts, Denied, EventError, Object, Replay, Rights};
use serde_json::json;

use super::{Format, ObjectsArgs};
use crate::output::harmless;
use crate::permissions::{Logs, Reader, read_objects};

/// Ask the requests of a log again, of other roles, and say which would be denied.
///
/// The answers are those of the API server's authorizer. Requests that it denied then, and those that another authorizer than
/// RBAC allowed, are not asked again.
///
/// Exit codes: 0 when nothing would be denied, 1 when something would be, 2 when something could not be read or the command is
/// wrong.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    objects: ObjectsArgs,
    /// Roles and bindings to try, such as `permissions role` writes them: whoever they bind is first taken out of its bindings
    /// in the objects. May be repeated.
    #[arg(long, value_name = "FILE")]
    proposed: Vec<PathBuf>,
    #[command(flatten)]
    logs: Logs,
    /// The form of the output.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

/// Runs the command; gives the exit code.
pub(super) fn run(args: &Args) -> Result<u8> {
    if args.logs.files.is_empty() {
        bail!("name an audit log with --audit-log");
    }
    args.objects.check(&args.logs)?;
    let mut rights = args.objects.rights()?;
    if !args.proposed.is_empty() {
        put_in_place(&mut rights, read_objects(&args.proposed)?);
    }
    let mut readers = args.logs.read(|| Asking(Replay::new(&rights)))?.into_iter();
    let mut replay = readers.next().map_or_else(|| Replay::new(&rights), |Asking(replay)| replay);
    readers.for_each(|Asking(other)| replay.merge(other));
    let denials: Vec<(&Denied, u64)> = replay.denials().collect();
    let mut out = BufWriter::new(anstream::stdout().lock());
    match args.format {
        Format::Text => text(&denials, replay.counts(), &mut out)?,
        Format::Json => {
            let denials: Vec<_> =
                denials.iter().map(|(denied, count)| json!({"request": denied, "count": count})).collect();
            let document = json!({"denials": denials, "counts": replay.counts()});
            writeln!(out, "{}", serde_json::to_string_pretty(&document)?)?;
        }
    }
    out.flush()?;
    Ok(if replay.counts().denied > 0 { crate::FINDINGS } else { crate::CLEAN })
}

/// Takes whoever is bound by these objects out of all bindings, and puts the objects in their place.
fn put_in_place(rights: &mut Rights, objects: Vec<Object>) {
    for object in &objects {
        let Object::Binding(proposed) = object else { continue };
        for subject in &proposed.subjects {
            for grant in rights.grants(subject) {
                let Some(mut binding) = rights.binding(&grant.binding).cloned() else { continue };
                binding.subjects.retain(|bound| bound != subject);
                rights.apply(Object::Binding(binding));
            }
        }
    }
    for object in objects {
        rights.apply(object);
    }
}

struct Asking<'r>(Replay<'r>);

impl Reader for Asking<'_> {
    fn line(&mut self, line: &[u8]) -> Result<(), EventError> {
        self.0.add(line)
    }

    fn lost(&mut self) {
        self.0.broken(1);
    }
}

fn text(denials: &[(&Denied, u64)], counts: Counts, out: &mut dyn Write) -> std::io::Result<()> {
    for (denied, count) in denials {
        writeln!(out, "{count:>8}  {}", harmless(&denied.to_string()))?;
    }
    let kept: u64 = denials.iter().map(|(_, count)| count).sum();
    if kept < counts.denied {
        writeln!(out, "{:>8}  more, of other kinds", counts.denied - kept)?;
    }
    let Counts { asked, denied, denied_then, by_other, unknown, broken } = counts;
    writeln!(out, "{asked} requests asked again: {denied} would be denied")?;
    let told = [
        (denied_then, "were denied then, and were not asked"),
        (by_other, "were allowed by another authorizer than RBAC, and were not asked"),
        (unknown, "wrote a role or binding of which it is not known what it gave"),
        (broken, "lines could not be read"),
    ];
    for (count, what) in told.iter().filter(|(count, _)| *count > 0) {
        writeln!(out, "{count} {what}")?;
    }
    Ok(())
}
