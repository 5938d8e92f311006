//! Who signed an image, and what is attested of it.

use jiff::Timestamp;
use probity_model::Value;
use probity_model::value::Object;
use probity_subject_image::{Digest, Image, Repository};
use probity_trust::predicate::{Material, Predicate, Provenance};
use probity_trust::{Refused, Signer, Trust, TrustError, Verified, verify_image_by_any};

use crate::store::Beside;

/// Longest message of what was refused, in characters.
const MAX_MESSAGE: usize = 500;

/// Whose signatures count.
#[derive(Debug, Clone, Default)]
pub struct Signers {
    /// Their names, and what their signatures are verified with.
    pub approved: Vec<(String, Trust)>,
    /// The repository that provenance must name, as `github.com/acme/portal`.
    pub repository: Option<String>,
}

/// What is beside an image, verified.
#[derive(Debug, Clone, Default)]
pub struct Signatures {
    /// What an approved signer made: signatures and attestations.
    pub verified: Vec<Approved>,
    /// What was refused, and why.
    pub refused: Vec<RefusedSignature>,
    /// Why it is not known what there is; `None` when it is. What is verified holds all the same.
    pub unknown: Option<String>,
    /// What an approved signer states of how the image was built: of several the last that was finished.
    pub provenance: Option<Provenance>,
    /// Who signed that: the name in the certificate, else the key's id.
    pub provenance_signer: Option<String>,
    /// Whether that names the repository which it must; `None` when it need not name one.
    pub expected: Option<bool>,
}

/// A signature or an attestation of an approved signer.
#[derive(Debug, Clone)]
pub struct Approved {
    /// What was verified.
    pub verified: Verified,
    /// The name of the signer.
    pub signer: String,
}

/// Something beside an image that was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedSignature {
    /// The blob or the manifest that it is in.
    pub origin: String,
    /// Why, in a word: `unknown-key`, `other-digest`, `store` (it could not be fetched), ...
    pub reason: &'static str,
    /// Why, in a sentence.
    pub message: String,
}

impl Signatures {
    /// Looks up what is beside an image, under its own digest and that of the index which leads to it.
    ///
    /// That the repository does not answer is no error: it is told that it is not known what there is.
    pub fn look_up(image: &Image, repository: &Repository, signers: &Signers) -> Self {
        let mut found = Self::default();
        for digest in image.digest.iter().chain(&image.index) {
            found.look_under(digest, repository, signers);
        }
        (found.provenance, found.provenance_signer) = found.last_provenance().unzip();
        let repository = found.provenance.as_ref().and_then(|built| built.source.as_ref()).map(Material::repository);
        found.expected = match (&signers.repository, &found.provenance) {
            (Some(expected), Some(_)) => Some(repository.is_some_and(|found| is_same_repository(found, expected))),
            _ => None,
        };
        found
    }

    fn look_under(&mut self, digest: &Digest, repository: &Repository, signers: &Signers) {
        let trusts: Vec<Trust> = signers.approved.iter().map(|(_, trust)| trust.clone()).collect();
        let outcome =
            digest.as_str().parse().and_then(|digest| verify_image_by_any(&Beside(repository), &digest, &trusts));
        match outcome {
            Ok((found, trusted)) => {
                let names = trusted.into_iter().map(|position| signers.approved[position].0.clone());
                let approved = found.verified.into_iter().zip(names);
                self.verified.extend(approved.map(|(verified, signer)| Approved { verified, signer }));
                self.refused.extend(found.refused.iter().map(RefusedSignature::new));
            }
            Err(error) => {
                self.unknown.get_or_insert_with(|| short(&error.to_string()));
                self.refused.push(RefusedSignature::of(digest.as_str(), &error));
            }
        }
    }

    fn last_provenance(&self) -> Option<(Provenance, String)> {
        let built = self.verified.iter().filter_map(|one| match Predicate::of(one.verified.statement.as_ref()?) {
            Some(Predicate::Provenance(found)) => Some((found, identity(&one.verified.signer))),
            _ => None,
        });
        built.max_by_key(|(built, _)| built.finished)
    }

    /// Whether an approved signer signed it; `None` when that is not known.
    pub fn is_signed(&self) -> Option<bool> {
        let signed = self.verified.iter().any(|one| !one.verified.is_attestation());
        if signed || self.unknown.is_none() { Some(signed) } else { None }
    }

    fn provenance_value(&self, built: &Provenance) -> Value {
        let text = |text: Option<&str>| text.map_or(Value::Null, Value::from);
        let time = |at: Option<Timestamp>| at.map_or(Value::Null, |at| Value::from(at.to_string()));
        let source = built.source.as_ref();
        Value::object([
            ("builder", text(built.builder.as_deref())),
            ("identity", text(self.provenance_signer.as_deref())),
            ("repository", text(source.map(Material::repository))),
            ("commit", text(source.and_then(Material::commit))),
            ("started", time(built.started)),
            ("finished", time(built.finished)),
            ("expected", self.expected.map_or(Value::Null, Value::from)),
        ])
    }

    /// The entries of the image's document: `signatures`, `attestations`, `refused`, `signed`, `provenance`.
    pub(crate) fn entries(&self) -> [(&'static str, Value); 5] {
        let of_kind = |attestation: bool| {
            let listed = self.verified.iter().filter(move |one| one.verified.is_attestation() == attestation);
            Value::array(listed.map(Approved::document))
        };
        [
            ("signatures", of_kind(false)),
            ("attestations", of_kind(true)),
            ("refused", Value::array(self.refused.iter().map(RefusedSignature::document))),
            ("signed", self.is_signed().map_or(Value::Null, Value::from)),
            ("provenance", self.provenance.as_ref().map_or(Value::Null, |built| self.provenance_value(built))),
        ]
    }
}

/// What is `null` in the document when nobody looked for signatures.
pub(crate) const NOT_LOOKED_UP: [(&str, Value); 5] = [
    ("signatures", Value::Null),
    ("attestations", Value::Null),
    ("refused", Value::Null),
    ("signed", Value::Null),
    ("provenance", Value::Null),
];

impl Approved {
    fn document(&self) -> Value {
        let document = self.verified.document();
        let entries = document.as_object().into_iter().flat_map(Object::iter);
        let entries = entries.map(|(key, value)| (key.as_str().to_owned(), value.clone()));
        Value::object(entries.chain([("approved".to_owned(), Value::from(self.signer.as_str()))]))
    }
}

impl RefusedSignature {
    fn new(refused: &Refused) -> Self {
        Self::of(&refused.origin.to_string(), &refused.error)
    }

    fn of(origin: &str, error: &TrustError) -> Self {
        Self { origin: origin.to_owned(), reason: error.reason(), message: short(&error.to_string()) }
    }

    fn document(&self) -> Value {
        // What could not be fetched may be anything; the rest is a signature, or should be one.
        let kind = if self.reason == "store" { "unknown" } else { "signature" };
        Value::object([
            ("kind", Value::from(kind)),
            ("origin", Value::from(self.origin.as_str())),
            ("reason", Value::from(self.reason)),
            ("message", Value::from(self.message.as_str())),
        ])
    }
}

fn short(text: &str) -> String {
    text.chars().take(MAX_MESSAGE).map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// The name of a signer.
fn identity(signer: &Signer) -> String {
    match signer {
        Signer::Key { id } => id.clone(),
        Signer::Identity { subject, .. } | Signer::Certificate { subject, .. } => subject.clone(),
    }
}

/// Whether two addresses are of one repository: without the scheme and the `.git` behind, the host in any case.
fn is_same_repository(found: &str, expected: &str) -> bool {
    parts(found).is_some_and(|found| parts(expected) == Some(found))
}

/// Host and path of an address. A user before the host is refused: it may look like a host itself.
fn parts(address: &str) -> Option<(String, &str)> {
    let address = probity_trust::predicate::repository(address);
    let bare = address.split_once("://").map_or(address, |(_, bare)| bare).trim_end_matches('/');
    let (host, path) = bare.split_once('/')?;
    let host = host.strip_prefix("git@").unwrap_or(host);
    (!host.is_empty() && !host.contains('@') && !path.is_empty()).then(|| (host.to_ascii_lowercase(), path))
}

#[cfg(test)]
mod tests;
