//! What expressions find of the signatures and attestations of images.

use std::cell::RefCell;
use std::collections::HashMap;

use probity_model::value::SmolStr;
use probity_model::{Key, Value};
use probity_policy_cel::{Error, Value as Cel};
use probity_trust::{Digest, Form};

use super::attestor::{Attestation, AttestationKind, Given};
use super::images::{Reached, is_meant};
use crate::host::{Host, HostError};
use crate::images::Images;
use crate::images::attestor::Refusal;

/// Which images were verified in a request, by any policy: `true` when one was found to be signed.
#[derive(Debug, Default)]
pub(crate) struct Checked(RefCell<HashMap<String, bool>>);

impl Checked {
    fn record(&self, image: &str, verified: bool) {
        let mut all = self.0.borrow_mut();
        let known = all.entry(image.to_owned()).or_default();
        *known = *known || verified;
    }

    /// Why an image is not verified; `None` when it is.
    pub(crate) fn lack(&self, image: &str) -> Option<String> {
        match self.0.borrow().get(image) {
            Some(true) => None,
            Some(false) => Some(format!("image {image} failed signature or attestation verification")),
            None => Some(format!(
                "image {image} is not verified: no policy performed a signature or attestation check on it"
            )),
        }
    }
}

/// What a policy verifies.
pub(crate) struct Verifying<'h> {
    host: &'h dyn Host,
    /// The images that it is about: those that one of these names; all, when there is none.
    references: &'h [Reached],
    attestations: &'h [Attestation],
    checked: &'h Checked,
    /// What was stated of an image in an attestation that was verified.
    payloads: RefCell<HashMap<(String, SmolStr), Value>>,
}

impl<'h> Verifying<'h> {
    pub(crate) fn new(
        host: &'h dyn Host,
        references: &'h [Reached],
        attestations: &'h [Attestation],
        checked: &'h Checked,
    ) -> Self {
        Self { host, references, attestations, checked, payloads: RefCell::default() }
    }

    /// Answers a function; `None` when it is not one of those that verify.
    pub(crate) fn call(&self, function: &str, args: &[Cel]) -> Option<Result<Cel, Error>> {
        Some(match function {
            "verifyImageSignatures" => self.signatures(args),
            "verifyAttestationSignatures" => self.attested(args),
            "extractPayload" => self.payload(args),
            _ => return None,
        })
    }

    fn images(&self, image: &str) -> Result<&'h dyn Images, Error> {
        self.host.images().ok_or_else(|| {
            Error::new(format!("the signatures of {image} could not be verified: its registry is not asked here"))
        })
    }

    /// How many of the attestors signed an image.
    fn signatures(&self, args: &[Cel]) -> Result<Cel, Error> {
        let (image, attestors) = (text(args, 0)?, attestors(args, 1)?);
        if !is_meant(self.references, image).map_err(Error::new)? {
            return Ok(Cel::Int(0));
        }
        let images = self.images(image)?;
        let digest = images.resolve(image).map_err(|error| failed("failed to get imagedata", &error))?;
        let signed = |attestor: &Value| -> Result<bool, Refusal> {
            Ok(match Given::read(attestor, images)? {
                Given::Cosign { signers, accepted } => {
                    let found = images.verify(image, &digest, &signers)?;
                    // Where there are bundles, whatever one states of the image signs it.
                    let mut signs =
                        found.verified.iter().filter(|one| one.form == Form::Bundle || !one.is_attestation());
                    signs.any(|verified| accepted.check(verified))
                }
                Given::Notary(signers) => !images.verify(image, &digest, &signers)?.verified.is_empty(),
                Given::Neither => false,
            })
        };
        self.counted(image, &attestors, signed)
    }

    /// How many of the attestors attested something of an image.
    fn attested(&self, args: &[Cel]) -> Result<Cel, Error> {
        let (image, name, attestors) = (text(args, 0)?, text(args, 1)?, attestors(args, 2)?);
        if !is_meant(self.references, image).map_err(Error::new)? {
            return Ok(Cel::Int(0));
        }
        let attestation = self.attestation(name)?;
        let images = self.images(image)?;
        let digest = images.resolve(image).map_err(|error| failed("failed to get imagedata", &error))?;
        let attests = |attestor: &Value| -> Result<bool, Refusal> {
            let payload = match Given::read(attestor, images)? {
                Given::Cosign { signers, accepted } => {
                    let AttestationKind::InToto(predicate) = &attestation.kind else { return Ok(false) };
                    let found = images.verify(image, &digest, &signers)?;
                    let statements = found.verified.iter().filter(|verified| accepted.check(verified));
                    let mut statements = statements.filter_map(|verified| verified.statement.as_ref());
                    let statement = statements.rfind(|statement| statement.predicate_type == *predicate);
                    statement.map(|statement| statement.document().clone())
                }
                Given::Notary(signers) => {
                    let AttestationKind::Referrer(artifact) = &attestation.kind else {
                        let message = "notary verifier only supports oci 1.1 referrers as attestations";
                        return Err(Refusal::Unknown(message.to_owned()));
                    };
                    let mut verified = None;
                    for referrer in images.referrers(image, &digest, artifact)? {
                        if !images.verify(image, &referrer, &signers)?.verified.is_empty() {
                            verified = Some(images.statement(image, &referrer)?.1);
                            break;
                        }
                    }
                    verified
                }
                Given::Neither => None,
            };
            let Some(payload) = payload else { return Ok(false) };
            self.payloads.borrow_mut().insert((image.to_owned(), attestation.name.clone()), payload);
            Ok(true)
        };
        self.counted(image, &attestors, attests)
    }

    /// How many attestors count. One that cannot be used does not; what could not be found out is an error.
    fn counted(
        &self,
        image: &str,
        attestors: &[Value],
        counts: impl Fn(&Value) -> Result<bool, Refusal>,
    ) -> Result<Cel, Error> {
        let mut count = 0;
        for attestor in attestors {
            match counts(attestor) {
                Ok(counts) => count += i64::from(counts),
                Err(Refusal::Unsigned(_)) => {}
                Err(Refusal::Unknown(message)) => return Err(Error::new(message)),
            }
        }
        if !attestors.is_empty() {
            self.checked.record(image, count > 0);
        }
        Ok(Cel::Int(count))
    }

    /// What an attestation of an image says.
    fn payload(&self, args: &[Cel]) -> Result<Cel, Error> {
        const WHAT: &str = "failed to get payload";
        let (image, name) = (text(args, 0)?, text(args, 1)?);
        let attestation = self.attestation(name)?;
        if let Some(payload) = self.payloads.borrow().get(&(image.to_owned(), attestation.name.clone())) {
            return Ok(Cel::from(payload));
        }
        let artifact = match &attestation.kind {
            AttestationKind::InToto(_) => {
                let why = "an intoto attestation payload cannot be fetched before its signatures are verified";
                return Err(Error::new(format!("{WHAT}: {why}")));
            }
            AttestationKind::Referrer(artifact) => artifact,
            AttestationKind::None => return Err(Error::new(format!("{WHAT}: could not find attestation {name}"))),
        };
        let images = self.images(image)?;
        let first = || -> Result<Option<Value>, HostError> {
            let digest: Digest = images.resolve(image)?;
            let referrers = images.referrers(image, &digest, artifact)?;
            referrers.first().map(|referrer| Ok(images.statement(image, referrer)?.1)).transpose()
        };
        let found = first().map_err(|error| failed(WHAT, &error))?;
        let found = found.ok_or_else(|| Error::new(format!("{WHAT}: artifact of type {artifact} not found")))?;
        Ok(Cel::from(&found))
    }

    fn attestation(&self, name: &str) -> Result<&'h Attestation, Error> {
        let found = self.attestations.iter().find(|attestation| attestation.name == name);
        found.ok_or_else(|| Error::new(format!("attestation not found in policy: {name}")))
    }
}

/// What a registry says of an image, as policies on images see it.
pub(crate) fn image_data(data: &Value) -> Value {
    let Value::Object(fields) = data else { return data.clone() };
    let renamed = fields.iter().filter(|(_, value)| !value.is_null()).map(|(key, value)| {
        let key = match key.as_str() {
            "configData" => Key::new("config"),
            "manifestList" => Key::new("imageIndex"),
            _ => key.clone(),
        };
        (key, value.clone())
    });
    Value::Object(renamed.collect())
}

fn failed(what: &str, error: &HostError) -> Error {
    Error::new(format!("{what}: {error}"))
}

fn text(args: &[Cel], index: usize) -> Result<&str, Error> {
    args.get(index).and_then(Cel::as_str).ok_or(Error::NoSuchOverload)
}

fn attestors(args: &[Cel], index: usize) -> Result<Vec<Value>, Error> {
    let list = args.get(index).and_then(Cel::as_list).ok_or(Error::NoSuchOverload)?;
    list.iter().map(|attestor| attestor.to_model()).collect()
}
