//! The parts of SPDX 2's documents that are read and written (`spdx-schema.json`).

use serde::{Deserialize, Serialize};

#[derive(Deserialize, Serialize, Default)]
#[serde(rename_all = "camelCase")]
pub(super) struct Document {
    pub(super) spdx_version: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) data_license: Option<String>,
    #[serde(rename = "SPDXID", skip_serializing_if = "Option::is_none")]
    pub(super) id: Option<String>,
    #[serde(default)]
    pub(super) name: String,
    #[serde(rename = "documentNamespace", skip_serializing_if = "Option::is_none")]
    pub(super) namespace: Option<String>,
    pub(super) creation_info: CreationInfo,
    #[serde(rename = "documentDescribes", default, skip_serializing_if = "Vec::is_empty")]
    pub(super) describes: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) packages: Vec<Package>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) files: Vec<File>,
    #[serde(rename = "hasExtractedLicensingInfos", default, skip_serializing_if = "Vec::is_empty")]
    pub(super) extracted: Vec<Extracted>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) relationships: Vec<Linked>,
}

#[derive(Deserialize, Serialize, Default)]
pub(super) struct CreationInfo {
    pub(super) created: String,
    #[serde(default)]
    pub(super) creators: Vec<String>,
}

#[derive(Deserialize, Serialize, Default)]
#[serde(rename_all = "camelCase")]
pub(super) struct Package {
    #[serde(rename = "SPDXID")]
    pub(super) id: String,
    pub(super) name: String,
    #[serde(rename = "versionInfo", skip_serializing_if = "Option::is_none")]
    pub(super) version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) supplier: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) download_location: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) files_analyzed: Option<bool>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) checksums: Vec<Checksum>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) license_concluded: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) license_declared: Option<String>,
    #[serde(rename = "copyrightText", skip_serializing_if = "Option::is_none")]
    pub(super) copyright: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) summary: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) description: Option<String>,
    #[serde(rename = "primaryPackagePurpose", skip_serializing_if = "Option::is_none")]
    pub(super) purpose: Option<String>,
    #[serde(rename = "externalRefs", default, skip_serializing_if = "Vec::is_empty")]
    pub(super) external_references: Vec<ExternalReference>,
}

#[derive(Deserialize, Serialize)]
pub(super) struct Checksum {
    pub(super) algorithm: String,
    #[serde(rename = "checksumValue")]
    pub(super) value: String,
}

#[derive(Deserialize, Serialize)]
pub(super) struct ExternalReference {
    #[serde(rename = "referenceCategory")]
    pub(super) category: String,
    #[serde(rename = "referenceType")]
    pub(super) kind: String,
    #[serde(rename = "referenceLocator")]
    pub(super) locator: String,
}

#[derive(Deserialize, Serialize, Default)]
#[serde(rename_all = "camelCase")]
pub(super) struct File {
    #[serde(rename = "SPDXID")]
    pub(super) id: String,
    #[serde(rename = "fileName")]
    pub(super) name: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) checksums: Vec<Checksum>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) license_concluded: Option<String>,
    #[serde(rename = "copyrightText", skip_serializing_if = "Option::is_none")]
    pub(super) copyright: Option<String>,
}

#[derive(Deserialize, Serialize, Default)]
pub(super) struct Extracted {
    #[serde(rename = "licenseId")]
    pub(super) license_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) name: Option<String>,
    #[serde(rename = "extractedText", skip_serializing_if = "Option::is_none")]
    pub(super) text: Option<String>,
}

/// A relationship.
#[derive(Deserialize, Serialize, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Linked {
    #[serde(rename = "spdxElementId")]
    pub(super) from: String,
    #[serde(rename = "relationshipType")]
    pub(super) kind: String,
    #[serde(rename = "relatedSpdxElement")]
    pub(super) to: String,
}
