//! The kinds of secrets, and the marker that stands for one.

/// What every marker starts with.
const OPENING: &str = "[redacted:";

macro_rules! kinds {
    ($($name:ident = $text:literal,)*) => {
        $(pub(crate) const $name: &str = $text;)*
        /// Every kind there is.
        const ALL: &[&str] = &[$($text),*];
    };
}

kinds! {
    AGE_KEY = "age-key",
    ANTHROPIC = "anthropic-key",
    ATLASSIAN = "atlassian-token",
    AUTHORIZATION = "authorization",
    AWS_KEY = "aws-key",
    AZURE = "azure-secret",
    COMPRESSED = "compressed",
    CREDENTIALS = "credentials",
    DATABRICKS = "databricks-token",
    DIGITALOCEAN = "digitalocean-token",
    DISCORD = "discord-secret",
    DOCKER = "docker-token",
    ENCODED = "encoded",
    GENERIC_TOKEN = "vendor-token",
    GITHUB = "github-token",
    GITLAB = "gitlab-token",
    GOOGLE = "google-key",
    HASHICORP = "hashicorp-token",
    HIGH_ENTROPY = "high-entropy",
    HUGGING_FACE = "hugging-face-token",
    JWT = "jwt",
    MAIL = "mail-service-key",
    NEW_RELIC = "new-relic-key",
    NPM = "npm-token",
    OPENAI = "openai-key",
    PASSWORD_HASH = "password-hash",
    PRIVATE_KEY = "private-key",
    PYPI = "pypi-token",
    SECRET_DATA = "secret-data",
    SECRET_NAME = "secret-value",
    SENSITIVE = "sensitive",
    SHOPIFY = "shopify-token",
    SLACK = "slack-secret",
    SQUARE = "square-token",
    STRIPE = "stripe-key",
    TELEGRAM = "telegram-token",
    TOO_DEEP = "too-deep",
    TWILIO = "twilio-key",
    URL_CREDENTIALS = "url-credentials",
    WEBHOOK = "webhook",
}

/// The text that stands for a secret of this kind.
pub(crate) fn marker(kind: &str) -> String {
    format!("{OPENING}{kind}]")
}

/// The length of the marker that `text` starts with. Only kinds that there are count: a secret cannot hide in a form that
/// merely looks like a marker.
pub(crate) fn marker_at_start(text: &str) -> Option<usize> {
    let (kind, _) = text.strip_prefix(OPENING)?.split_once(']')?;
    ALL.contains(&kind).then_some(OPENING.len() + kind.len() + 1)
}

/// Where the markers of a text stand.
pub(crate) fn markers(text: &str) -> Vec<std::ops::Range<usize>> {
    memchr::memmem::find_iter(text.as_bytes(), OPENING)
        .filter_map(|at| Some(at..at + marker_at_start(&text[at..])?))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_real_kinds_are_markers() {
        assert_eq!(marker_at_start("[redacted:jwt] x"), Some(14));
        for text in ["[redacted:hunter2]", "[redacted:jwt", "redacted:jwt]", "[redacted:]"] {
            assert_eq!(marker_at_start(text), None, "{text}");
        }
        assert_eq!(markers("a [redacted:jwt][redacted:no][redacted:npm-token]"), [2..16, 29..49]);
    }
}
