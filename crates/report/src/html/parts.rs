//! Small parts of the page.

use jiff::Timestamp;
use maud::{Markup, html};
use probity_evidence_ledger::Digest;
use probity_model::Strength;

use crate::model::Control;

/// A whole number with thin spaces between thousands.
pub(super) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}

/// A number with what it counts, in the plural that it takes: `1 run`, `2 runs`.
pub(super) fn amount(number: u64, one: &str) -> String {
    format!("{} {one}{}", count(number), if number == 1 { "" } else { "s" })
}

/// A range with both ends, or the one that it is.
pub(super) fn range<T: PartialEq + std::fmt::Display>(first: &T, last: &T) -> String {
    if first == last { first.to_string() } else { format!("{first} to {last}") }
}

/// A time to the second.
pub(super) fn time(time: Timestamp) -> Markup {
    html! { time datetime=(time) { (time.strftime("%Y-%m-%d %H:%M:%S")) " UTC" } }
}

pub(super) fn digest(digest: &Digest) -> Markup {
    html! { span.mono.break { (digest) } }
}

pub(super) fn chip(class: &str, words: &str) -> Markup {
    html! { span class=(class) { (words) } }
}

/// The status of a control. That it is answered for only in part belongs to it.
pub(super) fn status_chip(control: &Control) -> Markup {
    let part = match control.serves {
        Some(Strength::Partly) => ", in part",
        Some(Strength::Supports) => ", supporting only",
        Some(Strength::Fully) | None => "",
    };
    chip(control.status.chip(), &format!("{}{part}", control.status.words()))
}

/// The part of a page's address that leads to a control.
pub(super) fn anchor(id: &str) -> String {
    let plain = |character: char| if character.is_ascii_alphanumeric() { character } else { '-' };
    format!("control-{}", id.chars().map(plain).collect::<String>())
}

pub(super) fn facts(facts: &[(&str, Markup)]) -> Markup {
    html! { dl.facts { @for (name, fact) in facts { dt { (name) } dd { (fact) } } } }
}

/// A table with a caption; columns by name and whether they are of numbers.
pub(super) fn table(caption: &str, columns: &[(&str, bool)], rows: impl Iterator<Item = Markup>) -> Markup {
    html! {
        div.table-wrap tabindex="0" role="group" aria-label=(caption) {
            table {
                caption { (caption) }
                thead { tr { @for (name, number) in columns { th.num[*number] scope="col" { (name) } } } }
                tbody { @for row in rows { (row) } }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_grouped() {
        for (number, text) in [(0, "0"), (999, "999"), (1_000, "1\u{202f}000"), (1_234_567, "1\u{202f}234\u{202f}567")]
        {
            assert_eq!(count(number), text);
        }
    }

    #[test]
    fn one_is_no_plural() {
        assert_eq!(amount(1, "run"), "1 run");
        assert_eq!(amount(0, "run"), "0 runs");
    }

    #[test]
    fn anchors_are_plain() {
        assert_eq!(anchor("164.312(a)(1)"), "control-164-312-a--1-");
    }
}
