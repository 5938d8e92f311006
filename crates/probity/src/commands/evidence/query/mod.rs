//! `probity evidence query`.

mod builds;
mod decisions;
mod images;

use std::io::BufWriter;

use anyhow::{Result, bail};
use jiff::Timestamp;
use jiff::civil::Date;
use probity_evidence_index::{BuildFilter, Filter, ImageFilter, Page, Period};
use probity_model::{Action, Outcome, Severity};

use crate::evidence::data::DataArgs;

pub(super) use builds::line as build_line;
pub(super) use images::named as image_name;

/// List what was recorded and fits, the newest first: decisions, images that were looked into, or builds.
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
    /// So many; 0 for all.
    #[arg(long, default_value_t = 50)]
    limit: u64,
    /// The form of the output.
    #[arg(long, value_enum, default_value_t = Form::Text)]
    format: Form,
    #[command(flatten)]
    data: DataArgs,
}

/// The heading of options for builds and images.
const BUILDS: &str = "Builds and images";

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Kind {
    /// What was decided of subjects.
    Decision,
    /// Images that were looked into.
    Image,
    /// Builds, with their checks.
    Build,
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
    fn period(&self) -> (Option<Timestamp>, Option<Timestamp>) {
        let period = Period::new(self.from.unwrap_or(Date::ZERO), self.to.unwrap_or(Date::MAX));
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
        let of_decisions = [
            ("--policy", self.policy.is_some()),
            ("--control", self.control.is_some()),
            ("--framework", self.framework.is_some()),
            ("--outcome", self.outcome.is_some()),
            ("--severity", self.severity.is_some()),
            ("--environment", self.environment.is_some()),
            ("--service", self.service.is_some()),
            ("--owner", self.owner.is_some()),
            ("--type", self.resource_type.is_some()),
            ("--address", self.address.is_some()),
            ("--gate", self.gate.is_some()),
            ("--text", self.text.is_some()),
        ];
        let of_builds = [
            ("--project", self.project.is_some()),
            ("--number", self.number.is_some()),
            ("--commit", self.commit.is_some()),
        ];
        let of_images = [("--image", self.image.is_some())];
        let (what, others): (&str, Vec<_>) = match self.kind {
            Kind::Decision => ("decisions", of_builds.iter().chain(&of_images).collect()),
            Kind::Image => ("images", of_decisions.iter().chain(&of_builds).collect()),
            Kind::Build => ("builds", of_decisions.iter().collect()),
        };
        match others.into_iter().find(|(_, given)| *given) {
            Some((option, _)) => bail!("{option} does not narrow a list of {what}"),
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
    let queries = super::data(&args.data)?.index()?.queries()?;
    let mut out = BufWriter::new(std::io::stdout().lock());
    let limit = if args.limit == 0 { u64::MAX } else { args.limit };
    match args.kind {
        Kind::Decision => decisions::write(&queries, &args.decisions(), limit, args.format, &mut out)?,
        Kind::Image => images::write(&queries, &args.images(), limit, args.format, &mut out)?,
        Kind::Build => builds::write(&queries, &args.builds()?, limit, args.format, &mut out)?,
    }
    Ok(crate::CLEAN)
}

/// Asks for pages until there are enough rows; says how many there were.
fn pages<T>(
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
