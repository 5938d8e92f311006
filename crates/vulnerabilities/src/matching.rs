//! Whether a version is one of those that an advisory is about (OSV schema, "Evaluation").

use std::cmp::Ordering;

use crate::advisory::{Event, Range, Record};
use crate::version::{Scheme, Version, VersionError};

/// What a record says of a version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Match {
    /// It is about this version; these later versions mend it, the nearest first.
    Affected {
        /// As their publisher writes them.
        fixed: Vec<String>,
    },
    /// It is not.
    Unaffected,
    /// A version in it cannot be compared, so it is not known.
    Undecided {
        /// Which, and why.
        reason: String,
    },
}

/// Whether a record is about a version of a package whose versions are of `scheme`.
pub fn matches(scheme: Scheme, record: &Record, text: &str, version: &Version) -> Match {
    let affected = || Match::Affected { fixed: fixed_after(scheme, &record.ranges, text, version) };
    let mut undecided = None;
    for range in &record.ranges {
        match Span::new(scheme, range).and_then(|span| span.has(scheme, text, version)) {
            Ok(true) => return affected(),
            Ok(false) => {}
            Err(error) => undecided = Some(error.to_string()),
        }
    }
    // A listed version is the same however it is written.
    let same = |listed: &String| {
        listed == text || scheme.parse(listed).is_ok_and(|listed| listed.compare(version) == Some(Ordering::Equal))
    };
    if record.versions.iter().any(same) {
        return affected();
    }
    undecided.map_or(Match::Unaffected, |reason| Match::Undecided { reason })
}

/// The versions of a list that no span has.
pub(crate) fn outside(scheme: Scheme, ranges: &[Range], versions: &[String]) -> Vec<String> {
    let spans: Vec<Span> = ranges.iter().filter_map(|range| Span::new(scheme, range).ok()).collect();
    let within = |text: &str| {
        let Ok(version) = scheme.parse(text) else { return false };
        spans.iter().any(|span| span.has(scheme, text, &version) == Ok(true))
    };
    versions.iter().filter(|version| !within(version)).cloned().collect()
}

/// Semantic versions are compared as such, whatever the ecosystem.
fn scheme_of(scheme: Scheme, range: &Range) -> Scheme {
    match scheme {
        Scheme::Go | Scheme::Bitnami => scheme,
        _ if range.semver => Scheme::SemVer,
        _ => scheme,
    }
}

/// A range whose events were read and sorted.
struct Span<'r> {
    scheme: Scheme,
    /// Versions of `None` are before all versions.
    events: Vec<(Option<Version>, &'r Event)>,
    /// `None` is behind all versions.
    limits: Vec<Option<Version>>,
}

impl<'r> Span<'r> {
    fn new(scheme: Scheme, range: &'r Range) -> Result<Self, VersionError> {
        let scheme = scheme_of(scheme, range);
        let (mut events, mut limits) = (Vec::new(), Vec::new());
        let read = |at: &str, outside: &str| if at == outside { Ok(None) } else { scheme.parse(at).map(Some) };
        for event in &range.events {
            match event {
                Event::Introduced(at) | Event::Fixed(at) | Event::LastAffected(at) => {
                    events.push((read(at, "0")?, event));
                }
                Event::Limit(at) => limits.push(read(at, "*")?),
            }
        }
        events.sort_by(|(left, one), (right, other)| {
            let order = match (left, right) {
                (Some(left), Some(right)) => left.compare(right).unwrap_or(Ordering::Equal),
                (left, right) => left.is_some().cmp(&right.is_some()),
            };
            order.then(rank(one).cmp(&rank(other)))
        });
        Ok(Self { scheme, events, limits })
    }

    /// `version` is `text` as `scheme` reads it.
    fn has(&self, scheme: Scheme, text: &str, version: &Version) -> Result<bool, VersionError> {
        let own;
        let version = if self.scheme == scheme {
            version
        } else {
            own = self.scheme.parse(text)?;
            &own
        };
        let below =
            |limit: &Option<Version>| limit.as_ref().is_none_or(|limit| version.compare(limit) == Some(Ordering::Less));
        if !self.limits.is_empty() && !self.limits.iter().any(below) {
            return Ok(false);
        }
        Ok(self.events.iter().fold(false, |affected, (point, event)| {
            let order =
                point.as_ref().map_or(Ordering::Greater, |point| version.compare(point).unwrap_or(Ordering::Equal));
            match event {
                Event::Introduced(_) => affected || order.is_ge(),
                Event::Fixed(_) => affected && order.is_lt(),
                Event::LastAffected(_) => affected && order.is_le(),
                Event::Limit(_) => affected,
            }
        }))
    }
}

/// At one version, a last one that is affected comes behind one that brings it in: it may be the only one.
fn rank(event: &Event) -> u8 {
    u8::from(matches!(event, Event::LastAffected(_)))
}

/// The versions behind this one that mend it, the nearest first.
fn fixed_after(scheme: Scheme, ranges: &[Range], text: &str, version: &Version) -> Vec<String> {
    let mut fixed: Vec<(Version, &String)> = Vec::new();
    for range in ranges {
        let own = scheme_of(scheme, range);
        let version = if own == scheme { Some(version.clone()) } else { own.parse(text).ok() };
        let Some(version) = version else { continue };
        for event in &range.events {
            let Event::Fixed(at) = event else { continue };
            if let Ok(point) = own.parse(at)
                && point.compare(&version) == Some(Ordering::Greater)
            {
                fixed.push((point, at));
            }
        }
    }
    fixed.sort_by(|(left, one), (right, other)| left.compare(right).unwrap_or_else(|| one.cmp(other)));
    let mut texts: Vec<String> = fixed.into_iter().map(|(_, text)| text.clone()).collect();
    texts.dedup();
    texts
}

#[cfg(test)]
mod tests {
    use super::{Match, matches, outside};
    use crate::advisory::{Event, Range, Record};
    use crate::version::Scheme;

    fn range(semver: bool, events: &str) -> Range {
        let event = |word: &str| {
            let (kind, version) = word.split_once('=').expect("kind=version");
            let version = version.to_owned();
            match kind {
                "introduced" => Event::Introduced(version),
                "fixed" => Event::Fixed(version),
                "last" => Event::LastAffected(version),
                "limit" => Event::Limit(version),
                other => panic!("no event: {other}"),
            }
        };
        Range { semver, events: events.split_whitespace().map(event).collect() }
    }

    fn decide(scheme: Scheme, record: &Record, version: &str) -> Match {
        matches(scheme, record, version, &scheme.parse(version).expect("a version"))
    }

    /// The examples of the schema's text, and corners of it.
    #[test]
    fn spans_begin_and_end_where_they_say() {
        let cases = [
            (Scheme::SemVer, "introduced=0 fixed=1.2.3", "0.0.1 1.2.2 1.2.3-rc.1", "1.2.3 2.0.0"),
            (
                Scheme::SemVer,
                "introduced=1.0.0 fixed=1.2.3 introduced=2.0.0 fixed=2.1.0",
                "1.0.0 2.0.5",
                "0.9.0 1.2.3 2.1.0",
            ),
            (
                Scheme::SemVer,
                "fixed=2.1.0 introduced=2.0.0 fixed=1.2.3 introduced=1.0.0",
                "1.0.0 2.0.5",
                "0.9.0 1.5.0 2.1.0",
            ),
            (Scheme::Pep440, "introduced=0 last=1.4", "1.4 1.4.0 1.4rc1", "1.4.post1 1.5"),
            (Scheme::Pep440, "last=1.4 introduced=1.4", "1.4", "1.3 1.5"),
            (Scheme::Dpkg, "introduced=0 fixed=1:2.3-4", "2.3-5 1:2.3-4~deb12u1", "1:2.3-4"),
            (Scheme::SemVer, "introduced=0 limit=2.0.0", "1.9.9", "2.0.0 3.0.0"),
            (Scheme::SemVer, "introduced=0 limit=*", "1.9.9 99.0.0", ""),
            (Scheme::SemVer, "introduced=1.0.0", "1.0.0 9.0.0", "0.9.9"),
            (Scheme::SemVer, "introduced=1.0.0 fixed=2.0.0 introduced=2.0.0 last=2.0.0", "1.5.0 2.0.0", "2.0.1"),
            (Scheme::SemVer, "fixed=2.0.0", "", "1.0.0 2.0.0"),
        ];
        for (scheme, events, affected, unaffected) in cases {
            let record = Record { ranges: vec![range(false, events)], ..Record::default() };
            for version in affected.split_whitespace() {
                assert!(matches!(decide(scheme, &record, version), Match::Affected { .. }), "{events}: {version}");
            }
            for version in unaffected.split_whitespace() {
                assert_eq!(decide(scheme, &record, version), Match::Unaffected, "{events}: {version}");
            }
        }
    }

    #[test]
    fn listed_versions_are_affected_besides_the_spans() {
        let record = Record {
            ranges: vec![range(false, "introduced=2.0 fixed=2.5 introduced=3.0 fixed=3.1")],
            versions: vec!["1.0".to_owned(), "nightly".to_owned()],
            ..Record::default()
        };
        let fixed = |versions: &[&str]| Match::Affected { fixed: versions.iter().map(|it| (*it).to_owned()).collect() };
        assert_eq!(decide(Scheme::Pep440, &record, "1.0.0"), fixed(&["2.5", "3.1"]));
        assert_eq!(decide(Scheme::Pep440, &record, "3.0.1"), fixed(&["3.1"]));
        assert_eq!(decide(Scheme::Pep440, &record, "1.1"), Match::Unaffected);
        let listed = ["1.0", "2.1", "2.5"].map(str::to_owned);
        assert_eq!(outside(Scheme::Pep440, &record.ranges, &listed), ["1.0", "2.5"]);
    }

    #[test]
    fn what_cannot_be_compared_is_undecided() {
        let record = Record { ranges: vec![range(false, "introduced=0 fixed=unknown")], ..Record::default() };
        assert!(matches!(decide(Scheme::Pep440, &record, "1.0"), Match::Undecided { .. }));
    }
}
