//! Expressions of a policy: compiled where they stand, and evaluated with the variables of the policy.

use std::cell::RefCell;

use probity_model::node::{Mapping, Node};
use probity_model::value::SmolStr;
use probity_model::{Problem, Value as Model};
use probity_policy_cel::{Bindings, Environment, Error, Evaluation, Program, Type, Value};

/// The name under which expressions see the variables of their policy.
const VARIABLES: &str = "variables";

/// A compiled expression.
#[derive(Debug, Clone)]
pub struct Expression {
    text: SmolStr,
    program: Program,
}

impl Expression {
    /// As it stands in the policy.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether it names a variable.
    pub fn names(&self, variable: &str) -> bool {
        self.program.variables().any(|known| known == variable)
    }

    /// Its value.
    ///
    /// # Errors
    /// Why it has none.
    pub fn evaluate(&self, context: &Context<'_>) -> Result<Value, Error> {
        self.program.evaluate(context, context.evaluation)
    }
}

/// Expressions with names that others may use; each sees those before it.
#[derive(Debug, Clone, Default)]
pub struct Variables(Vec<(SmolStr, Expression)>);

impl Variables {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The expressions with their names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Expression)> {
        self.0.iter().map(|(name, expression)| (name.as_str(), expression))
    }
}

/// Compiles the expressions of one policy.
#[derive(Clone)]
pub struct Compiler {
    environment: Environment,
    variables: Vec<(SmolStr, Type)>,
}

impl Compiler {
    /// A compiler of expressions that may name what the environment declares.
    pub fn new(environment: Environment) -> Self {
        Self { environment, variables: Vec::new() }
    }

    /// Compiles an expression that gives one of these types; any, when none is named.
    ///
    /// # Errors
    /// What is wrong with it, with its place.
    pub fn expression(&self, node: Node<'_>, types: &[Type]) -> Result<Expression, Problem> {
        let text = node.string()?;
        if text.trim().is_empty() {
            return Err(node.problem("the expression is empty"));
        }
        let program = self.environment.compile(text).map_err(|error| node.problem(error.in_one_line()))?;
        let found = program.result_type();
        if !types.is_empty() && !types.contains(found) {
            let wanted: Vec<String> = types.iter().map(ToString::to_string).collect();
            return Err(node.problem(format!("must evaluate to {} but got {found}", wanted.join(" or "))));
        }
        Ok(Expression { text: text.into(), program })
    }

    /// Compiles an expression that gives a type of this name.
    ///
    /// # Errors
    /// As [`Compiler::expression`].
    pub fn expression_of(&self, node: Node<'_>, name: &str) -> Result<Expression, Problem> {
        let expression = self.expression(node, &[])?;
        match expression.program.result_type().to_string() {
            found if found == name => Ok(expression),
            found => Err(node.problem(format!("must evaluate to {name} but got {found}"))),
        }
    }

    /// Compiles a condition.
    ///
    /// # Errors
    /// As [`Compiler::expression`].
    pub fn condition(&self, node: Node<'_>) -> Result<Expression, Problem> {
        self.expression(node, &[Type::Bool])
    }

    /// Compiles `variables`, a list of names and expressions, and lets what is compiled afterwards use them.
    ///
    /// # Errors
    /// What is wrong first.
    pub fn variables(&mut self, fields: &Mapping<'_>) -> Result<Variables, Problem> {
        self.variables_after(&[], fields)
    }

    /// As [`Compiler::variables`], after some that a tool adds: names and expressions.
    ///
    /// # Errors
    /// As there.
    pub fn variables_after(
        &mut self,
        added: &[(&'static str, &'static str)],
        fields: &Mapping<'_>,
    ) -> Result<Variables, Problem> {
        let mut variables = Vec::new();
        for (name, text) in added {
            let text = Model::from(*text);
            let expression = self.expression(Node::root(&text, fields.span()), &[])?;
            self.declare(name, &expression);
            variables.push((SmolStr::new_static(name), expression));
        }
        for node in fields.optional("variables").map(Node::list).transpose()?.unwrap_or_default() {
            let fields = node.mapping()?;
            fields.only(&["name", "expression"])?;
            let name = fields.required("name")?;
            if !is_identifier(name.string()?) {
                return Err(name.problem(format!("`{}` is not a name for a variable", name.string()?)));
            }
            let expression = self.expression(fields.required("expression")?, &[])?;
            if added.iter().any(|(known, _)| *known == name.string().unwrap_or_default()) {
                return Err(name.problem(format!("the name `{}` is taken", name.string()?)));
            }
            self.declare(name.string()?, &expression);
            variables.push((name.string()?.into(), expression));
        }
        Ok(Variables(variables))
    }

    /// Lets what is compiled afterwards use the variables of another compiler.
    pub fn see(&mut self, other: &Self) {
        self.variables.clone_from(&other.variables);
        self.rebuild();
    }

    fn declare(&mut self, name: &str, expression: &Expression) {
        self.variables.push((name.into(), expression.program.result_type().clone()));
        self.rebuild();
    }

    fn rebuild(&mut self) {
        // Of equal names the last is meant.
        let fields = Type::object("kubernetes.variables", self.variables.iter().cloned());
        self.environment = self.environment.extend().lazy_variable(VARIABLES, fields).build();
    }
}

fn is_identifier(text: &str) -> bool {
    let letter = |letter: char| letter.is_ascii_alphabetic() || letter == '_';
    text.starts_with(letter) && text.chars().all(|one| letter(one) || one.is_ascii_digit())
}

/// What the expressions of a policy see in one evaluation. Variables are evaluated when they are first asked for.
pub struct Context<'e> {
    inputs: Vec<(&'static str, Value)>,
    variables: &'e Variables,
    known: RefCell<Vec<Option<Result<Value, Error>>>>,
    evaluation: &'e Evaluation<'e>,
}

impl<'e> Context<'e> {
    /// The inputs by name, and the variables of the policy.
    pub fn new(inputs: Vec<(&'static str, Value)>, variables: &'e Variables, evaluation: &'e Evaluation<'e>) -> Self {
        let known = RefCell::new(vec![None; variables.0.len()]);
        Self { inputs, variables, known, evaluation }
    }

    /// The same inputs for other evaluations, which count their costs anew.
    #[must_use]
    pub fn again(self, evaluation: &'e Evaluation<'e>) -> Self {
        Self { evaluation, ..self }
    }

    /// An input by its name.
    pub fn input(&self, name: &str) -> Option<&Value> {
        self.inputs.iter().find(|(known, _)| *known == name).map(|(_, value)| value)
    }

    /// Puts an input in place of the one of that name; what variables were found to be is forgotten.
    pub fn set(&mut self, name: &'static str, value: Value) {
        self.add(name, value);
        self.known = RefCell::new(vec![None; self.variables.0.len()]);
    }

    /// As [`Context::set`], where no variable depends on the input.
    pub fn add(&mut self, name: &'static str, value: Value) {
        self.inputs.retain(|(known, _)| *known != name);
        self.inputs.push((name, value));
    }

    /// The truth that a condition evaluates to.
    ///
    /// # Errors
    /// When it has no value, or one that is no truth.
    pub fn holds(&self, condition: &Expression) -> Result<bool, Error> {
        let value = condition.evaluate(self)?;
        value.as_bool().ok_or_else(|| Error::new(format!("a condition is a {}, not a bool", value.type_name())))
    }
}

impl Bindings for Context<'_> {
    fn variable(&self, name: &str) -> Option<Result<Value, Error>> {
        self.inputs.iter().find(|(known, _)| *known == name).map(|(_, value)| Ok(value.clone()))
    }

    fn field(&self, variable: &str, field: &str) -> Option<Result<Value, Error>> {
        if variable != VARIABLES {
            return None;
        }
        let index = self.variables.0.iter().rposition(|(name, _)| name == field)?;
        if let Some(known) = &self.known.borrow()[index] {
            return Some(known.clone());
        }
        let found = self.variables.0[index].1.evaluate(self).map_err(|error| match error {
            ends if ends.ends_evaluation() => ends,
            Error::Unknown(what) => Error::Unknown(what),
            error => Error::new(format!("composited variable {field:?} fails to evaluate: {error}")),
        });
        self.known.borrow_mut()[index] = Some(found.clone());
        Some(found)
    }
}

/// A value of a document for expressions.
pub fn input(value: &Model) -> Value {
    Value::from(value)
}
