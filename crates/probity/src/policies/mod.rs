//! A repository's own policies, read from files.

pub(crate) mod artifact;
mod check;
mod controls;
pub(crate) mod examples;
mod languages;
pub(crate) mod sentinel;
pub(crate) mod template;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use probity_model::node::Node;
use probity_model::yaml::{self, Dialect};
use probity_model::{PolicyId, Problem, Source, Sources, Span};
use probity_policy_conftest::{Options as RegoOptions, ReadError};
use probity_policy_core::{Mutator, Policy};
use probity_policy_kyverno::images::Images;

use crate::input;
pub(crate) use check::faults;
use languages::{Asking, LANGUAGES, Placed};

/// Deepest folder that is looked into.
const MAX_DEPTH: usize = 32;

/// How policies are taken.
#[derive(Debug, Clone, Default)]
pub(crate) struct Taking {
    /// Rego modules.
    pub(crate) rego: RegoOptions,
    /// What answers for registries when policies of Kyverno's ask; none when they are not asked.
    pub(crate) registries: Option<Arc<dyn Images>>,
    /// Whether they are asked in front of a cluster rather than of files.
    pub(crate) in_cluster: bool,
}

impl From<RegoOptions> for Taking {
    fn from(rego: RegoOptions) -> Self {
        Self { rego, ..Self::default() }
    }
}

/// A repository's own policies, and what they were read from.
#[derive(Default)]
pub(crate) struct Own {
    pub(crate) policies: Vec<Arc<dyn Policy>>,
    pub(crate) texts: Vec<Arc<Source>>,
    /// How the Rego modules among them were taken.
    pub(crate) rego: RegoOptions,
    /// Whether some of them judge whole documents.
    pub(crate) judges_documents: bool,
    /// What the user should know that is no error.
    pub(crate) notes: Vec<String>,
    /// What is wrong with policies that are left out, by file; the others are there.
    pub(crate) problems: Vec<(PathBuf, Problem)>,
    /// Where policies stand.
    pub(crate) places: HashMap<PolicyId, Span>,
}

/// Reads the policies of files and of folders: Rego modules, sets of Sentinel policies, and YAML and JSON files that have the
/// form of a policy. Ids
/// must be others than those of `known`.
pub(crate) fn read<'p>(
    paths: impl IntoIterator<Item = &'p PathBuf>,
    taking: impl Into<Taking>,
    sources: &Arc<Sources>,
    known: &[Arc<dyn Policy>],
) -> Result<Own> {
    let mut files = Vec::new();
    for path in paths {
        let found = files_of(path)?;
        if found.is_empty() {
            bail!("{}: no policy is there", path.display());
        }
        files.extend(found);
    }
    compile(files, taking, sources, known)
}

/// The files at a path that have the form of a policy.
fn files_of(path: &Path) -> Result<Vec<Source>> {
    let mut found = Vec::new();
    collect_files(path, &mut found, 0).with_context(|| format!("{} cannot be read", path.display()))?;
    found.sort();
    let named = sentinel::files_named_in(&found)?;
    let mut files = Vec::new();
    for file in found {
        let text = input::read_text(&file)?;
        if is_rego(&file) || sentinel::is_part(&file) || has_policy(&file, &text)? {
            files.push(Source::new(file, text));
        }
    }
    for file in named {
        let text = input::read_text(&file)?;
        files.push(Source::new(file, text));
    }
    Ok(files)
}

fn is_rego(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "rego")
}

/// Whether a YAML or JSON text has a policy in it; an empty one is a mistake.
fn has_policy(path: &Path, text: &str) -> Result<bool> {
    let documents = read_documents(path, text, &Sources::default())?;
    if documents.is_empty() {
        bail!("{}: there is nothing in the file", path.display());
    }
    let is_one = |document: &yaml::Document| {
        probity_policy_graph::is_policy_file(root(document)) || languages::is_resource(&document.value)
    };
    Ok(documents.iter().any(is_one))
}

fn root(document: &yaml::Document) -> Node<'_> {
    Node::root(&document.value, document.span)
}

/// The documents of a text; what is written for Kubernetes is read as Kubernetes does.
fn read_documents(path: &Path, text: &str, sources: &Sources) -> Result<Vec<yaml::Document>> {
    let source = sources.add(path, text);
    let dialect = if languages::glance(text) { Dialect::Kubernetes } else { Dialect::Core };
    yaml::read(text, source, dialect).map_err(|(problem, _)| anyhow::anyhow!(problem.display(sources, path)))
}

/// Compiles the texts of policies.
pub(crate) fn compile(
    files: Vec<Source>,
    taking: impl Into<Taking>,
    sources: &Arc<Sources>,
    known: &[Arc<dyn Policy>],
) -> Result<Own> {
    let (own, lines) = compile_most(files, taking, sources, known)?;
    if !lines.is_empty() {
        bail!(lines.join("\nerror: "));
    }
    Ok(own)
}

/// Compiles the texts of policies as far as nothing is wrong with them, and says what is wrong with the others.
pub(crate) fn compile_most(
    files: Vec<Source>,
    taking: impl Into<Taking>,
    sources: &Arc<Sources>,
    known: &[Arc<dyn Policy>],
) -> Result<(Own, Vec<String>)> {
    let Taking { rego, registries, in_cluster } = taking.into();
    let mut own = Own { rego, ..Own::default() };
    let mut ids = Ids::new(known);
    let mut lines = Vec::new();
    let (modules, files): (Vec<Source>, Vec<Source>) = files.into_iter().partition(|file| is_rego(&file.path));
    let (sets, others): (Vec<Source>, Vec<Source>) = files.into_iter().partition(|file| sentinel::is_part(&file.path));
    let mut documents = Vec::new();
    for file in &others {
        documents.extend(read_documents(&file.path, &file.text, sources)?);
    }
    lines.extend(read_yaml(&documents, sources, &mut ids, &mut own));
    let asking = Asking { registries: registries.as_ref(), in_cluster };
    lines.extend(read_resources(&documents, asking, sources, &mut ids, &mut own));
    if !modules.is_empty() {
        lines.extend(read_rego(&modules, sources, &mut ids, &mut own)?);
    }
    lines.extend(sentinel::read(&sets, &others, sources, &mut ids, &mut own));
    own.texts = others.into_iter().chain(modules).chain(sets).map(Arc::new).collect();
    Ok((own, lines))
}

/// Adds the policies of YAML documents; gives what is wrong with them.
fn read_yaml(documents: &[yaml::Document], sources: &Sources, ids: &mut Ids, own: &mut Own) -> Vec<String> {
    let mut problems = Vec::new();
    for root in documents.iter().map(root).filter(|root| probity_policy_graph::is_policy_file(*root)) {
        match probity_policy_graph::read_file(root) {
            Ok(read) => {
                let wrong = check(root, ids);
                if wrong.is_empty() {
                    own.places.extend(read.iter().filter_map(|one| Some((one.metadata().id.clone(), root.span?))));
                    own.policies.extend(read);
                }
                problems.extend(wrong);
            }
            Err(found) => problems.extend(found),
        }
    }
    lines(&problems, sources)
}

/// Adds the policies that are resources of Kubernetes; gives what is wrong with them together.
fn read_resources(
    documents: &[yaml::Document],
    asking: Asking<'_>,
    sources: &Sources,
    ids: &mut Ids,
    own: &mut Own,
) -> Vec<String> {
    let nodes: Vec<Node<'_>> = documents.iter().map(root).collect();
    let mut problems = Vec::new();
    own.notes.extend(languages::note_of_idle(&nodes));
    for language in LANGUAGES {
        let (placed, broken) = language.read_most(&nodes, asking);
        for placed in placed {
            let wrong = check_placed(&placed, ids);
            if wrong.is_empty() {
                own.places.extend(placed.place());
                own.policies.push(placed.policy);
            }
            problems.extend(wrong);
        }
        own.problems.extend(broken.into_iter().map(|problem| {
            let place = problem.span.and_then(|span| sources.locate(span));
            (place.map_or_else(|| PathBuf::from("policies"), |place| place.path), problem)
        }));
    }
    lines(&problems, sources)
}

/// What is wrong with a policy besides its text: a control that is in no framework, an id that is taken.
fn check_placed(placed: &Placed, ids: &mut Ids) -> Vec<Problem> {
    let (metadata, span) = (placed.policy.metadata(), placed.span);
    let mut problems = controls::unknown_in(metadata, span);
    problems.extend(ids.take(metadata.id.as_str()).map(|message| Problem::new(message, span)));
    problems
}

fn lines(problems: &[Problem], sources: &Sources) -> Vec<String> {
    problems.iter().map(|problem| problem.display(sources, Path::new("policies"))).collect()
}

/// Adds the policies of Rego modules; gives what is wrong with them.
fn read_rego(modules: &[Source], sources: &Arc<Sources>, ids: &mut Ids, own: &mut Own) -> Result<Vec<String>> {
    let texts = modules.iter().map(|module| (module.path.as_path(), &*module.text));
    let read = match probity_policy_conftest::read(texts, &own.rego, sources) {
        Ok(read) => read,
        Err(ReadError::Rego(errors)) => return Ok(errors.0.iter().map(ToString::to_string).collect()),
        Err(ReadError::Metadata(problems)) => {
            return Ok(lines(&problems, sources));
        }
    };
    for (what, count) in &read.unread_inputs {
        own.notes
            .push(format!("{count} policies judge inputs of type `{what}`, which a scan does not read; not asked"));
    }
    if read.policies.is_empty() && read.unread_inputs.is_empty() {
        let place = match &own.rego.namespaces[..] {
            [] => "these modules".to_owned(),
            names => format!("the packages {}", names.join(", ")),
        };
        bail!("{}: no rule named deny, violation or warn is in {place}", modules[0].path.display());
    }
    let mut problems = Vec::new();
    for policy in read.policies {
        own.judges_documents |= policy.judges_documents();
        let placed = Placed { span: Some(policy.span()), policy: Arc::new(policy) };
        problems.extend(check_placed(&placed, ids));
        own.places.extend(placed.place());
        own.policies.push(placed.policy);
    }
    Ok(lines(&problems, sources))
}

/// The ids that are taken, and by which policy when it was known before.
struct Ids(HashMap<String, Option<Arc<dyn Policy>>>);

impl Ids {
    fn new(known: &[Arc<dyn Policy>]) -> Self {
        Self(known.iter().map(|policy| (policy.id().to_string(), Some(policy.clone()))).collect())
    }

    /// Takes an id; says whose it is when it is taken.
    fn take(&mut self, id: &str) -> Option<String> {
        let other = self.0.insert(id.to_owned(), None)?;
        let is_builtin = other.is_some_and(|policy| policy.metadata().builtin);
        let whose = if is_builtin { "a built-in policy" } else { "another policy" };
        Some(format!("the id `{id}` is that of {whose}"))
    }
}

/// What reading a file by itself cannot see: ids that are taken, and controls that are in no framework.
fn check(root: Node<'_>, ids: &mut Ids) -> Vec<Problem> {
    let mut problems = Vec::new();
    for entry in entries(root) {
        let Ok(fields) = entry.mapping() else { continue };
        if let Some(id) = fields.optional("id")
            && let Ok(text) = id.string()
        {
            problems.extend(ids.take(text).map(|message| id.problem(message)));
        }
        let links = fields.optional("controls").and_then(|links| links.list().ok()).unwrap_or_default();
        problems.extend(links.into_iter().filter_map(controls::unknown_in_link));
    }
    problems
}

/// The policies of a file of either form, as written.
fn entries(root: Node<'_>) -> Vec<Node<'_>> {
    let Ok(fields) = root.mapping() else { return Vec::new() };
    match fields.optional("policies").map(Node::list) {
        Some(entries) => entries.unwrap_or_default(),
        None => fields.optional("metadata").into_iter().collect(),
    }
}

fn collect_files(path: &Path, files: &mut Vec<PathBuf>, depth: usize) -> std::io::Result<()> {
    if path.is_dir() && depth < MAX_DEPTH {
        for entry in std::fs::read_dir(path)? {
            let entry = entry?;
            // A link may lead upward, without end.
            if !entry.file_type()?.is_symlink() || entry.path().is_file() {
                collect_files(&entry.path(), files, depth + 1)?;
            }
        }
        return Ok(());
    }
    if depth == 0 || path.is_file() && is_policy_name(path) {
        files.push(path.to_owned());
    }
    Ok(())
}

/// Tests are no policies.
fn is_policy_name(path: &Path) -> bool {
    if sentinel::is_part(path) {
        return !sentinel::is_of_test(path);
    }
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    ["yaml", "yml", "json", "rego"]
        .iter()
        .any(|known| name.rsplit_once('.').is_some_and(|(_, ending)| ending == *known))
        && !name.ends_with("_test.rego")
}

/// Policies that change the objects of requests, in the order in which they are asked.
pub(crate) type Mutators = Vec<Arc<dyn Mutator>>;

/// The policies of files that change the objects of requests, in the order in which they are asked, and what is wrong with
/// others; what judges only is left alone.
pub(crate) fn mutators<'f>(
    files: impl IntoIterator<Item = &'f Arc<Source>>,
    registries: Option<&Arc<dyn Images>>,
    sources: &Arc<Sources>,
) -> Result<(Mutators, Vec<String>)> {
    let mut documents = Vec::new();
    for file in files.into_iter().filter(|file| !is_rego(&file.path) && !sentinel::is_part(&file.path)) {
        documents.extend(read_documents(&file.path, &file.text, sources)?);
    }
    let nodes: Vec<Node<'_>> = documents.iter().map(root).collect();
    let (mutators, problems) = languages::mutators(&nodes, registries);
    Ok((mutators, lines(&problems, sources)))
}
