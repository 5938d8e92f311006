//! Where manifests and blobs come from. What holds them is not trusted: all that comes is checked against its digest.

use probity_model::{Value, json};

use crate::{Digest, TrustError, limits};

/// Something that holds manifests and blobs of one repository: a registry, an OCI layout, an archive.
///
/// That something is not there is `Ok(None)`; an error is that it could not be found out.
pub trait Store {
    /// The bytes of a manifest.
    ///
    /// # Errors
    /// When it could not be found out whether there is one.
    fn manifest(&self, reference: &Reference<'_>) -> Result<Option<Vec<u8>>, StoreError>;

    /// The bytes of a blob, unless there are more than `most`.
    ///
    /// # Errors
    /// When it could not be read, or is larger.
    fn blob(&self, digest: &Digest, most: u64) -> Result<Option<Vec<u8>>, StoreError>;

    /// The manifests whose subject is another (OCI 1.1), by the API or from the tag that stands in for it.
    ///
    /// # Errors
    /// When it could not be found out.
    fn referrers(&self, digest: &Digest) -> Result<Vec<Referrer>, StoreError>;
}

/// What a store says when it fails.
pub type StoreError = Box<dyn std::error::Error + Send + Sync>;

/// What a manifest is asked for by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reference<'a> {
    /// Its digest.
    Digest(Digest),
    /// A tag.
    Tag(&'a str),
}

/// A manifest that refers to another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Referrer {
    /// Its digest.
    pub digest: Digest,
    /// What it is.
    pub artifact_type: String,
}

impl Referrer {
    /// Reads the answer of the referrers API, or the index under its tag. Entries that cannot be read are left out.
    ///
    /// # Errors
    /// When it is no index.
    pub fn list(index: &[u8]) -> Result<Vec<Self>, TrustError> {
        let document = read("the index of referrers", index)?;
        let Some(listed) = document.get("manifests").and_then(Value::as_array) else {
            return Err(TrustError::malformed("the index of referrers", "it has no `manifests`"));
        };
        let referrers = listed.iter().filter_map(|entry| {
            let text = |key| entry.get(key).and_then(Value::as_str);
            let digest = text("digest")?.parse().ok()?;
            Some(Self { digest, artifact_type: text("artifactType").unwrap_or_default().to_owned() })
        });
        Ok(referrers.collect())
    }
}

/// A manifest whose digest is known to be right.
pub(crate) struct Manifest {
    pub(crate) digest: Digest,
    pub(crate) document: Value,
}

/// A layer of a manifest.
pub(crate) struct Layer {
    pub(crate) digest: Digest,
    pub(crate) media_type: String,
    pub(crate) annotations: Value,
}

impl Manifest {
    /// The layers of an image manifest. One that cannot be read is an error, as it may be the one that counts.
    pub(crate) fn layers(&self) -> Result<Vec<Layer>, TrustError> {
        const WHAT: &str = "the manifest";
        let Some(listed) = self.document.get("layers").and_then(Value::as_array) else {
            return Err(TrustError::malformed(WHAT, "it has no `layers`"));
        };
        limits::count("layers of a manifest of signatures", listed.len(), limits::ATTACHED)?;
        let layers = listed.iter().map(|entry| {
            let text = |key| entry.get(key).and_then(Value::as_str).unwrap_or_default();
            Ok(Layer {
                digest: text("digest").parse()?,
                media_type: text("mediaType").to_owned(),
                annotations: entry.get("annotations").cloned().unwrap_or_default(),
            })
        });
        layers.collect()
    }
}

impl Layer {
    /// An annotation that is not empty.
    pub(crate) fn annotation(&self, name: &str) -> Option<&str> {
        self.annotations.get(name).and_then(Value::as_str).filter(|text| !text.is_empty())
    }
}

/// A manifest from a store.
pub(crate) fn manifest(store: &dyn Store, reference: &Reference<'_>) -> Result<Option<Manifest>, TrustError> {
    let failed = |error| TrustError::Store { what: format!("the manifest {reference:?}"), error };
    let Some(bytes) = store.manifest(reference).map_err(failed)? else { return Ok(None) };
    limits::bytes("bytes of a manifest", &bytes, limits::MANIFEST)?;
    let digest = Digest::of(&bytes);
    if let Reference::Digest(expected) = reference
        && *expected != digest
    {
        return Err(TrustError::Altered { what: "a manifest", expected: *expected, found: digest });
    }
    Ok(Some(Manifest { digest, document: read("the manifest", &bytes)? }))
}

/// A layer's bytes from a store.
pub(crate) fn blob(store: &dyn Store, digest: &Digest) -> Result<Vec<u8>, TrustError> {
    let failed = |error| TrustError::Store { what: format!("the blob {digest}"), error };
    let Some(bytes) = store.blob(digest, limits::ENVELOPE as u64).map_err(failed)? else {
        return Err(failed("it is not there".into()));
    };
    limits::bytes("bytes of a blob", &bytes, limits::ENVELOPE)?;
    let found = Digest::of(&bytes);
    if found != *digest {
        return Err(TrustError::Altered { what: "a blob", expected: *digest, found });
    }
    Ok(bytes)
}

fn read(what: &'static str, bytes: &[u8]) -> Result<Value, TrustError> {
    limits::bytes("bytes of a manifest", bytes, limits::MANIFEST)?;
    json::read_within(bytes, limits::DEPTH).map_err(|error| TrustError::malformed(what, error))
}
