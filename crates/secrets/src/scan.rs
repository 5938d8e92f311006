//! Places of secrets in a text, known by their form or by their name.

use std::ops::Range;
use std::sync::OnceLock;

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};
use regex::Regex;

use crate::assignments::{Assigned, STEMS, Walk};
use crate::names::{self, Secrecy};
use crate::tokens::{self, FORMS, PREFIXES};
use crate::value::{self, Syntax};
use crate::{checksum, encoded, found, harmless, kind};

/// Longest line that forms are looked for in, to either side of what they are known by.
const REACH: usize = 600;

/// Bytes of a private key's beginning that tell it from the mention of one.
const HEAD: usize = 400;

/// A secret in a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Secret {
    /// Where it stands, in bytes.
    pub range: Range<usize>,
    /// What it is: one of [`kind`].
    pub kind: &'static str,
    /// Where the name stands that it has in the text, when it has one.
    pub name: Option<Range<usize>>,
}

/// What stands at a mark.
#[derive(Clone, Copy)]
enum Mark {
    Prefix(usize),
    Form(usize),
    Url,
    PrivateKey,
    WebToken,
    /// A part of a name.
    Stem,
}

/// Finds secrets in texts. Made once and used by all threads.
///
/// Its time is linear in the length of the text: one pass of an automaton finds the marks of secrets and the parts of their names.
pub struct Scanner {
    marks: AhoCorasick,
    /// What each mark means, and how it is spelled: the automaton looks at no case.
    meanings: Vec<(&'static str, Mark)>,
    /// Compiled when a text has their mark: most texts have none.
    forms: Vec<OnceLock<Regex>>,
}

impl Default for Scanner {
    fn default() -> Self {
        Self::new()
    }
}

impl Scanner {
    /// Compiles what is looked for: some milliseconds.
    #[expect(clippy::missing_panics_doc, reason = "only with other texts than these")]
    pub fn new() -> Self {
        let prefixes = PREFIXES.iter().enumerate().map(|(at, prefix)| (prefix.text, Mark::Prefix(at)));
        let marked = FORMS.iter().enumerate();
        let forms = marked.flat_map(|(at, form)| form.marks.iter().map(move |text| (*text, Mark::Form(at))));
        let others = [("://", Mark::Url), ("PRIVATE KEY", Mark::PrivateKey), ("eyJ", Mark::WebToken)];
        let stems = STEMS.iter().map(|stem| (*stem, Mark::Stem));
        let meanings: Vec<(&str, Mark)> = prefixes.chain(forms).chain(others).chain(stems).collect();
        let marks = AhoCorasick::builder()
            .match_kind(MatchKind::Standard)
            .ascii_case_insensitive(true)
            .kind(Some(AhoCorasickKind::DFA))
            .build(meanings.iter().map(|(text, _)| text))
            .expect("a few hundred short texts");
        Self { marks, meanings, forms: FORMS.iter().map(|_| OnceLock::new()).collect() }
    }

    /// The secrets of a text, in order and apart from each other.
    pub fn find(&self, text: &str, syntax: Syntax) -> Vec<Secret> {
        let mut search =
            Search { scanner: self, text, secrets: Vec::new(), searched: vec![0; FORMS.len()], keys_to: 0 };
        let mut walk = Walk::new(text);
        for hit in self.marks.find_overlapping_iter(text) {
            match self.meanings[hit.pattern().as_usize()] {
                (_, Mark::Stem) => walk.stem(hit.range(), &mut |assigned| search.assigned(&assigned, syntax)),
                (spelled, mark) if text.as_bytes()[hit.range()] == *spelled.as_bytes() => {
                    search.at_mark(mark, hit.range());
                }
                _ => {}
            }
        }
        let mut secrets = search.secrets;
        // What is known by its form is told as what it is, and not as the value of its name.
        secrets.sort_by_key(|secret| (secret.range.start, by_name_only(secret), std::cmp::Reverse(secret.range.end)));
        apart(secrets)
    }
}

fn by_name_only(secret: &Secret) -> bool {
    matches!(secret.kind, kind::SECRET_NAME | kind::HIGH_ENTROPY)
}

/// Of secrets that overlap the one that says more.
fn apart(secrets: Vec<Secret>) -> Vec<Secret> {
    let mut kept: Vec<Secret> = Vec::with_capacity(secrets.len());
    for secret in secrets {
        match kept.last_mut() {
            Some(last) if secret.range.start < last.range.end => {
                let better = by_name_only(last) && !by_name_only(&secret);
                let name = last.name.take().or_else(|| secret.name.clone());
                if better {
                    *last = secret;
                }
                last.name = name;
            }
            _ => kept.push(secret),
        }
    }
    kept
}

struct Search<'s> {
    scanner: &'s Scanner,
    text: &'s str,
    secrets: Vec<Secret>,
    /// To where each form was looked for already.
    searched: Vec<usize>,
    /// To where a private key goes that was found.
    keys_to: usize,
}

impl Search<'_> {
    fn push(&mut self, range: Range<usize>, kind: &'static str) {
        self.secrets.push(Secret { range, kind, name: None });
    }

    fn at_mark(&mut self, mark: Mark, hit: Range<usize>) {
        match mark {
            Mark::Prefix(at) => self.prefix(at, hit.start),
            Mark::Form(at) => self.form(at, hit),
            Mark::Url => self.url(hit.end),
            Mark::PrivateKey => self.private_key(&hit),
            Mark::WebToken => self.web_token(hit.start),
            // A part of a name has no meaning without what follows it.
            Mark::Stem => {}
        }
    }

    fn prefix(&mut self, at: usize, start: usize) {
        let prefix = &PREFIXES[at];
        let Some(range) = prefix.token(self.text.as_bytes(), start) else { return };
        let token = &self.text[range.clone()];
        let right = !matches!(prefix.text, "ghp_" | "gho_" | "ghu_" | "ghr_" | "npm_") || checksum::is_right(token);
        let tail = &token[prefix.text.len()..];
        if right && prefix.is_secret(tail) && value::given_out(tail) {
            self.push(range, prefix.kind);
        }
    }

    /// Looks for a form in the line of its mark, each part of a line once.
    fn form(&mut self, at: usize, hit: Range<usize>) {
        let bytes = self.text.as_bytes();
        let from = hit.start.saturating_sub(REACH).max(self.searched[at]);
        let start = memchr::memrchr(b'\n', &bytes[from..hit.start.max(from)]).map_or(from, |line| from + line + 1);
        let limit = (hit.end + REACH).min(bytes.len());
        let end = memchr::memchr(b'\n', &bytes[hit.end..limit]).map_or(limit, |line| hit.end + line);
        let (start, end) = (found::ceil(self.text, start), found::floor(self.text, end));
        if start >= end || hit.end <= self.searched[at] {
            return;
        }
        self.searched[at] = end;
        let line = &self.text[start..end];
        let form = self.scanner.forms[at].get_or_init(|| FORMS[at].regex());
        for captures in form.captures_iter(line) {
            let Some(group) = captures.get(1) else { continue };
            if let Some(kind) = self.kind_of_form(at, line, group.as_str(), start..end) {
                self.secrets.push(Secret { range: start + group.start()..start + group.end(), kind, name: None });
            }
        }
    }

    fn kind_of_form(&self, at: usize, line: &str, secret: &str, place: Range<usize>) -> Option<&'static str> {
        let kind = FORMS[at].kind;
        if value::stands_in(secret) || encoded::is_public_der(secret) || line.contains("sha512-") {
            return None;
        }
        match kind {
            kind::AUTHORIZATION => harmless::looks_random(secret).then_some(kind),
            kind::URL_CREDENTIALS => is_chosen(secret).then_some(kind),
            // 64 bytes in base64 are a key of Azure's where it is spoken of.
            kind::AZURE if secret.ends_with("==") => self.speaks_of_azure(place).then_some(kind),
            _ => Some(kind),
        }
    }

    fn speaks_of_azure(&self, place: Range<usize>) -> bool {
        let from = found::floor(self.text, place.start.saturating_sub(REACH));
        let to = found::floor(self.text, place.end + REACH);
        let around = self.text[from..to].to_ascii_lowercase();
        ["azure", "accountkey", "account_key", "core.windows.net"].iter().any(|word| around.contains(word))
    }

    /// A password before the `@` of a URL (RFC 3986, section 3.2.1).
    fn url(&mut self, start: usize) {
        let bytes = self.text.as_bytes();
        let limit = bytes.len().min(start + tokens::MAX_AUTHORITY);
        let length =
            tokens::run(&bytes[..limit], start, |byte| byte.is_ascii_graphic() && !b"\"'<>`\\,".contains(&byte));
        let authority = &self.text[start..start + length];
        let authority = &authority[..authority.find("://").unwrap_or(authority.len())];
        let Some(secret) = tokens::secret_of_authority(authority) else { return };
        let host = &authority[secret.end..];
        if is_chosen(&authority[secret.clone()]) && !host.contains("example.") && authority.contains(':') {
            self.push(start + secret.start..start + secret.end, kind::URL_CREDENTIALS);
        }
    }

    /// A private key in PEM (RFC 7468, and the forms of OpenSSH, PGP and PKCS #1) with a beginning of the key in it.
    fn private_key(&mut self, hit: &Range<usize>) {
        if hit.start < self.keys_to {
            return;
        }
        let before = found::ceil(self.text, hit.start.saturating_sub(40));
        let Some(start) = self.text[before..hit.start].rfind("-----BEGIN ").map(|at| before + at) else { return };
        let head = &self.text[hit.end..found::floor(self.text, hit.end + HEAD)];
        let Some(body) = head.strip_prefix(" BLOCK").unwrap_or(head).strip_prefix("-----") else { return };
        let body = &body[..body.find("-----END").unwrap_or(body.len())];
        let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+/=".contains(&byte));
        let lines = body.split(['\n', '\r', '"', '\'', ' ', '\\', '\t']).map(|part| part.trim_start_matches('n'));
        if !lines.into_iter().any(|line| line.len() >= 30 && digits(line) && !value::stands_in(line)) {
            return;
        }
        let bytes = self.text.as_bytes();
        let footer = memchr::memmem::find(&bytes[hit.end..], b"-----END ").map(|at| hit.end + at);
        let end = footer.map_or(found::floor(self.text, hit.end + HEAD), |footer| {
            footer + 9 + memchr::memmem::find(&bytes[footer + 9..], b"-----").map_or(0, |dashes| dashes + 5)
        });
        self.keys_to = end;
        self.push(start..end, kind::PRIVATE_KEY);
    }

    /// A signed JSON Web Token (RFC 7519): a header that names an algorithm, claims and a signature.
    fn web_token(&mut self, start: usize) {
        let bytes = self.text.as_bytes();
        let is = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
        if start > 0 && is(bytes[start - 1]) {
            return;
        }
        let end = start + tokens::run(bytes, start, is);
        let mut parts = self.text[start..end].split('.');
        let (Some(header), Some(claims), Some(signature)) = (parts.next(), parts.next(), parts.next()) else { return };
        let names = encoded::decode(header).is_some_and(|bytes| memchr::memmem::find(&bytes, b"\"alg\"").is_some());
        if names && claims.len() >= 8 && (signature.len() >= 16 || signature.is_empty()) {
            self.push(start..end, kind::JWT);
        }
    }

    /// A value under a secret's name.
    fn assigned(&mut self, assigned: &Assigned, syntax: Syntax) {
        let name = &self.text[assigned.name.clone()];
        let value = &self.text[assigned.value.clone()];
        if assigned.secrecy < Secrecy::Likely && !speaks_of_aws(name) {
            return;
        }
        // `checksum/secret`, by which pods are rolled.
        let path = found::ceil(self.text, assigned.name.start.saturating_sub("checksum/".len()));
        if self.text[path..assigned.name.start].ends_with("checksum/") {
            return;
        }
        if names::words(name).iter().any(|word| matches!(word.as_str(), "hash" | "hashed" | "checksum")) {
            return;
        }
        let before = assigned.value.start.checked_sub(1).map(|at| self.text.as_bytes()[at]);
        let quoted = matches!(before, Some(b'"' | b'\'' | b'`'));
        let own = value.strip_suffix('\\').unwrap_or(value);
        if value::is_secret(name, own, assigned.secrecy, quoted, syntax) {
            let range = assigned.value.start..assigned.value.start + own.len();
            self.secrets.push(Secret { range, kind: kind_of_value(name, own), name: Some(assigned.name.clone()) });
        }
    }
}

fn speaks_of_aws(name: &str) -> bool {
    name.to_ascii_lowercase().contains("aws")
}

/// Whether somebody chose this as a password, rather than to show where one goes.
fn is_chosen(password: &str) -> bool {
    const SHOWN: &[&str] = &[
        "password",
        "passwd",
        "pass",
        "pwd",
        "pw",
        "secret",
        "token",
        "key",
        "user",
        "username",
        "foo",
        "bar",
        "xxx",
        "yyy",
        "test",
        "string",
        "null",
        "none",
        "port",
        "api_key",
        "apikey",
        "mypassword",
        "credentials",
    ];
    let references = password.contains(['{', '}', '$', '<', '>', '*', '[', ']', '(', ')']) || password.starts_with('%');
    let shown = SHOWN.iter().any(|word| word.eq_ignore_ascii_case(password));
    let stands_in = password.len() >= 8 && value::stands_in(password);
    password.len() >= 3 && !references && !shown && !stands_in
}

/// What a value is by the name it has: keys without a form of their own.
fn kind_of_value(name: &str, value: &str) -> &'static str {
    let words = names::words(name);
    let says = |wanted: &[&str]| words.iter().any(|word| wanted.contains(&word.as_str()));
    let base64 = value.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/'));
    let secret_access = says(&["secret"]) && says(&["access"]) && says(&["key"]);
    if value.len() == 40 && base64 && (says(&["aws"]) || secret_access) {
        kind::AWS_KEY
    } else if value.len() == 88 && value.ends_with("==") && (says(&["account", "storage", "azure"])) {
        kind::AZURE
    } else if says(&["ibm", "softlayer", "cloudant", "ibmcloud", "bluemix"]) {
        kind::IBM
    } else if says(&["twilio"]) {
        kind::TWILIO
    } else if says(&["artifactory", "jfrog"]) {
        kind::ARTIFACTORY
    } else {
        kind::SECRET_NAME
    }
}
