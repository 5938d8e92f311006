//! Policies of Vault on its requests.

mod audit;
mod governing;
mod lines;
mod openbao;
mod peer;
mod proxied;
mod proxy;
mod support;
