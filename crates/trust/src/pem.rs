//! PEM, as in RFC 7468: one block or several, text around them left out.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::{TrustError, limits};

/// A block of a PEM file.
pub(crate) struct Block {
    /// Its label, such as `PUBLIC KEY`.
    pub(crate) label: String,
    /// Its bytes.
    pub(crate) bytes: Vec<u8>,
}

/// All blocks of a text, in its order.
///
/// # Errors
/// When there is none, one is not closed, or is not base64.
pub(crate) fn blocks(what: &'static str, text: &str) -> Result<Vec<Block>, TrustError> {
    limits::bytes(what, text.as_bytes(), limits::PEM)?;
    let mut found = Vec::new();
    let mut open: Option<(&str, String)> = None;
    for line in text.lines().map(str::trim) {
        if let Some(label) = boundary(line, "-----BEGIN ") {
            open = Some((label, String::new()));
        } else if let Some(label) = boundary(line, "-----END ") {
            let (opened, body) = open.take().ok_or_else(|| TrustError::malformed(what, "a block has no start"))?;
            if opened != label {
                return Err(TrustError::malformed(what, format!("a block starts as {opened} and ends as {label}")));
            }
            let bytes = STANDARD.decode(body).map_err(|error| TrustError::malformed(what, error))?;
            found.push(Block { label: label.to_owned(), bytes });
        } else if let Some((_, body)) = &mut open {
            body.push_str(line);
        }
    }
    if open.is_some() {
        return Err(TrustError::malformed(what, "its last block is not closed"));
    }
    if found.is_empty() {
        return Err(TrustError::malformed(what, "it is no PEM"));
    }
    Ok(found)
}

fn boundary<'t>(line: &'t str, start: &str) -> Option<&'t str> {
    line.strip_prefix(start)?.strip_suffix("-----")
}

/// A block as PEM, in lines of 64 characters.
pub(crate) fn write(label: &str, bytes: &[u8]) -> String {
    let body = STANDARD.encode(bytes);
    let mut text = format!("-----BEGIN {label}-----\n");
    let mut rest = body.as_str();
    while !rest.is_empty() {
        let (line, after) = rest.split_at(rest.len().min(64));
        text.push_str(line);
        text.push('\n');
        rest = after;
    }
    text + &format!("-----END {label}-----\n")
}
