//! The texts of an input: a file, the files of a folder, or those of a zip archive, always in the same order.

use std::fs::File;
use std::io::{BufReader, Read as _, Write};
use std::path::Path;

use ignore::WalkBuilder;
use probity_crypto::Sha256;

use super::{FeedError, hexadecimal};

/// The largest text that is read, in bytes: Debian's whole tracker is one of 70 MB.
const MAX_TEXT: u64 = 256 << 20;
/// The most texts of an input.
const MAX_TEXTS: u64 = 4_000_000;
/// The deepest folder.
const MAX_DEPTH: usize = 32;

/// Visits each text with its name in the input.
pub(super) fn each(
    path: &Path,
    wanted: &dyn Fn(&str) -> bool,
    visit: &mut dyn FnMut(&str, &[u8]),
) -> Result<(), FeedError> {
    match () {
        () if path.is_dir() => in_folder(path, wanted, visit),
        () if path.extension().is_some_and(|extension| extension == "zip") => in_archive(path, wanted, visit),
        () => {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            visit(&name, &read(path)?);
            Ok(())
        }
    }
}

/// SHA-256 of a file, in hexadecimal digits.
pub(super) fn digest(path: &Path) -> Result<String, FeedError> {
    let failed = |error| FeedError::Read { path: path.to_owned(), error };
    let mut digest = Sha256::new();
    std::io::copy(&mut File::open(path).map_err(failed)?, &mut DigestWriter(&mut digest)).map_err(failed)?;
    Ok(hexadecimal(&digest.finalize()))
}

struct DigestWriter<'d>(&'d mut Sha256);

impl Write for DigestWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn in_folder(root: &Path, wanted: &dyn Fn(&str) -> bool, visit: &mut dyn FnMut(&str, &[u8])) -> Result<(), FeedError> {
    let mut walk = WalkBuilder::new(root);
    walk.standard_filters(false).follow_links(false).max_depth(Some(MAX_DEPTH));
    walk.sort_by_file_name(Ord::cmp).filter_entry(|entry| entry.file_name() != ".git");
    let mut count = 0;
    for entry in walk.build() {
        let entry =
            entry.map_err(|error| FeedError::Read { path: root.to_owned(), error: std::io::Error::other(error) })?;
        let name = entry.path().strip_prefix(root).unwrap_or(entry.path()).to_string_lossy();
        if !entry.file_type().is_some_and(|kind| kind.is_file()) || !wanted(&name) {
            continue;
        }
        count += 1;
        bounded(root, count)?;
        visit(&name, &read(entry.path())?);
    }
    Ok(())
}

fn in_archive(path: &Path, wanted: &dyn Fn(&str) -> bool, visit: &mut dyn FnMut(&str, &[u8])) -> Result<(), FeedError> {
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
    let mut text = Vec::new();
    for name in names {
        let entry = archive.by_name(&name).map_err(damaged)?;
        text.clear();
        let mut limited = entry.take(MAX_TEXT + 1);
        limited.read_to_end(&mut text).map_err(|error| FeedError::Read { path: path.join(&name), error })?;
        within(&path.join(&name), text.len() as u64)?;
        visit(&name, &text);
    }
    Ok(())
}

fn read(path: &Path) -> Result<Vec<u8>, FeedError> {
    let failed = |error| FeedError::Read { path: path.to_owned(), error };
    let mut text = Vec::new();
    File::open(path).map_err(failed)?.take(MAX_TEXT + 1).read_to_end(&mut text).map_err(failed)?;
    within(path, text.len() as u64)?;
    Ok(text)
}

fn within(path: &Path, length: u64) -> Result<(), FeedError> {
    if length > MAX_TEXT {
        return Err(FeedError::TooMuch { path: path.to_owned(), limit: MAX_TEXT, what: "bytes" });
    }
    Ok(())
}

fn bounded(path: &Path, count: u64) -> Result<(), FeedError> {
    if count > MAX_TEXTS {
        return Err(FeedError::TooMuch { path: path.to_owned(), limit: MAX_TEXTS, what: "texts" });
    }
    Ok(())
}
