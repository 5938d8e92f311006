//! The checks of a build: what policies said, by the name that a record has for it.

use std::path::PathBuf;

use probity_evidence_ledger::{CheckOutcome, CheckRecord};
use probity_model::{Action, Decision, Finding, Outcome, PolicyId, Problem, Stage};
use probity_policy_core::PolicySet;

/// Findings that a check names; how many more there are is said.
const NAMED: usize = 3;

/// Infrastructure code and Dockerfiles.
const INFRASTRUCTURE: &str = "infrastructure";
/// All policies about images that are no check of their own.
const POLICIES: &str = "policies";

/// The checks of an image that a record always has, each with the policy that is asked.
pub(crate) const IMAGE_CHECKS: &[(&str, &str)] = &[
    ("signed", "PRB-IMAGE-TRUST-001"),
    ("sbom", "PRB-IMAGE-SBOM-001"),
    ("vulnerabilities", "PRB-IMAGE-VULN-001"),
    ("base", "PRB-IMAGE-BASE-001"),
    ("user", "PRB-IMAGE-CONFIG-001"),
];

/// What was judged.
pub(crate) struct Checked<'a> {
    pub(crate) set: &'a PolicySet,
    pub(crate) decisions: &'a [Decision],
    pub(crate) problems: &'a [(PathBuf, Problem)],
    /// Files or images that were read.
    pub(crate) read: usize,
}

/// The check of everything that is no image.
pub(crate) fn of_infrastructure(checked: &Checked<'_>) -> CheckRecord {
    let name = INFRASTRUCTURE;
    if let Some((path, problem)) = checked.problems.first() {
        let more = more(checked.problems.len() - 1);
        let detail = format!("{}: {}{more}; what could be read was judged", path.display(), problem.message);
        return record(
            name,
            CheckOutcome::Error,
            true,
            detail,
            Some("Mend the file, or leave it out by `scan.exclude`."),
        );
    }
    let broken: Vec<String> =
        enforced(checked.decisions, |_| true).map(|(decision, finding)| place(decision, finding)).collect();
    let looked_at = format!("{} files, {} subjects", checked.read, checked.decisions.len());
    if broken.is_empty() {
        return record(name, CheckOutcome::Passed, true, looked_at, None);
    }
    let detail = format!("{looked_at}; not allowed: {}", few(&broken));
    let fix = "Each finding says how it is mended; `probity scan` shows them.";
    record(name, CheckOutcome::Failed, true, detail, Some(fix))
}

/// The checks of the images of a build; skipped when it has none.
pub(crate) fn of_images(checked: &Checked<'_>) -> Vec<CheckRecord> {
    let mut checks: Vec<CheckRecord> =
        IMAGE_CHECKS.iter().map(|(name, policy)| of_policy(name, policy, checked)).collect();
    if !checked.decisions.is_empty() {
        checks.push(of_others(checked));
    }
    checks
}

/// A check is what its policy says; of several images the worst.
fn of_policy(name: &str, policy: &str, checked: &Checked<'_>) -> CheckRecord {
    if let Some((image, problem)) = checked.problems.first() {
        let detail = format!("{} could not be read: {}", image.display(), problem.message);
        let fix = "Push the image before the gate, and see that this runner may pull it.";
        return record(name, CheckOutcome::Error, true, detail, Some(fix));
    }
    if checked.decisions.is_empty() {
        return record(name, CheckOutcome::Skipped, false, "no image was given; name it by --image".to_owned(), None);
    }
    let id = PolicyId::from(policy);
    let Some(known) = checked.set.get(&id) else {
        return record(name, CheckOutcome::Skipped, false, format!("the configuration leaves {policy} out"), None);
    };
    let fix = known.fix.trim();
    let of_image = |decision: &Decision| match decision.findings.iter().find(|finding| finding.policy == id) {
        Some(finding) => of_finding(name, finding, fix),
        None => record(name, CheckOutcome::Error, true, format!("{policy} was not asked"), Some(fix)),
    };
    let all = checked.decisions.iter().map(of_image);
    all.max_by_key(|check| (weight(check.outcome), check.blocks))
        .unwrap_or_else(|| record(name, CheckOutcome::Error, true, format!("{policy} was not asked"), Some(fix)))
}

fn of_finding(name: &str, finding: &Finding, fix: &str) -> CheckRecord {
    let blocks = finding.stage == Stage::Enforce;
    let message = finding.message.clone();
    let reason = finding.reason.clone().unwrap_or_default();
    match finding.outcome {
        Outcome::Pass => record(name, CheckOutcome::Passed, blocks, message, None),
        Outcome::Waived => record(name, CheckOutcome::Passed, blocks, format!("waived: {reason}"), None),
        Outcome::Skipped => record(name, CheckOutcome::Skipped, false, reason, None),
        Outcome::Fail => record(name, CheckOutcome::Failed, blocks, message, Some(fix)),
        // What is not known is not a pass: nothing goes on because nobody looked.
        Outcome::Unknown => {
            record(name, CheckOutcome::Error, blocks, format!("could not be checked: {message}"), Some(fix))
        }
        Outcome::Error => record(name, CheckOutcome::Error, blocks, message, Some(fix)),
    }
}

/// All policies about the images that are no check of their own.
fn of_others(checked: &Checked<'_>) -> CheckRecord {
    let is_other = |policy: &PolicyId| IMAGE_CHECKS.iter().all(|(_, known)| *known != policy.as_str());
    let broken: Vec<String> = enforced(checked.decisions, is_other)
        .map(|(_, finding)| format!("{} ({})", finding.policy, finding.message))
        .collect();
    let asked =
        checked.decisions.iter().flat_map(|decision| &decision.findings).filter(|finding| is_other(&finding.policy));
    if broken.is_empty() {
        let detail = format!("{} other policies asked", asked.count());
        return record(POLICIES, CheckOutcome::Passed, true, detail, None);
    }
    let fix = "`probity policy explain ID` says how each is met.";
    record(POLICIES, CheckOutcome::Failed, true, format!("not allowed: {}", few(&broken)), Some(fix))
}

/// Findings for which the change does not pass.
fn enforced<'d>(
    decisions: &'d [Decision],
    of: impl Fn(&PolicyId) -> bool + 'd,
) -> impl Iterator<Item = (&'d Decision, &'d Finding)> {
    decisions
        .iter()
        .filter(|decision| decision.action == Action::Deny)
        .flat_map(|decision| decision.findings.iter().map(move |finding| (decision, finding)))
        .filter(move |(_, finding)| {
            matches!(finding.outcome, Outcome::Fail | Outcome::Error)
                && finding.stage == Stage::Enforce
                && of(&finding.policy)
        })
}

fn place(decision: &Decision, finding: &Finding) -> String {
    match &finding.location {
        Some(location) => format!("{} at {location}", finding.policy),
        None => format!("{} in {}", finding.policy, decision.subject.address),
    }
}

/// The first of them, and how many more there are.
fn few(all: &[String]) -> String {
    let shown = all.iter().take(NAMED).map(String::as_str).collect::<Vec<_>>().join(", ");
    format!("{shown}{}", more(all.len().saturating_sub(NAMED)))
}

fn more(count: usize) -> String {
    if count == 0 { String::new() } else { format!(" and {count} more") }
}

fn weight(outcome: CheckOutcome) -> u8 {
    match outcome {
        CheckOutcome::Passed => 0,
        CheckOutcome::Skipped => 1,
        CheckOutcome::Error => 2,
        CheckOutcome::Failed => 3,
    }
}

fn record(name: &str, outcome: CheckOutcome, blocks: bool, detail: String, fix: Option<&str>) -> CheckRecord {
    CheckRecord { name: name.into(), outcome, blocks, detail, fix: fix.map(str::to_owned) }
}
