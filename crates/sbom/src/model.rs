//! What a bill of materials says, whichever form it was written in.

use jiff::Timestamp;
use probity_crypto::Sha256;
use serde::Serialize;

/// A bill of materials.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Sbom {
    /// The form it was read from: `CycloneDX`, `SPDX`, `Syft`; empty when it was made.
    pub format: String,
    /// The version of that form.
    pub version: String,
    /// What the document calls itself: a serial number or a namespace.
    pub id: Option<String>,
    /// Its title.
    pub name: Option<String>,
    /// When it was made, as RFC 3339 writes it.
    pub timestamp: Option<String>,
    /// What made it.
    pub tools: Vec<Tool>,
    /// Who made it.
    pub authors: Vec<String>,
    /// What it is about.
    pub subject: Option<Component>,
    /// What that is made of.
    pub components: Vec<Component>,
    /// How they belong together, by their references.
    pub relationships: Vec<Relationship>,
}

/// A program that made a document.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Tool {
    /// Who makes it.
    pub vendor: Option<String>,
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: Option<String>,
}

/// A part of what a document is about.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Component {
    /// What relationships call it; unlike any other of the document.
    pub reference: String,
    /// What it is.
    pub kind: Kind,
    /// What its name stands in: Maven's group, npm's scope.
    pub group: Option<String>,
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: Option<String>,
    /// Its package URL.
    pub purl: Option<String>,
    /// Its names in the Common Platform Enumeration.
    pub cpes: Vec<String>,
    /// Its licences: all of them hold.
    pub licenses: Vec<License>,
    /// Who supplies it.
    pub supplier: Option<String>,
    /// Digests of its content.
    pub hashes: Vec<Hash>,
    /// In a few words.
    pub description: Option<String>,
    /// Its notice of copyright.
    pub copyright: Option<String>,
    /// What else is said of it.
    pub properties: Vec<Property>,
}

/// What a component is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A program.
    Application,
    /// A library that calls what is written for it.
    Framework,
    /// A package to be used by others.
    #[default]
    Library,
    /// An image.
    Container,
    /// Where programs run.
    Platform,
    /// A distribution.
    OperatingSystem,
    /// A machine.
    Device,
    /// What drives one.
    DeviceDriver,
    /// What runs in one.
    Firmware,
    /// A file.
    File,
    /// A model of machine learning.
    MachineLearningModel,
    /// Data.
    Data,
    /// A key, a certificate, an algorithm.
    CryptographicAsset,
}

/// A licence.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum License {
    /// One of SPDX's list.
    Id(String),
    /// An expression of SPDX.
    Expression(String),
    /// Any other, by its name.
    Name(String),
}

/// A digest.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Hash {
    /// As `CycloneDX` writes it: `SHA-256`.
    pub algorithm: String,
    /// In hexadecimal digits.
    pub value: String,
}

/// What a document says in a field of its own.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Property {
    /// Which.
    pub name: String,
    /// What.
    pub value: String,
}

/// How two components belong together.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Relationship {
    /// The reference of the one.
    pub from: String,
    /// How.
    pub relation: Relation,
    /// The reference of the other.
    pub to: String,
}

/// A kind of relationship.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Relation {
    /// The one needs the other.
    DependsOn,
    /// The other is in the one.
    Contains,
    /// Another of SPDX's, in its capital letters: `BUILD_TOOL_OF`.
    Other(String),
}

const KINDS: [(&str, &str, Kind); 13] = [
    ("application", "APPLICATION", Kind::Application),
    ("framework", "FRAMEWORK", Kind::Framework),
    ("library", "LIBRARY", Kind::Library),
    ("container", "CONTAINER", Kind::Container),
    ("platform", "OTHER", Kind::Platform),
    ("operating-system", "OPERATING_SYSTEM", Kind::OperatingSystem),
    ("device", "DEVICE", Kind::Device),
    ("device-driver", "OTHER", Kind::DeviceDriver),
    ("firmware", "FIRMWARE", Kind::Firmware),
    ("file", "FILE", Kind::File),
    ("machine-learning-model", "OTHER", Kind::MachineLearningModel),
    ("data", "OTHER", Kind::Data),
    ("cryptographic-asset", "OTHER", Kind::CryptographicAsset),
];

impl Kind {
    /// As `CycloneDX` writes it.
    pub fn as_str(self) -> &'static str {
        KINDS.iter().find(|(.., kind)| *kind == self).map_or("library", |(name, ..)| name)
    }

    pub(crate) fn of_cyclonedx(name: &str) -> Option<Self> {
        KINDS.iter().find(|(known, ..)| *known == name).map(|(.., kind)| *kind)
    }

    /// The purpose of a package in SPDX.
    pub(crate) fn purpose(self) -> &'static str {
        KINDS.iter().find(|(.., kind)| *kind == self).map_or("OTHER", |(_, purpose, _)| purpose)
    }

    pub(crate) fn of_purpose(purpose: &str) -> Self {
        let purpose = purpose.replace('-', "_").to_ascii_uppercase();
        KINDS
            .iter()
            .find(|(_, known, _)| *known == purpose)
            .filter(|_| purpose != "OTHER")
            .map_or(Self::Library, |it| it.2)
    }
}

impl License {
    /// As it is written: an id, an expression or a name.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Id(text) | Self::Expression(text) | Self::Name(text) => text,
        }
    }
}

impl Hash {
    /// With the algorithm as `CycloneDX` writes it, whichever way it was written; `None` when one is not known, or when the
    /// digits are not those of a digest.
    pub fn new(algorithm: &str, value: &str) -> Option<Self> {
        const KNOWN: [(&str, usize); 14] = [
            ("MD5", 32),
            ("SHA-1", 40),
            ("SHA-256", 64),
            ("SHA-384", 96),
            ("SHA-512", 128),
            ("SHA3-256", 64),
            ("SHA3-384", 96),
            ("SHA3-512", 128),
            ("BLAKE2b-256", 64),
            ("BLAKE2b-384", 96),
            ("BLAKE2b-512", 128),
            ("BLAKE3", 64),
            ("Streebog-256", 64),
            ("Streebog-512", 128),
        ];
        let bare = |name: &str| name.replace(['-', '_'], "").to_ascii_lowercase();
        let (known, length) = KNOWN.iter().find(|(known, _)| bare(known) == bare(algorithm))?;
        let sound = value.len() == *length && value.bytes().all(|byte| byte.is_ascii_hexdigit());
        sound.then(|| Self { algorithm: (*known).to_owned(), value: value.to_ascii_lowercase() })
    }
}

impl Sbom {
    /// A number for a document that has none: the same for the same content.
    pub(crate) fn uuid(&self) -> String {
        let text = serde_json::to_vec(self).unwrap_or_default();
        let mut bytes: Vec<u8> = Sha256::digest(text)[..16].to_vec();
        // A UUID of version 8: made by rules of one's own (RFC 9562).
        bytes[6] = bytes[6] & 0x0f | 0x80;
        bytes[8] = bytes[8] & 0x3f | 0x80;
        let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        [&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]].join("-")
    }

    /// When it was made, in UTC; `None` when what it says is no time.
    pub(crate) fn time(&self) -> Option<Timestamp> {
        self.timestamp.as_ref()?.parse().ok()
    }

    /// The subject and the components.
    pub fn all(&self) -> impl Iterator<Item = &Component> {
        self.subject.iter().chain(&self.components)
    }
}
