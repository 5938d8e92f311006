//! References to images.

/// The parts of `registry:5000/path/image:tag@sha256:...`.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Reference<'r> {
    /// Registry and path, as written.
    pub(crate) image: &'r str,
    pub(crate) tag: Option<&'r str>,
    pub(crate) digest: Option<&'r str>,
}

pub(crate) fn parse(reference: &str) -> Reference<'_> {
    let (rest, digest) = match reference.split_once('@') {
        Some((rest, digest)) => (rest, Some(digest)),
        None => (reference, None),
    };
    // A colon before the last slash is that of a port.
    let path = rest.rfind('/').map_or(0, |at| at + 1);
    let (image, tag) = match rest[path..].find(':') {
        Some(at) => (&rest[..path + at], Some(&rest[path + at + 1..])),
        None => (rest, None),
    };
    Reference { image, tag, digest }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts() {
        for (reference, image, tag, digest) in [
            ("alpine", "alpine", None, None),
            ("alpine:3.20", "alpine", Some("3.20"), None),
            ("localhost:5000/a/b", "localhost:5000/a/b", None, None),
            ("localhost:5000/a/b:c@sha256:d", "localhost:5000/a/b", Some("c"), Some("sha256:d")),
            ("a@sha256:d", "a", None, Some("sha256:d")),
            ("", "", None, None),
        ] {
            assert_eq!(parse(reference), Reference { image, tag, digest }, "{reference}");
        }
    }
}
