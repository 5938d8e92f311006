//! Which files there are to read.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ignore::WalkBuilder;
use ignore::gitignore::{Gitignore, GitignoreBuilder};
use probity_model::Problem;

use super::detect::{self, Name};
use super::{ReadError, ReadOptions, Texts};

/// A file to be read.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Candidate {
    /// As the user would type it.
    pub(super) path: PathBuf,
    pub(super) name: Name,
    /// Whether it is read whatever it is: policies judge it as a document.
    pub(super) wanted: bool,
}

const GITHUB: &str = ".github";

/// What was found, sorted by path.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) candidates: Vec<Candidate>,
    pub(super) problems: Vec<(PathBuf, Problem)>,
}

pub(super) fn find(paths: &[PathBuf], options: &ReadOptions) -> Result<Found, ReadError> {
    let exclude = Arc::new(Globs::new(&options.exclude)?);
    let documents = options.documents.as_deref().map(Globs::new).transpose()?;
    let mut found = Found::default();
    for path in paths {
        let metadata =
            fs::metadata(path).map_err(|error| ReadError::Path { path: path.clone(), message: error.to_string() })?;
        if metadata.is_dir() {
            found.walk(path, &exclude, documents.as_ref(), options.texts.as_ref());
        } else if !exclude.match_file(path) {
            let wanted = documents.is_some();
            found.candidates.push(Candidate { path: shown(path), name: detect::by_given_name(path), wanted });
        }
    }
    if paths.len() > 1 {
        // Paths may lead to the same file in several ways; the one that was named first is shown.
        let mut known = HashSet::new();
        let named: HashSet<PathBuf> =
            found.candidates.iter().filter(|candidate| candidate.name == Name::NamedYaml).map(real).collect();
        found.candidates.retain(|candidate| known.insert(real(candidate)));
        // What the user says of a file counts, also when a folder led to it first.
        let led_to = found.candidates.iter_mut().filter(|candidate| candidate.name == Name::Yaml);
        led_to
            .filter(|candidate| !named.is_empty() && named.contains(&real(candidate)))
            .for_each(|file| file.name = Name::NamedYaml);
    }
    found.candidates.sort();
    Ok(found)
}

/// The file itself, however it is named.
fn real(candidate: &Candidate) -> PathBuf {
    fs::canonicalize(&candidate.path).unwrap_or_else(|_| candidate.path.clone())
}

/// A path without the `./` that walking the current folder puts in front.
fn shown(path: &Path) -> PathBuf {
    path.strip_prefix(".").unwrap_or(path).to_owned()
}

impl Found {
    fn walk(&mut self, root: &Path, exclude: &Arc<Globs>, documents: Option<&Globs>, texts: Option<&Texts>) {
        let filter = (Arc::clone(exclude), root.to_owned());
        let shown_hidden = texts.map(|texts| texts.hidden);
        let walk = WalkBuilder::new(root)
            .standard_filters(false)
            // Hidden files and folders are left out below, all but some.
            .hidden(false)
            .git_ignore(true)
            .require_git(false)
            // Outside a repository, what lies above the folder has nothing to do with it.
            .parents(is_in_repository(root))
            .filter_entry(move |entry| {
                let is_folder = entry.file_type().is_some_and(|kind| kind.is_dir());
                let name = entry.file_name().to_string_lossy();
                let is_shown = !name.starts_with('.')
                    || is_github(entry, is_folder)
                    || !is_folder && shown_hidden.is_some_and(|is_shown| is_shown(&name));
                entry.depth() == 0 || is_shown && !filter.0.match_one(entry.path(), &filter.1, is_folder)
            })
            .build();
        for entry in walk {
            match entry {
                Ok(entry) if entry.file_type().is_some_and(|kind| kind.is_file()) => {
                    let is_searched = || texts.is_some_and(|texts| (texts.named)(entry.path()));
                    let name = match detect::by_name(entry.path()) {
                        Name::Unknown if is_searched() => Name::Text,
                        name => name,
                    };
                    let wanted = documents.is_some_and(|globs| globs.match_one(entry.path(), root, false));
                    let is_known = name != Name::Unknown && is_read_here(entry.path(), root, name);
                    if wanted || is_known {
                        self.candidates.push(Candidate { path: shown(entry.path()), name, wanted });
                    }
                }
                Ok(_) => {}
                Err(error) => self.unreadable(root, &error),
            }
        }
    }

    fn unreadable(&mut self, root: &Path, error: &ignore::Error) {
        let path = shown(path_of(error).unwrap_or(root));
        let reason = error.io_error().map_or_else(|| error.to_string(), ToString::to_string);
        let problem = Problem::new(format!("cannot be read: {reason}"), None)
            .with_help("give the user of this process the right to read it, or exclude it");
        self.problems.push((path, problem));
    }
}

/// The hidden folder in which GitHub looks for workflows, and the files that it finds there.
fn is_github(entry: &ignore::DirEntry, is_folder: bool) -> bool {
    if is_folder { entry.file_name() == GITHUB } else { detect::by_name(entry.path()) == Name::Workflow }
}

/// Of what lies in GitHub's hidden folder only what GitHub runs is read, and what is searched for secrets.
fn is_read_here(path: &Path, root: &Path, name: Name) -> bool {
    let within = path.strip_prefix(root).unwrap_or(path);
    let is_hidden = within.components().any(|component| component.as_os_str() == GITHUB);
    !is_hidden || matches!(name, Name::Workflow | Name::MaybeAction | Name::Text)
}

fn path_of(error: &ignore::Error) -> Option<&Path> {
    match error {
        ignore::Error::WithPath { path, .. } => Some(path),
        ignore::Error::WithDepth { err, .. } | ignore::Error::WithLineNumber { err, .. } => path_of(err),
        ignore::Error::Loop { child, .. } => Some(child),
        _ => None,
    }
}

fn is_in_repository(folder: &Path) -> bool {
    let folder = fs::canonicalize(folder).unwrap_or_else(|_| folder.to_owned());
    folder.ancestors().any(|ancestor| ancestor.join(".git").exists())
}

/// What the configuration leaves out or wants. Patterns count from the current folder and from the folder that is walked.
struct Globs {
    patterns: Gitignore,
    current: PathBuf,
}

impl Globs {
    fn new(patterns: &[String]) -> Result<Self, ReadError> {
        let mut builder = GitignoreBuilder::new("");
        let bad = |pattern: &str, error: &ignore::Error| ReadError::Exclude {
            pattern: pattern.to_owned(),
            message: error.to_string(),
        };
        for pattern in patterns {
            builder.add_line(None, pattern).map_err(|error| bad(pattern, &error))?;
        }
        let patterns = builder.build().map_err(|error| bad("", &error))?;
        Ok(Self { patterns, current: std::env::current_dir().unwrap_or_default() })
    }

    fn match_one(&self, path: &Path, root: &Path, is_folder: bool) -> bool {
        if self.patterns.is_empty() {
            return false;
        }
        let from_current = path.strip_prefix(&self.current).unwrap_or(path);
        let from_root = path.strip_prefix(root).unwrap_or(path);
        [from_current, from_root].iter().any(|path| self.patterns.matched(path, is_folder).is_ignore())
    }

    /// As [`Self::match_one`], for a file that no walk led to.
    fn match_file(&self, path: &Path) -> bool {
        let folders = path.ancestors().skip(1).filter(|folder| !folder.as_os_str().is_empty());
        let root = Path::new("");
        self.match_one(path, root, false) || folders.into_iter().any(|folder| self.match_one(folder, root, true))
    }
}
