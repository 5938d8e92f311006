//! Ed25519 (RFC 8032), verified strictly: a key or a signature of small order is refused.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair as _, ParsedPublicKey, UnparsedPublicKey};

use crate::small_order::is_small_order;

/// Bytes that are no Ed25519 public key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an Ed25519 key")]
pub struct BadKey;

/// A private key.
#[derive(Clone)]
pub struct SigningKey {
    pair: Arc<Ed25519KeyPair>,
    seed: [u8; 32],
}

impl SigningKey {
    /// The key that a seed stands for.
    ///
    /// # Panics
    /// When the module refuses to work, as one does whose own tests have failed.
    #[must_use]
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed).expect("every seed of 32 bytes is a key");
        Self { pair: Arc::new(pair), seed: *seed }
    }

    /// What it was made from.
    #[must_use]
    pub fn seed(&self) -> &[u8; 32] {
        &self.seed
    }

    /// Its public part.
    #[must_use]
    pub fn verifying_key(&self) -> VerifyingKey {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(self.pair.public_key().as_ref());
        VerifyingKey(bytes)
    }

    /// The signature over a message.
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        let mut bytes = [0; 64];
        bytes.copy_from_slice(self.pair.sign(message).as_ref());
        bytes
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey of {:?}", self.verifying_key())
    }
}

/// A public key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VerifyingKey([u8; 32]);

impl VerifyingKey {
    /// Takes its 32 bytes.
    ///
    /// # Errors
    /// When they are of small order, so that anybody can sign for them, or not read as a key.
    pub fn from_bytes(bytes: &[u8; 32]) -> Result<Self, BadKey> {
        if is_small_order(bytes) || parsed(bytes).is_none() {
            return Err(BadKey);
        }
        Ok(Self(*bytes))
    }

    /// Its 32 bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Whether it made the signature over the message.
    #[must_use]
    pub fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        let first = signature.first_chunk::<32>();
        first.is_some_and(|first| !is_small_order(first))
            && parsed(&self.0).is_some_and(|key| key.verify_sig(message, signature).is_ok())
    }
}

fn parsed(bytes: &[u8; 32]) -> Option<ParsedPublicKey> {
    UnparsedPublicKey::new(&ED25519, bytes).parse().ok()
}

#[cfg(test)]
mod tests {
    use ed25519_dalek::Signer as _;
    use proptest::prelude::*;

    use super::*;

    fn unhex<const N: usize>(digits: &str) -> [u8; N] {
        std::array::from_fn(|at| u8::from_str_radix(&digits[2 * at..2 * at + 2], 16).unwrap())
    }

    #[test]
    fn the_second_test_of_rfc_8032_holds() {
        let key = SigningKey::from_seed(&unhex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb"));
        let public = "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c";
        assert_eq!(*key.verifying_key().as_bytes(), unhex::<32>(public));
        let signature = "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da\
                         085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00";
        assert_eq!(key.sign(&[0x72]), unhex::<64>(signature));
    }

    proptest! {
        #[test]
        fn keys_and_signatures_are_those_of_another_implementation(
            seed in any::<[u8; 32]>(),
            message in prop::collection::vec(any::<u8>(), 0..200),
            at in 0_usize..64,
            bit in 0_u8..8,
        ) {
            let (ours, other) = (SigningKey::from_seed(&seed), ed25519_dalek::SigningKey::from_bytes(&seed));
            let key = ours.verifying_key();
            prop_assert_eq!(*key.as_bytes(), other.verifying_key().to_bytes());
            let signature = ours.sign(&message);
            prop_assert_eq!(signature, other.sign(&message).to_bytes());
            prop_assert!(key.verifies(&message, &signature));
            let mut wrong = signature;
            wrong[at] ^= 1 << bit;
            prop_assert!(!key.verifies(&message, &wrong));
            prop_assert!(!key.verifies(&message, &signature[..at]));
        }
    }

    #[test]
    fn what_anybody_can_sign_for_is_refused() {
        // Under the neutral point as the key and as R, with S = 0, the equation holds for every message.
        let mut neutral = [0; 32];
        neutral[0] = 1;
        assert_eq!(VerifyingKey::from_bytes(&neutral), Err(BadKey));
        let mut signature = [0; 64];
        signature[0] = 1;
        assert!(!VerifyingKey(neutral).verifies(b"anything", &signature));
    }
}
