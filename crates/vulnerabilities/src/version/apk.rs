//! Versions of Alpine packages: `1.2.3b_alpha4_p5~0a1b2c-r6` (apk-package(5)), compared as `apk` compares them.

use std::cmp::Ordering;

use super::{numbers, take_while};

/// What a version is made of, up to the first part that does not belong there.
#[derive(Debug, Clone)]
pub(super) struct Version(Vec<Part>);

#[derive(Debug, Clone)]
struct Part {
    kind: Kind,
    /// Which of [`SUFFIXES`].
    suffix: usize,
    text: String,
}

/// In the order in which they may stand, which also says what is later when one version has ended its numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    First,
    Number,
    Letter,
    Suffix,
    SuffixNumber,
    Hash,
    Revision,
    End,
    Invalid,
}

/// In their order; those before the empty one are earlier than a version without.
const SUFFIXES: [&str; 10] = ["alpha", "beta", "pre", "rc", "", "cvs", "svn", "git", "hg", "p"];
const NO_SUFFIX: usize = 4;

impl Version {
    pub(super) fn parse(text: &str) -> Result<Self, &'static str> {
        let mut rest = text;
        let first = take_while(&mut rest, |byte| byte.is_ascii_digit());
        if first.is_empty() {
            return Err("it does not start with a number");
        }
        let mut parts = vec![Part { kind: Kind::First, suffix: 0, text: first.to_owned() }];
        let mut before = Kind::First;
        while before < Kind::End {
            let part = next(&mut rest, before).unwrap_or(Part { kind: Kind::Invalid, suffix: 0, text: String::new() });
            before = part.kind;
            parts.push(part);
        }
        Ok(Self(parts))
    }

    pub(super) fn compare(&self, other: &Self) -> Ordering {
        for (left, right) in self.0.iter().zip(&other.0) {
            if left.kind != right.kind {
                return ends(left, right);
            }
            let order = left.compare(right);
            if order.is_ne() {
                return order;
            }
        }
        Ordering::Equal
    }
}

/// The part at the front of a text; `None` when it may not stand after the part before.
fn next(rest: &mut &str, before: Kind) -> Option<Part> {
    let Some(first) = rest.bytes().next() else {
        return Some(Part { kind: Kind::End, suffix: 0, text: String::new() });
    };
    let mut suffix = 0;
    let (kind, text) = match first {
        b'a'..=b'z' if before <= Kind::Number => {
            let (letter, after) = rest.split_at(1);
            *rest = after;
            (Kind::Letter, letter)
        }
        b'.' if before <= Kind::Number => {
            *rest = &rest[1..];
            (Kind::Number, digits(rest)?)
        }
        // Version 2 of `apk` let numbers follow a letter, and Alpine still names `sudo` so: `1.9.5p2`.
        b'0'..=b'9' if before == Kind::Letter => (Kind::Number, digits(rest)?),
        b'0'..=b'9' if before == Kind::Suffix => (Kind::SuffixNumber, digits(rest)?),
        b'_' if before <= Kind::SuffixNumber => {
            *rest = &rest[1..];
            let word = take_while(rest, |byte| byte.is_ascii_lowercase());
            suffix = SUFFIXES.iter().position(|known| *known == word && !word.is_empty())?;
            (Kind::Suffix, word)
        }
        b'~' if before < Kind::Hash => {
            *rest = &rest[1..];
            let hash = take_while(rest, |byte| byte.is_ascii_hexdigit());
            (Kind::Hash, (!hash.is_empty()).then_some(hash)?)
        }
        b'-' if before < Kind::Revision => {
            *rest = rest.strip_prefix("-r")?;
            (Kind::Revision, digits(rest)?)
        }
        _ => return None,
    };
    Some(Part { kind, suffix, text: text.to_owned() })
}

fn digits<'t>(rest: &mut &'t str) -> Option<&'t str> {
    let digits = take_while(rest, |byte| byte.is_ascii_digit());
    (!digits.is_empty()).then_some(digits)
}

impl Part {
    fn compare(&self, other: &Self) -> Ordering {
        match self.kind {
            // As Gentoo: a number with a zero before it is a fraction.
            Kind::Number if self.text.starts_with('0') || other.text.starts_with('0') => self.text.cmp(&other.text),
            Kind::First | Kind::Number | Kind::SuffixNumber | Kind::Revision => numbers(&self.text, &other.text),
            Kind::Suffix => self.suffix.cmp(&other.suffix),
            Kind::Letter | Kind::Hash | Kind::End | Kind::Invalid => self.text.cmp(&other.text),
        }
    }

    fn is_before_release(&self) -> bool {
        self.kind == Kind::Suffix && self.suffix < NO_SUFFIX
    }
}

/// What goes on is later than what has ended, unless it goes on as something before a release.
fn ends(left: &Part, right: &Part) -> Ordering {
    if left.is_before_release() {
        return Ordering::Less;
    }
    if right.is_before_release() {
        return Ordering::Greater;
    }
    right.kind.cmp(&left.kind)
}
