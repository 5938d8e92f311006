//! Reading a file of `bbolt` (`go.etcd.io/bbolt`), version 2: a tree of pages of buckets, keys and values.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use crate::feed::FeedError;

const MAGIC: u32 = 0xED0C_DAED;
const VERSION: u32 = 2;
/// The bytes in front of the elements of a page.
const HEAD: usize = 16;
const BRANCH: u16 = 0x01;
const LEAF: u16 = 0x02;
/// Set of an element whose value is a bucket.
const BUCKET: u32 = 0x01;
/// The deepest that pages and buckets may stand in one another.
const MAX_DEPTH: usize = 64;
/// The largest page with what runs over it, in bytes.
const MAX_PAGE: u64 = 256 << 20;

/// An opened file.
pub(super) struct Bolt {
    file: File,
    path: PathBuf,
    length: u64,
    page_size: u64,
    root: u64,
    /// How many pages may still be read: a sound file has each of them once.
    left: u64,
}

/// Given the buckets that lead to a key, the key and its value.
type Visit<'v> = &'v mut dyn FnMut(&[Vec<u8>], &[u8], &[u8]);

impl Bolt {
    pub(super) fn open(path: &Path) -> Result<Self, FeedError> {
        let failed = |error| FeedError::Read { path: path.to_owned(), error };
        let mut file = File::open(path).map_err(failed)?;
        let length = file.metadata().map_err(failed)?.len();
        let mut bolt = Self {
            path: path.to_owned(),
            length,
            page_size: 0,
            root: 0,
            left: 0,
            file: {
                file.rewind().map_err(failed)?;
                file
            },
        };
        let first = bolt.bytes(0, (HEAD + 64) as u64)?;
        let size = u64::from(number32(&first, HEAD + 8));
        if number32(&first, HEAD) != MAGIC || number32(&first, HEAD + 4) != VERSION || !(512..=65536).contains(&size) {
            return Err(bolt.damaged("it is no file of bbolt, version 2"));
        }
        bolt.page_size = size;
        bolt.left = length / size + 1;
        // There are two, of which the one of the later transaction counts; the other may be half written.
        let second = bolt.bytes(size, (HEAD + 64) as u64).unwrap_or_default();
        let metas = [first, second].into_iter().filter(|meta| is_sound(meta));
        let newest =
            metas.max_by_key(|meta| number64(meta, HEAD + 48)).ok_or_else(|| bolt.damaged("its heads are damaged"))?;
        bolt.root = number64(&newest, HEAD + 16);
        Ok(bolt)
    }

    /// Visits every key that has a value.
    pub(super) fn each(&mut self, visit: Visit) -> Result<(), FeedError> {
        self.pages(self.root, &mut Vec::new(), 0, visit)
    }

    fn pages(&mut self, id: u64, buckets: &mut Vec<Vec<u8>>, depth: usize, visit: Visit) -> Result<(), FeedError> {
        let page = self.page(id)?;
        self.elements(&page, buckets, depth, visit)
    }

    fn elements(
        &mut self,
        page: &[u8],
        buckets: &mut Vec<Vec<u8>>,
        depth: usize,
        visit: Visit,
    ) -> Result<(), FeedError> {
        if depth > MAX_DEPTH {
            return Err(self.damaged("its pages stand too deep"));
        }
        let (flags, count) = (number16(page, 8), usize::from(number16(page, 10)));
        for at in (0..count).map(|at| HEAD + at * 16) {
            if flags & BRANCH != 0 {
                self.pages(number64(page, at + 8), buckets, depth + 1, visit)?;
                continue;
            }
            if flags & LEAF == 0 {
                return Err(self.damaged("a page is of no kind that is known"));
            }
            let (start, key) = (at + number32(page, at + 4) as usize, number32(page, at + 8) as usize);
            let value = number32(page, at + 12) as usize;
            let middle = start.saturating_add(key);
            let (Some(key), Some(value)) = (page.get(start..middle), page.get(middle..middle.saturating_add(value)))
            else {
                return Err(self.damaged("an element is cut off"));
            };
            if number32(page, at) & BUCKET == 0 {
                visit(buckets, key, value);
                continue;
            }
            buckets.push(key.to_vec());
            match number64(value, 0) {
                // A small bucket is a page of its own behind its head.
                0 => self.elements(value.get(16..).unwrap_or_default(), buckets, depth + 1, visit)?,
                root => self.pages(root, buckets, depth + 1, visit)?,
            }
            buckets.pop();
        }
        Ok(())
    }

    fn page(&mut self, id: u64) -> Result<Vec<u8>, FeedError> {
        self.left = self.left.checked_sub(1).ok_or_else(|| self.damaged("its pages lead back to themselves"))?;
        let start = id.checked_mul(self.page_size).ok_or_else(|| self.damaged("a page is outside"))?;
        let head = self.bytes(start, HEAD as u64)?;
        let length = (u64::from(number32(&head, 12)) + 1).saturating_mul(self.page_size);
        self.bytes(start, length)
    }

    fn bytes(&mut self, start: u64, length: u64) -> Result<Vec<u8>, FeedError> {
        let within = length <= MAX_PAGE && start.checked_add(length).is_some_and(|end| end <= self.length);
        let Some(size) = usize::try_from(length).ok().filter(|_| within) else {
            return Err(self.damaged("it is cut off"));
        };
        let mut bytes = vec![0; size];
        let read = self.file.seek(SeekFrom::Start(start)).and_then(|_| self.file.read_exact(&mut bytes));
        read.map_err(|error| FeedError::Read { path: self.path.clone(), error })?;
        Ok(bytes)
    }

    fn damaged(&self, reason: &str) -> FeedError {
        FeedError::Nothing { path: self.path.clone(), feed: super::super::Feed::TrivyDb, reason: reason.to_owned() }
    }
}

/// Whether a head has its checksum: FNV-1a of all before it.
fn is_sound(meta: &[u8]) -> bool {
    let Some(content) = meta.get(HEAD..HEAD + 56) else { return false };
    let sum = content
        .iter()
        .fold(0xcbf2_9ce4_8422_2325_u64, |sum, byte| (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3));
    sum == number64(meta, HEAD + 56)
}

/// Numbers outside of a page are zero.
fn number16(page: &[u8], at: usize) -> u16 {
    page.get(at..at + 2).map_or(0, |bytes| u16::from_le_bytes([bytes[0], bytes[1]]))
}

fn number32(page: &[u8], at: usize) -> u32 {
    u32::from(number16(page, at)) | u32::from(number16(page, at + 2)) << 16
}

fn number64(page: &[u8], at: usize) -> u64 {
    u64::from(number32(page, at)) | u64::from(number32(page, at + 4)) << 32
}
