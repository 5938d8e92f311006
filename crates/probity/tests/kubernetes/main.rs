//! Kubernetes for real: its API server on etcd, asked by kubectl, in a folder of its own and on loopback.
//!
//! `e2e/kubernetes/build` makes the programs; `PROBITY_KUBERNETES` names the folder that they are in.
//! What is not on the machine is said, and the test passes; in CI it fails.

mod admission;
mod audit;
mod audit_log;
mod cluster;
mod drift;
mod faults;
mod gate;
mod harness;
mod kept;
mod kinds;
mod registries;
#[path = "../images/registry.rs"]
mod registry;
mod replicas;
mod server;
mod services;
#[path = "../images/tools.rs"]
mod tools;
