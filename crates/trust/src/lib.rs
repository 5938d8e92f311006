//! Signatures and attestations of images: whether they are genuine, whose they are, and what they say.
//!
//! [`verify_image`] finds what cosign keeps beside an image and verifies it; [`verify_bundle`] verifies a sigstore bundle.
//! What is verified is a document that policies judge ([`Verified::document`]) or that an [`Expectation`] is held to. What
//! is refused says why ([`TrustError::reason`]). [`sign`] and [`attest`] write what cosign verifies.
//!
//! Nothing here uses the network: manifests and blobs come from a [`Store`], the trusted root is given.

mod authorities;
mod bundle;
mod certificate;
mod chain;
mod cosign;
mod der;
mod digest;
mod dsse;
mod error;
mod identity;
mod key;
mod limits;
mod notation;
mod pem;
pub mod predicate;
mod root;
mod statement;
mod store;
mod time;
mod trust;
mod verified;

pub use bundle::{Artifact, verify_bundle};
pub use cosign::{
    Attached, Blob, Found, Refused, Target, attest, attest_under_tag, referrers_index, sign, sign_under_tag,
    verify_image, verify_image_by_any,
};
pub use digest::Digest;
pub use dsse::{Envelope, EnvelopeSignature, IN_TOTO};
pub use error::TrustError;
pub use identity::{Identity, Matcher};
pub use key::{KeyKind, KeyPair, PrivateKey, PublicKey};
pub use notation::{NotationTrust, TrustPolicies, TrustStores, verify_notation, verify_notation_image};
pub use predicate::{Expectation, Unmet};
pub use root::TrustedRoot;
pub use statement::{Statement, StatementSubject};
pub use store::{Reference, Referrer, Store, StoreError};
pub use trust::{KeyTrust, KeylessTrust, Log, Trust};
pub use verified::{Form, LogEntry, SignedAt, Signer, Verified};
