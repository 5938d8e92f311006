//! The modules that a configuration calls from beside its own folder: `source = "../../modules/network"`.

use std::fs;
use std::path::{Component, Path, PathBuf};
use std::sync::LazyLock;

use anyhow::{Context, Result, bail};
use regex::Regex;

use crate::input;

/// Most folders that are followed.
const MAX_FOLDERS: usize = 1_000;

/// A local source, in either syntax. What only looks like one leads to a folder that is read for nothing.
static SOURCE: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r#""?\bsource"?\s*[=:]\s*"(\.\.?/[^"$%\\]*)""#).expect("a constant"));

/// The folders to read for the configuration in `folder`: itself, and those of modules that it calls, directly or not, from
/// elsewhere within `root`.
///
/// # Errors
/// When a module leads out of the root, for Terraform could not find it there either, or a file cannot be read.
pub(super) fn folders(root: &Path, folder: &Path) -> Result<Vec<PathBuf>> {
    let mut folders = vec![folder.to_owned()];
    let mut seen = vec![folder.to_owned()];
    let mut next = 0;
    while let Some(module) = seen.get(next).cloned() {
        next += 1;
        for called in sources(&module)? {
            let Some(called) = within(root, &module.join(&called)) else {
                bail!("a module of the configuration is `{called}`, which leads out of it");
            };
            if seen.contains(&called) || !called.is_dir() {
                continue;
            }
            if seen.len() >= MAX_FOLDERS {
                bail!("the configuration calls more than {MAX_FOLDERS} modules");
            }
            if !folders.iter().any(|folder| called.starts_with(folder)) {
                folders.push(called.clone());
            }
            seen.push(called);
        }
    }
    Ok(folders)
}

/// The local sources that the files of a module name.
fn sources(module: &Path) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for file in fs::read_dir(module).with_context(|| format!("{} cannot be read", module.display()))? {
        let path = file?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if [".tf", ".tofu", ".tf.json", ".tofu.json"].iter().any(|ending| name.ends_with(ending)) && path.is_file() {
            let text = input::read_text(&path)?;
            found.extend(SOURCE.captures_iter(&text).map(|captures| captures[1].to_owned()));
        }
    }
    found.sort();
    found.dedup();
    Ok(found)
}

/// A path without `..`, when it stays in the root.
fn within(root: &Path, path: &Path) -> Option<PathBuf> {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                plain.pop();
            }
            part => plain.push(part),
        }
    }
    plain.starts_with(root).then_some(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(files: &[(&str, &str)]) -> Result<Vec<String>> {
        let place = tempfile::tempdir()?;
        for (path, text) in files {
            let path = place.path().join(path);
            fs::create_dir_all(path.parent().context("a folder")?)?;
            fs::write(path, text)?;
        }
        let folders = folders(place.path(), &place.path().join("env/prod"))?;
        Ok(folders.iter().map(|path| path.strip_prefix(place.path()).unwrap().display().to_string()).collect())
    }

    #[test]
    fn modules_are_followed_to_where_they_lie() {
        let files = [
            (
                "env/prod/main.tf",
                "module \"a\" {\n  source = \"../../modules/a\"\n}\nmodule \"b\" { source=\"./inner\" }",
            ),
            ("env/prod/inner/main.tf.json", r#"{"module": {"c": {"source": "../../../modules/c"}}}"#),
            ("env/test/main.tf", "module \"d\" { source = \"../../modules/d\" }"),
            ("modules/a/main.tf", "module \"again\" { source = \"../a\" }\nmodule \"e\" { source = \"./e\" }"),
            ("modules/a/e/main.tf", "module \"registry\" { source = \"acme/e/aws\" }"),
            ("modules/c/main.tofu", "# source = \"../missing\""),
            ("modules/d/main.tf", ""),
        ];
        assert_eq!(found(&files).unwrap(), ["env/prod", "modules/a", "modules/c"]);
    }

    #[test]
    fn a_module_that_leads_out_is_refused() {
        let out = found(&[("env/prod/main.tf", "module \"a\" { source = \"../../../../etc\" }")]).unwrap_err();
        assert!(out.to_string().contains("leads out of it"), "{out}");
    }
}
