//! Infrastructure code, read into subjects.
//!
//! [`read_paths`] walks files and folders, finds out what each file is, and reads Terraform modules, CloudFormation
//! templates, Kubernetes objects, Helm charts, kustomizations, Dockerfiles and GitHub Actions workflows into one
//! [`ResourceGraph`]. Nothing is evaluated against policies here.

pub mod cloudformation;
pub mod dockerfile;
pub mod github_actions;
pub mod helm;
pub mod kubernetes;
pub mod kustomize;
pub mod skip;
pub mod terraform;

mod discover;
mod mend;
#[cfg(test)]
mod testing;

use probity_model::{NodeIndex, Problem, ResourceGraph, Subject};

pub use discover::{FileCounts, FileForm, ReadError, ReadOptions, Texts, Tree, Wanted, WholeFile, read_paths};

/// What was read from one file or one module.
#[derive(Debug, Default)]
pub struct Read {
    /// The subjects.
    pub subjects: Vec<Subject>,
    /// Which of them refer to which, by position in `subjects`.
    pub edges: Vec<(NodeIndex, NodeIndex)>,
    /// What could not be read; the rest was.
    pub problems: Vec<Problem>,
}

impl Read {
    /// Adds what was read elsewhere.
    ///
    /// # Panics
    /// With 2^32 subjects.
    pub fn append(&mut self, other: Read) {
        let offset = u32::try_from(self.subjects.len()).expect("fewer than 2^32 subjects");
        let moved = |NodeIndex(index): NodeIndex| NodeIndex(index + offset);
        self.subjects.extend(other.subjects);
        self.edges.extend(other.edges.into_iter().map(|(a, b)| (moved(a), moved(b))));
        self.problems.extend(other.problems);
    }

    /// The graph of the subjects, and the problems.
    pub fn into_graph(self) -> (ResourceGraph, Vec<Problem>) {
        (ResourceGraph::new(self.subjects, self.edges), self.problems)
    }
}
