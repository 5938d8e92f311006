//! How registries are reached.

use std::path::{Path, PathBuf};

use anyhow::Result;
use probity_subject_image::{Platform, Registry, RegistryOptions};

/// Options of every command that takes images.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(next_help_heading = "Registries")]
pub(crate) struct RegistryArgs {
    /// Which of several platforms, such as linux/arm64. Default: Linux on the architecture of this machine.
    #[arg(long, value_name = "OS/ARCH")]
    pub(crate) platform: Option<Platform>,
    /// Speak to this registry without TLS. Those of this machine need no leave. May be repeated.
    #[arg(long, value_name = "HOST[:PORT]")]
    plain_http: Vec<String>,
    /// Certificates to trust in the place of the public ones, in PEM.
    #[arg(long, value_name = "FILE")]
    registry_ca: Option<PathBuf>,
    /// Docker's config.json with credentials and helpers. Default: the one that docker uses.
    #[arg(long, value_name = "FILE")]
    docker_config: Option<PathBuf>,
    /// Ask this address before a registry, such as docker.io=https://mirror.example.com/hub. May be repeated.
    #[arg(long, value_name = "REGISTRY=URL", value_parser = mirror)]
    mirror: Vec<(String, String)>,
}

impl RegistryArgs {
    /// The file of certificates that are trusted in the place of the public ones.
    pub(crate) fn authorities(&self) -> Option<&Path> {
        self.registry_ca.as_deref()
    }

    /// Those that are spoken to without TLS.
    pub(crate) fn plain(&self) -> &[String] {
        &self.plain_http
    }

    /// The registries, as they are to be reached.
    pub(crate) fn open(&self) -> Result<Registry> {
        let mut options = RegistryOptions { authorities: self.registry_ca.clone(), ..RegistryOptions::default() };
        options.plain_http.extend(self.plain_http.iter().cloned());
        if let Some(path) = &self.docker_config {
            options.docker_config = Some(path.clone());
        }
        for (registry, address) in &self.mirror {
            options.mirrors.entry(registry.clone()).or_default().push(address.clone());
        }
        Ok(Registry::new(options)?)
    }
}

fn mirror(text: &str) -> Result<(String, String), String> {
    let pair = text.split_once('=').filter(|(registry, address)| !registry.is_empty() && !address.is_empty());
    let (registry, address) = pair.ok_or_else(|| format!("`{text}` is not of the form registry=url"))?;
    Ok((registry.to_owned(), address.to_owned()))
}
