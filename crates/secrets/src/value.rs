//! Whether a value under a secret's name is one, and not the name of one, a reference or what stands in for one.

use std::sync::LazyLock;

use aho_corasick::AhoCorasick;

use crate::harmless;
use crate::names::{self, Secrecy};

/// What a file is written in, as far as it says where values begin and end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Syntax {
    /// HCL: what is no reference stands in quotes.
    Hcl,
    /// JSON.
    Json,
    /// YAML, properties, environment files, Dockerfiles, scripts: quotes may be left out.
    Plain,
    /// A programming language: names of secrets are everywhere, and only values without a pattern count.
    Code,
}

/// Shortest value that is a secret by its name.
const LEAST: usize = 6;

/// Longest.
const MOST: usize = 512;

/// What stands in for a secret in examples, whatever is around it.
const STAND_INS: &[&str] = &[
    "example",
    "sample",
    "placeholder",
    "changeme",
    "change-me",
    "change_me",
    "replaceme",
    "replace-me",
    "replace_me",
    "redacted",
    "dummy",
    "insert",
    "your-",
    "your_",
    "yoursecret",
    "yourpassword",
    "yourtoken",
    "xxxx",
    "****",
    "....",
    "0000000",
    "1111111",
    "todo",
    "fixme",
    "not-a-",
    "notasecret",
    "fake",
    "foobar",
    "<",
    ">",
    "deadbeef",
    "aaaaaaa",
    "secretname",
];

/// Words that a password is said to be where none is meant.
const WORDS: &[&str] = &[
    "password",
    "passwd",
    "passphrase",
    "secret",
    "token",
    "apikey",
    "api_key",
    "api-key",
    "credential",
    "credentials",
    "string",
    "username",
    "disabled",
    "enabled",
    "required",
    "default",
    "optional",
    "random",
    "generated",
    "plaintext",
    "undefined",
    "unknown",
    "encrypted",
    "private",
    "public",
    "bearer",
    "access_token",
    "refresh_token",
    "client_secret",
    "boolean",
    "integer",
    "number",
];

static STANDS_IN: LazyLock<AhoCorasick> = LazyLock::new(|| {
    AhoCorasick::builder().ascii_case_insensitive(true).build(STAND_INS).expect("a few dozen short texts")
});

/// Whether a text only shows where a secret would stand.
pub(crate) fn stands_in(value: &str) -> bool {
    STANDS_IN.is_match(value) || repeats(value) || counts_up(value)
}

/// A few characters over and over.
fn repeats(value: &str) -> bool {
    let mut seen = [false; 256];
    value.bytes().for_each(|byte| seen[usize::from(byte)] = true);
    let different = seen.iter().filter(|seen| **seen).count();
    different <= 3 || (value.len() >= 24 && different <= 5)
}

/// How many characters follow the one before them: `1234abcd` has six.
fn steps(value: &str) -> usize {
    value.as_bytes().windows(2).filter(|pair| pair[1].wrapping_sub(pair[0]) == 1).count()
}

fn counts_up(value: &str) -> bool {
    value.len() >= 8 && steps(value) + 2 >= value.len()
}

/// Whether the tail of a token, what comes behind its prefix, is one that a vendor would give out.
pub(crate) fn given_out(tail: &str) -> bool {
    let has_letters = tail.bytes().any(|byte| byte.is_ascii_alphabetic());
    // Regular expressions and templates have beginnings of tokens in them.
    let describes = tail.contains(['[', '{', '$', '(', '*']);
    has_letters
        && !describes
        && !stands_in(tail)
        && steps(tail) * 2 <= tail.len()
        && (tail.len() < 16 || harmless::bits(tail) > 2.5)
}

/// Whether a value under this name is a secret. `quoted` is whether it stands in quotes.
pub(crate) fn is_secret(name: &str, value: &str, secrecy: Secrecy, quoted: bool, syntax: Syntax) -> bool {
    if is_aws_secret(name, value) && !stands_in(value) {
        return true;
    }
    if secrecy < Secrecy::Likely || !(LEAST..=MOST).contains(&value.len()) || !is_one_word(value) {
        return false;
    }
    if stands_in(value) || harmless::public(value) || refers(value, quoted) || names_policy_or_path(value) {
        return false;
    }
    if WORDS.iter().any(|word| word.eq_ignore_ascii_case(value)) {
        return false;
    }
    let bare = !quoted && matches!(syntax, Syntax::Hcl | Syntax::Json | Syntax::Code);
    if syntax == Syntax::Code || bare {
        // Regular expressions look random, too.
        let plain = value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+/=_-.~".contains(&byte));
        return plain && (quoted || secrecy == Secrecy::Certain) && !is_name(value) && harmless::looks_random(value);
    }
    if harmless::looks_random(value) {
        return !is_name(value);
    }
    if names_a_password(name) {
        is_password(value)
    } else {
        mixes(value) && harmless::bits(value) > 3.0 && !is_name(value)
    }
}

/// Whether this has the form of AWS's secret access keys, and the name of one.
fn is_aws_secret(name: &str, value: &str) -> bool {
    let form =
        value.len() == 40 && value.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/'));
    let lower = name.to_ascii_lowercase().replace(['_', '-', '.'], "");
    let named = ["secretaccesskey", "awssecret", "awsaccesskey"].iter().any(|part| lower.contains(part));
    form && named && harmless::bits(value) > 4.0
}

fn is_one_word(value: &str) -> bool {
    value.bytes().all(|byte| byte.is_ascii_graphic() || byte >= 0x80)
}

/// Whether the value stands elsewhere: an interpolation, a call, an address, a tag of YAML.
fn refers(value: &str, quoted: bool) -> bool {
    let opens = value.contains("${") || value.contains("{{") || value.contains("$(") || value.contains("%{");
    let first = value.as_bytes()[0];
    let marked =
        matches!(first, b'$' | b'%' | b'{' | b'[' | b'(' | b'&' | b'*' | b'/' | b'.' | b'#' | b'@' | b'~' | b'-')
            || (first == b'!' && !quoted);
    // A hash of a password and what YAML calls a tag are told by others.
    let called = !quoted && value.contains(['(', ')', '[', ']', '{', '}', ';', ',']);
    opens
        || (marked && !(quoted && mixes(value) && !matches!(first, b'$' | b'%' | b'{' | b'[' | b'/' | b'.')))
        || called
        || (value.starts_with("ENC[") || value.contains("AES256_GCM") || value.contains("vault:"))
}

/// URLs, ARNs, paths and names of actions.
fn names_policy_or_path(value: &str) -> bool {
    value.contains("://")
        || value.starts_with("arn:")
        || value.starts_with("urn:")
        || value.contains(":Get")
        || value.contains("::")
        || value.matches('/').count() >= 3 && !harmless::looks_random(value)
}

/// Whether this reads as a name: words and small numbers between signs, such as `db-password-prod2` and `my.secret.key`.
fn is_name(value: &str) -> bool {
    let mut parts = 0;
    let all = value.split(['-', '_', '.', '/', ':', '@', ' ', ',']).filter(|part| !part.is_empty()).all(|part| {
        parts += 1;
        is_word(part)
    });
    all && parts > 0
}

/// Letters in the form of one or more words, and up to two digits behind them; or a few digits.
fn is_word(part: &str) -> bool {
    let stem = part.trim_end_matches(|character: char| character.is_ascii_digit());
    let digits = part.len() - stem.len();
    if stem.is_empty() {
        return digits <= 4;
    }
    let letters = stem.bytes().all(|byte| byte.is_ascii_alphabetic());
    // CamelCase has few capitals.
    let capitals = stem.bytes().skip(1).filter(u8::is_ascii_uppercase).count();
    letters && digits <= 2 && (capitals == 0 || capitals + 1 == stem.len() || capitals * 3 <= stem.len())
}

fn mixes(value: &str) -> bool {
    value.bytes().any(|byte| byte.is_ascii_alphabetic()) && value.bytes().any(|byte| byte.is_ascii_digit())
}

/// Whether people choose the values under this name.
fn names_a_password(name: &str) -> bool {
    const PASSWORDS: &[&str] = &["pass", "password", "passwords", "passwd", "pwd", "passphrase", "passcode"];
    let joined = ["password", "passwd", "passphrase"];
    names::words(name).iter().any(|word| {
        let word = word.trim_end_matches(|character: char| character.is_ascii_digit());
        PASSWORDS.contains(&word) || joined.iter().any(|end| word.ends_with(end))
    })
}

/// What somebody chose for a password: one word with a digit or a sign in it, or a long one.
fn is_password(value: &str) -> bool {
    let signs = value
        .bytes()
        .any(|byte| byte.is_ascii_punctuation() && !matches!(byte, b'-' | b'_' | b'.' | b'/' | b':' | b','));
    let parts = || value.split(['-', '_', '.', '/', ':']).filter(|part| !part.is_empty());
    let numbered = parts().any(|part| part.len() >= 3 && part.bytes().all(|byte| byte.is_ascii_digit()));
    if parts().count() > 1 && is_name(value) && !numbered {
        return false;
    }
    let letters = value.bytes().all(|byte| byte.is_ascii_alphabetic());
    let says_so =
        ["password", "passwd", "secret", "token"].iter().any(|word| value.to_ascii_lowercase().contains(word));
    (signs && value.bytes().any(|byte| byte.is_ascii_alphabetic()))
        || mixes(value)
        || (value.len() >= 9 && letters && !says_so && harmless::bits(value) > 3.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_passwords() {
        let table = [
            (true, "hunter2 secure-word-123 Aa12345678 Aa1234321Bb correcthorsebattery p4ssw0rd Summer!Time zK9!pq"),
            (
                false,
                "password changeme ${var.password} db-password my.secret.password $PASSWORD {{.Values.password}} <password>",
            ),
            (
                false,
                "xxxxxxxx ******** short string example-password /run/secrets/db vault:secret/db arn:aws:x AAAAAAAAAAAA",
            ),
            (false, "random_password.db.result 12345678 abcdefgh1 YOUR_PASSWORD your-password-here database"),
        ];
        for (expected, values) in table {
            for value in values.split(' ') {
                assert_eq!(is_secret("db_password", value, Secrecy::Certain, true, Syntax::Plain), expected, "{value}");
            }
        }
    }

    #[test]
    fn values_of_keys() {
        let table = [
            (true, "9f8e7d6c5b4a39281706f5e4d3c2b1a0 q7Zp2Lm9Xk4Rt8Vw wJalrXUtnFEMI/K7MDENG/bPxRfiCYzzK8q7LmTv"),
            (false, "my-api-key api-key-prod2 ApiKeyHandler us-east-1 c0ffee AmazonRDSMasterKey /path/to/key"),
            (false, "123e4567-e89b-12d3-a456-426614174000 projects/x/secrets/y https://example.test/a1b2c3d4e5"),
        ];
        for (expected, values) in table {
            for value in values.split(' ') {
                assert_eq!(is_secret("api_key", value, Secrecy::Certain, true, Syntax::Plain), expected, "{value}");
            }
        }
    }

    #[test]
    fn bare_words_of_hcl_are_references() {
        for (value, expected) in
            [("random_password.db.result", false), ("local.password1", false), ("q7Zp2Lm9Xk4Rt8Vw", true)]
        {
            assert_eq!(is_secret("password", value, Secrecy::Certain, false, Syntax::Hcl), expected, "{value}");
        }
    }
}
