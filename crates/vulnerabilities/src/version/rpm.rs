//! Versions of RPM packages: `[epoch:]version[-release]`, each part compared by `rpmvercmp`.

use std::cmp::Ordering;

use super::{is_number, numbers, take_while};

#[derive(Debug, Clone)]
pub(super) struct Version {
    epoch: String,
    upstream: String,
    release: Option<String>,
}

impl Version {
    pub(super) fn parse(text: &str) -> Result<Self, &'static str> {
        if text.is_empty() {
            return Err("it is empty");
        }
        let (epoch, rest) = match text.split_once(':') {
            Some((epoch, rest)) if is_number(epoch) => (epoch, rest),
            // Some inventories write an epoch that is not there as this word.
            Some(("(none)" | "", rest)) => ("0", rest),
            _ => ("0", text),
        };
        let (version, release) =
            rest.rsplit_once('-').map_or((rest, None), |(version, release)| (version, Some(release)));
        Ok(Self { epoch: epoch.to_owned(), upstream: version.to_owned(), release: release.map(str::to_owned) })
    }

    pub(super) fn compare(&self, other: &Self) -> Ordering {
        numbers(&self.epoch, &other.epoch).then_with(|| parts(&self.upstream, &other.upstream)).then_with(|| {
            match (&self.release, &other.release) {
                (Some(left), Some(right)) => parts(left, right),
                (left, right) => left.is_some().cmp(&right.is_some()),
            }
        })
    }
}

/// Separators only separate; a tilde comes before the end, a caret after it but before all else.
fn parts(mut left: &str, mut right: &str) -> Ordering {
    if left == right {
        return Ordering::Equal;
    }
    loop {
        take_while(&mut left, separates);
        take_while(&mut right, separates);
        match (left.bytes().next(), right.bytes().next()) {
            (Some(b'~'), Some(b'~')) | (Some(b'^'), Some(b'^')) => {
                (left, right) = (&left[1..], &right[1..]);
                continue;
            }
            (None, None) => return Ordering::Equal,
            (Some(b'~'), _) => return Ordering::Less,
            (_, Some(b'~')) => return Ordering::Greater,
            // One has ended: what goes on is later.
            (None, _) | (_, None) => return left.len().cmp(&right.len()),
            // The other goes on with more than a caret.
            (Some(b'^'), _) | (_, Some(b'^')) => return right.starts_with('^').cmp(&left.starts_with('^')),
            (Some(_), Some(_)) => {}
        }
        let order = segment(&mut left, &mut right);
        if order.is_ne() {
            return order;
        }
    }
}

/// The digits or letters that come next; digits are later than letters.
fn segment(left: &mut &str, right: &mut &str) -> Ordering {
    let digits = left.starts_with(|first: char| first.is_ascii_digit());
    let same = |byte: u8| if digits { byte.is_ascii_digit() } else { byte.is_ascii_alphabetic() };
    let (one, other) = (take_while(left, same), take_while(right, same));
    match (digits, other.is_empty()) {
        (true, true) => Ordering::Greater,
        (false, true) => Ordering::Less,
        (true, false) => numbers(one, other),
        (false, false) => one.cmp(other),
    }
}

fn separates(byte: u8) -> bool {
    !byte.is_ascii_alphanumeric() && byte != b'~' && byte != b'^'
}
