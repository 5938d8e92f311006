//! What is kept beside images, such as signatures: read and written in a registry or an OCI layout.

mod layout;

use std::borrow::Cow;

use crate::config::Config;
use crate::digest::{Digest, Verified};
use crate::error::ImageError;
use crate::image;
use crate::limits::Limits;
use crate::manifest::{self, Document};
use crate::platform::Platform;
use crate::reference::Reference;
use crate::referrers::Referrer;
use crate::registry::{Registry, Remote};
use crate::source::Location;

use layout::Layout;

/// What a manifest is called in a repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Name<'a> {
    /// A tag.
    Tag(&'a str),
    /// A digest.
    Digest(&'a Digest),
}

impl Name<'_> {
    pub(crate) fn text(&self) -> Cow<'_, str> {
        match self {
            Self::Tag(tag) => Cow::Borrowed(tag),
            Self::Digest(digest) => Cow::Borrowed(digest.as_str()),
        }
    }
}

/// A manifest or an index as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// Its digest; the bytes were held to it.
    pub digest: Digest,
    /// Its media type.
    pub media_type: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// A repository of a registry, or an OCI layout: manifests and small blobs.
///
/// That something is not there is `Ok(None)`; an error is that it could not be found out.
pub struct Repository {
    place: Place,
    limits: Limits,
}

enum Place {
    Registry(Remote),
    Layout(Layout),
}

impl Repository {
    /// The repository that an image is in, to read of it. Mirrors are asked before the registry.
    ///
    /// # Errors
    /// When it is neither in a registry nor in an OCI layout, or a file that says how to reach it cannot be read.
    pub fn open(location: &Location, registry: &Registry) -> Result<Self, ImageError> {
        Self::of(location, registry, false)
    }

    /// The repository that an image is in, to read of it and to write to it. Tokens are asked for that allow both.
    ///
    /// # Errors
    /// As [`Repository::open`].
    pub fn writable(location: &Location, registry: &Registry) -> Result<Self, ImageError> {
        Self::of(location, registry, true)
    }

    fn of(location: &Location, registry: &Registry, writes: bool) -> Result<Self, ImageError> {
        let limits = Limits::default();
        let place = match location {
            Location::Registry(reference) => Place::Registry(registry.repository(reference, writes)?),
            Location::Layout(path, _) => Place::Layout(Layout::open(path, &limits)?),
            Location::Archive(path, _) | Location::Containerd(path, _) => {
                return Err(ImageError::NoRepository { place: path.display().to_string() });
            }
        };
        Ok(Self { place, limits })
    }

    /// Its name, as statements about its images have it: `registry.example.com/team/app`, or the folder of a layout.
    pub fn name(&self) -> String {
        match &self.place {
            Place::Registry(remote) => remote.reference.name(),
            Place::Layout(layout) => layout.name(),
        }
    }

    /// The name in a registry that it was opened with.
    pub fn reference(&self) -> Option<&Reference> {
        match &self.place {
            Place::Registry(remote) => Some(&remote.reference),
            Place::Layout(_) => None,
        }
    }

    /// What the name of an image leads to, without its layers: the manifest, or the index where there is one.
    ///
    /// # Errors
    /// When it is not there or cannot be read.
    pub fn resolve(&self, location: &Location) -> Result<Stored, ImageError> {
        let not_found =
            || ImageError::NotFound { place: self.name(), wanted: location_name(location), names: Vec::new() };
        match (&self.place, location) {
            (Place::Registry(_), Location::Registry(reference)) => {
                let name = reference.digest().map_or_else(|| Name::Tag(reference.wanted()), Name::Digest);
                self.manifest(&name)?.ok_or_else(not_found)
            }
            (Place::Layout(layout), Location::Layout(_, name)) => layout.resolve(name.as_deref(), &self.limits),
            _ => Err(not_found()),
        }
    }

    /// The manifest of one platform that an index leads to. A manifest is given back when it is of that platform.
    ///
    /// # Errors
    /// When there is none for the platform, or something cannot be read.
    pub fn of_platform(&self, stored: Stored, platform: &Platform) -> Result<Stored, ImageError> {
        // An index may be of indexes.
        const MAX_INDEXES: usize = 4;
        let mut stored = stored;
        for _ in 0..=MAX_INDEXES {
            let what = format!("the manifest {}", stored.digest);
            let chosen = match manifest::parse(&what, &stored.bytes, &stored.media_type)? {
                Document::Index(index) => image::pick(&what, &index, Some(platform), platform)?,
                Document::Manifest(found) => {
                    let config = self.blob(&found.config.digest, self.limits.document)?;
                    let config = config.ok_or_else(|| self.lacks(&found.config.digest))?;
                    image::check_platform(&what, &Config::parse(&what, &config)?, Some(platform))?;
                    return Ok(stored);
                }
            };
            stored = self.manifest(&Name::Digest(&chosen.digest))?.ok_or_else(|| self.lacks(&chosen.digest))?;
        }
        Err(ImageError::malformed(format!("the index {}", stored.digest), "it is an index of indexes without end"))
    }

    fn lacks(&self, digest: &Digest) -> ImageError {
        ImageError::NotFound { place: self.name(), wanted: digest.to_string(), names: Vec::new() }
    }

    /// A manifest or an index.
    ///
    /// # Errors
    /// When it could not be found out whether there is one, or it is not what its digest names.
    pub fn manifest(&self, name: &Name<'_>) -> Result<Option<Stored>, ImageError> {
        match &self.place {
            Place::Registry(remote) => remote.manifest(name, self.limits.document),
            Place::Layout(layout) => layout.manifest(name, &self.limits),
        }
    }

    /// A blob whole, held to its digest.
    ///
    /// # Errors
    /// When it could not be read, has more than `most` bytes, or is not what its digest names.
    pub fn blob(&self, digest: &Digest, most: u64) -> Result<Option<Vec<u8>>, ImageError> {
        let bytes = match &self.place {
            Place::Registry(remote) => remote.blob(digest, most)?,
            Place::Layout(layout) => layout.blob(digest, most)?,
        };
        if let Some(bytes) = &bytes {
            let checked = Verified::new(bytes.as_slice(), digest.clone(), None).finish();
            checked.map_err(|error| ImageError::io(crate::error::blob_name(digest), error))?;
        }
        Ok(bytes)
    }

    /// The manifests that refer to another (OCI 1.1), at most 10,000.
    ///
    /// # Errors
    /// When it could not be found out, or there are more.
    pub fn referrers(&self, subject: &Digest) -> Result<Vec<Referrer>, ImageError> {
        match &self.place {
            Place::Registry(remote) => remote.referrers(subject, self.limits.document),
            Place::Layout(layout) => layout.referrers(subject, &self.limits),
        }
    }

    /// Writes a blob, unless it is there; gives its digest.
    ///
    /// # Errors
    /// When it is not taken.
    pub fn push_blob(&self, bytes: &[u8]) -> Result<Digest, ImageError> {
        let digest = Digest::sha256(bytes);
        match &self.place {
            Place::Registry(remote) => remote.push_blob(&digest, bytes)?,
            Place::Layout(layout) => layout.push_blob(&digest, bytes)?,
        }
        Ok(digest)
    }

    /// Writes a manifest under a tag, or under its digest alone; gives its digest. One that refers to another
    /// (`subject`) is found by [`Repository::referrers`] from then on, whether or not the registry knows that question.
    ///
    /// # Errors
    /// When it is not taken.
    pub fn put_manifest(&self, tag: Option<&str>, media_type: &str, bytes: &[u8]) -> Result<Digest, ImageError> {
        let digest = Digest::sha256(bytes);
        let stored = Stored { digest: digest.clone(), media_type: media_type.to_owned(), bytes: bytes.to_vec() };
        match &self.place {
            Place::Registry(remote) => {
                let name = tag.map_or(Name::Digest(&digest), Name::Tag);
                remote.put_manifest(&name, &stored, self.limits.document)?;
            }
            Place::Layout(layout) => layout.put_manifest(tag, &stored, &self.limits)?,
        }
        Ok(digest)
    }
}

fn location_name(location: &Location) -> String {
    match location {
        Location::Registry(reference) => reference.to_string(),
        Location::Layout(_, name) | Location::Archive(_, name) => name.clone().unwrap_or_else(|| "at all".to_owned()),
        Location::Containerd(_, name) => name.clone(),
    }
}

#[cfg(test)]
mod tests;
