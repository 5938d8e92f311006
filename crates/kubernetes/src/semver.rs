//! Semantic versions, and ranges of them as the Go package `blang/semver` has them: `>=1.0.0 <2.0.0 || 3.1.x`.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

/// A version (semver.org, 2.0.0). What is built from (`+...`) does not count in comparisons.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    numbers: [u64; 3],
    pre_release: Vec<Identifier>,
    build: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Identifier {
    Number(u64),
    Text(String),
}

/// A text that is no version or no range.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct VersionError(String);

impl Version {
    /// Major, minor and patch.
    pub fn numbers(&self) -> [u64; 3] {
        self.numbers
    }

    /// Which comes first. Unlike `==`, says nothing of what a version was built from.
    pub fn compare(&self, other: &Self) -> Ordering {
        let releases = || match (self.pre_release.is_empty(), other.pre_release.is_empty()) {
            (true, true) => Ordering::Equal,
            (true, false) => Ordering::Greater,
            (false, true) => Ordering::Less,
            (false, false) => self.pre_release.cmp(&other.pre_release),
        };
        self.numbers.cmp(&other.numbers).then_with(releases)
    }

    /// A version with less form: blanks around it, a `v` before it, one or two numbers, zeros before numbers.
    pub fn parse_tolerant(text: &str) -> Result<Self, VersionError> {
        let text = text.trim();
        let text = text.strip_prefix('v').unwrap_or(text);
        let mut parts: Vec<String> = text.splitn(3, '.').map(without_zeros).collect();
        if parts.len() < 3 && parts.last().is_some_and(|last| last.contains(['+', '-'])) {
            return Err(VersionError("Short version cannot contain PreRelease/Build meta data".to_owned()));
        }
        parts.resize(3, "0".to_owned());
        parts.join(".").parse()
    }
}

fn without_zeros(part: &str) -> String {
    let trimmed = part.trim_start_matches('0');
    if part.len() < 2 || trimmed.starts_with(|first: char| first.is_ascii_digit()) {
        return if part.len() < 2 { part.to_owned() } else { trimmed.to_owned() };
    }
    format!("0{trimmed}")
}

impl FromStr for Version {
    type Err = VersionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.is_empty() {
            return Err(VersionError("Version string empty".to_owned()));
        }
        let mut parts = text.splitn(3, '.');
        let (Some(major), Some(minor), Some(rest)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(VersionError("No Major.Minor.Patch elements found".to_owned()));
        };
        let (rest, build) = rest.split_once('+').map_or((rest, None), |(rest, build)| (rest, Some(build)));
        let (patch, pre) = rest.split_once('-').map_or((rest, None), |(patch, pre)| (patch, Some(pre)));
        let numbers = [number("Major", major)?, number("Minor", minor)?, number("Patch", patch)?];
        let pre_release = pre.map(|pre| pre.split('.').map(identifier).collect()).transpose()?.unwrap_or_default();
        let build = build.map(|build| build.split('.').map(built_from).collect()).transpose()?.unwrap_or_default();
        Ok(Self { numbers, pre_release, build })
    }
}

fn is_number(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_identifier(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

fn number(which: &str, text: &str) -> Result<u64, VersionError> {
    if !is_number(text) {
        return Err(VersionError(format!("Invalid character(s) found in {} number {text:?}", which.to_lowercase())));
    }
    if text.len() > 1 && text.starts_with('0') {
        return Err(VersionError(format!("{which} number must not contain leading zeroes {text:?}")));
    }
    text.parse().map_err(|_| VersionError(format!("{which} number is missing or too large: {text:?}")))
}

fn identifier(text: &str) -> Result<Identifier, VersionError> {
    if text.is_empty() {
        return Err(VersionError("Prerelease is empty".to_owned()));
    }
    if !is_identifier(text) {
        return Err(VersionError(format!("Invalid character(s) found in prerelease {text:?}")));
    }
    if !is_number(text) {
        return Ok(Identifier::Text(text.to_owned()));
    }
    if text.len() > 1 && text.starts_with('0') {
        return Err(VersionError(format!("Numeric PreRelease version must not contain leading zeroes {text:?}")));
    }
    let number = text.parse().map_err(|_| VersionError(format!("prerelease number is too large: {text:?}")))?;
    Ok(Identifier::Number(number))
}

fn built_from(text: &str) -> Result<String, VersionError> {
    if text.is_empty() {
        return Err(VersionError("Build meta data is empty".to_owned()));
    }
    if !is_identifier(text) {
        return Err(VersionError(format!("Invalid character(s) found in build meta data {text:?}")));
    }
    Ok(text.to_owned())
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [major, minor, patch] = self.numbers;
        write!(f, "{major}.{minor}.{patch}")?;
        for (position, identifier) in self.pre_release.iter().enumerate() {
            f.write_str(if position == 0 { "-" } else { "." })?;
            match identifier {
                Identifier::Number(number) => write!(f, "{number}")?,
                Identifier::Text(text) => f.write_str(text)?,
            }
        }
        for (position, part) in self.build.iter().enumerate() {
            f.write_str(if position == 0 { "+" } else { "." })?;
            f.write_str(part)?;
        }
        Ok(())
    }
}

/// Alternatives, each of comparisons that all must hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Range(Vec<Vec<(Operator, Version)>>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    Equal,
    NotEqual,
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
}

impl Operator {
    fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "" | "=" | "==" => Self::Equal,
            "!" | "!=" => Self::NotEqual,
            ">" => Self::Greater,
            ">=" => Self::GreaterOrEqual,
            "<" => Self::Less,
            "<=" => Self::LessOrEqual,
            _ => return None,
        })
    }

    fn holds(self, order: Ordering) -> bool {
        match self {
            Self::Equal => order.is_eq(),
            Self::NotEqual => order.is_ne(),
            Self::Greater => order.is_gt(),
            Self::GreaterOrEqual => order.is_ge(),
            Self::Less => order.is_lt(),
            Self::LessOrEqual => order.is_le(),
        }
    }
}

impl Range {
    /// Whether the version is in the range.
    pub fn contains(&self, version: &Version) -> bool {
        self.0.iter().any(|all| all.iter().all(|(operator, bound)| operator.holds(version.compare(bound))))
    }
}

impl FromStr for Range {
    type Err = VersionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let words = words(text);
        if words.first().is_some_and(|word| word == "||") {
            return Err(VersionError("First element in range is '||'".to_owned()));
        }
        let mut alternatives = Vec::new();
        for words in words.split(|word| word == "||") {
            let mut all = Vec::new();
            for word in words {
                comparisons(word, &mut all)?;
            }
            alternatives.push(all);
        }
        if alternatives.last().is_none_or(Vec::is_empty) {
            return Err(VersionError("Last element in range is '||'".to_owned()));
        }
        if alternatives.iter().any(Vec::is_empty) {
            return Err(VersionError(format!("Could not parse Range {text:?}: nothing between '||' and '||'")));
        }
        Ok(Self(alternatives))
    }
}

/// The comparisons with their operators drawn to their versions. A word of one character is dropped, as there.
fn words(text: &str) -> Vec<String> {
    let (mut words, mut word, mut last) = (Vec::new(), String::new(), ' ');
    let mut take = |word: &mut String| {
        let taken = std::mem::take(word);
        if taken.len() > 1 {
            words.push(taken);
        }
    };
    for character in text.chars() {
        if character != ' ' {
            word.push(character);
            last = character;
        } else if !matches!(last, '>' | '<' | '=') {
            take(&mut word);
        }
    }
    take(&mut word);
    words
}

/// What a comparison says, one with an `x` for a number written out.
fn comparisons(word: &str, all: &mut Vec<(Operator, Version)>) -> Result<(), VersionError> {
    let at = word
        .find(|character: char| character.is_ascii_digit())
        .ok_or_else(|| VersionError(format!("Could not get version from string: {word:?}")))?;
    let (operator, version) = word.split_at(at);
    let known = Operator::parse(operator).ok_or_else(|| {
        VersionError(format!("Could not parse Range {word:?}: Could not parse comparator {operator:?}"))
    })?;
    let parse = |version: &str| -> Result<Version, VersionError> {
        let failed = |error| {
            VersionError(format!(
                "Could not parse Range {word:?}: Could not parse version {version:?} in {word:?}: {error}"
            ))
        };
        version.parse().map_err(failed)
    };
    if !word.contains('x') {
        all.push((known, parse(version)?));
        return Ok(());
    }
    let flat = flattened(version);
    let (lower, upper) = (parse(&flat)?, || parse(&raised(version, &flat)));
    match known {
        Operator::Greater => all.push((Operator::GreaterOrEqual, upper()?)),
        Operator::GreaterOrEqual => all.push((Operator::GreaterOrEqual, lower)),
        Operator::Less => all.push((Operator::Less, lower)),
        Operator::LessOrEqual => all.push((Operator::Less, upper()?)),
        Operator::Equal => all.extend([(Operator::GreaterOrEqual, lower), (Operator::Less, upper()?)]),
        // Both must hold there too, so nothing is in such a range.
        Operator::NotEqual => all.extend([(Operator::Less, lower), (Operator::GreaterOrEqual, upper()?)]),
    }
    Ok(())
}

/// `1.2.x` as `1.2.0`, `1.x` and `1.x.x` as `1.0.0`.
fn flattened(version: &str) -> String {
    let flat = version.replacen(".x.x", ".x", 1).replacen(".x", ".0", 1);
    if flat.matches('.').count() == 1 { format!("{flat}.0") } else { flat }
}

/// The next version that `x` does not stand for; nothing that is a version when there is none.
fn raised(version: &str, flat: &str) -> String {
    let mut parts: Vec<String> = flat.split('.').map(str::to_owned).collect();
    let raised = match (version.rsplit('.').next(), version.split('.').count()) {
        (Some("x"), 3) => 1,
        (Some("x"), 2) => 0,
        _ => return String::new(),
    };
    let next = parts.get(raised).and_then(|part| part.parse::<u64>().ok()).and_then(|part| part.checked_add(1));
    let Some(next) = next else { return String::new() };
    parts[raised] = next.to_string();
    parts.join(".")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn versions_are_ordered() {
        let ordered = ["0.9.0", "1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta", "1.0.0-beta.2", "1.0.0-beta.11"];
        let ordered = ordered.iter().chain(&["1.0.0-rc.1", "1.0.0", "1.0.1", "1.10.0"]);
        let versions: Vec<Version> = ordered.map(|text| text.parse().unwrap()).collect();
        assert!(versions.is_sorted_by(|a, b| a.compare(b).is_lt()), "{versions:?}");
        let built: Version = "1.0.0+linux".parse().unwrap();
        assert!(built.compare(&"1.0.0".parse().unwrap()).is_eq());
    }

    #[test]
    fn what_is_no_version() {
        for text in ["", "1", "1.2", "v1.2.3", "01.2.3", "1.2.3-", "1.2.3-01", "1.2.3+", "1.2.x", "1..3", "1.2.3-ä"] {
            assert!(text.parse::<Version>().is_err(), "{text}");
        }
    }

    #[test]
    fn tolerance() {
        for (text, expected) in [(" v1.2 ", "1.2.0"), ("1", "1.0.0"), ("01.002.0003", "1.2.3"), ("1.2.3-a", "1.2.3-a")]
        {
            assert_eq!(Version::parse_tolerant(text).unwrap().to_string(), expected);
        }
        assert!(Version::parse_tolerant("1.2-a").is_err());
    }

    #[test]
    fn ranges() {
        for (range, version, expected) in [
            (">=1.0.0", "1.0.0", true),
            (">=1.0.0", "0.9.9", false),
            ("> 1.0.0 <  2.0.0", "1.5.0", true),
            (">1.0.0 <2.0.0", "2.0.0", false),
            ("<2.0.0 || >=3.0.0", "3.1.0", true),
            ("<2.0.0 || >=3.0.0", "2.1.0", false),
            (">1.0.0 <3.0.0 !2.0.3-beta.2", "2.0.3-beta.2", false),
            ("1.2.3", "1.2.3+x", true),
            ("!=1.2.3", "1.2.3", false),
            ("1.2.x", "1.2.9", true),
            ("1.2.x", "1.3.0", false),
            ("1.x", "1.9.9", true),
            (">1.x", "1.9.9", false),
            (">1.x", "2.0.0", true),
            ("<=1.2.x", "1.2.7", true),
            ("<1.2.x", "1.2.0", false),
        ] {
            let version = version.parse().unwrap();
            assert_eq!(range.parse::<Range>().unwrap().contains(&version), expected, "{version} in {range}");
        }
    }

    #[test]
    fn what_is_no_range() {
        for text in ["", "||", "|| 1.0.0", "1.0.0 ||", "1.0.0 || || 2.0.0", "~1.0.0", ">=a", "x", ">=1.2"] {
            assert!(text.parse::<Range>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "[0-9x.<>=!| v+-]{0,16}") {
            let _ = text.parse::<Range>();
            let _ = Version::parse_tolerant(&text);
        }

        #[test]
        fn versions_read_what_they_write(numbers in any::<[u64; 3]>(), pre in "[a-z]{0,3}") {
            let [major, minor, patch] = numbers;
            let dash = if pre.is_empty() { "" } else { "-" };
            let text = format!("{major}.{minor}.{patch}{dash}{pre}");
            prop_assert_eq!(text.parse::<Version>().unwrap().to_string(), text);
        }
    }
}
