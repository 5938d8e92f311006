//! Built-in policies as data.
//!
//! Each file `policies/<provider>/<service>.yaml` holds the policies for one service in the form of
//! `docs/writing-policies.md`. The build embeds them in two parts: what evaluation needs, read by [`policies`], and the
//! examples, read by [`examples`]. The tests of this crate check every policy and run every example.

use std::sync::{Arc, LazyLock};

use probity_model::node::{Mapping, Node};
use probity_model::{PolicyId, Problem, SmolStr, Value, json};
use probity_policy_core::Policy;

/// A JSON list of `{provider, file}`, each file without its examples.
static POLICIES: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/policies.json"));

/// A JSON object: for each policy id a list of `{types, pass, fail}`, one for each binding.
static EXAMPLES: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/examples.json"));

static CATALOG: LazyLock<Catalog> =
    LazyLock::new(|| Catalog::read(POLICIES).unwrap_or_else(|problem| panic!("the built-in catalog: {problem}")));

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
    /// A workflow of GitHub Actions, or an action, in YAML.
    GitHubActions,
}

impl Format {
    /// The format that resources of this type are written in: Terraform's types start with a small letter, the kinds of
    /// Kubernetes with a capital, those of CloudFormation have parts (`AWS::S3::Bucket`), and those of GitHub Actions begin
    /// with `github.`.
    pub fn of_type(resource_type: &str) -> Self {
        match resource_type {
            "dockerfile" => Self::Dockerfile,
            "workload" => Self::Kubernetes,
            other if other.starts_with("github.") => Self::GitHubActions,
            other if other.contains("::") => Self::CloudFormation,
            other if other.starts_with(|first: char| first.is_ascii_uppercase()) => Self::Kubernetes,
            _ => Self::Terraform,
        }
    }
}

/// The built-in policies, compiled on first use.
pub fn policies() -> Vec<Arc<dyn Policy>> {
    CATALOG.policies.clone()
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
    Catalog::read(source).map(|catalog| catalog.policies)
}

/// What the policies are for, ordered by provider and file.
pub fn services() -> &'static [Service] {
    &CATALOG.services
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
    let types = strings(&fields, "types")?;
    let format = Format::of_type(types.first().map_or("", String::as_str));
    Ok(Examples { types, format, pass: strings(&fields, "pass")?, fail: strings(&fields, "fail")? })
}

fn strings(fields: &Mapping<'_>, name: &str) -> Result<Vec<String>, Problem> {
    let nodes = fields.required(name)?.list_or_one()?;
    nodes.into_iter().map(|node| node.string().map(str::to_owned)).collect()
}

struct Catalog {
    policies: Vec<Arc<dyn Policy>>,
    services: Vec<Service>,
}

impl Catalog {
    fn read(text: &[u8]) -> Result<Self, Problem> {
        let files = json::read(text)?;
        let (mut policies, mut services) = (Vec::new(), Vec::new());
        for entry in Node::root(&files, None).list()? {
            let fields = entry.mapping()?;
            let file = fields.required("file")?;
            let own: Vec<Arc<dyn Policy>> = read_policies(file)?;
            services.push(Service {
                provider: fields.required("provider")?.string()?.into(),
                title: file.mapping()?.required("service")?.string()?.to_owned(),
                policies: own.iter().map(|policy| policy.metadata().id.clone()).collect(),
            });
            policies.extend(own);
        }
        Ok(Self { policies, services })
    }
}

fn read_policies(file: Node<'_>) -> Result<Vec<Arc<dyn Policy>>, Problem> {
    match probity_policy_graph::read_catalog_file(file, true) {
        Ok(policies) => Ok(policies.into_iter().map(|policy| Arc::new(policy) as Arc<dyn Policy>).collect()),
        Err(problems) => Err(problems.into_iter().next().unwrap_or_else(|| file.problem("not a catalog file"))),
    }
}
