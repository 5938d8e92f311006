//! What policies of all kinds have: a name, conditions, variables, exceptions, audit annotations.

use std::sync::LazyLock;

use jiff::Timestamp;
use probity_kubernetes::kind::split_api_version;
use probity_model::node::{Mapping, Node};
use probity_model::value::SmolStr;
use probity_model::{Problem, Span, Value};
use probity_policy_admission::{Compiler, Conditions, Context, Expression, FailurePolicy, MatchResources, Variables};
use probity_policy_cel::{Evaluation, Type, Value as Cel};
use probity_policy_core::{RequestRule, Watched};
use regex::Regex;

use super::exception::{Excepted, Exception, Exceptions, report};
use super::outside::Answers;
use super::seen::Seen;
use crate::host::Host;
use crate::live::watched;
use crate::object;
use crate::response::{RuleResponse, RuleType, Status};

/// Name and place of a policy.
#[derive(Debug, Clone)]
pub struct Head {
    /// Its kind, such as `NamespacedValidatingPolicy`.
    pub kind: SmolStr,
    /// Its name.
    pub name: SmolStr,
    /// Its namespace; empty when it is one of the cluster.
    pub namespace: SmolStr,
    /// Where it stands.
    pub span: Option<Span>,
    /// Its annotations, an object; null when it has none.
    pub annotations: Value,
    /// Every text that it consists of.
    pub(crate) says: Vec<SmolStr>,
}

impl Head {
    pub(crate) fn read(node: Node<'_>) -> Result<Self, Problem> {
        let fields = node.mapping()?;
        fields.only(&["apiVersion", "kind", "metadata", "spec", "status"])?;
        let kind = fields.required("kind")?.string()?;
        let metadata = fields.required("metadata")?.mapping()?;
        let name = metadata.required("name")?.string()?;
        let namespace = match object::namespace(node.value) {
            "" if kind.starts_with("Namespaced") => "default",
            _ if !kind.starts_with("Namespaced") => "",
            namespace => namespace,
        };
        Ok(Self {
            kind: kind.into(),
            name: name.into(),
            namespace: namespace.into(),
            span: node.span,
            annotations: metadata.get("annotations").cloned().unwrap_or_default(),
            says: texts(node.value.get("spec")),
        })
    }

    /// The value of an annotation.
    pub fn annotation(&self, name: &str) -> Option<&str> {
        self.annotations.get(name)?.as_str()
    }

    /// Whether one of its texts has one of these words.
    pub(crate) fn mentions(&self, words: &[&str]) -> bool {
        self.says.iter().any(|text| words.iter().any(|word| text.contains(word)))
    }

    /// The objects of Kubernetes' own kinds that its expressions ask for by constant names.
    pub(crate) fn watches(&self) -> Vec<Watched> {
        static ASKED: LazyLock<Regex> = LazyLock::new(|| {
            Regex::new(r#"resource\.(?:[Gg]et|[Ll]ist)\(\s*["']([^"']+)["']\s*,\s*["']([^"'/]+)[^"']*["']"#)
                .expect("a regular expression of ours")
        });
        let asked = self.says.iter().flat_map(|text| ASKED.captures_iter(text)).filter_map(|found| {
            let (group, version) = split_api_version(found.get(1)?.as_str());
            watched(group, version, found.get(2)?.as_str())
        });
        let global = self.mentions(&["globalContext."]);
        let global =
            global.then(|| Watched { api_version: "kyverno.io/v2alpha1".into(), kind: "GlobalContextEntry".into() });
        asked.chain(global).collect()
    }
}

fn texts(value: Option<&Value>) -> Vec<SmolStr> {
    let mut texts = Vec::new();
    let mut left: Vec<&Value> = value.into_iter().collect();
    while let Some(value) = left.pop() {
        match value {
            Value::String(text) => texts.push(text.as_str().into()),
            Value::Array(items) => left.extend(items.iter()),
            Value::Object(fields) => left.extend(fields.iter().map(|(_, value)| value)),
            _ => {}
        }
    }
    texts
}

/// What decides whether a policy is applied, and what its expressions may use.
#[derive(Debug, Clone)]
pub(crate) struct Rules {
    pub(crate) failure: FailurePolicy,
    pub(crate) constraints: Option<MatchResources>,
    /// Whether a resource that the policy is not about is left out of its results altogether.
    pub(crate) is_simple: bool,
    pub(crate) conditions: Conditions,
    pub(crate) variables: Variables,
    pub(crate) exceptions: Exceptions,
    pub(crate) annotations: Vec<(SmolStr, Expression)>,
}

/// What becomes of a request before the policy itself is evaluated.
pub(crate) enum Before<'r> {
    /// The policy is to be evaluated.
    Evaluate,
    /// A match condition does not hold.
    Skip,
    /// It is excepted.
    Excepted(Vec<&'r Exception>),
    /// It cannot be told.
    Failed(String),
}

impl Rules {
    /// Reads the fields that all kinds have; the compiler knows the variables afterwards.
    pub(crate) fn read(
        head: &Head,
        spec: &Mapping<'_>,
        compiler: &mut Compiler,
        exceptions: &[Exception],
        conditions: &str,
    ) -> Result<Self, Problem> {
        let failure = FailurePolicy::read(spec)?;
        let variables = compiler.variables(spec)?;
        Ok(Self {
            failure,
            constraints: spec.optional("matchConstraints").map(MatchResources::read).transpose()?,
            is_simple: is_simple(spec),
            conditions: Conditions::read(spec, conditions, compiler)?,
            variables,
            exceptions: Exceptions::of(exceptions, &head.kind, &head.name, compiler)?,
            annotations: annotations(spec, compiler)?,
        })
    }

    /// Whether labels of namespaces decide what the policy is about.
    pub(crate) fn needs_namespace(&self) -> bool {
        self.constraints.as_ref().is_some_and(MatchResources::needs_namespace)
    }

    /// The requests that the policy can be about.
    pub(crate) fn requests(&self) -> Vec<RequestRule> {
        self.constraints.as_ref().map(MatchResources::requests).unwrap_or_default()
    }

    /// The kinds of native types that the policy can be about; `None` when others can be as well.
    pub(crate) fn kinds(&self) -> Option<Vec<&'static str>> {
        self.constraints.as_ref()?.kinds()
    }

    /// Whether the policy is about a request.
    pub(crate) fn matches(&self, seen: &Seen) -> Result<bool, String> {
        match &self.constraints {
            Some(constraints) => constraints.matches_exactly(&seen.attributes),
            None => Ok(false),
        }
    }

    /// Exceptions and conditions, in this order; what exceptions let pass in part is put into the context.
    pub(crate) fn before(
        &self,
        context: &mut Context<'_>,
        conditions: &Conditions,
        now: Option<Timestamp>,
    ) -> Before<'_> {
        match self.exceptions.apply(context, self.failure, now) {
            Ok(Excepted::Wholly(matched)) => return Before::Excepted(matched),
            Ok(Excepted::Partly { images, values }) => {
                let texts = |texts: Vec<SmolStr>| Cel::list(texts.into_iter().map(Cel::from));
                let lists = [("allowedImages", texts(images)), ("allowedValues", texts(values))];
                context.set("exceptions", Cel::map(lists));
            }
            Err(message) => return Before::Failed(message),
        }
        match conditions.hold(context, self.failure) {
            Ok(true) => Before::Evaluate,
            Ok(false) => Before::Skip,
            Err(errors) => Before::Failed(errors.join("; ")),
        }
    }

    /// The audit annotations that are not empty.
    pub(crate) fn annotate(&self, context: &Context<'_>) -> Result<Vec<(SmolStr, String)>, String> {
        let mut found = Vec::new();
        for (key, expression) in &self.annotations {
            let value = expression.evaluate(context);
            let value = value.map_err(|error| format!("failed to evaluate auditAnnotation '{key}': {error}"))?;
            match value.as_str() {
                Some("") => {}
                Some(text) => found.push((key.clone(), text.to_owned())),
                None => {
                    let name = value.type_name();
                    return Err(format!("failed to convert auditAnnotation '{key}' expression: it is a {name}"));
                }
            }
        }
        Ok(found)
    }
}

/// Whether nothing but one resource rule says what the policy is about.
fn is_simple(spec: &Mapping<'_>) -> bool {
    let Some(Ok(constraints)) = spec.optional("matchConstraints").map(Node::mapping) else { return false };
    let has = |value: Option<&Value>| match value {
        Some(Value::Object(object)) => !object.is_empty(),
        Some(Value::Array(array)) => !array.is_empty(),
        _ => false,
    };
    let selects = |name: &str| {
        let selector = constraints.get(name);
        ["matchLabels", "matchExpressions"].iter().any(|part| has(selector.and_then(|selector| selector.get(part))))
    };
    let rules = constraints.get("resourceRules").and_then(Value::as_array);
    let one = rules.filter(|rules| rules.len() == 1).and_then(|rules| rules.get(0));
    !selects("namespaceSelector")
        && !selects("objectSelector")
        && !has(constraints.get("excludeResourceRules"))
        && one.is_some_and(|rule| !has(rule.get("resourceNames")))
}

fn annotations(spec: &Mapping<'_>, compiler: &Compiler) -> Result<Vec<(SmolStr, Expression)>, Problem> {
    let nodes = spec.optional("auditAnnotations").map(Node::list).transpose()?.unwrap_or_default();
    let read = |node: Node<'_>| {
        let fields = node.mapping()?;
        fields.only(&["key", "valueExpression"])?;
        let expression = compiler.expression(fields.required("valueExpression")?, &[Type::String, Type::Null])?;
        Ok((fields.required("key")?.string()?.into(), expression))
    };
    nodes.into_iter().map(read).collect()
}

/// Answers for the expressions of a policy.
pub(crate) fn answers<'h>(head: &Head, host: &'h dyn Host) -> Answers<'h> {
    Answers { host, namespace: head.namespace.clone(), made: super::outside::Made::default(), verifying: None }
}

/// What may be spent on the expressions of one policy.
pub(crate) fn evaluation<'a>(answers: &'a Answers<'_>) -> Evaluation<'a> {
    Evaluation::default().with_outside(answers)
}

/// The time as exceptions see it.
pub(crate) fn now(host: &dyn Host) -> Option<Timestamp> {
    host.now_ns().ok().and_then(|now| Timestamp::from_nanosecond(i128::from(now)).ok())
}

/// The response of a request that is excepted.
pub(crate) fn excepted(matched: &[&Exception], rule_type: RuleType) -> RuleResponse {
    let (passes, message, keys) = report(matched);
    let status = if passes { Status::Pass } else { Status::Skip };
    RuleResponse { exceptions: keys, ..RuleResponse::new("exception", rule_type, status, message) }
}
