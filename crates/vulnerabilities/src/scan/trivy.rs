//! Trivy's JSON (`--format json`, schema 2).

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::{ScanReport, some};
use crate::advisory::Status;
use crate::assess::{Finding, Source};
use crate::feed::nullable;
use crate::severity::{Rating, of_word, strongest};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Report {
    #[serde(default, deserialize_with = "nullable")]
    artifact_name: String,
    created_at: Option<String>,
    trivy: Option<Program>,
    #[serde(default, deserialize_with = "nullable")]
    metadata: Metadata,
    #[serde(default, deserialize_with = "nullable")]
    results: Vec<Scanned>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Program {
    version: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase")]
struct Metadata {
    #[serde(rename = "OS")]
    os: Option<Distribution>,
    #[serde(rename = "ImageID", default, deserialize_with = "nullable")]
    image: String,
    #[serde(default, deserialize_with = "nullable")]
    repo_digests: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Distribution {
    family: String,
    #[serde(default, deserialize_with = "nullable")]
    name: String,
    #[serde(rename = "EOSL", default, deserialize_with = "nullable")]
    end_of_life: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Scanned {
    #[serde(default, deserialize_with = "nullable")]
    vulnerabilities: Vec<Vulnerability>,
    #[serde(default, deserialize_with = "nullable")]
    experimental_modified_findings: Vec<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Vulnerability {
    #[serde(rename = "VulnerabilityID")]
    id: String,
    #[serde(rename = "VendorIDs", default, deserialize_with = "nullable")]
    vendor_ids: Vec<String>,
    pkg_name: String,
    #[serde(default, deserialize_with = "nullable")]
    installed_version: String,
    #[serde(default, deserialize_with = "nullable")]
    fixed_version: String,
    #[serde(default, deserialize_with = "nullable")]
    status: String,
    #[serde(default, deserialize_with = "nullable")]
    severity: String,
    #[serde(default, deserialize_with = "nullable")]
    severity_source: String,
    #[serde(rename = "CVSS", default, deserialize_with = "nullable")]
    cvss: BTreeMap<String, Vectors>,
    #[serde(default, deserialize_with = "nullable")]
    pkg_identifier: Identifier,
    #[serde(default, deserialize_with = "nullable")]
    title: String,
    #[serde(default, deserialize_with = "nullable")]
    published_date: String,
    #[serde(rename = "PrimaryURL")]
    primary_url: Option<String>,
    #[serde(default, deserialize_with = "nullable")]
    data_source: DataSource,
}

#[derive(Deserialize, Default)]
struct Vectors {
    #[serde(rename = "V2Vector")]
    second: Option<String>,
    #[serde(rename = "V3Vector")]
    third: Option<String>,
    #[serde(rename = "V40Vector")]
    fourth: Option<String>,
}

#[derive(Deserialize, Default)]
struct Identifier {
    #[serde(rename = "PURL")]
    purl: Option<String>,
}

#[derive(Deserialize, Default)]
struct DataSource {
    #[serde(rename = "ID", default)]
    id: String,
}

pub(super) fn read(report: Value) -> Result<ScanReport, serde_json::Error> {
    let report: Report = serde_json::from_value(report)?;
    let ignored = report.results.iter().map(|scanned| scanned.experimental_modified_findings.len() as u64).sum();
    let os = report.metadata.os.as_ref();
    Ok(ScanReport {
        scanner: "trivy".to_owned(),
        version: report.trivy.and_then(|program| program.version),
        database: None,
        scanned: report.created_at,
        artifact: report.artifact_name,
        distribution: os.map(|os| format!("{} {}", os.family, os.name).trim().to_owned()),
        end_of_life: os.is_some_and(|os| os.end_of_life),
        digests: report.metadata.repo_digests.into_iter().chain(some(report.metadata.image)).collect(),
        findings: report.results.into_iter().flat_map(|scanned| scanned.vulnerabilities).map(finding).collect(),
        ignored,
    })
}

fn finding(found: Vulnerability) -> Finding {
    // The vectors of whoever the severity is taken from count before those of others.
    let own = found.cvss.get(&found.severity_source);
    let score = strongest(&own.map(ratings).unwrap_or_default()).1;
    let mut all: Vec<Rating> = found.cvss.values().flat_map(ratings).collect();
    let score = score.or_else(|| strongest(&all).1);
    all.extend(some(found.severity.clone()).map(Rating::Word));
    all.sort();
    all.dedup();
    let source = Source {
        name: some(found.data_source.id).unwrap_or_else(|| "trivy".to_owned()),
        advisory: found.id.clone(),
        reference: found.primary_url,
    };
    Finding {
        id: found.id,
        aliases: found.vendor_ids.into_iter().filter(|id| id.starts_with("GHSA-") || id.starts_with("CVE-")).collect(),
        package: found.pkg_name,
        version: found.installed_version,
        purl: found.pkg_identifier.purl,
        severity: of_word(&found.severity),
        score,
        ratings: all,
        fixed: found.fixed_version.split(',').map(str::trim).filter(|it| !it.is_empty()).map(str::to_owned).collect(),
        status: status(&found.status),
        summary: found.title,
        published: found.published_date,
        sources: vec![source],
        ..Finding::default()
    }
}

fn ratings(vectors: &Vectors) -> Vec<Rating> {
    [&vectors.second, &vectors.third, &vectors.fourth].into_iter().flatten().cloned().map(Rating::Cvss).collect()
}

fn status(word: &str) -> Status {
    match word {
        "not_affected" => Status::NotAffected,
        "under_investigation" => Status::UnderInvestigation,
        "will_not_fix" => Status::WillNotFix,
        "fix_deferred" => Status::Deferred,
        "end_of_life" => Status::EndOfLife,
        _ => Status::Affected,
    }
}
