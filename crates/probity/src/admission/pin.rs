//! Tags of images are replaced by the digests that they mean when an object is written: what runs is what was judged.

use std::sync::Arc;
use std::time::{Duration, Instant};

use probity_gate_admission::{image_references, with_images};
use probity_kubernetes::kind::WORKLOADS;
use probity_model::PolicyId;
use probity_policy_core::{Facts, FailMode, Mutation, MutationFailure, Mutator, Operation, RequestRule};
use probity_subject_image::Reference;

use super::tags::Tags;

/// The name under which it is told.
const NAME: &str = "pin-images";

/// What pins images.
pub(super) struct Pin {
    pub(super) tags: Arc<Tags>,
    /// How long registries may take for one object: shorter than an answer may, so that it is said what is missing.
    pub(super) patience: Duration,
}

impl Pin {
    fn pinned(&self, image: &str, deadline: Instant) -> Result<Option<String>, String> {
        let reference: Reference = image.parse().map_err(|error| format!("{error}"))?;
        if reference.digest().is_some() {
            return Ok(None);
        }
        Ok(Some(format!("{image}@{}", self.tags.digest(&reference, deadline)?)))
    }
}

impl Mutator for Pin {
    fn requests(&self) -> Vec<(FailMode, RequestRule)> {
        let rule = |kind: &str, subresource: &str| RequestRule {
            subresource: subresource.into(),
            operations: vec![Operation::Create, Operation::Update],
            ..RequestRule::of_kind(kind)
        };
        let objects = WORKLOADS.iter().map(|kind| rule(kind, ""));
        objects.chain([rule("Pod", "ephemeralcontainers")]).map(|rule| (FailMode::Closed, rule)).collect()
    }

    fn mutate(&self, facts: &Facts<'_>) -> Mutation {
        let Some((request, object)) = facts.request.and_then(|request| Some((request, request.object()?))) else {
            return Mutation::default();
        };
        // What runs already stays as it is: another name for its image would start it anew.
        let running = request.old_object().map(image_references).unwrap_or_default();
        let deadline = Instant::now() + self.patience;
        let mut failures = Vec::new();
        let changed = with_images(object, &mut |container, image| {
            if running.contains(&(container, image)) {
                return None;
            }
            let pinned = self.pinned(image, deadline);
            pinned.unwrap_or_else(|why| {
                let message = format!("container {container}: the image {image} has no digest to be pinned to: {why}");
                failures.push(MutationFailure { policy: PolicyId::from(NAME), message, denies: true });
                None
            })
        });
        let by = changed.is_some().then(|| PolicyId::from(NAME)).into_iter().collect();
        Mutation { object: changed, by, failures, ..Mutation::default() }
    }
}
