//! How much of an image is read.

/// Bounds of what is read; what goes over them is refused, or, where a field says so, told and left out.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Bytes of a manifest, an index or a configuration.
    pub document: u64,
    /// Layers of an image.
    pub layers: u64,
    /// Bytes of all layers together, unpacked.
    pub unpacked: u64,
    /// Entries of all layers together.
    pub entries: u64,
    /// Times that a layer may be larger unpacked than packed, once it has more than a hundred megabytes.
    pub ratio: u64,
    /// Bytes of one file that is looked into. A larger one is told as a problem and not looked into.
    pub file: u64,
    /// Bytes of a text that is kept to be searched for secrets. A larger one is told as a problem and not kept.
    pub text: u64,
    /// Bytes of all such texts together. What goes over it is told as a problem and not kept.
    pub texts: u64,
    /// Bytes of an entry's name, or of what a link leads to.
    pub name: u64,
    /// Archives inside of archives: a jar in a jar in a war.
    pub nesting: u64,
    /// Bytes of one archive of Java, unpacked, with all that is in it.
    pub archive: u64,
    /// Most layers that are read at the same time.
    pub parallel: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            document: 8 << 20,
            layers: 512,
            unpacked: 64 << 30,
            entries: 5_000_000,
            ratio: 400,
            file: 512 << 20,
            text: 1 << 20,
            texts: 16 << 20,
            name: 16 << 10,
            nesting: 4,
            archive: 2 << 30,
            parallel: 4,
        }
    }
}
