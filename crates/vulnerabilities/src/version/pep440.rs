//! Versions of Python's packages (PEP 440): `[epoch!]release[pre][.post][.dev][+local]`, in any of its spellings.

use std::cmp::Ordering;

use super::{is_number, numbers, semver, take_while};

#[derive(Debug, Clone)]
pub(super) struct Version {
    epoch: String,
    release: Vec<String>,
    /// Which of [`Stage`], with its number.
    pre: Option<(Stage, String)>,
    post: Option<String>,
    dev: Option<String>,
    local: Vec<String>,
}

/// What comes of a release, in that order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    Development,
    Alpha,
    Beta,
    Candidate,
    Release,
}

/// Longer spellings before those they begin with.
const STAGES: [(&str, Stage); 8] = [
    ("alpha", Stage::Alpha),
    ("a", Stage::Alpha),
    ("beta", Stage::Beta),
    ("b", Stage::Beta),
    ("preview", Stage::Candidate),
    ("pre", Stage::Candidate),
    ("rc", Stage::Candidate),
    ("c", Stage::Candidate),
];

impl Version {
    pub(super) fn parse(text: &str) -> Result<Self, &'static str> {
        let text = text.to_ascii_lowercase();
        let text = text.strip_prefix('v').unwrap_or(&text);
        let (public, local) = text.split_once('+').map_or((text, None), |(public, local)| (public, Some(local)));
        let (epoch, mut rest) = public.split_once('!').unwrap_or(("0", public));
        if !is_number(epoch) {
            return Err("its epoch is no number");
        }
        let release = release(&mut rest)?;
        let pre = STAGES.iter().find_map(|(word, stage)| tagged(&mut rest, word).map(|number| (*stage, number)));
        let post = post(&mut rest);
        let dev = tagged(&mut rest, "dev");
        if !rest.is_empty() {
            return Err("something stands behind it that does not belong there");
        }
        let local = local.map(local_parts).transpose()?.unwrap_or_default();
        Ok(Self { epoch: epoch.to_owned(), release, pre, post, dev, local })
    }

    pub(super) fn compare(&self, other: &Self) -> Ordering {
        numbers(&self.epoch, &other.epoch)
            .then_with(|| semver::release(&self.release, &other.release))
            .then_with(|| self.stage().cmp(&other.stage()))
            .then_with(|| numbers(self.pre_number(), other.pre_number()))
            .then_with(|| some_is_later(self.post.as_deref(), other.post.as_deref()))
            .then_with(|| some_is_earlier(self.dev.as_deref(), other.dev.as_deref()))
            .then_with(|| compare_local(&self.local, &other.local))
    }

    fn stage(&self) -> Stage {
        match (&self.pre, &self.post, &self.dev) {
            (Some((stage, _)), ..) => *stage,
            (None, None, Some(_)) => Stage::Development,
            (None, ..) => Stage::Release,
        }
    }

    fn pre_number(&self) -> &str {
        self.pre.as_ref().map_or("", |(_, number)| number)
    }
}

fn release(rest: &mut &str) -> Result<Vec<String>, &'static str> {
    let mut release = Vec::new();
    loop {
        let digits = take_while(rest, |byte| byte.is_ascii_digit());
        if digits.is_empty() {
            return Err("it does not start with numbers");
        }
        release.push(digits.to_owned());
        match rest.strip_prefix('.') {
            Some(after) if after.starts_with(|first: char| first.is_ascii_digit()) => *rest = after,
            _ => return Ok(release),
        }
    }
}

/// The number behind a word; both may have a separator before them, and a word without a number has 0.
fn tagged(rest: &mut &str, word: &str) -> Option<String> {
    let after = rest.strip_prefix(separates).unwrap_or(rest).strip_prefix(word)?;
    *rest = after.strip_prefix(separates).unwrap_or(after);
    Some(take_while(rest, |byte| byte.is_ascii_digit()).to_owned())
}

/// A post-release is a word with a number, or a dash with one.
fn post(rest: &mut &str) -> Option<String> {
    if let Some(number) = rest.strip_prefix('-').filter(|after| after.starts_with(|first: char| first.is_ascii_digit()))
    {
        *rest = number;
        return Some(take_while(rest, |byte| byte.is_ascii_digit()).to_owned());
    }
    ["post", "rev", "r"].into_iter().find_map(|word| tagged(rest, word))
}

fn local_parts(local: &str) -> Result<Vec<String>, &'static str> {
    let parts: Vec<String> = local.split(separates).map(str::to_owned).collect();
    let sound = |part: &String| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if parts.iter().all(sound) { Ok(parts) } else { Err("its local part is not of letters and digits") }
}

fn separates(letter: char) -> bool {
    matches!(letter, '.' | '-' | '_')
}

fn some_is_later(left: Option<&str>, right: Option<&str>) -> Ordering {
    match (left, right) {
        (Some(left), Some(right)) => numbers(left, right),
        _ => left.is_some().cmp(&right.is_some()),
    }
}

fn some_is_earlier(left: Option<&str>, right: Option<&str>) -> Ordering {
    match (left, right) {
        (Some(left), Some(right)) => numbers(left, right),
        _ => right.is_some().cmp(&left.is_some()),
    }
}

/// Unlike elsewhere, numbers come after words.
fn compare_local(left: &[String], right: &[String]) -> Ordering {
    let pairs = left.iter().zip(right).map(|(one, other)| match (is_number(one), is_number(other)) {
        (true, true) => numbers(one, other),
        (true, false) => Ordering::Greater,
        (false, true) => Ordering::Less,
        (false, false) => one.cmp(other),
    });
    pairs.into_iter().find(|order| order.is_ne()).unwrap_or_else(|| left.len().cmp(&right.len()))
}
