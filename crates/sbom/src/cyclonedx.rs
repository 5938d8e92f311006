//! `CycloneDX` (ECMA-424): JSON of versions 1.3 to 1.7 read, 1.6 and 1.7 written.

mod document;

use std::collections::{BTreeMap, BTreeSet, HashSet};

use serde_json::Value;

use crate::model::{Component, Hash, Kind, License, Property, Relation, Relationship, Sbom, Tool};
use crate::{MAX_COMPONENTS, SbomError};
use document::{Dependency, Document, Licensing, Listed, Metadata, Named, Tools};

const FORMAT: &str = "CycloneDX";
const VERSIONS: [&str; 5] = ["1.3", "1.4", "1.5", "1.6", "1.7"];

pub(crate) fn read(document: Value) -> Result<Sbom, SbomError> {
    let document: Document = serde_json::from_value(document).map_err(|error| invalid(error.to_string()))?;
    if document.bom_format != FORMAT {
        return Err(invalid(format!("bomFormat is {:?}", document.bom_format)));
    }
    if !VERSIONS.contains(&document.spec_version.as_str()) {
        return Err(SbomError::Version { format: FORMAT, version: document.spec_version, known: "1.3 to 1.7" });
    }
    let metadata = document.metadata.unwrap_or_default();
    let mut reader = Reader::default();
    let subject = metadata.component.map(|subject| reader.component(subject)).transpose()?;
    for component in document.components {
        reader.nested(component, None)?;
    }
    let mut relationships = reader.relationships;
    for Dependency { reference, depends_on, provides } in document.dependencies {
        let of = |to: String, relation| Relationship { from: reference.clone(), relation, to };
        relationships.extend(depends_on.into_iter().map(|to| of(to, Relation::DependsOn)));
        relationships.extend(provides.into_iter().map(|to| of(to, Relation::Other("PROVIDES".to_owned()))));
    }
    Ok(Sbom {
        format: FORMAT.to_owned(),
        version: document.spec_version,
        id: document.serial_number,
        name: None,
        timestamp: metadata.timestamp,
        tools: metadata.tools.map(tools).unwrap_or_default(),
        authors: metadata.authors.into_iter().filter_map(|author| author.name.or(author.email)).collect(),
        subject,
        components: reader.components,
        relationships,
    })
}

fn invalid(reason: String) -> SbomError {
    SbomError::Invalid { format: FORMAT, reason }
}

/// Takes components out of one another.
#[derive(Default)]
struct Reader {
    components: Vec<Component>,
    relationships: Vec<Relationship>,
    references: HashSet<String>,
}

impl Reader {
    fn nested(&mut self, mut listed: Listed, within: Option<&str>) -> Result<(), SbomError> {
        if self.components.len() >= MAX_COMPONENTS {
            return Err(SbomError::TooMuch { limit: MAX_COMPONENTS, what: "components" });
        }
        let parts = std::mem::take(&mut listed.components);
        let component = self.component(listed)?;
        if let Some(within) = within {
            let to = component.reference.clone();
            self.relationships.push(Relationship { from: within.to_owned(), relation: Relation::Contains, to });
        }
        let reference = component.reference.clone();
        self.components.push(component);
        // The reader of JSON bounds how deep they stand.
        parts.into_iter().try_for_each(|part| self.nested(part, Some(&reference)))
    }

    fn component(&mut self, listed: Listed) -> Result<Component, SbomError> {
        let kind = Kind::of_cyclonedx(&listed.kind)
            .ok_or_else(|| invalid(format!("there is no component type {:?}", listed.kind)))?;
        let reference = match listed.reference.filter(|reference| !reference.is_empty()) {
            Some(reference) if self.references.insert(reference.clone()) => reference,
            Some(reference) => return Err(invalid(format!("two components have the bom-ref {reference:?}"))),
            None => self.made(listed.purl.as_deref().unwrap_or(&listed.name)),
        };
        Ok(Component {
            reference,
            kind,
            group: listed.group.filter(|group| !group.is_empty()),
            name: listed.name,
            version: listed.version.filter(|version| !version.is_empty()),
            purl: listed.purl,
            cpes: listed.cpe.into_iter().collect(),
            licenses: listed.licenses.into_iter().filter_map(license).collect(),
            supplier: listed.supplier.and_then(|supplier| supplier.name),
            hashes: listed.hashes.iter().filter_map(|hash| Hash::new(&hash.alg, &hash.content)).collect(),
            description: listed.description,
            copyright: listed.copyright,
            properties: listed.properties.into_iter().map(property).collect(),
        })
    }

    /// A reference for a component that has none.
    fn made(&mut self, name: &str) -> String {
        let mut reference = name.to_owned();
        let mut count = 1;
        while !self.references.insert(reference.clone()) {
            count += 1;
            reference = format!("{name}#{count}");
        }
        reference
    }
}

fn property(property: document::Property) -> Property {
    Property { name: property.name.unwrap_or_default(), value: property.value.unwrap_or_default() }
}

fn license(licensing: Licensing) -> Option<License> {
    match licensing {
        Licensing { expression: Some(expression), .. } => Some(License::Expression(expression)),
        Licensing { license: Some(license), .. } => license.id.map(License::Id).or(license.name.map(License::Name)),
        Licensing { .. } => None,
    }
}

fn tools(tools: Tools) -> Vec<Tool> {
    match tools {
        Tools::Before15(tools) => tools
            .into_iter()
            .map(|tool| Tool { vendor: tool.vendor, name: tool.name.unwrap_or_default(), version: tool.version })
            .collect(),
        Tools::Since15 { components, services } => {
            let of = |tool: Named| Tool {
                vendor: tool.vendor(),
                name: tool.name.unwrap_or_default(),
                version: tool.version,
            };
            components.into_iter().chain(services).map(of).collect()
        }
    }
}

pub(crate) fn write(sbom: &Sbom, version: &str) -> String {
    let metadata = Metadata {
        timestamp: sbom.time().map(|time| time.to_string()),
        tools: (!sbom.tools.is_empty()).then(|| Tools::Since15 {
            components: sbom.tools.iter().map(written_tool).collect(),
            services: Vec::new(),
        }),
        authors: sbom.authors.iter().map(|name| document::Person { name: Some(name.clone()), email: None }).collect(),
        component: sbom.subject.as_ref().map(written),
    };
    let id = sbom.id.as_ref().filter(|id| is_serial_number(id)).cloned();
    let document = Document {
        schema: Some(format!("http://cyclonedx.org/schema/bom-{version}.schema.json")),
        bom_format: FORMAT.to_owned(),
        spec_version: version.to_owned(),
        serial_number: Some(id.unwrap_or_else(|| format!("urn:uuid:{}", sbom.uuid()))),
        version: Some(1),
        metadata: Some(metadata),
        components: sbom.components.iter().map(written).collect(),
        dependencies: dependencies(sbom),
    };
    // Types of our own are always written.
    serde_json::to_string_pretty(&document).unwrap_or_default()
}

fn is_serial_number(id: &str) -> bool {
    let Some(uuid) = id.strip_prefix("urn:uuid:") else { return false };
    let lengths: Vec<usize> = uuid.split('-').map(str::len).collect();
    lengths == [8, 4, 4, 4, 12] && uuid.bytes().all(|byte| byte == b'-' || matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

fn written_tool(tool: &Tool) -> Named {
    Named {
        kind: Some("application".to_owned()),
        name: Some(tool.name.clone()),
        version: tool.version.clone(),
        group: tool.vendor.clone(),
        provider: None,
    }
}

fn written(component: &Component) -> Listed {
    Listed {
        kind: component.kind.as_str().to_owned(),
        reference: Some(component.reference.clone()),
        supplier: component.supplier.clone().map(|name| document::Organization { name: Some(name) }),
        group: component.group.clone(),
        name: component.name.clone(),
        version: component.version.clone(),
        description: component.description.clone(),
        hashes: component
            .hashes
            .iter()
            .filter(|hash| !hash.algorithm.starts_with("Streebog"))
            .map(written_hash)
            .collect(),
        licenses: written_licenses(&component.licenses),
        copyright: component.copyright.clone(),
        cpe: component.cpes.first().cloned(),
        purl: component.purl.clone(),
        properties: component.properties.iter().map(written_property).collect(),
        components: Vec::new(),
    }
}

fn written_hash(hash: &Hash) -> document::Hash {
    document::Hash { alg: hash.algorithm.clone(), content: hash.value.clone() }
}

fn written_property(property: &Property) -> document::Property {
    document::Property { name: Some(property.name.clone()), value: Some(property.value.clone()) }
}

/// One expression, or any number of licences: an expression among others is written as a name.
fn written_licenses(licenses: &[License]) -> Vec<Licensing> {
    if let [License::Expression(expression)] = licenses {
        return vec![Licensing { license: None, expression: Some(expression.clone()) }];
    }
    let of = |license: &License| match license {
        License::Id(id) => document::License { id: Some(id.clone()), name: None },
        License::Expression(name) | License::Name(name) => document::License { id: None, name: Some(name.clone()) },
    };
    licenses.iter().map(|license| Licensing { license: Some(of(license)), expression: None }).collect()
}

/// What contains others is said to depend on them, which is the only relationship of components that stand beside one another.
fn dependencies(sbom: &Sbom) -> Vec<Dependency> {
    let known: HashSet<&str> = sbom.all().map(|component| component.reference.as_str()).collect();
    let mut by_reference: BTreeMap<&str, (BTreeSet<String>, BTreeSet<String>)> = BTreeMap::new();
    for Relationship { from, relation, to } in &sbom.relationships {
        if !known.contains(from.as_str()) || !known.contains(to.as_str()) {
            continue;
        }
        let (depends_on, provides) = by_reference.entry(from).or_default();
        match relation {
            Relation::DependsOn | Relation::Contains => depends_on.insert(to.clone()),
            Relation::Other(other) if other == "PROVIDES" => provides.insert(to.clone()),
            Relation::Other(_) => continue,
        };
    }
    let written = |(reference, (depends_on, provides)): (&str, (BTreeSet<String>, BTreeSet<String>))| Dependency {
        reference: reference.to_owned(),
        depends_on: depends_on.into_iter().collect(),
        provides: provides.into_iter().collect(),
    };
    by_reference.into_iter().map(written).collect()
}
