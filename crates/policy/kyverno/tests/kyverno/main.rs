//! Kyverno's policies, as they are judged.

mod authorizer;
mod bad;
mod cel;
mod mutate;
mod property;
mod scan;
mod support;
mod testing;
mod validate;
