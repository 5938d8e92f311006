//! Reads what configurations name.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use probity_model::{Problem, SourceId, Sources, json};

use crate::config::{Configuration, ImportSource};
use crate::evaluation::Import;
use crate::policy::{Policy, Problems};
use crate::terraform::{self, Plan};

/// Longest file that is read, in bytes.
const MAX_FILE: u64 = 64 << 20;

/// Reads policies, modules and data; each file once.
pub struct Loader<'s> {
    sources: &'s Sources,
    /// What there is, instead of the files of this machine.
    texts: Option<HashMap<PathBuf, Arc<str>>>,
    policies: HashMap<PathBuf, Policy>,
    data: HashMap<PathBuf, probity_model::Value>,
    plans: HashMap<PathBuf, Plan>,
}

impl<'s> Loader<'s> {
    /// A loader that has read nothing.
    pub fn new(sources: &'s Sources) -> Self {
        Self { sources, texts: None, policies: HashMap::new(), data: HashMap::new(), plans: HashMap::new() }
    }

    /// A loader that reads these texts, by their paths, and no file.
    pub fn of_texts(sources: &'s Sources, texts: BTreeMap<PathBuf, Arc<str>>) -> Self {
        let texts = texts.into_iter().map(|(path, text)| (normalized(&path), text)).collect();
        Self { texts: Some(texts), ..Self::new(sources) }
    }

    fn text(&self, path: &Path) -> Result<(SourceId, Arc<str>), String> {
        if let Some(texts) = &self.texts {
            let text =
                texts.get(&normalized(path)).ok_or_else(|| format!("{}: there is no such file", path.display()))?;
            return Ok((self.sources.add(path, Arc::clone(text)), Arc::clone(text)));
        }
        let fail = |error: std::io::Error| format!("{}: {error}", path.display());
        let length = std::fs::metadata(path).map_err(fail)?.len();
        if length > MAX_FILE {
            return Err(format!("{}: longer than {MAX_FILE} bytes", path.display()));
        }
        let text: Arc<str> = std::fs::read_to_string(path).map_err(fail)?.into();
        Ok((self.sources.add(path, Arc::clone(&text)), text))
    }

    pub(crate) fn shown(&self, problems: &[Problem], path: &Path) -> String {
        let lines: Vec<String> = problems.iter().map(|problem| problem.display(self.sources, path)).collect();
        lines.join("\n")
    }

    /// A policy or module.
    ///
    /// # Errors
    /// With what is wrong, a line a problem.
    pub fn policy(&mut self, path: &Path) -> Result<Policy, String> {
        let path = normalized(path);
        if let Some(known) = self.policies.get(&path) {
            return Ok(known.clone());
        }
        let (id, _) = self.text(&path)?;
        let policy = Policy::parse(self.sources, id).map_err(|Problems(problems)| self.shown(&problems, &path))?;
        self.policies.insert(path, policy.clone());
        Ok(policy)
    }

    /// A configuration, in HCL or, by its name, in JSON.
    ///
    /// # Errors
    /// With what is wrong, a line a problem.
    pub fn configuration(&self, path: &Path) -> Result<Configuration, String> {
        let (id, text) = self.text(path)?;
        let is_json = path.extension().is_some_and(|extension| extension == "json");
        let read = if is_json { Configuration::from_json } else { Configuration::from_hcl };
        read(&text, id).map_err(|Problems(problems)| self.shown(&problems, path))
    }

    /// What the imports and mocks of a configuration stand for, their paths counted from a folder. Mocks come first.
    ///
    /// # Errors
    /// When a file cannot be read, or is not on this machine.
    pub fn imports(&mut self, configuration: &Configuration, folder: &Path) -> Result<Vec<(String, Import)>, String> {
        let mocked = |name: &String| configuration.mocks.contains_key(name);
        let imports = configuration.imports.iter().filter(|(name, _)| !mocked(name));
        let mut loaded = Vec::new();
        for (name, source) in imports.chain(&configuration.mocks) {
            let import = match source {
                ImportSource::Plugin { source, config } => {
                    self.plugin(name, source.as_deref(), config, configuration, folder)
                }
                source => self.import(source, folder).map(Some),
            };
            let import = import.map_err(|message| format!("import {name:?}: {message}"))?;
            loaded.extend(import.map(|import| (name.clone(), import)));
        }
        Ok(loaded)
    }

    fn import(&mut self, source: &ImportSource, folder: &Path) -> Result<Import, String> {
        Ok(match source {
            ImportSource::Module(path) => Import::Module(self.policy(&local(path, folder)?)?),
            ImportSource::Data(data) => Import::Data(data.clone()),
            ImportSource::Static(path) => Import::Data(self.data(&local(path, folder)?)?),
            ImportSource::Plugin { .. } => return Err("plugins stand in for nothing".to_owned()),
        })
    }

    /// An import of Terraform, from the files that its configuration names (documentation, "terraform feature"). Nothing
    /// for what is built in.
    fn plugin(
        &mut self,
        name: &str,
        program: Option<&str>,
        config: &BTreeMap<String, probity_model::Value>,
        configuration: &Configuration,
        folder: &Path,
    ) -> Result<Option<Import>, String> {
        if let Some(program) = program {
            return Err(format!("plugins are programs, which are not run: {program}"));
        }
        if !terraform::IMPORTS.contains(&name) {
            return Ok(None);
        }
        if configuration.features.get("terraform") != Some(&true) {
            return Err("the feature is off: sentinel { features = { terraform = true } } turns it on".to_owned());
        }
        let path = ["path", "plan_path"].iter().find_map(|key| config.get(*key)?.as_str());
        let path = path.ok_or("`config` must have `path`, the file that `terraform show -json` wrote")?;
        let path = normalized(&local(path, folder)?);
        Ok(Some(match name {
            "tfrun" => Import::Data(self.data(&path)?),
            _ => Import::Plan(self.plan(&path)?),
        }))
    }

    /// The plan or state in a file, as `terraform show -json` writes it.
    ///
    /// # Errors
    /// When the file cannot be read, or is none.
    pub fn plan(&mut self, path: &Path) -> Result<Plan, String> {
        let path = normalized(path);
        if let Some(known) = self.plans.get(&path) {
            return Ok(known.clone());
        }
        let document = self.data(&path)?;
        let plan = Plan::new(&document).map_err(|error| format!("{}: {error}", path.display()))?;
        self.plans.insert(path, plan.clone());
        Ok(plan)
    }

    fn data(&mut self, path: &Path) -> Result<probity_model::Value, String> {
        let path = normalized(path);
        if let Some(known) = self.data.get(&path) {
            return Ok(known.clone());
        }
        let (id, text) = self.text(&path)?;
        let data = json::read_with_spans(&text, id).map_err(|problem| self.shown(&[problem], &path))?;
        self.data.insert(path, data.clone());
        Ok(data)
    }
}

/// The path of a source that is on this machine.
fn local(source: &str, folder: &Path) -> Result<PathBuf, String> {
    if source.contains("::") || source.contains("://") {
        return Err(format!("sources elsewhere are not fetched: {source}"));
    }
    Ok(folder.join(source))
}

/// The path without `.` and `..`, so that one file has one path.
pub(crate) fn normalized(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for part in path.components() {
        match part {
            std::path::Component::CurDir => {}
            std::path::Component::ParentDir if normal.file_name().is_some() => {
                normal.pop();
            }
            part => normal.push(part),
        }
    }
    normal
}
