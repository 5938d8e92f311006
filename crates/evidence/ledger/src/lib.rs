//! The append-only ledger that decisions are kept in.

mod digest;
mod entry;

pub use digest::{Digest, ParseDigestError};
pub use entry::{
    Body, ClockSetBack, DecisionRecord, Entry, FindingRecord, GateNumber, InputRef, KeyRotation, Origin, ProblemRecord,
    ScanRecord, SubjectRecord, Submission, WaiverRecord,
};
