//! AWS SAM: what `Globals` give to resources, and the resources that SAM makes beside those of the template.
//!
//! Resources of SAM are subjects of their own types. Beside them stand the resources that they become, as far as policies
//! ask for those: a function's role and URL, a table, a state machine and its role, the domain of an API.

use probity_model::value::Object;
use probity_model::{Key, SmolStr, Span, Value};

use super::eval::is_call;
use super::template::Resource;

/// The macro that makes a template one of SAM.
const TRANSFORM: &str = "AWS::Serverless-2016-10-31";

/// What the types of SAM start with.
const PREFIX: &str = "AWS::Serverless::";

/// Managed policies that SAM gives to the role of every function.
const BASIC_EXECUTION: &str = "arn:${AWS::Partition}:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole";

/// Whether SAM is among the macros.
pub(super) fn is_used(transforms: &[&str]) -> bool {
    transforms.contains(&TRANSFORM)
}

/// The properties of a resource with those of `Globals`; `None` when there are none for it.
pub(super) fn with_globals(resource_type: &str, fields: &Object, globals: Option<&Object>) -> Option<Value> {
    let globals = globals?.get(resource_type.strip_prefix(PREFIX)?)?;
    match fields.get("Properties") {
        Some(own) if !own.is_null() => Some(merged(globals, own)),
        _ => Some(globals.clone()),
    }
}

/// Mappings are merged, lists joined, all else is the resource's own (SAM specification, "Globals").
fn merged(global: &Value, own: &Value) -> Value {
    match (global, own) {
        (Value::Object(theirs), Value::Object(ours)) if !is_call(global) && !is_call(own) => {
            let both = |key: &Key, value: &Value| match ours.get_key(key) {
                Some(own) => merged(value, own),
                None => value.clone(),
            };
            let all = theirs
                .iter_spanned()
                .map(|(key, value, span)| (key, both(key, value), ours.span(key.as_str()).or(span)));
            let own = ours.iter_spanned().filter(|(key, ..)| theirs.get_key(key).is_none());
            let own = own.map(|(key, value, span)| (key, value.clone(), span));
            object(all.chain(own).map(|(key, value, span)| (key.clone(), value, span)))
        }
        (Value::Array(theirs), Value::Array(ours)) => Value::array(theirs.iter().chain(ours).cloned()),
        _ => own.clone(),
    }
}

/// An object whose entries know their places, when all do.
fn object(entries: impl Iterator<Item = (Key, Value, Option<Span>)>) -> Value {
    let entries: Vec<_> = entries.collect();
    if entries.iter().any(|(.., span)| span.is_none()) {
        return Value::Object(entries.into_iter().map(|(key, value, _)| (key, value)).collect());
    }
    let placed = entries.into_iter().filter_map(|(key, value, span)| Some((key, value, span?)));
    Value::Object(Object::with_spans(placed.collect()))
}

/// Adds the resources that one of SAM becomes.
pub(super) fn expand(resource: &Resource, resources: &mut Vec<Resource>) {
    let Some(properties) = resource.document.as_object() else { return };
    let mut add = |resource_type: &str, suffix: &str, document: Value| {
        resources.push(resource.made(resource_type, suffix, document));
    };
    match resource.kind.strip_prefix(PREFIX) {
        Some("Function") => {
            if properties.get("Role").is_none() {
                add(
                    "AWS::IAM::Role",
                    "Role",
                    role(&resource.name, properties, "lambda.amazonaws.com", &[BASIC_EXECUTION]),
                );
            }
            if let Some(Value::Object(url)) = properties.get("FunctionUrlConfig") {
                add(
                    "AWS::Lambda::Url",
                    "Url",
                    with(url, "TargetFunctionArn", Value::Unknown(resource.name.as_str().into())),
                );
            }
        }
        Some("SimpleTable") => add("AWS::DynamoDB::Table", "", resource.document.clone()),
        Some("StateMachine") => {
            add("AWS::StepFunctions::StateMachine", "", renamed(properties, &STATE_MACHINE));
            if properties.get("Role").is_none() {
                add("AWS::IAM::Role", "Role", role(&resource.name, properties, "states.amazonaws.com", &[]));
            }
        }
        Some("Api") => {
            if let Some(domain) = properties.get("Domain").filter(|domain| domain.as_object().is_some()) {
                add("AWS::ApiGateway::DomainName", "Domain", domain.clone());
            }
        }
        Some("HttpApi") => {
            if let Some(Value::Object(domain)) = properties.get("Domain") {
                let configuration = renamed(domain, &[("EndpointConfiguration", "EndpointType")]);
                let document = with(domain, "DomainNameConfigurations", Value::array([configuration]));
                add("AWS::ApiGatewayV2::DomainName", "Domain", document);
            }
        }
        _ => {}
    }
}

/// What SAM calls the properties of a state machine, and what Step Functions does.
const STATE_MACHINE: [(&str, &str); 5] = [
    ("Logging", "LoggingConfiguration"),
    ("Tracing", "TracingConfiguration"),
    ("Type", "StateMachineType"),
    ("Name", "StateMachineName"),
    ("Role", "RoleArn"),
];

/// The same properties, some of them under other names.
fn renamed(properties: &Object, names: &[(&str, &str)]) -> Value {
    object(properties.iter_spanned().map(|(key, value, span)| {
        let other = names.iter().find(|(name, _)| *name == key.as_str());
        (other.map_or_else(|| key.clone(), |(_, other)| Key::new(other)), value.clone(), span)
    }))
}

/// The same properties and one more, which stands where the first does.
fn with(properties: &Object, name: &str, value: Value) -> Value {
    let place = properties.iter_spanned().find_map(|(.., span)| span);
    let own = properties.iter_spanned().map(|(key, value, span)| (key.clone(), value.clone(), span));
    object(own.chain([(Key::new(name), value, place)]))
}

/// The role that SAM makes: it may be assumed by the service, and has the policies of the resource.
fn role(name: &str, properties: &Object, service: &str, managed: &[&str]) -> Value {
    let place = properties.span("Policies");
    let policies: Vec<Value> = match properties.get("Policies") {
        Some(Value::Array(list)) => list.iter().cloned().collect(),
        Some(one) => vec![one.clone()],
        None => Vec::new(),
    };
    let attached = policies.iter().filter(|policy| matches!(policy, Value::String(_) | Value::Unknown(_)));
    let attached = managed.iter().map(|arn| Value::from(*arn)).chain(attached.cloned());
    // Policy templates of SAM are neither: they are narrow by themselves.
    let inline =
        policies.iter().filter(|policy| policy.get("Statement").is_some()).enumerate().map(|(number, policy)| {
            Value::object([
                ("PolicyName", Value::from(format!("{name}RolePolicy{number}"))),
                ("PolicyDocument", policy.clone()),
            ])
        });
    let trust = properties.get("AssumeRolePolicyDocument").cloned().unwrap_or_else(|| {
        let principal = Value::object([("Service", Value::array([service.into()]))]);
        let statement = [("Effect", "Allow".into()), ("Action", "sts:AssumeRole".into()), ("Principal", principal)];
        Value::object([("Version", "2012-10-17".into()), ("Statement", Value::array([Value::object(statement)]))])
    });
    let entries = [
        ("AssumeRolePolicyDocument", trust),
        ("ManagedPolicyArns", Value::array(attached)),
        ("Policies", Value::array(inline)),
    ];
    object(entries.into_iter().map(|(name, value)| (Key::new(name), value, place)))
}

impl Resource {
    /// A resource that this one becomes; it stands where this one does.
    fn made(&self, resource_type: &str, suffix: &str, document: Value) -> Self {
        Self {
            name: SmolStr::new(format!("{}{suffix}", self.name)),
            kind: SmolStr::new(resource_type),
            document,
            span: self.span,
            header: self.header,
            skips: self.skips.clone(),
            references: [self.name.clone()].into(),
        }
    }
}
