//! CEL expressions: read, checked and evaluated within a small limit, with and without the checker.
#![no_main]

use libfuzzer_sys::fuzz_target;
use probity_model::Value as Model;
use probity_policy_cel::{Environment, Evaluation, Type, Value, library};

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

fuzz_target!(|text: &str| {
    thread_local!(static ENVIRONMENT: Environment = environment());
    let object = Model::object([("name", Model::from("a")), ("list", Model::array([1.into(), Model::Null]))]);
    let bindings = [("object", Value::from(&object)), ("n", Value::Int(3))];
    let evaluation = Evaluation::new(10_000);
    ENVIRONMENT.with(|environment| {
        for program in [environment.compile(text), environment.compile_unchecked(text)].into_iter().flatten() {
            if let Ok(value) = program.evaluate(&bindings, &evaluation) {
                let _ = value.to_model();
            }
        }
    });
});
