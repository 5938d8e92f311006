//! A folder in the form of an OCI layout, read and written. What refers to an image is listed in `index.json` without a
//! name, as other tools keep it there.

use std::fs::{File, Permissions};
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::{Name, Stored};
use crate::digest::{Digest, Verified};
use crate::error::{ImageError, blob_name};
use crate::limits::Limits;
use crate::manifest::REF_NAME;
use crate::referrers::{self, Referrer};
use crate::source;

/// Most entries of an index whose manifests are looked into.
const MAX_ENTRIES: usize = 10_000;

pub(super) struct Layout(PathBuf);

impl Layout {
    pub(super) fn open(path: &Path, limits: &Limits) -> Result<Self, ImageError> {
        source::check_layout(path, limits)?;
        Ok(Self(path.to_owned()))
    }

    pub(super) fn name(&self) -> String {
        self.0.display().to_string()
    }

    pub(super) fn resolve(&self, name: Option<&str>, limits: &Limits) -> Result<Stored, ImageError> {
        if let Some(digest) = name.and_then(|name| name.parse::<Digest>().ok()) {
            let not_found =
                || ImageError::NotFound { place: self.name(), wanted: digest.to_string(), names: Vec::new() };
            return self.manifest(&Name::Digest(&digest), limits)?.ok_or_else(not_found);
        }
        let root = source::layout_root_at(&self.0, name, limits)?;
        if !self.path(&root.digest).exists() {
            // The images of several platforms, which have no index of their own that could be named.
            let names = referrers::parse(&self.name(), &root.bytes)?.into_iter().map(|one| one.digest.to_string());
            return Err(ImageError::Ambiguous { place: self.name(), names: names.collect() });
        }
        Ok(Stored { digest: root.digest, media_type: root.media_type, bytes: root.bytes })
    }

    pub(super) fn manifest(&self, name: &Name<'_>, limits: &Limits) -> Result<Option<Stored>, ImageError> {
        let (digest, listed) = match name {
            Name::Digest(digest) => ((*digest).clone(), None),
            Name::Tag(tag) => {
                let entries = self.entries(limits)?;
                let Some(entry) = entries.into_iter().find(|entry| ref_name(entry) == Some(tag)) else {
                    return Ok(None);
                };
                let found = referrers::referrer(&entry);
                let found =
                    found.ok_or_else(|| ImageError::malformed(self.name(), format!("its entry {tag} is none")))?;
                (found.digest, Some(found.media_type))
            }
        };
        let Some(bytes) = self.blob(&digest, limits.document)? else { return Ok(None) };
        let checked = Verified::new(bytes.as_slice(), digest.clone(), None).finish();
        checked.map_err(|error| ImageError::io(blob_name(&digest), error))?;
        let own = || serde_json::from_slice::<Value>(&bytes).ok()?.get("mediaType")?.as_str().map(str::to_owned);
        let media_type = listed.filter(|listed| !listed.is_empty()).or_else(own).unwrap_or_default();
        Ok(Some(Stored { digest, media_type, bytes }))
    }

    pub(super) fn blob(&self, digest: &Digest, most: u64) -> Result<Option<Vec<u8>>, ImageError> {
        let path = self.path(digest);
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(ImageError::file(&path, error)),
        };
        let mut bytes = Vec::new();
        file.take(most + 1).read_to_end(&mut bytes).map_err(|error| ImageError::file(&path, error))?;
        if bytes.len() as u64 > most {
            return Err(ImageError::TooMuch { what: blob_name(digest), of: "bytes", most, limit: "document" });
        }
        Ok(Some(bytes))
    }

    /// The manifests of the index that refer to another, and those under the tag that stands in for the referrers API.
    pub(super) fn referrers(&self, subject: &Digest, limits: &Limits) -> Result<Vec<Referrer>, ImageError> {
        let mut found = Vec::new();
        if let Some(index) = self.manifest(&Name::Tag(&referrers::tag(subject)), limits)? {
            found = referrers::parse(&format!("the referrers of {subject}"), &index.bytes)?;
        }
        for listed in self.entries(limits)?.iter().filter_map(referrers::referrer) {
            if found.iter().any(|known| known.digest == listed.digest) {
                continue;
            }
            let Some(stored) = self.manifest(&Name::Digest(&listed.digest), limits)? else { continue };
            match referrers::descriptor(&stored.bytes, &stored.media_type, &stored.digest) {
                Some((of, entry)) if of == *subject => found.extend(referrers::referrer(&entry)),
                _ => {}
            }
        }
        Ok(found)
    }

    pub(super) fn push_blob(&self, digest: &Digest, bytes: &[u8]) -> Result<(), ImageError> {
        let path = self.path(digest);
        if path.exists() {
            return Ok(());
        }
        let folder = self.0.join("blobs").join(digest.algorithm());
        std::fs::create_dir_all(&folder).map_err(|error| ImageError::file(&folder, error))?;
        write(&folder, &path, bytes)
    }

    /// Writes a manifest and lists it: under a tag in place of what had it, or with none.
    pub(super) fn put_manifest(&self, tag: Option<&str>, stored: &Stored, limits: &Limits) -> Result<(), ImageError> {
        self.push_blob(&stored.digest, &stored.bytes)?;
        // Held until the index is written: two who write at once would lose what one of them adds.
        let version = self.0.join("oci-layout");
        let lock = File::open(&version).and_then(|file| file.lock().map(|()| file));
        let _lock = lock.map_err(|error| ImageError::file(&version, error))?;
        let index = self.index(limits)?;
        let described = referrers::descriptor(&stored.bytes, &stored.media_type, &stored.digest);
        let mut entry = match described {
            Some((_, entry)) => entry,
            None => {
                json!({"mediaType": stored.media_type, "digest": stored.digest.as_str(), "size": stored.bytes.len()})
            }
        };
        let mut whole: Value = serde_json::from_slice(&index).map_err(|error| self.malformed(error))?;
        let listed = whole.get_mut("manifests").and_then(Value::as_array_mut);
        let listed = listed.ok_or_else(|| self.malformed("its index.json has no `manifests`"))?;
        match tag {
            Some(tag) => {
                listed.retain(|one| ref_name(one) != Some(tag));
                entry["annotations"][REF_NAME] = tag.into();
            }
            None if listed.iter().any(|one| one.get("digest") == entry.get("digest")) => return Ok(()),
            None => {}
        }
        listed.push(entry);
        write(&self.0, &self.0.join("index.json"), whole.to_string().as_bytes())
    }

    fn malformed(&self, why: impl ToString) -> ImageError {
        ImageError::malformed(self.name(), why)
    }

    fn index(&self, limits: &Limits) -> Result<Vec<u8>, ImageError> {
        source::small_file(&self.0.join("index.json"), limits)
    }

    fn entries(&self, limits: &Limits) -> Result<Vec<Value>, ImageError> {
        let whole: Value = serde_json::from_slice(&self.index(limits)?).map_err(|error| self.malformed(error))?;
        let listed = whole.get("manifests").and_then(Value::as_array).cloned();
        let listed = listed.ok_or_else(|| self.malformed("its index.json has no `manifests`"))?;
        if listed.len() > MAX_ENTRIES {
            let what = self.name();
            return Err(ImageError::TooMuch { what, of: "entries", most: MAX_ENTRIES as u64, limit: "referrers" });
        }
        Ok(listed)
    }

    fn path(&self, digest: &Digest) -> PathBuf {
        self.0.join("blobs").join(digest.algorithm()).join(digest.hex())
    }
}

fn ref_name(entry: &Value) -> Option<&str> {
    entry.get("annotations")?.get(REF_NAME)?.as_str()
}

/// Writes a file as a whole: who reads meanwhile sees the old one or the new one.
fn write(folder: &Path, path: &Path, bytes: &[u8]) -> Result<(), ImageError> {
    let written = || -> std::io::Result<()> {
        let permissions = Permissions::from_mode(0o644);
        let mut file = tempfile::Builder::new().prefix(".probity-").permissions(permissions).tempfile_in(folder)?;
        file.write_all(bytes)?;
        file.as_file().sync_all()?;
        file.persist(path)?;
        Ok(())
    };
    written().map_err(|error| ImageError::file(path, error))
}
