//! Signatures as JSON Web Tokens have them (RFC 7518, section 3; RFC 8037).

use aws_lc_rs::hmac;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ECDSA_P521_SHA512_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256,
    RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512, RSA_PSS_2048_8192_SHA256, RSA_PSS_2048_8192_SHA384,
    RSA_PSS_2048_8192_SHA512, UnparsedPublicKey, VerificationAlgorithm,
};

/// Whether a signature under an algorithm such as `ES256` is right. The key is a `SubjectPublicKeyInfo` in DER, RSA ones of
/// 2,048 to 8,192 bits, or the secret of `HS*`. Under an algorithm that is not known none is right.
#[must_use]
pub fn jws_verifies(algorithm: &str, key: &[u8], message: &[u8], signature: &[u8]) -> bool {
    let keyed = |algorithm| hmac::verify(&hmac::Key::new(algorithm, key), message, signature).is_ok();
    let public: &'static dyn VerificationAlgorithm = match algorithm {
        "HS256" => return keyed(hmac::HMAC_SHA256),
        "HS384" => return keyed(hmac::HMAC_SHA384),
        "HS512" => return keyed(hmac::HMAC_SHA512),
        "RS256" => &RSA_PKCS1_2048_8192_SHA256,
        "RS384" => &RSA_PKCS1_2048_8192_SHA384,
        "RS512" => &RSA_PKCS1_2048_8192_SHA512,
        "PS256" => &RSA_PSS_2048_8192_SHA256,
        "PS384" => &RSA_PSS_2048_8192_SHA384,
        "PS512" => &RSA_PSS_2048_8192_SHA512,
        "ES256" => &ECDSA_P256_SHA256_FIXED,
        "ES384" => &ECDSA_P384_SHA384_FIXED,
        "ES512" => &ECDSA_P521_SHA512_FIXED,
        "EdDSA" => &ED25519,
        _ => return false,
    };
    UnparsedPublicKey::new(public, key).verify(message, signature).is_ok()
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::encoding::{AsDer as _, PublicKeyX509Der};
    use aws_lc_rs::rand::SystemRandom;
    use aws_lc_rs::rsa::KeySize;
    use aws_lc_rs::signature::{
        ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, ECDSA_P521_SHA512_FIXED_SIGNING,
        EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA384, RSA_PSS_SHA256, RsaKeyPair,
    };

    use super::*;

    #[test]
    fn signatures_verify_under_their_own_algorithm_only() {
        const MESSAGE: &[u8] = b"header.payload";
        let random = SystemRandom::new();
        let mut made: Vec<(&str, Vec<u8>, Vec<u8>)> = Vec::new();
        for (name, curve) in [
            ("ES256", &ECDSA_P256_SHA256_FIXED_SIGNING),
            ("ES384", &ECDSA_P384_SHA384_FIXED_SIGNING),
            ("ES512", &ECDSA_P521_SHA512_FIXED_SIGNING),
        ] {
            let pair = EcdsaKeyPair::generate(curve).unwrap();
            let public: PublicKeyX509Der<'_> = pair.public_key().as_der().unwrap();
            made.push((name, public.as_ref().to_vec(), pair.sign(&random, MESSAGE).unwrap().as_ref().to_vec()));
        }
        let pair = Ed25519KeyPair::generate().unwrap();
        let public: PublicKeyX509Der<'_> = pair.public_key().as_der().unwrap();
        made.push(("EdDSA", public.as_ref().to_vec(), pair.sign(MESSAGE).as_ref().to_vec()));
        let pair = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
        let public: PublicKeyX509Der<'_> = pair.public_key().as_der().unwrap();
        let mut signature = vec![0; 256];
        pair.sign(&RSA_PKCS1_SHA384, &random, MESSAGE, &mut signature).unwrap();
        made.push(("RS384", public.as_ref().to_vec(), signature.clone()));
        pair.sign(&RSA_PSS_SHA256, &random, MESSAGE, &mut signature).unwrap();
        made.push(("PS256", public.as_ref().to_vec(), signature));
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA384, b"secret"), MESSAGE);
        made.push(("HS384", b"secret".to_vec(), tag.as_ref().to_vec()));

        for (name, key, signature) in &made {
            assert!(jws_verifies(name, key, MESSAGE, signature), "{name}");
            assert!(!jws_verifies(name, key, b"header.other", signature), "{name}");
            assert!(!jws_verifies(name, key, MESSAGE, &signature[1..]), "{name}");
            for other in ["", "none", "HS256", "RS256", "PS512", "ES256", "ES384", "EdDSA"] {
                assert!(other == *name || !jws_verifies(other, key, MESSAGE, signature), "{name} as {other}");
            }
        }
    }
}
