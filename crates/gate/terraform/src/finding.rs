//! A finding as an outcome that the platform shows.

use probity_model::{Decision, Finding, Metadata, Outcome as Found, Severity, Stage};

use crate::result::{Level, Outcome, Tag};

/// Longest description, in characters: it is one line.
const DESCRIPTION: usize = 200;

/// Longest part of a body, in characters.
const PART: usize = 700;

/// What a finding means for the run, the worst last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Effect {
    /// It is shown.
    Observed,
    /// It passes with a warning.
    Warned,
    /// The run does not pass.
    Denied,
}

/// What a finding means; `None` when it is none that objects to something.
pub(crate) fn effect(finding: &Finding) -> Option<Effect> {
    matches!(finding.outcome, Found::Fail | Found::Error).then_some(match finding.stage {
        Stage::Observe => Effect::Observed,
        Stage::Warn => Effect::Warned,
        Stage::Enforce => Effect::Denied,
    })
}

/// The outcome for a finding that has an effect.
pub(crate) fn outcome(
    effect: Effect,
    decision: &Decision,
    finding: &Finding,
    policy: Option<&Metadata>,
    page: Option<&str>,
) -> Outcome {
    let address = &decision.subject.address;
    let title = policy.map_or(finding.policy.as_str(), |policy| policy.title.as_str());
    let (label, level) = match (effect, finding.outcome) {
        (Effect::Denied, Found::Error) => ("Error", Level::Error),
        (Effect::Denied, _) => ("Denied", Level::Error),
        (Effect::Warned, _) => ("Warning", Level::Warning),
        (Effect::Observed, _) => ("Observed", Level::Info),
    };
    Outcome {
        id: shortened(&format!("{} {address}", finding.policy), DESCRIPTION),
        description: shortened(&format!("{address}: {title}"), DESCRIPTION),
        body: body(decision, finding, policy),
        url: page.map(str::to_owned),
        status: Tag { label, level },
        severity: severity(finding.severity),
    }
}

fn severity(severity: Severity) -> Tag {
    let (label, level) = match severity {
        Severity::Critical => ("Critical", Level::Error),
        Severity::High => ("High", Level::Error),
        Severity::Medium => ("Medium", Level::Warning),
        Severity::Low => ("Low", Level::Info),
        Severity::Info => ("Info", Level::None),
    };
    Tag { label, level }
}

/// What was found, why it matters and how to mend it, in Markdown.
fn body(decision: &Decision, finding: &Finding, policy: Option<&Metadata>) -> String {
    let mut parts = vec![format!("**{}**", escaped(&finding.message))];
    parts.push(format!("Resource: {}", code(&decision.subject.address)));
    if let Some(location) = &finding.location {
        parts.push(format!("Place: {}", code(&location.to_string())));
    }
    if let Some(policy) = policy {
        let texts = [("Why", &policy.why), ("How to mend it", &policy.fix)];
        parts.extend(
            texts.iter().filter(|(_, text)| !text.is_empty()).map(|(name, text)| format!("{name}: {}", escaped(text))),
        );
        let controls: Vec<String> = policy.controls.iter().map(|link| escaped(&link.control.to_string())).collect();
        if !controls.is_empty() {
            parts.push(format!("Controls: {}", shortened(&controls.join(", "), PART)));
        }
    }
    parts.push(format!("Policy: {}", code(finding.policy.as_str())));
    parts.join("\n\n")
}

/// A text of which nothing is taken for Markdown or HTML.
fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for c in shortened(text, PART).chars() {
        if c.is_ascii_punctuation() && !matches!(c, '.' | ',' | ':' | ';' | '/' | '\'' | '"' | '-' | '%' | '=' | '?') {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

fn code(text: &str) -> String {
    format!("`{}`", shortened(text, PART).replace('`', "'"))
}

/// A text in one line, no longer than this, without characters that are none.
pub(crate) fn shortened(text: &str, most: usize) -> String {
    let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let line = line.trim();
    if line.chars().count() <= most {
        return line.to_owned();
    }
    let kept: String = line.chars().take(most.saturating_sub(1)).collect();
    format!("{kept}…")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_shown_as_they_are() {
        for (text, shown) in [
            ("a <b>c</b>", "a \\<b\\>c\\</b\\>"),
            ("[x](https://evil.test)", "\\[x\\]\\(https://evil.test\\)"),
            ("a\n# b", "a \\# b"),
            ("`code`", "\\`code\\`"),
            ("50 % of \"it\"", "50 % of \"it\""),
        ] {
            assert_eq!(escaped(text), shown);
        }
        assert_eq!(code("a`b\u{1b}[1m"), "`a'b [1m`");
    }

    #[test]
    fn long_texts_end_in_an_ellipsis() {
        assert_eq!(shortened("zwölf", 5), "zwölf");
        assert_eq!(shortened("zwölf", 4), "zwö…");
        assert_eq!(escaped(&"x".repeat(5000)).chars().count(), PART);
    }
}
