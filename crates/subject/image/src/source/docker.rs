//! What `docker save` wrote before it wrote blobs: `manifest.json`, a configuration, and a tar archive a layer, by any name.

use serde::Deserialize;

use super::archive::Files;
use super::{Blob, is_same};
use crate::digest::Digest;
use crate::error::ImageError;
use crate::limits::Limits;

/// An image in such an archive.
pub(crate) struct DockerArchive {
    files: Files,
    pub(crate) config: Vec<u8>,
    /// The names of the layers' files, the lowest first.
    pub(crate) layers: Vec<String>,
    /// What the image is called.
    pub(crate) name: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Entry {
    config: String,
    #[serde(default)]
    repo_tags: Option<Vec<String>>,
    #[serde(default)]
    layers: Vec<String>,
}

impl Entry {
    fn tags(&self) -> &[String] {
        self.repo_tags.as_deref().unwrap_or_default()
    }

    /// The digest of the configuration: its file is called by it.
    fn id(&self) -> Option<Digest> {
        let name = self.config.strip_suffix(".json").unwrap_or(&self.config);
        format!("sha256:{}", name.rsplit('/').next()?).parse().ok()
    }
}

impl DockerArchive {
    pub(super) fn new(files: Files, name: Option<&str>, limits: &Limits) -> Result<Self, ImageError> {
        let place = files.place().to_owned();
        let manifest = files.small("manifest.json", limits)?;
        let entries: Vec<Entry> = serde_json::from_slice(&manifest)
            .map_err(|error| ImageError::malformed(format!("{place}: manifest.json"), error))?;
        let entry = choose(&place, entries, name)?;
        let config = files.small(&entry.config, limits)?;
        let found = Digest::sha256(&config);
        if let Some(expected) = entry.id().filter(|expected| *expected != found) {
            let mismatch = crate::digest::Mismatch::Digest { expected, found };
            return Err(ImageError::Mismatch { what: format!("{place}: {}", entry.config), mismatch });
        }
        let name = entry.tags().first().cloned();
        Ok(Self { files, config, layers: entry.layers, name })
    }

    /// The bytes of a layer.
    pub(crate) fn layer(&self, name: &str) -> Result<Blob<'static>, ImageError> {
        self.files.open(name)
    }
}

fn choose(place: &str, mut entries: Vec<Entry>, name: Option<&str>) -> Result<Entry, ImageError> {
    let names = |entries: &[Entry]| -> Vec<String> {
        entries.iter().map(|entry| entry.tags().first().unwrap_or(&entry.config).clone()).collect()
    };
    let not_found =
        |wanted: &str, names| ImageError::NotFound { place: place.to_owned(), wanted: wanted.to_owned(), names };
    match name {
        None if entries.len() > 1 => Err(ImageError::Ambiguous { place: place.to_owned(), names: names(&entries) }),
        None => entries.pop().ok_or_else(|| not_found("at all", Vec::new())),
        Some(name) => {
            let is = |entry: &Entry| {
                entry.tags().iter().any(|tag| tag == name || is_same(tag, name))
                    || entry.id().is_some_and(|id| id.as_str() == name)
            };
            match entries.iter().position(is) {
                Some(at) => Ok(entries.swap_remove(at)),
                None => Err(not_found(name, names(&entries))),
            }
        }
    }
}
