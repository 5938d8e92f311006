//! The append-only ledger that decisions are kept in.
//!
//! Entries are canonical JSON (RFC 8785) and the leaves of a Merkle tree (RFC 6962), kept as C2SP tlog-tiles: any web
//! server can serve the folder, and any client of tiled logs can read it. A checkpoint, signed with Ed25519, says what the
//! root is at a size.
//!
//! ```text
//! checkpoint            the newest checkpoint
//! ledger.pub            the public key
//! tile/<level>/<n>      hashes
//! tile/entries/<n>      entries
//! blobs/<ab>/<digest>   documents that entries refer to, compressed
//! pending/<n>.log       entries that are durable but not in tiles yet
//! lock                  who has it open for writing
//! ```

mod admission;
mod blob;
mod build;
mod checkpoint;
mod digest;
mod disk;
mod entry;
mod error;
mod export;
mod image;
mod key;
mod leaf;
mod ledger;
mod lock;
mod merkle;
mod note;
mod pending;
mod proof;
mod queue;
mod reader;
mod sealer;
mod sequences;
mod tile;
mod verify;
mod writer;

#[cfg(test)]
mod records;
#[cfg(test)]
mod tests;

pub use admission::{
    AdmissionRecord, AdmittedImage, ConfirmationRecord, DriftKind, DriftRecord, DriftState, GapRecord, HeartbeatRecord,
    ReplicaState, ResourceRecord,
};
pub use blob::{MAX_BLOB, compress, decompress};
pub use build::{BuildRecord, BuiltImage, CheckOutcome, CheckRecord};
pub use checkpoint::Checkpoint;
pub use digest::{Digest, ParseDigestError};
pub use entry::{
    Body, ClockSetBack, DecisionRecord, Entry, FindingRecord, GateNumber, InputRef, KeyRotation, Origin, ProblemRecord,
    RequestRecord, ScanRecord, SubjectRecord, Submission, WaiverRecord,
};
pub use error::{AppendError, LedgerError};
pub use export::Exported;
pub use image::{
    AcceptedRisk, AdvisoriesRecord, AttestationRecord, BaseRecord, DependencyCounts, ImageRecord, NewerBase,
    NotAssessed, ProvenanceRecord, RefusedRecord, ReportRecord, SbomRecord, SignatureRecord, SignerRecord,
    VulnerabilitiesRecord, VulnerabilityCounts,
};
pub use key::KeyFile;
pub use leaf::MAX_SUBMISSION;
pub use ledger::{Ledger, Receipt};
pub use merkle::{leaf_hash, root_from_proof};
pub use note::{NoteError, Signer, Verifier};
pub use proof::Proof;
pub use reader::{LedgerEntry, Reader};
pub use verify::{GateSummary, Verification, verify};
