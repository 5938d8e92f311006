//! Where images are kept.

mod archive;
mod bolt;
mod containerd;
mod docker;
mod layout;

use std::fmt;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use crate::digest::{Digest, Verified};
use crate::error::{ImageError, blob_name};
use crate::limits::Limits;
use crate::manifest::{Descriptor, IMAGE_NAME, REF_NAME};
use crate::reference::{DEFAULT_TAG, Reference};
use crate::registry::Registry;

pub(crate) use docker::DockerArchive;
pub(crate) use layout::{check as check_layout, root as layout_root_at};

/// A reader of a blob.
pub(crate) type Blob<'a> = Box<dyn Read + Send + 'a>;

/// A store of blobs under their digests.
pub(crate) trait Store: Sync {
    /// The bytes under a digest, not verified yet.
    fn open(&self, descriptor: &Descriptor) -> Result<Blob<'_>, ImageError>;
}

/// What a name leads to in a store: a manifest or an index.
#[derive(Debug, Clone)]
pub(crate) struct Root {
    pub(crate) bytes: Vec<u8>,
    pub(crate) media_type: String,
    pub(crate) digest: Digest,
}

/// An image in its place.
pub(crate) enum Opened {
    /// Manifests and blobs, as the OCI has them.
    Blobs { root: Root, store: Box<dyn Store> },
    /// What `docker save` wrote before it wrote blobs.
    Docker(DockerArchive),
}

/// Where an image is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// In a registry.
    Registry(Reference),
    /// In a folder in the form of an OCI layout; which image of it, when it has several: a name or a digest.
    Layout(PathBuf, Option<String>),
    /// In a tar archive: an OCI layout, or what `docker save` writes; which image of it.
    Archive(PathBuf, Option<String>),
    /// In containerd's folder (`/var/lib/containerd`, or a content store alone); a name or a digest.
    Containerd(PathBuf, String),
}

/// A text is no place of an image.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ParseLocationError(String);

impl FromStr for Location {
    type Err = ParseLocationError;

    /// `oci:FOLDER[:NAME]`, `oci-archive:FILE[:NAME]`, `docker-archive:FILE[:NAME]`, `containerd:FOLDER@NAME`,
    /// `docker://NAME` or a name alone, which is of a registry. An `@` before a digest parts it from a folder as well.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let reference = |name: &str| {
            name.parse()
                .map(Self::Registry)
                .map_err(|error: crate::ParseReferenceError| ParseLocationError(error.to_string()))
        };
        if let Some(name) = text.strip_prefix("docker://").or_else(|| text.strip_prefix("registry:")) {
            return reference(name);
        }
        let Some((scheme, rest)) = text.split_once(':') else { return reference(text) };
        if !matches!(scheme, "oci" | "oci-archive" | "docker-archive" | "containerd") {
            return reference(text);
        }
        if rest.is_empty() {
            return Err(ParseLocationError(format!("`{text}` has no path after the `{scheme}:`")));
        }
        let named = || match rest.split_once("@sha256:") {
            Some((path, hex)) => (PathBuf::from(path), Some(format!("sha256:{hex}"))),
            None => match rest.split_once(':') {
                Some((path, name)) if !name.is_empty() => (PathBuf::from(path), Some(name.to_owned())),
                _ => (PathBuf::from(rest.trim_end_matches(':')), None),
            },
        };
        match scheme {
            "oci" => Ok(named()).map(|(path, name)| Self::Layout(path, name)),
            "containerd" => {
                let (path, name) = rest
                    .split_once('@')
                    .filter(|(path, name)| !path.is_empty() && !name.is_empty())
                    .ok_or_else(|| {
                        ParseLocationError(format!("`{text}` does not say which image: write containerd:FOLDER@NAME"))
                    })?;
                Ok(Self::Containerd(path.into(), name.to_owned()))
            }
            _ => Ok(named()).map(|(path, name)| Self::Archive(path, name)),
        }
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let named = |f: &mut fmt::Formatter<'_>, scheme: &str, path: &Path, name: &Option<String>| {
            write!(f, "{scheme}:{}", path.display())?;
            match name {
                Some(digest) if digest.starts_with("sha256:") => write!(f, "@{digest}"),
                Some(name) => write!(f, ":{name}"),
                None => Ok(()),
            }
        };
        match self {
            Self::Registry(reference) => write!(f, "{reference}"),
            Self::Layout(path, name) => named(f, "oci", path, name),
            Self::Archive(path, name) => named(f, "oci-archive", path, name),
            Self::Containerd(path, name) => write!(f, "containerd:{}@{name}", path.display()),
        }
    }
}

/// Opens an image where it is.
pub(crate) fn open(location: &Location, registry: &Registry, limits: &Limits) -> Result<Opened, ImageError> {
    match location {
        Location::Registry(reference) => {
            let (root, store) = registry.open(reference, limits)?;
            Ok(Opened::Blobs { root, store: Box::new(store) })
        }
        Location::Layout(path, name) => layout::open(path, name.as_deref(), limits),
        Location::Archive(path, name) => archive::open(path, name.as_deref(), limits),
        Location::Containerd(path, name) => containerd::open(path, name, limits),
    }
}

/// A document of a store, verified.
pub(crate) fn document(store: &dyn Store, descriptor: &Descriptor, limits: &Limits) -> Result<Vec<u8>, ImageError> {
    let what = blob_name(&descriptor.digest);
    if descriptor.size > limits.document {
        return Err(ImageError::TooMuch { what, of: "bytes", most: limits.document, limit: "document" });
    }
    let mut bytes = Vec::new();
    let mut verified = Verified::new(store.open(descriptor)?, descriptor.digest.clone(), Some(descriptor.size));
    verified.read_to_end(&mut bytes).map_err(|error| ImageError::io(what, error))?;
    Ok(bytes)
}

/// A small file whole.
pub(crate) fn small_file(path: &Path, limits: &Limits) -> Result<Vec<u8>, ImageError> {
    let file = std::fs::File::open(path).map_err(|error| ImageError::file(path, error))?;
    small(file, &path.display().to_string(), limits)
}

fn small(from: impl Read, what: &str, limits: &Limits) -> Result<Vec<u8>, ImageError> {
    let mut bytes = Vec::new();
    let most = limits.document;
    from.take(most + 1).read_to_end(&mut bytes).map_err(|error| ImageError::io(what, error))?;
    if bytes.len() as u64 > most {
        return Err(ImageError::TooMuch { what: what.to_owned(), of: "bytes", most, limit: "document" });
    }
    Ok(bytes)
}

/// The image of a layout's index that is wanted: by its digest, its whole name or its tag; the only one when none is named.
fn choose<'a>(place: &str, manifests: &'a [Descriptor], name: Option<&str>) -> Result<&'a Descriptor, ImageError> {
    let all = || {
        manifests
            .iter()
            .filter(|it| !is_attached(it))
            .map(|it| names(it).next().unwrap_or_else(|| it.digest.as_str()).to_owned())
            .collect()
    };
    let images: Vec<&Descriptor> = manifests.iter().filter(|it| !is_attached(it)).collect();
    let not_found =
        |wanted: &str| ImageError::NotFound { place: place.to_owned(), wanted: wanted.to_owned(), names: all() };
    match (name, images.as_slice()) {
        (None, [only]) => Ok(*only),
        (None, []) => Err(not_found("at all")),
        (None, _) => Err(ImageError::Ambiguous { place: place.to_owned(), names: all() }),
        (Some(name), _) => {
            let is = |it: &&Descriptor| it.digest.as_str() == name || names(it).any(|known| known == name);
            let completed = |it: &&Descriptor| names(it).any(|known| is_same(known, name));
            manifests.iter().find(is).or_else(|| manifests.iter().find(completed)).ok_or_else(|| not_found(name))
        }
    }
}

/// Whether an entry of a layout is something that is kept beside an image: an artifact, or what has a tag made of a digest
/// (`sha256-<hex>.sig`).
fn is_attached(descriptor: &Descriptor) -> bool {
    let of_digest = |name: &str| {
        let hex = name.strip_prefix("sha256-").map(|rest| rest.split('.').next().unwrap_or_default());
        hex.is_some_and(|hex| hex.len() == 64 && hex.bytes().all(|byte| byte.is_ascii_hexdigit()))
    };
    descriptor.artifact_type.is_some() || descriptor.annotation(REF_NAME).is_some_and(of_digest)
}

/// What an image of a layout is called.
fn names(descriptor: &Descriptor) -> impl Iterator<Item = &str> {
    [IMAGE_NAME, REF_NAME].into_iter().filter_map(|key| descriptor.annotation(key))
}

/// Whether two names are of one image once they are completed.
fn is_same(one: &str, other: &str) -> bool {
    let whole = |name: &str| {
        let reference: Reference = name.parse().ok()?;
        Some(format!("{}:{}", reference.name(), reference.tag().unwrap_or(DEFAULT_TAG)))
    };
    whole(one).is_some_and(|one| whole(other) == Some(one))
}

/// The root of a layout: what its index says of the image that is wanted. When the index has nothing but the images of one
/// name for several platforms, it is the root itself.
fn layout_root(
    place: &str,
    index: &[u8],
    name: Option<&str>,
    store: &dyn Store,
    limits: &Limits,
) -> Result<Root, ImageError> {
    let parsed = crate::manifest::parse(place, index, crate::manifest::OCI_INDEX)?;
    let crate::manifest::Document::Index(parsed) = parsed else {
        return Err(ImageError::malformed(place, "its index.json is no index"));
    };
    let unnamed = |it: &Descriptor| {
        it.platform.is_some() && it.annotation(REF_NAME).is_none() && it.annotation(IMAGE_NAME).is_none()
    };
    let images = || parsed.manifests.iter().filter(|it| !is_attached(it));
    if name.is_none() && images().count() > 1 && images().all(unnamed) {
        let media_type = crate::manifest::OCI_INDEX.to_owned();
        return Ok(Root { bytes: index.to_vec(), media_type, digest: Digest::sha256(index) });
    }
    let chosen = choose(place, &parsed.manifests, name)?;
    let bytes = document(store, chosen, limits)?;
    Ok(Root { bytes, media_type: chosen.media_type.to_string(), digest: chosen.digest.clone() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_parsed() {
        let hex = "0".repeat(64);
        let digest = format!("sha256:{hex}");
        let cases = [
            ("oci:dir".to_owned(), Location::Layout("dir".into(), None)),
            ("oci:dir:v1".into(), Location::Layout("dir".into(), Some("v1".into()))),
            (format!("oci:dir@{digest}"), Location::Layout("dir".into(), Some(digest.clone()))),
            ("docker-archive:a.tar:app:1".into(), Location::Archive("a.tar".into(), Some("app:1".into()))),
            ("oci-archive:a.tar".into(), Location::Archive("a.tar".into(), None)),
            ("containerd:/var/c@app:1".into(), Location::Containerd("/var/c".into(), "app:1".into())),
            ("docker://alpine".into(), Location::Registry("alpine".parse().unwrap())),
            ("localhost:5000/a:1".into(), Location::Registry("localhost:5000/a:1".parse().unwrap())),
            ("oci".into(), Location::Registry("oci".parse().unwrap())),
        ];
        for (text, expected) in cases {
            assert_eq!(text.parse::<Location>().unwrap(), expected, "{text}");
            assert_eq!(expected.to_string().parse::<Location>().unwrap(), expected, "{text}");
        }
        for wrong in ["oci:", "containerd:dir", "containerd:@x", "docker://", "A"] {
            assert!(wrong.parse::<Location>().is_err(), "{wrong}");
        }
    }
}
