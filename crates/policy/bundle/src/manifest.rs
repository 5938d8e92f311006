//! `.manifest`: what a bundle says of itself.

use probity_model::value::{Object, Value};
use probity_policy_rego::{Version, glob_matches};

use crate::error::BundleError;

/// What a bundle says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// Its revision, empty when it says none.
    pub revision: String,
    /// The parts of `data` that are its own, as paths with `/`; the empty one is all of it.
    pub roots: Vec<String>,
    /// What it says beside, an object.
    pub metadata: Value,
    version: Option<Version>,
    /// Globs of files with the version of each, in order of the globs.
    file_versions: Vec<(String, Version)>,
}

impl Default for Manifest {
    fn default() -> Self {
        Self {
            revision: String::new(),
            roots: vec![String::new()],
            metadata: Value::object::<&str>([]),
            version: None,
            file_versions: Vec::new(),
        }
    }
}

fn wrong(message: impl Into<String>) -> BundleError {
    BundleError::Manifest(message.into())
}

impl Manifest {
    /// Reads a manifest in JSON.
    pub(crate) fn read(value: &Value) -> Result<Self, BundleError> {
        let object = value.as_object().ok_or_else(|| wrong("not an object"))?;
        if object.get("wasm").and_then(Value::as_array).is_some_and(|list| !list.is_empty()) {
            return Err(BundleError::Wasm("the manifest names modules".to_owned()));
        }
        Ok(Self {
            revision: text(object, "revision")?,
            roots: roots(object)?,
            metadata: present(object, "metadata").cloned().unwrap_or_else(|| Value::object::<&str>([])),
            version: present(object, "rego_version").map(|value| version(value, "rego_version")).transpose()?,
            file_versions: file_versions(object)?,
        })
    }

    /// The version of Rego of a file.
    pub(crate) fn version_of(&self, file: &str, default: Version) -> Result<Version, BundleError> {
        // Bundles are built with names that begin with `/`, and patterns are written either way.
        let rooted = format!("/{file}");
        for (pattern, version) in &self.file_versions {
            let fits = |name: &str| {
                glob_matches(pattern, &[], name)
                    .map_err(|error| wrong(format!("file_rego_versions: `{pattern}`: {error}")))
            };
            if fits(file)? || fits(&rooted)? {
                return Ok(*version);
            }
        }
        Ok(self.version.unwrap_or(default))
    }

    /// Whether a path lies in what is the bundle's own.
    pub(crate) fn owns<S: AsRef<str>>(&self, path: &[S]) -> bool {
        self.roots.iter().any(|root| contains(&segments(root), path))
    }

    /// Whether something the bundle owns lies below a path.
    pub(crate) fn owns_below(&self, path: &[String]) -> bool {
        self.roots.iter().any(|root| contains(path, &segments(root)))
    }
}

/// The parts of a root; none for the one that is everything.
pub(crate) fn segments(root: &str) -> Vec<&str> {
    if root.is_empty() { Vec::new() } else { root.split('/').collect() }
}

/// Whether a path begins with the parts of a root.
fn contains<R: AsRef<str>, S: AsRef<str>>(root: &[R], path: &[S]) -> bool {
    root.len() <= path.len() && root.iter().zip(path).all(|(a, b)| a.as_ref() == b.as_ref())
}

/// Whether one of two roots of bundles, paths with `/`, lies in the other.
pub fn roots_overlap(a: &str, b: &str) -> bool {
    let (a, b) = (segments(a), segments(b));
    contains(&a, &b) || contains(&b, &a)
}

fn present<'o>(object: &'o Object, name: &str) -> Option<&'o Value> {
    object.get(name).filter(|value| !value.is_null())
}

fn text(object: &Object, name: &str) -> Result<String, BundleError> {
    match present(object, name) {
        None => Ok(String::new()),
        Some(value) => Ok(value.as_str().ok_or_else(|| wrong(format!("{name}: not a text")))?.to_owned()),
    }
}

fn roots(object: &Object) -> Result<Vec<String>, BundleError> {
    let Some(value) = present(object, "roots") else { return Ok(vec![String::new()]) };
    let list = value.as_array().ok_or_else(|| wrong("roots: not a list"))?;
    let mut roots: Vec<String> = Vec::with_capacity(list.len());
    for root in list {
        let root = root.as_str().ok_or_else(|| wrong("roots: not all are texts"))?.trim_matches('/');
        if let Some(other) = roots.iter().find(|other| roots_overlap(other, root)) {
            return Err(wrong(format!("the roots `{other}` and `{root}` overlap")));
        }
        roots.push(root.to_owned());
    }
    Ok(roots)
}

fn version(value: &Value, what: &str) -> Result<Version, BundleError> {
    match value.as_number().and_then(probity_model::Number::as_i64) {
        Some(0) => Ok(Version::V0),
        Some(1) => Ok(Version::V1),
        _ => Err(wrong(format!("{what}: {value:?} is no version of Rego; 0 and 1 are"))),
    }
}

fn file_versions(object: &Object) -> Result<Vec<(String, Version)>, BundleError> {
    let Some(value) = present(object, "file_rego_versions") else { return Ok(Vec::new()) };
    let versions = value.as_object().ok_or_else(|| wrong("file_rego_versions: not an object"))?;
    versions
        .iter()
        .map(|(pattern, value)| Ok((pattern.as_str().to_owned(), version(value, pattern.as_str())?)))
        .collect()
}
