//! SPDX (ISO/IEC 5962): JSON and tag-value of versions 2.2 and 2.3 read, JSON of 2.3 written; JSON-LD of 3.0 read.

mod document;
mod graph;
mod tags;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use jiff::Timestamp;
use serde_json::Value;

use crate::SbomError;
use crate::model::{Component, Hash, Kind, License, Relation, Relationship, Sbom, Tool};
use document::{Checksum, CreationInfo, Document, ExternalReference, Extracted, File, Linked, Package};

pub(crate) use graph::read as read_graph;
pub(crate) use tags::read as read_tags;

const FORMAT: &str = "SPDX";
/// The document's own name in relationships.
const DOCUMENT: &str = "SPDXRef-DOCUMENT";

fn invalid(reason: impl Into<String>) -> SbomError {
    SbomError::Invalid { format: FORMAT, reason: reason.into() }
}

pub(crate) fn read(document: Value) -> Result<Sbom, SbomError> {
    model(serde_json::from_value(document).map_err(|error| invalid(error.to_string()))?)
}

fn model(document: Document) -> Result<Sbom, SbomError> {
    let version = document.spdx_version.trim_start_matches("SPDX-").to_owned();
    if !["2.2", "2.3"].contains(&version.as_str()) {
        return Err(SbomError::Version { format: FORMAT, version, known: "2.2, 2.3 and 3.0" });
    }
    let described = described(&document);
    let extracted: HashMap<&str, &Extracted> =
        document.extracted.iter().map(|extracted| (extracted.license_id.as_str(), extracted)).collect();
    let mut components: Vec<Component> =
        document.packages.iter().map(|package| component_of_package(package, &extracted)).collect();
    components.extend(document.files.iter().map(component_of_file));
    let mut references = HashSet::new();
    if let Some(twice) = components.iter().find(|component| !references.insert(component.reference.as_str())) {
        return Err(invalid(format!("two elements are called {:?}", twice.reference)));
    }
    // A document about several packages has no single subject.
    let subject = match described.as_slice() {
        [one] => components.iter().position(|component| component.reference == *one).map(|at| components.remove(at)),
        _ => None,
    };
    let creators = document.creation_info.creators;
    Ok(Sbom {
        format: FORMAT.to_owned(),
        version,
        id: document.namespace,
        name: Some(document.name),
        timestamp: Some(document.creation_info.created),
        tools: creators.iter().filter_map(|creator| creator.strip_prefix("Tool:")).map(tool).collect(),
        authors: creators.iter().filter_map(|creator| agent(creator)).collect(),
        subject,
        components,
        relationships: document.relationships.into_iter().filter_map(relationship).collect(),
    })
}

fn described(document: &Document) -> Vec<String> {
    let mut described: BTreeSet<&str> = document.describes.iter().map(String::as_str).collect();
    for link in &document.relationships {
        match link.kind.as_str() {
            "DESCRIBES" if link.from == DOCUMENT => described.insert(&link.to),
            "DESCRIBED_BY" if link.to == DOCUMENT => described.insert(&link.from),
            _ => false,
        };
    }
    described.into_iter().map(str::to_owned).collect()
}

/// A name and, behind the last dash, a version: `syft-1.57.0`.
fn tool(text: &str) -> Tool {
    let text = text.trim();
    let version = text.rsplit_once('-').filter(|(_, version)| version.contains(|letter: char| letter.is_ascii_digit()));
    let (name, version) = version.map_or((text, None), |(name, version)| (name, Some(version.to_owned())));
    Tool { vendor: None, name: name.to_owned(), version }
}

/// A person or an organization: `Organization: Example (mail@example.org)`.
fn agent(text: &str) -> Option<String> {
    let name = text.strip_prefix("Organization:").or_else(|| text.strip_prefix("Person:"))?.trim();
    let name = name.strip_suffix("()").unwrap_or(name).trim();
    (!name.is_empty()).then(|| name.to_owned())
}

fn said(text: Option<&String>) -> Option<String> {
    text.filter(|text| !matches!(text.as_str(), "NOASSERTION" | "NONE" | "")).cloned()
}

fn component_of_package(package: &Package, extracted: &HashMap<&str, &Extracted>) -> Component {
    let references = |kinds: &[&str]| {
        let of = package.external_references.iter().filter(|it| kinds.contains(&it.kind.as_str()));
        of.map(|it| it.locator.clone()).collect::<Vec<String>>()
    };
    // What is declared counts; what was concluded where nothing is.
    let license = said(package.license_declared.as_ref()).or_else(|| said(package.license_concluded.as_ref()));
    Component {
        reference: package.id.clone(),
        kind: package.purpose.as_deref().map(Kind::of_purpose).unwrap_or_default(),
        group: None,
        name: package.name.clone(),
        version: said(package.version.as_ref()),
        purl: references(&["purl"]).into_iter().next(),
        cpes: references(&["cpe23Type", "cpe22Type"]),
        licenses: license.map(|text| licenses_of(&text, extracted)).unwrap_or_default(),
        supplier: package.supplier.as_deref().and_then(agent),
        hashes: package.checksums.iter().filter_map(|it| Hash::new(&it.algorithm, &it.value)).collect(),
        description: said(package.summary.as_ref().or(package.description.as_ref())),
        copyright: said(package.copyright.as_ref()),
        properties: Vec::new(),
    }
}

fn component_of_file(file: &File) -> Component {
    Component {
        reference: file.id.clone(),
        kind: Kind::File,
        name: file.name.clone(),
        hashes: file.checksums.iter().filter_map(|it| Hash::new(&it.algorithm, &it.value)).collect(),
        copyright: said(file.copyright.as_ref()),
        ..Component::default()
    }
}

/// Licences that all hold are several; any other expression is one.
fn licenses_of(text: &str, extracted: &HashMap<&str, &Extracted>) -> Vec<License> {
    let of = |text: &str| {
        let extracted = extracted.get(text).and_then(|it| it.name.clone().or_else(|| it.text.clone()));
        extracted.map_or_else(|| License::Expression(text.to_owned()), License::Name)
    };
    match all_of(text) {
        Some(parts) => parts.into_iter().map(of).collect(),
        None => vec![of(text)],
    }
}

/// The parts of an expression between the `AND`s that stand in no brackets; `None` when one of two may be chosen there.
fn all_of(text: &str) -> Option<Vec<&str>> {
    let (mut parts, mut start, mut depth) = (Vec::new(), 0, 0_usize);
    for (at, letter) in text.char_indices() {
        match letter {
            '(' => depth += 1,
            ')' => depth = depth.checked_sub(1)?,
            ' ' if depth == 0 && text[at..].starts_with(" OR ") => return None,
            ' ' if depth == 0 && text[at..].starts_with(" AND ") => {
                parts.push(&text[start..at]);
                start = at + " AND ".len();
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    Some(parts.into_iter().map(|part| unbracketed(part.trim())).collect())
}

/// A part without the brackets around the whole of it, which say nothing more.
fn unbracketed(part: &str) -> &str {
    let inner = part.strip_prefix('(').and_then(|rest| rest.strip_suffix(')'));
    inner.filter(|inner| !inner.contains(['(', ')'])).unwrap_or(part)
}

fn relationship(link: Linked) -> Option<Relationship> {
    let Linked { from, kind, to } = link;
    if from == DOCUMENT || to == DOCUMENT || to == "NONE" || to == "NOASSERTION" {
        return None;
    }
    Some(match kind.as_str() {
        "DEPENDS_ON" => Relationship { from, relation: Relation::DependsOn, to },
        "DEPENDENCY_OF" => Relationship { from: to, relation: Relation::DependsOn, to: from },
        "CONTAINS" => Relationship { from, relation: Relation::Contains, to },
        "CONTAINED_BY" => Relationship { from: to, relation: Relation::Contains, to: from },
        _ => Relationship { from, relation: Relation::Other(kind), to },
    })
}

/// Kinds of relationships that SPDX 2.3 knows, besides those that are written of our own accord.
const RELATIONS: [&str; 38] = [
    "AMENDS",
    "ANCESTOR_OF",
    "BUILD_DEPENDENCY_OF",
    "BUILD_TOOL_OF",
    "COPY_OF",
    "DATA_FILE_OF",
    "DEPENDENCY_MANIFEST_OF",
    "DESCENDANT_OF",
    "DEV_DEPENDENCY_OF",
    "DEV_TOOL_OF",
    "DISTRIBUTION_ARTIFACT",
    "DOCUMENTATION_OF",
    "DYNAMIC_LINK",
    "EXAMPLE_OF",
    "EXPANDED_FROM_ARCHIVE",
    "FILE_ADDED",
    "FILE_DELETED",
    "FILE_MODIFIED",
    "GENERATED_FROM",
    "GENERATES",
    "HAS_PREREQUISITE",
    "METAFILE_OF",
    "OPTIONAL_COMPONENT_OF",
    "OPTIONAL_DEPENDENCY_OF",
    "PACKAGE_OF",
    "PATCH_APPLIED",
    "PATCH_FOR",
    "PREREQUISITE_FOR",
    "PROVIDED_DEPENDENCY_OF",
    "REQUIREMENT_DESCRIPTION_FOR",
    "RUNTIME_DEPENDENCY_OF",
    "SPECIFICATION_FOR",
    "STATIC_LINK",
    "TEST_CASE_OF",
    "TEST_DEPENDENCY_OF",
    "TEST_OF",
    "TEST_TOOL_OF",
    "VARIANT_OF",
];

pub(crate) fn write(sbom: &Sbom) -> String {
    let names = names(sbom);
    let mut extracted = BTreeMap::new();
    let (mut packages, mut files) = (Vec::new(), Vec::new());
    for component in sbom.all() {
        let id = names[component.reference.as_str()].clone();
        // A file of SPDX has a digest of SHA-1; one without is written as a package that is a file.
        if component.kind == Kind::File && component.hashes.iter().any(|hash| hash.algorithm == "SHA-1") {
            files.push(written_file(component, id));
        } else {
            packages.push(written_package(component, id, &mut extracted));
        }
    }
    let namespace = sbom.id.as_ref().filter(|id| id.starts_with("http://") || id.starts_with("https://"));
    let title = sbom.name.clone().or_else(|| sbom.subject.as_ref().map(|subject| subject.name.clone()));
    let tools = sbom.tools.iter().map(|tool| match &tool.version {
        Some(version) => format!("Tool: {}-{version}", tool.name),
        None => format!("Tool: {}", tool.name),
    });
    let mut creators: Vec<String> = tools.chain(sbom.authors.iter().map(|it| format!("Organization: {it}"))).collect();
    if creators.is_empty() {
        creators.push("Tool: probity".to_owned());
    }
    let document = Document {
        spdx_version: "SPDX-2.3".to_owned(),
        data_license: Some("CC0-1.0".to_owned()),
        id: Some(DOCUMENT.to_owned()),
        name: title.unwrap_or_else(|| "document".to_owned()),
        namespace: Some(namespace.cloned().unwrap_or_else(|| format!("urn:uuid:{}", sbom.uuid()))),
        creation_info: CreationInfo { created: created(sbom), creators },
        describes: Vec::new(),
        packages,
        files,
        extracted: extracted
            .into_iter()
            .map(|(license_id, text): (String, String)| Extracted {
                license_id,
                name: Some(text.clone()),
                text: Some(text),
            })
            .collect(),
        relationships: written_relationships(sbom, &names),
    };
    // Types of our own are always written.
    serde_json::to_string_pretty(&document).unwrap_or_default()
}

/// SPDX has times of UTC in whole seconds; the first of all stands for one that is not known.
fn created(sbom: &Sbom) -> String {
    sbom.time().unwrap_or(Timestamp::UNIX_EPOCH).strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// What each component is called: SPDX takes letters, digits, dots and dashes.
fn names(sbom: &Sbom) -> HashMap<&str, String> {
    let (mut names, mut taken) = (HashMap::new(), HashSet::from([DOCUMENT.to_owned()]));
    for component in sbom.all() {
        let bare = component.reference.strip_prefix("SPDXRef-").unwrap_or(&component.reference);
        let slug = format!("SPDXRef-{}", slug(bare));
        let mut name = slug.clone();
        let mut count = 1;
        while !taken.insert(name.clone()) {
            count += 1;
            name = format!("{slug}-{count}");
        }
        names.insert(component.reference.as_str(), name);
    }
    names
}

fn slug(text: &str) -> String {
    let allowed = |letter: char| if letter.is_ascii_alphanumeric() || letter == '.' { letter } else { '-' };
    text.chars().map(allowed).collect()
}

fn written_package(component: &Component, id: String, extracted: &mut BTreeMap<String, String>) -> Package {
    let several = component.licenses.len() > 1;
    let licenses: Vec<String> = component.licenses.iter().map(|it| written_license(it, several, extracted)).collect();
    let external = |category: &str, kind: &str, locator: &String| ExternalReference {
        category: category.to_owned(),
        kind: kind.to_owned(),
        locator: locator.clone(),
    };
    let purl = component.purl.iter().map(|purl| external("PACKAGE-MANAGER", "purl", purl));
    let cpes = component
        .cpes
        .iter()
        .map(|cpe| external("SECURITY", if cpe.starts_with("cpe:2.3") { "cpe23Type" } else { "cpe22Type" }, cpe));
    let name = match &component.group {
        Some(group) => format!("{group}/{}", component.name),
        None => component.name.clone(),
    };
    Package {
        id,
        name,
        version: component.version.clone(),
        supplier: Some(
            component.supplier.as_ref().map_or("NOASSERTION".to_owned(), |it| format!("Organization: {it}")),
        ),
        download_location: Some("NOASSERTION".to_owned()),
        files_analyzed: Some(false),
        checksums: checksums(&component.hashes),
        license_concluded: Some("NOASSERTION".to_owned()),
        license_declared: Some(if licenses.is_empty() { "NOASSERTION".to_owned() } else { licenses.join(" AND ") }),
        copyright: Some(component.copyright.clone().unwrap_or_else(|| "NOASSERTION".to_owned())),
        summary: component.description.clone(),
        description: None,
        purpose: Some(component.kind.purpose().to_owned()),
        external_references: purl.chain(cpes).collect(),
    }
}

fn written_file(component: &Component, id: String) -> File {
    File {
        id,
        name: component.name.clone(),
        checksums: checksums(&component.hashes),
        license_concluded: Some("NOASSERTION".to_owned()),
        copyright: Some(component.copyright.clone().unwrap_or_else(|| "NOASSERTION".to_owned())),
    }
}

fn checksums(hashes: &[Hash]) -> Vec<Checksum> {
    let known = hashes.iter().filter(|hash| !hash.algorithm.starts_with("Streebog"));
    // SHA-256 is written without its dash, SHA3-256 with it.
    known
        .map(|hash| Checksum { algorithm: hash.algorithm.replacen("SHA-", "SHA", 1), value: hash.value.clone() })
        .collect()
}

/// An expression among others stands in brackets; what is none is given a name of the document's own.
fn written_license(license: &License, several: bool, extracted: &mut BTreeMap<String, String>) -> String {
    match license {
        License::Id(id) => id.clone(),
        License::Expression(expression) if several && expression.contains(' ') => format!("({expression})"),
        License::Expression(expression) => expression.clone(),
        License::Name(name) => {
            let slug = format!("LicenseRef-{}", slug(name));
            let mut id = slug.clone();
            let mut count = 1;
            while extracted.get(&id).is_some_and(|other| other != name) {
                count += 1;
                id = format!("{slug}-{count}");
            }
            extracted.insert(id.clone(), name.clone());
            id
        }
    }
}

fn written_relationships(sbom: &Sbom, names: &HashMap<&str, String>) -> Vec<Linked> {
    let described: Vec<&Component> = match &sbom.subject {
        Some(subject) => vec![subject],
        None => sbom.components.iter().collect(),
    };
    let describes = described.into_iter().map(|component| Linked {
        from: DOCUMENT.to_owned(),
        kind: "DESCRIBES".to_owned(),
        to: names[component.reference.as_str()].clone(),
    });
    let links = sbom.relationships.iter().filter_map(|Relationship { from, relation, to }| {
        let (from, to) = (names.get(from.as_str())?.clone(), names.get(to.as_str())?.clone());
        let kind = match relation {
            Relation::DependsOn => "DEPENDS_ON",
            Relation::Contains => "CONTAINS",
            Relation::Other(kind) if RELATIONS.contains(&kind.as_str()) => kind,
            Relation::Other(_) => "OTHER",
        };
        Some(Linked { from, kind: kind.to_owned(), to })
    });
    let mut all: Vec<Linked> = describes.chain(links).collect();
    all.sort();
    all.dedup();
    all
}
