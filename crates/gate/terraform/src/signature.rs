//! Whether a request comes from who has the key.

use std::fmt;

use probity_crypto::hmac_sha512_verifies;

/// The header that the signature is in: HMAC-SHA512 of the body as it was sent, in hexadecimal.
pub const HEADER: &str = "x-tfc-task-signature";

/// Fewest bytes of a key: a shorter one can be found by trying.
const LEAST: usize = 8;

/// The key that the platform signs requests with. It is never shown.
#[derive(Clone)]
pub struct Key(Vec<u8>);

/// Why a text is no key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// It is too short.
    #[error("the key has {0} bytes; with fewer than {LEAST} it can be found by trying")]
    Short(usize),
}

impl Key {
    /// A key as it was given to the platform. Spaces and line ends around it do not belong to it.
    ///
    /// # Errors
    /// When it is too short.
    pub fn new(text: &str) -> Result<Self, KeyError> {
        let key = text.trim().as_bytes();
        if key.len() < LEAST { Err(KeyError::Short(key.len())) } else { Ok(Self(key.to_vec())) }
    }

    /// Whether a signature in hexadecimal is that of a body. Takes the same time wherever a wrong one differs.
    pub fn verifies(&self, body: &[u8], signature: &[u8]) -> bool {
        from_hex(signature).is_some_and(|signature| hmac_sha512_verifies(&self.0, body, &signature))
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(..)")
    }
}

fn from_hex(text: &[u8]) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let pairs = text.chunks(2);
    pairs.map(|pair| Some(digit(*pair.first()?)? << 4 | digit(*pair.get(1)?)?)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `printf '{"a":1}' | openssl dgst -sha512 -hmac correct-horse`
    const BODY: &[u8] = b"{\"a\":1}";
    const SIGNATURE: &str = "7dec56e35f96e31cf0fe66d2b81fe21b7c39517696622ae1b2572cf8be935e6e702bc7c06803f629329cbb39677446891438a5bd98844bcef46df16e9d7243fa";

    #[test]
    fn signatures_are_those_of_openssl() {
        let key = Key::new("correct-horse\n").unwrap();
        assert!(key.verifies(BODY, SIGNATURE.as_bytes()));
        assert!(key.verifies(BODY, SIGNATURE.to_uppercase().as_bytes()));
        let mut other = SIGNATURE.to_owned();
        other.replace_range(..1, if SIGNATURE.starts_with('0') { "1" } else { "0" });
        for (body, signature) in [
            (BODY, other.as_str()),
            (BODY, ""),
            (BODY, &SIGNATURE[..64]),
            (BODY, &SIGNATURE[1..]),
            (BODY, "not hexadecimal"),
            (b"{\"a\":2}", SIGNATURE),
        ] {
            assert!(!key.verifies(body, signature.as_bytes()), "{signature}");
        }
        assert!(!Key::new("wrong-horse").unwrap().verifies(BODY, SIGNATURE.as_bytes()));
    }

    #[test]
    fn keys_are_long_enough_and_never_shown() {
        assert_eq!(Key::new(" short \n").unwrap_err(), KeyError::Short(5));
        assert_eq!(Key::new("").unwrap_err(), KeyError::Short(0));
        assert_eq!(format!("{:?}", Key::new("correct-horse").unwrap()), "Key(..)");
    }
}
