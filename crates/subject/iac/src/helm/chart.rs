//! A chart as it lies on disk or in an archive.

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::path::{Component, Path, PathBuf};
use std::rc::Rc;

use ignore::gitignore::{Gitignore, GitignoreBuilder};
use probity_model::value::Value;
use probity_model::yaml::{self, Dialect};
use probity_model::{Problem, SourceId, Sources, Span};
use probity_template::{Datum, Map};

use super::archive;

/// Largest file of a chart, in bytes, as Helm has it.
const MAX_FILE: u64 = 5 << 20;

/// Largest chart, in bytes, with its subcharts.
pub(super) const MAX_CHART: u64 = 100 << 20;

/// Most files of a chart, with its subcharts.
pub(super) const MAX_FILES: usize = 10_000;

/// How deep charts lie within each other.
const MAX_DEPTH: usize = 12;

/// A chart.
#[derive(Clone)]
pub(super) struct Chart {
    /// What Chart.yaml says.
    pub(super) metadata: Value,
    /// Its name, or the alias under which another chart has it.
    pub(super) name: String,
    pub(super) version: String,
    pub(super) is_library: bool,
    /// The values of its values.yaml.
    pub(super) values: Map,
    /// Files that are neither templates nor charts.
    pub(super) files: Rc<BTreeMap<String, Rc<str>>>,
    pub(super) templates: Rc<Vec<Template>>,
    /// What Chart.yaml or requirements.yaml wants.
    pub(super) wanted: Vec<Wanted>,
    pub(super) subcharts: Vec<Chart>,
}

/// A file below `templates/`.
pub(super) struct Template {
    /// From the chart on, such as `templates/service.yaml`.
    pub(super) name: String,
    pub(super) text: Rc<str>,
    pub(super) source: SourceId,
    /// Where it is; a template from an archive is nowhere.
    pub(super) path: Option<PathBuf>,
}

/// A dependency.
#[derive(Clone)]
pub(super) struct Wanted {
    pub(super) name: String,
    pub(super) version: String,
    pub(super) repository: String,
    pub(super) alias: Option<String>,
    pub(super) condition: String,
    pub(super) tags: Vec<String>,
    pub(super) import_values: Vec<Value>,
    pub(super) enabled: bool,
    pub(super) span: Option<Span>,
}

/// A file of a chart, by its path from the chart on.
pub(super) struct File {
    pub(super) name: String,
    pub(super) bytes: Vec<u8>,
}

pub(super) struct Loader<'l> {
    sources: &'l Sources,
    readable: &'l [PathBuf],
    pub(super) problems: Vec<Problem>,
}

impl<'l> Loader<'l> {
    pub(super) fn new(sources: &'l Sources, readable: &'l [PathBuf]) -> Self {
        Self { sources, readable, problems: Vec::new() }
    }

    /// The chart in a folder; what is wrong with it is among the problems.
    pub(super) fn folder(&mut self, root: &Path) -> Option<Chart> {
        self.folder_within(root, 0)
    }

    fn folder_within(&mut self, root: &Path, depth: usize) -> Option<Chart> {
        match walk(root) {
            Ok(files) => self.chart(files, root, true, depth),
            Err(message) => {
                self.problems.push(Problem::new(format!("{}: {message}", root.display()), None));
                None
            }
        }
    }

    fn chart(&mut self, files: Vec<File>, at: &Path, on_disk: bool, depth: usize) -> Option<Chart> {
        if depth > MAX_DEPTH {
            self.problems.push(Problem::new(format!("charts within charts deeper than {MAX_DEPTH} levels"), None));
            return None;
        }
        let (metadata, span) = self.metadata(&files, at)?;
        let text = |name: &str| metadata.get(name).map(scalar).unwrap_or_default();
        let (name, version) = (text("name"), text("version"));
        if name.is_empty() {
            self.problems.push(Problem::new("a chart without a name", span).with_help("give it one in Chart.yaml"));
            return None;
        }
        let is_library = text("type").eq_ignore_ascii_case("library");
        let mut wanted: Vec<Wanted> = dependencies(&metadata, span);
        let mut values = Map::default();
        let (mut others, mut templates) = (BTreeMap::new(), Vec::new());
        let mut inner: BTreeMap<String, Vec<File>> = BTreeMap::new();
        for file in files {
            if let Some(rest) = file.name.strip_prefix("charts/") {
                let first = rest.split('/').next().unwrap_or(rest).to_owned();
                inner.entry(first).or_default().push(File { name: rest.to_owned(), bytes: file.bytes });
                continue;
            }
            match file.name.as_str() {
                "Chart.yaml" | "Chart.lock" | "values.schema.json" => {}
                "values.yaml" => values = self.values(&file, at),
                "requirements.yaml" => {
                    let document = self.document(&file, at);
                    wanted.extend(document.map(|document| dependencies(&document, span)).unwrap_or_default());
                }
                name if name.starts_with("templates/") => templates.push(self.template(&file, at, on_disk)),
                _ => {
                    let text = String::from_utf8_lossy(&file.bytes);
                    others.insert(file.name.clone(), Rc::from(text.as_ref()));
                }
            }
        }
        let mut chart = Chart {
            metadata,
            name,
            version,
            is_library,
            values,
            files: Rc::new(others),
            templates: Rc::new(templates),
            wanted,
            subcharts: Vec::new(),
        };
        for (name, files) in inner {
            chart.subcharts.extend(self.subchart(&name, files, at, on_disk, depth));
        }
        self.local_dependencies(&mut chart, at, on_disk, depth);
        Some(chart)
    }

    fn metadata(&mut self, files: &[File], at: &Path) -> Option<(Value, Option<Span>)> {
        let file = files.iter().find(|file| file.name == "Chart.yaml")?;
        let text = String::from_utf8_lossy(&file.bytes);
        let source = self.sources.add(at.join("Chart.yaml"), text.as_ref());
        match yaml::read(&text, source, Dialect::Kubernetes) {
            Ok(documents) => documents.into_iter().next().map(|document| (document.value, Some(document.span))),
            Err((problem, _)) => {
                self.problems.push(problem.with_help("mend the chart's Chart.yaml; the chart is not rendered"));
                None
            }
        }
    }

    fn document(&mut self, file: &File, at: &Path) -> Option<Value> {
        let text = String::from_utf8_lossy(&file.bytes);
        let source = self.sources.add(at.join(&file.name), text.as_ref());
        match yaml::read(&text, source, Dialect::Kubernetes) {
            Ok(documents) => Some(documents.into_iter().next()?.value),
            Err((problem, _)) => {
                self.problems.push(problem.with_help("the chart is rendered without this file"));
                None
            }
        }
    }

    fn values(&mut self, file: &File, at: &Path) -> Map {
        let value = self.document(file, at).unwrap_or_default();
        match Datum::from_value(&value) {
            Datum::Map(map) => map,
            _ => Map::default(),
        }
    }

    fn template(&mut self, file: &File, at: &Path, on_disk: bool) -> Template {
        let text = String::from_utf8_lossy(&file.bytes);
        let path = at.join(&file.name);
        let source = self.sources.add(path.clone(), text.as_ref());
        Template { name: file.name.clone(), text: text.as_ref().into(), source, path: on_disk.then_some(path) }
    }

    fn subchart(&mut self, name: &str, files: Vec<File>, at: &Path, on_disk: bool, depth: usize) -> Option<Chart> {
        let at = at.join("charts").join(name);
        if name.starts_with(['_', '.']) {
            return None;
        }
        if Path::new(name).extension().is_some_and(|ending| ending == "tgz") {
            let file = files.into_iter().find(|file| file.name == name)?;
            return match archive::files(&file.bytes) {
                Ok(files) => self.chart(files, &at, false, depth + 1),
                Err(message) => {
                    let problem = Problem::new(format!("{}: {message}", at.display()), None);
                    self.problems.push(problem.with_help("run `helm dependency update` again"));
                    None
                }
            };
        }
        let files: Vec<File> = files
            .into_iter()
            .filter_map(|file| {
                let inner = file.name.split_once('/')?.1.to_owned();
                Some(File { name: inner, bytes: file.bytes })
            })
            .collect();
        if !files.iter().any(|file| file.name == "Chart.yaml") {
            return None;
        }
        self.chart(files, &at, on_disk, depth + 1)
    }

    /// Charts that dependencies name by their path, and that `helm dependency update` has not copied yet.
    fn local_dependencies(&mut self, chart: &mut Chart, at: &Path, on_disk: bool, depth: usize) {
        let missing: Vec<Wanted> = chart
            .wanted
            .iter()
            .filter(|wanted| !chart.subcharts.iter().any(|known| known.name == wanted.name))
            .cloned()
            .collect();
        let mut seen = HashSet::new();
        for wanted in missing.into_iter().filter(|wanted| seen.insert(wanted.name.clone())) {
            let folder = wanted.repository.strip_prefix("file://").filter(|_| on_disk).map(|path| at.join(path));
            if let Some(folder) = folder.filter(|folder| self.is_readable(folder)) {
                chart.subcharts.extend(self.folder_within(&shortened(&folder), depth + 1));
            }
        }
    }

    fn is_readable(&self, folder: &Path) -> bool {
        let Ok(real) = folder.canonicalize() else { return false };
        real.join("Chart.yaml").is_file() && self.readable.iter().any(|root| real.starts_with(root))
    }
}

/// A path without `a/..`.
fn shortened(path: &Path) -> PathBuf {
    let mut short = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir if matches!(short.components().next_back(), Some(Component::Normal(_))) => {
                short.pop();
            }
            Component::CurDir => {}
            part => short.push(part),
        }
    }
    short
}

/// A scalar's text as Go reads it into a string.
pub(super) fn scalar(value: &Value) -> String {
    match value {
        Value::String(text) => text.to_string(),
        Value::Bool(truth) => truth.to_string(),
        Value::Number(number) if !number.is_integer() => probity_go::float::write(number.as_f64().abs(), 'g', None),
        Value::Number(number) => number.to_string(),
        _ => String::new(),
    }
}

fn dependencies(metadata: &Value, span: Option<Span>) -> Vec<Wanted> {
    let list = metadata.get("dependencies").and_then(Value::as_array);
    let wanted = |(position, entry): (usize, &Value)| {
        let text = |name: &str| entry.get(name).map(scalar).unwrap_or_default();
        let list_of = |name: &str| entry.get(name).and_then(Value::as_array).map(|list| list.as_slice().to_vec());
        let place = list.and_then(|list| list.span(position)).or(span);
        Wanted {
            name: text("name"),
            version: text("version"),
            repository: text("repository"),
            alias: Some(text("alias")).filter(|alias| !alias.is_empty()),
            condition: text("condition"),
            tags: list_of("tags").unwrap_or_default().iter().map(scalar).collect(),
            import_values: list_of("import-values").unwrap_or_default(),
            enabled: true,
            span: place,
        }
    };
    list.into_iter().flatten().enumerate().map(wanted).collect()
}

/// The files of a chart's folder, but what `.helmignore` names. Links are not followed.
fn walk(root: &Path) -> Result<Vec<File>, String> {
    let ignored = helmignore(root);
    let (mut files, mut size) = (Vec::new(), 0);
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries = fs::read_dir(&folder).map_err(|error| format!("cannot be read: {error}"))?;
        let mut entries: Vec<_> = entries.flatten().collect();
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            let (path, Ok(kind)) = (entry.path(), entry.file_type()) else { continue };
            let Ok(inner) = path.strip_prefix(root) else { continue };
            if is_ignored(&ignored, inner, kind.is_dir()) {
                continue;
            }
            if kind.is_dir() {
                folders.push(path);
                continue;
            }
            let length = entry.metadata().map_or(0, |metadata| metadata.len());
            if !kind.is_file() || length > MAX_FILE {
                continue;
            }
            size += length;
            if size > MAX_CHART || files.len() >= MAX_FILES {
                return Err(format!("a chart of more than {MAX_CHART} bytes or {MAX_FILES} files"));
            }
            let name = inner.components().map(|part| part.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/");
            let bytes = fs::read(&path).map_err(|error| format!("{name} cannot be read: {error}"))?;
            files.push(File { name, bytes: without_mark(bytes) });
        }
    }
    files.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(files)
}

/// Without a byte-order mark.
pub(super) fn without_mark(bytes: Vec<u8>) -> Vec<u8> {
    match bytes.strip_prefix(b"\xef\xbb\xbf") {
        Some(rest) => rest.to_vec(),
        None => bytes,
    }
}

fn helmignore(root: &Path) -> Gitignore {
    let mut builder = GitignoreBuilder::new("");
    let text = fs::read_to_string(root.join(".helmignore")).unwrap_or_default();
    for line in text.lines() {
        // What is no pattern names nothing.
        let _ = builder.add_line(None, line);
    }
    builder.build().unwrap_or_else(|_| Gitignore::empty())
}

fn is_ignored(ignored: &Gitignore, inner: &Path, is_folder: bool) -> bool {
    // Helm leaves out hidden files of templates whatever the file says.
    let hidden = inner.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
    hidden && inner.starts_with("templates") || ignored.matched(inner, is_folder).is_ignore()
}
