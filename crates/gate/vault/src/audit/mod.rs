//! The audit log of Vault and OpenBao: a line of JSON for each request and one for its response.
//!
//! [`Auditor`] judges each request once. [`lines`] reads files, and files that grow and are rotated; [`device`] is
//! what devices post to.

mod auditor;
pub mod device;
mod entry;
pub mod lines;

pub use auditor::{Auditor, Counts, Judged, Step};
pub use entry::{Entry, HASHED, Kind};
