//! Go's `text/template` with the functions of sprig and Helm.
//!
//! A [`Set`] holds templates by name; [`Set::execute`] runs one over a [`Datum`] and gives its output, together with
//! where in the templates each part of it comes from. What a run may cost is bounded: steps, depth and output.
//!
//! What is random or depends on the clock (`randAlphaNum`, `uuidv4`, `genCA`, `now`) gives the same placeholder every time.

mod ast;
mod datum;
mod error;
mod execute;
mod functions;
mod lex;
mod output;
mod parse;
mod print;
mod set;
mod yaml;

pub use datum::{Datum, Map, Native};
pub use error::{Error, ErrorKind};
pub use functions::semver;
pub use output::{Output, Segment};
pub use print::plain;
pub use set::{Limits, Set};
pub use yaml::{read as read_yaml, write as write_yaml};

#[cfg(test)]
mod tests;
