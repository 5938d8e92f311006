//! Audit logs, read block by block and told by several threads.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::thread;

use anyhow::{Context, Result, anyhow};
use flate2::bufread::MultiGzDecoder;
use memchr::{memchr_iter, memrchr};
use probity_rbac::EventError;

use crate::output::harmless;

/// Bytes that are read at a time.
const BLOCK: usize = 2 << 20;

/// Longest line that is taken, in bytes: more than an event of an object of the largest size.
const MAX_LINE: usize = 64 << 20;

/// So many broken lines are named; the rest is counted.
const NAMED: u64 = 20;

/// Most threads that take events.
const MAX_THREADS: usize = 8;

/// Takes lines of a log.
pub(crate) trait Reader: Send {
    /// Takes a line.
    fn line(&mut self, line: &[u8]) -> Result<(), EventError>;
    /// A line could not be taken, as it is too long.
    fn lost(&mut self);
}

/// Audit logs that are read.
#[derive(clap::Args)]
pub(crate) struct Logs {
    /// Audit logs of the API server: JSON lines, of one event or of a list each, also gzip'd; `-` is the standard input.
    #[arg(long = "audit-log", value_name = "FILE", num_args = 1..)]
    pub(crate) files: Vec<PathBuf>,
}

/// Whole lines of a file.
struct Block {
    file: usize,
    /// The number of its first line.
    first: u64,
    bytes: Vec<u8>,
}

impl Logs {
    /// Reads all logs with readers on several threads, and gives what these came to. Broken lines are named on the standard
    /// error.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub(crate) fn read<R: Reader>(&self, make: impl Fn() -> R + Sync) -> Result<Vec<R>> {
        let threads = thread::available_parallelism().map_or(1, NonZero::get).min(MAX_THREADS);
        let (to, blocks) = sync_channel::<Block>(threads);
        let (blocks, broken) = (Mutex::new(blocks), AtomicU64::new(0));
        thread::scope(|scope| {
            let take = || self.take(&blocks, make(), &broken);
            let workers: Vec<_> = (0..threads).map(|_| scope.spawn(take)).collect();
            let sent = self.files.iter().enumerate().try_for_each(|(file, path)| {
                send(path, file, &to).with_context(|| format!("{} cannot be read", self.shown(file)))
            });
            drop(to);
            let readers: Result<Vec<R>, _> = workers.into_iter().map(thread::ScopedJoinHandle::join).collect();
            let readers = readers.map_err(|_| anyhow!("a thread that reads the log ended early"))?;
            let unnamed = broken.load(Ordering::Relaxed).saturating_sub(NAMED);
            if unnamed > 0 {
                eprintln!("problem: {unnamed} more lines could not be read");
            }
            sent.map(|()| readers)
        })
    }

    fn shown(&self, file: usize) -> String {
        let path = self.files.get(file).map_or(Path::new(""), PathBuf::as_path);
        if path == Path::new("-") { "stdin".to_owned() } else { path.display().to_string() }
    }

    /// Takes blocks until there are no more.
    fn take<R: Reader>(&self, blocks: &Mutex<Receiver<Block>>, mut reader: R, broken: &AtomicU64) -> R {
        let next = || blocks.lock().unwrap_or_else(PoisonError::into_inner).recv();
        while let Ok(block) = next() {
            let (mut begin, mut number) = (0, block.first);
            let ends = memchr_iter(b'\n', &block.bytes).chain([block.bytes.len()]);
            for end in ends {
                let line = block.bytes.get(begin..end).unwrap_or_default();
                if !line.iter().all(u8::is_ascii_whitespace) {
                    let result = if line.len() > MAX_LINE {
                        reader.lost();
                        Err(format!("the line is longer than {MAX_LINE} bytes"))
                    } else {
                        reader.line(line).map_err(|error| error.to_string())
                    };
                    if let Err(problem) = result
                        && broken.fetch_add(1, Ordering::Relaxed) < NAMED
                    {
                        eprintln!("problem: {}:{number}: {}", self.shown(block.file), harmless(&problem));
                    }
                }
                (begin, number) = (end + 1, number + 1);
            }
        }
        reader
    }
}

/// Sends a file in blocks of whole lines.
fn send(path: &Path, file: usize, to: &SyncSender<Block>) -> io::Result<()> {
    let mut reader = open(path)?;
    let (mut bytes, mut first) = (Vec::new(), 1);
    // A line that is too long is cut off: what is left of it is passed over.
    let mut is_cut = false;
    loop {
        let before = bytes.len();
        let count = reader.by_ref().take(BLOCK as u64).read_to_end(&mut bytes)?;
        if count == 0 {
            break;
        }
        if is_cut {
            let Some(end) = memchr::memchr(b'\n', &bytes) else {
                bytes.clear();
                continue;
            };
            bytes.drain(..end);
            is_cut = false;
        }
        let fresh = before.min(bytes.len());
        let Some(end) = memrchr(b'\n', &bytes[fresh..]).map(|end| fresh + end) else {
            if bytes.len() > MAX_LINE {
                let block = Block { file, first, bytes: std::mem::take(&mut bytes) };
                is_cut = true;
                if to.send(block).is_err() {
                    return Ok(());
                }
            }
            continue;
        };
        let rest = bytes.split_off(end + 1);
        bytes.pop();
        let lines = memchr_iter(b'\n', &bytes).count() as u64 + 1;
        // Nobody takes blocks any more when a thread has ended; that is told by whoever waits for it.
        if to.send(Block { file, first, bytes: std::mem::replace(&mut bytes, rest) }).is_err() {
            return Ok(());
        }
        first += lines;
    }
    if !bytes.is_empty() {
        let _ = to.send(Block { file, first, bytes });
    }
    Ok(())
}

/// Opens a log, which is gzip'd when it begins as such files do.
fn open(path: &Path) -> io::Result<Box<dyn Read>> {
    let plain: Box<dyn Read> = if path == Path::new("-") { Box::new(io::stdin()) } else { Box::new(File::open(path)?) };
    let mut plain = BufReader::with_capacity(1 << 18, plain);
    let is_packed = plain.fill_buf()?.starts_with(&[0x1f, 0x8b]);
    Ok(if is_packed { Box::new(MultiGzDecoder::new(plain)) } else { Box::new(plain) })
}
