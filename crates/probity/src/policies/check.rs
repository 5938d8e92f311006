//! What is wrong with files of policies in YAML and JSON, all of it rather than the first.

use std::path::PathBuf;

use probity_model::node::Node;
use probity_model::yaml::{self, Dialect};
use probity_model::{Problem, Sources};
use probity_policy_test::Fault;

use super::{Ids, check, collect_files, is_rego};
use crate::input;

/// How many files have policies, and what is wrong with them. A file in a folder that cannot be read as YAML is passed
/// over, as it need not be one of policies; one that the user names must be readable.
pub(crate) fn faults(paths: &[PathBuf], sources: &Sources) -> (usize, Vec<Fault>) {
    let mut files = Vec::new();
    let mut faults = Vec::new();
    for path in paths {
        if let Err(error) = collect_files(path, &mut files, 0) {
            faults.push(unreadable(path, &error.to_string()));
        }
    }
    files.sort();
    files.dedup();
    let mut ids = Ids::new(&probity_catalog::policies());
    let mut count = 0;
    for path in files.iter().filter(|path| !is_rego(path)) {
        match read(path, sources, &mut ids) {
            Ok(Some(problems)) => {
                count += 1;
                faults.extend(problems.into_iter().map(|problem| fault(path, problem, sources)));
            }
            Err(problem) if paths.contains(path) => {
                count += 1;
                faults.push(fault(path, problem, sources));
            }
            // No policy is in it.
            Ok(None) | Err(_) => {}
        }
    }
    (count, faults)
}

/// What is wrong with a file of policies; `None` when it is none.
fn read(path: &PathBuf, sources: &Sources, ids: &mut Ids) -> Result<Option<Vec<Problem>>, Problem> {
    let text = input::read_text(path).map_err(|error| Problem::new(format!("{error:#}"), None))?;
    let source = sources.add(path, text.as_str());
    let documents = yaml::read(&text, source, Dialect::Core).map_err(|(problem, _)| problem)?;
    let mut found = None;
    for document in &documents {
        let root = Node::root(&document.value, document.span);
        if probity_policy_graph::is_policy_file(root) {
            let problems: &mut Vec<Problem> = found.get_or_insert_default();
            match probity_policy_graph::read_file(root) {
                Ok(_) => problems.extend(check(root, ids)),
                Err(wrong) => problems.extend(wrong),
            }
        }
    }
    Ok(found)
}

fn unreadable(path: &std::path::Path, message: &str) -> Fault {
    let code = "read_error".to_owned();
    Fault { path: path.to_owned(), code, message: message.to_owned(), hint: None, span: None, location: None }
}

fn fault(path: &std::path::Path, problem: Problem, sources: &Sources) -> Fault {
    Fault {
        path: path.to_owned(),
        code: "policy_error".to_owned(),
        message: problem.message,
        hint: problem.help,
        location: problem.span.and_then(|span| sources.locate(span)),
        span: problem.span,
    }
}
