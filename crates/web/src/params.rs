//! What comes after the question mark of an address.

use std::convert::Infallible;
use std::fmt::Display;
use std::str::FromStr;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use jiff::Timestamp;
use jiff::ToSpan;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use probity_evidence_index::{
    AdmissionFilter, BuildFilter, DeploymentFilter, DriftFilter, Filter, ImageFilter, Page, Period, Scope,
};
use probity_evidence_ledger::DriftKind;

use crate::problem::{Kind, Problem};

/// The longest period that is asked for at once, in days.
const LONGEST: i32 = 3660;

/// How many days back pages look when no period is chosen.
const USUAL: i32 = 90;

/// The names of everything that narrows a list of decisions.
pub(crate) const FILTERS: &[&str] = &[
    "from",
    "to",
    "gate",
    "gate_kind",
    "environment",
    "service",
    "owner",
    "action",
    "outcome",
    "severity",
    "policy",
    "control",
    "framework",
    "subject_kind",
    "resource_type",
    "address",
    "text",
];

/// The parameters of a request. One that is there but empty, as forms send them, is as if it were not.
#[derive(Debug, Clone, Default)]
pub(crate) struct Params(Vec<(String, String)>);

impl<S: Sync> FromRequestParts<S> for Params {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::read(parts.uri.query().unwrap_or_default()))
    }
}

impl Params {
    pub(crate) fn read(query: &str) -> Self {
        let pairs = form_urlencoded::parse(query.as_bytes()).into_owned();
        Self(pairs.filter(|(_, value)| !value.trim().is_empty()).collect())
    }

    /// Refuses parameters that mean nothing: a filter with a typing error would answer for too much.
    pub(crate) fn only(&self, known: &[&[&str]]) -> Result<(), Problem> {
        for (at, (name, _)) in self.0.iter().enumerate() {
            if !known.iter().any(|known| known.contains(&name.as_str())) {
                return Err(bad(name, "there is no such parameter here"));
            }
            if self.0[..at].iter().any(|(before, _)| before == name) {
                return Err(bad(name, "it is given twice"));
            }
        }
        Ok(())
    }

    /// The parameter's text without space around it.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.trim())
    }

    /// All parameters but these.
    pub(crate) fn others<'p>(&'p self, but: &'p [&str]) -> impl Iterator<Item = (&'p str, &'p str)> {
        let all = self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        all.filter(|(name, _)| !but.contains(name))
    }

    fn owned(&self, name: &str) -> Option<String> {
        self.text(name).map(str::to_owned)
    }

    /// The parameter as what it stands for.
    pub(crate) fn parse<T: FromStr<Err: Display>>(&self, name: &str) -> Result<Option<T>, Problem> {
        self.text(name).map(|text| text.parse().map_err(|error| bad(name, error))).transpose()
    }

    /// From when, and before when; days stand for all of them.
    pub(crate) fn times(&self) -> Result<(Option<Timestamp>, Option<Timestamp>), Problem> {
        let from = self.text("from").map(|text| time("from", text, false)).transpose()?;
        Ok((from, self.text("to").map(|text| time("to", text, true)).transpose()?))
    }

    /// Which decisions are asked for.
    pub(crate) fn filter(&self) -> Result<Filter, Problem> {
        let (from, to) = self.times()?;
        let filter = Filter {
            from,
            to,
            gate: self.owned("gate"),
            gate_kind: self.parse("gate_kind")?,
            environment: self.owned("environment"),
            service: self.owned("service"),
            owner: self.owned("owner"),
            action: self.parse("action")?,
            outcome: self.parse("outcome")?,
            severity_at_least: self.parse("severity")?,
            policy: self.owned("policy"),
            control: self.owned("control"),
            framework: self.owned("framework"),
            subject_kind: self.owned("subject_kind"),
            resource_type: self.owned("resource_type"),
            address: self.owned("address"),
            text: self.owned("text"),
        };
        Ok(filter)
    }

    /// Which images are asked for, but for their time.
    pub(crate) fn images(&self) -> Result<ImageFilter, Problem> {
        let filter = ImageFilter { action: self.parse("action")?, ..ImageFilter::default() };
        Ok(match self.owned("image") {
            Some(image) if image.starts_with("sha256:") => ImageFilter { digest: Some(image), ..filter },
            image => ImageFilter { reference: image, ..filter },
        })
    }

    /// Which builds are asked for, but for their time.
    pub(crate) fn builds(&self) -> Result<BuildFilter, Problem> {
        Ok(BuildFilter {
            project: self.owned("project"),
            number: self.owned("number"),
            commit: self.owned("commit"),
            digest: self.owned("digest"),
            action: self.parse("action")?,
            ..BuildFilter::default()
        })
    }

    /// Which requests are asked for, but for their time.
    pub(crate) fn admissions(&self) -> Result<AdmissionFilter, Problem> {
        Ok(AdmissionFilter {
            cluster: self.owned("cluster"),
            namespace: self.owned("namespace"),
            environment: self.owned("environment"),
            user: self.owned("user"),
            kind: self.owned("kind"),
            name: self.owned("name"),
            image: self.owned("image"),
            object_digest: self.owned("object_digest"),
            operation: self.owned("operation"),
            outcome: self.parse("outcome")?,
            done: self.parse("done")?,
            ..AdmissionFilter::default()
        })
    }

    /// Which deployments are asked for, but for their time.
    pub(crate) fn deployments(&self) -> Result<DeploymentFilter, Problem> {
        Ok(DeploymentFilter {
            cluster: self.owned("cluster"),
            namespace: self.owned("namespace"),
            environment: self.owned("environment"),
            user: self.owned("user"),
            image: self.owned("image"),
            controllers: self.parse("controllers")?.unwrap_or(false),
            ..DeploymentFilter::default()
        })
    }

    /// Which changes are asked for, but for their time.
    pub(crate) fn drift(&self) -> Result<DriftFilter, Problem> {
        let what = |text: &str| {
            let known = DriftKind::ALL.into_iter().find(|what| what.as_str() == text);
            known.ok_or_else(|| bad("what", format!("`{text}` is no kind of change")))
        };
        Ok(DriftFilter {
            cluster: self.owned("cluster"),
            environment: self.owned("environment"),
            what: self.text("what").map(what).transpose()?,
            address: self.owned("address"),
            severity_at_least: self.parse("severity")?,
            ..DriftFilter::default()
        })
    }

    /// Which part of a list is asked for.
    pub(crate) fn page(&self, usual: usize) -> Result<Page, Problem> {
        let limit: usize = self.parse("limit")?.unwrap_or(usual);
        if limit == 0 || limit > Page::MAX {
            return Err(bad("limit", format!("write a number from 1 to {}", Page::MAX)));
        }
        Ok(Page { before: self.parse("before")?, limit })
    }

    /// The days asked for, and whether they were given: the last ninety when they were not.
    pub(crate) fn period(&self) -> Result<(Period, bool), Problem> {
        let last = self.parse::<Date>("to")?.unwrap_or_else(today);
        let usual = || last.checked_sub((USUAL - 1).days()).unwrap_or(last);
        let first = self.parse::<Date>("from")?.unwrap_or_else(usual);
        if first > last {
            return Err(bad("from", format!("{first} is after {last}")));
        }
        if last.checked_sub(LONGEST.days()).is_ok_and(|earliest| first < earliest) {
            return Err(bad("from", "the period is longer than ten years"));
        }
        Ok((Period::new(first, last), self.text("from").is_some() || self.text("to").is_some()))
    }

    /// The days and the environment that sums are made over.
    pub(crate) fn scope(&self) -> Result<Scope, Problem> {
        Ok(Scope { period: self.period()?.0, environment: self.owned("environment") })
    }
}

/// The day it is, in UTC as all days here.
pub(crate) fn today() -> Date {
    TimeZone::UTC.to_datetime(Timestamp::now()).date()
}

/// A time, or the start of a day; the end of the day where the days up to it are asked for.
fn time(name: &str, text: &str, end: bool) -> Result<Timestamp, Problem> {
    match text.parse::<Date>() {
        Ok(day) if !text.contains('T') => {
            let day = Period::new(day, day);
            Ok(if end { day.end() } else { day.start() })
        }
        _ => text.parse().map_err(|_| bad(name, "write a day, 2026-03-31, or a time, 2026-03-31T12:00:00Z")),
    }
}

pub(crate) fn bad(name: &str, what: impl Display) -> Problem {
    Problem::new(Kind::BadRequest, format!("`{name}`: {what}.")).with("parameter", name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_times_are_read() {
        for (query, from, to) in [
            ("from=2026-01-01&to=2026-03-31", "2026-01-01T00:00:00Z", "2026-04-01T00:00:00Z"),
            (
                "from=2026-01-01T12:00:00Z&to=2026-01-02T00:00:00%2B01:00",
                "2026-01-01T12:00:00Z",
                "2026-01-01T23:00:00Z",
            ),
        ] {
            let filter = Params::read(query).filter().unwrap();
            assert_eq!(filter.from, Some(from.parse().unwrap()), "{query}");
            assert_eq!(filter.to, Some(to.parse().unwrap()), "{query}");
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        let filter = |query: &str| Params::read(query).filter().map(|_| ());
        let period = |query: &str| Params::read(query).period().map(|_| ());
        let page = |query: &str| Params::read(query).page(50).map(|_| ());
        let only = |query: &str| Params::read(query).only(&[FILTERS]);
        for (name, read) in [
            ("from", filter("from=yesterday")),
            ("action", filter("action=explode")),
            ("severity", filter("severity=awful")),
            ("to", period("to=2026-02-30")),
            ("from", period("from=2026-02-02&to=2026-02-01")),
            ("from", period("from=0001-01-01")),
            ("limit", page("limit=0")),
            ("limit", page("limit=1001")),
            ("before", page("before=-1")),
            ("acton", only("acton=deny")),
            ("action", only("action=deny&action=allow")),
        ] {
            let problem = read.unwrap_err();
            assert!(problem.detail.starts_with(&format!("`{name}`")), "{}", problem.detail);
        }
    }

    #[test]
    fn empty_fields_of_a_form_are_none() {
        let params = Params::read("gate=&outcome=&text=+&action=deny");
        let filter = params.filter().unwrap();
        assert_eq!(filter, Filter { action: Some(probity_model::Action::Deny), ..Filter::default() });
    }
}
