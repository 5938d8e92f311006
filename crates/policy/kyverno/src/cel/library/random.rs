//! `random`: texts that match a regular expression.

use probity_policy_cel::{Builder, Evaluation, Overload, Type, Value};

use super::outside::ask;

/// What is made when no expression is given.
const DEFAULT: &str = "[0-9a-z]{8}";

pub(super) fn add(builder: &mut Builder) {
    for (name, ids) in [
        ("random", ["random_string", "random_string_default"]),
        ("random.random", ["random_string_prefixed", "random_string_default_prefixed"]),
    ] {
        let run = |evaluation: &Evaluation<'_>, args: &[Value]| ask(evaluation, "random", args);
        builder.function(name, Overload::global(ids[0], vec![Type::String], Type::String, run).impure());
        let run = |evaluation: &Evaluation<'_>, _: &[Value]| ask(evaluation, "random", &[DEFAULT.into()]);
        builder.function(name, Overload::global(ids[1], Vec::new(), Type::String, run).impure());
    }
}
