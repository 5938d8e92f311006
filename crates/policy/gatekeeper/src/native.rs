//! Code of templates in CEL (`K8sNativeValidation`): a validating admission policy whose parameters are the constraint's
//! (Gatekeeper, `pkg/drivers/k8scel`).

use probity_model::node::{Mapping, Node};
use probity_model::value::Object;
use probity_model::{Problem, Value};
use probity_policy_admission::{
    Compiler, Conditions, Evaluated, FailurePolicy, Host, Names, Rules, Validation, environment, input,
};

use crate::judge::Found;
use crate::review::Review;

/// The name of the engine in templates.
pub(crate) const ENGINE: &str = "K8sNativeValidation";

/// What names of variables and conditions may not begin with.
const RESERVED: &str = "gatekeeper_internal_";

/// What all validations of a constraint may cost together, in the units of cel-go.
const BUDGET: u64 = probity_policy_cel::PER_CALL_LIMIT;

/// The variables that Gatekeeper adds.
const ADDED: &[(&str, &str)] = &[
    ("anyObject", "has(request.operation) && request.operation == \"DELETE\" && object == null ? oldObject : object"),
    ("params", "!has(params.spec) ? null : !has(params.spec.parameters) ? null : params.spec.parameters"),
];

/// Compiled code of a template.
#[derive(Debug, Clone)]
pub(crate) struct Native {
    rules: Rules,
    /// Whether it looks at the namespace of the object that is judged.
    pub(crate) uses_namespace: bool,
}

impl Native {
    /// Reads and compiles the source.
    pub(crate) fn read(source: &Mapping<'_>) -> Result<Self, Problem> {
        source.only(&["validations", "failurePolicy", "matchCondition", "variables", "generateVAP"])?;
        for name in ["variables", "matchCondition"] {
            check_names(source, name)?;
        }
        // Only what Gatekeeper adds may see the whole constraint.
        let mut with_params = Compiler::new(environment(Names { params: true, ..Names::default() }));
        let variables = with_params.variables_after(ADDED, source)?;
        let mut compiler = Compiler::new(environment(Names::default()));
        compiler.see(&with_params);
        let conditions = Conditions::read(source, "matchCondition", &compiler)?;
        let nodes = source.required("validations")?.list()?;
        let validations: Vec<Validation> = nodes
            .into_iter()
            .map(|node| Validation::read(&node.mapping()?, &compiler, &compiler))
            .collect::<Result<_, _>>()?;
        let rules = Rules::new(FailurePolicy::read(source)?, conditions, variables, validations, BUDGET);
        Ok(Self { uses_namespace: rules.names("namespaceObject"), rules })
    }

    /// What is wrong with a review by the parameters of a constraint.
    pub(crate) fn violations(
        &self,
        review: &Review,
        parameters: Option<&Value>,
        namespace: Option<&Value>,
    ) -> Vec<Found> {
        let spec = Value::object(parameters.map(|parameters| ("parameters", parameters.clone())));
        let constraint = Value::object([("spec", spec)]);
        let request = review.value(None);
        let deletes = request.get("operation").and_then(Value::as_str) == Some("DELETE");
        let object = if deletes { None } else { review.object.as_ref() };
        let inputs = vec![
            ("object", object.map(input).unwrap_or_default()),
            ("oldObject", review.old_object.as_ref().map(input).unwrap_or_default()),
            ("request", input(&without_objects(&request))),
            ("namespaceObject", namespace.map(input).unwrap_or_default()),
            ("params", input(&constraint)),
        ];
        let verdict = self.rules.evaluate_with(inputs, Host::default());
        let denying = verdict.decisions.into_iter().filter(|decision| decision.denies);
        denying
            .map(|decision| match decision.evaluated {
                Evaluated::Error => Found::Error(decision.message),
                Evaluated::Unknown => Found::Undecided(decision.message),
                Evaluated::Admit | Evaluated::Deny => Found::Violation(decision.message),
            })
            .collect()
    }
}

/// Requests are seen without their objects, which have names of their own.
fn without_objects(request: &Value) -> Value {
    let fields = request.as_object().into_iter().flat_map(Object::iter);
    let others =
        fields.filter(|(key, _)| !matches!(key.as_str(), "object" | "oldObject" | "namespaceObject" | "_unstable"));
    Value::Object(others.map(|(key, value)| (key.clone(), value.clone())).collect())
}

fn check_names(source: &Mapping<'_>, list: &str) -> Result<(), Problem> {
    for node in source.optional(list).map(Node::list).transpose()?.unwrap_or_default() {
        let name = node.mapping()?.required("name")?;
        if name.string()?.starts_with(RESERVED) {
            return Err(name.problem(format!("names that begin with `{RESERVED}` are Gatekeeper's own")));
        }
    }
    Ok(())
}
