use std::fmt;

use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING, ECDSA_P521_SHA512_ASN1_SIGNING, EcdsaKeyPair,
    EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair,
};
use zeroize::Zeroizing;

use super::{PublicKey, sealed};
use crate::{TrustError, pem};

const WHAT: &str = "the private key";

/// A private key that signs as cosign does: ECDSA with the hash of its curve's size, RSA PKCS #1 v1.5 with SHA-256, or
/// Ed25519. cosign takes SHA-256 for granted, so that it verifies those of P-384 and P-521 with
/// `--signature-digest-algorithm sha384` and `sha512`.
pub struct PrivateKey {
    pair: Pair,
    public: PublicKey,
}

enum Pair {
    Ecdsa(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
    Rsa(Box<RsaKeyPair>),
}

/// A new key pair, as the files `cosign.key` and `cosign.pub` hold it.
pub struct KeyPair {
    /// The private key, encrypted with the password.
    pub private_pem: String,
    /// The public key.
    pub public_pem: String,
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PrivateKey(of {:?})", self.public)
    }
}

impl fmt::Debug for KeyPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyPair({})", self.public_pem)
    }
}

impl KeyPair {
    /// Makes an ECDSA P-256 key pair in cosign's form, the private key encrypted with the password.
    ///
    /// # Errors
    /// When the system has no randomness.
    pub fn generate(password: &[u8]) -> Result<Self, TrustError> {
        let failed = |_| TrustError::malformed(WHAT, "the system gives no randomness");
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).map_err(failed)?;
        let pkcs8 = pair.to_pkcs8v1().map_err(failed)?;
        let public: PublicKeyX509Der<'_> = pair.public_key().as_der().map_err(failed)?;
        let public = PublicKey::from_spki(public.as_ref())?;
        let private_pem = pem::write(sealed::LABEL, sealed::seal(pkcs8.as_ref(), password)?.as_bytes());
        Ok(Self { private_pem, public_pem: public.to_pem() })
    }
}

impl PrivateKey {
    /// Reads PEM: cosign's encrypted form (`ENCRYPTED SIGSTORE PRIVATE KEY`, `ENCRYPTED COSIGN PRIVATE KEY`), PKCS #8
    /// (`PRIVATE KEY`) or SEC 1 (`EC PRIVATE KEY`). The password is asked for by the first only.
    ///
    /// # Errors
    /// When it is something else, the password is wrong, or the key is of another kind than
    /// [`KeyKind`](super::KeyKind) has.
    pub fn from_pem(text: &str, password: &[u8]) -> Result<Self, TrustError> {
        let mut blocks = pem::blocks(WHAT, text)?;
        // OpenSSL writes the name of the curve before the key.
        blocks.retain(|block| block.label != "EC PARAMETERS");
        let [block] = blocks.as_mut_slice() else {
            return Err(TrustError::malformed(WHAT, "there are several keys; give one a time"));
        };
        let bytes = Zeroizing::new(std::mem::take(&mut block.bytes));
        match block.label.as_str() {
            sealed::LABEL | sealed::OLD_LABEL => Self::from_pkcs8(&sealed::open(&bytes, password)?),
            "PRIVATE KEY" => Self::from_pkcs8(&bytes),
            "EC PRIVATE KEY" => Self::from_sec1(&bytes),
            label => Err(TrustError::malformed(WHAT, format!("it is a {label}"))),
        }
    }

    /// Reads PKCS #8 in DER.
    ///
    /// # Errors
    /// As [`PrivateKey::from_pem`].
    pub fn from_pkcs8(der: &[u8]) -> Result<Self, TrustError> {
        if let Some(pair) = curves().find_map(|curve| EcdsaKeyPair::from_pkcs8(curve, der).ok()) {
            return Self::of_ecdsa(pair);
        }
        if let Ok(pair) = Ed25519KeyPair::from_pkcs8_maybe_unchecked(der) {
            let public: PublicKeyX509Der<'_> = pair.public_key().as_der().map_err(unusable)?;
            return Ok(Self { public: PublicKey::from_spki(public.as_ref())?, pair: Pair::Ed25519(pair) });
        }
        if let Ok(pair) = RsaKeyPair::from_pkcs8(der) {
            let public: PublicKeyX509Der<'_> = pair.public_key().as_der().map_err(unusable)?;
            return Ok(Self { public: PublicKey::from_spki(public.as_ref())?, pair: Pair::Rsa(Box::new(pair)) });
        }
        Err(TrustError::malformed(WHAT, "it is no ECDSA, Ed25519 or RSA key in PKCS #8"))
    }

    fn from_sec1(der: &[u8]) -> Result<Self, TrustError> {
        let pair = curves().find_map(|curve| EcdsaKeyPair::from_private_key_der(curve, der).ok());
        pair.map_or_else(|| Err(TrustError::malformed(WHAT, "it is no ECDSA key")), Self::of_ecdsa)
    }

    fn of_ecdsa(pair: EcdsaKeyPair) -> Result<Self, TrustError> {
        let public: PublicKeyX509Der<'_> = pair.public_key().as_der().map_err(unusable)?;
        Ok(Self { public: PublicKey::from_spki(public.as_ref())?, pair: Pair::Ecdsa(pair) })
    }

    /// The public key that belongs to it.
    pub fn public(&self) -> &PublicKey {
        &self.public
    }

    /// A signature over a message.
    ///
    /// # Errors
    /// When the system has no randomness.
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, TrustError> {
        let random = SystemRandom::new();
        match &self.pair {
            Pair::Ecdsa(pair) => Ok(pair.sign(&random, message).map_err(unusable)?.as_ref().to_vec()),
            Pair::Ed25519(pair) => Ok(pair.try_sign(message).map_err(unusable)?.as_ref().to_vec()),
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature).map_err(unusable)?;
                Ok(signature)
            }
        }
    }

    /// The key in PKCS #8, encrypted in cosign's form.
    ///
    /// # Errors
    /// When it is no ECDSA key, or the system has no randomness.
    pub fn to_encrypted_pem(&self, password: &[u8]) -> Result<String, TrustError> {
        let Pair::Ecdsa(pair) = &self.pair else {
            return Err(TrustError::Unsupported("writing a key that is not ECDSA".into()));
        };
        let pkcs8 = pair.to_pkcs8v1().map_err(unusable)?;
        Ok(pem::write(sealed::LABEL, sealed::seal(pkcs8.as_ref(), password)?.as_bytes()))
    }
}

fn curves() -> impl Iterator<Item = &'static EcdsaSigningAlgorithm> {
    [&ECDSA_P256_SHA256_ASN1_SIGNING, &ECDSA_P384_SHA384_ASN1_SIGNING, &ECDSA_P521_SHA512_ASN1_SIGNING].into_iter()
}

fn unusable(_: aws_lc_rs::error::Unspecified) -> TrustError {
    TrustError::malformed(WHAT, "it cannot be used")
}
