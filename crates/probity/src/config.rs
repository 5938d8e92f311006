//! `probity.yaml` and waivers.

mod admission;
mod images;

use std::path::{Path, PathBuf};

use anyhow::Result;
use jiff::civil::Date;
use probity_model::node::{Mapping, Node};
use probity_model::{Gate, Labels, Pattern, Problem, SmolStr, Sources, Stage, StageRule, Stages, Value, Waiver};
use probity_policy_bundle::load::Options as LoadOptions;
use probity_policy_conftest::Options as RegoOptions;

use crate::evidence::data::{Data, DataArgs, FOLDER_NAME};
use crate::input;

pub(crate) use admission::{Admission, Audit, UnusedRights};
pub(crate) use images::{Images, Listed};

/// The name that is looked for upward from the current folder.
pub(crate) const FILE_NAME: &str = "probity.yaml";

/// The configuration of a repository.
#[derive(Debug)]
pub(crate) struct Config {
    /// The folder that paths in it start from.
    pub(crate) folder: PathBuf,
    pub(crate) paths: Vec<PathBuf>,
    pub(crate) exclude: Vec<String>,
    /// Patterns of files that are judged as documents.
    pub(crate) documents: Vec<String>,
    pub(crate) policy_folders: Vec<PathBuf>,
    /// Documents that Rego policies find under `data`.
    pub(crate) policy_data: Vec<PathBuf>,
    /// Packages of Rego whose rules are asked; all when empty.
    pub(crate) namespaces: Vec<String>,
    pub(crate) include: Vec<String>,
    pub(crate) skip: Vec<String>,
    pub(crate) frameworks: Vec<String>,
    /// None where the file says nothing of them.
    pub(crate) stages: Option<Stages>,
    pub(crate) labels: Vec<LabelRule>,
    pub(crate) waivers: Option<PathBuf>,
    pub(crate) evidence: Evidence,
    pub(crate) images: Images,
    pub(crate) admission: Admission,
}

/// What is kept of scans, and where.
#[derive(Debug, Default)]
pub(crate) struct Evidence {
    /// Scans are recorded without being asked to.
    pub(crate) record: bool,
    /// The folder of the ledger, its index and its keys.
    pub(crate) data: Option<PathBuf>,
    /// Decisions are sent to this server.
    pub(crate) server: Option<String>,
    /// The environment variable that holds the server's token.
    pub(crate) token_env: Option<String>,
    /// Certificates to trust, in PEM.
    pub(crate) ca: Option<PathBuf>,
}

/// Labels for what is found under a path.
#[derive(Debug)]
pub(crate) struct LabelRule {
    path: Pattern,
    labels: Labels,
}

impl Config {
    /// What holds without a file: everything is enforced.
    pub(crate) fn none() -> Self {
        Self {
            folder: PathBuf::new(),
            paths: Vec::new(),
            exclude: Vec::new(),
            documents: Vec::new(),
            policy_folders: Vec::new(),
            policy_data: Vec::new(),
            namespaces: Vec::new(),
            include: Vec::new(),
            skip: Vec::new(),
            frameworks: Vec::new(),
            stages: None,
            labels: Vec::new(),
            waivers: None,
            evidence: Evidence::default(),
            images: Images::default(),
            admission: Admission::default(),
        }
    }

    /// The stages of policies: everything is enforced unless the file says otherwise.
    pub(crate) fn stages(&self) -> Stages {
        self.stages.clone().unwrap_or_else(|| Stages::all(Stage::Enforce))
    }

    /// The nearest file upward from a folder.
    pub(crate) fn find(start: &Path) -> Option<PathBuf> {
        let start = std::path::absolute(start).ok()?;
        let first = if start.is_dir() { Some(start.as_path()) } else { start.parent() };
        first?.ancestors().map(|folder| folder.join(FILE_NAME)).find(|file| file.is_file())
    }

    /// Reads a file.
    pub(crate) fn read(path: &Path, sources: &Sources) -> Result<Self> {
        let document = input::read_yaml(path, sources)?;
        let folder = match path.parent() {
            Some(parent) if parent != Path::new("") => parent.to_path_buf(),
            _ => PathBuf::from("."),
        };
        Self::of(Node::root(&document.value, document.span), &folder)
            .map_err(|problem| anyhow::anyhow!(problem.display(sources, path)))
    }

    fn of(root: Node<'_>, folder: &Path) -> Result<Self, Problem> {
        let fields = root.mapping()?;
        fields.only(&[
            "version",
            "scan",
            "policies",
            "frameworks",
            "stages",
            "labels",
            "waivers",
            "evidence",
            "images",
            "admission",
        ])?;
        let version = fields.required("version")?;
        if version.text()? != "1" {
            return Err(version.problem("this Probity reads version 1"));
        }
        let mut config = Self { folder: folder.to_path_buf(), ..Self::none() };
        let strings = |fields: &Mapping<'_>, name: &str| -> Result<Vec<String>, Problem> {
            let list = fields.optional(name).map(Node::strings).transpose()?.unwrap_or_default();
            Ok(list.into_iter().map(str::to_owned).collect())
        };
        if let Some(scan) = fields.optional("scan") {
            let scan = scan.mapping()?;
            scan.only(&["paths", "exclude", "documents"])?;
            config.paths = strings(&scan, "paths")?.into_iter().map(|path| joined(folder, &path)).collect();
            config.exclude = strings(&scan, "exclude")?;
            config.documents = strings(&scan, "documents")?;
        }
        if let Some(policies) = fields.optional("policies") {
            let policies = policies.mapping()?;
            policies.only(&["folders", "data", "namespaces", "include", "exclude"])?;
            let paths = |name: &str| -> Result<Vec<PathBuf>, Problem> {
                Ok(strings(&policies, name)?.into_iter().map(|path| joined(folder, &path)).collect())
            };
            config.policy_folders = paths("folders")?;
            config.policy_data = paths("data")?;
            config.namespaces = strings(&policies, "namespaces")?;
            config.include = strings(&policies, "include")?;
            config.skip = strings(&policies, "exclude")?;
        }
        config.frameworks = strings(&fields, "frameworks")?;
        if let Some(stages) = fields.optional("stages") {
            config.stages = Some(read_stages(stages)?);
        }
        if let Some(labels) = fields.optional("labels") {
            config.labels = labels.list()?.into_iter().map(read_label).collect::<Result<_, _>>()?;
        }
        if let Some(evidence) = fields.optional("evidence") {
            config.evidence = read_evidence(evidence, folder)?;
        }
        if let Some(images) = fields.optional("images") {
            config.images = Images::read(images, folder)?;
        }
        if let Some(admission) = fields.optional("admission") {
            config.admission = Admission::read(admission)?;
        }
        config.waivers =
            fields.optional("waivers").map(|node| node.string().map(|path| joined(folder, path))).transpose()?;
        Ok(config)
    }

    /// How Rego modules are taken.
    pub(crate) fn rego_options(&self, sources: &Sources) -> Result<RegoOptions> {
        let data = read_data(&self.policy_data, sources)?;
        Ok(RegoOptions { namespaces: self.namespaces.clone(), data, combine: false })
    }

    /// The data folder: the one that is named, or the usual one beside the file.
    pub(crate) fn data(&self) -> PathBuf {
        self.evidence.data.clone().unwrap_or_else(|| joined(&self.folder, FOLDER_NAME))
    }

    /// The labels of a file; of rules that speak of the same label the last wins.
    pub(crate) fn labels(&self, path: &Path) -> Labels {
        let relative = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let folder = std::path::absolute(&self.folder).unwrap_or_else(|_| self.folder.clone());
        self.labels_of(&relative.strip_prefix(&folder).unwrap_or(&relative).display().to_string())
    }

    /// The labels of what is called so: a file by its path from the folder, an image by its registry and repository.
    pub(crate) fn labels_of(&self, name: &str) -> Labels {
        let mut labels = Labels::default();
        for rule in self.labels.iter().filter(|rule| rule.path.matches(name)) {
            labels.environment = rule.labels.environment.clone().or(labels.environment);
            labels.service = rule.labels.service.clone().or(labels.service);
            labels.owner = rule.labels.owner.clone().or(labels.owner);
        }
        labels
    }
}

/// The documents of files and folders, as `opa --data` puts them together; `None` without any.
pub(crate) fn read_data(paths: &[PathBuf], sources: &Sources) -> Result<Option<Value>> {
    if paths.is_empty() {
        return Ok(None);
    }
    let loaded = probity_policy_bundle::load::paths(paths, &LoadOptions::default(), sources);
    if let Some(problem) = loaded.problems.first() {
        anyhow::bail!("{problem}");
    }
    Ok(Some(loaded.data))
}

/// The configuration nearest to a path.
pub(crate) fn near(start: &Path) -> Result<Option<Config>> {
    Config::find(start).map(|path| Config::read(&shortened(path), &Sources::default())).transpose()
}

/// The data folder that the arguments name, or else the configuration nearest to the current folder.
pub(crate) fn data(args: &DataArgs) -> Result<Data> {
    let configured = if args.data.is_some() { None } else { near(Path::new("."))?.map(|config| config.data()) };
    Ok(Data::find(args, configured))
}

/// The path relative to the current folder when it lies below it.
pub(crate) fn shortened(path: PathBuf) -> PathBuf {
    let here = std::env::current_dir().ok();
    here.and_then(|here| path.strip_prefix(here).ok().map(Path::to_owned)).unwrap_or(path)
}

/// A path of the file, as short as the user would type it.
fn joined(folder: &Path, path: &str) -> PathBuf {
    if folder == Path::new(".") { PathBuf::from(path) } else { folder.join(path) }
}

fn read_stages(node: Node<'_>) -> Result<Stages, Problem> {
    let fields = node.mapping()?;
    fields.only(&["default", "rules"])?;
    let default = fields.optional("default").map(Node::parse).transpose()?.unwrap_or(Stage::Enforce);
    let rules = fields.optional("rules").map(Node::list).transpose()?.unwrap_or_default();
    Ok(Stages { default, rules: rules.into_iter().map(read_stage_rule).collect::<Result<_, _>>()? })
}

fn read_stage_rule(node: Node<'_>) -> Result<StageRule, Problem> {
    let fields = node.mapping()?;
    fields.only(&["gate", "environment", "policies", "stage"])?;
    let policies = fields.optional("policies").map(Node::strings).transpose()?.unwrap_or_default();
    Ok(StageRule {
        gate: fields.optional("gate").map(Node::parse::<Gate>).transpose()?,
        environment: fields.optional("environment").map(|node| node.string().map(SmolStr::from)).transpose()?,
        policies: policies.into_iter().map(Pattern::from).collect(),
        stage: fields.required("stage")?.parse()?,
    })
}

fn read_evidence(node: Node<'_>, folder: &Path) -> Result<Evidence, Problem> {
    let fields = node.mapping()?;
    fields.only(&["record", "data", "server", "token_env", "ca"])?;
    let text = |name: &str| fields.optional(name).map(|node| node.string().map(str::to_owned)).transpose();
    let path =
        |name: &str| fields.optional(name).map(|node| node.string().map(|path| joined(folder, path))).transpose();
    Ok(Evidence {
        record: fields.optional("record").map(Node::boolean).transpose()?.unwrap_or(false),
        data: path("data")?,
        server: text("server")?,
        token_env: text("token_env")?,
        ca: path("ca")?,
    })
}

fn read_label(node: Node<'_>) -> Result<LabelRule, Problem> {
    let fields = node.mapping()?;
    fields.only(&["path", "environment", "service", "owner"])?;
    let label = |name: &str| fields.optional(name).map(|node| node.string().map(SmolStr::from)).transpose();
    Ok(LabelRule {
        path: fields.required("path")?.string()?.into(),
        labels: Labels { environment: label("environment")?, service: label("service")?, owner: label("owner")? },
    })
}

/// Reads a file of waivers.
pub(crate) fn read_waivers(path: &Path, sources: &Sources, today: Date) -> Result<Vec<Waiver>> {
    let document = input::read_yaml(path, sources)?;
    let root = Node { value: &document.value, span: Some(document.span) };
    Waiver::read_all(root, today).map_err(|problems| {
        let lines: Vec<String> = problems.iter().map(|problem| problem.display(sources, path)).collect();
        anyhow::anyhow!(lines.join("\nerror: "))
    })
}

/// A variable given on the command line: a name and a value in JSON, or a text.
pub(crate) fn read_variable(text: &str) -> Result<(String, Value), String> {
    let (name, value) = text.split_once('=').ok_or_else(|| format!("`{text}` is not of the form name=value"))?;
    let value = probity_model::json::read(value.as_bytes()).unwrap_or_else(|_| value.into());
    Ok((name.to_owned(), value))
}
