use std::fmt;

use regex::Regex;

use crate::TrustError;

/// A text, or what it must look like.
#[derive(Debug, Clone)]
pub enum Matcher {
    /// The whole text.
    Exact(String),
    /// A regular expression that is found in it. As with cosign it may be found anywhere: `^` and `$` tie it to the
    /// whole text.
    Regex(Regex),
}

impl Matcher {
    /// A matcher of a regular expression.
    ///
    /// # Errors
    /// When it is none, or very large.
    pub fn regex(pattern: &str) -> Result<Self, TrustError> {
        let expression = regex::RegexBuilder::new(pattern).size_limit(1 << 20).build();
        expression.map(Self::Regex).map_err(|error| TrustError::malformed("the regular expression", error))
    }

    /// Whether a text is meant.
    pub fn matches(&self, text: &str) -> bool {
        match self {
            Self::Exact(exact) => exact == text,
            Self::Regex(expression) => expression.is_match(text),
        }
    }
}

impl fmt::Display for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(exact) => f.write_str(exact),
            Self::Regex(expression) => write!(f, "/{expression}/"),
        }
    }
}

/// Who signs without a key of their own: the name in a certificate, and who vouches for it. Both are always asked for, as
/// a name means nothing without its issuer.
#[derive(Debug, Clone)]
pub struct Identity {
    /// The subject alternative name: an address, or a workflow's URI.
    pub subject: Matcher,
    /// The OpenID Connect issuer.
    pub issuer: Matcher,
}

impl Identity {
    /// An identity that is known to the letter.
    pub fn exact(subject: impl Into<String>, issuer: impl Into<String>) -> Self {
        Self { subject: Matcher::Exact(subject.into()), issuer: Matcher::Exact(issuer.into()) }
    }

    /// Whether a certificate's name and issuer are meant.
    pub(crate) fn check(&self, subject: Option<&str>, issuer: Option<&str>) -> Result<(), TrustError> {
        let shown = |text: Option<&str>| text.map_or_else(|| "nobody".to_owned(), crate::digest::shown);
        if !issuer.is_some_and(|issuer| self.issuer.matches(issuer)) {
            return Err(TrustError::WrongIssuer { expected: self.issuer.to_string(), found: shown(issuer) });
        }
        if !subject.is_some_and(|subject| self.subject.matches(subject)) {
            return Err(TrustError::WrongIdentity { expected: self.subject.to_string(), found: shown(subject) });
        }
        Ok(())
    }
}
