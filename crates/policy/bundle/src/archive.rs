//! Files out of a gzipped tar archive.

use std::collections::BTreeSet;
use std::io::{self, Read};

use flate2::read::MultiGzDecoder;
use tar::{Archive, EntryType};

use crate::error::BundleError;
use crate::file::File;
use crate::limits::Limits;

/// The files of an archive, in its order. Nothing is written anywhere.
///
/// # Errors
/// When it is no whole archive, has names that lead elsewhere, links or a file twice, or goes over a limit.
pub(crate) fn files(bytes: &[u8], limits: &Limits) -> Result<Vec<File>, BundleError> {
    let size = bytes.len() as u64;
    if size > limits.compressed {
        return Err(BundleError::TooMuch { what: "bytes, packed", most: limits.compressed });
    }
    let most = limits.unpacked(size);
    let mut archive = Archive::new(Bounded { from: MultiGzDecoder::new(bytes), left: most });
    let wrong = |error: io::Error| match error.get_ref().and_then(|inner| inner.downcast_ref::<Exceeded>()) {
        Some(_) => BundleError::TooMuch { what: "bytes, unpacked", most },
        None if error.to_string().contains(EXCEEDED) => BundleError::TooMuch { what: "bytes, unpacked", most },
        None => BundleError::Archive(error.to_string()),
    };
    let mut files = Vec::new();
    let mut names = BTreeSet::new();
    for entry in archive.entries().map_err(wrong)? {
        let mut entry = entry.map_err(wrong)?;
        let raw = entry.path_bytes().into_owned();
        match entry.header().entry_type() {
            EntryType::Regular | EntryType::Continuous => {}
            EntryType::Directory | EntryType::XGlobalHeader => continue,
            _ => return Err(BundleError::Link(shown(&raw))),
        }
        let name = clean(&raw, limits)?;
        if !names.insert(name.clone()) {
            return Err(BundleError::Twice(name));
        }
        if files.len() >= limits.files {
            return Err(BundleError::TooMuch { what: "files", most: limits.files as u64 });
        }
        let mut content = Vec::new();
        entry.read_to_end(&mut content).map_err(wrong)?;
        if content.len() as u64 != entry.size() {
            return Err(BundleError::Archive(format!("{name} ends before its end")));
        }
        files.push(File { name, bytes: content });
    }
    // What follows the files has the checksum of all of it.
    io::copy(&mut archive.into_inner(), &mut io::sink()).map_err(wrong)?;
    Ok(files)
}

fn shown(raw: &[u8]) -> String {
    String::from_utf8_lossy(raw).chars().take(200).flat_map(char::escape_debug).collect()
}

/// A name from the root of the bundle, with `/`. `opa build` writes a `/` before each, which means the same.
fn clean(raw: &[u8], limits: &Limits) -> Result<String, BundleError> {
    let refuse = |why| Err(BundleError::Name { name: shown(raw), why });
    if raw.len() > limits.name {
        return refuse("the name is too long");
    }
    let Ok(name) = std::str::from_utf8(raw) else { return refuse("the name is not UTF-8") };
    let name = name.strip_prefix('/').unwrap_or(name);
    let name = name.strip_prefix("./").unwrap_or(name);
    if name.is_empty() || name.ends_with('/') {
        return refuse("the name is empty");
    }
    if name.starts_with('/') || name.as_bytes().get(1) == Some(&b':') {
        return refuse("the name is absolute");
    }
    if name.contains(['\\', '\0']) || name.chars().any(char::is_control) {
        return refuse("the name has a character that names of files do not have");
    }
    let mut depth = 0;
    for part in name.split('/') {
        match part {
            ".." => return refuse("the name leads out of the bundle"),
            "" | "." => return refuse("the name has an empty part"),
            _ => depth += 1,
        }
    }
    if depth > limits.depth {
        return refuse("it lies too deep");
    }
    Ok(name.to_owned())
}

const EXCEEDED: &str = "unpacked it is larger than allowed";

/// More came than may.
#[derive(Debug, thiserror::Error)]
#[error("{EXCEEDED}")]
struct Exceeded;

/// Fails when more is read than allowed.
struct Bounded<R> {
    from: R,
    left: u64,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.from.read(buffer)?;
        match self.left.checked_sub(count as u64) {
            Some(left) => {
                self.left = left;
                Ok(count)
            }
            None => Err(io::Error::other(Exceeded)),
        }
    }
}
