//! Secrets inside of encodings: base64, percent-encoding, backslash escapes.

use std::ops::Range;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

/// Takes base64 without its padding and with bits left over, as half of a longer text has.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// How many places within a run of base64 it is tried to start at.
const MAX_STARTS: usize = 8;

fn in_run(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'_' | b'-')
}

/// The runs of base64 characters of a text that are at least this long, with their padding. Runs that go on in the next line, as
/// wrapped base64 does, are one.
pub fn runs(text: &str, least: usize) -> Vec<Range<usize>> {
    let bytes = text.as_bytes();
    let mut runs: Vec<Range<usize>> = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        if !in_run(bytes[at]) {
            at += 1;
            continue;
        }
        let start = at;
        while at < bytes.len() && in_run(bytes[at]) {
            at += 1;
        }
        let mut end = at;
        while end < bytes.len() && end < at + 2 && bytes[end] == b'=' {
            end += 1;
        }
        at = end;
        match runs.last_mut() {
            Some(last) if continues(text, last, start) => last.end = end,
            _ => runs.push(start..end),
        }
    }
    runs.retain(|run| run.len() >= least);
    runs
}

/// Whether a run that starts here goes on with the one before: only a line break between, and the line before it full.
fn continues(text: &str, last: &Range<usize>, start: usize) -> bool {
    let between = &text.as_bytes()[last.end..start];
    if between.len() > 64 || !between.contains(&b'\n') || !between.iter().all(u8::is_ascii_whitespace) {
        return false;
    }
    let bytes = text.as_bytes();
    let line = bytes[last.start..last.end].iter().rev().take(80).take_while(|byte| !byte.is_ascii_whitespace()).count();
    line >= 40 && bytes[last.end - 1] != b'='
}

/// What a run of base64 in either alphabet, padded or not, wrapped or not, stands for.
pub fn decode(run: &str) -> Option<Vec<u8>> {
    let mut digits: Vec<u8> = Vec::with_capacity(run.len());
    for byte in run.bytes() {
        match byte {
            b'-' => digits.push(b'+'),
            b'_' => digits.push(b'/'),
            b'=' | b' ' | b'\n' | b'\r' | b'\t' => {}
            _ => digits.push(byte),
        }
    }
    // One digit alone is less than a byte.
    if digits.len() % 4 == 1 {
        digits.pop();
    }
    LENIENT.decode(digits).ok()
}

/// The text that bytes are, when they are one: UTF-8, or UTF-16 as PowerShell takes commands, without control characters.
pub fn text_of(bytes: Vec<u8>) -> Option<String> {
    if bytes.len() >= 8 && bytes.len().is_multiple_of(2) && bytes.iter().skip(1).step_by(2).all(|byte| *byte == 0) {
        let narrow: Vec<u8> = bytes.into_iter().step_by(2).collect();
        return text_of(narrow);
    }
    let text = String::from_utf8(bytes).ok()?;
    let readable = |byte: &u8| !byte.is_ascii_control() || matches!(byte, b'\n' | b'\r' | b'\t' | 0x1b);
    text.as_bytes().iter().all(readable).then_some(text)
}

/// Whether a run of base64 is a text.
pub fn is_text(run: &str) -> bool {
    texts(run).next().is_some()
}

/// The texts that a run may stand for: as it is, and from each of the first slashes and the like on, which may be those of a
/// path before it.
pub fn texts(run: &str) -> impl Iterator<Item = String> {
    let behind = run.bytes().enumerate().filter(|(_, byte)| matches!(byte, b'/' | b'-' | b'_')).map(|(at, _)| at + 1);
    std::iter::once(0).chain(behind.take(MAX_STARTS)).filter_map(|start| {
        let rest = &run[start..];
        // A look at the beginning tells most that are none.
        let head = decode(&rest[..crate::found::floor(rest, 64)])?;
        if !mostly_readable(&head) {
            return None;
        }
        text_of(decode(rest)?).filter(|text| text.len() >= 6)
    })
}

fn mostly_readable(bytes: &[u8]) -> bool {
    let odd = bytes.iter().filter(|byte| byte.is_ascii_control() && !byte.is_ascii_whitespace()).count();
    // Half of them are zeros in UTF-16.
    odd == 0 || (odd * 2 + 1 >= bytes.len() && bytes.iter().all(|byte| *byte == 0 || !byte.is_ascii_control()))
}

/// Whether a run of base64 is compressed data, which cannot be looked into.
pub fn is_compressed(run: &str) -> bool {
    // gzip, zip, zstd, bzip2, xz
    ["H4sI", "UEsDB", "KLUv/", "QlpoO", "/Td6WFo"].iter().any(|magic| run.starts_with(magic))
}

/// How the object identifiers of PKCS #5 start.
const PKCS5: [u8; 8] = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x05];

/// How the object identifiers of PKCS #12 start.
const PKCS12: [u8; 8] = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x0c];

/// Whether a run of base64 is a certificate or a public key in DER (X.690): a sequence whose first member is a sequence.
/// Private keys start with a number, but encrypted ones (RFC 5958) do not; they name how they are encrypted.
pub fn is_public_der(run: &str) -> bool {
    if !run.starts_with("MII") && !run.starts_with("MIG") && !run.starts_with("MFk") && !run.starts_with("MCo") {
        return false;
    }
    let Some(head) = run.get(..run.len().min(64)).and_then(decode) else { return false };
    let content = match head.get(1) {
        Some(0x82) => 4,
        Some(0x81) => 3,
        _ => 2,
    };
    let encrypted = head.windows(8).take(32).any(|window| window == PKCS12)
        || head.windows(9).take(32).any(|window| window[..8] == PKCS5 && window[8] == 0x0d);
    head.get(content) == Some(&0x30) && !encrypted
}

/// A text with its encoding taken off, and where each of its bytes came from.
pub struct View {
    /// The text without the encoding.
    pub text: String,
    /// The start of each byte in the original, and its length at the end.
    origin: Vec<usize>,
}

impl View {
    /// Where a part of this view stands in the original.
    pub fn original(&self, range: &Range<usize>) -> Range<usize> {
        self.origin[range.start]..self.origin[range.end]
    }

    fn build(original: &str, mut step: impl FnMut(&[u8]) -> Option<(usize, Vec<u8>)>) -> Option<Self> {
        let bytes = original.as_bytes();
        let (mut out, mut origin) = (Vec::with_capacity(bytes.len()), Vec::with_capacity(bytes.len() + 1));
        let (mut at, mut changed) = (0, false);
        while at < bytes.len() {
            if let Some((length, decoded)) = step(&bytes[at..]) {
                origin.extend(std::iter::repeat_n(at, decoded.len()));
                out.extend(decoded);
                at += length;
                changed = true;
            } else {
                origin.push(at);
                out.push(bytes[at]);
                at += 1;
            }
        }
        origin.push(bytes.len());
        if !changed {
            return None;
        }
        // What is no text any more is looked at as if every odd byte were a question mark: lengths stay.
        let text = String::from_utf8(out).unwrap_or_else(|error| {
            let bytes = error.into_bytes();
            bytes.into_iter().map(|byte| if byte.is_ascii() { char::from(byte) } else { '?' }).collect()
        });
        Some(Self { text, origin })
    }

    /// With percent-encoding (RFC 3986) taken off.
    pub fn percent(text: &str) -> Option<Self> {
        memchr::memchr(b'%', text.as_bytes())?;
        Self::build(text, |rest| {
            if rest[0] != b'%' {
                return None;
            }
            let digit = |at: usize| rest.get(at).and_then(|byte| char::from(*byte).to_digit(16));
            let byte = digit(1)? * 16 + digit(2)?;
            Some((3, vec![u8::try_from(byte).ok()?]))
        })
    }

    /// With the escapes of JSON, shells and programming languages taken off.
    pub fn escapes(text: &str) -> Option<Self> {
        memchr::memchr(b'\\', text.as_bytes())?;
        Self::build(text, |rest| {
            if rest[0] != b'\\' {
                return None;
            }
            match rest.get(1)? {
                b'n' => Some((2, vec![b'\n'])),
                b'r' => Some((2, vec![b'\r'])),
                b't' => Some((2, vec![b'\t'])),
                byte @ (b'"' | b'\'' | b'/' | b'\\' | b'$' | b'`') => Some((2, vec![*byte])),
                b'\n' => Some((2, vec![b' '])),
                b'u' => {
                    let digits = std::str::from_utf8(rest.get(2..6)?).ok()?;
                    let character = char::from_u32(u32::from_str_radix(digits, 16).ok()?)?;
                    Some((6, character.to_string().into_bytes()))
                }
                _ => None,
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::prelude::BASE64_STANDARD;

    #[test]
    fn base64_is_read_in_every_form() {
        let plain = "password=hunter2 and more?>>";
        let padded = BASE64_STANDARD.encode(plain);
        for run in [padded.clone(), padded.trim_end_matches('=').to_owned(), padded.replace('/', "_").replace('+', "-")]
        {
            assert!(texts(&run).any(|text| text == plain), "{run}");
        }
        assert!(texts(&format!("some/path/{padded}")).any(|text| text == plain));
        assert!(!is_text("wJalrXUtnFEMI7K1MDENGbPxRfiCYzz8Kq3LmT2v"));
    }

    #[test]
    fn wrapped_runs_are_one() {
        let line = "A".repeat(64);
        assert_eq!(runs(&format!("x: {line}\n   {line}\n   QUJD\nword"), 16).len(), 1);
        assert_eq!(runs("some words\nin lines", 4), [0..4, 5..10, 14..19]);
    }

    #[test]
    fn views_know_where_they_came_from() {
        let view = View::percent("a%3Db%20c%zz").unwrap();
        assert_eq!(view.text, "a=b c%zz");
        assert_eq!(view.original(&(2..3)), 4..5);
        assert_eq!(view.original(&(1..8)), 1..12);
        let view = View::escapes(r#"{\"k\":\"v\u0041\"}"#).unwrap();
        assert_eq!(view.text, r#"{"k":"vA"}"#);
        assert!(View::escapes("plain").is_none() && View::percent("plain").is_none());
    }
}
