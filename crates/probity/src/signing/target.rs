//! What is signed or verified: what the name of an image leads to.

use anyhow::{Context, Result};
use probity_inspection::store;
use probity_subject_image::{Location, Repository};
use probity_trust::{Form, Target};

use crate::images::RegistryArgs;

/// The form in which signatures are kept beside an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum WrittenForm {
    /// A sigstore bundle as a referrer: what cosign writes since version 3.
    Bundle,
    /// Under the tag `sha256-<digest>.sig` or `.att`: what cosign wrote before, for readers that know nothing else.
    Tag,
}

impl WrittenForm {
    /// The form that signatures are found in that were written so.
    pub(crate) fn form(self) -> Form {
        match self {
            Self::Bundle => Form::Bundle,
            Self::Tag => Form::Cosign,
        }
    }
}

/// An image in a repository, by its digest.
pub(crate) struct Signed {
    pub(crate) repository: Repository,
    pub(crate) target: Target,
    /// Whether it was named by its digest.
    pub(crate) by_digest: bool,
}

impl Signed {
    /// Finds out which digest a name leads to: the index where there is one, or with `--platform` the image in it.
    pub(crate) fn find(location: &Location, registry: &RegistryArgs, writes: bool) -> Result<Self> {
        let registries = registry.open()?;
        let repository =
            if writes { Repository::writable(location, &registries) } else { Repository::open(location, &registries) };
        let repository = repository?;
        let mut stored = repository.resolve(location)?;
        if let Some(platform) = &registry.platform {
            stored = repository.of_platform(stored, platform)?;
        }
        let by_digest = match location {
            Location::Registry(reference) => reference.digest().is_some(),
            Location::Layout(_, name) => name.as_ref().is_some_and(|name| name.starts_with("sha256:")),
            Location::Archive(..) | Location::Containerd(..) => false,
        };
        let target = store::target(&repository, &stored).context("the image cannot be signed")?;
        Ok(Self { repository, target, by_digest })
    }

    /// What it is called: the repository and the digest.
    pub(crate) fn name(&self) -> String {
        format!("{}@{}", self.target.repository, self.target.digest)
    }

    /// Says that a tag was given, which may lead to something else tomorrow.
    pub(crate) fn warn_of_tag(&self) {
        if !self.by_digest {
            eprintln!(
                "warning: a tag was named, which may have been moved since it was looked at: name the digest, {}",
                self.target.digest
            );
        }
    }
}
