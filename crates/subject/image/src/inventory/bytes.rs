//! Numbers at places of a byte string that may lie outside of it.

/// Bytes whose numbers are of one order.
#[derive(Clone, Copy)]
pub(super) struct Bytes<'a> {
    pub(super) all: &'a [u8],
    pub(super) big: bool,
}

impl<'a> Bytes<'a> {
    pub(super) fn little(all: &'a [u8]) -> Self {
        Self { all, big: false }
    }

    pub(super) fn big(all: &'a [u8]) -> Self {
        Self { all, big: true }
    }

    pub(super) fn slice(self, at: usize, length: usize) -> Option<&'a [u8]> {
        self.all.get(at..at.checked_add(length)?)
    }

    pub(super) fn u8(self, at: usize) -> Option<u8> {
        self.all.get(at).copied()
    }

    pub(super) fn u16(self, at: usize) -> Option<u16> {
        let bytes = self.slice(at, 2)?.try_into().ok()?;
        Some(if self.big { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) })
    }

    pub(super) fn u32(self, at: usize) -> Option<u32> {
        let bytes = self.slice(at, 4)?.try_into().ok()?;
        Some(if self.big { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) })
    }

    /// A number of four bytes as a place or a length.
    pub(super) fn size(self, at: usize) -> Option<usize> {
        usize::try_from(self.u32(at)?).ok()
    }
}
