//! Where advisories, or a whole database, are had from.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::{Context, Result, anyhow, bail};
use probity_subject_image::{Artifact, ArtifactFile, Location, Registry};

use super::Fetcher;

/// A source as it is written: `NAME=WHERE`, or `WHERE` alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Source {
    /// The name that findings give as their source.
    pub(crate) name: Option<String>,
    pub(crate) place: Place,
}

/// Where a source is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// A file, a folder, or an OCI layout.
    Path(PathBuf),
    /// `https://…`
    Url(url::Url),
    /// `oci://REGISTRY/REPOSITORY:TAG`, or `oci:FOLDER[:NAME]`.
    Artifact(Location),
}

impl FromStr for Source {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_name = |name: &str| {
            !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
        };
        let named = text.split_once('=').filter(|(name, _)| is_name(name) && !Path::new(text).exists());
        let (name, place) = named.map_or((None, text), |(name, place)| (Some(name.to_owned()), place));
        Ok(Self { name, place: place.parse()? })
    }
}

impl FromStr for Place {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.is_empty() {
            return Err("a source is a file, a folder, or an address".to_owned());
        }
        if let Some(reference) = text.strip_prefix("oci://") {
            let location = format!("docker://{reference}").parse::<Location>();
            return location.map(Self::Artifact).map_err(|error| error.to_string());
        }
        if text.starts_with("oci:") {
            return text
                .parse()
                .map(Self::Artifact)
                .map_err(|error: probity_subject_image::ParseLocationError| error.to_string());
        }
        if text.starts_with("https://") || text.starts_with("http://") {
            return text.parse().map(Self::Url).map_err(|error| format!("{text}: {error}"));
        }
        if let Some((scheme, _)) = text.split_once("://") {
            return Err(format!("{text}: there is no way to {scheme}://; known are https:// and oci://"));
        }
        Ok(Self::Path(text.into()))
    }
}

impl Source {
    /// The same, with a path that counts from a folder.
    pub(crate) fn below(self, folder: &Path) -> Self {
        match self.place {
            Place::Path(path) => Self { name: self.name, place: Place::Path(folder.join(path)) },
            _ => self,
        }
    }

    /// Whether nothing is asked to have it.
    pub(crate) fn is_here(&self) -> bool {
        !matches!(self.place, Place::Url(_) | Place::Artifact(Location::Registry(_)))
    }

    /// The files on this machine, fetched when they are not here.
    pub(crate) fn here(&self, fetcher: &Fetcher, registry: &Registry) -> Result<PathBuf> {
        match &self.place {
            Place::Path(path) if path.join("oci-layout").is_file() => {
                artifact(&Location::Layout(path.clone(), None), fetcher, registry)
            }
            Place::Path(path) => {
                // Said here, as nothing else knows what the word was meant to be.
                path.metadata().with_context(|| format!("{} cannot be read", path.display()))?;
                Ok(path.clone())
            }
            Place::Url(url) => fetcher.fetch(url),
            Place::Artifact(location) => artifact(location, fetcher, registry),
        }
    }

    /// What a source is called that nobody has given a name: as its file or folder is.
    pub(crate) fn called(&self) -> String {
        let last = match &self.place {
            Place::Path(path) => {
                let path = std::path::absolute(path).unwrap_or_else(|_| path.clone());
                path.file_name().unwrap_or_default().to_string_lossy().into_owned()
            }
            // `all.zip` is what every dump of OSV is called.
            Place::Url(url) => {
                url.path_segments().into_iter().flatten().filter(|it| !it.is_empty()).collect::<Vec<_>>().join("-")
            }
            Place::Artifact(Location::Registry(reference)) => reference.name(),
            Place::Artifact(_) => "artifact".to_owned(),
        };
        self.name.clone().unwrap_or(last)
    }
}

/// The database in an artifact, Trivy's or ours, copied to the folder of what was fetched.
fn artifact(location: &Location, fetcher: &Fetcher, registry: &Registry) -> Result<PathBuf> {
    let artifact = Artifact::open(location, registry)?;
    let files = artifact.files();
    let at = database(&files).with_context(|| format!("{} has no database", artifact.digest()))?;
    let name = format!("artifact-{}", files[at].digest.to_string().replace(':', "-"));
    fetcher.keep(&name, |part: &mut File| artifact.copy(at, part).map_err(|error| anyhow!(error)))
}

/// The only file, or the one whose media type says that it is a database.
fn database(files: &[ArtifactFile<'_>]) -> Result<usize> {
    let is_database = |file: &ArtifactFile<'_>| {
        file.media_type.contains("trivy.db") || file.media_type.contains("probity") || file.title == Some("trivy.db")
    };
    match files {
        [] => bail!("it has no files"),
        [_] => Ok(0),
        _ => files.iter().position(is_database).context("none of its files is one that is known here"),
    }
}

#[cfg(test)]
mod tests {
    use super::{Place, Source};

    #[test]
    fn sources_are_parsed() {
        let path = |text: &str| Place::Path(text.into());
        let cases = [
            ("osv", None, Some(path("osv"))),
            ("pypi=/data/osv/pypi", Some("pypi"), Some(path("/data/osv/pypi"))),
            ("./a=b/c", None, Some(path("./a=b/c"))),
            ("debian=https://example.com/json", Some("debian"), None),
            ("https://example.com/x?y=1", None, None),
            ("trivy=oci://registry.example.com/trivy-db:2", Some("trivy"), None),
            ("oci:layout:2", None, None),
        ];
        for (text, name, place) in cases {
            let source: Source = text.parse().unwrap();
            assert_eq!(source.name.as_deref(), name, "{text}");
            assert!(place.is_none_or(|place| place == source.place), "{text}");
        }
        for wrong in ["", "x=", "ftp://example.com/x", "oci://", "https://"] {
            assert!(wrong.parse::<Source>().is_err(), "{wrong}");
        }
        let called = |text: &str| text.parse::<Source>().unwrap().called();
        assert_eq!(called("https://example.com/PyPI/all.zip"), "PyPI-all.zip");
        assert_eq!(called("oci://registry.example.com/trivy-db:2"), "registry.example.com/trivy-db");
    }
}
