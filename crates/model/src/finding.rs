use serde::Serialize;

use crate::policy::{PolicyId, words};
use crate::severity::Severity;
use crate::source::{Location, Span};
use crate::stage::Stage;

words! {
    /// How a policy came out on a subject.
    #[derive(PartialOrd, Ord, Hash)]
    Outcome: "an outcome" {
        /// It holds.
        Pass = "pass",
        /// It does not hold.
        Fail = "fail",
        /// It does not hold, and a recorded waiver accepts that.
        Waived = "waived",
        /// It was not asked: the source or a baseline says so.
        Skipped = "skipped",
        /// It cannot be decided: a value is not known yet.
        Unknown = "unknown",
        /// The policy itself failed.
        Error = "error",
    }
}

/// One policy's outcome on one subject.
#[derive(Debug, Clone, Serialize)]
pub struct Finding {
    /// The policy.
    pub policy: PolicyId,
    /// How it came out.
    pub outcome: Outcome,
    /// How bad it is when it does not hold.
    pub severity: Severity,
    /// The stage of the policy when it was asked.
    pub stage: Stage,
    /// What was found, in words; empty for a pass.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// Why it was waived or skipped, and who says so; of a failure, why it no longer is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Where to look.
    #[serde(skip)]
    pub span: Option<Span>,
    /// Where to look, in lines; filled by [`Decision::locate`](crate::Decision::locate).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location: Option<Location>,
}
