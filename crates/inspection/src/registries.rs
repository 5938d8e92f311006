//! Approved registries, compared after both names were parsed: a name that only begins or ends like an approved one is not one.

use probity_subject_image::{DEFAULT_REGISTRY, Reference};

/// Names by which Docker Hub goes, besides its own.
const DOCKER_HUB: [&str; 3] = ["index.docker.io", "registry-1.docker.io", "registry.hub.docker.com"];

/// The port of registries that is not written.
const DEFAULT_PORT: &str = "443";

/// Registries, or parts of them, that images may be from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registries(Vec<Approved>);

/// A registry, and the folders in it that its images have to be in.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Approved {
    registry: Registry,
    path: Vec<String>,
}

/// Where a registry is: the host in lower case, and the port when it is another than that of HTTPS.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Registry {
    host: String,
    port: Option<String>,
}

/// A text names no registry.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no registry such as registry.example.com, or registry.example.com/team for a part of it: {why}")]
pub struct RegistryError {
    /// The text.
    pub text: String,
    /// What is wrong with it.
    pub why: &'static str,
}

impl Registries {
    /// Reads a list of `host`, `host:port` and either with a path behind: `registry.example.com/clinic`, `localhost:5000`.
    ///
    /// # Errors
    /// The first that is something else.
    pub fn parse<'a>(texts: impl IntoIterator<Item = &'a str>) -> Result<Self, RegistryError> {
        let read = |text: &str| parse(text).map_err(|why| RegistryError { text: text.to_owned(), why });
        texts.into_iter().map(read).collect::<Result<_, _>>().map(Self)
    }

    /// Whether an image of this name is from one of them. A path counts by whole parts: `clinic` is not the beginning of
    /// `clinic-test/portal`.
    pub fn approve(&self, reference: &Reference) -> bool {
        let registry = Registry::new(&reference.host(), reference.port());
        let parts: Vec<&str> = reference.repository().split('/').collect();
        // A repository has a name inside of the path that is approved, or is that path itself.
        let begins = |path: &[String]| path.len() <= parts.len() && path.iter().zip(&parts).all(|(a, b)| a == b);
        self.0.iter().any(|approved| approved.registry == registry && begins(&approved.path))
    }
}

impl Registry {
    fn new(host: &str, port: Option<&str>) -> Self {
        let host = host.to_ascii_lowercase();
        let port = port.map(|port| port.trim_start_matches('0')).filter(|port| *port != DEFAULT_PORT);
        if DOCKER_HUB.contains(&host.as_str()) {
            Self { host: DEFAULT_REGISTRY.to_owned(), port: port.map(str::to_owned) }
        } else {
            Self { host, port: port.map(str::to_owned) }
        }
    }
}

fn parse(text: &str) -> Result<Approved, &'static str> {
    if text.contains("://") {
        return Err("it has no scheme before it");
    }
    if text.contains(['*', '?']) {
        return Err("it is no pattern; all that is below it is approved with it");
    }
    let (first, path) = text.split_once('/').unwrap_or((text, ""));
    if first != "localhost" && !first.contains(['.', ':']) {
        return Err("its first part is no host: that has a `.` or a port, or is `localhost`");
    }
    // What the grammar of names reads is read by it, so that what is approved and what is judged are read alike.
    let example = format!("{first}/{}", if path.is_empty() { "image" } else { path.trim_end_matches('/') });
    let reference: Reference = example.parse().map_err(|_| "its parts are not those of an image's name")?;
    if reference.tag().is_some() || reference.digest().is_some() {
        return Err("it has a tag or a digest");
    }
    let path = if path.is_empty() { Vec::new() } else { example.split('/').skip(1).map(str::to_owned).collect() };
    Ok(Approved { registry: Registry::new(&reference.host(), reference.port()), path })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn approved(registries: &[&str], name: &str) -> bool {
        Registries::parse(registries.iter().copied()).unwrap().approve(&name.parse().unwrap())
    }

    #[test]
    fn names_are_compared_part_by_part() {
        for (registry, name, expected) in [
            ("registry.good.example", "registry.good.example/app:1", true),
            ("registry.good.example", "Registry.GOOD.example/app", true),
            ("registry.good.example", "registry.good.example:443/app", true),
            ("registry.good.example", "registry.good.example:8443/app", false),
            ("registry.good.example:5000", "registry.good.example:5000/app", true),
            ("registry.good.example:5000", "registry.good.example/app", false),
            ("registry.good.example", "evil.example/registry.good.example/app", false),
            ("registry.good.example", "registry.good.example.evil.example/app", false),
            ("registry.good.example", "evil-registry.good.example/app", false),
            ("registry.good.example", "good.example/app", false),
            (
                "ghcr.io/acme",
                "ghcr.io/acme/portal@sha256:0000000000000000000000000000000000000000000000000000000000000000",
                true,
            ),
            ("ghcr.io/acme/", "ghcr.io/acme/team/portal", true),
            ("ghcr.io/acme", "ghcr.io/acme-evil/portal", false),
            ("ghcr.io/acme", "ghcr.io/mallory/acme/portal", false),
            ("ghcr.io/acme/portal", "ghcr.io/acme/portal", true),
            ("ghcr.io/acme/portal", "ghcr.io/acme", false),
            ("docker.io", "alpine", true),
            ("index.docker.io", "docker.io/library/alpine", true),
            ("docker.io", "registry-1.docker.io/library/alpine", true),
            ("docker.io/library", "alpine", true),
            ("docker.io/library", "acme/alpine", false),
            ("docker.io/acme", "acme/alpine", true),
            ("docker.io", "docker.io.evil.example/library/alpine", false),
            ("localhost:5000", "localhost:5000/app", true),
            ("localhost", "localhost:5000/app", false),
            ("[::1]:5000", "[::1]:5000/app", true),
        ] {
            assert_eq!(approved(&[registry], name), expected, "{registry} and {name}");
        }
        assert!(!approved(&[], "alpine"));
        assert!(approved(&["ghcr.io/acme", "quay.io"], "quay.io/x/y"));
    }

    #[test]
    fn what_is_no_registry_is_refused() {
        for (text, why) in [
            ("acme/portal", "no host"),
            ("", "no host"),
            ("https://registry.example.com", "no scheme"),
            ("registry.example.com/*", "no pattern"),
            ("registry.example.com/app:1", "tag or a digest"),
            ("registry.example.com/a//b", "not those of an image's name"),
            ("registry.example.com/../b", "not those of an image's name"),
        ] {
            let error = Registries::parse([text]).unwrap_err();
            assert!(error.to_string().contains(why), "{text}: {error}");
        }
    }

    proptest! {
        /// Whatever is put before, between and behind: only the same host and the same first parts are approved.
        #[test]
        fn no_name_that_only_looks_alike_is_approved(
            before in "([a-z0-9-]{1,6}[./-]?){0,2}", behind in "[./:-]?([a-z0-9]{1,6}[./-]?){0,3}", end in "(/[a-z0-9]{1,4}){1,3}",
        ) {
            let name = format!("{before}registry.good.example/clinic{behind}{end}");
            if let Ok(reference) = name.parse::<Reference>() {
                let ours = reference.host() == "registry.good.example" && reference.port().is_none_or(|port| port == "443");
                let inside = reference.repository() == "clinic" || reference.repository().starts_with("clinic/");
                let registries = Registries::parse(["registry.good.example/clinic"]).unwrap();
                prop_assert_eq!(registries.approve(&reference), ours && inside, "{}", name);
            }
        }

        #[test]
        fn any_text_is_a_registry_or_refused(text in "[a-zA-Z0-9./:@*\\[\\]-]{0,30}") {
            if let Ok(registries) = Registries::parse([text.as_str()]) {
                prop_assert_eq!(registries.0.len(), 1);
            }
        }
    }
}
