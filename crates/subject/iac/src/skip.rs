//! Comments and annotations that ask for policies to be skipped.
//!
//! | form | who reads it besides us |
//! | --- | --- |
//! | `probity:skip=PRB-AWS-S3-001,PRB-AWS-S3-002:expires=2027-01-31:the reason` | nobody; `expires` and reason may be left out |
//! | `checkov:skip=CKV_AWS_20,CKV_AWS_57:the reason`, also `bridgecrew:` and `cortex:` | Checkov |
//! | `trivy:ignore:AWS-0086`, `trivy:ignore:*:exp:2027-01-31:ws:default`, also `tfsec:` | Trivy, tfsec |
//! | `ts:skip=AC_AWS_0214 the reason` | Terrascan |
//! | `zizmor: ignore[unpinned-uses,artipacked] the reason` | zizmor |
//!
//! Policies go by any of their names; what the names stand for, and whether a skip has expired, the evaluation decides.
//! One comment may hold several of them, one behind the other or on lines of their own. A skip that cannot be read as it
//! was meant does not count: it is a problem, never a skip of more than was asked for.

use jiff::civil::Date;
use probity_model::{InlineSkip, Problem, SmolStr, Span};

const PROBITY: Marker = Marker { text: "probity:skip=", form: Form::Probity };

const MARKERS: [Marker; 8] = [
    PROBITY,
    Marker { text: "checkov:skip=", form: Form::Reason },
    Marker { text: "bridgecrew:skip=", form: Form::Reason },
    Marker { text: "cortex:skip=", form: Form::Reason },
    Marker { text: "ts:skip=", form: Form::Reason },
    Marker { text: "trivy:ignore:", form: Form::Fields },
    Marker { text: "tfsec:ignore:", form: Form::Fields },
    Marker { text: "zizmor: ignore[", form: Form::Brackets },
];

#[derive(Clone, Copy)]
struct Marker {
    text: &'static str,
    form: Form,
}

#[derive(Clone, Copy)]
enum Form {
    /// Names, an expiry, a reason.
    Probity,
    /// Names and a reason.
    Reason,
    /// Names and `:key:value` pairs, up to the next space.
    Fields,
    /// Names up to a closing bracket, and a reason.
    Brackets,
}

/// The skips that one comment asks for, in order; usually none.
///
/// `text` is the comment, with or without what marks it as one (`#`, `//`, `/* */`), and `span` where it stands. What
/// is found has its own, narrower place.
pub fn parse_comment(text: &str, span: Span) -> Vec<Result<InlineSkip, Problem>> {
    // Nearly every comment ends here.
    if !text.contains(":skip=") && !text.contains(":ignore:") && !text.contains(": ignore[") {
        return Vec::new();
    }
    let mut found = Vec::new();
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let marks = marks(line);
        for (position, &(at, marker)) in marks.iter().enumerate() {
            let end = marks.get(position + 1).map_or(line.len(), |next| next.0);
            let ask = line[at + marker.text.len()..end].trim_end().trim_end_matches("*/").trim_end();
            let end = at + marker.text.len() + ask.len();
            found.extend(parse(ask, marker, inside(span, start + at..start + end)));
        }
        start += line.len();
    }
    found
}

/// One skip in our own form without its marker, as the annotation `probity.dev/skip` holds it.
pub(crate) fn parse_annotation(text: &str, span: Option<Span>) -> Result<InlineSkip, Problem> {
    parse_probity(text.trim(), span)
}

/// Where markers stand in a line, in order.
fn marks(line: &str) -> Vec<(usize, Marker)> {
    let mut marks: Vec<(usize, Marker)> = MARKERS
        .iter()
        .flat_map(|marker| line.match_indices(marker.text).map(|(at, _)| (at, *marker)))
        .filter(|(at, _)| !line[..*at].ends_with(|before: char| before.is_alphanumeric() || "-_.=".contains(before)))
        .collect();
    marks.sort_by_key(|(at, _)| *at);
    marks
}

fn inside(span: Span, range: std::ops::Range<usize>) -> Span {
    let start = span.start as usize;
    let narrow = Span::new(span.source, start + range.start..start + range.end);
    Span { start: narrow.start.min(span.end), end: narrow.end.min(span.end), ..narrow }
}

fn parse(ask: &str, marker: Marker, span: Span) -> Option<Result<InlineSkip, Problem>> {
    match marker.form {
        Form::Probity => Some(parse_probity(ask, Some(span))),
        Form::Reason => Some(parse_reason(ask, span)),
        Form::Fields => parse_fields(ask, span).transpose(),
        Form::Brackets => Some(parse_brackets(ask, span)),
    }
}

fn parse_probity(ask: &str, span: Option<Span>) -> Result<InlineSkip, Problem> {
    let (policies, rest) = names(ask, false);
    let policies = named(policies, span)?;
    let rest = after_colon(rest);
    let (expires, reason) = if rest.starts_with("exp") && rest.split([':', ' ']).next().is_some_and(|f| f.contains('='))
    {
        let (field, rest) = rest.split_once([':', ' ']).unwrap_or((rest, ""));
        let Some(day) = field.strip_prefix("expires=") else {
            return Err(Problem::new(format!("`{field}` is not part of a skip"), span)
                .with_help("write the last day as `:expires=2027-01-31`"));
        };
        (Some(date(day, span)?), after_colon(rest))
    } else {
        (None, rest)
    };
    Ok(InlineSkip { policies, reason: reason_of(reason), expires, span })
}

fn parse_reason(ask: &str, span: Span) -> Result<InlineSkip, Problem> {
    let (policies, rest) = names(ask, false);
    let policies = named(policies, Some(span))?;
    Ok(InlineSkip { policies, reason: reason_of(after_colon(rest)), expires: None, span: Some(span) })
}

fn parse_brackets(ask: &str, span: Span) -> Result<InlineSkip, Problem> {
    let Some((inner, reason)) = ask.split_once(']') else {
        return Err(Problem::new("the skip has no closing bracket, so it does not count", span)
            .with_help("write it as `zizmor: ignore[unpinned-uses]`"));
    };
    let (policies, rest) = names(inner, false);
    let policies = named(policies, Some(span))?;
    if !rest.trim().is_empty() {
        return Err(Problem::new(format!("`{}` is not a name of a policy", rest.trim()), span)
            .with_help("separate names by commas"));
    }
    Ok(InlineSkip { policies, reason: reason_of(reason), expires: None, span: Some(span) })
}

/// `None` when the skip is for another workspace.
fn parse_fields(ask: &str, span: Span) -> Result<Option<InlineSkip>, Problem> {
    let (policies, rest) = names(ask, true);
    let policies = named(policies, Some(span))?;
    if rest.starts_with('[') {
        return Err(Problem::new("a skip that depends on attributes is not supported", span)
            .with_help("leave out the part in brackets to skip the policy for the whole resource"));
    }
    let (fields, reason) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
    let mut skip = InlineSkip { policies, reason: reason_of(reason), expires: None, span: Some(span) };
    let mut fields = fields.split(':').skip(1);
    while let Some(key) = fields.next() {
        match (key, fields.next()) {
            ("exp", Some(day)) => skip.expires = Some(date(day, Some(span))?),
            // Configurations are evaluated in the default workspace.
            ("ws", Some(pattern)) if !glob(pattern, "default") => return Ok(None),
            ("ws", Some(_)) | ("", None) => {}
            (other, _) => {
                return Err(Problem::new(format!("`:{other}` is not part of a skip"), span)
                    .with_help("known are `:exp:2027-01-31` and `:ws:name`"));
            }
        }
    }
    Ok(Some(skip))
}

/// The comma-separated names at the start, and what comes after them.
fn names(text: &str, all: bool) -> (Vec<SmolStr>, &str) {
    let mut names = Vec::new();
    let mut rest = text.trim_start();
    loop {
        let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.') || (all && c == '*');
        let end = rest.find(|c: char| !is_name(c)).unwrap_or(rest.len());
        if end > 0 {
            names.push(SmolStr::new(&rest[..end]));
        }
        rest = &rest[end..];
        match rest.trim_start().strip_prefix(',') {
            Some(more) if end > 0 => rest = more.trim_start(),
            _ => return (names, rest),
        }
    }
}

fn named(policies: Vec<SmolStr>, span: Option<Span>) -> Result<Vec<SmolStr>, Problem> {
    if policies.is_empty() {
        return Err(Problem::new("the skip names no policy", span)
            .with_help("write it as `probity:skip=PRB-AWS-S3-001:the reason`"));
    }
    Ok(policies)
}

fn after_colon(text: &str) -> &str {
    let text = text.trim_start();
    text.strip_prefix(':').unwrap_or(text).trim()
}

fn reason_of(text: &str) -> Option<String> {
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

fn date(text: &str, span: Option<Span>) -> Result<Date, Problem> {
    // The length shuts out the longer forms that the parser also takes.
    text.parse().ok().filter(|_| text.len() == "2027-01-31".len()).ok_or_else(|| {
        Problem::new(format!("`{text}` is not a date, so the skip does not count"), span)
            .with_help("write the last day on which it counts as 2027-01-31")
    })
}

/// Whether a pattern, where `*` stands for any text, matches.
fn glob(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| text.strip_prefix(first)) else { return false };
    let mut parts = parts.peekable();
    if parts.peek().is_none() {
        return rest.is_empty();
    }
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use probity_model::SourceId;
    use proptest::prelude::*;

    fn read(text: &str) -> Vec<String> {
        let span = Span::new(SourceId(0), 0..text.len());
        parse_comment(text, span)
            .into_iter()
            .map(|skip| match skip {
                Ok(skip) => format!(
                    "{} until {} because {}",
                    skip.policies.join("+"),
                    skip.expires.map_or("ever".to_owned(), |day| day.to_string()),
                    skip.reason.unwrap_or_default()
                ),
                Err(problem) => format!("problem: {problem}"),
            })
            .collect()
    }

    #[test]
    fn forms() {
        for (text, expected) in [
            ("# a bucket for logs", vec![]),
            ("# probity:skip=PRB-AWS-S3-001", vec!["PRB-AWS-S3-001 until ever because "]),
            ("# probity:skip=A-1, A-2:moving: soon", vec!["A-1+A-2 until ever because moving: soon"]),
            ("// probity:skip=A:expires=2027-01-31:moving", vec!["A until 2027-01-31 because moving"]),
            ("#probity:skip=A:expires=2027-01-31", vec!["A until 2027-01-31 because "]),
            ("#probity:skip=A:experts say so", vec!["A until ever because experts say so"]),
            ("/* checkov:skip=CKV_AWS_20:public site */", vec!["CKV_AWS_20 until ever because public site"]),
            ("#checkov:skip=CKV_SECRET_6 test secret", vec!["CKV_SECRET_6 until ever because test secret"]),
            ("#bridgecrew:skip=BC_AWS_1,CKV_2: why", vec!["BC_AWS_1+CKV_2 until ever because why"]),
            ("#cortex:skip=CKV_1", vec!["CKV_1 until ever because "]),
            ("#tfsec:ignore:AWS009", vec!["AWS009 until ever because "]),
            ("#trivy:ignore:*", vec!["* until ever because "]),
            (
                "#trivy:ignore:AVD-AWS-0086 tfsec:ignore:aws-s3-x:exp:2027-01-31 later",
                vec!["AVD-AWS-0086 until ever because ", "aws-s3-x until 2027-01-31 because later"],
            ),
            ("#trivy:ignore:A,B:exp:2027-01-31:ws:def*", vec!["A+B until 2027-01-31 because "]),
            ("#trivy:ignore:A:ws:production", vec![]),
            ("#ts:skip=AC_AWS_0214 not needed", vec!["AC_AWS_0214 until ever because not needed"]),
            ("/* checkov:skip=A:x\n   checkov:skip=B:y */", vec!["A until ever because x", "B until ever because y"]),
            ("#checkov:skip=A:as told tfsec:ignore:B", vec!["A until ever because as told", "B until ever because "]),
            ("# charts:skip=3", vec![]),
            (
                "# zizmor: ignore[unpinned-uses, artipacked] ours",
                vec!["unpinned-uses+artipacked until ever because ours"],
            ),
        ] {
            assert_eq!(read(text), expected, "{text}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_no_skip() {
        for (text, expected) in [
            ("#probity:skip=A:expires=soon:why", "not a date"),
            ("#probity:skip=A:expires=2027-02-30:why", "not a date"),
            ("#probity:skip=A:expires=2027-01-31T00:why", "not a date"),
            ("#probity:skip=A:expiry=2027-01-31:why", "not part of a skip"),
            ("#probity:skip=*", "names no policy"),
            ("#checkov:skip=", "names no policy"),
            ("#tfsec:ignore:A:exp:tomorrow", "not a date"),
            ("#trivy:ignore:A:exp", "not part of a skip"),
            ("#trivy:ignore:A[name=x]", "depends on attributes"),
            ("# zizmor: ignore[a", "no closing bracket"),
            ("# zizmor: ignore[]", "names no policy"),
            ("# zizmor: ignore[a b]", "not a name"),
        ] {
            let found = read(text);
            assert_eq!(found.len(), 1, "{text}");
            assert!(found[0].starts_with("problem: ") && found[0].contains(expected), "{text}: {found:?}");
        }
    }

    #[test]
    fn skips_know_their_place() {
        let text = "/* ö\n checkov:skip=A:why */";
        let span = Span::new(SourceId(0), 100..100 + text.len());
        let found = parse_comment(text, span);
        let place = found[0].as_ref().unwrap().span.unwrap();
        let range = place.start as usize - 100..place.end as usize - 100;
        assert_eq!(&text[range], "checkov:skip=A:why");
    }

    #[test]
    fn globs() {
        for (pattern, expected) in
            [("default", true), ("*", true), ("def*", true), ("*fau*t", true), ("prod", false), ("d*x*", false)]
        {
            assert_eq!(glob(pattern, "default"), expected, "{pattern}");
        }
    }

    proptest! {
        #[test]
        fn any_comment_is_read_or_refused(
            text in "(probity:skip=|checkov:skip=|trivy:ignore:|ts:skip=|zizmor: ignore\\[|ö|[-A:,=*\\[ \n]|expires=|exp:|2027-01-31){0,12}"
        ) {
            let _ = read(&text);
        }
    }
}
