//! Semantic versions (semver.org, 2.0.0), let through with fewer or more numbers and a leading `v`.

use std::cmp::Ordering;

use super::{is_number, numbers, take_while};

#[derive(Debug, Clone)]
pub(super) struct Version {
    numbers: Vec<String>,
    pre_release: Vec<String>,
    /// Compared only where the ecosystem does.
    build: Vec<String>,
}

impl Version {
    pub(super) fn parse(text: &str) -> Result<Self, &'static str> {
        let text = text.trim_start_matches(['v', 'V', '=', ' ']);
        let (text, _) = text.split_once('+').unwrap_or((text, ""));
        let mut rest = text;
        let mut read = Vec::new();
        loop {
            let digits = take_while(&mut rest, |byte| byte.is_ascii_digit());
            if digits.is_empty() {
                break;
            }
            read.push(digits.to_owned());
            match rest.strip_prefix('.') {
                Some(after) if after.starts_with(|first: char| first.is_ascii_digit()) => rest = after,
                _ => break,
            }
        }
        if read.is_empty() {
            return Err("it does not start with a number");
        }
        let pre_release = identifiers(rest.trim_start_matches(['-', '.']))?;
        Ok(Self { numbers: read, pre_release, build: Vec::new() })
    }

    /// Go's toolchain calls its releases `go1.21rc2`, and adds words of who built it after a blank or a dash.
    pub(super) fn parse_go(text: &str) -> Result<Self, &'static str> {
        let Some(release) = text.strip_prefix("go").or_else(|| is_release_candidate(text).then_some(text)) else {
            return Self::parse(text);
        };
        let release = release.split([' ', '-']).next().unwrap_or(release);
        let mut rest = release;
        let digits = take_while(&mut rest, |byte| byte.is_ascii_digit() || byte == b'.');
        let stage = take_while(&mut rest, |byte| byte.is_ascii_lowercase());
        match stage {
            "" => Self::parse(digits),
            _ => Self::parse(&format!("{digits}-{stage}.{rest}")),
        }
    }

    /// In Pub, what a version was built from counts.
    pub(super) fn parse_pub(text: &str) -> Result<Self, &'static str> {
        let build = text.split_once('+').map(|(_, build)| identifiers(build)).transpose()?.unwrap_or_default();
        Ok(Self { build, ..Self::parse(text)? })
    }

    /// Bitnami's revision comes after the version it is a revision of.
    pub(super) fn parse_bitnami(text: &str) -> Result<Self, &'static str> {
        let version = Self::parse(text)?;
        match version.pre_release.as_slice() {
            [revision] if is_number(revision) => {
                Ok(Self { build: version.pre_release, pre_release: Vec::new(), numbers: version.numbers })
            }
            _ => Ok(version),
        }
    }

    pub(super) fn compare(&self, other: &Self) -> Ordering {
        release(&self.numbers, &other.numbers)
            .then_with(|| match (self.pre_release.is_empty(), other.pre_release.is_empty()) {
                (true, false) => Ordering::Greater,
                (false, true) => Ordering::Less,
                _ => compare_identifiers(&self.pre_release, &other.pre_release),
            })
            .then_with(|| compare_identifiers(&self.build, &other.build))
    }
}

/// Whether a text is a release of Go's toolchain that is none of semantic versions: `1.21rc2`, `1.18beta1`.
fn is_release_candidate(text: &str) -> bool {
    let mut rest = text;
    let numbers = take_while(&mut rest, |byte| byte.is_ascii_digit() || byte == b'.');
    !numbers.is_empty() && (rest.starts_with("rc") || rest.starts_with("beta"))
}

fn identifiers(text: &str) -> Result<Vec<String>, &'static str> {
    if text.is_empty() {
        return Ok(Vec::new());
    }
    if text.contains(|letter: char| letter.is_whitespace() || letter.is_control()) {
        return Err("it has a blank in it");
    }
    Ok(text.split('.').map(str::to_owned).collect())
}

/// Numbers that are not there are zeros.
pub(super) fn release(left: &[String], right: &[String]) -> Ordering {
    let length = left.len().max(right.len());
    let number = |of: &[String], at: usize| of.get(at).map_or_else(String::new, Clone::clone);
    (0..length)
        .map(|at| numbers(&number(left, at), &number(right, at)))
        .find(|order| order.is_ne())
        .unwrap_or(Ordering::Equal)
}

/// Numbers come before words; of two lists that begin alike the longer is later.
pub(super) fn compare_identifiers(left: &[String], right: &[String]) -> Ordering {
    let pairs = left.iter().zip(right).map(|(one, other)| match (is_number(one), is_number(other)) {
        (true, true) => numbers(one, other),
        (true, false) => Ordering::Less,
        (false, true) => Ordering::Greater,
        (false, false) => one.cmp(other),
    });
    pairs.into_iter().find(|order| order.is_ne()).unwrap_or_else(|| left.len().cmp(&right.len()))
}
