//! What is known of an image, for people.

use std::io::{self, Write};

use probity_evidence_index::{BuildRow, DecisionRow, ImageRow};
use probity_evidence_ledger::{ImageRecord, ProvenanceRecord, SignerRecord, VulnerabilitiesRecord};

use super::super::query;
use super::story::{Accepted, Story};
use crate::output::harmless;

/// Writes it, a line a fact.
pub(super) fn write(story: &Story, out: &mut impl Write) -> io::Result<()> {
    let row = &story.newest;
    let image = &row.image;
    writeln!(out, "{}", harmless(&query::image_name(image)))?;
    line(out, "looked into", &looked_into(story))?;
    line(out, "outcome", &outcome(row))?;
    let facts = [
        ("created", image.created.clone()),
        ("platform", image.platform.clone()),
        ("system", image.os.clone()),
        (
            "user",
            image
                .user
                .as_ref()
                .map(|user| if user.is_empty() { "none, which is root".to_owned() } else { user.clone() }),
        ),
        ("packages", image.packages.map(|count| count.to_string())),
    ];
    facts.iter().try_for_each(|(name, text)| text.iter().try_for_each(|text| line(out, name, text)))?;
    line(out, "base", &base(image))?;
    dependencies(image, out)?;
    trust(image, out)?;
    line(out, "provenance", &image.provenance.as_ref().map_or_else(none, provenance))?;
    line(out, "sbom", &sbom(image))?;
    match &image.vulnerabilities {
        None => line(out, "vulnerabilities", "not looked for")?,
        Some(found) => vulnerabilities(found, out)?,
    }
    story.accepted.iter().try_for_each(|accepted| line(out, "accepted", &acceptance(accepted)))?;
    builds(&story.builds, out)?;
    decisions(&story.decisions, out)?;
    line(out, "prove", &format!("probity evidence prove {}", row.index))
}

fn line(out: &mut impl Write, name: &str, text: &str) -> io::Result<()> {
    writeln!(out, "  {name:<15} {}", harmless(text))
}

fn none() -> String {
    "none that an approved signer vouches for".to_owned()
}

fn looked_into(story: &Story) -> String {
    let newest = &story.newest;
    let before = match story.records.len() {
        1 => String::new(),
        count => format!(
            "; {} times in all, first {}",
            count,
            story
                .records
                .last()
                .map_or_else(String::new, |seen| { format!("{} (entry {})", moment(seen.time), seen.entry) })
        ),
    };
    format!("{} by {} (entry {}){before}", moment(newest.time), newest.image.scanner, newest.index)
}

fn moment(time: jiff::Timestamp) -> String {
    time.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

fn outcome(row: &ImageRow) -> String {
    let counts: Vec<String> = row.image.outcomes.iter().map(|(outcome, count)| format!("{count} {outcome}")).collect();
    format!("{}: {}", row.image.action, counts.join(", "))
}

fn base(image: &ImageRecord) -> String {
    let Some(base) = &image.base else { return "none that is approved".to_owned() };
    let date = base.date.map(|date| format!(" of {date}")).unwrap_or_default();
    let approved = if base.approved { "approved" } else { "not approved" };
    let newer = match &base.newer {
        None => "the newest".to_owned(),
        Some(newer) => {
            format!("a newer one{} exists", newer.date.map(|date| format!(" of {date}")).unwrap_or_default())
        }
    };
    format!("{}{date}, {approved}, {newer}", base.name)
}

fn dependencies(image: &ImageRecord, out: &mut impl Write) -> io::Result<()> {
    let text = match &image.dependencies {
        None => "not compared with lists of what is approved".to_owned(),
        Some(counts) => {
            format!("{}: {} approved, {} not approved", counts.total, counts.approved, counts.unapproved)
        }
    };
    line(out, "dependencies", &text)
}

fn trust(image: &ImageRecord, out: &mut impl Write) -> io::Result<()> {
    match image.signatures.as_deref() {
        None => line(out, "signatures", "not looked for")?,
        Some([]) => line(out, "signatures", "none that is valid")?,
        Some(all) => all.iter().try_for_each(|signature| {
            let at = signature.signed_at.map(|time| format!(", {}", moment(time))).unwrap_or_default();
            line(out, "signature", &format!("valid, {}, by {}{at}", signature.form, signer(&signature.signer)))
        })?,
    }
    for attestation in image.attestations.iter().flatten() {
        line(
            out,
            "attestation",
            &format!("valid, {}, by {}", attestation.predicate_type, signer(&attestation.signer)),
        )?;
    }
    image.refused.iter().try_for_each(|refused| line(out, "refused", &format!("{} {}", refused.kind, refused.reason)))
}

fn signer(signer: &SignerRecord) -> String {
    let issuer = signer.issuer.as_ref().map(|issuer| format!(" of {issuer}")).unwrap_or_default();
    match (&signer.name, signer.approved) {
        (Some(name), true) => format!("{name} (approved: {}{issuer})", signer.identity),
        _ => format!("{}{issuer} (not approved)", signer.identity),
    }
}

fn provenance(provenance: &ProvenanceRecord) -> String {
    let parts = [
        provenance.repository.as_ref().map(|repository| format!("from {repository}")),
        provenance.commit.as_ref().map(|commit| format!("commit {commit}")),
        provenance.builder.as_ref().map(|builder| format!("built by {builder}")),
        provenance.identity.as_ref().map(|identity| format!("as {identity}")),
        provenance.started.map(|time| format!("started {}", moment(time))),
        provenance.finished.map(|time| format!("finished {}", moment(time))),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

fn sbom(image: &ImageRecord) -> String {
    let Some(sbom) = &image.sbom else { return "none comes with it".to_owned() };
    let version = sbom.version.as_ref().map(|version| format!(" {version}")).unwrap_or_default();
    let valid = if sbom.valid { "valid" } else { "not valid" };
    let signed = if sbom.signed { "signed by an approved signer" } else { "not signed by an approved signer" };
    let missing = match sbom.missing {
        None => String::new(),
        Some(0) => "; lists all that was found".to_owned(),
        Some(count) => format!("; {count} packages found are not in it"),
    };
    format!("{}{version}, {valid}, {signed}, {} components{missing}", sbom.format, sbom.components)
}

fn vulnerabilities(found: &VulnerabilitiesRecord, out: &mut impl Write) -> io::Result<()> {
    let counts: Vec<String> =
        found.open.by_severity().iter().map(|(severity, count)| format!("{count} {severity}")).collect();
    let database = match &found.database {
        Some(database) if !database.date.is_empty() => format!(" (database of {})", database.date),
        _ => String::new(),
    };
    let vex = if found.vex == 0 { String::new() } else { format!("; {} said not to affect it", found.vex) };
    line(out, "vulnerabilities", &format!("{} open{database}{vex}", counts.join(", ")))?;
    if let Some(list) = &found.list {
        line(out, "full list", &format!("document {list}"))?;
    }
    found.not_assessed.iter().try_for_each(|gap| {
        line(out, "not assessed", &format!("{} packages of {}: {}", gap.packages, gap.ecosystem, gap.reason))
    })
}

fn acceptance(accepted: &Accepted) -> String {
    let risk = &accepted.risk;
    let past = if accepted.current { "" } else { " (no longer)" };
    format!(
        "{} ({}) in {}: {}; asked for by {}, approved by {}, until {}; first seen {} (entry {}){past}",
        risk.id,
        risk.severity,
        risk.package,
        risk.reason,
        risk.requested_by,
        risk.approved_by,
        risk.expires,
        moment(accepted.first.time),
        accepted.first.entry
    )
}

fn builds(builds: &[BuildRow], out: &mut impl Write) -> io::Result<()> {
    if builds.is_empty() {
        return line(out, "builds", "none was recorded");
    }
    for row in builds {
        line(out, "build", &format!("{} (entry {})", query::build_line(&row.build), row.index))?;
        let origin = &row.build.origin;
        let facts = [
            origin.repository.as_ref().map(|repository| format!("of {repository}")),
            origin.commit.as_ref().map(|commit| format!("commit {commit}")),
            origin.actor.as_ref().map(|actor| format!("started by {actor}")),
            row.build.builder.as_ref().map(|builder| format!("built by {builder}")),
        ];
        let facts: Vec<String> = facts.into_iter().flatten().collect();
        if !facts.is_empty() {
            line(out, "", &facts.join(", "))?;
        }
    }
    Ok(())
}

fn decisions(decisions: &[DecisionRow], out: &mut impl Write) -> io::Result<()> {
    for row in decisions {
        let gate = row.gate.as_ref().map(|gate| format!(" at {}", gate.name)).unwrap_or_default();
        let failed: Vec<&str> = row
            .findings
            .iter()
            .filter(|finding| matches!(finding.outcome, probity_model::Outcome::Fail | probity_model::Outcome::Error))
            .map(|finding| finding.policy.as_str())
            .collect();
        let why = if failed.is_empty() { String::new() } else { format!(": {}", failed.join(", ")) };
        line(out, "decision", &format!("{} {}{gate}{why} (entry {})", moment(row.time), row.action, row.index))?;
    }
    Ok(())
}
