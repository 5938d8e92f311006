//! SPDX 3.0's JSON-LD, as its own serialization writes it: a flat `@graph` of elements that name one another.

use std::collections::HashMap;

use serde_json::Value;

use super::invalid;
use crate::SbomError;
use crate::model::{Component, Hash, Kind, License, Relation, Relationship, Sbom, Tool};

pub(crate) fn read(document: &Value) -> Result<Sbom, SbomError> {
    let elements = document["@graph"].as_array().ok_or_else(|| invalid("its @graph is no list"))?;
    let graph: HashMap<&str, &Value> = elements.iter().filter_map(|element| Some((id(element)?, element))).collect();
    let about = elements.iter().find(|element| kind(element) == "SpdxDocument");
    let info = about.and_then(|about| about.get("creationInfo"));
    let info = info.and_then(|info| info.as_str().map_or(Some(info), |name| graph.get(name).copied()));
    let info = info.or_else(|| elements.iter().find(|element| kind(element) == "CreationInfo"));
    let info = info.ok_or_else(|| invalid("it has no CreationInfo"))?;
    let version = text(info, "specVersion").unwrap_or_default();
    if !version.starts_with("3.0") {
        return Err(SbomError::Version { format: "SPDX", version, known: "2.2, 2.3 and 3.0" });
    }
    let mut components = elements.iter().filter_map(|it| component(it, &graph)).collect::<Vec<Component>>();
    let places: HashMap<String, usize> =
        components.iter().enumerate().map(|(at, component)| (component.reference.clone(), at)).collect();
    let mut relationships = Vec::new();
    for link in elements.iter().filter(|element| kind(element) == "Relationship") {
        relate(link, &graph, &places, &mut components, &mut relationships);
    }
    let subject = about.and_then(|about| subject(about, &graph)).and_then(|subject| places.get(subject).copied());
    let named =
        |field: &str| names(info, field).filter_map(|name| text(graph.get(name)?, "name")).collect::<Vec<String>>();
    Ok(Sbom {
        format: "SPDX".to_owned(),
        version,
        id: about.and_then(id).map(str::to_owned),
        name: about.and_then(|about| text(about, "name")),
        timestamp: text(info, "created"),
        tools: named("createdUsing").into_iter().map(|name| Tool { name, ..Tool::default() }).collect(),
        authors: named("createdBy"),
        subject: subject.map(|at| components.remove(at)),
        components,
        relationships,
    })
}

fn id(element: &Value) -> Option<&str> {
    element.get("spdxId").or_else(|| element.get("@id"))?.as_str()
}

fn kind(element: &Value) -> &str {
    element.get("type").or_else(|| element.get("@type")).and_then(Value::as_str).unwrap_or_default()
}

fn text(element: &Value, field: &str) -> Option<String> {
    element.get(field)?.as_str().filter(|text| !text.is_empty()).map(str::to_owned)
}

/// The elements that a field names: one, or a list.
fn names<'g>(element: &'g Value, field: &str) -> impl Iterator<Item = &'g str> {
    let value = element.get(field);
    let one = value.and_then(Value::as_str);
    let list = value.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    one.into_iter().chain(list)
}

fn list<'g>(element: &'g Value, field: &str) -> impl Iterator<Item = &'g Value> {
    element.get(field).and_then(Value::as_array).into_iter().flatten()
}

fn component(element: &Value, graph: &HashMap<&str, &Value>) -> Option<Component> {
    let purpose = text(element, "software_primaryPurpose").unwrap_or_default();
    let kind = match kind(element) {
        "software_Package" | "ai_AIPackage" | "dataset_DatasetPackage" => purpose_of(&purpose),
        "software_File" => Kind::File,
        _ => return None,
    };
    let identifiers = |wanted: &[&str]| {
        let of = list(element, "externalIdentifier").filter(|identifier| {
            identifier.get("externalIdentifierType").and_then(Value::as_str).is_some_and(|kind| wanted.contains(&kind))
        });
        of.filter_map(|identifier| text(identifier, "identifier")).collect::<Vec<String>>()
    };
    let mut supplier = names(element, "suppliedBy").chain(names(element, "originatedBy"));
    let hashes = list(element, "verifiedUsing")
        .filter_map(|hash| Hash::new(hash.get("algorithm")?.as_str()?, hash.get("hashValue")?.as_str()?));
    Some(Component {
        reference: id(element)?.to_owned(),
        kind,
        group: None,
        name: text(element, "name").unwrap_or_default(),
        version: text(element, "software_packageVersion"),
        purl: text(element, "software_packageUrl").or_else(|| identifiers(&["packageUrl", "purl"]).into_iter().next()),
        cpes: identifiers(&["cpe22", "cpe23"]),
        licenses: Vec::new(),
        supplier: supplier.find_map(|name| text(graph.get(name)?, "name")),
        hashes: hashes.collect(),
        description: text(element, "summary").or_else(|| text(element, "description")),
        copyright: text(element, "software_copyrightText"),
        properties: Vec::new(),
    })
}

/// `operatingSystem` is the only one of several words that there is a kind for.
fn purpose_of(purpose: &str) -> Kind {
    match purpose {
        "operatingSystem" => Kind::OperatingSystem,
        "deviceDriver" => Kind::DeviceDriver,
        "model" => Kind::MachineLearningModel,
        "data" => Kind::Data,
        "platform" => Kind::Platform,
        other => Kind::of_purpose(other),
    }
}

/// What the document is about: an element, or the root of the bill that it is about.
fn subject<'g>(about: &'g Value, graph: &HashMap<&str, &'g Value>) -> Option<&'g str> {
    let mut root = names(about, "rootElement").next()?;
    if let Some(bill) = graph.get(root).filter(|element| kind(element).ends_with("Sbom") || kind(element) == "Bom") {
        root = names(bill, "rootElement").next()?;
    }
    Some(root)
}

fn relate(
    link: &Value,
    graph: &HashMap<&str, &Value>,
    places: &HashMap<String, usize>,
    components: &mut [Component],
    relationships: &mut Vec<Relationship>,
) {
    let Some(from) = link.get("from").and_then(Value::as_str) else { return };
    let relation = match text(link, "relationshipType").unwrap_or_default().as_str() {
        "dependsOn" => Relation::DependsOn,
        "contains" => Relation::Contains,
        "hasDeclaredLicense" => {
            let licenses = names(link, "to").filter_map(|name| license(name, graph));
            if let Some(component) = places.get(from).and_then(|at| components.get_mut(*at)) {
                component.licenses.extend(licenses);
            }
            return;
        }
        other => Relation::Other(capitals(other)),
    };
    let known = names(link, "to").filter(|to| places.contains_key(from) && places.contains_key(*to));
    relationships.extend(known.map(|to| Relationship {
        from: from.to_owned(),
        relation: relation.clone(),
        to: to.to_owned(),
    }));
}

fn license(name: &str, graph: &HashMap<&str, &Value>) -> Option<License> {
    let element = graph.get(name)?;
    let expression = text(element, "simplelicensing_licenseExpression").map(License::Expression);
    expression.or_else(|| text(element, "name").map(License::Name))
}

/// `hasTestCase` as SPDX 2 would write it: `HAS_TEST_CASE`.
fn capitals(word: &str) -> String {
    let mut capitals = String::new();
    for letter in word.chars() {
        if letter.is_ascii_uppercase() {
            capitals.push('_');
        }
        capitals.push(letter.to_ascii_uppercase());
    }
    capitals
}
