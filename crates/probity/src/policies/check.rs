//! What is wrong with files of policies, all of it rather than the first.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use probity_model::node::Node;
use probity_model::yaml::{self, Dialect};
use probity_model::{Problem, Sources};
use probity_policy_rego::glob_matches;
use probity_policy_test::Fault;

use probity_policy_conftest::{Options as RegoOptions, ReadError};

use super::languages::{self, Asking, LANGUAGES, Language, Placed};
use super::{Ids, check, check_placed, collect_files, is_rego, root, sentinel};
use crate::input;

/// How many files have policies, and what is wrong with them. A file in a folder that cannot be read as YAML is passed
/// over, as it need not be one of policies; one that the user names must be readable. What Rego modules say of themselves
/// is looked at when `with_rego` says that they can be compiled.
pub(crate) fn faults(
    paths: &[PathBuf],
    ignore: &[String],
    with_rego: bool,
    sources: &Arc<Sources>,
) -> (usize, Vec<Fault>) {
    let mut files = Vec::new();
    let mut faults = Vec::new();
    for path in paths {
        if let Err(error) = collect_files(path, &mut files, 0) {
            faults.push(unreadable(path, &error.to_string()));
        }
    }
    files.retain(|path| !is_ignored(path, ignore));
    files.sort();
    files.dedup();
    let mut ids = Ids::new(&probity_catalog::policies());
    let (modules, files): (Vec<PathBuf>, Vec<PathBuf>) = files.into_iter().partition(|path| is_rego(path));
    let (sets, files): (Vec<PathBuf>, Vec<PathBuf>) = files.into_iter().partition(|path| sentinel::is_part(path));
    let mut resources = Vec::new();
    let mut count = 0;
    for path in &files {
        match read(path, sources, &mut ids) {
            Ok(Some(found)) => {
                count += 1;
                faults.extend(found.problems.into_iter().map(|problem| fault(path, problem, sources)));
                resources.extend(found.resources);
            }
            Err(problem) if paths.contains(path) => {
                count += 1;
                faults.push(fault(path, problem, sources));
            }
            // No policy is in it.
            Ok(None) | Err(_) => {}
        }
    }
    let mut problems = resource_problems(&resources, &mut ids);
    if with_rego {
        problems.extend(metadata_problems(&modules, sources, &mut ids));
    }
    faults.extend(problems.into_iter().map(|problem| {
        let place = problem.span.and_then(|span| sources.locate(span));
        let path = place.map_or_else(|| paths.first().cloned().unwrap_or_default(), |place| place.path);
        fault(&path, problem, sources)
    }));
    faults.extend(set_faults(&sets, sources, &mut ids));
    (count + sets.len(), faults)
}

/// What is wrong with sets of Sentinel policies. What they are together is looked at when each can be read.
fn set_faults(files: &[PathBuf], sources: &Arc<Sources>, ids: &mut Ids) -> Vec<Fault> {
    let mut faults: Vec<Fault> = files
        .iter()
        .flat_map(|path| sentinel::problems(path, sources).into_iter().map(|problem| fault(path, problem, sources)))
        .collect();
    if faults.is_empty() && !files.is_empty() {
        let read = sentinel::texts_of(files.iter()).map(|texts| sentinel::policies(texts, sources, ids).1);
        let wrong = read.unwrap_or_else(|error| vec![format!("{error:#}")]);
        let path = |line: &str| files.iter().find(|path| line.starts_with(&format!("{}:", path.display())));
        faults.extend(wrong.iter().map(|line| {
            let path = path(line).unwrap_or(&files[0]);
            let message = line.strip_prefix(&format!("{}:", path.display())).unwrap_or(line).trim();
            Fault { code: "policy_error".to_owned(), ..unreadable(path, message) }
        }));
    }
    faults
}

/// Whether the name of the file, or of a folder on the way to it, is left out.
pub(super) fn is_ignored(path: &Path, ignore: &[String]) -> bool {
    let names = || path.components().map(|part| part.as_os_str().to_string_lossy());
    ignore.iter().any(|pattern| names().any(|name| glob_matches(pattern, &['/'], &name).unwrap_or(false)))
}

/// What was found in a file of policies.
#[derive(Default)]
struct Found {
    problems: Vec<Problem>,
    /// Its documents that are resources of Kubernetes: what they mean may depend on those of other files.
    resources: Vec<yaml::Document>,
}

/// What a file of policies holds; `None` when it is none.
fn read(path: &PathBuf, sources: &Sources, ids: &mut Ids) -> Result<Option<Found>, Problem> {
    let text = input::read_text(path).map_err(|error| Problem::new(format!("{error:#}"), None))?;
    let source = sources.add(path, text.as_str());
    let dialect = if languages::glance(&text) { Dialect::Kubernetes } else { Dialect::Core };
    let documents = yaml::read(&text, source, dialect).map_err(|(problem, _)| problem)?;
    let mut found = None;
    for document in documents {
        let root = Node::root(&document.value, document.span);
        if probity_policy_graph::is_policy_file(root) {
            let found: &mut Found = found.get_or_insert_default();
            match probity_policy_graph::read_file(root) {
                Ok(_) => found.problems.extend(check(root, ids)),
                Err(wrong) => found.problems.extend(wrong),
            }
        } else if languages::is_resource(&document.value) {
            found.get_or_insert_default().resources.push(document);
        }
    }
    Ok(found)
}

/// What is wrong with policies that are resources, all files together.
fn resource_problems(documents: &[yaml::Document], ids: &mut Ids) -> Vec<Problem> {
    let nodes: Vec<Node<'_>> = documents.iter().map(root).collect();
    let of = |language: &Language| match (language.read)(&nodes, Asking::default()) {
        Ok(placed) => placed.iter().flat_map(|placed| check_placed(placed, ids)).collect(),
        Err(problems) => problems,
    };
    LANGUAGES.iter().flat_map(of).collect()
}

/// What is wrong with what Rego modules say of their rules.
fn metadata_problems(modules: &[PathBuf], sources: &Arc<Sources>, ids: &mut Ids) -> Vec<Problem> {
    let texts: Vec<(&PathBuf, String)> =
        modules.iter().filter_map(|path| Some((path, input::read_text(path).ok()?))).collect();
    let texts = texts.iter().map(|(path, text)| (path.as_path(), text.as_str()));
    match probity_policy_conftest::read(texts, &RegoOptions::default(), sources) {
        Err(ReadError::Metadata(problems)) => problems,
        // What is no Rego has been told of.
        Err(ReadError::Rego(_)) => Vec::new(),
        Ok(read) => read
            .policies
            .into_iter()
            .map(|policy| Placed { span: Some(policy.span()), policy: Arc::new(policy) })
            .flat_map(|placed| check_placed(&placed, ids))
            .collect(),
    }
}

fn unreadable(path: &Path, message: &str) -> Fault {
    let code = "read_error".to_owned();
    Fault { path: path.to_owned(), code, message: message.to_owned(), hint: None, span: None, location: None }
}

fn fault(path: &Path, problem: Problem, sources: &Sources) -> Fault {
    Fault {
        path: path.to_owned(),
        code: "policy_error".to_owned(),
        message: problem.message,
        hint: problem.help,
        location: problem.span.and_then(|span| sources.locate(span)),
        span: problem.span,
    }
}
