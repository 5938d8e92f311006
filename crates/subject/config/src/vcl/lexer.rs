//! The tokens of VCL.

use std::ops::Range;

use probity_model::Problem;

use crate::text::Text;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Token<'t> {
    /// A name, which may have dots in it.
    Name(&'t str),
    Integer(&'t str),
    Percentage(&'t str),
    /// The text between quotes.
    String(&'t str),
    /// An address in quotes with the length of its prefix behind them, as written.
    Network(&'t str),
    /// A comment to the end of the line, without its mark and the character behind it.
    Comment(&'t str),
    /// A comment between `/*` and `*/`.
    LongComment,
    Mark(char),
    End,
}

pub(super) fn tokens<'t>(text: &Text<'t>) -> Result<Vec<(Token<'t>, Range<usize>)>, Problem> {
    let whole = text.whole;
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(first) = whole[at..].chars().next() {
        if first.is_whitespace() {
            at += first.len_utf8();
            continue;
        }
        let (token, len) = token(&whole[at..], first).map_err(|message| text.problem(message, at..at + 1))?;
        found.push((token, at..at + len));
        at += len;
    }
    found.push((Token::End, at..at));
    Ok(found)
}

/// The token that a text begins with, and its length.
fn token(rest: &str, first: char) -> Result<(Token<'_>, usize), &'static str> {
    let run = |fits: fn(char) -> bool| rest.find(|c: char| !fits(c)).unwrap_or(rest.len());
    if first.is_ascii_digit() {
        let len = run(|c| c.is_ascii_digit());
        let percent = rest[len..].starts_with('%');
        return Ok(if percent {
            (Token::Percentage(&rest[..=len]), len + 1)
        } else {
            (Token::Integer(&rest[..len]), len)
        });
    }
    if is_name(first) {
        let len = run(is_name);
        return Ok((Token::Name(&rest[..len]), len));
    }
    if let Some(inner) = rest.strip_prefix("{\"") {
        let end = inner.find("\"}").ok_or("the string does not end")?;
        return Ok((Token::String(&inner[..end]), end + 4));
    }
    for mark in ["#", "//"] {
        if let Some(comment) = rest.strip_prefix(mark) {
            let len = comment.find('\n').unwrap_or(comment.len());
            let mut characters = comment[..len].chars();
            characters.next();
            return Ok((Token::Comment(characters.as_str()), mark.len() + len));
        }
    }
    if let Some(comment) = rest.strip_prefix("/*") {
        let len = comment.find("*/").ok_or("the comment does not end")?;
        return Ok((Token::LongComment, len + 4));
    }
    let Some(inner) = rest.strip_prefix('"') else { return Ok((Token::Mark(first), first.len_utf8())) };
    let end = inner.find(['"', '\n']).filter(|end| inner[*end..].starts_with('"')).ok_or("the string does not end")?;
    let after = &inner[end + 1..];
    let prefix = after
        .strip_prefix('/')
        .map_or(0, |digits| digits.len() - digits.trim_start_matches(|c: char| c.is_ascii_digit()).len());
    if prefix > 0 {
        let len = end + 3 + prefix;
        return Ok((Token::Network(&rest[..len]), len));
    }
    Ok((Token::String(&inner[..end]), end + 2))
}

fn is_name(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '_' | '.')
}
