//! The kinds of secrets, and the marker that stands for one.

/// What every marker starts with.
const OPENING: &str = "[redacted:";

macro_rules! kinds {
    ($($name:ident = $text:literal: $words:literal,)*) => {
        $(#[doc = concat!("`", $text, "`: ", $words, ".")] pub const $name: &str = $text;)*

        /// Every kind there is, with its name for people.
        const ALL: &[(&str, &str)] = &[$(($text, $words)),*];
    };
}

kinds! {
    AGE_KEY = "age-key": "an age key",
    ANTHROPIC = "anthropic-key": "an Anthropic key",
    ARTIFACTORY = "artifactory-token": "an Artifactory token",
    ATLASSIAN = "atlassian-token": "an Atlassian token",
    AUTHORIZATION = "authorization": "the value of an Authorization header",
    AWS_KEY = "aws-key": "an AWS key",
    AZURE = "azure-secret": "an Azure key",
    CI = "ci-token": "a token of a build service",
    CLOUD = "cloud-token": "a token of a cloud provider",
    COMPRESSED = "compressed": "compressed data",
    CREDENTIALS = "credentials": "credentials",
    DATABRICKS = "databricks-token": "a Databricks token",
    DATABASE = "database-token": "a token of a database service",
    DIGITALOCEAN = "digitalocean-token": "a DigitalOcean token",
    DISCORD = "discord-secret": "a Discord token",
    DOCKER = "docker-token": "a Docker Hub token",
    ENCODED = "encoded": "what is encoded many times",
    GENERIC_TOKEN = "vendor-token": "a token of a service",
    GITHUB = "github-token": "a GitHub token",
    GITLAB = "gitlab-token": "a GitLab token",
    GOOGLE = "google-key": "a Google key",
    HASHICORP = "hashicorp-token": "a HashiCorp token",
    HIGH_ENTROPY = "high-entropy": "a random text",
    HUGGING_FACE = "hugging-face-token": "a Hugging Face token",
    IBM = "ibm-key": "an IBM Cloud key",
    JWT = "jwt": "a JSON Web Token",
    MAIL = "mail-service-key": "a key of a mail service",
    MODEL = "model-key": "a key of a service of language models",
    MONITORING = "monitoring-key": "a key of a monitoring service",
    NEW_RELIC = "new-relic-key": "a New Relic key",
    NPM = "npm-token": "an npm token",
    OPENAI = "openai-key": "an OpenAI key",
    PACKAGES = "package-token": "a token of a package registry",
    PASSWORD_HASH = "password-hash": "the hash of a password",
    PAYMENT = "payment-key": "a key of a payment service",
    PRIVATE_KEY = "private-key": "a private key",
    PYPI = "pypi-token": "a PyPI token",
    SECRET_DATA = "secret-data": "the data of a Secret",
    SECRET_NAME = "secret-value": "a value",
    SENSITIVE = "sensitive": "a sensitive value",
    SHOPIFY = "shopify-token": "a Shopify token",
    SLACK = "slack-secret": "a Slack token",
    SQUARE = "square-token": "a Square token",
    STRIPE = "stripe-key": "a Stripe key",
    TELEGRAM = "telegram-token": "a Telegram token",
    TOO_DEEP = "too-deep": "what is nested too deeply",
    TWILIO = "twilio-key": "a Twilio key",
    URL_CREDENTIALS = "url-credentials": "a password in a URL",
    WEBHOOK = "webhook": "the address of a webhook",
}

/// Kinds that only evidence is redacted by; a scan of texts does not find them.
const REDACTION_ONLY: &[&str] = &[COMPRESSED, CREDENTIALS, ENCODED, HIGH_ENTROPY, SECRET_DATA, SENSITIVE, TOO_DEEP];

/// The kinds that a [`Scanner`](crate::Scanner) finds.
pub fn found() -> impl Iterator<Item = &'static str> {
    ALL.iter().map(|(kind, _)| *kind).filter(|kind| !REDACTION_ONLY.contains(kind))
}

/// A kind's name for people: `a GitHub token`.
pub fn words(kind: &str) -> &'static str {
    ALL.iter().find(|(known, _)| *known == kind).map_or("a secret", |(_, words)| words)
}

/// The text that stands for a secret of this kind.
pub fn marker(kind: &str) -> String {
    format!("{OPENING}{kind}]")
}

/// The length of the marker that `text` starts with. Only kinds that there are count: a secret cannot hide in a form that
/// merely looks like a marker.
pub fn marker_at_start(text: &str) -> Option<usize> {
    let (kind, _) = text.strip_prefix(OPENING)?.split_once(']')?;
    ALL.iter().any(|(known, _)| *known == kind).then_some(OPENING.len() + kind.len() + 1)
}

/// Where the markers of a text stand.
pub fn markers(text: &str) -> Vec<std::ops::Range<usize>> {
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
