//! The document that policies judge.

use jiff::civil::Date;
use probity_model::{Number, Severity, Subject, Value};
use probity_vulnerabilities::vex::Verdict;

use crate::Inspection;
use crate::attached::Attached;
use crate::dependencies::Dependencies;
use crate::listed;
use crate::requirements::with_base;
use crate::secrets::SecretFound;
use crate::signatures::{self, Signatures};
use crate::vulnerabilities::{BaseUpdate, Counts, Found, Gap, Vulnerabilities};
use crate::waivers::Accepted;

impl Inspection {
    /// What policies see: all of [`Image::document`](probity_subject_image::Image::document), and, each `null` when it was not
    /// looked into:
    ///
    /// - `vulnerabilities`: `scanner` (`name`, `version`), `database` (`date`, `age_days`, `digest`), `assessed` (packages),
    ///   `complete` (nothing in `not_assessed`), `not_assessed` (`ecosystem`, `reason`, `packages`), `counts` of those that are
    ///   open (`critical`, `high`, `medium`, `low`, `unknown`), `found`
    /// - `vulnerabilities.found`: `id`, `aliases`, `severity`, `score`, `package` (`name`, `version`, `type`, `purl`),
    ///   `fixed_versions`, `status`, `undecided` (why it is not known whether the version is affected), `layer`, `from_base`,
    ///   `base_update` (the newer release of the base without it: `name`, `digest`, `date`, `version`), `epss`, `known_exploited`,
    ///   `summary`, `published`, `sources`, `vex` (`status`, `justification`, `statement`, `source`), `waiver` (`reason`,
    ///   `requested_by`, `approved_by`, `expires`), `open`
    /// - `vulnerabilities.waived`: how many waivers accept
    /// - `sbom`, the bill of materials that comes with it: `format`, `version`, `valid`, `reason` (why it is not), `components`,
    ///   `from` (`attestation`, `referrer`, `tag`; `null` when there is none), `signed` (by an approved signer), `missing`
    ///   (packages found that it does not list, at most a hundred), `missing_count`: these two `null` when it is not valid
    /// - `dependencies`: `total`, `approved`, `unapproved`, `unlicensed`, `unapproved_list` (`purl`, `licenses`, `why`: `denied`,
    ///   `library`, `license` or `unlicensed`)
    /// - `signatures`, `attestations` by those who are approved: [`Verified::document`](probity_trust::Verified::document) and
    ///   `approved` (the signer's name); `refused` (`kind`, `origin`, `reason`, `message`; of the kind `unknown` and the reason
    ///   `store` when it could not be found out what there is); `signed` (by one who is approved; `null` when that is not known);
    ///   `provenance` (`builder`, `identity` (who signed it), `repository`, `commit`, `started`, `finished`, `expected`: from the
    ///   repository that is configured)
    /// - `secrets`: `kind`, `where`; never the secret itself
    /// - `registry_approved`; `base_approved`; `base.max_age_days`
    ///
    /// Where nothing but a bill of materials is known of the image, so is what is not said in it.
    pub fn document(&self, today: Date) -> Value {
        let image = self.image.document(today);
        let secrets = |found: &Vec<SecretFound>| Value::array(found.iter().map(SecretFound::document));
        let known = [
            ("vulnerabilities", or_null(self.vulnerabilities.as_ref(), |it| vulnerabilities(it, today))),
            ("sbom", or_null(self.sbom.as_ref(), |it| Attached::document(it.as_ref()))),
            ("dependencies", or_null(self.dependencies.as_ref(), Dependencies::document)),
            ("secrets", or_null(self.secrets.as_ref(), secrets)),
        ];
        let signatures = self.signatures.as_ref().map_or(signatures::NOT_LOOKED_UP, Signatures::entries);
        let required = self.requirements.entries(&self.image, self.listed);
        let known = known.into_iter().chain(signatures).chain(required);
        let known_of = |key: &str| !self.listed || listed::KNOWN.contains(&key);
        let entries = image.as_object().map(|image| with_base(image, &self.requirements)).unwrap_or_default();
        let entries =
            entries.into_iter().map(|(key, value)| if known_of(&key) { (key, value) } else { (key, Value::Null) });
        Value::object(entries.chain(known.map(|(key, value)| (key.to_owned(), value))))
    }

    /// It as the subject of a decision. It is called what it is named and, where that says less, its digest.
    pub fn subject(&self, today: Date) -> Subject {
        Subject::image(self.address(), self.document(today))
    }

    /// What it is called: `registry.example.com/clinic/portal:1.2@sha256:…`.
    pub fn address(&self) -> String {
        let image = &self.image;
        let digest = image.digest.as_ref().unwrap_or(&image.id);
        match &image.reference {
            None => digest.to_string(),
            Some(reference) if reference.digest().is_some() => reference.to_string(),
            Some(reference) => format!("{reference}@{digest}"),
        }
    }

    /// The names by which others speak of it, as VEX documents do: its package URLs, its digest, its references.
    pub fn products(&self) -> Vec<String> {
        let image = &self.image;
        let mut names: Vec<String> = image.digest.iter().chain(&image.index).map(ToString::to_string).collect();
        names.push(image.id.to_string());
        if let Some(reference) = &image.reference {
            names.push(reference.to_string());
            let repository = reference.name().to_lowercase();
            let last = repository.rsplit('/').next().unwrap_or_default();
            for digest in image.digest.iter().chain(&image.index) {
                let version = digest.as_str().replace(':', "%3A");
                names.push(format!("pkg:oci/{last}@{version}?repository_url={repository}"));
                names.push(format!("{repository}@{digest}"));
            }
            names.push(repository);
        }
        names
    }
}

fn or_null<T>(value: Option<&T>, then: impl FnOnce(&T) -> Value) -> Value {
    value.map_or(Value::Null, then)
}

pub(crate) fn text(value: &(impl ToString + ?Sized)) -> Value {
    Value::from(value.to_string())
}

fn optional(value: Option<&impl ToString>) -> Value {
    value.map_or(Value::Null, text)
}

fn texts<'a>(values: impl IntoIterator<Item = &'a String>) -> Value {
    Value::array(values.into_iter().map(|value| Value::from(value.as_str())))
}

fn count(number: usize) -> Value {
    Value::from(i64::try_from(number).unwrap_or(i64::MAX))
}

fn vulnerabilities(known: &Vulnerabilities, today: Date) -> Value {
    Value::object([
        (
            "scanner",
            Value::object([("name", text(&known.scanner)), ("version", optional(known.scanner_version.as_ref()))]),
        ),
        (
            "database",
            Value::object([
                ("date", optional(known.database_date.as_ref())),
                ("age_days", or_null(known.database_date.as_ref(), |date| age(date, today))),
                ("digest", optional(known.database_digest.as_ref())),
            ]),
        ),
        ("assessed", count(known.assessed)),
        ("complete", known.is_complete().into()),
        ("not_assessed", Value::array(known.gaps.iter().map(gap))),
        ("counts", counts(known.counts())),
        ("waived", count(known.found.iter().filter(|found| found.waiver.is_some()).count())),
        ("found", Value::array(known.found.iter().map(found))),
    ])
}

/// Days since the day that a time begins with.
fn age(time: &str, today: Date) -> Value {
    let day: Option<Date> = time.get(..10).and_then(|day| day.parse().ok());
    let days = day.and_then(|day| day.until(today).ok()).map(|span| i64::from(span.get_days()));
    days.map_or(Value::Null, Value::from)
}

fn gap(gap: &Gap) -> Value {
    Value::object([
        ("ecosystem", text(&gap.ecosystem)),
        ("reason", text(&gap.reason)),
        ("packages", count(gap.packages)),
    ])
}

fn counts(counts: Counts) -> Value {
    let Counts { critical, high, medium, low, unknown } = counts;
    let entries = [("critical", critical), ("high", high), ("medium", medium), ("low", low), ("unknown", unknown)];
    Value::object(entries.map(|(key, number)| (key, count(number))))
}

fn found(found: &Found) -> Value {
    let finding = &found.finding;
    let exploitation = finding.exploitation.as_ref();
    let package = Value::object([
        ("name", text(&finding.package)),
        ("version", text(&finding.version)),
        ("type", or_null(found.place.as_ref(), |place| place.kind.as_str().into())),
        ("purl", optional(finding.purl.as_ref())),
    ]);
    let sources = finding.sources.iter().map(|source| {
        Value::object([
            ("name", text(&source.name)),
            ("advisory", text(&source.advisory)),
            ("reference", optional(source.reference.as_ref())),
        ])
    });
    Value::object([
        ("id", text(&finding.id)),
        ("aliases", texts(&finding.aliases)),
        ("severity", text(finding.severity.map_or("unknown", Severity::as_str))),
        ("score", finding.score.map_or(Value::Null, number)),
        ("package", package),
        ("fixed_versions", texts(&finding.fixed)),
        ("status", finding.status.as_str().into()),
        ("undecided", optional(finding.undecided.as_ref())),
        ("layer", or_null(found.place.as_ref(), |place| count(place.layer))),
        ("from_base", or_null(found.place.as_ref(), |place| place.from_base.into())),
        ("base_update", or_null(found.base_update.as_ref(), base_update)),
        ("epss", exploitation.and_then(|it| it.epss).map_or(Value::Null, |epss| number(epss.probability))),
        ("known_exploited", exploitation.is_some_and(|it| it.known.is_some()).into()),
        ("summary", text(&finding.summary)),
        ("published", text(&finding.published)),
        ("sources", Value::array(sources)),
        ("vex", or_null(finding.vex.as_ref(), vex)),
        ("waiver", or_null(found.waiver.as_ref(), Accepted::document)),
        ("open", found.is_open().into()),
    ])
}

fn number(value: f64) -> Value {
    Number::from_f64(value).map_or(Value::Null, Value::from)
}

fn base_update(update: &BaseUpdate) -> Value {
    Value::object([
        ("name", text(&update.name)),
        ("digest", optional(update.digest.as_ref())),
        ("date", text(&update.date)),
        ("version", optional(update.version.as_ref())),
    ])
}

fn vex(verdict: &Verdict) -> Value {
    Value::object([
        ("status", verdict.status.as_str().into()),
        ("justification", optional(verdict.justification.as_ref())),
        ("statement", optional(verdict.impact.as_ref().or(verdict.action.as_ref()))),
        ("source", text(if verdict.document.is_empty() { &verdict.author } else { &verdict.document })),
    ])
}
