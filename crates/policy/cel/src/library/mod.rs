//! The functions of the language and of its libraries.

mod convert;
mod optionals;
mod regex;
mod standard;
mod time;

use crate::environment::Builder;
use crate::parser::macros;

pub use optionals::optionals;
pub(crate) use standard::standard;

/// All that Kubernetes' admission policies may use.
pub(crate) fn kubernetes(builder: &mut Builder) {
    builder.has_is_free().homogeneous_literals();
    for library in [optionals, two_variable_comprehensions] {
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
