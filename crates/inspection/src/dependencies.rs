//! Which packages of an image are on the list of approved licences and libraries.

use std::collections::BTreeMap;
use std::str::FromStr as _;

use probity_model::{Pattern, Value};
use probity_sbom::{Expression, LicenseList};
use probity_subject_image::{Image, Package};

/// Most packages that are named in a document; they are counted all the same.
const MAX_NAMED: usize = 500;

/// What is approved.
#[derive(Debug, Clone, Default)]
pub struct Approvals {
    /// The licences; `None` when every licence is.
    pub licenses: Option<LicenseList>,
    /// The libraries; `None` when every library is.
    pub libraries: Option<Libraries>,
    /// The libraries that are refused, whatever else is said.
    pub denied: Libraries,
}

/// Patterns of package URLs: `pkg:npm/lodash`, `pkg:maven/org.apache.*`, `pkg:pypi/django@3.*`. One without a version is of all
/// versions; qualifiers are not looked at.
#[derive(Debug, Clone, Default)]
pub struct Libraries(Vec<Pattern>);

/// A line is no pattern of a package URL.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: `{text}` is no pattern of a package URL such as pkg:npm/lodash or pkg:maven/org.example/*")]
pub struct PatternError {
    /// Which line, from 1.
    pub line: usize,
    /// What stands there.
    pub text: String,
}

/// How the packages of an image stand to what is approved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dependencies {
    /// All of them, each package once.
    pub total: usize,
    /// Those of which no licence is known.
    pub unlicensed: usize,
    /// Those that are not approved.
    pub unapproved: Vec<Unapproved>,
}

/// A package that is not approved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unapproved {
    /// Its URL.
    pub purl: String,
    /// The licences it declares, in the form of SPDX where they are certain.
    pub licenses: Vec<String>,
    /// Why.
    pub why: Objection,
}

/// Why a package is not approved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Objection {
    /// It is refused by name.
    Denied,
    /// It is not on the list of libraries.
    Library,
    /// Its licence is not on the list.
    License,
    /// No licence of it is known.
    Unlicensed,
}

impl Objection {
    /// Its name in documents.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Denied => "denied",
            Self::Library => "library",
            Self::License => "license",
            Self::Unlicensed => "unlicensed",
        }
    }
}

impl Libraries {
    /// Reads patterns, one a line; what follows a `#` is a remark.
    ///
    /// # Errors
    /// When a line is no pattern of a package URL.
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        let mut patterns = Vec::new();
        for (number, line) in text.lines().enumerate() {
            // A `#` within a URL begins its path within the package, which no pattern has.
            let pattern = line.split('#').next().unwrap_or_default().trim();
            if pattern.is_empty() {
                continue;
            }
            let wrong = || PatternError { line: number + 1, text: pattern.to_owned() };
            let is_url = pattern == "*" || pattern.strip_prefix("pkg:").is_some_and(|rest| rest.len() > 1);
            if !is_url || pattern.contains(char::is_whitespace) {
                return Err(wrong());
            }
            patterns.push(Pattern::from_str(pattern).map_err(|_| wrong())?);
        }
        Ok(Self(patterns))
    }

    /// Adds the patterns of another list.
    pub fn extend(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    fn has(&self, purl: &str) -> bool {
        let url = purl.split(['?', '#']).next().unwrap_or_default();
        let bare = without_version(url);
        self.0.iter().any(|pattern| pattern.matches(bare) || pattern.matches(url))
    }
}

/// A package URL without version and qualifiers.
pub(crate) fn without_version(purl: &str) -> &str {
    let url = purl.split(['?', '#']).next().unwrap_or_default();
    let name = url.rfind('/').unwrap_or_default();
    url[name..].find('@').map_or(url, |at| &url[..name + at])
}

impl Approvals {
    /// Whether anything is said at all.
    pub fn is_empty(&self) -> bool {
        self.licenses.is_none() && self.libraries.is_none() && self.denied.0.is_empty()
    }

    /// Judges the packages of an image. What came with a base that is approved is approved with it, unless it is refused by
    /// name; what belongs to a package of the distribution is part of that package.
    pub fn judge(&self, image: &Image) -> Dependencies {
        let base = image.base.as_ref().map_or(0, |found| found.base.layers.len());
        let mut packages: BTreeMap<&str, &Package> = BTreeMap::new();
        for package in image.packages.iter().filter(|package| package.owner.is_none()) {
            // Of a package that is there and in a lock file, what is there says more.
            let known = packages.entry(&package.purl).or_insert(package);
            if known.licenses.is_empty() && !package.licenses.is_empty() {
                *known = package;
            }
        }
        let unapproved = packages.values().filter_map(|package| {
            let why = self.objection(package, package.layer < base)?;
            let licenses = crate::bill::licenses(package.licenses.iter().map(AsRef::as_ref));
            let licenses = licenses.iter().map(|license| license.as_str().to_owned()).collect();
            Some(Unapproved { purl: package.purl.clone(), licenses, why })
        });
        Dependencies {
            total: packages.len(),
            unlicensed: packages.values().filter(|package| package.licenses.is_empty()).count(),
            unapproved: unapproved.collect(),
        }
    }

    fn objection(&self, package: &Package, from_base: bool) -> Option<Objection> {
        if self.denied.has(&package.purl) {
            return Some(Objection::Denied);
        }
        if from_base {
            return None;
        }
        if self.libraries.as_ref().is_some_and(|libraries| !libraries.has(&package.purl)) {
            return Some(Objection::Library);
        }
        let listed = self.licenses.as_ref()?;
        if package.licenses.is_empty() {
            return Some(Objection::Unlicensed);
        }
        // All that a package declares holds.
        let approved = package.licenses.iter().all(|text| listed.approves(&Expression::parse(text)));
        (!approved).then_some(Objection::License)
    }
}

impl Dependencies {
    /// Those that are approved.
    pub fn approved(&self) -> usize {
        self.total - self.unapproved.len()
    }

    /// What policies see of it.
    pub(crate) fn document(&self) -> Value {
        let count = |number: usize| Value::from(i64::try_from(number).unwrap_or(i64::MAX));
        let unapproved = self.unapproved.iter().take(MAX_NAMED).map(|package| {
            Value::object([
                ("purl", Value::from(package.purl.as_str())),
                ("licenses", Value::array(package.licenses.iter().map(|license| Value::from(license.as_str())))),
                ("why", package.why.as_str().into()),
            ])
        });
        Value::object([
            ("total", count(self.total)),
            ("approved", count(self.approved())),
            ("unapproved", count(self.unapproved.len())),
            ("unlicensed", count(self.unlicensed)),
            ("unapproved_list", Value::array(unapproved)),
        ])
    }
}
