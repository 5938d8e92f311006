//! Segment files: records one after another, each with its length and checksum.
//!
//! A segment that is made beforehand is full of zeros, and what is appended to it begins at a block: no block has bytes of
//! two appends, so that a write that is cut off harms nothing that was durable. A length of zero is the end of an append;
//! where a block begins, it is the end of all.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use probity_crypto::Sha256;

/// Length in front of every record, and the first bytes of its SHA-256 behind that.
const HEADER: usize = LENGTH + 8;
const LENGTH: usize = 4;

/// What a segment that is made beforehand is written by, in bytes: disks have blocks of this size, or ones that divide it.
pub(crate) const BLOCK: usize = 4096;

/// In a record's length: it was appended together with the one in front of it.
const TOGETHER: u32 = 1 << 31;

/// A segment is closed when it has this many bytes.
pub(crate) const SEGMENT: u64 = 4 << 20;

/// Largest record, in bytes.
pub(crate) const MAX_RECORD: usize = 16 << 20;

/// Adds a record of at most [`MAX_RECORD`] bytes to those that are appended together.
pub(crate) fn frame(record: &[u8], out: &mut Vec<u8>) {
    let together = if out.is_empty() { 0 } else { TOGETHER };
    let length = u32::try_from(record.len()).unwrap_or(u32::MAX) | together;
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(&checksum(record));
    out.extend_from_slice(record);
}

/// How many bytes an append of so many takes in a segment that is made beforehand: its end is marked, and then come zeros.
pub(crate) fn in_blocks(bytes: usize) -> usize {
    (bytes + LENGTH).next_multiple_of(BLOCK)
}

fn checksum(record: &[u8]) -> [u8; 8] {
    let digest = Sha256::digest(record);
    let mut first = [0; 8];
    first.copy_from_slice(&digest[..8]);
    first
}

/// What comes next in a segment.
pub(crate) enum Next {
    /// A whole record.
    Record(Vec<u8>),
    /// The end of what was appended, behind a whole record.
    End {
        /// Where it is.
        at: u64,
    },
    /// Something else starts at this byte.
    Broken {
        /// Which.
        at: u64,
    },
}

/// What is at a byte of a segment.
enum Found {
    Record(Vec<u8>),
    /// A length of zero.
    Nothing,
    Broken,
}

/// Reads a segment from front to back.
pub(crate) struct Reader {
    file: BufReader<File>,
    at: u64,
    length: u64,
}

impl Reader {
    /// Opens a segment where an append begins.
    pub(crate) fn open(path: &Path, at: u64) -> io::Result<Self> {
        let mut file = File::open(path)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(at))?;
        Ok(Self { file: BufReader::new(file), at, length })
    }

    pub(crate) fn next(&mut self) -> io::Result<Next> {
        while self.at < self.length {
            let start = self.at;
            match self.found()? {
                Found::Record(record) => return Ok(Next::Record(record)),
                Found::Broken => return Ok(Next::Broken { at: start }),
                Found::Nothing if start.is_multiple_of(BLOCK as u64) => break,
                Found::Nothing => self.go_to(start.next_multiple_of(BLOCK as u64))?,
            }
        }
        Ok(Next::End { at: self.at })
    }

    fn go_to(&mut self, at: u64) -> io::Result<()> {
        self.at = at;
        self.file.seek(SeekFrom::Start(at)).map(drop)
    }

    /// What is here; behind it, when it is a whole record.
    fn found(&mut self) -> io::Result<Found> {
        let left = self.length - self.at;
        let mut header = [0; HEADER];
        if left < LENGTH as u64 {
            return Ok(Found::Broken);
        }
        self.file.read_exact(&mut header[..LENGTH])?;
        let length = u32::from_le_bytes([header[0], header[1], header[2], header[3]]);
        if length == 0 {
            return Ok(Found::Nothing);
        }
        let length = length & !TOGETHER;
        if length as usize > MAX_RECORD || HEADER as u64 + u64::from(length) > left {
            return Ok(Found::Broken);
        }
        self.file.read_exact(&mut header[LENGTH..])?;
        let mut record = vec![0; length as usize];
        self.file.read_exact(&mut record)?;
        if checksum(&record) != header[LENGTH..] {
            return Ok(Found::Broken);
        }
        self.at += HEADER as u64 + u64::from(length);
        Ok(Found::Record(record))
    }

    /// Whether something was appended behind what starts here, which is no whole record: then this was not the last write.
    pub(crate) fn continues(&mut self, start: u64) -> io::Result<bool> {
        self.go_to((start + 1).min(self.length))?;
        let mut rest = Vec::new();
        self.file.read_to_end(&mut rest)?;
        let rest = without_zeros(&rest);
        Ok((0..rest.len()).any(|at| begins_append(&rest[at..])))
    }
}

/// Bytes without the blocks at their end that are zeros: of a segment made beforehand that is most.
fn without_zeros(bytes: &[u8]) -> &[u8] {
    let zeros =
        bytes.rchunks(BLOCK).take_while(|block| **block == [0; BLOCK][..block.len()]).map(<[u8]>::len).sum::<usize>();
    &bytes[..bytes.len() - zeros]
}

/// Whether these bytes begin with a record that nothing was appended together with in front of it.
fn begins_append(bytes: &[u8]) -> bool {
    let Some((length, rest)) = bytes.split_first_chunk::<LENGTH>() else { return false };
    let Some((sum, rest)) = rest.split_at_checked(HEADER - LENGTH) else { return false };
    // Of what is no record's length little passes here: most of it has a larger one, or ends elsewhere than an object.
    rest.get(..u32::from_le_bytes(*length) as usize)
        .is_some_and(|record| record.starts_with(b"{") && record.ends_with(b"}") && checksum(record) == *sum)
}
