//! Who signed, against who must have.

use probity_kubernetes::wildcard;
use probity_model::Value;
use probity_trust::{Matcher, Signer, Verified};

use crate::rule::attestor::{Pairs, Wanted};

/// The extensions of certificates that policies ask for, with their object identifiers, as documents name them.
const EXTENSIONS: &[(&str, &str, &str)] = &[
    ("1.3.6.1.4.1.57264.1.2", "githubWorkflowTrigger", "githubWorkflowTrigger"),
    ("1.3.6.1.4.1.57264.1.3", "githubWorkflowSha", "githubWorkflowSHA"),
    ("1.3.6.1.4.1.57264.1.4", "githubWorkflowName", "githubWorkflowName"),
    ("1.3.6.1.4.1.57264.1.5", "githubWorkflowRepository", "githubWorkflowRepository"),
    ("1.3.6.1.4.1.57264.1.6", "githubWorkflowRef", "githubWorkflowRef"),
];

/// The extension with an issuer.
const ISSUER: [&str; 2] = ["1.3.6.1.4.1.57264.1.1", "oidcIssuer"];

/// How a name that is asked for is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reading {
    /// `*` and `?` stand for others.
    Wildcards,
    /// To the letter.
    Letters,
}

impl Reading {
    fn matches(self, wanted: &str, found: &str) -> bool {
        match self {
            Self::Wildcards => wildcard::matches(wanted, found),
            Self::Letters => wanted == found,
        }
    }
}

impl Wanted {
    /// Whether somebody is asked for at all.
    pub(crate) fn is_anybody(&self) -> bool {
        let texts = [&self.issuer, &self.issuer_expression, &self.subject, &self.subject_expression];
        texts.iter().all(|text| text.is_empty()) && self.extensions.is_empty()
    }

    /// Whether this is who signed.
    ///
    /// # Errors
    /// Says who signed, or that an expression is none.
    pub(crate) fn check(&self, verified: &Verified, reading: Reading) -> Result<(), String> {
        if self.is_anybody() {
            return Ok(());
        }
        let Signer::Identity { subject, issuer, claims } = &verified.signer else {
            return Err("certificate not found".to_owned());
        };
        self.check_subject(subject, reading)?;
        if !self.issuer.is_empty() && !reading.matches(&self.issuer, issuer) {
            return Err(mismatch("issuer", &self.issuer, issuer));
        }
        if !self.issuer_expression.is_empty() && !found_in("issuer", &self.issuer_expression, issuer)? {
            return Err(mismatch("issuer", &self.issuer_expression, issuer));
        }
        self.extensions.iter().try_for_each(|(name, wanted)| {
            let found =
                extension(name, issuer, claims).ok_or_else(|| format!("invalid certificate extension {name}"))?;
            if wildcard::matches(wanted, found) {
                return Ok(());
            }
            Err(format!("extension mismatch: expected {wanted} for key {name}, received {found}"))
        })
    }

    /// A name or an expression suffices.
    fn check_subject(&self, subject: &str, reading: Reading) -> Result<(), String> {
        if self.subject.is_empty() && self.subject_expression.is_empty() {
            return Ok(());
        }
        let is_named = !self.subject.is_empty() && reading.matches(&self.subject, subject);
        if is_named || !self.subject_expression.is_empty() && found_in("subject", &self.subject_expression, subject)? {
            return Ok(());
        }
        let wanted = if self.subject.is_empty() { &self.subject_expression } else { &self.subject };
        Err(mismatch("subject", wanted, subject))
    }
}

fn mismatch(what: &str, wanted: &str, found: &str) -> String {
    format!("{what} mismatch: expected {wanted}, received {found}")
}

fn found_in(what: &str, expression: &str, text: &str) -> Result<bool, String> {
    let matcher = Matcher::regex(expression);
    let matcher = matcher.map_err(|error| format!("invalid regexp for {what}: {expression} : {error}"))?;
    Ok(matcher.matches(text))
}

fn extension<'v>(name: &str, issuer: &'v str, claims: &'v Value) -> Option<&'v str> {
    if ISSUER.contains(&name) {
        return Some(issuer);
    }
    let (_, _, claim) = EXTENSIONS.iter().find(|(id, known, _)| *id == name || *known == name)?;
    Some(claims.get(claim).and_then(Value::as_str).unwrap_or_default())
}

/// Whether a signature notes what it must.
pub(crate) fn notes(verified: &Verified, wanted: &Pairs) -> bool {
    let noted = |name: &str| verified.annotations.get(name).and_then(Value::as_str);
    wanted.iter().all(|(name, value)| noted(name) == Some(value))
}
