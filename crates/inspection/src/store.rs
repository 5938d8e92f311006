//! What is kept beside an image, as `probity_trust` asks for it and leaves it to be pushed.

use probity_subject_image::{Digest, ImageError, Name, Repository, Stored};
use probity_trust::{Attached, Reference, Referrer, Store, StoreError, Target, TrustError};

/// A repository in which signatures are looked for.
pub struct Beside<'a>(pub &'a Repository);

impl Store for Beside<'_> {
    fn manifest(&self, reference: &Reference<'_>) -> Result<Option<Vec<u8>>, StoreError> {
        let found = match reference {
            Reference::Digest(digest) => self.0.manifest(&Name::Digest(&ours(digest)?))?,
            Reference::Tag(tag) => self.0.manifest(&Name::Tag(tag))?,
        };
        Ok(found.map(|found| found.bytes))
    }

    fn blob(&self, digest: &probity_trust::Digest, most: u64) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.0.blob(&ours(digest)?, most)?)
    }

    fn referrers(&self, digest: &probity_trust::Digest) -> Result<Vec<Referrer>, StoreError> {
        let found = self.0.referrers(&ours(digest)?)?.into_iter();
        // No signature is found under a digest of another kind.
        let read = found.filter_map(|one| {
            Some(Referrer { digest: one.digest.as_str().parse().ok()?, artifact_type: one.artifact_type })
        });
        Ok(read.collect())
    }
}

fn ours(digest: &probity_trust::Digest) -> Result<Digest, StoreError> {
    Ok(digest.to_string().parse::<Digest>()?)
}

/// What is signed: a manifest or an index of a repository.
///
/// # Errors
/// When its digest is no SHA-256, which nothing that is written here can name.
pub fn target(repository: &Repository, stored: &Stored) -> Result<Target, TrustError> {
    Ok(Target {
        digest: stored.digest.as_str().parse()?,
        size: stored.bytes.len() as u64,
        media_type: stored.media_type.clone(),
        repository: repository.name(),
    })
}

/// Pushes a signature or an attestation: first what is in it, then its manifest. Gives the digest of that.
///
/// # Errors
/// When the repository does not take it.
pub fn push(repository: &Repository, attached: &Attached) -> Result<Digest, ImageError> {
    for blob in &attached.blobs {
        repository.push_blob(&blob.bytes)?;
    }
    repository.put_manifest(attached.tag.as_deref(), attached.media_type, &attached.manifest.bytes)
}
