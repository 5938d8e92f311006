use jiff::Timestamp;
use probity_model::Value;

use crate::predicate;
use crate::{Digest, Statement};

/// A signature or attestation that was verified.
#[derive(Debug, Clone)]
pub struct Verified {
    /// The form it came in.
    pub form: Form,
    /// What it is about.
    pub digest: Digest,
    /// Who signed.
    pub signer: Signer,
    /// When it was signed, as far as a log or a timestamp authority proves it, or with Notation the signer says it.
    pub signed_at: Option<SignedAt>,
    /// Its entry in a transparency log, if one was proved.
    pub log: Option<LogEntry>,
    /// What was stated, where it is an attestation.
    pub statement: Option<Statement>,
    /// What the signer noted beside the digest.
    pub annotations: Value,
    /// What could not be looked at: `revocation`, `transparency-log`, `timestamp`.
    pub not_checked: Vec<&'static str>,
    /// What does not hold and is let pass by a Notation trust policy, by [`TrustError::reason`](crate::TrustError::reason):
    /// `expired-signature`, `expired-certificate`, `early-certificate`.
    pub tolerated: Vec<&'static str>,
}

/// The form of a signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// cosign's first: a manifest under the tag `sha256-<hex>.sig` or `.att`.
    Cosign,
    /// A sigstore bundle.
    Bundle,
    /// Notation's, in a JWS envelope.
    NotationJws,
    /// Notation's, in a COSE envelope.
    NotationCose,
}

impl Form {
    /// Its name in documents.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cosign => "cosign",
            Self::Bundle => "sigstore-bundle",
            Self::NotationJws => "notation-jws",
            Self::NotationCose => "notation-cose",
        }
    }
}

/// Who signed.
#[derive(Debug, Clone, PartialEq)]
pub enum Signer {
    /// Who has this key: the SHA-256 of its `SubjectPublicKeyInfo` in hexadecimal.
    Key {
        /// The key's id.
        id: String,
    },
    /// Who an OpenID Connect issuer said it was.
    Identity {
        /// The address or the workflow's URI.
        subject: String,
        /// The issuer.
        issuer: String,
        /// What else the certificate says of the build: `sourceRepositoryURI`, `sourceRepositoryDigest`, ...
        claims: Value,
    },
    /// Who has this certificate of an authority in a trust store.
    Certificate {
        /// Its subject, `CN=builder, O=Acme`.
        subject: String,
        /// The authority that issued it.
        issuer: String,
        /// The SHA-256 of the certificate in hexadecimal.
        fingerprint: String,
    },
}

/// When it was signed, and how that is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SignedAt {
    /// The time, to the second.
    pub time: Timestamp,
    /// Whether a log or an authority vouches for it; else the signer says so.
    pub proved: bool,
}

/// An entry in a transparency log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogEntry {
    /// The log: the SHA-256 of its key in hexadecimal.
    pub log: String,
    /// The entry's index in it.
    pub index: u64,
}

impl Verified {
    /// Whether it states something beyond that the image was signed.
    pub fn is_attestation(&self) -> bool {
        self.statement.as_ref().is_some_and(|statement| statement.predicate_type != predicate::COSIGN_SIGN)
    }

    /// It as a document that policies judge.
    pub fn document(&self) -> Value {
        let kind = if self.is_attestation() { "attestation" } else { "signature" };
        let mut entries = vec![
            ("kind", Value::from(kind)),
            ("form", Value::from(self.form.name())),
            ("digest", Value::from(self.digest.to_string())),
            ("signer", self.signer.document()),
            ("annotations", self.annotations.clone()),
            ("notChecked", words(&self.not_checked)),
            ("tolerated", words(&self.tolerated)),
        ];
        if let Some(at) = self.signed_at {
            entries.push(("signedAt", Value::from(at.time.to_string())));
            entries.push(("signedAtProved", Value::from(at.proved)));
        }
        if let Some(log) = &self.log {
            let index = i64::try_from(log.index).map_or_else(|_| Value::from(log.index.to_string()), Value::from);
            entries.push(("log", Value::object([("id", Value::from(log.log.as_str())), ("index", index)])));
        }
        if let Some(statement) = &self.statement {
            entries.push(("predicateType", Value::from(statement.predicate_type.as_str())));
            entries.push(("predicate", statement.predicate.clone()));
            entries.push(("subjects", statement.document().get("subject").cloned().unwrap_or_default()));
            entries.extend(predicate::summary(statement));
        }
        Value::object(entries)
    }
}

fn words(words: &[&str]) -> Value {
    Value::array(words.iter().map(|word| Value::from(*word)))
}

impl Signer {
    fn document(&self) -> Value {
        let text = |text: &str| Value::from(text);
        match self {
            Self::Key { id } => Value::object([("keyFingerprint", text(id))]),
            Self::Identity { subject, issuer, claims } => {
                Value::object([("identity", text(subject)), ("issuer", text(issuer)), ("claims", claims.clone())])
            }
            Self::Certificate { subject, issuer, fingerprint } => Value::object([
                ("subject", text(subject)),
                ("issuer", text(issuer)),
                ("fingerprint", text(fingerprint)),
            ]),
        }
    }
}
