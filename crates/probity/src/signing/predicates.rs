//! What is attested: the types by the names that cosign gives them, and the files that hold it.

use std::path::Path;
use std::str::FromStr;

use anyhow::{Context, Result, anyhow, bail};
use jiff::Timestamp;
use probity_model::{Value, json};
use probity_trust::predicate;

/// Largest predicate, in bytes: SBOMs are large.
const MOST: u64 = 48 << 20;
/// Nesting of a predicate.
const DEPTH: usize = 60;

const LINK: &str = "https://in-toto.io/Link/v1";
const CUSTOM: &str = "https://cosign.sigstore.dev/attestation/v1";

/// A type of predicates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PredicateType {
    /// The name that it was given by; a URI where it has none.
    pub(crate) name: String,
    pub(crate) uri: String,
}

const NAMED: [(&str, &str); 12] = [
    ("slsaprovenance1", predicate::SLSA_PROVENANCE_V1),
    ("slsaprovenance", predicate::SLSA_PROVENANCE_V0_2),
    ("slsaprovenance02", predicate::SLSA_PROVENANCE_V0_2),
    ("cyclonedx", predicate::CYCLONEDX),
    ("spdx", predicate::SPDX),
    ("spdxjson", predicate::SPDX),
    ("vuln", predicate::COSIGN_SCAN),
    ("openvex", predicate::OPENVEX),
    ("vsa", predicate::VERIFICATION_SUMMARY),
    ("test-result", predicate::TEST_RESULT),
    ("link", LINK),
    ("custom", CUSTOM),
];

impl FromStr for PredicateType {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let named = NAMED.iter().find(|(name, _)| *name == text).map(|(_, uri)| *uri);
        let is_uri = text.contains("://") && url::Url::parse(text).is_ok();
        let uri = named.or_else(|| is_uri.then_some(text)).ok_or_else(|| {
            let names: Vec<&str> = NAMED.iter().map(|(name, _)| *name).collect();
            format!("it is neither a URI nor one of {}", names.join(", "))
        })?;
        Ok(Self { name: text.to_owned(), uri: uri.to_owned() })
    }
}

impl PredicateType {
    /// Whether a statement is of this type. A version behind the type's address is of it as well, and in-toto's scans are scans.
    pub(crate) fn is(&self, uri: &str) -> bool {
        let rest = uri.strip_prefix(self.uri.as_str());
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            || (self.uri == predicate::COSIGN_SCAN && uri.starts_with("https://in-toto.io/attestation/vulns/"))
    }

    /// Reads a file with a predicate of this type, as cosign would put it into a statement.
    pub(crate) fn read(&self, path: &Path, now: Timestamp) -> Result<Value> {
        let bytes = super::read(path, MOST)?;
        let as_text = || {
            let text = std::str::from_utf8(&bytes).with_context(|| format!("{} is no text", path.display()))?;
            Ok::<_, anyhow::Error>(Value::from(text))
        };
        if self.uri == CUSTOM {
            let at = now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
            return Ok(Value::object([("Data", as_text()?), ("Timestamp", Value::from(at))]));
        }
        // SPDX has a form that is no JSON.
        if self.name == "spdx" && !bytes.trim_ascii_start().starts_with(b"{") {
            return as_text();
        }
        let document =
            json::read_within(&bytes, DEPTH).map_err(|error| anyhow!("{} is no JSON: {error}", path.display()))?;
        if document.as_object().is_none() {
            bail!("{} is no predicate: it is no object of JSON", path.display());
        }
        if document.get("predicateType").is_some() {
            bail!("{} is a statement with its predicate in it; give the predicate alone", path.display());
        }
        match self.missing(&document) {
            Some(missing) => bail!("{} is no predicate of the type {}: it has no {missing}", path.display(), self.name),
            None => Ok(document),
        }
    }

    /// What a document of this type always has and this one has not.
    fn missing(&self, document: &Value) -> Option<&'static str> {
        let needed: &[(&str, &[&str])] = match self.uri.as_str() {
            predicate::SLSA_PROVENANCE_V1 => &[
                ("`buildDefinition`", &["buildDefinition"]),
                ("`runDetails.builder.id`", &["runDetails", "builder", "id"]),
            ],
            predicate::SLSA_PROVENANCE_V0_2 => &[("`builder.id`", &["builder", "id"]), ("`buildType`", &["buildType"])],
            predicate::CYCLONEDX => &[("`specVersion`", &["specVersion"]), ("`bomFormat`", &["bomFormat"])],
            predicate::SPDX if document.get("@context").is_none() => &[("`spdxVersion`", &["spdxVersion"])],
            predicate::COSIGN_SCAN => &[("`scanner`", &["scanner"]), ("`metadata`", &["metadata"])],
            predicate::OPENVEX => &[("`@context`", &["@context"]), ("`statements`", &["statements"])],
            predicate::VERIFICATION_SUMMARY => {
                &[("`verifier.id`", &["verifier", "id"]), ("`verificationResult`", &["verificationResult"])]
            }
            predicate::TEST_RESULT => &[("`result`", &["result"])],
            _ => &[],
        };
        needed.iter().find(|(_, path)| document.at(path).is_none()).map(|(name, _)| *name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_known_by_name_and_by_address() {
        let of = |text: &str| text.parse::<PredicateType>().map(|found| found.uri);
        assert_eq!(of("cyclonedx").as_deref(), Ok(predicate::CYCLONEDX));
        assert_eq!(of("https://example.com/mine/v1").as_deref(), Ok("https://example.com/mine/v1"));
        for wrong in ["", "cyclone", "://", "mine/v1"] {
            assert!(of(wrong).is_err(), "{wrong}");
        }
        let is = |name: &str, uri: &str| name.parse::<PredicateType>().unwrap().is(uri);
        assert!(is("cyclonedx", "https://cyclonedx.org/bom/v1.6"));
        assert!(!is("cyclonedx", "https://cyclonedx.org/bomb"));
        assert!(is("vuln", predicate::SCAN) && !is("vuln", predicate::CYCLONEDX));
        assert!(!is("slsaprovenance1", predicate::SLSA_PROVENANCE_V0_2));
    }
}
