//! `Packages` as a hash of Berkeley DB (its `dbinc/db_page.h`): pages of keys and values, long values on chains of pages.

use crate::inventory::bytes::Bytes;

const HASH_MAGIC: u32 = 0x0006_1561;
const PAGE_HEAD: usize = 26;

const HASH_META: u8 = 8;
const UNSORTED_HASH: u8 = 2;
const OVERFLOW: u8 = 7;
const HASH: u8 = 13;

const KEY_DATA: u8 = 1;
const OFF_PAGE: u8 = 3;

struct Database<'a> {
    bytes: Bytes<'a>,
    page: usize,
}

pub(super) fn headers(database: &[u8]) -> Result<Vec<Vec<u8>>, String> {
    let big = match (Bytes::little(database).u32(12), Bytes::big(database).u32(12)) {
        (Some(HASH_MAGIC), _) => false,
        (_, Some(HASH_MAGIC)) => true,
        _ => {
            return Err(
                "it is none of the databases of rpm that are known (SQLite, ndb, hash of Berkeley DB)".to_owned()
            );
        }
    };
    let bytes = Bytes { all: database, big };
    let page = bytes.size(20).filter(|page| page.is_power_of_two() && (512..=65536).contains(page));
    let page = page.ok_or("its pages have no size that can be")?;
    if bytes.u8(24) != Some(0) {
        return Err("it is encrypted".to_owned());
    }
    if bytes.u8(25) != Some(HASH_META) {
        return Err("it is no hash".to_owned());
    }
    let whole = Database { bytes, page };
    let mut headers = Vec::new();
    let mut taken = 0_usize;
    for at in (page..database.len()).step_by(page) {
        if !matches!(bytes.u8(at + 25), Some(HASH | UNSORTED_HASH)) {
            continue;
        }
        for value in whole.values(at).ok_or("a page in it is broken")? {
            taken = taken.saturating_add(value.len());
            if taken > database.len() {
                return Err("its values lie over each other".to_owned());
            }
            headers.push(value);
        }
    }
    Ok(headers)
}

impl Database<'_> {
    /// The values of a page that may be headers. Another value is kept under the key 0: the highest number of a package.
    fn values(&self, page: usize) -> Option<Vec<Vec<u8>>> {
        let entries = usize::from(self.bytes.u16(page + 20)?);
        let mut values = Vec::new();
        for pair in 0..entries / 2 {
            let (key, value) = (self.item(page, pair * 2)?, self.item(page, pair * 2 + 1)?);
            let key = self.bytes.slice(key.0 + 1, key.1.checked_sub(1)?)?;
            if key.iter().all(|byte| *byte == 0) {
                continue;
            }
            match self.bytes.u8(value.0)? {
                OFF_PAGE => values.push(self.chain(self.bytes.size(value.0 + 4)?, self.bytes.size(value.0 + 8)?)?),
                KEY_DATA => values.push(self.bytes.slice(value.0 + 1, value.1.checked_sub(1)?)?.to_vec()),
                _ => return None,
            }
        }
        Some(values)
    }

    /// Where an item of a page is and how long. Items are placed from the end of the page on.
    fn item(&self, page: usize, number: usize) -> Option<(usize, usize)> {
        let offset = |number: usize| self.bytes.u16(page + PAGE_HEAD + 2 * number).map(usize::from);
        let at = offset(number)?;
        let end = if number == 0 { self.page } else { offset(number - 1)? };
        Some((page + at, end.checked_sub(at).filter(|length| *length > 0 && end <= self.page)?))
    }

    /// A value on a chain of pages.
    fn chain(&self, first: usize, length: usize) -> Option<Vec<u8>> {
        let mut value = Vec::new();
        let mut number = first;
        let pages = self.bytes.all.len() / self.page;
        for _ in 0..=pages {
            if number == 0 || value.len() >= length {
                break;
            }
            let page = number.checked_mul(self.page)?;
            (self.bytes.u8(page + 25)? == OVERFLOW).then_some(())?;
            let here = usize::from(self.bytes.u16(page + 22)?).min(self.page - PAGE_HEAD);
            value.extend_from_slice(self.bytes.slice(page + PAGE_HEAD, here)?);
            number = self.bytes.size(page + 16)?;
        }
        (value.len() == length).then_some(value)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::header::tests::{header, named};
    use super::super::packages;
    use super::*;

    const PAGE: usize = 512;

    /// A database of one page of pairs, values of more than a hundred bytes on pages of their own.
    fn database(values: &[Vec<u8>], big: bool) -> Vec<u8> {
        let u32s = |value: usize| {
            let value = u32::try_from(value).unwrap();
            if big { value.to_be_bytes() } else { value.to_le_bytes() }
        };
        let u16s = |value: usize| {
            let value = u16::try_from(value).unwrap();
            if big { value.to_be_bytes() } else { value.to_le_bytes() }
        };
        let mut pages = vec![vec![0; PAGE]; 2];
        pages[0][12..16].copy_from_slice(&u32s(HASH_MAGIC as usize));
        pages[0][20..24].copy_from_slice(&u32s(PAGE));
        pages[0][25] = HASH_META;
        pages[1][25] = HASH;
        let mut items = vec![vec![KEY_DATA, 0, 0, 0, 0], vec![KEY_DATA, 9, 0, 0, 0]];
        for (number, value) in values.iter().enumerate() {
            items.push([vec![KEY_DATA], u32s(number + 1).to_vec()].concat());
            if value.len() <= 100 {
                items.push([vec![KEY_DATA], value.clone()].concat());
                continue;
            }
            items.push([vec![OFF_PAGE, 0, 0, 0], u32s(pages.len()).to_vec(), u32s(value.len()).to_vec()].concat());
            let parts: Vec<&[u8]> = value.chunks(PAGE - PAGE_HEAD).collect();
            for (at, part) in parts.iter().enumerate() {
                let mut page = vec![0; PAGE];
                let next = if at + 1 < parts.len() { pages.len() + 1 } else { 0 };
                page[16..20].copy_from_slice(&u32s(next));
                page[22..24].copy_from_slice(&u16s(part.len()));
                page[25] = OVERFLOW;
                page[PAGE_HEAD..PAGE_HEAD + part.len()].copy_from_slice(part);
                pages.push(page);
            }
        }
        pages[1][20..22].copy_from_slice(&u16s(items.len()));
        let mut end = PAGE;
        for (number, item) in items.iter().enumerate() {
            end -= item.len();
            pages[1][end..end + item.len()].copy_from_slice(item);
            let at = PAGE_HEAD + 2 * number;
            pages[1][at..at + 2].copy_from_slice(&u16s(end));
        }
        pages.concat()
    }

    fn large() -> Vec<u8> {
        let license = "x".repeat(1200);
        header(&[
            (1000, 6, &["kernel"], &[]),
            (1001, 6, &["6"], &[]),
            (1002, 6, &["1"], &[]),
            (1014, 6, &[&license], &[]),
        ])
    }

    #[test]
    fn short_and_long_values_of_both_orders_are_read() {
        for big in [false, true] {
            let found = packages(database(&[named("bash"), large()], big), "Packages").unwrap();
            let names: Vec<&str> = found.iter().map(|package| package.name.as_str()).collect();
            assert_eq!(names, ["bash", "kernel"]);
            assert_eq!(found[1].licenses[0].len(), 1200);
        }
    }

    proptest! {
        #[test]
        fn nothing_panics(changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..8), cut in any::<prop::sample::Index>()) {
            let mut bytes = database(&[named("bash"), large()], false);
            for (at, byte) in changes {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            let _ = packages(bytes[..cut.index(bytes.len())].to_vec(), "it");
            let _ = packages(bytes, "it");
        }
    }
}
