//! `kyverno-test.yaml` (`cli.kyverno.io/v1alpha1`, kind `Test`), read.

use probity_model::node::{Mapping, Node};
use probity_model::{Problem, Span, Value};

use super::values::Values;
use crate::cel::Protocol;

/// A test: policies, resources, and what must come out.
#[derive(Debug, Clone, Default)]
pub struct Test {
    /// Its name; may be empty.
    pub name: String,
    /// Files and folders of policies.
    pub policies: Vec<String>,
    /// Files of resources.
    pub resources: Vec<String>,
    /// Files of objects that rules change.
    pub targets: Vec<String>,
    /// Files of parameters of admission policies.
    pub params: Vec<String>,
    /// Files of JSON documents.
    pub payloads: Vec<String>,
    /// Files of requests that HTTP servers and Envoy ask about.
    pub requests: Vec<(Protocol, String)>,
    /// Files of exceptions.
    pub exceptions: Vec<String>,
    /// Files that say what a cluster has.
    pub cluster: Vec<String>,
    /// The file of values.
    pub variables: Option<String>,
    /// Values that stand in the test itself.
    pub values: Option<Values>,
    /// The file that says who asks.
    pub user: Option<String>,
    /// The file of resources and images for CEL expressions.
    pub context: Option<String>,
    /// Answers of the API server and of services.
    pub answers: Vec<super::ApiAnswer>,
    /// Global context entries.
    pub global: Vec<GlobalEntry>,
    /// What must come out.
    pub results: Vec<Expected>,
}

/// What a global context entry has.
#[derive(Debug, Clone)]
pub struct GlobalEntry {
    /// Its name.
    pub name: String,
    /// Its data, or the resources that it lists.
    pub root: Option<Value>,
    /// Files of the resources that it lists.
    pub files: Vec<String>,
    /// The part of the data that is meant.
    pub field: Option<String>,
    /// Names for parts of it.
    pub projections: Vec<(String, String)>,
}

/// An entry of `results`.
#[derive(Debug, Clone, Default)]
pub struct Expected {
    /// The policy, as `name` or `namespace/name`.
    pub policy: String,
    /// The rule; of all rules when it is empty.
    pub rule: String,
    /// How it must come out: pass, fail, skip, warn or error.
    pub result: String,
    /// The resources that are looked at, as `name` or `namespace/name`; all when there are none.
    pub resources: Option<Vec<String>>,
    /// The resources that are looked at, exactly.
    pub specs: Vec<ResourceSpec>,
    /// The operation that is asked for.
    pub operation: Option<String>,
    /// The file with the resources as they must be after the policy.
    pub patched: Option<String>,
    /// The files with the resources that must be made.
    pub generated: Vec<String>,
    /// Whether several files may have the resource that is made.
    pub any_generated: bool,
    /// The file with what is cloned.
    pub clone_source: Option<String>,
    /// Whether a resource that is not in these files is a failure.
    pub fail_on_missing: bool,
    /// Where it stands.
    pub span: Option<Span>,
}

/// A resource by what it is and where.
#[derive(Debug, Clone, Default)]
pub struct ResourceSpec {
    /// `group/version`, or the version alone.
    pub api_version: String,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

const FIELDS: &[&str] = &[
    "apiVersion",
    "kind",
    "metadata",
    "name",
    "policies",
    "resources",
    "jsonPayload",
    "jsonPayloads",
    "httpPayloads",
    "envoyPayloads",
    "targetResources",
    "variables",
    "paramResources",
    "userinfo",
    "results",
    "values",
    "exceptions",
    "context",
    "clusterResources",
    "apiCallResponses",
    "globalContextEntries",
];

/// Whether a document is a test.
pub fn is_test(document: &Value) -> bool {
    let text = |name: &str| document.get(name).and_then(Value::as_str).unwrap_or_default();
    let is_named = text("kind") == "Test" && text("apiVersion").contains("kyverno.io/");
    let is_old = text("apiVersion").is_empty() && text("kind").is_empty();
    is_named || is_old && document.get("policies").is_some() && document.get("results").is_some()
}

impl Test {
    /// Reads a test.
    ///
    /// # Errors
    /// What is wrong first, with its place.
    pub fn read(node: Node<'_>) -> Result<Self, Problem> {
        let fields = node.mapping()?;
        fields.only(FIELDS)?;
        let metadata = fields.optional("metadata").map(Node::mapping).transpose()?;
        let in_metadata = metadata.and_then(|fields| fields.optional("name")).map(Node::text).transpose()?;
        let text = |name: &str| fields.optional(name).map(Node::text).transpose();
        let list = |name: &str| fields.optional(name).map(Node::list).transpose().map(Option::unwrap_or_default);
        let mut payloads = strings(&fields, "jsonPayloads")?;
        payloads.extend(text("jsonPayload")?);
        Ok(Self {
            name: text("name")?.or(in_metadata).unwrap_or_default(),
            policies: strings(&fields, "policies")?,
            resources: strings(&fields, "resources")?,
            targets: strings(&fields, "targetResources")?,
            params: strings(&fields, "paramResources")?,
            payloads,
            requests: requests(&fields)?,
            exceptions: strings(&fields, "exceptions")?,
            cluster: strings(&fields, "clusterResources")?,
            variables: text("variables")?,
            values: fields.optional("values").map(Values::read).transpose()?,
            user: text("userinfo")?,
            context: text("context")?,
            answers: list("apiCallResponses")?.into_iter().map(answer).collect::<Result<_, _>>()?,
            global: list("globalContextEntries")?.into_iter().map(GlobalEntry::read).collect::<Result<_, _>>()?,
            results: list("results")?.into_iter().map(Expected::read).collect::<Result<_, _>>()?,
        })
    }
}

fn requests(fields: &Mapping<'_>) -> Result<Vec<(Protocol, String)>, Problem> {
    let mut all = Vec::new();
    for (protocol, field) in [(Protocol::Http, "httpPayloads"), (Protocol::Envoy, "envoyPayloads")] {
        all.extend(strings(fields, field)?.into_iter().map(|file| (protocol, file)));
    }
    Ok(all)
}

fn strings(fields: &Mapping<'_>, name: &str) -> Result<Vec<String>, Problem> {
    let list = fields.optional(name).map(Node::list).transpose()?.unwrap_or_default();
    list.into_iter().map(Node::text).collect()
}

fn answer(node: Node<'_>) -> Result<super::ApiAnswer, Problem> {
    let fields = node.mapping()?;
    fields.only(&["url", "urlPath", "method", "response"])?;
    let text = |name: &str| fields.optional(name).map(Node::text).transpose().map(Option::unwrap_or_default);
    let url = match (text("url")?, text("urlPath")?) {
        (url, path) if url.is_empty() != path.is_empty() => url + &path,
        _ => return Err(node.problem("exactly one of `url` and `urlPath` is needed")),
    };
    let response = fields.required("response")?.mapping()?;
    response.only(&["statusCode", "body"])?;
    let status = response.optional("statusCode").and_then(|node| node.value.as_number()?.as_i64());
    Ok(super::ApiAnswer {
        url: url.trim().to_owned(),
        method: text("method")?.trim().to_uppercase(),
        status: status.filter(|status| *status != 0).unwrap_or(200),
        body: response.required("body")?.value.clone(),
    })
}

impl GlobalEntry {
    fn read(node: Node<'_>) -> Result<Self, Problem> {
        let fields = node.mapping()?;
        fields.only(&["name", "data", "resources", "resourceFiles", "fieldPath", "projections"])?;
        let projections = fields.optional("projections").map(Node::list).transpose()?.unwrap_or_default();
        let projection = |node: Node<'_>| {
            let fields = node.mapping()?;
            Ok((fields.required("name")?.text()?, fields.required("path")?.text()?))
        };
        let sources = ["data", "resources", "resourceFiles"];
        if sources.iter().filter(|name| fields.optional(name).is_some()).count() != 1 {
            return Err(node.problem("exactly one of `data`, `resources` and `resourceFiles` is needed"));
        }
        Ok(Self {
            name: fields.required("name")?.text()?,
            root: fields.optional("data").or(fields.optional("resources")).map(|node| node.value.clone()),
            files: strings(&fields, "resourceFiles")?,
            field: fields.optional("fieldPath").map(Node::text).transpose()?,
            projections: projections.into_iter().map(projection).collect::<Result<_, Problem>>()?,
        })
    }
}

impl Expected {
    fn read(node: Node<'_>) -> Result<Self, Problem> {
        let fields = node.mapping()?;
        let text = |name: &str| fields.optional(name).map(Node::text).transpose();
        let flag = |name: &str| fields.optional(name).map(Node::boolean).transpose().map(Option::unwrap_or_default);
        let mut resources = fields.optional("resources").map(|_| strings(&fields, "resources")).transpose()?;
        // The older form.
        if let Some(one) = text("resource")? {
            resources.get_or_insert_default().push(one);
        }
        let many = strings(&fields, "generatedResources")?;
        let any_generated = !many.is_empty();
        let generated = if any_generated { many } else { text("generatedResource")?.into_iter().collect() };
        let specs = fields.optional("resourceSpecs").map(Node::list).transpose()?.unwrap_or_default();
        let result = fields.optional("result").or(fields.optional("status"));
        let operation = text("operation")?;
        if let Some(word) = operation.as_deref().filter(|word| !["CREATE", "UPDATE", "DELETE"].contains(word)) {
            return Err(node.problem(format!("`{word}` is no operation; one of CREATE, UPDATE, DELETE")));
        }
        Ok(Self {
            policy: fields.required("policy")?.text()?,
            rule: text("rule")?.unwrap_or_default(),
            result: result.map(Node::text).transpose()?.unwrap_or_default(),
            resources,
            specs: specs.into_iter().map(ResourceSpec::read).collect::<Result<_, _>>()?,
            operation,
            patched: text("patchedResources")?.or(text("patchedResource")?),
            generated,
            any_generated,
            clone_source: text("cloneSourceResource")?,
            fail_on_missing: flag("failOnMissingResources")?,
            span: node.span,
        })
    }
}

impl ResourceSpec {
    fn read(node: Node<'_>) -> Result<Self, Problem> {
        let fields = node.mapping()?;
        let text = |name: &str| fields.optional(name).map(Node::text).transpose().map(Option::unwrap_or_default);
        let (group, version) = (text("group")?, text("version")?);
        Ok(Self {
            api_version: if group.is_empty() { version } else { format!("{group}/{version}") },
            namespace: text("namespace")?,
            name: text("name")?,
        })
    }
}
