//! The bill of materials of an image or a folder.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use probity_sbom::{Component, Expression, Hash, Kind, License, Property, Relation, Relationship, Sbom, Tool};
use probity_subject_image::{Contents, Image, Os, Package, PackageKind, PackageUrl};

/// Names in the Common Platform Enumeration of distributions whose product stands in NVD's dictionary: id, vendor and product.
const DISTRIBUTIONS: [(&str, &str); 12] = [
    ("alma", "almalinux:almalinux"),
    ("almalinux", "almalinux:almalinux"),
    ("alpine", "alpinelinux:alpine_linux"),
    ("amzn", "amazon:linux"),
    ("centos", "centos:centos"),
    ("debian", "debian:debian_linux"),
    ("fedora", "fedoraproject:fedora"),
    ("ol", "oracle:linux"),
    ("opensuse-leap", "opensuse:leap"),
    ("rhel", "redhat:enterprise_linux"),
    ("rocky", "resf:rocky_linux"),
    ("ubuntu", "canonical:ubuntu_linux"),
];

/// Who makes a bill of materials, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Maker {
    /// The program's version.
    pub version: String,
    /// The time that the document bears; the same image at the same time gives the same document.
    pub time: Timestamp,
}

impl Maker {
    /// The bill of an image. Its subject is the image with its digest; the layer and the file that tells of a package are
    /// properties of its component.
    pub fn image(&self, image: &Image) -> Sbom {
        let layers: Vec<String> = image.layers.iter().map(|layer| layer.diff_id.to_string()).collect();
        self.bill(subject_of(image), image.os.as_ref(), &image.packages, &layers)
    }

    /// The bill of a folder, which goes by this name.
    pub fn folder(&self, name: &str, contents: &Contents) -> Sbom {
        let subject = Component {
            reference: format!("folder:{name}"),
            kind: Kind::Application,
            name: name.to_owned(),
            ..Component::default()
        };
        self.bill(subject, contents.os.as_ref(), &contents.packages, &[])
    }

    fn bill(&self, subject: Component, os: Option<&Os>, packages: &[Package], layers: &[String]) -> Sbom {
        let mut components: Vec<Component> = os.map(distribution).into_iter().collect();
        let mut by_url: BTreeMap<&str, Vec<&Package>> = BTreeMap::new();
        for package in packages {
            by_url.entry(&package.purl).or_default().push(package);
        }
        components.extend(by_url.iter().map(|(url, packages)| component(url, packages, layers)));
        let contains = |to: &Component| link(&subject.reference, &to.reference);
        let mut relationships: BTreeSet<Relationship> = components.iter().map(contains).collect();
        let owned = packages.iter().filter_map(|package| Some((package.owner.as_deref()?, package)));
        let owned = owned.filter(|(owner, package)| by_url.contains_key(owner) && *owner != package.purl);
        relationships.extend(owned.map(|(owner, package)| link(owner, &package.purl)));
        Sbom {
            name: Some(subject.name.clone()),
            timestamp: Some(self.time.to_string()),
            tools: vec![Tool { vendor: None, name: "probity".to_owned(), version: Some(self.version.clone()) }],
            subject: Some(subject),
            components,
            relationships: relationships.into_iter().collect(),
            ..Sbom::default()
        }
    }
}

fn link(from: &str, to: &str) -> Relationship {
    Relationship { from: from.to_owned(), relation: Relation::Contains, to: to.to_owned() }
}

fn property(name: &str, value: &(impl ToString + ?Sized)) -> Property {
    Property { name: format!("probity:{name}"), value: value.to_string() }
}

fn subject_of(image: &Image) -> Component {
    let digest = image.digest.as_ref().unwrap_or(&image.id);
    let name = image.reference.as_ref().map_or_else(|| digest.to_string(), |reference| reference.name());
    let mut properties = vec![property("image:id", &image.id), property("image:platform", &image.platform)];
    properties.extend(image.index.iter().map(|index| property("image:index", index)));
    properties.extend(image.reference.iter().map(|reference| property("image:reference", reference)));
    properties.extend(image.config.created.iter().map(|created| property("image:created", created)));
    properties.extend(image.layers.iter().map(|layer| property("image:layer", &layer.diff_id)));
    Component {
        reference: digest.to_string(),
        kind: Kind::Container,
        version: Some(digest.to_string()),
        purl: url_of(image),
        hashes: image.digest.iter().filter_map(|it| Hash::new(it.algorithm(), it.hex())).collect(),
        name,
        properties,
        ..Component::default()
    }
}

/// `pkg:oci/portal@sha256%3A…?arch=amd64&repository_url=registry.example.com%2Fclinic%2Fportal&tag=1.2`; only what has a
/// digest and a name has one.
fn url_of(image: &Image) -> Option<String> {
    let (digest, reference) = (image.digest.as_ref()?, image.reference.as_ref()?);
    let repository = reference.name().to_lowercase();
    let name = repository.rsplit('/').next()?;
    let qualifiers = vec![
        ("arch", image.platform.architecture.to_string()),
        ("repository_url", repository.clone()),
        ("tag", reference.tag().unwrap_or_default().to_owned()),
    ];
    let url = PackageUrl { kind: "oci", namespace: None, name, version: Some(digest.as_str()), qualifiers };
    // The specification has the colon of a digest written as `%3A`.
    Some(url.to_canonical().replacen("@sha256:", "@sha256%3A", 1))
}

fn distribution(os: &Os) -> Component {
    let version = os.version.as_deref();
    let named = DISTRIBUTIONS.iter().find(|(id, _)| *id == os.id).zip(version);
    Component {
        reference: format!("os:{}@{}", os.id, version.unwrap_or_default()),
        kind: Kind::OperatingSystem,
        name: os.id.to_string(),
        version: version.map(str::to_owned),
        cpes: named.map(|((_, product), version)| cpe('o', product, version)).into_iter().collect(),
        description: os.pretty.as_deref().map(str::to_owned),
        ..Component::default()
    }
}

/// A name of CPE 2.3 (NISTIR 7695, 6.2): what is neither a letter, a digit, `_`, `-` nor `.` follows a backslash.
fn cpe(part: char, product: &str, version: &str) -> String {
    let mut bound = String::new();
    for letter in version.chars() {
        if !(letter.is_ascii_alphanumeric() || "_-.".contains(letter)) {
            bound.push('\\');
        }
        bound.push(letter);
    }
    format!("cpe:2.3:{part}:{product}:{bound}:*:*:*:*:*:*:*")
}

/// A package, with all the places that tell of it.
fn component(url: &str, packages: &[&Package], layers: &[String]) -> Component {
    let package = packages[0];
    let texts = packages.iter().flat_map(|package| &package.licenses).map(AsRef::as_ref);
    let stdlib = package.kind == PackageKind::Golang && package.name == "stdlib";
    let version = package.version.as_str();
    Component {
        reference: url.to_owned(),
        kind: Kind::Library,
        group: package.group.as_deref().map(str::to_owned),
        name: package.name.to_string(),
        version: Some(version.to_owned()).filter(|version| !version.is_empty()),
        purl: Some(url.to_owned()),
        cpes: stdlib.then(|| cpe('a', "golang:go", version.trim_start_matches("go"))).into_iter().collect(),
        licenses: licenses(texts),
        properties: properties(packages, layers),
        ..Component::default()
    }
}

fn properties(packages: &[&Package], layers: &[String]) -> Vec<Property> {
    let mut properties = vec![property("package:type", &packages[0].kind)];
    let sources: BTreeSet<String> = packages
        .iter()
        .filter_map(|package| package.source.as_ref())
        .map(|source| format!("{} {}", source.name, source.version))
        .collect();
    properties.extend(sources.iter().map(|source| property("package:source", source)));
    if packages.iter().all(|package| package.declared) {
        properties.push(property("package:declared", "true"));
    }
    // A place and its layer stand together.
    for package in packages {
        properties.push(property("evidence:path", &package.evidence));
        properties.extend(layers.get(package.layer).map(|layer| property("evidence:layer", layer)));
    }
    properties
}

/// The licences that a package declares, all of which hold. Several of which one is an expression are one expression, where
/// every licence in them is certain.
pub(crate) fn licenses<'a>(texts: impl IntoIterator<Item = &'a str>) -> Vec<License> {
    let mut found: Vec<License> = Vec::new();
    for text in texts {
        let license = License::declared(text);
        if !found.contains(&license) {
            found.push(license);
        }
    }
    let several = found.len() > 1 && found.iter().any(|license| matches!(license, License::Expression(_)));
    if several && !found.iter().any(|license| matches!(license, License::Name(_))) {
        let parts: Vec<String> = found.iter().map(|license| format!("({})", license.as_str())).collect();
        return vec![License::Expression(Expression::parse(&parts.join(" AND ")).to_string())];
    }
    found
}
