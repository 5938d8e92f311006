//! What two bills of materials have that the other has not.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::license::Expression;
use crate::model::{Component, Kind, License, Sbom};

/// The difference of two documents.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Comparison {
    /// Components of the second that the first has not.
    pub added: Vec<Component>,
    /// Components of the first that the second has not.
    pub removed: Vec<Component>,
    /// Components of both of which something else is said.
    pub changed: Vec<Change>,
}

/// A component of both documents, and what is said of it otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    /// As the first document has it.
    pub before: Component,
    /// As the second has it.
    pub after: Component,
    /// What is said otherwise.
    pub fields: Vec<Field>,
}

/// What may be said otherwise of a component.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Field {
    /// Its version.
    Version,
    /// Its licences.
    Licenses,
    /// Its digests.
    Hashes,
    /// Who supplies it.
    Supplier,
}

/// Compares what two documents list, in the order of the components' names. A component is the same when its package URL is,
/// but for the version and the qualifiers; without one, when its kind, group and name are. Files are left out.
pub fn compare(before: &Sbom, after: &Sbom) -> Comparison {
    let (mut old, mut new) = (by_name(before), by_name(after));
    let mut comparison = Comparison::default();
    let mut names: Vec<String> = old.keys().chain(new.keys()).cloned().collect();
    names.sort();
    names.dedup();
    for name in names {
        let (mut old, mut new) = (old.remove(&name).unwrap_or_default(), new.remove(&name).unwrap_or_default());
        comparison.pair(&mut old, &mut new, |one, other| one.version == other.version);
        comparison.pair(&mut old, &mut new, |_, _| true);
        comparison.removed.extend(old.into_iter().cloned());
        comparison.added.extend(new.into_iter().cloned());
    }
    comparison
}

impl Comparison {
    /// Whether the documents list the same.
    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.removed.is_empty() && self.changed.is_empty()
    }

    /// Takes away the pairs that are alike, and keeps what is said otherwise of them.
    fn pair(
        &mut self,
        old: &mut Vec<&Component>,
        new: &mut Vec<&Component>,
        alike: impl Fn(&Component, &Component) -> bool,
    ) {
        let mut left = Vec::new();
        for before in old.drain(..) {
            let Some(at) = new.iter().position(|after| alike(before, after)) else {
                left.push(before);
                continue;
            };
            let after = new.remove(at);
            let fields = fields(before, after);
            if !fields.is_empty() {
                self.changed.push(Change { before: before.clone(), after: after.clone(), fields });
            }
        }
        *old = left;
    }
}

fn by_name(sbom: &Sbom) -> BTreeMap<String, Vec<&Component>> {
    let mut names: BTreeMap<String, Vec<&Component>> = BTreeMap::new();
    for component in sbom.components.iter().filter(|component| component.kind != Kind::File) {
        names.entry(name(component)).or_default().push(component);
    }
    names
}

fn name(component: &Component) -> String {
    let Component { kind, group, name, purl, .. } = component;
    let Some(purl) = purl else { return format!("{} {} {name}", kind.as_str(), group.as_deref().unwrap_or_default()) };
    let end = purl.find(['?', '#']).unwrap_or(purl.len());
    let bare = &purl[..end];
    // A scope of npm may be written with an `@` of its own, but never behind the last slash.
    let version = bare.rfind('/').and_then(|slash| bare[slash..].find('@').map(|at| slash + at));
    version.map_or(bare, |at| &bare[..at]).to_owned()
}

fn fields(before: &Component, after: &Component) -> Vec<Field> {
    let sorted = |component: &Component| {
        let mut hashes = component.hashes.clone();
        hashes.sort();
        (licenses(component), hashes)
    };
    let ((old_licenses, old_hashes), (licenses, hashes)) = (sorted(before), sorted(after));
    let differences = [
        (before.version != after.version, Field::Version),
        (old_licenses != licenses, Field::Licenses),
        (old_hashes != hashes, Field::Hashes),
        (before.supplier != after.supplier, Field::Supplier),
    ];
    differences.into_iter().filter(|(differs, _)| *differs).map(|(_, field)| field).collect()
}

/// The licences that hold, however a form writes them: one by one or as an expression.
fn licenses(component: &Component) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for license in &component.licenses {
        match Expression::parse(license.as_str()) {
            Expression::All(parts) if !matches!(license, License::Name(_)) => {
                found.extend(parts.iter().map(ToString::to_string));
            }
            expression => drop(found.insert(expression.to_string())),
        }
    }
    found
}
