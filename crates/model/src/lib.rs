//! The nouns everyone shares.
//!
//! A [`Subject`] is judged by policies at a [`Gate`]; each policy's outcome on it is a [`Finding`], all of them
//! together with the action taken are a [`Decision`]. Documents are [`Value`]s, read once from [`json`] or [`yaml`] and
//! evaluated as they are by every policy language. There is no I/O here and no engine.

pub mod json;
pub mod node;
pub mod source;
pub mod value;
pub mod yaml;

mod caller;
mod control;
mod decision;
mod finding;
mod graph;
mod pattern;
mod policy;
mod severity;
mod stage;
mod subject;
mod waiver;

pub use caller::Caller;
pub use control::{ControlId, ControlLink, ParseControlError, Strength};
pub use decision::{Action, Decision, SubjectRef};
pub use finding::{Finding, Outcome};
pub use graph::{NodeIndex, ResourceGraph};
pub use pattern::Pattern;
pub use policy::{Category, Metadata, PolicyId};
pub use severity::Severity;
pub use smol_str::SmolStr;
pub use source::{Location, Mark, Problem, Source, SourceId, Sources, Span};
pub use stage::{Gate, Stage, StageRule, Stages};
pub use subject::{CONTAINER_IMAGE, InlineSkip, Labels, Subject, SubjectKind, WHOLE_PLAN};
pub use value::{Key, Number, Value};
pub use waiver::{Waived, Waiver, WaiverProblem};
