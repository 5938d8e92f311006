//! `MutatingAdmissionPolicy`: expressions that change the object (API server, `pkg/admission/plugin/policy/mutating`).

use probity_model::node::{Mapping, Node};
use probity_model::{Problem, Value};

use crate::apply::Atomics;
use crate::attributes::{Attributes, Matched};
use crate::conditions::{Conditions, FailurePolicy, mappings};
use crate::environment::{Names, environment};
use crate::expression::{Compiler, Context, Variables, input};
use crate::head::Head;
use crate::host::Host;
use crate::mutation::Mutation;
use crate::validating::Inputs;

const FIELDS: &[&str] = &[
    "paramKind",
    "matchConstraints",
    "variables",
    "mutations",
    "failurePolicy",
    "matchConditions",
    "reinvocationPolicy",
];

/// A policy, compiled.
#[derive(Debug, Clone)]
pub struct MutatingPolicy {
    /// Its name, place and reach.
    pub head: Head,
    failure: FailurePolicy,
    conditions: Conditions,
    variables: Variables,
    mutations: Vec<Mutation>,
    /// Whether it is asked again when others changed the object after it.
    pub(crate) reinvoked: bool,
}

/// What a mutating policy makes of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mutated {
    /// Its match conditions do not hold.
    Skipped,
    /// The object, whether or not it is another now.
    Object(Value),
    /// It could not be evaluated; what was done until then counts. Denies, unless failures are ignored.
    Failed {
        /// The object as far as it was changed.
        object: Value,
        /// Why.
        message: String,
        /// Whether the request is denied by it.
        denies: bool,
    },
}

impl MutatingPolicy {
    /// Reads a policy and compiles its expressions.
    ///
    /// # Errors
    /// What is wrong first, with its place.
    pub(crate) fn read(node: Node<'_>) -> Result<Self, Problem> {
        let spec = node.mapping()?.required("spec")?.mapping()?;
        spec.only(FIELDS)?;
        let head = Head::read(node, &spec)?;
        let names = Names { params: head.param_kind.is_some(), authorizer: true, patches: false };
        let mut compiler = Compiler::new(environment(names));
        let variables = compiler.variables(&spec)?;
        let conditions = Conditions::read(&spec, "matchConditions", &compiler)?;
        let mut patches = Compiler::new(environment(Names { patches: true, ..names }));
        patches.see(&compiler);
        let list = spec.required("mutations")?;
        let mutations: Vec<Mutation> = mappings(&spec, "mutations")?
            .iter()
            .map(|fields| Mutation::read(fields, &patches))
            .collect::<Result<_, _>>()?;
        if mutations.is_empty() {
            return Err(list.problem("a policy needs a mutation"));
        }
        Ok(Self {
            head,
            failure: FailurePolicy::read(&spec)?,
            conditions,
            variables,
            mutations,
            reinvoked: reinvocation(&spec)?,
        })
    }

    /// What counts when it cannot be evaluated.
    pub fn failure_policy(&self) -> FailurePolicy {
        self.failure
    }

    /// Whether an expression names a variable, such as `namespaceObject`.
    pub(crate) fn names(&self, variable: &str) -> bool {
        let expressions = self.conditions.iter().chain(self.variables.iter()).map(|(_, expression)| expression);
        expressions.chain(self.mutations.iter().map(Mutation::expression)).any(|expression| expression.names(variable))
    }

    /// Changes the object of a request that the policy is about; each mutation sees what those before it made.
    pub fn mutate(
        &self,
        attributes: &Attributes,
        matched: &Matched,
        params: Option<&Value>,
        host: Host<'_>,
    ) -> Mutated {
        let evaluation = host.evaluation();
        let inputs = Inputs::new(attributes, matched, params);
        let mut context = Context::new(inputs.0, &self.variables, &evaluation);
        let mut object = matched.convert(&attributes.object);
        match self.conditions.hold(&context, self.failure) {
            Ok(true) => {}
            Ok(false) => return Mutated::Skipped,
            Err(errors) => return self.failed(object, errors.join("; ")),
        }
        if object.is_null() {
            return Mutated::Object(object);
        }
        for mutation in &self.mutations {
            match mutation.apply(&object, &context, Atomics::Refused) {
                Ok(changed) => {
                    context.set("object", input(&changed));
                    object = changed;
                }
                Err(message) => return self.failed(object, message),
            }
        }
        Mutated::Object(object)
    }

    fn failed(&self, object: Value, message: String) -> Mutated {
        Mutated::Failed { object, message, denies: self.failure == FailurePolicy::Fail }
    }
}

fn reinvocation(spec: &Mapping<'_>) -> Result<bool, Problem> {
    let node = spec.required("reinvocationPolicy")?;
    match node.string()? {
        "Never" => Ok(false),
        "IfNeeded" => Ok(true),
        other => {
            Err(node.problem(format!("`{other}` is not a reinvocation policy")).with_help("one of Never, IfNeeded"))
        }
    }
}
