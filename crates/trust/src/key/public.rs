use std::fmt;

use aws_lc_rs::signature::UnparsedPublicKey;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use x509_parser::prelude::FromDer;
use x509_parser::x509::SubjectPublicKeyInfo;

use super::Algorithm;
use crate::digest::{hex, sha256};
use crate::{TrustError, der, pem};

const WHAT: &str = "the public key";

/// What a key is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum KeyKind {
    /// ECDSA over P-256.
    EcdsaP256,
    /// ECDSA over P-384.
    EcdsaP384,
    /// ECDSA over P-521.
    EcdsaP521,
    /// Ed25519.
    Ed25519,
    /// RSA of 2,048 to 8,192 bits.
    Rsa,
}

impl fmt::Display for KeyKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::EcdsaP256 => "ecdsa-p256",
            Self::EcdsaP384 => "ecdsa-p384",
            Self::EcdsaP521 => "ecdsa-p521",
            Self::Ed25519 => "ed25519",
            Self::Rsa => "rsa",
        })
    }
}

/// A public key.
#[derive(Clone, PartialEq, Eq)]
pub struct PublicKey {
    kind: KeyKind,
    spki: Vec<u8>,
}

impl PublicKey {
    /// Reads PEM: `PUBLIC KEY` (RFC 5280) or `RSA PUBLIC KEY` (PKCS #1).
    ///
    /// # Errors
    /// When it is something else, or a key of another kind than [`KeyKind`] has.
    pub fn from_pem(text: &str) -> Result<Self, TrustError> {
        let mut blocks = pem::blocks(WHAT, text)?;
        if blocks.len() > 1 {
            return Err(TrustError::malformed(WHAT, "there are several; give one a time"));
        }
        let block = blocks.remove(0);
        match block.label.as_str() {
            "PUBLIC KEY" => Self::from_spki(&block.bytes),
            "RSA PUBLIC KEY" => Self::from_spki(&spki_of_rsa(&block.bytes)),
            label => Err(TrustError::malformed(WHAT, format!("it is a {label}"))),
        }
    }

    /// Reads a `SubjectPublicKeyInfo` in DER.
    ///
    /// # Errors
    /// As [`PublicKey::from_pem`].
    pub fn from_spki(der: &[u8]) -> Result<Self, TrustError> {
        let (rest, info) = SubjectPublicKeyInfo::from_der(der).map_err(|error| TrustError::malformed(WHAT, error))?;
        if !rest.is_empty() {
            return Err(TrustError::malformed(WHAT, "something follows it"));
        }
        let algorithm = info.algorithm.algorithm.to_id_string();
        let curve = info.algorithm.parameters.as_ref().and_then(|curve| curve.as_oid().ok());
        let kind = match (algorithm.as_str(), curve.map(|curve| curve.to_id_string()).as_deref()) {
            ("1.2.840.10045.2.1", Some("1.2.840.10045.3.1.7")) => KeyKind::EcdsaP256,
            ("1.2.840.10045.2.1", Some("1.3.132.0.34")) => KeyKind::EcdsaP384,
            ("1.2.840.10045.2.1", Some("1.3.132.0.35")) => KeyKind::EcdsaP521,
            ("1.3.101.112", None) => KeyKind::Ed25519,
            ("1.2.840.113549.1.1.1", _) => KeyKind::Rsa,
            _ => return Err(TrustError::Unsupported(format!("a key of the algorithm {algorithm}"))),
        };
        let key = Self { kind, spki: der.to_vec() };
        let usual = Algorithm::usual(kind)[0].verification(kind);
        let parsed = usual.map(|algorithm| UnparsedPublicKey::new(algorithm, &key.spki).parse());
        match parsed {
            Some(Ok(_)) => Ok(key),
            _ => Err(TrustError::malformed(WHAT, format!("it is no {kind} key"))),
        }
    }

    /// What it is.
    pub fn kind(&self) -> KeyKind {
        self.kind
    }

    /// It as `SubjectPublicKeyInfo` in DER.
    pub fn spki(&self) -> &[u8] {
        &self.spki
    }

    /// It as PEM, as cosign writes it.
    pub fn to_pem(&self) -> String {
        pem::write("PUBLIC KEY", &self.spki)
    }

    /// The SHA-256 of its `SubjectPublicKeyInfo`, in hexadecimal: what it is called in documents and logs.
    pub fn id(&self) -> String {
        hex(&sha256(&self.spki))
    }

    /// The same in base64, as bundles hint at it.
    pub fn hint(&self) -> String {
        STANDARD.encode(sha256(&self.spki))
    }

    /// Verifies a signature over a message that names no algorithm: by those that signers use with such keys.
    ///
    /// # Errors
    /// [`TrustError::Forged`].
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), TrustError> {
        let mut algorithms = Algorithm::usual(self.kind).iter();
        if algorithms.any(|algorithm| self.verify_with(*algorithm, message, signature).is_ok()) {
            return Ok(());
        }
        if self.kind == KeyKind::Ed25519 && self.verify_prehashed(message, signature).is_some() {
            return Ok(());
        }
        Err(TrustError::Forged(format!("{} key {}", self.kind, self.id())))
    }

    /// Verifies a signature of Ed25519ph, which cosign makes in its first form. aws-lc has it not.
    #[cfg(not(feature = "fips"))]
    fn verify_prehashed(&self, message: &[u8], signature: &[u8]) -> Option<()> {
        use ed25519_dalek::{Signature, VerifyingKey};
        use sha2::{Digest as _, Sha512};

        let (_, info) = SubjectPublicKeyInfo::from_der(&self.spki).ok()?;
        let key = VerifyingKey::try_from(info.subject_public_key.data.as_ref()).ok()?;
        let signature = Signature::from_slice(signature).ok()?;
        key.verify_prehashed_strict(Sha512::new_with_prefix(message), None, &signature).ok()
    }

    /// The validated module has no Ed25519ph that can be called, and no other may verify.
    #[cfg(feature = "fips")]
    fn verify_prehashed(&self, _: &[u8], _: &[u8]) -> Option<()> {
        None
    }

    /// Verifies a signature of an algorithm that is known.
    pub(crate) fn verify_with(&self, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> Result<(), TrustError> {
        let Some(verification) = algorithm.verification(self.kind) else {
            return Err(TrustError::Forged(format!("a {} key makes no {algorithm:?} signatures", self.kind)));
        };
        UnparsedPublicKey::new(verification, &self.spki)
            .verify(message, signature)
            .map_err(|_| TrustError::Forged(format!("{} key {}", self.kind, self.id())))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({} {})", self.kind, self.id())
    }
}

/// A PKCS #1 key with the name of its algorithm.
fn spki_of_rsa(key: &[u8]) -> Vec<u8> {
    const RSA: &[u8] = &[0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00];
    let bits = der::element(0x03, &[&[0], key].concat());
    der::sequence(&[RSA, &bits])
}
