//! Policies of Vault on its requests.

mod audit;
mod governing;
mod lines;
mod support;
