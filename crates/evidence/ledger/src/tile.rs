//! Tiles and entry bundles (C2SP tlog-tiles): where they are, and the growing right edge of the tree.

use crate::digest::Digest;
use crate::merkle::{complete_root, empty_root, leaf_hash, node_hash};

/// Hashes in a full tile, entries in a full bundle.
pub(crate) const WIDTH: u64 = 256;
/// Levels that a tree can have tiles on.
pub(crate) const LEVELS: u32 = 8;
/// The longest entry that a bundle can hold.
pub(crate) const MAX_LEAF: usize = u16::MAX as usize;

/// Where a tile is: `tile/<level>/<index>`, with `.p/<width>` when it is not full.
pub(crate) fn tile_path(level: u32, index: u64, width: u64) -> String {
    format!("tile/{level}/{}{}", index_path(index), partial(width))
}

/// Where an entry bundle is.
pub(crate) fn bundle_path(index: u64, width: u64) -> String {
    format!("tile/entries/{}{}", index_path(index), partial(width))
}

fn partial(width: u64) -> String {
    if width == WIDTH { String::new() } else { format!(".p/{width}") }
}

/// `1234067` is `x001/x234/067`.
fn index_path(index: u64) -> String {
    let mut path = format!("{:03}", index % 1000);
    let mut rest = index / 1000;
    while rest > 0 {
        path = format!("x{:03}/{path}", rest % 1000);
        rest /= 1000;
    }
    path
}

/// How wide the tile at this place is in a tree of this size; 0 when it is not there.
pub(crate) fn width_in(size: u64, level: u32, index: u64) -> u64 {
    let hashes = size.checked_shr(8 * level).unwrap_or(0);
    hashes.saturating_sub(index.saturating_mul(WIDTH)).min(WIDTH)
}

/// Hashes as a tile's bytes.
pub(crate) fn tile_bytes(hashes: &[Digest]) -> Vec<u8> {
    hashes.iter().flat_map(|hash| hash.0).collect()
}

/// A tile's bytes as hashes; none when the length does not fit.
pub(crate) fn read_tile(bytes: &[u8], width: u64) -> Option<Vec<Digest>> {
    let (hashes, rest) = bytes.as_chunks::<32>();
    (rest.is_empty() && hashes.len() as u64 == width).then(|| hashes.iter().copied().map(Digest).collect())
}

/// Adds an entry to a bundle: its length in two bytes, the larger first, and the entry.
pub(crate) fn push_leaf(bundle: &mut Vec<u8>, leaf: &[u8]) {
    let length = u16::try_from(leaf.len()).expect("leaves are at most MAX_LEAF long");
    bundle.extend(length.to_be_bytes());
    bundle.extend(leaf);
}

/// The entries of a bundle; none when it is cut short.
pub(crate) fn read_leaves(mut bundle: &[u8]) -> Option<Vec<&[u8]>> {
    let mut leaves = Vec::new();
    while !bundle.is_empty() {
        let (length, rest) = bundle.split_first_chunk::<2>()?;
        let (leaf, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
        leaves.push(leaf);
        bundle = rest;
    }
    Some(leaves)
}

/// The right edge of a growing tree: the hashes of each level that are not in a full tile yet.
#[derive(Debug, Clone, Default)]
pub(crate) struct Edge {
    size: u64,
    /// From the leaves upward, each with fewer than 256 hashes.
    levels: Vec<Vec<Digest>>,
    /// The entries that are not in a full bundle yet.
    bundle: Vec<u8>,
}

/// A file of the tree: its path and its bytes.
pub(crate) type TreeFile = (String, Vec<u8>);

impl Edge {
    pub(crate) fn new(size: u64, levels: Vec<Vec<Digest>>, bundle: Vec<u8>) -> Self {
        Self { size, levels, bundle }
    }

    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// Adds an entry; gives the files that are full by it.
    pub(crate) fn push(&mut self, leaf: &[u8], full: &mut Vec<TreeFile>) {
        push_leaf(&mut self.bundle, leaf);
        self.size += 1;
        if self.size.is_multiple_of(WIDTH) {
            full.push((bundle_path(self.size / WIDTH - 1, WIDTH), std::mem::take(&mut self.bundle)));
        }
        self.push_hash(leaf_hash(leaf), full);
    }

    /// Adds an entry by its hash, where only the hashes matter.
    pub(crate) fn push_leaf_hash(&mut self, leaf: Digest, full: &mut Vec<TreeFile>) {
        self.size += 1;
        self.push_hash(leaf, full);
    }

    fn push_hash(&mut self, mut hash: Digest, full: &mut Vec<TreeFile>) {
        for level in 0..LEVELS {
            let at = level as usize;
            if self.levels.len() == at {
                self.levels.push(Vec::new());
            }
            self.levels[at].push(hash);
            if (self.levels[at].len() as u64) < WIDTH {
                return;
            }
            let hashes = std::mem::take(&mut self.levels[at]);
            let index = (self.size >> (8 * (level + 1))) - 1;
            full.push((tile_path(level, index, WIDTH), tile_bytes(&hashes)));
            hash = complete_root(&hashes);
        }
    }

    /// The files that are not full and that a tree of the size before does not have: a tile is the same where as many hashes are
    /// at its level.
    pub(crate) fn partial_files(&self, before: u64) -> Vec<TreeFile> {
        let mut files = Vec::new();
        for (level, hashes) in (0..).zip(&self.levels) {
            if !hashes.is_empty() && self.size >> (8 * level) != before >> (8 * level) {
                let index = self.size >> (8 * (level + 1));
                files.push((tile_path(level, index, hashes.len() as u64), tile_bytes(hashes)));
            }
        }
        if !self.bundle.is_empty() && self.size != before {
            files.push((bundle_path(self.size / WIDTH, self.size % WIDTH), self.bundle.clone()));
        }
        files
    }

    /// The root of the tree.
    pub(crate) fn root(&self) -> Digest {
        let mut root: Option<Digest> = None;
        for hashes in &self.levels {
            // Complete subtrees from right to left: the lowest bit of their number is the rightmost one.
            let mut end = hashes.len();
            while end > 0 {
                let start = end - (1 << end.trailing_zeros());
                let left = complete_root(&hashes[start..end]);
                root = Some(root.map_or(left, |right| node_hash(&left, &right)));
                end = start;
            }
        }
        root.unwrap_or_else(empty_root)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_of_the_specification() {
        assert_eq!(tile_path(0, 1_234_067, WIDTH), "tile/0/x001/x234/067");
        assert_eq!(tile_path(1, 0, 17), "tile/1/000.p/17");
        assert_eq!(bundle_path(273, 112), "tile/entries/273.p/112");
    }

    #[test]
    fn widths_of_the_specification() {
        // A tree of 70,000: 273 full tiles and 112 more, one full and 17 more above, and one above that.
        let widths = [(0, 272, 256), (0, 273, 112), (0, 274, 0), (1, 0, 256), (1, 1, 17), (2, 0, 1), (3, 0, 0)];
        for (level, index, width) in widths {
            assert_eq!(width_in(70_000, level, index), width, "level {level}, index {index}");
        }
        assert_eq!((width_in(256, 0, 0), width_in(256, 0, 1), width_in(256, 1, 0)), (256, 0, 1));
    }

    #[test]
    fn the_edge_has_the_root_of_its_entries() {
        let mut edge = Edge::default();
        let mut full = Vec::new();
        let mut hashes = Vec::new();
        for n in 0..70_000_u32 {
            edge.push(&n.to_be_bytes(), &mut full);
            hashes.push(leaf_hash(&n.to_be_bytes()));
            if matches!(n + 1, 1 | 2 | 3 | 255 | 256 | 257 | 65_535 | 65_536 | 65_537 | 70_000) {
                assert_eq!(edge.root(), root_of(&hashes), "{} entries", n + 1);
            }
        }
        // 273 full tiles of leaves, one above, and 273 bundles.
        assert_eq!(full.len(), 273 + 1 + 273);
        let partial = |before| edge.partial_files(before).into_iter().map(|(path, _)| path).collect::<Vec<_>>();
        assert_eq!(partial(0), ["tile/0/273.p/112", "tile/1/001.p/17", "tile/2/000.p/1", "tile/entries/273.p/112"]);
        // What was there before is not written again.
        assert_eq!(partial(69_887), ["tile/0/273.p/112", "tile/1/001.p/17", "tile/entries/273.p/112"]);
        assert_eq!(partial(69_888), ["tile/0/273.p/112", "tile/entries/273.p/112"]);
        assert!(partial(70_000).is_empty());
    }

    fn root_of(hashes: &[Digest]) -> Digest {
        if hashes.len().is_power_of_two() {
            return complete_root(hashes);
        }
        let split = hashes.len().next_power_of_two() / 2;
        node_hash(&root_of(&hashes[..split]), &root_of(&hashes[split..]))
    }
}
