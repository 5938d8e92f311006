//! The bill of materials that comes with an image: attested, attached as a referrer, or under the tag `sha256-….sbom`.

use std::collections::BTreeSet;

use percent_encoding::percent_decode_str;
use probity_model::{Value, json};
use probity_sbom::{Component, Sbom};
use probity_subject_image::Image;
use probity_trust::predicate::Predicate;
use probity_trust::{Digest, Reference, Store, TrustError, Verified};

use crate::dependencies::without_version;

/// Types of artifacts that are bills of materials.
const TYPES: [&str; 6] = [
    "application/vnd.cyclonedx+json",
    "application/vnd.cyclonedx",
    "application/spdx+json",
    "text/spdx+json",
    "text/spdx",
    "application/vnd.syft+json",
];

/// Most missing packages that are named.
const MAX_NAMED: usize = 100;

/// Most referrers that are looked at.
const MAX_REFERRERS: usize = 64;

/// Largest document that is fetched; in bytes.
const MAX_DOCUMENT: u64 = 64 << 20;

/// How a bill of materials comes with an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Carrier {
    /// In an attestation that was verified.
    Attestation,
    /// As a manifest that refers to the image.
    Referrer,
    /// Under a tag made of the image's digest, as older cosign has it.
    Tag,
}

impl Carrier {
    /// Its name in documents.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Attestation => "attestation",
            Self::Referrer => "referrer",
            Self::Tag => "tag",
        }
    }
}

/// A bill of materials that came with an image, held against what is in the image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attached {
    /// `CycloneDX`, `SPDX`, `Syft`; empty when it is none of them.
    pub format: String,
    /// The version of that form.
    pub version: String,
    /// Why it is not valid: it cannot be read, or is of another image. `None` when it is valid.
    pub invalid: Option<String>,
    /// How many components it lists.
    pub components: usize,
    /// How it came.
    pub from: Carrier,
    /// Whether an approved signer attested it.
    pub signed: bool,
    /// Packages that were found and that it does not list, by their URLs; at most a hundred.
    pub missing: Vec<String>,
    /// How many there are.
    pub missing_count: usize,
}

impl Attached {
    /// A document as it came.
    pub fn read(text: &[u8], from: Carrier, signed: bool, image: &Image) -> Self {
        let sbom = match probity_sbom::read(text) {
            Ok(sbom) => sbom,
            Err(error) => return Self::broken(error.to_string(), from, signed),
        };
        let missing = missing(&sbom, image);
        Self {
            invalid: other_subject(&sbom, image),
            components: sbom.components.len(),
            from,
            signed,
            missing_count: missing.len(),
            missing: missing.into_iter().take(MAX_NAMED).collect(),
            format: sbom.format,
            version: sbom.version,
        }
    }

    /// The bills that attestations of an image are. `approved` says whose word counts.
    pub fn attested<'a>(
        attestations: impl IntoIterator<Item = &'a Verified>,
        approved: impl Fn(&Verified) -> bool,
        image: &Image,
    ) -> Vec<Self> {
        let bills = attestations.into_iter().filter_map(|verified| {
            let Predicate::Sbom(sbom) = Predicate::of(verified.statement.as_ref()?)? else { return None };
            let text = json::write(&sbom.document);
            Some(Self::read(text.as_bytes(), Carrier::Attestation, approved(verified), image))
        });
        bills.collect()
    }

    /// The bills that a repository has for an image, unsigned: manifests that refer to it, and the tag of old.
    ///
    /// # Errors
    /// When it could not be found out which there are. One that cannot be read is an invalid one.
    pub fn fetched(store: &dyn Store, image: &Image) -> Result<Vec<Self>, TrustError> {
        let Some(digest) = image.digest.as_ref().and_then(|digest| digest.as_str().parse::<Digest>().ok()) else {
            return Ok(Vec::new());
        };
        let failed = |error| TrustError::Store { what: format!("what refers to {digest}"), error };
        let referrers = store.referrers(&digest).map_err(failed)?;
        let bills = referrers.into_iter().filter(|it| TYPES.contains(&kind(&it.artifact_type))).take(MAX_REFERRERS);
        let mut found = Vec::new();
        for referrer in bills {
            let manifest = store.manifest(&Reference::Digest(referrer.digest)).map_err(failed)?;
            found
                .extend(manifest.map(|it| Self::carried(store, &it, Some(&referrer.digest), Carrier::Referrer, image)));
        }
        let tag = format!("{}.sbom", digest.to_string().replace(':', "-"));
        let manifest = store.manifest(&Reference::Tag(&tag)).map_err(failed)?;
        found.extend(manifest.map(|it| Self::carried(store, &it, None, Carrier::Tag, image)));
        Ok(found)
    }

    /// The one that counts: signed before unsigned, valid before invalid, the fewest missing first.
    pub fn best(bills: Vec<Self>) -> Option<Self> {
        bills.into_iter().min_by_key(|bill| (!bill.signed, bill.invalid.is_some(), bill.missing_count))
    }

    /// What policies see of it; every field is there also when no bill came with the image. What one that is not valid leaves out
    /// is not known.
    pub(crate) fn document(attached: Option<&Self>) -> Value {
        let none;
        let bill = if let Some(bill) = attached {
            bill
        } else {
            let why = "no bill of materials comes with the image";
            none = Self::broken(why.to_owned(), Carrier::Referrer, false);
            &none
        };
        let text = |text: &str| if text.is_empty() { Value::Null } else { text.into() };
        let count = |number: usize| Value::from(i64::try_from(number).unwrap_or(i64::MAX));
        let valid = bill.invalid.is_none();
        let missing = || Value::array(bill.missing.iter().map(|purl| Value::from(purl.as_str())));
        Value::object([
            ("format", text(&bill.format)),
            ("version", text(&bill.version)),
            ("valid", valid.into()),
            ("reason", bill.invalid.as_deref().map_or(Value::Null, Value::from)),
            ("components", count(bill.components)),
            ("from", attached.map_or(Value::Null, |bill| bill.from.as_str().into())),
            ("signed", bill.signed.into()),
            ("missing", if valid { missing() } else { Value::Null }),
            ("missing_count", if valid { count(bill.missing_count) } else { Value::Null }),
        ])
    }

    fn broken(why: String, from: Carrier, signed: bool) -> Self {
        Self {
            format: String::new(),
            version: String::new(),
            invalid: Some(why),
            components: 0,
            from,
            signed,
            missing: Vec::new(),
            missing_count: 0,
        }
    }

    /// The document that a manifest has as its layer.
    fn carried(store: &dyn Store, manifest: &[u8], expected: Option<&Digest>, from: Carrier, image: &Image) -> Self {
        match document(store, manifest, expected) {
            Ok(text) => Self::read(&text, from, false, image),
            Err(why) => Self::broken(why, from, false),
        }
    }
}

fn kind(media_type: &str) -> &str {
    media_type.split(';').next().unwrap_or_default().trim()
}

fn document(store: &dyn Store, manifest: &[u8], expected: Option<&Digest>) -> Result<Vec<u8>, String> {
    if expected.is_some_and(|expected| Digest::of(manifest) != *expected) {
        return Err("its manifest is not what its digest promises".to_owned());
    }
    let manifest = json::read(manifest).map_err(|error| format!("its manifest cannot be read: {}", error.message))?;
    let layers = manifest.get("layers").and_then(Value::as_array);
    let layer = layers.and_then(|layers| layers.iter().next()).ok_or("its manifest has no layer")?;
    let digest = layer.get("digest").and_then(Value::as_str).unwrap_or_default();
    let digest: Digest = digest.parse().map_err(|error: TrustError| error.to_string())?;
    let text =
        store.blob(&digest, MAX_DOCUMENT).map_err(|error| error.to_string())?.ok_or("its document is not there")?;
    if Digest::of(&text) != digest {
        return Err("its document is not what its digest promises".to_owned());
    }
    Ok(text)
}

/// Why a document is not about an image: the digest that it names is of another.
fn other_subject(sbom: &Sbom, image: &Image) -> Option<String> {
    if sbom.components.is_empty() {
        return Some("it lists no components".to_owned());
    }
    let subject = sbom.subject.as_ref()?;
    let own: Vec<&str> =
        image.digest.iter().chain(&image.index).chain([&image.id]).map(probity_subject_image::Digest::as_str).collect();
    let named = digests(subject);
    let other = named.first().filter(|_| !named.iter().any(|digest| own.contains(&digest.as_str())))?;
    Some(format!("it is of another image, {other}"))
}

/// The digests that a component names in its version, its URL, its name and its hashes.
fn digests(component: &Component) -> BTreeSet<String> {
    let purl = component.purl.as_deref().unwrap_or_default();
    let purl = percent_decode_str(purl).decode_utf8_lossy().into_owned();
    let texts = [component.version.as_deref().unwrap_or_default(), &component.name, &component.reference, &purl];
    let mut found = BTreeSet::new();
    for text in texts {
        for (at, _) in text.match_indices("sha256:") {
            let digits = text[at + 7..].bytes().take_while(u8::is_ascii_hexdigit).count();
            if digits == 64 {
                found.insert(text[at..at + 7 + digits].to_owned());
            }
        }
    }
    found
}

/// Packages that were found in an image and that a document does not list in their version. What a lock file only names, and
/// what is part of a package of the distribution, need not be listed.
fn missing(sbom: &Sbom, image: &Image) -> BTreeSet<String> {
    let mut urls = BTreeSet::new();
    let mut names = BTreeSet::new();
    for component in sbom.all() {
        let version = component.version.clone().unwrap_or_default();
        match &component.purl {
            Some(purl) => drop(urls.insert(identity(purl))),
            None => drop(names.insert((component.name.to_lowercase(), version))),
        }
    }
    let packages = image.packages.iter().filter(|package| !package.declared && package.owner.is_none());
    let absent = packages.filter(|package| {
        !urls.contains(&identity(&package.purl))
            && !names.contains(&(package.name.to_lowercase(), package.version.to_string()))
    });
    absent.map(|package| package.purl.clone()).collect()
}

/// Type, namespace, name and version of a package URL, however it escapes them.
fn identity(purl: &str) -> (String, String) {
    let url = purl.split(['?', '#']).next().unwrap_or_default();
    let name = without_version(purl);
    let version = url.get(name.len()..).unwrap_or_default().trim_start_matches('@');
    let plain = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    // Epochs of rpm are a qualifier for some and part of the version for others.
    let version = plain(version);
    let version =
        if name.starts_with("pkg:rpm/") { version.rsplit(':').next().unwrap_or_default().to_owned() } else { version };
    (plain(name).to_lowercase().replace('_', "-"), version)
}
