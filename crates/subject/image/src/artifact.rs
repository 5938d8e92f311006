//! Files that are kept where images are: a manifest whose layers are what somebody pushed, such as a database (OCI image
//! specification, "Guidelines for artifact usage").

use std::io::{self, Write};

use crate::digest::{Digest, Verified};
use crate::error::{ImageError, blob_name};
use crate::limits::Limits;
use crate::manifest::{self, Descriptor, Document, Manifest};
use crate::registry::Registry;
use crate::source::{self, Location, Opened, Store};

/// The annotation of a layer that has the name of its file.
const TITLE: &str = "org.opencontainers.image.title";

/// Files in a registry or an OCI layout.
pub struct Artifact {
    digest: Digest,
    manifest: Manifest,
    store: Box<dyn Store>,
}

/// A file of an artifact.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ArtifactFile<'a> {
    /// Its media type, such as `application/vnd.aquasec.trivy.db.layer.v1.tar+gzip`.
    pub media_type: &'a str,
    /// Its name, when its manifest says it.
    pub title: Option<&'a str>,
    /// Its digest.
    pub digest: &'a Digest,
    /// Its size in bytes.
    pub size: u64,
}

impl<'a> ArtifactFile<'a> {
    fn of(layer: &'a Descriptor) -> Self {
        let Descriptor { media_type, digest, size, .. } = layer;
        Self { media_type, title: layer.annotation(TITLE), digest, size: *size }
    }
}

impl Artifact {
    /// Reads the manifest.
    ///
    /// # Errors
    /// When it cannot be had, or is an index or an archive of `docker save`, which have no files.
    pub fn open(location: &Location, registry: &Registry) -> Result<Self, ImageError> {
        let limits = Limits::default();
        let none = || ImageError::malformed("the artifact", "it is no single manifest: name one by its digest");
        let Opened::Blobs { root, store } = source::open(location, registry, &limits)? else { return Err(none()) };
        let Document::Manifest(manifest) = manifest::parse("the manifest", &root.bytes, &root.media_type)? else {
            return Err(none());
        };
        Ok(Self { digest: root.digest, manifest: *manifest, store })
    }

    /// The digest of its manifest.
    pub fn digest(&self) -> &Digest {
        &self.digest
    }

    /// Its files.
    pub fn files(&self) -> Vec<ArtifactFile<'_>> {
        self.manifest.layers.iter().map(ArtifactFile::of).collect()
    }

    /// Copies a file, held to its digest and size.
    ///
    /// # Errors
    /// When there is none at this position, it cannot be had or written, or is not what its digest names.
    pub fn copy(&self, at: usize, to: &mut dyn Write) -> Result<(), ImageError> {
        let layers = &self.manifest.layers;
        let layer = layers.get(at).ok_or_else(|| ImageError::malformed("the artifact", "it has no such file"))?;
        let mut verified = Verified::new(self.store.open(layer)?, layer.digest.clone(), Some(layer.size));
        io::copy(&mut verified, to).map_err(|error| ImageError::io(blob_name(&layer.digest), error))?;
        Ok(())
    }
}
