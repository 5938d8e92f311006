//! Signatures and attestations as cosign keeps them beside an image: under the tags `sha256-<hex>.sig` and `.att`, and as
//! referrers with sigstore bundles.

mod legacy;
mod write;

use std::collections::BTreeSet;

pub use write::{Attached, Blob, Target, attest, attest_under_tag, sign, sign_under_tag};

use crate::store::{self, Layer, Manifest, Reference, Store};
use crate::{Artifact, Digest, Trust, TrustError, Verified, limits, verify_bundle};

/// The media type of the text that a signature under a tag signs.
pub(crate) const SIMPLE_SIGNING: &str = "application/vnd.dev.cosign.simplesigning.v1+json";
/// The media type of an attestation under a tag.
pub(crate) const DSSE: &str = "application/vnd.dsse.envelope.v1+json";
/// The media types of bundles begin so.
pub(crate) const BUNDLE: &str = "application/vnd.dev.sigstore.bundle";
/// The media type of a configuration that says nothing.
const EMPTY: &str = "application/vnd.oci.empty.v1+json";
/// The annotation with a signature, in base64.
pub(crate) const SIGNATURE: &str = "dev.cosignproject.cosign/signature";

/// What was found beside an image.
#[derive(Debug, Default)]
pub struct Found {
    /// What was verified.
    pub verified: Vec<Verified>,
    /// What was refused, and why.
    pub refused: Vec<Refused>,
}

/// A signature or attestation that was refused.
#[derive(Debug)]
pub struct Refused {
    /// The blob that it is in, or the manifest if that could not be read.
    pub origin: Digest,
    /// Why.
    pub error: TrustError,
}

impl Found {
    /// The signatures: what says that the image was signed, and no more.
    pub fn signatures(&self) -> impl Iterator<Item = &Verified> {
        self.verified.iter().filter(|found| !found.is_attestation())
    }

    /// The attestations.
    pub fn attestations(&self) -> impl Iterator<Item = &Verified> {
        self.verified.iter().filter(|found| found.is_attestation())
    }
}

/// Verifies all signatures and attestations of an image, in each form that cosign writes.
///
/// One that is refused does not keep another from being found. At most 1,000 are looked at under each tag and as referrers.
///
/// # Errors
/// When the store fails: then it is not known what there is. All else is in [`Found::refused`].
pub fn verify_image(store: &dyn Store, digest: &Digest, trust: &Trust) -> Result<Found, TrustError> {
    verify_image_by_any(store, digest, std::slice::from_ref(trust)).map(|(found, _)| found)
}

/// As [`verify_image`], with the first of several trusts that verifies. Gives for each that was verified the position of that
/// trust as well. What none verifies is refused once, for the reason that says most.
///
/// # Errors
/// As [`verify_image`].
pub fn verify_image_by_any(
    store: &dyn Store,
    digest: &Digest,
    trusts: &[Trust],
) -> Result<(Found, Vec<usize>), TrustError> {
    let mut search =
        Search { store, digest, trusts, found: Found::default(), trusted: Vec::new(), seen: BTreeSet::new() };
    for ending in [".sig", ".att"] {
        let tag = digest.tag(ending);
        search.manifest(&Reference::Tag(&tag))?;
    }
    let failed = |error| TrustError::Store { what: format!("the referrers of {digest}"), error };
    let referrers = store.referrers(digest).map_err(failed)?;
    for (position, referrer) in referrers.iter().filter(|one| is_ours(&one.artifact_type)).enumerate() {
        if let Err(error) = limits::count("referrers with signatures", position + 1, limits::ATTACHED) {
            search.refuse(referrer.digest, error);
            break;
        }
        search.manifest(&Reference::Digest(referrer.digest))?;
    }
    Ok((search.found, search.trusted))
}

/// Whether a referrer may have what cosign writes. An attestation may be a referrer with the type of its payload. Some
/// registries list no type, or that of the empty configuration: then only the manifest tells.
fn is_ours(artifact_type: &str) -> bool {
    artifact_type.starts_with(BUNDLE)
        || artifact_type.starts_with("application/vnd.dev.cosign.")
        || matches!(artifact_type, crate::IN_TOTO | "" | EMPTY)
}

/// Whether an error says only that someone else is trusted, which says nothing of what is refused.
fn says_less(error: &TrustError) -> bool {
    matches!(
        error,
        TrustError::UnknownKey
            | TrustError::WrongIdentity { .. }
            | TrustError::WrongIssuer { .. }
            | TrustError::Unsupported(_)
    )
}

struct Search<'a> {
    store: &'a dyn Store,
    digest: &'a Digest,
    trusts: &'a [Trust],
    found: Found,
    /// Which of the trusts verified what was verified.
    trusted: Vec<usize>,
    /// Layers that were looked at: the same may be in several manifests.
    seen: BTreeSet<Digest>,
}

impl Search<'_> {
    /// Looks at all layers of a manifest.
    fn manifest(&mut self, reference: &Reference<'_>) -> Result<(), TrustError> {
        let manifest = match store::manifest(self.store, reference) {
            Ok(Some(manifest)) => manifest,
            Ok(None) => return Ok(()),
            Err(error @ TrustError::Store { .. }) => return Err(error),
            Err(error) => {
                self.refuse(*self.digest, error);
                return Ok(());
            }
        };
        self.layers(&manifest)
    }

    fn layers(&mut self, manifest: &Manifest) -> Result<(), TrustError> {
        let layers = match manifest.layers() {
            Ok(layers) => layers,
            Err(error) => {
                self.refuse(manifest.digest, error);
                return Ok(());
            }
        };
        for layer in &layers {
            // The same payload may be signed by several; a layer is another when its signature is.
            let identity = Digest::of(format!("{} {:?}", layer.digest, layer.annotations).as_bytes());
            if self.seen.insert(identity) {
                self.layer(layer)?;
            }
        }
        Ok(())
    }

    fn layer(&mut self, layer: &Layer) -> Result<(), TrustError> {
        let verify: fn(&Layer, &[u8], &Digest, &Trust) -> Result<Verified, TrustError> = match layer.media_type.as_str()
        {
            SIMPLE_SIGNING => legacy::signature,
            DSSE => legacy::attestation,
            bundle if bundle.starts_with(BUNDLE) => {
                |_, bytes, digest, trust| verify_bundle(bytes, Artifact::Digest(*digest), trust)
            }
            _ => return Ok(()),
        };
        let bytes = match store::blob(self.store, &layer.digest) {
            Ok(bytes) => bytes,
            Err(error @ TrustError::Store { .. }) => return Err(error),
            Err(error) => {
                self.refuse(layer.digest, error);
                return Ok(());
            }
        };
        let mut refused: Option<TrustError> = None;
        for (position, trust) in self.trusts.iter().enumerate() {
            match verify(layer, &bytes, self.digest, trust) {
                Ok(verified) => {
                    self.found.verified.push(verified);
                    self.trusted.push(position);
                    return Ok(());
                }
                Err(error) if refused.as_ref().is_none_or(says_less) => refused = Some(error),
                Err(_) => {}
            }
        }
        if let Some(error) = refused {
            self.refuse(layer.digest, error);
        }
        Ok(())
    }

    fn refuse(&mut self, origin: Digest, error: TrustError) {
        self.found.refused.push(Refused { origin, error });
    }
}
