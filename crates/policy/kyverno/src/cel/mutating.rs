//! `MutatingPolicy`: expressions that change the object, or others that are there already.

use probity_model::node::{Mapping, Node};
use probity_model::{Problem, Value};
use probity_policy_admission::{Atomics, Compiler, Conditions, Context, Expression, MatchResources, Mutation, input};
use probity_policy_cel::Type;
use probity_policy_core::{FailMode, Occasions, RequestRule};

use super::autogen::{self, Config, Rewriting};
use super::environment::{Family, environment};
use super::exception::Exception;
use super::judging::occasions;
use super::rules::{Before, Head, Rules, answers, evaluation, excepted, now};
use super::seen::Seen;
use crate::host::Host;
use crate::object;
use crate::response::{PatchedTarget, Response, RuleResponse, RuleType, Status};

const FIELDS: &[&str] = &[
    "matchConstraints",
    "failurePolicy",
    "matchConditions",
    "variables",
    "autogen",
    "targetMatchConstraints",
    "targetMatchConditions",
    "mutations",
    "auditAnnotations",
    "webhookConfiguration",
    "evaluation",
    "reinvocationPolicy",
];

const TYPE: RuleType = RuleType::Mutation;

/// A policy that changes, compiled.
#[derive(Debug, Clone)]
pub struct MutatingPolicy {
    /// Its name and place.
    pub head: Head,
    variants: Vec<Variant>,
    /// Which objects that are there already are changed; `None` when none are.
    targets: Option<Targets>,
    occasions: Occasions,
}

/// The policy itself, or what it says of what makes pods.
#[derive(Debug, Clone)]
struct Variant {
    /// `None` for the policy itself.
    config: Option<Config>,
    rules: Rules,
    mutations: Vec<Mutation>,
    atomics: Atomics,
}

/// Which other objects are changed.
#[derive(Debug, Clone)]
struct Targets {
    /// Those that an expression gives.
    expression: Option<Expression>,
    /// Those that are matched.
    constraints: Option<MatchResources>,
    conditions: Conditions,
}

/// What a policy makes of an object.
enum Mutated {
    Skipped,
    Excepted(RuleResponse),
    Failed(String),
    Object(Value, Vec<(probity_model::SmolStr, String)>),
}

impl MutatingPolicy {
    /// Reads a policy and compiles its expressions.
    ///
    /// # Errors
    /// What is wrong first, with its place.
    pub(crate) fn read(node: Node<'_>, exceptions: &[Exception]) -> Result<Self, Problem> {
        let head = Head::read(node)?;
        let spec_node = node.mapping()?.required("spec")?;
        let spec = spec_node.mapping()?;
        spec.only(FIELDS)?;
        let settings = spec.optional("evaluation").map(Node::mapping).transpose()?;
        let enabled = |name: &str| {
            let given = settings.and_then(|settings| settings.optional(name)).map(Node::mapping).transpose()?;
            given.and_then(|given| given.optional("enabled")).map(Node::boolean).transpose()
        };
        let whole = settings.and_then(|settings| settings.optional("useServerSideApply"));
        let atomics = match whole.map(Node::boolean).transpose()? {
            Some(true) => Atomics::Replaced,
            _ => Atomics::Refused,
        };
        let (first, compiler) = Variant::read(&head, spec_node, None, exceptions, atomics)?;
        let targets = match enabled("mutateExisting")? {
            Some(true) => Some(Targets::read(&spec, &compiler)?),
            _ => None,
        };
        let mut variants = vec![first];
        for (config, generated) in autogen::generated(spec_node.value, Rewriting::Mutations) {
            let node = Node { value: &generated, span: spec_node.span };
            variants.push(Variant::read(&head, node, Some(config), exceptions, atomics)?.0);
        }
        Ok(Self { head, variants, targets, occasions: occasions(&spec)? })
    }

    /// Whether the objects of requests are changed, rather than others when a request is made.
    pub(crate) fn is_for_admission(&self) -> bool {
        self.occasions.admission && self.targets.is_none()
    }

    /// The requests that it can be about.
    pub(crate) fn requests(&self) -> Vec<RequestRule> {
        self.variants.iter().flat_map(|variant| variant.rules.requests()).collect()
    }

    /// What it means that it cannot be evaluated.
    pub(crate) fn fail_mode(&self) -> FailMode {
        self.variants.first().map_or(FailMode::Closed, |variant| variant.rules.failure.fail_mode())
    }

    /// What comes of a request, for the policy itself and each way in which it is about what makes pods; each sees what
    /// those before it made of the object.
    pub(crate) fn apply(&self, seen: &mut Seen, host: &dyn Host) -> Vec<Response> {
        let mut responses = Vec::new();
        for variant in &self.variants {
            let (rules, patched) = match variant.rules.matches(seen) {
                Ok(false) if variant.rules.is_simple => continue,
                Ok(false) => (Vec::new(), None),
                Ok(true) if variant.config == Some(Config::Extract) => {
                    let message = "extraction mode: mutation for custom workload CRDs is not yet supported";
                    (vec![RuleResponse::new("", TYPE, Status::Skip, message)], None)
                }
                Ok(true) => {
                    let mutated = variant.mutate(seen, &variant.rules.conditions, &self.head, host);
                    let (rule, patched) = response(mutated);
                    (vec![rule], patched)
                }
                Err(error) => (vec![RuleResponse::error("match", TYPE, "failed to execute matching", error)], None),
            };
            if let Some(object) = &patched {
                *seen = seen.with_object(object.clone());
            }
            responses.push(Response { rules, patched });
        }
        responses
    }

    /// What becomes of objects that are there already, when a request is made; those that are not changed are left out.
    pub(crate) fn apply_to_targets(&self, seen: &Seen, targets: &[Value], host: &dyn Host) -> Vec<Response> {
        let Some(wanted) = &self.targets else { return Vec::new() };
        let selected = match self.selected(wanted, seen, host) {
            Ok(selected) => selected,
            Err(message) => {
                let rule = RuleResponse::error("evaluation", TYPE, "failed to evaluate policy", message);
                return vec![Response { rules: vec![rule], patched: None }];
            }
        };
        let mut responses = Vec::new();
        for target in targets {
            let at = seen.of_target(target);
            let is_meant = match &selected {
                Some(keys) => keys.contains(&key(target)),
                None => self.is_target(wanted, &at),
            };
            let Some(variant) = self.variants.first().filter(|_| is_meant) else { continue };
            let (mut rule, patched) = response(variant.mutate(&at, &wanted.conditions, &self.head, host));
            if let Some(object) = patched {
                rule.target = Some(PatchedTarget { object, subresource: "".into() });
            }
            responses.push(Response { rules: vec![rule], patched: None });
        }
        responses
    }

    /// The keys of the objects that the policy's expression gives; `None` when it has none.
    fn selected(&self, wanted: &Targets, seen: &Seen, host: &dyn Host) -> Result<Option<Vec<String>>, String> {
        let (Some(expression), Some(variant)) = (&wanted.expression, self.variants.first()) else { return Ok(None) };
        let answers = answers(&self.head, host);
        let evaluation = evaluation(&answers);
        let context = Context::new(seen.inputs(), &variant.rules.variables, &evaluation);
        let found = expression.evaluate(&context).and_then(|found| found.to_model());
        let found = found.map_err(|error| error.to_string())?;
        let items = found.get("items").and_then(Value::as_array);
        Ok(Some(match items {
            Some(items) => items.iter().map(key).collect(),
            None => vec![key(&found)],
        }))
    }

    fn is_target(&self, wanted: &Targets, target: &Seen) -> bool {
        let own = self.variants.first().and_then(|variant| variant.rules.constraints.as_ref());
        let constraints = wanted.constraints.as_ref().filter(|constraints| constraints.has_rules()).or(own);
        constraints
            .is_some_and(|constraints| constraints.of_any_operation().matches_exactly(&target.attributes) == Ok(true))
    }
}

/// What an object is found by among targets.
fn key(object: &Value) -> String {
    match object::namespace(object) {
        "" => object::name(object).to_owned(),
        namespace => format!("{namespace}/{}", object::name(object)),
    }
}

impl Targets {
    fn read(spec: &Mapping<'_>, compiler: &Compiler) -> Result<Self, Problem> {
        let fields = spec.optional("targetMatchConstraints").map(Node::mapping).transpose()?;
        let expression = fields.and_then(|fields| fields.optional("expression"));
        let expression = expression.filter(|node| node.value.as_str() != Some(""));
        let map = Type::map(Type::String, Type::Dyn);
        Ok(Self {
            expression: expression.map(|node| compiler.expression(node, &[map])).transpose()?,
            constraints: fields.map(|fields| MatchResources::read_fields(&fields)).transpose()?,
            conditions: Conditions::read(spec, "targetMatchConditions", compiler)?,
        })
    }
}

impl Variant {
    fn read(
        head: &Head,
        node: Node<'_>,
        config: Option<Config>,
        exceptions: &[Exception],
        atomics: Atomics,
    ) -> Result<(Self, Compiler), Problem> {
        let spec = node.mapping()?;
        let mut compiler = Compiler::new(environment(Family::Mutating, head.scope()));
        let rules = Rules::read(head, &spec, &mut compiler, exceptions, "matchConditions")?;
        let nodes = spec.optional("mutations").map(Node::list).transpose()?.unwrap_or_default();
        let mutations =
            nodes.into_iter().map(|node| Mutation::read(&node.mapping()?, &compiler)).collect::<Result<_, _>>()?;
        Ok((Self { config, rules, mutations, atomics }, compiler))
    }

    /// Changes an object, when exceptions and these conditions let it.
    fn mutate(&self, seen: &Seen, conditions: &Conditions, head: &Head, host: &dyn Host) -> Mutated {
        let answers = answers(head, host);
        let evaluation = evaluation(&answers);
        let mut context = Context::new(seen.inputs(), &self.rules.variables, &evaluation);
        match self.rules.before(&mut context, conditions, now(host)) {
            Before::Evaluate => {}
            Before::Skip => return Mutated::Skipped,
            Before::Excepted(matched) => return Mutated::Excepted(excepted(&matched, TYPE)),
            Before::Failed(message) => return Mutated::Failed(message),
        }
        let mut object = seen.attributes.object.clone();
        for mutation in &self.mutations {
            match mutation.apply(&object, &context, self.atomics) {
                Ok(changed) => object = changed,
                Err(message) => return Mutated::Failed(message),
            }
            context.set("object", input(&object));
        }
        match self.rules.annotate(&context) {
            Ok(annotations) => Mutated::Object(object, annotations),
            Err(message) => Mutated::Failed(message),
        }
    }
}

fn response(mutated: Mutated) -> (RuleResponse, Option<Value>) {
    match mutated {
        Mutated::Skipped => (RuleResponse::new("", TYPE, Status::Skip, "skip"), None),
        Mutated::Excepted(response) => (response, None),
        Mutated::Failed(message) => {
            (RuleResponse::error("evaluation", TYPE, "failed to evaluate policy", message), None)
        }
        Mutated::Object(object, properties) => {
            let response = RuleResponse::new("", TYPE, Status::Pass, "success");
            (RuleResponse { properties, ..response }, Some(object))
        }
    }
}
