//! A durable queue of submissions on their way to a ledger elsewhere.
//!
//! A gate must not wait for storage that may be away. It appends what happened to a [`Spool`], a folder on its own disk, and goes on
//! as soon as that is durable; [`deliver`] brings it to the server when the server is there. Each submission has its number at the
//! gate, so that the server keeps once what is sent twice, and sees what is missing.

mod client;
mod current;
mod deliver;
mod made;
mod segment;
mod spool;

pub use client::{DeliverError, Server};
pub use deliver::{Delivered, deliver};
pub use spool::{DEFAULT_LIMIT, Pending, Spool, SpoolError};
