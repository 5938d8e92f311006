//! Plans and the configurations that they were made from: what a plan says stands at the lines of the configuration, when it is
//! among what is read, or in the folder of the plan.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};

use probity_model::{Sources, Subject};

use super::detect::{Content, Name};
use super::{Loaded, Modules, ReadError, ReadOptions, modules, walk};
use crate::terraform::{Installed, Options, placed, read_tree};

/// The subjects of configurations, by the folders of their root modules.
#[derive(Default)]
pub(super) struct Configurations {
    roots: Vec<(PathBuf, Range<usize>)>,
    /// Read for a plan beside them, and not judged.
    beside: BTreeMap<PathBuf, Vec<Subject>>,
}

impl Configurations {
    pub(super) fn add(&mut self, root: PathBuf, subjects: Range<usize>) {
        self.roots.push((root, subjects));
    }

    /// Puts the subjects of a plan where their configuration stands: one that the plan lies in, or the one that has most of
    /// its resources.
    pub(super) fn place(&self, path: &Path, plan: &mut [Subject], read: &[Subject]) {
        let near = |root: &Path| path.parent().is_some_and(|folder| folder.starts_with(root));
        let all = self.roots.iter().map(|(root, range)| (root.as_path(), &read[range.clone()]));
        let all = all.chain(self.beside.iter().map(|(root, subjects)| (root.as_path(), subjects.as_slice())));
        let counted = all.map(|(root, subjects)| ((near(root), placed::known(plan, subjects)), subjects));
        let best = counted.filter(|((_, known), _)| *known > 0).max_by_key(|(rank, _)| *rank);
        if let Some((_, subjects)) = best {
            placed::at_source(plan, subjects);
        }
    }

    /// Reads the configurations in the folders of plans of which nothing was read otherwise.
    pub(super) fn read_beside(
        &mut self,
        files: &[Loaded],
        read: &Modules,
        sources: &Sources,
        options: &ReadOptions,
        terraform: &Options,
    ) -> Result<(), ReadError> {
        let terraform = &Options { whole_plans: false, ..terraform.clone() };
        let plans = files.iter().filter(|file| file.content == Content::Plan);
        let mut folders: Vec<PathBuf> = plans.filter_map(|file| file.path.parent().map(Path::to_owned)).collect();
        folders.sort();
        folders.dedup();
        for folder in folders.into_iter().filter(|folder| !read.contains_key(folder) && has_configuration(folder)) {
            let named = if folder.as_os_str().is_empty() { PathBuf::from(".") } else { folder.clone() };
            let mut found = walk::find(&[named], options)?.candidates;
            found.retain(|candidate| candidate.name == Name::Terraform);
            let loaded = super::load(&found, sources, options, &|_| {}, &mut Vec::new());
            let (modules, _) = modules(loaded);
            let reads = read_tree(&modules, &Installed::default(), terraform).into_iter();
            let own = reads.filter(|(root, _)| *root == folder).flat_map(|(_, read)| read.subjects).collect();
            self.beside.insert(folder, own);
        }
        Ok(())
    }
}

/// Whether there are Terraform files right in this folder.
fn has_configuration(folder: &Path) -> bool {
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.into_iter().any(|entry| super::detect::by_name(&entry.path()) == Name::Terraform)
}
