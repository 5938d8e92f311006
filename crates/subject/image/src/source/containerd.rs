//! The folder of containerd: its content store, and the names in its database.

use std::collections::BTreeMap;
use std::path::Path;

use super::bolt::{Bolt, Item};
use super::layout::Folder;
use super::{Opened, Root, document, is_same};
use crate::digest::Digest;
use crate::error::ImageError;
use crate::limits::Limits;
use crate::manifest::Descriptor;

const CONTENT: &str = "io.containerd.content.v1.content";
const DATABASE: &str = "io.containerd.metadata.v1.bolt/meta.db";

/// Largest database that is read.
const MAX_DATABASE: u64 = 1 << 30;

pub(super) fn open(path: &Path, name: &str, limits: &Limits) -> Result<Opened, ImageError> {
    let content = path.join(CONTENT);
    let content = if content.is_dir() { content } else { path.to_owned() };
    let store = Folder(content.join("blobs"));
    let (digest, media_type) = match name.parse::<Digest>() {
        Ok(digest) => (digest, String::new()),
        Err(_) => find(path, name)?,
    };
    let file = store.0.join(digest.algorithm()).join(digest.hex());
    let size = std::fs::metadata(&file).map_err(|error| ImageError::file(&file, error))?.len();
    let descriptor = Descriptor {
        media_type: media_type.as_str().into(),
        digest: digest.clone(),
        size,
        platform: None,
        annotations: None,
        artifact_type: None,
    };
    let bytes = document(&store, &descriptor, limits)?;
    Ok(Opened::Blobs { root: Root { bytes, media_type, digest }, store: Box::new(store) })
}

/// The digest and the media type of a name, in whatever namespace.
fn find(path: &Path, name: &str) -> Result<(Digest, String), ImageError> {
    let database = path.join(DATABASE);
    let place = path.display().to_string();
    let length = std::fs::metadata(&database).map_err(|error| ImageError::file(&database, error))?.len();
    if length > MAX_DATABASE {
        return Err(ImageError::malformed(database.display().to_string(), "it is larger than a gigabyte"));
    }
    let bytes = std::fs::read(&database).map_err(|error| ImageError::file(&database, error))?;
    let images = images(&bytes).ok_or_else(|| {
        ImageError::malformed(database.display().to_string(), "it is no sound database of containerd")
    })?;
    let exact: Vec<&Found> = images.iter().filter(|image| image.name == name).collect();
    let found =
        if exact.is_empty() { images.iter().filter(|image| is_same(&image.name, name)).collect() } else { exact };
    match found.as_slice() {
        [] => {
            let names = images.into_iter().map(|image| image.name).collect();
            Err(ImageError::NotFound { place, wanted: name.to_owned(), names })
        }
        [first, rest @ ..] if rest.iter().all(|other| other.digest == first.digest) => {
            Ok((first.digest.clone(), first.media_type.clone()))
        }
        several => {
            let names = several.iter().map(|image| image.digest.to_string()).collect();
            Err(ImageError::Ambiguous { place: format!("{place} ({name})"), names })
        }
    }
}

struct Found {
    name: String,
    digest: Digest,
    media_type: String,
}

/// `v1/NAMESPACE/images/NAME/target` (containerd's `metadata/buckets.go`).
fn images(bytes: &[u8]) -> Option<Vec<Found>> {
    let bolt = Bolt::new(bytes)?;
    let mut images = Vec::new();
    let Some(version) = bolt.root()?.get(&b"v1"[..]).copied() else { return Some(images) };
    for namespace in bolt.entries(version)?.into_values().filter(|item| matches!(item, Item::Bucket(_))) {
        let Some(all) = bolt.entries(namespace)?.get(&b"images"[..]).copied() else { continue };
        for (name, image) in bolt.entries(all)? {
            let Some(target) = bolt.entries(image)?.get(&b"target"[..]).copied() else { continue };
            let target = bolt.entries(target)?;
            let Some(digest) = text(&target, "digest").and_then(|digest| digest.parse().ok()) else { continue };
            let media_type = text(&target, "mediatype").unwrap_or_default();
            images.push(Found { name: String::from_utf8_lossy(name).into_owned(), digest, media_type });
        }
    }
    Some(images)
}

fn text(bucket: &BTreeMap<&[u8], Item<'_>>, key: &str) -> Option<String> {
    match bucket.get(key.as_bytes())? {
        Item::Value(value) => Some(String::from_utf8_lossy(value).into_owned()),
        Item::Bucket(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::bolt::tests::{bucket, database};
    use super::*;

    #[test]
    fn names_are_found_in_every_namespace() {
        let digest = Digest::sha256(b"x");
        let target = bucket(&[
            (b"digest", digest.to_string().into_bytes(), false),
            (b"mediatype", b"application/vnd.oci.image.index.v1+json".to_vec(), false),
        ]);
        let image = bucket(&[(b"target", target, true)]);
        let images_bucket = bucket(&[(b"docker.io/library/alpine:3", image, true)]);
        let namespace = bucket(&[(b"images", images_bucket, true)]);
        let bytes = database(&[(b"v1", bucket(&[(b"k8s.io", namespace, true)]), true)]);
        let found = images(&bytes).unwrap();
        assert_eq!((found[0].name.as_str(), &found[0].digest), ("docker.io/library/alpine:3", &digest));
        assert!(images(b"nothing").is_none());
    }
}
