//! The Merkle tree of RFC 6962, section 2.1, with SHA-256.

use probity_crypto::Sha256;

use crate::digest::Digest;

/// The hash of an entry: SHA-256 of a zero byte and the entry.
pub fn leaf_hash(entry: &[u8]) -> Digest {
    Digest(Sha256::new().chain_update([0]).chain_update(entry).finalize())
}

/// The hash of a node: SHA-256 of a one byte and the hashes of its children.
pub(crate) fn node_hash(left: &Digest, right: &Digest) -> Digest {
    let mut bytes = [1; 65];
    bytes[1..33].copy_from_slice(&left.0);
    bytes[33..].copy_from_slice(&right.0);
    Digest(Sha256::digest(bytes))
}

/// The root of an empty tree: SHA-256 of nothing.
pub(crate) fn empty_root() -> Digest {
    Digest::of(&[])
}

/// The root of a complete tree over these hashes; their number is a power of two.
pub(crate) fn complete_root(hashes: &[Digest]) -> Digest {
    debug_assert!(hashes.len().is_power_of_two());
    let mut row = hashes.to_vec();
    while row.len() > 1 {
        row = row.chunks(2).map(|pair| node_hash(&pair[0], &pair[1])).collect();
    }
    row[0]
}

/// Gives hashes of complete subtrees: of the `2^level` leaves from `index * 2^level` on.
pub(crate) trait Nodes {
    type Error;

    fn node(&mut self, level: u32, index: u64) -> Result<Digest, Self::Error>;
}

/// The hash over the leaves from `start` to `end`, as `MTH(D[start:end])` of RFC 6962; `start < end`.
pub(crate) fn range_hash<N: Nodes>(nodes: &mut N, start: u64, end: u64) -> Result<Digest, N::Error> {
    let count = end - start;
    if count.is_power_of_two() && start.is_multiple_of(count) {
        let level = count.trailing_zeros();
        return nodes.node(level, start >> level);
    }
    let split = start + largest_power_below(count);
    let left = range_hash(nodes, start, split)?;
    let right = range_hash(nodes, split, end)?;
    Ok(node_hash(&left, &right))
}

/// The largest power of two smaller than `count`, which is at least 2.
fn largest_power_below(count: u64) -> u64 {
    1 << (count - 1).ilog2()
}

/// The inclusion proof for an entry, from its sibling upward: `PATH(index, D[0:size])` of RFC 6962, section 2.1.1.
pub(crate) fn inclusion_proof<N: Nodes>(nodes: &mut N, index: u64, size: u64) -> Result<Vec<Digest>, N::Error> {
    let (mut start, mut end) = (0, size);
    let mut path = Vec::new();
    while end - start > 1 {
        let split = start + largest_power_below(end - start);
        if index < split {
            path.push(range_hash(nodes, split, end)?);
            end = split;
        } else {
            path.push(range_hash(nodes, start, split)?);
            start = split;
        }
    }
    path.reverse();
    Ok(path)
}

/// The root that an inclusion proof leads to (RFC 9162, section 2.1.3.2); none when it has not the right length.
pub fn root_from_proof(leaf: &Digest, index: u64, size: u64, path: &[Digest]) -> Option<Digest> {
    if index >= size {
        return None;
    }
    let (mut node, mut last) = (index, size - 1);
    let mut hash = *leaf;
    for sibling in path {
        if last == 0 {
            return None;
        }
        if node % 2 == 1 || node == last {
            hash = node_hash(sibling, &hash);
            while node.is_multiple_of(2) && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            hash = node_hash(&hash, sibling);
        }
        node >>= 1;
        last >>= 1;
    }
    (last == 0).then_some(hash)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    struct Leaves(Vec<Digest>);

    impl Nodes for Leaves {
        type Error = std::convert::Infallible;

        fn node(&mut self, level: u32, index: u64) -> Result<Digest, Self::Error> {
            let start = usize::try_from(index << level).unwrap();
            Ok(complete_root(&self.0[start..start + (1 << level)]))
        }
    }

    /// The definition of RFC 6962, word for word.
    fn naive(leaves: &[Digest]) -> Digest {
        match leaves {
            [] => empty_root(),
            [leaf] => *leaf,
            _ => {
                let mut split = 1;
                while split * 2 < leaves.len() {
                    split *= 2;
                }
                node_hash(&naive(&leaves[..split]), &naive(&leaves[split..]))
            }
        }
    }

    #[test]
    fn hashes_of_known_trees() {
        // The test vectors that RFC 6962 implementations share: the entries "", 00, 10, 2021, ...
        let entries: [&[u8]; 4] = [b"", b"\x00", b"\x10", b"\x20\x21"];
        let leaves: Vec<Digest> = entries.iter().map(|entry| leaf_hash(entry)).collect();
        let roots = [
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
            "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
            "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ];
        for (count, root) in (1..).zip(roots) {
            assert_eq!(naive(&leaves[..count]).hex(), root, "{count} entries");
        }
        assert_eq!(empty_root().hex(), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    }

    proptest! {
        #[test]
        fn ranges_and_proofs_follow_the_definition(size in 1_u64..300, at in 0_u64..300, other in any::<[u8; 32]>()) {
            let index = at % size;
            let leaves: Vec<Digest> = (0..size).map(|n| leaf_hash(&n.to_be_bytes())).collect();
            let root = naive(&leaves);
            let mut nodes = Leaves(leaves.clone());
            prop_assert_eq!(range_hash(&mut nodes, 0, size).unwrap(), root);
            let path = inclusion_proof(&mut nodes, index, size).unwrap();
            let leaf = &leaves[usize::try_from(index).unwrap()];
            prop_assert_eq!(root_from_proof(leaf, index, size, &path), Some(root));
            prop_assert_ne!(root_from_proof(&Digest(other), index, size, &path), Some(root));
            prop_assert_ne!(root_from_proof(leaf, (index + 1) % size.max(2), size, &path), Some(root));
            let mut longer = path.clone();
            longer.push(root);
            prop_assert_ne!(root_from_proof(leaf, index, size, &longer), Some(root));
        }
    }
}
