//! The gate of Vault and OpenBao: policies on their requests.
//!
//! Vault Enterprise has Sentinel policies on paths (EGP, endpoint governing policies) and on tokens, entities and groups
//! (RGP, role governing policies); [`read`] makes policies of them, with their enforcement levels. A request is a subject,
//! [`VaultRequest`], that every language can judge. [`audit`] makes requests of the entries of an audit log, [`proxy`]
//! of those on their way to the server.

pub mod audit;
mod config;
mod governing;
mod judge;
mod log;
mod path;
pub mod proxy;
mod request;
mod ruling;

pub use config::{Governing, read};
pub use governing::{GoverningPolicy, Level};
pub use log::{DecisionLog, Event, Recorded};
pub use path::PathPattern;
pub use request::{Namespace, TYPE, VaultRequest};
