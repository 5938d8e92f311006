//! Secret parts of a text.

use std::ops::Range;

use crate::kind;

/// A part of a text that is secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Where it stands, in bytes.
    pub range: Range<usize>,
    /// What it is.
    pub kind: &'static str,
}

impl Found {
    /// A part of this kind.
    pub fn new(range: Range<usize>, kind: &'static str) -> Self {
        Self { range, kind }
    }
}

/// Puts parts in order, makes one of those that overlap, and takes out the markers that stand already.
pub fn merge(text: &str, mut found: Vec<Found>) -> Vec<Found> {
    if found.is_empty() {
        return found;
    }
    // Of parts that start together the longest says what it is.
    found.sort_by_key(|part| (part.range.start, std::cmp::Reverse(part.range.end)));
    let mut merged: Vec<Found> = Vec::new();
    for part in found {
        match merged.last_mut() {
            Some(last) if part.range.start < last.range.end => last.range.end = last.range.end.max(part.range.end),
            _ => merged.push(part),
        }
    }
    let markers = kind::markers(text);
    if markers.is_empty() {
        merged.retain(|part| !part.range.is_empty());
        return merged;
    }
    merged.iter().flat_map(|part| without(text, part, &markers)).collect()
}

/// What is left of a part between the markers in it.
fn without(text: &str, part: &Found, markers: &[Range<usize>]) -> Vec<Found> {
    let first = markers.partition_point(|marker| marker.end <= part.range.start);
    let mut pieces = Vec::new();
    let mut start = part.range.start;
    for marker in &markers[first..] {
        if marker.start >= part.range.end {
            break;
        }
        pieces.push(start..marker.start.max(start));
        start = marker.end;
    }
    pieces.push(start..part.range.end.max(start));
    pieces
        .into_iter()
        .filter(|piece| text[piece.clone()].chars().any(char::is_alphanumeric))
        .map(|piece| Found::new(piece, part.kind))
        .collect()
}

/// The text with a marker in place of every part.
pub fn replace(text: &str, found: &[Found]) -> String {
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    for part in found {
        out.push_str(&text[at..part.range.start]);
        out.push_str(&kind::marker(part.kind));
        at = part.range.end;
    }
    out.push_str(&text[at..]);
    out
}

/// The nearest boundary of a character at or before this byte.
pub fn floor(text: &str, mut at: usize) -> usize {
    at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// The nearest boundary of a character at or behind this byte.
pub fn ceil(text: &str, mut at: usize) -> usize {
    while at < text.len() && !text.is_char_boundary(at) {
        at += 1;
    }
    at.min(text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_merged_and_markers_left_alone() {
        let text = "ab [redacted:jwt] cd efgh";
        let found = vec![Found::new(0..20, kind::NPM), Found::new(21..23, kind::JWT), Found::new(22..25, kind::NPM)];
        let merged = merge(text, found);
        assert_eq!(merged.iter().map(|part| part.range.clone()).collect::<Vec<_>>(), [0..3, 17..20, 21..25]);
        assert_eq!(replace(text, &merged), "[redacted:npm-token][redacted:jwt][redacted:npm-token] [redacted:jwt]");
    }
}
