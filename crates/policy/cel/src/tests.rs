//! What expressions come to, and what is wrong with wrong ones.

use crate::{Environment, Evaluation, Type, Value, library};
use probity_model::Value as Model;

fn environment() -> Environment {
    Environment::builder()
        .with(library::optionals)
        .with(library::bindings)
        .with(library::two_variable_comprehensions)
        .variable("object", Type::Dyn)
        .variable("n", Type::Int)
        .variable("a.b", Type::String)
        .build()
}

fn pod() -> Model {
    let text =
        br#"{"metadata": {"name": "web", "labels": {"app": "web", "a/b": "x"}}, "spec": {"replicas": 3, "ratio": 1.5,
        "containers": [{"name": "a", "image": "nginx:1"}, {"name": "b", "image": "redis", "ports": [80, 443]}]}}"#;
    probity_model::json::read(text).unwrap()
}

fn evaluate(text: &str) -> String {
    let program = match environment().compile(text) {
        Ok(program) => program,
        Err(error) => return error.to_string(),
    };
    let bindings = [("object", Value::from(&pod())), ("n", Value::Int(7)), ("a.b", Value::from("dotted"))];
    match program.evaluate(&bindings, &Evaluation::default()) {
        Ok(value) => format!("{value:?}"),
        Err(error) => format!("error: {error}"),
    }
}

#[test]
fn expressions_come_to_values() {
    let cases = [
        ("1 + 2 * 3 - -4", "11"),
        ("!!true && !false", "true"),
        ("n > 5 ? 'big' : 'small'", "\"big\""),
        ("a.b + '!'", "\"dotted!\""),
        ("object.metadata.name", "\"web\""),
        ("object.metadata.labels['a/b']", "\"x\""),
        ("object.metadata.labels.`a/b`", "\"x\""),
        ("object.spec.replicas == 3 && object.spec.ratio < 2", "true"),
        ("object.spec.containers.all(c, c.image.contains(':'))", "false"),
        ("object.spec.containers.exists(c, has(c.ports) && 443 in c.ports)", "true"),
        ("object.spec.containers.map(c, c.name)", "[\"a\", \"b\"]"),
        ("object.spec.containers.filter(c, has(c.ports)).size()", "1"),
        ("object.spec.?missing.orValue('none')", "\"none\""),
        ("object.spec.containers[?5].hasValue()", "false"),
        ("{'a': 1, ?'b': optional.none(), ?'c': optional.of(2)}", "{\"a\": 1, \"c\": 2}"),
        ("[1, 2, 3].transformMap(i, v, v > 1, v * i)", "{1: 2, 2: 6}"),
        ("cel.bind(x, 'ab', x + x)", "\"abab\""),
        ("object.nothing == 1 || true", "true"),
        ("object.nothing.deeper", "error: no such key: nothing"),
        ("[1][1]", "error: index out of bounds: 1"),
        ("1 / 0", "error: division by zero"),
        ("'a\\u00e4\\n' + r'\\n'", "\"aä\\n\\\\n\""),
        ("type(1) == int && type('') != int", "true"),
        ("1u < 2 && 1.0 < 2u", "true"),
        ("timestamp('2024-02-29T12:00:00Z') + duration('24h') == timestamp('2024-03-01T12:00:00Z')", "true"),
        ("timestamp('2024-02-29T12:00:00Z').getDayOfWeek('America/New_York')", "4"),
    ];
    for (text, expected) in cases {
        assert_eq!(evaluate(text), expected, "{text}");
    }
}

#[test]
fn wrong_expressions_are_told_as_cel_go_does() {
    let cases = [
        ("foo.bar", "ERROR: <input>:1:1: undeclared reference to 'foo' (in container '')\n | foo.bar\n | ^"),
        ("foo(1)", "ERROR: <input>:1:4: undeclared reference to 'foo' (in container '')\n | foo(1)\n | ...^"),
        (
            "n + 'a'",
            "ERROR: <input>:1:3: found no matching overload for '_+_' applied to '(int, string)'\n | n + 'a'\n | ..^",
        ),
        (
            "'a'.contains(1)",
            "ERROR: <input>:1:13: found no matching overload for 'contains' applied to 'string.(int)'\n \
             | 'a'.contains(1)\n | ............^",
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(evaluate(text), expected, "{text}");
    }
}
