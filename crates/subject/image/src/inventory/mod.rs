//! What is in an image: its distribution and its packages.
//!
//! A file is looked into while its layer streams by, and only what was found in it is kept ([`Extract`]). When all layers
//! lie over each other, [`collect`] puts together what is still seen.

mod apk;
mod binary;
mod bytes;
mod collect;
mod dpkg;
mod java;
mod lists;
mod node;
mod os;
mod paragraphs;
mod python;
mod rpm;
pub(crate) mod texts;

use smol_str::SmolStr;

use crate::limits::Limits;
use crate::package::{OwnedFile, Package};

pub use os::Os;

pub(crate) use collect::collect;

/// Bytes of a file that tell whether it is a program.
pub(crate) const HEAD: usize = 8;

/// Why a file is looked into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Interest {
    OsRelease,
    DpkgStatus,
    DpkgFragment,
    DpkgList,
    DpkgSums,
    Copyright,
    Apk,
    Rpm,
    Python,
    PythonRecord,
    PackageJson,
    NpmLock,
    YarnLock,
    PnpmLock,
    Java,
    Gemspec,
    GemfileLock,
    ComposerInstalled,
    ComposerLock,
    DotnetDeps,
    DotnetLock,
    GoMod,
    CargoLock,
    Program,
}

/// What was found in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Extract {
    Os(Os),
    /// Packages of a database that each layer writes anew.
    Database(Vec<Package>),
    /// Packages that this file alone tells of.
    Packages(Vec<Package>),
    /// Files of the package that the name of this file tells.
    Files(Vec<OwnedFile>),
    /// Licences of the package that the name of this file tells.
    Licenses(Vec<SmolStr>),
}

impl Extract {
    pub(crate) fn is_database(&self) -> bool {
        matches!(self, Self::Database(_))
    }
}

/// What the name of a file says.
pub(crate) fn interest(path: &str) -> Option<Interest> {
    let (folder, file) = path.rsplit_once('/').unwrap_or(("", path));
    let end = file.rsplit_once('.').map_or("", |(_, end)| end);
    let parent = folder.rsplit('/').next().unwrap_or_default();
    Some(match (folder, file, end) {
        ("etc" | "usr/lib", "os-release", _) => Interest::OsRelease,
        ("var/lib/dpkg", "status", _) => Interest::DpkgStatus,
        ("var/lib/dpkg/status.d" | "var/lib/dpkg/info", _, "md5sums") => Interest::DpkgSums,
        ("var/lib/dpkg/status.d", ..) => Interest::DpkgFragment,
        ("var/lib/dpkg/info", _, "list") => Interest::DpkgList,
        (_, "copyright", _) if folder.strip_prefix("usr/share/doc/").is_some_and(|it| !it.contains('/')) => {
            Interest::Copyright
        }
        ("lib/apk/db" | "usr/lib/apk/db", "installed", _) => Interest::Apk,
        ("var/lib/rpm" | "usr/lib/sysimage/rpm" | "usr/share/rpm", "rpmdb.sqlite" | "Packages.db" | "Packages", _) => {
            Interest::Rpm
        }
        (_, "METADATA", _) if parent.ends_with(".dist-info") => Interest::Python,
        (_, "RECORD", _) if parent.ends_with(".dist-info") => Interest::PythonRecord,
        (_, "PKG-INFO", _) if parent.ends_with(".egg-info") || parent == "EGG-INFO" => Interest::Python,
        (_, _, "egg-info") => Interest::Python,
        (_, "package.json", _) => Interest::PackageJson,
        (_, "package-lock.json" | "npm-shrinkwrap.json", _) => Interest::NpmLock,
        (_, "yarn.lock", _) => Interest::YarnLock,
        (_, "pnpm-lock.yaml", _) => Interest::PnpmLock,
        (_, _, "gemspec") if folder.ends_with("specifications") || folder.ends_with("specifications/default") => {
            Interest::Gemspec
        }
        (_, "Gemfile.lock" | "gems.locked", _) => Interest::GemfileLock,
        (_, "installed.json", _) if folder == "composer" || folder.ends_with("/composer") => {
            Interest::ComposerInstalled
        }
        (_, "composer.lock", _) => Interest::ComposerLock,
        (_, "packages.lock.json", _) => Interest::DotnetLock,
        (_, "go.mod", _) => Interest::GoMod,
        (_, "Cargo.lock", _) => Interest::CargoLock,
        _ if file.ends_with(".deps.json") => Interest::DotnetDeps,
        _ if java::is_archive(file) => Interest::Java,
        _ => return None,
    })
}

/// What the first bytes of a file say.
pub(crate) fn interest_in(head: [u8; HEAD]) -> Option<Interest> {
    binary::is_program(&head).then_some(Interest::Program)
}

/// Looks into a file. `None` when there is nothing in it.
pub(crate) fn extract(
    interest: Interest,
    path: &str,
    content: Vec<u8>,
    limits: &Limits,
) -> Result<Option<Extract>, String> {
    let text = || String::from_utf8_lossy(&content);
    let one = |package: Option<Package>| Extract::Packages(package.into_iter().collect());
    let found = match interest {
        Interest::OsRelease => Extract::Os(Os::parse(&text())),
        Interest::DpkgStatus => Extract::Database(dpkg::packages(&text(), path)),
        Interest::DpkgFragment => Extract::Packages(dpkg::packages(&text(), path)),
        Interest::DpkgList => Extract::Files(dpkg::list(&text())),
        Interest::DpkgSums => Extract::Files(dpkg::md5sums(&text())),
        Interest::Copyright => Extract::Licenses(dpkg::licenses(&text())),
        Interest::Apk => Extract::Database(apk::packages(&text(), path)),
        Interest::Rpm => Extract::Database(rpm::packages(content, path)?),
        Interest::Python => one(python::package(&text(), path)),
        Interest::PythonRecord => Extract::Files(python::record(&text(), path)),
        Interest::PackageJson => one(node::package_json(&content, path)),
        Interest::NpmLock => Extract::Packages(node::npm_lock(&content, path)?),
        Interest::YarnLock => Extract::Packages(node::yarn_lock(&text(), path)),
        Interest::PnpmLock => Extract::Packages(node::pnpm_lock(&text(), path)),
        Interest::Java => Extract::Packages(java::packages(&content, path, limits)?),
        Interest::Gemspec => one(lists::gemspec(&text(), path)),
        Interest::GemfileLock => Extract::Packages(lists::gemfile_lock(&text(), path)),
        Interest::ComposerInstalled => Extract::Packages(lists::composer_installed(&content, path)?),
        Interest::ComposerLock => Extract::Packages(lists::composer_lock(&content, path)?),
        Interest::DotnetDeps => Extract::Packages(lists::dotnet_deps(&content, path)?),
        Interest::DotnetLock => Extract::Packages(lists::dotnet_lock(&content, path)?),
        Interest::GoMod => Extract::Packages(lists::go_mod(&text(), path)),
        Interest::CargoLock => Extract::Packages(lists::cargo_lock(&text(), path)?),
        Interest::Program => Extract::Packages(binary::packages(&content, path)?),
    };
    let nothing = matches!(&found, Extract::Packages(packages) if packages.is_empty());
    Ok((!nothing).then_some(found))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_what_is_in_files() {
        let cases = [
            ("etc/os-release", Some(Interest::OsRelease)),
            ("opt/etc/os-release", None),
            ("var/lib/dpkg/status.d/base", Some(Interest::DpkgFragment)),
            ("var/lib/dpkg/status.d/base.md5sums", Some(Interest::DpkgSums)),
            ("var/lib/dpkg/info/libc6:amd64.list", Some(Interest::DpkgList)),
            ("usr/share/doc/libc6/copyright", Some(Interest::Copyright)),
            ("usr/share/doc/libc6/other/copyright", None),
            ("usr/lib/sysimage/rpm/Packages.db", Some(Interest::Rpm)),
            ("a/flask-1.dist-info/METADATA", Some(Interest::Python)),
            ("a/METADATA", None),
            ("a/old.egg-info", Some(Interest::Python)),
            ("a/old.egg-info/PKG-INFO", Some(Interest::Python)),
            ("node_modules/a/package.json", Some(Interest::PackageJson)),
            ("node_modules/.package-lock.json", None),
            ("gems/specifications/default/json-1.gemspec", Some(Interest::Gemspec)),
            ("gems/json/json.gemspec", None),
            ("vendor/composer/installed.json", Some(Interest::ComposerInstalled)),
            ("app/App.deps.json", Some(Interest::DotnetDeps)),
            ("app/lib.JAR", Some(Interest::Java)),
            ("bin/sh", None),
        ];
        for (path, expected) in cases {
            assert_eq!(interest(path), expected, "{path}");
        }
    }
}
