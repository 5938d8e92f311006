//! The audit log of Vault and `OpenBao`: a line of JSON for each request and one for its response.
//!
//! [`Auditor`] judges each request once. [`lines`] reads files, and files that grow and are rotated.

mod auditor;
mod entry;
pub mod lines;

pub use auditor::{Auditor, Counts, Judged, Step};
pub use entry::{Entry, HASHED, Kind};
