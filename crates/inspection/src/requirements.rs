//! What an image is held to by configuration, as far as it is told by comparing.

use probity_model::{Value, value::Object};
use probity_subject_image::Image;

use crate::registries::Registries;

/// Days after which a base is old, where nothing else is said.
pub const BASE_MAX_AGE: i64 = 90;

/// What an image is held to. What nobody configured is not known of any image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Requirements {
    /// Where images may be from.
    pub registries: Option<Registries>,
    /// Whether a list of approved bases was given to who read the image: one that stands on none of them is then not approved.
    pub bases: bool,
    /// How many days ago the base may have been released.
    pub base_max_age: i64,
}

impl Default for Requirements {
    fn default() -> Self {
        Self { registries: None, bases: false, base_max_age: BASE_MAX_AGE }
    }
}

impl Requirements {
    /// Whether the image is from an approved registry. `None` when none are configured, or it is from no registry.
    pub fn registry_approved(&self, image: &Image) -> Option<bool> {
        Some(self.registries.as_ref()?.approve(image.reference.as_ref()?))
    }

    /// Whether it stands on an approved base. `None` when there is no list of them.
    pub fn base_approved(&self, image: &Image) -> Option<bool> {
        self.bases.then(|| image.base.is_some())
    }

    /// The base of the document with how old it may be.
    pub(crate) fn base(&self, base: &Value) -> Value {
        let Some(object) = base.as_object() else { return base.clone() };
        let entries = object.iter().map(|(key, value)| (key.as_str().to_owned(), value.clone()));
        Value::object(entries.chain([("max_age_days".to_owned(), self.base_max_age.into())]))
    }

    /// What they say of an image, for its document. Of one of which only a bill of materials is known nobody knows the layers.
    pub(crate) fn entries(&self, image: &Image, listed: bool) -> [(&'static str, Value); 2] {
        let or_null = |known: Option<bool>| known.map_or(Value::Null, Value::from);
        [
            ("registry_approved", or_null(self.registry_approved(image))),
            ("base_approved", or_null(self.base_approved(image).filter(|_| !listed))),
        ]
    }
}

/// The document without its base, and with that of `requirements`.
pub(crate) fn with_base(document: &Object, requirements: &Requirements) -> Vec<(String, Value)> {
    let entry = |key: &str, value: &Value| match key {
        "base" => requirements.base(value),
        _ => value.clone(),
    };
    document.iter().map(|(key, value)| (key.as_str().to_owned(), entry(key.as_str(), value))).collect()
}
