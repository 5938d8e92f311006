//! The gate that answers as the REST API of OPA 1.22 does, so that a client of OPA switches by changing an address.
//!
//! [`Gate`] holds the policies and data that are in force, compiled once and swapped as a whole. [`router`] answers requests
//! by them. What is decided becomes a [`Decision`](probity_model::Decision) and goes, masked as the policies in
//! `data.system.log` say, to the [`DecisionLog`] that the gate was made with; the answer waits for it. [`Poll`] keeps bundles
//! up to date.
//!
//! ```text
//! GET POST            /v1/data[/path]      POST /v0/data[/path]      POST /
//! PUT PATCH DELETE    /v1/data[/path]      (role admin)
//! GET POST            /v1/query
//! GET PUT DELETE      /v1/policies[/id]    (changes: role admin)
//! GET                 /health[/path]
//! ```

mod answer;
mod data;
mod documents;
mod evaluate;
mod event;
mod explain;
mod fetch;
mod gate;
mod health;
mod mask;
mod path;
mod policies;
mod query;
mod request;
mod router;
mod snapshot;
mod store;
mod timers;
mod verdict;

pub use event::{DecisionLog, Event, Recorded};
pub use fetch::{Poll, PollError, Source, Stop};
pub use gate::{Active, BuildError, Gate, ModuleText, Settings};
pub use router::{is_path, router};
