//! GraphQL: queries and schemas read, and checked against each other.

mod definitions;
mod lexer;
mod merge;
mod parser;
mod query;
mod schema;

use std::sync::LazyLock;

use probity_model::value::Value;

use self::parser::Parser;
use self::schema::Schema;
use super::args::string;
use super::encoding::text_or_object;
use super::{Context, Failure, Outcome};

/// What kind of value a literal is, as OPA numbers them.
const VARIABLE: i64 = 0;
const INT: i64 = 1;
const FLOAT: i64 = 2;
const STRING: i64 = 3;
const BLOCK: i64 = 4;
const BOOLEAN: i64 = 5;
const NULL: i64 = 6;
const ENUM: i64 = 7;
const LIST: i64 = 8;
const OBJECT: i64 = 9;

/// What is wrong with a document, and where.
#[derive(Debug)]
struct Wrong {
    message: String,
    place: Option<(usize, usize)>,
}

impl From<Wrong> for Failure {
    fn from(wrong: Wrong) -> Self {
        Self::value(match wrong.place {
            Some((line, column)) => format!("{} in GraphQL string at location {line}:{column}", wrong.message),
            None => format!("GraphQL parse error: {}", wrong.message),
        })
    }
}

/// Something is wrong with a part of a document.
fn wrong<T>(part: &Value, message: impl Into<String>) -> Result<T, Wrong> {
    let number = |at: usize| {
        let number = part.get("Position")?.as_array()?.get(at)?.as_number()?.as_i64()?;
        usize::try_from(number).ok()
    };
    let place = number(0).and_then(|line| Some((line, number(1)?)));
    Err(Wrong { message: message.into(), place })
}

/// A part's field that is a text; empty when there is none.
fn text<'d>(part: &'d Value, name: &str) -> &'d str {
    part.get(name).and_then(Value::as_str).unwrap_or("")
}

/// A part's field that is a list; empty when there is none.
fn list<'d>(part: &'d Value, name: &str) -> &'d [Value] {
    part.get(name).and_then(Value::as_array).map_or(&[], |list| list.as_slice())
}

fn flag(part: &Value, name: &str) -> bool {
    part.get(name).and_then(Value::as_bool).unwrap_or(false)
}

/// The element of that name.
fn named<'d>(list: &'d [Value], name: &str) -> Option<&'d Value> {
    list.iter().find(|part| text(part, "Name") == name)
}

/// What kind of value a literal is.
fn kind(value: &Value) -> i64 {
    value.get("Kind").and_then(Value::as_number).and_then(probity_model::Number::as_i64).unwrap_or(VARIABLE)
}

/// The name of a type, or of what it is a list of.
fn type_name(mut reference: &Value) -> &str {
    while let Some(element) = reference.get("Elem") {
        reference = element;
    }
    text(reference, "NamedType")
}

/// A type as it is written.
fn type_text(reference: &Value) -> String {
    let end = if flag(reference, "NonNull") { "!" } else { "" };
    match reference.get("Elem") {
        Some(element) => format!("[{}]{end}", type_text(element)),
        None => format!("{}{end}", text(reference, "NamedType")),
    }
}

/// The document without what policies do not see: places, and what is null or empty.
fn pruned(document: &Value) -> Value {
    fn keep(value: &Value) -> Option<Value> {
        let value = pruned(value);
        let empty = match &value {
            Value::Null => true,
            Value::Array(array) => array.is_empty(),
            Value::Object(object) => object.is_empty(),
            _ => false,
        };
        (!empty).then_some(value)
    }
    match document {
        Value::Array(array) => Value::array(array.iter().filter_map(keep)),
        Value::Object(object) => Value::Object(
            object
                .iter()
                .filter(|(name, _)| name.as_str() != "Position")
                .filter_map(|(name, value)| Some((name.clone(), keep(value)?)))
                .collect(),
        ),
        other => other.clone(),
    }
}

/// A document of operations, from a text or as it is.
fn query_document(value: &Value) -> Result<Value, Wrong> {
    match value.as_str() {
        Some(text) => Parser::new(text).query(),
        None => Ok(value.clone()),
    }
}

/// A document of definitions, from a text or as it is.
fn schema_document(value: &Value) -> Result<Value, Wrong> {
    match value.as_str() {
        Some(text) => Parser::new(text).schema(false),
        None => Ok(value.clone()),
    }
}

/// The definitions that every schema has.
fn built_in() -> &'static Value {
    static DOCUMENT: LazyLock<Value> = LazyLock::new(|| {
        let document = Parser::new(include_str!("builtin.graphql")).schema(true);
        document.expect("the built-in GraphQL definitions can be read")
    });
    &DOCUMENT
}

/// Whether a schema is well formed, with the error when not.
fn convert(document: &Value) -> Result<Schema<'_>, Failure> {
    Schema::new(built_in(), document).map_err(|wrong| {
        let message = match wrong.place {
            Some((line, column)) => format!("input:{line}:{column}: {}", wrong.message),
            None => wrong.message,
        };
        Failure::value(format!("Error in gqlparser SchemaDocument to Schema conversion: {message}"))
    })
}

/// Both documents, as policies see them, when they are well formed and fit each other.
fn verified(args: &[Value]) -> Result<[Value; 2], Failure> {
    let query = query_document(text_or_object(args, 0)?)?;
    let schema_document = schema_document(text_or_object(args, 1)?)?;
    let schema = convert(&schema_document)?;
    query::check(&schema, &query)?;
    Ok([pruned(&query), pruned(&schema_document)])
}

pub(super) fn parse(_: &mut Context<'_>, args: &[Value]) -> Outcome {
    Ok(Value::array(verified(args)?))
}

pub(super) fn parse_and_verify(_: &mut Context<'_>, args: &[Value]) -> Outcome {
    let empty = || Value::object(Vec::<(&str, Value)>::new());
    Ok(match verified(args) {
        Ok([query, schema]) => Value::array([true.into(), query, schema]),
        Err(_) => Value::array([false.into(), empty(), empty()]),
    })
}

pub(super) fn is_valid(_: &mut Context<'_>, args: &[Value]) -> Outcome {
    Ok(verified(args).is_ok().into())
}

pub(super) fn parse_query(_: &mut Context<'_>, args: &[Value]) -> Outcome {
    Ok(pruned(&Parser::new(string(args, 0)?).query()?))
}

pub(super) fn parse_schema(_: &mut Context<'_>, args: &[Value]) -> Outcome {
    Ok(pruned(&Parser::new(string(args, 0)?).schema(false)?))
}

pub(super) fn schema_is_valid(_: &mut Context<'_>, args: &[Value]) -> Outcome {
    let valid = match &args[0] {
        value @ (Value::String(_) | Value::Object(_)) => {
            schema_document(value).is_ok_and(|document| convert(&document).is_ok())
        }
        _ => false,
    };
    Ok(valid.into())
}
