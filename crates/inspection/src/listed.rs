//! An image of which only a bill of materials is known: what is in it, and nothing of how it is made and run.

use probity_sbom::{Component, Kind, License, Sbom};
use probity_subject_image::{Config, Digest, FileProblem, Image, Os, Package, PackageKind, Platform, SourcePackage};
use probity_vulnerabilities::Package as Known;

use crate::Inspection;

/// The parts of the document that a bill of materials tells of.
pub(crate) const KNOWN: [&str; 6] = ["reference", "digest", "id", "os", "packages", "problems"];

impl Inspection {
    /// What a bill of materials says of an image. Components without a package URL of a known type are problems of the image: of
    /// them nothing can be looked up.
    pub fn of_bill(sbom: &Sbom) -> Self {
        let digest = digest(sbom);
        let (mut packages, mut problems) = (Vec::new(), Vec::new());
        for component in &sbom.components {
            match package(component) {
                Some(package) => packages.push(package),
                None if is_package(component) => problems.push(FileProblem {
                    path: component.name.clone(),
                    layer: 0,
                    what: "the bill of materials gives it no package URL of a type that is known here".to_owned(),
                }),
                None => {}
            }
        }
        let image = Image {
            reference: sbom.subject.as_ref().and_then(|subject| subject.name.parse().ok()),
            id: digest.clone().unwrap_or_else(|| Digest::sha256(sbom.id.as_deref().unwrap_or_default().as_bytes())),
            digest,
            index: None,
            media_type: String::new(),
            annotations: std::collections::BTreeMap::new(),
            platform: Platform::default(),
            platforms: Vec::new(),
            config: Config::default(),
            layers: Vec::new(),
            os: sbom.components.iter().find_map(|component| os(component.purl.as_deref()?)),
            packages,
            base: None,
            files: 0,
            setuid: Vec::new(),
            special: Vec::new(),
            texts: Vec::new(),
            problems,
        };
        Self { listed: true, ..Self::new(image) }
    }
}

/// The digest of the manifest that the subject's version, package URL or name ends with.
fn digest(sbom: &Sbom) -> Option<Digest> {
    let subject = sbom.subject.as_ref()?;
    let texts = [subject.version.as_deref(), subject.purl.as_deref(), Some(subject.name.as_str())];
    texts.into_iter().flatten().find_map(|text| {
        let text = text.replace("%3A", ":");
        let hex = text.get(text.find("sha256:")? + "sha256:".len()..)?;
        format!("sha256:{}", hex.get(..64)?).parse().ok()
    })
}

/// Files, distributions and the like are not looked up.
fn is_package(component: &Component) -> bool {
    matches!(component.kind, Kind::Library | Kind::Framework) || component.purl.is_some()
}

fn package(component: &Component) -> Option<Package> {
    let url = component.purl.as_deref()?;
    let kind = url.strip_prefix("pkg:")?.split('/').next()?;
    let kind = PackageKind::ALL.into_iter().find(|known| known.as_str() == kind)?;
    let known = Known::of_purl(url)?;
    let (group, name) = match known.name.split_once(':').filter(|_| kind == PackageKind::Maven) {
        Some((group, name)) => (Some(group.into()), name.into()),
        None => (None, known.name.as_str().into()),
    };
    Some(Package {
        kind,
        group,
        name,
        version: known.version.into(),
        purl: url.to_owned(),
        source: known.source.map(|source| SourcePackage {
            name: source.name.into(),
            version: source.version.unwrap_or_default().into(),
        }),
        architecture: qualifier(url, "arch").map(Into::into),
        licenses: component.licenses.iter().map(License::as_str).map(Into::into).collect(),
        declared: false,
        layer: 0,
        evidence: String::new(),
        files: Vec::new(),
        owner: None,
    })
}

/// The distribution that a package of it names: `debian-12`.
fn os(url: &str) -> Option<Os> {
    let kind = url.strip_prefix("pkg:")?.split('/').next()?;
    let distribution = qualifier(url, "distro").filter(|_| matches!(kind, "deb" | "apk" | "rpm"))?;
    let (id, version) = distribution.rsplit_once('-')?;
    Some(Os { id: id.into(), version: Some(version.into()), ..Os::default() })
}

/// The value of a qualifier of a package URL. Those that are asked for here have nothing in them that is escaped.
fn qualifier<'u>(url: &'u str, name: &str) -> Option<&'u str> {
    let (_, qualifiers) = url.split('#').next()?.split_once('?')?;
    qualifiers.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
}
