//! Names of images, as Docker reads them (the grammar of `distribution/reference`).

use std::fmt;
use std::str::FromStr;

use smol_str::SmolStr;

use crate::digest::Digest;

/// The registry of names that have none.
pub const DEFAULT_REGISTRY: &str = "docker.io";

/// The tag of names that have neither tag nor digest.
pub const DEFAULT_TAG: &str = "latest";

const LEGACY_REGISTRY: &str = "index.docker.io";
const OFFICIAL: &str = "library/";
const MAX_REPOSITORY: usize = 255;
const MAX_TAG: usize = 128;

/// The name of an image: a registry, a repository, and a tag or a digest or both.
///
/// What has no registry in it is of `docker.io`, and what is of one part there is of `library/`. The registry is what
/// comes before the first `/`, and only when it has a `.` or a `:`, is `localhost` or has an upper-case letter: a host
/// anywhere else in the name is a part of the repository, so `evil.example/registry.good.example/app` is of
/// `evil.example`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reference {
    registry: SmolStr,
    repository: SmolStr,
    tag: Option<SmolStr>,
    digest: Option<Digest>,
}

/// A text is no name of an image.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no name of an image: {why}")]
pub struct ParseReferenceError {
    /// The text, shortened.
    pub text: String,
    /// What is wrong with it.
    pub why: &'static str,
}

impl Reference {
    /// The registry as it is written: `docker.io`, `registry.example.com:5000`, `[::1]:5000`.
    pub fn registry(&self) -> &str {
        &self.registry
    }

    /// The host of the registry without its port, in lower case.
    pub fn host(&self) -> String {
        self.split_registry().0.to_ascii_lowercase()
    }

    /// The port of the registry, when it is written.
    pub fn port(&self) -> Option<&str> {
        self.split_registry().1
    }

    fn split_registry(&self) -> (&str, Option<&str>) {
        match self.registry.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
            _ => (&self.registry, None),
        }
    }

    /// The repository: `library/alpine`, `team/app`.
    pub fn repository(&self) -> &str {
        &self.repository
    }

    /// The tag, when it is written.
    pub fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }

    /// The digest, when it is written.
    pub fn digest(&self) -> Option<&Digest> {
        self.digest.as_ref()
    }

    /// Registry and repository, without tag and digest.
    pub fn name(&self) -> String {
        format!("{}/{}", self.registry, self.repository)
    }

    /// What a registry is asked for: the digest, else the tag, else `latest`.
    pub fn wanted(&self) -> &str {
        match (&self.digest, &self.tag) {
            (Some(digest), _) => digest.as_str(),
            (None, Some(tag)) => tag,
            (None, None) => DEFAULT_TAG,
        }
    }

    /// The same repository at this digest, whatever its tag.
    #[must_use]
    pub fn at(&self, digest: Digest) -> Self {
        Self { digest: Some(digest), ..self.clone() }
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.registry, self.repository)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        match &self.digest {
            Some(digest) => write!(f, "@{digest}"),
            None => Ok(()),
        }
    }
}

impl FromStr for Reference {
    type Err = ParseReferenceError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse(text).map_err(|why| ParseReferenceError { text: text.chars().take(300).collect(), why })
    }
}

fn parse(text: &str) -> Result<Reference, &'static str> {
    if text.is_empty() {
        return Err("it is empty");
    }
    if is_hex(text, 64) {
        return Err("64 hexadecimal digits name an image of the Docker daemon; write sha256:… after an @");
    }
    let (rest, digest) = match text.split_once('@') {
        Some((rest, digest)) => (rest, Some(digest.parse().map_err(|_| "what follows the @ is no digest")?)),
        None => (text, None),
    };
    let (registry, rest) = split_registry(rest);
    let (path, tag) = match rest.split_once(':') {
        Some((path, tag)) => (path, Some(tag)),
        None => (&*rest, None),
    };
    if path.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return Err("the repository has to be in lower case");
    }
    if !path.split('/').all(is_component) {
        return Err("the repository is made of parts of letters and digits, with ., _, __ or - between them");
    }
    if path.len() > MAX_REPOSITORY {
        return Err("the repository is longer than 255 characters");
    }
    if !is_registry(registry) {
        return Err("the registry is no host with an optional port");
    }
    if tag.is_some_and(|tag| !is_tag(tag)) {
        return Err(
            "the tag is of letters, digits, _, . and -, does not begin with . or -, and has at most 128 characters",
        );
    }
    Ok(Reference { registry: registry.into(), repository: path.into(), tag: tag.map(SmolStr::from), digest })
}

/// The registry and what follows it, as Docker completes them.
fn split_registry(text: &str) -> (&str, String) {
    let Some((first, rest)) = text.split_once('/') else {
        return (DEFAULT_REGISTRY, format!("{OFFICIAL}{text}"));
    };
    let (registry, rest) = match first {
        LEGACY_REGISTRY => (DEFAULT_REGISTRY, rest),
        "localhost" => (first, rest),
        _ if first.contains(['.', ':']) || first.chars().any(char::is_uppercase) => (first, rest),
        _ => (DEFAULT_REGISTRY, text),
    };
    match registry {
        DEFAULT_REGISTRY if !rest.contains('/') => (registry, format!("{OFFICIAL}{rest}")),
        _ => (registry, rest.to_owned()),
    }
}

fn is_hex(text: &str, length: usize) -> bool {
    text.len() == length && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*`
fn is_component(part: &str) -> bool {
    let sound = |separator: &str| {
        matches!(separator, "." | "_" | "__") || (!separator.is_empty() && separator.bytes().all(|byte| byte == b'-'))
    };
    let mut rest = part;
    loop {
        let word = rest.bytes().take_while(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9')).count();
        rest = &rest[word..];
        if word == 0 || rest.is_empty() {
            return word > 0;
        }
        let separator = rest.bytes().take_while(|byte| matches!(byte, b'.' | b'_' | b'-')).count();
        if !sound(&rest[..separator]) {
            return false;
        }
        rest = &rest[separator..];
    }
}

/// `[a-zA-Z0-9_][a-zA-Z0-9_.-]{0,127}`
fn is_tag(tag: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    tag.len() <= MAX_TAG
        && tag.bytes().next().is_some_and(word)
        && tag.bytes().all(|byte| word(byte) || matches!(byte, b'.' | b'-'))
}

fn is_registry(text: &str) -> bool {
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (text, None),
    };
    if port.is_some_and(|port| port.is_empty() || !port.bytes().all(|byte| byte.is_ascii_digit())) {
        return false;
    }
    match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some(address) => !address.is_empty() && address.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b':'),
        None => host.split('.').all(is_label),
    }
}

fn is_label(label: &str) -> bool {
    !label.is_empty()
        && !label.starts_with('-')
        && !label.ends_with('-')
        && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_are_completed_as_docker_does() {
        let digest = format!("sha256:{}", "0".repeat(64));
        let cases = [
            ("alpine", "docker.io/library/alpine"),
            ("alpine:3.20", "docker.io/library/alpine:3.20"),
            ("docker.io/alpine", "docker.io/library/alpine"),
            ("index.docker.io/alpine", "docker.io/library/alpine"),
            ("team/app", "docker.io/team/app"),
            ("localhost/app", "localhost/app"),
            ("localhost:5000/app:1", "localhost:5000/app:1"),
            ("127.0.0.1:5000/a/b/c", "127.0.0.1:5000/a/b/c"),
            ("[::1]:5000/app", "[::1]:5000/app"),
            ("[2001:db8::1]/app", "[2001:db8::1]/app"),
            ("evil.example/registry.good.example/app", "evil.example/registry.good.example/app"),
            ("Uppercase/app", "Uppercase/app"),
            ("foo:5000", "docker.io/library/foo:5000"),
            ("a__b/c--d.e_f", "docker.io/a__b/c--d.e_f"),
            ("xn--n3h.com/myimage:xn--n3h.com", "xn--n3h.com/myimage:xn--n3h.com"),
        ];
        for (text, whole) in cases {
            let reference: Reference = text.parse().unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(reference.to_string(), whole);
            let both = format!("{text}@{digest}");
            assert_eq!(both.parse::<Reference>().unwrap().to_string(), format!("{whole}@{digest}"));
        }
    }

    #[test]
    fn the_host_is_apart_from_the_port() {
        let of = |text: &str| {
            let reference: Reference = text.parse().unwrap();
            (reference.host(), reference.port().map(str::to_owned))
        };
        assert_eq!(of("Registry.Example.com:5000/app"), ("registry.example.com".into(), Some("5000".into())));
        assert_eq!(of("[::1]/app"), ("[::1]".into(), None));
        assert_eq!(of("[::1]:80/app"), ("[::1]".into(), Some("80".into())));
        assert_eq!(of("app"), ("docker.io".into(), None));
    }

    #[test]
    fn what_is_no_name_is_refused() {
        let identifier = "a".repeat(64);
        let long = "a/".repeat(128) + "a";
        let tag = format!("a:{}", "b".repeat(129));
        let cases = [
            ("", "empty"),
            (":tag", "repository"),
            ("Upper", "lower case"),
            ("a//b", "parts"),
            ("/a", "parts"),
            ("a/", "parts"),
            ("a:", "tag"),
            ("a:.b", "tag"),
            ("a:b:c", "tag"),
            ("a@sha256:00", "digest"),
            ("a@b@c", "digest"),
            ("-foo.com/bar", "registry"),
            ("foo.com-/bar", "registry"),
            ("[fe80::1%eth0]/a", "registry"),
            ("foo_bar.com:80/app", "registry"),
            ("host:port/app", "registry"),
            ("a___b", "parts"),
            ("a._b", "parts"),
            ("_docker/_docker", "parts"),
            ("a/b c", "parts"),
            (&identifier, "64 hexadecimal"),
            (&long, "255"),
            (&tag, "128"),
        ];
        for (text, part) in cases {
            let error = text.parse::<Reference>().expect_err(text).to_string();
            assert!(error.contains(part), "{text}: {error}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(text in "[a-zA-Z0-9./:@_\\-\\[\\]]{0,40}") {
            if let Ok(reference) = text.parse::<Reference>() {
                prop_assert_eq!(reference.to_string().parse::<Reference>().unwrap(), reference);
            }
        }

        #[test]
        fn nothing_panics(text in any::<String>()) {
            let _ = text.parse::<Reference>();
        }
    }
}
