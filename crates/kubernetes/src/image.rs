//! References to images (github.com/distribution/reference), with the parts that Kyverno tells of them.

/// A text that refers to no image.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("bad image: {reference}, defaultRegistry: {registry}, enableDefaultRegistryMutation: true: {problem}")]
pub struct ImageError {
    reference: String,
    registry: String,
    problem: &'static str,
}

/// The parts of a reference to an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// The registry, such as `docker.io`.
    pub registry: String,
    /// The repository in it, such as `library/nginx`.
    pub path: String,
    /// The tag, empty when there is a digest and no tag; `latest` when there is neither.
    pub tag: String,
    /// The digest, such as `sha256:...`, empty when there is none.
    pub digest: String,
}

/// Longest name of a repository, with its registry.
const MAX_NAME: usize = 255;

impl Image {
    /// Reads a reference; one without a registry is in `default_registry`.
    ///
    /// # Errors
    /// When it is none: a part is missing or has characters that it must not have.
    pub fn parse(text: &str, default_registry: &str) -> Result<Self, ImageError> {
        let reference = if names_registry(text) { text.to_owned() } else { format!("{default_registry}/{text}") };
        split(&reference).map_err(|problem| ImageError {
            registry: default_registry.to_owned(),
            reference: reference.clone(),
            problem,
        })
    }

    /// The last part of the path.
    pub fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or_default()
    }

    /// The whole reference, with the digest when there is one and else with the tag.
    pub fn reference(&self) -> String {
        match self.digest.as_str() {
            "" => self.reference_with_tag(),
            digest => format!("{}/{}@{digest}", self.registry, self.path),
        }
    }

    /// The whole reference with the tag, whether there is one or not.
    pub fn reference_with_tag(&self) -> String {
        format!("{}/{}:{}", self.registry, self.path, self.tag)
    }
}

/// Whether what is before the first slash is a registry: it has a dot or a colon, is `localhost` or has capitals.
fn names_registry(text: &str) -> bool {
    text.split_once('/')
        .is_some_and(|(first, _)| first.contains(['.', ':']) || first == "localhost" || first.to_lowercase() != first)
}

fn split(reference: &str) -> Result<Image, &'static str> {
    const INVALID: &str = "invalid reference format";
    if reference.is_empty() {
        return Err("repository name must have at least one component");
    }
    let (rest, digest) = reference.split_once('@').map_or((reference, ""), |(rest, digest)| (rest, digest));
    if rest.len() < reference.len() && !is_digest(digest) {
        return Err(INVALID);
    }
    let (registry, rest) = rest.split_once('/').ok_or(INVALID)?;
    let (path, tag) = rest.split_once(':').map_or((rest, ""), |(path, tag)| (path, tag));
    if path.len() < rest.len() && !is_tag(tag) {
        return Err(INVALID);
    }
    if !is_path(path) && is_path(&path.to_lowercase()) {
        return Err("repository name must be lowercase");
    }
    if !is_registry(registry) || !is_path(path) {
        return Err(INVALID);
    }
    if path.len() > MAX_NAME {
        return Err("repository name must not be more than 255 characters");
    }
    let tag = if tag.is_empty() && digest.is_empty() { "latest" } else { tag };
    let [registry, path, tag, digest] = [registry, path, tag, digest].map(str::to_owned);
    Ok(Image { registry, path, tag, digest })
}

/// A name or address, with a port perhaps.
fn is_registry(text: &str) -> bool {
    let is_port = |port: &str| !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    if let Some(rest) = text.strip_prefix('[') {
        let Some((address, port)) = rest.split_once(']') else { return false };
        let hexadecimal = !address.is_empty() && address.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b':');
        return hexadecimal && (port.is_empty() || port.strip_prefix(':').is_some_and(is_port));
    }
    let (host, port) = text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port)));
    let is_label = |label: &str| {
        let inner = label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        !label.is_empty() && inner && !label.starts_with('-') && !label.ends_with('-')
    };
    host.split('.').all(is_label) && port.is_none_or(is_port)
}

fn is_tag(text: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let inner = text.bytes().all(|byte| word(byte) || matches!(byte, b'.' | b'-'));
    inner && text.len() <= 128 && text.bytes().next().is_some_and(word)
}

/// An algorithm and at least 32 hexadecimal digits.
fn is_digest(text: &str) -> bool {
    let Some((algorithm, hexadecimal)) = text.split_once(':') else { return false };
    let is_part = |part: &str| {
        part.starts_with(|first: char| first.is_ascii_alphabetic())
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric())
    };
    let length = match algorithm {
        "sha256" => Some(64),
        "sha384" => Some(96),
        "sha512" => Some(128),
        _ => None,
    };
    algorithm.split(['-', '_', '+', '.']).all(is_part)
        && hexadecimal.len() >= 32
        && length.is_none_or(|length| hexadecimal.len() == length)
        && hexadecimal.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Words of small letters and digits, with `.`, `_`, `__` or dashes between them, and slashes between those.
fn is_path(text: &str) -> bool {
    text.split('/').all(is_component)
}

fn is_component(text: &str) -> bool {
    let alphanumeric = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let mut rest = text;
    loop {
        let word = rest.bytes().take_while(alphanumeric).count();
        if word == 0 {
            return false;
        }
        rest = &rest[word..];
        if rest.is_empty() {
            return true;
        }
        let separator = rest.bytes().take_while(|byte| !alphanumeric(byte)).count();
        let between = &rest[..separator];
        if !matches!(between, "." | "_" | "__") && !between.bytes().all(|byte| byte == b'-') {
            return false;
        }
        rest = &rest[separator..];
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn references() {
        let digest = format!("sha256:{}", "a1".repeat(32));
        for (text, expected) in [
            ("nginx", "docker.io/nginx:latest"),
            ("nginx:1.25", "docker.io/nginx:1.25"),
            ("library/nginx", "docker.io/library/nginx:latest"),
            ("ghcr.io/kyverno/kyverno:v1", "ghcr.io/kyverno/kyverno:v1"),
            ("localhost/app", "localhost/app:latest"),
            ("localhost:5000/app", "localhost:5000/app:latest"),
            ("registry:5000/a/b/c:x", "registry:5000/a/b/c:x"),
            ("[::1]:5000/app", "[::1]:5000/app:latest"),
            ("test.example.com/test/my-app__x.y:v1", "test.example.com/test/my-app__x.y:v1"),
        ] {
            assert_eq!(Image::parse(text, "docker.io").unwrap().reference(), expected, "{text}");
        }
        let image = Image::parse(&format!("gcr.io/a/b:v1@{digest}"), "docker.io").unwrap();
        assert_eq!((image.name(), image.tag.as_str()), ("b", "v1"));
        assert_eq!(image.reference(), format!("gcr.io/a/b@{digest}"));
        assert_eq!(image.reference_with_tag(), "gcr.io/a/b:v1");
    }

    #[test]
    fn what_refers_to_nothing() {
        for text in ["", "Nginx", "nginx:", "nginx@sha256:12", "a//b", "a/-b", "nginx:a:b", "a/b@", "a b", "docker.io/"]
        {
            assert!(Image::parse(text, "docker.io").is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "[aB1:/@._\\[\\]-]{0,16}") {
            if let Ok(image) = Image::parse(&text, "docker.io") {
                prop_assert_eq!(Image::parse(&image.reference(), "docker.io").unwrap(), image);
            }
        }
    }
}
