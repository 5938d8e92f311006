//! Values that a text gives to secret names: `password=...`, `--token ...`, `"client_secret": "..."` and their kin.

use std::ops::Range;

use aho_corasick::AhoCorasick;

use crate::found::{Found, ceil, floor};
use crate::harmless;
use crate::kind;
use crate::names::{self, Secrecy};

/// Parts of words that names of secrets have.
pub(crate) const STEMS: &[&str] = &[
    "pass",
    "pwd",
    "secret",
    "token",
    "key",
    "cred",
    "auth",
    "conn",
    "psk",
    "dsn",
    "cookie",
    "jwt",
    "otp",
    "webhook",
    "signature",
    "sig",
    "salt",
    "seed",
    "private",
    "nonce",
    "hook",
    "database_url",
    "session",
    "keytab",
    "docker",
    "netrc",
    "sas",
    "pin",
    "pat",
    "pw",
    "login",
    "hash",
    "license",
    "identified by",
    "kube",
    "pem",
];

/// Longest name, to either side of a stem.
const MAX_NAME: usize = 96;

/// Words of HTTP that stand before what authorizes.
const SCHEMES: &[&str] = &[
    "bearer",
    "basic",
    "token",
    "digest",
    "negotiate",
    "apikey",
    "ssws",
    "geniekey",
    "splunk",
    "bot",
    "key",
    "aws4-hmac-sha256",
];

/// Words before a name whose value only a blank parts from it.
const SETTERS: &[&str] = &["ENV", "ARG", "LABEL", "setx", "setenv", "requirepass", "masterauth"];

/// Finds values under secret names in texts.
pub struct Assignments {
    stems: AhoCorasick,
}

/// A value, and the name that makes it secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assigned {
    /// Where the name stands, in bytes.
    pub name: Range<usize>,
    /// Where the value stands, without its quotes.
    pub value: Range<usize>,
    /// What the name says.
    pub secrecy: Secrecy,
}

/// One text, and what is known of it.
struct Scan<'t> {
    text: &'t str,
    bytes: &'t [u8],
    /// For `"`, `'` and the grave accent: no such quote closes behind this byte.
    unclosed: [usize; 3],
    /// Everything before this byte is dealt with.
    covered: usize,
}

impl Assignments {
    /// Compiles what is looked for.
    #[expect(clippy::missing_panics_doc, reason = "only with other texts than these")]
    pub fn new() -> Self {
        let stems = AhoCorasick::builder().ascii_case_insensitive(true).build(STEMS).expect("a few dozen short texts");
        Self { stems }
    }

    /// Adds the secret values of a text.
    pub fn find(&self, text: &str, found: &mut Vec<Found>) {
        self.each(text, |assigned| found.push(Found::new(assigned.value, kind::SECRET_NAME)));
    }
    /// Every value that may be secret by its name, in order.
    pub fn each(&self, text: &str, mut take: impl FnMut(Assigned)) {
        let mut walk = Walk::new(text);
        for hit in self.stems.find_iter(text) {
            walk.stem(hit.range(), &mut take);
        }
    }
}

/// A way through the stems of one text, from its beginning to its end.
pub(crate) struct Walk<'t> {
    scan: Scan<'t>,
    /// Where the last name ends.
    name_end: usize,
}

impl<'t> Walk<'t> {
    pub(crate) fn new(text: &'t str) -> Self {
        Self { scan: Scan { text, bytes: text.as_bytes(), unclosed: [usize::MAX; 3], covered: 0 }, name_end: 0 }
    }

    /// Takes the values of the name around a stem.
    pub(crate) fn stem(&mut self, hit: Range<usize>, take: &mut impl FnMut(Assigned)) {
        let scan = &mut self.scan;
        if hit.start < scan.covered || hit.start < self.name_end {
            return;
        }
        let name = scan.name(hit.start, hit.end);
        self.name_end = name.end;
        if !scan.may_assign(&name) || scan.in_arn(name.start) {
            return;
        }
        let (secrecy, values) = scan.values(&name);
        for value in values {
            scan.covered = scan.covered.max(value.end);
            take(Assigned { name: name.clone(), value, secrecy });
        }
    }
}

fn in_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.') || byte >= 0x80
}

impl Default for Assignments {
    fn default() -> Self {
        Self::new()
    }
}

impl Scan<'_> {
    /// The whole name around a stem.
    fn name(&self, start: usize, end: usize) -> Range<usize> {
        let before = self.bytes[..start].iter().rev().take(MAX_NAME).take_while(|byte| in_name(**byte)).count();
        let behind = self.bytes[end..].iter().take(MAX_NAME).take_while(|byte| in_name(**byte)).count();
        ceil(self.text, start - before)..floor(self.text, end + behind).max(end)
    }

    /// Whether a value may follow, at a glance: in prose it mostly cannot.
    fn may_assign(&self, name: &Range<usize>) -> bool {
        let mut at = name.end;
        let quoted = matches!(self.byte(at), Some(b'"' | b'\'' | b'`'));
        at += usize::from(quoted);
        at += usize::from(self.byte(at) == Some(b']'));
        let next = self.skip_spaces(at);
        let Some(byte) = self.byte(next) else { return false };
        // What an entry is given by follows as `value`, `default`, `ParameterValue` or `content`.
        if b"=:>(,;\"'`".contains(&byte) || b"vdpc".contains(&byte.to_ascii_lowercase()) {
            return true;
        }
        let text = &self.text[name.clone()];
        let before = self.text[..name.start].trim_end_matches([' ', '\t']);
        let last = before.bytes().next_back();
        text.starts_with('-')
            || matches!(last, None | Some(b'\n' | b'\r' | b'"' | b'\'' | b'-'))
            || text == "password"
            || before.trim_end_matches(['"', '\'', ' ']).ends_with([':', '='])
            || text.eq_ignore_ascii_case("identified by")
            || SETTERS.iter().any(|word| {
                let from = before.len().checked_sub(word.len());
                from.and_then(|from| before.get(from..)).is_some_and(|end| end.eq_ignore_ascii_case(word))
            })
    }

    /// Whether this is a part of an ARN, which has colons in it.
    fn in_arn(&self, at: usize) -> bool {
        let before = &self.bytes[at.saturating_sub(256)..at];
        before.last() == Some(&b':') && {
            let word = before.iter().rev().take_while(|byte| !byte.is_ascii_whitespace()).count();
            memchr::memmem::find(&before[before.len() - word..], b"arn:aws").is_some()
        }
    }

    /// The secret values that follow a name.
    fn values(&mut self, name: &Range<usize>) -> (Secrecy, Vec<Range<usize>>) {
        let text = &self.text[name.clone()];
        let sql = text.eq_ignore_ascii_case("identified by");
        // Of a path of names the last counts, or the one before a word that only says that it is the value.
        let mut parts = text.trim_matches(['.', '-']).rsplit('.');
        let mut last = parts.next().unwrap_or(text);
        if matches!(last.to_ascii_lowercase().as_str(), "value" | "plain" | "text" | "data" | "string") {
            last = parts.next().unwrap_or(last);
        }
        let secrecy = if sql { Secrecy::Certain } else { names::remembered_secrecy(last) };
        if secrecy == Secrecy::None {
            return (secrecy, Vec::new());
        }
        let flag = text.starts_with('-') || self.text[..name.start].ends_with('-');
        let values = self.value(name, flag, secrecy, sql).unwrap_or_default();
        let secret = |range: &Range<usize>| !harmless::stays(&self.text[range.clone()], secrecy);
        (secrecy, values.into_iter().filter(secret).collect())
    }

    fn byte(&self, at: usize) -> Option<u8> {
        self.bytes.get(at).copied()
    }

    fn skip_blanks(&self, mut at: usize, limit: usize) -> usize {
        let end = at + limit;
        while at < end && matches!(self.byte(at), Some(b' ' | b'\t')) {
            at += 1;
        }
        at
    }

    fn value(&mut self, name: &Range<usize>, flag: bool, secrecy: Secrecy, sql: bool) -> Option<Vec<Range<usize>>> {
        let mut at = name.end;
        let quoted = matches!(self.byte(at), Some(b'"' | b'\'' | b'`'));
        at += usize::from(quoted);
        // `map["name"] = value`, `name() = value`
        at += usize::from(self.byte(at) == Some(b']'));
        if let Some(range) = self.sibling(at).or_else(|| self.sibling_before(name)) {
            return Some(vec![range]);
        }
        let blanks = self.skip_blanks(at, 64);
        let line = self.line_start(name.start);
        let lead = self.text[line..name.start].trim();
        match self.byte(blanks)? {
            b'=' | b':' => {
                let mut behind = blanks + 1;
                while matches!(self.byte(behind), Some(b'=' | b'>' | b'~')) {
                    behind += 1;
                }
                let spaced = blanks > at || matches!(self.byte(behind), Some(b' ' | b'\t'));
                let behind = self.skip_blanks(behind, 256);
                let starts_line = lead.trim_matches(['-', '"', '\'', '.', '*', ' ']).is_empty() && !flag;
                if matches!(self.byte(behind), None | Some(b'\n' | b'\r' | b'|' | b'>' | b'#')) && starts_line {
                    return self.block(name, behind);
                }
                let whole_line = starts_line && !quoted;
                self.scalar(behind, whole_line, spaced).map(|range| vec![range])
            }
            // `<password>value</password>`
            b'>' if self.text[..name.start].ends_with('<') || self.text[..name.start].ends_with(':') => {
                let end = self.bytes[blanks + 1..].iter().position(|byte| *byte == b'<')?;
                let value = blanks + 1..blanks + 1 + end;
                Some(vec![value])
            }
            // `password("value")`
            b'(' if matches!(self.byte(blanks + 1), Some(b'"' | b'\'')) && secrecy >= Secrecy::Likely => {
                self.scalar(blanks + 1, false, false).map(|range| vec![range])
            }
            // `, "value"` of a list of arguments
            b',' if quoted && text_of_flag(self.text, name) => {
                let next = self.skip_spaces(blanks + 1);
                self.scalar(next, false, false).map(|range| vec![range])
            }
            _ if blanks > at && !quoted => {
                self.behind_blank(name, blanks, flag, secrecy, lead, sql).map(|range| vec![range])
            }
            _ => None,
        }
    }

    /// A value that only a blank parts from its name: a flag's, an instruction's, a quoted one.
    fn behind_blank(
        &mut self,
        name: &Range<usize>,
        at: usize,
        flag: bool,
        secrecy: Secrecy,
        lead: &str,
        sql: bool,
    ) -> Option<Range<usize>> {
        let first = self.byte(at)?;
        if matches!(first, b'"' | b'\'' | b'`') {
            return if secrecy == Secrecy::Certain || flag || sql { self.scalar(at, false, false) } else { None };
        }
        let instruction = lead.rsplit([' ', '\t', '"', '\'']).next().unwrap_or_default();
        let sets = SETTERS.iter().any(|word| word.eq_ignore_ascii_case(instruction));
        // `machine host login name password value`
        let netrc = (lead.contains("login") || lead.contains("machine")) && self.text[name.clone()] == *"password";
        let directive = lead.trim_matches(['"', '\'']).is_empty()
            && matches!(&self.text[name.clone()], "requirepass" | "masterauth" | "_authToken" | "password" | "secret")
            && self.is_last_word(at);
        if !(flag || sets || netrc || directive) || (flag && first == b'-') {
            return None;
        }
        self.scalar(at, sets, true)
    }

    fn is_last_word(&self, at: usize) -> bool {
        let line = &self.text[at..self.line_end(at)];
        !line.trim().contains([' ', '\t']) && !line.trim().is_empty()
    }

    fn skip_spaces(&self, mut at: usize) -> usize {
        let end = at + 256;
        while at < end && self.byte(at).is_some_and(|byte| byte.is_ascii_whitespace()) {
            at += 1;
        }
        at
    }

    /// The value of an entry that has the name as a value itself: `name: NAME` and `value: ...` after it.
    fn sibling(&mut self, at: usize) -> Option<Range<usize>> {
        let mut at = self.skip_spaces(at);
        if matches!(self.byte(at), Some(b',' | b';')) {
            at = self.skip_spaces(at + 1);
        }
        at += usize::from(matches!(self.byte(at), Some(b'"' | b'\'')));
        let word = ["value", "defaultValue", "ParameterValue", "content", "default"].into_iter().find(|word| {
            self.bytes.get(at..at + word.len()).is_some_and(|bytes| bytes.eq_ignore_ascii_case(word.as_bytes()))
        })?;
        at += word.len();
        at += usize::from(matches!(self.byte(at), Some(b'"' | b'\'')));
        at = self.skip_blanks(at, 64);
        if !matches!(self.byte(at), Some(b'=' | b':')) {
            return None;
        }
        let behind = self.skip_blanks(at + 1, 64);
        self.scalar(behind, true, true)
    }

    /// The same with the value in the line before: `value: ...` and `name: NAME` after it, in one object.
    fn sibling_before(&mut self, name: &Range<usize>) -> Option<Range<usize>> {
        let line = self.line_start(name.start);
        let key = self.text[line..name.start].trim_end_matches(['"', '\'', ' ']).strip_suffix([':', '='])?;
        if !key.trim().trim_matches(['"', '\'']).eq_ignore_ascii_case("name") || line == 0 {
            return None;
        }
        let before = self.line_start(line - 1);
        let entry = self.text[before..line].trim_start_matches([' ', '\t', '-', '{', '"', '\'']);
        let key = entry.get(.."value".len()).filter(|key| key.eq_ignore_ascii_case("value"))?;
        let rest = entry[key.len()..].trim_start_matches(['"', '\'', ' ', '\t']).strip_prefix([':', '='])?;
        let at = line - rest.len();
        self.scalar(self.skip_blanks(at, 64), true, true)
    }

    fn line_start(&self, at: usize) -> usize {
        let from = at.saturating_sub(512);
        let start = memchr::memrchr(b'\n', &self.bytes[from..at]).map_or(from, |found| from + found + 1);
        ceil(self.text, start).min(at)
    }

    fn line_end(&self, at: usize) -> usize {
        memchr::memchr(b'\n', &self.bytes[at..]).map_or(self.bytes.len(), |found| at + found)
    }

    /// One value from here: quoted, or to the end of its word, or of its line where the whole line may be the value.
    fn scalar(&mut self, at: usize, whole_line: bool, spaced: bool) -> Option<Range<usize>> {
        // Prefixes of string literals, and a type tag.
        let mut at = at;
        if matches!(self.byte(at), Some(b'b' | b'r' | b'u' | b'f' | b'@' | b'$'))
            && matches!(self.byte(at + 1), Some(b'"' | b'\''))
        {
            at += 1;
        }
        if let Some(quote @ (b'"' | b'\'' | b'`')) = self.byte(at) {
            if self.text[at..].starts_with("\"\"\"") || self.text[at..].starts_with("'''") {
                let mark = &self.text[at..at + 3];
                let end = memchr::memmem::find(&self.bytes[at + 3..], mark.as_bytes());
                return Some(at + 3..end.map_or(self.bytes.len(), |end| at + 3 + end));
            }
            if let Some(end) = self.closing(at + 1, quote) {
                return (end > at + 1).then_some(at + 1..end);
            }
            at += 1;
        }
        let end = self.word_end(at);
        let line = self.line_end(at);
        let word = if whole_line && spaced { self.rest_of_line(at, end, line) } else { end };
        let word = if whole_line && !spaced && plain_words(&self.text[end..line]) { line } else { word };
        let word = self.with_scheme(at, word);
        let value = self.text[at..word].trim_end_matches(['"', '\'', ',', ';', ')', ']', '}', '\r', ' ', '\t']);
        (!value.is_empty()).then(|| at..at + value.len())
    }

    /// `name: several words` goes to the end of the line or a comment, as far as it looks like no more than words.
    fn rest_of_line(&self, at: usize, word: usize, line: usize) -> usize {
        let rest = &self.text[at..line];
        let comment = rest.find(" #").map_or(line, |comment| at + comment);
        if word >= comment || plain_words(&self.text[word..comment]) { comment.max(word) } else { word }
    }

    /// Where a quote that opened before this byte closes.
    fn closing(&mut self, from: usize, quote: u8) -> Option<usize> {
        let slot = match quote {
            b'"' => 0,
            b'\'' => 1,
            _ => 2,
        };
        if from >= self.unclosed[slot] {
            return None;
        }
        let mut at = from;
        while let Some(found) = memchr::memchr(quote, &self.bytes[at..]) {
            let end = at + found;
            let escapes = self.bytes[from..end].iter().rev().take_while(|byte| **byte == b'\\').count();
            if escapes % 2 == 0 {
                return Some(end);
            }
            at = end + 1;
        }
        self.unclosed[slot] = from;
        None
    }

    /// The end of an unquoted word. Signs that also end a word do so only where another assignment follows.
    fn word_end(&self, at: usize) -> usize {
        let mut end = at;
        // `${...}` and `{{ ... }}` belong together, blanks and all.
        for (open, close) in [("${{", "}}"), ("{{", "}}"), ("${", "}"), ("$(", ")")] {
            if self.text[at..].starts_with(open) {
                let window = &self.bytes[at..(at + 256).min(self.bytes.len())];
                end = memchr::memmem::find(window, close.as_bytes()).map_or(at, |found| at + found + close.len());
                break;
            }
        }
        while let Some(byte) = self.byte(end) {
            match byte {
                b'"' | b'\'' | b'`' | b'<' | b'>' => break,
                byte if byte.is_ascii_whitespace() => break,
                b'&' | b';' | b',' if self.assignment_follows(end + 1) => break,
                _ => end += 1,
            }
        }
        floor(self.text, end)
    }

    fn assignment_follows(&self, at: usize) -> bool {
        let at = self.skip_blanks(at, 4);
        let name = self.bytes[at..].iter().take(48).take_while(|byte| in_name(**byte) || **byte == b' ').count();
        name > 0 && matches!(self.byte(at + name), Some(b'=' | b':'))
    }

    /// `Bearer abc` is one value.
    fn with_scheme(&self, at: usize, end: usize) -> usize {
        let word = &self.text[at..end];
        if !SCHEMES.iter().any(|scheme| scheme.eq_ignore_ascii_case(word)) {
            return end;
        }
        let next = self.skip_blanks(end, 8);
        if next == end { end } else { self.word_end(next) }
    }

    /// What follows in deeper lines: a block scalar of YAML, or a list of scalars.
    fn block(&mut self, name: &Range<usize>, at: usize) -> Option<Vec<Range<usize>>> {
        let scalar = matches!(self.byte(at), Some(b'|' | b'>'));
        let header = &self.text[at..self.line_end(at)];
        // Of cloud-init: names and passwords, some levels deeper.
        let whole = scalar || self.text[name.clone()] == *"chpasswd";
        if scalar && !header[1..].trim().trim_matches(['-', '+']).chars().all(|character| character.is_ascii_digit()) {
            return self.scalar(at, true, true).map(|range| vec![range]);
        }
        let line = self.line_start(name.start);
        let indent = indentation(&self.text[line..name.start]);
        let mut ranges = Vec::new();
        let mut next = self.line_end(at) + 1;
        while next < self.bytes.len() {
            let end = self.line_end(next);
            let content = &self.text[next..end];
            let trimmed = content.trim();
            let depth = indentation(content);
            if trimmed.is_empty() {
                next = end + 1;
                continue;
            }
            if whole {
                if depth <= indent {
                    break;
                }
                ranges.push(next + depth..next + content.trim_end().len());
            } else {
                let Some(item) = trimmed.strip_prefix("- ") else { break };
                if depth < indent || item.contains(": ") || item.ends_with(':') {
                    break;
                }
                let item = item.trim().trim_matches(['"', '\'']);
                let offset = content.find(item).unwrap_or(0);
                ranges.push(next + offset..next + offset + item.len());
            }
            next = end + 1;
        }
        if whole && ranges.len() > 1 {
            let whole = ranges[0].start..ranges[ranges.len() - 1].end;
            return Some(vec![whole]);
        }
        Some(ranges)
    }
}

fn indentation(line: &str) -> usize {
    line.bytes().take_while(|byte| matches!(byte, b' ' | b'\t')).count()
}

/// Whether a name stands as a flag in a list of arguments.
fn text_of_flag(text: &str, name: &Range<usize>) -> bool {
    text[name.clone()].starts_with('-') || text[..name.start].ends_with('-')
}

/// Whether the rest of a line is words and nothing that a shell or another assignment would make of it.
fn plain_words(rest: &str) -> bool {
    !rest.contains(['&', '|', ';', '<', '>', '$', '=', '"', '\'', '{', '}', '(', ')']) && !rest.contains(" -")
}
