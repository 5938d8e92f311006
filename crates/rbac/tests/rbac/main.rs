//! Rights, use and what follows from both.

mod authorizer;
mod escalation;
mod events;
mod objects;
mod properties;
mod support;
mod told;
mod widening;
