//! Texts that look like secrets.

use std::sync::LazyLock;

use regex::Regex;

/// What a secret looks like, with what it is.
static PATTERNS: LazyLock<Vec<(Regex, &'static str)>> = LazyLock::new(|| {
    let patterns = [
        (r"\b(?:AKIA|ASIA|ABIA|ACCA)[0-9A-Z]{16}\b", "AWS access key id"),
        (r#"(?i)aws.{0,20}(?:secret|key).{0,20}['"=: ][A-Za-z0-9/+]{40}\b"#, "AWS secret access key"),
        (r"\bgh[pousr]_[A-Za-z0-9]{36,}\b", "GitHub token"),
        (r"\bgithub_pat_[A-Za-z0-9_]{60,}\b", "GitHub token"),
        (r"\bglpat-[A-Za-z0-9_-]{20,}", "GitLab token"),
        (r"\bxox[abprs]-[A-Za-z0-9-]{10,}", "Slack token"),
        (r"https://hooks\.slack\.com/services/[A-Za-z0-9/]{20,}", "Slack webhook"),
        (r"\bAIza[A-Za-z0-9_-]{35}\b", "Google API key"),
        (r"\b[sr]k_live_[A-Za-z0-9]{16,}\b", "Stripe key"),
        (r"\bSG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}", "SendGrid key"),
        (r"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY(?: BLOCK)?-----", "private key"),
        (r"\b[a-z][a-z0-9+]*://[^\s:/@]+:[^\s:/@$]{3,}@", "password in a URL"),
        (
            r#"(?i)(?:password|passwd|pwd|secret|api_?key|access_?key|auth_?token|token)\w*\\?['"]?\s*[:=]>?\s*\\?['"]?[^\s'"\\$<{(]{6,}"#,
            "password or token",
        ),
    ];
    patterns.into_iter().filter_map(|(pattern, what)| Some((Regex::new(pattern).ok()?, what))).collect()
});

/// What the first secret in a text is.
pub(super) fn find(text: &str) -> Option<&'static str> {
    PATTERNS.iter().find(|(pattern, _)| pattern.is_match(text)).map(|(_, what)| *what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_told_from_other_texts() {
        assert_eq!(PATTERNS.len(), 13);
        for (text, found) in [
            (r#"export GREETING="Hello there""#, false),
            (r#"export DATABASE_PASSWORD=\"SomeSortOfPassword\""#, true),
            ("DB_PASSWORD=$DB_PASSWORD", false),
            ("password: hunter22", true),
            ("id = AKIAIOSFODNN7EXAMPLE", true),
            ("-----BEGIN RSA PRIVATE KEY-----", true),
            ("postgres://app:s3cretive@db/app", true),
            ("development", false),
        ] {
            assert_eq!(find(text).is_some(), found, "{text}");
        }
    }
}
