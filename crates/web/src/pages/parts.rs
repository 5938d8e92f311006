//! The small pieces that pages are made of.

use jiff::Timestamp;
use maud::{Markup, html};
use probity_evidence_index::{GateRef, Outcomes, Total};
use probity_model::{Action, Outcome, Severity, Strength};
pub(crate) use probity_report::chart::{meter, percent};

use super::view::View;

/// A text in which what stands between backticks is code.
pub(crate) fn prose(text: &str) -> Markup {
    let parts: Vec<&str> = text.split('`').collect();
    // One without its other is a backtick.
    if parts.len().is_multiple_of(2) {
        return html! { (text) };
    }
    html! { @for (at, part) in parts.iter().enumerate() { @if at.is_multiple_of(2) { (part) } @else { code { (part) } } } }
}

/// A whole number with its thousands apart.
pub(crate) fn number(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A count and its noun.
pub(crate) fn counted(count: u64, one: &str, many: &str) -> String {
    format!("{} {}", number(count), if count == 1 { one } else { many })
}

/// A moment, to the second in UTC.
pub(crate) fn moment(time: Timestamp) -> Markup {
    html! { time.nowrap datetime=(time.to_string()) { (time.strftime("%Y-%m-%d %H:%M:%S")) } }
}

/// A moment of an entry in a list: the day, then the rest.
pub(crate) fn short_moment(time: Timestamp, index: u64) -> Markup {
    html! {
        time datetime=(time.to_string()) { span.nowrap { (time.strftime("%Y-%m-%d")) } " " span.muted.small { (time.strftime("%H:%M:%S")) } }
        div.muted.small.nowrap { "entry " (number(index)) }
    }
}

/// A text that may go on in the next line after its dots and slashes.
pub(crate) fn breakable(text: &str) -> Markup {
    html! {
        @for part in text.split_inclusive(['.', '/']) { (part) @if part.ends_with(['.', '/']) { wbr; } }
    }
}

/// A shape and a word for it, so that colour is never all that tells.
fn badge(class: &str, word: &str) -> Markup {
    html! { span class={ "chip chip-" (class) } { (word) } }
}

/// What followed.
pub(crate) fn action(action: Action) -> Markup {
    match action {
        Action::Allow => badge("pass", "Allowed"),
        Action::Warn => badge("warn", "Warned"),
        Action::Deny => badge("fail", "Denied"),
    }
}

/// How a policy came out.
pub(crate) fn outcome(outcome: Outcome) -> Markup {
    match outcome {
        Outcome::Pass => badge("pass", "Pass"),
        Outcome::Fail => badge("fail", "Fail"),
        Outcome::Waived => badge("warn", "Waived"),
        Outcome::Skipped => badge("none", "Skipped"),
        Outcome::Unknown => badge("none", "Undecided"),
        Outcome::Error => badge("fail", "Error"),
    }
}

/// How bad it is.
pub(crate) fn severity(severity: Severity) -> Markup {
    let class = match severity {
        Severity::Critical | Severity::High => "chip plain chip-fail",
        Severity::Medium => "chip plain chip-warn",
        Severity::Low | Severity::Info => "chip plain chip-none",
    };
    html! { span class=(class) { (capital(severity.as_str())) } }
}

/// How much of a control a policy answers for.
pub(crate) fn strength(strength: Strength) -> &'static str {
    match strength {
        Strength::Fully => "Fully",
        Strength::Partly => "Partly",
        Strength::Supports => "Supports it",
    }
}

/// A word with a capital.
pub(crate) fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// The outcomes that are not a pass, with how often each occurred.
pub(crate) fn not_passed(outcomes: &Outcomes) -> Markup {
    let parts = [
        (outcomes.fail, "fail", "failed"),
        (outcomes.error, "fail", "in error"),
        (outcomes.waived, "warn", "waived"),
        (outcomes.unknown, "none", "undecided"),
        (outcomes.skipped, "none", "skipped"),
    ];
    html! {
        div.tags {
            @for (count, class, word) in parts {
                @if count > 0 { span class={ "chip plain chip-" (class) } { (number(count)) " " (word) } }
            }
            @if outcomes.total() == outcomes.pass { span.muted { "–" } }
        }
    }
}

/// How many there are, when it is known.
pub(crate) fn total(total: Total) -> String {
    if total.exact { number(total.count) } else { format!("more than {}", number(total.count)) }
}

/// A gate, with a link to what it decided.
pub(crate) fn gate(view: &View, gate: Option<&GateRef>) -> Markup {
    html! {
        @match gate {
            Some(gate) => {
                a href=(view.href("/decisions", &[("gate", &gate.name)])) { (gate.name) }
                " " span.muted.nowrap { "no. " (number(gate.sequence)) }
            }
            None => { span.muted { "The ledger itself" } }
        }
    }
}

/// What is said where there is nothing yet: why, and what to do next.
pub(crate) fn empty(title: &str, next: &Markup) -> Markup {
    html! { div.empty { h2 { (title) } (next) } }
}

/// A table that scrolls by itself when it is too wide, by keyboard too.
pub(crate) fn table(label: &str, table: &Markup) -> Markup {
    html! { div.table-wrap role="region" aria-label=(label) tabindex="0" { (table) } }
}

/// Links to the newest and to the next rows.
pub(crate) fn pager(said: &str, newest: Option<&str>, next: Option<&str>) -> Markup {
    html! {
        div.pager {
            span { (said) }
            @if newest.is_some() || next.is_some() {
                nav aria-label="Pages" {
                    @if let Some(newest) = newest { a.button href=(newest) { "Newest" } }
                    @if let Some(next) = next { a.button href=(next) rel="next" { "Older" } }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_between_backticks_is_code() {
        for (text, shown) in [
            ("Set `acl` to `private`.", "Set <code>acl</code> to <code>private</code>."),
            ("a ` b", "a ` b"),
            ("`<b>`", "<code>&lt;b&gt;</code>"),
        ] {
            assert_eq!(prose(text).into_string(), shown);
        }
    }

    #[test]
    fn numbers_are_read_by_people() {
        for (count, text) in [(0, "0"), (999, "999"), (1000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(number(count), text);
        }
    }
}
