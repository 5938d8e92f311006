//! The real server over real connections.

mod access;
mod api;
mod artifacts;
mod audit_log;
mod browser;
mod cluster;
mod demo;
mod ingest;
mod pages;
mod running;
mod schema;
