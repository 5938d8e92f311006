//! What was found of one container image, as it is kept.
//!
//! What was not looked into is `None`, which is not the same as nothing found. Texts come from outside and are without
//! secrets before they get here.

use jiff::Timestamp;
use jiff::civil::Date;
use probity_model::{Action, Outcome};
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use crate::digest::Digest;
use crate::entry::Origin;

/// What one scan found of one image, with what was decided about it. The decisions came before it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageRecord {
    /// How it was asked for, without credentials: `registry.example.com/clinic/portal:1.2.3`.
    pub reference: String,
    /// The digest of its manifest, `sha256:…`; none for an archive that has no manifest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// The digest of the index that it was chosen from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub index_digest: Option<String>,
    /// The digest of its configuration.
    pub id: String,
    /// Its platform, such as `linux/amd64`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<String>,
    /// When it was built, as its configuration says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<String>,
    /// The distribution that it is of, such as `Debian GNU/Linux 12 (bookworm)`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub os: Option<String>,
    /// The user that it runs as; empty for the default, which is root.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The approved base image that it stands on; none when it stands on none of the list, or there is no list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<BaseRecord>,
    /// Packages found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub packages: Option<u64>,
    /// The packages against the lists of approved licences and libraries.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dependencies: Option<DependencyCounts>,
    /// What vulnerabilities were found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vulnerabilities: Option<VulnerabilitiesRecord>,
    /// Signatures that hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signatures: Option<Vec<SignatureRecord>>,
    /// Attestations whose signatures hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attestations: Option<Vec<AttestationRecord>>,
    /// Signatures and attestations that do not hold.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refused: Vec<RefusedRecord>,
    /// What an attestation of an approved signer says of its build.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provenance: Option<ProvenanceRecord>,
    /// The bill of materials that comes with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sbom: Option<SbomRecord>,
    /// Secrets found in it; never the secrets themselves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secrets: Option<u64>,
    /// The signed report of the scan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub report: Option<ReportRecord>,
    /// What followed.
    pub action: Action,
    /// Findings of all its decisions by outcome, passes included.
    #[serde(default)]
    pub outcomes: Vec<(Outcome, u64)>,
    /// Decisions about it: entries of the same gate that were numbered just before this one.
    #[serde(default)]
    pub decisions: u64,
    /// The policies that judged it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policies: Option<Digest>,
    /// What looked into it, with its version: `probity 0.1.0`.
    pub scanner: String,
    /// Where the scan ran, and for whom.
    #[serde(default)]
    pub origin: Origin,
}

impl ImageRecord {
    /// What names its content: the digest of its manifest, or of its configuration when it has none.
    pub fn content(&self) -> &str {
        self.digest.as_deref().unwrap_or(&self.id)
    }

    /// The documents that it refers to.
    pub(crate) fn documents(&self) -> Vec<Digest> {
        let list = self.vulnerabilities.as_ref().and_then(|found| found.list);
        list.into_iter().chain(self.policies).collect()
    }
}

/// An approved base image.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct BaseRecord {
    /// What it is called.
    pub name: String,
    /// The digest of its manifest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// The day it was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub date: Option<Date>,
    /// Whether it is an approved one.
    pub approved: bool,
    /// The newest version of it, when there is one newer than this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub newer: Option<NewerBase>,
}

/// A newer version of a base image.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct NewerBase {
    /// The digest of its manifest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// The day it was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub date: Option<Date>,
}

/// How many packages are on the lists of what may be used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct DependencyCounts {
    /// All of them.
    pub total: u64,
    /// Those that are approved.
    pub approved: u64,
    /// Those that are not.
    pub unapproved: u64,
}

/// The vulnerabilities of an image.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct VulnerabilitiesRecord {
    /// The database of advisories; none when another scanner's report was taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub database: Option<AdvisoriesRecord>,
    /// Whether every package was assessed.
    pub complete: bool,
    /// The packages that were not, and why.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub not_assessed: Vec<NotAssessed>,
    /// Those that are neither waived nor said not to affect the image.
    pub open: VulnerabilityCounts,
    /// Those that are waived, each with who accepted it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub accepted: Vec<AcceptedRisk>,
    /// How many a VEX statement says not to affect the image.
    pub vex: u64,
    /// What was judged, a document that is kept and has the full list.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub list: Option<Digest>,
}

/// A database of advisories.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct AdvisoriesRecord {
    /// When it was made, as it says.
    pub date: String,
    /// The digest of the file.
    pub digest: String,
}

/// Packages of which it is not known whether they are vulnerable.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct NotAssessed {
    /// The ecosystem or distribution, such as `Debian:12`.
    pub ecosystem: String,
    /// Why.
    pub reason: String,
    /// How many they are.
    pub packages: u64,
}

/// Vulnerabilities by severity.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct VulnerabilityCounts {
    /// Critical ones.
    pub critical: u64,
    /// High ones.
    pub high: u64,
    /// Medium ones.
    pub medium: u64,
    /// Low ones.
    pub low: u64,
    /// Those whose severity nobody has said.
    pub unknown: u64,
}

impl VulnerabilityCounts {
    /// All of them.
    pub fn total(&self) -> u64 {
        self.critical + self.high + self.medium + self.low + self.unknown
    }

    /// They by the names of the severities, the worst first.
    pub fn by_severity(&self) -> [(&'static str, u64); 5] {
        [
            ("critical", self.critical),
            ("high", self.high),
            ("medium", self.medium),
            ("low", self.low),
            ("unknown", self.unknown),
        ]
    }
}

/// A vulnerability that somebody accepted.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct AcceptedRisk {
    /// Its identifier, such as `CVE-2026-1234`.
    pub id: String,
    /// The package that has it, as a package URL or a name with a version.
    pub package: String,
    /// How bad it is.
    pub severity: SmolStr,
    /// Why it is accepted.
    pub reason: String,
    /// Who asked for that.
    pub requested_by: String,
    /// Who approved it.
    pub approved_by: String,
    /// The last day on which that counts.
    pub expires: Date,
}

/// Who signed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SignerRecord {
    /// The name that the configuration gives the signer; none for one that is not approved.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The identity of the certificate, or the name of the key.
    pub identity: String,
    /// Who issued the identity; none for a key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
    /// Whether it is an approved signer.
    pub approved: bool,
}

/// A signature that holds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SignatureRecord {
    /// Who signed.
    pub signer: SignerRecord,
    /// When, as the signature, a log or a timestamp says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signed_at: Option<Timestamp>,
    /// The form it is kept in, such as `cosign` or `notation`.
    pub form: SmolStr,
}

/// An attestation whose signature holds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct AttestationRecord {
    /// The type of what it says, such as `https://slsa.dev/provenance/v1`.
    pub predicate_type: String,
    /// Who signed it.
    pub signer: SignerRecord,
    /// When.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signed_at: Option<Timestamp>,
}

/// A signature or attestation that does not hold.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RefusedRecord {
    /// What it is: `signature`, `attestation`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub kind: String,
    /// Why it is refused.
    pub reason: String,
}

/// How an image was built, as an attestation of an approved signer says.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ProvenanceRecord {
    /// The builder, as a URI.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub builder: Option<String>,
    /// The identity that the builder signed by: a workflow or a service account.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub identity: Option<String>,
    /// The repository of the source.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repository: Option<String>,
    /// The commit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// When the build began.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started: Option<Timestamp>,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finished: Option<Timestamp>,
}

/// A bill of materials.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SbomRecord {
    /// The format: `CycloneDX`, `SPDX`.
    pub format: SmolStr,
    /// The version of the format.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<SmolStr>,
    /// Components that it lists.
    pub components: u64,
    /// Whether an approved signer signed it.
    pub signed: bool,
    /// Whether it is what its format asks for.
    pub valid: bool,
    /// Packages found in the image that it does not list; none when they were not compared.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub missing: Option<u64>,
}

/// The signed report of a scan.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ReportRecord {
    /// The digest of the signed statement.
    pub digest: String,
    /// The digest of the manifest by which it is attached to the image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attached: Option<String>,
}
