//! Trusted roots with other authorities and logs than they came with: those that a policy names.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use probity_model::{Key, Value, json};

use crate::{KeyKind, PublicKey, TrustError, TrustedRoot, certificate, digest, pem};

impl TrustedRoot {
    /// The same, where only these certificate authorities vouch for signers: certificates in PEM, each that issued itself is
    /// one, the others stand between it and the signers.
    ///
    /// # Errors
    /// When there is none that issued itself, or something else than certificates.
    pub fn with_authorities(&self, certificates: &str) -> Result<Self, TrustError> {
        self.with("certificateAuthorities", chains(certificates)?)
    }

    /// The same, where only these timestamp authorities are trusted, given likewise.
    ///
    /// # Errors
    /// As [`TrustedRoot::with_authorities`].
    pub fn with_timestamp_authorities(&self, certificates: &str) -> Result<Self, TrustError> {
        self.with("timestampAuthorities", chains(certificates)?)
    }

    /// The same, where only the transparency log at an address with this key, in PEM, is trusted.
    ///
    /// # Errors
    /// When it is no public key.
    pub fn with_log(&self, address: &str, key: &str) -> Result<Self, TrustError> {
        self.with("tlogs", vec![log(address, &PublicKey::from_pem(key)?)])
    }

    /// The same, where only the certificate transparency logs with these keys, in PEM, are trusted.
    ///
    /// # Errors
    /// When one is no public key.
    pub fn with_certificate_logs(&self, keys: &str) -> Result<Self, TrustError> {
        let blocks = pem::blocks("a public key", keys)?;
        let logs = blocks.iter().map(|block| Ok(log("", &PublicKey::from_spki(&block.bytes)?)));
        self.with("ctlogs", logs.collect::<Result<_, TrustError>>()?)
    }

    fn with(&self, part: &str, entries: Vec<Value>) -> Result<Self, TrustError> {
        let fields = self.document().as_object().into_iter().flat_map(probity_model::value::Object::iter);
        let fields = fields.filter(|(key, _)| key.as_str() != part).map(|(key, value)| (key.clone(), value.clone()));
        let document = fields.chain([(Key::new(part), Value::array(entries))]).collect();
        Self::from_json(&json::write(&Value::Object(document)))
    }
}

/// Each authority with all that stand below it.
fn chains(text: &str) -> Result<Vec<Value>, TrustError> {
    let (mut roots, mut between) = (Vec::new(), Vec::new());
    for der in certificate::from_pem(text)? {
        let parsed = certificate::parse(&der)?;
        let is_root = parsed.subject().as_raw() == parsed.issuer().as_raw();
        if is_root { roots.push(der) } else { between.push(der) }
    }
    if roots.is_empty() {
        return Err(TrustError::Root("none of its certificates issued itself".into()));
    }
    let raw = |der: &Vec<u8>| Value::object([("rawBytes", Value::from(STANDARD.encode(der)))]);
    let chains = roots.iter().map(|root| {
        let certificates = between.iter().chain([root]).map(raw);
        Value::object([
            ("subject", Value::object::<&str>([])),
            ("uri", Value::from("")),
            ("certChain", Value::object([("certificates", Value::array(certificates))])),
            ("validFor", Value::object([("start", Value::from("1970-01-01T00:00:00Z"))])),
        ])
    });
    Ok(chains.collect())
}

fn log(address: &str, key: &PublicKey) -> Value {
    let details = match key.kind() {
        KeyKind::EcdsaP256 => "PKIX_ECDSA_P256_SHA_256",
        KeyKind::EcdsaP384 => "PKIX_ECDSA_P384_SHA_384",
        KeyKind::EcdsaP521 => "PKIX_ECDSA_P521_SHA_512",
        KeyKind::Ed25519 => "PKIX_ED25519",
        KeyKind::Rsa => "PKIX_RSA_PKCS1V15_2048_SHA256",
    };
    let public_key = [
        ("rawBytes", Value::from(STANDARD.encode(key.spki()))),
        ("keyDetails", Value::from(details)),
        ("validFor", Value::object([("start", Value::from("1970-01-01T00:00:00Z"))])),
    ];
    Value::object([
        ("baseUrl", Value::from(address)),
        ("hashAlgorithm", Value::from("SHA2_256")),
        ("publicKey", Value::object(public_key)),
        ("logId", Value::object([("keyId", Value::from(STANDARD.encode(digest::sha256(key.spki()))))])),
    ])
}
