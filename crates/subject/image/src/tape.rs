//! Tar archives as a stream (POSIX ustar and pax, GNU long names).
//!
//! The `tar` crate reads long names and extended headers whole, however long they are; here they are bounded. What
//! counts as content of an entry is what Go's `archive/tar` says, because runtimes unpack with it: an archive must
//! not mean one thing to us and another to them.

use std::io::{self, Read};

use tar::{EntryType, Header};

use crate::error::Exceeded;

const BLOCK: usize = 512;

/// What an entry is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Member {
    /// A file with this many bytes.
    File,
    /// A file stored with its holes left out: what follows is not its content.
    Sparse,
    Directory,
    Symlink(String),
    HardLink(String),
    /// A character or block device.
    Device,
    Fifo,
}

/// A header of an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    /// As it is written; what is not UTF-8 is escaped.
    pub(crate) name: String,
    pub(crate) member: Member,
    pub(crate) size: u64,
    pub(crate) mode: u32,
}

/// Skips bytes of a reader.
pub(crate) type Skip<R> = fn(&mut R, u64) -> io::Result<()>;

/// Reads one entry after the other.
pub(crate) struct Tape<R> {
    from: R,
    skip: Skip<R>,
    /// Bytes of the entry that were not read yet.
    left: u64,
    /// Bytes between its end and the next header.
    padding: u64,
    /// Bytes read and skipped so far.
    at: u64,
    max_name: u64,
}

/// What headers before an entry say of it.
#[derive(Default)]
struct Extended {
    name: Option<String>,
    link: Option<String>,
    size: Option<u64>,
    sparse: bool,
}

fn broken(why: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why.into())
}

impl<R: Read> Tape<R> {
    pub(crate) fn new(from: R, max_name: u64, skip: Skip<R>) -> Self {
        Self { from, skip, left: 0, padding: 0, at: 0, max_name }
    }

    /// Where the content of the current entry begins.
    pub(crate) fn position(&self) -> u64 {
        self.at
    }

    /// The next entry, `None` at the end. What was not read of the one before is skipped.
    pub(crate) fn next(&mut self) -> io::Result<Option<Entry>> {
        let mut extended = Extended::default();
        loop {
            self.skip_rest()?;
            let Some(header) = self.header()? else { return Ok(None) };
            let kind = header.entry_type();
            let size = header.entry_size().map_err(|error| broken(format!("the size of an entry: {error}")))?;
            match kind {
                EntryType::XHeader => self.pax(size, &mut extended)?,
                EntryType::GNULongName => extended.name = Some(self.long_name(size)?),
                EntryType::GNULongLink => extended.link = Some(self.long_name(size)?),
                EntryType::XGlobalHeader => self.content(size),
                _ if kind.as_byte() == b'V' => self.content(size),
                _ => return self.entry(&header, size, extended).map(Some),
            }
        }
    }

    fn entry(&mut self, header: &Header, size: u64, extended: Extended) -> io::Result<Entry> {
        let name = extended.name.unwrap_or_else(|| text(&header.path_bytes()));
        let link = extended.link.unwrap_or_else(|| text(&header.link_name_bytes().unwrap_or_default()));
        let mut size = extended.size.unwrap_or(size);
        let kind = header.entry_type();
        let member = match kind {
            EntryType::Directory => Member::Directory,
            EntryType::Symlink => Member::Symlink(link),
            EntryType::Link => Member::HardLink(link),
            EntryType::Char | EntryType::Block => Member::Device,
            EntryType::Fifo => Member::Fifo,
            EntryType::GNUSparse => Member::Sparse,
            EntryType::Regular | EntryType::Continuous if name.ends_with('/') => Member::Directory,
            EntryType::Regular | EntryType::Continuous if extended.sparse => Member::Sparse,
            EntryType::Regular | EntryType::Continuous => Member::File,
            other => {
                return Err(broken(format!("`{name}` is of the kind {:#04x}, which is not known", other.as_byte())));
            }
        };
        if kind == EntryType::GNUSparse {
            self.sparse_blocks(header)?;
        }
        if !matches!(member, Member::File | Member::Sparse) {
            size = 0;
        }
        self.content(size);
        Ok(Entry { name, member, size, mode: header.mode().unwrap_or(0) })
    }

    /// The next block as a header; `None` at the end.
    fn header(&mut self) -> io::Result<Option<Header>> {
        let Some(block) = self.block()? else { return Ok(None) };
        if block.iter().all(|byte| *byte == 0) {
            return match self.block()? {
                Some(next) if next.iter().any(|byte| *byte != 0) => {
                    Err(broken("something follows the end of the archive"))
                }
                _ => Ok(None),
            };
        }
        let header = Header::from_byte_slice(&block).clone();
        let sums = checksums(&block);
        match header.cksum() {
            Ok(sum) if sums.contains(&i64::from(sum)) => Ok(Some(header)),
            _ => Err(broken("the checksum of a header is wrong: it is no tar archive, or it is broken")),
        }
    }

    fn block(&mut self) -> io::Result<Option<[u8; BLOCK]>> {
        let mut block = [0; BLOCK];
        let mut filled = 0;
        while filled < BLOCK {
            match self.from.read(&mut block[filled..]) {
                Ok(0) if filled == 0 => return Ok(None),
                Ok(0) => return Err(broken("the archive ends inside of a header")),
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.at += BLOCK as u64;
        Ok(Some(block))
    }

    fn content(&mut self, size: u64) {
        self.left = size;
        self.padding = size.wrapping_neg() % BLOCK as u64;
    }

    fn skip_rest(&mut self) -> io::Result<()> {
        if self.left > 0 {
            (self.skip)(&mut self.from, self.left).map_err(|error| match error.kind() {
                io::ErrorKind::UnexpectedEof => broken("the archive ends inside of an entry"),
                _ => error,
            })?;
        }
        if self.padding > 0 {
            // Nothing after the last entry, not even what fills its block: umoci writes such archives, and Go reads them.
            match (self.skip)(&mut self.from, self.padding) {
                Err(error) if error.kind() != io::ErrorKind::UnexpectedEof => return Err(error),
                _ => {}
            }
        }
        self.at = self.at.saturating_add(self.left).saturating_add(self.padding);
        (self.left, self.padding) = (0, 0);
        Ok(())
    }

    /// The content of a header that says something of the next.
    fn said(&mut self, size: u64) -> io::Result<Vec<u8>> {
        // Extended headers also have attributes that nobody asks for; a megabyte holds those of all sound archives.
        let most = self.max_name.max(1 << 20);
        if size > most {
            return Err(io::Error::other(Exceeded {
                of: "bytes of a name or an extended header",
                most,
                limit: "name",
            }));
        }
        self.content(size);
        let mut bytes = Vec::new();
        self.by_ref().take(size).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    fn long_name(&mut self, size: u64) -> io::Result<String> {
        let bytes = self.said(size)?;
        let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
        Ok(text(&bytes[..end]))
    }

    /// Records `length key=value\n` (POSIX, "pax Extended Header").
    fn pax(&mut self, size: u64, extended: &mut Extended) -> io::Result<()> {
        let bytes = self.said(size)?;
        let mut rest = &bytes[..];
        while !rest.is_empty() {
            let (key, value, next) = record(rest).ok_or_else(|| broken("an extended header is broken"))?;
            match key {
                b"path" if value.is_empty() => extended.name = None,
                b"path" | b"GNU.sparse.name" => extended.name = Some(text(value)),
                b"linkpath" => extended.link = Some(text(value)),
                b"size" => extended.size = Some(number(value).ok_or_else(|| broken("a size is no number"))?),
                _ if key.starts_with(b"GNU.sparse.") => extended.sparse = true,
                _ => {}
            }
            rest = next;
        }
        Ok(())
    }

    /// The blocks that go on with the list of a file's parts (GNU's old form).
    fn sparse_blocks(&mut self, header: &Header) -> io::Result<()> {
        let mut more = header.as_gnu().is_some_and(tar::GnuHeader::is_extended);
        let mut blocks = 0;
        while more {
            let block = self.block()?.ok_or_else(|| broken("the archive ends inside of a header"))?;
            more = block[504] == 1;
            blocks += 1;
            if blocks > 1 << 16 {
                return Err(broken("a file is made of too many parts"));
            }
        }
        Ok(())
    }
}

impl<R: Read> Read for Tape<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = buffer.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        if most == 0 {
            return Ok(0);
        }
        let count = self.from.read(&mut buffer[..most])?;
        if count == 0 {
            return Err(broken("the archive ends inside of an entry"));
        }
        self.left -= count as u64;
        self.at += count as u64;
        Ok(count)
    }
}

/// The sum of a header's bytes, taken as unsigned and as signed, with its own field as spaces.
fn checksums(block: &[u8; BLOCK]) -> [i64; 2] {
    let bytes = block.iter().enumerate().map(|(at, byte)| if (148..156).contains(&at) { b' ' } else { *byte });
    bytes.fold([0, 0], |[unsigned, signed], byte| {
        [unsigned + i64::from(byte), signed + i64::from(i8::from_ne_bytes([byte]))]
    })
}

fn record(bytes: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let space = bytes.iter().take(20).position(|byte| *byte == b' ')?;
    let length = usize::try_from(number(&bytes[..space])?).ok()?;
    let (record, rest) = bytes.split_at_checked(length)?;
    let body = record.get(space + 1..)?.strip_suffix(b"\n")?;
    let equals = body.iter().position(|byte| *byte == b'=')?;
    Some((&body[..equals], &body[equals + 1..], rest))
}

fn number(bytes: &[u8]) -> Option<u64> {
    std::str::from_utf8(bytes).ok()?.parse().ok()
}

/// Bytes as a text in which none are lost: two names that differ stay two.
fn text(bytes: &[u8]) -> String {
    bytes.utf8_chunks().fold(String::new(), |mut text, chunk| {
        text.push_str(chunk.valid());
        chunk.invalid().iter().for_each(|byte| text.push_str(&format!("\\x{byte:02x}")));
        text
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read_over<R: Read>(from: &mut R, count: u64) -> io::Result<()> {
        let skipped = io::copy(&mut from.by_ref().take(count), &mut io::sink())?;
        if skipped == count { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
    }

    fn read(bytes: &[u8]) -> io::Result<Vec<(Entry, Vec<u8>)>> {
        let mut tape = Tape::new(bytes, 1 << 20, read_over);
        let mut entries = Vec::new();
        while let Some(entry) = tape.next()? {
            let mut content = Vec::new();
            tape.read_to_end(&mut content)?;
            entries.push((entry, content));
        }
        Ok(entries)
    }

    fn archive(build: impl FnOnce(&mut tar::Builder<Vec<u8>>)) -> Vec<u8> {
        let mut builder = tar::Builder::new(Vec::new());
        build(&mut builder);
        builder.into_inner().unwrap()
    }

    fn file(builder: &mut tar::Builder<Vec<u8>>, name: &str, content: &[u8]) {
        let mut header = Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o755);
        builder.append_data(&mut header, name, content).unwrap();
    }

    #[test]
    fn entries_are_read() {
        let long = "folder/".repeat(40) + "name";
        let bytes = archive(|builder| {
            file(builder, "a", b"one");
            file(builder, &long, &[7; 600]);
            builder.append_pax_extensions([("path", b"from/pax".as_slice()), ("size", b"2")]).unwrap();
            file(builder, "ignored", b"xy");
            let mut link = Header::new_gnu();
            link.set_entry_type(EntryType::Symlink);
            // A link has no content, whatever its size says.
            link.set_size(512);
            builder.append_link(&mut link, "b", "a").unwrap();
            file(builder, "c", b"");
        });
        let entries = read(&bytes).unwrap();
        let names: Vec<_> = entries.iter().map(|(entry, content)| (entry.name.as_str(), content.len())).collect();
        assert_eq!(names, [("a", 3), (&long, 600), ("from/pax", 2), ("b", 0), ("c", 0)]);
        assert_eq!(entries[3].0.member, Member::Symlink("a".into()));
        assert_eq!(entries[0].0.mode, 0o755);
    }

    #[test]
    fn what_is_broken_is_refused() {
        let whole = archive(|builder| file(builder, "a", &[1; 700]));
        assert!(read(&[]).unwrap().is_empty());
        assert_eq!(read(&whole[..512 + 700]).unwrap().len(), 1);
        let mut other = whole.clone();
        other[0] = b'b';
        let mut after = whole[..512 + 1024].to_vec();
        after.extend([0; 512]);
        after.extend(&whole);
        for (bytes, part) in [
            (&whole[..100], "inside of a header"),
            (&whole[..800], "inside of an entry"),
            (&other, "checksum"),
            (&after, "follows the end"),
        ] {
            let error = read(bytes).unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        }
    }

    #[test]
    fn a_name_of_gigabytes_is_refused_before_it_is_read() {
        let mut header = Header::new_gnu();
        header.set_entry_type(EntryType::GNULongName);
        header.set_size(4 << 30);
        header.set_cksum();
        let error = read(header.as_bytes()).unwrap_err().to_string();
        assert!(error.contains("more than 1048576 bytes of a name"), "{error}");
    }

    proptest! {
        #[test]
        fn nothing_panics(mut bytes in proptest::collection::vec(any::<u8>(), 0..2048), sum in any::<bool>()) {
            if sum && bytes.len() >= 512 {
                let mut header = Header::from_byte_slice(&bytes[..512]).clone();
                header.set_cksum();
                bytes[..512].copy_from_slice(header.as_bytes());
            }
            let _ = read(&bytes);
        }
    }
}
