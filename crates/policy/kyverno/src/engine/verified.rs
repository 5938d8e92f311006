//! Images that are verified, and what is noted of it in the resource (Kyverno, `pkg/engine/api/imageverifymetadata.go`).

use probity_kubernetes::patch::JsonPatch;
use probity_kubernetes::patch::json6902::Options;
use probity_model::value::Object;
use probity_model::{Key, Value, json};

use super::Run;
use super::images::{TYPE, VERIFIED, is_among};
use crate::context::Context;
use crate::image::Found;
use crate::images::Images;
use crate::object;
use crate::policy::Policy;
use crate::response::{RuleResponse, RuleType, Status};
use crate::rule::{ImageVerification, Rule};

/// The annotation with what was found of each image, whatever the policy.
const IMAGES: &str = "kyverno.io/verify-images";

/// What came of a rule that verifies images.
#[derive(Default)]
pub(super) struct Outcome {
    pub(super) responses: Vec<RuleResponse>,
    /// The resource with tags replaced by digests; `None` when none was.
    pub(super) patched: Option<Value>,
    /// What was found of each image, as it is noted.
    pub(super) noted: Vec<Note>,
}

/// What was found of an image.
pub(super) struct Note {
    pub(super) image: String,
    pub(super) status: &'static str,
}

impl Outcome {
    fn of(response: RuleResponse) -> Self {
        Self { responses: vec![response], ..Self::default() }
    }
}

impl Run<'_> {
    /// Verifies the images that the rule is about.
    pub(super) fn verified<'c>(
        &self,
        verifications: &'c [ImageVerification],
        rule: &'c Rule,
        context: &mut Context<'c>,
    ) -> Outcome {
        let images = match self.matching_images(verifications, context) {
            Ok(images) if images.is_empty() => return Outcome::default(),
            Ok(images) => images,
            Err(error) => return Outcome::of(self.error(TYPE, "failed to instantiate handler", error)),
        };
        if let Some(response) = self.prepare(TYPE, rule, context) {
            return Outcome::of(response);
        }
        let exceptions = self.exceptions(context);
        if !exceptions.is_empty() {
            return Outcome::of(self.excepted(RuleType::Mutation, &exceptions));
        }
        let mut outcome = Outcome::default();
        for verification in verifications {
            for found in &images {
                self.verified_image(verification, found, context, &mut outcome);
            }
        }
        let responses = std::mem::take(&mut outcome.responses);
        outcome.responses = responses.into_iter().map(|response| self.with_properties(response, context)).collect();
        outcome
    }

    fn verified_image<'c>(
        &self,
        verification: &'c ImageVerification,
        found: &Found,
        context: &mut Context<'c>,
        outcome: &mut Outcome,
    ) {
        let mut found = found.clone();
        let (response, digest) = self.attested(verification, &found, context);
        let mut response = response;
        if verification.mutate_digest && found.image.digest.is_empty() {
            match self.pinned(&found, digest, outcome) {
                // What fails anyway does not fail for its digest.
                Err(_) if response.as_ref().is_some_and(|response| response.status == Status::Fail) => {}
                Err(error) => outcome.responses.push(self.error(TYPE, "failed to update digest", error)),
                Ok(digest) => {
                    response = response.or_else(|| Some(self.own(TYPE, Status::Pass, "mutated image digest")));
                    found.image.digest = digest;
                }
            }
        }
        let Some(response) = response else { return };
        if verification.is_attested {
            let status = match response.status {
                Status::Pass => "pass",
                Status::Skip | Status::Warn => "skip",
                Status::Fail | Status::Error => "fail",
            };
            outcome.noted.push(Note { image: found.image.reference(), status });
        }
        outcome.responses.push(response);
    }

    /// Whether an image has what it must have, and its digest when that was looked up.
    fn attested<'c>(
        &self,
        verification: &'c ImageVerification,
        found: &Found,
        context: &mut Context<'c>,
    ) -> (Option<RuleResponse>, Option<String>) {
        if !verification.is_attested {
            return (None, None);
        }
        let image = found.image.reference();
        let skipped = || {
            format!("skipping image reference image {image}, policy {} ruleName {}", self.policy.name, self.rule.name)
        };
        if !is_among(&image, &verification.references) {
            return (Some(self.own(TYPE, Status::Skip, skipped())), None);
        }
        if is_among(&image, &verification.skipped) {
            let response = RuleResponse { emit_warning: true, ..self.own(TYPE, Status::Skip, skipped()) };
            return (Some(response), None);
        }
        if let Some(secret) = verification.secrets.first() {
            let cause = format!("`{secret}` is in a cluster; credentials of registries are given from outside here");
            return (Some(self.error(TYPE, "failed to fetch secrets", cause)), None);
        }
        let Some(images) = self.around.host.images() else {
            // What is not known to be signed is not let through.
            let message = format!("failed to verify image {image}: its signatures could not be verified here");
            return (Some(self.own(TYPE, Status::Fail, message)), None);
        };
        let (response, digest) = self.by_attestors(verification, found, images, context);
        (Some(response), digest)
    }

    /// Replaces a tag by the digest that it stands for now.
    fn pinned(&self, found: &Found, digest: Option<String>, outcome: &mut Outcome) -> Result<String, String> {
        let image = found.image.reference();
        let digest = match (digest, self.around.host.images()) {
            (Some(digest), _) => digest,
            (None, Some(images)) => resolved(images, &image)?,
            (None, None) => return Err(format!("the digest of {image} is not known without its registry")),
        };
        let resource = outcome.patched.as_ref().or(self.request.object.as_ref()).ok_or("there is no object")?;
        let operation = Value::object([
            ("op", Value::from("replace")),
            ("path", Value::from(found.pointer.as_str())),
            ("value", Value::from(format!("{image}@{digest}"))),
        ]);
        let patch = JsonPatch::read(&Value::array([operation])).map_err(|error| error.to_string())?;
        outcome.patched = Some(patch.apply(resource, Options::LENIENT).map_err(|error| error.to_string())?);
        Ok(digest)
    }
}

fn resolved(images: &dyn Images, image: &str) -> Result<String, String> {
    images.resolve(image).map(|digest| digest.to_string()).map_err(|error| error.to_string())
}

/// The resource with what a rule found of its images in its annotations, in the place of what it found before.
pub(super) fn annotated(resource: &Value, policy: &Policy, rule: &str, noted: &[Note]) -> Value {
    if noted.is_empty() {
        return resource.clone();
    }
    let kept = |name: &str| {
        let kept = object::annotation(resource, name).and_then(|text| json::read(text.as_bytes()).ok());
        kept.and_then(|value| value.as_object().cloned()).unwrap_or_default()
    };
    let images = noted.iter().fold(kept(IMAGES), |all, note| object::with_entry(&all, &note.image, note.status.into()));
    let own =
        noted.iter().fold(Object::default(), |own, note| object::with_entry(&own, &note.image, note.status.into()));
    let policies = kept(VERIFIED).get("policies").and_then(Value::as_object).cloned().unwrap_or_default();
    let key = format!("{}/{}", policy.namespace, policy.name);
    let rules = policies.get(&key).and_then(Value::as_object).cloned().unwrap_or_default();
    let rules = object::with_entry(&rules, rule, Value::Object(own));
    let policies = object::with_entry(&policies, &key, Value::Object(rules));
    let scoped = Value::object([("version", Value::from(1)), ("policies", Value::Object(policies))]);
    let texts = [(IMAGES, Value::Object(images)), (VERIFIED, scoped)];
    texts.into_iter().fold(resource.clone(), |resource, (name, value)| {
        let path = ["metadata", "annotations", name].map(probity_model::SmolStr::from);
        object::merged_at(&resource, &path, &json::write(&value).into())
    })
}

/// An object of texts.
pub(super) fn texts<'t>(entries: impl IntoIterator<Item = (&'t str, &'t str)>) -> Value {
    Value::Object(entries.into_iter().map(|(name, text)| (Key::new(name), Value::from(text))).collect())
}
