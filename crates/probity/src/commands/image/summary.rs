//! What is known of an image, for people.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};

use anstyle::{AnsiColor, Style};
use jiff::civil::Date;
use probity_inspection::{Found, Inspection, Vulnerabilities};
use probity_model::Severity;

use crate::output::harmless;

const DIM: Style = Style::new().dimmed();
const BOLD: Style = Style::new().bold();

/// A few lines about an image, and one for each vulnerability that is open.
pub(super) fn text(inspection: &Inspection, today: Date) -> String {
    let mut out = String::new();
    // Writing to a text cannot fail.
    let _ = write(inspection, today, &mut out);
    out
}

fn write(inspection: &Inspection, today: Date, out: &mut String) -> fmt::Result {
    let image = &inspection.image;
    writeln!(out, "{BOLD}{}{BOLD:#}", harmless(&inspection.address()))?;
    let built = match image.age(today) {
        Some(days) => format!(", built {} ago", count(days, "day")),
        None => String::new(),
    };
    line(out, "platform", &format!("{}{built}", image.platform))?;
    let os = image.os.as_ref().and_then(|os| os.pretty.as_ref().or(os.name.as_ref()));
    line(out, "system", os.map_or("none that is known", |name| name.as_str()))?;
    if let Some(found) = &image.base {
        let newer = found.newer.as_ref().map(|newer| format!("; a newer one is of {}", newer.date)).unwrap_or_default();
        let age = count(found.base.age(today), "day");
        line(out, "base", &format!("{} of {} ({age}){newer}", found.base.name, found.base.date))?;
    }
    if inspection.listed {
        line(out, "packages", &format!("{}; of the rest of it nothing is known", packages(inspection)))?;
        return looked_up(inspection, out);
    }
    let user = if image.config.is_root() { format!("{} (root)", image.config.user) } else { image.config.user.clone() };
    line(out, "user", user.trim())?;
    line(out, "packages", &packages(inspection))?;
    for problem in &image.problems {
        line(out, "problem", &format!("{}: {}", problem.path, problem.what))?;
    }
    trust(inspection, out)?;
    for secret in inspection.secrets.iter().flatten() {
        line(out, "secret", &format!("{} in {}", secret.kind, secret.place))?;
    }
    looked_up(inspection, out)
}

fn looked_up(inspection: &Inspection, out: &mut String) -> fmt::Result {
    match &inspection.vulnerabilities {
        Some(known) => vulnerabilities(known, out),
        None => line(out, "vulnerabilities", "not looked up: there is no database, and no --findings"),
    }
}

/// Who signed it, what is attested of it, and what it is said to be made of.
fn trust(inspection: &Inspection, out: &mut String) -> fmt::Result {
    if let Some(found) = &inspection.signatures {
        for one in found.verified.iter().filter(|one| !one.verified.is_attestation()) {
            line(out, "signed", &format!("by {}", one.signer))?;
        }
        for one in &found.verified {
            let Some(statement) = one.verified.statement.as_ref().filter(|_| one.verified.is_attestation()) else {
                continue;
            };
            line(out, "attested", &format!("{} by {}", statement.predicate_type, one.signer))?;
        }
        if found.is_signed() == Some(false) {
            line(out, "signed", "by none of the approved signers")?;
        }
        for refused in &found.refused {
            line(out, "refused", &refused.message)?;
        }
    }
    match &inspection.sbom {
        Some(Some(bill)) => {
            let signed = if bill.signed { "signed" } else { "not signed" };
            let of = format!("{} {}", bill.format, bill.version);
            let state = bill.invalid.as_ref().map_or_else(String::new, |why| format!("; not valid: {why}"));
            line(out, "sbom", &format!("{} of {} components, {signed}{state}", of.trim(), bill.components))
        }
        Some(None) => line(out, "sbom", "none comes with it"),
        None => Ok(()),
    }
}

fn line(out: &mut String, name: &str, text: &str) -> fmt::Result {
    writeln!(out, "  {DIM}{name:<15}{DIM:#} {}", harmless(text))
}

fn count(number: i64, of: &str) -> String {
    if number == 1 { format!("1 {of}") } else { format!("{number} {of}s") }
}

/// `177: 88 deb, 60 pypi, 29 npm`.
fn packages(inspection: &Inspection) -> String {
    let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
    for package in &inspection.image.packages {
        *kinds.entry(package.kind.as_str()).or_default() += 1;
    }
    let mut kinds: Vec<(&str, usize)> = kinds.into_iter().collect();
    kinds.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let all = inspection.image.packages.len();
    let kinds: Vec<String> = kinds.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
    if kinds.is_empty() { "none".to_owned() } else { format!("{all}: {}", kinds.join(", ")) }
}

fn vulnerabilities(known: &Vulnerabilities, out: &mut String) -> fmt::Result {
    let counts = known.counts();
    let from = match (&known.database_date, known.scanner.as_str()) {
        (Some(date), "probity") => format!(" (database of {})", date.get(..10).unwrap_or(date)),
        (_, "probity") => String::new(),
        (_, scanner) => format!(" (found by {scanner})"),
    };
    let words = format!(
        "{} critical, {} high, {} medium, {} low, {} unknown{from}",
        counts.critical, counts.high, counts.medium, counts.low, counts.unknown
    );
    line(out, "vulnerabilities", &words)?;
    for gap in &known.gaps {
        let packages = count(i64::try_from(gap.packages).unwrap_or(i64::MAX), "package");
        line(out, "not assessed", &format!("{packages} of {}: {}", gap.ecosystem, gap.reason))?;
    }
    known.found.iter().try_for_each(|found| vulnerability(found, out))
}

fn vulnerability(found: &Found, out: &mut String) -> fmt::Result {
    let finding = &found.finding;
    let style = colour(finding.severity);
    let severity = finding.severity.map_or("UNKNOWN".to_owned(), |severity| severity.as_str().to_uppercase());
    let mut rest = vec![match finding.fixed.first() {
        Some(fixed) => format!("mended in {fixed}"),
        None => "not mended".to_owned(),
    }];
    if found.place.is_some_and(|place| place.from_base) {
        rest.push(match &found.base_update {
            Some(update) => format!("from the base, and not in {} of {}", update.name, update.date),
            None => "from the base".to_owned(),
        });
    }
    if finding.exploitation.as_ref().is_some_and(|it| it.known.is_some()) {
        rest.push("known to be exploited".to_owned());
    }
    if let Some(reason) = &finding.undecided {
        rest.push(format!("not certain: {reason}"));
    }
    if let Some(accepted) = &found.waiver {
        rest.push(format!("accepted by {} until {}", accepted.approved_by, accepted.expires));
    }
    if let Some(verdict) = finding.vex.as_ref().filter(|_| !finding.is_open()) {
        rest.push(format!("{} by {}", verdict.status.as_str().replace('_', " "), verdict.author));
    }
    writeln!(
        out,
        "  {style}{severity:<8}{style:#} {:<16} {} {} {DIM}{}{DIM:#}",
        harmless(&finding.id),
        harmless(&finding.package),
        harmless(&finding.version),
        harmless(&rest.join("; "))
    )
}

fn colour(severity: Option<Severity>) -> Style {
    let colour = match severity {
        Some(Severity::Critical | Severity::High) => AnsiColor::Red,
        Some(Severity::Medium) => AnsiColor::Yellow,
        _ => AnsiColor::Blue,
    };
    Style::new().bold().fg_color(Some(colour.into()))
}
