//! What expressions come to, and what is wrong with wrong ones.

use crate::{Bindings, Environment, Error, Evaluation, Overload, Type, Value, library};
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

/// With what each costs in cel-go.
#[test]
fn libraries_of_kubernetes_answer_as_the_api_server_does() {
    let environment = Environment::kubernetes().variable("object", Type::Dyn).build();
    let cases = [
        ("quantity('1.5Gi').asApproximateFloat()", "1610612736.0", 2),
        ("quantity('50k').add(20).compareTo(quantity('50020'))", "0", 4),
        ("quantity('50k') == quantity('50000')", "true", 3),
        ("isQuantity('1.3Gi') && !isQuantity('abc')", "true", 3),
        ("url('https://[::1]:80/a b?k=a&k=b').getHost()", "\"[::1]:80\"", 4),
        ("url('https://[::1]:80/a b?k=a&k=b').getEscapedPath()", "\"/a%20b\"", 4),
        ("url('https://e.com/?k=a&k=b').getQuery()", "{\"k\": [\"a\", \"b\"]}", 4),
        ("ip('::1').isLoopback() && ip('10.0.0.1').family() == 4", "true", 5),
        ("cidr('192.168.1.5/24').masked()", "192.168.1.0/24", 3),
        ("cidr('192.168.0.0/16').containsIP('192.168.1.1')", "true", 5),
        ("cidr('192.168.0.0/16').containsCIDR('192.168.1.0/24')", "true", 7),
        ("semver('v1.2', true).isLessThan(semver('1.2.1'))", "true", 3),
        ("format.dns1123Label().validate('ab').hasValue()", "false", 10),
        ("'abc abd'.findAll('ab.')", "[\"abc\", \"abd\"]", 1),
        ("[1, 2, 3].sum() + [3, 1].max()", "9", 6),
        ("[3, 1, 2].sortBy(x, -x)", "[3, 2, 1]", 74),
        ("'%s %.1f'.format(['a', 1234.56])", "\"a 1,234.6\"", 1),
        ("object.spec.containers.filter(c, c.name == 'a').map(c, c.image)", "[\"nginx:1\"]", 38),
        ("sets.contains(object.spec.containers.map(c, c.name), ['a'])", "true", 35),
    ];
    for (text, expected, cost) in cases {
        let program = environment.compile(text).unwrap_or_else(|error| panic!("{error}"));
        let evaluation = Evaluation::default();
        let value = program.evaluate(&[("object", Value::from(&pod()))], &evaluation).unwrap();
        assert_eq!((format!("{value:?}").as_str(), evaluation.cost()), (expected, cost), "{text}");
    }
}

#[test]
fn literals_are_validated_for_kubernetes() {
    let environment = Environment::kubernetes().variable("n", Type::Int).build();
    let cases = [
        ("[1, 'a']", "1:5: expected type 'int' but found 'string'"),
        ("duration('x')", "1:10: invalid duration argument"),
        ("'a'.matches('[')", "1:13: invalid matches argument"),
        ("'%s %s'.format([n])", "1:15: index 1 out of range"),
        ("'%s'.format([n, n])", "1:12: too many arguments supplied to string.format (expected 1, got 2)"),
        ("l.all(x.y, true)", "1:8: argument must be a simple name"),
        ("has(n)", "1:5: invalid argument to has() macro"),
    ];
    for (text, expected) in cases {
        let error = environment.compile(text).unwrap_err().to_string();
        assert!(error.starts_with(&format!("ERROR: <input>:{expected}\n")), "{text}: {error}");
    }
}

/// Variables of a policy, which are computed when they are read.
struct Lazy;

impl Bindings for Lazy {
    fn variable(&self, _name: &str) -> Option<Result<Value, Error>> {
        None
    }

    fn field(&self, variable: &str, field: &str) -> Option<Result<Value, Error>> {
        match (variable, field) {
            ("variables", "image") => Some(Ok(Value::from("nginx"))),
            ("variables", "broken") => Some(Err(Error::new("it broke"))),
            _ => None,
        }
    }
}

#[test]
fn lazy_variables_are_asked_for_what_is_read() {
    let fields = [("image", Type::String), ("broken", Type::Dyn)];
    let variables = Type::object("variables", fields);
    let environment = Environment::kubernetes().lazy_variable("variables", variables).build();
    let evaluate = |text: &str| {
        let program = environment.compile(text).map_err(|error| error.to_string())?;
        program.evaluate(&Lazy, &Evaluation::default()).map_err(|error| error.to_string())
    };
    assert_eq!(evaluate("has(variables.image) && variables.image + '!' == 'nginx!'"), Ok(Value::Bool(true)));
    assert_eq!(evaluate("variables.broken == 1 || true"), Ok(Value::Bool(true)));
    assert_eq!(evaluate("variables.broken == 1"), Err("it broke".to_owned()));
    assert!(evaluate("variables.other").unwrap_err().contains("undefined field 'other'"));
    assert!(evaluate("variables.image > 1").unwrap_err().contains("found no matching overload for '_>_'"));
}

#[test]
fn objects_and_patches_are_built() {
    let environment = Environment::kubernetes()
        .with(library::kubernetes::object_construction)
        .with(library::kubernetes::json_patch)
        .build();
    let built = |text: &str| {
        let program = environment.compile(text).map_err(|error| error.to_string())?;
        let value = program.evaluate(&(), &Evaluation::default()).map_err(|error| error.to_string())?;
        Ok::<_, String>(format!("{:?}", value.to_model().unwrap()))
    };
    assert_eq!(
        built("Object{spec: Object.spec{replicas: 1, ?paused: optional.none()}}").as_deref(),
        Ok(r#"{"spec": {"replicas": 1}}"#)
    );
    assert_eq!(
        built("[JSONPatch{op: 'add', path: '/a/' + jsonpatch.escapeKey('b/c~d'), value: Object.spec{}}]").as_deref(),
        Ok(r#"[{"op": "add", "path": "/a/b~1c~0d", "value": {}}]"#)
    );
    assert!(built("JSONPatch{operation: 'add'}").unwrap_err().contains("undefined field 'operation'"));
    assert!(built("JSONPatch{op: 1}").unwrap_err().contains("expected type of field 'op' is 'string'"));
    assert!(built("Thing{a: 1}").unwrap_err().contains("undeclared reference to 'Thing'"));
}

#[test]
fn libraries_of_others_add_functions() {
    let mut builder = Environment::builder().variable("image", Type::opaque("Image"));
    builder
        .function(
            "image.parse",
            Overload::global("image_parse", [Type::String], Type::Int, |_, args| {
                Ok(Value::Int(i64::try_from(args[0].size()).unwrap_or_default()))
            }),
        )
        .function(
            "answer",
            Overload::member("answer", [Type::Int, Type::Int], Type::Int, |evaluation, args| {
                let host: &i64 = evaluation.host().ok_or(Error::new("no host"))?;
                Ok(Value::Int(args[0].as_int().unwrap_or_default() * host))
            })
            .impure(),
        );
    let environment = builder.build();
    let evaluate =
        |text: &str, evaluation: &Evaluation<'_>| environment.compile(text).unwrap().evaluate(&(), evaluation);
    assert_eq!(evaluate("image.parse('abc')", &Evaluation::default()), Ok(Value::Int(3)));
    assert_eq!(evaluate("6.answer(1)", &Evaluation::default().with_host(&7_i64)), Ok(Value::Int(42)));
    assert_eq!(evaluate("6.answer(1)", &Evaluation::default()), Err(Error::new("no host")));
}
