//! Package URLs: packages of inventories by them, and whether one names another.

use packageurl::PackageUrl;

use crate::assess::{Package, SourcePackage};
use crate::ecosystem::Ecosystem;

impl Package {
    /// The package that a package URL names: `pkg:pypi/flask@3.0.0`, or, with what Syft and Trivy write of a distribution in the
    /// qualifiers, `pkg:deb/debian/libssl3@3.0.9-1?distro=debian-12&upstream=openssl`. `None` of what is no package URL.
    pub fn of_purl(text: &str) -> Option<Self> {
        let purl: PackageUrl = text.parse().ok()?;
        let qualifier = |name: &str| purl.qualifiers().get(name).map(AsRef::as_ref);
        let ecosystem = match (purl.ty(), purl.namespace()) {
            ("deb" | "rpm" | "apk", _) => distribution(purl.ty(), purl.namespace(), qualifier("distro")),
            (kind, _) => Ecosystem::of_purl_type(kind),
        };
        let epoch = qualifier("epoch").filter(|_| purl.ty() == "rpm").map(|epoch| format!("{epoch}:"));
        let version = format!("{}{}", epoch.unwrap_or_default(), purl.version().unwrap_or_default());
        Some(Self {
            name: name(&purl),
            source: qualifier("upstream").and_then(|upstream| upstream_of(purl.ty(), upstream)),
            ecosystem,
            version,
            purl: Some(text.to_owned()),
        })
    }
}

/// `debian-12`, `alpine-3.18.4`; packages of Wolfi have no release.
fn distribution(kind: &str, namespace: Option<&str>, distro: Option<&str>) -> Option<Ecosystem> {
    match (kind, namespace, distro) {
        ("apk", Some(name @ ("wolfi" | "chainguard")), _) => Ecosystem::of_distribution(name, ""),
        (_, _, Some(distro)) => {
            let (id, version) = distro.rsplit_once('-')?;
            Ecosystem::of_distribution(id, version)
        }
        (_, _, None) => None,
    }
}

/// As the ecosystem writes it: Maven's with its group, npm's with its scope, Go's with its path.
fn name(purl: &PackageUrl) -> String {
    match (purl.ty(), purl.namespace()) {
        ("maven", Some(group)) => format!("{group}:{}", purl.name()),
        ("npm" | "golang" | "composer" | "swift" | "githubactions", Some(path)) => format!("{path}/{}", purl.name()),
        _ => purl.name().to_owned(),
    }
}

/// `openssl` or `openssl@3.0.9-1`; of RPM the name of the source's file, `openssl-3.0.7-16.el9.src.rpm`.
fn upstream_of(kind: &str, upstream: &str) -> Option<SourcePackage> {
    if let Some(file) = upstream.strip_suffix(".src.rpm").filter(|_| kind == "rpm") {
        let name = file.rsplitn(3, '-').nth(2)?;
        return Some(SourcePackage { name: name.to_owned(), version: None });
    }
    let (name, version) = upstream.split_once('@').map_or((upstream, None), |(name, version)| (name, Some(version)));
    Some(SourcePackage { name: name.to_owned(), version: version.map(str::to_owned) })
}

/// Whether a package URL says all that another says: a pattern without a version names all versions, one without qualifiers
/// packages with any.
pub(crate) fn names(pattern: &str, purl: &str) -> bool {
    if pattern == purl {
        return true;
    }
    let (Ok(pattern), Ok(purl)) = (pattern.parse::<PackageUrl>(), purl.parse::<PackageUrl>()) else { return false };
    let same = |one: &PackageUrl, other: &PackageUrl| {
        one.ty() == other.ty() && one.namespace() == other.namespace() && one.name() == other.name()
    };
    same(&pattern, &purl)
        && pattern.version().is_none_or(|version| purl.version() == Some(version))
        && pattern.qualifiers().iter().all(|(name, value)| purl.qualifiers().get(name) == Some(value))
}

#[cfg(test)]
mod tests {
    use super::names;
    use crate::assess::Package;

    #[test]
    fn packages_are_read_from_their_urls() {
        let cases = [
            ("pkg:pypi/Flask@3.0.0", "PyPI", "flask", "3.0.0", None),
            ("pkg:npm/%40babel/core@7.1.0", "npm", "@babel/core", "7.1.0", None),
            ("pkg:maven/org.apache.commons/commons-text@1.9", "Maven", "org.apache.commons:commons-text", "1.9", None),
            ("pkg:golang/golang.org/x/net@v0.5.0", "Go", "golang.org/x/net", "v0.5.0", None),
            (
                "pkg:deb/debian/libssl3@3.0.9-1?arch=amd64&distro=debian-12&upstream=openssl",
                "Debian:12",
                "libssl3",
                "3.0.9-1",
                Some("openssl"),
            ),
            (
                "pkg:apk/alpine/musl-utils@1.2.4-r1?distro=alpine-3.18.4&upstream=musl",
                "Alpine:v3.18",
                "musl-utils",
                "1.2.4-r1",
                Some("musl"),
            ),
            (
                "pkg:rpm/redhat/openssl-libs@3.0.7-16.el9?epoch=1&distro=rhel-9.2&upstream=openssl-3.0.7-16.el9.src.rpm",
                "Red Hat:9",
                "openssl-libs",
                "1:3.0.7-16.el9",
                Some("openssl"),
            ),
        ];
        for (purl, ecosystem, name, version, source) in cases {
            let package = Package::of_purl(purl).expect(purl);
            assert_eq!(package.ecosystem.as_ref().map(crate::Ecosystem::as_str), Some(ecosystem), "{purl}");
            assert_eq!((package.name.as_str(), package.version.as_str()), (name, version), "{purl}");
            assert_eq!(package.source.as_ref().map(|source| source.name.as_str()), source, "{purl}");
        }
        assert_eq!(Package::of_purl("pkg:deb/debian/libc6@2.36").expect("a package").ecosystem, None);
        assert_eq!(Package::of_purl("flask"), None);
    }

    #[test]
    fn a_url_names_those_that_say_as_much() {
        let flask = "pkg:pypi/flask@3.0.0?arch=any";
        for pattern in [flask, "pkg:pypi/flask", "pkg:pypi/flask@3.0.0", "pkg:pypi/flask?arch=any"] {
            assert!(names(pattern, flask), "{pattern}");
        }
        for pattern in ["pkg:pypi/flask@3.0.1", "pkg:npm/flask", "pkg:pypi/flas", "pkg:pypi/flask?arch=x", "flask", ""]
        {
            assert!(!names(pattern, flask), "{pattern}");
        }
    }
}
