//! What was taken out, kept for as long as other texts have to be cleaned of it.

use std::fmt;
use std::sync::OnceLock;

use aho_corasick::{AhoCorasick, MatchKind};
use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE_NO_PAD};
use probity_model::{Value, json};

use probity_secrets::found::{Found, ceil, floor};
use probity_secrets::kind;

/// Shortest secret that is looked for in other texts.
const LEAST: usize = 4;

/// From this length on a secret is found inside of words too.
const DISTINCT: usize = 8;

/// Up to this length a secret is looked for in every form; of a longer one its lines and pieces are.
const WHOLE: usize = 256;

/// Length of the pieces of long secrets.
const PIECE: usize = 64;

/// Most bytes of one secret that are looked for.
const MAX_SECRET: usize = 64 << 10;

/// Most bytes that are looked for in all forms of all secrets of one document. Beyond that secrets are looked for as they are.
const MAX_FORMS: usize = 512 << 10;

/// Words that are no secret even when somebody chose one as a password: they stand in every other message.
const COMMON: &[&str] = &[
    "password",
    "secret",
    "token",
    "true",
    "false",
    "null",
    "none",
    "default",
    "admin",
    "root",
    "user",
    "test",
    "name",
    "value",
    "data",
    "string",
    "database",
    "username",
    "enabled",
    "disabled",
    "bool",
    "boolean",
    "integer",
    "number",
    "object",
    "array",
    "list",
    "text",
    "securestring",
];

/// The secrets of a document, for cleaning what else is said of it with [`Redactor::text`](crate::Redactor::text).
///
/// Never kept or sent anywhere; its debug form tells only how many there are.
#[derive(Default)]
pub struct Secrets {
    values: Vec<(String, &'static str)>,
    matcher: OnceLock<Matcher>,
}

impl Secrets {
    /// No secrets.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Takes in the secrets of another document too, as for a text that speaks of both.
    pub fn extend(&mut self, other: &Self) {
        for (value, kind) in &other.values {
            self.insert(value, kind);
        }
    }

    pub(crate) fn insert(&mut self, value: &str, kind: &'static str) {
        let value = value.trim();
        if value.len() < LEAST
            || COMMON.iter().any(|word| word.eq_ignore_ascii_case(value))
            || kind::marker_at_start(value) == Some(value.len())
        {
            return;
        }
        self.values.push((value.to_owned(), kind));
        self.matcher = OnceLock::new();
    }

    /// Where a text has one of the secrets, in any form.
    pub(crate) fn find(&self, text: &str) -> Vec<Found> {
        if self.values.is_empty() || text.len() < LEAST {
            return Vec::new();
        }
        self.matcher.get_or_init(|| Matcher::new(&self.values)).find(text)
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secrets({})", self.values.len())
    }
}

/// One text to look for.
#[derive(Clone, Copy)]
struct Form {
    kind: &'static str,
    /// In base64 the neighbours have a part of the secret too.
    base64: bool,
}

struct Matcher {
    /// Forms that are found anywhere.
    distinct: Option<AhoCorasick>,
    distinct_forms: Vec<Form>,
    /// Forms that are found as whole words only.
    short: Option<AhoCorasick>,
    short_forms: Vec<Form>,
    /// Secrets beyond the bound, looked for one by one.
    rest: Vec<(String, &'static str)>,
}

impl Matcher {
    fn new(values: &[(String, &'static str)]) -> Self {
        let mut values: Vec<&(String, &'static str)> = values.iter().collect();
        values.sort_by(|a, b| a.0.cmp(&b.0));
        values.dedup_by(|a, b| a.0 == b.0);
        let (mut long, mut long_forms, mut short, mut short_forms) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let mut rest = Vec::new();
        let mut size = 0;
        for (value, kind) in values {
            if size > MAX_FORMS {
                rest.push((value.clone(), *kind));
                continue;
            }
            for (text, base64) in forms(value) {
                size += text.len();
                let form = Form { kind, base64 };
                if text.len() >= DISTINCT {
                    long.push(text);
                    long_forms.push(form);
                } else {
                    short.push(text);
                    short_forms.push(form);
                }
            }
        }
        let build = |texts: &[String]| {
            let mut builder = AhoCorasick::builder();
            builder.match_kind(MatchKind::LeftmostLongest);
            // Too many for an automaton is more than the bound above allows.
            (!texts.is_empty()).then(|| builder.build(texts).ok()).flatten()
        };
        Self { distinct: build(&long), distinct_forms: long_forms, short: build(&short), short_forms, rest }
    }

    fn find(&self, text: &str) -> Vec<Found> {
        let mut found = Vec::new();
        for hit in self.distinct.iter().flat_map(|automaton| automaton.find_iter(text)) {
            let form = self.distinct_forms[hit.pattern().as_usize()];
            let range = if form.base64 { whole_run(text, hit.start(), hit.end()) } else { hit.start()..hit.end() };
            found.push(Found::new(range, form.kind));
        }
        for hit in self.short.iter().flat_map(|automaton| automaton.find_iter(text)) {
            let form = self.short_forms[hit.pattern().as_usize()];
            let before = text[..hit.start()].chars().next_back().is_some_and(char::is_alphanumeric);
            let behind = text[hit.end()..].chars().next().is_some_and(char::is_alphanumeric);
            if !before && !behind {
                found.push(Found::new(hit.start()..hit.end(), form.kind));
            }
        }
        for (value, kind) in &self.rest {
            let hits = memchr::memmem::find_iter(text.as_bytes(), value.as_bytes());
            found.extend(hits.map(|at| Found::new(at..at + value.len(), kind)));
        }
        found
    }
}

/// The run of base64 characters around a part, as far as 4096 bytes to either side.
fn whole_run(text: &str, start: usize, end: usize) -> std::ops::Range<usize> {
    let bytes = text.as_bytes();
    let is = |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(**byte, b'+' | b'/' | b'_' | b'-' | b'=');
    let before = bytes[..start].iter().rev().take(4096).take_while(is).count();
    let behind = bytes[end..].iter().take(4096).take_while(is).count();
    start - before..end + behind
}

/// The forms in which a secret may be quoted, and whether each is base64.
fn forms(secret: &str) -> Vec<(String, bool)> {
    let mut forms = Vec::new();
    if secret.len() <= WHOLE {
        forms.extend(escaped(secret).into_iter().map(|form| (form, false)));
        forms.extend(in_base64(secret.as_bytes()).into_iter().map(|form| (form, true)));
    } else {
        forms.extend(pieces(secret).into_iter().map(|piece| (piece, false)));
    }
    if secret.contains('\n') {
        let lines = secret.lines().map(str::trim).filter(|line| line.len() >= 12 && !line.starts_with("-----"));
        forms.extend(lines.take(1024).map(|line| (line.to_owned(), false)));
    }
    forms.sort();
    forms.dedup();
    forms.retain(|(form, _)| form.len() >= LEAST);
    forms
}

fn escaped(secret: &str) -> Vec<String> {
    let percent = |upper: bool, plus: bool| -> String {
        let encode = |byte: u8| match byte {
            b' ' if plus => "+".to_owned(),
            byte if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) => char::from(byte).to_string(),
            byte if upper => format!("%{byte:02X}"),
            byte => format!("%{byte:02x}"),
        };
        secret.bytes().map(encode).collect()
    };
    let json = in_json(secret);
    vec![
        secret.to_owned(),
        percent(true, false),
        percent(false, false),
        percent(true, true),
        in_json(&json),
        json.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026"),
        json.replace('/', "\\/"),
        json,
        secret.escape_debug().collect(),
        secret.escape_default().collect(),
        secret
            .replace('&', "&amp;")
            .replace('<', "&lt;")
            .replace('>', "&gt;")
            .replace('"', "&quot;")
            .replace('\'', "&#39;"),
        secret.bytes().map(|byte| format!("{byte:02x}")).collect(),
        secret.bytes().map(|byte| format!("{byte:02X}")).collect(),
    ]
}

fn in_json(text: &str) -> String {
    let quoted = json::write(&Value::from(text));
    quoted[1..quoted.len() - 1].to_owned()
}

/// The secret in base64, also as it looks in the middle of a longer text: the digits that do not depend on the neighbours.
fn in_base64(secret: &[u8]) -> Vec<String> {
    let mut forms = Vec::new();
    for shift in 0..3 {
        let mut bytes = vec![0; shift];
        bytes.extend_from_slice(secret);
        for engine in [&BASE64_STANDARD_NO_PAD, &BASE64_URL_SAFE_NO_PAD] {
            let digits = engine.encode(&bytes);
            let first = [0, 2, 3][shift];
            let own = &digits[first..bytes.len() * 8 / 6];
            if own.len() >= DISTINCT {
                forms.push(own.to_owned());
            }
            if shift == 0 {
                forms.push(digits);
            }
        }
    }
    forms
}

/// A long secret cut up, the last piece counted from the end.
fn pieces(secret: &str) -> Vec<String> {
    let bound = floor(secret, MAX_SECRET);
    let mut pieces = Vec::new();
    let mut at = 0;
    while at < bound {
        let end = ceil(secret, (at + PIECE).min(bound));
        let start = if end - at < PIECE { floor(secret, end.saturating_sub(PIECE)) } else { at };
        pieces.push(secret[start..end].to_owned());
        at = end;
    }
    let escaped: Vec<String> = pieces.iter().map(|piece| in_json(piece)).collect();
    pieces.extend(escaped);
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::prelude::BASE64_STANDARD;

    fn cleaned(secret: &str, text: &str) -> String {
        let mut secrets = Secrets::new();
        secrets.insert(secret, kind::SECRET_NAME);
        let found = probity_secrets::found::merge(text, secrets.find(text));
        probity_secrets::found::replace(text, &found)
    }

    #[test]
    fn every_form_is_found() {
        let secret = "p\"a/s s<w>&ö1";
        let forms = [
            secret.to_owned(),
            "p%22a%2Fs%20s%3Cw%3E%26%C3%B61".to_owned(),
            "p%22a%2fs+s".to_owned(),
            r#"p\"a/s s<w>&ö1"#.to_owned(),
            r#"p\\\"a/s s<w>&ö1"#.to_owned(),
            r#"p\"a/s s\u003cw\u003e\u0026ö1"#.to_owned(),
            "p&quot;a/s s&lt;w&gt;&amp;ö1".to_owned(),
        ];
        for form in forms.iter().filter(|form| !form.contains('+')) {
            let text = format!("x {form} y");
            assert_eq!(cleaned(secret, &text), "x [redacted:secret-value] y", "{form}");
        }
        for prefix in ["", "a", "ab", "abc"] {
            let text = BASE64_STANDARD.encode(format!("{prefix}{secret} and more"));
            assert_eq!(cleaned(secret, &text), "[redacted:secret-value]", "{prefix}");
        }
    }

    #[test]
    fn short_ones_are_found_as_words_only() {
        assert_eq!(cleaned("prod1", "is \"prod1\" in prod12"), "is \"[redacted:secret-value]\" in prod12");
        assert_eq!(cleaned("abc", "abc"), "abc");
        assert_eq!(cleaned("password", "the password"), "the password");
    }

    #[test]
    fn long_ones_are_found_in_pieces() {
        let secret: String = (0..400).map(|n| char::from(b'a' + u8::try_from(n * n % 26).unwrap())).collect();
        let text = cleaned(&secret, &format!("<{secret}>"));
        assert!(!text.contains(&secret[100..164]) && text.len() < 300, "{text}");
    }

    #[test]
    fn nothing_is_printed() {
        let mut secrets = Secrets::new();
        secrets.insert("hunter2hunter2", kind::SECRET_NAME);
        assert_eq!(format!("{secrets:?}"), "Secrets(1)");
    }
}
