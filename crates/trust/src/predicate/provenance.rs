use jiff::Timestamp;
use probity_model::Value;
use probity_model::value::Object;

use super::{entry, list, text, time};

/// How an artifact was built (SLSA provenance 0.2 and 1).
#[derive(Debug, Clone, PartialEq)]
pub struct Provenance {
    /// Who built it: `builder.id`.
    pub builder: Option<String>,
    /// How the rest is to be read: `buildType`.
    pub build_type: Option<String>,
    /// What was built: the repository that the build was asked for, else the first repository it used.
    pub source: Option<Material>,
    /// All that went in: `materials`, `resolvedDependencies`.
    pub materials: Vec<Material>,
    /// The run: `buildInvocationId`, `invocationId`.
    pub invocation: Option<String>,
    /// When the build began.
    pub started: Option<Timestamp>,
    /// When it ended.
    pub finished: Option<Timestamp>,
    /// What the build was asked for: `invocation.parameters`, `externalParameters`.
    pub parameters: Value,
}

/// Something that went into a build.
#[derive(Debug, Clone, PartialEq)]
pub struct Material {
    /// Where it is from.
    pub uri: String,
    /// Its digests by algorithm, in hexadecimal.
    pub digests: Vec<(String, String)>,
}

impl Material {
    fn read(value: &Value) -> Option<Self> {
        let uri = text(value, &["uri"])?;
        let digests = value.get("digest").and_then(Value::as_object).into_iter().flat_map(Object::iter);
        let digests =
            digests.filter_map(|(name, digest)| Some((name.as_str().to_owned(), digest.as_str()?.to_owned())));
        Some(Self { uri, digests: digests.collect() })
    }

    /// The commit, where it is a repository.
    pub fn commit(&self) -> Option<&str> {
        let of = |wanted| self.digests.iter().find(|(algorithm, _)| algorithm == wanted);
        ["gitCommit", "sha1"].into_iter().find_map(of).map(|(_, digest)| digest.as_str())
    }

    /// The repository, as [`repository`] writes it.
    pub fn repository(&self) -> &str {
        repository(&self.uri)
    }

    fn is_repository(&self) -> bool {
        self.uri.starts_with("git+") || self.digests.iter().any(|(algorithm, _)| algorithm == "gitCommit")
    }

    fn document(&self) -> Value {
        let digests = self.digests.iter().map(|(name, digest)| (name.as_str(), Value::from(digest.as_str())));
        Value::object([("uri", Value::from(self.uri.as_str())), ("digest", Value::object(digests))])
    }
}

/// A repository's address without what says how to fetch it: of `git+https://github.com/acme/app.git@refs/heads/main`,
/// `https://github.com/acme/app`.
pub fn repository(uri: &str) -> &str {
    let uri = uri.strip_prefix("git+").unwrap_or(uri);
    let start = uri.find("://").map_or(0, |at| at + 3);
    // An `@` before the first `/` is of a user, not before a revision.
    let path = uri[start..].find('/').map_or(uri.len(), |at| start + at);
    let end = uri[path..].find(['@', '#', '?']).map_or(uri.len(), |at| path + at);
    let bare = uri[..end].trim_end_matches('/');
    bare.strip_suffix(".git").unwrap_or(bare)
}

impl Provenance {
    /// Reads a predicate of SLSA 0.2.
    pub(super) fn v0_2(predicate: &Value) -> Self {
        let materials: Vec<_> = list(predicate, &["materials"]).iter().filter_map(Material::read).collect();
        let asked = predicate.at(&["invocation", "configSource"]).and_then(Material::read);
        Self {
            builder: text(predicate, &["builder", "id"]),
            build_type: text(predicate, &["buildType"]),
            source: source(asked, &materials),
            invocation: text(predicate, &["metadata", "buildInvocationId"])
                .or_else(|| text(predicate, &["metadata", "buildInvocationID"])),
            started: time(predicate, &["metadata", "buildStartedOn"]),
            finished: time(predicate, &["metadata", "buildFinishedOn"]),
            parameters: predicate.at(&["invocation", "parameters"]).cloned().unwrap_or_default(),
            materials,
        }
    }

    /// Reads a predicate of SLSA 1.
    pub(super) fn v1(predicate: &Value) -> Self {
        let parameters = predicate.at(&["buildDefinition", "externalParameters"]).cloned().unwrap_or_default();
        let dependencies = list(predicate, &["buildDefinition", "resolvedDependencies"]);
        let materials: Vec<_> = dependencies.iter().filter_map(Material::read).collect();
        Self {
            builder: text(predicate, &["runDetails", "builder", "id"]),
            build_type: text(predicate, &["buildDefinition", "buildType"]),
            source: source(asked_for(&parameters), &materials),
            invocation: text(predicate, &["runDetails", "metadata", "invocationId"]),
            started: time(predicate, &["runDetails", "metadata", "startedOn"]),
            finished: time(predicate, &["runDetails", "metadata", "finishedOn"]),
            parameters,
            materials,
        }
    }

    /// What policies ask for, as a document.
    pub fn document(&self) -> Value {
        let source = self.source.as_ref();
        let entries = [
            entry("builder", self.builder.as_deref()),
            entry("buildType", self.build_type.as_deref()),
            entry("sourceRepository", source.map(Material::repository)),
            entry("sourceCommit", source.and_then(Material::commit)),
            entry("invocation", self.invocation.as_deref()),
            entry("startedAt", self.started),
            entry("finishedAt", self.finished),
            Some(("materials", Value::array(self.materials.iter().map(Material::document)))),
            Some(("parameters", self.parameters.clone())),
        ];
        Value::object(entries.into_iter().flatten())
    }
}

/// The repository that a build was asked for, where the builders of GitHub, Google and slsa-github-generator write it.
fn asked_for(parameters: &Value) -> Option<Material> {
    let places =
        [["workflow", "repository"], ["source", "uri"], ["source", "repository"], ["buildConfigSource", "repository"]];
    let of_place = |place: &[&str; 2]| {
        let uri = text(parameters, place)?;
        let whole = parameters.get(place[0]).and_then(Material::read);
        Some(whole.unwrap_or(Material { uri, digests: Vec::new() }))
    };
    places.iter().find_map(of_place)
}

/// The source: what was asked for, with the commit that it was resolved to. Where the build was asked for no repository,
/// the first that it used.
fn source(asked: Option<Material>, materials: &[Material]) -> Option<Material> {
    let Some(asked) = asked else {
        return materials.iter().find(|material| material.is_repository()).cloned();
    };
    if asked.commit().is_some() {
        return Some(asked);
    }
    let resolved = materials.iter().find(|one| one.repository() == asked.repository() && one.commit().is_some());
    Some(resolved.cloned().unwrap_or(asked))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repositories_are_told_without_their_revision() {
        for (uri, bare) in [
            ("git+https://github.com/acme/app.git@refs/heads/main", "https://github.com/acme/app"),
            ("https://github.com/acme/app", "https://github.com/acme/app"),
            ("git+https://git@example.com/acme/app@v1#sub", "https://git@example.com/acme/app"),
            ("https://example.com@evil.example/acme/app", "https://example.com@evil.example/acme/app"),
            ("ssh://git@example.com/a.git/", "ssh://git@example.com/a"),
            ("", ""),
        ] {
            assert_eq!(repository(uri), bare, "{uri}");
        }
    }
}
