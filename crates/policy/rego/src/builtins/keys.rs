//! Keys: read from PEM, certificates and JWKs; signatures made and checked with them.

use hmac::{Hmac, KeyInit, Mac};
use p256::ecdsa::signature::hazmat::{PrehashSigner, PrehashVerifier};
use probity_go::pem;
use probity_model::json;
use probity_model::value::{Object, Value};
use rsa::pkcs1v15::Pkcs1v15Sign;
use rsa::traits::PublicKeyParts;
use rsa::{BoxedUint, PrivateKey as RsaPrivateKey, PublicKey as RsaPublicKey};
use sha2::{Digest, Sha256, Sha384, Sha512};
use x509_parser::prelude::FromDer;
use x509_parser::public_key::PublicKey;
use x509_parser::x509::SubjectPublicKeyInfo;

use super::Failure;
use super::encoding::decode_url;

/// Largest RSA modulus, in bytes.
const MAX_MODULUS: usize = 2048;

/// A key that signatures are checked with.
pub(super) enum Public {
    Rsa(RsaPublicKey),
    P256(p256::ecdsa::VerifyingKey),
    P384(p384::ecdsa::VerifyingKey),
    P521(p521::ecdsa::VerifyingKey),
    Ed25519(ed25519_dalek::VerifyingKey),
    Secret(Vec<u8>),
}

/// A key that signatures are made with.
pub(super) enum Private {
    Rsa(Box<RsaPrivateKey>),
    P256(p256::ecdsa::SigningKey),
    P384(p384::ecdsa::SigningKey),
    P521(p521::ecdsa::SigningKey),
    Ed25519(ed25519_dalek::SigningKey),
    Secret(Vec<u8>),
}

/// A key with what a key set says of it.
pub(super) struct Known {
    pub(super) algorithm: String,
    pub(super) id: String,
    pub(super) key: Public,
}

pub(super) const ALGORITHMS: [&str; 13] = [
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "HS256", "HS384", "HS512", "EdDSA",
];

fn uint(bytes: &[u8]) -> BoxedUint {
    BoxedUint::from_be_slice_vartime(bytes)
}

pub(super) fn rsa_public(modulus: &[u8], exponent: &[u8]) -> Option<RsaPublicKey> {
    let strip = |bytes: &[u8]| bytes.iter().copied().skip_while(|byte| *byte == 0).collect::<Vec<u8>>();
    let (modulus, exponent) = (strip(modulus), strip(exponent));
    let odd = |bytes: &[u8]| bytes.last().is_some_and(|last| last & 1 == 1);
    if modulus.len() > MAX_MODULUS || modulus.len() < 16 || exponent.len() > 8 || !odd(&modulus) || !odd(&exponent) {
        return None;
    }
    Some(RsaPublicKey::new_unchecked(uint(&modulus), uint(&exponent)))
}

/// The key of a certificate or of a public key of its own.
pub(super) fn public_of(info: &SubjectPublicKeyInfo<'_>) -> Option<Public> {
    if info.algorithm.algorithm.to_id_string() == "1.3.101.112" {
        let bytes: [u8; 32] = info.subject_public_key.data.as_ref().try_into().ok()?;
        return ed25519_dalek::VerifyingKey::from_bytes(&bytes).ok().map(Public::Ed25519);
    }
    match info.parsed().ok()? {
        PublicKey::RSA(key) => rsa_public(key.modulus, key.exponent).map(Public::Rsa),
        PublicKey::EC(point) => {
            let curve = info.algorithm.parameters.as_ref()?.as_oid().ok()?.to_id_string();
            ec_public(curve_of_oid(&curve)?, point.data())
        }
        _ => None,
    }
}

fn curve_of_oid(oid: &str) -> Option<&'static str> {
    match oid {
        "1.2.840.10045.3.1.7" => Some("P-256"),
        "1.3.132.0.34" => Some("P-384"),
        "1.3.132.0.35" => Some("P-521"),
        _ => None,
    }
}

fn ec_public(curve: &str, point: &[u8]) -> Option<Public> {
    match curve {
        "P-256" => p256::ecdsa::VerifyingKey::from_sec1_bytes(point).ok().map(Public::P256),
        "P-384" => p384::ecdsa::VerifyingKey::from_sec1_bytes(point).ok().map(Public::P384),
        "P-521" => p521::ecdsa::VerifyingKey::from_sec1_bytes(point).ok().map(Public::P521),
        _ => None,
    }
}

fn member(object: &Object, name: &str) -> Option<Vec<u8>> {
    decode_url(object.get(name)?.as_str()?).ok()
}

/// Coordinates filled up to the size of the curve.
fn padded(bytes: &[u8], size: usize) -> Vec<u8> {
    let mut out = vec![0; size.saturating_sub(bytes.len())];
    out.extend_from_slice(bytes);
    out
}

fn curve_size(curve: &str) -> usize {
    match curve {
        "P-256" => 32,
        "P-384" => 48,
        _ => 66,
    }
}

fn public_of_jwk(jwk: &Object) -> Option<Public> {
    match jwk.get("kty")?.as_str()? {
        "RSA" => rsa_public(&member(jwk, "n")?, &member(jwk, "e")?).map(Public::Rsa),
        "EC" => {
            let curve = jwk.get("crv")?.as_str()?;
            let size = curve_size(curve);
            let mut point = vec![4];
            point.extend(padded(&member(jwk, "x")?, size));
            point.extend(padded(&member(jwk, "y")?, size));
            ec_public(curve, &point)
        }
        "OKP" => {
            let bytes: [u8; 32] = member(jwk, "x")?.try_into().ok()?;
            ed25519_dalek::VerifyingKey::from_bytes(&bytes).ok().map(Public::Ed25519)
        }
        "oct" => member(jwk, "k").map(Public::Secret),
        _ => None,
    }
}

fn private_of_jwk(jwk: &Object) -> Option<Private> {
    match jwk.get("kty")?.as_str()? {
        "RSA" => {
            let part = |name: &str| member(jwk, name).map(|bytes| uint(&bytes));
            let primes = match (part("p"), part("q")) {
                (Some(p), Some(q)) => vec![p, q],
                _ => Vec::new(),
            };
            if member(jwk, "n")?.len() > MAX_MODULUS {
                return None;
            }
            let key = RsaPrivateKey::from_components(part("n")?, part("e")?, part("d")?, primes).ok()?;
            Some(Private::Rsa(Box::new(key)))
        }
        "EC" => {
            let curve = jwk.get("crv")?.as_str()?;
            let scalar = padded(&member(jwk, "d")?, curve_size(curve));
            match curve {
                "P-256" => p256::ecdsa::SigningKey::from_slice(&scalar).ok().map(Private::P256),
                "P-384" => p384::ecdsa::SigningKey::from_slice(&scalar).ok().map(Private::P384),
                "P-521" => p521::ecdsa::SigningKey::from_slice(&scalar).ok().map(Private::P521),
                _ => None,
            }
        }
        "OKP" => {
            let bytes: [u8; 32] = member(jwk, "d")?.try_into().ok()?;
            Some(Private::Ed25519(ed25519_dalek::SigningKey::from_bytes(&bytes)))
        }
        "oct" => member(jwk, "k").map(Private::Secret),
        _ => None,
    }
}

fn jwks(text: &str) -> Result<Vec<Object>, Failure> {
    let fail = |why: &str| Failure::value(format!("failed to parse a JWK key (set): {why}"));
    let value = json::read(text.as_bytes()).map_err(|problem| fail(&problem.message))?;
    let Value::Object(object) = value else { return Err(fail("not an object")) };
    match object.get("keys") {
        Some(Value::Array(keys)) => Ok(keys.iter().filter_map(Value::as_object).cloned().collect()),
        Some(_) => Err(fail("keys is not a list")),
        None if object.get("kty").is_some() => Ok(vec![object]),
        None => Err(fail("no key type")),
    }
}

/// The first key of a JWK or a set of them, to sign with.
pub(super) fn signing_key(text: &str) -> Result<Private, Failure> {
    let keys = jwks(text)?;
    let first = keys.first().ok_or_else(|| Failure::value("no keys found in JWK set"))?;
    private_of_jwk(first).ok_or_else(|| Failure::value("the key cannot be used to sign"))
}

/// The keys of a certificate, a public key, a JWK, or a set of them.
pub(super) fn verification_keys(text: &str) -> Result<Vec<Known>, Failure> {
    if let Some((pem, rest)) = pem::next(text) {
        if !rest.is_empty() {
            return Err(Failure::value("extra data after a PEM certificate block"));
        }
        let key = match pem.label.as_str() {
            "CERTIFICATE" => x509_parser::parse_x509_certificate(&pem.bytes)
                .ok()
                .and_then(|(_, certificate)| public_of(certificate.public_key()))
                .ok_or_else(|| Failure::value("failed to parse a PEM certificate: x509: malformed certificate"))?,
            "PUBLIC KEY" => SubjectPublicKeyInfo::from_der(&pem.bytes)
                .ok()
                .and_then(|(_, info)| public_of(&info))
                .ok_or_else(|| Failure::value("failed to parse a PEM public key"))?,
            _ => return Err(Failure::value("failed to extract a Key from the PEM certificate")),
        };
        return Ok(vec![Known { algorithm: String::new(), id: String::new(), key }]);
    }
    let mut known = Vec::new();
    for jwk in jwks(text)? {
        let text = |name: &str| jwk.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let algorithm = text("alg");
        if !algorithm.is_empty() && !ALGORITHMS.contains(&algorithm.as_str()) {
            continue;
        }
        let key =
            public_of_jwk(&jwk).ok_or_else(|| Failure::value("failed to parse a JWK key (set): a key is not valid"))?;
        known.push(Known { algorithm, id: text("kid"), key });
    }
    Ok(known)
}

/// The `SubjectPublicKeyInfo` of a certificate or a public key in PEM.
pub(super) fn public_key_info(text: &str) -> Option<Vec<u8>> {
    let (pem, _) = pem::next(text).filter(|(_, rest)| rest.is_empty())?;
    match pem.label.as_str() {
        "CERTIFICATE" => {
            let (_, certificate) = x509_parser::parse_x509_certificate(&pem.bytes).ok()?;
            Some(certificate.public_key().raw.to_vec())
        }
        "PUBLIC KEY" => SubjectPublicKeyInfo::from_der(&pem.bytes).is_ok().then_some(pem.bytes),
        _ => None,
    }
}

fn digest(bits: &str, message: &[u8]) -> Vec<u8> {
    match bits {
        "256" => Sha256::digest(message).to_vec(),
        "384" => Sha384::digest(message).to_vec(),
        _ => Sha512::digest(message).to_vec(),
    }
}

/// The keyed hash of a message; `bits` is 256, 384 or 512.
pub(super) fn keyed_hash(bits: &str, key: &[u8], message: &[u8]) -> Vec<u8> {
    macro_rules! with {
        ($hash:ty) => {{
            // A key of any length is taken.
            Hmac::<$hash>::new_from_slice(key)
                .map(|mut mac| {
                    mac.update(message);
                    mac.finalize().into_bytes().to_vec()
                })
                .unwrap_or_default()
        }};
    }
    match bits {
        "256" => with!(Sha256),
        "384" => with!(Sha384),
        _ => with!(Sha512),
    }
}

/// Whether both are the same, in a time that says nothing of where they differ.
pub(super) fn same(left: &[u8], right: &[u8]) -> bool {
    left.len() == right.len() && left.iter().zip(right).fold(0, |sum, (a, b)| sum | a ^ b) == 0
}

/// Whether a signature is right under an algorithm of JWS.
pub(super) fn verify(key: &Public, algorithm: &str, message: &[u8], signature: &[u8]) -> bool {
    if algorithm == "EdDSA" {
        let Public::Ed25519(key) = key else { return false };
        return ed25519_dalek::Signature::from_slice(signature)
            .is_ok_and(|signature| ed25519_dalek::Verifier::verify(key, message, &signature).is_ok());
    }
    let (family, bits) = algorithm.split_at(algorithm.len().min(2));
    let hashed = digest(bits, message);
    match (family, key) {
        ("HS", Public::Secret(secret)) => same(&keyed_hash(bits, secret, message), signature),
        ("RS", Public::Rsa(key)) => verify_pkcs1(key, bits, &hashed, signature),
        ("PS", Public::Rsa(key)) => verify_pss(key, bits, &hashed, signature),
        ("ES", key) => verify_ecdsa(key, &hashed, signature),
        _ => false,
    }
}

pub(super) fn verify_pkcs1(key: &RsaPublicKey, bits: &str, hashed: &[u8], signature: &[u8]) -> bool {
    if signature.len() != key.size() {
        return false;
    }
    let scheme = match bits {
        "256" => Pkcs1v15Sign::new::<Sha256>(),
        "384" => Pkcs1v15Sign::new::<Sha384>(),
        "512" => Pkcs1v15Sign::new::<Sha512>(),
        _ => Pkcs1v15Sign::new::<sha1::Sha1>(),
    };
    key.verify(scheme, hashed, signature).is_ok()
}

fn verify_pss(key: &RsaPublicKey, bits: &str, hashed: &[u8], signature: &[u8]) -> bool {
    macro_rules! with {
        ($hash:ty) => {{
            let mut scheme = rsa::pss::Pss::<$hash>::new();
            scheme.salt_len = None;
            key.verify(scheme, hashed, signature).is_ok()
        }};
    }
    match bits {
        "256" => with!(Sha256),
        "384" => with!(Sha384),
        _ => with!(Sha512),
    }
}

/// A signature of two numbers one behind the other, or in DER.
pub(super) fn verify_ecdsa(key: &Public, hashed: &[u8], signature: &[u8]) -> bool {
    macro_rules! with {
        ($curve:ident, $key:expr, $size:literal) => {{
            // A hash longer than the curve is cut by the crate, a shorter one must be filled up.
            let half = signature.len() / 2;
            let raw = [padded(&signature[..half], $size), padded(&signature[half..], $size)].concat();
            let parsed =
                $curve::ecdsa::Signature::from_slice(&raw).or_else(|_| $curve::ecdsa::Signature::from_der(signature));
            parsed.is_ok_and(|signature| {
                $key.verify_prehash(&padded(hashed, $size.min(hashed.len())), &signature).is_ok()
            })
        }};
    }
    match key {
        Public::P256(key) => with!(p256, key, 32_usize),
        Public::P384(key) => with!(p384, key, 48_usize),
        Public::P521(key) => with!(p521, key, 66_usize),
        _ => false,
    }
}

/// The signature of a message under an algorithm of JWS; `None` when the key does not fit.
pub(super) fn sign(key: &Private, algorithm: &str, message: &[u8]) -> Option<Vec<u8>> {
    if algorithm == "EdDSA" {
        let Private::Ed25519(key) = key else { return None };
        return Some(ed25519_dalek::Signer::sign(key, message).to_bytes().to_vec());
    }
    let (family, bits) = algorithm.split_at(algorithm.len().min(2));
    let hashed = digest(bits, message);
    match (family, key) {
        ("HS", Private::Secret(secret)) => Some(keyed_hash(bits, secret, message)),
        ("RS", Private::Rsa(key)) => {
            let scheme = match bits {
                "256" => Pkcs1v15Sign::new::<Sha256>(),
                "384" => Pkcs1v15Sign::new::<Sha384>(),
                _ => Pkcs1v15Sign::new::<Sha512>(),
            };
            key.sign(scheme, &hashed).ok()
        }
        ("PS", Private::Rsa(key)) => match bits {
            "256" => key.pss_sign_prehash::<Sha256>(&hashed).ok(),
            "384" => key.pss_sign_prehash::<Sha384>(&hashed).ok(),
            _ => key.pss_sign_prehash::<Sha512>(&hashed).ok(),
        },
        ("ES", Private::P256(key)) => {
            let signature: p256::ecdsa::Signature = key.sign_prehash(&hashed).ok()?;
            Some(signature.to_bytes().to_vec())
        }
        ("ES", Private::P384(key)) => {
            let signature: p384::ecdsa::Signature = key.sign_prehash(&hashed).ok()?;
            Some(signature.to_bytes().to_vec())
        }
        ("ES", Private::P521(key)) => {
            let signature: p521::ecdsa::Signature = key.sign_prehash(&hashed).ok()?;
            Some(signature.to_bytes().to_vec())
        }
        _ => None,
    }
}

/// A signature in DER, as certificates have it.
pub(super) fn verify_ecdsa_der(key: &Public, hashed: &[u8], signature: &[u8]) -> bool {
    macro_rules! with {
        ($curve:ident, $key:expr) => {
            $curve::ecdsa::Signature::from_der(signature)
                .is_ok_and(|signature| $key.verify_prehash(hashed, &signature).is_ok())
        };
    }
    match key {
        Public::P256(key) => with!(p256, key),
        Public::P384(key) => with!(p384, key),
        Public::P521(key) => with!(p521, key),
        _ => false,
    }
}

/// The private key of a block of PEM.
pub(super) fn private_of_pem(pem: &pem::Block) -> Option<Private> {
    use p256::pkcs8::DecodePrivateKey;
    use rsa::pkcs1::DecodeRsaPrivateKey;
    let der = &pem.bytes;
    let rsa = || RsaPrivateKey::from_pkcs1_der(der).ok().map(|key| Private::Rsa(Box::new(key)));
    match pem.label.as_str() {
        "RSA PRIVATE KEY" => rsa(),
        "EC PRIVATE KEY" => p256::SecretKey::from_sec1_der(der)
            .ok()
            .map(|key| Private::P256(key.into()))
            .or_else(|| p384::SecretKey::from_sec1_der(der).ok().map(|key| Private::P384(key.into())))
            .or_else(|| p521::SecretKey::from_sec1_der(der).ok().map(|key| Private::P521(key.into()))),
        _ => RsaPrivateKey::from_pkcs8_der(der)
            .ok()
            .map(|key| Private::Rsa(Box::new(key)))
            .or_else(|| p256::SecretKey::from_pkcs8_der(der).ok().map(|key| Private::P256(key.into())))
            .or_else(|| p384::SecretKey::from_pkcs8_der(der).ok().map(|key| Private::P384(key.into())))
            .or_else(|| p521::SecretKey::from_pkcs8_der(der).ok().map(|key| Private::P521(key.into())))
            .or_else(|| ed25519_dalek::SigningKey::from_pkcs8_der(der).ok().map(Private::Ed25519))
            .or_else(rsa),
    }
}

/// Whether both keys are of one pair.
pub(super) fn belongs(private: &Private, public: &Public) -> bool {
    match (private, public) {
        (Private::Rsa(key), Public::Rsa(public)) => key.n() == public.n() && key.e() == public.e(),
        (Private::P256(key), Public::P256(public)) => key.verifying_key() == public,
        (Private::P384(key), Public::P384(public)) => key.verifying_key() == public,
        (Private::P521(key), Public::P521(public)) => {
            p521::ecdsa::VerifyingKey::from(key).to_sec1_point(false) == public.to_sec1_point(false)
        }
        (Private::Ed25519(key), Public::Ed25519(public)) => key.verifying_key() == *public,
        _ => false,
    }
}

/// The numbers that a private key consists of.
pub(super) fn private_parts(key: &Private) -> Vec<(&'static str, Vec<u8>)> {
    use rsa::traits::PrivateKeyParts;
    let bytes = |uint: &BoxedUint| uint.to_be_bytes().to_vec();
    match key {
        Private::Rsa(key) => vec![("N", bytes(key.n())), ("E", bytes(key.e())), ("D", bytes(key.d()))],
        Private::P256(key) => vec![("D", key.to_bytes().to_vec())],
        Private::P384(key) => vec![("D", key.to_bytes().to_vec())],
        Private::P521(key) => vec![("D", key.to_bytes().to_vec())],
        Private::Ed25519(key) => vec![("D", key.to_bytes().to_vec())],
        Private::Secret(secret) => vec![("K", secret.clone())],
    }
}

/// A member of a JWK.
pub(super) enum JwkPart {
    Text(&'static str),
    Bytes(Vec<u8>),
}

/// A private key as a JWK.
pub(super) fn jwk_of(key: &Private) -> Vec<(&'static str, JwkPart)> {
    use rsa::traits::PrivateKeyParts;
    let strip = |bytes: Vec<u8>| {
        let first = bytes.iter().position(|byte| *byte != 0).unwrap_or(bytes.len());
        JwkPart::Bytes(bytes[first..].to_vec())
    };
    let uint = |uint: &BoxedUint| strip(uint.to_be_bytes().to_vec());
    match key {
        Private::Rsa(key) => {
            let mut parts =
                vec![("kty", JwkPart::Text("RSA")), ("n", uint(key.n())), ("e", uint(key.e())), ("d", uint(key.d()))];
            if let [p, q, ..] = key.primes() {
                let one = BoxedUint::one();
                let less = |prime: &BoxedUint| prime.wrapping_sub(&one);
                let rest = |prime: &BoxedUint| {
                    let modulus = less(prime);
                    let wide = rsa_int(key.d());
                    wide % rsa_int(&modulus)
                };
                let big = |int: bigdecimal::num_bigint::BigInt| JwkPart::Bytes(int.to_bytes_be().1);
                let inverse = rsa_int(q).modinv(&rsa_int(p)).unwrap_or_default();
                parts.push(("p", uint(p)));
                parts.push(("q", uint(q)));
                parts.push(("dp", big(rest(p))));
                parts.push(("dq", big(rest(q))));
                parts.push(("qi", big(inverse)));
            }
            parts
        }
        Private::P256(key) => {
            let point = key.verifying_key().to_sec1_point(false);
            ec_jwk("P-256", point.as_bytes(), key.to_bytes().to_vec())
        }
        Private::P384(key) => {
            let point = key.verifying_key().to_sec1_point(false);
            ec_jwk("P-384", point.as_bytes(), key.to_bytes().to_vec())
        }
        Private::P521(key) => {
            let point = p521::ecdsa::VerifyingKey::from(key).to_sec1_point(false);
            ec_jwk("P-521", point.as_bytes(), key.to_bytes().to_vec())
        }
        Private::Ed25519(key) => vec![
            ("kty", JwkPart::Text("OKP")),
            ("crv", JwkPart::Text("Ed25519")),
            ("x", JwkPart::Bytes(key.verifying_key().to_bytes().to_vec())),
            ("d", JwkPart::Bytes(key.to_bytes().to_vec())),
        ],
        Private::Secret(secret) => vec![("kty", JwkPart::Text("oct")), ("k", JwkPart::Bytes(secret.clone()))],
    }
}

fn rsa_int(uint: &BoxedUint) -> bigdecimal::num_bigint::BigInt {
    bigdecimal::num_bigint::BigInt::from_bytes_be(bigdecimal::num_bigint::Sign::Plus, &uint.to_be_bytes())
}

fn ec_jwk(curve: &'static str, point: &[u8], scalar: Vec<u8>) -> Vec<(&'static str, JwkPart)> {
    let coordinates = point.get(1..).unwrap_or_default();
    let (x, y) = coordinates.split_at(coordinates.len() / 2);
    vec![
        ("kty", JwkPart::Text("EC")),
        ("crv", JwkPart::Text(curve)),
        ("x", JwkPart::Bytes(x.to_vec())),
        ("y", JwkPart::Bytes(y.to_vec())),
        ("d", JwkPart::Bytes(scalar)),
    ]
}
