//! Manifests and indexes (OCI image specification 1.1, and Docker's schema 2, which has the same shape).

use std::collections::BTreeMap;

use serde::Deserialize;
use smol_str::SmolStr;

use crate::digest::Digest;
use crate::error::ImageError;
use crate::platform::Platform;

/// The media type of an OCI manifest.
pub(crate) const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// The media type of an OCI index.
pub(crate) const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
/// The media type of Docker's manifest.
pub(crate) const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
/// The media type of Docker's index.
pub(crate) const DOCKER_INDEX: &str = "application/vnd.docker.distribution.manifest.list.v2+json";

/// The annotation of an OCI layout that has the name of an image.
pub(crate) const REF_NAME: &str = "org.opencontainers.image.ref.name";
/// The annotation of containerd and Docker that has the whole name of an image.
pub(crate) const IMAGE_NAME: &str = "io.containerd.image.name";

/// What is somewhere else: its digest and size.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Descriptor {
    /// What kind of content it is.
    #[serde(default)]
    pub(crate) media_type: SmolStr,
    /// The digest of the content.
    pub(crate) digest: Digest,
    /// Its size in bytes.
    pub(crate) size: u64,
    /// The platform, in an index.
    #[serde(default)]
    pub(crate) platform: Option<Platform>,
    /// What is said of it.
    #[serde(default)]
    pub(crate) annotations: Option<BTreeMap<String, String>>,
    /// The kind of artifact, when it is none of an image.
    #[serde(default)]
    pub(crate) artifact_type: Option<String>,
}

impl Descriptor {
    pub(crate) fn annotation(&self, name: &str) -> Option<&str> {
        self.annotations.as_ref()?.get(name).map(String::as_str)
    }
}

/// The manifest of an image of one platform.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Manifest {
    /// The image's configuration.
    pub(crate) config: Descriptor,
    /// Its layers, the lowest first.
    #[serde(default)]
    pub(crate) layers: Vec<Descriptor>,
    /// The kind of artifact, when it is none of an image.
    #[serde(default)]
    pub(crate) artifact_type: Option<String>,
    /// What is said of it.
    #[serde(default)]
    pub(crate) annotations: Option<BTreeMap<String, String>>,
}

/// A list of manifests, one a platform.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Index {
    /// The manifests.
    #[serde(default)]
    pub(crate) manifests: Vec<Descriptor>,
}

/// What a name leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Document {
    /// An image of one platform.
    Manifest(Box<Manifest>),
    /// Images of several platforms.
    Index(Index),
}

/// Reads a manifest or an index. `declared` is the media type that it came with: a document that says another of itself
/// is refused, since two readers could take it for two things (OCI image specification, "Security considerations").
pub(crate) fn parse(what: &str, bytes: &[u8], declared: &str) -> Result<Document, ImageError> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Kind {
        #[serde(default)]
        schema_version: u64,
        media_type: Option<String>,
        config: Option<serde::de::IgnoredAny>,
        layers: Option<serde::de::IgnoredAny>,
        manifests: Option<serde::de::IgnoredAny>,
    }
    let wrong = |error: serde_json::Error| ImageError::malformed(what, error);
    let kind: Kind = serde_json::from_slice(bytes).map_err(wrong)?;
    if kind.schema_version != 2 {
        let why = format!(
            "its schemaVersion is {}, and only 2 is read: push it again with a current tool",
            kind.schema_version
        );
        return Err(ImageError::malformed(what, why));
    }
    let declared = declared.split(';').next().unwrap_or_default().trim();
    let known = |media_type: &str| matches!(media_type, OCI_MANIFEST | OCI_INDEX | DOCKER_MANIFEST | DOCKER_INDEX);
    if let Some(own) = kind.media_type.as_deref().filter(|own| known(declared) && *own != declared) {
        return Err(ImageError::malformed(what, format!("it calls itself {own} and came as {declared}")));
    }
    let has_manifest = kind.config.is_some() || kind.layers.is_some();
    if has_manifest && kind.manifests.is_some() {
        return Err(ImageError::malformed(what, "it is a manifest and an index at once"));
    }
    let media_type = kind.media_type.as_deref().unwrap_or(declared);
    match media_type {
        OCI_INDEX | DOCKER_INDEX => Ok(Document::Index(serde_json::from_slice(bytes).map_err(wrong)?)),
        OCI_MANIFEST | DOCKER_MANIFEST => {
            Ok(Document::Manifest(Box::new(serde_json::from_slice(bytes).map_err(wrong)?)))
        }
        _ if kind.manifests.is_some() => Ok(Document::Index(serde_json::from_slice(bytes).map_err(wrong)?)),
        _ if has_manifest => Ok(Document::Manifest(Box::new(serde_json::from_slice(bytes).map_err(wrong)?))),
        other => Err(ImageError::Kind { what: what.to_owned(), media_type: other.chars().take(100).collect() }),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_document_is_one_thing() {
        let digest = Digest::sha256(b"");
        let config = format!(r#""config":{{"digest":"{digest}","size":1}}"#);
        let cases = [
            (format!(r#"{{"schemaVersion":2,{config},"layers":[]}}"#), OCI_MANIFEST, "manifest"),
            (format!(r#"{{"schemaVersion":2,{config},"layers":[]}}"#), "", "manifest"),
            (r#"{"schemaVersion":2,"manifests":[]}"#.into(), "application/json", "index"),
            (format!(r#"{{"schemaVersion":2,"mediaType":"{DOCKER_INDEX}","manifests":[]}}"#), DOCKER_INDEX, "index"),
            (format!(r#"{{"schemaVersion":2,"mediaType":"{OCI_INDEX}"}}"#), OCI_MANIFEST, "came as"),
            (format!(r#"{{"schemaVersion":2,{config},"manifests":[]}}"#), "", "at once"),
            (r#"{"schemaVersion":1}"#.into(), "", "schemaVersion"),
            (r#"{"schemaVersion":2}"#.into(), "text/html", "text/html"),
            ("[".into(), "", "understood"),
        ];
        for (text, declared, part) in cases {
            let found = match parse("it", text.as_bytes(), declared) {
                Ok(Document::Manifest(_)) => "manifest".to_owned(),
                Ok(Document::Index(_)) => "index".to_owned(),
                Err(error) => error.to_string(),
            };
            assert!(found.contains(part), "{text}: {found}");
        }
    }

    proptest! {
        #[test]
        fn nothing_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse("it", &bytes, "");
        }
    }
}
