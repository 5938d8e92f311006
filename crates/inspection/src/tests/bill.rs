//! Bills of materials: made, found beside an image, and held against lists of what is approved.

use std::collections::HashMap;

use probity_model::Value;
use probity_sbom::{Format, License, Relation, Sbom, read, write};
use probity_subject_image::{Digest, PackageKind};
use probity_trust::{Reference, Referrer, Store, StoreError};

use super::{TODAY, image, package};
use crate::{Approvals, Attached, Carrier, Inspection, Libraries, Maker};

fn maker() -> Maker {
    Maker { version: "1.2.3".to_owned(), time: "2026-11-27T05:00:00Z".parse().unwrap() }
}

#[test]
fn a_bill_has_what_is_in_the_image_and_where() {
    let mut image = image();
    let mut jinja = package(PackageKind::Pypi, "jinja2", "3.1.2", 1);
    jinja.licenses = vec!["BSD-3-clause or MIT".into(), "Apache 2.0".into()];
    jinja.evidence = "app/jinja2.dist-info/METADATA".to_owned();
    let mut again = jinja.clone();
    again.evidence = "app/copy/jinja2.dist-info/METADATA".to_owned();
    image.packages.extend([jinja, again]);
    let bill = maker().image(&image);
    let subject = bill.subject.as_ref().unwrap();
    let digest = image.digest.as_ref().unwrap();
    assert_eq!((subject.version.as_deref(), subject.hashes[0].value.as_str()), (Some(digest.as_str()), digest.hex()));
    let url = format!("pkg:oci/portal@sha256%3A{}?arch=", digest.hex());
    let purl = subject.purl.as_deref().unwrap();
    assert!(
        purl.starts_with(&url) && purl.ends_with("&repository_url=registry.example.com%2Fclinic%2Fportal&tag=1.2"),
        "{purl}"
    );
    let found: Vec<_> = bill.components.iter().filter(|it| it.name == "jinja2").collect();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].licenses, [License::Expression("(BSD-3-Clause OR MIT) AND Apache-2.0".to_owned())]);
    let places = found[0].properties.iter().filter(|it| it.name == "probity:evidence:path");
    assert_eq!(
        places.map(|it| it.value.as_str()).collect::<Vec<_>>(),
        ["app/jinja2.dist-info/METADATA", "app/copy/jinja2.dist-info/METADATA"]
    );
    let contained =
        bill.relationships.iter().filter(|it| it.from == subject.reference && it.relation == Relation::Contains);
    assert_eq!(contained.count(), bill.components.len());
}

#[test]
fn a_bill_is_the_same_each_time_and_is_read_as_it_was_written() {
    let bill = maker().image(&image());
    for format in [Format::CycloneDx16, Format::CycloneDx17, Format::Spdx23] {
        let text = write(&bill, format);
        assert_eq!(text, write(&maker().image(&image()), format));
        let again = read(text.as_bytes()).unwrap();
        assert!(probity_sbom::compare(&bill, &again).is_empty(), "{format:?}");
    }
}

/// Blobs and manifests by their digests and tags.
#[derive(Default)]
struct Shelf {
    blobs: HashMap<String, Vec<u8>>,
    tags: HashMap<String, Vec<u8>>,
    referrers: Vec<Referrer>,
}

impl Shelf {
    fn keep(&mut self, bytes: &[u8]) -> String {
        let digest = probity_trust::Digest::of(bytes).to_string();
        self.blobs.insert(digest.clone(), bytes.to_vec());
        digest
    }

    fn carry(&mut self, document: &[u8]) -> Vec<u8> {
        let layer = self.keep(document);
        format!(r#"{{"layers":[{{"digest":"{layer}"}}]}}"#).into_bytes()
    }

    fn refer(&mut self, artifact_type: &str, document: &[u8]) {
        let manifest = self.carry(document);
        let digest = self.keep(&manifest).parse().unwrap();
        self.referrers.push(Referrer { digest, artifact_type: artifact_type.to_owned() });
    }
}

impl Store for Shelf {
    fn manifest(&self, reference: &Reference<'_>) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(match reference {
            Reference::Digest(digest) => self.blobs.get(&digest.to_string()).cloned(),
            Reference::Tag(tag) => self.tags.get(*tag).cloned(),
        })
    }

    fn blob(&self, digest: &probity_trust::Digest, _: u64) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.blobs.get(&digest.to_string()).cloned())
    }

    fn referrers(&self, _: &probity_trust::Digest) -> Result<Vec<Referrer>, StoreError> {
        Ok(self.referrers.clone())
    }
}

#[test]
fn a_bill_that_comes_with_an_image_is_held_against_it() {
    let image = image();
    let own = maker().image(&image);
    let less = Sbom { components: own.components.iter().skip(2).cloned().collect(), ..own.clone() };
    let mut other = own.clone();
    let digest = Digest::sha256(b"other").to_string();
    if let Some(subject) = &mut other.subject {
        (subject.version, subject.reference, subject.purl) = (Some(digest.clone()), digest, None);
        subject.properties.clear();
    }
    let mut shelf = Shelf::default();
    shelf.refer("application/vnd.cyclonedx+json", write(&own, Format::CycloneDx16).as_bytes());
    shelf.refer("application/spdx+json", write(&less, Format::Spdx23).as_bytes());
    shelf.refer("application/vnd.cyclonedx+json; version=1.6", write(&other, Format::CycloneDx16).as_bytes());
    shelf.refer("application/spdx+json", b"nothing");
    shelf.refer("application/vnd.example", b"of no concern");
    let manifest = shelf.carry(write(&own, Format::Spdx23).as_bytes());
    let tag = format!("{}.sbom", image.digest.as_ref().unwrap().as_str().replace(':', "-"));
    shelf.tags.insert(tag, manifest);
    let found = Attached::fetched(&shelf, &image).unwrap();
    let short: Vec<_> =
        found.iter().map(|it| (it.from, it.format.as_str(), it.invalid.is_none(), it.missing_count > 0)).collect();
    assert_eq!(
        short,
        [
            (Carrier::Referrer, "CycloneDX", true, false),
            (Carrier::Referrer, "SPDX", true, true),
            (Carrier::Referrer, "CycloneDX", false, false),
            (Carrier::Referrer, "", false, false),
            (Carrier::Tag, "SPDX", true, false),
        ],
        "{found:#?}"
    );
    assert!(found[2].invalid.as_deref().unwrap().contains("another image"));
    let best = Attached::best(found);
    let inspection = Inspection { sbom: Some(best), ..Inspection::new(image) };
    let document = inspection.document(TODAY);
    assert_eq!(document.at(&["sbom", "valid"]), Some(&Value::from(true)));
    assert_eq!(document.at(&["sbom", "missing_count"]), Some(&Value::from(0)));
}

#[test]
fn what_an_invalid_bill_leaves_out_is_not_known() {
    let image = image();
    let broken = Attached::read(b"{}", Carrier::Referrer, false, &image);
    let document = Inspection { sbom: Some(Some(broken)), ..Inspection::new(image) }.document(TODAY);
    assert_eq!(document.at(&["sbom", "valid"]), Some(&Value::from(false)));
    assert_eq!(document.at(&["sbom", "missing_count"]), Some(&Value::Null));
}

#[test]
fn what_was_not_looked_for_is_not_the_same_as_none() {
    let inspection = Inspection::new(image());
    assert_eq!(inspection.document(TODAY).get("sbom"), Some(&Value::Null));
    let looked = Inspection { sbom: Some(None), ..inspection };
    let document = looked.document(TODAY);
    assert_eq!(document.at(&["sbom", "valid"]), Some(&Value::from(false)));
    assert_eq!(document.at(&["sbom", "from"]), Some(&Value::Null));
}

#[test]
fn dependencies_are_held_against_lists() {
    let mut image = image();
    image.packages.clear();
    for (kind, name, version, layer, licenses) in [
        (PackageKind::Deb, "libssl3", "3.0.9-1", 0, &["OpenSSL"][..]),
        (PackageKind::Pypi, "flask", "3.0.0", 1, &["BSD-3-Clause"]),
        (PackageKind::Pypi, "click", "8.0", 1, &[]),
        (PackageKind::Pypi, "left", "1", 1, &["GPL-3+"]),
        (PackageKind::Npm, "lodash", "4.17.20", 1, &["MIT"]),
        (PackageKind::Npm, "lodash", "4.17.21", 1, &["MIT"]),
    ] {
        let mut package = package(kind, name, version, layer);
        package.licenses = licenses.iter().map(|&text| text.into()).collect();
        image.packages.push(package);
    }
    let judge = |approvals: &Approvals| {
        let found = approvals.judge(&image);
        let named: Vec<String> = found
            .unapproved
            .iter()
            .map(|it| format!("{} {}", it.purl.split('?').next().unwrap(), it.why.as_str()))
            .collect();
        (found.total, found.approved(), found.unlicensed, named)
    };
    let licenses = Some(probity_sbom::LicenseList::new(["MIT", "BSD-3-Clause"]));
    let denied = Libraries::parse("# known to be bad\npkg:npm/lodash@4.17.20\n").unwrap();
    let approvals = Approvals { licenses, libraries: None, denied };
    assert_eq!(
        judge(&approvals),
        (
            6,
            3,
            1,
            ["pkg:npm/lodash@4.17.20 denied", "pkg:pypi/click@8.0 unlicensed", "pkg:pypi/left@1 license"]
                .map(str::to_owned)
                .to_vec()
        )
    );
    let libraries = Some(Libraries::parse("pkg:pypi/*   # all of them\n").unwrap());
    let (total, approved, _, named) = judge(&Approvals { libraries, ..Approvals::default() });
    // What came with the approved base is approved with it.
    assert_eq!((total, approved, named.len()), (6, 4, 2));
    assert_eq!(judge(&Approvals::default()).1, 6);
    assert_eq!(Libraries::parse("pkg:npm/a\nlodash\n").unwrap_err().line, 2);
    let document = Inspection { dependencies: Some(approvals.judge(&image)), ..Inspection::new(image) }.document(TODAY);
    assert_eq!(document.at(&["dependencies", "unapproved"]), Some(&Value::from(3)));
}
