//! `probity evidence replay`.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Result, bail};
use jiff::civil::Date;
use probity_evidence_ledger::{Body, DecisionRecord, LedgerEntry};
use probity_model::Sources;
use probity_policy_conftest::Options as RegoOptions;
use probity_policy_core::Policy;

use crate::evidence::data::DataArgs;
use crate::evidence::judge::{Judge, Verdict, Verdicts, recorded};
use crate::output::harmless;
use crate::policies;

/// Judge decisions again from what they were made from, and compare.
///
/// By the policies that were asked then, every verdict is the same. With --policy or --current others judge what was
/// really there: what they would have said differently is shown. Waivers, skips and stages are not asked anew.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The decisions' numbers.
    #[arg(required_unless_present_any = ["all", "from", "to"])]
    entries: Vec<u64>,
    /// Every decision of the ledger.
    #[arg(long, conflicts_with = "entries")]
    all: bool,
    /// Decisions of this day or later.
    #[arg(long, value_name = "DAY", conflicts_with = "entries")]
    from: Option<Date>,
    /// Decisions of this day or earlier.
    #[arg(long, value_name = "DAY", conflicts_with = "entries")]
    to: Option<Date>,
    /// Judge by the policies of a folder or file instead. May be repeated.
    #[arg(long = "policy", value_name = "PATH")]
    policies: Vec<PathBuf>,
    /// Judge by the policies that are built in now instead.
    #[arg(long)]
    current: bool,
    #[command(flatten)]
    data: DataArgs,
}

#[derive(Default)]
struct Tally {
    same: u64,
    different: u64,
    /// Different, of subjects some values of which were redacted before they were kept.
    redacted: u64,
    failed: u64,
}

/// Runs the command; gives the exit code.
pub(crate) fn run(args: &Args) -> Result<u8> {
    let reader = super::data(&args.data)?.reader()?;
    let instead = instead(args)?;
    let others = instead.is_some();
    let mut judge = Judge::new(&reader, instead)?;
    let mut tally = Tally::default();
    if args.entries.is_empty() {
        for entry in reader.entries(0..u64::MAX) {
            let entry = entry?;
            if let Body::Decision(record) = &entry.entry.submission.body
                && within(args, &entry)
            {
                replay(&mut judge, &entry, record, others, &mut tally);
            }
        }
    }
    for &index in &args.entries {
        let entry = reader.entry(index)?;
        match &entry.entry.submission.body {
            Body::Decision(record) => replay(&mut judge, &entry, record, others, &mut tally),
            other => bail!("entry {index} is a {}, not a decision", other.kind()),
        }
    }
    let Tally { same, different, redacted, failed } = tally;
    println!("{same} decisions the same, {different} different, {failed} could not be judged again");
    if redacted > 0 {
        println!("{redacted} of the different ones have values that were redacted before they were kept");
    }
    Ok(if failed > 0 {
        crate::BROKEN
    } else if different > 0 {
        crate::FINDINGS
    } else {
        crate::CLEAN
    })
}

fn instead(args: &Args) -> Result<Option<Vec<Arc<dyn Policy>>>> {
    if args.policies.is_empty() && !args.current {
        return Ok(None);
    }
    let mut instead = if args.current { probity_catalog::policies() } else { Vec::new() };
    let sources = Arc::new(Sources::default());
    let own = policies::read(&args.policies, RegoOptions::default(), &sources, &instead)?;
    if let Some((path, problem)) = own.problems.first() {
        bail!(problem.display(&sources, path));
    }
    instead.extend(own.policies);
    Ok(Some(instead))
}

fn within(args: &Args, entry: &LedgerEntry) -> bool {
    let day = jiff::tz::TimeZone::UTC.to_datetime(entry.entry.submission.time).date();
    args.from.is_none_or(|from| from <= day) && args.to.is_none_or(|to| day <= to)
}

fn replay(judge: &mut Judge<'_>, entry: &LedgerEntry, record: &DecisionRecord, others: bool, tally: &mut Tally) {
    let address = harmless(&record.subject.address);
    let Some(input) = &record.input else {
        tally.failed += 1;
        return println!("{}  {address}: what it was made from was not kept", entry.index);
    };
    let now = match judge.verdicts(input) {
        Ok(now) => now,
        Err(error) => {
            tally.failed += 1;
            return println!("{}  {address}: {error:#}", entry.index);
        }
    };
    let changes = changes(&recorded(record), &now, others);
    if changes.is_empty() {
        tally.same += 1;
        return;
    }
    tally.different += 1;
    tally.redacted += u64::from(input.redacted > 0);
    println!("{}  {address}", entry.index);
    for change in changes {
        println!("    {change}");
    }
}

/// What differs. Other policies are compared where both were asked, and by what they find where only they were.
fn changes(then: &Verdicts, now: &Verdicts, others: bool) -> Vec<String> {
    let words = |verdicts: &[Verdict]| verdicts.iter().map(|verdict| verdict.as_str()).collect::<Vec<_>>().join(", ");
    let mut changes = Vec::new();
    for (policy, before) in then {
        match now.get(policy) {
            Some(after) if after == before => {}
            Some(after) => changes.push(format!("{policy}: {} then, {} now", words(before), words(after))),
            None if others => {}
            None => changes.push(format!("{policy}: {} then, not asked now", words(before))),
        }
    }
    for (policy, after) in now.iter().filter(|(policy, _)| !then.contains_key(*policy)) {
        if !others || after.iter().any(|verdict| *verdict != Verdict::Pass) {
            changes.push(format!("{policy}: not asked then, {} now", words(after)));
        }
    }
    changes
}
