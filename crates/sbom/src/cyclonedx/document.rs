//! The parts of `CycloneDX`'s documents that are read and written (`bom-1.3.schema.json` to `bom-1.7.schema.json`).

use serde::{Deserialize, Serialize};

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Document {
    #[serde(rename = "$schema", skip_serializing_if = "Option::is_none")]
    pub(super) schema: Option<String>,
    pub(super) bom_format: String,
    pub(super) spec_version: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) serial_number: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) version: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) metadata: Option<Metadata>,
    #[serde(default)]
    pub(super) components: Vec<Listed>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) dependencies: Vec<Dependency>,
}

#[derive(Deserialize, Serialize, Default)]
pub(super) struct Metadata {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) timestamp: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) tools: Option<Tools>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) authors: Vec<Person>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) component: Option<Listed>,
}

#[derive(Deserialize, Serialize)]
#[serde(untagged)]
pub(super) enum Tools {
    /// A list of tools.
    Before15(Vec<OldTool>),
    /// Components and services.
    Since15 {
        #[serde(default)]
        components: Vec<Named>,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        services: Vec<Named>,
    },
}

#[derive(Deserialize, Serialize)]
pub(super) struct OldTool {
    pub(super) vendor: Option<String>,
    pub(super) name: Option<String>,
    pub(super) version: Option<String>,
}

/// A tool as a component or a service.
#[derive(Deserialize, Serialize)]
pub(super) struct Named {
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub(super) kind: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) group: Option<String>,
    pub(super) name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) provider: Option<Organization>,
}

impl Named {
    pub(super) fn vendor(&self) -> Option<String> {
        self.group.clone().or_else(|| self.provider.as_ref()?.name.clone())
    }
}

#[derive(Deserialize, Serialize)]
pub(super) struct Person {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) email: Option<String>,
}

#[derive(Deserialize, Serialize)]
pub(super) struct Organization {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) name: Option<String>,
}

#[derive(Deserialize, Serialize)]
pub(super) struct Listed {
    #[serde(rename = "type")]
    pub(super) kind: String,
    #[serde(rename = "bom-ref", skip_serializing_if = "Option::is_none")]
    pub(super) reference: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) supplier: Option<Organization>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) group: Option<String>,
    pub(super) name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) description: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) hashes: Vec<Hash>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) licenses: Vec<Licensing>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) copyright: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) cpe: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) purl: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) properties: Vec<Property>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) components: Vec<Listed>,
}

#[derive(Deserialize, Serialize)]
pub(super) struct Hash {
    pub(super) alg: String,
    pub(super) content: String,
}

#[derive(Deserialize, Serialize)]
pub(super) struct Licensing {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) license: Option<License>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) expression: Option<String>,
}

#[derive(Deserialize, Serialize)]
pub(super) struct License {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) name: Option<String>,
}

#[derive(Deserialize, Serialize)]
pub(super) struct Property {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) value: Option<String>,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Dependency {
    #[serde(rename = "ref")]
    pub(super) reference: String,
    #[serde(default)]
    pub(super) depends_on: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) provides: Vec<String>,
}
