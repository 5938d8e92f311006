//! What a bill of materials is made of or read from: an image, a folder, a document.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};
use jiff::Timestamp;
use probity_inspection::Maker;
use probity_sbom::{MAX_DOCUMENT, Sbom};
use probity_subject_image::{Contents, FileProblem, Image, Limits, Location, Options};

use crate::images::RegistryArgs;

/// Where a bill of materials comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Source {
    /// An image that is read.
    Image(Location),
    /// A folder that is read.
    Folder(PathBuf),
    /// A document.
    Document(PathBuf),
}

impl Source {
    /// `dir:FOLDER`, or any place of an image. What is there under this name is a folder, a layout, an archive or a document.
    pub(super) fn parse(text: &str) -> Result<Self> {
        if let Some(folder) = text.strip_prefix("dir:") {
            if folder.is_empty() {
                bail!("`{text}` has no path after the `dir:`");
            }
            return Ok(Self::Folder(folder.into()));
        }
        let path = Path::new(text);
        let ends = |end: &str| path.extension().is_some_and(|found| found.eq_ignore_ascii_case(end));
        match path.metadata() {
            Ok(found) if found.is_dir() && path.join("oci-layout").exists() => {
                Ok(Self::Image(Location::Layout(path.to_owned(), None)))
            }
            Ok(found) if found.is_dir() => Ok(Self::Folder(path.to_owned())),
            Ok(_) if ends("tar") => Ok(Self::Image(Location::Archive(path.to_owned(), None))),
            Ok(_) => Ok(Self::Document(path.to_owned())),
            // The name of a document, which is not one of an image in a registry.
            Err(_) if ends("json") || ends("spdx") || ends("tar") || text.starts_with(['.', '/']) => {
                bail!("{text}: there is no such file")
            }
            Err(_) => text.parse().map(Self::Image).map_err(|error| anyhow!("{text}: {error}")),
        }
    }

    /// The bill of what it is, made now where it is no document.
    pub(super) fn read(&self, registry: &RegistryArgs) -> Result<Sbom> {
        match self {
            Self::Image(location) => {
                let options = Options { platform: registry.platform.clone(), ..Options::default() };
                let image = Image::read(location, &registry.open()?, &options)?;
                tell(&image.problems);
                Ok(maker()?.image(&image))
            }
            Self::Folder(path) => {
                let contents = Contents::read(path, &Limits::default())?;
                tell(&contents.problems);
                Ok(maker()?.folder(&name(path), &contents))
            }
            Self::Document(path) => {
                let file = std::fs::File::open(path).with_context(|| format!("{} cannot be read", path.display()))?;
                let mut text = Vec::new();
                file.take(MAX_DOCUMENT as u64 + 1).read_to_end(&mut text)?;
                probity_sbom::read(&text).with_context(|| path.display().to_string())
            }
        }
    }
}

/// What a folder is called: its own name, so that the place it lies in does not matter.
fn name(path: &Path) -> String {
    let whole = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    whole.file_name().map_or_else(|| "/".to_owned(), |name| name.to_string_lossy().into_owned())
}

fn tell(problems: &[FileProblem]) {
    for problem in problems {
        eprintln!("note: {}: {}; what is in it is not listed", problem.path, problem.what);
    }
}

fn maker() -> Result<Maker> {
    Ok(Maker { version: env!("CARGO_PKG_VERSION").to_owned(), time: time()? })
}

/// The time that a document bears: that of `SOURCE_DATE_EPOCH` where it is set, so that it can be made again as it was
/// (reproducible-builds.org), else now.
fn time() -> Result<Timestamp> {
    let Some(text) = std::env::var_os("SOURCE_DATE_EPOCH").filter(|text| !text.is_empty()) else {
        return Ok(Timestamp::now());
    };
    let seconds = text.to_str().and_then(|text| text.parse().ok());
    seconds
        .and_then(|seconds| Timestamp::from_second(seconds).ok())
        .ok_or_else(|| anyhow!("SOURCE_DATE_EPOCH is {}, which is no number of seconds", text.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_says_what_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let text = |name: &str| at(name).display().to_string();
        std::fs::create_dir_all(at("layout")).unwrap();
        std::fs::create_dir_all(at("project")).unwrap();
        for file in ["layout/oci-layout", "image.tar", "bom.json"] {
            std::fs::write(at(file), "").unwrap();
        }
        let of = |name: &str| Source::parse(&text(name)).unwrap();
        assert_eq!(of("layout"), Source::Image(Location::Layout(at("layout"), None)));
        assert_eq!(of("project"), Source::Folder(at("project")));
        assert_eq!(of("image.tar"), Source::Image(Location::Archive(at("image.tar"), None)));
        assert_eq!(of("bom.json"), Source::Document(at("bom.json")));
        assert_eq!(Source::parse("dir:x").unwrap(), Source::Folder("x".into()));
        assert!(matches!(Source::parse("registry.example.com/a:1").unwrap(), Source::Image(Location::Registry(_))));
        for wrong in ["dir:", "none.json", "./none", "oci:", "A B"] {
            assert!(Source::parse(wrong).is_err(), "{wrong}");
        }
    }
}
