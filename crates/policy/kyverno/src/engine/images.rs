//! `verifyImages` (Kyverno, `pkg/engine/handlers` and `pkg/engine/internal/imageverifier.go`).

use probity_kubernetes::wildcard;
use probity_model::{SmolStr, json};

use super::Run;
use crate::context::Context;
use crate::image::{self, Found};
use crate::object;
use crate::response::{RuleResponse, RuleType, Status};
use crate::rule::{ImageVerification, Rule};

/// The annotation in which Kyverno keeps what it verified.
const VERIFIED: &str = "kyverno.io/verify-images-scoped";

const TYPE: RuleType = RuleType::ImageVerify;

fn is_among(image: &str, patterns: &[SmolStr]) -> bool {
    patterns.iter().any(|pattern| wildcard::matches(pattern, image))
}

impl Run<'_> {
    /// The images of the resource that the rule is about.
    pub(super) fn matching_images(
        &self,
        verifications: &[ImageVerification],
        context: &Context<'_>,
    ) -> Result<Vec<Found>, String> {
        let Some(object) = &self.request.object else { return Ok(Vec::new()) };
        let kind = object::text(object, "kind");
        let custom = self.rule.image_extractors.iter().find(|(known, _)| known == kind);
        let custom = custom.map(|(_, extractors)| extractors.as_slice());
        let mut images = image::found(object, custom, context.evaluation())?;
        images.retain(|found| {
            verifications.iter().any(|verification| is_among(&found.image.reference(), &verification.references))
        });
        Ok(images)
    }

    /// Whether images have digests and were verified before.
    pub(super) fn checked_images(&self, verifications: &[ImageVerification], context: &Context<'_>) -> RuleResponse {
        let exceptions = self.exceptions(context);
        if !exceptions.is_empty() {
            return self.excepted(RuleType::Validation, &exceptions);
        }
        let images = match self.matching_images(verifications, context) {
            Ok(images) => images,
            Err(error) => return self.error(TYPE, "failed to extract images", error),
        };
        let (mut passed, mut skipped) = (0_usize, Vec::new());
        for verification in verifications {
            for found in &images {
                let image = found.image.reference();
                if !is_among(&image, &verification.references) {
                    continue;
                }
                if verification.verify_digest && found.image.digest.is_empty() {
                    return self.own(TYPE, Status::Fail, format!("missing digest for {image}"));
                }
                if !verification.required {
                    continue;
                }
                match self.verified_before(&image).as_deref() {
                    Some("pass") => passed += 1,
                    Some("skip") => skipped.push(image),
                    _ => return self.own(TYPE, Status::Fail, format!("unverified image {image}")),
                }
            }
        }
        let skips = skipped.join(" ");
        match (passed, skipped.is_empty()) {
            (_, true) => self.own(TYPE, Status::Pass, "image verified"),
            (0, false) => self.own(TYPE, Status::Skip, format!("image skipped, skipped images: {skips}")),
            (_, false) => self.own(TYPE, Status::Pass, format!("image verified, skipped images: {skips}")),
        }
    }

    /// What an annotation says was found of an image by the same rule.
    fn verified_before(&self, image: &str) -> Option<String> {
        let text = object::annotation(self.request.object.as_ref()?, VERIFIED)?;
        let kept = json::read(text.as_bytes()).ok()?;
        let policy = format!("{}/{}", self.policy.namespace, self.policy.name);
        let status = kept.at(&["policies", &policy, &self.rule.name, image])?;
        status.as_str().map(str::to_owned)
    }

    /// Verifies the images that the rule is about.
    pub(super) fn verified<'c>(
        &self,
        verifications: &[ImageVerification],
        rule: &'c Rule,
        context: &mut Context<'c>,
    ) -> Vec<RuleResponse> {
        let images = match self.matching_images(verifications, context) {
            Ok(images) if images.is_empty() => return Vec::new(),
            Ok(images) => images,
            Err(error) => return vec![self.error(TYPE, "failed to instantiate handler", error)],
        };
        if let Some(response) = self.prepare(TYPE, rule, context) {
            return vec![response];
        }
        let exceptions = self.exceptions(context);
        if !exceptions.is_empty() {
            return vec![self.excepted(RuleType::Mutation, &exceptions)];
        }
        let mut responses = Vec::new();
        for verification in verifications {
            for found in &images {
                responses.extend(self.verified_image(verification, found));
            }
        }
        responses.into_iter().map(|response| self.with_properties(response, context)).collect()
    }

    fn verified_image(&self, verification: &ImageVerification, found: &Found) -> Option<RuleResponse> {
        let image = found.image.reference();
        let skipped = || {
            format!("skipping image reference image {image}, policy {} ruleName {}", self.policy.name, self.rule.name)
        };
        if !verification.is_attested {
            let needs_digest = verification.mutate_digest && found.image.digest.is_empty();
            let cause = format!("the digest of {image} is not known without its registry");
            return needs_digest.then(|| self.error(TYPE, "failed to update digest", cause));
        }
        if !is_among(&image, &verification.references) {
            return Some(self.own(TYPE, Status::Skip, skipped()));
        }
        if is_among(&image, &verification.skipped) {
            return Some(RuleResponse { emit_warning: true, ..self.own(TYPE, Status::Skip, skipped()) });
        }
        // Nothing here verifies signatures yet: what is not known to be signed is not let through.
        let message = format!("failed to verify image {image}: its signatures could not be verified here");
        Some(self.own(TYPE, Status::Fail, message))
    }
}
