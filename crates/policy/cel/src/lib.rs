//! CEL, the Common Expression Language (cel-spec), over model values, with the libraries of Kubernetes.
//!
//! An [`Environment`] says what expressions may name: variables with their types, functions, macros. It compiles a text
//! into a [`Program`], having checked names and types; a program is evaluated with [`Bindings`] for its variables and an
//! [`Evaluation`] for its limits. Documents are looked at as they are: [`Value::from`] of a model value copies nothing,
//! and reading a field follows references.
//!
//! ```
//! use probity_policy_cel::{Environment, Evaluation, Type, Value};
//!
//! let environment = Environment::kubernetes().variable("object", Type::Dyn).build();
//! let program = environment.compile("object.spec.replicas <= 5").unwrap();
//! let object = probity_model::Value::object([("spec", probity_model::Value::object([("replicas", 3.into())]))]);
//! let result = program.evaluate(&[("object", Value::from(&object))], &Evaluation::default());
//! assert_eq!(result.unwrap(), Value::Bool(true));
//! ```

mod ast;
#[cfg(test)]
mod bounds;
mod check;
mod compile_error;
mod environment;
mod error;
mod evaluation;
mod function;
pub mod library;
mod parser;
mod program;
#[cfg(test)]
mod tests;
mod types;
pub mod value;

pub use compile_error::{CompileError, Issue};
pub use environment::{Builder, Environment};
pub use error::Error;
pub use evaluation::{Bindings, Evaluation, Outside, PER_CALL_LIMIT};
pub use function::{Implementation, Overload};
pub use program::Program;
pub use types::{ObjectType, Type};
pub use value::{Opaque, Value};
