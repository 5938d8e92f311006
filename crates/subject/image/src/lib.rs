//! Container images: read from registries, folders and archives, and what is in them.
//!
//! [`Image::read`] takes an image from its [`Location`]. Every byte is held to the digest that names it; layers are read
//! once each, as streams, several at a time, and nothing of them is written anywhere: what is wanted of a file is taken
//! while it passes, and layers are laid over each other as a runtime does. An image with something in it that no sound
//! image has, such as a name that leads out of it, is refused as a whole.
//!
//! [`Image::document`] is what policies judge. What is kept beside an image, such as signatures, is read and written in a
//! [`Repository`].

mod artifact;
mod base;
mod config;
mod digest;
mod document;
mod error;
mod folder;
mod image;
mod inventory;
mod layer;
mod limits;
mod manifest;
mod package;
mod pipe;
mod platform;
mod purl;
mod reference;
mod referrers;
mod registry;
mod repository;
mod source;
mod tape;
mod tree;

pub use artifact::{Artifact, ArtifactFile};
pub use base::{Base, BaseMatch, Bases, BasesError};
pub use config::{Config, Step};
pub use digest::{Digest, Mismatch, ParseDigestError, Verified};
pub use error::ImageError;
pub use folder::Contents;
pub use image::{FileProblem, Image, Layer, Options};
pub use inventory::Os;
pub use layer::TextFile;
pub use limits::Limits;
pub use package::{OwnedFile, Package, PackageKind, SourcePackage};
pub use platform::{ParsePlatformError, Platform};
pub use purl::PackageUrl;
pub use reference::{DEFAULT_REGISTRY, DEFAULT_TAG, ParseReferenceError, Reference};
pub use referrers::Referrer;
pub use registry::{Registry, RegistryError, RegistryOptions};
pub use repository::{Name, Repository, Stored};
pub use source::{Location, ParseLocationError};
