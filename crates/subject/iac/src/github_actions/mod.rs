//! Workflows and actions of GitHub Actions.
//!
//! A workflow gives a subject for itself (`github.workflow`), one for each job (`github.job`) and one for each step
//! (`github.step`); an action gives one for itself (`github.action`) and, when it is composite, one for each step. Each
//! document is what was written, with facts beside it that a policy could not well find out by itself; they are described
//! in `docs/writing-policies.md`. Beyond what stands there:
//!
//! - Subjects that lie in one another are connected: a workflow with its jobs, a job with its steps.
//! - `on` is a text, also where YAML 1.1 would take it for a truth value, and always becomes a mapping.
//! - Of a file that is half written the jobs around the broken one are read.
//! - Nothing is fetched: what an action or a reusable workflow elsewhere does is not known.

mod action;
mod expression;
mod facts;
mod job;
mod object;
mod origin;
mod reader;
mod shell;
mod skips;
mod step;
mod token;
mod uses;
mod values;
mod workflow;

use std::path::Path;

use probity_model::SourceId;
use probity_model::yaml::Dialect;

use crate::{Read, mend};

/// Largest file, in bytes, that is read; GitHub takes 512 KiB.
const MAX_SIZE: usize = 4 << 20;

/// Whether GitHub would read a file at this path as a workflow.
pub fn is_workflow_path(path: &Path) -> bool {
    let folders = path.parent().map(|folder| folder.components().rev().take(2).collect::<Vec<_>>());
    let names = folders.iter().flatten().map(|component| component.as_os_str());
    names.eq(["workflows", ".github"])
}

/// Whether a YAML text looks like a workflow, for files whose place does not tell.
pub fn glance(text: &str) -> bool {
    has_section(text, "jobs") && has_section(text, "on")
}

/// Whether a text looks like the metadata of an action.
pub fn glance_action(text: &str) -> bool {
    has_section(text, "runs")
}

fn has_section(text: &str, name: &str) -> bool {
    text.lines().any(|line| {
        let key = line.trim_start_matches(['"', '\'']);
        key.strip_prefix(name).is_some_and(|rest| rest.trim_start_matches(['"', '\'']).starts_with(':'))
    })
}

/// Reads a workflow, or an action when the text is one. `path` gives the subjects their addresses.
///
/// What cannot be read is a problem with its place; the rest is read.
pub fn read(path: &Path, text: &str, source: SourceId) -> Read {
    let mut read = Read::default();
    if text.len() > MAX_SIZE {
        let message = format!("larger than {MAX_SIZE} bytes, which GitHub does not read");
        read.problems.push(probity_model::Problem::new(message, probity_model::Span::new(source, 0..0)));
        return read;
    }
    let help = "check indentation and quotes; the jobs around this place are read";
    let (documents, problems) = mend::documents(text, source, Dialect::Core, help);
    let mut reader = reader::Reader::new(path, text, source);
    reader.read.problems = problems;
    if let Some(document) = documents.first() {
        if glance_action(text) && !has_section(text, "jobs") {
            reader.action(document);
        } else {
            reader.workflow(document);
        }
    }
    reader.finish()
}

#[cfg(test)]
mod tests;
