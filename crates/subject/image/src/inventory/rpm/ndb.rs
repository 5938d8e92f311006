//! rpm's own database, `Packages.db` (rpm's `lib/backend/ndb/rpmpkg.c`): pages of slots that point at blobs.

use crate::inventory::bytes::Bytes;

pub(super) const MAGIC: &[u8] = b"RpmP";

const PAGE: usize = 4096;
const SLOT: usize = 16;
/// Blobs are placed in units of this many bytes, which is also the size of what is before each.
const BLOCK: usize = 16;

pub(super) fn headers(database: &[u8]) -> Result<Vec<Vec<u8>>, String> {
    let bytes = Bytes::little(database);
    if bytes.u32(4) != Some(0) {
        return Err("its version is not 0, the only one that is known".to_owned());
    }
    let pages = bytes.size(12).filter(|pages| *pages > 0).ok_or("it has no page of slots")?;
    let end = pages.checked_mul(PAGE).filter(|end| *end <= database.len()).ok_or("its slots are cut off")?;
    let mut headers = Vec::new();
    let mut taken = 0_usize;
    // The head of the database takes the place of two slots.
    for at in (2 * SLOT..end).step_by(SLOT) {
        if bytes.slice(at, 4) != Some(b"Slot") {
            return Err("a slot in it is broken".to_owned());
        }
        let (Some(index @ 1..), Some(block)) = (bytes.u32(at + 4), bytes.size(at + 8)) else { continue };
        let blob = blob(bytes, block, index).ok_or("a blob in it is broken")?;
        taken = taken.saturating_add(blob.len());
        if taken > database.len() {
            return Err("its blobs lie over each other".to_owned());
        }
        headers.push(blob.to_vec());
    }
    Ok(headers)
}

fn blob(bytes: Bytes<'_>, block: usize, index: u32) -> Option<&[u8]> {
    let at = block.checked_mul(BLOCK)?;
    (bytes.slice(at, 4)? == b"BlbS" && bytes.u32(at + 4)? == index).then_some(())?;
    bytes.slice(at + BLOCK, bytes.size(at + 12)?)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::header::tests::named;
    use super::super::packages;
    use super::*;

    fn number(value: usize) -> [u8; 4] {
        u32::try_from(value).unwrap().to_le_bytes()
    }

    fn database(blobs: &[Vec<u8>]) -> Vec<u8> {
        let mut slots = Vec::new();
        let mut content = Vec::new();
        for (at, blob) in blobs.iter().enumerate() {
            slots.push([*b"Slot", number(at + 1), number((PAGE + content.len()) / BLOCK), number(0)].concat());
            content.extend([*b"BlbS", number(at + 1), number(0), number(blob.len())].concat());
            content.extend(blob);
            content.resize(content.len().next_multiple_of(BLOCK), 0);
        }
        slots.resize(PAGE / SLOT - 2, [*b"Slot", [0; 4], [0; 4], [0; 4]].concat());
        [[MAGIC, &number(0), &number(1), &number(1), &[0; 16]].concat(), slots.concat(), content].concat()
    }

    #[test]
    fn packages_are_read() {
        let found = packages(database(&[named("bash"), named("zlib")]), "Packages.db").unwrap();
        let names: Vec<&str> = found.iter().map(|package| package.name.as_str()).collect();
        assert_eq!(names, ["bash", "zlib"]);
    }

    #[test]
    fn blobs_that_lie_over_each_other_are_refused() {
        let mut bytes = database(&[named("bash")]);
        for slot in 3..256 {
            bytes.copy_within(32..48, slot * SLOT);
        }
        assert!(headers(&bytes).unwrap_err().contains("over each other"));
    }

    proptest! {
        #[test]
        fn nothing_panics(changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..8), cut in any::<prop::sample::Index>()) {
            let mut bytes = database(&[named("bash"), named("zlib")]);
            for (at, byte) in changes {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            let _ = packages(bytes[..cut.index(bytes.len())].to_vec(), "it");
            let _ = packages(bytes, "it");
        }
    }
}
