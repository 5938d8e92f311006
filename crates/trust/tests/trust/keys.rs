//! Keys of every kind, and cosign's own key files.

use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{RSA_PSS_SHA256, RsaKeyPair};
use aws_lc_rs::{encoding::AsDer, rand::SystemRandom};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::pkcs8::EncodePrivateKey as _;
#[cfg(not(feature = "fips"))]
use probity_trust::TrustError;
use probity_trust::{KeyPair, PrivateKey, PublicKey};
use sha2::{Digest as _, Sha512};

use crate::support::{every_kind, pem};

/// Made by go-securesystemslib, which cosign keeps its keys with. The password is `sesame`.
const SEALED: &str = "-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----
eyJrZGYiOnsibmFtZSI6InNjcnlwdCIsInBhcmFtcyI6eyJOIjo2NTUzNiwiciI6
OCwicCI6MX0sInNhbHQiOiI3NFl3WmZrV1NPSUJPWDhObSt6YmhsRFNLSE1rSnFZ
M205NzV2Q0JXZjJRPSJ9LCJjaXBoZXIiOnsibmFtZSI6Im5hY2wvc2VjcmV0Ym94
Iiwibm9uY2UiOiJvdlNBVXRVZ3hydVN1RWJlVUpxUUcwb2I4ZGJOa1ltTiJ9LCJj
aXBoZXJ0ZXh0IjoiVDZIR3BwWWNNZ2tTL2VKVDZObnZXUWdZRUNHTk5IakdPRnJi
U1h2Sk9jcTU5RHNDYTBuOHhiM01aOUQrOTJCWVVBN2d1TExmNS9DTkZpM1RpWmdN
ZlpSYXBIeEpZK2Z0aXNRa0ZvTWNiam9ibU8rU3VkRDZodkwrQ2hHaFBiQld3ZnBa
UHduV0QvK0srVkdkckRzUGxFWWFFVzA5U0dFZ3U2Umt6MnhSZkd6WHFOME94QTR6
SkttRUZjYnV1TjRrVGxqbE9ob2d1UFZQYUE9PSJ9
-----END ENCRYPTED SIGSTORE PRIVATE KEY-----
";
const PUBLIC: &str = "-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEXOBk1+WHPkffRAJrmlFbgi0qoGcZ
i9m/vw+NiSnrqzPGWp+TJ1XtzW25Njcn10nh6UQVrZOQ5P9JKFl6xn0IOQ==
-----END PUBLIC KEY-----
";
/// Of `hello`, by the same.
const SIGNATURE: &str =
    "MEYCIQDIMtWz5/EDQWGDpKbGNIr4YRNWQypHRw3pCkzESLCOoQIhAPeBt4vfAqg77/Qoyt8haoiWpOwxtXgIwhrLznD4bRfY";

#[cfg(not(feature = "fips"))]
#[test]
fn a_key_file_of_cosign_is_read() {
    let key = PrivateKey::from_pem(SEALED, b"sesame").unwrap();
    assert_eq!(key.public().to_pem(), PUBLIC);
    key.public().verify(b"hello", &STANDARD.decode(SIGNATURE).unwrap()).unwrap();
    assert!(matches!(PrivateKey::from_pem(SEALED, b"Sesame"), Err(TrustError::Password)));
    assert!(matches!(PrivateKey::from_pem(SEALED, b""), Err(TrustError::Password)));
}

/// Encrypted keys are refused with what to do, and what needs no such key works with the same signature.
#[cfg(feature = "fips")]
#[test]
fn a_key_file_of_cosign_is_refused() {
    let error = PrivateKey::from_pem(SEALED, b"sesame").unwrap_err();
    assert_eq!(error.reason(), "not-approved");
    assert!(error.to_string().contains("unencrypted PKCS #8"), "{error}");
    assert_eq!(KeyPair::generate(b"open").unwrap_err().reason(), "not-approved");
    PublicKey::from_pem(PUBLIC).unwrap().verify(b"hello", &STANDARD.decode(SIGNATURE).unwrap()).unwrap();
}

#[cfg(not(feature = "fips"))]
#[test]
fn new_keys_are_encrypted_and_of_no_use_without_their_password() {
    let pair = KeyPair::generate(b"open").unwrap();
    let key = PrivateKey::from_pem(&pair.private_pem, b"open").unwrap();
    assert_eq!(key.public(), &PublicKey::from_pem(&pair.public_pem).unwrap());
    assert!(matches!(PrivateKey::from_pem(&pair.private_pem, b"close"), Err(TrustError::Password)));
    let again = key.to_encrypted_pem(b"other").unwrap();
    assert_eq!(PrivateKey::from_pem(&again, b"other").unwrap().public(), key.public());
    assert!(!format!("{pair:?} {key:?}").contains("PRIVATE"));
}

#[cfg(not(feature = "fips"))]
#[test]
fn costs_that_cosign_does_not_ask_for_are_refused() {
    let inner = STANDARD.decode(SEALED.lines().filter(|line| !line.starts_with('-')).collect::<String>()).unwrap();
    let costly = String::from_utf8(inner).unwrap().replace("65536", "1073741824");
    let body = STANDARD.encode(costly);
    let sealed = SEALED.lines().next().unwrap().to_owned() + "\n" + &body + "\n" + SEALED.lines().last().unwrap();
    let error = PrivateKey::from_pem(&sealed, b"sesame").unwrap_err();
    assert_eq!(error.reason(), "unsupported");
}

#[test]
fn keys_of_every_kind_sign_and_verify() {
    for (kind, pem) in every_kind() {
        let key = PrivateKey::from_pem(&pem, b"").unwrap();
        assert_eq!(key.public().kind(), kind);
        let public = PublicKey::from_pem(&key.public().to_pem()).unwrap();
        let signature = key.sign(b"message").unwrap();
        public.verify(b"message", &signature).unwrap();
        assert_eq!(public.verify(b"massage", &signature).unwrap_err().reason(), "forged", "{kind}");
        let mut other = signature.clone();
        *other.last_mut().unwrap() ^= 1;
        assert!(public.verify(b"message", &other).is_err(), "{kind}");
        assert!(public.verify(b"message", &[]).is_err(), "{kind}");
    }
}

#[test]
fn rsa_signatures_with_pss_are_verified_too() {
    let rsa = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
    let der: aws_lc_rs::encoding::Pkcs8V1Der<'_> = rsa.as_der().unwrap();
    let public = PrivateKey::from_pkcs8(der.as_ref()).unwrap().public().clone();
    let mut signature = vec![0; rsa.public_modulus_len()];
    rsa.sign(&RSA_PSS_SHA256, &SystemRandom::new(), b"message", &mut signature).unwrap();
    public.verify(b"message", &signature).unwrap();
    assert!(public.verify(b"massage", &signature).is_err());
}

#[test]
fn what_is_no_key_is_refused() {
    let private = every_kind().remove(0).1;
    for text in ["", "key", "-----BEGIN PUBLIC KEY-----", PUBLIC.lines().next().unwrap(), &private, &PUBLIC.repeat(2)] {
        assert_eq!(PublicKey::from_pem(text).unwrap_err().reason(), "malformed", "{text}");
    }
    // A point that is not on the curve.
    let off = PUBLIC.replace("i9m/vw", "i9m/vx");
    assert!(PublicKey::from_pem(&off).is_err());
    for text in ["", PUBLIC, &pem(b"key")] {
        assert_eq!(PrivateKey::from_pem(text, b"").unwrap_err().reason(), "malformed", "{text}");
    }
}

/// What cosign makes with such keys in its first form.
#[test]
fn ed25519_signatures_over_a_hash_are_verified_too() {
    let signing = ed25519_dalek::SigningKey::from_bytes(&[7; 32]);
    let der = signing.to_pkcs8_der().unwrap();
    let public = PrivateKey::from_pkcs8(der.as_bytes()).unwrap().public().clone();
    let signature = signing.sign_prehashed(Sha512::new_with_prefix(b"message"), None).unwrap().to_bytes();
    // The validated module has no Ed25519ph.
    assert_eq!(public.verify(b"message", &signature).is_ok(), !cfg!(feature = "fips"));
    assert_eq!(public.verify(b"massage", &signature).unwrap_err().reason(), "forged");
    let in_context = signing.sign_prehashed(Sha512::new_with_prefix(b"message"), Some(b"other")).unwrap().to_bytes();
    assert!(public.verify(b"message", &in_context).is_err());
}
