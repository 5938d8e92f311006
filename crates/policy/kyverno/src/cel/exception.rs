//! `PolicyException` of policies.kyverno.io: what policies except by conditions.

use jiff::Timestamp;
use probity_model::node::{Mapping, Node};
use probity_model::value::SmolStr;
use probity_model::{Problem, Value};
use probity_policy_admission::{Compiler, Conditions, Context, FailurePolicy};

use crate::object;

/// The label that tells which of several exceptions says how they are reported.
const PRIORITY: &str = "polex.kyverno.io/priority";

const FIELDS: &[&str] = &[
    "policyRefs",
    "matchConditions",
    "images",
    "allowedValues",
    "reportResult",
    "expiresAt",
    "properties",
    "evaluationMode",
];

/// An exception, as far as it is the same for all policies it names.
#[derive(Debug, Clone)]
pub struct Exception {
    key: String,
    refs: Vec<(SmolStr, SmolStr)>,
    /// The document: its conditions are compiled for each policy.
    document: Value,
    images: Vec<SmolStr>,
    values: Vec<SmolStr>,
    passes: bool,
    priority: i64,
    expires: Option<Timestamp>,
}

impl Exception {
    /// Reads an exception.
    ///
    /// # Errors
    /// What is wrong first, with its place.
    pub(crate) fn read(node: Node<'_>) -> Result<Self, Problem> {
        let spec = node.mapping()?.required("spec")?.mapping()?;
        spec.only(FIELDS)?;
        let mut refs = Vec::new();
        for node in spec.required("policyRefs")?.list()? {
            let fields = node.mapping()?;
            fields.only(&["name", "kind"])?;
            refs.push((fields.required("kind")?.string()?.into(), fields.required("name")?.string()?.into()));
        }
        let texts = |name: &str| -> Result<Vec<SmolStr>, Problem> {
            let texts = spec.optional(name).map(Node::strings).transpose()?.unwrap_or_default();
            Ok(texts.into_iter().map(SmolStr::from).collect())
        };
        let (namespace, name) = (object::namespace(node.value), object::name(node.value));
        let key = if namespace.is_empty() { name.to_owned() } else { format!("{namespace}/{name}") };
        let priority = object::labels(node.value).and_then(|labels| labels.get(PRIORITY)?.as_str()?.parse().ok());
        Ok(Self {
            key,
            refs,
            document: node.value.clone(),
            images: texts("images")?,
            values: texts("allowedValues")?,
            passes: reports_pass(&spec)?,
            priority: priority.unwrap_or_default(),
            expires: spec.optional("expiresAt").map(Node::parse).transpose()?,
        })
    }

    /// Whether it is about a policy of this kind and name.
    fn is_about(&self, kind: &str, name: &str) -> bool {
        self.refs.iter().any(|(known_kind, known_name)| known_kind == kind && known_name == name)
    }

    /// Whether it still counts.
    fn counts(&self, now: Option<Timestamp>) -> bool {
        match (self.expires, now) {
            (Some(expires), Some(now)) => now < expires,
            _ => true,
        }
    }
}

fn reports_pass(spec: &Mapping<'_>) -> Result<bool, Problem> {
    let Some(node) = spec.optional("reportResult") else { return Ok(false) };
    match node.string()? {
        "pass" => Ok(true),
        "" | "skip" => Ok(false),
        other => Err(node.problem(format!("`{other}` is not a result")).with_help("one of skip, pass")),
    }
}

/// The exceptions of one policy, compiled for it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Exceptions(Vec<(Exception, Conditions)>);

/// What exceptions make of a request.
pub(crate) enum Excepted<'e> {
    /// The policy does not count.
    Wholly(Vec<&'e Exception>),
    /// The policy may let these images and values pass.
    Partly { images: Vec<SmolStr>, values: Vec<SmolStr> },
}

impl Exceptions {
    /// Those about a policy.
    ///
    /// # Errors
    /// What is wrong with a condition of one.
    pub(crate) fn of(all: &[Exception], kind: &str, name: &str, compiler: &Compiler) -> Result<Self, Problem> {
        let own = all.iter().filter(|exception| exception.is_about(kind, name));
        let compile = |exception: &Exception| {
            let root = Node::root(&exception.document, None);
            let spec = root.mapping()?.required("spec")?.mapping()?;
            Ok((exception.clone(), Conditions::read(&spec, "matchConditions", compiler)?))
        };
        own.map(compile).collect::<Result<_, _>>().map(Self)
    }

    /// What they make of what the context shows.
    ///
    /// # Errors
    /// When a condition cannot be evaluated and no exception before it counts.
    pub(crate) fn apply(
        &self,
        context: &Context<'_>,
        failure: FailurePolicy,
        now: Option<Timestamp>,
    ) -> Result<Excepted<'_>, String> {
        let (mut matched, mut images, mut values) = (Vec::new(), Vec::new(), Vec::new());
        let mut wholly = false;
        for (exception, conditions) in self.0.iter().filter(|(exception, _)| exception.counts(now)) {
            match conditions.hold(context, failure) {
                Ok(false) => {}
                Ok(true) => {
                    matched.push(exception);
                    wholly |= exception.images.is_empty() && exception.values.is_empty();
                    images.extend(exception.images.iter().cloned());
                    values.extend(exception.values.iter().cloned());
                }
                Err(_) if wholly => {}
                Err(errors) => return Err(errors.join("; ")),
            }
        }
        if wholly { Ok(Excepted::Wholly(matched)) } else { Ok(Excepted::Partly { images, values }) }
    }
}

/// How a wholly excepted request is reported: whether as passed, the message and the names of the exceptions.
pub(crate) fn report(matched: &[&Exception]) -> (bool, String, Vec<String>) {
    let keys: Vec<String> = matched.iter().map(|exception| exception.key.clone()).collect();
    // The highest priority above zero decides, else the first.
    let mut chosen = matched.first();
    let mut highest = 0;
    for exception in matched {
        if exception.priority > highest {
            highest = exception.priority;
            chosen = Some(exception);
        }
    }
    let passes = chosen.is_some_and(|exception| exception.passes);
    let word = if passes { "passed" } else { "skipped" };
    (passes, format!("rule is {word} due to policy exception: {}", keys.join(", ")), keys)
}
