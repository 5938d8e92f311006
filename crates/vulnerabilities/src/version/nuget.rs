//! `NuGet`'s versions: semantic ones of up to four numbers, whose words are compared in any letter case.

use std::cmp::Ordering;

use super::semver;

#[derive(Debug, Clone)]
pub(super) struct Version(semver::Version);

impl Version {
    pub(super) fn parse(text: &str) -> Result<Self, &'static str> {
        semver::Version::parse(&text.to_lowercase()).map(Self)
    }

    pub(super) fn compare(&self, other: &Self) -> Ordering {
        self.0.compare(&other.0)
    }
}
