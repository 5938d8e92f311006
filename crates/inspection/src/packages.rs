//! Packages of an inventory, as the database of advisories knows them.

use probity_subject_image::{Image, Os, Package, PackageKind};
use probity_vulnerabilities::{Ecosystem, Package as Known, assess::SourcePackage};

/// The packages whose vulnerabilities are the image's, each with its position in the inventory.
///
/// What a lock file only names is not in the image. What a package of a distribution brought is that package's: the
/// distribution mends it, under a version of its own.
pub(crate) fn assessed(image: &Image) -> impl Iterator<Item = (usize, Known)> {
    let counted = image.packages.iter().enumerate().filter(|(_, package)| !package.declared && package.owner.is_none());
    counted.map(|(at, package)| (at, known(package, image.os.as_ref())))
}

fn known(package: &Package, os: Option<&Os>) -> Known {
    let system = || Ecosystem::of_distribution(&os?.id, os?.version.as_deref().unwrap_or_default());
    let ecosystem = if package.kind.is_system() { system() } else { Ecosystem::of_purl_type(package.kind.as_str()) };
    Known {
        ecosystem,
        name: name(package),
        version: version(package).to_owned(),
        source: package.source.as_ref().map(|source| SourcePackage {
            name: source.name.to_string(),
            version: Some(source.version.to_string()).filter(|version| !version.is_empty()),
        }),
        purl: Some(package.purl.clone()),
    }
}

/// Maven's packages are known with their group.
fn name(package: &Package) -> String {
    match &package.group {
        Some(group) => format!("{group}:{}", package.name),
        None => package.name.to_string(),
    }
}

/// Advisories of Go's own library have its versions without the letters that its releases begin with.
fn version(package: &Package) -> &str {
    match package.kind {
        PackageKind::Golang if package.name == "stdlib" => package.version.trim_start_matches("go"),
        _ => &package.version,
    }
}
