//! Kustomizations, rendered as `kustomize build` renders them.
//!
//! Nothing is fetched and no program is run: what a kustomization names on the network, and plugins that are not built
//! into kustomize, are left out and told. All values keep the place that is to be changed when they are wrong: that in
//! the file of the object, in the patch, or in the kustomization.

mod charts;
mod definition;
mod edit;
mod fields;
mod files;
mod finish;
mod generate;
mod images;
mod labels;
mod load;
mod names;
mod openapi;
mod order;
mod origin;
mod patches;
mod paths;
mod plugins;
mod references;
mod replace;
mod resource;
mod rules;
mod set;
mod target;
mod tree;
mod variables;

use std::path::Path;

use probity_model::value::Value;
use probity_model::{Problem, Sources};

pub(crate) use tree::{Scope, Tree, is_named, read};

use files::Files;
use target::Build;

/// What the kustomization in a folder is rendered to, in the order in which `kustomize build` writes it.
///
/// # Errors
/// Why it cannot be rendered. What is left out is told beside the objects.
pub fn render(folder: &Path, sources: &Sources) -> Result<(Vec<Value>, Vec<Problem>), Problem> {
    crate::helm::on_large_stack(|| {
        let files = Files::new(sources, &[folder.to_owned()]);
        let real = folder.canonicalize().map_err(|error| Problem::new(error.to_string(), None))?;
        let mut build = Build::new(&files, &[]);
        let objects = build.run(&real)?;
        Ok((objects.into_iter().map(|resource| resource.value).collect(), build.notes))
    })
}

#[cfg(test)]
mod tests;
