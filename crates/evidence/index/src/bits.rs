//! Sets of positions within one chunk of the ledger.
//!
//! The index keeps, for every value of every facet (an environment, an action, a policy's outcome ...), which entries
//! have it, in chunks of 65,536 entries. A question is then a few intersections of small bitmaps, and its count is exact.
//! A set is stored in the smallest of three forms, as roaring bitmaps do: positions, runs, or bits.

/// Entries in a chunk.
pub(crate) const CHUNK: u64 = 1 << 16;

const WORDS: usize = 1024;
const POSITIONS: u8 = 0;
const RUNS: u8 = 1;
const BITS: u8 = 2;

/// The chunk that an entry is in.
pub(crate) fn chunk_of(index: u64) -> u64 {
    index / CHUNK
}

/// The position of an entry in its chunk.
#[expect(clippy::cast_possible_truncation, reason = "below 65,536")]
pub(crate) fn position_of(index: u64) -> u16 {
    (index % CHUNK) as u16
}

/// A set of positions, as bits.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Bits(Box<[u64; WORDS]>);

/// Stored bytes that are not a set.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NotASet;

impl Bits {
    pub(crate) fn empty() -> Self {
        Self(Box::new([0; WORDS]))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.iter().all(|word| *word == 0)
    }

    pub(crate) fn count(&self) -> u64 {
        self.0.iter().map(|word| u64::from(word.count_ones())).sum()
    }

    pub(crate) fn insert(&mut self, position: u16) {
        self.0[usize::from(position >> 6)] |= 1 << (position & 63);
    }

    pub(crate) fn remove(&mut self, position: u16) {
        self.0[usize::from(position >> 6)] &= !(1 << (position & 63));
    }

    pub(crate) fn contains(&self, position: u16) -> bool {
        self.0[usize::from(position >> 6)] & (1 << (position & 63)) != 0
    }

    pub(crate) fn and(&mut self, other: &Self) {
        self.0.iter_mut().zip(other.0.iter()).for_each(|(word, other)| *word &= other);
    }

    pub(crate) fn or(&mut self, other: &Self) {
        self.0.iter_mut().zip(other.0.iter()).for_each(|(word, other)| *word |= other);
    }

    pub(crate) fn and_not(&mut self, other: &Self) {
        self.0.iter_mut().zip(other.0.iter()).for_each(|(word, other)| *word &= !other);
    }

    /// The positions, highest first.
    pub(crate) fn descending(&self) -> impl Iterator<Item = u16> {
        self.0.iter().enumerate().rev().flat_map(|(at, word)| {
            let mut rest = *word;
            std::iter::from_fn(move || {
                let bit = 63_u32.checked_sub(rest.leading_zeros())?;
                rest &= !(1 << bit);
                Some(position(at, bit))
            })
        })
    }

    /// The lowest and the highest position.
    pub(crate) fn ends(&self) -> Option<(u16, u16)> {
        let (at, word) = self.0.iter().enumerate().find(|(_, word)| **word != 0)?;
        Some((position(at, word.trailing_zeros()), self.descending().next()?))
    }

    /// The position with so many lower ones before it.
    pub(crate) fn nth(&self, mut rank: u64) -> Option<u16> {
        for (at, word) in self.0.iter().enumerate() {
            let here = u64::from(word.count_ones());
            if rank < here {
                let mut rest = *word;
                (0..rank).for_each(|_| rest &= rest - 1);
                return Some(position(at, rest.trailing_zeros()));
            }
            rank -= here;
        }
        None
    }

    /// Adds the positions of a stored set.
    pub(crate) fn add_stored(&mut self, stored: &[u8]) -> Result<(), NotASet> {
        let (form, body) = stored.split_first().ok_or(NotASet)?;
        match *form {
            POSITIONS => numbers(body).for_each(|position| self.insert(position)),
            RUNS => {
                let mut ends = numbers(body);
                while let (Some(first), Some(last)) = (ends.next(), ends.next()) {
                    self.insert_run(first, last);
                }
            }
            BITS if body.len() == WORDS * 8 => {
                for (word, bytes) in self.0.iter_mut().zip(body.as_chunks::<8>().0) {
                    *word |= u64::from_le_bytes(*bytes);
                }
            }
            _ => return Err(NotASet),
        }
        Ok(())
    }

    fn insert_run(&mut self, first: u16, last: u16) {
        if first > last {
            return;
        }
        let (from, to) = (usize::from(first >> 6), usize::from(last >> 6));
        for at in from..=to {
            let low = if at == from { u64::MAX << (first & 63) } else { u64::MAX };
            let high = if at == to { u64::MAX >> (63 - (last & 63)) } else { u64::MAX };
            self.0[at] |= low & high;
        }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "1,024 words of 64 bits are 65,536 positions")]
fn position(word: usize, bit: u32) -> u16 {
    (word * 64) as u16 + bit as u16
}

fn numbers(body: &[u8]) -> impl Iterator<Item = u16> {
    body.as_chunks::<2>().0.iter().map(|bytes| u16::from_le_bytes(*bytes))
}

/// Adds positions, ascending and all higher than what is stored, to a stored set.
pub(crate) fn extended(stored: Option<&[u8]>, more: &[u16]) -> Result<Vec<u8>, NotASet> {
    let mut all = match stored {
        Some(stored) => positions(stored)?,
        None => Vec::new(),
    };
    all.extend_from_slice(more);
    Ok(encode(&all))
}

/// The positions of a stored set, ascending.
fn positions(stored: &[u8]) -> Result<Vec<u16>, NotASet> {
    let (form, body) = stored.split_first().ok_or(NotASet)?;
    if *form == POSITIONS {
        return Ok(numbers(body).collect());
    }
    let mut bits = Bits::empty();
    bits.add_stored(stored)?;
    let mut positions: Vec<u16> = bits.descending().collect();
    positions.reverse();
    Ok(positions)
}

fn encode(positions: &[u16]) -> Vec<u8> {
    let runs = runs(positions);
    let (as_positions, as_runs, as_bits) = (positions.len() * 2, runs.len() * 4, WORDS * 8);
    if as_runs < as_positions.min(as_bits) {
        let ends = runs.iter().flat_map(|(first, last)| [*first, *last]);
        return stored(RUNS, ends.flat_map(u16::to_le_bytes));
    }
    if as_positions <= as_bits {
        return stored(POSITIONS, positions.iter().flat_map(|position| position.to_le_bytes()));
    }
    let mut bits = Bits::empty();
    for position in positions {
        bits.insert(*position);
    }
    stored(BITS, bits.0.iter().flat_map(|word| word.to_le_bytes()))
}

fn stored(form: u8, body: impl Iterator<Item = u8>) -> Vec<u8> {
    std::iter::once(form).chain(body).collect()
}

fn runs(positions: &[u16]) -> Vec<(u16, u16)> {
    let mut runs: Vec<(u16, u16)> = Vec::new();
    for &position in positions {
        match runs.last_mut() {
            Some((_, last)) if last.checked_add(1) == Some(position) => *last = position,
            _ => runs.push((position, position)),
        }
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn bits(positions: impl IntoIterator<Item = u16>) -> Bits {
        let mut bits = Bits::empty();
        positions.into_iter().for_each(|position| bits.insert(position));
        bits
    }

    #[test]
    fn each_form_is_read_back() {
        for (form, positions) in [
            (POSITIONS, vec![0, 7, 9, 65_535]),
            (RUNS, (3..40_000).collect()),
            (RUNS, (0..=u16::MAX).collect()),
            (BITS, (0..=u16::MAX).step_by(3).collect::<Vec<u16>>()),
        ] {
            let stored = encode(&positions);
            assert_eq!(stored[0], form);
            let mut read = Bits::empty();
            read.add_stored(&stored).unwrap();
            assert_eq!(read, bits(positions.iter().copied()));
            assert_eq!(read.count(), positions.len() as u64);
        }
    }

    #[test]
    fn what_is_not_a_set_is_refused() {
        for stored in [&b""[..], b"\x02short", b"\x09"] {
            assert_eq!(Bits::empty().add_stored(stored), Err(NotASet));
        }
    }

    proptest! {
        #[test]
        fn extending_is_the_union(all in prop::collection::btree_set(any::<u16>(), 0..300), cut in any::<u16>(), run in 0_u16..2_000) {
            let all: BTreeSet<u16> = all.into_iter().chain(cut..cut.saturating_add(run)).collect();
            let (low, high): (Vec<u16>, Vec<u16>) = all.iter().partition(|position| **position < cut);
            let stored = extended(Some(&extended(None, &low).unwrap()), &high).unwrap();
            let mut read = Bits::empty();
            read.add_stored(&stored).unwrap();
            let sorted: Vec<u16> = all.iter().copied().collect();
            prop_assert_eq!(read.descending().collect::<Vec<_>>(), sorted.iter().rev().copied().collect::<Vec<_>>());
            for (rank, position) in sorted.iter().enumerate() {
                prop_assert_eq!(read.nth(rank as u64), Some(*position));
            }
            prop_assert_eq!(read.nth(sorted.len() as u64), None);
            prop_assert_eq!(read.ends(), sorted.first().copied().zip(sorted.last().copied()));
        }

        #[test]
        fn any_bytes_are_a_set_or_refused(stored in prop::collection::vec(any::<u8>(), 0..64)) {
            let _ = Bits::empty().add_stored(&stored);
        }
    }
}
