//! The server: an API for gates and programs, pages for auditors.
//!
//! ```text
//! /                 pages: posture, frameworks, controls, decisions with their proofs, policies, scans, waivers, gates
//! /api/v1/          JSON, described by /api/v1/openapi.json; evidence is sent to /api/v1/ingest
//! /ledger/          the ledger's files as any tiled log serves them (C2SP tlog-tiles)
//! /healthz /readyz /metrics
//! ```
//!
//! On a loopback address reading needs no token and writing does. On any other the server starts with TLS only, and
//! everything needs a token.

mod access;
mod api;
mod app;
mod assets;
mod config;
mod follow;
mod headers;
mod listen;
mod metrics;
mod pages;
mod params;
mod problem;
mod routes;
mod server;
mod tls;

pub use access::{NewToken, Role, Token, TokenError, Tokens, accept_token, create_token, revoke_token};
pub use app::{Mounted, Parts, Signed};
pub use config::{Config, Limits, TlsFiles};
pub use server::{ServeError, Server, Stopper};
