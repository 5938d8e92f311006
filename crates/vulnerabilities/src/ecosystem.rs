//! Ecosystems, as OSV names them: `PyPI`, `Debian:12`, `Alpine:v3.18`.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::version::Scheme;

/// Where a package is published, with the release for distributions.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Ecosystem(String);

/// Whose versions compare how (OSV schema, "Defined ecosystems").
const SCHEMES: [(&str, Scheme); 41] = [
    ("AlmaLinux", Scheme::Rpm),
    ("Alpaquita", Scheme::Apk),
    ("Alpine", Scheme::Apk),
    ("Amazon", Scheme::Rpm),
    ("Azure Linux", Scheme::Rpm),
    ("BellSoft Hardened Containers", Scheme::Apk),
    ("Bitnami", Scheme::Bitnami),
    ("CRAN", Scheme::Dotted),
    ("Chainguard", Scheme::Apk),
    ("ConanCenter", Scheme::SemVer),
    ("Debian", Scheme::Dpkg),
    ("Echo", Scheme::Dpkg),
    ("Fedora", Scheme::Rpm),
    ("GHC", Scheme::Dotted),
    ("GitHub Actions", Scheme::SemVer),
    ("Go", Scheme::Go),
    ("Hackage", Scheme::Dotted),
    ("Hex", Scheme::SemVer),
    ("Julia", Scheme::SemVer),
    ("Kubernetes", Scheme::SemVer),
    ("Mageia", Scheme::Rpm),
    ("Maven", Scheme::Maven),
    ("MinimOS", Scheme::Apk),
    ("NuGet", Scheme::NuGet),
    ("Oracle", Scheme::Rpm),
    ("Packagist", Scheme::Composer),
    ("Photon OS", Scheme::Rpm),
    ("Pub", Scheme::Pub),
    ("PyPI", Scheme::Pep440),
    ("Red Hat", Scheme::Rpm),
    ("Rocky Linux", Scheme::Rpm),
    ("RubyGems", Scheme::Gem),
    ("SUSE", Scheme::Rpm),
    ("SwiftURL", Scheme::SemVer),
    ("Ubuntu", Scheme::Dpkg),
    ("Wolfi", Scheme::Apk),
    ("CocoaPods", Scheme::Gem),
    ("crates.io", Scheme::SemVer),
    ("npm", Scheme::SemVer),
    ("openEuler", Scheme::Rpm),
    ("openSUSE", Scheme::Rpm),
];

impl Ecosystem {
    /// Reads OSV's name. What says less about a release than it could is written one way: `Ubuntu:22.04:LTS` is
    /// `Ubuntu:22.04`, and `Red Hat:enterprise_linux:9::appstream` is `Red Hat:9`.
    pub fn new(name: &str) -> Self {
        let name = name.trim();
        let Some((base, release)) = name.split_once(':') else { return Self(name.to_owned()) };
        let release = release.strip_suffix(":LTS").unwrap_or(release);
        let release = match base {
            "Red Hat" => red_hat_release(release),
            _ => release.to_owned(),
        };
        Self(format!("{base}:{release}"))
    }

    /// The ecosystem of a distribution's packages by its `ID` and `VERSION_ID` (os-release(5)): `debian` and `12`,
    /// `alpine` and `3.18.4`. `None` of a distribution that publishes no advisories that are known here.
    pub fn of_distribution(id: &str, version: &str) -> Option<Self> {
        let numbers: Vec<&str> = version.split('.').collect();
        let major = numbers.first().copied().unwrap_or_default();
        let minor = numbers.get(..2).map(|numbers| numbers.join("."));
        let name = match id.to_ascii_lowercase().as_str() {
            "debian" => format!("Debian:{major}"),
            "ubuntu" => format!("Ubuntu:{}", minor?),
            "alpine" if version.contains("edge") || version.contains('_') => "Alpine:edge".to_owned(),
            "alpine" => format!("Alpine:v{}", minor?),
            "wolfi" => "Wolfi".to_owned(),
            "chainguard" => "Chainguard".to_owned(),
            "minimos" => "MinimOS".to_owned(),
            "rhel" | "redhat" | "centos" => format!("Red Hat:{major}"),
            "almalinux" | "alma" => format!("AlmaLinux:{major}"),
            "rocky" | "rockylinux" => format!("Rocky Linux:{major}"),
            "amzn" | "amazonlinux" => format!("Amazon:{major}"),
            "ol" | "oracle" | "oraclelinux" => format!("Oracle:{major}"),
            "fedora" => format!("Fedora:{major}"),
            "photon" => format!("Photon OS:{}", minor.unwrap_or_else(|| format!("{major}.0"))),
            "azurelinux" | "mariner" => format!("Azure Linux:{major}"),
            "mageia" => format!("Mageia:{major}"),
            "opensuse-leap" | "opensuse.leap" => format!("openSUSE:Leap {version}"),
            "opensuse-tumbleweed" | "opensuse.tumbleweed" => "openSUSE:Tumbleweed".to_owned(),
            "sles" | "suse" => match numbers.get(1) {
                Some(pack) if *pack != "0" => format!("SUSE:Linux Enterprise Server {major} SP{pack}"),
                _ => format!("SUSE:Linux Enterprise Server {major}"),
            },
            _ => return None,
        };
        Some(Self(name))
    }

    /// The ecosystem that the type of a package URL stands for: `pypi`, `cargo`, `golang`. Types of distributions (`deb`,
    /// `rpm`, `apk`) stand for none without their distribution.
    pub fn of_purl_type(kind: &str) -> Option<Self> {
        Some(Self(
            match kind {
                "pypi" => "PyPI",
                "npm" => "npm",
                "cargo" => "crates.io",
                "golang" => "Go",
                "maven" => "Maven",
                "gem" => "RubyGems",
                "nuget" => "NuGet",
                "composer" => "Packagist",
                "hex" | "otp" => "Hex",
                "pub" => "Pub",
                "swift" => "SwiftURL",
                "cocoapods" => "CocoaPods",
                "conan" => "ConanCenter",
                "hackage" => "Hackage",
                "cran" => "CRAN",
                "githubactions" => "GitHub Actions",
                "bitnami" => "Bitnami",
                _ => return None,
            }
            .to_owned(),
        ))
    }

    /// As OSV writes it, with the release.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Without the release: `Debian`.
    pub fn family(&self) -> &str {
        self.0.split(':').next().unwrap_or_default()
    }

    /// How its versions compare; `None` of an ecosystem that is not known here.
    pub fn scheme(&self) -> Option<Scheme> {
        let family = self.family();
        SCHEMES.iter().find(|(name, _)| *name == family).map(|(_, scheme)| *scheme)
    }

    /// A package's name as it is looked up: where an ecosystem takes several spellings for one, that one.
    pub fn normalize(&self, name: &str) -> String {
        match self.family() {
            "PyPI" => pep503(name),
            "NuGet" | "Packagist" | "GitHub Actions" | "SwiftURL" => name.to_lowercase(),
            _ => name.to_owned(),
        }
    }
}

impl fmt::Display for Ecosystem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// Advisories of Red Hat name products by the end of their CPE: `enterprise_linux:9::appstream`, `rhel_eus:8.6::baseos`.
fn red_hat_release(release: &str) -> String {
    let mut parts = release.split(':');
    match (parts.next(), parts.next()) {
        (Some("enterprise_linux"), Some(version)) => version.split('.').next().unwrap_or(version).to_owned(),
        (Some(product), Some(version)) => format!("{product}:{version}"),
        _ => release.to_owned(),
    }
}

/// Python's names: letters in any case, and runs of `-`, `_` and `.` are one dash.
fn pep503(name: &str) -> String {
    let mut normal = String::with_capacity(name.len());
    for letter in name.chars().flat_map(char::to_lowercase) {
        match letter {
            '-' | '_' | '.' if normal.ends_with('-') => {}
            '-' | '_' | '.' => normal.push('-'),
            letter => normal.push(letter),
        }
    }
    normal
}

#[cfg(test)]
mod tests {
    use super::Ecosystem;

    #[test]
    fn distributions_have_their_ecosystem() {
        let cases = [
            ("debian", "12", "Debian:12"),
            ("debian", "12.4", "Debian:12"),
            ("ubuntu", "22.04", "Ubuntu:22.04"),
            ("alpine", "3.18.4", "Alpine:v3.18"),
            ("alpine", "3.20.0_alpha20240329", "Alpine:edge"),
            ("rhel", "9.3", "Red Hat:9"),
            ("rocky", "9.2", "Rocky Linux:9"),
            ("sles", "15.5", "SUSE:Linux Enterprise Server 15 SP5"),
            ("opensuse-leap", "15.6", "openSUSE:Leap 15.6"),
        ];
        for (id, version, ecosystem) in cases {
            assert_eq!(Ecosystem::of_distribution(id, version).map(|it| it.to_string()).as_deref(), Some(ecosystem));
        }
        assert_eq!(Ecosystem::of_distribution("plan9", "4"), None);
    }

    #[test]
    fn releases_are_written_one_way() {
        let cases = [
            ("Ubuntu:22.04:LTS", "Ubuntu:22.04"),
            ("Ubuntu:Pro:18.04:LTS", "Ubuntu:Pro:18.04"),
            ("Red Hat:enterprise_linux:9::appstream", "Red Hat:9"),
            ("Red Hat:rhel_eus:8.6::baseos", "Red Hat:rhel_eus:8.6"),
            ("PyPI", "PyPI"),
        ];
        for (written, read) in cases {
            assert_eq!(Ecosystem::new(written).as_str(), read);
        }
    }

    #[test]
    fn names_are_looked_up_in_one_spelling() {
        assert_eq!(Ecosystem::new("PyPI").normalize("Ruamel..YAML_clib"), "ruamel-yaml-clib");
        assert_eq!(Ecosystem::new("NuGet").normalize("Newtonsoft.Json"), "newtonsoft.json");
        assert_eq!(Ecosystem::new("npm").normalize("JSONStream"), "JSONStream");
    }
}
