//! Reading a ledger, while it grows or when it has been exported.

use std::fs;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::blob;
use crate::checkpoint::Checkpoint;
use crate::digest::Digest;
use crate::entry::Entry;
use crate::error::LedgerError;
use crate::leaf;
use crate::merkle::{Nodes, complete_root, inclusion_proof, leaf_hash, range_hash};
use crate::proof::Proof;
use crate::tile::{Edge, LEVELS, WIDTH, bundle_path, read_leaves, read_tile, tile_path, width_in};

/// The file that holds the newest checkpoint.
pub(crate) const CHECKPOINT: &str = "checkpoint";
/// The file that holds the public key.
pub(crate) const PUBLIC_KEY: &str = "ledger.pub";

/// Reads what is under the checkpoint. Takes no lock.
#[derive(Debug, Clone)]
pub struct Reader {
    folder: Arc<Path>,
}

/// An entry with its place.
#[derive(Debug, Clone, PartialEq)]
pub struct LedgerEntry {
    /// Its place, from 0.
    pub index: u64,
    /// Its hash in the tree.
    pub leaf: Digest,
    /// The canonical JSON that the hash is over.
    pub bytes: Vec<u8>,
    /// What it says.
    pub entry: Entry,
}

impl Reader {
    /// Reads the ledger in a folder.
    ///
    /// # Errors
    /// When there is no checkpoint.
    pub fn open(folder: &Path) -> Result<Self, LedgerError> {
        let reader = Self::of(folder);
        match reader.checkpoint()? {
            Some(_) => Ok(reader),
            None => Err(LedgerError::Empty { folder: folder.to_owned() }),
        }
    }

    pub(crate) fn of(folder: &Path) -> Self {
        Self { folder: folder.into() }
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The newest checkpoint; none in a ledger that is just made. Its signature is not verified here.
    pub fn checkpoint(&self) -> Result<Option<Checkpoint>, LedgerError> {
        let path = self.folder.join(CHECKPOINT);
        let text = match fs::read_to_string(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            read => read.map_err(LedgerError::io("read", &path))?,
        };
        Checkpoint::parse(&text).map(Some).map_err(|error| LedgerError::damaged(&path, error.to_string()))
    }

    /// How many entries are under the newest checkpoint.
    pub fn published(&self) -> Result<u64, LedgerError> {
        Ok(self.checkpoint()?.map_or(0, |checkpoint| checkpoint.size))
    }

    /// One entry.
    pub fn entry(&self, index: u64) -> Result<LedgerEntry, LedgerError> {
        let size = self.published()?;
        if index >= size {
            return Err(LedgerError::NoEntry { index, size });
        }
        let (path, bundle) = self.bundle(index / WIDTH, size)?;
        let leaves = read_leaves(&bundle).ok_or_else(|| LedgerError::damaged(&path, "it is cut short"))?;
        let at = usize::try_from(index % WIDTH).unwrap_or(usize::MAX);
        let leaf = leaves.get(at).ok_or_else(|| LedgerError::damaged(&path, "an entry is missing"))?;
        self.read_leaf(index, leaf, &path)
    }

    /// Entries of a range, as far as they are under the checkpoint. Each bundle is read once.
    pub fn entries(&self, range: Range<u64>) -> impl Iterator<Item = Result<LedgerEntry, LedgerError>> + '_ {
        let (size, failed) = match self.published() {
            Ok(size) => (size, None),
            Err(error) => (0, Some(error)),
        };
        let end = range.end.min(size);
        let bundles = (range.start / WIDTH..end.div_ceil(WIDTH)).map(move |index| self.bundle_entries(index, size));
        let wanted = move |entry: &Result<LedgerEntry, LedgerError>| {
            entry.as_ref().map_or(true, |entry| range.start <= entry.index && entry.index < end)
        };
        failed.map(Err).into_iter().chain(bundles.flatten()).filter(wanted)
    }

    fn bundle_entries(&self, index: u64, size: u64) -> Vec<Result<LedgerEntry, LedgerError>> {
        let read = || -> Result<Vec<Result<LedgerEntry, LedgerError>>, LedgerError> {
            let (path, bundle) = self.bundle(index, size)?;
            let leaves = read_leaves(&bundle).ok_or_else(|| LedgerError::damaged(&path, "it is cut short"))?;
            let wanted = usize::try_from(width_in(size, 0, index)).unwrap_or(usize::MAX);
            Ok((index * WIDTH..)
                .zip(leaves.iter().take(wanted))
                .map(|(at, leaf)| self.read_leaf(at, leaf, &path))
                .collect())
        };
        read().unwrap_or_else(|error| vec![Err(error)])
    }

    fn read_leaf(&self, index: u64, bytes: &[u8], path: &Path) -> Result<LedgerEntry, LedgerError> {
        let entry = leaf::read(bytes, |digest| self.blob(digest))?
            .map_err(|error| LedgerError::damaged(path, format!("entry {index} cannot be understood: {error}")))?;
        Ok(LedgerEntry { index, leaf: leaf_hash(bytes), bytes: bytes.to_vec(), entry })
    }

    /// An entry's bytes, without reading what they say.
    pub(crate) fn leaf(&self, index: u64) -> Result<Vec<u8>, LedgerError> {
        let (path, bundle) = self.bundle(index / WIDTH, self.published()?)?;
        let leaves = read_leaves(&bundle).ok_or_else(|| LedgerError::damaged(&path, "it is cut short"))?;
        let leaf = usize::try_from(index % WIDTH).ok().and_then(|at| leaves.get(at));
        leaf.map(|leaf| leaf.to_vec()).ok_or_else(|| LedgerError::damaged(&path, "an entry is missing"))
    }

    /// A document that entries refer to.
    pub fn blob(&self, digest: &Digest) -> Result<Vec<u8>, LedgerError> {
        blob::get(&self.folder, digest)
    }

    /// Whether a document is there.
    pub fn has_blob(&self, digest: &Digest) -> bool {
        self.folder.join(blob::blob_path(digest)).is_file()
    }

    /// The proof that an entry is under the newest checkpoint.
    pub fn proof(&self, index: u64) -> Result<Proof, LedgerError> {
        let checkpoint = self.checkpoint()?.ok_or_else(|| LedgerError::Empty { folder: self.folder.to_path_buf() })?;
        if index >= checkpoint.size {
            return Err(LedgerError::NoEntry { index, size: checkpoint.size });
        }
        let mut tiles = Tiles { reader: self, size: checkpoint.size, newest: None };
        let path = inclusion_proof(&mut tiles, index, checkpoint.size)?;
        Ok(Proof { index, path, checkpoint })
    }

    /// The root at a size that is not larger than the ledger's, computed from its tiles.
    pub fn root(&self, size: u64) -> Result<Digest, LedgerError> {
        if size == 0 {
            return Ok(crate::merkle::empty_root());
        }
        let published = self.published()?;
        if size > published {
            return Err(LedgerError::NoEntry { index: size - 1, size: published });
        }
        range_hash(&mut Tiles { reader: self, size: published, newest: None }, 0, size)
    }

    /// One of the files that a tiled log serves (C2SP tlog-tiles), by its path: `checkpoint`, `tile/0/000`, ...
    pub fn file(&self, path: &str) -> Result<Vec<u8>, LedgerError> {
        if path != CHECKPOINT && path != PUBLIC_KEY && !is_tile(path) {
            return Err(LedgerError::NoFile { path: path.to_owned() });
        }
        let file = self.folder.join(path);
        match fs::read(&file) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(LedgerError::NoFile { path: path.to_owned() }),
            read => read.map_err(LedgerError::io("read", &file)),
        }
    }

    /// The right edge of the tree at a size.
    pub(crate) fn edge(&self, size: u64) -> Result<Edge, LedgerError> {
        let mut levels = Vec::new();
        for level in 0..LEVELS {
            let index = size.checked_shr(8 * (level + 1)).unwrap_or(0);
            let width = width_in(size, level, index);
            levels.push(if width == 0 { Vec::new() } else { self.tile(level, index, size)? });
        }
        let bundle = if size.is_multiple_of(WIDTH) { Vec::new() } else { self.bundle(size / WIDTH, size)?.1 };
        Ok(Edge::new(size, levels, bundle))
    }

    /// The hashes of a tile in a tree of this size.
    pub(crate) fn tile(&self, level: u32, index: u64, size: u64) -> Result<Vec<Digest>, LedgerError> {
        let width = width_in(size, level, index);
        let (path, bytes) = self.whole_or_part(width, &|width| tile_path(level, index, width))?;
        let wanted = usize::try_from(width).unwrap_or(usize::MAX) * 32;
        let bytes = bytes.get(..wanted).ok_or_else(|| LedgerError::damaged(&path, "it is cut short"))?;
        read_tile(bytes, width).ok_or_else(|| LedgerError::damaged(&path, "it is cut short"))
    }

    /// An entry bundle in a tree of this size, and the file it is from.
    pub(crate) fn bundle(&self, index: u64, size: u64) -> Result<(PathBuf, Vec<u8>), LedgerError> {
        let width = width_in(size, 0, index);
        let (path, mut bytes) = self.whole_or_part(width, &|width| bundle_path(index, width))?;
        // A full bundle has more than was asked for when it was read in the place of a part.
        if let Some(leaves) = read_leaves(&bytes) {
            let length =
                leaves.iter().take(usize::try_from(width).unwrap_or(usize::MAX)).map(|leaf| leaf.len() + 2).sum();
            bytes.truncate(length);
        }
        Ok((path, bytes))
    }

    /// A part may be gone when the whole is there.
    fn whole_or_part(&self, width: u64, path: &dyn Fn(u64) -> String) -> Result<(PathBuf, Vec<u8>), LedgerError> {
        let part = self.folder.join(path(width));
        match fs::read(&part) {
            Err(error) if error.kind() == io::ErrorKind::NotFound && width < WIDTH => {
                let whole = self.folder.join(path(WIDTH));
                fs::read(&whole).map(|bytes| (whole, bytes)).map_err(|_| LedgerError::io("read", &part)(error))
            }
            read => read.map(|bytes| (part.clone(), bytes)).map_err(LedgerError::io("read", &part)),
        }
    }
}

/// Whether a path is of the form of a tile's or an entry bundle's.
fn is_tile(path: &str) -> bool {
    let digits = |text: &str, count: usize| text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit());
    let number = |text: &str| text.parse::<u64>().is_ok_and(|number| number.to_string() == text);
    let Some((level, rest)) = path.strip_prefix("tile/").and_then(|rest| rest.split_once('/')) else { return false };
    let (index, width) = rest.split_once(".p/").map_or((rest, None), |(index, width)| (index, Some(width)));
    let parts: Vec<&str> = index.split('/').collect();
    let Some((last, before)) = parts.split_last() else { return false };
    (level == "entries" || (number(level) && level.len() <= 2))
        && width.is_none_or(number)
        && digits(last, 3)
        && before.len() < 7
        && before.iter().all(|part| part.strip_prefix('x').is_some_and(|rest| digits(rest, 3)))
}

/// Complete subtrees out of tiles.
pub(crate) struct Tiles<'a> {
    pub(crate) reader: &'a Reader,
    /// The size of the tree that the tiles are of.
    pub(crate) size: u64,
    /// The tile that was read last: neighbours are asked for one after the other.
    pub(crate) newest: Option<(u32, u64, Vec<Digest>)>,
}

impl Nodes for Tiles<'_> {
    type Error = LedgerError;

    fn node(&mut self, level: u32, index: u64) -> Result<Digest, LedgerError> {
        let above = level % 8;
        let (tile_level, count) = (level / 8, 1_u64 << above);
        let first = index << above;
        let tile = first / WIDTH;
        if self.newest.as_ref().is_none_or(|(known, at, _)| (*known, *at) != (tile_level, tile)) {
            let hashes = self.reader.tile(tile_level, tile, self.size)?;
            self.newest = Some((tile_level, tile, hashes));
        }
        let hashes = self.newest.as_ref().map(|(.., hashes)| hashes.as_slice()).unwrap_or_default();
        let start = usize::try_from(first % WIDTH).unwrap_or(usize::MAX);
        let end = start.saturating_add(usize::try_from(count).unwrap_or(usize::MAX));
        // A complete subtree lies within one tile: its height there is at most 7.
        hashes.get(start..end).map(complete_root).ok_or(LedgerError::NoEntry { index: index << level, size: self.size })
    }
}

#[cfg(test)]
mod tests {
    use super::is_tile;

    #[test]
    fn only_paths_of_tiles_are_served() {
        for path in ["tile/0/000", "tile/0/000.p/17", "tile/1/x001/234", "tile/entries/x001/x234/067.p/255"] {
            assert!(is_tile(path), "{path}");
        }
        for path in [
            "tile/0/../../keys/ledger.key",
            "tile/entries/",
            "tile/0/0",
            "tile/00/000",
            "tile/0/000.p/",
            "tile/0/000.p/../x",
            "tile//000",
            "/etc/passwd",
            "lock",
            "pending/0.log",
            "tile/0/x001",
            "tile/0/001/234",
            "tile/0/000/",
        ] {
            assert!(!is_tile(path), "{path}");
        }
    }
}
