//! JSON schemas that policies are checked with.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use probity_model::{Sources, Value};
use probity_policy_rego::Schemas;

use crate::input;

/// Most schemas that a folder may have.
const MAX_SCHEMAS: usize = 10_000;

/// Deepest folder of schemas, from the one that is named.
const MAX_DEPTH: usize = 32;

/// Reads a file, whose schema is that of `input`, or all files of a folder, each of which is named by its path.
///
/// # Errors
/// When there is no such file or folder, or a file is neither JSON nor YAML.
pub(crate) fn read(path: &Path) -> Result<Arc<Schemas>> {
    let mut schemas = Schemas::default();
    if path.is_dir() {
        let mut files = Vec::new();
        list(path, 0, &mut files)?;
        files.sort();
        for file in files {
            let relative = file.strip_prefix(path).unwrap_or(&file).with_extension("");
            let names: Vec<_> = relative.iter().map(|name| name.to_string_lossy()).collect();
            schemas.insert(&names.iter().map(AsRef::as_ref).collect::<Vec<_>>(), schema(&file)?);
        }
    } else {
        schemas.insert(&[], schema(path)?);
    }
    Ok(Arc::new(schemas))
}

fn schema(path: &Path) -> Result<Value> {
    Ok(input::read_yaml(path, &Sources::default())?.value)
}

fn list(folder: &Path, depth: usize, files: &mut Vec<PathBuf>) -> Result<()> {
    if depth > MAX_DEPTH {
        bail!("{} lies too deep", folder.display());
    }
    let unreadable = || format!("{} cannot be read", folder.display());
    for entry in std::fs::read_dir(folder).with_context(unreadable)? {
        let path = entry.with_context(unreadable)?.path();
        // A link may lead back to where it stands.
        if path.is_dir() && !path.is_symlink() {
            list(&path, depth + 1, files)?;
        } else if path.is_file() {
            files.push(path);
        }
        if files.len() > MAX_SCHEMAS {
            bail!("{} has more than {MAX_SCHEMAS} schemas", folder.display());
        }
    }
    Ok(())
}
