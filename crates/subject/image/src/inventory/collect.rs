//! What is seen of an image in the end, put together.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use smol_str::SmolStr;

use super::{Extract, Os};
use crate::layer::{Kind, Trouble};
use crate::package::{OwnedFile, Package, PackageKind};
use crate::purl::PackageUrl;
use crate::tree::Tree;

/// The distribution and the packages of an image.
#[derive(Debug, Default)]
pub(crate) struct Inventory {
    pub(crate) os: Option<Os>,
    pub(crate) packages: Vec<Package>,
    pub(crate) troubles: Vec<(usize, Trouble)>,
}

pub(crate) fn collect(tree: &Tree) -> Inventory {
    let os = ["etc/os-release", "usr/lib/os-release"].iter().find_map(|path| {
        match &**tree.get(path)?.1.extract.as_ref()? {
            Extract::Os(os) => Some(os.clone()),
            _ => None,
        }
    });
    let mut packages = Vec::new();
    for (path, node) in tree.iter() {
        match node.extract.as_deref() {
            Some(Extract::Database(found)) => packages.extend(with_layers(tree, path, found)),
            Some(Extract::Packages(found)) => packages.extend(found.iter().cloned().map(|package| {
                // A hard link tells of the same under another name.
                let rest = package.evidence.split_once('!').map(|(_, rest)| format!("{path}!{rest}"));
                Package { layer: node.layer, evidence: rest.unwrap_or_else(|| path.to_owned()), ..package }
            })),
            _ => {}
        }
    }
    for package in &mut packages {
        complete(tree, os.as_ref(), package);
    }
    mark_owned(tree, &mut packages);
    packages.sort_by(|a, b| {
        (a.kind, &a.name, &a.version, &a.evidence, &a.purl).cmp(&(b.kind, &b.name, &b.version, &b.evidence, &b.purl))
    });
    packages.dedup_by(|a, b| a.purl == b.purl && a.evidence == b.evidence);
    let troubles = tree.troubles.iter().cloned().chain(unread(tree)).collect();
    Inventory { os, packages, troubles }
}

/// The packages of a database, each with the layer since which it is there in this version.
fn with_layers(tree: &Tree, path: &str, found: &[Package]) -> Vec<Package> {
    type Identity<'a> = (&'a SmolStr, &'a SmolStr, &'a Option<SmolStr>);
    fn identity(package: &Package) -> Identity<'_> {
        (&package.name, &package.version, &package.architecture)
    }
    let mut since: BTreeMap<Identity<'_>, usize> = BTreeMap::new();
    for said in tree.history.iter().filter(|said| &*said.path == path) {
        let Extract::Database(packages) = &*said.extract else { continue };
        let there: BTreeSet<Identity<'_>> = packages.iter().map(identity).collect();
        since.retain(|identity, _| there.contains(identity));
        for identity in there {
            since.entry(identity).or_insert(said.layer);
        }
    }
    let layer = |package: &Package| since.get(&identity(package)).copied().unwrap_or_default();
    found
        .iter()
        .map(|package| Package { layer: layer(package), evidence: path.to_owned(), ..package.clone() })
        .collect()
}

/// Adds what other files tell of a package, and its URL.
fn complete(tree: &Tree, os: Option<&Os>, package: &mut Package) {
    match package.kind {
        PackageKind::Deb => {
            package.files = dpkg_files(tree, package);
            let copyright = format!("usr/share/doc/{}/copyright", package.name);
            if let Some(Extract::Licenses(licenses)) = extract(tree, &copyright) {
                package.licenses.clone_from(licenses);
            }
        }
        PackageKind::Pypi => {
            let record = package.evidence.strip_suffix("/METADATA").map(|folder| format!("{folder}/RECORD"));
            if let Some(Extract::Files(files)) = record.and_then(|record| extract(tree, &record)) {
                package.files.clone_from(files);
            }
        }
        _ => {}
    }
    if package.kind.is_system() {
        package.purl = system_url(os, package);
    }
}

fn extract<'a>(tree: &'a Tree, path: &str) -> Option<&'a Extract> {
    tree.get(path)?.1.extract.as_deref()
}

/// The list of a package has all its files and folders, the other their digests.
fn dpkg_files(tree: &Tree, package: &Package) -> Vec<OwnedFile> {
    let named = |end: &str| {
        let architecture = package.architecture.as_deref().unwrap_or_default();
        let paths = match package.evidence.strip_prefix("var/lib/dpkg/status.d/") {
            Some(fragment) => [format!("var/lib/dpkg/status.d/{fragment}.{end}"), String::new()],
            None => [
                format!("var/lib/dpkg/info/{}.{end}", package.name),
                format!("var/lib/dpkg/info/{}:{architecture}.{end}", package.name),
            ],
        };
        paths.iter().find_map(|path| match extract(tree, path)? {
            Extract::Files(files) => Some(files.as_slice()),
            _ => None,
        })
    };
    let sums = named("md5sums").unwrap_or_default();
    let Some(list) = named("list") else { return sums.to_vec() };
    let digests: HashMap<&str, &Option<Box<str>>> = sums.iter().map(|file| (&*file.path, &file.digest)).collect();
    // A folder that something is in is shared with other packages.
    let folders: BTreeSet<&str> = list.iter().filter_map(|file| Some(file.path.rsplit_once('/')?.0)).collect();
    let files = list.iter().filter(|file| !folders.contains(&*file.path));
    files
        .map(|file| OwnedFile { digest: digests.get(&*file.path).copied().cloned().flatten(), ..file.clone() })
        .collect()
}

fn system_url(os: Option<&Os>, package: &Package) -> String {
    let id = os.map_or("", |os| os.id.as_str());
    let namespace = match (package.kind, id) {
        (PackageKind::Rpm, "rhel") => "redhat",
        // Where nothing says what it is, it is what it mostly is.
        (PackageKind::Deb, "") => "debian",
        (PackageKind::Apk, "") => "alpine",
        (_, id) => id,
    };
    let (epoch, version) = match package.version.split_once(':') {
        Some((epoch, version)) if package.kind == PackageKind::Rpm => (epoch, version),
        _ => ("", package.version.as_str()),
    };
    let upstream =
        package.source.as_ref().filter(|source| source.name != package.name || source.version != package.version);
    let upstream = upstream.map(|source| match package.kind {
        PackageKind::Rpm => format!("{}-{}.src.rpm", source.name, source.version),
        PackageKind::Deb if source.version != package.version => format!("{}@{}", source.name, source.version),
        _ => source.name.to_string(),
    });
    let qualifiers = vec![
        ("arch", package.architecture.as_deref().unwrap_or_default().to_owned()),
        ("distro", os.map(Os::distro).unwrap_or_default()),
        ("epoch", epoch.to_owned()),
        ("upstream", upstream.unwrap_or_default()),
    ];
    let namespace = Some(namespace).filter(|namespace| !namespace.is_empty());
    PackageUrl { kind: package.kind.as_str(), namespace, name: &package.name, version: Some(version), qualifiers }
        .to_canonical()
}

/// Marks packages of languages whose files a package of the distribution owns.
fn mark_owned(tree: &Tree, packages: &mut [Package]) {
    let files: BTreeSet<&str> =
        packages.iter().filter(|package| !package.kind.is_system()).map(|package| file_of(&package.evidence)).collect();
    let names: BTreeSet<&str> = files.iter().map(|path| path.rsplit('/').next().unwrap_or_default()).collect();
    let mut owners: HashMap<String, String> = HashMap::new();
    for package in packages.iter().filter(|package| package.kind.is_system()) {
        for file in &package.files {
            // The distribution may list a file under a folder that is a link by now: /lib for /usr/lib.
            if !names.contains(file.path.rsplit('/').next().unwrap_or_default()) {
                continue;
            }
            if let Some(path) = tree.resolve(&file.path).filter(|path| files.contains(path.as_str())) {
                owners.insert(path, package.purl.clone());
            }
        }
    }
    for package in packages.iter_mut().filter(|package| !package.kind.is_system()) {
        package.owner = owners.get(file_of(&package.evidence)).cloned();
    }
}

fn file_of(evidence: &str) -> &str {
    evidence.split('!').next().unwrap_or_default()
}

/// Databases that are there under their name and were not read, since the name is a link to a file that has another.
fn unread(tree: &Tree) -> Vec<(usize, Trouble)> {
    const DATABASES: [&str; 8] = [
        "var/lib/dpkg/status",
        "lib/apk/db/installed",
        "var/lib/rpm/rpmdb.sqlite",
        "var/lib/rpm/Packages.db",
        "var/lib/rpm/Packages",
        "usr/lib/sysimage/rpm/rpmdb.sqlite",
        "usr/lib/sysimage/rpm/Packages.db",
        "usr/lib/sysimage/rpm/Packages",
    ];
    let mut troubles = Vec::new();
    for path in DATABASES {
        let Some((real, node)) = tree.get(path).filter(|(_, node)| matches!(node.kind, Kind::File) && node.size > 0)
        else {
            continue;
        };
        let told = tree.troubles.iter().any(|(_, trouble)| *trouble.path == *real);
        if node.extract.is_none() && !told {
            let what = format!("it leads to {real}, which was not read: the packages in it are not known");
            troubles.push((node.layer, Trouble { path: path.into(), what }));
        }
    }
    troubles
}
