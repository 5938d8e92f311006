//! A constraint with its template: what it finds wrong with a review.

use std::sync::Arc;

use probity_model::Value;

use crate::constraint::Constraint;
use crate::enforcement::Point;
use crate::inventory::Inventory;
use crate::matching::Candidate;
use crate::rego::{Failure, Rego};
use crate::review::Review;
use crate::template::{Code, Template};

/// A constraint that can be asked.
#[derive(Debug, Clone)]
pub(crate) struct Bound {
    pub(crate) template: Arc<Template>,
    pub(crate) constraint: Constraint,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Found {
    /// The object is not as it should be.
    Violation(String),
    /// Whether the constraint is about it could not be told, for want of another object.
    Undecided(String),
    /// The policy failed; for Gatekeeper that is a violation.
    Error(String),
    /// The policy gave no answer.
    Unusable(String),
}

impl Found {
    pub(crate) fn message(&self) -> &str {
        match self {
            Self::Violation(message) | Self::Undecided(message) | Self::Error(message) | Self::Unusable(message) => {
                message
            }
        }
    }

    pub(crate) fn with_prefix(self, prefix: &str) -> Self {
        match self {
            Self::Violation(message) => Self::Violation(format!("{prefix} {message}")),
            Self::Undecided(message) => Self::Undecided(format!("{prefix} {message}")),
            Self::Error(message) => Self::Error(format!("{prefix} {message}")),
            Self::Unusable(message) => Self::Unusable(format!("{prefix} {message}")),
        }
    }
}

/// What a review is judged with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Surroundings<'v> {
    pub(crate) inventory: &'v Inventory,
    pub(crate) point: Point,
    /// Whether policies see the object of the namespace; `gator verify` does not show it.
    pub(crate) shows_namespace: bool,
    /// What the time is for the policies, in nanoseconds since 1970.
    pub(crate) now_ns: i64,
}

impl Bound {
    /// Everything found wrong; `None` when the constraint does not say anything about the review.
    pub(crate) fn judge(&self, review: &Review, around: &Surroundings<'_>) -> Option<Vec<Found>> {
        self.constraint.enforcement.stage(around.point)?;
        let namespace = match review.namespace() {
            "" => None,
            name => around.inventory.namespace(name),
        };
        match self.matches(review, namespace) {
            Ok(false) => return None,
            Ok(true) => {}
            Err(message) => return Some(vec![Found::Undecided(format!("unable to match constraints: {message}"))]),
        }
        let namespace = namespace.filter(|_| around.shows_namespace);
        Some(match &self.template.code {
            Code::Native(native) => native.violations(review, self.constraint.given.as_ref(), namespace),
            Code::Rego(rego) => self.violations(rego, review.value(namespace), around),
        })
    }

    fn violations(&self, rego: &Rego, shown: Value, around: &Surroundings<'_>) -> Vec<Found> {
        let inventory = if rego.uses_inventory { around.inventory.value() } else { None };
        match rego.violations(shown, self.constraint.parameters.clone(), inventory, around.now_ns) {
            Ok(violations) => violations.into_iter().map(|violation| Found::Violation(violation.message)).collect(),
            Err(Failure::Evaluation(message)) => vec![Found::Error(message)],
            Err(Failure::Unusable(message)) => vec![Found::Unusable(message)],
        }
    }

    fn matches(&self, review: &Review, namespace: Option<&Value>) -> Result<bool, String> {
        for object in review.object.iter().chain(&review.old_object) {
            let candidate = Candidate { object, namespace, source: Some(review.source) };
            if self.constraint.matching.matches(&candidate)? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
