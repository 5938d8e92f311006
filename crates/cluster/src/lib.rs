//! A Kubernetes cluster, watched.
//!
//! [`Connection`] reaches it, [`Cache`] keeps objects of it as values that policies see, and answers their questions
//! without asking the API server where that can be. The rest is what Probity keeps in a cluster: its certificates,
//! webhook configurations, leases and reports.

mod cache;
mod certificates;
mod connection;
mod constraints;
mod inventory;
mod keep;
mod kinds;
mod lease;
mod reports;
mod sharing;
mod store;
mod view;

pub use cache::{Cache, Change, What};
pub use certificates::{Made, Rotation, Serving, long_lived};
pub use connection::{Connection, ConnectionError, Options};
pub use constraints::constraint_kind;
pub use keep::{Applied, apply, apply_status, delete};
pub use kinds::Kind;
pub use lease::{Election, Standing, Terms};
pub use reports::{Audited, Limits, OPEN_REPORTS, POLICY_REPORTS, Progress, Reported, Reports, Round, Taken, Verdict};
pub use view::{Services, View};
