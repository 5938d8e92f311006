//! A repository's own policies, read from files.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use probity_controls::Frameworks;
use probity_model::node::Node;
use probity_model::{ControlId, Problem, Source, Sources};
use probity_policy_core::Policy;

use crate::input;

/// Deepest folder that is looked into.
const MAX_DEPTH: usize = 32;

/// Reads the policies of a file, or of all YAML and JSON files under a folder that have the form of one, and adds them
/// to those known. Gives the texts they were read from.
pub(crate) fn read(path: &Path, sources: &Sources, policies: &mut Vec<Arc<dyn Policy>>) -> Result<Vec<Arc<Source>>> {
    let mut files = Vec::new();
    collect_files(path, &mut files, 0).with_context(|| format!("{} cannot be read", path.display()))?;
    files.sort();
    let mut known: HashMap<String, String> =
        policies.iter().map(|policy| (policy.metadata().id.to_string(), origin(&**policy))).collect();
    let mut texts = Vec::new();
    for file in files {
        let document = input::read_yaml(&file, sources)?;
        let root = Node::root(&document.value, document.span);
        if !probity_policy_graph::is_policy_file(root) {
            continue;
        }
        let checked = check(root, &mut known, |problem| problem.display(sources, &file));
        let read = probity_policy_graph::read_file(root).map_err(|problems| -> Vec<String> {
            problems.iter().map(|problem| problem.display(sources, &file)).collect()
        });
        match (read, checked) {
            (Ok(read), Ok(())) => {
                policies.extend(read);
                texts.extend(sources.get(document.span.source));
            }
            (Err(lines), _) | (Ok(_), Err(lines)) => bail!(lines.join("\nerror: ")),
        }
    }
    if texts.is_empty() {
        bail!("{}: no policy is there", path.display());
    }
    Ok(texts)
}

fn origin(policy: &dyn Policy) -> String {
    if policy.metadata().builtin { "a built-in policy".to_owned() } else { "another policy".to_owned() }
}

/// What reading a file by itself cannot see: ids that are taken, and controls that are in no framework.
fn check(
    root: Node<'_>,
    known: &mut HashMap<String, String>,
    display: impl Fn(&Problem) -> String,
) -> Result<(), Vec<String>> {
    let mut lines = Vec::new();
    for entry in entries(root) {
        let Ok(fields) = entry.mapping() else { continue };
        if let Some(id) = fields.optional("id")
            && let Ok(text) = id.string()
        {
            if let Some(other) = known.get(text) {
                lines.push(display(&id.problem(format!("the id `{text}` is that of {other}"))));
            }
            known.insert(text.to_owned(), "another policy".to_owned());
        }
        let links = fields.optional("controls").and_then(|links| links.list().ok()).unwrap_or_default();
        lines.extend(links.into_iter().filter_map(unknown_control).map(|problem| display(&problem)));
    }
    if lines.is_empty() { Ok(()) } else { Err(lines) }
}

/// The policies of a file of either form, as written.
fn entries(root: Node<'_>) -> Vec<Node<'_>> {
    let Ok(fields) = root.mapping() else { return Vec::new() };
    match fields.optional("policies").map(Node::list) {
        Some(entries) => entries.unwrap_or_default(),
        None => fields.optional("metadata").into_iter().collect(),
    }
}

fn unknown_control(link: Node<'_>) -> Option<Problem> {
    let node = link.mapping().ok()?.optional("control")?;
    let control: ControlId = node.parse().ok()?;
    let frameworks = Frameworks::builtin();
    if frameworks.requirement(&control).is_some() {
        return None;
    }
    Some(match frameworks.get(&control.framework) {
        Some(_) => node
            .problem(format!("`{control}` is no requirement of that framework"))
            .with_help(format!("`probity controls --framework {}` shows them", control.framework)),
        None => node.problem(format!("there is no framework `{}`", control.framework)),
    })
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
    let known =
        path.extension().is_some_and(|extension| ["yaml", "yml", "json"].iter().any(|known| extension == *known));
    if depth == 0 || known && path.is_file() {
        files.push(path.to_owned());
    }
    Ok(())
}
