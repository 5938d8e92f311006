//! Layers: each is read once, as a stream, and what is wanted of it is taken on the way (OCI image specification,
//! "Image Layer Filesystem Changeset").

use std::io::{self, BufRead, BufReader, Read};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::{panic, thread};

use flate2::bufread::MultiGzDecoder;

use crate::digest::{Digest, Verified, Verifier};
use crate::error::{Exceeded, ImageError};
use crate::inventory::{self, Extract, texts};
use crate::limits::Limits;
use crate::pipe::{Inlet, Outlet, pipe};
use crate::tape::{Member, Tape};

/// Files larger than this are in memory one at a time, however many layers are read at once.
const LARGE: u64 = 32 << 20;

/// Layers smaller than this unpacked may have any ratio.
const RATIO_FROM: u64 = 100 << 20;

/// What all layers of an image share.
pub(crate) struct Budget {
    unpacked: AtomicU64,
    entries: AtomicU64,
    texts: AtomicU64,
    large: Mutex<()>,
}

impl Budget {
    pub(crate) fn new() -> Self {
        Self {
            unpacked: AtomicU64::new(0),
            entries: AtomicU64::new(0),
            texts: AtomicU64::new(0),
            large: Mutex::new(()),
        }
    }

    fn unpack(&self, count: u64, limits: &Limits) -> io::Result<()> {
        let most = limits.unpacked;
        if self.unpacked.fetch_add(count, Ordering::Relaxed) + count > most {
            return Err(io::Error::other(Exceeded { of: "bytes, unpacked", most, limit: "unpacked" }));
        }
        Ok(())
    }

    fn enter(&self, limits: &Limits) -> io::Result<()> {
        let most = limits.entries;
        if self.entries.fetch_add(1, Ordering::Relaxed) + 1 > most {
            return Err(io::Error::other(Exceeded { of: "entries", most, limit: "entries" }));
        }
        Ok(())
    }
}

/// What an entry of a layer puts at its place.
#[derive(Debug, Clone)]
pub(crate) enum Kind {
    File,
    Directory,
    /// To this, as it is written.
    Symlink(Box<str>),
    /// To this path from the root.
    HardLink(Box<str>),
    /// A device or a pipe.
    Special,
}

/// An entry of a layer.
#[derive(Debug, Clone)]
pub(crate) struct Change {
    /// From the root, without a `/` before it and after it; empty for the root.
    pub(crate) path: Box<str>,
    pub(crate) kind: Kind,
    pub(crate) size: u64,
    pub(crate) mode: u32,
    /// What was found in it.
    pub(crate) extract: Option<Arc<Extract>>,
}

/// A file that could not be understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Trouble {
    pub(crate) path: Box<str>,
    pub(crate) what: String,
}

/// The text of a file that is known to hold credentials. It is not shown and not kept beyond the image in memory.
#[derive(Clone, PartialEq, Eq)]
pub struct TextFile {
    /// The file, from the root.
    pub path: String,
    /// Its layer, from 0.
    pub layer: usize,
    /// What is in it.
    pub text: String,
}

impl std::fmt::Debug for TextFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} of layer {} ({} bytes)", self.path, self.layer, self.text.len())
    }
}

/// A layer that was read.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    /// In the order of the archive.
    pub(crate) entries: Vec<Change>,
    /// Paths that are taken away from the layers below.
    pub(crate) whiteouts: Vec<Box<str>>,
    /// Folders that show nothing of the layers below.
    pub(crate) opaque: Vec<Box<str>>,
    pub(crate) troubles: Vec<Trouble>,
    /// Paths and texts of files that credentials may be in.
    pub(crate) texts: Vec<(Box<str>, String)>,
    /// Bytes, packed and unpacked.
    pub(crate) packed: u64,
    pub(crate) unpacked: u64,
}

/// What a layer is held to.
pub(crate) struct Expected<'a> {
    /// What it is called in messages.
    pub(crate) name: &'a str,
    /// The digest of the bytes as they are kept; archives of Docker have none.
    pub(crate) blob: Option<(&'a Digest, u64)>,
    /// The digest of the bytes unpacked, which the configuration has.
    pub(crate) diff_id: &'a Digest,
}

/// Reads a layer. It is unpacked on a thread of its own.
pub(crate) fn read(
    from: impl Read + Send,
    expected: &Expected<'_>,
    limits: &Limits,
    budget: &Budget,
) -> Result<Changes, ImageError> {
    let (inlet, outlet) = pipe(Verifier::new(expected.diff_id.clone(), None));
    let (read, packed) = thread::scope(|scope| {
        let packed = scope.spawn(move || unpack(from, expected, limits, budget, &inlet));
        let read = look(outlet, expected.name, limits, budget);
        (read, packed.join().unwrap_or_else(|panicked| panic::resume_unwind(panicked)))
    });
    // A blob that is not what was promised is that first of all, whatever its bytes look like.
    match (read, packed) {
        (Ok(changes), Ok(packed)) => Ok(Changes { packed, ..changes }),
        (Err(limit @ ImageError::TooMuch { .. }), _) => Err(limit),
        (Err(error), _) if expected.blob.is_none() => Err(error),
        (_, Err(error)) => Err(ImageError::io(expected.name, error)),
        (Err(error), Ok(_)) => Err(error),
    }
}

struct Counted<R> {
    from: R,
    seen: u64,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.from.read(buffer)?;
        self.seen += count as u64;
        Ok(count)
    }
}

/// Unpacks a blob into a pipe, and gives its size. It is read to its end also when nobody wants more of it, and held to
/// its digest.
fn unpack(
    from: impl Read,
    expected: &Expected<'_>,
    limits: &Limits,
    budget: &Budget,
    inlet: &Inlet,
) -> io::Result<u64> {
    let Some((digest, size)) = expected.blob else {
        let mut counted = Counted { from, seen: 0 };
        fill(&mut counted, u64::MAX, limits, budget, inlet);
        io::copy(&mut counted, &mut io::sink())?;
        return Ok(counted.seen);
    };
    let mut verified = Verified::new(from, digest.clone(), Some(size));
    fill(&mut verified, size.saturating_mul(limits.ratio).max(RATIO_FROM), limits, budget, inlet);
    verified.finish()
}

fn fill(from: impl Read, most: u64, limits: &Limits, budget: &Budget, inlet: &Inlet) {
    match unpacker(from) {
        Ok(from) => inlet.fill(&mut Bounded { from, seen: 0, most, budget, limits }),
        Err(error) => inlet.fail(error),
    }
}

/// A reader of what is packed, by its first bytes.
fn unpacker<'a>(from: impl Read + 'a) -> io::Result<Box<dyn Read + 'a>> {
    let mut packed = BufReader::with_capacity(1 << 16, from);
    Ok(match packed.fill_buf()? {
        [0x1f, 0x8b, ..] => Box::new(MultiGzDecoder::new(packed)),
        [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => {
            Box::new(zstd::Decoder::with_buffer(packed)?)
        }
        [b'B', b'Z', b'h', ..] | [0xfd, b'7', b'z', b'X', b'Z', ..] => {
            let why = "it is packed with bzip2 or xz, which the specification does not have: push it with gzip or zstd";
            return Err(io::Error::new(io::ErrorKind::InvalidData, why));
        }
        _ => Box::new(packed),
    })
}

/// Looks at what comes out of the pipe, and takes all of it, so that it is held to its digest.
fn look(mut outlet: Outlet, name: &str, limits: &Limits, budget: &Budget) -> Result<Changes, ImageError> {
    let changes = changes(&mut outlet, name, limits, budget)?;
    let unpacked = outlet.finish().map_err(|error| match ImageError::io(name, error) {
        ImageError::Mismatch { what, mismatch } => {
            ImageError::Mismatch { what: format!("{what}, unpacked (its diff_id),"), mismatch }
        }
        other => other,
    })?;
    Ok(Changes { unpacked, ..changes })
}

/// Fails when more is unpacked than may be.
struct Bounded<'a, R> {
    from: R,
    seen: u64,
    most: u64,
    budget: &'a Budget,
    limits: &'a Limits,
}

impl<R: Read> Read for Bounded<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.from.read(buffer)?;
        self.seen += count as u64;
        if self.seen > self.most {
            let of = "bytes, unpacked, for its packed size";
            return Err(io::Error::other(Exceeded { of, most: self.most, limit: "ratio" }));
        }
        self.budget.unpack(count as u64, self.limits)?;
        Ok(count)
    }
}

fn changes(from: &mut Outlet, name: &str, limits: &Limits, budget: &Budget) -> Result<Changes, ImageError> {
    let wrong = |error: io::Error| match error.kind() {
        io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput | io::ErrorKind::UnexpectedEof => {
            ImageError::malformed(name, error)
        }
        _ => ImageError::io(name, error),
    };
    let mut changes = Changes::default();
    let mut tape = Tape::new(from, limits.name, |from, count| from.skip(count));
    while let Some(entry) = tape.next().map_err(wrong)? {
        budget.enter(limits).map_err(wrong)?;
        let refuse = |why: &str| ImageError::Refused {
            layer: name.to_owned(),
            entry: entry.name.chars().take(200).flat_map(char::escape_debug).collect(),
            why: why.to_owned(),
        };
        let path = clean(&entry.name, limits).map_err(&refuse)?;
        let (folder, base) = path.rsplit_once('/').unwrap_or(("", &path));
        if let Some(hidden) = base.strip_prefix(".wh.") {
            match hidden {
                ".wh..opq" => changes.opaque.push(folder.into()),
                // Notes of AUFS to itself.
                _ if hidden.starts_with(".wh.") => {}
                "" | "." | ".." => return Err(refuse("takes away something that has no name")),
                _ if folder.is_empty() => changes.whiteouts.push(hidden.into()),
                _ => changes.whiteouts.push(format!("{folder}/{hidden}").into()),
            }
            continue;
        }
        let kind = match &entry.member {
            Member::File | Member::Sparse => Kind::File,
            Member::Directory => Kind::Directory,
            Member::Device | Member::Fifo => Kind::Special,
            Member::Symlink(to) if to.len() as u64 > limits.name => {
                return Err(refuse("leads to a name that is too long"));
            }
            Member::Symlink(to) => Kind::Symlink(to.as_str().into()),
            Member::HardLink(to) => {
                Kind::HardLink(clean(to, limits).map_err(|why| refuse(&format!("is a link: {why}")))?)
            }
        };
        if path.is_empty() && !matches!(kind, Kind::Directory) {
            return Err(refuse("stands in the place of the root"));
        }
        let extract = match entry.member {
            Member::File => look_into(&mut tape, &path, entry.size, limits, budget, &mut changes),
            Member::Sparse => Ok(inventory::interest(&path).and_then(|_| {
                changes
                    .troubles
                    .push(Trouble { path: path.clone(), what: "it is stored with holes, and was not read".into() });
                None
            })),
            _ => Ok(None),
        };
        let extract = extract.map_err(wrong)?.map(Arc::new);
        changes.entries.push(Change { path, kind, size: entry.size, mode: entry.mode, extract });
    }
    Ok(changes)
}

/// Reads a file when its name or its first bytes say that there may be something in it.
fn look_into(
    tape: &mut impl Read,
    path: &str,
    size: u64,
    limits: &Limits,
    budget: &Budget,
    changes: &mut Changes,
) -> io::Result<Option<Extract>> {
    let mut head = [0; inventory::HEAD];
    let named = inventory::interest(path);
    if named.is_none() && texts::is_candidate(path) {
        match texts::has_room(size, &budget.texts, limits) {
            Ok(()) => return keep_text(tape, path, limits, changes),
            Err(why) => {
                let what = format!("it was not searched for secrets: {why}");
                changes.troubles.push(Trouble { path: path.into(), what });
            }
        }
    }
    let troubles = &mut changes.troubles;
    if named.is_none() && size <= inventory::HEAD as u64 {
        return Ok(None);
    }
    let (interest, head) = if let Some(interest) = named {
        (interest, &[][..])
    } else {
        tape.read_exact(&mut head)?;
        let Some(interest) = inventory::interest_in(head) else { return Ok(None) };
        (interest, &head[..])
    };
    if size > limits.file {
        let what =
            format!("it has {size} bytes, more than the limit `file` of {}, and was not looked into", limits.file);
        troubles.push(Trouble { path: path.into(), what });
        return Ok(None);
    }
    let _one = (size > LARGE).then(|| budget.large.lock().unwrap_or_else(PoisonError::into_inner));
    // All of it at once: what grows is twice as large in between.
    let mut content = Vec::new();
    content.try_reserve_exact(usize::try_from(size).unwrap_or(usize::MAX)).map_err(io::Error::other)?;
    content.extend_from_slice(head);
    tape.read_to_end(&mut content)?;
    match inventory::extract(interest, path, content, limits) {
        Ok(extract) => Ok(extract),
        Err(what) => {
            troubles.push(Trouble { path: path.into(), what });
            Ok(None)
        }
    }
}

/// Keeps the text of a file that credentials may be in. What is no text is none.
fn keep_text(tape: &mut impl Read, path: &str, limits: &Limits, changes: &mut Changes) -> io::Result<Option<Extract>> {
    let mut content = Vec::new();
    tape.take(limits.text).read_to_end(&mut content)?;
    if let Ok(text) = String::from_utf8(content) {
        changes.texts.push((path.into(), text));
    }
    Ok(None)
}

/// A name as a path from the root; an error when it leads out of it. An absolute name is one from the root of the image: runtimes
/// take it so, and umoci writes `/` for the root itself.
fn clean(name: &str, limits: &Limits) -> Result<Box<str>, &'static str> {
    if name.len() as u64 > limits.name {
        return Err("has a name that is too long");
    }
    if name.contains('\0') {
        return Err("has a name with a NUL in it");
    }
    let mut parts: Vec<&str> = Vec::new();
    for part in name.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop().ok_or("leads out of the image")?;
            }
            _ => parts.push(part),
        }
    }
    Ok(parts.join("/").into())
}

#[cfg(test)]
pub(crate) mod tests {
    use std::io::Write;

    use proptest::prelude::*;
    use tar::{Builder, EntryType, Header};

    use super::*;

    /// Archives for tests.
    #[derive(Default)]
    pub(crate) struct Layer(Vec<(String, EntryType, Vec<u8>, String)>);

    impl Layer {
        pub(crate) fn file(self, name: &str, content: impl AsRef<[u8]>) -> Self {
            self.entry(name, EntryType::Regular, content.as_ref(), "")
        }

        pub(crate) fn folder(self, name: &str) -> Self {
            self.entry(name, EntryType::Directory, b"", "")
        }

        pub(crate) fn symlink(self, name: &str, to: &str) -> Self {
            self.entry(name, EntryType::Symlink, b"", to)
        }

        pub(crate) fn hardlink(self, name: &str, to: &str) -> Self {
            self.entry(name, EntryType::Link, b"", to)
        }

        pub(crate) fn entry(mut self, name: &str, kind: EntryType, content: &[u8], to: &str) -> Self {
            self.0.push((name.into(), kind, content.into(), to.into()));
            self
        }

        pub(crate) fn tar(&self) -> Vec<u8> {
            let mut builder = Builder::new(Vec::new());
            for (name, kind, content, to) in &self.0 {
                let mut header = Header::new_gnu();
                header.set_entry_type(*kind);
                header.set_size(content.len() as u64);
                header.set_mode(0o644);
                // Names that the builder would refuse are written as they are.
                let gnu = header.as_gnu_mut().unwrap();
                gnu.name[..name.len().min(100)].copy_from_slice(&name.as_bytes()[..name.len().min(100)]);
                gnu.linkname[..to.len()].copy_from_slice(to.as_bytes());
                header.set_cksum();
                builder.append(&header, content.as_slice()).unwrap();
            }
            builder.into_inner().unwrap()
        }
    }

    pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn read_packed(packed: &[u8], diff_id: &Digest, limits: &Limits) -> Result<Changes, ImageError> {
        let digest = Digest::sha256(packed);
        let expected = Expected { name: "the layer", blob: Some((&digest, packed.len() as u64)), diff_id };
        read(packed, &expected, limits, &Budget::new())
    }

    fn read_tar(tar: &[u8]) -> Result<Changes, ImageError> {
        read_packed(tar, &Digest::sha256(tar), &Limits::default())
    }

    #[test]
    fn every_packing_is_read() {
        let tar = Layer::default()
            .folder("/")
            .folder("./a/")
            .file("/a/b", "x")
            .file("a/.wh.c", "")
            .file("a/.wh..wh..opq", "")
            .tar();
        for packed in [tar.clone(), gzip(&tar), zstd::encode_all(&tar[..], 3).unwrap()] {
            let changes = read_packed(&packed, &Digest::sha256(&tar), &Limits::default()).unwrap();
            let paths: Vec<&str> = changes.entries.iter().map(|entry| &*entry.path).collect();
            assert_eq!(paths, ["", "a", "a/b"]);
            assert_eq!((&*changes.whiteouts[0], &*changes.opaque[0]), ("a/c", "a"));
            assert_eq!((changes.packed, changes.unpacked), (packed.len() as u64, tar.len() as u64));
        }
    }

    #[test]
    fn unsound_entries_are_refused() {
        let cases = [
            (Layer::default().file("../etc/passwd", ""), "leads out"),
            (Layer::default().file("a/../../b", ""), "leads out"),
            (Layer::default().hardlink("a", "../b"), "leads out"),
            (Layer::default().symlink(".", "b"), "root"),
            (Layer::default().file("a/.wh...", ""), "no name"),
            (Layer::default().entry("a", EntryType::new(b'M'), b"", ""), "0x4d"),
        ];
        for (layer, part) in cases {
            let error = read_tar(&layer.tar()).unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        }
    }

    #[test]
    fn texts_that_credentials_may_be_in_are_kept_within_bounds() {
        let layer = Layer::default()
            .file("root/.npmrc", "token")
            .file("root/.bashrc", "token")
            .file("app/server.key", b"\xff\xfe")
            .file("app/a.pem", "0123456789")
            .file("app/b.pem", "01234");
        let tar = layer.tar();
        let read = |limits: &Limits| read_packed(&tar, &Digest::sha256(&tar), limits).unwrap();
        let paths = |changes: &Changes| changes.texts.iter().map(|(path, _)| path.to_string()).collect::<Vec<_>>();
        assert_eq!(paths(&read(&Limits::default())), ["root/.npmrc", "app/a.pem", "app/b.pem"]);
        let small = read(&Limits { text: 5, texts: 8, ..Limits::default() });
        assert_eq!(paths(&small), ["root/.npmrc"]);
        let told: Vec<_> = small.troubles.iter().map(|trouble| (&*trouble.path, &*trouble.what)).collect();
        assert_eq!(
            told,
            [
                ("app/a.pem", "it was not searched for secrets: it has 10 bytes, more than the limit `text` of 5"),
                (
                    "app/b.pem",
                    "it was not searched for secrets: there are more than 8 bytes of such files, the limit `texts`"
                ),
            ]
        );
        // What is kept is not told.
        let text = TextFile { path: "root/.npmrc".into(), layer: 0, text: "token".into() };
        assert_eq!(format!("{text:?}"), "root/.npmrc of layer 0 (5 bytes)");
    }

    #[test]
    fn wrong_digests_are_found() {
        let tar = Layer::default().file("a", "x").tar();
        let other = Digest::sha256(b"other");
        let error = read_packed(&gzip(&tar), &other, &Limits::default()).unwrap_err().to_string();
        assert!(error.contains("diff_id") && error.contains("promised"), "{error}");
        let expected = Expected { name: "it", blob: Some((&other, tar.len() as u64)), diff_id: &Digest::sha256(&tar) };
        let error = read(&tar[..], &expected, &Limits::default(), &Budget::new()).unwrap_err();
        assert!(matches!(error, ImageError::Mismatch { .. }), "{error}");
    }

    #[test]
    fn bombs_are_refused() {
        let bomb = Layer::default().file("zeros", vec![0; 4 << 20]).tar();
        let many = (0..100).fold(Layer::default(), |layer, n| layer.file(&format!("f{n}"), "")).tar();
        let limits = [
            (Limits { unpacked: 1 << 20, ..Limits::default() }, &bomb, "unpacked"),
            (Limits { entries: 10, ..Limits::default() }, &many, "entries"),
        ];
        for (limits, tar, name) in limits {
            let error = read_packed(&gzip(tar), &Digest::sha256(tar), &limits).unwrap_err().to_string();
            assert!(error.contains(&format!("`{name}`")), "{error}");
        }
    }

    #[test]
    fn a_layer_that_grows_beyond_measure_is_refused() {
        let tar = Layer::default().file("zeros", vec![0; 101 << 20]).tar();
        let limits = Limits { ratio: 100, ..Limits::default() };
        let error = read_packed(&gzip(&tar), &Digest::sha256(&tar), &limits).unwrap_err().to_string();
        assert!(error.contains("`ratio`"), "{error}");
    }

    #[test]
    fn other_packings_are_named() {
        let error = read_tar(b"BZh91AY&SY").unwrap_err().to_string();
        assert!(error.contains("bzip2"), "{error}");
    }

    proptest! {
        #[test]
        fn nothing_panics(bytes in proptest::collection::vec(any::<u8>(), 0..1500), gzipped in any::<bool>()) {
            let packed = if gzipped { gzip(&bytes) } else { bytes.clone() };
            let _ = read_packed(&packed, &Digest::sha256(&bytes), &Limits::default());
        }
    }
}
