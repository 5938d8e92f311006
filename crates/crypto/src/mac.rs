//! HMAC (RFC 2104) with hashes of the SHA-2 family.

use aws_lc_rs::hmac;

/// The HMAC-SHA-256 of parts one behind the other.
#[must_use]
pub fn hmac_sha256(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, key));
    for part in parts {
        context.update(part);
    }
    let mut out = [0; 32];
    out.copy_from_slice(context.sign().as_ref());
    out
}

/// Whether `tag` is the HMAC-SHA-512 of the message. Takes the same time wherever a wrong one differs.
#[must_use]
pub fn hmac_sha512_verifies(key: &[u8], message: &[u8], tag: &[u8]) -> bool {
    hmac::verify(&hmac::Key::new(hmac::HMAC_SHA512, key), message, tag).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    fn tags_are_those_of_rfc_4231() {
        let (key, message) = (b"Jefe", b"what do ya want for nothing?");
        let (front, back) = message.split_at(9);
        assert_eq!(
            hex(&hmac_sha256(key, &[front, back])),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
        let digits = "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea250554\
                      9758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737";
        let tag: Vec<u8> = (0..64).map(|at| u8::from_str_radix(&digits[2 * at..2 * at + 2], 16).unwrap()).collect();
        assert!(hmac_sha512_verifies(key, message, &tag));
        assert!(!hmac_sha512_verifies(key, message, &tag[..32]));
        assert!(!hmac_sha512_verifies(key, b"what", &tag));
        assert!(!hmac_sha512_verifies(b"other", message, &tag));
    }
}
