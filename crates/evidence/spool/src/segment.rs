//! Segment files: records one after another, each with its length and checksum.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use probity_crypto::Sha256;

/// Length in front of every record, and the first bytes of its SHA-256 behind that.
const HEADER: usize = 4 + 8;

/// Largest record, in bytes.
pub(crate) const MAX_RECORD: usize = 16 << 20;

/// Adds a record to the bytes of a segment.
pub(crate) fn frame(record: &[u8], out: &mut Vec<u8>) {
    let length = u32::try_from(record.len()).unwrap_or(u32::MAX);
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(&checksum(record));
    out.extend_from_slice(record);
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
    /// The end of the file, behind a whole record.
    End,
    /// Something else starts at this byte. `torn` when it may be the last write, cut off; otherwise whole records follow.
    Broken { at: u64, torn: bool },
}

/// Reads a segment from front to back.
pub(crate) struct Reader {
    file: BufReader<File>,
    at: u64,
    length: u64,
}

impl Reader {
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let length = file.metadata()?.len();
        Ok(Self { file: BufReader::new(file), at: 0, length })
    }

    pub(crate) fn next(&mut self) -> io::Result<Next> {
        if self.at == self.length {
            return Ok(Next::End);
        }
        let start = self.at;
        match self.record()? {
            Some(record) => Ok(Next::Record(record)),
            None => Ok(Next::Broken { at: start, torn: !self.continues(start)? }),
        }
    }

    /// The record that starts here, when there is a whole one.
    fn record(&mut self) -> io::Result<Option<Vec<u8>>> {
        let left = self.length - self.at;
        if left < HEADER as u64 {
            return Ok(None);
        }
        let mut header = [0; HEADER];
        self.file.read_exact(&mut header)?;
        let length = u32::from_le_bytes([header[0], header[1], header[2], header[3]]);
        if length == 0 || length as usize > MAX_RECORD || u64::from(length) > left - HEADER as u64 {
            return Ok(None);
        }
        let mut record = vec![0; length as usize];
        self.file.read_exact(&mut record)?;
        if checksum(&record) != header[4..] {
            return Ok(None);
        }
        self.at += HEADER as u64 + u64::from(length);
        Ok(Some(record))
    }

    /// Whether a whole record follows on the broken one that starts here, by its length: then it was not the last write.
    fn continues(&mut self, start: u64) -> io::Result<bool> {
        self.file.seek(SeekFrom::Start(start))?;
        let mut length = [0; 4];
        if self.length - start < HEADER as u64 || self.file.read_exact(&mut length).is_err() {
            return Ok(false);
        }
        let next = start + HEADER as u64 + u64::from(u32::from_le_bytes(length));
        if next >= self.length {
            return Ok(false);
        }
        self.file.seek(SeekFrom::Start(next))?;
        self.at = next;
        Ok(self.record()?.is_some())
    }
}
