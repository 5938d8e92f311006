//! How much is read.

/// What a bundle, or everything that is loaded together, may be.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Bytes of an archive as it is packed.
    pub compressed: u64,
    /// Bytes of all files together.
    pub expanded: u64,
    /// How many times larger the files may be than their archive, once they are more than 64 MiB.
    pub ratio: u64,
    /// Number of files.
    pub files: usize,
    /// Bytes of a file's name, with its folders.
    pub name: usize,
    /// Folders within one another.
    pub depth: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { compressed: 512 << 20, expanded: 1 << 30, ratio: 250, files: 50_000, name: 1_024, depth: 64 }
    }
}

/// Archives that are no larger once unpacked may be packed as tightly as they are.
const HARMLESS: u64 = 64 << 20;

impl Limits {
    /// Bytes that an archive of this size may unpack to.
    pub(crate) fn unpacked(&self, compressed: u64) -> u64 {
        self.expanded.min(compressed.saturating_mul(self.ratio).max(HARMLESS))
    }
}
