//! Versions of Debian packages (deb-version(7)): `[epoch:]upstream[-revision]`.

use std::cmp::Ordering;

use super::{is_number, numbers, take_while};

#[derive(Debug, Clone)]
pub(super) struct Version {
    epoch: String,
    upstream: String,
    revision: String,
}

impl Version {
    pub(super) fn parse(text: &str) -> Result<Self, &'static str> {
        let (epoch, rest) = match text.split_once(':') {
            Some((epoch, rest)) if is_number(epoch) => (epoch, rest),
            Some(_) => return Err("its epoch is not a number"),
            None => ("0", text),
        };
        let (upstream, revision) = rest.rsplit_once('-').unwrap_or((rest, ""));
        if upstream.is_empty() {
            return Err("it has no upstream version");
        }
        if !upstream.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-+~:".contains(&byte)) {
            return Err("its upstream version has a character that is not allowed");
        }
        if !revision.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".+~".contains(&byte)) {
            return Err("its revision has a character that is not allowed");
        }
        Ok(Self { epoch: epoch.to_owned(), upstream: upstream.to_owned(), revision: revision.to_owned() })
    }

    pub(super) fn compare(&self, other: &Self) -> Ordering {
        numbers(&self.epoch, &other.epoch)
            .then_with(|| parts(&self.upstream, &other.upstream))
            .then_with(|| parts(&self.revision, &other.revision))
    }
}

/// Parts that are no digits and parts that are, in turn.
fn parts(mut left: &str, mut right: &str) -> Ordering {
    while !left.is_empty() || !right.is_empty() {
        let texts = (
            take_while(&mut left, |byte| !byte.is_ascii_digit()),
            take_while(&mut right, |byte| !byte.is_ascii_digit()),
        );
        let digits =
            (take_while(&mut left, |byte| byte.is_ascii_digit()), take_while(&mut right, |byte| byte.is_ascii_digit()));
        let order = signs(texts.0, texts.1).then_with(|| numbers(digits.0, digits.1));
        if order.is_ne() {
            return order;
        }
    }
    Ordering::Equal
}

/// A tilde comes before the end, letters before all else.
fn signs(left: &str, right: &str) -> Ordering {
    let weight = |byte: Option<u8>| match byte {
        Some(b'~') => -1,
        None => 0,
        Some(letter) if letter.is_ascii_alphabetic() => i32::from(letter),
        Some(sign) => i32::from(sign) + 256,
    };
    let (mut left, mut right) = (left.bytes(), right.bytes());
    loop {
        let (one, other) = (left.next(), right.next());
        let order = weight(one).cmp(&weight(other));
        if order.is_ne() || (one.is_none() && other.is_none()) {
            return order;
        }
    }
}
