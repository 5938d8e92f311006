//! Blocks of PEM (RFC 7468), found as Go's `encoding/pem` finds them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// A block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// What it is, such as `CERTIFICATE`.
    pub label: String,
    /// What is in it.
    pub bytes: Vec<u8>,
}

/// The first block of a text and what follows it.
pub fn next(text: &str) -> Option<(Block, &str)> {
    const BEGIN: &str = "-----BEGIN ";
    let mut rest = text;
    loop {
        let at = rest.find(BEGIN)?;
        let behind = &rest[at + BEGIN.len()..];
        rest = behind;
        let Some((label, body)) = behind.split_once("-----") else { continue };
        let end = format!("-----END {label}-----");
        let Some(stop) = body.find(&end) else { continue };
        let mut inner = &body[..stop];
        // Headers end with an empty line.
        if inner.contains(':')
            && let Some((_, behind)) = inner.split_once("\n\n")
        {
            inner = behind;
        }
        let digits: String = inner.chars().filter(|character| !character.is_whitespace()).collect();
        let Ok(bytes) = STANDARD.decode(&digits) else { continue };
        let tail = &body[stop + end.len()..];
        let tail = tail.strip_prefix("\r\n").or_else(|| tail.strip_prefix('\n')).unwrap_or(tail);
        return Some((Block { label: label.to_owned(), bytes }, tail));
    }
}
