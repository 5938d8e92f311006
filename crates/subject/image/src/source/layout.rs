//! Folders in the form of an OCI image layout.

use std::fs::File;
use std::path::{Path, PathBuf};

use super::{Blob, Opened, Root, Store, layout_root, small_file};
use crate::error::ImageError;
use crate::limits::Limits;
use crate::manifest::Descriptor;

/// A folder `blobs` with a folder an algorithm.
pub(super) struct Folder(pub(super) PathBuf);

impl Store for Folder {
    fn open(&self, descriptor: &Descriptor) -> Result<Blob<'_>, ImageError> {
        let path = self.0.join(descriptor.digest.algorithm()).join(descriptor.digest.hex());
        let file = File::open(&path).map_err(|error| ImageError::file(&path, error))?;
        Ok(Box::new(file))
    }
}

pub(super) fn open(path: &Path, name: Option<&str>, limits: &Limits) -> Result<Opened, ImageError> {
    let root = root(path, name, limits)?;
    Ok(Opened::Blobs { root, store: Box::new(Folder(path.join("blobs"))) })
}

/// What a name leads to in a layout.
pub(crate) fn root(path: &Path, name: Option<&str>, limits: &Limits) -> Result<Root, ImageError> {
    check(path, limits)?;
    let index = small_file(&path.join("index.json"), limits)?;
    layout_root(&path.display().to_string(), &index, name, &Folder(path.join("blobs")), limits)
}

/// Refuses a folder that is no layout of a version that is read.
pub(crate) fn check(path: &Path, limits: &Limits) -> Result<(), ImageError> {
    let version = small_file(&path.join("oci-layout"), limits)?;
    check_version(&path.display().to_string(), &version)
}

/// Refuses a layout of another version than 1.
pub(super) fn check_version(place: &str, bytes: &[u8]) -> Result<(), ImageError> {
    #[derive(serde::Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Version {
        image_layout_version: String,
    }
    let version: Version =
        serde_json::from_slice(bytes).map_err(|error| ImageError::malformed(format!("{place}: oci-layout"), error))?;
    if !version.image_layout_version.starts_with("1.") {
        let why = format!("it is of the version {}, and 1 is read", version.image_layout_version);
        return Err(ImageError::malformed(place, why));
    }
    Ok(())
}
