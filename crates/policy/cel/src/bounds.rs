//! Whatever the text, nothing panics and nothing is without end.

use probity_model::Value as Model;
use proptest::prelude::*;

use crate::{Environment, Error, Evaluation, Type, Value, library};

fn environment() -> Environment {
    Environment::kubernetes()
        .with(library::bindings)
        .with(library::math)
        .with(library::encoders)
        .with(library::regexes)
        .variable("object", Type::Dyn)
        .variable("n", Type::Int)
        .build()
}

/// Evaluates a text, checked and unchecked; what it cost.
fn run(environment: &Environment, text: &str, limit: u64) -> (Option<Result<Value, Error>>, u64) {
    let object = Model::object([("name", Model::from("a")), ("list", Model::array([1.into(), Model::Null]))]);
    let bindings = [("object", Value::from(&object)), ("n", Value::Int(3))];
    let evaluation = Evaluation::new(limit);
    if let Ok(program) = environment.compile_unchecked(text) {
        let _ = program.evaluate(&bindings, &evaluation);
    }
    let result = match environment.compile(text) {
        Ok(program) => Some(program.evaluate(&bindings, &evaluation)),
        Err(error) => {
            assert!(!error.to_string().is_empty());
            None
        }
    };
    (result, evaluation.cost())
}

/// Words and signs that expressions are made of.
const TOKENS: [&str; 64] = [
    "object",
    "n",
    ".name",
    ".list",
    ".all(x, ",
    ".exists(x, ",
    ".map(x, ",
    ".filter(x, ",
    ".map(x, y, ",
    "x",
    "has(",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    ":",
    ",",
    "?",
    " ? ",
    " : ",
    "+",
    "-",
    "*",
    "/",
    "%",
    "&&",
    "||",
    "!",
    "==",
    "<",
    ">=",
    " in ",
    "1",
    "0",
    "2u",
    "-1",
    "9223372036854775807",
    "1.5",
    "'a'",
    "\"%s\"",
    "b'\\xff'",
    "null",
    "true",
    "false",
    ".?name",
    "[?0]",
    ".orValue(1)",
    "optional.of(",
    ".size()",
    ".format([",
    "cel.bind(y, ",
    "y",
    ".split('')",
    ".matches('a*')",
    "duration('1h')",
    "timestamp(1)",
    "quantity('1Gi')",
    ".flatten(",
    "lists.range(",
    ".sort()",
    "math.greatest(",
    ".join('-')",
];

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in "\\PC{0,80}") {
        run(&environment(), &text, 10_000);
    }

    #[test]
    fn any_tokens_are_evaluated_within_the_limit(tokens in prop::collection::vec(prop::sample::select(&TOKENS[..]), 0..24)) {
        let (_, cost) = run(&environment(), &tokens.concat(), 10_000);
        // Two evaluations, of which each ends with the step that goes over the limit.
        prop_assert!(cost <= 2 * 10_000 + 2_000_100, "{cost}");
    }
}

#[test]
fn deep_expressions_are_refused_and_less_deep_ones_evaluated() {
    let environment = environment();
    let nested = |depth: usize| format!("{}1{}", "(".repeat(depth), ")".repeat(depth));
    assert_eq!(run(&environment, &nested(100), 1000).0, Some(Ok(Value::Int(1))));
    assert_eq!(run(&environment, &nested(300), 1000).0, None);
    let sum = |terms: usize| vec!["n"; terms].join("+");
    assert_eq!(run(&environment, &sum(150), 1000).0, Some(Ok(Value::Int(450))));
    assert_eq!(run(&environment, &sum(1000), 1000).0, None);
    let lists = |depth: usize| format!("{}n{}", "[".repeat(depth), "]".repeat(depth));
    assert!(matches!(run(&environment, &lists(110), 100_000).0, Some(Ok(_))));
    assert_eq!(run(&environment, &"a".repeat(200_000), 1000).0, None);
    assert_eq!(run(&environment, &vec!["true"; 5000].join("&&"), 1000).0, Some(Ok(Value::Bool(true))));
}

/// A text that binds a value and then, over and over, what is made of the one before.
fn doubling(first: &str, times: usize, double: impl Fn(usize) -> String, last: &str) -> String {
    let binds: String = (0..times).map(|index| format!("cel.bind(v{}, {}, ", index + 1, double(index))).collect();
    format!("cel.bind(v0, {first}, {binds}{last}{}", ")".repeat(times + 1))
}

#[test]
fn what_grows_without_end_is_stopped() {
    let environment = environment();
    let pair = |index: usize| format!("[v{index}, v{index}]");
    let cases = [
        doubling("[n, n, n]", 60, |index| format!("v{index} + v{index}"), "v60.size()"),
        doubling("'abc' + string(n)", 60, |index| format!("v{index} + v{index}"), "v60.size()"),
        doubling("[n]", 60, pair, "dyn(v60) == [v59, v59]"),
        doubling("[n]", 60, pair, "json.encode(v60)"),
        doubling("[n]", 60, pair, "'%s'.format(v60)"),
        doubling("[n]", 60, pair, "v60.flatten(60)"),
        doubling("[n]", 60, pair, "dyn(v60).indexOf(v59)"),
        "lists.range(1000000).map(x, lists.range(1000000))".to_owned(),
        "lists.range(300).map(x, lists.range(300).map(y, lists.range(300).map(z, z)))".to_owned(),
        "lists.range(30000).distinct()".to_owned(),
    ];
    for text in cases {
        let result = run(&environment, &text, crate::PER_CALL_LIMIT).0;
        assert!(matches!(result, Some(Err(_))), "{text}: {result:?}");
    }
}

#[test]
fn a_deadline_ends_a_long_loop() {
    let environment = environment();
    let program = environment.compile("lists.range(100000).all(x, lists.range(1000).all(y, y >= 0))").unwrap();
    let deadline = std::time::Instant::now() + std::time::Duration::from_millis(50);
    let evaluation = Evaluation::new(u64::MAX).with_deadline(deadline);
    assert_eq!(program.evaluate(&(), &evaluation), Err(Error::Interrupted));
}

#[test]
fn two_expensive_checks_are_the_most() {
    let environment =
        Environment::kubernetes().variable("authorizer", Type::opaque("kubernetes.authorization.Authorizer")).build();
    let check = "authorizer.group('apps').resource('deployments').check('create').allowed()";
    let evaluate = |times: usize| {
        let program = environment.compile(&vec![check; times].join(" || ")).unwrap();
        let authorizer = library::kubernetes::authorizer_value();
        program.evaluate(&[("authorizer", authorizer)], &Evaluation::default())
    };
    assert_eq!(evaluate(2), Ok(Value::Bool(false)));
    assert_eq!(evaluate(3), Err(Error::CostLimit));
}
