//! From decisions to evidence and back.

pub(crate) mod data;
pub(crate) mod judge;
pub(crate) mod origin;
pub(crate) mod policies;
pub(crate) mod record;
pub(crate) mod report;
pub(crate) mod seen;
