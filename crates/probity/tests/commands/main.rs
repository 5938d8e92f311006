//! The command as users run it: the real binary, real files, real connections.

mod bad_input;
mod ci;
mod cli;
mod crypto;
mod db;
mod diff;
mod docs;
mod evidence;
mod helm;
mod image;
mod kyverno;
mod layout;
mod noise;
mod opa_api;
mod permissions;
mod policy_new;
mod rego;
mod requests;
mod run_task;
mod sbom;
mod scan_rego;
mod secrets;
mod sentinel;
mod signing;
mod support;
mod vault;
