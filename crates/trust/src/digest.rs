use std::fmt;
use std::str::FromStr;

use probity_crypto::Sha256;

use crate::TrustError;

/// A SHA-256 digest, written `sha256:` and 64 hexadecimal digits as OCI does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; 32]);

impl Digest {
    /// The digest of bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self::from_sha256(sha256(bytes))
    }

    /// A digest that is known.
    pub const fn from_sha256(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Its bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The 64 digits without `sha256:`, as statements write it.
    pub fn hex(&self) -> String {
        hex(&self.0)
    }

    /// The tag that cosign gives what belongs to an image: `sha256-<hex>.sig`.
    pub fn tag(&self, ending: &str) -> String {
        format!("sha256-{}{ending}", self.hex())
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha256:{}", self.hex())
    }
}

impl FromStr for Digest {
    type Err = TrustError;

    fn from_str(text: &str) -> Result<Self, TrustError> {
        let Some(digits) = text.strip_prefix("sha256:") else {
            return Err(TrustError::Unsupported(format!("the digest `{}`", shown(text))));
        };
        let bytes = unhex(digits).filter(|_| !digits.bytes().any(|digit| digit.is_ascii_uppercase()));
        let bytes = bytes.and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
        bytes.map(Self).ok_or_else(|| TrustError::malformed("a digest", format!("`{}`", shown(text))))
    }
}

pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes)
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(crate) fn unhex(digits: &str) -> Option<Vec<u8>> {
    let digits = digits.as_bytes();
    if !digits.len().is_multiple_of(2) {
        return None;
    }
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let pair = |pair: &[u8]| u8::try_from(digit(pair[0])? * 16 + digit(pair[1])?).ok();
    digits.chunks(2).map(pair).collect()
}

/// The start of a text from outside, without control characters.
pub(crate) fn shown(text: &str) -> String {
    text.chars().take(200).flat_map(char::escape_debug).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_read_as_they_are_written() {
        let text = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(Digest::of(b"abc").to_string(), text);
        assert_eq!(text.parse::<Digest>().unwrap(), Digest::of(b"abc"));
        for wrong in ["", "sha256:", "sha256:BA", &text[7..], &text.to_uppercase(), &format!("{text}0"), "sha512:00"] {
            assert!(wrong.parse::<Digest>().is_err(), "{wrong}");
        }
        assert!(format!("sha256:{}", &text[7..].to_uppercase()).parse::<Digest>().is_err());
    }
}
