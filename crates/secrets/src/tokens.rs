//! Secrets that are known by their own form, whatever they stand in.

use std::ops::Range;

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};
use regex::{Regex, RegexSet};

use crate::found::Found;
use crate::{harmless, kind};

/// The characters that a token goes on with behind its prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Alphabet {
    Alnum,
    /// Upper case and digits.
    Upper,
    Hex,
    /// With `_` and `-`.
    Word,
    /// With `.` too.
    Dotted,
    /// With everything that base64 in either form has.
    Base64,
    /// What the path of a URL has.
    Path,
}

impl Alphabet {
    fn has(self, byte: u8) -> bool {
        match self {
            Self::Alnum => byte.is_ascii_alphanumeric(),
            Self::Upper => byte.is_ascii_uppercase() || byte.is_ascii_digit(),
            Self::Hex => byte.is_ascii_hexdigit(),
            Self::Word => byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'),
            Self::Dotted => byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'),
            Self::Base64 => {
                byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'+' | b'/' | b'=' | b'~')
            }
            Self::Path => byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\'' | b'<' | b'>' | b'`' | b'\\'),
        }
    }
}

/// A token that is known by what it starts with.
pub(crate) struct Prefix {
    pub(crate) text: &'static str,
    alphabet: Alphabet,
    /// Fewest characters behind the prefix.
    least: usize,
    pub(crate) kind: &'static str,
    /// Whether it must not stand inside a word: for prefixes that words end with.
    apart: bool,
    /// How many characters stand behind the prefix in every token that was ever given out. Redaction does not rely on it.
    exact: Option<usize>,
}

impl Prefix {
    /// Whether what comes behind the prefix has a secret in it: of an address, a part that nobody would make up.
    pub(crate) fn is_secret(&self, tail: &str) -> bool {
        self.alphabet != Path || tail.split(['/', '?', '=', '&', '@']).any(|part| part.len() >= 16)
    }

    const fn exactly(mut self, length: usize) -> Self {
        self.exact = Some(length);
        self
    }

    /// The token with this prefix that starts here, when there is one for certain: whole, apart from words around it and of the
    /// length that such tokens have.
    pub(crate) fn token(&self, bytes: &[u8], start: usize) -> Option<Range<usize>> {
        let in_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        if start.checked_sub(1).is_some_and(|before| in_word(bytes[before])) {
            return None;
        }
        let from = start + self.text.len();
        let length = run(bytes, from, |byte| self.alphabet.has(byte));
        let end = from + length;
        let cut = bytes.get(end).is_some_and(|byte| in_word(*byte));
        let whole = self.exact.map_or(length >= self.least, |exact| length == exact);
        (whole && !cut).then_some(start..end)
    }
}

const fn prefix(text: &'static str, alphabet: Alphabet, least: usize, kind: &'static str) -> Prefix {
    Prefix { text, alphabet, least, kind, apart: false, exact: None }
}

const fn apart(text: &'static str, alphabet: Alphabet, least: usize, kind: &'static str) -> Prefix {
    Prefix { text, alphabet, least, kind, apart: true, exact: None }
}

use Alphabet::{Alnum, Base64, Dotted, Hex, Path, Upper, Word};

/// Sources: the vendors' documentation of their token formats, and the rule sets of public secret scanners.
pub(crate) const PREFIXES: &[Prefix] = &[
    prefix("AKIA", Upper, 16, kind::AWS_KEY).exactly(16),
    prefix("ASIA", Upper, 16, kind::AWS_KEY).exactly(16),
    prefix("ABIA", Upper, 16, kind::AWS_KEY).exactly(16),
    prefix("ACCA", Upper, 16, kind::AWS_KEY).exactly(16),
    prefix("ABSKQmVkcm9ja", Base64, 20, kind::AWS_KEY),
    prefix("amzn.mws.", Word, 20, kind::AWS_KEY),
    prefix("IQoJb3JpZ2luX2", Base64, 20, kind::AWS_KEY),
    prefix("FwoGZXIvYXdz", Base64, 20, kind::AWS_KEY),
    prefix("FQoGZXIvYXdz", Base64, 20, kind::AWS_KEY),
    prefix("AIza", Word, 30, kind::GOOGLE).exactly(35),
    prefix("GOCSPX-", Word, 20, kind::GOOGLE),
    prefix("ya29.", Base64, 20, kind::GOOGLE),
    apart("1//0", Word, 30, kind::GOOGLE),
    prefix("ghp_", Alnum, 30, kind::GITHUB).exactly(36),
    prefix("gho_", Alnum, 30, kind::GITHUB).exactly(36),
    prefix("ghu_", Alnum, 30, kind::GITHUB).exactly(36),
    prefix("ghs_", Dotted, 30, kind::GITHUB),
    prefix("ghr_", Alnum, 30, kind::GITHUB).exactly(36),
    prefix("github_pat_", Word, 30, kind::GITHUB),
    prefix("glpat-", Dotted, 16, kind::GITLAB),
    prefix("gldt-", Dotted, 16, kind::GITLAB),
    prefix("glrt-", Dotted, 16, kind::GITLAB),
    prefix("glrtr-", Dotted, 16, kind::GITLAB),
    prefix("glptt-", Dotted, 16, kind::GITLAB),
    prefix("glft-", Dotted, 16, kind::GITLAB),
    prefix("glsoat-", Dotted, 16, kind::GITLAB),
    prefix("glcbt-", Dotted, 16, kind::GITLAB),
    prefix("glimt-", Dotted, 16, kind::GITLAB),
    prefix("glagent-", Dotted, 16, kind::GITLAB),
    prefix("gloas-", Dotted, 16, kind::GITLAB),
    prefix("GR1348941", Word, 16, kind::GITLAB),
    prefix("xoxb-", Word, 10, kind::SLACK),
    prefix("xoxa-", Word, 10, kind::SLACK),
    prefix("xoxp-", Word, 10, kind::SLACK),
    prefix("xoxr-", Word, 10, kind::SLACK),
    prefix("xoxs-", Word, 10, kind::SLACK),
    prefix("xoxc-", Word, 10, kind::SLACK),
    prefix("xoxd-", Base64, 10, kind::SLACK),
    prefix("xoxe-", Word, 10, kind::SLACK),
    prefix("xoxe.", Dotted, 10, kind::SLACK),
    prefix("xapp-", Word, 10, kind::SLACK),
    prefix("hooks.slack.com/", Path, 20, kind::SLACK),
    prefix("webhook.office.com/", Path, 20, kind::WEBHOOK),
    prefix("discord.com/api/webhooks/", Path, 20, kind::DISCORD),
    prefix("discordapp.com/api/webhooks/", Path, 20, kind::DISCORD),
    prefix("hooks.zapier.com/hooks/", Path, 10, kind::WEBHOOK),
    prefix("chat.googleapis.com/v1/spaces/", Path, 20, kind::WEBHOOK),
    prefix("sk_live_", Word, 10, kind::STRIPE),
    prefix("sk_test_", Word, 10, kind::STRIPE),
    prefix("rk_live_", Word, 10, kind::STRIPE),
    prefix("rk_test_", Word, 10, kind::STRIPE),
    prefix("whsec_", Base64, 16, kind::STRIPE),
    apart("SK", Hex, 32, kind::TWILIO).exactly(32),
    prefix("SG.", Dotted, 40, kind::MAIL),
    prefix("key-", Alnum, 32, kind::MAIL).exactly(32),
    prefix("xkeysib-", Word, 40, kind::MAIL),
    prefix("xsmtpsib-", Word, 40, kind::MAIL),
    prefix("npm_", Alnum, 30, kind::NPM).exactly(36),
    prefix("pypi-", Word, 50, kind::PYPI),
    prefix("rubygems_", Hex, 40, kind::PACKAGES).exactly(48),
    prefix("CLOJARS_", Alnum, 40, kind::PACKAGES),
    prefix("dckr_pat_", Word, 20, kind::DOCKER),
    prefix("dckr_oat_", Word, 20, kind::DOCKER),
    prefix("HRKU-", Word, 30, kind::CLOUD),
    prefix("dop_v1_", Hex, 40, kind::DIGITALOCEAN).exactly(64),
    prefix("doo_v1_", Hex, 40, kind::DIGITALOCEAN).exactly(64),
    prefix("dor_v1_", Hex, 40, kind::DIGITALOCEAN).exactly(64),
    prefix("dapi", Hex, 32, kind::DATABRICKS),
    prefix("dose", Hex, 32, kind::DATABRICKS),
    prefix("NRAK-", Alnum, 20, kind::NEW_RELIC),
    prefix("NRII-", Word, 20, kind::NEW_RELIC),
    prefix("NRJS-", Hex, 15, kind::NEW_RELIC),
    prefix("NRIQ-", Word, 20, kind::NEW_RELIC),
    prefix("ATATT3", Base64, 40, kind::ATLASSIAN),
    prefix("ATCTT3", Base64, 40, kind::ATLASSIAN),
    prefix("ATBB", Alnum, 28, kind::ATLASSIAN),
    prefix("BBDC-", Base64, 30, kind::ATLASSIAN),
    prefix("hvs.", Word, 20, kind::HASHICORP),
    prefix("hvb.", Word, 20, kind::HASHICORP),
    prefix("hvr.", Word, 20, kind::HASHICORP),
    prefix("shpat_", Alnum, 30, kind::SHOPIFY),
    prefix("shpca_", Alnum, 30, kind::SHOPIFY),
    prefix("shppa_", Alnum, 30, kind::SHOPIFY),
    prefix("shpss_", Alnum, 30, kind::SHOPIFY),
    prefix("shptka_", Alnum, 30, kind::SHOPIFY),
    prefix("sq0atp-", Word, 20, kind::SQUARE),
    prefix("sq0csp-", Word, 20, kind::SQUARE),
    prefix("sq0idp-", Word, 20, kind::SQUARE),
    apart("EAAA", Word, 55, kind::SQUARE),
    apart("EAA", Alnum, 90, kind::GENERIC_TOKEN),
    prefix("sk-proj-", Word, 20, kind::OPENAI),
    prefix("sk-svcacct-", Word, 20, kind::OPENAI),
    prefix("sk-admin-", Word, 20, kind::OPENAI),
    apart("sk-", Alnum, 30, kind::OPENAI),
    prefix("sk-ant-", Word, 20, kind::ANTHROPIC),
    prefix("sk-or-v1-", Hex, 30, kind::MODEL),
    apart("hf_", Alnum, 30, kind::HUGGING_FACE),
    prefix("api_org_", Alnum, 30, kind::HUGGING_FACE),
    prefix("AGE-SECRET-KEY-1", Alnum, 40, kind::AGE_KEY),
    prefix("AGE-PLUGIN-", Word, 40, kind::AGE_KEY),
    prefix("glsa_", Word, 30, kind::MONITORING),
    prefix("glc_", Base64, 30, kind::MONITORING),
    prefix("lin_api_", Alnum, 30, kind::GENERIC_TOKEN),
    prefix("ntn_", Alnum, 40, kind::GENERIC_TOKEN),
    prefix("secret_", Alnum, 40, kind::GENERIC_TOKEN),
    prefix("figd_", Word, 30, kind::GENERIC_TOKEN),
    prefix("PMAK-", Word, 50, kind::GENERIC_TOKEN),
    apart("pul-", Hex, 40, kind::CLOUD),
    prefix("pscale_tkn_", Base64, 30, kind::DATABASE),
    prefix("pscale_pw_", Base64, 30, kind::DATABASE),
    prefix("pscale_oauth_", Base64, 30, kind::DATABASE),
    prefix("dp.pt.", Alnum, 40, kind::GENERIC_TOKEN),
    prefix("dp.st.", Dotted, 40, kind::GENERIC_TOKEN),
    prefix("dp.ct.", Alnum, 40, kind::GENERIC_TOKEN),
    prefix("dp.sa.", Alnum, 40, kind::GENERIC_TOKEN),
    prefix("fo1_", Word, 40, kind::CLOUD),
    prefix("fm1r_", Base64, 60, kind::CLOUD),
    prefix("fm2_", Base64, 60, kind::CLOUD),
    prefix("sntrys_", Base64, 40, kind::MONITORING),
    prefix("sntryu_", Hex, 40, kind::MONITORING),
    prefix("dt0c01.", Dotted, 60, kind::MONITORING),
    prefix("dt0s01.", Dotted, 60, kind::MONITORING),
    prefix("squ_", Hex, 40, kind::CI),
    prefix("sqp_", Hex, 40, kind::CI),
    prefix("sqa_", Hex, 40, kind::CI),
    prefix("nfp_", Alnum, 30, kind::CLOUD),
    prefix("sbp_", Hex, 40, kind::DATABASE),
    prefix("sb_secret_", Word, 20, kind::DATABASE),
    prefix("tskey-", Word, 20, kind::CLOUD),
    prefix("v1.0-", Word, 60, kind::CLOUD),
    prefix("gsk_", Alnum, 40, kind::MODEL),
    apart("r8_", Alnum, 37, kind::MODEL),
    prefix("pplx-", Alnum, 40, kind::MODEL),
    prefix("xai-", Alnum, 60, kind::MODEL),
    prefix("AKCp", Alnum, 60, kind::ARTIFACTORY),
    prefix("cmVmdGtu", Base64, 50, kind::ARTIFACTORY),
    prefix("bkua_", Hex, 40, kind::CI),
    prefix("CCIPAT_", Word, 40, kind::CI),
    prefix("CCIPRJ_", Word, 40, kind::CI),
    prefix("CFPAT-", Word, 40, kind::CLOUD),
    prefix("tfp_", Word, 40, kind::GENERIC_TOKEN),
    prefix("LTAI", Alnum, 12, kind::CLOUD),
    prefix("AKID", Alnum, 28, kind::CLOUD),
    prefix("rzp_live_", Alnum, 14, kind::PAYMENT),
    prefix("access_token$production$", Word, 16, kind::PAYMENT),
    prefix("ops_eyJ", Base64, 100, kind::GENERIC_TOKEN),
    prefix("rdme_", Alnum, 60, kind::GENERIC_TOKEN),
    prefix("shippo_live_", Hex, 30, kind::PAYMENT),
    prefix("EZAK", Alnum, 50, kind::PAYMENT),
    prefix("aio_", Alnum, 28, kind::GENERIC_TOKEN),
    prefix("pnu_", Alnum, 30, kind::GENERIC_TOKEN),
    prefix("lsv2_", Word, 40, kind::MODEL),
    prefix("nvapi-", Word, 60, kind::MODEL),
    prefix("ico-", Alnum, 32, kind::GENERIC_TOKEN),
    prefix("PuTTY-User-Key-File-", Path, 1, kind::PRIVATE_KEY),
];

/// A token whose form is more than a prefix.
pub(crate) struct Form {
    pub(crate) pattern: &'static str,
    pub(crate) kind: &'static str,
    /// Texts of which one stands in the line of such a token. Without, the form is too weak to be shown to people.
    pub(crate) marks: &'static [&'static str],
}

impl Form {
    pub(crate) fn regex(&self) -> Regex {
        Regex::new(&format!("(?-u){}", self.pattern)).expect("a valid pattern")
    }
}

/// Tokens whose form is more than a prefix. The first group is the secret. Every pattern is bounded in what it looks at,
/// so that searching stays linear.
pub(crate) const FORMS: &[Form] = &[
    Form { pattern: r"([A-Za-z0-9_~.-]{3}[0-9]Q~[A-Za-z0-9_~.-]{31,40})", kind: kind::AZURE, marks: &["Q~"] },
    Form { pattern: r"(?:^|(?u:[^A-Za-z0-9+/]))([A-Za-z0-9+/]{86}==)", kind: kind::AZURE, marks: &["=="] },
    Form {
        pattern: r"([A-Za-z0-9]{10,20}\.atlasv1\.[A-Za-z0-9_=-]{40,100})",
        kind: kind::HASHICORP,
        marks: &[".atlasv1."],
    },
    Form { pattern: r"\b(s\.[A-Za-z0-9]{24})\b", kind: kind::HASHICORP, marks: &[] },
    Form { pattern: r"([0-9]{8,10}:AA[A-Za-z0-9_-]{32,36})", kind: kind::TELEGRAM, marks: &[":AA"] },
    Form {
        pattern: r"([MNO][A-Za-z0-9_-]{23,27}\.[A-Za-z0-9_-]{6,7}\.[A-Za-z0-9_-]{27,40})",
        kind: kind::DISCORD,
        marks: &["discord", "DISCORD", "Discord"],
    },
    Form {
        pattern: r"([0-9a-f]{32}-[0-9a-f]{8}-[0-9a-f]{8})\b",
        kind: kind::MAIL,
        marks: &["mailgun", "MAILGUN", "Mailgun"],
    },
    Form {
        pattern: r"([0-9a-f]{32}-us[0-9]{1,2})\b",
        kind: kind::MAIL,
        marks: &["-us1", "-us2", "-us3", "-us4", "-us5", "-us6", "-us7", "-us8", "-us9"],
    },
    Form {
        pattern: r"\b(re_[A-Za-z0-9]{8}_[A-Za-z0-9]{20,40})\b",
        kind: kind::MAIL,
        marks: &["resend", "RESEND", "Resend"],
    },
    Form { pattern: r"([A-Fa-f0-9]{36}NRAL)", kind: kind::NEW_RELIC, marks: &["NRAL"] },
    Form { pattern: r"\b(00[A-Za-z0-9_-]{40})\b", kind: kind::GENERIC_TOKEN, marks: &["okta", "OKTA", "Okta"] },
    Form { pattern: r"\b(oy2[a-z0-9]{43})\b", kind: kind::GENERIC_TOKEN, marks: &["oy2"] },
    Form { pattern: r"\b(cio[A-Za-z0-9]{32})\b", kind: kind::GENERIC_TOKEN, marks: &["cargo", "CARGO", "crates"] },
    Form {
        pattern: r"\b(pat[A-Za-z0-9]{14}\.[0-9a-f]{64})\b",
        kind: kind::GENERIC_TOKEN,
        marks: &["airtable", "AIRTABLE", "Airtable"],
    },
    Form {
        pattern: r"\b((?:sdk|api|mob)-[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})\b",
        kind: kind::GENERIC_TOKEN,
        marks: &["sdk-", "mob-"],
    },
    Form { pattern: r"(\$1\$[./A-Za-z0-9]{1,8}\$[./A-Za-z0-9]{22})", kind: kind::PASSWORD_HASH, marks: &["$1$"] },
    Form { pattern: r"(\$apr1\$[./A-Za-z0-9]{1,8}\$[./A-Za-z0-9]{22})", kind: kind::PASSWORD_HASH, marks: &["$apr1$"] },
    Form { pattern: r"(\$2[abxy]?\$[0-9]{2}\$[./A-Za-z0-9]{50,60})", kind: kind::PASSWORD_HASH, marks: &["$2"] },
    Form {
        pattern: r"(\$(?:[567]|y|gy)\$[./A-Za-z0-9=,$]{20,140})",
        kind: kind::PASSWORD_HASH,
        marks: &["$5$", "$6$", "$7$", "$y$", "$gy$"],
    },
    Form {
        pattern: r"(\$(?:argon2(?:id|i|d)|scrypt|pbkdf2[a-z0-9-]*)\$[A-Za-z0-9./+=,$*-]{16,300})",
        kind: kind::PASSWORD_HASH,
        marks: &["$argon2", "$scrypt$", "$pbkdf2"],
    },
    Form {
        pattern: r"(pbkdf2_sha(?:1|256|512)\$[A-Za-z0-9./+=,$]{16,300})",
        kind: kind::PASSWORD_HASH,
        marks: &["pbkdf2_sha"],
    },
    Form {
        pattern: r"(\{(?:SSHA|SHA|SMD5|SSHA256|SSHA512|CRYPT)\}[A-Za-z0-9./+=$]{13,140})",
        kind: kind::PASSWORD_HASH,
        marks: &["{SSHA", "{SHA", "{SMD5", "{CRYPT"],
    },
    Form {
        pattern: r"(?i)\bbearer\s{1,4}([A-Za-z0-9._~+/=-]{0,200}[0-9][A-Za-z0-9._~+/=-]{7,4000})",
        kind: kind::AUTHORIZATION,
        marks: &["earer ", "EARER "],
    },
    // A line of `.pgpass`.
    Form {
        pattern: r"(?m)^[ \t\x22']{0,40}[A-Za-z0-9._*/-]{1,100}:(?:[0-9]{2,5}|\*):[A-Za-z_*][!-9;-~]{0,63}:[A-Za-z_*][!-9;-~]{0,63}:([!-~]{1,200})[ \t\r]*$",
        kind: kind::CREDENTIALS,
        marks: &[],
    },
    // A data source of Go's database drivers.
    Form {
        pattern: r"[A-Za-z0-9_.%-]{1,64}:([!-.0-9;-?A-~]{1,100})@(?:tcp|unix)?\(",
        kind: kind::URL_CREDENTIALS,
        marks: &["@tcp(", "@unix("],
    },
];

/// Finds tokens by their form.
pub struct Tokens {
    prefixes: AhoCorasick,
    forms: Vec<(Regex, &'static str)>,
    /// Whether any form is in a text, found at once: most texts have none.
    any: RegexSet,
}

impl Default for Tokens {
    fn default() -> Self {
        Self::new()
    }
}

impl Tokens {
    /// Compiles what is looked for.
    #[expect(clippy::missing_panics_doc, reason = "only with other texts than these")]
    pub fn new() -> Self {
        let prefixes = AhoCorasick::builder()
            .match_kind(MatchKind::Standard)
            .kind(Some(AhoCorasickKind::DFA))
            .build(PREFIXES.iter().map(|prefix| prefix.text))
            .expect("a few hundred short texts");
        let forms = FORMS.iter().map(|form| (form.regex(), form.kind)).collect();
        let any = RegexSet::new(FORMS.iter().map(|form| format!("(?-u){}", form.pattern))).expect("valid patterns");
        Self { prefixes, forms, any }
    }

    /// Adds the tokens of a text.
    pub fn find(&self, text: &str, found: &mut Vec<Found>) {
        if text.len() < 8 {
            return;
        }
        self.by_prefix(text, found);
        let forms = if self.any.is_match(text) { &self.forms[..] } else { &[] };
        for (form, kind) in forms {
            let captures = form.captures_iter(text).filter_map(|captures| captures.get(1));
            // A digest for the integrity of a subresource, or a public key, looks like a storage key.
            let secrets = captures.filter(|group| {
                !text[..group.start()].ends_with("sha512-") && !crate::encoded::is_public_der(group.as_str())
            });
            found.extend(secrets.map(|group| Found::new(group.range(), kind)));
        }
        web_tokens(text, found);
        private_keys(text, found);
        url_credentials(text, found);
        basic_credentials(text, found);
        random_runs(text, found);
    }

    fn by_prefix(&self, text: &str, found: &mut Vec<Found>) {
        let bytes = text.as_bytes();
        let mut covered = 0;
        for hit in self.prefixes.find_overlapping_iter(text) {
            let prefix = &PREFIXES[hit.pattern().as_usize()];
            let inside = hit.start().checked_sub(1).is_some_and(|before| bytes[before].is_ascii_alphanumeric());
            if hit.start() < covered || (prefix.apart && inside) {
                continue;
            }
            let length = run(bytes, hit.end(), |byte| prefix.alphabet.has(byte));
            if length < prefix.least {
                continue;
            }
            // What follows in the widest alphabet goes with it: tokens get longer over the years.
            let end = hit.end() + length;
            let end = end + run(bytes, end, |byte| Alphabet::Word.has(byte));
            covered = end;
            found.push(Found::new(hit.start()..end, prefix.kind));
        }
    }
}

/// How many bytes from here are of a kind.
pub(crate) fn run(bytes: &[u8], from: usize, is: impl Fn(u8) -> bool) -> usize {
    bytes[from..].iter().take_while(|byte| is(**byte)).count()
}

/// JSON Web Tokens (RFC 7519, RFC 7516): parts in base64 between dots, the first of them a JSON object.
fn web_tokens(text: &str, found: &mut Vec<Found>) {
    let bytes = text.as_bytes();
    let mut covered = 0;
    for start in memchr::memmem::find_iter(bytes, "eyJ") {
        if start < covered {
            continue;
        }
        let end = start + run(bytes, start, |byte| Alphabet::Dotted.has(byte) || byte == b'=');
        covered = end;
        let parts = text[start..end].split('.').filter(|part| part.len() >= 4).count();
        if parts >= 2 && end - start >= 24 {
            found.push(Found::new(start..end, kind::JWT));
        }
    }
}

/// Private keys between `-----BEGIN` and `-----END` (RFC 7468, and the forms of OpenSSH, PGP and PKCS #1). A key that is cut
/// off goes to the end of the text.
fn private_keys(text: &str, found: &mut Vec<Found>) {
    let bytes = text.as_bytes();
    let mut at = 0;
    while let Some(start) = memchr::memmem::find(&bytes[at..], b"-----BEGIN ").map(|start| at + start) {
        let label = start + 11;
        let name =
            &text[label..label + run(bytes, label, |byte| byte.is_ascii_graphic() && byte != b'-' || byte == b' ')];
        at = label;
        if !name.contains("PRIVATE KEY") && !name.contains("ENCRYPTED") {
            continue;
        }
        let footer = memchr::memmem::find(&bytes[label..], b"-----END ").map(|end| label + end);
        let end = match footer {
            Some(footer) => {
                let dashes = memchr::memmem::find(&bytes[footer + 9..], b"-----").map(|dashes| footer + 9 + dashes + 5);
                dashes.filter(|end| end - footer < 100).unwrap_or(footer + 9)
            }
            None => text.len(),
        };
        found.push(Found::new(start..end, kind::PRIVATE_KEY));
        at = end;
    }
}

/// Whether a text is a private key's beginning without its end.
pub fn opens_private_key(text: &str) -> bool {
    text.rfind("-----BEGIN ").is_some_and(|start| {
        let rest = &text[start..];
        rest.contains("PRIVATE KEY") && !rest.contains("-----END ")
    })
}

/// Longest authority of a URL that is looked at.
pub(crate) const MAX_AUTHORITY: usize = 2048;

/// Names and passwords before the `@` of a URL (RFC 3986, section 3.2.1).
fn url_credentials(text: &str, found: &mut Vec<Found>) {
    let bytes = text.as_bytes();
    let hits: Vec<usize> = memchr::memmem::find_iter(bytes, "://").map(|at| at + 3).collect();
    for (index, start) in hits.iter().enumerate() {
        let limit = hits.get(index + 1).copied().unwrap_or(bytes.len()).min(start + MAX_AUTHORITY);
        let length = run(&bytes[..limit], *start, |byte| !byte.is_ascii_whitespace() && !b"\"'<>`\\".contains(&byte));
        let authority = &text[*start..crate::found::floor(text, start + length)];
        if let Some(secret) = secret_of_authority(authority) {
            found.push(Found::new(start + secret.start..start + secret.end, kind::URL_CREDENTIALS));
        }
    }
}

pub(crate) fn secret_of_authority(authority: &str) -> Option<Range<usize>> {
    let path = authority.find(['/', '?', '#']).unwrap_or(authority.len());
    // A password with a slash in it is against the rules, and common.
    let end = authority[..path].rfind('@').or_else(|| {
        let end = authority.rfind('@')?;
        let port = authority[..path].split_once(':')?.1;
        (!port.is_empty() && !port.bytes().all(|byte| byte.is_ascii_digit())).then_some(end)
    })?;
    match authority[..end].find(':') {
        Some(colon) => {
            let (user, password) = (&authority[..colon], &authority[colon + 1..end]);
            // A token may be the name of a user without a password, or with `x-oauth-basic` as one.
            let start = if harmless::looks_random(user) { 0 } else { colon + 1 };
            let refers = password.is_empty() || harmless::stays(password, crate::names::Secrecy::Certain);
            (start == 0 || !refers).then_some(start..end)
        }
        None => harmless::looks_random(&authority[..end]).then_some(0..end),
    }
}

/// `Basic` and a name and password in base64 (RFC 7617).
fn basic_credentials(text: &str, found: &mut Vec<Found>) {
    let bytes = text.as_bytes();
    for hit in memchr::memmem::find_iter(bytes, "asic ") {
        let start = hit + 5;
        let length = run(bytes, start, |byte| byte.is_ascii_alphanumeric() || b"+/=_-".contains(&byte)).min(4096);
        let word = &text[start..start + length];
        let decoded = crate::encoded::decode(word);
        if length >= 4 && decoded.is_some_and(|decoded| decoded.contains(&b':')) {
            found.push(Found::new(start..start + length, kind::AUTHORIZATION));
        }
    }
}

/// Runs of base64 characters without a pattern: keys that are not known by their form.
fn random_runs(text: &str, found: &mut Vec<Found>) {
    for run in crate::encoded::runs(text, 32) {
        let word = &text[run.clone()];
        if text[..run.start].ends_with("h1:") || text[..run.start].ends_with("sha256:") || harmless::public(word) {
            continue;
        }
        if harmless::certainly_random(word) {
            if !crate::encoded::is_text(word) && !crate::encoded::is_public_der(word) {
                found.push(Found::new(run, kind::HIGH_ENTROPY));
            }
            continue;
        }
        let mut start = run.start;
        for piece in word.split(['/', '_', '-', '=']) {
            if piece.len() >= 32 && harmless::certainly_random(piece) && !crate::encoded::is_text(piece) {
                found.push(Found::new(start..start + piece.len(), kind::HIGH_ENTROPY));
            }
            start += piece.len() + 1;
        }
    }
}
