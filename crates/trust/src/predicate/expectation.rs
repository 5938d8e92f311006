use jiff::{SignedDuration, Timestamp};

use super::{Material, Predicate, SbomFormat};
use crate::digest::shown;
use crate::{Matcher, Statement};

/// What a statement must say. What is asked for and is not there is not met.
#[derive(Debug, Clone)]
pub enum Expectation {
    /// It was built by one of these builders, from a repository (as [`super::repository`] writes it) and a commit.
    Provenance {
        /// The builders; none if any will do.
        builders: Vec<Matcher>,
        /// The repository.
        repository: Option<Matcher>,
        /// The commit in hexadecimal.
        commit: Option<String>,
        /// How long ago the build may have ended.
        max_age: Option<SignedDuration>,
    },
    /// There is an SBOM of one of these formats; of any if there is none.
    Sbom {
        /// The formats.
        formats: Vec<SbomFormat>,
    },
    /// It was scanned for vulnerabilities, by one of these scanners, not too long ago.
    Scan {
        /// The scanners' URIs; none if any will do.
        scanners: Vec<Matcher>,
        /// How long ago the scan may have ended.
        max_age: SignedDuration,
    },
    /// A verifier found that it passed.
    Verified {
        /// The verifiers.
        verifiers: Vec<Matcher>,
        /// The resource that must have been verified.
        resource: Option<Matcher>,
        /// The levels that it must meet, all of them.
        levels: Vec<String>,
    },
    /// Its tests passed.
    Tested,
}

/// Why a statement does not say what is asked of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unmet {
    /// It states something else.
    #[error("it states `{found}`, not {expected}")]
    OtherPredicate {
        /// What is asked for.
        expected: &'static str,
        /// The type of its predicate.
        found: String,
    },
    /// It does not say something.
    #[error("it does not say {0}")]
    Missing(&'static str),
    /// It says something else.
    #[error("the {what} is {found}, not {expected}")]
    Other {
        /// What it says something of.
        what: &'static str,
        /// What is asked for.
        expected: String,
        /// What it says.
        found: String,
    },
    /// It is too old.
    #[error("the {what} was at {at}, more than {most:#} ago")]
    TooOld {
        /// What is too old.
        what: &'static str,
        /// When it was.
        at: Timestamp,
        /// How long ago it may be.
        most: SignedDuration,
    },
    /// It says a time that has not come.
    #[error("the {what} is said to be at {at}, which has not come")]
    Future {
        /// What it says the time of.
        what: &'static str,
        /// When.
        at: Timestamp,
    },
}

impl Expectation {
    /// What it asks for, in words.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Provenance { .. } => "SLSA provenance",
            Self::Sbom { .. } => "an SBOM",
            Self::Scan { .. } => "a vulnerability scan",
            Self::Verified { .. } => "a verification summary",
            Self::Tested => "a test result",
        }
    }

    /// Whether a statement says what is asked for.
    ///
    /// # Errors
    /// Says what it does not.
    pub fn check(&self, statement: &Statement, now: Timestamp) -> Result<(), Unmet> {
        match (self, Predicate::of(statement)) {
            (Self::Provenance { builders, repository, commit, max_age }, Some(Predicate::Provenance(found))) => {
                one_of("builder", builders, found.builder.as_deref())?;
                let source = found.source.as_ref();
                one_of("source repository", repository.as_slice(), source.map(Material::repository))?;
                if let Some(expected) = commit {
                    equal("source commit", expected, source.and_then(Material::commit))?;
                }
                max_age.map_or(Ok(()), |most| age("end of the build", found.finished, most, now))
            }
            (Self::Sbom { formats }, Some(Predicate::Sbom(found))) => {
                if found.version.is_none() {
                    return Err(Unmet::Missing("which version of its format it is"));
                }
                if !formats.is_empty() && !formats.contains(&found.format) {
                    let expected = formats.iter().map(|format| format.name()).collect::<Vec<_>>().join(" or ");
                    return Err(Unmet::Other { what: "format", expected, found: found.format.name().into() });
                }
                Ok(())
            }
            (Self::Scan { scanners, max_age }, Some(Predicate::Scan(found))) => {
                one_of("scanner", scanners, found.scanner.as_deref())?;
                age("end of the scan", found.finished, *max_age, now)
            }
            (Self::Verified { verifiers, resource, levels }, Some(Predicate::VerificationSummary(found))) => {
                one_of("verifier", verifiers, found.verifier.as_deref())?;
                one_of("resource", resource.as_slice(), found.resource.as_deref())?;
                match found.passed {
                    Some(true) => {}
                    Some(false) => equal("result", "PASSED", Some("FAILED"))?,
                    None => return Err(Unmet::Missing("the result")),
                }
                let missing = levels.iter().find(|level| !found.levels.contains(level));
                missing.map_or(Ok(()), |level| equal("verified levels", level, Some(&found.levels.join(", "))))
            }
            (Self::Tested, Some(Predicate::TestResult(found))) => equal("result", "PASSED", found.result.as_deref()),
            _ => Err(Unmet::OtherPredicate { expected: self.name(), found: shown(&statement.predicate_type) }),
        }
    }
}

/// What is found is one of what is asked for, if anything is.
fn one_of(what: &'static str, expected: &[Matcher], found: Option<&str>) -> Result<(), Unmet> {
    if expected.is_empty() {
        return Ok(());
    }
    let found = found.ok_or(Unmet::Missing(what))?;
    if expected.iter().any(|matcher| matcher.matches(found)) {
        return Ok(());
    }
    let expected = expected.iter().map(ToString::to_string).collect::<Vec<_>>().join(" or ");
    Err(Unmet::Other { what, expected, found: shown(found) })
}

fn equal(what: &'static str, expected: &str, found: Option<&str>) -> Result<(), Unmet> {
    let found = found.ok_or(Unmet::Missing(what))?;
    if found == expected {
        return Ok(());
    }
    Err(Unmet::Other { what, expected: expected.to_owned(), found: shown(found) })
}

fn age(what: &'static str, at: Option<Timestamp>, most: SignedDuration, now: Timestamp) -> Result<(), Unmet> {
    let at = at.ok_or(Unmet::Missing(what))?;
    let since = now.duration_since(at);
    // Clocks differ a little.
    if since < SignedDuration::from_mins(-5) {
        return Err(Unmet::Future { what, at });
    }
    if since > most { Err(Unmet::TooOld { what, at, most }) } else { Ok(()) }
}
