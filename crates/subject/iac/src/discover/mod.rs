//! From paths to one graph of subjects.

mod detect;
mod installed;
mod load;
mod plans;
mod walk;

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use probity_model::{Problem, ResourceGraph, Source, SourceId, Sources, Span, Subject, json};
use rayon::prelude::*;

use self::detect::{Content, Name};
use self::walk::Candidate;
use crate::{Read, cloudformation, dockerfile, github_actions, helm, kubernetes, kustomize, terraform};

/// What to read, and how.
#[derive(Debug, Clone)]
pub struct ReadOptions {
    /// What to leave out: patterns as in a `.gitignore`, counted from the current folder and from each folder that is
    /// read.
    pub exclude: Vec<String>,
    /// Patterns of the same form: what they match in folders, and whatever file is named itself, is read as a document,
    /// whatever it is. Without, no file is.
    pub documents: Option<Vec<String>>,
    /// Whether each Terraform plan is also one subject as a whole, of the type [`terraform::WHOLE_PLAN`]: the plans and states
    /// that files have, and what each root module says of its plan. A large plan then takes several times the memory.
    pub whole_plans: bool,
    /// Which other texts are kept: see [`Texts`]. Without, none are.
    pub texts: Option<Texts>,
    /// How Terraform is evaluated; `whole_plans` is taken from here.
    pub terraform: terraform::Options,
    /// How Helm charts are rendered.
    pub helm: helm::Options,
    /// Largest file, in bytes, that is read.
    pub max_file_size: u64,
}

/// Tells whether the text of a file has something.
pub type Wanted = dyn Fn(&Path, &str) -> bool + Send + Sync;

/// Texts that are looked through for something, whatever they are.
#[derive(Clone)]
pub struct Texts {
    /// Whether a file of this name is looked through.
    pub named: fn(&Path) -> bool,
    /// Whether a file is that is hidden, by its name.
    pub hidden: fn(&str) -> bool,
    /// Whether a text that nothing is read from has something, and is kept. Asked from several threads.
    pub wanted: Arc<Wanted>,
    /// Largest file, in bytes, that is read for this alone.
    pub max_size: u64,
}

impl fmt::Debug for Texts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Texts").field("max_size", &self.max_size).finish_non_exhaustive()
    }
}

impl Default for ReadOptions {
    fn default() -> Self {
        Self {
            exclude: Vec::new(),
            documents: None,
            whole_plans: false,
            texts: None,
            terraform: terraform::Options::default(),
            helm: helm::Options::default(),
            max_file_size: 64 << 20,
        }
    }
}

/// Everything that was read.
#[derive(Debug, Default)]
pub struct Tree {
    /// The subjects and which of them refer to which: Terraform first, then the others by path.
    pub graph: ResourceGraph,
    /// What could not be read, by path; the rest was.
    pub problems: Vec<(PathBuf, Problem)>,
    /// How many files were read.
    pub files: FileCounts,
    /// Files that are more than the subjects read from them, or that none were read from: a policy may judge them whole.
    pub documents: Vec<WholeFile>,
    /// With [`ReadOptions::texts`], everything that was read and is looked through, in the order of the paths.
    pub texts: Vec<SourceId>,
}

/// A file that a policy may judge whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WholeFile {
    /// Its text, in the sources.
    pub source: SourceId,
    /// What it is.
    pub form: FileForm,
}

/// What a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileForm {
    /// A file of a Terraform configuration.
    Terraform,
    /// A Terraform plan in JSON.
    Plan,
    /// A Dockerfile.
    Dockerfile,
    /// Something else, that was asked for.
    Other,
}

/// How many files were read, by what they turned out to be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FileCounts {
    /// Files of Terraform configurations.
    pub terraform: usize,
    /// Terraform plans and states.
    pub plan: usize,
    /// CloudFormation templates.
    pub cloudformation: usize,
    /// Kubernetes manifests.
    pub kubernetes: usize,
    /// Dockerfiles.
    pub dockerfile: usize,
    /// Workflows of GitHub Actions, and actions.
    pub github_actions: usize,
    /// Other files that were asked for.
    pub document: usize,
    /// Helm charts.
    pub chart: usize,
    /// Kustomizations.
    pub kustomization: usize,
    /// Helm templates outside of charts, which nothing renders.
    pub template: usize,
}

impl FileCounts {
    /// Files that subjects were read from.
    pub fn total(&self) -> usize {
        let infrastructure = self.terraform + self.plan + self.cloudformation;
        let rendered = self.chart + self.kustomization;
        infrastructure + self.kubernetes + rendered + self.dockerfile + self.github_actions + self.document
    }
}

/// Why nothing was read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// A path that was asked for is not there.
    #[error("{}: {message}", path.display())]
    Path {
        /// The path.
        path: PathBuf,
        /// Why it cannot be read.
        message: String,
    },
    /// A pattern of [`ReadOptions::exclude`] cannot be understood.
    #[error("exclude pattern `{pattern}`: {message}")]
    Exclude {
        /// The pattern.
        pattern: String,
        /// What is wrong with it.
        message: String,
    },
}

/// Reads files and folders.
///
/// Of a folder everything is read that is known by its name and content; what its `.gitignore` files name, hidden files
/// and folders (but for workflows and actions in `.github`) and links are left out. A file that is named itself is read whatever ignores it, other than
/// [`ReadOptions::exclude`]. The texts are kept in `sources` under the paths as they would be typed.
///
/// `progress` is told how many files were looked at so far, from several threads.
///
/// # Errors
/// When a path is not there or an exclude pattern cannot be understood. Whatever else goes wrong is among the problems.
pub fn read_paths(
    paths: &[PathBuf],
    sources: &Sources,
    options: &ReadOptions,
    progress: &(dyn Fn(usize) + Sync),
) -> Result<Tree, ReadError> {
    let found = walk::find(paths, options)?;
    let mut problems = found.problems;
    let charts = helm::roots(found.candidates.iter().map(|candidate| candidate.path.as_path()));
    let (templates, candidates): (Vec<_>, Vec<_>) =
        found.candidates.into_iter().partition(|candidate| helm::is_template(&candidate.path, &charts));
    let (rendered, candidates, used) = kustomizations(paths, candidates, &templates, sources);
    let mut files = load(&candidates, sources, options, progress, &mut problems);
    let texts = match &options.texts {
        Some(texts) => searched(&mut files, templates.iter().chain(&used), texts, sources),
        None => Vec::new(),
    };
    let mut counts = FileCounts { chart: charts.len(), kustomization: rendered.count, ..count(&files) };
    counts.kubernetes += used.len();
    let documents = if options.documents.is_some() { whole_files(&files) } else { Vec::new() };

    let (mut modules, files) = modules(files);
    let installed = installed::add(&mut modules, sources, options, &mut problems);
    let mut all = Read::default();
    let mut terraform = options.terraform.clone();
    terraform.whole_plans = options.whole_plans;
    let readable: Vec<PathBuf> = paths.iter().filter_map(|path| folder_of(path)).collect();
    terraform.readable.extend(readable.iter().cloned());
    let mut configurations = plans::Configurations::default();
    for (path, read) in terraform::read_tree(&modules, &installed, &terraform) {
        let before = all.subjects.len();
        take(&mut all, read, &path, sources, &mut problems);
        configurations.add(path, before..all.subjects.len());
    }
    configurations.read_beside(&files, &modules, sources, options, &terraform)?;
    let reads: Vec<(Read, Option<Subject>)> =
        files.par_iter().map(|file| read_file(file, options.whole_plans)).collect();
    for (file, (mut read, plan)) in files.iter().zip(reads) {
        if file.content == Content::Plan {
            configurations.place(&file.path, &mut read.subjects, &all.subjects);
        }
        read.subjects.extend(plan);
        take(&mut all, read, &file.path, sources, &mut problems);
    }
    let judged = templates.iter().map(|candidate| candidate.path.as_path()).collect();
    for (path, read) in helm::read(&charts, &judged, &readable, &options.helm, sources) {
        take(&mut all, read, &path, sources, &mut problems);
    }
    for (path, read) in rendered.reads {
        take(&mut all, read, &path, sources, &mut problems);
    }
    all.edges.extend(kubernetes::connect(&all.subjects, sources));
    problems.sort_by(|a, b| (&a.0, place(&a.1)).cmp(&(&b.0, place(&b.1))));
    let (graph, _) = all.into_graph();
    Ok(Tree { graph, problems, files: counts, documents, texts })
}

/// The sources that are looked through. What was read for nothing else is taken out of the files.
fn searched<'c>(
    files: &mut Vec<Loaded>,
    rendered: impl Iterator<Item = &'c Candidate>,
    texts: &Texts,
    sources: &Sources,
) -> Vec<SourceId> {
    let mut found: Vec<(PathBuf, SourceId)> =
        files.iter().filter(|file| (texts.named)(&file.path)).map(|file| (file.path.clone(), file.source)).collect();
    files.retain(|file| file.content != Content::Text);
    // Templates of charts and what kustomizations use are read where they are rendered.
    let rendered: Vec<&Candidate> = rendered.collect();
    let rendered: Vec<(PathBuf, Source)> = rendered
        .into_par_iter()
        .filter_map(|Candidate { path, .. }| Some((path.clone(), load::text(path, texts)?)))
        .collect();
    found.extend(rendered.into_iter().map(|(path, source)| (path, sources.add_source(source))));
    found.sort();
    found.into_iter().map(|(_, source)| source).collect()
}

/// Renders the kustomizations; gives the files that are left to be judged as they stand, and the others.
fn kustomizations(
    paths: &[PathBuf],
    candidates: Vec<Candidate>,
    templates: &[Candidate],
    sources: &Sources,
) -> (kustomize::Tree, Vec<Candidate>, Vec<Candidate>) {
    let is_kustomization = |candidate: &&Candidate| candidate.name == Name::Kustomization;
    let found: Vec<PathBuf> = candidates.iter().filter(is_kustomization).map(|found| found.path.clone()).collect();
    if found.is_empty() {
        return (kustomize::Tree::default(), candidates, Vec::new());
    }
    let real = |candidate: &Candidate| candidate.path.canonicalize().unwrap_or_else(|_| candidate.path.clone());
    let is_yaml = |name: Name| {
        matches!(name, Name::Yaml | Name::NamedYaml | Name::Json | Name::Kustomization | Name::Unknown | Name::Text)
    };
    let judged = candidates.iter().filter(|found| is_yaml(found.name)).chain(templates).map(real).collect();
    let folders: Vec<PathBuf> = paths.iter().filter(|path| path.is_dir()).cloned().collect();
    let readable: Vec<PathBuf> = paths.iter().filter_map(|path| folder_of(path)).collect();
    let scope = kustomize::Scope { folders: &folders, judged: &judged, readable: &readable };
    let rendered = kustomize::read(&found, &scope, sources);
    let is_used = |found: &Candidate| is_yaml(found.name) && rendered.used.contains(&real(found));
    let (used, left): (Vec<_>, Vec<_>) =
        candidates.into_iter().partition(|found| found.name != Name::Kustomization && is_used(found));
    (rendered, left, used)
}

/// The folder that a path is or lies in, as the system names it.
fn folder_of(path: &Path) -> Option<PathBuf> {
    let real = path.canonicalize().ok()?;
    if real.is_dir() { Some(real) } else { real.parent().map(Path::to_owned) }
}

/// A file that is worth reading.
struct Loaded {
    path: PathBuf,
    text: Arc<str>,
    content: Content,
    source: SourceId,
}

/// The texts that are worth reading, in the order of their paths.
fn load(
    candidates: &[Candidate],
    sources: &Sources,
    options: &ReadOptions,
    progress: &(dyn Fn(usize) + Sync),
    problems: &mut Vec<(PathBuf, Problem)>,
) -> Vec<Loaded> {
    let done = AtomicUsize::new(0);
    let loaded: Vec<_> = candidates
        .par_iter()
        .map(|candidate| {
            let whole = options.documents.is_some() || options.whole_plans;
            let loaded = load::load(candidate, options.max_file_size, whole, options.texts.as_ref());
            progress(done.fetch_add(1, Ordering::Relaxed) + 1);
            loaded
        })
        .collect();
    let mut files = Vec::new();
    for (Candidate { path, .. }, loaded) in candidates.iter().zip(loaded) {
        match loaded {
            // Numbered here and not by the threads, so that every run gives the same numbers.
            Ok(Some((source, content))) => {
                let text = Arc::clone(&source.text);
                let source = sources.add_source(source);
                files.push(Loaded { path: path.clone(), text, content, source });
            }
            Ok(None) => {}
            Err(problem) => problems.push((path.clone(), problem)),
        }
    }
    files
}

fn count(files: &[Loaded]) -> FileCounts {
    let mut counts = FileCounts::default();
    for file in files {
        match file.content {
            Content::Terraform => counts.terraform += 1,
            Content::Plan => counts.plan += 1,
            Content::CloudFormation => counts.cloudformation += 1,
            Content::Kubernetes => counts.kubernetes += 1,
            Content::Dockerfile => counts.dockerfile += 1,
            Content::GitHubActions => counts.github_actions += 1,
            Content::Template => counts.template += 1,
            Content::Other => counts.document += 1,
            Content::Text => {}
        }
    }
    counts
}

fn whole_files(files: &[Loaded]) -> Vec<WholeFile> {
    let form = |content| match content {
        Content::Terraform => Some(FileForm::Terraform),
        Content::Plan => Some(FileForm::Plan),
        Content::Dockerfile => Some(FileForm::Dockerfile),
        Content::CloudFormation | Content::GitHubActions | Content::Other => Some(FileForm::Other),
        // Its objects are documents by themselves, and what is not rendered is none.
        Content::Kubernetes | Content::Template | Content::Text => None,
    };
    files.iter().filter_map(|file| Some(WholeFile { source: file.source, form: form(file.content)? })).collect()
}

type Modules = BTreeMap<PathBuf, Vec<terraform::ModuleFile>>;

/// Terraform files by folder, and the others.
fn modules(files: Vec<Loaded>) -> (Modules, Vec<Loaded>) {
    let (terraform, others): (Vec<_>, Vec<_>) = files.into_iter().partition(|file| file.content == Content::Terraform);
    let mut modules = Modules::new();
    for Loaded { path, text, source, .. } in terraform {
        let folder = path.parent().map(Path::to_owned).unwrap_or_default();
        modules.entry(folder).or_default().push(terraform::ModuleFile { path, text, source });
    }
    (modules, others)
}

/// What a file has, and the plan as a whole where it is one and that is asked for.
fn read_file(file: &Loaded, whole_plans: bool) -> (Read, Option<Subject>) {
    let read = match file.content {
        Content::CloudFormation => cloudformation::read(&file.text, file.source),
        Content::Kubernetes => kubernetes::read(&file.text, file.source),
        Content::Dockerfile => dockerfile::read(&file.path, &file.text, file.source),
        Content::GitHubActions => github_actions::read(&file.path, &file.text, file.source),
        Content::Plan => return read_json(file, whole_plans),
        Content::Terraform | Content::Template | Content::Other | Content::Text => Read::default(),
    };
    (read, None)
}

fn read_json(file: &Loaded, whole: bool) -> (Read, Option<Subject>) {
    let read = if detect::begins_as_plan(file.text.as_bytes()) && !whole {
        json::read_with_spans_without(&file.text, file.source, &terraform::is_left_out)
    } else {
        json::read_with_spans(&file.text, file.source)
    };
    let read = match read {
        Ok(value) if terraform::is_plan(&value) => {
            let read = terraform::read_plan(&value);
            let span = Span::new(file.source, 0..file.text.len());
            return (read, whole.then(|| terraform::whole::of_file(&file.path, value, span)));
        }
        Ok(value) if terraform::is_state(&value) => terraform::read_state(&value),
        Ok(_) => kubernetes::read(&file.text, file.source),
        // Whatever it is, it is not a plan.
        Err(_) if !file.text.contains("\"terraform_version\"") => Read::default(),
        Err(problem) => {
            Read { problems: vec![problem.with_help("write it anew with `terraform show -json`")], ..Read::default() }
        }
    };
    (read, None)
}

/// Adds what was read of one file or module; its problems go under the paths of the files they stand in.
fn take(all: &mut Read, mut read: Read, path: &Path, sources: &Sources, problems: &mut Vec<(PathBuf, Problem)>) {
    for problem in read.problems.drain(..) {
        let source = problem.span.and_then(|span| sources.get(span.source));
        problems.push((source.map_or_else(|| path.to_owned(), |source| source.path.clone()), problem));
    }
    all.append(read);
}

fn place(problem: &Problem) -> Option<Span> {
    problem.span
}

#[cfg(all(test, unix))]
mod tests;
