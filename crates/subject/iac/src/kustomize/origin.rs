//! Where objects come from, as `buildMetadata` has it written into annotations.

use std::path::{Component, Path};

use super::resource::Resource;

/// The annotation that says where an object comes from.
pub(super) const ORIGIN: &str = "config.kubernetes.io/origin";

/// The annotation that says what changed an object.
pub(super) const TRANSFORMATIONS: &str = "alpha.config.kubernetes.io/transformations";

/// Where an object, or what generates or changes objects, comes from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Origin {
    pub(super) path: String,
    pub(super) configured_in: String,
    /// API version, kind, name and namespace of what is configured.
    pub(super) configured_by: Option<[String; 4]>,
}

impl Origin {
    /// What lies at a path from here.
    pub(super) fn join(&self, path: &str) -> Self {
        Self { path: cleaned(&format!("{}/{path}", self.path)), ..self.clone() }
    }

    /// What is built in and configured by the kustomization file of this name here.
    pub(super) fn builtin(&self, file: &str, kind: &str) -> Self {
        Self {
            path: String::new(),
            configured_in: self.join(file).path,
            configured_by: Some(["builtin".to_owned(), kind.to_owned(), String::new(), String::new()]),
        }
    }

    /// What an object configures.
    pub(super) fn of_plugin(resource: &Resource) -> Option<Self> {
        let id = resource.id();
        Some(Self {
            path: String::new(),
            configured_in: resource.origin.as_ref()?.path.clone(),
            configured_by: Some([id.gvk.api_version(), id.gvk.kind, id.name, id.namespace]),
        })
    }

    /// As YAML.
    pub(super) fn write(&self) -> String {
        let mut lines = Vec::new();
        if !self.configured_in.is_empty() {
            lines.push(format!("configuredIn: {}", self.configured_in));
        }
        if let Some(by) = &self.configured_by {
            lines.push("configuredBy:".to_owned());
            let names = ["apiVersion", "kind", "name", "namespace"];
            let given = names.iter().zip(by).filter(|(_, value)| !value.is_empty());
            lines.extend(given.map(|(name, value)| format!("  {name}: {value}")));
        }
        if !self.path.is_empty() {
            lines.insert(0, format!("path: {}", self.path));
        }
        lines.join("\n") + "\n"
    }
}

/// Several, as a list in YAML.
pub(super) fn write_all(origins: &[Origin]) -> String {
    origins.iter().map(|origin| format!("- {}\n", origin.write().trim_end().replace('\n', "\n  "))).collect()
}

/// A path without `.` and without `a/..`.
fn cleaned(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in Path::new(path.trim_start_matches('/')).components() {
        match part {
            Component::ParentDir if parts.last().is_some_and(|last| *last != "..") => drop(parts.pop()),
            Component::ParentDir => parts.push(".."),
            Component::Normal(name) => parts.extend(name.to_str()),
            _ => {}
        }
    }
    parts.join("/")
}
