//! References of images, as go-containerregistry reads them, and the globs that name many of them.

use probity_model::SmolStr;
use regex::Regex;

/// The registry of references that name none.
const DEFAULT_REGISTRY: &str = "index.docker.io";

/// The tag of references that name none.
const DEFAULT_TAG: &str = "latest";

/// A reference of an image, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reference {
    /// As it was written.
    original: SmolStr,
    pub(crate) registry: SmolStr,
    /// With `library/` for the official images of Docker Hub.
    pub(crate) repository: SmolStr,
    /// Empty when the reference has a digest and no tag.
    pub(crate) tag: SmolStr,
    /// Empty when there is none; `sha256:...`.
    pub(crate) digest: SmolStr,
}

impl Reference {
    /// Takes a reference apart; `None` when it is none.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        Self::with_tag(text).or_else(|| Self::with_digest(text))
    }

    fn with_tag(text: &str) -> Option<Self> {
        let (base, tag) = split_tag(text)?;
        let (registry, repository) = split_repository(base)?;
        let tag = if tag.is_empty() { DEFAULT_TAG } else { tag };
        Some(Self { original: text.into(), registry, repository, tag: tag.into(), digest: SmolStr::default() })
    }

    fn with_digest(text: &str) -> Option<Self> {
        let (base, digest) = text.split_once('@')?;
        let hex = digest.strip_prefix("sha256:")?;
        let is_hex = |letter: u8| letter.is_ascii_digit() || (b'a'..=b'f').contains(&letter);
        if hex.len() != 64 || !hex.bytes().all(is_hex) {
            return None;
        }
        let (repository, tag) = split_tag(base).unwrap_or((base, ""));
        let (registry, repository) = split_repository(repository)?;
        Some(Self { original: text.into(), registry, repository, tag: tag.into(), digest: digest.into() })
    }

    /// The reference as it was written.
    pub(crate) fn as_str(&self) -> &str {
        &self.original
    }

    /// The digest, or the tag, or both as `tag@digest`.
    pub(crate) fn identifier(&self) -> String {
        match (self.tag.as_str(), self.digest.as_str()) {
            (tag, "") => tag.to_owned(),
            ("", digest) => digest.to_owned(),
            (tag, digest) => format!("{tag}@{digest}"),
        }
    }

    /// `@` and the digest, or else `:` and the tag.
    pub(crate) fn identifier_with_separator(&self) -> String {
        if self.digest.is_empty() { format!(":{}", self.tag) } else { format!("@{}", self.digest) }
    }
}

fn is_element(text: &str, others: &str, least: usize, most: usize) -> bool {
    let fits = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || others.contains(letter);
    (least..=most).contains(&text.len()) && text.chars().all(fits)
}

/// What stands before and after the colon of a tag; `None` when the tag is none.
fn split_tag(text: &str) -> Option<(&str, &str)> {
    // A colon before a slash belongs to a port.
    let Some((base, tag)) = text.rsplit_once(':').filter(|(_, tag)| !tag.contains('/')) else {
        return Some((text, ""));
    };
    is_element(&tag.to_ascii_lowercase(), "_-.", 1, 128).then_some((base, tag))
}

/// Registry and repository, both in full.
fn split_repository(text: &str) -> Option<(SmolStr, SmolStr)> {
    let (registry, repository) = match text.split_once('/') {
        Some((first, rest)) if first.contains(['.', ':']) || first == "localhost" => (first, rest),
        _ => ("", text),
    };
    if !is_element(repository, "_-./", 2, 255) || !is_authority(registry) {
        return None;
    }
    let registry = if matches!(registry, "" | "docker.io") { DEFAULT_REGISTRY } else { registry };
    let official = registry == DEFAULT_REGISTRY && !repository.contains('/');
    let repository = if official { format!("library/{repository}").into() } else { repository.into() };
    Some((registry.into(), repository))
}

/// Whether a text is a host with an optional port.
fn is_authority(text: &str) -> bool {
    let port = text.rsplit_once(':').map_or("", |(_, port)| port);
    let fits = |letter: char| letter.is_ascii_alphanumeric() || "-._~:[]%!$&'()*+,;=".contains(letter);
    text.chars().all(fits) && (port.ends_with(']') || port.bytes().all(|digit| digit.is_ascii_digit()))
}

/// A glob: `*`, `?`, `[a-z]`, `[!a-z]` and `{a,b}`; `*` also stands for slashes.
#[derive(Debug, Clone)]
pub(crate) struct Glob(Regex);

impl Glob {
    /// Compiles a glob.
    pub(crate) fn new(glob: &str) -> Result<Self, String> {
        let mut pattern = String::from("(?s)^");
        let mut letters = glob.chars().peekable();
        let mut alternatives = 0_usize;
        while let Some(letter) = letters.next() {
            match letter {
                '*' => pattern.push_str(".*"),
                '?' => pattern.push('.'),
                '{' => {
                    alternatives += 1;
                    pattern.push_str("(?:");
                }
                '}' if alternatives > 0 => {
                    alternatives -= 1;
                    pattern.push(')');
                }
                ',' if alternatives > 0 => pattern.push('|'),
                '[' => class(&mut letters, &mut pattern).ok_or_else(|| format!("`{glob}`: `[` without `]`"))?,
                '\\' => {
                    let escaped = letters.next().ok_or_else(|| format!("`{glob}` ends in `\\`"))?;
                    pattern.push_str(&regex::escape(escaped.encode_utf8(&mut [0; 4])));
                }
                other => pattern.push_str(&regex::escape(other.encode_utf8(&mut [0; 4]))),
            }
        }
        pattern.push('$');
        Regex::new(&pattern).map(Self).map_err(|_| format!("`{glob}` is not a glob"))
    }

    /// Whether the whole text is meant.
    pub(crate) fn matches(&self, text: &str) -> bool {
        self.0.is_match(text)
    }
}

/// The rest of a class of letters, as one of a regular expression.
fn class(letters: &mut std::iter::Peekable<std::str::Chars<'_>>, pattern: &mut String) -> Option<()> {
    pattern.push('[');
    if letters.next_if_eq(&'!').is_some() {
        pattern.push('^');
    }
    loop {
        match letters.next()? {
            ']' => break,
            '-' => pattern.push('-'),
            other => pattern.push_str(&regex::escape(other.encode_utf8(&mut [0; 4]))),
        }
    }
    pattern.push(']');
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn references_are_taken_apart() {
        let digest = format!("sha256:{}", "a".repeat(64));
        for (text, expected) in [
            ("nginx".to_owned(), Some(["index.docker.io", "library/nginx", "latest", ""])),
            ("docker.io/nginx:1".to_owned(), Some(["index.docker.io", "library/nginx", "1", ""])),
            ("a/b".to_owned(), Some(["index.docker.io", "a/b", "latest", ""])),
            ("ghcr.io/a/b:v1.2-x".to_owned(), Some(["ghcr.io", "a/b", "v1.2-x", ""])),
            ("localhost/ab".to_owned(), Some(["localhost", "ab", "latest", ""])),
            ("h.example:5000/ab".to_owned(), Some(["h.example:5000", "ab", "latest", ""])),
            (format!("h.example:5000/ab@{digest}"), Some(["h.example:5000", "ab", "", &digest])),
            (format!("nginx:1.25@{digest}"), Some(["index.docker.io", "library/nginx", "1.25", &digest])),
            ("nginx:".to_owned(), None),
            ("Nginx".to_owned(), None),
            ("nginx@sha256:abc".to_owned(), None),
            ("a b".to_owned(), None),
            (String::new(), None),
        ] {
            let found = Reference::parse(&text);
            let parts = found.as_ref().map(|found| {
                [found.registry.as_str(), found.repository.as_str(), found.tag.as_str(), found.digest.as_str()]
            });
            assert_eq!(parts, expected, "{text}");
        }
    }

    #[test]
    fn globs_name_many() {
        for (glob, text, expected) in [
            ("ghcr.io/*", "ghcr.io/a/b:c", true),
            ("ghcr.io/*", "xghcr.io/a", false),
            ("*", "", true),
            ("a?c", "abc", true),
            ("a.c", "abc", false),
            ("[a-c]x", "bx", true),
            ("[!a-c]x", "bx", false),
            ("{docker.io,ghcr.io}/*", "ghcr.io/x", true),
            ("{docker.io,ghcr.io}/*", "quay.io/x", false),
            ("a\\*", "a*", true),
            ("a\\*", "ab", false),
        ] {
            assert_eq!(Glob::new(glob).unwrap().matches(text), expected, "{glob} {text}");
        }
        assert!(Glob::new("[a").is_err() && Glob::new("a\\").is_err() && Glob::new("{a").is_err());
    }

    proptest! {
        #[test]
        fn any_text_is_a_reference_or_not(text in "\\PC{0,40}") {
            if let Some(found) = Reference::parse(&text) {
                prop_assert_eq!(found.as_str(), text.as_str());
            }
            let _ = Glob::new(&text);
        }
    }
}
