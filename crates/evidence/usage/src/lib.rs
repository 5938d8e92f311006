//! Which rights are used in clusters, as their audit logs say, kept in a folder: what is granted and was not used is known without
//! a log to read.
//!
//! Of a cluster there are two files: what was used up to a moment, and beside it a journal of what came since, a line for each
//! part of the log. A part is on the disk when [`UsageStore::take`] returns. The journal is drawn into the other file when it is
//! long, and when the store ends. One process writes; any may [`read`].
//!
//! Objects that were sent, answers, addresses and fields of users are not kept: who, which verb on what, how often, and when.

mod files;
mod known;
mod store;
#[cfg(test)]
mod tests;

pub use known::{KnownUsage, SILENCE, Silence};
pub use store::{MAX_CLUSTERS, TakeError, UsageStore, is_cluster_name, read};

/// Why what was used cannot be kept or read.
#[derive(Debug, thiserror::Error)]
pub enum UsageError {
    /// A file cannot be read or written.
    #[error("{}: {source}", file.display())]
    Io {
        /// The file.
        file: std::path::PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A file is not what was written there.
    #[error("{}: {what}; move it away, and use is known from then on", file.display())]
    Form {
        /// The file.
        file: std::path::PathBuf,
        /// What is wrong with it.
        what: String,
    },
}
