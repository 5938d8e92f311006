//! The command as users run it: the real binary, real files, real connections.

mod bad_input;
mod cli;
mod evidence;
mod kyverno;
mod opa_api;
mod rego;
mod scan_rego;
mod secrets;
mod support;
