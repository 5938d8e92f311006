//! Tar archives with an image: an OCI layout, or what `docker save` writes. Gzipped ones are unpacked to a file without a name
//! first, since blobs are read in another order than they are stored.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::Arc;

use super::{Blob, DockerArchive, Opened, Store, layout, layout_root, small};
use crate::error::{Exceeded, ImageError};
use crate::limits::Limits;
use crate::manifest::Descriptor;
use crate::tape::{Member, Tape};

/// Most files of an archive.
const MAX_FILES: usize = 100_000;

/// Most links from one name to another.
const MAX_LINKS: usize = 8;

/// Where the files of an archive are in it.
pub(super) struct Files {
    place: String,
    file: Arc<File>,
    /// Where a file begins and how long it is.
    at: BTreeMap<String, (u64, u64)>,
    links: BTreeMap<String, String>,
}

/// A part of a file that others read at the same time.
struct Part {
    file: Arc<File>,
    at: u64,
    end: u64,
}

impl Read for Part {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        use std::os::unix::fs::FileExt;
        let most = buffer.len().min(usize::try_from(self.end - self.at).unwrap_or(usize::MAX));
        let count = self.file.read_at(&mut buffer[..most], self.at)?;
        self.at += count as u64;
        Ok(count)
    }
}

impl Files {
    fn new(path: &Path, limits: &Limits) -> Result<Self, ImageError> {
        let place = path.display().to_string();
        let wrong = |error| ImageError::io(&place, error);
        let file = File::open(path).map_err(|error| ImageError::file(path, error))?;
        let file = unpacked(file, limits).map_err(wrong)?;
        let (mut at, mut links) = (BTreeMap::new(), BTreeMap::new());
        let skip = |from: &mut BufReader<&File>, count: u64| {
            // A place beyond the end is found by the next header.
            from.seek_relative(i64::try_from(count).map_err(io::Error::other)?)
        };
        let mut tape = Tape::new(BufReader::new(&file), limits.name, skip);
        while let Some(entry) = tape.next().map_err(|error| ImageError::malformed(&place, error))? {
            let name = entry.name.trim_start_matches("./").to_owned();
            match entry.member {
                Member::File => drop(at.insert(name, (tape.position(), entry.size))),
                Member::Symlink(to) => drop(links.insert(name.clone(), beside(&name, &to))),
                Member::HardLink(to) => drop(links.insert(name, to.trim_start_matches("./").to_owned())),
                _ => {}
            }
            if at.len() + links.len() > MAX_FILES {
                return Err(ImageError::malformed(&place, format!("it has more than {MAX_FILES} files")));
            }
        }
        Ok(Self { place, file: Arc::new(file), at, links })
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.find(name).is_some()
    }

    pub(super) fn place(&self) -> &str {
        &self.place
    }

    fn find(&self, name: &str) -> Option<(u64, u64)> {
        let mut name = name;
        for _ in 0..MAX_LINKS {
            match (self.at.get(name), self.links.get(name)) {
                (Some(found), _) => return Some(*found),
                (None, to) => name = to?,
            }
        }
        None
    }

    pub(super) fn open(&self, name: &str) -> Result<Blob<'static>, ImageError> {
        let (at, size) =
            self.find(name).ok_or_else(|| ImageError::malformed(&self.place, format!("it has no {name}")))?;
        Ok(Box::new(Part { file: Arc::clone(&self.file), at, end: at.saturating_add(size) }))
    }

    pub(super) fn small(&self, name: &str, limits: &Limits) -> Result<Vec<u8>, ImageError> {
        small(self.open(name)?, &format!("{}: {name}", self.place), limits)
    }
}

impl Store for Files {
    fn open(&self, descriptor: &Descriptor) -> Result<Blob<'_>, ImageError> {
        Files::open(self, &format!("blobs/{}/{}", descriptor.digest.algorithm(), descriptor.digest.hex()))
    }
}

/// Where a link leads from its folder.
fn beside(name: &str, to: &str) -> String {
    let mut parts: Vec<&str> = name.split('/').collect();
    parts.pop();
    for part in to.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            _ => parts.push(part),
        }
    }
    parts.join("/")
}

/// The file itself, or what is in it when it is gzipped.
fn unpacked(mut file: File, limits: &Limits) -> io::Result<File> {
    let mut head = [0; 2];
    let count = file.read(&mut head)?;
    file.seek(SeekFrom::Start(0))?;
    if count < 2 || head != [0x1f, 0x8b] {
        return Ok(file);
    }
    let mut whole = tempfile::tempfile()?;
    let mut from = flate2::bufread::MultiGzDecoder::new(BufReader::new(file)).take(limits.unpacked.saturating_add(1));
    if io::copy(&mut from, &mut whole)? > limits.unpacked {
        return Err(io::Error::other(Exceeded { of: "bytes, unpacked", most: limits.unpacked, limit: "unpacked" }));
    }
    whole.seek(SeekFrom::Start(0))?;
    Ok(whole)
}

pub(super) fn open(path: &Path, name: Option<&str>, limits: &Limits) -> Result<Opened, ImageError> {
    let files = Files::new(path, limits)?;
    // Docker writes both descriptions since its version 25; that of the OCI has the digests of all that is read.
    if files.has("oci-layout") && files.has("index.json") {
        layout::check_version(&files.place, &files.small("oci-layout", limits)?)?;
        let index = files.small("index.json", limits)?;
        let root = layout_root(&files.place, &index, name, &files, limits)?;
        return Ok(Opened::Blobs { root, store: Box::new(files) });
    }
    if files.has("manifest.json") {
        return DockerArchive::new(files, name, limits).map(Opened::Docker);
    }
    let why =
        "it has neither an oci-layout nor a manifest.json: it is no image that docker, podman, skopeo or buildah saved";
    Err(ImageError::malformed(&files.place, why))
}
