//! `ImageValidatingPolicy`: what must hold of images and their signatures.
//!
//! Where registries are not asked, what looks for signatures is an error, and so no image passes that was not verified.

use probity_kubernetes::patch::JsonPatch;
use probity_kubernetes::patch::json6902::Options;
use probity_model::Problem;
use probity_model::node::{Mapping, Node};
use probity_model::value::SmolStr;
use probity_model::{Key, Value};
use probity_policy_admission::{Compiler, Context, Expression, input};
use probity_policy_cel::{Type, Value as Cel};

use super::attestor::{Attestation, Compiled};
use super::autogen::{self, Config};
use super::environment::{Family, environment, of_references};
use super::exception::Exception;
use super::image::{Glob, Reference};
use super::judging::{self, Judging, Origin};
use super::rules::{Before, Head, Rules, answers, evaluation, excepted, now};
use super::seen::Seen;
use super::validating::{Validation, without_variables};
use super::verifying::{Checked, Verifying};
use crate::host::Host;
use crate::image;
use crate::images::Images;
use crate::object;
use crate::response::{Response, RuleResponse, RuleType, Status};

const FIELDS: &[&str] = &[
    "matchConstraints",
    "failurePolicy",
    "auditAnnotations",
    "validationActions",
    "matchConditions",
    "variables",
    "validationConfigurations",
    "matchImageReferences",
    "credentials",
    "images",
    "attestors",
    "attestations",
    "validations",
    "webhookConfiguration",
    "evaluation",
    "autogen",
];

const TYPE: RuleType = RuleType::ImageVerify;

/// A policy on images, compiled.
#[derive(Debug, Clone)]
pub struct ImageValidatingPolicy {
    pub(crate) judging: Judging<Variant>,
}

/// Images by what an expression or a glob says of their references.
#[derive(Debug, Clone)]
pub(crate) enum Reached {
    Glob(Glob),
    Expression(Expression),
}

/// The policy itself, or what it says of what makes pods.
#[derive(Debug, Clone)]
pub(crate) struct Variant {
    config: Option<Config>,
    rules: Rules,
    validations: Vec<Validation>,
    references: Vec<Reached>,
    /// Where images are, besides what is known of pods.
    extractors: Vec<(SmolStr, Expression)>,
    attestors: Vec<Compiled>,
    attestations: Vec<Attestation>,
    pub(super) pins: bool,
    needs_digest: bool,
    needs_verification: bool,
}

/// What came of a policy, where it may still be asked for what other policies verify.
pub(crate) struct Judged {
    rule: RuleResponse,
    /// The images that some policy must have verified.
    images: Vec<String>,
}

impl Judged {
    /// What came of the policy once all were asked: images that none verified do not pass.
    pub(crate) fn settled(self, checked: &Checked) -> Response {
        let mut rule = self.rule;
        if let Some(lack) = self.images.iter().find_map(|image| checked.lack(image)) {
            rule = RuleResponse { status: Status::Fail, message: lack, ..rule };
        }
        Response { rules: vec![rule], patched: None }
    }
}

/// What came of a policy on one object.
enum Outcome {
    Skipped,
    Excepted(RuleResponse),
    Failed(String),
    /// With the images that must be verified.
    Passed(Vec<(SmolStr, String)>, Vec<String>),
    Violated(String, Vec<(SmolStr, String)>),
}

impl Reached {
    fn read(node: Node<'_>, compiler: &Compiler) -> Result<Self, Problem> {
        let fields = node.mapping()?;
        fields.only(&["glob", "expression"])?;
        if let Some(glob) = fields.optional("glob") {
            return Glob::new(glob.string()?).map(Self::Glob).map_err(|message| glob.problem(message));
        }
        let expression = fields.optional("expression");
        let expression = expression.ok_or_else(|| node.problem("one of `glob` and `expression` must be given"))?;
        compiler.condition(expression).map(Self::Expression)
    }

    /// Whether an image is meant.
    ///
    /// # Errors
    /// When the expression has no value.
    pub(crate) fn matches(&self, image: &str) -> Result<bool, String> {
        match self {
            Self::Glob(glob) => Ok(glob.matches(image)),
            Self::Expression(expression) => {
                let evaluation = probity_policy_cel::Evaluation::default();
                let context = Context::new(vec![("ref", image.into())], without_variables(), &evaluation);
                context.holds(expression).map_err(|error| error.to_string())
            }
        }
    }
}

impl ImageValidatingPolicy {
    /// Reads a policy and compiles its expressions.
    ///
    /// # Errors
    /// What is wrong first, with its place.
    pub(crate) fn read(node: Node<'_>, exceptions: &[Exception]) -> Result<Self, Problem> {
        let judging = Judging::read(node, FIELDS, |origin, spec| Variant::read(origin, spec, exceptions))?;
        Ok(Self { judging })
    }

    /// What comes of a request; `None` when the policy is not about it.
    pub(crate) fn apply(&self, seen: &Seen, host: &dyn Host, checked: &Checked) -> Option<Judged> {
        let mut last = None;
        for variant in &self.judging.variants {
            let judged = match variant.rules.matches(seen) {
                Ok(false) => continue,
                Ok(true) => self.judge(variant, seen, host, checked),
                Err(error) => {
                    let rule = RuleResponse::error("match", TYPE, "failed to execute matching", error);
                    Some(Judged { rule, images: Vec::new() })
                }
            };
            last = judged.or(last);
        }
        last
    }

    /// What comes of a request where only this policy is asked, with tags in the place of digests as at admission.
    pub(crate) fn apply_alone(&self, seen: &Seen, host: &dyn Host) -> Option<Response> {
        let checked = Checked::default();
        match self.pinned(seen, host) {
            Some(Err(response)) => Some(response),
            Some(Ok(pinned)) => self.apply(&pinned, host, &checked).map(|judged| judged.settled(&checked)),
            None => self.apply(seen, host, &checked).map(|judged| judged.settled(&checked)),
        }
    }

    /// What comes of a document that is no Kubernetes object; `None` when the policy's conditions do not hold.
    pub(crate) fn apply_to_json(&self, document: &Value, host: &dyn Host) -> Option<Response> {
        let checked = Checked::default();
        let variant = self.judging.variants.first()?;
        let given = Given { host, checked: &checked, head: &self.judging.head };
        let outcome = variant.evaluate(vec![("object", input(document))], None, given);
        self.judged(outcome).map(|judged| judged.settled(&checked))
    }

    /// The request with digests in the place of tags, of the images that the policy is about; `None` when that changes
    /// nothing. Registries are asked, or nothing is changed.
    pub(crate) fn pinned(&self, seen: &Seen, host: &dyn Host) -> Option<Result<Seen, Response>> {
        let images = host.images()?;
        let is_meant = |variant: &&Variant| variant.pins && variant.rules.matches(seen) == Ok(true);
        // What has its pods where nobody knows is not changed, as by Kyverno.
        let mut variants = self.judging.variants.iter().filter(|variant| variant.config != Some(Config::Extract));
        let variant = variants.rfind(is_meant)?;
        match variant.pinned(seen, host, images, &self.judging.head) {
            Ok(object) => object.map(|object| Ok(seen.with_object(object))),
            Err(message) => {
                let rule = RuleResponse::error("mutateDigest", TYPE, "failed to update digest", message);
                Some(Err(Response { rules: vec![rule], patched: None }))
            }
        }
    }

    fn judge(&self, variant: &Variant, seen: &Seen, host: &dyn Host, checked: &Checked) -> Option<Judged> {
        let given = Given { host, checked, head: &self.judging.head };
        if variant.config != Some(Config::Extract) {
            let path = template_path(&seen.attributes.kind.kind);
            return self.judged(variant.evaluate(seen.inputs(), path, given));
        }
        let object =
            if seen.attributes.object.is_null() { &seen.attributes.old_object } else { &seen.attributes.object };
        let templates = autogen::pod_templates(object);
        if templates.is_empty() {
            return self.judged(Outcome::Failed("extraction mode: no pod template found".to_owned()));
        }
        let (name, namespace) = (object::name(object), object::namespace(object));
        let (mut last, mut images) = (Outcome::Skipped, Vec::new());
        for (path, template) in templates {
            let pod = seen.of_pod(Some(autogen::pod_of(&template, name, namespace)), None);
            match variant.evaluate(pod.inputs(), template_path("Pod"), given) {
                Outcome::Skipped => {}
                Outcome::Violated(message, annotations) => {
                    let message = format!("{message} (pod template at {path})");
                    return self.judged(Outcome::Violated(message, annotations));
                }
                failed @ Outcome::Failed(_) => return self.judged(failed),
                Outcome::Passed(annotations, own) => {
                    images.extend(own);
                    last = Outcome::Passed(annotations, Vec::new());
                }
                excepted @ Outcome::Excepted(_) => last = excepted,
            }
        }
        self.judged(last).map(|judged| Judged { images, ..judged })
    }

    fn judged(&self, outcome: Outcome) -> Option<Judged> {
        let name = self.judging.head.name.clone();
        let mut images = Vec::new();
        let rule = match outcome {
            Outcome::Skipped => return None,
            Outcome::Excepted(response) => response,
            Outcome::Failed(message) => RuleResponse::error("evaluation", TYPE, "failed to evaluate policy", message),
            Outcome::Passed(properties, needed) => {
                images = needed;
                RuleResponse { properties, ..RuleResponse::new(name, TYPE, Status::Pass, "success") }
            }
            Outcome::Violated(message, properties) => {
                RuleResponse { properties, ..RuleResponse::new(name, TYPE, Status::Fail, message) }
            }
        };
        Some(Judged { rule, images })
    }
}

/// What a policy is evaluated with.
#[derive(Clone, Copy)]
struct Given<'g> {
    host: &'g dyn Host,
    checked: &'g Checked,
    head: &'g Head,
}

/// Where the pod is in an object of a kind that is known to have one.
fn template_path(kind: &str) -> Option<&'static [&'static str]> {
    match kind {
        "Pod" => Some(&["spec"]),
        "Job" | "Deployment" | "StatefulSet" | "DaemonSet" | "ReplicaSet" => Some(&["spec", "template", "spec"]),
        "CronJob" => Some(&["spec", "jobTemplate", "spec", "template", "spec"]),
        _ => None,
    }
}

impl judging::Variant for Variant {
    fn rules(&self) -> &Rules {
        &self.rules
    }
}

impl Variant {
    fn read(origin: Origin<'_>, node: Node<'_>, exceptions: &[Exception]) -> Result<Self, Problem> {
        let Origin { head, config, judges_json } = origin;
        let family = if judges_json { Family::ImagesOfJson } else { Family::Images };
        let spec = node.mapping()?;
        let mut compiler = Compiler::new(environment(family, head.scope()));
        let rules = Rules::read(head, &spec, &mut compiler, exceptions, "matchConditions")?;
        let validations = nodes(&spec, "validations")?
            .into_iter()
            .map(|node| Validation::read(node, &compiler))
            .collect::<Result<_, _>>()?;
        let references = Compiler::new(of_references());
        let references = nodes(&spec, "matchImageReferences")?
            .into_iter()
            .map(|node| Reached::read(node, &references))
            .collect::<Result<_, _>>()?;
        let settings = spec.optional("validationConfigurations").map(Node::mapping).transpose()?;
        if let Some(settings) = settings {
            settings.only(&["mutateDigest", "verifyDigest", "required"])?;
        }
        let is_set = |name: &str| {
            let given = settings.and_then(|settings| settings.optional(name)).map(Node::boolean).transpose()?;
            Ok::<bool, Problem>(given.unwrap_or(true))
        };
        Ok(Self {
            config,
            rules,
            validations,
            references,
            extractors: extractors(&spec, &compiler)?,
            attestors: nodes(&spec, "attestors")?
                .into_iter()
                .map(|node| Compiled::read(node, &compiler))
                .collect::<Result<_, _>>()?,
            attestations: nodes(&spec, "attestations")?.into_iter().map(Attestation::read).collect::<Result<_, _>>()?,
            pins: is_set("mutateDigest")?,
            needs_digest: is_set("verifyDigest")?,
            needs_verification: is_set("required")?,
        })
    }

    fn evaluate(&self, inputs: Vec<(&'static str, Cel)>, path: Option<&[&str]>, given: Given<'_>) -> Outcome {
        let host = given.host;
        let mut answers = answers(given.head, host);
        answers.verifying = Some(Verifying::new(host, &self.references, &self.attestations, given.checked));
        let evaluation = evaluation(&answers);
        let mut context = Context::new(inputs, &self.rules.variables, &evaluation);
        match self.rules.before(&mut context, &self.rules.conditions, now(host)) {
            Before::Evaluate => {}
            Before::Skip => return Outcome::Skipped,
            Before::Excepted(matched) => return Outcome::Excepted(excepted(&matched, TYPE)),
            Before::Failed(message) => return Outcome::Failed(message),
        }
        let images = match self.images(&context, path) {
            Ok(images) => images,
            Err(message) => return Outcome::Failed(message),
        };
        let all = || images.iter().flat_map(|(_, images)| images);
        if let Some(outcome) = self.digests(all()) {
            return outcome;
        }
        if let Err(message) = self.show(&mut context, &images) {
            return Outcome::Failed(message);
        }
        for (index, validation) in self.validations.iter().enumerate() {
            match validation.holds(&context) {
                Ok(true) => {}
                Err(message) => return Outcome::Failed(message),
                Ok(false) => {
                    let message = validation.failure(&context, index);
                    return match self.rules.annotate(&context) {
                        Ok(annotations) => Outcome::Violated(message, annotations),
                        Err(message) => Outcome::Failed(message),
                    };
                }
            }
        }
        match self.rules.annotate(&context) {
            Ok(annotations) => {
                Outcome::Passed(annotations, all().filter(|_| self.needs_verification).cloned().collect())
            }
            Err(message) => Outcome::Failed(message),
        }
    }

    /// The object with digests in the place of tags; `None` when that changes nothing.
    fn pinned(&self, seen: &Seen, host: &dyn Host, images: &dyn Images, head: &Head) -> Result<Option<Value>, String> {
        let answers = answers(head, host);
        let evaluation = evaluation(&answers);
        let mut context = Context::new(seen.inputs(), &self.rules.variables, &evaluation);
        match self.rules.before(&mut context, &self.rules.conditions, now(host)) {
            Before::Evaluate => {}
            Before::Skip | Before::Excepted(_) => return Ok(None),
            Before::Failed(message) => return Err(message),
        }
        let object = &seen.attributes.object;
        let found = image::found(object, None, &probity_policy_jmespath::Evaluation::new(host))?;
        let mut operations = Vec::new();
        for found in found.into_iter().filter(|found| found.image.digest.is_empty()) {
            let image = found.image.reference();
            if !is_meant(&self.references, &image)? {
                continue;
            }
            let digest = images.resolve(&image);
            let digest = digest.map_err(|error| format!("failed to resolve digest for image {image}: {error}"))?;
            operations.push(Value::object([
                ("op", Value::from("replace")),
                ("path", Value::from(found.pointer)),
                ("value", Value::from(format!("{image}@{digest}"))),
            ]));
        }
        if operations.is_empty() {
            return Ok(None);
        }
        let patch = JsonPatch::read(&Value::array(operations)).map_err(|error| error.to_string())?;
        patch.apply(object, Options::LENIENT).map(Some).map_err(|error| error.to_string())
    }

    /// The images that the policy is about, by where they are.
    fn images(&self, context: &Context<'_>, path: Option<&[&str]>) -> Result<Vec<(SmolStr, Vec<String>)>, String> {
        let mut images: Vec<(SmolStr, Vec<String>)> = Vec::new();
        if let Some(path) = path {
            let pod = context.input("object").map(|object| object.to_model().unwrap_or_default());
            let pod = pod.as_ref().and_then(|object| object.at(path));
            for list in ["containers", "initContainers", "ephemeralContainers"] {
                let containers = pod.and_then(|pod| pod.get(list)).and_then(Value::as_array);
                let named = containers.into_iter().flatten().filter_map(|one| one.get("image")?.as_str());
                images.push((list.into(), named.map(str::to_owned).collect()));
            }
        }
        for (name, expression) in &self.extractors {
            let found = expression.evaluate(context).map_err(|error| error.to_string())?;
            let found = found.as_list().ok_or_else(|| format!("the images `{name}` are no list"))?;
            let texts: Option<Vec<String>> = found.iter().map(|image| image.as_str().map(str::to_owned)).collect();
            let texts = texts.ok_or_else(|| format!("the images `{name}` are no texts"))?;
            images.retain(|(known, _)| known != name);
            images.push((name.clone(), texts));
        }
        for (_, list) in &mut images {
            let mut meant = Vec::with_capacity(list.len());
            for image in list.drain(..) {
                if is_meant(&self.references, &image)? {
                    meant.push(image);
                }
            }
            *list = meant;
        }
        Ok(images)
    }

    /// What becomes of images without a digest, when they need one.
    fn digests<'i>(&self, mut images: impl Iterator<Item = &'i String>) -> Option<Outcome> {
        if !self.needs_digest {
            return None;
        }
        images.find_map(|image| match Reference::parse(image) {
            None => Some(Outcome::Failed(format!("failed to parse image reference {image}"))),
            Some(reference) if reference.digest.is_empty() => {
                Some(Outcome::Violated(format!("image {image} does not have a digest"), Vec::new()))
            }
            Some(_) => None,
        })
    }

    /// Lets expressions see images, attestors and attestations.
    fn show(&self, context: &mut Context<'_>, images: &[(SmolStr, Vec<String>)]) -> Result<(), String> {
        let texts = |list: &[String]| Value::array(list.iter().map(|image| Value::from(image.as_str())));
        let object = |entries: Vec<(Key, Value)>| input(&Value::Object(entries.into_iter().collect()));
        let images = images.iter().map(|(name, list)| (Key::new(name), texts(list))).collect();
        context.add("images", object(images));
        let name = |attestation: &Attestation| (Key::new(&attestation.name), Value::from(attestation.name.clone()));
        context.add("attestations", object(self.attestations.iter().map(name).collect()));
        let attestors = self.attestors.iter().map(|own| Ok((Key::new(&own.name), own.evaluate(context)?)));
        let attestors = attestors.collect::<Result<_, String>>()?;
        context.set("attestors", object(attestors));
        Ok(())
    }
}

/// Whether a policy is about an image: any that it names, all when it names none.
pub(crate) fn is_meant(references: &[Reached], image: &str) -> Result<bool, String> {
    if references.is_empty() {
        return Ok(true);
    }
    for reference in references {
        if reference.matches(image)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn nodes<'d>(fields: &Mapping<'d>, name: &str) -> Result<Vec<Node<'d>>, Problem> {
    Ok(fields.optional(name).map(Node::list).transpose()?.unwrap_or_default())
}

fn extractors(spec: &Mapping<'_>, compiler: &Compiler) -> Result<Vec<(SmolStr, Expression)>, Problem> {
    let types = [Type::list(Type::String), Type::Dyn, Type::list(Type::Dyn)];
    let read = |node: Node<'_>| {
        let fields = node.mapping()?;
        fields.only(&["name", "expression"])?;
        let expression = compiler.expression(fields.required("expression")?, &types)?;
        Ok((fields.required("name")?.string()?.into(), expression))
    };
    nodes(spec, "images")?.into_iter().map(read).collect()
}
