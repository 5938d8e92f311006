//! JSON, with comments or without.

use probity_model::{Problem, Value, json};

use crate::text::Text;

/// Reads JSON. A byte order mark is passed over.
pub(crate) fn read_json(text: &Text<'_>) -> Result<Value, Problem> {
    match text.whole.strip_prefix('\u{feff}') {
        // Spaces as long as the mark keep every offset.
        Some(rest) => json::read_with_spans(&format!("   {rest}"), text.source),
        None => json::read_with_spans(text.whole, text.source),
    }
}

/// Reads JSON with `//`, `#` and `/* */` comments.
pub(crate) fn read(text: &Text<'_>) -> Result<Value, Problem> {
    json::read_with_spans(&without_comments(text)?, text.source)
}

/// The text with every comment overwritten by spaces.
fn without_comments(text: &Text<'_>) -> Result<String, Problem> {
    let mut out = String::with_capacity(text.whole.len());
    let mut rest = text.whole;
    while !rest.is_empty() {
        let len = if rest.starts_with('"') {
            string(rest)
        } else if rest.starts_with("//") || rest.starts_with('#') {
            rest.find('\n').unwrap_or(rest.len())
        } else if let Some(comment) = rest.strip_prefix("/*") {
            let at = text.whole.len() - rest.len();
            let end = comment.find("*/").ok_or_else(|| text.problem("the comment does not end", at..at + 2))?;
            end + 4
        } else {
            let plain = rest.find(['"', '/', '#']).unwrap_or(rest.len());
            plain.max(1)
        };
        let (piece, after) = rest.split_at(len);
        if piece.starts_with("//") || piece.starts_with('#') || piece.starts_with("/*") {
            out.extend(piece.bytes().map(|byte| if byte == b'\n' { '\n' } else { ' ' }));
        } else {
            out.push_str(piece);
        }
        rest = after;
    }
    Ok(out)
}

/// Length of the string that a text begins with; the whole text when it does not end.
fn string(text: &str) -> usize {
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}
