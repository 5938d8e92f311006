//! The gate that judges runs of HCP Terraform and Terraform Enterprise as a run task.
//!
//! The platform sends a signed request when a run comes to a stage. [`router`] checks the signature, writes the task to a
//! journal and answers at once; a [`Service`] takes tasks from there, fetches the plan (before there is one, the
//! configuration), has a [`Judge`] judge it, and tells the platform how that came out. What goes wrong on the way ends as a
//! failed task with its reason: nothing passes because it could not be judged.
//!
//! By the documentation of the run tasks integration API, payload version 1.
//!
//! ```text
//! POST /terraform/run-task
//! ```

mod archive;
mod finding;
mod hosts;
mod journal;
mod payload;
mod plan;
mod platform;
mod queue;
mod result;
mod router;
mod service;
mod signature;

pub use archive::ArchiveError;
pub use hosts::{AllowedHost, AllowedHostError, HostError};
pub use journal::JournalError;
pub use payload::{PayloadError, Request, Stage, Task, Token};
pub use plan::{PlanError, check_plan};
pub use platform::{Authorities, PlatformError};
pub use result::{Judged, Outcome, Status};
pub use router::{PATH, router};
pub use service::{Judge, Limits, Service, Settings, StartError, Subject};
pub use signature::{HEADER, Key, KeyError};
