//! `validate`: what a resource must be.

use probity_kubernetes::selector::Selector;
use probity_model::node::{Mapping, Node};
use probity_model::{SmolStr, Value};

use super::{Cel, ForEach, PodSecurity};
use crate::assertion::Assertion;
use crate::condition::{Conditions, template_error};
use crate::matching::selector;
use crate::pattern::Pattern;
use crate::read::{Path, ReadError, Within};
use crate::template::Template;

/// What follows from a failure.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum FailureAction {
    /// It is reported.
    #[default]
    Audit,
    /// The request is denied.
    Enforce,
}

impl FailureAction {
    pub(crate) fn read(node: Node<'_>) -> Result<Self, ReadError> {
        match node.string()? {
            "Audit" | "audit" => Ok(Self::Audit),
            "Enforce" | "enforce" => Ok(Self::Enforce),
            other => Err(node.problem(format!("`{other}` is no failure action; one of Audit, Enforce")).into()),
        }
    }
}

/// Another failure action for some namespaces.
#[derive(Debug, Clone)]
pub struct Override {
    pub(crate) action: FailureAction,
    pub(crate) namespaces: Vec<SmolStr>,
    pub(crate) namespace_selector: Option<Selector>,
}

impl Override {
    pub(crate) fn read_all(fields: &Mapping<'_>, name: &str) -> Result<Vec<Self>, ReadError> {
        let nodes = fields.optional(name).map(Node::list).transpose().within(name)?.unwrap_or_default();
        let read = |(index, node)| Self::read(node).within(Path::Index(index)).within(name);
        nodes.into_iter().enumerate().map(read).collect()
    }

    fn read(node: Node<'_>) -> Result<Self, ReadError> {
        let fields = node.mapping()?;
        fields.only(&["action", "namespaces", "namespaceSelector"])?;
        let namespaces = fields.optional("namespaces").map(Node::strings).transpose().within("namespaces")?;
        let labels = fields.optional("namespaceSelector").map(selector).transpose();
        Ok(Self {
            action: fields
                .optional("action")
                .map(FailureAction::read)
                .transpose()
                .within("action")?
                .unwrap_or_default(),
            namespaces: namespaces.unwrap_or_default().into_iter().map(SmolStr::from).collect(),
            namespace_selector: labels.within("namespaceSelector")?,
        })
    }
}

/// What a resource must be.
#[derive(Debug, Clone)]
pub struct Validate {
    pub(crate) message: Option<Template>,
    /// The message as it is written.
    pub(crate) message_text: String,
    /// What follows from a failure, when the rule says so itself.
    pub failure_action: Option<FailureAction>,
    pub(crate) overrides: Vec<Override>,
    pub(crate) allow_existing_violations: bool,
    /// How it is judged.
    pub check: Check,
}

/// How a resource is judged.
#[derive(Debug, Clone)]
pub enum Check {
    /// It must not be that these conditions hold.
    Deny(Option<Conditions>),
    /// It is as a pattern says.
    Pattern(Pattern),
    /// It is as one of the patterns says.
    AnyPattern(Vec<Pattern>),
    /// Every element of lists is as something says.
    ForEach(Vec<ForEach>),
    /// It keeps to a Pod Security Standard.
    PodSecurity(PodSecurity),
    /// CEL expressions hold.
    Cel(Box<Cel>),
    /// An assertion tree holds.
    Assert(Assertion),
    /// It is signed.
    Manifests,
}

const FIELDS: &[&str] = &[
    "failureAction",
    "failureActionOverrides",
    "allowExistingViolations",
    "message",
    "manifests",
    "foreach",
    "pattern",
    "anyPattern",
    "deny",
    "podSecurity",
    "cel",
    "assert",
];

const MANIFEST_FIELDS: &[&str] = &["attestors", "annotationDomain", "ignoreFields", "dryRun", "repository"];

impl Validate {
    pub(super) fn read(node: Node<'_>, rule: &Mapping<'_>) -> Result<Self, ReadError> {
        let fields = node.mapping()?;
        fields.only(FIELDS)?;
        let message = fields.optional("message");
        let text = message.map(Node::string).transpose().within("message")?.unwrap_or_default();
        let template = message
            .filter(|_| !text.is_empty())
            .map(|node| Template::of_text(text).map_err(|error| template_error(node, &error)));
        let allow = fields.optional("allowExistingViolations").map(Node::boolean).transpose();
        let action = fields.optional("failureAction").map(FailureAction::read).transpose();
        let check = Check::read(&fields, rule, text)?.ok_or_else(|| {
            node.problem("nothing is said of what must be")
                .with_help("one of pattern, anyPattern, deny, foreach, podSecurity, cel, assert, manifests")
        })?;
        Ok(Self {
            message: template.transpose().within("message")?,
            message_text: text.to_owned(),
            failure_action: action.within("failureAction")?,
            overrides: Override::read_all(&fields, "failureActionOverrides")?,
            allow_existing_violations: allow.within("allowExistingViolations")?.unwrap_or(true),
            check,
        })
    }
}

impl Check {
    /// What is said to judge by; of several, what Kyverno takes.
    fn read(fields: &Mapping<'_>, rule: &Mapping<'_>, message: &str) -> Result<Option<Self>, ReadError> {
        let has_attestors = |node: &Node<'_>| {
            node.value.get("attestors").and_then(Value::as_array).is_some_and(|attestors| !attestors.is_empty())
        };
        if let Some(node) = fields.optional("manifests").filter(has_attestors) {
            node.mapping().and_then(|fields| fields.only(MANIFEST_FIELDS)).within("manifests")?;
            return Ok(Some(Self::Manifests));
        }
        if let Some(node) = fields.optional("podSecurity") {
            return PodSecurity::read(node).within("podSecurity").map(|standard| Some(Self::PodSecurity(standard)));
        }
        if let Some(node) = fields.optional("cel") {
            return Cel::read(node, rule, message).within("cel").map(|cel| Some(Self::Cel(Box::new(cel))));
        }
        if let Some(node) = fields.optional("assert") {
            return Assertion::read(node).within("assert").map(|assertion| Some(Self::Assert(assertion)));
        }
        Self::read_of_element(fields)
    }

    /// What may be said of elements as well.
    pub(super) fn read_of_element(fields: &Mapping<'_>) -> Result<Option<Self>, ReadError> {
        if let Some(node) = fields.optional("deny") {
            return deny(node).within("deny").map(Some);
        }
        if let Some(node) = fields.optional("pattern") {
            let pattern = Pattern::compile(node.value).map_err(|error| template_error(node, &error));
            return pattern.within("pattern").map(|pattern| Some(Self::Pattern(pattern)));
        }
        if let Some(node) = fields.optional("anyPattern") {
            return any_pattern(node).within("anyPattern").map(|patterns| Some(Self::AnyPattern(patterns)));
        }
        match fields.optional("foreach") {
            Some(node) => ForEach::read_all(node).within("foreach").map(|loops| Some(Self::ForEach(loops))),
            None => Ok(None),
        }
    }
}

fn deny(node: Node<'_>) -> Result<Check, ReadError> {
    let fields = node.mapping()?;
    fields.only(&["conditions"])?;
    let conditions = fields.optional("conditions").map(Conditions::read).transpose().within("conditions")?;
    Ok(Check::Deny(conditions))
}

fn any_pattern(node: Node<'_>) -> Result<Vec<Pattern>, ReadError> {
    let read = |(index, node): (usize, Node<'_>)| {
        Pattern::compile(node.value).map_err(|error| template_error(node, &error)).within(Path::Index(index))
    };
    node.list()?.into_iter().enumerate().map(read).collect()
}
