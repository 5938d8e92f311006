//! `verifyImages` (Kyverno, `pkg/engine/handlers` and `pkg/engine/internal/imageverifier.go`).

use probity_kubernetes::wildcard;
use probity_model::{SmolStr, json};

use super::Run;
use crate::context::Context;
use crate::image::{self, Found};
use crate::object;
use crate::response::{RuleResponse, RuleType, Status};
use crate::rule::ImageVerification;

/// The annotation in which Kyverno keeps what it verified.
pub(super) const VERIFIED: &str = "kyverno.io/verify-images-scoped";

pub(super) const TYPE: RuleType = RuleType::ImageVerify;

pub(super) fn is_among(image: &str, patterns: &[SmolStr]) -> bool {
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
}
