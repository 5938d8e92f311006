//! Kyverno's policies, as they are judged.

mod bad;
mod cel;
mod mutate;
mod property;
mod scan;
mod support;
mod testing;
mod validate;
