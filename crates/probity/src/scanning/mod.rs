//! From files to decisions: what `probity scan` and the gates have in common.

mod judge;
mod policies;
mod read;

pub(crate) use judge::decide;
pub(crate) use policies::{Policies, PolicyArgs};
pub(crate) use read::Inputs;
