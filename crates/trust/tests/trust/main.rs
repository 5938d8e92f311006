//! Signatures and attestations: real ones, forged ones, and both ways with cosign itself.

mod conformance;
mod cosign;
mod envelopes;
mod keys;
mod log;
mod notation;
mod predicates;
mod real_cosign;
mod registry;
mod support;
