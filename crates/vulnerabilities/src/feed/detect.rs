//! What an input is, told by what is in it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::documents::{self, Container};
use super::{Feed, FeedError};

/// How many texts of a folder or an archive are looked into before none of them is taken for an advisory.
const LOOKED_INTO: usize = 40;

/// What an input of a database is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// Advisories.
    Advisories(Feed),
    /// How likely vulnerabilities are to be exploited: EPSS's list.
    Epss,
    /// Those that are exploited: CISA's catalog.
    KnownExploited,
    /// A database of this program.
    Database,
}

/// An input of a database, and what it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Input {
    /// The file or folder.
    pub path: PathBuf,
    /// What it is.
    pub kind: Kind,
}

/// A word that is no kind of input.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no kind of advisories {0:?}; known are {known}", known = Kind::names().join(", "))]
pub struct ParseKindError(String);

const KINDS: [(&str, Kind); 8] = [
    ("osv", Kind::Advisories(Feed::Osv)),
    ("rustsec", Kind::Advisories(Feed::RustSec)),
    ("debian", Kind::Advisories(Feed::Debian)),
    ("alpine", Kind::Advisories(Feed::Alpine)),
    ("red-hat", Kind::Advisories(Feed::RedHat)),
    ("trivy-db", Kind::Advisories(Feed::TrivyDb)),
    ("epss", Kind::Epss),
    ("known-exploited", Kind::KnownExploited),
];

impl Kind {
    /// The words for kinds of inputs.
    pub fn names() -> Vec<&'static str> {
        KINDS.iter().map(|(name, _)| *name).collect()
    }

    /// Of a file by its first bytes, where these say it.
    fn of_head(head: &[u8]) -> Option<Self> {
        let bolt = head.get(16..20) == Some(&[0xED, 0xDA, 0x0C, 0xED]);
        match () {
            () if head.starts_with(b"PROBVULN") => Some(Self::Database),
            () if bolt => Some(Self::Advisories(Feed::TrivyDb)),
            () => None,
        }
    }

    /// Of a text by its name and what it says.
    fn of_text(name: &str, text: &[u8]) -> Option<Self> {
        let extension = Path::new(name).extension().unwrap_or_default().to_string_lossy().into_owned();
        let first = text.iter().find(|byte| !byte.is_ascii_whitespace());
        match (extension.as_str(), first) {
            ("md", _) => {
                (Feed::RustSec.reads(name) && text.starts_with(b"```toml")).then_some(Self::Advisories(Feed::RustSec))
            }
            ("yaml" | "yml", _) => is_osv_yaml(text).then_some(Self::Advisories(Feed::Osv)),
            (_, Some(b'{' | b'[')) => of_json(text),
            _ => (text.starts_with(b"#model_version") || text.starts_with(b"cve,epss")).then_some(Self::Epss),
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let named = KINDS.iter().find(|(_, kind)| kind == self).map(|(name, _)| *name);
        formatter.write_str(named.unwrap_or("database"))
    }
}

impl FromStr for Kind {
    type Err = ParseKindError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let named = KINDS.iter().find(|(name, _)| *name == text).map(|(_, kind)| *kind);
        named.ok_or_else(|| ParseKindError(text.chars().take(80).collect()))
    }
}

/// Fields that only one of the forms has.
#[derive(Deserialize)]
struct Shape {
    id: Option<IgnoredAny>,
    modified: Option<IgnoredAny>,
    affected: Option<IgnoredAny>,
    document: Option<CsafHead>,
    #[serde(rename = "catalogVersion")]
    catalog: Option<IgnoredAny>,
    packages: Option<IgnoredAny>,
    #[serde(rename = "reponame")]
    repository: Option<IgnoredAny>,
    #[serde(rename = "apkurl")]
    url: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct CsafHead {
    csaf_version: Option<IgnoredAny>,
}

fn of_json(text: &[u8]) -> Option<Kind> {
    let shape: Shape = match serde_json::from_slice(text) {
        Ok(shape) => shape,
        Err(_) => serde_json::from_slice::<Vec<Shape>>(text).ok()?.into_iter().next()?,
    };
    match () {
        () if shape.document.is_some_and(|head| head.csaf_version.is_some()) => Some(Kind::Advisories(Feed::RedHat)),
        () if shape.catalog.is_some() => Some(Kind::KnownExploited),
        () if shape.packages.is_some() && (shape.repository.is_some() || shape.url.is_some()) => {
            Some(Kind::Advisories(Feed::Alpine))
        }
        () if shape.id.is_some() && (shape.modified.is_some() || shape.affected.is_some()) => {
            Some(Kind::Advisories(Feed::Osv))
        }
        () => is_debian(text).then_some(Kind::Advisories(Feed::Debian)),
    }
}

/// Packages with names of vulnerabilities with releases.
fn is_debian(text: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Entry {
        releases: Option<IgnoredAny>,
    }
    type Packages = BTreeMap<String, BTreeMap<String, Entry>>;
    let packages: Packages = serde_json::from_slice(text).unwrap_or_default();
    packages.values().flat_map(BTreeMap::values).any(|entry| entry.releases.is_some())
}

fn is_osv_yaml(text: &[u8]) -> bool {
    let has = |field: &[u8]| text.split(|byte| *byte == b'\n').any(|line| line.starts_with(field));
    has(b"id:") && (has(b"affected:") || has(b"modified:"))
}

/// What a file, folder or archive is. A folder with several kinds in it is several inputs: a file or folder in it is one.
///
/// # Errors
/// When it cannot be read, or nothing in it is of a form that is known.
pub fn inputs(path: &Path) -> Result<Vec<Input>, FeedError> {
    if !path.is_dir() {
        return Ok(vec![Input { path: path.to_owned(), kind: of_file(path)? }]);
    }
    // The checkout of Go's database has reports in a form of its own beside the records.
    let records = path.join("data/osv");
    let path = if records.is_dir() { records } else { path.to_owned() };
    let children = children(&path)?;
    let mut found = Vec::new();
    let mut files = 0;
    for child in &children {
        let is_folder = child.is_dir();
        files += usize::from(!is_folder);
        if !is_folder && files > LOOKED_INTO {
            continue;
        }
        let kind = if is_folder { of_folder(child)? } else { of_file(child).ok() };
        found.extend(kind.map(|kind| Input { path: child.clone(), kind }));
    }
    let kinds: BTreeSet<Kind> = found.iter().map(|input| input.kind).collect();
    match kinds.into_iter().collect::<Vec<_>>().as_slice() {
        [] => {
            let reason = match children.first() {
                None => "the folder is empty",
                Some(_) => "no file in it that was looked into is of a form that is known",
            };
            Err(FeedError::Unknown { path, reason: reason.to_owned() })
        }
        // One file is what it is, and the folder just where it lies.
        [Kind::Advisories(Feed::TrivyDb) | Kind::Epss | Kind::KnownExploited | Kind::Database] => Ok(found),
        [kind] => Ok(vec![Input { path, kind: *kind }]),
        _ => Ok(found),
    }
}

/// What is in a folder, without what is hidden.
fn children(folder: &Path) -> Result<Vec<PathBuf>, FeedError> {
    let failed = |error| FeedError::Read { path: folder.to_owned(), error };
    let mut children = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        if !entry.file_name().as_encoded_bytes().starts_with(b".") {
            children.push(entry.path());
        }
    }
    children.sort();
    Ok(children)
}

fn of_folder(folder: &Path) -> Result<Option<Kind>, FeedError> {
    if folder.join("trivy.db").is_file() {
        return Ok(Some(Kind::Advisories(Feed::TrivyDb)));
    }
    first_of_texts(folder)
}

/// The kind of the first text that is of one.
fn first_of_texts(path: &Path) -> Result<Option<Kind>, FeedError> {
    let mut looked_into = 0;
    let mut found = None;
    let wanted = |name: &str| [".json", ".yaml", ".yml", ".md"].iter().any(|end| name.ends_with(end));
    documents::each(path, &wanted, &mut |name, text| {
        looked_into += 1;
        found = Kind::of_text(name, text);
        found.is_none() && looked_into < LOOKED_INTO
    })?;
    Ok(found)
}

fn of_file(path: &Path) -> Result<Kind, FeedError> {
    let mut head = Vec::new();
    let read = File::open(path).and_then(|file| file.take(64).read_to_end(&mut head));
    read.map_err(|error| FeedError::Read { path: path.to_owned(), error })?;
    if let Some(kind) = Kind::of_head(&head) {
        return Ok(kind);
    }
    let unknown = |reason: &str| FeedError::Unknown { path: path.to_owned(), reason: reason.to_owned() };
    if head.is_empty() {
        return Err(unknown("the file is empty"));
    }
    match Container::of(path)? {
        Container::Text => {
            let mut found = None;
            documents::each(path, &|_| true, &mut |name, text| {
                found = Kind::of_text(name, text);
                false
            })?;
            found.ok_or_else(|| unknown("it is none of the forms that are known"))
        }
        Container::Tar if documents::has_member(path, "trivy.db")? => Ok(Kind::Advisories(Feed::TrivyDb)),
        _ => {
            let found = first_of_texts(path)?;
            found.ok_or_else(|| unknown("nothing in it that was looked into is of a form that is known"))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write as _;

    use super::{Input, Kind, inputs};
    use crate::feed::{Feed, FeedError};

    const OSV: &str = r#"{"id": "X-1", "modified": "2024-01-01T00:00:00Z", "affected": []}"#;
    const YAML: &str = "id: PYSEC-1\nmodified: 2024-01-01T00:00:00Z\naffected: []\n";
    const RUSTSEC: &str = "```toml\n[advisory]\nid = \"RUSTSEC-2024-0001\"\n```\n";
    const DEBIAN: &str = r#"{"openssl": {"CVE-2024-1": {"releases": {"bookworm": {"status": "open"}}}}}"#;
    const ALPINE: &str = r#"{"apkurl": "x", "distroversion": "v3.20", "reponame": "main", "packages": []}"#;
    const CSAF: &str = r#"{"document": {"csaf_version": "2.0"}}"#;
    const KEV: &str = r#"{"title": "x", "catalogVersion": "2024.01.01", "vulnerabilities": []}"#;

    fn kind(name: &str, text: &[u8]) -> Result<Kind, FeedError> {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join(name);
        fs::write(&path, text).expect("a file");
        inputs(&path).map(|inputs| inputs[0].kind)
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        writer.write_all(bytes).expect("memory");
        writer.finish().expect("memory")
    }

    fn tar(name: &str, bytes: &[u8]) -> Vec<u8> {
        let mut archive = tar::Builder::new(Vec::new());
        let mut header = tar::Header::new_ustar();
        header.set_size(bytes.len() as u64);
        archive.append_data(&mut header, name, bytes).expect("memory");
        archive.into_inner().expect("memory")
    }

    #[test]
    fn files_are_told_apart_by_what_is_in_them() {
        let advisories = Kind::Advisories;
        let bolt = [&[0; 16][..], &0xED0C_DAED_u32.to_le_bytes()].concat();
        let cases: [(&str, Vec<u8>, Kind); 15] = [
            ("x", OSV.into(), advisories(Feed::Osv)),
            ("x.json", format!("[{OSV}]").into(), advisories(Feed::Osv)),
            ("x.yaml", YAML.into(), advisories(Feed::Osv)),
            ("RUSTSEC-2024-0001.md", RUSTSEC.into(), advisories(Feed::RustSec)),
            ("json", DEBIAN.into(), advisories(Feed::Debian)),
            ("json.gz", gzip(DEBIAN.as_bytes()), advisories(Feed::Debian)),
            ("main.json", ALPINE.into(), advisories(Feed::Alpine)),
            ("rhsa.json", CSAF.into(), advisories(Feed::RedHat)),
            ("kev.json", KEV.into(), Kind::KnownExploited),
            ("epss.csv.gz", gzip(b"#model_version:v1\ncve,epss,percentile\n"), Kind::Epss),
            ("trivy.db", bolt.clone(), advisories(Feed::TrivyDb)),
            ("db.tar.gz", gzip(&tar("trivy.db", &bolt)), advisories(Feed::TrivyDb)),
            ("main.tgz", gzip(&tar("repository-main/vulns/x/X.json", OSV.as_bytes())), advisories(Feed::Osv)),
            ("main.tar", tar("crates/x/RUSTSEC-2024-0001.md", RUSTSEC.as_bytes()), advisories(Feed::RustSec)),
            ("x.db", b"PROBVULN".to_vec(), Kind::Database),
        ];
        for (name, text, expected) in cases {
            assert_eq!(kind(name, &text).expect(name), expected, "{name}");
        }
        for (name, text) in
            [("x.json", ""), ("x.json", "{}"), ("x.json", "{\"a\":"), ("x.txt", "none"), ("x.gz", "\x1f")]
        {
            assert!(matches!(kind(name, text.as_bytes()), Err(FeedError::Unknown { .. })), "{text}");
        }
    }

    #[test]
    fn a_folder_of_several_kinds_is_several_inputs() {
        let folder = tempfile::tempdir().expect("a folder");
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
            fs::write(path, text).expect("a file");
        };
        assert!(matches!(inputs(folder.path()), Err(FeedError::Unknown { .. })));
        write("README.md", "nothing");
        write(".github/workflow.yaml", "id: x\nmodified: y\n");
        assert!(matches!(inputs(folder.path()), Err(FeedError::Unknown { .. })));
        write("pypi/flask/PYSEC-1.yaml", YAML);
        write("go/GO-1.json", OSV);
        let whole = Input { path: folder.path().to_owned(), kind: Kind::Advisories(Feed::Osv) };
        assert_eq!(inputs(folder.path()).expect("inputs"), [whole]);
        write("rustsec/crates/x/RUSTSEC-2024-0001.md", RUSTSEC);
        write("kev.json", KEV);
        let found = inputs(folder.path()).expect("inputs");
        let found: Vec<String> = found
            .iter()
            .map(|it| format!("{} {}", it.path.file_name().expect("a name").to_string_lossy(), it.kind))
            .collect();
        assert_eq!(found, ["go osv", "kev.json known-exploited", "pypi osv", "rustsec rustsec"]);
    }
}
