//! `probity evidence query`.

mod admissions;
mod builds;
mod decisions;
mod drift;
mod gaps;
mod images;

use std::io::BufWriter;

use anyhow::{Result, bail};
use jiff::Timestamp;
use jiff::civil::Date;
use probity_evidence_index::{
    AdmissionFilter, AdmissionOutcome, BuildFilter, DriftFilter, Filter, ImageFilter, Page, Period,
};
use probity_model::{Action, Outcome, Severity};

use crate::evidence::data::DataArgs;

pub(super) use admissions::images as image_list;
pub(super) use builds::line as build_line;
pub(super) use images::named as image_name;

/// List what was recorded and fits, the newest first: decisions, requests to API servers, drift, images that were looked into, or builds.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// What is listed.
    #[arg(long, value_enum, default_value_t = Kind::Decision)]
    kind: Kind,
    /// Recorded on this day or later.
    #[arg(long, value_name = "DAY")]
    from: Option<Date>,
    /// Recorded on this day or earlier.
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
    /// The project that was built: a pattern with `*`.
    #[arg(long, value_name = "NAME", help_heading = BUILDS)]
    project: Option<String>,
    /// The number of the build.
    #[arg(long, value_name = "NUMBER", help_heading = BUILDS)]
    number: Option<String>,
    /// The commit that was built, or the beginning of it.
    #[arg(long, value_name = "COMMIT", help_heading = BUILDS)]
    commit: Option<String>,
    /// The image: how it was asked for, a pattern with `*`; or its digest, or the beginning of it, which is all that a build is
    /// found by.
    #[arg(long, value_name = "IMAGE", help_heading = BUILDS)]
    image: Option<String>,
    /// The cluster: a pattern with `*`.
    #[arg(long, value_name = "NAME", help_heading = CLUSTERS)]
    cluster: Option<String>,
    /// The namespace: a pattern with `*`.
    #[arg(long, value_name = "NAME", help_heading = CLUSTERS)]
    namespace: Option<String>,
    /// Who asked: a pattern with `*`.
    #[arg(long, value_name = "NAME", help_heading = CLUSTERS)]
    user: Option<String>,
    /// The object's name: a pattern with `*`.
    #[arg(long, value_name = "NAME", help_heading = CLUSTERS)]
    object: Option<String>,
    /// What was asked for: create, update, delete, connect.
    #[arg(long, value_name = "NAME", help_heading = CLUSTERS)]
    operation: Option<String>,
    /// What the gate answered: allowed, rejected, exempt, fail-open.
    #[arg(long, help_heading = CLUSTERS)]
    result: Option<AdmissionOutcome>,
    /// Whether the API server is known to have done it: true or false.
    #[arg(long, value_name = "BOOL", help_heading = CLUSTERS)]
    done: Option<bool>,
    /// Go on, and write what comes as it comes: requests, the oldest first.
    #[arg(long, help_heading = CLUSTERS)]
    follow: bool,
    /// So many; 0 for all.
    #[arg(long, default_value_t = 50)]
    limit: u64,
    /// The form of the output.
    #[arg(long, value_enum, default_value_t = Form::Text)]
    format: Form,
    #[command(flatten)]
    data: DataArgs,
}

/// The heading of options for requests to API servers, and for drift.
const CLUSTERS: &str = "Requests to API servers, and drift";

/// The heading of options for builds and images.
const BUILDS: &str = "Builds and images";

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Kind {
    /// What was decided of subjects.
    Decision,
    /// Requests to API servers that a gate answered.
    Admission,
    /// What changed without a gate having been asked.
    Drift,
    /// Times of which there is no evidence: requests whose decisions could not be kept, and replicas that fell silent.
    Gap,
    /// Images that were looked into.
    Image,
    /// Builds, with their checks.
    Build,
}

/// The forms of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Form {
    /// For people.
    Text,
    /// A JSON object a line.
    Json,
    /// A table for spreadsheets.
    Csv,
}

impl Args {
    fn whole_period(&self) -> Period {
        Period::new(self.from.unwrap_or(Date::ZERO), self.to.unwrap_or(Date::MAX))
    }

    fn period(&self) -> (Option<Timestamp>, Option<Timestamp>) {
        let period = self.whole_period();
        (self.from.map(|_| period.start()), self.to.map(|_| period.end()))
    }

    fn decisions(&self) -> Filter {
        let (from, to) = self.period();
        Filter {
            from,
            to,
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

    fn admissions(&self) -> AdmissionFilter {
        let (from, to) = self.period();
        AdmissionFilter {
            from,
            to,
            cluster: self.cluster.clone(),
            namespace: self.namespace.clone(),
            environment: self.environment.clone(),
            user: self.user.clone(),
            kind: self.resource_type.clone(),
            name: self.object.clone(),
            image: self.image.clone(),
            operation: self.operation.clone(),
            outcome: self.result,
            done: self.done,
        }
    }

    fn drift(&self) -> DriftFilter {
        let (from, to) = self.period();
        DriftFilter {
            from,
            to,
            cluster: self.cluster.clone(),
            environment: self.environment.clone(),
            what: None,
            address: self.address.clone(),
            severity_at_least: self.severity,
        }
    }

    fn images(&self) -> ImageFilter {
        let (from, to) = self.period();
        let filter = ImageFilter { from, to, action: self.action, ..ImageFilter::default() };
        match &self.image {
            Some(image) if is_digest(image) => ImageFilter { digest: Some(image.clone()), ..filter },
            image => ImageFilter { reference: image.clone(), ..filter },
        }
    }

    fn builds(&self) -> Result<BuildFilter> {
        let (from, to) = self.period();
        if let Some(image) = self.image.as_ref().filter(|image| !is_digest(image)) {
            bail!("builds are found by the digest of an image, sha256:…; `{image}` is none");
        }
        Ok(BuildFilter {
            from,
            to,
            project: self.project.clone(),
            number: self.number.clone(),
            commit: self.commit.clone(),
            digest: self.image.clone(),
            action: self.action,
        })
    }

    /// Refuses options that say nothing about what is listed: the answer would be for more than was asked.
    fn check(&self) -> Result<()> {
        use Kind::{Admission, Build, Decision, Drift, Gap, Image};
        let of: [(&str, bool, &[Kind]); 25] = [
            ("--policy", self.policy.is_some(), &[Decision]),
            ("--control", self.control.is_some(), &[Decision]),
            ("--framework", self.framework.is_some(), &[Decision]),
            ("--outcome", self.outcome.is_some(), &[Decision]),
            ("--severity", self.severity.is_some(), &[Decision, Drift]),
            ("--action", self.action.is_some(), &[Decision, Image, Build]),
            ("--environment", self.environment.is_some(), &[Decision, Admission, Drift]),
            ("--service", self.service.is_some(), &[Decision]),
            ("--owner", self.owner.is_some(), &[Decision]),
            ("--type", self.resource_type.is_some(), &[Decision, Admission]),
            ("--address", self.address.is_some(), &[Decision, Drift]),
            ("--gate", self.gate.is_some(), &[Decision]),
            ("--text", self.text.is_some(), &[Decision]),
            ("--project", self.project.is_some(), &[Build]),
            ("--number", self.number.is_some(), &[Build]),
            ("--commit", self.commit.is_some(), &[Build]),
            ("--image", self.image.is_some(), &[Image, Build, Admission]),
            ("--cluster", self.cluster.is_some(), &[Admission, Drift]),
            ("--namespace", self.namespace.is_some(), &[Admission]),
            ("--user", self.user.is_some(), &[Admission]),
            ("--object", self.object.is_some(), &[Admission]),
            ("--operation", self.operation.is_some(), &[Admission]),
            ("--result", self.result.is_some(), &[Admission]),
            ("--done", self.done.is_some(), &[Admission]),
            ("--follow", self.follow, &[Admission]),
        ];
        let what = match self.kind {
            Decision => "decisions",
            Admission => "requests",
            Drift => "drift",
            Gap => "gaps",
            Image => "images",
            Build => "builds",
        };
        match of.iter().find(|(_, given, kinds)| *given && !kinds.contains(&self.kind)) {
            Some((option, ..)) => bail!("{option} does not narrow a list of {what}"),
            None => Ok(()),
        }
    }
}

/// Whether a text names an image by its content, with or without the algorithm.
pub(super) fn is_digest(text: &str) -> bool {
    let digits = text.strip_prefix("sha256:").unwrap_or(text);
    let least = if digits.len() == text.len() { 12 } else { 1 };
    (least..=64).contains(&digits.len()) && digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// Runs the command; gives the exit code.
pub(crate) fn run(args: &Args) -> Result<u8> {
    args.check()?;
    let data = super::data(&args.data)?;
    let index = data.index()?;
    let mut out = BufWriter::new(std::io::stdout().lock());
    let limit = if args.limit == 0 { u64::MAX } else { args.limit };
    if args.follow {
        admissions::follow(index, &data.reader()?, &args.admissions(), limit, args.format, &mut out)?;
        return Ok(crate::CLEAN);
    }
    let queries = index.queries()?;
    match args.kind {
        Kind::Decision => decisions::write(&queries, &args.decisions(), limit, args.format, &mut out)?,
        Kind::Admission => admissions::write(&queries, &args.admissions(), limit, args.format, &mut out)?,
        Kind::Drift => drift::write(&queries, &args.drift(), limit, args.format, &mut out)?,
        Kind::Gap => gaps::write(&queries, args.whole_period(), limit, args.format, &mut out)?,
        Kind::Image => images::write(&queries, &args.images(), limit, args.format, &mut out)?,
        Kind::Build => builds::write(&queries, &args.builds()?, limit, args.format, &mut out)?,
    }
    Ok(crate::CLEAN)
}

/// Asks for pages until there are enough rows; says how many there were.
pub(super) fn pages<T>(
    limit: u64,
    what: &str,
    ask: impl Fn(Page) -> Result<(Vec<T>, Option<u64>)>,
    mut write: impl FnMut(&T) -> Result<()>,
) -> Result<()> {
    let (mut written, mut before) = (0, None);
    loop {
        let size = usize::try_from(limit - written).unwrap_or(Page::MAX).min(Page::MAX);
        let (rows, next) = ask(Page { before, limit: size })?;
        rows.iter().try_for_each(&mut write)?;
        written += rows.len() as u64;
        before = next;
        if written >= limit || next.is_none() {
            break;
        }
    }
    let plural = if written == 1 { "" } else { "s" };
    let more = if before.is_some() { "; there are more" } else { "" };
    eprintln!("{written} {what}{plural}{more}");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::is_digest;

    #[test]
    fn a_digest_is_told_from_a_name() {
        let whole = format!("sha256:{}", "a".repeat(64));
        for (text, expected) in [
            (whole.as_str(), true),
            ("sha256:0a1b", true),
            ("0a1b2c3d4e5f", true),
            // Shorter ones may be names.
            ("cafe", false),
            ("registry.example.com/portal:1.2", false),
            ("portal@sha256:0a1b", false),
            ("sha256:", false),
        ] {
            assert_eq!(is_digest(text), expected, "{text}");
        }
    }
}
