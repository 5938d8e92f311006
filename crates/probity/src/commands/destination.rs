//! Where decisions are sent.

use std::path::PathBuf;

use anyhow::{Context, Result};
use probity_evidence_spool::Server;

use crate::config::Config;
use crate::evidence::record::Destination;

/// The variable that holds the token where no other is named.
const TOKEN: &str = "PROBITY_TOKEN";

/// Where decisions are sent: a server, or else the ledger of the data folder.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct DestinationArgs {
    /// Send to the ledger of this server. Its token is taken from the environment variable `PROBITY_TOKEN`.
    #[arg(long, value_name = "URL", env = "PROBITY_SERVER")]
    pub(crate) server: Option<String>,
    /// Certificates to trust in the place of the public ones, in PEM.
    #[arg(long, value_name = "FILE", requires = "server")]
    pub(crate) ca: Option<PathBuf>,
}

impl DestinationArgs {
    /// What the arguments name, or else the configuration.
    pub(crate) fn resolve(&self, config: Option<&Config>) -> Result<Destination> {
        let evidence = config.map(|config| &config.evidence);
        let server = self.server.as_deref().or_else(|| evidence?.server.as_deref());
        let Some(url) = server else { return Ok(Destination::Own) };
        let variable = evidence.and_then(|evidence| evidence.token_env.as_deref()).unwrap_or(TOKEN);
        let token = std::env::var(variable).with_context(|| {
            format!("sending to {url} needs a token; put it into the environment variable {variable}")
        })?;
        let ca = self.ca.as_deref().or_else(|| evidence?.ca.as_deref());
        Ok(Destination::Server(Server::new(url, token.trim(), ca)?))
    }
}
