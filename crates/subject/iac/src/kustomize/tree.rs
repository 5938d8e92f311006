//! The kustomizations of a tree: which are rendered by themselves, and what files they leave to be judged as they stand.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::path::{Path, PathBuf};

use probity_model::{Problem, SourceId, Sources, Span};

use super::definition::Kustomization;
use super::files::{Files, NAMES};
use super::resource::Resource;
use super::target::Build;
use crate::{Read, helm, kubernetes};

/// What the kustomizations of a tree came to.
#[derive(Default)]
pub(crate) struct Tree {
    /// What was read, by the kustomization that gives it.
    pub(crate) reads: Vec<(PathBuf, Read)>,
    /// The files, as the system names them, whose objects were judged as kustomizations render them, and the kustomizations.
    pub(crate) used: BTreeSet<PathBuf>,
    /// How many kustomizations there are.
    pub(crate) count: usize,
}

/// Whether a file has the name of a kustomization.
pub(crate) fn is_named(path: &Path) -> bool {
    path.file_name().and_then(|name| name.to_str()).is_some_and(|name| NAMES.contains(&name))
}

/// What is told of the whole tree.
pub(crate) struct Scope<'s> {
    /// The folders that are read, as the user names them.
    pub(crate) folders: &'s [PathBuf],
    /// Files whose objects are wanted, as the system names them; those outside of the folders are always.
    pub(crate) judged: &'s HashSet<PathBuf>,
    /// Folders that charts may take dependencies from, as the system names them.
    pub(crate) readable: &'s [PathBuf],
}

/// Renders those kustomizations among these files that no other one uses, and reads what comes out. One that cannot be
/// rendered leaves those it uses to be rendered by themselves, and its files to be judged as they stand.
pub(crate) fn read(paths: &[PathBuf], scope: &Scope<'_>, sources: &Sources) -> Tree {
    if paths.is_empty() {
        return Tree::default();
    }
    helm::on_large_stack(|| {
        let files = Files::new(sources, scope.folders);
        let folders = scope.folders.iter().filter_map(|folder| folder.canonicalize().ok()).collect();
        let (tree, told, judged) = (Tree::default(), HashSet::new(), HashMap::new());
        let mut reader = Reader { files: &files, scope, tree, told, folders, judged };
        let known = reader.kustomizations(paths);
        reader.tree.count = known.len();
        reader.render(&known);
        reader.tree
    })
}

/// A kustomization of the tree.
struct Known {
    /// The folders of others that it uses.
    uses: Vec<PathBuf>,
    is_component: bool,
}

struct Reader<'r> {
    files: &'r Files<'r>,
    scope: &'r Scope<'r>,
    tree: Tree,
    /// Problems that were told already: several kustomizations may have them from one base.
    told: HashSet<(String, Option<Span>)>,
    /// The folders that are read, as the system names them.
    folders: Vec<PathBuf>,
    /// Whether the objects of a source are wanted.
    judged: HashMap<SourceId, bool>,
}

impl Reader<'_> {
    /// The kustomizations, by their folders.
    fn kustomizations(&mut self, paths: &[PathBuf]) -> BTreeMap<PathBuf, Known> {
        let mut known = BTreeMap::new();
        for path in paths {
            let Ok(real) = path.canonicalize() else { continue };
            let Some(folder) = real.parent().map(Path::to_owned) else { continue };
            let mut found = Known { uses: Vec::new(), is_component: false };
            if let Ok(file) = self.files.kustomization(&folder)
                && let Ok(documents) = self.files.documents(&file, true).as_ref()
                && let Some(document) = documents.first()
            {
                if !Kustomization::is_meant(&document.value) {
                    continue;
                }
                if let Ok(definition) = Kustomization::read(&document.value, Some(document.span)) {
                    let lists = [&definition.resources, &definition.components, &definition.transformers];
                    let lists = lists.into_iter().chain([&definition.generators, &definition.validators]);
                    let folders = lists.flatten().filter_map(|entry| folder.join(&entry.text).canonicalize().ok());
                    found.uses = folders.filter(|path| path.is_dir()).collect();
                    found.is_component = definition.is_component;
                }
            }
            self.tree.used.insert(real);
            known.insert(folder, found);
        }
        known
    }

    fn render(&mut self, known: &BTreeMap<PathBuf, Known>) {
        let used: HashSet<&PathBuf> = known.values().flat_map(|known| &known.uses).collect();
        let mut queue: VecDeque<&PathBuf> = known.keys().filter(|folder| !used.contains(folder)).collect();
        let mut done: HashSet<&PathBuf> = HashSet::new();
        loop {
            // What only uses itself in a circle is used by nobody else.
            let Some(folder) = queue.pop_front().or_else(|| known.keys().find(|folder| !done.contains(folder))) else {
                return;
            };
            if done.contains(folder) {
                continue;
            }
            done.insert(folder);
            let kustomization = &known[folder];
            let is_quiet = kustomization.is_component && !used.contains(folder);
            let uses =
                kustomization.uses.iter().filter_map(|folder| known.get_key_value(folder)).map(|(folder, _)| folder);
            if self.one(folder, is_quiet) {
                let mut reached: Vec<&PathBuf> = uses.collect();
                while let Some(folder) = reached.pop() {
                    if done.insert(folder) {
                        reached.extend(
                            known[folder]
                                .uses
                                .iter()
                                .filter_map(|folder| known.get_key_value(folder))
                                .map(|(folder, _)| folder),
                        );
                    }
                }
            } else {
                queue.extend(uses);
            }
        }
    }

    /// Renders one kustomization; whether that is possible. A component that nobody uses need not stand alone.
    fn one(&mut self, folder: &Path, is_quiet: bool) -> bool {
        self.files.used.borrow_mut().clear();
        let mut build = Build::new(self.files, self.scope.readable);
        let rendered = build.run(folder);
        let mut read = Read::default();
        for note in build.notes {
            self.tell(&mut read, note);
        }
        let is_rendered = rendered.is_ok();
        match rendered {
            Ok(resources) => {
                self.tree.used.extend(self.files.used.take());
                for resource in resources {
                    self.subject(resource, &mut read);
                }
            }
            Err(_) if is_quiet => read.problems.clear(),
            Err(mut problem) => {
                problem.message = format!("the kustomization cannot be rendered: {}", problem.message);
                let help = "try `kustomize build`; the files that it names are judged as they stand";
                self.tell(&mut read, problem.with_help(help));
            }
        }
        self.tree.reads.push((self.files.shown(folder), read));
        is_rendered
    }

    fn tell(&mut self, read: &mut Read, problem: Problem) {
        if self.told.insert((problem.message.clone(), problem.span)) {
            read.problems.push(problem);
        }
    }

    fn subject(&mut self, resource: Resource, read: &mut Read) {
        if !self.is_judged(&resource) {
            return;
        }
        let (mut subject, problems) = kubernetes::subject(&resource.value, resource.span, resource.skips);
        subject.calls = resource.calls;
        for problem in problems {
            self.tell(read, problem);
        }
        read.subjects.push(subject);
    }

    /// Whether an object's file is one of those that are wanted, or lies outside of the folders that are read.
    fn is_judged(&mut self, resource: &Resource) -> bool {
        let Some(source) = resource.span.map(|span| span.source) else { return true };
        if let Some(known) = self.judged.get(&source) {
            return *known;
        }
        let path = self.files.sources.get(source).and_then(|source| source.path.canonicalize().ok());
        let is_judged = path.is_none_or(|path| {
            self.scope.judged.contains(&path) || !self.folders.iter().any(|folder| path.starts_with(folder))
        });
        self.judged.insert(source, is_judged);
        is_judged
    }
}
