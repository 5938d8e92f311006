//! The form in which cosign keeps private keys: PKCS #8 in NaCl's secretbox, its key derived from a password with
//! scrypt, both described in JSON (go-securesystemslib's `encrypted`).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use crypto_secretbox::aead::Aead;
use crypto_secretbox::{KeyInit, Nonce, XSalsa20Poly1305};
use probity_model::{Number, Value, json};
use zeroize::Zeroizing;

use crate::{TrustError, limits};

/// The label of its PEM.
pub(super) const LABEL: &str = "ENCRYPTED SIGSTORE PRIVATE KEY";
/// The label that cosign 1 wrote.
pub(super) const OLD_LABEL: &str = "ENCRYPTED COSIGN PRIVATE KEY";

const WHAT: &str = "the encrypted private key";
/// The cost of new keys, as cosign's: 64 MiB and about 0.1 s.
const LOG_N: u8 = 16;
const R: u32 = 8;
const P: u32 = 1;

/// Encrypts a key.
pub(super) fn seal(pkcs8: &[u8], password: &[u8]) -> Result<String, TrustError> {
    let mut salt = [0; 32];
    let mut nonce = [0; 24];
    for bytes in [salt.as_mut_slice(), nonce.as_mut_slice()] {
        aws_lc_rs::rand::fill(bytes).map_err(|_| TrustError::malformed(WHAT, "the system gives no randomness"))?;
    }
    let cipher = cipher(password, &salt, LOG_N)?;
    let ciphertext =
        cipher.encrypt(Nonce::from_slice(&nonce), pkcs8).map_err(|_| TrustError::malformed(WHAT, "it is too large"))?;
    let text = |bytes: &[u8]| Value::from(STANDARD.encode(bytes));
    let params = [("N", 1 << LOG_N), ("r", i64::from(R)), ("p", i64::from(P))];
    let params = Value::object(params.map(|(name, value)| (name, Value::from(value))));
    let kdf = Value::object([("name", Value::from("scrypt")), ("params", params), ("salt", text(&salt))]);
    let cipher = Value::object([("name", Value::from("nacl/secretbox")), ("nonce", text(&nonce))]);
    Ok(json::write(&Value::object([("kdf", kdf), ("cipher", cipher), ("ciphertext", text(&ciphertext))])))
}

/// Decrypts a key. What its file asks for costs 128 MiB at most.
pub(super) fn open(sealed: &[u8], password: &[u8]) -> Result<Zeroizing<Vec<u8>>, TrustError> {
    let value = json::read_within(sealed, limits::DEPTH).map_err(|error| TrustError::malformed(WHAT, error))?;
    for (path, known) in [(["kdf", "name"], "scrypt"), (["cipher", "name"], "nacl/secretbox")] {
        if value.at(&path).and_then(Value::as_str) != Some(known) {
            return Err(TrustError::Unsupported(format!("a private key whose {} is not {known}", path.join(" "))));
        }
    }
    let number = |name| value.at(&["kdf", "params", name]).and_then(Value::as_number).and_then(Number::as_i64);
    let log_n = match (number("N"), number("r"), number("p")) {
        (Some(n @ (32_768 | 65_536 | 131_072)), Some(8), Some(1)) => u8::try_from(n.trailing_zeros()).unwrap_or(LOG_N),
        _ => return Err(TrustError::Unsupported("a private key with other costs of scrypt than cosign's".into())),
    };
    let bytes = |path: &[&str]| {
        let text = value.at(path).and_then(Value::as_str).unwrap_or_default();
        STANDARD.decode(text).map_err(|error| TrustError::malformed(WHAT, error))
    };
    let nonce = bytes(&["cipher", "nonce"])?;
    if nonce.len() != 24 {
        return Err(TrustError::malformed(WHAT, "its nonce has not 24 bytes"));
    }
    let cipher = cipher(password, &bytes(&["kdf", "salt"])?, log_n)?;
    let plain = cipher.decrypt(Nonce::from_slice(&nonce), bytes(&["ciphertext"])?.as_slice());
    plain.map(Zeroizing::new).map_err(|_| TrustError::Password)
}

fn cipher(password: &[u8], salt: &[u8], log_n: u8) -> Result<XSalsa20Poly1305, TrustError> {
    let params = scrypt::Params::new(log_n, R, P).map_err(|error| TrustError::malformed(WHAT, error))?;
    let mut key = Zeroizing::new([0; 32]);
    scrypt::scrypt(password, salt, &params, key.as_mut_slice()).map_err(|error| TrustError::malformed(WHAT, error))?;
    Ok(XSalsa20Poly1305::new(key.as_slice().into()))
}
