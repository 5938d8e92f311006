//! Images: read, looked into, and judged.

mod approvals;
mod beside;
mod database;
mod inspect;
mod judge;
mod record;
mod registry;
mod report;
mod source;

pub(crate) use database::DatabaseArgs;
pub(crate) use inspect::{InspectArgs, Inspector};
pub(crate) use judge::Judged;
pub(crate) use record::record;
pub(crate) use registry::RegistryArgs;
pub(crate) use report::ReportArgs;
pub(crate) use source::ImageSource;
