//! What is said of types, next to what OPA 1.22.2 says.

use std::fmt::Write as _;

use probity_model::value::Value;
use probity_model::{SourceId, yaml};

use super::*;
use crate::types::{Type, arg_text, read_schema};
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
    format!("{place}: {}: {}", error.code.as_str(), error.text())
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

#[test]
fn errors_of_queries_are_those_of_opa() {
    let policies = policies("package test\np := {\"a\": 1}\nf(x) := upper(x)\nr := p");
    for (query, wanted) in [
        ("1 == \"a\"", ""),
        ("1 = \"a\"", "1:1: rego_type_error: match error\n\tleft  : number\n\tright : string"),
        (
            "x := 1; upper(x)",
            "1:9: rego_type_error: upper: invalid argument(s)\n\thave: (number)\n\twant: (x: string, y: string)",
        ),
        (
            "sum = 5",
            "1:1: rego_type_error: match error\n\tleft  : (any<array[number], set[number]>) => number\n\tright : number",
        ),
        (
            "data.test.p.b",
            "1:1: rego_type_error: undefined ref: data.test.p.b\n\tdata.test.p.b\n\t            ^\n\t            have: \"b\"\n\t            want (one of): [\"a\"]",
        ),
        (
            "data.test.f(1)",
            "1:1: rego_type_error: data.test.f: invalid argument(s)\n\thave: (number)\n\twant: (string, string)",
        ),
        ("data.test.r.b with data.test.p as {\"b\": 1}", ""),
        ("data.test.none.b", ""),
    ] {
        let found = policies.query(query).err();
        let found: Vec<String> = found.iter().flat_map(|errors| &errors.0).map(shown).collect();
        assert_eq!(found.join("\n"), wanted, "{query}");
    }
}

#[test]
fn signatures_are_read_as_they_are_written() {
    for builtin in crate::builtins::all() {
        let function = builtin.declared();
        let mut args: Vec<String> = function.args.iter().map(arg_text).collect();
        args.extend(function.variadic.as_ref().map(|of| format!("{of}...")));
        let result = function.result.as_ref().map(|arg| format!(" => {}", arg_text(arg))).unwrap_or_default();
        assert_eq!(format!("({}){result}", args.join(", ")), builtin.signature(), "{}", builtin.name);
        assert_eq!(
            (builtin.arity(), builtin.void),
            (function.args.len(), function.result.is_none()),
            "{}",
            builtin.name
        );
    }
}

#[test]
fn types_do_not_grow_without_end() {
    let doubled: String = (0..60).map(|n| format!("p{} := [p{n}, p{n}]\n", n + 1)).collect();
    let nested: String = (0..500).map(|n| format!("q{} := {{\"a\": q{n}}}\n", n + 1)).collect();
    let wide: Vec<String> = (0..2000).map(|n| format!("{{\"k{n}\": {n}}}")).collect();
    let text = format!("package test\np0 := 1\n{doubled}q0 := 1\n{nested}w := [{}]\nx := w[_].none", wide.join(", "));
    let deep = (0..60).fold("1".to_owned(), |inner, _| format!("{{\"a\": 1}}[x] == [y | y := {inner}]"));
    let begin = std::time::Instant::now();
    policies(&text);
    let _ = read(&format!("package test\np if {deep}"));
    assert!(begin.elapsed() < std::time::Duration::from_mins(2), "{:?}", begin.elapsed());
}

/// Anything that looks like a schema.
fn any_schema() -> impl Strategy<Value = Value> {
    let name = prop::sample::select(vec!["string", "number", "integer", "object", "array", "null", "boolean", "other"]);
    let reference =
        prop::sample::select(vec!["#", "#/properties/a", "#/definitions/b", "#/allOf/0", "#x", "http://x/y#/z"]);
    let leaf = prop_oneof![
        name.clone().prop_map(|name| Value::object([("type", Value::from(name))])),
        (name.clone(), name).prop_map(|(a, b)| Value::object([("type", Value::array([a.into(), b.into()]))])),
        reference.prop_map(|reference| Value::object([("$ref", Value::from(reference))])),
        any::<bool>().prop_map(Value::Bool),
        Just(Value::from(1)),
    ];
    leaf.prop_recursive(5, 40, 4, |inner| {
        let key = prop::sample::select(vec!["a", "b", "c"]);
        let map = prop::collection::vec((key, inner.clone()), 0..3).prop_map(Value::object);
        let list = prop::collection::vec(inner.clone(), 0..3).prop_map(Value::array);
        let map_keyword = prop::sample::select(vec!["properties", "definitions", "patternProperties"]);
        let list_keyword = prop::sample::select(vec!["allOf", "anyOf", "oneOf", "items"]);
        let one_keyword = prop::sample::select(vec!["items", "additionalProperties", "not", "type", "$id"]);
        let keyword = prop_oneof![(map_keyword, map), (list_keyword, list), (one_keyword, inner)];
        prop::collection::vec(keyword, 1..4).prop_map(Value::object)
    })
}

proptest! {
    #[test]
    fn any_schema_is_read_or_refused(schema in any_schema()) {
        if let Ok((of, _kept)) = read_schema(&schema) {
            prop_assert!(of.to_string().len() < 1 << 20);
            prop_assert!(!matches!(of, Type::Function(_)));
        }
    }
}
