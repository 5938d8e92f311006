//! References of images: their domain, path and tag (Gatekeeper, `pkg/mutation/mutators/assignimage`).

use std::sync::LazyLock;

use regex::Regex;

static DOMAIN: LazyLock<Regex> = LazyLock::new(|| {
    regex(r"^([0-9A-Za-z_][0-9A-Za-z_-]*\.[0-9A-Za-z_.-]*[0-9A-Za-z_](:[0-9]+)?|localhost(:[0-9]+)?)$")
});
static PATH: LazyLock<Regex> = LazyLock::new(|| regex(r"^[a-z0-9]+(?:(?:(?:[._/]|__|[-]*)[a-z0-9]+)+)?"));
static TAG: LazyLock<Regex> = LazyLock::new(|| {
    regex(
        r"^(:[0-9A-Za-z_][0-9A-Za-z_.-]{0,127}|@[A-Za-z][A-Za-z0-9]*([-_+.][A-Za-z][A-Za-z0-9]*)*[:][0-9A-Fa-f]{32,})$",
    )
});

fn regex(text: &str) -> Regex {
    Regex::new(text).expect("a regular expression of ours")
}

/// Parts to be put into references; those that are empty stay as they are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Image {
    domain: String,
    path: String,
    tag: String,
}

impl Image {
    /// Parts that stay what they are when they are put in again.
    pub(super) fn new(domain: &str, path: &str, tag: &str) -> Result<Self, String> {
        if domain.is_empty() && path.is_empty() && tag.is_empty() {
            return Err("at least one of assignDomain, assignPath, assignTag must be set".to_owned());
        }
        if !domain.is_empty() && !DOMAIN.is_match(domain) {
            return Err(format!("assignDomain `{domain}` must be a fully-qualified domain name or localhost"));
        }
        if !path.is_empty() && PATH.find(path).is_none_or(|found| found.as_str() != path) {
            return Err(format!("assignPath `{path}` must be the path of an image"));
        }
        if !tag.is_empty() && !TAG.is_match(tag) {
            return Err(format!("assignTag `{tag}` must be a tag behind `:` or a digest behind `@`"));
        }
        if domain.is_empty() && !split_domain(path).0.is_empty() {
            return Err(format!("assignDomain must be set: the beginning of assignPath `{path}` reads as a domain"));
        }
        Ok(Self { domain: domain.to_owned(), path: path.to_owned(), tag: tag.to_owned() })
    }

    /// A reference with the parts put in.
    pub(super) fn applied_to(&self, reference: &str) -> String {
        let (domain, rest) = split_domain(reference);
        let (path, tag) = rest.split_at(rest.find([':', '@']).unwrap_or(rest.len()));
        let or = |new: &str, old: &str| if new.is_empty() { old.to_owned() } else { new.to_owned() };
        let domain = or(&self.domain, domain);
        let slash = if domain.is_empty() { "" } else { "/" };
        [domain.as_str(), slash, &or(&self.path, path), &or(&self.tag, tag)].concat()
    }
}

fn split_domain(reference: &str) -> (&str, &str) {
    match reference.split_once('/') {
        Some((first, rest)) if first.contains(['.', ':']) || first == "localhost" => (first, rest),
        _ => ("", reference),
    }
}
