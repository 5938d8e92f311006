//! The database of vulnerabilities: built from what is published, brought up to date, and put in its place.

mod build;
mod fetch;
mod part;
mod source;

pub(crate) use build::{build, names, tell_problems};
pub(crate) use fetch::Fetcher;
pub(crate) use part::remove_when_interrupted;
pub(crate) use source::Source;
