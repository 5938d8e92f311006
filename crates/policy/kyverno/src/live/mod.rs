//! Policies as a webhook asks them: real requests, with a cluster behind.

mod mutator;
mod reach;
mod request;
mod roles;
mod user;
mod world;

pub use mutator::KyvernoMutator;
pub(crate) use reach::{requests_of, types_of, watches_of};
pub(crate) use request::{Requested, WithRoles};
pub(crate) use user::{asks_about_roles, asks_about_user};
pub(crate) use world::{InCluster, watched};
