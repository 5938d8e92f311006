//! What the ledger says, arranged for questions: a projection in `SQLite` that can be rebuilt at any time.
//!
//! [`Index`] takes entries of the ledger in their order; [`Queries`] answer. Nothing here is evidence by itself: each row
//! names its entry by index and leaf hash, and the ledger proves it.

mod admissions;
mod batch;
mod bits;
mod builds;
mod error;
mod facet;
mod filter;
mod follow;
mod gate;
mod images;
mod index;
mod liveness;
mod plan;
mod policies;
mod queries;
mod rows;
mod schema;
mod time;
mod tokens;
mod words;

pub use admissions::{
    AdmissionFilter, AdmissionOutcome, AdmissionPage, AdmissionRow, ConfirmationPage, ConfirmationRow, Deployment,
    DeploymentFilter, DeploymentKnown, DeploymentPage, done,
};
pub use builds::{BuildFilter, BuildPage, BuildRow};
pub use error::IndexError;
pub use filter::{Filter, Page, Period, Scope};
pub use follow::{Followed, LedgerSource};
pub use images::{ImageFilter, ImagePage, ImageRow};
pub use index::Index;
pub use liveness::{DriftFilter, DriftPage, DriftRow, GapRow, ReplicaRow, SILENT_AFTER, Silence};
pub use queries::{Of, Queries};
pub use rows::{
    Actions, Choices, ControlPosture, DayOutcomes, DecisionPage, DecisionRow, EntryRow, FindingRow, GateFilter,
    GatePage, GateRef, GateRow, Outcomes, Overview, PolicyChange, PolicyDetail, PolicyRecord, PolicyRow, PolicyVersion,
    Sample, ScanPage, ScanRow, Serving, Total, WaiverRow,
};
pub use schema::Opened;
