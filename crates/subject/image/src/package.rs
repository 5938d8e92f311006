//! Packages.

use std::fmt;

use smol_str::SmolStr;

use crate::purl::{PackageUrl, split_name};

/// Where a package is from, which is also how its versions are ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PackageKind {
    /// dpkg: Debian, Ubuntu, distroless.
    Deb,
    /// apk: Alpine, Wolfi.
    Apk,
    /// rpm: Fedora, Red Hat, SUSE.
    Rpm,
    /// Python.
    Pypi,
    /// JavaScript.
    Npm,
    /// Go modules, and Go's standard library as `stdlib`.
    Golang,
    /// Rust.
    Cargo,
    /// Java.
    Maven,
    /// Ruby.
    Gem,
    /// PHP.
    Composer,
    /// .NET.
    Nuget,
}

impl PackageKind {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::Deb,
        Self::Apk,
        Self::Rpm,
        Self::Pypi,
        Self::Npm,
        Self::Golang,
        Self::Cargo,
        Self::Maven,
        Self::Gem,
        Self::Composer,
        Self::Nuget,
    ];

    /// The type in package URLs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Deb => "deb",
            Self::Apk => "apk",
            Self::Rpm => "rpm",
            Self::Pypi => "pypi",
            Self::Npm => "npm",
            Self::Golang => "golang",
            Self::Cargo => "cargo",
            Self::Maven => "maven",
            Self::Gem => "gem",
            Self::Composer => "composer",
            Self::Nuget => "nuget",
        }
    }

    /// Whether it is of a distribution.
    pub fn is_system(self) -> bool {
        matches!(self, Self::Deb | Self::Apk | Self::Rpm)
    }
}

impl fmt::Display for PackageKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a package of a distribution was built from; advisories of Debian and Alpine name it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourcePackage {
    /// Its name.
    pub name: SmolStr,
    /// Its version.
    pub version: SmolStr,
}

/// A file that a package says is its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnedFile {
    /// From the root, without a `/` before it.
    pub path: Box<str>,
    /// What the package says is its digest, such as `md5:…`.
    pub digest: Option<Box<str>>,
}

/// A package in an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Package {
    /// Where it is from.
    pub kind: PackageKind,
    /// The group of Java, such as `org.apache.logging.log4j`; `None` elsewhere.
    pub group: Option<SmolStr>,
    /// As its ecosystem writes it: `libssl3`, `@scope/name`, `github.com/a/b`, `vendor/name`.
    pub name: SmolStr,
    /// As its ecosystem orders it: `1:2.3-4`, with the epoch. Empty when it is not known.
    pub version: SmolStr,
    /// The package URL.
    pub purl: String,
    /// What it was built from.
    pub source: Option<SourcePackage>,
    /// What it runs on, as its ecosystem writes it: `amd64`, `x86_64`, `all`, `noarch`.
    pub architecture: Option<SmolStr>,
    /// The licences it declares, as they are written.
    pub licenses: Vec<SmolStr>,
    /// Whether it is only named by a list such as a lock file, and not there itself as far as that file tells.
    pub declared: bool,
    /// The layer that it came with, from 0.
    pub layer: usize,
    /// The file that tells of it, from the root; parts of archives follow a `!`: `app.war!WEB-INF/lib/a.jar`.
    pub evidence: String,
    /// The files it says are its own.
    pub files: Vec<OwnedFile>,
    /// The package of the distribution, by its URL, that owns the file that tells of it. The distribution answers for such a
    /// package: it mends it under a version of its own.
    pub owner: Option<String>,
}

impl Package {
    /// A package as the file at `evidence` tells of it.
    pub(crate) fn new(
        kind: PackageKind,
        name: impl Into<SmolStr>,
        version: impl Into<SmolStr>,
        evidence: &str,
    ) -> Self {
        let mut package = Self {
            kind,
            group: None,
            name: name.into(),
            version: version.into(),
            purl: String::new(),
            source: None,
            architecture: None,
            licenses: Vec::new(),
            declared: false,
            layer: 0,
            evidence: evidence.to_owned(),
            files: Vec::new(),
            owner: None,
        };
        if !kind.is_system() {
            package.purl = package.language_url();
        }
        package
    }

    pub(crate) fn with_group(mut self, group: Option<SmolStr>) -> Self {
        self.group = group.filter(|group| !group.is_empty());
        self.purl = self.language_url();
        self
    }

    pub(crate) fn with_licenses<T: Into<SmolStr>>(mut self, licenses: impl IntoIterator<Item = T>) -> Self {
        for license in licenses {
            let license = license.into();
            let text = license.trim();
            if !text.is_empty() && !self.licenses.iter().any(|known| known == text) {
                self.licenses.push(text.into());
            }
        }
        self
    }

    pub(crate) fn declared(mut self) -> Self {
        self.declared = true;
        self
    }

    fn language_url(&self) -> String {
        let (namespace, name) = match self.kind {
            PackageKind::Npm | PackageKind::Golang | PackageKind::Composer => split_name(&self.name),
            _ => (self.group.as_deref(), self.name.as_str()),
        };
        let version = match self.kind {
            // The library's versions are those of the releases, which begin with `go`.
            PackageKind::Golang if self.name == "stdlib" => self.version.trim_start_matches("go"),
            _ => &self.version,
        };
        PackageUrl { kind: self.kind.as_str(), namespace, name, version: Some(version), qualifiers: Vec::new() }
            .to_canonical()
    }
}
