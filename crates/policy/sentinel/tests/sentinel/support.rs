//! Policies in a line.

use probity_model::{Sources, Value};
use probity_policy_sentinel::{Datum, Evaluation, Failure, Import, Limits, Outcome, Policy};

/// The policy of a text.
pub(crate) fn policy(text: &str) -> Policy {
    let sources = Sources::default();
    Policy::parse(&sources, sources.add("test.sentinel", text)).unwrap_or_else(|problems| panic!("{text}\n{problems}"))
}

/// Evaluates a text with a document as import `doc`, which the text may import.
pub(crate) fn run(text: &str) -> Result<Outcome, Failure> {
    let policy = policy(text);
    let document = Value::object([
        ("name", Value::from("a")),
        ("none", Value::Null),
        ("list", Value::array([1.into(), 2.into(), Value::array([3.into()])])),
        ("map", Value::object([("b", Value::object([("c", Value::from(true))]))])),
        ("later", Value::Unknown("aws_vpc.main.id".into())),
    ]);
    let limits = Limits { steps: 1_000_000, memory: 64 << 20, ..Limits::default() };
    let evaluation = Evaluation::new(&policy).with_import("doc", Import::Data(document)).with_limits(limits);
    evaluation.with_rules(["x".to_owned()]).run()
}

/// What `x` comes to in a text, which may go without `main`: its value, `undefined`, or the error.
pub(crate) fn x(text: &str) -> String {
    match run(&format!("{text}\nmain = true")) {
        Ok(outcome) => outcome.rule("x").map_or_else(|| "no x".to_owned(), Datum::to_string),
        Err(failure) => format!("error: {}", failure.message),
    }
}

/// Holds what `x` comes to against a table.
pub(crate) fn check(cases: &[(&str, &str)]) {
    for (text, expected) in cases {
        let text =
            if text.contains('\n') || text.starts_with("x =") { (*text).to_owned() } else { format!("x = {text}") };
        let found = x(&text);
        if let Some(part) = expected.strip_prefix("error: ") {
            assert!(found.starts_with("error: ") && found.contains(part), "{text}\n  gives {found}, not {expected}");
        } else {
            assert_eq!(&found, expected, "{text}");
        }
    }
}
