//! `GeneratingPolicy`: resources made when others are.

use probity_model::node::Node;
use probity_model::{Problem, Value};
use probity_policy_admission::{Compiler, Context, Expression};

use super::environment::{Family, environment};
use super::exception::Exception;
use super::outside::Answers;
use super::rules::{Before, Head, Rules, answers, evaluation, excepted, now};
use super::seen::Seen;
use super::template::Template;
use crate::host::Host;
use crate::object;
use crate::response::{Response, RuleResponse, RuleType, Status};

const FIELDS: &[&str] = &[
    "matchConstraints",
    "matchConditions",
    "variables",
    "evaluation",
    "webhookConfiguration",
    "generate",
    "auditAnnotations",
    "useServerSideApply",
];

const TYPE: RuleType = RuleType::Generation;

/// A policy that makes resources, compiled.
#[derive(Debug, Clone)]
pub struct GeneratingPolicy {
    /// Its name and place.
    pub head: Head,
    rules: Rules,
    generations: Vec<Generation>,
}

/// One way in which resources are made.
#[derive(Debug, Clone)]
enum Generation {
    /// An expression that calls the generator.
    Expression(Expression),
    Template(Template),
}

impl Generation {
    fn read(node: Node<'_>, compiler: &Compiler) -> Result<Self, Problem> {
        let fields = node.mapping()?;
        fields.only(&["expression", "template"])?;
        let expression = fields.optional("expression").filter(|node| node.value.as_str() != Some(""));
        match (expression, fields.optional("template")) {
            (Some(node), None) => compiler.condition(node).map(Self::Expression),
            (None, Some(node)) => Template::read(node, compiler).map(Self::Template),
            (Some(_), Some(_)) => Err(node.problem("only one of `expression` and `template` may be given")),
            (None, None) => Err(node.problem("one of `expression` and `template` must be given")),
        }
    }
}

impl GeneratingPolicy {
    /// Reads a policy and compiles its expressions.
    ///
    /// # Errors
    /// What is wrong first, with its place.
    pub(crate) fn read(node: Node<'_>, exceptions: &[Exception]) -> Result<Self, Problem> {
        let head = Head::read(node)?;
        let spec = node.mapping()?.required("spec")?.mapping()?;
        spec.only(FIELDS)?;
        let mut compiler = Compiler::new(environment(Family::Generating, head.scope()));
        let rules = Rules::read(&head, &spec, &mut compiler, exceptions, "matchConditions")?;
        let nodes = spec.required("generate")?.list()?;
        let generations = nodes.into_iter().map(|node| Generation::read(node, &compiler)).collect::<Result<_, _>>()?;
        Ok(Self { head, rules, generations })
    }

    /// What comes of a request; `None` when the policy is not about it.
    pub(crate) fn apply(&self, seen: &Seen, host: &dyn Host) -> Option<Response> {
        let name = self.head.name.clone();
        let rule = match self.rules.matches(seen) {
            Ok(false) => return None,
            Ok(true) => self.generate(seen, host)?,
            Err(error) => RuleResponse::error(name, TYPE, "failed to execute matching", error),
        };
        Some(Response { rules: vec![rule], patched: None })
    }

    fn generate(&self, seen: &Seen, host: &dyn Host) -> Option<RuleResponse> {
        let name = self.head.name.clone();
        let failed =
            |message: String| Some(RuleResponse::error(name.clone(), TYPE, "failed to evaluate policy", message));
        let answers = answers(&self.head, host);
        let evaluation = evaluation(&answers);
        let mut context = Context::new(seen.inputs(), &self.rules.variables, &evaluation);
        match self.rules.before(&mut context, &self.rules.conditions, now(host)) {
            Before::Evaluate => {}
            Before::Skip => return None,
            Before::Excepted(matched) => return Some(excepted(&matched, TYPE)),
            Before::Failed(message) => return failed(message),
        }
        for generation in &self.generations {
            let done = match generation {
                Generation::Expression(expression) => {
                    expression.evaluate(&context).map(drop).map_err(|error| error.to_string())
                }
                Generation::Template(template) => self.fill(template, &context, &answers),
            };
            if let Err(message) = done {
                return failed(message);
            }
        }
        match self.rules.annotate(&context) {
            Ok(properties) => {
                let response = RuleResponse::new(name, TYPE, Status::Pass, "policy evaluated successfully");
                Some(RuleResponse { properties, generated: answers.made.take(), ..response })
            }
            Err(message) => failed(message),
        }
    }

    /// Makes the resources of a template where they say; a policy in a namespace only there.
    fn fill(&self, template: &Template, context: &Context<'_>, answers: &Answers<'_>) -> Result<(), String> {
        let failed = |error| format!("failed to render generation template: {error}");
        for resource in template.render(context).map_err(failed)? {
            let namespace = self.namespace_of(&resource)?;
            answers.make(namespace, &resource)?;
        }
        Ok(())
    }

    fn namespace_of<'r>(&'r self, resource: &'r Value) -> Result<&'r str, String> {
        let own = self.head.namespace.as_str();
        match object::namespace(resource) {
            "" => Ok(own),
            namespace if own.is_empty() || own == namespace => Ok(namespace),
            namespace => Err(format!(
                "cross-namespace generation denied: a policy in namespace \"{own}\" cannot generate resources into \
                 namespace \"{namespace}\""
            )),
        }
    }
}
