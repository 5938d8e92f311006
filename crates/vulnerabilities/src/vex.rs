//! What others say of vulnerabilities in products: `OpenVEX`, VEX in `CycloneDX`, and CSAF's VEX profile.

mod csaf;
mod cyclonedx;
mod openvex;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::assess::Finding;
use crate::purl;

/// The largest document that is read, in bytes.
pub const MAX_DOCUMENT: usize = 64 << 20;

/// The statements of a document.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Vex {
    /// Those that are as their form demands.
    pub statements: Vec<Statement>,
    /// What is wrong with the others.
    pub problems: Vec<String>,
}

/// What is said of a vulnerability in products.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Statement {
    /// The names of the vulnerability.
    pub vulnerability: Vec<String>,
    /// The products.
    pub products: Vec<Product>,
    /// What is said.
    pub verdict: Verdict,
}

/// A product of a statement.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Product {
    /// Its names: package URLs, or anything else.
    pub names: Vec<String>,
    /// Those of the parts that the statement is about; all of it when there are none.
    pub parts: Vec<String>,
}

/// What a statement says, with who says it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// What is said.
    pub status: VexStatus,
    /// Why it is not affected: a word of the form's own, `vulnerable_code_not_in_execute_path`.
    pub justification: Option<String>,
    /// Why it is not affected, in sentences.
    pub impact: Option<String>,
    /// What to do about it.
    pub action: Option<String>,
    /// Who says so.
    pub author: String,
    /// In which document.
    pub document: String,
    /// When, as RFC 3339 writes it.
    pub timestamp: String,
}

/// What may be said of a vulnerability in a product.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VexStatus {
    /// It is being looked into.
    #[default]
    UnderInvestigation,
    /// The product does not have it, or nobody can make use of it there.
    NotAffected,
    /// The product has it.
    Affected,
    /// The product had it.
    Fixed,
}

impl VexStatus {
    /// Its name in documents.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::UnderInvestigation => "under_investigation",
            Self::NotAffected => "not_affected",
            Self::Affected => "affected",
            Self::Fixed => "fixed",
        }
    }
}

/// A document that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VexError {
    /// It is too large.
    #[error("the document has more than {MAX_DOCUMENT} bytes")]
    TooLarge,
    /// It is of no form that is read here, or not as its form demands.
    #[error("this is no OpenVEX, CycloneDX or CSAF document: {0}")]
    Form(String),
}

impl Vex {
    /// Reads a document in whichever of the forms it is.
    ///
    /// # Errors
    /// When it is too large, of none of the forms, or not as its form demands. A single statement that is not is a problem of
    /// the document, and says nothing.
    pub fn read(text: &[u8]) -> Result<Self, VexError> {
        if text.len() > MAX_DOCUMENT {
            return Err(VexError::TooLarge);
        }
        let form = |error: serde_json::Error| VexError::Form(error.to_string());
        let document: Value = serde_json::from_slice(text).map_err(form)?;
        let context = document["@context"].as_str().unwrap_or_default();
        let candidates = match () {
            () if context.starts_with("https://openvex.dev/ns") => openvex::read(document),
            () if document["bomFormat"] == "CycloneDX" => cyclonedx::read(document),
            () if document["document"]["csaf_version"].is_string() => csaf::read(document),
            () => {
                return Err(VexError::Form("it has neither @context nor bomFormat nor csaf_version of one".to_owned()));
            }
        };
        Ok(sound(candidates.map_err(form)?))
    }

    /// What is said of a finding in a product: of several statements that are about it, the last.
    ///
    /// `product` has the names of what was scanned (an image's package URL, digest or reference); a statement about the
    /// package itself holds in every product.
    pub fn verdict(&self, finding: &Finding, product: &[&str]) -> Option<&Verdict> {
        let about = self.statements.iter().filter(|statement| statement.is_about(finding, product));
        about.map(|statement| &statement.verdict).max_by(|one, other| one.timestamp.cmp(&other.timestamp))
    }

    /// Notes on each finding what is said of it. Findings stay: what was judged, and why, is shown.
    pub fn apply(&self, findings: &mut [Finding], product: &[&str]) {
        for finding in findings {
            if let Some(verdict) = self.verdict(finding, product) {
                let newer = finding.vex.as_ref().is_none_or(|known| known.timestamp <= verdict.timestamp);
                if newer {
                    finding.vex = Some(verdict.clone());
                }
            }
        }
    }
}

/// Whoever says that a product is not affected says why; a statement without a reason is none.
fn sound(statements: Vec<Statement>) -> Vex {
    let mut vex = Vex::default();
    for statement in statements {
        let verdict = &statement.verdict;
        let said = |text: &Option<String>| text.as_ref().is_some_and(|text| !text.trim().is_empty());
        if verdict.status == VexStatus::NotAffected && !said(&verdict.justification) && !said(&verdict.impact) {
            let names = statement.vulnerability.join(", ");
            vex.problems.push(format!("{names}: not_affected has neither a justification nor an impact statement"));
        } else if statement.vulnerability.is_empty() || statement.products.is_empty() {
            vex.problems.push("a statement has no vulnerability or no product".to_owned());
        } else {
            vex.statements.push(statement);
        }
    }
    vex
}

impl Statement {
    fn is_about(&self, finding: &Finding, product: &[&str]) -> bool {
        let vulnerability = self.vulnerability.iter().any(|name| *name == finding.id || finding.aliases.contains(name));
        vulnerability && self.products.iter().any(|it| it.is_about(finding, product))
    }
}

impl Product {
    fn is_about(&self, finding: &Finding, product: &[&str]) -> bool {
        let package = |name: &String| finding.purl.as_ref().is_some_and(|purl| purl::names(name, purl));
        let scanned = |name: &String| product.iter().any(|known| purl::names(name, known));
        let part = self.parts.is_empty() || self.parts.iter().any(package);
        self.names.iter().any(package) && self.parts.is_empty() || self.names.iter().any(scanned) && part
    }
}

#[cfg(test)]
mod tests;
