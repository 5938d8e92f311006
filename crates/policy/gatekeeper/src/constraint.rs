//! Constraints: where a template is applied, with which parameters, and what its violations do.

use probity_model::node::{Mapping, Node};
use probity_model::{Problem, Value};

use crate::enforcement::Enforcement;
use crate::matching::Match;
use crate::object;
use crate::schema::Schema;
use crate::template::{CONTROLS, SEVERITY, Template};

/// The API group of constraints.
pub(crate) const GROUP: &str = "constraints.gatekeeper.sh";

/// Longest name, in bytes.
const MAX_NAME: usize = 63;

/// One application of a template.
#[derive(Debug, Clone)]
pub(crate) struct Constraint {
    pub(crate) kind: String,
    pub(crate) name: String,
    /// An object; with the defaults of the template.
    pub(crate) parameters: Value,
    /// The same, as far as there is anything.
    pub(crate) given: Option<Value>,
    pub(crate) matching: Match,
    pub(crate) enforcement: Enforcement,
    pub(crate) severity: Option<String>,
    pub(crate) controls: Option<String>,
}

/// Why a constraint cannot be used.
#[derive(Debug, Clone)]
pub(crate) struct Invalid {
    pub(crate) problems: Vec<Problem>,
    /// Whether it is not as its template's schema says, which is what `invalid` of a suite's test asks for.
    pub(crate) by_schema: bool,
}

impl From<Problem> for Invalid {
    fn from(problem: Problem) -> Self {
        Self { problems: vec![problem], by_schema: false }
    }
}

fn by_schema(problem: Problem) -> Invalid {
    Invalid { problems: vec![problem], by_schema: true }
}

/// The kind of a constraint, which names its template.
pub(crate) fn kind(value: &Value) -> &str {
    object::text(value, "kind")
}

impl Constraint {
    /// Reads a constraint of a template.
    pub(crate) fn read(node: Node<'_>, template: &Template) -> Result<Self, Invalid> {
        let fields = node.mapping()?;
        let name = check_metadata(&fields)?;
        let spec = fields.optional("spec").map(Node::mapping).transpose().map_err(by_schema)?;
        let spec_field = |name: &str| spec.and_then(|spec| spec.optional(name));
        spec_field("match").map_or(Ok(()), Match::check_selectors)?;
        let matching = match spec_field("match") {
            Some(node) => Match::read(node).map_err(by_schema)?,
            None => Match::default(),
        };
        let given = spec_field("parameters");
        if let (Some(schema), Some(given)) = (&template.schema, given) {
            check_schema(schema, given)?;
        }
        let is_scoped = spec_field("enforcementAction").is_some_and(|node| node.value.as_str() == Some("scoped"));
        let lacks_scopes = is_scoped && spec_field("scopedEnforcementActions").is_none();
        let enforcement = Enforcement::read(spec.as_ref())
            .map_err(|problem| if lacks_scopes { problem.into() } else { by_schema(problem) })?;
        check_known(spec.as_ref(), template)?;
        let given = parameters(template.schema.as_ref(), given);
        let text = |annotation: &str| object::annotation(node.value, annotation).map(str::to_owned);
        Ok(Self {
            kind: template.kind.clone(),
            name,
            parameters: given.clone().unwrap_or_else(|| Value::object::<&str>([])),
            given,
            matching,
            enforcement,
            severity: text(SEVERITY),
            controls: text(CONTROLS),
        })
    }
}

fn check_metadata(fields: &Mapping<'_>) -> Result<String, Invalid> {
    let metadata = fields.required("metadata")?;
    let name_node = metadata.mapping()?.required("name")?;
    let name = name_node.string()?;
    if !is_subdomain(name) {
        let help = "lower case letters, digits, `-` and `.`, with a letter or digit at both ends";
        return Err(name_node.problem(format!("`{name}` is no name of an object")).with_help(help).into());
    }
    let version = fields.required("apiVersion")?;
    if !matches!(version.string()?.split_once('/'), Some((GROUP, "v1beta1" | "v1alpha1"))) {
        return Err(version.problem("constraints are of v1beta1 or v1alpha1").into());
    }
    if name.len() > MAX_NAME {
        return Err(by_schema(name_node.problem(format!("metadata.name must have at most {MAX_NAME} characters"))));
    }
    Ok(name.to_owned())
}

/// Whether a text is a DNS subdomain (RFC 1123).
fn is_subdomain(name: &str) -> bool {
    let plain = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit();
    name.len() <= 253
        && name.split('.').all(|part| {
            part.starts_with(plain) && part.ends_with(plain) && part.chars().all(|one| plain(one) || one == '-')
        })
}

fn check_schema(schema: &Schema, given: Node<'_>) -> Result<(), Invalid> {
    let mut problems = Vec::new();
    schema.validate(given, "spec.parameters", &mut problems);
    if problems.is_empty() { Ok(()) } else { Err(Invalid { problems, by_schema: true }) }
}

/// Checks that there is nothing in the constraint that neither Gatekeeper nor the template knows.
fn check_known(spec: Option<&Mapping<'_>>, template: &Template) -> Result<(), Invalid> {
    let Some(spec) = spec else { return Ok(()) };
    let mut known = vec!["match", "enforcementAction", "scopedEnforcementActions"];
    if template.schema.is_some() {
        known.push("parameters");
    }
    spec.only(&known)?;
    if let Some(node) = spec.optional("match") {
        Match::check_fields(node)?;
    }
    let (Some(schema), Some(given)) = (&template.schema, spec.optional("parameters")) else { return Ok(()) };
    let mut unknown = Vec::new();
    schema.unknown(given.value, "spec.parameters", &mut unknown);
    if unknown.is_empty() {
        return Ok(());
    }
    let problem = given.problem(format!("the template `{}` does not know {}", template.kind, unknown.join(", ")));
    Err(problem.into())
}

fn parameters(schema: Option<&Schema>, given: Option<Node<'_>>) -> Option<Value> {
    let given = given.map(|node| node.value);
    match schema {
        Some(schema) => schema.or_default(given),
        None => given.cloned(),
    }
}
