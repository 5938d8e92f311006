//! Helm charts, rendered as `helm template` does without a cluster.
//!
//! A chart's templates are run with its values, those given over them and its subcharts; the objects that come out are
//! Kubernetes subjects whose places lead back into the templates. Hooks are objects like all others; NOTES.txt and the
//! values schema are left alone.

mod archive;
mod chart;
mod dependencies;
mod objects;
mod place;
mod render;
mod values;

use std::collections::HashSet;
use std::path::{Component, Path, PathBuf};

use probity_model::value::Value;
use probity_model::{Problem, Sources};

use crate::Read;

pub use render::Rendered;

/// Stack of the thread that renders: templates call each other.
const STACK: usize = 256 << 20;

/// What charts are rendered with.
#[derive(Debug, Clone)]
pub struct Options {
    /// Values over those of the chart, later ones over earlier ones.
    pub values: Vec<Value>,
    /// The version of Kubernetes that templates ask for.
    pub kubernetes: String,
    /// API versions that the cluster has beside its own, such as `monitoring.coreos.com/v1`.
    pub api_versions: Vec<String>,
    /// The name of the release.
    pub release: String,
    /// The namespace that it goes to.
    pub namespace: String,
}

impl Default for Options {
    /// As `helm template` without options, for a current Kubernetes.
    fn default() -> Self {
        Self {
            values: Vec::new(),
            kubernetes: "v1.34.0".to_owned(),
            api_versions: Vec::new(),
            release: "release-name".to_owned(),
            namespace: "default".to_owned(),
        }
    }
}

/// The charts among some files: folders that hold a `Chart.yaml` and are no part of another chart.
pub(crate) fn roots<'p>(paths: impl Iterator<Item = &'p Path>) -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> = paths
        .filter(|path| path.file_name().is_some_and(|name| name == "Chart.yaml"))
        .map(|path| path.parent().map(Path::to_owned).unwrap_or_default())
        .collect();
    folders.sort();
    let mut roots: Vec<PathBuf> = Vec::new();
    for folder in folders {
        let is_part = roots.iter().any(|root| {
            let inner = folder.strip_prefix(root).ok().and_then(|inner| inner.components().next());
            inner.is_some_and(|first| matches!(first.as_os_str().to_str(), Some("charts" | "templates")))
        });
        if !is_part {
            roots.push(folder);
        }
    }
    roots
}

/// Whether a file is a template of one of these charts, or of a chart within it.
pub(crate) fn is_template(path: &Path, roots: &[PathBuf]) -> bool {
    roots.iter().any(|root| {
        let Ok(inner) = path.strip_prefix(root) else { return false };
        let mut parts = inner.components().map(Component::as_os_str);
        match parts.next() {
            Some(first) if first == "templates" => true,
            Some(first) if first == "charts" => parts.any(|part| part == "templates"),
            _ => false,
        }
    })
}

/// Renders the charts in these folders and reads what comes out.
///
/// `judged` are the files whose objects are wanted; those of archives are judged whatever it says. Charts that
/// dependencies name by a path are read when they lie in one of the `readable` folders.
pub(crate) fn read(
    roots: &[PathBuf],
    judged: &HashSet<&Path>,
    readable: &[PathBuf],
    options: &Options,
    sources: &Sources,
) -> Vec<(PathBuf, Read)> {
    on_large_stack(|| {
        roots.iter().map(|root| (root.clone(), chart(root, Some(judged), readable, options, sources))).collect()
    })
}

fn chart(
    root: &Path,
    judged: Option<&HashSet<&Path>>,
    readable: &[PathBuf],
    options: &Options,
    sources: &Sources,
) -> Read {
    let mut problems = Vec::new();
    let mut loader = chart::Loader::new(sources, readable);
    let Some(chart) = loader.folder(root) else { return Read { problems: loader.problems, ..Read::default() } };
    problems.append(&mut loader.problems);
    let mut read = Read::default();
    for rendered in render::templates(chart, options, &mut problems) {
        let is_left_out = |path: &PathBuf| judged.is_some_and(|judged| !judged.contains(path.as_path()));
        if rendered.path.as_ref().is_some_and(is_left_out) {
            continue;
        }
        read.append(place::read(&rendered));
    }
    read.problems.splice(0..0, problems);
    read
}

/// What one chart renders to: each template's name and text, as `helm template` would write them.
///
/// # Errors
/// What could not be loaded or rendered; the rest is left out.
pub fn render(root: &Path, options: &Options, sources: &Sources) -> (Vec<Rendered>, Vec<Problem>) {
    on_large_stack(|| {
        let mut loader = chart::Loader::new(sources, &[]);
        let Some(chart) = loader.folder(root) else { return (Vec::new(), loader.problems) };
        let mut problems = loader.problems;
        let rendered = render::templates(chart, options, &mut problems);
        (rendered, problems)
    })
}

/// The objects that a chart renders to, whatever its place.
///
/// Charts that dependencies name by a path are read when they lie in one of the `readable` folders.
pub(crate) fn objects(root: &Path, readable: &[PathBuf], options: &Options, sources: &Sources) -> Read {
    chart(root, None, readable, options, sources)
}

/// Works on a thread with a stack for what nests deeply.
pub(crate) fn on_large_stack<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(STACK).spawn_scoped(scope, work);
        match thread.expect("a thread can be started").join() {
            Ok(result) => result,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}

#[cfg(test)]
mod tests;
