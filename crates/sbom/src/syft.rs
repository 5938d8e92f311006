//! Syft's own JSON (`anchore/syft`, `schema/json`).

use serde::Deserialize;
use serde_json::Value;

use crate::SbomError;
use crate::model::{Component, Kind, License, Property, Relation, Relationship, Sbom, Tool};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    artifacts: Vec<Artifact>,
    #[serde(default)]
    artifact_relationships: Vec<Link>,
    #[serde(default)]
    source: Source,
    #[serde(default)]
    distro: Option<Distribution>,
    descriptor: Descriptor,
    #[serde(default)]
    schema: Option<Schema>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Artifact {
    id: String,
    name: String,
    #[serde(default)]
    version: String,
    #[serde(rename = "type", default)]
    kind: String,
    #[serde(default)]
    licenses: Vec<Licensing>,
    #[serde(default)]
    cpes: Vec<Cpe>,
    #[serde(default)]
    purl: String,
    #[serde(default)]
    locations: Vec<Place>,
}

/// Old documents have texts.
#[derive(Deserialize)]
#[serde(untagged)]
enum Licensing {
    Text(String),
    #[serde(rename_all = "camelCase")]
    Licence {
        #[serde(default)]
        value: String,
        #[serde(default)]
        spdx_expression: String,
    },
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Cpe {
    Text(String),
    Sourced { cpe: String },
}

#[derive(Deserialize)]
struct Place {
    path: String,
}

#[derive(Deserialize)]
struct Link {
    parent: String,
    child: String,
    #[serde(rename = "type")]
    kind: String,
}

#[derive(Deserialize, Default)]
struct Source {
    #[serde(default)]
    id: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    version: String,
    #[serde(rename = "type", default)]
    kind: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Distribution {
    #[serde(default)]
    id: String,
    #[serde(rename = "versionID", default)]
    version: String,
}

#[derive(Deserialize)]
struct Descriptor {
    name: String,
    #[serde(default)]
    version: String,
}

#[derive(Deserialize)]
struct Schema {
    version: String,
}

pub(crate) fn read(document: Value) -> Result<Sbom, SbomError> {
    let invalid = |error: serde_json::Error| SbomError::Invalid { format: "Syft", reason: error.to_string() };
    let document: Document = serde_json::from_value(document).map_err(invalid)?;
    let mut components: Vec<Component> = document.artifacts.into_iter().map(component).collect();
    components.extend(document.distro.filter(|distro| !distro.id.is_empty()).map(operating_system));
    let Descriptor { name, version } = document.descriptor;
    Ok(Sbom {
        format: "Syft".to_owned(),
        version: document.schema.map(|schema| schema.version).unwrap_or_default(),
        tools: vec![Tool { vendor: Some("anchore".to_owned()), name, version: some(version) }],
        subject: subject(document.source),
        components,
        relationships: document.artifact_relationships.into_iter().filter_map(relationship).collect(),
        ..Sbom::default()
    })
}

fn some(text: String) -> Option<String> {
    (!text.is_empty()).then_some(text)
}

fn property(name: &str, value: String) -> Property {
    Property { name: name.to_owned(), value }
}

fn component(artifact: Artifact) -> Component {
    let licenses = artifact.licenses.into_iter().filter_map(|licensing| match licensing {
        Licensing::Licence { spdx_expression, .. } if !spdx_expression.is_empty() => {
            Some(License::Expression(spdx_expression))
        }
        Licensing::Text(name) | Licensing::Licence { value: name, .. } => some(name).map(License::Name),
    });
    let cpes = artifact.cpes.into_iter().map(|cpe| match cpe {
        Cpe::Text(cpe) | Cpe::Sourced { cpe } => cpe,
    });
    let mut properties = vec![property("syft:package:type", artifact.kind)];
    properties.extend(artifact.locations.into_iter().map(|place| property("syft:location:path", place.path)));
    Component {
        reference: artifact.id,
        kind: Kind::Library,
        name: artifact.name,
        version: some(artifact.version),
        purl: some(artifact.purl),
        cpes: cpes.collect(),
        licenses: licenses.collect(),
        properties,
        ..Component::default()
    }
}

fn operating_system(distro: Distribution) -> Component {
    Component {
        reference: format!("os:{}@{}", distro.id, distro.version),
        kind: Kind::OperatingSystem,
        name: distro.id,
        version: some(distro.version),
        ..Component::default()
    }
}

fn subject(source: Source) -> Option<Component> {
    let kind = match source.kind.as_str() {
        "image" => Kind::Container,
        _ => Kind::File,
    };
    Some(Component {
        reference: some(source.id)?,
        kind,
        name: source.name,
        version: some(source.version),
        ..Component::default()
    })
}

fn relationship(link: Link) -> Option<Relationship> {
    let Link { parent, child, kind } = link;
    Some(match kind.as_str() {
        "contains" => Relationship { from: parent, relation: Relation::Contains, to: child },
        // The parent is what the child needs.
        "dependency-of" => Relationship { from: child, relation: Relation::DependsOn, to: parent },
        _ => return None,
    })
}
