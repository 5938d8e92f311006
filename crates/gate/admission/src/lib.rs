//! The gate in front of a Kubernetes API server.
//!
//! The server asks by an `AdmissionReview` ([`Review::read`]); [`Judge::validate`] and [`Judge::mutate`] make an [`Answer`] of it,
//! and [`Answer::response`] is what the server is told. [`configurations`] makes the webhook configurations by which the
//! server asks about what is judged, and nothing else. [`serve`] is the only part that listens and waits.

mod answer;
mod configuration;
mod content;
mod exemption;
mod images;
mod judge;
mod patch;
mod review;
mod rules;
mod server;
mod subject;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

pub use answer::{Answer, Passed};
pub use configuration::{Client, Settings, configurations};
pub use content::{content, content_digest, differing};
pub use exemption::Exemptions;
pub use images::{image_references, with_images};
pub use judge::{Images, Judge, Judging, JudgingError, Surroundings};
pub use patch::difference;
pub use review::{Malformed, Review};
pub use rules::{Asked, Call, Served, asked, is_asked};
pub use server::{Limits, Question, Webhook, serve};
pub use subject::{subject, watched_subject};
