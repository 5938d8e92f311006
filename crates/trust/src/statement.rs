//! In-toto statements, versions 0.1 and 1: what is said about which artifacts.

use probity_model::value::{Array, Object};
use probity_model::{Value, json};

use crate::digest::shown;
use crate::{Digest, TrustError, limits};

const WHAT: &str = "the statement";
const V1: &str = "https://in-toto.io/Statement/v1";
const V0_1: &str = "https://in-toto.io/Statement/v0.1";

/// A statement: a predicate of some type about its subjects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// What it is about; at least one.
    pub subjects: Vec<StatementSubject>,
    /// What the predicate is, such as `https://slsa.dev/provenance/v1`.
    pub predicate_type: String,
    /// What it says.
    pub predicate: Value,
    document: Value,
}

/// An artifact that a statement is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatementSubject {
    /// Its name; empty where the statement has none.
    pub name: String,
    /// Its digests by algorithm, in hexadecimal.
    pub digests: Vec<(String, String)>,
}

impl Statement {
    /// Reads a statement in JSON.
    ///
    /// # Errors
    /// When it is none, is of another version, or has no subject with a digest.
    pub fn from_json(text: &[u8]) -> Result<Self, TrustError> {
        let document = json::read_within(text, limits::DEPTH).map_err(|error| TrustError::malformed(WHAT, error))?;
        match document.get("_type").and_then(Value::as_str) {
            Some(V1 | V0_1) => {}
            Some(other) => return Err(TrustError::Unsupported(format!("a statement of type `{}`", shown(other)))),
            None => return Err(TrustError::malformed(WHAT, "it has no `_type`")),
        }
        let Some(listed) = document.get("subject").and_then(Value::as_array).filter(|listed| !listed.is_empty()) else {
            return Err(TrustError::malformed(WHAT, "it has no subject"));
        };
        limits::count("subjects of a statement", listed.len(), limits::SUBJECTS)?;
        let subjects = listed.iter().map(StatementSubject::read).collect::<Result<_, _>>()?;
        let Some(predicate_type) = document.get("predicateType").and_then(Value::as_str) else {
            return Err(TrustError::malformed(WHAT, "it has no `predicateType`"));
        };
        let predicate_type = predicate_type.to_owned();
        let predicate = document.get("predicate").cloned().unwrap_or_default();
        Ok(Self { subjects, predicate_type, predicate, document })
    }

    /// A statement, version 1, about one artifact.
    pub fn new(name: &str, digest: &Digest, predicate_type: &str, predicate: Value) -> Self {
        let digests = Value::object([("sha256", Value::from(digest.hex()))]);
        let subject = Value::object([("name", Value::from(name)), ("digest", digests)]);
        Self::of_subject(V1, subject, name, digest, predicate_type, predicate)
    }

    /// As [`Statement::new`], in version 0.1, which readers of cosign's `.att` tags expect.
    pub fn new_v0_1(name: &str, digest: &Digest, predicate_type: &str, predicate: Value) -> Self {
        let digests = Value::object([("sha256", Value::from(digest.hex()))]);
        let subject = Value::object([("name", Value::from(name)), ("digest", digests)]);
        Self::of_subject(V0_1, subject, name, digest, predicate_type, predicate)
    }

    fn of_subject(
        version: &str,
        subject: Value,
        name: &str,
        digest: &Digest,
        predicate_type: &str,
        predicate: Value,
    ) -> Self {
        let document = Value::object([
            ("_type", Value::from(version)),
            ("subject", Value::array([subject])),
            ("predicateType", Value::from(predicate_type)),
            ("predicate", predicate.clone()),
        ]);
        let digests = vec![("sha256".to_owned(), digest.hex())];
        let subjects = vec![StatementSubject { name: name.to_owned(), digests }];
        Self { subjects, predicate_type: predicate_type.to_owned(), predicate, document }
    }

    /// It with what the signer notes of its subjects, an object. Nothing noted is not written.
    pub(crate) fn annotated(mut self, annotations: &Value) -> Self {
        let subjects = self.document.get("subject").and_then(Value::as_array).map(Array::as_slice).unwrap_or_default();
        if annotations.as_object().is_none_or(probity_model::value::Object::is_empty) {
            return self;
        }
        let subjects = Value::array(subjects.iter().map(|subject| with(subject, "annotations", annotations)));
        self.document = with(&self.document, "subject", &subjects);
        self
    }

    /// What the signer notes of the subject with this digest, an object.
    pub(crate) fn annotations(&self, digest: &Digest) -> Value {
        let listed = self.document.get("subject").and_then(Value::as_array).map(Array::as_slice).unwrap_or_default();
        let hex = digest.hex();
        let subject =
            listed.iter().find(|subject| subject.at(&["digest", "sha256"]).and_then(Value::as_str) == Some(&hex));
        let noted = subject.and_then(|subject| subject.get("annotations")).filter(|noted| noted.as_object().is_some());
        noted.cloned().unwrap_or_else(|| Value::object::<&str>([]))
    }

    /// All of it.
    pub fn document(&self) -> &Value {
        &self.document
    }

    /// It in JSON.
    pub fn to_json(&self) -> String {
        json::write(&self.document)
    }

    /// Refuses a statement about other artifacts, such as one taken from another image.
    ///
    /// # Errors
    /// [`TrustError::OtherDigest`].
    pub fn check_about(&self, digest: &Digest) -> Result<(), TrustError> {
        let wanted = digest.hex();
        if self.subjects.iter().any(|subject| subject.sha256() == Some(&wanted)) {
            return Ok(());
        }
        let first = self.subjects.iter().find_map(|subject| subject.sha256());
        let found =
            first.map_or_else(|| "what has no SHA-256 digest".to_owned(), |hex| format!("sha256:{}", shown(hex)));
        Err(TrustError::OtherDigest { expected: *digest, found })
    }
}

/// An object with another value in the place of what it has under a key.
fn with(object: &Value, key: &str, value: &Value) -> Value {
    let entries = object.as_object().into_iter().flat_map(Object::iter);
    let others = entries.filter(|(name, _)| name.as_str() != key).map(|(name, value)| (name.as_str(), value.clone()));
    Value::object(others.chain([(key, value.clone())]))
}

impl StatementSubject {
    fn read(value: &Value) -> Result<Self, TrustError> {
        let name = value.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
        let Some(listed) = value.get("digest").and_then(Value::as_object).filter(|listed| !listed.is_empty()) else {
            return Err(TrustError::malformed(WHAT, "a subject has no digest"));
        };
        let digests = listed.iter().map(|(algorithm, digest)| match digest.as_str() {
            Some(digest) => Ok((algorithm.as_str().to_owned(), digest.to_owned())),
            None => Err(TrustError::malformed(WHAT, "a subject's digest is no text")),
        });
        Ok(Self { name, digests: digests.collect::<Result<_, _>>()? })
    }

    /// Its SHA-256 digest in hexadecimal, if it has one.
    pub fn sha256(&self) -> Option<&String> {
        self.digests.iter().find(|(algorithm, _)| algorithm == "sha256").map(|(_, digest)| digest)
    }
}
