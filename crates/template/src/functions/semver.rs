//! Versions and what is asked of them, as the Go package `Masterminds/semver` has it.

use std::cmp::Ordering;
use std::rc::Rc;

use super::{Table, exactly, string};
use crate::datum::{Datum, Native};

pub(super) const TABLE: Table = &[
    ("semver", |args| {
        let [text] = exactly(args)?;
        let text = string(text)?;
        let version = Version::parse(text).ok_or("Invalid Semantic Version")?;
        Ok(Datum::Native(Rc::new(Shown { version, original: text.to_owned() })))
    }),
    ("semverCompare", |args| {
        let [constraint, version] = exactly(args)?;
        let constraint = Constraint::parse(string(constraint)?).ok_or("improper constraint")?;
        let version = Version::parse(string(version)?).ok_or("Invalid Semantic Version")?;
        Ok(constraint.accepts(&version).into())
    }),
];

/// A version; minor and patch number may be left out when it is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    numbers: [u64; 3],
    pre_release: String,
    metadata: String,
}

impl Version {
    /// Reads a version such as `v1.20` or `1.2.3-rc.1+build`.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.strip_prefix('v').unwrap_or(text);
        let (text, metadata) = text.split_once('+').unwrap_or((text, ""));
        let (numbers, pre_release) = text.split_once('-').unwrap_or((text, ""));
        let parts: Vec<&str> = numbers.split('.').collect();
        if parts.len() > 3 || text.ends_with('-') {
            return None;
        }
        let mut numbers = [0; 3];
        for (number, part) in numbers.iter_mut().zip(parts) {
            *number = part.bytes().all(|byte| byte.is_ascii_digit()).then(|| part.parse().ok()).flatten()?;
        }
        let is_identifier = |text: &str| {
            text.split('.')
                .all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-'))
        };
        let valid = [pre_release, metadata].iter().all(|part| part.is_empty() || is_identifier(part));
        valid.then(|| Self { numbers, pre_release: pre_release.to_owned(), metadata: metadata.to_owned() })
    }

    fn compare(&self, other: &Self) -> Ordering {
        self.numbers.cmp(&other.numbers).then_with(|| {
            match (self.pre_release.is_empty(), other.pre_release.is_empty()) {
                (true, true) => Ordering::Equal,
                (true, false) => Ordering::Greater,
                (false, true) => Ordering::Less,
                (false, false) => pre_release_order(&self.pre_release, &other.pre_release),
            }
        })
    }
}

impl std::fmt::Display for Version {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [major, minor, patch] = self.numbers;
        write!(f, "{major}.{minor}.{patch}")?;
        if !self.pre_release.is_empty() {
            write!(f, "-{}", self.pre_release)?;
        }
        if !self.metadata.is_empty() {
            write!(f, "+{}", self.metadata)?;
        }
        Ok(())
    }
}

fn pre_release_order(a: &str, b: &str) -> Ordering {
    let (mut left, mut right) = (a.split('.'), b.split('.'));
    loop {
        let order = match (left.next(), right.next()) {
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => return Ordering::Less,
            (Some(_), None) => return Ordering::Greater,
            (Some(a), Some(b)) => match (a.parse::<u64>(), b.parse::<u64>()) {
                (Ok(a), Ok(b)) => a.cmp(&b),
                (Ok(_), Err(_)) => Ordering::Less,
                (Err(_), Ok(_)) => Ordering::Greater,
                (Err(_), Err(_)) => a.cmp(b),
            },
        };
        if order != Ordering::Equal {
            return order;
        }
    }
}

/// What is asked of a version: `>=1.19-0`, `^1.2 || ~3.0`, `1.x`, `1.2 - 2.3`.
#[derive(Debug, Clone)]
pub struct Constraint(Vec<Vec<Term>>);

#[derive(Debug, Clone)]
struct Term {
    operator: Operator,
    version: Version,
    /// Which parts were left open: anything at all, the minor number, the patch number.
    is_open: bool,
    minor_open: bool,
    patch_open: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    Equal,
    NotEqual,
    Greater,
    Less,
    GreaterOrEqual,
    LessOrEqual,
    Tilde,
    Caret,
}

/// Longer ones first.
const OPERATORS: [(&str, Operator); 12] = [
    ("!=", Operator::NotEqual),
    (">=", Operator::GreaterOrEqual),
    ("=>", Operator::GreaterOrEqual),
    ("<=", Operator::LessOrEqual),
    ("=<", Operator::LessOrEqual),
    ("~>", Operator::Tilde),
    ("=", Operator::Equal),
    (">", Operator::Greater),
    ("<", Operator::Less),
    ("~", Operator::Tilde),
    ("^", Operator::Caret),
    ("", Operator::Equal),
];

impl Constraint {
    /// Reads what is asked.
    pub fn parse(text: &str) -> Option<Self> {
        text.split("||").map(group).collect::<Option<Vec<_>>>().map(Self)
    }

    /// Whether the version is one of those asked for.
    pub fn accepts(&self, version: &Version) -> bool {
        self.0.iter().any(|group| {
            let pre_releases = group.iter().any(|term| !term.version.pre_release.is_empty());
            group.iter().all(|term| term.accepts(version, pre_releases))
        })
    }
}

fn group(text: &str) -> Option<Vec<Term>> {
    let mut words: Vec<String> = Vec::new();
    for word in text.replace(',', " ").split_whitespace() {
        match words.last_mut() {
            // An operator may stand apart from its version.
            Some(last) if last.chars().all(|c| "=!<>~^".contains(c)) => last.push_str(word),
            _ => words.push(word.to_owned()),
        }
    }
    let mut terms = Vec::new();
    let mut words = words.into_iter().peekable();
    while let Some(word) = words.next() {
        if words.peek().is_some_and(|next| next == "-") {
            words.next();
            terms.push(term(&format!(">={word}"))?);
            terms.push(term(&format!("<={}", words.next()?))?);
        } else {
            terms.push(term(&word)?);
        }
    }
    (!terms.is_empty()).then_some(terms)
}

fn term(text: &str) -> Option<Term> {
    let (rest, operator) = OPERATORS.iter().find_map(|(sign, operator)| Some((text.strip_prefix(sign)?, *operator)))?;
    let rest = rest.strip_prefix('v').unwrap_or(rest);
    let end = rest.find(['-', '+']).unwrap_or(rest.len());
    let (numbers, tail) = rest.split_at(end);
    let mut parts = numbers.split('.');
    let is_open = |part: Option<&str>| part.is_none_or(|part| matches!(part, "x" | "X" | "*" | ""));
    let (major, minor, patch) = (parts.next(), parts.next(), parts.next());
    if parts.next().is_some() {
        return None;
    }
    let (text, major_open, minor_open, patch_open) = if is_open(major) {
        ("0.0.0".to_owned(), true, false, false)
    } else if is_open(minor) {
        (format!("{}.0.0", major?), false, true, false)
    } else if is_open(patch) {
        (format!("{}.{}.0", major?, minor?), false, false, true)
    } else {
        (numbers.to_owned(), false, false, false)
    };
    let version = Version::parse(&format!("{text}{tail}"))?;
    Some(Term { operator, version, is_open: major_open || minor_open || patch_open, minor_open, patch_open })
}

impl Term {
    fn accepts(&self, version: &Version, pre_releases: bool) -> bool {
        if !version.pre_release.is_empty() && !pre_releases {
            return false;
        }
        let order = version.compare(&self.version);
        let ([major, minor, patch], [own_major, own_minor, own_patch]) = (version.numbers, self.version.numbers);
        match self.operator {
            Operator::Equal if self.is_open => self.tilde(version, order),
            Operator::Equal => order == Ordering::Equal,
            Operator::Tilde => self.tilde(version, order),
            Operator::Caret => self.caret(version, order),
            Operator::GreaterOrEqual => order != Ordering::Less,
            Operator::Less => order == Ordering::Less,
            Operator::Greater if !self.is_open => order == Ordering::Greater,
            Operator::Greater => match () {
                () if major != own_major => major > own_major,
                () if self.minor_open => false,
                () if self.patch_open => minor > own_minor,
                () => true,
            },
            Operator::LessOrEqual if !self.is_open => order != Ordering::Greater,
            Operator::LessOrEqual => {
                !(major > own_major || major == own_major && minor > own_minor && !self.minor_open)
            }
            Operator::NotEqual if self.is_open => {
                major != own_major || !self.minor_open && (minor != own_minor || !self.patch_open && patch != own_patch)
            }
            Operator::NotEqual => order != Ordering::Equal,
        }
    }

    fn tilde(&self, version: &Version, order: Ordering) -> bool {
        if order == Ordering::Less {
            return false;
        }
        if self.version.numbers == [0, 0, 0] && !self.minor_open && !self.patch_open {
            return true;
        }
        let ([major, minor, _], [own_major, own_minor, _]) = (version.numbers, self.version.numbers);
        major == own_major && (minor == own_minor || self.minor_open)
    }

    fn caret(&self, version: &Version, order: Ordering) -> bool {
        let ([major, minor, patch], [own_major, own_minor, own_patch]) = (version.numbers, self.version.numbers);
        match () {
            () if order == Ordering::Less => false,
            () if own_major > 0 || self.minor_open => major == own_major,
            () if major > 0 => false,
            () if own_minor > 0 || self.patch_open => minor == own_minor,
            () if minor > 0 => false,
            () => patch == own_patch,
        }
    }
}

/// A version in a template.
struct Shown {
    version: Version,
    original: String,
}

impl Native for Shown {
    fn type_name(&self) -> &'static str {
        "*semver.Version"
    }

    fn member(&self, name: &str, arguments: &[Datum]) -> Result<Option<Datum>, String> {
        let number = |at: usize| Some(Datum::Int64(i64::try_from(self.version.numbers[at]).unwrap_or(i64::MAX)));
        Ok(match (name, arguments) {
            ("Major", []) => number(0),
            ("Minor", []) => number(1),
            ("Patch", []) => number(2),
            ("Prerelease", []) => Some(self.version.pre_release.as_str().into()),
            ("Metadata", []) => Some(self.version.metadata.as_str().into()),
            ("Original", []) => Some(self.original.as_str().into()),
            ("String", []) => Some(self.text().into()),
            ("Compare", [Datum::Native(other)]) => {
                let other = Version::parse(&other.text()).ok_or("not a version")?;
                Some(Datum::Int(self.version.compare(&other) as i64))
            }
            _ => None,
        })
    }

    fn text(&self) -> String {
        self.version.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constraints() {
        for (constraint, version, expected) in [
            (">=1.19-0", "v1.20.0", true),
            (">=1.19-0", "v1.28.3-gke.100", true),
            (">=1.19", "v1.28.3-gke.100", false),
            ("<1.21-0", "1.20.15", true),
            ("^1.2", "1.9.0", true),
            ("^1.2", "2.0.0", false),
            ("^0.2.3", "0.2.9", true),
            ("^0.2.3", "0.3.0", false),
            ("~1.2.3", "1.2.9", true),
            ("~1.2.3", "1.3.0", false),
            ("1.2.x", "1.2.7", true),
            ("*", "9.9.9", true),
            ("> 1.19, <= 1.21", "1.21.5", true),
            ("> 1.19, <= 1.21", "1.22.0", false),
            (">1.11", "1.11.1", false),
            ("1.2 - 1.4", "1.4.9", true),
            ("1.2 - 1.4", "1.5.0", false),
            ("^1.0 || ^3.0", "3.1.0", true),
            ("!=1.2.x", "1.2.3", false),
            ("!=1.2.x", "1.3.3", true),
        ] {
            let found = Constraint::parse(constraint).unwrap().accepts(&Version::parse(version).unwrap());
            assert_eq!(found, expected, "{version} {constraint}");
        }
        assert!(Constraint::parse("nonsense").is_none());
        assert!(Version::parse("1.2.3.4").is_none());
    }
}
