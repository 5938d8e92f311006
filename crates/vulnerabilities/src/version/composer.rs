//! Versions of PHP's packages: what Composer makes of them, compared by PHP's `version_compare`.

use std::cmp::Ordering;

use super::{is_number, numbers, take_while};

/// Numbers and words in turn.
#[derive(Debug, Clone)]
pub(super) struct Version(Vec<String>);

/// How many numbers Composer writes of each version.
const NUMBERS: usize = 4;

impl Version {
    pub(super) fn parse(text: &str) -> Result<Self, &'static str> {
        let text = text.split_once('@').map_or(text, |(version, _stability)| version);
        let text = text.split_once('+').map_or(text, |(version, _build)| version);
        let text = text.strip_prefix(['v', 'V']).unwrap_or(text);
        if text.is_empty() {
            return Err("it is empty");
        }
        let mut parts = parts(text);
        let numeric = parts.iter().position(|part| !is_number(part)).unwrap_or(parts.len());
        if numeric > 0 {
            let zeros = vec!["0".to_owned(); NUMBERS.saturating_sub(numeric)];
            parts.splice(numeric..numeric, zeros);
        }
        Ok(Self(parts))
    }

    pub(super) fn compare(&self, other: &Self) -> Ordering {
        let pairs = self.0.iter().zip(&other.0).map(|(left, right)| compare_parts(left, right));
        pairs.into_iter().find(|order| order.is_ne()).unwrap_or_else(|| match self.0.len().cmp(&other.0.len()) {
            Ordering::Equal => Ordering::Equal,
            Ordering::Greater => goes_on(&self.0[other.0.len()]),
            Ordering::Less => goes_on(&other.0[self.0.len()]).reverse(),
        })
    }
}

/// Cuts a text where digits and letters meet and where something else stands.
fn parts(mut text: &str) -> Vec<String> {
    let mut parts = Vec::new();
    while let Some(first) = text.bytes().next() {
        let digits = first.is_ascii_digit();
        let part = take_while(&mut text, |byte| byte.is_ascii_digit() == digits && !b".-_+".contains(&byte));
        if part.is_empty() {
            text = &text[1..];
        } else {
            parts.push(part.to_owned());
        }
    }
    parts
}

/// How a version that has one part more compares with the one that has ended.
fn goes_on(part: &str) -> Ordering {
    if is_number(part) { Ordering::Greater } else { weight(part).cmp(&weight("#")) }
}

fn compare_parts(left: &str, right: &str) -> Ordering {
    match (is_number(left), is_number(right)) {
        (true, true) => numbers(left, right),
        (false, false) => weight(left).cmp(&weight(right)),
        (true, false) => weight("#").cmp(&weight(right)),
        (false, true) => weight(left).cmp(&weight("#")),
    }
}

/// A word that is none of these comes before all; `#` stands for a number.
fn weight(word: &str) -> i32 {
    const FORMS: [(&str, i32); 6] = [("dev", 0), ("a", 1), ("b", 2), ("rc", 3), ("#", 4), ("p", 5)];
    let word = word.to_ascii_lowercase();
    FORMS.iter().find(|(form, _)| word.starts_with(form)).map_or(-1, |(_, weight)| *weight)
}
