//! Versions of Maven's artifacts, in the order of its `ComparableVersion` (of Maven 4).

use std::cmp::Ordering;

use super::{numbers, take_while};

#[derive(Debug, Clone)]
pub(super) struct Version(Vec<Item>);

#[derive(Debug, Clone)]
enum Item {
    /// Digits without the zeros before them; none for zero.
    Number(String),
    Word(String),
    /// A word with a number: `rc1`, also written `rc-1`.
    Numbered(String, String),
    /// What follows a dash, or a change between digits and letters: always the last of its list.
    List(Vec<Item>),
}

/// What comes before a release, the release and what comes after it; other words come later still.
const QUALIFIERS: [&str; 7] = ["alpha", "beta", "milestone", "rc", "snapshot", "", "sp"];
const RELEASE: &str = "5";

impl Version {
    pub(super) fn parse(text: &str) -> Result<Self, &'static str> {
        if text.is_empty() {
            return Err("it is empty");
        }
        Ok(Self(Reader::default().read(&text.to_lowercase())))
    }

    pub(super) fn compare(&self, other: &Self) -> Ordering {
        lists(&self.0, &other.0)
    }
}

/// Reads the lists, each of which is the last item of the one before.
#[derive(Default)]
struct Reader {
    done: Vec<Vec<Item>>,
    list: Vec<Item>,
    digits: bool,
    numbered: bool,
}

impl Reader {
    fn read(mut self, text: &str) -> Vec<Item> {
        let bytes = text.as_bytes();
        let mut start = 0;
        for (at, byte) in bytes.iter().enumerate() {
            match byte {
                b'.' => {
                    self.push(&text[start..at]);
                    start = at + 1;
                }
                b'-' => {
                    let digit_follows = bytes.get(at + 1).is_some_and(u8::is_ascii_digit);
                    if at > start && !self.digits && digit_follows {
                        self.numbered = true;
                        continue;
                    }
                    self.push(&text[start..at]);
                    self.descend();
                    start = at + 1;
                }
                b'0'..=b'9' => {
                    if !self.digits && at > start {
                        self.numbered = true;
                        self.descend();
                    }
                    self.digits = true;
                }
                _ => {
                    if self.digits && at > start {
                        self.push(&text[start..at]);
                        self.descend();
                        start = at;
                    }
                    self.digits = false;
                }
            }
        }
        if start < text.len() {
            if !self.digits {
                self.descend();
            }
            self.push(&text[start..]);
        }
        self.finish()
    }

    fn push(&mut self, text: &str) {
        let numbered = std::mem::take(&mut self.numbered);
        self.list.push(match () {
            () if text.is_empty() => Item::Number(String::new()),
            () if numbered => numbered_item(&text.replace('-', "")),
            () if self.digits => number_item(text),
            () => Item::Word(word(text, false)),
        });
    }

    fn descend(&mut self) {
        if !self.list.is_empty() {
            self.done.push(std::mem::take(&mut self.list));
        }
    }

    fn finish(mut self) -> Vec<Item> {
        let mut inner = normalized(self.list);
        while let Some(mut outer) = self.done.pop() {
            outer.push(Item::List(inner));
            inner = normalized(outer);
        }
        inner
    }
}

fn number_item(digits: &str) -> Item {
    Item::Number(digits.trim_start_matches('0').to_owned())
}

fn numbered_item(mut text: &str) -> Item {
    let letters = take_while(&mut text, |byte| !byte.is_ascii_digit());
    Item::Numbered(word(letters, true), text.trim_start_matches('0').to_owned())
}

fn word(text: &str, before_number: bool) -> String {
    match text {
        "a" if before_number => "alpha",
        "b" if before_number => "beta",
        "m" if before_number => "milestone",
        "cr" => "rc",
        _ => text,
    }
    .to_owned()
}

/// Without the items that say nothing: zeros at the end and before words.
fn normalized(mut list: Vec<Item>) -> Vec<Item> {
    for at in (0..list.len()).rev() {
        let removed = list[at].is_nothing()
            && match list.get(at + 1) {
                None | Some(Item::Word(_)) => true,
                Some(Item::List(inner)) => matches!(inner.first(), Some(Item::Word(_) | Item::Numbered(..))),
                Some(_) => false,
            };
        if removed {
            list.remove(at);
        }
    }
    list
}

impl Item {
    fn is_nothing(&self) -> bool {
        match self {
            Self::Number(text) | Self::Word(text) => text.is_empty(),
            Self::List(items) => items.is_empty(),
            Self::Numbered(..) => false,
        }
    }

    /// Compares with what is not there.
    fn compare_nothing(&self) -> Ordering {
        match self {
            Self::Number(digits) => digits.len().cmp(&0),
            Self::Word(word) | Self::Numbered(word, _) => rank(word).as_str().cmp(RELEASE),
            Self::List(items) => {
                items.iter().map(Self::compare_nothing).find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
            }
        }
    }

    fn compare(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Number(left), Self::Number(right)) => numbers(left, right),
            (Self::Word(left), Self::Word(right)) => rank(left).cmp(&rank(right)),
            (Self::Word(left), Self::Numbered(right, _)) => rank(left).cmp(&rank(right)).then(Ordering::Less),
            (Self::Numbered(left, _), Self::Word(right)) => rank(left).cmp(&rank(right)).then(Ordering::Greater),
            (Self::Numbered(left, one), Self::Numbered(right, two)) => {
                rank(left).cmp(&rank(right)).then_with(|| numbers(one, two))
            }
            (Self::List(left), Self::List(right)) => lists(left, right),
            _ => self.kind().cmp(&other.kind()),
        }
    }

    /// Items of different kinds: numbers are latest, words earliest.
    fn kind(&self) -> u8 {
        match self {
            Self::Word(_) | Self::Numbered(..) => 0,
            Self::List(_) => 1,
            Self::Number(_) => 2,
        }
    }
}

fn lists(left: &[Item], right: &[Item]) -> Ordering {
    (0..left.len().max(right.len()))
        .map(|at| match (left.get(at), right.get(at)) {
            (Some(left), Some(right)) => left.compare(right),
            (Some(left), None) => left.compare_nothing(),
            (None, Some(right)) => right.compare_nothing().reverse(),
            (None, None) => Ordering::Equal,
        })
        .find(|order| order.is_ne())
        .unwrap_or(Ordering::Equal)
}

/// A text that orders words: known ones by their place, all others behind them by their letters.
fn rank(word: &str) -> String {
    if ["ga", "final", "release"].contains(&word) {
        return RELEASE.to_owned();
    }
    match QUALIFIERS.iter().position(|known| *known == word) {
        Some(place) => place.to_string(),
        None => format!("{}-{word}", QUALIFIERS.len()),
    }
}
