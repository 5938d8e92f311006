//! Files are read into subjects.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, bail};
use indicatif::{ProgressBar, ProgressStyle};
use probity_model::yaml::{self, Dialect};
use probity_model::{SmolStr, Sources, SubjectKind, Value, WHOLE_PLAN};
use probity_subject_config::Format as FileFormat;
use probity_subject_iac::terraform::{self, ModuleFile};
use probity_subject_iac::{ReadOptions, Tree, read_paths};

use super::Policies;
use crate::config::Config;
use crate::{documents, input, secrets};

/// What takes longer shows its progress.
const LONG: Duration = Duration::from_millis(500);

/// The files that are read besides policies, and how.
#[derive(Debug, Clone, Default)]
pub(crate) struct Inputs {
    pub(crate) paths: Vec<PathBuf>,
    /// Patterns of files that are left out, beside those of the configuration.
    pub(crate) exclude: Vec<String>,
    /// Files of values of Terraform's variables; later ones win.
    pub(crate) value_files: Vec<PathBuf>,
    /// Values of Terraform's variables, over those of files.
    pub(crate) variables: Vec<(String, Value)>,
    /// Files of values of Helm charts; later ones win.
    pub(crate) helm_values: Vec<PathBuf>,
    pub(crate) helm_api_versions: Vec<String>,
    /// The format of files whose names do not tell it.
    pub(crate) parser: Option<FileFormat>,
    /// The environment of everything, over the labels of the configuration.
    pub(crate) environment: Option<SmolStr>,
    /// The folder that paths are shown and labelled from, when it is one that nobody knows: what is in it was sent here.
    pub(crate) root: Option<PathBuf>,
}

impl Inputs {
    /// Reads everything that the policies may judge.
    pub(crate) fn read(&self, config: &Config, policies: &Policies, sources: &Sources) -> Result<Tree> {
        let options = self.options(config, policies, sources)?;
        // Hidden where nobody looks, and not shown for what is done at once.
        let (bar, started) = (ProgressBar::new_spinner().with_message("files read"), Instant::now());
        bar.set_style(ProgressStyle::with_template("{spinner} {pos} {msg}")?);
        let progress = |files: usize| {
            if started.elapsed() > LONG {
                bar.set_position(files as u64);
            }
        };
        let mut tree = read_paths(&self.paths, sources, &options, &progress)?;
        bar.finish_and_clear();
        if let Some(root) = &self.root {
            shorten(&mut tree, root, sources);
        }
        documents::add(&mut tree, self.parser, policies.own.rego.combine, sources);
        secrets::add(&mut tree, sources);
        self.label(&mut tree, config, sources);
        Ok(tree)
    }

    fn options(&self, config: &Config, policies: &Policies, sources: &Sources) -> Result<ReadOptions> {
        let exclude = config.exclude.iter().chain(&self.exclude).cloned().collect();
        let documents = policies.own.judges_documents.then(|| config.documents.clone());
        let texts = secrets::texts(&policies.set);
        let whole_plans = policies.set.types().any(|types| types.matches(WHOLE_PLAN));
        let mut options = ReadOptions { exclude, documents, whole_plans, texts, ..ReadOptions::default() };
        options.terraform.variables = self.given_variables(sources)?;
        options.terraform.environment = environment_variables();
        options.terraform.readable.extend(self.root.clone());
        options.helm.values = helm_values(&self.helm_values, sources)?;
        options.helm.api_versions.clone_from(&self.helm_api_versions);
        Ok(options)
    }

    fn label(&self, tree: &mut Tree, config: &Config, sources: &Sources) {
        for subject in tree.graph.subjects_mut() {
            // What a kustomization renders belongs to it, wherever its files lie.
            let overlay = subject.calls.first().filter(|_| subject.kind == SubjectKind::Kubernetes).copied();
            if let Some(source) = overlay.or(subject.span).and_then(|span| sources.get(span.source)) {
                subject.labels = match &self.root {
                    Some(_) => config.labels(&config.folder.join(&source.path)),
                    None => config.labels(&source.path),
                };
            }
            if let Some(environment) = &self.environment {
                subject.labels.environment = Some(environment.clone());
            }
        }
    }

    /// The values that are given to variables of Terraform.
    fn given_variables(&self, sources: &Sources) -> Result<BTreeMap<String, Value>> {
        let mut all = BTreeMap::new();
        for path in &self.value_files {
            let text: Arc<str> = input::read_text(path)?.into();
            let source = sources.add(path.clone(), Arc::clone(&text));
            let (values, problems) = terraform::read_values(&ModuleFile { path: path.clone(), text, source });
            if let Some(problem) = problems.first() {
                let place = problem.span.and_then(|span| sources.locate(span));
                let place = place.map_or_else(String::new, |place| place.to_string());
                bail!("{place}: {}", problem.message);
            }
            all.extend(values);
        }
        all.extend(self.variables.iter().cloned());
        Ok(all)
    }
}

/// Shows everything as if the folder were the current one.
fn shorten(tree: &mut Tree, root: &Path, sources: &Sources) {
    sources.shorten(root);
    for (path, _) in &mut tree.problems {
        if let Ok(inner) = path.strip_prefix(root) {
            *path = inner.to_owned();
        }
    }
    // What is called as its file is.
    for subject in tree.graph.subjects_mut() {
        if let Ok(inner) = Path::new(subject.address.as_str()).strip_prefix(root) {
            subject.address = inner.display().to_string().into();
        }
    }
}

/// The values that the command line gives Helm charts.
fn helm_values(paths: &[PathBuf], sources: &Sources) -> Result<Vec<Value>> {
    let mut all = Vec::new();
    for path in paths {
        let text = input::read_text(path)?;
        let source = sources.add(path.clone(), text.as_str());
        let documents = yaml::read(&text, source, Dialect::Kubernetes)
            .map_err(|(problem, _)| anyhow!("{}", problem.display(sources, path)))?;
        let value = documents.into_iter().next().map(|document| document.value);
        if let Some(other) = value.as_ref().filter(|value| value.as_object().is_none() && !value.is_null()) {
            bail!("{}: values of Helm charts are a mapping, not a {}", path.display(), other.kind());
        }
        all.extend(value.filter(|value| !value.is_null()));
    }
    Ok(all)
}

/// Values of variables of Terraform in the environment.
fn environment_variables() -> BTreeMap<String, Value> {
    let variables =
        std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    variables.filter_map(|(name, value)| Some((name.strip_prefix("TF_VAR_")?.to_owned(), value.into()))).collect()
}
