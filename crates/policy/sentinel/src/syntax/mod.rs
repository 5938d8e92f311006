//! From text to tree, and from text to well-formed text.

pub(crate) mod ast;
pub(crate) mod format;
pub(crate) mod lexer;
pub(crate) mod literal;
pub(crate) mod parser;
pub(crate) mod token;
