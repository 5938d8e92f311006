//! Signatures and attestations that images must have (Kyverno, `pkg/engine/internal/imageverifier.go`).

use probity_model::Value;
use probity_trust::{Digest, Form, Verified};

use super::Run;
use super::images::TYPE;
use super::verified::texts;
use crate::condition::{Conditions, joined};
use crate::context::Context;
use crate::image::Found;
use crate::images::attestor::{Refusal, notaries, signers};
use crate::images::identity::{Reading, notes};
use crate::images::{Images, Signers};
use crate::response::{RuleResponse, Status};
use crate::rule::attestor::{Attestor, AttestorSet, Pairs, Who};
use crate::rule::{Attestation, Attested, ImageVerification, Signed};

/// An image whose digest is known, with what is asked of it.
struct Asked<'a> {
    /// As messages name it.
    image: String,
    digest: Digest,
    form: Signed,
    attested: &'a Attested,
    images: &'a dyn Images,
}

/// A statement that was verified.
struct Stated {
    predicate: Value,
}

impl Run<'_> {
    /// Whether an image is signed by whom it must be, and has the attestations that it must have; with its digest.
    pub(super) fn by_attestors<'c>(
        &self,
        verification: &'c ImageVerification,
        found: &Found,
        images: &dyn Images,
        context: &mut Context<'c>,
    ) -> (RuleResponse, Option<String>) {
        let image = found.image.reference();
        context.set("image", variable(found));
        let outcome = verification.attested(context).map_err(Refusal::Unknown).and_then(|attested| {
            let digest = images.resolve(&image)?;
            let asked = Asked { image: image.clone(), digest, form: verification.form, attested: &attested, images };
            asked.signed()?;
            Ok((attested.clone(), digest))
        });
        let (attested, digest) = match outcome {
            Ok(found) => found,
            Err(refusal) => return (self.refused(&image, &refusal), None),
        };
        let digest_text = Some(digest.to_string());
        if attested.attestations.is_empty() {
            let message = format!("verified image signatures for {image}");
            return (self.own(TYPE, Status::Pass, message), digest_text);
        }
        let asked = Asked { image: image.clone(), digest, form: verification.form, attested: &attested, images };
        for (index, attestation) in attested.attestations.iter().enumerate() {
            let conditions = verification.conditions.get(index).map(Vec::as_slice).unwrap_or_default();
            if let Err(refusal) = asked.attests(index, attestation, conditions, context) {
                let message = match refusal {
                    Refusal::Unknown(_) => return (self.refused(&image, &refusal), None),
                    Refusal::Unsigned(message) => message,
                };
                return (self.own(TYPE, Status::Fail, message), None);
            }
        }
        match self.denied_attestations(context) {
            Some(response) => (response, digest_text),
            None => (self.own(TYPE, Status::Pass, format!("verified image attestations for {image}")), digest_text),
        }
    }

    fn refused(&self, image: &str, refusal: &Refusal) -> RuleResponse {
        let message = format!("failed to verify image {image}");
        match refusal {
            Refusal::Unsigned(why) => self.own(TYPE, Status::Fail, format!("{message}: {why}")),
            Refusal::Unknown(why) => self.error(TYPE, &message, why),
        }
    }

    /// What comes of the conditions on all attestations together; `None` when the rule has none.
    fn denied_attestations(&self, context: &Context<'_>) -> Option<RuleResponse> {
        let crate::rule::Body::VerifyImages(verifications) = &self.rule.body else { return None };
        let denies: Vec<_> = verifications.iter().filter_map(|verification| verification.deny.as_ref()).collect();
        if denies.is_empty() {
            return None;
        }
        let failed =
            |why: &str| Some(self.own(TYPE, Status::Fail, format!("validation in verifyImages failed: {why}")));
        for deny in denies {
            let outcome = match deny.conditions.as_ref().map(|conditions| conditions.evaluate(context)).transpose() {
                Ok(outcome) => outcome,
                Err(error) => return failed(&format!("failed to check deny conditions: {error}")),
            };
            if outcome.as_ref().is_none_or(|outcome| outcome.holds) {
                let said = outcome.map(|outcome| outcome.message).unwrap_or_default();
                let own = deny.message.as_ref().and_then(|message| message.substitute(context).ok());
                let own = own.as_ref().and_then(Value::as_str).unwrap_or_default();
                return match joined(&[own, &said], "; ") {
                    message if message.is_empty() => failed("validation error: imageVerify failed"),
                    message => failed(&message),
                };
            }
        }
        let message = format!("verifyImages validation is passed in {} rule", self.rule.name);
        Some(self.own(TYPE, Status::Pass, message))
    }
}

/// The image as conditions see it.
fn variable(found: &Found) -> Value {
    let image = &found.image;
    let (reference, with_tag) = (image.reference(), image.reference_with_tag());
    texts([
        ("reference", reference.as_str()),
        ("referenceWithTag", &with_tag),
        ("registry", &image.registry),
        ("path", &image.path),
        ("name", image.name()),
        ("tag", &image.tag),
        ("digest", &image.digest),
    ])
}

impl Asked<'_> {
    /// Whether each set of attestors signed.
    fn signed(&self) -> Result<(), Refusal> {
        for (index, set) in self.attested.attestors.iter().enumerate() {
            self.signed_by_set(set, &format!(".attestors[{index}]"))?;
        }
        Ok(())
    }

    fn signed_by_set(&self, set: &AttestorSet, path: &str) -> Result<(), Refusal> {
        enough(set, |index, attestor| {
            let path = format!("{path}.entries[{index}]");
            match &attestor.who {
                Who::Set(inner) => self.signed_by_set(inner, &format!("{path}.attestor")),
                who => self.signed_by(attestor).map_err(|refusal| refusal.within(&format!("{path}{}", name_of(who)))),
            }
        })
    }

    fn signed_by(&self, attestor: &Attestor) -> Result<(), Refusal> {
        let signers = self.signers(attestor)?;
        let found = self.images.verify(&self.image, &self.digest, &signers)?;
        let mut refused = found.refused.first().map(|refused| refused.error.to_string());
        for verified in found.verified.iter().filter(|verified| self.is_signature(verified)) {
            match self.check(attestor, verified) {
                Ok(()) => return Ok(()),
                Err(why) => refused = Some(why),
            }
        }
        Err(Refusal::Unsigned(refused.unwrap_or_else(|| "no signatures found".to_owned())))
    }

    /// Whether it is a signature in the form that is looked for. With bundles, whatever is stated of an image signs it.
    fn is_signature(&self, verified: &Verified) -> bool {
        match self.form {
            Signed::Cosign => verified.form == Form::Cosign && !verified.is_attestation(),
            Signed::Bundle => verified.form == Form::Bundle,
            Signed::Notary => true,
        }
    }

    fn signers(&self, attestor: &Attestor) -> Result<Signers, Refusal> {
        match self.form {
            Signed::Notary => notaries(attestor),
            Signed::Cosign | Signed::Bundle => signers(attestor, &self.attested.repository, self.images),
        }
    }

    /// Whether it is by whom it must be and notes what it must.
    fn check(&self, attestor: &Attestor, verified: &Verified) -> Result<(), String> {
        if let Who::Keyless { identity, .. } = &attestor.who {
            identity.check(verified, Reading::Wildcards)?;
        }
        let wanted: &Pairs = attestor.annotations.as_ref().unwrap_or(&self.attested.annotations);
        // Bundles have no notes: Kyverno asks for none of them.
        if verified.form == Form::Cosign && !verified.is_attestation() && !notes(verified, wanted) {
            return Err("no signature matched the required annotations".to_owned());
        }
        Ok(())
    }

    /// Whether there is an attestation by whom it must be, that says what it must.
    fn attests<'c>(
        &self,
        index: usize,
        attestation: &Attestation,
        conditions: &'c [Conditions],
        context: &mut Context<'c>,
    ) -> Result<(), Refusal> {
        let path = format!(".attestations[{index}]");
        if attestation.predicate_type.is_empty() {
            return Err(Refusal::Unsigned(format!("{path}: missing type")));
        }
        let anybody = [AttestorSet::one(Who::Anybody, None)];
        let sets = if attestation.attestors.is_empty() { &anybody[..] } else { &attestation.attestors };
        for (position, set) in sets.iter().enumerate() {
            let path = format!("{path}.attestors[{position}]");
            Self::attested_by_set(set, &path, &mut |attestor| {
                let stated = self.stated_by(attestor, &attestation.predicate_type)?;
                self.says(attestation, &stated, conditions, context)
            })?;
        }
        Ok(())
    }

    fn attested_by_set(
        set: &AttestorSet,
        path: &str,
        attests: &mut dyn FnMut(&Attestor) -> Result<(), Refusal>,
    ) -> Result<(), Refusal> {
        let mut verified = 0;
        let outcome = enough(set, |index, attestor| {
            let path = format!("{path}.entries[{index}]");
            let outcome = match &attestor.who {
                Who::Set(inner) => Self::attested_by_set(inner, &format!("{path}.attestor"), attests),
                who => attests(attestor).map_err(|refusal| refusal.within(&format!("{path}{}", name_of(who)))),
            };
            verified += usize::from(outcome.is_ok());
            outcome
        });
        outcome.map_err(|refusal| match refusal {
            Refusal::Unknown(_) => refusal,
            Refusal::Unsigned(why) => Refusal::Unsigned(format!(
                "image attestations verification failed, verifiedCount: {verified}, requiredCount: {}, error: {why}",
                set.required()
            )),
        })
    }

    /// What is stated of a type by one who attests.
    fn stated_by(&self, attestor: &Attestor, predicate_type: &str) -> Result<Vec<Stated>, Refusal> {
        if self.form == Signed::Notary {
            return self.referred(attestor, predicate_type);
        }
        let form = if self.form == Signed::Bundle { Form::Bundle } else { Form::Cosign };
        let signers = self.signers(attestor)?;
        let found = self.images.verify(&self.image, &self.digest, &signers)?;
        let mut refused = found.refused.first().map(|refused| refused.error.to_string());
        let mut stated = Vec::new();
        for verified in found.verified.iter().filter(|verified| verified.form == form) {
            let Some(statement) = &verified.statement else { continue };
            if statement.predicate_type != predicate_type {
                continue;
            }
            match self.check(attestor, verified) {
                Ok(()) => stated.push(Stated { predicate: statement.predicate.clone() }),
                Err(why) => refused = Some(why),
            }
        }
        if stated.is_empty() {
            let missing = || format!("attestions not found for predicate type {predicate_type}");
            return Err(Refusal::Unsigned(refused.unwrap_or_else(missing)));
        }
        Ok(stated)
    }

    /// What refers to the image and is of a type, signed with Notation unless anybody's counts.
    fn referred(&self, attestor: &Attestor, artifact_type: &str) -> Result<Vec<Stated>, Refusal> {
        let referrers = self.images.referrers(&self.image, &self.digest, artifact_type)?;
        let Some(referrer) = referrers.first() else {
            let message = format!("no matching attestations found for image {} with type {artifact_type}", self.image);
            return Err(Refusal::Unsigned(message));
        };
        if !matches!(attestor.who, Who::Anybody) {
            let found = self.images.verify(&self.image, referrer, &notaries(attestor)?)?;
            if found.verified.is_empty() {
                let why = found.refused.first().map_or("no signatures found".to_owned(), |one| one.error.to_string());
                return Err(Refusal::Unsigned(why));
            }
        }
        let (_, predicate) = self.images.statement(&self.image, referrer)?;
        Ok(vec![Stated { predicate }])
    }

    /// Whether all that is stated says what it must. The first predicate is a variable afterwards.
    fn says<'c>(
        &self,
        attestation: &Attestation,
        stated: &[Stated],
        conditions: &'c [Conditions],
        context: &mut Context<'c>,
    ) -> Result<(), Refusal> {
        let first = stated.first().map(|stated| stated.predicate.clone()).unwrap_or_default();
        if !attestation.name.is_empty() {
            context.set(attestation.name.clone(), first);
        }
        let refused = |message: &str| {
            let predicate = &attestation.predicate_type;
            let message = format!("attestation checks failed for {} and predicate {predicate}: {message}", self.image);
            Refusal::Unsigned(message)
        };
        for stated in stated.iter().filter(|_| !conditions.is_empty()) {
            let Value::Object(fields) = &stated.predicate else {
                return Err(Refusal::Unsigned("failed to extract predicate from statement".to_owned()));
            };
            let mark = context.mark();
            for (name, value) in fields.iter() {
                context.set(name.as_str(), value.clone());
            }
            let outcome = conditions.iter().try_for_each(|conditions| match conditions.evaluate(context) {
                Ok(outcome) if outcome.holds => Ok(()),
                Ok(outcome) => Err(refused(&outcome.message)),
                Err(error) => Err(Refusal::Unsigned(format!("failed to check attestations: {error}"))),
            });
            context.restore(&mark);
            outcome?;
        }
        Ok(())
    }
}

/// What an attestor is called in messages.
fn name_of(who: &Who) -> &'static str {
    match who {
        Who::Keys { .. } => ".keys",
        Who::Certificates { .. } => ".certificates",
        Who::Keyless { .. } => ".keyless",
        Who::Anybody | Who::Set(_) => "",
    }
}

/// Whether as many of a set count as must. That one could not be asked decides only when the others do not suffice.
fn enough(set: &AttestorSet, mut counts: impl FnMut(usize, &Attestor) -> Result<(), Refusal>) -> Result<(), Refusal> {
    let mut verified = 0;
    let mut refused: Vec<Refusal> = Vec::new();
    for (index, attestor) in set.entries.iter().enumerate() {
        match counts(index, attestor) {
            Ok(()) => verified += 1,
            Err(refusal) => refused.push(refusal),
        }
        if verified >= set.required() {
            return Ok(());
        }
    }
    let is_unknown = refused.iter().any(|refusal| matches!(refusal, Refusal::Unknown(_)));
    let messages: Vec<_> = refused.iter().map(Refusal::message).collect();
    let message = messages.join("; ");
    Err(if is_unknown { Refusal::Unknown(message) } else { Refusal::Unsigned(message) })
}
