//! Built-in policies as data.
//!
//! Each file `policies/<provider>/<service>.yaml` holds the policies for one service in the form of
//! `docs/writing-policies.md`. The build embeds them in two parts: what evaluation needs, of which [`policies`] reads a
//! policy when it is first asked, and the examples, read by [`examples`]. The tests of this crate check every policy and
//! run every example.

mod builtin;

use std::sync::{Arc, LazyLock};

use probity_model::node::{Mapping, Node};
use probity_model::{CONTAINER_IMAGE, PolicyId, Problem, SmolStr, Value, json};
use probity_policy_core::Policy;
use probity_secrets::subject::{TYPE_PREFIX, resource_type};

use crate::builtin::Builtin;
use crate::index::{INDEX, SERVICES};

/// A JSON list of `{provider, file}`, each file without its examples.
static POLICIES: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/policies.json"));

/// A JSON object: for each policy id a list of `{types, pass, fail}`, one for each binding.
static EXAMPLES: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/examples.json"));

mod index {
    #![allow(clippy::unreadable_literal, reason = "the build writes it")]

    use super::{Entry, Part};

    include!(concat!(env!("OUT_DIR"), "/index.rs"));
}

/// Where a policy stands in [`POLICIES`], from `start` to `end`; its bindings are its last field, from the comma before
/// it on.
struct Entry {
    id: &'static str,
    types: &'static [&'static str],
    start: usize,
    bindings: usize,
    end: usize,
}

/// How many policies a file has, in the order of [`INDEX`].
struct Part {
    provider: &'static str,
    title: &'static str,
    count: usize,
}

static BUILTIN: LazyLock<Vec<Arc<dyn Policy>>> =
    LazyLock::new(|| INDEX.iter().map(|entry| Arc::new(Builtin::new(entry)) as Arc<dyn Policy>).collect());

static OF_SERVICES: LazyLock<Vec<Service>> = LazyLock::new(|| {
    let mut entries = INDEX.iter();
    let service = |part: &Part| Service {
        provider: SmolStr::new_static(part.provider),
        title: part.title.to_owned(),
        policies: entries.by_ref().take(part.count).map(|entry| PolicyId::from(entry.id)).collect(),
    };
    SERVICES.iter().map(service).collect()
});

/// The policies for one service of a provider: what one file of the catalog holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// The folder, such as `aws` or `kubernetes`.
    pub provider: SmolStr,
    /// The service's name as people write it: `Amazon S3`.
    pub title: String,
    /// The policies in the order of the file.
    pub policies: Vec<PolicyId>,
}

/// What shows how a policy judges, for one of its bindings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Examples {
    /// The resource types of the binding.
    pub types: Vec<String>,
    /// What the examples are written in.
    pub format: Format,
    /// Texts in which nothing fails.
    pub pass: Vec<String>,
    /// Texts in which something fails.
    pub fail: Vec<String>,
}

/// What an example is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Terraform's HCL.
    Terraform,
    /// A CloudFormation template in YAML.
    CloudFormation,
    /// Kubernetes objects in YAML.
    Kubernetes,
    /// A Dockerfile.
    Dockerfile,
    /// Any text: secrets stand in all of them.
    Text,
    /// A workflow of GitHub Actions, or an action, in YAML.
    GitHubActions,
    /// What is known of a container image, in YAML: the document that policies see, or a part of it.
    Image,
}

impl Format {
    /// The format that resources of this type are written in: Terraform's types start with a small letter, the kinds of
    /// Kubernetes with a capital, those of CloudFormation have parts (`AWS::S3::Bucket`), and those of GitHub Actions begin
    /// with `github.`.
    pub fn of_type(resource_type: &str) -> Self {
        match resource_type {
            "dockerfile" => Self::Dockerfile,
            CONTAINER_IMAGE => Self::Image,
            other if other.starts_with(TYPE_PREFIX) => Self::Text,
            "workload" => Self::Kubernetes,
            other if other.starts_with("github.") => Self::GitHubActions,
            other if other.contains("::") => Self::CloudFormation,
            other if other.starts_with(|first: char| first.is_ascii_uppercase()) => Self::Kubernetes,
            _ => Self::Terraform,
        }
    }
}

/// The built-in policies. Each is read and compiled when it is first asked for more than its id and types: a scan pays
/// for the policies of what it finds, not for the catalog.
pub fn policies() -> Vec<Arc<dyn Policy>> {
    BUILTIN.clone()
}

/// The built-in policies as they were embedded: JSON that [`read`] reads, in this version of Probity or a later one.
pub fn source() -> &'static [u8] {
    POLICIES
}

/// Reads what [`source`] gave.
///
/// # Errors
/// When it is something else.
pub fn read(source: &[u8]) -> Result<Vec<Arc<dyn Policy>>, Problem> {
    let files = json::read(source)?;
    let mut policies = Vec::new();
    for entry in Node::root(&files, None).list()? {
        policies.extend(read_policies(entry.mapping()?.required("file")?)?);
    }
    Ok(policies)
}

/// What the policies are for, ordered by provider and file.
pub fn services() -> &'static [Service] {
    &OF_SERVICES
}

/// The service that a built-in policy is for.
pub fn service_of(policy: &PolicyId) -> Option<&'static Service> {
    services().iter().find(|service| service.policies.contains(policy))
}

/// The examples of a built-in policy, by binding; empty when there is no such policy. Reads all examples anew.
///
/// # Panics
/// When the build wrote something else than it should; the tests of this crate read them all.
pub fn examples(policy: &PolicyId) -> Vec<Examples> {
    let all = json::read(EXAMPLES).expect("the build wrote JSON");
    let bindings = all.get(policy.as_str()).cloned().unwrap_or_else(|| Value::array([]));
    let bindings = Node::root(&bindings, None).list().and_then(|nodes| nodes.into_iter().map(read_examples).collect());
    bindings.unwrap_or_else(|problem| panic!("the examples of {policy}: {problem}"))
}

fn read_examples(binding: Node<'_>) -> Result<Examples, Problem> {
    let fields = binding.mapping()?;
    let types = match fields.optional("secret") {
        Some(_) => strings(&fields, "secret")?.iter().map(|kind| resource_type(kind)).collect(),
        None => strings(&fields, "types")?,
    };
    let format = Format::of_type(types.first().map_or("", String::as_str));
    Ok(Examples { types, format, pass: strings(&fields, "pass")?, fail: strings(&fields, "fail")? })
}

fn strings(fields: &Mapping<'_>, name: &str) -> Result<Vec<String>, Problem> {
    let nodes = fields.required(name)?.list_or_one()?;
    nodes.into_iter().map(|node| node.string().map(str::to_owned)).collect()
}

fn read_policies(file: Node<'_>) -> Result<Vec<Arc<dyn Policy>>, Problem> {
    match probity_policy_graph::read_catalog_file(file, true) {
        Ok(policies) => Ok(policies.into_iter().map(|policy| Arc::new(policy) as Arc<dyn Policy>).collect()),
        Err(problems) => Err(problems.into_iter().next().unwrap_or_else(|| file.problem("not a catalog file"))),
    }
}
