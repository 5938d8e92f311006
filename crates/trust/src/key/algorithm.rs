//! Signature algorithms, and which of them a key may have been used with.

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA384_ASN1, ECDSA_P256_SHA512_ASN1,
    ECDSA_P384_SHA256_ASN1, ECDSA_P384_SHA384_ASN1, ECDSA_P384_SHA384_FIXED, ECDSA_P384_SHA512_ASN1,
    ECDSA_P521_SHA256_ASN1, ECDSA_P521_SHA384_ASN1, ECDSA_P521_SHA512_ASN1, ECDSA_P521_SHA512_FIXED, ED25519,
    RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512, RSA_PSS_2048_8192_SHA256,
    RSA_PSS_2048_8192_SHA384, RSA_PSS_2048_8192_SHA512, VerificationAlgorithm,
};

use super::KeyKind;

/// A hash function that signatures are made over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hash {
    Sha256,
    Sha384,
    Sha512,
}

/// A signature algorithm. ECDSA is over the curve of the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Algorithm {
    /// ECDSA, its two numbers in ASN.1 as X.509 and cosign write them.
    Ecdsa(Hash),
    /// ECDSA with the hash of the curve's size, its two numbers side by side as JOSE and COSE write them.
    EcdsaFixed(Hash),
    RsaPkcs1(Hash),
    RsaPss(Hash),
    Ed25519,
}

impl Algorithm {
    /// How a key of this kind verifies it, if it can.
    pub(crate) fn verification(self, key: KeyKind) -> Option<&'static dyn VerificationAlgorithm> {
        use Hash::{Sha256, Sha384, Sha512};
        Some(match (self, key) {
            (Self::Ecdsa(Sha256), KeyKind::EcdsaP256) => &ECDSA_P256_SHA256_ASN1,
            (Self::Ecdsa(Sha384), KeyKind::EcdsaP256) => &ECDSA_P256_SHA384_ASN1,
            (Self::Ecdsa(Sha512), KeyKind::EcdsaP256) => &ECDSA_P256_SHA512_ASN1,
            (Self::Ecdsa(Sha256), KeyKind::EcdsaP384) => &ECDSA_P384_SHA256_ASN1,
            (Self::Ecdsa(Sha384), KeyKind::EcdsaP384) => &ECDSA_P384_SHA384_ASN1,
            (Self::Ecdsa(Sha512), KeyKind::EcdsaP384) => &ECDSA_P384_SHA512_ASN1,
            (Self::Ecdsa(Sha256), KeyKind::EcdsaP521) => &ECDSA_P521_SHA256_ASN1,
            (Self::Ecdsa(Sha384), KeyKind::EcdsaP521) => &ECDSA_P521_SHA384_ASN1,
            (Self::Ecdsa(Sha512), KeyKind::EcdsaP521) => &ECDSA_P521_SHA512_ASN1,
            (Self::EcdsaFixed(Sha256), KeyKind::EcdsaP256) => &ECDSA_P256_SHA256_FIXED,
            (Self::EcdsaFixed(Sha384), KeyKind::EcdsaP384) => &ECDSA_P384_SHA384_FIXED,
            (Self::EcdsaFixed(Sha512), KeyKind::EcdsaP521) => &ECDSA_P521_SHA512_FIXED,
            (Self::RsaPkcs1(Sha256), KeyKind::Rsa) => &RSA_PKCS1_2048_8192_SHA256,
            (Self::RsaPkcs1(Sha384), KeyKind::Rsa) => &RSA_PKCS1_2048_8192_SHA384,
            (Self::RsaPkcs1(Sha512), KeyKind::Rsa) => &RSA_PKCS1_2048_8192_SHA512,
            (Self::RsaPss(Sha256), KeyKind::Rsa) => &RSA_PSS_2048_8192_SHA256,
            (Self::RsaPss(Sha384), KeyKind::Rsa) => &RSA_PSS_2048_8192_SHA384,
            (Self::RsaPss(Sha512), KeyKind::Rsa) => &RSA_PSS_2048_8192_SHA512,
            (Self::Ed25519, KeyKind::Ed25519) => &ED25519,
            _ => return None,
        })
    }

    /// What signers make with a key of this kind where nothing names the algorithm, likeliest first. cosign signs with
    /// SHA-256 whatever the curve, unless it is told the key's own algorithm; with RSA it makes PKCS #1 v1.5
    /// signatures, its other forms PSS.
    pub(crate) fn usual(key: KeyKind) -> &'static [Self] {
        use Hash::{Sha256, Sha384, Sha512};
        match key {
            KeyKind::EcdsaP256 => &[Self::Ecdsa(Sha256), Self::Ecdsa(Sha384), Self::Ecdsa(Sha512)],
            KeyKind::EcdsaP384 => &[Self::Ecdsa(Sha384), Self::Ecdsa(Sha256), Self::Ecdsa(Sha512)],
            KeyKind::EcdsaP521 => &[Self::Ecdsa(Sha512), Self::Ecdsa(Sha256), Self::Ecdsa(Sha384)],
            KeyKind::Rsa => &[
                Self::RsaPkcs1(Sha256),
                Self::RsaPss(Sha256),
                Self::RsaPkcs1(Sha384),
                Self::RsaPss(Sha384),
                Self::RsaPkcs1(Sha512),
                Self::RsaPss(Sha512),
            ],
            KeyKind::Ed25519 => &[Self::Ed25519],
        }
    }
}
