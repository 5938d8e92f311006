//! Registries that policies of Kyverno's ask: signatures, attestations, digests, and what images are made of.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use probity_inspection::store::Beside;
use probity_policy_kyverno::images::{Images, Lookups, Repositories};
use probity_subject_image::{Location, Registry, Repository};
use probity_trust::{Digest, Reference, Referrer, Store, StoreError, TrustedRoot};

use crate::images::RegistryArgs;
use crate::input;

/// Whether registries are asked for images, and how.
#[derive(Debug, Default, clap::Args)]
pub(crate) struct ImageArgs {
    /// Ask registries when policies of Kyverno's verify images or look at them. Without it, images that must be signed fail.
    #[arg(long)]
    registry: bool,
    /// Who vouches for signers without keys, and the transparency logs: a `trusted_root.json`. Default: the public sigstore
    /// instance, as it was when this was built.
    #[arg(long, value_name = "FILE", requires = "registry")]
    trusted_root: Option<PathBuf>,
    #[command(flatten)]
    registries: RegistryArgs,
}

impl ImageArgs {
    /// How registries are reached.
    pub(crate) fn registries(&self) -> &RegistryArgs {
        &self.registries
    }

    /// What answers for registries; none when they are not asked.
    pub(crate) fn images(&self) -> Result<Option<Arc<dyn Images>>> {
        if !self.registry {
            return Ok(None);
        }
        let root = self.trusted_root.as_ref().map(|path| {
            let root = TrustedRoot::from_json(&input::read_text(path)?);
            root.with_context(|| format!("{}: no trusted root", path.display()))
        });
        let mut lookups = Lookups::new(Remote(self.registries.open()?), root.transpose()?);
        if let Some(platform) = &self.registries.platform {
            lookups = lookups.for_platform(&platform.os, &platform.architecture);
        }
        Ok(Some(Arc::new(lookups)))
    }
}

/// Repositories of registries.
struct Remote(Registry);

impl Repositories for Remote {
    fn open(&self, repository: &str) -> Result<Box<dyn Store + Send + Sync>, StoreError> {
        // Always at a registry, whatever a manifest writes for an image.
        let location = Location::Registry(repository.parse()?);
        Ok(Box::new(Opened(Repository::open(&location, &self.0)?)))
    }
}

struct Opened(Repository);

impl Store for Opened {
    fn manifest(&self, reference: &Reference<'_>) -> Result<Option<Vec<u8>>, StoreError> {
        Beside(&self.0).manifest(reference)
    }

    fn blob(&self, digest: &Digest, most: u64) -> Result<Option<Vec<u8>>, StoreError> {
        Beside(&self.0).blob(digest, most)
    }

    fn referrers(&self, digest: &Digest) -> Result<Vec<Referrer>, StoreError> {
        Beside(&self.0).referrers(digest)
    }
}
