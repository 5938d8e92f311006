//! Which Kubernetes objects refer to which.

use std::collections::HashMap;

use probity_model::{NodeIndex, SourceId, Sources, Subject, SubjectKind};

use super::object;
use super::references::{Object, Reference, Selector};

/// Most objects that one reference is taken to mean. A name means one object in a cluster, but a tree may hold the
/// manifests of many clusters.
const MAX_TARGETS: usize = 256;

/// Most workloads that one selector is compared with.
const MAX_COMPARED: usize = 4096;

/// Which Kubernetes objects among `subjects` refer to which, by position; subjects of other kinds are left out.
///
/// A tree often holds the same names several times (an overlay for each cluster), so what is near goes first: a name
/// means the objects of the same file that have it, or else of the same folder, or else all; a selector selects in its
/// folder, or where it finds nothing there, everywhere.
pub fn connect(subjects: &[Subject], sources: &Sources) -> Vec<(NodeIndex, NodeIndex)> {
    let objects = objects(subjects, sources);
    let index = Index::new(&objects);
    let mut edges = Vec::new();
    for object in &objects {
        object.references(&mut |reference| {
            index.resolve(object, &reference, |target| {
                if target != object.node {
                    edges.push((object.node, target));
                }
            });
        });
    }
    edges
}

fn objects<'s>(subjects: &'s [Subject], sources: &Sources) -> Vec<Object<'s>> {
    let mut folders = Folders::default();
    (0..)
        .map(NodeIndex)
        .zip(subjects)
        .filter(|(_, subject)| subject.kind == SubjectKind::Kubernetes)
        .map(|(node, subject)| {
            let (kind, document) = (subject.resource_type.as_str(), &subject.document);
            // What a kustomization renders belongs together, wherever it stands.
            let source = subject.calls.first().copied().or(subject.span).map(|span| span.source);
            Object {
                node,
                source,
                folder: source.map_or(0, |source| folders.of(source, sources)),
                kind,
                namespace: object::namespace(kind, document).unwrap_or_default(),
                name: object::name(document).unwrap_or_default(),
                document,
                pod: object::pod(kind, document),
            }
        })
        .collect()
}

/// Numbers for the folders that sources are in.
#[derive(Default)]
struct Folders {
    by_path: HashMap<std::path::PathBuf, u32>,
    by_source: HashMap<SourceId, u32>,
}

impl Folders {
    fn of(&mut self, source: SourceId, sources: &Sources) -> u32 {
        if let Some(known) = self.by_source.get(&source) {
            return *known;
        }
        let path = sources.get(source).and_then(|source| Some(source.path.parent()?.to_owned())).unwrap_or_default();
        let next = u32::try_from(self.by_path.len()).unwrap_or(u32::MAX);
        let folder = *self.by_path.entry(path).or_insert(next);
        self.by_source.insert(source, folder);
        folder
    }
}

/// How far around a reference its target may be.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Scope {
    Source(SourceId),
    Folder(u32),
    Anywhere,
}

struct Index<'o> {
    objects: &'o [Object<'o>],
    /// Positions in `objects` by scope, kind, namespace and name.
    names: HashMap<(Scope, &'o str, &'o str, &'o str), Vec<usize>>,
    /// Workloads by scope, namespace and label.
    labels: HashMap<(Scope, &'o str, &'o str, &'o str), Vec<usize>>,
    /// Workloads by scope and namespace.
    pods: HashMap<(Scope, &'o str), Vec<usize>>,
}

impl<'o> Index<'o> {
    fn new(objects: &'o [Object<'o>]) -> Self {
        let mut index = Self { objects, names: HashMap::new(), labels: HashMap::new(), pods: HashMap::new() };
        for (position, object) in objects.iter().enumerate() {
            for scope in object.scopes() {
                let name = (scope, object.kind, object.namespace, object.name);
                index.names.entry(name).or_default().push(position);
            }
            if object.pod.is_some() {
                index.add_pod(position, object);
            }
        }
        index
    }

    fn add_pod(&mut self, position: usize, object: &'o Object<'o>) {
        for scope in [Scope::Folder(object.folder), Scope::Anywhere] {
            self.pods.entry((scope, object.namespace)).or_default().push(position);
            for (key, value) in object.labels() {
                self.labels.entry((scope, object.namespace, key, value)).or_default().push(position);
            }
        }
    }

    fn resolve(&self, from: &Object<'o>, reference: &Reference<'o>, mut found: impl FnMut(NodeIndex)) {
        let positions = match reference {
            Reference::Name { kind, namespace, name } => self.by_name(from, kind, namespace, name),
            Reference::Pods(selector) => self.by_selector(from, selector),
        };
        for position in positions {
            found(self.objects[position].node);
        }
    }

    fn by_name(&self, from: &Object<'o>, kind: &'o str, namespace: &'o str, name: &'o str) -> Vec<usize> {
        // A kind outside every namespace is kept under the empty one.
        let namespace = if object::is_cluster_scoped(kind) { "" } else { namespace };
        let near = from.scopes().find_map(|scope| self.names.get(&(scope, kind, namespace, name)));
        near.map(|positions| positions.iter().copied().take(MAX_TARGETS).collect()).unwrap_or_default()
    }

    fn by_selector(&self, from: &Object<'o>, selector: &Selector<'o>) -> Vec<usize> {
        for scope in [Scope::Folder(from.folder), Scope::Anywhere] {
            let matching: Vec<usize> = self
                .candidates(scope, from.namespace, selector)
                .iter()
                .copied()
                .take(MAX_COMPARED)
                .filter(|position| selector.matches(&self.objects[*position]))
                .take(MAX_TARGETS)
                .collect();
            if !matching.is_empty() {
                return matching;
            }
        }
        Vec::new()
    }

    /// The shortest list of workloads that holds all that match.
    fn candidates(&self, scope: Scope, namespace: &'o str, selector: &Selector<'o>) -> &[usize] {
        let known = |found: Option<&'_ Vec<usize>>| found.map_or(0, Vec::len);
        let by_label = selector.labels.iter().map(|(key, value)| self.labels.get(&(scope, namespace, *key, *value)));
        let shortest = by_label.min_by_key(|found| known(*found));
        shortest.unwrap_or_else(|| self.pods.get(&(scope, namespace))).map_or(&[], Vec::as_slice)
    }
}

impl Object<'_> {
    fn scopes(&self) -> impl Iterator<Item = Scope> + use<> {
        let near = self.source.map(Scope::Source);
        near.into_iter().chain([Scope::Folder(self.folder), Scope::Anywhere])
    }
}
