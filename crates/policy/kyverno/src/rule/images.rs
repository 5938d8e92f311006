//! `verifyImages`: which images must be signed, and by whom.

use std::sync::Arc;

use probity_model::node::{Mapping, Node};
use probity_model::{SmolStr, Value};

use super::FailureAction;
use super::attestor::{AttestorSet, Logs, Pairs, Wanted, Who, pairs};
use crate::condition::{Conditions, template_error};
use crate::context::Context;
use crate::matching::texts;
use crate::read::{Path, ReadError, Within};
use crate::template::Template;

/// Which images must be signed.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "they are the flags that the field has")]
pub struct ImageVerification {
    /// Which images, with wildcards.
    pub references: Vec<SmolStr>,
    /// Which of them not.
    pub skipped: Vec<SmolStr>,
    /// Whether signatures or attestations are asked for.
    pub is_attested: bool,
    /// Whether tags are replaced by digests.
    pub mutate_digest: bool,
    /// Whether images must have a digest.
    pub verify_digest: bool,
    /// Whether images must have been verified before.
    pub required: bool,
    /// What follows from a failure, when the rule says so itself.
    pub failure_action: Option<FailureAction>,
    /// What cannot be asked for where there is no cluster.
    pub(crate) secrets: Vec<SmolStr>,
    /// The form of signatures.
    pub(crate) form: Signed,
    asked: Asked,
    /// What must hold of each attestation's predicates, in their order.
    pub(crate) conditions: Vec<Vec<Conditions>>,
    /// What must not hold of all attestations together.
    pub(crate) deny: Option<Deny>,
}

/// The form of signatures that are looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Signed {
    /// Under cosign's tags.
    Cosign,
    /// Sigstore bundles that refer to the image.
    Bundle,
    Notary,
}

/// What must not hold of the attestations of images.
#[derive(Debug, Clone)]
pub(crate) struct Deny {
    pub(crate) message: Option<Template>,
    /// Everything is denied when there are none.
    pub(crate) conditions: Option<Conditions>,
}

/// Signatures and attestations that are asked for, as they are or with variables to be put in.
#[derive(Debug, Clone)]
enum Asked {
    Constant(Arc<Attested>),
    Variable(Template),
}

/// The signatures and attestations that an image must have.
#[derive(Debug, Clone, Default)]
pub(crate) struct Attested {
    pub(crate) attestors: Vec<AttestorSet>,
    pub(crate) attestations: Vec<Attestation>,
    /// What signatures must note.
    pub(crate) annotations: Pairs,
    /// Where signatures are kept; empty when they are beside the image.
    pub(crate) repository: SmolStr,
}

/// An attestation that an image must have.
#[derive(Debug, Clone)]
pub(crate) struct Attestation {
    /// The variable that its predicate becomes; may be empty.
    pub(crate) name: SmolStr,
    /// The type of the predicate, or of the referrer.
    pub(crate) predicate_type: SmolStr,
    /// Whose it must be; anybody's when there are none.
    pub(crate) attestors: Vec<AttestorSet>,
}

/// The fields with variables.
const ATTESTED: &[&str] = &[
    "key",
    "roots",
    "subject",
    "issuer",
    "additionalExtensions",
    "attestors",
    "attestations",
    "annotations",
    "repository",
];

const FIELDS: &[&str] = &[
    "failureAction",
    "type",
    "image",
    "imageReferences",
    "skipImageReferences",
    "cosignOCI11",
    "mutateDigest",
    "verifyDigest",
    "validate",
    "required",
    "imageRegistryCredentials",
    "useCache",
];

impl ImageVerification {
    pub(super) fn read_all(node: Node<'_>) -> Result<Vec<Self>, ReadError> {
        let read = |(index, node)| Self::read(node).within(Path::Index(index));
        node.list()?.into_iter().enumerate().map(read).collect()
    }

    fn read(node: Node<'_>) -> Result<Self, ReadError> {
        let fields = node.mapping()?;
        fields.only(&[FIELDS, ATTESTED].concat())?;
        let mut references = texts(&fields, "imageReferences")?;
        // The form before there were several.
        if let Some(image) = fields.optional("image").map(Node::string).transpose().within("image")? {
            references.push(image.into());
        }
        let is_listed = |name: &str| fields.optional(name).is_some_and(|node| node.list().is_ok_and(|l| !l.is_empty()));
        let is_keyed = ["key", "issuer", "subject", "roots"].iter().any(|name| fields.optional(name).is_some());
        Ok(Self {
            references,
            skipped: texts(&fields, "skipImageReferences")?,
            is_attested: is_listed("attestors") || is_listed("attestations") || is_keyed,
            mutate_digest: flag(&fields, "mutateDigest")?,
            verify_digest: flag(&fields, "verifyDigest")?,
            required: flag(&fields, "required")?,
            failure_action: fields.optional("failureAction").map(FailureAction::read).transpose()?,
            secrets: secrets(&fields).within("imageRegistryCredentials")?,
            form: form(&fields).within("type")?,
            asked: asked(node)?,
            conditions: conditions(&fields).within("attestations")?,
            deny: fields.optional("validate").map(deny).transpose().within("validate")?.flatten(),
        })
    }

    /// The signatures and attestations that are asked for, with variables put in.
    ///
    /// # Errors
    /// When a variable has no value, or what is made of it is no attestor.
    pub(crate) fn attested(&self, context: &Context<'_>) -> Result<Arc<Attested>, String> {
        match &self.asked {
            Asked::Constant(attested) => Ok(attested.clone()),
            Asked::Variable(template) => {
                let value = template.substitute(context).map_err(|error| error.message)?;
                let attested = Attested::read(Node::root(&value, None));
                attested.map(Arc::new).map_err(|error| error.into_problem("verifyImages").message)
            }
        }
    }
}

/// What has variables, without the conditions: their variables are of the attestations.
fn asked(node: Node<'_>) -> Result<Asked, ReadError> {
    let fields = node.mapping()?;
    let mut kept = Vec::new();
    for name in ATTESTED {
        let Some(node) = fields.optional(name) else { continue };
        let value = match node.value {
            Value::Array(list) if *name == "attestations" => Value::array(list.iter().map(without_conditions)),
            value => value.clone(),
        };
        kept.push((*name, value));
    }
    let value = Value::object(kept);
    let template = Template::compile(&value).map_err(|error| template_error(node, &error))?;
    if template.constant().is_none() {
        return Ok(Asked::Variable(template));
    }
    let attested = Attested::read(Node { value: &value, span: node.span })?;
    Ok(Asked::Constant(Arc::new(attested)))
}

fn without_conditions(value: &Value) -> Value {
    let Value::Object(object) = value else { return value.clone() };
    let kept = object.iter().filter(|(key, _)| key.as_str() != "conditions");
    Value::Object(kept.map(|(key, value)| (key.clone(), value.clone())).collect())
}

impl Attested {
    fn read(node: Node<'_>) -> Result<Self, ReadError> {
        let fields = node.mapping()?;
        let annotations = fields.optional("annotations").map(pairs).transpose().within("annotations")?;
        let nodes = fields.optional("attestations").map(Node::list).transpose().within("attestations")?;
        let read = |(index, node)| Attestation::read(node).within(Path::Index(index)).within("attestations");
        let mut attested = Self {
            attestors: AttestorSet::read_all(fields.optional("attestors")).within("attestors")?,
            attestations: nodes.unwrap_or_default().into_iter().enumerate().map(read).collect::<Result<_, _>>()?,
            annotations: annotations.unwrap_or_default(),
            repository: text(&fields, "repository")?,
        };
        attested.add_older(&fields);
        Ok(attested)
    }

    /// Adds the attestor that the form names which was there before attestors were.
    fn add_older(&mut self, fields: &Mapping<'_>) {
        let [key, issuer, subject, roots] =
            ["key", "issuer", "subject", "roots"].map(|name| text(fields, name)).map(Result::unwrap_or_default);
        let who = if !key.is_empty() {
            Who::Keys { key: key.trim().into(), algorithm: SmolStr::default(), logs: Logs::default() }
        } else if !issuer.is_empty() {
            Who::Keyless { identity: Wanted { issuer, subject, ..Wanted::default() }, roots, logs: Logs::default() }
        } else {
            return;
        };
        let set = AttestorSet::one(who, Some(self.annotations.clone()).filter(|pairs| !pairs.is_empty()));
        if self.attestations.is_empty() {
            self.attestors.push(set);
        } else {
            self.attestations.iter_mut().for_each(|attestation| attestation.attestors.push(set.clone()));
        }
    }
}

impl Attestation {
    fn read(node: Node<'_>) -> Result<Self, ReadError> {
        let fields = node.mapping()?;
        fields.only(&["name", "predicateType", "type", "attestors"])?;
        let (own, older) = (text(&fields, "type")?, text(&fields, "predicateType")?);
        Ok(Self {
            name: text(&fields, "name")?,
            predicate_type: if own.is_empty() { older } else { own },
            attestors: AttestorSet::read_all(fields.optional("attestors")).within("attestors")?,
        })
    }
}

fn text(fields: &Mapping<'_>, name: &str) -> Result<SmolStr, ReadError> {
    Ok(fields.optional(name).map(Node::string).transpose().within(name)?.unwrap_or_default().into())
}

fn form(fields: &Mapping<'_>) -> Result<Signed, ReadError> {
    let Some(node) = fields.optional("type") else { return Ok(Signed::Cosign) };
    match node.string()? {
        "" | "Cosign" => Ok(Signed::Cosign),
        "SigstoreBundle" => Ok(Signed::Bundle),
        "Notary" => Ok(Signed::Notary),
        other => {
            let message = format!("`{other}` is not known; one of Cosign, SigstoreBundle, Notary");
            Err(node.problem(message).into())
        }
    }
}

/// The conditions of each attestation.
fn conditions(fields: &Mapping<'_>) -> Result<Vec<Vec<Conditions>>, ReadError> {
    let attestations = fields.optional("attestations").map(Node::list).transpose()?.unwrap_or_default();
    let mut all = Vec::with_capacity(attestations.len());
    for (index, node) in attestations.into_iter().enumerate() {
        let fields = node.mapping().within(Path::Index(index))?;
        let listed = fields.optional("conditions").map(Node::list).transpose().within("conditions");
        let listed = listed.within(Path::Index(index))?.unwrap_or_default();
        let read = listed.into_iter().map(Conditions::read).collect::<Result<_, _>>();
        all.push(read.within("conditions").within(Path::Index(index))?);
    }
    Ok(all)
}

fn deny(node: Node<'_>) -> Result<Option<Deny>, ReadError> {
    let fields = node.mapping()?;
    fields.only(&["message", "deny"])?;
    let Some(inner) = fields.optional("deny") else { return Ok(None) };
    let inner = inner.mapping().within("deny")?;
    inner.only(&["conditions"]).within("deny")?;
    let conditions = inner.optional("conditions").map(Conditions::read).transpose().within("deny")?;
    let message = fields.optional("message");
    let message = message.map(|node| -> Result<Template, ReadError> {
        Template::of_text(node.string()?).map_err(|error| template_error(node, &error))
    });
    Ok(Some(Deny { message: message.transpose().within("message")?, conditions }))
}

/// The secrets that are in a cluster.
fn secrets(fields: &Mapping<'_>) -> Result<Vec<SmolStr>, ReadError> {
    let Some(node) = fields.optional("imageRegistryCredentials") else { return Ok(Vec::new()) };
    let fields = node.mapping()?;
    fields.only(&["allowInsecureRegistry", "providers", "secrets"])?;
    texts(&fields, "secrets")
}

/// A flag that holds unless it is said not to.
fn flag(fields: &Mapping<'_>, name: &str) -> Result<bool, ReadError> {
    Ok(fields.optional(name).map(Node::boolean).transpose().within(name)?.unwrap_or(true))
}
