//! Red Hat's advisories and VEX documents (CSAF 2.0): `security.access.redhat.com/data/csaf/v2`.

use std::collections::{BTreeMap, HashMap};

use packageurl::PackageUrl;

use super::{Reading, osv};
use crate::advisory::{Advisory, Affected, Details, Event, Range, Record, Status};
use crate::csaf::{Document, Product, Products, Score, Vulnerability};
use crate::ecosystem::Ecosystem;
use crate::severity::Rating;

pub(super) fn parse(text: &[u8]) -> Result<Reading, String> {
    let document: Document = serde_json::from_slice(text).map_err(|error| error.to_string())?;
    if !document.head.publisher.name.contains("Red Hat") {
        return Err(format!("it is published by {:?}, not by Red Hat", document.head.publisher.name));
    }
    let products = Products::new(&document);
    let mut reading = Reading::default();
    for vulnerability in &document.vulnerabilities {
        let Some(id) = &vulnerability.cve else { continue };
        let affected = affected(vulnerability, id, &products);
        if !affected.is_empty() {
            reading.advisories.push(Advisory { details: details(&document, vulnerability, id), affected });
        }
    }
    Ok(reading)
}

fn details(document: &Document, vulnerability: &Vulnerability, id: &str) -> Details {
    let title = if vulnerability.title.is_empty() { &document.head.title } else { &vulnerability.title };
    let vectors = vulnerability.scores.iter().flat_map(Score::vectors);
    let impact = vulnerability.threats.iter().find(|threat| threat.category == "impact");
    let mut ratings: Vec<Rating> = vectors.map(|vector| Rating::Cvss(vector.to_owned())).collect();
    ratings.extend(impact.map(|impact| Rating::Word(impact.details.clone())));
    ratings.sort();
    ratings.dedup();
    let own = vulnerability.references.iter().find(|reference| reference.category.as_deref() == Some("self"));
    Details {
        id: id.to_owned(),
        summary: osv::first_line(title),
        ratings,
        published: document.head.tracking.initial_release_date.clone(),
        modified: document.head.tracking.current_release_date.clone(),
        reference: own.or(vulnerability.references.first()).map(|reference| reference.url.clone()),
        ..Details::default()
    }
}

/// What is said of a package in a release.
#[derive(Default)]
struct Said {
    fixed: Option<String>,
    status: Option<Status>,
}

fn affected(vulnerability: &Vulnerability, id: &str, products: &Products) -> Vec<Affected> {
    let mut said: BTreeMap<(Ecosystem, String), Said> = BTreeMap::new();
    let status = &vulnerability.product_status;
    for product in status.fixed.iter().filter_map(|id| products.get(id)) {
        if let Some((place, Some(version))) = place(product) {
            let said = said.entry(place).or_default();
            // Where a package was mended more than once, the first time counts.
            if said.fixed.as_ref().is_none_or(|known| is_before(&version, known)) {
                said.fixed = Some(version);
            }
        }
    }
    let reasons = reasons(vulnerability);
    let listed = status.known_affected.iter().map(|id| (id, Status::Affected));
    let listed = listed.chain(status.under_investigation.iter().map(|id| (id, Status::UnderInvestigation)));
    for (id, status) in listed {
        let Some((place, _)) = products.get(id).and_then(place) else { continue };
        let status = reasons.get(id.as_str()).copied().unwrap_or(status);
        said.entry(place).or_default().status.get_or_insert(status);
    }
    said.into_iter().map(|((ecosystem, name), said)| affected_of(id, ecosystem, name, said)).collect()
}

fn is_before(one: &str, other: &str) -> bool {
    crate::Scheme::Rpm.compare(one, other) == Ok(std::cmp::Ordering::Less)
}

fn affected_of(id: &str, ecosystem: Ecosystem, name: String, said: Said) -> Affected {
    let fixed = said.fixed.map(Event::Fixed);
    let status = if fixed.is_some() { Status::Affected } else { said.status.unwrap_or_default() };
    let events = [Event::Introduced("0".to_owned())].into_iter().chain(fixed).collect();
    let ranges = vec![Range { semver: false, events }];
    Affected { ecosystem, name, record: Record { advisory: id.to_owned(), ranges, status, ..Record::default() } }
}

/// Why products are not mended, by what statements call them.
fn reasons(vulnerability: &Vulnerability) -> HashMap<&str, Status> {
    let mut reasons = HashMap::new();
    for remediation in &vulnerability.remediations {
        let status = match (remediation.category.as_str(), remediation.details.as_str()) {
            ("no_fix_planned", "Out of support scope") => Status::EndOfLife,
            ("no_fix_planned", _) => Status::WillNotFix,
            ("none_available", "Fix deferred") => Status::Deferred,
            _ => continue,
        };
        reasons.extend(remediation.product_ids.iter().map(|id| (id.as_str(), status)));
    }
    reasons
}

/// The release and the package that a product is, with its version.
fn place(product: &Product) -> Option<((Ecosystem, String), Option<String>)> {
    let purl: PackageUrl = product.purl.as_deref()?.parse().ok().filter(|purl: &PackageUrl| purl.ty() == "rpm")?;
    // `cpe:/a:redhat:enterprise_linux:9::appstream`
    let release = product.cpe.as_deref()?.strip_prefix("cpe:/")?.split_once(":redhat:")?.1;
    let epoch = purl.qualifiers().get("epoch").map(|epoch| format!("{epoch}:")).unwrap_or_default();
    let version = purl.version().map(|version| format!("{epoch}{version}"));
    Some(((Ecosystem::new(&format!("Red Hat:{release}")), purl.name().to_owned()), version))
}
