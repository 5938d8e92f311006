//! Files that tests and commands name: resources, policies, exceptions.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use probity_kubernetes::kind::{self, GroupVersionKind};
use probity_model::node::Node;
use probity_model::value::Object;
use probity_model::yaml::{self, Dialect, Document};
use probity_model::{Key, Problem, Sources, Value};

use crate::object;

/// Largest file that is read, in bytes.
const MAX_SIZE: u64 = 64 << 20;

/// Deepest folder that is looked into.
const MAX_DEPTH: usize = 32;

/// A file that could not be used.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{place}")]
pub struct FileProblem {
    /// The file.
    pub path: PathBuf,
    /// What is wrong, with its place.
    pub place: String,
}

impl FileProblem {
    pub(super) fn new(path: &Path, message: impl std::fmt::Display) -> Self {
        Self { path: path.to_owned(), place: format!("{}: {message}", path.display()) }
    }

    pub(super) fn of(path: &Path, problem: &Problem, sources: &Sources) -> Self {
        Self { path: path.to_owned(), place: problem.display(sources, path) }
    }
}

/// The text of a file.
pub(super) fn read_text(path: &Path) -> Result<Arc<str>, FileProblem> {
    let size = fs::metadata(path).map_err(|error| FileProblem::new(path, error))?.len();
    if size > MAX_SIZE {
        return Err(FileProblem::new(path, format!("larger than {} MiB", MAX_SIZE >> 20)));
    }
    Ok(fs::read_to_string(path).map_err(|error| FileProblem::new(path, error))?.into())
}

/// The documents of a YAML or JSON file.
pub(super) fn documents(path: &Path, sources: &Sources) -> Result<Vec<Document>, FileProblem> {
    let text = read_text(path)?;
    let id = sources.add(path, text.clone());
    yaml::read(&text, id, Dialect::Kubernetes).map_err(|(problem, _)| FileProblem::of(path, &problem, sources))
}

/// The only document of a file.
pub(super) fn document(path: &Path, sources: &Sources) -> Result<Document, FileProblem> {
    let first = documents(path, sources)?.into_iter().next();
    first.ok_or_else(|| FileProblem::new(path, "the file is empty"))
}

/// The YAML files of a path: itself, or those in the folder and below it.
pub(super) fn yaml_files(path: &Path) -> Result<Vec<PathBuf>, FileProblem> {
    let mut files = Vec::new();
    collect(path, 0, &mut files)?;
    Ok(files)
}

fn collect(path: &Path, depth: usize, files: &mut Vec<PathBuf>) -> Result<(), FileProblem> {
    let metadata = fs::metadata(path).map_err(|error| FileProblem::new(path, error))?;
    if !metadata.is_dir() {
        let is_yaml =
            path.extension().is_some_and(|extension| ["yaml", "yml", "json"].iter().any(|known| extension == *known));
        if depth == 0 || is_yaml {
            files.push(path.to_owned());
        }
        return Ok(());
    }
    if depth > MAX_DEPTH {
        return Ok(());
    }
    let entries = fs::read_dir(path).map_err(|error| FileProblem::new(path, error))?;
    let mut entries: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    entries.sort();
    let is_hidden = |path: &Path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
    entries.iter().filter(|path| !is_hidden(path)).try_for_each(|path| collect(path, depth + 1, files))
}

/// The objects among documents: lists are taken apart.
pub(super) fn objects(documents: Vec<Document>) -> Vec<Document> {
    let mut all = Vec::new();
    for document in documents {
        let is_list = object::text(&document.value, "kind").ends_with("List");
        match document.value.get("items").and_then(Value::as_array).filter(|_| is_list) {
            Some(items) => all.extend(items.iter().enumerate().map(|(index, value)| Document {
                value: value.clone(),
                span: items.span(index).unwrap_or(document.span),
            })),
            None => all.push(document),
        }
    }
    all
}

/// Fields that are mappings, also where nothing stands behind their colon.
const MAPPINGS: &[&str] = &["annotations", "labels", "matchLabels", "nodeSelector", "data", "stringData"];

/// A resource as it is read from a file: in the namespace `default` when it is in none and could be in one.
pub fn resource(value: &Value, scopes: &Scopes) -> Value {
    let filled = filled(value);
    let gvk = object::gvk(&filled);
    if gvk.kind.is_empty() || !object::namespace(&filled).is_empty() || scopes.is_cluster_scoped(&gvk) {
        return filled;
    }
    object::merged_at(&filled, &["metadata".into(), "namespace".into()], &"default".into())
}

fn filled(value: &Value) -> Value {
    match value {
        Value::Object(object) => {
            let entries = object.iter().map(|(key, value)| {
                let is_empty = value.is_null() && MAPPINGS.contains(&key.as_str());
                (key.clone(), if is_empty { Value::Object(Object::default()) } else { filled(value) })
            });
            Value::Object(entries.collect::<Vec<(Key, Value)>>().into_iter().collect())
        }
        Value::Array(array) => Value::array(array.iter().map(filled)),
        other => other.clone(),
    }
}

/// What is known of the scopes of kinds: Kubernetes' own, and those of custom resource definitions.
#[derive(Debug, Clone, Default)]
pub struct Scopes {
    custom: Vec<(GroupVersionKind, bool)>,
}

impl Scopes {
    /// Learns the scope of what a custom resource definition defines.
    pub fn learn(&mut self, definition: &Value) {
        let text = |keys: &[&str]| definition.at(keys).and_then(Value::as_str).unwrap_or_default();
        let gvk = GroupVersionKind {
            group: text(&["spec", "group"]).into(),
            version: String::new(),
            kind: text(&["spec", "names", "kind"]).into(),
        };
        self.custom.push((gvk, text(&["spec", "scope"]) == "Cluster"));
    }

    /// Whether objects of a kind stand outside of namespaces. Of what is not known, it is thought that they do not.
    pub fn is_cluster_scoped(&self, gvk: &GroupVersionKind) -> bool {
        if let Some(known) = kind::by_kind(&gvk.group, &gvk.kind) {
            return !known.namespaced;
        }
        self.custom.iter().any(|(known, is_cluster)| *is_cluster && known.group == gvk.group && known.kind == gvk.kind)
    }
}

/// The documents of paths, as nodes with their places are read from them.
pub(super) fn node(document: &Document) -> Node<'_> {
    Node::root(&document.value, document.span)
}
