//! Policies and data from files and folders, as `opa -d` takes them.
//!
//! A folder is read with everything below it: `.rego` files are modules, `.json`, `.yaml` and `.yml` files are data whose
//! place in `data` is that of their folder, and `.tar.gz` files are bundles. A file that is named itself may have any
//! ending. `a.b:path` puts the data of `path` below `data.a.b`.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use probity_model::Sources;
use probity_model::value::Value;
use probity_policy_rego::{Version, parse_module};

use crate::archive;
use crate::bundle::{self, Verification};
use crate::limits::Limits;
use crate::module::Module;
use crate::text;
use crate::tree::Tree;

/// How files are read.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The version of Rego of modules that do not say theirs.
    pub version: Version,
    /// What may be read.
    pub limits: Limits,
    /// Names of files and folders that are left out, as globs such as `.*` or `*_test.rego`.
    pub ignore: Vec<String>,
}

/// What was read.
#[derive(Debug, Default)]
pub struct Loaded {
    /// The modules, in the order of their files.
    pub modules: Vec<Module>,
    /// The documents, an object.
    pub data: Value,
    /// What could not be read: what was read is incomplete when there is anything.
    pub problems: Vec<LoadProblem>,
}

/// A file that could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {message}", path.display())]
pub struct LoadProblem {
    /// The file.
    pub path: PathBuf,
    /// What is wrong, with the line where it is known.
    pub message: String,
}

/// Reads files and folders. Texts are added to `sources`, so that places in modules can be shown.
pub fn paths(paths: &[PathBuf], options: &Options, sources: &Sources) -> Loaded {
    let mut loader = Loader {
        options,
        sources,
        tree: Tree::default(),
        modules: Vec::new(),
        problems: Vec::new(),
        seen: BTreeSet::new(),
        files: 0,
        bytes: 0,
    };
    for path in paths {
        let (place, path) = split_prefix(path);
        loader.visit(&path, &place, 0);
    }
    Loaded { modules: loader.modules, data: loader.tree.into_value(), problems: loader.problems }
}

/// `a.b:path` apart; the prefix is empty where there is none.
fn split_prefix(path: &Path) -> (Vec<String>, PathBuf) {
    match path.to_str().and_then(|text| text.split_once(':')) {
        Some((prefix, rest)) if !prefix.is_empty() && !prefix.contains('/') && !rest.starts_with("//") => {
            (prefix.split('.').map(str::to_owned).collect(), rest.into())
        }
        _ => (Vec::new(), path.to_owned()),
    }
}

struct Loader<'a> {
    options: &'a Options,
    sources: &'a Sources,
    tree: Tree,
    modules: Vec<Module>,
    problems: Vec<LoadProblem>,
    seen: BTreeSet<(PathBuf, Vec<String>)>,
    files: usize,
    bytes: u64,
}

impl Loader<'_> {
    fn visit(&mut self, path: &Path, place: &[String], depth: usize) {
        if let Err(message) = self.try_visit(path, place, depth) {
            self.problems.push(LoadProblem { path: path.to_owned(), message });
        }
    }

    fn try_visit(&mut self, path: &Path, place: &[String], depth: usize) -> Result<(), String> {
        if depth > self.options.limits.depth {
            return Err(format!("folders are nested deeper than {}", self.options.limits.depth));
        }
        if depth > 0 && self.ignored(path)? {
            return Ok(());
        }
        let meta = fs::metadata(path).map_err(|error| error.to_string())?;
        if !meta.is_dir() {
            return self.file(path, place, depth, meta.len());
        }
        let mut entries = fs::read_dir(path)
            .and_then(|entries| entries.map(|entry| Ok(tidy(entry?.path()))).collect::<std::io::Result<Vec<_>>>())
            .map_err(|error| error.to_string())?;
        entries.sort();
        let mut place = place.to_vec();
        if depth > 0 {
            place.push(name_of(path)?.to_owned());
        }
        for entry in entries {
            // A link may lead upward, without end.
            let link = fs::symlink_metadata(&entry).is_ok_and(|meta| meta.is_symlink());
            if !link || !entry.is_dir() {
                self.visit(&entry, &place, depth + 1);
            }
        }
        Ok(())
    }

    fn ignored(&self, path: &Path) -> Result<bool, String> {
        let name = name_of(path)?;
        for pattern in &self.options.ignore {
            if probity_policy_rego::glob_matches(pattern, &['/'], name)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn file(&mut self, path: &Path, place: &[String], depth: usize, size: u64) -> Result<(), String> {
        let kind = Kind::of(path);
        if kind == Kind::Other && depth > 0 || !self.seen.insert((path.to_owned(), place.to_vec())) {
            return Ok(());
        }
        let limits = &self.options.limits;
        self.files += 1;
        self.bytes = self.bytes.saturating_add(size);
        if self.files > limits.files {
            return Err(format!("more than {} files", limits.files));
        }
        if self.bytes > limits.expanded {
            return Err(format!("more than {} bytes in all", limits.expanded));
        }
        let bytes = fs::read(path).map_err(|error| error.to_string())?;
        match kind {
            Kind::Rego => self.module(path, &bytes),
            Kind::Json => self.data(place, text::json(&bytes)?),
            Kind::Yaml => self.data(place, text::yaml(&bytes)?),
            Kind::Bundle => self.bundle(path, place, &bytes),
            Kind::Other => self.anything(path, place, &bytes),
        }
    }

    fn module(&mut self, path: &Path, bytes: &[u8]) -> Result<(), String> {
        let version = self.options.version;
        let text = text::utf8(bytes)?;
        let parsed = parse_module(path, text, version, self.sources).map_err(|errors| errors.to_string())?;
        self.modules.push(Module { path: path.to_owned(), text: text.into(), version, parsed });
        Ok(())
    }

    fn data(&mut self, place: &[String], value: Value) -> Result<(), String> {
        self.tree.insert(place, value).map_err(|conflict| conflict.to_string())
    }

    fn bundle(&mut self, path: &Path, place: &[String], bytes: &[u8]) -> Result<(), String> {
        let limits = &self.options.limits;
        let options =
            bundle::Options { version: self.options.version, limits: limits.clone(), verification: Verification::Skip };
        let bundle = archive::files(bytes, limits)
            .and_then(|files| bundle::read(&path.display().to_string(), &files, &options, self.sources))
            .map_err(|error| error.to_string())?;
        self.data(place, bundle.data)?;
        self.modules.extend(bundle.modules);
        Ok(())
    }

    /// A file of an ending that says nothing: a module, or else JSON, or else YAML.
    fn anything(&mut self, path: &Path, place: &[String], bytes: &[u8]) -> Result<(), String> {
        if self.module(path, bytes).is_ok() {
            return Ok(());
        }
        match text::json(bytes).or_else(|_| text::yaml(bytes)) {
            Ok(value @ Value::Object(_)) => self.data(place, value),
            _ => Err("neither Rego nor JSON nor YAML".to_owned()),
        }
    }
}

/// A path below the current folder as people write it, without `./`.
fn tidy(path: PathBuf) -> PathBuf {
    match path.strip_prefix(".") {
        Ok(short) if short != Path::new("") => short.to_owned(),
        _ => path,
    }
}

fn name_of(path: &Path) -> Result<&str, String> {
    path.file_name().and_then(|name| name.to_str()).ok_or_else(|| "its name is not UTF-8".to_owned())
}

/// What a file is, by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Rego,
    Json,
    Yaml,
    Bundle,
    Other,
}

impl Kind {
    fn of(path: &Path) -> Self {
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("rego") => Self::Rego,
            Some("json") => Self::Json,
            Some("yaml" | "yml") => Self::Yaml,
            Some("gz") if path.to_string_lossy().ends_with(".tar.gz") => Self::Bundle,
            _ => Self::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(folder: &Path, files: &[(&str, &str)]) {
        for (name, text) in files {
            let path = folder.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
    }

    fn load(files: &[(&str, &str)], options: &Options) -> (tempfile::TempDir, Loaded) {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), files);
        let loaded = paths(&[folder.path().to_owned()], options, &Sources::default());
        (folder, loaded)
    }

    #[test]
    fn folders_say_where_data_belongs() {
        let (folder, loaded) = load(
            &[
                ("a.rego", "package a\nallow := true"),
                ("roles/data.json", r#"{"admin": ["ann"]}"#),
                ("roles/more.yaml", "user: [bob]"),
                ("notes.txt", "not policy"),
            ],
            &Options::default(),
        );
        assert_eq!(loaded.problems, []);
        assert_eq!(probity_model::json::write(&loaded.data), r#"{"roles":{"admin":["ann"],"user":["bob"]}}"#);
        assert_eq!(loaded.modules[0].path, folder.path().join("a.rego"));
    }

    #[test]
    fn a_prefix_says_so_too_and_a_file_counts_once() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), &[("x.json", r#"{"y": 1}"#)]);
        let file = folder.path().join("x.json");
        let prefixed = PathBuf::from(format!("p.q:{}", file.display()));
        let loaded = paths(&[file.clone(), file, prefixed], &Options::default(), &Sources::default());
        assert_eq!(loaded.problems, []);
        assert_eq!(probity_model::json::write(&loaded.data), r#"{"p":{"q":{"y":1}},"y":1}"#);
    }

    #[test]
    fn each_file_that_cannot_be_read_is_named() {
        let (_folder, loaded) = load(
            &[
                ("a.json", r#"{"x": 1}"#),
                ("b.json", r#"{"x": 2}"#),
                ("broken.json", "{"),
                ("broken.rego", "package"),
                ("list.yaml", "[1]"),
            ],
            &Options::default(),
        );
        let names: Vec<String> = loaded
            .problems
            .iter()
            .map(|problem| problem.path.file_name().unwrap().to_string_lossy().into_owned())
            .collect();
        assert_eq!(names, ["b.json", "broken.json", "broken.rego", "list.yaml"]);
        assert!(loaded.problems[0].message.contains("data.x"), "{}", loaded.problems[0]);
    }

    #[test]
    fn names_can_be_left_out_and_numbers_are_bounded() {
        let files = [("a.rego", "package a"), ("a_test.rego", "package a"), (".git/x.rego", "broken")];
        let options = Options { ignore: vec![".*".to_owned(), "*_test.rego".to_owned()], ..Options::default() };
        let (_folder, loaded) = load(&files, &options);
        assert_eq!((loaded.modules.len(), loaded.problems), (1, Vec::new()));
        let options = Options { limits: Limits { files: 1, ..Limits::default() }, ..options };
        let (_folder, loaded) = load(&[("a.rego", "package a"), ("b.rego", "package b")], &options);
        assert!(loaded.problems[0].message.contains("more than 1 files"), "{:?}", loaded.problems);
    }
}
