//! The objects that were read together: what a cluster would know.

use std::collections::HashMap;

use jiff::civil::Date;
use probity_model::value::Object;
use probity_model::{SubjectKind, Value};
use probity_policy_core::Facts;

use crate::host::{Answer, Host, HostError};
use crate::images::Images;
use crate::object;

/// Namespaces and config maps by their names, and the day.
pub(super) struct Objects<'f> {
    namespaces: HashMap<&'f str, &'f Value>,
    config_maps: HashMap<(&'f str, &'f str), &'f Value>,
    today: Date,
    images: Option<&'f dyn Images>,
}

impl<'f> Objects<'f> {
    pub(super) fn none(today: Date) -> Self {
        Self { namespaces: HashMap::new(), config_maps: HashMap::new(), today, images: None }
    }

    pub(super) fn of(facts: &Facts<'f>) -> Self {
        let mut objects = Self::none(facts.today);
        for subject in facts.graph.subjects().iter().filter(|subject| subject.kind == SubjectKind::Kubernetes) {
            let document = &subject.document;
            let name = object::name(document);
            match object::text(document, "kind") {
                "Namespace" => drop(objects.namespaces.insert(name, document)),
                "ConfigMap" => {
                    let namespace = match object::namespace(document) {
                        "" => "default",
                        namespace => namespace,
                    };
                    objects.config_maps.insert((namespace, name), document);
                }
                _ => {}
            }
        }
        objects
    }

    /// The same, where these answer for registries.
    pub(super) fn asking(self, images: Option<&'f dyn Images>) -> Self {
        Self { images, ..self }
    }

    pub(super) fn namespace_labels(&self, name: &str) -> Option<&'f Object> {
        object::labels(self.namespaces.get(name)?)
    }
}

impl probity_policy_jmespath::Host for Objects<'_> {
    /// The beginning of the day of the evaluation.
    fn now_ns(&self) -> Result<i64, String> {
        let start = jiff::tz::Offset::UTC.to_timestamp(self.today.at(0, 0, 0, 0));
        let start = start.map_err(|error| error.to_string())?;
        Ok(start.as_second().saturating_mul(1_000_000_000))
    }
}

impl Host for Objects<'_> {
    fn images(&self) -> Option<&dyn Images> {
        self.images
    }

    fn config_map(&self, namespace: &str, name: &str) -> Answer {
        let found = self.config_maps.get(&(namespace, name));
        let missing = || {
            HostError::Failed(format!(
                "the config map {namespace}/{name} is not among what is scanned, and to ask for it needs a cluster"
            ))
        };
        found.map(|found| (*found).clone()).ok_or_else(missing)
    }
}
