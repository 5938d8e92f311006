//! Modules that `terraform init` has put into `.terraform/modules` beside a root module: they are evaluated where they are called,
//! although hidden folders are not scanned.

use std::fs;
use std::path::{Component, Path, PathBuf};

use probity_model::value::Value;
use probity_model::{Problem, Sources, json};

use super::detect::{Content, Name};
use super::load;
use super::walk::Candidate;
use super::{Modules, ReadOptions};
use crate::terraform::{Installed, ModuleFile};

/// Where the modules of a root are listed.
const MANIFEST: &str = ".terraform/modules/modules.json";

/// Largest list that is read, in bytes.
const MAX_MANIFEST: u64 = 16 << 20;

/// Most modules that are read beside one root.
const MAX_MODULES: usize = 2_000;

/// Adds the installed modules of all folders with Terraform files.
pub(super) fn add(
    modules: &mut Modules,
    sources: &Sources,
    options: &ReadOptions,
    problems: &mut Vec<(PathBuf, Problem)>,
) -> Installed {
    let mut installed = Installed::default();
    let roots: Vec<PathBuf> = modules.keys().cloned().collect();
    for root in roots {
        let manifest = root.join(MANIFEST);
        if !manifest.is_file() {
            continue;
        }
        match entries(&manifest) {
            Err(problem) => problems.push((manifest, problem)),
            Ok(entries) => {
                for (call, folder) in entries {
                    let folder = root.join(folder);
                    if !modules.contains_key(&folder) {
                        modules.insert(folder.clone(), files(&folder, sources, options, problems));
                    }
                    installed.add(root.clone(), call, folder);
                }
            }
        }
    }
    installed
}

/// Calls, as `vpc.subnets`, and the folders that they lead to, from the root on; only those that were installed.
fn entries(manifest: &Path) -> Result<Vec<(String, PathBuf)>, Problem> {
    let problem = |message: String| Problem::new(message, None).with_help("run `terraform init` again");
    let size = fs::metadata(manifest).map_or(0, |metadata| metadata.len());
    if size > MAX_MANIFEST {
        return Err(problem(format!("larger than {MAX_MANIFEST} bytes")));
    }
    let text = fs::read(manifest).map_err(|error| problem(format!("cannot be read: {error}")))?;
    let list = json::read(&text).map_err(|found| problem(format!("not a list of modules: {}", found.message)))?;
    let modules = list.get("Modules").and_then(Value::as_array);
    let modules = modules.ok_or_else(|| problem("not a list of modules: there is no `Modules`".to_owned()))?;
    let entry = |module: &Value| {
        let text = |name: &str| module.get(name).and_then(Value::as_str);
        let folder = PathBuf::from(text("Dir")?);
        is_installed(&folder).then_some((text("Key")?.to_owned(), folder))
    };
    Ok(modules.iter().filter_map(entry).take(MAX_MODULES).collect())
}

/// Whether a folder lies where modules are installed.
fn is_installed(folder: &Path) -> bool {
    folder.starts_with(".terraform/modules") && folder.components().all(|part| matches!(part, Component::Normal(_)))
}

fn files(
    folder: &Path,
    sources: &Sources,
    options: &ReadOptions,
    problems: &mut Vec<(PathBuf, Problem)>,
) -> Vec<ModuleFile> {
    let mut paths: Vec<PathBuf> =
        fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    paths.retain(|path| super::detect::by_name(path) == Name::Terraform);
    paths.sort();
    let mut files = Vec::new();
    for path in paths {
        let candidate = Candidate { path, name: Name::Terraform, wanted: false };
        match load::load(&candidate, options.max_file_size, true, None) {
            Ok(Some((source, Content::Terraform))) => {
                let text = source.text.clone();
                let source = sources.add_source(source);
                files.push(ModuleFile { path: candidate.path, text, source });
            }
            Ok(_) => {}
            Err(problem) => problems.push((candidate.path, problem)),
        }
    }
    files
}
