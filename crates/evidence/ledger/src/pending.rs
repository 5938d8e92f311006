//! The log that makes entries durable before they are in tiles.
//!
//! A segment is a file `pending/<index of its first entry>.log` of frames, one for each group of entries that was
//! committed together. A frame is only begun when the one before it is on disk, so after a loss of power at most the
//! last frame of the last segment is broken, and nobody was told that its entries are kept.

use std::fs;
use std::path::Path;

use probity_crypto::Sha256;

use crate::error::LedgerError;
use crate::tile::{push_leaf, read_leaves};

const MAGIC: [u8; 4] = *b"PRB1";
/// Magic, length of the entries, index of the first, number of them, and 16 bytes of SHA-256 over all the rest.
const HEADER: usize = 4 + 4 + 8 + 4 + 16;
const FOLDER: &str = "pending";

/// Where the segment is that begins with this entry.
pub(crate) fn segment_path(first: u64) -> String {
    format!("{FOLDER}/{first:020}.log")
}

/// A frame of these entries.
pub(crate) fn frame<'a>(first: u64, leaves: impl ExactSizeIterator<Item = &'a [u8]>) -> Vec<u8> {
    let count = u32::try_from(leaves.len()).expect("a group is bounded");
    let mut frame = vec![0; HEADER];
    leaves.for_each(|leaf| push_leaf(&mut frame, leaf));
    let length = u32::try_from(frame.len() - HEADER).expect("a group is bounded");
    frame[..4].copy_from_slice(&MAGIC);
    frame[4..8].copy_from_slice(&length.to_be_bytes());
    frame[8..16].copy_from_slice(&first.to_be_bytes());
    frame[16..20].copy_from_slice(&count.to_be_bytes());
    let check = checksum(&frame);
    frame[20..HEADER].copy_from_slice(&check);
    frame
}

fn checksum(frame: &[u8]) -> [u8; 16] {
    let hash = Sha256::new().chain_update(&frame[..20]).chain_update(&frame[HEADER..]).finalize();
    *hash.first_chunk().expect("a hash has 32 bytes")
}

/// What a segment holds.
#[derive(Debug)]
pub(crate) struct Segment {
    /// Its entries.
    pub(crate) leaves: Vec<Vec<u8>>,
    /// Bytes from its beginning that are whole frames.
    pub(crate) whole: usize,
    /// Bytes after them: a frame that was being written when the power went.
    pub(crate) torn: usize,
}

/// The indexes of the first entries of the segments, in order.
pub(crate) fn segments(folder: &Path) -> Result<Vec<u64>, LedgerError> {
    let folder = folder.join(FOLDER);
    let entries = match fs::read_dir(&folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(LedgerError::io("read", &folder))?,
    };
    let mut firsts = Vec::new();
    for entry in entries {
        let name = entry.map_err(LedgerError::io("read", &folder))?.file_name();
        let number = name.to_str().and_then(|name| name.strip_suffix(".log"));
        firsts.extend(number.and_then(|number| number.parse::<u64>().ok()));
    }
    firsts.sort_unstable();
    Ok(firsts)
}

/// Reads a segment.
///
/// # Errors
/// When it cannot be read, or a frame is broken that is followed by a whole one: that is no loss of power.
pub(crate) fn read_segment(folder: &Path, first: u64) -> Result<Segment, LedgerError> {
    let path = folder.join(segment_path(first));
    let bytes = fs::read(&path).map_err(LedgerError::io("read", &path))?;
    let mut segment = Segment { leaves: Vec::new(), whole: 0, torn: 0 };
    while let Some((leaves, length)) = read_frame(&bytes[segment.whole..], first + segment.leaves.len() as u64) {
        segment.leaves.extend(leaves.into_iter().map(<[u8]>::to_vec));
        segment.whole += length;
    }
    segment.torn = bytes.len() - segment.whole;
    if has_frame_after(&bytes, segment.whole) {
        let what = format!("the group of entries at byte {} is broken, and whole ones follow", segment.whole);
        return Err(LedgerError::damaged(&path, what));
    }
    Ok(segment)
}

/// The entries of the frame that the bytes begin with, and its length; none when it is not whole.
fn read_frame(bytes: &[u8], first: u64) -> Option<(Vec<&[u8]>, usize)> {
    let (index, count, frame) = split_frame(bytes)?;
    let leaves = read_leaves(&frame[HEADER..])?;
    (index == first && leaves.len() == count as usize).then_some((leaves, frame.len()))
}

/// The index of its first entry, their number, and all bytes of the frame that the bytes begin with.
fn split_frame(bytes: &[u8]) -> Option<(u64, u32, &[u8])> {
    let header = bytes.first_chunk::<HEADER>()?;
    if header[..4] != MAGIC {
        return None;
    }
    let length = u32::from_be_bytes(*header[4..].first_chunk()?) as usize;
    let frame = bytes.get(..HEADER.checked_add(length)?)?;
    let (index, count) =
        (u64::from_be_bytes(*header[8..].first_chunk()?), u32::from_be_bytes(*header[16..].first_chunk()?));
    (checksum(frame) == header[20..]).then_some((index, count, frame))
}

/// Whether a whole frame begins anywhere after this place.
fn has_frame_after(bytes: &[u8], place: usize) -> bool {
    let rest = bytes.get(place + 1..).unwrap_or_default();
    memchr::memmem::find_iter(rest, &MAGIC).any(|at| split_frame(&rest[at..]).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(folder: &Path, bytes: &[u8]) {
        fs::create_dir_all(folder.join(FOLDER)).unwrap();
        fs::write(folder.join(segment_path(5)), bytes).unwrap();
    }

    fn two_frames() -> (Vec<u8>, usize) {
        let first = frame(5, [b"one".as_slice(), b"two"].into_iter());
        let second = frame(7, [b"three".as_slice()].into_iter());
        let length = first.len();
        ([first, second].concat(), length)
    }

    #[test]
    fn a_segment_cut_anywhere_keeps_its_whole_frames() {
        let folder = tempfile::tempdir().unwrap();
        let (bytes, first) = two_frames();
        for cut in 0..=bytes.len() {
            write(folder.path(), &bytes[..cut]);
            let segment = read_segment(folder.path(), 5).unwrap();
            let expected = if cut == bytes.len() {
                3
            } else if cut >= first {
                2
            } else {
                0
            };
            assert_eq!(segment.leaves.len(), expected, "cut at {cut}");
            assert_eq!(segment.whole + segment.torn, cut);
        }
    }

    #[test]
    fn a_byte_changed_before_a_whole_frame_is_damage() {
        let folder = tempfile::tempdir().unwrap();
        let (bytes, first) = two_frames();
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            write(folder.path(), &changed);
            match read_segment(folder.path(), 5) {
                Err(error) => assert!(at < first && error.to_string().contains("damaged"), "byte {at}: {error}"),
                Ok(segment) => assert!(at >= first && segment.leaves.len() == 2, "byte {at}"),
            }
        }
    }

    #[test]
    fn segments_are_found_in_order() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(segments(folder.path()).unwrap(), Vec::<u64>::new());
        fs::create_dir_all(folder.path().join(FOLDER)).unwrap();
        for first in [256_u64, 0, 70_000] {
            fs::write(folder.path().join(segment_path(first)), "").unwrap();
        }
        fs::write(folder.path().join("pending/notes.txt"), "").unwrap();
        assert_eq!(segments(folder.path()).unwrap(), [0, 256, 70_000]);
    }
}
