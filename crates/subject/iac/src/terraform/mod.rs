//! Terraform: modules evaluated without running terraform, and plans.

mod budget;
mod config;
mod document;
mod edges;
mod eval;
mod functions;
mod instance;
pub(crate) mod placed;
mod plan;
mod policy_document;
mod providers;
mod state;
mod syntax;
mod types;
mod untagged;
pub(crate) mod whole;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

use probity_model::{Labels, Problem, SourceId, Subject, SubjectKind, Value};
use rayon::prelude::*;

use crate::Read;
use budget::MAX_SUBJECTS;
use config::{DeclarationKind, Module};
use instance::{Instance, Modules, called};

pub use plan::{is_left_out, is_plan, read_plan};
pub use state::{is_state, read_state};
pub use whole::WHOLE_PLAN;

/// A file of a module, read.
#[derive(Debug, Clone)]
pub struct ModuleFile {
    /// Its path.
    pub path: PathBuf,
    /// Its text.
    pub text: Arc<str>,
    /// Its text's number.
    pub source: SourceId,
}

/// What is given to root modules.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Values of root variables; they win over defaults and `.tfvars` files. A text for a variable that is a list, a map or an
    /// object is an expression.
    pub variables: BTreeMap<String, Value>,
    /// Values of root variables that only win over defaults, as those of `TF_VAR_` in the environment do.
    pub environment: BTreeMap<String, Value>,
    /// Folders whose files `file`, `templatefile` and their kin may read, as [`Path::canonicalize`](std::path::Path::canonicalize)
    /// names them. What lies elsewhere is unknown.
    pub readable: Vec<PathBuf>,
    /// Whether each root module also gives a subject that is its plan as a whole, of the type [`WHOLE_PLAN`].
    pub whole_plans: bool,
}

/// Where calls of modules lead that are not beside the one that calls: what `terraform init` has fetched.
#[derive(Debug, Clone, Default)]
pub struct Installed {
    folders: HashMap<PathBuf, HashMap<String, PathBuf>>,
}

impl Installed {
    /// Adds the folder that a call leads to, such as `vpc.subnets` from the module in the folder `root`.
    pub fn add(&mut self, root: PathBuf, call: String, folder: PathBuf) {
        self.folders.entry(root).or_default().insert(call, folder);
    }

    fn folder(&self, root: &Path, call: &str) -> Option<&Path> {
        self.folders.get(root)?.get(call).map(PathBuf::as_path)
    }
}

/// The values of variables in a file such as `-var-file` names, and what of it could not be read.
pub fn read_values(file: &ModuleFile) -> (BTreeMap<String, Value>, Vec<Problem>) {
    let mut module = Module::of_values(file);
    let problems = std::mem::take(&mut module.problems);
    let (by_folder, installed, options) = (HashMap::new(), Installed::default(), Options::default());
    let root = Instance::root(&module, Modules { by_folder: &by_folder, installed: &installed, options: &options });
    let value = |name: &String| (name.clone(), root.value_of_file(name).unwrap_or_else(eval::EvalError::into_unknown));
    (module.values.keys().map(value).collect(), problems)
}

/// Reads modules by folder. A folder that another one calls is judged through its calls, with their arguments, and not
/// by itself, and so is one that was installed. The results are in the order of the root folders.
pub fn read_tree(
    folders: &BTreeMap<PathBuf, Vec<ModuleFile>>,
    installed: &Installed,
    options: &Options,
) -> Vec<(PathBuf, Read)> {
    let mut modules: HashMap<PathBuf, Module> =
        folders.par_iter().map(|(folder, files)| (folder.clone(), Module::read(folder.clone(), files))).collect();
    let mut problems: HashMap<PathBuf, _> =
        modules.iter_mut().map(|(folder, module)| (folder.clone(), std::mem::take(&mut module.problems))).collect();
    let mut roots = roots(&modules);
    let fetched: HashSet<&PathBuf> = installed.folders.values().flat_map(HashMap::values).collect();
    roots.retain(|folder| !fetched.contains(folder));
    let mut reads: Vec<(PathBuf, Read)> = roots
        .into_par_iter()
        .map(|folder| {
            let read = read_root(&modules[&folder], &modules, installed, options);
            (folder, read)
        })
        .collect();
    for (folder, read) in &mut reads {
        read.problems.extend(problems.remove(folder).unwrap_or_default());
    }
    let mut rest: Vec<_> = problems.into_iter().filter(|(_, problems)| !problems.is_empty()).collect();
    rest.sort_by(|a, b| a.0.cmp(&b.0));
    reads.extend(rest.into_iter().map(|(folder, problems)| (folder, Read { problems, ..Read::default() })));
    reads
}

/// Folders that no other folder calls; of folders that only call each other, all.
fn roots(modules: &HashMap<PathBuf, Module>) -> Vec<PathBuf> {
    let calls = |module: &Module| -> Vec<PathBuf> {
        module
            .declarations
            .iter()
            .filter(|declaration| declaration.kind == DeclarationKind::Module)
            .filter_map(|declaration| called(&module.folder, declaration, modules).map(|module| module.folder.clone()))
            .collect()
    };
    let all_called: HashSet<PathBuf> = modules
        .values()
        .flat_map(|module| calls(module).into_iter().filter(|target| *target != module.folder))
        .collect();
    let mut roots: Vec<PathBuf> = modules.keys().filter(|folder| !all_called.contains(*folder)).cloned().collect();
    let mut reached: HashSet<PathBuf> = HashSet::new();
    let mut open = roots.clone();
    while let Some(folder) = open.pop() {
        if reached.insert(folder.clone()) {
            open.extend(calls(&modules[&folder]));
        }
    }
    roots.extend(modules.keys().filter(|folder| !reached.contains(*folder)).cloned());
    roots.sort();
    roots
}

fn read_root(module: &Module, modules: &HashMap<PathBuf, Module>, installed: &Installed, options: &Options) -> Read {
    let root = Instance::root(module, Modules { by_folder: modules, installed, options });
    let mut read = Read::default();
    let mut nodes = edges::Nodes::default();
    let run = root.run.clone();
    let mut broken = false;
    let mut open: Vec<Rc<Instance<'_>>> = vec![root.clone()];
    'all: while let Some(instance) = open.pop() {
        broken |= instance.module.broken;
        for (position, declaration) in instance.module.declarations.iter().enumerate() {
            if read.subjects.len() >= MAX_SUBJECTS {
                let message = format!("more than {MAX_SUBJECTS} resources, of which the first are judged");
                let help = "scan the modules by themselves, or a plan";
                run.leave_out(Problem::new(message, declaration.header).with_help(help));
                break 'all;
            }
            if declaration.kind == DeclarationKind::Module {
                open.extend(instance.children(position));
            }
            add_subjects(&instance, position, &mut read, &mut nodes);
        }
    }
    read.edges = nodes.edges();
    read.edges.extend(edges::by_bucket_name(&read.subjects));
    read.problems = run.take_problems();
    // Of a part of a configuration no plan can be made.
    if options.whole_plans && !broken && read.problems.is_empty() {
        read.subjects.extend(whole::of_root(&root));
        read.problems = run.take_problems();
    }
    read
}

fn add_subjects<'t>(instance: &Rc<Instance<'t>>, position: usize, read: &mut Read, nodes: &mut edges::Nodes<'t>) {
    let declaration = &instance.module.declarations[position];
    let Some(members) = instance.members(position) else { return };
    for member in members.all() {
        nodes.add(instance, position, read.subjects.len());
        let (resource_type, own) = match declaration.kind {
            DeclarationKind::Resource => {
                (declaration.resource_type.clone(), format!("{}.{}", declaration.resource_type, declaration.name))
            }
            DeclarationKind::Data | DeclarationKind::Ephemeral => {
                let prefix = if declaration.kind == DeclarationKind::Data { "data" } else { "ephemeral" };
                let resource_type = format!("{prefix}.{}", declaration.resource_type);
                let own = format!("{resource_type}.{}", declaration.name);
                (resource_type, own)
            }
            DeclarationKind::Provider => {
                let alias = member.document.get("alias").and_then(Value::as_str);
                let own = alias.map_or_else(
                    || declaration.resource_type.clone(),
                    |alias| format!("{}.{alias}", declaration.resource_type),
                );
                (declaration.resource_type.clone(), own)
            }
            DeclarationKind::Module => ("module".to_owned(), format!("module.{}", declaration.name)),
        };
        let prefix = if instance.address.is_empty() { String::new() } else { format!("{}.", instance.address) };
        read.subjects.push(Subject {
            kind: SubjectKind::Terraform,
            resource_type: resource_type.into(),
            address: format!("{prefix}{own}{}", member.key).into(),
            document: member.document.clone(),
            span: Some(declaration.span),
            header: Some(declaration.header),
            calls: instance.calls.clone(),
            skips: declaration.skips.clone(),
            labels: Labels::default(),
            sensitive: None,
        });
    }
}

#[cfg(test)]
mod tests;
