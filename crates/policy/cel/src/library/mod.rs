//! The functions of the language and of its libraries.

mod args;
mod convert;
mod encoders;
mod format;
pub mod kubernetes;
mod lists;
mod math;
mod optionals;
mod regex;
mod sets;
mod standard;
mod strings;
mod time;

use crate::environment::Builder;
use crate::parser::macros;

pub use encoders::encoders;
pub(crate) use format::clauses;
pub use lists::lists;
pub(crate) use lists::{COMPARABLE, self_comparison_cost};
pub use math::math;
pub use optionals::optionals;
pub use regex::{find, regexes};
pub use sets::sets;
pub(crate) use standard::standard;
pub use strings::{strings, strings_version_2};

/// All that Kubernetes' admission policies may use.
pub(crate) fn all_of_kubernetes(builder: &mut Builder) {
    builder.has_is_free().validated_literals(true);
    let libraries = [
        optionals,
        two_variable_comprehensions,
        strings_version_2,
        sets,
        lists,
        find,
        kubernetes::types,
        kubernetes::authorizer,
        kubernetes::json_patch,
    ];
    for library in libraries {
        library(builder);
    }
}

/// `all`, `exists`, `existsOne`, `transformList`, `transformMap` and `transformMapEntry` with two variables: position
/// and element, or key and value.
pub fn two_variable_comprehensions(builder: &mut Builder) {
    builder.macros(macros::two_variables());
}

/// `cel.bind` and `cel.block`.
pub fn bindings(builder: &mut Builder) {
    builder.macros(macros::bindings());
}
