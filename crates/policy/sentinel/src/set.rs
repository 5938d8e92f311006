//! Sets of policies: a `sentinel.hcl` with the policies it names, and policies that stand by themselves.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use probity_model::{Sources, Value};

use crate::config::{Configuration, EnforcementLevel, ImportSource, PolicyEntry};
use crate::evaluation::Import;
use crate::judge::{Plans, SentinelPolicy};
use crate::metadata;
use crate::policy::Policy;
use crate::terraform;
use crate::testing::{Loader, normalized};

/// Policies that were read, and what is wrong with others, a line or more each.
#[derive(Debug, Default)]
pub struct Set {
    /// The policies, in the order of their files.
    pub policies: Vec<SentinelPolicy>,
    /// What is wrong.
    pub problems: Vec<String>,
}

/// Whether a file is a policy or a module, by its name.
pub fn is_policy_file(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "sentinel")
}

/// Whether a file is the configuration of a set, by its name.
pub fn is_configuration_file(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name == "sentinel.hcl" || name == "sentinel.json")
}

/// The files that a configuration names and that are on this machine: policies, modules and data.
///
/// # Errors
/// When it cannot be read.
pub fn named_files(path: &Path, sources: &Sources) -> Result<Vec<PathBuf>, String> {
    let configuration = Loader::new(sources).configuration(path)?;
    let policies = configuration.policies.iter().map(source_of);
    let imports =
        configuration.imports.values().chain(configuration.mocks.values()).filter_map(|import| match import {
            ImportSource::Module(source) | ImportSource::Static(source) => Some(source.clone()),
            ImportSource::Plugin { config, .. } => config.get("path").and_then(Value::as_str).map(str::to_owned),
            ImportSource::Data(_) => None,
        });
    let folder = path.parent().unwrap_or(Path::new(""));
    let is_here = |source: &String| !source.contains("::") && !source.contains("://");
    Ok(policies.chain(imports).filter(is_here).map(|source| normalized(&folder.join(source))).collect())
}

/// A policy without a source lies beside the configuration.
fn source_of(entry: &PolicyEntry) -> String {
    if entry.source.is_empty() { format!("{}.sentinel", entry.name) } else { entry.source.clone() }
}

/// How a set is read.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Whether mocks, and plans that a configuration names, stand for imports. Else the real thing does.
    pub with_mocks: bool,
    /// Files that are policies although a configuration names others.
    pub asked: Vec<PathBuf>,
}

/// Whether two paths are the same but for `.` and `..` in them.
pub fn is_same_file(one: &Path, other: &Path) -> bool {
    normalized(one) == normalized(other)
}

/// Reads policies from texts by their paths. Those of a folder with a configuration that names policies are the named ones;
/// elsewhere each file that has a `main` is a policy, called as its file, with the imports and parameters of the nearest
/// configuration above it.
pub fn read(texts: BTreeMap<PathBuf, Arc<str>>, options: &Options, sources: &Sources) -> Set {
    let texts: BTreeMap<PathBuf, Arc<str>> = texts.into_iter().map(|(path, text)| (normalized(&path), text)).collect();
    let paths: Vec<PathBuf> = texts.keys().cloned().collect();
    let mut reader = Reader {
        loader: Loader::of_texts(sources, texts),
        with_mocks: options.with_mocks,
        asked: options.asked.iter().map(|path| normalized(path)).collect(),
        set: Set::default(),
        plans: Arc::default(),
        configured: Vec::new(),
    };
    paths.iter().filter(|path| is_configuration_file(path)).for_each(|path| reader.add_configuration(path));
    paths.iter().filter(|path| is_policy_file(path)).for_each(|path| reader.add_file(path));
    reader.set
}

struct Reader<'s> {
    loader: Loader<'s>,
    with_mocks: bool,
    asked: Vec<PathBuf>,
    set: Set,
    plans: Arc<Plans>,
    configured: Vec<Configured>,
}

/// A folder with a configuration.
struct Configured {
    folder: PathBuf,
    names_policies: bool,
    files: BTreeSet<PathBuf>,
    given: Given,
}

/// What a configuration gives all its policies.
#[derive(Clone, Default)]
struct Given {
    imports: Arc<Vec<(String, Import)>>,
    params: BTreeMap<String, Value>,
    globals: Arc<BTreeMap<String, Value>>,
}

impl Reader<'_> {
    fn add_configuration(&mut self, path: &Path) {
        if let Err(problem) = self.read_configuration(path) {
            self.set.problems.push(problem);
        }
    }

    fn read_configuration(&mut self, path: &Path) -> Result<(), String> {
        let folder = path.parent().unwrap_or(Path::new("")).to_owned();
        let mut configuration = self.loader.configuration(path)?;
        if !self.with_mocks {
            configuration.mocks.clear();
            configuration.imports.retain(|name, _| !terraform::IMPORTS.contains(&name.as_str()));
        }
        let imports = self.loader.imports(&configuration, &folder).map_err(|problem| at(path, &problem))?;
        let Configuration { policies, params, globals, .. } = configuration;
        let given = Given { imports: Arc::new(imports), params, globals: Arc::new(globals) };
        let files = policies.iter().map(|entry| normalized(&folder.join(source_of(entry)))).collect();
        let names_policies = !policies.is_empty();
        self.configured.push(Configured { folder: folder.clone(), names_policies, files, given: given.clone() });
        for entry in &policies {
            if let Err(problem) = self.add_entry(entry, &folder, &given, path) {
                self.set.problems.push(problem);
            }
        }
        Ok(())
    }

    fn add_entry(
        &mut self,
        entry: &PolicyEntry,
        folder: &Path,
        given: &Given,
        configuration: &Path,
    ) -> Result<(), String> {
        let in_entry = |problem: String| at(configuration, &format!("policy {:?}: {problem}", entry.name));
        let source = source_of(entry);
        if source.contains("::") || source.contains("://") {
            return Err(in_entry(format!("sources elsewhere are not fetched: {source}")));
        }
        let policy = self.loader.policy(&folder.join(source)).map_err(in_entry)?;
        let mut given = given.clone();
        given.params.extend(entry.params.clone());
        self.add(policy, &entry.name, given, Some(entry.level))
    }

    /// A policy that no configuration names.
    fn add_file(&mut self, path: &Path) {
        let around = self.configured.iter().filter(|configured| path.starts_with(&configured.folder));
        let nearest = around.max_by_key(|configured| configured.folder.components().count());
        let is_asked = self.asked.iter().any(|asked| asked == path);
        if self.is_named(path) || !is_asked && nearest.is_some_and(|configured| configured.names_policies) {
            return;
        }
        // A configuration that is named may lie elsewhere.
        let nearest = nearest.or(self.configured.first().filter(|_| is_asked));
        let given = nearest.map(|configured| configured.given.clone()).unwrap_or_default();
        let name = path.file_stem().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let added = self.loader.policy(path).and_then(|policy| {
            if policy.has_main() || is_asked { self.add(policy, &name, given, None) } else { Ok(()) }
        });
        if let Err(problem) = added {
            self.set.problems.push(problem);
        }
    }

    fn is_named(&self, path: &Path) -> bool {
        self.configured.iter().any(|configured| configured.files.contains(path))
    }

    fn add(&mut self, policy: Policy, name: &str, given: Given, level: Option<EnforcementLevel>) -> Result<(), String> {
        let metadata = metadata::of(&policy, name).map_err(|problem| self.loader.shown(&[problem], policy.path()))?;
        let params: BTreeMap<String, Value> =
            given.params.into_iter().filter(|(name, _)| policy.params().any(|(known, _)| known == name)).collect();
        let mut one = SentinelPolicy::new(policy, metadata, Arc::clone(&self.plans));
        name.clone_into(&mut one.name);
        (one.imports, one.params, one.globals, one.level) = (given.imports, params, given.globals, level);
        self.set.policies.push(one);
        Ok(())
    }
}

fn at(path: &Path, problem: &str) -> String {
    format!("{}: {problem}", path.display())
}
