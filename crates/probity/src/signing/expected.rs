//! What an attestation must say.

use anyhow::{Result, bail};
use jiff::SignedDuration;
use probity_trust::predicate::{self, SbomFormat};
use probity_trust::{Expectation, Matcher};

use super::PredicateType;

/// What is asked of what is attested.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(next_help_heading = "What an attestation must say", next_display_order = 100)]
pub(crate) struct ExpectationArgs {
    /// Provenance: the builder's id. May be repeated; one of them must have built it.
    #[arg(long, value_name = "URI")]
    builder: Vec<String>,
    /// Provenance: the repository that it was built from, as <https://github.com/acme/portal>.
    #[arg(long, value_name = "URL")]
    source_repository: Option<String>,
    /// Provenance: the commit that it was built from.
    #[arg(long, value_name = "COMMIT")]
    source_commit: Option<String>,
    /// A scan: the scanner's URI. May be repeated; one of them must have scanned it.
    #[arg(long, value_name = "URI")]
    scanner: Vec<String>,
    /// A verification summary: the verifier's id. May be repeated; one of them must have verified it.
    #[arg(long, value_name = "URI")]
    verifier: Vec<String>,
    /// A verification summary: what must have been verified.
    #[arg(long, value_name = "URI")]
    resource: Option<String>,
    /// A verification summary: a level that must be met, such as `SLSA_BUILD_LEVEL_3`. May be repeated; all must be.
    #[arg(long, value_name = "LEVEL")]
    level: Vec<String>,
    /// Provenance and scans: how long ago the build or the scan may have ended, such as 30d or 12h.
    #[arg(long, value_name = "AGE", value_parser = age)]
    max_age: Option<SignedDuration>,
}

impl ExpectationArgs {
    /// What is asked of attestations of a type, beyond that they are of it.
    pub(crate) fn of(&self, kind: Option<&PredicateType>) -> Result<Option<Expectation>> {
        let exact = |texts: &[String]| texts.iter().cloned().map(Matcher::Exact).collect::<Vec<_>>();
        let one = |text: Option<&str>| text.map(|text| Matcher::Exact(text.to_owned()));
        let mut left = self.given();
        let any = !left.is_empty();
        let mut take = |names: &[&str]| left.retain(|name| !names.contains(name));
        let expectation = match kind.map(|kind| kind.uri.as_str()) {
            Some(predicate::SLSA_PROVENANCE_V1 | predicate::SLSA_PROVENANCE_V0_2) => {
                take(&["--builder", "--source-repository", "--source-commit", "--max-age"]);
                Some(Expectation::Provenance {
                    builders: exact(&self.builder),
                    repository: one(self.source_repository.as_deref().map(predicate::repository)),
                    commit: self.source_commit.clone(),
                    max_age: self.max_age,
                })
            }
            Some(predicate::CYCLONEDX) => Some(Expectation::Sbom { formats: vec![SbomFormat::CycloneDx] }),
            Some(predicate::SPDX) if kind.is_some_and(|kind| kind.name != "spdx") => {
                Some(Expectation::Sbom { formats: vec![SbomFormat::Spdx] })
            }
            Some(predicate::COSIGN_SCAN | predicate::SCAN) if any => {
                take(&["--scanner", "--max-age"]);
                let max_age = self.max_age.unwrap_or(SignedDuration::MAX);
                Some(Expectation::Scan { scanners: exact(&self.scanner), max_age })
            }
            Some(predicate::VERIFICATION_SUMMARY) => {
                take(&["--verifier", "--resource", "--level"]);
                Some(Expectation::Verified {
                    verifiers: exact(&self.verifier),
                    resource: one(self.resource.as_deref()),
                    levels: self.level.clone(),
                })
            }
            Some(predicate::TEST_RESULT) => Some(Expectation::Tested),
            _ => None,
        };
        match (left.first(), kind) {
            (None, _) => Ok(expectation),
            (Some(option), Some(kind)) => {
                bail!("{option} is asked of other attestations than those of --type {}", kind.name)
            }
            (Some(option), None) => bail!("{option} is asked of attestations: give their --type as well"),
        }
    }

    /// The options that were given.
    fn given(&self) -> Vec<&'static str> {
        let all = [
            ("--builder", !self.builder.is_empty()),
            ("--source-repository", self.source_repository.is_some()),
            ("--source-commit", self.source_commit.is_some()),
            ("--scanner", !self.scanner.is_empty()),
            ("--verifier", !self.verifier.is_empty()),
            ("--resource", self.resource.is_some()),
            ("--level", !self.level.is_empty()),
            ("--max-age", self.max_age.is_some()),
        ];
        all.into_iter().filter_map(|(name, given)| given.then_some(name)).collect()
    }
}

/// `30d`, `12h`, `90m`: a whole number of days, hours or minutes.
fn age(text: &str) -> Result<SignedDuration, String> {
    let wrong = || format!("`{text}` is no age; write it as 30d, 12h or 90m");
    let unit = text.chars().last().ok_or_else(wrong)?;
    let number: i64 = text[..text.len() - unit.len_utf8()].parse().map_err(|_| wrong())?;
    let hours = match unit {
        'd' => number.checked_mul(24),
        'h' => Some(number),
        'm' if number >= 0 => return number.checked_mul(60).map(SignedDuration::from_secs).ok_or_else(wrong),
        _ => None,
    };
    let seconds = hours.filter(|hours| *hours >= 0).and_then(|hours| hours.checked_mul(3600)).ok_or_else(wrong)?;
    Ok(SignedDuration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::age;

    #[test]
    fn ages_are_read() {
        for (text, hours) in [("30d", 720), ("12h", 12), ("0d", 0), ("60m", 1)] {
            assert_eq!(age(text).unwrap().as_hours(), hours, "{text}");
        }
        for wrong in ["", "d", "-1d", "3", "3w", "9223372036854775807d", "1é"] {
            assert!(age(wrong).is_err(), "{wrong}");
        }
    }
}
