//! The segment that is written to.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use crate::made::Made;
use crate::segment::{SEGMENT, in_blocks};

/// A segment that is written to.
pub(crate) struct Current {
    /// Its first number.
    pub(crate) first: u64,
    pub(crate) path: PathBuf,
    /// Bytes that were appended.
    pub(crate) length: u64,
    to: To,
}

/// How it is written to.
enum To {
    /// It grows with each append.
    End(File),
    /// It was made beforehand.
    Made(Made),
}

impl Current {
    /// Starts one that grows.
    pub(crate) fn new(first: u64, path: &Path) -> io::Result<Self> {
        // A file of this name can only be the rest of an append that failed.
        let file = OpenOptions::new().write(true).create(true).truncate(true).open(path)?;
        Ok(Self { first, path: path.to_owned(), length: 0, to: To::End(file) })
    }

    /// Starts one that was made beforehand and has its name now.
    pub(crate) fn made(first: u64, path: PathBuf, made: Made) -> Self {
        Self { first, path, length: 0, to: To::Made(made) }
    }

    /// Whether an append of so many bytes has room.
    pub(crate) fn takes(&self, bytes: usize) -> bool {
        match &self.to {
            To::End(_) => self.length < SEGMENT,
            To::Made(_) => self.length + in_blocks(bytes) as u64 <= SEGMENT,
        }
    }

    pub(crate) fn is_made(&self) -> bool {
        matches!(self.to, To::Made(_))
    }

    /// Appends bytes and makes them durable.
    pub(crate) fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        match &mut self.to {
            To::End(file) => {
                file.write_all(bytes)?;
                file.sync_data()?;
                self.length += bytes.len() as u64;
            }
            To::Made(made) => {
                made.write(bytes, self.length)?;
                self.length += in_blocks(bytes.len()) as u64;
            }
        }
        Ok(())
    }

    /// Cuts off what an append that failed may have left.
    pub(crate) fn cut(&self) -> io::Result<()> {
        let file = match &self.to {
            To::End(file) => file,
            To::Made(made) => made.file(),
        };
        file.set_len(self.length)?;
        file.sync_all()
    }
}

/// Whether an append of so many bytes has room in a segment that is made beforehand.
pub(crate) fn fits(bytes: usize) -> bool {
    in_blocks(bytes) as u64 <= SEGMENT
}
