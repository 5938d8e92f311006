//! Bytes that one thread unpacks while another looks at them: unpacking a layer takes as long as all that is done with
//! it afterwards.

use std::io::{self, BufRead, Read};
use std::sync::mpsc::{self, Receiver, Sender, SyncSender};

use crate::digest::Verifier;

/// Bytes that are handed over at once; they stay in the caches of a processor.
const CHUNK: usize = 128 << 10;

/// Chunks that may wait. The thread that is ahead stops then, so memory stays bounded.
const WAITING: usize = 4;

/// Bytes, of which the first are filled.
struct Chunk {
    bytes: Box<[u8]>,
    filled: usize,
}

/// Where bytes go in.
pub(crate) struct Inlet {
    chunks: SyncSender<io::Result<Chunk>>,
    used: Receiver<Chunk>,
}

/// Where they come out. At their end, or earlier, it fails when they are not what was promised.
pub(crate) struct Outlet {
    chunks: Receiver<io::Result<Chunk>>,
    used: Sender<Chunk>,
    chunk: Chunk,
    at: usize,
    verifier: Verifier,
}

/// Both ends of a pipe whose bytes are held to what the verifier says.
pub(crate) fn pipe(verifier: Verifier) -> (Inlet, Outlet) {
    let (send, chunks) = mpsc::sync_channel(WAITING);
    let (give, used) = mpsc::channel();
    let chunk = Chunk { bytes: Box::default(), filled: 0 };
    (Inlet { chunks: send, used }, Outlet { chunks, used: give, chunk, at: 0, verifier })
}

impl Inlet {
    /// Hands all bytes over, and the error that ends them. Ends early when nobody reads on.
    pub(crate) fn fill(&self, from: &mut impl Read) {
        loop {
            let used = self.used.try_recv().map(|chunk| chunk.bytes);
            let mut chunk = Chunk { bytes: used.unwrap_or_else(|_| vec![0; CHUNK].into()), filled: 0 };
            let read = chunk.read(from);
            let ended = chunk.filled < chunk.bytes.len();
            if self.chunks.send(Ok(chunk)).is_err() || ended {
                if let Err(error) = read {
                    self.fail(error);
                }
                return;
            }
        }
    }

    /// Hands an error over.
    pub(crate) fn fail(&self, error: io::Error) {
        // Who reads no more has an error of its own.
        let _ = self.chunks.send(Err(error));
    }
}

impl Chunk {
    /// Reads until it is full, or there is no more.
    fn read(&mut self, from: &mut impl Read) -> io::Result<()> {
        while self.filled < self.bytes.len() {
            match from.read(&mut self.bytes[self.filled..]) {
                Ok(0) => break,
                Ok(count) => self.filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

impl Outlet {
    /// Reads what is left, so that all of it is verified, and gives the number of bytes in all.
    pub(crate) fn finish(mut self) -> io::Result<u64> {
        loop {
            match self.fill_buf()?.len() {
                0 => return Ok(self.verifier.seen()),
                count => self.consume(count),
            }
        }
    }

    /// Skips bytes without a copy of them.
    pub(crate) fn skip(&mut self, mut count: u64) -> io::Result<()> {
        while count > 0 {
            let there = self.fill_buf()?.len();
            if there == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let some = there.min(usize::try_from(count).unwrap_or(usize::MAX));
            self.consume(some);
            count -= some as u64;
        }
        Ok(())
    }
}

impl BufRead for Outlet {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        while self.at == self.chunk.filled {
            let Ok(next) = self.chunks.recv() else {
                self.verifier.end()?;
                return Ok(&[]);
            };
            let used = std::mem::replace(&mut self.chunk, next?);
            self.at = 0;
            if !used.bytes.is_empty() {
                // At the end nobody wants it back.
                let _ = self.used.send(used);
            }
            self.verifier.update(&self.chunk.bytes[..self.chunk.filled])?;
        }
        Ok(&self.chunk.bytes[self.at..self.chunk.filled])
    }

    fn consume(&mut self, count: usize) {
        self.at += count;
    }
}

impl Read for Outlet {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.fill_buf()?.read(buffer)?;
        self.consume(count);
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;
    use crate::digest::Digest;

    /// Bytes, and then an error.
    struct Breaking<'a>(&'a [u8]);

    impl Read for Breaking<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            match self.0.read(buffer)? {
                0 => Err(io::Error::other("it broke")),
                count => Ok(count),
            }
        }
    }

    fn bytes(count: usize) -> Vec<u8> {
        (0..count).map(|at| u8::try_from(at % 251).unwrap_or(0)).collect()
    }

    #[test]
    fn what_goes_in_comes_out() {
        for count in [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 20 * CHUNK + 7] {
            let sent = bytes(count);
            let (inlet, mut outlet) = pipe(Verifier::new(Digest::sha256(&sent), None));
            thread::scope(|scope| {
                scope.spawn(|| {
                    let inlet = inlet;
                    inlet.fill(&mut &sent[..]);
                });
                let skipped = count / 3;
                outlet.skip(skipped as u64).unwrap();
                let mut rest = vec![0; count / 2];
                outlet.read_exact(&mut rest).unwrap();
                assert_eq!(rest, sent[skipped..skipped + count / 2], "{count}");
                assert_eq!(outlet.finish().unwrap(), count as u64);
            });
        }
    }

    #[test]
    fn what_is_wrong_is_told() {
        let sent = bytes(CHUNK + 1);
        let fails = |from: &mut (dyn Read + Send), digest: &[u8]| {
            let (inlet, outlet) = pipe(Verifier::new(Digest::sha256(digest), None));
            thread::scope(|scope| {
                scope.spawn(|| {
                    let (inlet, mut from) = (inlet, from);
                    inlet.fill(&mut from);
                });
                outlet.finish().unwrap_err().to_string()
            })
        };
        assert!(fails(&mut &sent[..], b"other").contains("its digest is"));
        assert_eq!(fails(&mut Breaking(&sent), &sent), "it broke");
        assert_eq!(fails(&mut Breaking(&sent[..CHUNK]), &sent), "it broke");
        let (inlet, mut outlet) = pipe(Verifier::new(Digest::sha256(b""), None));
        drop(inlet);
        assert_eq!(outlet.skip(1).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }

    #[test]
    fn who_sends_stops_when_nobody_reads() {
        let (inlet, outlet) = pipe(Verifier::new(Digest::sha256(b""), None));
        drop(outlet);
        inlet.fill(&mut io::repeat(1));
    }
}
