//! What is said of types, next to what OPA 1.22.2 says.

use std::fmt::Write as _;

use probity_model::value::Value;
use probity_model::{SourceId, yaml};

use super::*;
use crate::{Error, Schemas};

fn cases(text: &str) -> Vec<Value> {
    let documents = yaml::read(text, SourceId(0), yaml::Dialect::Core).unwrap();
    documents[0].value.as_array().unwrap().iter().cloned().collect()
}

fn texts(case: &Value, name: &str) -> Vec<String> {
    let list = case.get(name).and_then(Value::as_array);
    list.into_iter().flat_map(|list| list.iter()).filter_map(Value::as_str).map(str::to_owned).collect()
}

fn shown(error: &Error) -> String {
    let place = match &error.location {
        Some(location) => format!("{}:{}", location.line, location.column),
        None => "None:None".to_owned(),
    };
    format!("{place}: {}: {}", error.code.as_str(), error.message)
}

fn schemas(case: &Value) -> Option<Arc<Schemas>> {
    let given = case.get("schemas")?.as_object()?;
    let mut schemas = Schemas::default();
    for (name, schema) in given.iter() {
        let path: Vec<_> = name.as_str().split('.').skip(1).collect();
        match name.as_str().strip_prefix("schema[\"").and_then(|rest| rest.strip_suffix("\"]")) {
            Some(plain) => schemas.insert(&[plain], schema.clone()),
            None => schemas.insert(&path, schema.clone()),
        }
    }
    Some(Arc::new(schemas))
}

/// Compares what is said of each policy with what the table has; gives the policies of which something else is said.
fn differing(table: &str, head: &str) -> String {
    let mut differing = String::new();
    for case in cases(table) {
        let policy = format!("{head}{}", case.get("policy").and_then(Value::as_str).unwrap());
        let options = CompileOptions { schemas: schemas(&case), keep_prints: true, ..CompileOptions::default() };
        let read = Policies::read([(Path::new("t.rego"), policy.as_str())], Version::V1, options, Arc::default());
        let ours: Vec<String> = read.err().iter().flat_map(|errors| &errors.0).map(shown).collect();
        let wanted = texts(&case, "errors");
        if ours != wanted {
            let _ = write!(differing, "{policy}\nOPA:\n{}\nours:\n{}\n----\n", wanted.join("\n"), ours.join("\n"));
        }
    }
    differing
}

#[test]
fn errors_of_types_are_those_of_opa() {
    let differing = differing(include_str!("../../tests/types.yaml"), "package test\n");
    assert!(differing.is_empty(), "{differing}");
}

#[test]
fn schemas_give_documents_types() {
    let differing = differing(include_str!("../../tests/schemas.yaml"), "");
    assert!(differing.is_empty(), "{differing}");
}
