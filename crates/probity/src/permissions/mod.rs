//! Rights in a cluster and their use, read from files.

mod logs;
mod objects;

pub(crate) use logs::{Logs, Reader};
pub(crate) use objects::read as read_objects;
