//! Grype's JSON (`-o json`).

use serde::Deserialize;
use serde_json::Value;

use super::{ScanReport, some};
use crate::advisory::Status;
use crate::assess::{Finding, Source};
use crate::exploitation::{Epss, Exploitation, KnownExploited};
use crate::feed::nullable;
use crate::severity::{Rating, of_word, strongest};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Report {
    matches: Vec<Match>,
    #[serde(default, deserialize_with = "nullable")]
    ignored_matches: Vec<Value>,
    #[serde(default, deserialize_with = "nullable")]
    source: Scanned,
    #[serde(default, deserialize_with = "nullable")]
    distro: Distribution,
    descriptor: Descriptor,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Match {
    vulnerability: Vulnerability,
    #[serde(default, deserialize_with = "nullable")]
    related_vulnerabilities: Vec<Related>,
    artifact: Artifact,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Vulnerability {
    id: String,
    data_source: Option<String>,
    #[serde(default, deserialize_with = "nullable")]
    namespace: String,
    #[serde(default, deserialize_with = "nullable")]
    severity: String,
    #[serde(default, deserialize_with = "nullable")]
    description: String,
    #[serde(default, deserialize_with = "nullable")]
    cvss: Vec<Cvss>,
    #[serde(default, deserialize_with = "nullable")]
    fix: Fix,
    #[serde(default, deserialize_with = "nullable")]
    epss: Vec<Probability>,
    #[serde(default, deserialize_with = "nullable")]
    known_exploited: Vec<Known>,
}

#[derive(Deserialize)]
struct Cvss {
    vector: String,
}

#[derive(Deserialize, Default)]
struct Fix {
    #[serde(default, deserialize_with = "nullable")]
    versions: Vec<String>,
    #[serde(default, deserialize_with = "nullable")]
    state: String,
}

/// As Grype writes it.
#[derive(Deserialize)]
struct Probability {
    epss: f64,
    percentile: f64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Known {
    #[serde(default, deserialize_with = "nullable")]
    date_added: String,
    #[serde(default, deserialize_with = "nullable")]
    due_date: String,
    #[serde(rename = "knownRansomwareCampaignUse", default, deserialize_with = "nullable")]
    ransomware: String,
}

#[derive(Deserialize)]
struct Related {
    id: String,
}

#[derive(Deserialize)]
struct Artifact {
    name: String,
    #[serde(default, deserialize_with = "nullable")]
    version: String,
    #[serde(default, deserialize_with = "nullable")]
    purl: String,
}

#[derive(Deserialize, Default)]
struct Scanned {
    #[serde(default)]
    target: Value,
}

#[derive(Deserialize, Default)]
struct Distribution {
    #[serde(default, deserialize_with = "nullable")]
    name: String,
    #[serde(default, deserialize_with = "nullable")]
    version: String,
}

#[derive(Deserialize)]
struct Descriptor {
    name: String,
    version: Option<String>,
    timestamp: Option<String>,
    #[serde(default)]
    db: Value,
}

pub(super) fn read(report: Value) -> Result<ScanReport, serde_json::Error> {
    let report: Report = serde_json::from_value(report)?;
    let target = &report.source.target;
    let field = |name: &str| target[name].as_str().map(str::to_owned);
    let digests = target["repoDigests"].as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned);
    // The place of the date moved with version 6 of its database.
    let built = report.descriptor.db["status"]["built"].as_str().or(report.descriptor.db["built"].as_str());
    Ok(ScanReport {
        scanner: report.descriptor.name,
        version: report.descriptor.version,
        database: built.map(str::to_owned),
        scanned: report.descriptor.timestamp,
        artifact: field("userInput").or_else(|| target.as_str().map(str::to_owned)).unwrap_or_default(),
        digests: digests.chain(field("imageID")).chain(field("manifestDigest")).collect(),
        distribution: some(format!("{} {}", report.distro.name, report.distro.version).trim().to_owned()),
        end_of_life: false,
        findings: report.matches.into_iter().map(finding).collect(),
        ignored: report.ignored_matches.len() as u64,
    })
}

fn finding(found: Match) -> Finding {
    let Match { vulnerability, related_vulnerabilities, artifact } = found;
    let mut names: Vec<String> = related_vulnerabilities.into_iter().map(|related| related.id).collect();
    names.push(vulnerability.id.clone());
    names.sort();
    names.dedup();
    let cve = names.iter().position(|name| name.starts_with("CVE-"));
    let own = cve.or_else(|| names.iter().position(|name| *name == vulnerability.id)).unwrap_or_default();
    let id = names.remove(own);
    let mut ratings: Vec<Rating> = vulnerability.cvss.into_iter().map(|cvss| Rating::Cvss(cvss.vector)).collect();
    let score = strongest(&ratings).1;
    ratings.extend(some(vulnerability.severity.clone()).map(Rating::Word));
    Finding {
        id,
        aliases: names,
        package: artifact.name,
        version: artifact.version,
        purl: some(artifact.purl),
        severity: of_word(&vulnerability.severity),
        score,
        ratings,
        fixed: vulnerability.fix.versions,
        status: if vulnerability.fix.state == "wont-fix" { Status::WillNotFix } else { Status::Affected },
        summary: vulnerability.description.lines().next().unwrap_or_default().to_owned(),
        sources: vec![Source {
            name: vulnerability.namespace,
            advisory: vulnerability.id,
            reference: vulnerability.data_source,
        }],
        exploitation: exploitation(&vulnerability.epss, vulnerability.known_exploited),
        ..Finding::default()
    }
}

fn exploitation(epss: &[Probability], known: Vec<Known>) -> Option<Exploitation> {
    let epss = epss.first().map(|it| Epss { probability: it.epss, percentile: it.percentile });
    let known = known.into_iter().next().map(|it| KnownExploited {
        ransomware: it.ransomware.eq_ignore_ascii_case("known"),
        added: it.date_added,
        due: it.due_date,
    });
    (epss.is_some() || known.is_some()).then_some(Exploitation { epss, known })
}
