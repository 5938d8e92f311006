//! The texts of an input: a file, the files of a folder, or those of a zip or tar archive, always in the same order.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek as _, Write};
use std::path::Path;
use std::time::SystemTime;

use flate2::read::MultiGzDecoder;
use ignore::WalkBuilder;
use probity_crypto::Sha256;
use tempfile::NamedTempFile;

use super::{FeedError, hexadecimal};

/// The largest text that is read, in bytes: Debian's whole tracker is one of 70 MB.
const MAX_TEXT: u64 = 256 << 20;
/// The most texts of an input.
const MAX_TEXTS: u64 = 4_000_000;
/// The most bytes of an archive, unpacked.
const MAX_UNPACKED: u64 = 64 << 30;
/// The deepest folder.
const MAX_DEPTH: usize = 32;

/// What is done with each text, given its name in the input: `false` when no more is wanted.
pub(super) type Visit<'v> = &'v mut dyn FnMut(&str, &[u8]) -> bool;

/// How the texts of an input are kept together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Container {
    Folder,
    Zip,
    /// With or without compression.
    Tar,
    /// One text, with or without compression.
    Text,
}

impl Container {
    /// By what is in a file, whatever its name.
    pub(super) fn of(path: &Path) -> Result<Self, FeedError> {
        if path.is_dir() {
            return Ok(Self::Folder);
        }
        let mut head = Vec::new();
        let failed = |error| FeedError::Read { path: path.to_owned(), error };
        File::open(path).and_then(|file| file.take(4).read_to_end(&mut head)).map_err(failed)?;
        if head.starts_with(b"PK\x03\x04") || head.starts_with(b"PK\x05\x06") {
            return Ok(Self::Zip);
        }
        let mut head = Vec::new();
        unpacked(path).and_then(|it| it.take(512).read_to_end(&mut head)).map_err(failed)?;
        Ok(if head.get(257..262) == Some(b"ustar") { Self::Tar } else { Self::Text })
    }
}

/// Visits each text.
pub(super) fn each(path: &Path, wanted: &dyn Fn(&str) -> bool, visit: Visit) -> Result<(), FeedError> {
    match Container::of(path)? {
        Container::Folder => in_folder(path, wanted, visit),
        Container::Zip => in_zip(path, wanted, visit),
        Container::Tar => in_tar(path, wanted, visit),
        Container::Text => {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let name = [".gz", ".zst"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(&name);
            visit(name, &text(path, unpacked(path))?);
            Ok(())
        }
    }
}

/// SHA-256 of a file, in hexadecimal digits.
pub(super) fn digest(path: &Path) -> Result<String, FeedError> {
    let failed = |error| FeedError::Read { path: path.to_owned(), error };
    let mut digest = Sha256::new();
    io::copy(&mut File::open(path).map_err(failed)?, &mut DigestWriter(&mut digest)).map_err(failed)?;
    Ok(hexadecimal(&digest.finalize()))
}

struct DigestWriter<'d>(&'d mut Sha256);

impl Write for DigestWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// When an input was had: of a git checkout when it was last fetched, else when its newest file was written.
pub(super) fn retrieved(path: &Path) -> Option<SystemTime> {
    let written = |path: &Path| path.metadata().and_then(|it| it.modified()).ok();
    if !path.is_dir() {
        return written(path);
    }
    let fetched = path.ancestors().take(3).find_map(|folder| written(&folder.join(".git/FETCH_HEAD")));
    // A folder is written whenever a file is made in it, whatever age that says it has.
    let files =
        walk(path).filter_map(|entry| entry.ok().filter(|it| it.file_type().is_some_and(|kind| kind.is_file())));
    fetched.or_else(|| files.filter_map(|entry| written(entry.path())).max())
}

/// Everything below a folder but what is hidden.
fn walk(root: &Path) -> impl Iterator<Item = Result<ignore::DirEntry, ignore::Error>> {
    let mut walk = WalkBuilder::new(root);
    walk.standard_filters(false).follow_links(false).max_depth(Some(MAX_DEPTH)).sort_by_file_name(Ord::cmp);
    walk.filter_entry(|entry| entry.depth() == 0 || !entry.file_name().as_encoded_bytes().starts_with(b"."));
    walk.build()
}

fn in_folder(root: &Path, wanted: &dyn Fn(&str) -> bool, visit: Visit) -> Result<(), FeedError> {
    let mut count = 0;
    for entry in walk(root) {
        let entry = entry.map_err(|error| FeedError::Read { path: root.to_owned(), error: io::Error::other(error) })?;
        let name = entry.path().strip_prefix(root).unwrap_or(entry.path()).to_string_lossy();
        if !entry.file_type().is_some_and(|kind| kind.is_file()) || !wanted(&name) {
            continue;
        }
        count += 1;
        bounded(root, count)?;
        let file = File::open(entry.path()).map(|file| Box::new(file) as Box<dyn Read>);
        if !visit(&name, &text(entry.path(), file)?) {
            break;
        }
    }
    Ok(())
}

fn in_zip(path: &Path, wanted: &dyn Fn(&str) -> bool, visit: Visit) -> Result<(), FeedError> {
    let damaged = |error| FeedError::Archive { path: path.to_owned(), error };
    let file = File::open(path).map_err(|error| FeedError::Read { path: path.to_owned(), error })?;
    let mut archive = zip::ZipArchive::new(BufReader::new(file)).map_err(damaged)?;
    let mut names = Vec::new();
    for name in archive.file_names() {
        let name = name.map_err(damaged)?;
        if wanted(&name) {
            names.push(name.into_owned());
        }
    }
    names.sort_unstable();
    bounded(path, names.len() as u64)?;
    for name in names {
        let entry = archive.by_name(&name).map_err(damaged)?;
        let text = text(&path.join(&name), Ok(Box::new(entry)))?;
        if !visit(&name, &text) {
            break;
        }
    }
    Ok(())
}

/// In the order of the archive, which cannot be read in another without reading it as often.
fn in_tar(path: &Path, wanted: &dyn Fn(&str) -> bool, visit: Visit) -> Result<(), FeedError> {
    let failed = |error| FeedError::Read { path: path.to_owned(), error };
    let mut archive = tar::Archive::new(unpacked(path).map_err(failed)?.take(MAX_UNPACKED));
    let mut count = 0;
    for entry in archive.entries().map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        if !entry.header().entry_type().is_file() || !wanted(&name) {
            continue;
        }
        count += 1;
        bounded(path, count)?;
        let text = text(&path.join(&name), Ok(Box::new(entry)))?;
        if !visit(&name, &text) {
            break;
        }
    }
    Ok(())
}

pub(super) fn is_tar(path: &Path) -> Result<bool, FeedError> {
    Container::of(path).map(|container| container == Container::Tar)
}

/// Whether a file is among the first of a tar archive.
pub(super) fn has_member(path: &Path, wanted: &str) -> Result<bool, FeedError> {
    const FIRST: usize = 16;
    let failed = |error| FeedError::Read { path: path.to_owned(), error };
    let mut archive = tar::Archive::new(unpacked(path).map_err(failed)?);
    for entry in archive.entries().map_err(failed)?.take(FIRST) {
        if is_named(&entry.map_err(failed)?, wanted) {
            return Ok(true);
        }
    }
    Ok(false)
}

fn is_named<R: Read>(entry: &tar::Entry<'_, R>, wanted: &str) -> bool {
    entry.path_bytes().rsplit(|byte| *byte == b'/').next() == Some(wanted.as_bytes())
}

/// Takes a file out of a tar archive, into a file that is gone when it is dropped; `None` when it is not there.
pub(super) fn member(path: &Path, wanted: &str) -> Result<Option<NamedTempFile>, FeedError> {
    let failed = |error| FeedError::Read { path: path.to_owned(), error };
    let mut archive = tar::Archive::new(unpacked(path).map_err(failed)?.take(MAX_UNPACKED));
    for entry in archive.entries().map_err(failed)? {
        let mut entry = entry.map_err(failed)?;
        if !is_named(&entry, wanted) {
            continue;
        }
        let mut file = NamedTempFile::new().map_err(failed)?;
        io::copy(&mut entry, &mut file).map_err(failed)?;
        return Ok(Some(file));
    }
    Ok(None)
}

/// The bytes of a file, taken out of gzip or zstd when it is in one.
fn unpacked(path: &Path) -> io::Result<Box<dyn Read>> {
    let mut file = File::open(path)?;
    let mut head = Vec::new();
    (&mut file).take(4).read_to_end(&mut head)?;
    file.rewind()?;
    let file = BufReader::new(file);
    Ok(match head.as_slice() {
        [0x1f, 0x8b, ..] => Box::new(MultiGzDecoder::new(file)),
        [0x28, 0xb5, 0x2f, 0xfd] => Box::new(zstd::Decoder::with_buffer(file)?),
        _ => Box::new(file),
    })
}

fn text(path: &Path, from: io::Result<Box<dyn Read + '_>>) -> Result<Vec<u8>, FeedError> {
    let mut text = Vec::new();
    let read = from.and_then(|from| from.take(MAX_TEXT + 1).read_to_end(&mut text));
    read.map_err(|error| FeedError::Read { path: path.to_owned(), error })?;
    if text.len() as u64 > MAX_TEXT {
        return Err(FeedError::TooMuch { path: path.to_owned(), limit: MAX_TEXT, what: "bytes" });
    }
    Ok(text)
}

fn bounded(path: &Path, count: u64) -> Result<(), FeedError> {
    if count > MAX_TEXTS {
        return Err(FeedError::TooMuch { path: path.to_owned(), limit: MAX_TEXTS, what: "texts" });
    }
    Ok(())
}
