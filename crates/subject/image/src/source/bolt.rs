//! Reads a database of bbolt, in which containerd keeps the names of images (bbolt's `page.go` and `bucket.go`).

use std::collections::BTreeMap;

const MAGIC: u32 = 0xED0C_DAED;
const PAGE_HEAD: usize = 16;
const LEAF_ELEMENT: usize = 16;
const BRANCH_ELEMENT: usize = 16;
const BRANCH: u16 = 0x01;
const LEAF: u16 = 0x02;
const IS_BUCKET: u32 = 0x01;

/// Most pages and entries that are looked at for one bucket.
const MAX_VISITS: usize = 1_000_000;
const MAX_DEPTH: usize = 64;

/// A database in memory.
pub(super) struct Bolt<'a> {
    bytes: &'a [u8],
    page: usize,
    root: u64,
}

/// What is under a key.
#[derive(Debug, Clone, Copy)]
pub(super) enum Item<'a> {
    Value(&'a [u8]),
    /// The head of a bucket.
    Bucket(&'a [u8]),
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(bytes.get(at..at.checked_add(2)?)?.try_into().ok()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at.checked_add(4)?)?.try_into().ok()?))
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(bytes.get(at..at.checked_add(8)?)?.try_into().ok()?))
}

fn size_at(bytes: &[u8], at: usize) -> Option<usize> {
    usize::try_from(u32_at(bytes, at)?).ok()
}

impl<'a> Bolt<'a> {
    /// `None` when these are the bytes of something else.
    pub(super) fn new(bytes: &'a [u8]) -> Option<Self> {
        // The two first pages describe the database; the one of the later transaction is in force.
        let first = meta(bytes, 0);
        let page = first.map_or(4096, |meta| meta.page);
        let meta = [first, meta(bytes, page)].into_iter().flatten().max_by_key(|meta| meta.transaction)?;
        Some(Self { bytes, page: meta.page, root: meta.root })
    }

    /// The entries of the outermost bucket.
    pub(super) fn root(&self) -> Option<BTreeMap<&'a [u8], Item<'a>>> {
        let mut found = BTreeMap::new();
        self.walk(self.root, &mut found, &mut 0, 0)?;
        Some(found)
    }

    /// The entries of a bucket; `None` when it is broken.
    pub(super) fn entries(&self, bucket: Item<'a>) -> Option<BTreeMap<&'a [u8], Item<'a>>> {
        let Item::Bucket(head) = bucket else { return None };
        let mut found = BTreeMap::new();
        match u64_at(head, 0)? {
            // A small bucket has its only page with it.
            0 => leaf(head.get(16..)?, &mut found, &mut 0)?,
            root => self.walk(root, &mut found, &mut 0, 0)?,
        }
        Some(found)
    }

    fn walk(
        &self,
        number: u64,
        found: &mut BTreeMap<&'a [u8], Item<'a>>,
        visits: &mut usize,
        depth: usize,
    ) -> Option<()> {
        *visits += 1;
        if *visits > MAX_VISITS || depth > MAX_DEPTH {
            return None;
        }
        let page = self.bytes.get(usize::try_from(number).ok()?.checked_mul(self.page)?..)?;
        match u16_at(page, 8)? {
            flags if flags & LEAF != 0 => leaf(page, found, visits),
            flags if flags & BRANCH != 0 => (0..usize::from(u16_at(page, 10)?)).try_for_each(|element| {
                self.walk(u64_at(page, PAGE_HEAD + element * BRANCH_ELEMENT + 8)?, found, visits, depth + 1)
            }),
            _ => None,
        }
    }
}

#[derive(Clone, Copy)]
struct Meta {
    page: usize,
    root: u64,
    transaction: u64,
}

fn meta(bytes: &[u8], at: usize) -> Option<Meta> {
    let meta = bytes.get(at..)?.get(PAGE_HEAD..)?;
    let page = size_at(meta, 8).filter(|page| page.is_power_of_two() && (1024..=1 << 16).contains(page))?;
    let sound = u32_at(meta, 0)? == MAGIC && u32_at(meta, 4)? == 2 && u64_at(meta, 56)? == fnv(meta.get(..56)?);
    sound.then_some(Meta { page, root: u64_at(meta, 16)?, transaction: u64_at(meta, 48)? })
}

/// FNV-1a of 64 bits.
fn fnv(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3))
}

fn leaf<'a>(page: &'a [u8], found: &mut BTreeMap<&'a [u8], Item<'a>>, visits: &mut usize) -> Option<()> {
    for element in 0..usize::from(u16_at(page, 10)?) {
        *visits += 1;
        if *visits > MAX_VISITS {
            return None;
        }
        let at = PAGE_HEAD + element * LEAF_ELEMENT;
        let key_at = at.checked_add(size_at(page, at + 4)?)?;
        let value_at = key_at.checked_add(size_at(page, at + 8)?)?;
        let key = page.get(key_at..value_at)?;
        let value = page.get(value_at..value_at.checked_add(size_at(page, at + 12)?)?)?;
        let item = if u32_at(page, at)? & IS_BUCKET != 0 { Item::Bucket(value) } else { Item::Value(value) };
        found.insert(key, item);
    }
    Some(())
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A page of leaves.
    fn page(entries: &[(&[u8], Vec<u8>, bool)]) -> Vec<u8> {
        let count = entries.len();
        let (mut elements, mut content) = (Vec::new(), Vec::new());
        for (number, (key, value, bucket)) in entries.iter().enumerate() {
            let to = (count - number) * LEAF_ELEMENT + content.len();
            for field in [usize::from(*bucket), to, key.len(), value.len()] {
                elements.extend(u32::try_from(field).unwrap().to_le_bytes());
            }
            content.extend([*key, value].concat());
        }
        let count = u16::try_from(count).unwrap().to_le_bytes();
        [&[0; 8][..], &LEAF.to_le_bytes(), &count, &[0; 4], &elements, &content].concat()
    }

    /// A bucket that has its page with it.
    pub(in crate::source) fn bucket(entries: &[(&[u8], Vec<u8>, bool)]) -> Vec<u8> {
        [vec![0; 16], page(entries)].concat()
    }

    /// A database of one page.
    pub(in crate::source) fn database(entries: &[(&[u8], Vec<u8>, bool)]) -> Vec<u8> {
        let meta = |transaction: u64| {
            let mut meta = [MAGIC.to_le_bytes(), 2_u32.to_le_bytes(), 4096_u32.to_le_bytes(), [0; 4]].concat();
            for number in [2, 0, 0, 3, transaction] {
                meta.extend(u64::to_le_bytes(number));
            }
            let sum = fnv(&meta);
            meta.extend(sum.to_le_bytes());
            let mut page = [vec![0; PAGE_HEAD], meta].concat();
            page.resize(4096, 0);
            page
        };
        let mut page = page(entries);
        page.resize(4096, 0);
        [meta(1), meta(2), page].concat()
    }

    #[test]
    fn buckets_are_read() {
        let inner = bucket(&[(b"k", b"v".to_vec(), false)]);
        let bytes = database(&[(b"b", inner, true), (b"c", b"x".to_vec(), false)]);
        let bolt = Bolt::new(&bytes).unwrap();
        let root = bolt.root().unwrap();
        let entries = bolt.entries(root[&b"b"[..]]).unwrap();
        assert!(matches!(entries[&b"k"[..]], Item::Value(b"v")));
        assert!(matches!(root[&b"c"[..]], Item::Value(b"x")));
        let mut broken = bytes.clone();
        broken[PAGE_HEAD + 16] ^= 1;
        broken[4096 + PAGE_HEAD + 16] ^= 1;
        assert!(Bolt::new(&broken).is_none());
    }

    proptest! {
        #[test]
        fn nothing_panics(changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..8), cut in any::<prop::sample::Index>()) {
            let mut bytes = database(&[(b"b", bucket(&[(b"k", b"v".to_vec(), false)]), true)]);
            for (at, byte) in changes {
                let at = 8192 + at.index(100);
                bytes[at] = byte;
            }
            let cut = cut.index(bytes.len());
            for bytes in [&bytes[..], &bytes[..cut]] {
                let Some(bolt) = Bolt::new(bytes) else { continue };
                for item in bolt.root().into_iter().flat_map(BTreeMap::into_values) {
                    let _ = bolt.entries(item);
                }
            }
        }
    }
}
