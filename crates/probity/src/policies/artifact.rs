//! Policies in registries: artifacts as Conftest, OPA, Kyverno and ORAS push them.

use std::fs;
use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use flate2::read::GzDecoder;
use probity_inspection::store::Beside;
use probity_subject_image::{Artifact, ArtifactFile, Digest, Location, Reference, Registry, Repository};
use probity_trust::{Trust, verify_image_by_any};

/// Most bytes of an artifact, and of what is packed in it.
const MAX_BYTES: u64 = 64 << 20;

/// Most files of an artifact.
const MAX_FILES: usize = 10_000;

/// The file that has the digest of what is taken now.
const CURRENT: &str = "current";

/// Extensions of files that may be policies; others are left where they are.
const EXTENSIONS: [&str; 6] = ["rego", "yaml", "yml", "json", "sentinel", "hcl"];

/// An artifact with policies, and what was last had of it on this machine.
pub(crate) struct PolicyArtifact {
    reference: Reference,
    folder: PathBuf,
    trusts: Vec<Trust>,
    current: Option<Digest>,
}

impl PolicyArtifact {
    /// The artifact that a reference names, kept below a folder. Signed by any of the trusted, when there are some.
    pub(crate) fn new(reference: Reference, below: &Path, trusts: Vec<Trust>) -> Self {
        let plain = |letter: char| if letter.is_ascii_alphanumeric() || "-._".contains(letter) { letter } else { '_' };
        let named = reference.to_string();
        let mut name: String = named.chars().map(plain).collect();
        // Two names may differ in what is not plain.
        name.push('-');
        name.push_str(&Digest::sha256(named.as_bytes()).hex()[..8]);
        let folder = below.join(name);
        let kept = fs::read_to_string(folder.join(CURRENT)).ok().and_then(|text| text.trim().parse().ok());
        let current = kept.filter(|digest: &Digest| place(&folder, digest).is_dir());
        Self { reference, folder, trusts, current }
    }

    pub(crate) fn reference(&self) -> &Reference {
        &self.reference
    }

    /// The digest of what is taken now.
    pub(crate) fn current(&self) -> Option<&Digest> {
        self.current.as_ref()
    }

    /// The folder of its policies, and of what Rego finds under `data`.
    pub(crate) fn folders(&self) -> impl Iterator<Item = (PathBuf, PathBuf)> {
        let place = self.current.as_ref().map(|digest| place(&self.folder, digest));
        place.map(|place| (place.join("policies"), place.join("data"))).into_iter()
    }

    /// Takes what the reference means now; whether that is another than before. When something is wrong with it what was
    /// taken before stays.
    pub(crate) fn refresh(&mut self, registry: &Registry) -> Result<bool> {
        let context = || format!("the policies of {}", self.reference);
        let digest = self.newest(registry).with_context(context)?;
        if self.current.as_ref() == Some(&digest) {
            return Ok(false);
        }
        self.take(&digest, registry).with_context(context)?;
        let before = self.current.replace(digest);
        if let Some(before) = before {
            // What is left is only room on the disk.
            let _ = fs::remove_dir_all(place(&self.folder, &before));
        }
        Ok(true)
    }

    fn newest(&self, registry: &Registry) -> Result<Digest> {
        if let Some(digest) = self.reference.digest() {
            return Ok(digest.clone());
        }
        let location = Location::Registry(self.reference.clone());
        Ok(Repository::open(&location, registry)?.resolve(&location)?.digest)
    }

    /// Has an artifact in its folder, whole or not at all.
    fn take(&self, digest: &Digest, registry: &Registry) -> Result<()> {
        let location = Location::Registry(self.reference.at(digest.clone()));
        self.check_signature(digest, &location, registry)?;
        fs::create_dir_all(&self.folder).with_context(|| format!("{} cannot be written", self.folder.display()))?;
        let new = tempfile::Builder::new().prefix("new-").tempdir_in(&self.folder)?;
        let count = unpack(&Artifact::open(&location, registry)?, new.path())?;
        ensure!(count > 0, "there is no file in it that could be a policy");
        let there = place(&self.folder, digest);
        if there.exists() {
            fs::remove_dir_all(&there)?;
        }
        fs::rename(new.keep(), &there)?;
        let mut file = tempfile::NamedTempFile::new_in(&self.folder)?;
        io::Write::write_all(&mut file, digest.to_string().as_bytes())?;
        file.persist(self.folder.join(CURRENT))?;
        Ok(())
    }

    fn check_signature(&self, digest: &Digest, location: &Location, registry: &Registry) -> Result<()> {
        if self.trusts.is_empty() {
            return Ok(());
        }
        let repository = Repository::open(location, registry)?;
        let found = verify_image_by_any(&Beside(&repository), &digest.to_string().parse()?, &self.trusts)?.0;
        if found.verified.iter().any(|verified| !verified.is_attestation()) {
            return Ok(());
        }
        match found.refused.first() {
            Some(refused) => bail!("no signature of {digest} is trusted: {}", refused.error),
            None => bail!("{digest} is not signed"),
        }
    }
}

fn place(folder: &Path, digest: &Digest) -> PathBuf {
    folder.join(digest.hex())
}

/// Copies what may be policies, and data of Rego's, into two folders; gives how many files they are.
fn unpack(artifact: &Artifact, into: &Path) -> Result<usize> {
    let files = artifact.files();
    let bytes: u64 = files.iter().map(|file| file.size).sum();
    ensure!(bytes <= MAX_BYTES && files.len() <= MAX_FILES, "it is larger than {MAX_BYTES} bytes or {MAX_FILES} files");
    let mut count = 0;
    for (position, file) in files.iter().enumerate() {
        let mut content = Vec::new();
        artifact.copy(position, &mut content)?;
        if is_packed(file) {
            count += unpack_tar(&content, into, MAX_FILES - count)?;
        } else {
            count += usize::from(put(&name_of(file, position)?, file.media_type, &content, into)?);
        }
    }
    Ok(count)
}

fn is_packed(file: &ArtifactFile<'_>) -> bool {
    let title = file.title.unwrap_or_default();
    file.media_type.ends_with("tar+gzip") || [".tar.gz", ".tgz"].iter().any(|end| title.ends_with(end))
}

/// Kyverno names no files, but says of each what it is in.
fn name_of(file: &ArtifactFile<'_>, position: usize) -> Result<PathBuf> {
    if let Some(title) = file.title {
        return inner(Path::new(title));
    }
    let extension = file.media_type.rsplit_once('+').map(|(_, suffix)| suffix);
    match extension.filter(|extension| EXTENSIONS.contains(extension)) {
        Some(extension) => Ok(PathBuf::from(format!("{position}.{extension}"))),
        None => bail!("a file of the type {} has no name", file.media_type),
    }
}

/// A path that stays in its folder.
fn inner(path: &Path) -> Result<PathBuf> {
    let parts = path.components().filter(|part| *part != Component::CurDir);
    let parts: Option<PathBuf> = parts.map(|part| matches!(part, Component::Normal(_)).then_some(part)).collect();
    match parts {
        Some(inner) if inner != Path::new("") => Ok(inner),
        _ => bail!("`{}` is no name of a file in a folder", path.display()),
    }
}

fn unpack_tar(bytes: &[u8], into: &Path, most: usize) -> Result<usize> {
    let mut archive = tar::Archive::new(GzDecoder::new(bytes).take(MAX_BYTES));
    let (mut count, mut seen) = (0, 0);
    for entry in archive.entries()? {
        let mut entry = entry.context("what is packed cannot be read, or is too large")?;
        seen += 1;
        ensure!(seen <= most, "it has more than {MAX_FILES} files");
        if !entry.header().entry_type().is_file() {
            continue;
        }
        // `tar` writes `/data.json` for what is at the top, as OPA's bundles have it.
        let path = entry.path()?.into_owned();
        let path = inner(path.strip_prefix("/").unwrap_or(&path))?;
        let mut content = Vec::new();
        entry.read_to_end(&mut content).context("what is packed cannot be read, or is too large")?;
        count += usize::from(put(&path, "", &content, into)?);
    }
    Ok(count)
}

/// Writes a file where it belongs; whether it does.
fn put(path: &Path, media_type: &str, content: &[u8], into: &Path) -> Result<bool> {
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    let is_hidden = path.iter().any(|part| part.to_string_lossy().starts_with('.'));
    if is_hidden || !EXTENSIONS.contains(&extension) {
        return Ok(false);
    }
    let is_data = media_type.contains(".data.layer.") || path.file_stem().is_some_and(|stem| stem == "data");
    let folder = into.join(if is_data && extension != "rego" { "data" } else { "policies" });
    let to = folder.join(path);
    fs::create_dir_all(to.parent().unwrap_or(&folder))?;
    fs::write(&to, content).with_context(|| format!("{} cannot be written", to.display()))?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_stay_in_their_folder() {
        for (name, is_inner) in [
            ("a.rego", true),
            ("./a/b.yaml", true),
            ("../a.rego", false),
            ("a/../../b.rego", false),
            ("/etc/a.rego", false),
            ("", false),
            (".", false),
        ] {
            assert_eq!(inner(Path::new(name)).is_ok(), is_inner, "{name}");
        }
    }

    fn packed(name: &str, content: &[u8]) -> Vec<u8> {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        let gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        let mut archive = tar::Builder::new(gzip);
        archive.append_data(&mut header, name, content).unwrap();
        archive.into_inner().unwrap().finish().unwrap()
    }

    #[test]
    fn what_is_packed_is_parted_into_policies_and_data() {
        for (name, at) in [
            ("clinic/names.rego", Some("policies/clinic/names.rego")),
            ("clinic/data.json", Some("data/clinic/data.json")),
            ("tags.yaml", Some("policies/tags.yaml")),
            (".manifest", None),
            (".signatures.json", None),
            ("README.md", None),
        ] {
            let folder = tempfile::tempdir().unwrap();
            let count = unpack_tar(&packed(name, b"{}"), folder.path(), 10).unwrap();
            assert_eq!(count, usize::from(at.is_some()), "{name}");
            assert!(at.is_none_or(|at| folder.path().join(at).is_file()), "{name}");
        }
    }

    proptest! {
        #[test]
        fn bytes_of_anybody_are_no_trouble(bytes in proptest::collection::vec(any::<u8>(), 0..2_000)) {
            let folder = tempfile::tempdir().unwrap();
            let _ = unpack_tar(&bytes, folder.path(), 10);
        }
    }
}
