//! Versions in the order of their ecosystem: each has its own, and none is safely compared by another's rules.

mod apk;
mod composer;
mod dotted;
mod dpkg;
mod gem;
mod maven;
mod nuget;
mod pep440;
mod rpm;
mod semver;

use std::cmp::Ordering;
use std::fmt;

/// The longest version that is read, in bytes.
pub const MAX_VERSION: usize = 1024;

/// An order of versions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// Alpine's `apk`, also Wolfi's and Chainguard's: `1.2.3b_alpha4_p5~0a1b2c-r6`.
    Apk,
    /// Bitnami's images: semantic versions whose numeric suffix is a revision of theirs, `1.2.3-4`.
    Bitnami,
    /// PHP's `version_compare` of what Composer normalises.
    Composer,
    /// Lists of numbers, of which the longer is the later: R and Haskell.
    Dotted,
    /// Debian's and Ubuntu's `dpkg`: `epoch:upstream-revision`.
    Dpkg,
    /// Ruby's `Gem::Version`.
    Gem,
    /// Semantic versions as Go writes them: `v1.2.3`, pseudo-versions, `+incompatible`, and the toolchain's `go1.21rc2`.
    Go,
    /// Maven's `ComparableVersion`.
    Maven,
    /// `NuGet`: semantic versions of up to four numbers, in any letter case.
    NuGet,
    /// Python's PEP 440.
    Pep440,
    /// Dart's Pub: semantic versions whose build counts.
    Pub,
    /// RPM: `epoch:version-release`, compared by `rpmvercmp`.
    Rpm,
    /// Semantic versions 2.0.0, with fewer or more numbers and a leading `v` let through: npm, Cargo, Hex and others.
    SemVer,
}

/// A text that is no version of its scheme.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{version:?} is no version as {scheme} writes them: {reason}")]
pub struct VersionError {
    /// What was read, cut off when it is long.
    pub version: String,
    /// Whose rules it was read by.
    pub scheme: Scheme,
    /// What is wrong with it.
    pub reason: &'static str,
}

/// A version that was read, to be compared with others of the same scheme.
#[derive(Debug, Clone)]
pub struct Version(Parsed);

#[derive(Debug, Clone)]
enum Parsed {
    Apk(apk::Version),
    Composer(composer::Version),
    Dotted(dotted::Version),
    Dpkg(dpkg::Version),
    Gem(gem::Version),
    Maven(maven::Version),
    NuGet(nuget::Version),
    Pep440(pep440::Version),
    Rpm(rpm::Version),
    SemVer(semver::Version),
}

impl Scheme {
    /// Reads a version.
    ///
    /// # Errors
    /// When the text is longer than [`MAX_VERSION`], or when its ecosystem's tools would refuse it.
    pub fn parse(self, text: &str) -> Result<Version, VersionError> {
        let text = text.trim();
        let parsed = if text.len() > MAX_VERSION { Err("it is too long") } else { self.parse_bounded(text) };
        parsed.map(Version).map_err(|reason| VersionError {
            version: text.chars().take(80).collect(),
            scheme: self,
            reason,
        })
    }

    fn parse_bounded(self, text: &str) -> Result<Parsed, &'static str> {
        Ok(match self {
            Self::Apk => Parsed::Apk(apk::Version::parse(text)?),
            Self::Bitnami => Parsed::SemVer(semver::Version::parse_bitnami(text)?),
            Self::Composer => Parsed::Composer(composer::Version::parse(text)?),
            Self::Dotted => Parsed::Dotted(dotted::Version::parse(text)?),
            Self::Dpkg => Parsed::Dpkg(dpkg::Version::parse(text)?),
            Self::Gem => Parsed::Gem(gem::Version::parse(text)?),
            Self::Go => Parsed::SemVer(semver::Version::parse_go(text)?),
            Self::Maven => Parsed::Maven(maven::Version::parse(text)?),
            Self::NuGet => Parsed::NuGet(nuget::Version::parse(text)?),
            Self::Pep440 => Parsed::Pep440(pep440::Version::parse(text)?),
            Self::Pub => Parsed::SemVer(semver::Version::parse_pub(text)?),
            Self::Rpm => Parsed::Rpm(rpm::Version::parse(text)?),
            Self::SemVer => Parsed::SemVer(semver::Version::parse(text)?),
        })
    }

    /// Which of two versions comes first.
    ///
    /// # Errors
    /// As [`Scheme::parse`], of either.
    pub fn compare(self, left: &str, right: &str) -> Result<Ordering, VersionError> {
        let (left, right) = (self.parse(left)?, self.parse(right)?);
        Ok(left.compare(&right).unwrap_or(Ordering::Equal))
    }
}

impl Version {
    /// Which comes first; `None` for versions that were read by different schemes.
    pub fn compare(&self, other: &Self) -> Option<Ordering> {
        Some(match (&self.0, &other.0) {
            (Parsed::Apk(left), Parsed::Apk(right)) => left.compare(right),
            (Parsed::Composer(left), Parsed::Composer(right)) => left.compare(right),
            (Parsed::Dotted(left), Parsed::Dotted(right)) => left.compare(right),
            (Parsed::Dpkg(left), Parsed::Dpkg(right)) => left.compare(right),
            (Parsed::Gem(left), Parsed::Gem(right)) => left.compare(right),
            (Parsed::Maven(left), Parsed::Maven(right)) => left.compare(right),
            (Parsed::NuGet(left), Parsed::NuGet(right)) => left.compare(right),
            (Parsed::Pep440(left), Parsed::Pep440(right)) => left.compare(right),
            (Parsed::Rpm(left), Parsed::Rpm(right)) => left.compare(right),
            (Parsed::SemVer(left), Parsed::SemVer(right)) => left.compare(right),
            _ => return None,
        })
    }
}

impl fmt::Display for Scheme {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Apk => "apk",
            Self::Bitnami => "Bitnami",
            Self::Composer => "Composer",
            Self::Dotted => "lists of numbers",
            Self::Dpkg => "dpkg",
            Self::Gem => "RubyGems",
            Self::Go => "Go",
            Self::Maven => "Maven",
            Self::NuGet => "NuGet",
            Self::Pep440 => "PEP 440",
            Self::Pub => "Pub",
            Self::Rpm => "RPM",
            Self::SemVer => "SemVer",
        })
    }
}

/// Compares whole numbers of any length, written in digits.
fn numbers(left: &str, right: &str) -> Ordering {
    let (left, right) = (left.trim_start_matches('0'), right.trim_start_matches('0'));
    left.len().cmp(&right.len()).then_with(|| left.cmp(right))
}

/// Whether a text is digits, at least one.
fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Takes what matches off the front of a text.
fn take_while<'t>(text: &mut &'t str, matches: impl Fn(u8) -> bool) -> &'t str {
    let end = text.bytes().position(|byte| !matches(byte)).unwrap_or(text.len());
    let (taken, rest) = text.split_at(end);
    *text = rest;
    taken
}

#[cfg(test)]
mod tests;
