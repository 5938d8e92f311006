//! Reading what a test names into a [`Bench`].

use std::cell::RefCell;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use probity_model::node::Node;
use probity_model::yaml::Document;
use probity_model::{Problem, Sources, Span, Value};
use probity_policy_admission::is_admission_policy;

use super::apply::{Bench, CloneSource};
use super::files::{self, FileProblem, Scopes};
use super::judge::Files;
use super::suite::{GlobalEntry, Test};
use super::user::read_user;
use super::values::Values;
use super::world::{World, global_entry};
use crate::cel::{CelPolicies, Protocol, is_cel_exception, is_cel_policy};
use crate::exception::{PolicyException, is_exception};
use crate::object;
use crate::policy::{Policy, is_policy};

/// A policy that cannot be read.
#[derive(Debug, Clone)]
pub struct BadPolicy {
    /// Its name; may be empty.
    pub name: String,
    /// What is wrong with it, with its place.
    pub problem: String,
}

/// Policies read from files.
#[derive(Debug, Clone, Default)]
pub struct Policies {
    /// Those that can be applied.
    pub policies: Vec<Arc<Policy>>,
    /// Those that cannot be read.
    pub bad: Vec<BadPolicy>,
    /// Exceptions that stand among them.
    pub exceptions: Vec<Arc<PolicyException>>,
    /// Policies in CEL.
    pub cel: Arc<CelPolicies>,
    /// What else there is, such as custom resource definitions.
    pub others: Vec<Value>,
    /// The documents with policies in CEL, their bindings and exceptions.
    in_cel: Vec<(Document, PathBuf)>,
}

impl Policies {
    /// Whether there is no policy, not even one that cannot be read.
    pub fn is_empty(&self) -> bool {
        self.policies.is_empty() && self.bad.is_empty() && self.in_cel.is_empty()
    }

    /// How many exceptions there are.
    pub fn exceptions(&self) -> usize {
        let in_cel = self.in_cel.iter().filter(|(document, _)| is_cel_exception(&document.value));
        self.exceptions.len() + in_cel.count()
    }

    /// Reads the policies of a file or folder.
    ///
    /// # Errors
    /// When a file cannot be read or is no YAML.
    pub fn read(&mut self, path: &Path, sources: &Sources) -> Result<(), FileProblem> {
        for file in files::yaml_files(path)? {
            for document in files::objects(files::documents(&file, sources)?) {
                self.add(document, &file, sources);
            }
        }
        Ok(())
    }

    /// Reads the policies in CEL together with their bindings and exceptions, when all files were read. One that cannot be
    /// read takes no other down.
    pub fn finish(&mut self, sources: &Sources) {
        let nodes: Vec<Node<'_>> = self.in_cel.iter().map(|(document, _)| files::node(document)).collect();
        if let Ok(policies) = CelPolicies::read(&nodes) {
            self.cel = Arc::new(policies);
            return;
        }
        let exceptions: Vec<Node<'_>> = nodes.iter().filter(|node| is_cel_exception(node.value)).copied().collect();
        let mut good = Vec::new();
        for ((document, file), node) in self.in_cel.iter().zip(&nodes) {
            let is_exception = is_cel_exception(node.value);
            let with = if is_exception { vec![*node] } else { [exceptions.as_slice(), &[*node]].concat() };
            match CelPolicies::read(&with) {
                Ok(_) => good.push(*node),
                Err(problems) => self.bad.push(bad_policy(&document.value, &problems, file, sources)),
            }
        }
        self.cel = Arc::new(CelPolicies::read(&good).unwrap_or_default());
    }

    fn add(&mut self, document: Document, file: &Path, sources: &Sources) {
        let node = files::node(&document);
        let mut bad = |problems: Vec<Problem>| self.bad.push(bad_policy(&document.value, &problems, file, sources));
        if is_policy(&document.value) {
            match Policy::read(node) {
                Ok(policy) => self.policies.push(Arc::new(policy)),
                Err(problems) => bad(problems),
            }
        } else if is_exception(&document.value) {
            match PolicyException::read(node) {
                Ok(exception) => self.exceptions.push(Arc::new(exception)),
                Err(problem) => bad(vec![problem]),
            }
        } else if [is_cel_policy, is_cel_exception, is_admission_policy].iter().any(|is| is(&document.value)) {
            self.in_cel.push((document, file.to_owned()));
        } else {
            self.others.push(document.value);
        }
    }
}

fn bad_policy(document: &Value, problems: &[Problem], file: &Path, sources: &Sources) -> BadPolicy {
    let shown: Vec<String> = problems.iter().map(|problem| problem.display(sources, file)).collect();
    BadPolicy { name: object::name(document).to_owned(), problem: shown.join("\n") }
}

/// A resource, and where it stands.
#[derive(Debug, Clone)]
pub struct Placed {
    /// The resource.
    pub value: Value,
    /// Where it stands.
    pub span: Option<Span>,
}

fn values_of(path: &Path, scopes: &Scopes, sources: &Sources) -> Result<Vec<Value>, FileProblem> {
    Ok(read_resources(path, scopes, sources)?.into_iter().map(|placed| placed.value).collect())
}

/// Reads the resources of a file or folder.
///
/// # Errors
/// When a file cannot be read or is no YAML.
pub fn read_resources(path: &Path, scopes: &Scopes, sources: &Sources) -> Result<Vec<Placed>, FileProblem> {
    let mut all = Vec::new();
    for file in files::yaml_files(path)? {
        let documents = files::objects(files::documents(&file, sources)?);
        let placed =
            |document: &Document| Placed { value: files::resource(&document.value, scopes), span: Some(document.span) };
        all.extend(documents.iter().map(placed));
    }
    Ok(all)
}

/// Reads a file of values.
///
/// # Errors
/// When it cannot be read or has something else in it.
pub fn read_values(path: &Path, sources: &Sources) -> Result<Values, FileProblem> {
    let document = files::document(path, sources)?;
    Values::read(files::node(&document)).map_err(|problem| FileProblem::of(path, &problem, sources))
}

/// Reads a file that says who asks.
///
/// # Errors
/// When it cannot be read or has something else in it.
pub fn read_user_file(path: &Path, sources: &Sources) -> Result<crate::request::UserInfo, FileProblem> {
    let document = files::document(path, sources)?;
    read_user(files::node(&document)).map_err(|problem| FileProblem::of(path, &problem, sources))
}

/// A test with everything it names.
pub(super) struct Loaded {
    pub(super) bench: Bench,
    pub(super) bad: Vec<BadPolicy>,
    /// JSON documents by the files that the test names.
    pub(super) payloads: Vec<(String, Value)>,
    /// Requests that HTTP servers and Envoy ask about, by the files that the test names.
    pub(super) requests: Vec<(Protocol, String, Value)>,
    pub(super) resources: Vec<Value>,
    pub(super) targets: Vec<Value>,
    pub(super) scopes: Scopes,
}

pub(super) fn load(test: &Test, folder: &Path, sources: &Sources) -> Result<Loaded, FileProblem> {
    let at = |file: &String| folder.join(file);
    let mut scopes = Scopes::default();
    let (mut cluster, mut is_cluster) = (Vec::new(), false);
    for file in &test.cluster {
        is_cluster = true;
        read_cluster(&at(file), folder, &mut cluster, &mut scopes, sources)?;
    }
    let mut policies = Policies::default();
    for file in &test.policies {
        policies.read(&at(file), sources)?;
    }
    for definition in policies.others.iter().filter(|other| object::text(other, "kind") == "CustomResourceDefinition") {
        scopes.learn(definition);
    }
    for file in &test.exceptions {
        policies.read(&at(file), sources)?;
    }
    policies.finish(sources);
    let resources = |list: &[String]| -> Result<Vec<Value>, FileProblem> {
        let all: Result<Vec<_>, _> = list.iter().map(|file| values_of(&at(file), &scopes, sources)).collect();
        Ok(all?.into_iter().flatten().collect())
    };
    let (own, targets, params) =
        (unique(resources(&test.resources)?), resources(&test.targets)?, resources(&test.params)?);
    let values = match (&test.values, &test.variables) {
        (Some(values), _) => values.clone(),
        (None, Some(file)) => read_values(&at(file), sources)?,
        (None, None) => Values::default(),
    };
    let context = context(test, folder, sources)?;
    let world = World {
        objects: [own.as_slice(), &targets, &params, &cluster, &context.resources].concat(),
        is_cluster,
        values,
        answers: test.answers.clone(),
        global: test.global.iter().map(|entry| global(entry, folder, sources)).collect::<Result<_, _>>()?,
        images: context.images,
        registries: None,
    };
    let payload = |file: &String| read_payload(&at(file), sources).map(|value| (file.clone(), value));
    let payloads = test.payloads.iter().map(payload).collect::<Result<_, _>>()?;
    let request = |(protocol, file): &(Protocol, String)| payload(file).map(|(file, value)| (*protocol, file, value));
    let requests = test.requests.iter().map(request).collect::<Result<_, _>>()?;
    let bad = std::mem::take(&mut policies.bad);
    let bench = Bench {
        clones: clones(test, folder, &scopes, sources)?,
        targets: targets.clone(),
        params: params.clone(),
        user: test.user.as_ref().map(|file| read_user_file(&at(file), sources)).transpose()?,
        ..Bench::new(policies, world)
    };
    Ok(Loaded { bench, bad, payloads, requests, resources: own, targets, scopes })
}

/// Each resource once: the first of those of the same group, kind, namespace and name.
fn unique(resources: Vec<Value>) -> Vec<Value> {
    let mut seen = std::collections::HashSet::new();
    let key = |resource: &Value| {
        let gvk = object::gvk(resource);
        (gvk.group, gvk.kind, object::namespace(resource).to_owned(), object::name(resource).to_owned())
    };
    resources.into_iter().filter(|resource| seen.insert(key(resource))).collect()
}

/// What a document of kind `Context` has.
#[derive(Default)]
struct ContextFile {
    resources: Vec<Value>,
    images: Vec<(String, Value)>,
}

fn context(test: &Test, folder: &Path, sources: &Sources) -> Result<ContextFile, FileProblem> {
    let Some(file) = &test.context else { return Ok(ContextFile::default()) };
    let path = folder.join(file);
    let document = files::document(&path, sources)?;
    let read = || {
        let spec = files::node(&document).mapping()?.required("spec")?.mapping()?;
        spec.only(&["resources", "images"])?;
        let list = |name: &str| spec.optional(name).map(Node::list).transpose().map(Option::unwrap_or_default);
        let image = |node: Node<'_>| Ok((node.mapping()?.required("image")?.text()?, node.value.clone()));
        Ok(ContextFile {
            resources: list("resources")?.into_iter().map(|node| node.value.clone()).collect(),
            images: list("images")?.into_iter().map(image).collect::<Result<_, Problem>>()?,
        })
    };
    read().map_err(|problem| FileProblem::of(&path, &problem, sources))
}

/// Reads a file of one JSON document, such as a request.
///
/// # Errors
/// When it cannot be read or is no object.
pub fn read_payload(path: &Path, sources: &Sources) -> Result<Value, FileProblem> {
    let value = files::document(path, sources)?.value;
    if matches!(value, Value::Object(_)) {
        Ok(value)
    } else {
        Err(FileProblem::new(path, "a JSON payload is an object"))
    }
}

/// Reads a document of kind `ClusterResource`: objects, and files of custom resource definitions.
fn read_cluster(
    path: &Path,
    folder: &Path,
    objects: &mut Vec<Value>,
    scopes: &mut Scopes,
    sources: &Sources,
) -> Result<(), FileProblem> {
    let document = files::document(path, sources)?;
    let read = || {
        let spec = files::node(&document).mapping()?.required("spec")?.mapping()?;
        spec.only(&["crds", "resources"])?;
        let list = |name: &str| spec.optional(name).map(Node::list).transpose().map(Option::unwrap_or_default);
        let definitions = list("crds")?.into_iter().map(Node::text).collect::<Result<Vec<String>, _>>()?;
        Ok((definitions, list("resources")?.into_iter().map(|node| node.value.clone()).collect::<Vec<Value>>()))
    };
    let (definitions, resources) = read().map_err(|problem| FileProblem::of(path, &problem, sources))?;
    objects.extend(resources);
    for file in definitions {
        for file in files::yaml_files(&folder.join(file))? {
            for definition in files::objects(files::documents(&file, sources)?) {
                scopes.learn(&definition.value);
                objects.push(definition.value);
            }
        }
    }
    Ok(())
}

fn global(
    entry: &GlobalEntry,
    folder: &Path,
    sources: &Sources,
) -> Result<(String, Result<Value, String>), FileProblem> {
    let root = if let Some(root) = &entry.root {
        root.clone()
    } else {
        let mut all = Vec::new();
        for file in &entry.files {
            all.extend(files::documents(&folder.join(file), sources)?.into_iter().map(|document| document.value));
        }
        Value::array(all)
    };
    Ok((entry.name.clone(), global_entry(&root, entry.field.as_deref(), &entry.projections)))
}

/// What rules clone, by what results say of them.
fn clones(test: &Test, folder: &Path, scopes: &Scopes, sources: &Sources) -> Result<Vec<CloneSource>, FileProblem> {
    let mut all = Vec::new();
    for expected in &test.results {
        let Some(file) = expected.clone_source.as_ref().filter(|file| !file.is_empty()) else { continue };
        all.push(CloneSource {
            policy: expected.policy.rsplit('/').next().unwrap_or_default().into(),
            rule: expected.rule.as_str().into(),
            objects: values_of(&folder.join(file), scopes, sources)?,
        });
    }
    Ok(all)
}

/// The files with resources that are compared with, each read once.
pub(super) struct Manifests<'m> {
    pub(super) folder: PathBuf,
    pub(super) scopes: &'m Scopes,
    pub(super) sources: &'m Sources,
    pub(super) read: RefCell<HashMap<String, Result<Vec<Value>, String>>>,
}

impl Files for Manifests<'_> {
    fn resources(&self, file: &str) -> Result<Vec<Value>, String> {
        let read = || {
            let found = values_of(&self.folder.join(file), self.scopes, self.sources);
            found.map_err(|problem| problem.to_string())
        };
        self.read.borrow_mut().entry(file.to_owned()).or_insert_with(read).clone()
    }
}
