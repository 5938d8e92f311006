//! Documents that entries refer to, named by their SHA-256 and kept compressed.

use std::fs;
use std::io::{self, Read as _};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use crate::digest::Digest;
use crate::disk::Disk;
use crate::error::LedgerError;

/// The largest document that is kept or read, in bytes.
pub const MAX_BLOB: usize = 512 << 20;
const LEVEL: i32 = 3;

/// Documents are written one after the other: two threads may bring the same one, and it has one place.
static WRITING: Mutex<()> = Mutex::new(());

/// Where a document is: `blobs/ab/abcd….zst`.
pub(crate) fn blob_path(digest: &Digest) -> String {
    let hex = digest.hex();
    format!("blobs/{}/{hex}.zst", &hex[..2])
}

pub(crate) fn put(disk: &Disk, bytes: &[u8]) -> Result<Digest, LedgerError> {
    let digest = Digest::of(bytes);
    let relative = blob_path(&digest);
    let path = disk.path(&relative);
    if path.exists() {
        return Ok(digest);
    }
    let failed = LedgerError::io("compressed", &path);
    if bytes.len() > MAX_BLOB {
        return Err(failed(io::Error::other(format!("{} bytes are more than a document may have", bytes.len()))));
    }
    let compressed = zstd::bulk::compress(bytes, LEVEL).map_err(failed)?;
    let _alone = WRITING.lock().unwrap_or_else(PoisonError::into_inner);
    if path.exists() {
        return Ok(digest);
    }
    disk.replace(&relative, &seal(compressed))?;
    Ok(digest)
}

/// Reads a document and checks that it is what its name says.
pub(crate) fn get(folder: &Path, digest: &Digest) -> Result<Vec<u8>, LedgerError> {
    let path = folder.join(blob_path(digest));
    let compressed = match fs::read(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(LedgerError::NoBlob { digest: *digest }),
        read => read.map_err(LedgerError::io("read", &path))?,
    };
    let compressed = unseal(&compressed).ok_or_else(|| LedgerError::damaged(&path, "its checksum does not fit"))?;
    let bytes = decompress(compressed).map_err(|error| LedgerError::damaged(&path, error.to_string()))?;
    if Digest::of(&bytes) != *digest {
        return Err(LedgerError::damaged(&path, "its content is not what its name says"));
    }
    Ok(bytes)
}

/// A frame that decompressors skip (RFC 8878, section 3.1.2), of 32 bytes.
const SKIPPED: [u8; 8] = [0x50, 0x2a, 0x4d, 0x18, 32, 0, 0, 0];

/// Adds the SHA-256 of the compressed bytes in a frame that decompressors skip: some bits of the format carry nothing,
/// and a change of those is to be seen too.
fn seal(mut compressed: Vec<u8>) -> Vec<u8> {
    let digest = Digest::of(&compressed);
    compressed.extend(SKIPPED);
    compressed.extend(digest.0);
    compressed
}

fn unseal(file: &[u8]) -> Option<&[u8]> {
    let (rest, digest) = file.split_last_chunk::<32>()?;
    let compressed = rest.strip_suffix(&SKIPPED)?;
    (Digest::of(compressed).0 == *digest).then_some(compressed)
}

/// Decompresses up to [`MAX_BLOB`] bytes.
///
/// # Errors
/// When the bytes are not zstd or hold more.
pub fn decompress(compressed: &[u8]) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let limit = MAX_BLOB as u64 + 1;
    zstd::stream::read::Decoder::new(compressed)?.take(limit).read_to_end(&mut bytes)?;
    if bytes.len() > MAX_BLOB { Err(io::Error::other("larger than a document may be")) } else { Ok(bytes) }
}

/// Compresses a document as [`decompress`] reads it.
///
/// # Errors
/// When memory runs out.
pub fn compress(bytes: &[u8]) -> io::Result<Vec<u8>> {
    zstd::bulk::compress(bytes, LEVEL)
}
