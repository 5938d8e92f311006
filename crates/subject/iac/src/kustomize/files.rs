//! The files that kustomizations name, each read once.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use probity_model::value::Value;
use probity_model::yaml::{self, Dialect};
use probity_model::{InlineSkip, Problem, SourceId, Sources, Span};

use super::edit::Outcome;
use crate::kubernetes;

/// The names that a kustomization file has.
pub(super) const NAMES: [&str; 3] = ["kustomization.yaml", "kustomization.yml", "Kustomization"];

/// Largest file, in bytes.
const MAX_FILE: u64 = 16 << 20;

/// Most bytes of all files together.
const MAX_TOTAL: u64 = 1 << 30;

/// A file that was read.
pub(super) struct File {
    /// As the system names it.
    pub(super) path: PathBuf,
    pub(super) bytes: Vec<u8>,
    /// Where it is shown.
    shown: PathBuf,
    documents: RefCell<HashMap<bool, Rc<Parsed>>>,
    source: Cell<Option<SourceId>>,
}

/// The documents of a file, or why there are none.
pub(super) type Parsed = Result<Vec<Document>, Problem>;

/// A document of a file.
#[derive(Debug, Clone)]
pub(super) struct Document {
    pub(super) value: Value,
    pub(super) span: Span,
    pub(super) skips: Vec<InlineSkip>,
}

/// All files that are read.
pub(super) struct Files<'f> {
    pub(super) sources: &'f Sources,
    /// Folders as the system names them, and as the user does.
    roots: Vec<(PathBuf, PathBuf)>,
    known: RefCell<HashMap<PathBuf, Rc<File>>>,
    total: Cell<u64>,
    /// Files whose documents were used since this was emptied.
    pub(super) used: RefCell<BTreeSet<PathBuf>>,
}

impl<'f> Files<'f> {
    /// `roots` are the folders that are shown as they are named here.
    pub(super) fn new(sources: &'f Sources, roots: &[PathBuf]) -> Self {
        let roots = roots.iter().filter_map(|root| Some((root.canonicalize().ok()?, root.clone())));
        Self {
            sources,
            roots: roots.collect(),
            known: RefCell::default(),
            total: Cell::new(0),
            used: RefCell::default(),
        }
    }

    /// A path as the user would type it.
    pub(super) fn shown(&self, path: &Path) -> PathBuf {
        let inner = self.roots.iter().find_map(|(real, typed)| {
            let inner = path.strip_prefix(real).ok()?;
            Some(if inner.as_os_str().is_empty() { typed.clone() } else { typed.join(inner) })
        });
        let shown = inner.unwrap_or_else(|| path.to_owned());
        shown.strip_prefix(".").map(Path::to_owned).unwrap_or(shown)
    }

    /// The file at a path from a kustomization's folder. It must lie in it.
    pub(super) fn load(&self, root: &Path, path: &str) -> Outcome<Rc<File>> {
        if is_url(path) {
            return Err(format!("{path} is on the network, from which nothing is fetched"));
        }
        let full = root.join(path);
        let real = full.canonicalize().map_err(|error| format!("{path} cannot be read: {error}"))?;
        if !real.starts_with(root) {
            return Err(format!("security; file '{path}' is not in or below the folder of its kustomization"));
        }
        self.read(&real)
    }

    /// The kustomization file in a folder.
    pub(super) fn kustomization(&self, folder: &Path) -> Outcome<Rc<File>> {
        let mut found = NAMES.iter().map(|name| folder.join(name)).filter(|path| path.is_file());
        match (found.next(), found.next()) {
            (None, _) => Err(format!("there is no kustomization in {}", self.shown(folder).display())),
            (Some(path), None) => self.read(&path),
            _ => Err(format!("there are several kustomization files in {}", self.shown(folder).display())),
        }
    }

    fn read(&self, path: &Path) -> Outcome<Rc<File>> {
        if let Some(known) = self.known.borrow().get(path) {
            return Ok(Rc::clone(known));
        }
        let shown = self.shown(path);
        let wrong = |reason: String| format!("{} cannot be read: {reason}", shown.display());
        let metadata = fs::metadata(path).map_err(|error| wrong(error.to_string()))?;
        let total = self.total.get() + metadata.len();
        if !metadata.is_file() {
            return Err(wrong("it is no file".to_owned()));
        }
        if metadata.len() > MAX_FILE || total > MAX_TOTAL {
            return Err(wrong(format!("larger than {MAX_FILE} bytes, or all together larger than {MAX_TOTAL}")));
        }
        self.total.set(total);
        let bytes = fs::read(path).map_err(|error| wrong(error.to_string()))?;
        let (documents, source) = (RefCell::default(), Cell::default());
        let file = Rc::new(File { path: path.to_owned(), bytes, shown, documents, source });
        self.known.borrow_mut().insert(path.to_owned(), Rc::clone(&file));
        Ok(file)
    }

    /// The documents of a file, as kustomize reads objects or, with `is_config`, its own configuration.
    pub(super) fn documents(&self, file: &File, is_config: bool) -> Rc<Parsed> {
        self.used.borrow_mut().insert(file.path.clone());
        if let Some(known) = file.documents.borrow().get(&is_config) {
            return Rc::clone(known);
        }
        let parsed = Rc::new(self.parse(file, is_config));
        file.documents.borrow_mut().insert(is_config, Rc::clone(&parsed));
        parsed
    }

    fn parse(&self, file: &File, is_config: bool) -> Parsed {
        let Ok(text) = std::str::from_utf8(&file.bytes) else {
            return Err(Problem::new(format!("{} is not UTF-8 text", file.shown.display()), None));
        };
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let source = file.source.get().unwrap_or_else(|| self.sources.add(file.shown.clone(), text));
        file.source.set(Some(source));
        read(text, source, if is_config { Dialect::Kubernetes } else { Dialect::Go })
    }
}

/// The documents of a text.
pub(super) fn read(text: &str, source: SourceId, dialect: Dialect) -> Parsed {
    let documents = yaml::read(text, source, dialect).map_err(|(problem, _)| problem)?;
    let documents = documents.into_iter().enumerate().map(|(position, document)| Document {
        skips: kubernetes::skips_above(text, document.span, position == 0),
        value: document.value,
        span: document.span,
    });
    Ok(documents.collect())
}

/// Whether a path is an address on the network.
pub(super) fn is_url(path: &str) -> bool {
    path.starts_with("http://") || path.starts_with("https://")
}

/// Whether a path that is not there looks like a repository on the network.
pub(super) fn is_remote(path: &str) -> bool {
    let first = path.split('/').next().unwrap_or_default();
    is_url(path)
        || ["git::", "ssh://", "git@", "file://", "gh:"].iter().any(|start| path.starts_with(start))
        || path.contains("?ref=")
        || path.contains(".git//")
        || path.split('?').next().is_some_and(|path| path.rsplit_once('.').is_some_and(|(_, ending)| ending == "git"))
        || path.contains("_git/")
        || first == "github.com"
        || path.contains('/') && first.contains('.') && !first.starts_with('.')
}
