//! What an API server's audit log says it did, as evidence: which of the requests that gates let pass were done, which were
//! refused by somebody else, and what ran past all gates.
//!
//! [`Confirmations::read`] takes the log as the server writes it (a JSON event a line) and as its webhook backend sends it (an
//! `EventList`). Of the objects in it only images and identifiers are kept.

mod event;
mod log;
#[cfg(test)]
mod tests;

pub use log::{Broken, Confirmation, Confirmations, MAX_LINE, ReadError, Summary};
