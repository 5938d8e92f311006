//! Versions of Ruby's packages (`Gem::Version`): a word in it makes it a prerelease.

use std::cmp::Ordering;

use super::{is_number, numbers, take_while};

/// Segments without the zeros that end its numbers and its words.
#[derive(Debug, Clone)]
pub(super) struct Version(Vec<String>);

/// How platforms begin, which inventories write behind a version: `1.15.4-x86_64-linux`.
const PLATFORMS: [&str; 14] = [
    "aarch64",
    "arm",
    "arm64",
    "armv7l",
    "java",
    "jruby",
    "mingw32",
    "mswin32",
    "mswin64",
    "ppc64le",
    "universal",
    "x64",
    "x86",
    "x86_64",
];

impl Version {
    pub(super) fn parse(text: &str) -> Result<Self, &'static str> {
        let text = without_platform(text);
        if !text.starts_with(|first: char| first.is_ascii_digit()) {
            return Err("it does not start with a number");
        }
        if !text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_+".contains(&byte)) {
            return Err("it has a character that is not allowed");
        }
        let segments = segments(&text.replace('-', ".pre."));
        let words = segments.iter().position(|segment| !is_number(segment)).unwrap_or(segments.len());
        let (numbers, words) = segments.split_at(words);
        Ok(Self([without_zeros(numbers), without_zeros(words)].concat()))
    }

    pub(super) fn compare(&self, other: &Self) -> Ordering {
        let length = self.0.len().max(other.0.len());
        let segment = |of: &Self, at: usize| of.0.get(at).map_or_else(|| "0".to_owned(), Clone::clone);
        (0..length)
            .map(|at| compare_segments(&segment(self, at), &segment(other, at)))
            .find(|order| order.is_ne())
            .unwrap_or(Ordering::Equal)
    }
}

fn without_platform(text: &str) -> &str {
    match text.split_once('-') {
        Some((version, platform)) if PLATFORMS.contains(&platform.split('-').next().unwrap_or_default()) => version,
        _ => text,
    }
}

fn segments(mut text: &str) -> Vec<String> {
    let mut segments = Vec::new();
    while !text.is_empty() {
        let digits = take_while(&mut text, |byte| byte.is_ascii_digit());
        let letters = take_while(&mut text, |byte| byte.is_ascii_alphabetic());
        take_while(&mut text, |byte| !byte.is_ascii_alphanumeric());
        segments.extend([digits, letters].into_iter().filter(|segment| !segment.is_empty()).map(str::to_owned));
    }
    segments
}

fn without_zeros(segments: &[String]) -> &[String] {
    let end =
        segments.iter().rposition(|segment| !segment.trim_start_matches('0').is_empty()).map_or(0, |last| last + 1);
    &segments[..end]
}

fn compare_segments(left: &str, right: &str) -> Ordering {
    match (is_number(left), is_number(right)) {
        (true, true) => numbers(left, right),
        (true, false) => Ordering::Greater,
        (false, true) => Ordering::Less,
        (false, false) => left.cmp(right),
    }
}
