use std::io;

use probity_evidence_index::IndexError;

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// There is no such framework.
    #[error("there is no framework `{name}`; known are {known}")]
    NoFramework {
        /// What was asked for.
        name: String,
        /// The names that are known.
        known: String,
    },
    /// The last day is before the first, or the period is longer than ten years.
    #[error("a report is over at least a day and at most ten years; {first} to {last} is not")]
    Period {
        /// The first day.
        first: jiff::civil::Date,
        /// The last day.
        last: jiff::civil::Date,
    },
    /// The index cannot be asked.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// The report cannot be written.
    #[error("the report cannot be written: {0}")]
    Write(#[from] io::Error),
}
