//! Unpacking a configuration.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};

use flate2::read::GzDecoder;
use tar::{Archive, EntryType};

/// Most files of a configuration.
const MAX_FILES: usize = 50_000;

/// Deepest folder.
const MAX_DEPTH: usize = 64;

/// Bytes that an archive may have beside its files' content.
const HEADERS: u64 = 64 << 20;

/// Why a configuration is not unpacked.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// A path leads out of the folder.
    #[error("the configuration has a file `{0}`, which leads out of its folder")]
    Escape(String),
    /// It is too large when it is unpacked.
    #[error("the configuration is larger than {0} bytes when it is unpacked")]
    TooLarge(u64),
    /// It has too many files.
    #[error("the configuration has more than {MAX_FILES} files")]
    TooMany,
    /// It is no archive, or cannot be written.
    #[error("the configuration cannot be unpacked: {0}")]
    Form(#[from] io::Error),
}

/// Unpacks a `tar.gz` into a folder that is there and empty. Links and whatever is no file or folder are left out.
pub(crate) fn unpack(archive: &Path, folder: &Path, limit: u64) -> Result<(), ArchiveError> {
    // What counts is what comes, and not what headers say of it; they themselves are not endless.
    let unpacked = GzDecoder::new(File::open(archive)?).take(limit.saturating_add(HEADERS));
    let mut archive = Archive::new(unpacked);
    let (mut left, mut files) = (limit, 0_usize);
    for entry in archive.entries()? {
        let mut entry = entry?;
        files += 1;
        if files > MAX_FILES {
            return Err(ArchiveError::TooMany);
        }
        let kind = entry.header().entry_type();
        let path = inner(&entry.path()?)?;
        match kind {
            EntryType::Directory => fs::create_dir_all(folder.join(path))?,
            EntryType::Regular | EntryType::Continuous => {
                let path = folder.join(path);
                if let Some(parent) = path.parent() {
                    fs::create_dir_all(parent)?;
                }
                let mut file = OpenOptions::new().write(true).create_new(true).open(&path)?;
                let written = io::copy(&mut entry.by_ref().take(left.saturating_add(1)), &mut file)?;
                left = left.checked_sub(written).ok_or(ArchiveError::TooLarge(limit))?;
            }
            _ => {}
        }
    }
    Ok(())
}

/// A path of the archive, when it stays within the folder.
fn inner(path: &Path) -> Result<PathBuf, ArchiveError> {
    let escape = || ArchiveError::Escape(path.display().to_string());
    let mut inner = PathBuf::new();
    for part in path.components() {
        match part {
            Component::Normal(name) => inner.push(name),
            Component::CurDir => {}
            Component::ParentDir | Component::RootDir | Component::Prefix(_) => return Err(escape()),
        }
    }
    if inner.components().count() > MAX_DEPTH { Err(escape()) } else { Ok(inner) }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::GzEncoder;
    use proptest::prelude::*;

    use super::*;

    /// An archive with files as they are told, however little sense that makes.
    fn archive(files: &[(&str, EntryType, &[u8])]) -> tempfile::NamedTempFile {
        let mut tar = Vec::new();
        for (path, kind, content) in files {
            let mut header = tar::Header::new_gnu();
            header.as_old_mut().name[..path.len()].copy_from_slice(path.as_bytes());
            header.set_entry_type(*kind);
            header.set_size(content.len() as u64);
            header.set_mode(0o644);
            header.set_link_name_literal("/etc/passwd").unwrap();
            header.set_cksum();
            tar.extend_from_slice(header.as_bytes());
            tar.extend_from_slice(content);
            tar.resize(tar.len().div_ceil(512) * 512, 0);
        }
        tar.extend_from_slice(&[0; 1024]);
        packed(&tar)
    }

    fn packed(bytes: &[u8]) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        let mut gzip = GzEncoder::new(file.reopen().unwrap(), Compression::fast());
        gzip.write_all(bytes).unwrap();
        gzip.finish().unwrap();
        file
    }

    fn unpacked(archive: &Path, limit: u64) -> (tempfile::TempDir, Result<(), ArchiveError>) {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("inner");
        fs::create_dir(&inner).unwrap();
        let result = unpack(archive, &inner, limit);
        (folder, result)
    }

    #[test]
    fn files_and_folders_are_unpacked_and_links_left_out() {
        let archive = archive(&[
            ("./", EntryType::Directory, b""),
            ("./main.tf", EntryType::Regular, b"# main"),
            ("modules/a/main.tf", EntryType::Regular, b"# a"),
            ("link.tf", EntryType::Symlink, b""),
            ("hard.tf", EntryType::Link, b""),
            ("pipe", EntryType::Fifo, b""),
        ]);
        let (folder, result) = unpacked(archive.path(), 1 << 20);
        result.unwrap();
        let inner = folder.path().join("inner");
        assert_eq!(fs::read_to_string(inner.join("main.tf")).unwrap(), "# main");
        assert_eq!(fs::read_to_string(inner.join("modules/a/main.tf")).unwrap(), "# a");
        for left_out in ["link.tf", "hard.tf", "pipe"] {
            assert!(inner.join(left_out).symlink_metadata().is_err(), "{left_out}");
        }
    }

    #[test]
    fn paths_that_lead_out_are_refused() {
        for path in ["../evil.tf", "a/../../evil.tf", "/evil.tf", "a/.."] {
            let archive = archive(&[(path, EntryType::Regular, b"evil")]);
            let (folder, result) = unpacked(archive.path(), 1 << 20);
            assert!(matches!(result, Err(ArchiveError::Escape(_))), "{path}: {result:?}");
            assert!(!folder.path().join("evil.tf").exists(), "{path}");
        }
    }

    #[test]
    fn what_is_large_or_broken_is_refused() {
        let zeros = vec![0; 1 << 20];
        let bomb = archive(&[("a", EntryType::Regular, &zeros), ("b", EntryType::Regular, &zeros)]);
        for limit in [1 << 16, 1 << 20, (2 << 20) - 1] {
            let result = unpacked(bomb.path(), limit).1;
            assert!(matches!(result, Err(ArchiveError::TooLarge(told)) if told == limit), "{limit}: {result:?}");
        }
        unpacked(bomb.path(), 2 << 20).1.unwrap();
        assert!(unpacked(packed(b"no archive").path(), 1 << 20).1.is_err());
        let plain = tempfile::NamedTempFile::new().unwrap();
        fs::write(plain.path(), "no gzip").unwrap();
        assert!(matches!(unpacked(plain.path(), 1 << 20).1, Err(ArchiveError::Form(_))));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn nothing_is_ever_written_beside_the_folder(path in "[./a]{1,12}", bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let archive = archive(&[(&path, EntryType::Regular, &bytes)]);
            let (folder, _) = unpacked(archive.path(), 1 << 10);
            prop_assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
            let (folder, _) = unpacked(packed(&bytes).path(), 1 << 10);
            prop_assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        }
    }
}
