//! JMESPath expressions, searched on a document that has all kinds of values.
#![no_main]

use libfuzzer_sys::fuzz_target;
use probity_model::json;
use probity_policy_jmespath::{Closed, Evaluation, Expression};

fuzz_target!(|text: &str| {
    let Ok(expression) = Expression::parse(text) else { return };
    let _ = expression.root_keys();
    let document = br#"{"a": [{"b": 1, "c": "x"}, {"b": [2.5, {"a": "1Gi"}]}, null], "b": {"a": true, "c": "5m"}, "c": "1.2.3"}"#;
    let document = json::read(document).unwrap();
    let _ = expression.search(&document, &Evaluation::new(&Closed).with_steps(100_000));
});
