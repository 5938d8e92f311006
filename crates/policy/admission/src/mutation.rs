//! Mutations: expressions that give apply configurations or JSON patches (API server,
//! `pkg/admission/plugin/policy/mutating/patch`).

use probity_kubernetes::patch::json6902::Options;
use probity_kubernetes::patch::{JsonPatch, PatchError};
use probity_model::node::Mapping;
use probity_model::{Problem, Value};
use probity_policy_cel::value::Struct;
use probity_policy_cel::{Opaque, Value as Cel};

use crate::apply::{Atomics, apply_configuration};
use crate::environment::{JSON_PATCH, OBJECT};
use crate::expression::{Compiler, Context, Expression};

/// How deeply built objects are looked into.
const MAX_DEPTH: usize = 64;

/// An expression that changes the object.
#[derive(Debug, Clone)]
pub enum Mutation {
    /// It gives an object with the fields to set.
    ApplyConfiguration(Expression),
    /// It gives operations of JSON Patch.
    JsonPatch(Expression),
}

impl Mutation {
    /// Reads one of `mutations`.
    ///
    /// # Errors
    /// What is wrong first, with its place.
    pub fn read(fields: &Mapping<'_>, compiler: &Compiler) -> Result<Self, Problem> {
        fields.only(&["patchType", "applyConfiguration", "jsonPatch"])?;
        let kind = fields.required("patchType")?;
        let expression = |name: &str, result: &str| {
            let fields = fields.required(name)?.mapping()?;
            fields.only(&["expression"])?;
            compiler.expression_of(fields.required("expression")?, result)
        };
        match kind.string()? {
            "ApplyConfiguration" => expression("applyConfiguration", OBJECT).map(Self::ApplyConfiguration),
            "JSONPatch" => expression("jsonPatch", "list(JSONPatch)").map(Self::JsonPatch),
            other => {
                let problem = kind.problem(format!("`{other}` is not a type of patch"));
                Err(problem.with_help("one of ApplyConfiguration, JSONPatch"))
            }
        }
    }

    pub(crate) fn expression(&self) -> &Expression {
        match self {
            Self::ApplyConfiguration(expression) | Self::JsonPatch(expression) => expression,
        }
    }

    /// The object after the mutation.
    ///
    /// # Errors
    /// When the expression has no value, or what it gives does not fit the object.
    pub fn apply(&self, object: &Value, context: &Context<'_>, atomics: Atomics) -> Result<Value, String> {
        match self {
            Self::ApplyConfiguration(expression) => {
                let value = evaluate(expression, context)?;
                check_names(&value)?;
                let patch = to_model(&value)?;
                apply_configuration(object, &patch, atomics).map_err(|error| format!("error applying patch: {error}"))
            }
            Self::JsonPatch(expression) => {
                let value = evaluate(expression, context)?;
                let operations = value.as_list().ok_or("the expression does not give a list of patches")?;
                let operations = operations.iter().map(|operation| operation_of(&operation));
                apply_json_patch(object, &operations.collect::<Result<Vec<_>, _>>()?)
            }
        }
    }
}

fn evaluate(expression: &Expression, context: &Context<'_>) -> Result<Cel, String> {
    let failed = |error| format!("expression '{}' resulted in error: {error}", expression.text());
    expression.evaluate(context).map_err(failed)
}

fn to_model(value: &Cel) -> Result<Value, String> {
    value.to_model().map_err(|error| error.to_string())
}

/// One operation as JSON Patch has it.
fn operation_of(operation: &Cel) -> Result<Value, String> {
    let fields = operation.downcast::<Struct>().filter(|operation| operation.type_name() == JSON_PATCH);
    let fields = fields.ok_or_else(|| format!("a patch is a {}, not a JSONPatch", operation.type_name()))?.fields();
    let mut entries = Vec::new();
    for name in ["op", "path", "from"] {
        if let Some(text) = fields.get_str(name) {
            let text = text.as_str().map(Value::from).ok_or_else(|| format!("`{name}` of a JSONPatch is no text"))?;
            entries.push((name, text));
        }
    }
    if let Some(value) = fields.get_str("value") {
        check_names(&value)?;
        entries.push(("value", to_model(&value)?));
    }
    Ok(Value::object(entries))
}

/// Applies operations in order; a test that does not hold leaves the object as it was.
fn apply_json_patch(object: &Value, operations: &[Value]) -> Result<Value, String> {
    let told = |error: PatchError| format!("JSON Patch: {error}");
    let patch = JsonPatch::read(&Value::array(operations.iter().cloned())).map_err(told)?;
    match patch.apply(object, Options::STRICT) {
        Err(PatchError::Test(_)) => Ok(object.clone()),
        result => result.map_err(told),
    }
}

/// Checks that objects are built with the names of the fields they are in: `Object.spec` in `spec` of an `Object`.
fn check_names(value: &Cel) -> Result<(), String> {
    match value.downcast::<Struct>() {
        Some(object) => check_within(value, object.type_name(), MAX_DEPTH),
        None => Ok(()),
    }
}

fn check_within(value: &Cel, expected: &str, depth: usize) -> Result<(), String> {
    if depth == 0 {
        return Err("the object is nested too deeply".to_owned());
    }
    if let Some(object) = value.downcast::<Struct>() {
        let name = object.type_name();
        if name != expected {
            return Err(format!(
                "type mismatch: unexpected type name \"{name}\", expected \"{expected}\", which matches field name path \
                 from root Object type"
            ));
        }
        return object.fields().iter().try_for_each(|(field, value)| {
            check_within(&value, &format!("{expected}.{}", field.as_str().unwrap_or_default()), depth - 1)
        });
    }
    if let Some(list) = value.as_list().filter(|list| list.as_tree().is_none()) {
        return list.iter().try_for_each(|element| check_within(&element, expected, depth - 1));
    }
    if let Some(map) = value.as_map().filter(|map| map.as_tree().is_none()) {
        return map.iter().try_for_each(|(_, value)| check_within(&value, expected, depth - 1));
    }
    Ok(())
}
