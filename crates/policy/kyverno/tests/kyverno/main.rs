//! Kyverno's policies, as they are judged.

mod authorizer;
mod bad;
mod cel;
mod image_policy;
mod images;
mod mutate;
mod property;
mod registry;
mod requests;
mod scan;
mod support;
mod testing;
mod validate;
