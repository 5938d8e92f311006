//! A segment that is made beforehand: to append to it changes nothing but blocks that it has already, so the disk is asked
//! once, and nobody has to find room.

use std::fs::{File, OpenOptions};
use std::io::{self, Seek as _, SeekFrom, Write as _};
use std::path::Path;

use crate::segment::{BLOCK, SEGMENT, in_blocks};

/// Bytes of zeros that are written at a time: appends elsewhere do not wait long for the disk.
const STRETCH: usize = 64 << 10;

pub(crate) struct Made {
    /// What is written to it is on the disk when that returns.
    file: File,
    /// Blocks that were read to wake the disk.
    woken: u64,
}

impl Made {
    /// Makes one of [`SEGMENT`] bytes, full of zeros.
    ///
    /// # Errors
    /// Of the kinds `InvalidInput` and `Unsupported` where the file system does not write past its cache; and when the disk
    /// fails or is full.
    pub(crate) fn new(path: &Path) -> io::Result<Self> {
        let mut file = open(path)?;
        let zeros = Aligned::new(STRETCH);
        for _ in 0..SEGMENT / STRETCH as u64 {
            file.write_all(zeros.bytes())?;
        }
        file.sync_all()?;
        Ok(Self { file, woken: 0 })
    }

    /// Writes an append where its first block begins.
    pub(crate) fn write(&mut self, bytes: &[u8], at: u64) -> io::Result<()> {
        let mut blocks = Aligned::new(in_blocks(bytes.len()));
        blocks.bytes_mut()[..bytes.len()].copy_from_slice(bytes);
        self.file.seek(SeekFrom::Start(at))?;
        self.file.write_all(blocks.bytes())
    }

    /// Has the disk read a block that is not in memory, and does not wait for it: a disk, and the way to it, that had nothing
    /// to do for a while takes longer for the first thing that it is asked for.
    pub(crate) fn wake(&mut self) {
        let at = self.woken * BLOCK as u64;
        if at < SEGMENT {
            self.woken += 1;
            read_ahead(&self.file, at);
        }
    }

    pub(crate) fn file(&self) -> &File {
        &self.file
    }
}

#[cfg(target_os = "linux")]
fn open(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt as _;

    let past_the_cache = (rustix::fs::OFlags::DIRECT | rustix::fs::OFlags::DSYNC).bits().cast_signed();
    OpenOptions::new().read(true).write(true).create(true).truncate(true).custom_flags(past_the_cache).open(path)
}

#[cfg(not(target_os = "linux"))]
fn open(_: &Path) -> io::Result<File> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(target_os = "linux")]
fn read_ahead(file: &File, at: u64) {
    let length = std::num::NonZeroU64::new(BLOCK as u64);
    // It is a hint.
    let _ = rustix::fs::fadvise(file, at, length, rustix::fs::Advice::WillNeed);
}

#[cfg(not(target_os = "linux"))]
fn read_ahead(_: &File, _: u64) {}

/// Zeros, or what is put in their place, at an address that blocks may be written from.
struct Aligned {
    memory: Vec<u8>,
    start: usize,
    length: usize,
}

impl Aligned {
    fn new(length: usize) -> Self {
        let memory = vec![0; length + BLOCK];
        let start = memory.as_ptr().align_offset(BLOCK);
        Self { memory, start, length }
    }

    fn bytes(&self) -> &[u8] {
        &self.memory[self.start..][..self.length]
    }

    fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.memory[self.start..][..self.length]
    }
}
