//! Digests, and readers that hold their bytes to what was promised (OCI image specification, "Descriptors").

use std::fmt;
use std::io::{self, Read};
use std::str::FromStr;

use probity_crypto::{Sha256, Sha384, Sha512};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use smol_str::SmolStr;

/// A digest such as `sha256:9f86d0…`: an algorithm that is known, and as many lower-case hexadecimal digits as it has.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(SmolStr);

/// A text is no digest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no digest: it has to be sha256:, sha384: or sha512: and as many lower-case hexadecimal digits as that has"
)]
pub struct ParseDigestError(pub String);

impl Digest {
    /// The SHA-256 of these bytes.
    pub fn sha256(bytes: &[u8]) -> Self {
        Self::of("sha256", &Sha256::digest(bytes))
    }

    fn of(algorithm: &str, bytes: &[u8]) -> Self {
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        Self(format!("{algorithm}:{hex}").into())
    }

    /// `sha256`, `sha384` or `sha512`.
    pub fn algorithm(&self) -> &str {
        self.parts().0
    }

    /// The hexadecimal digits.
    pub fn hex(&self) -> &str {
        self.parts().1
    }

    /// All of it: `sha256:…`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn parts(&self) -> (&str, &str) {
        self.0.split_once(':').unwrap_or_default()
    }
}

impl FromStr for Digest {
    type Err = ParseDigestError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let length = match text.split_once(':') {
            Some(("sha256", _)) => 64,
            Some(("sha384", _)) => 96,
            Some(("sha512", _)) => 128,
            _ => 0,
        };
        let hex = text.split_once(':').map_or("", |(_, hex)| hex);
        let sound = hex.len() == length && hex.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        if length > 0 && sound {
            Ok(Self(text.into()))
        } else {
            Err(ParseDigestError(text.chars().take(200).collect()))
        }
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

enum Hasher {
    Sha256(Sha256),
    Sha384(Sha384),
    Sha512(Sha512),
}

impl Hasher {
    fn for_digest(digest: &Digest) -> Self {
        match digest.algorithm() {
            "sha384" => Self::Sha384(Sha384::new()),
            "sha512" => Self::Sha512(Sha512::new()),
            _ => Self::Sha256(Sha256::new()),
        }
    }

    fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Sha256(hasher) => hasher.update(bytes),
            Self::Sha384(hasher) => hasher.update(bytes),
            Self::Sha512(hasher) => hasher.update(bytes),
        }
    }

    fn finish(self) -> Digest {
        match self {
            Self::Sha256(hasher) => Digest::of("sha256", &hasher.finalize()),
            Self::Sha384(hasher) => Digest::of("sha384", &hasher.finalize()),
            Self::Sha512(hasher) => Digest::of("sha512", &hasher.finalize()),
        }
    }
}

/// Bytes are not what was promised.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Mismatch {
    /// Their digest.
    #[error("its digest is {found}, and {expected} was promised")]
    Digest {
        /// What was promised.
        expected: Digest,
        /// What came.
        found: Digest,
    },
    /// Their number.
    #[error("it has {found} bytes, and {expected} were promised")]
    Size {
        /// What was promised.
        expected: u64,
        /// What came.
        found: u64,
    },
    /// There are more of them than promised.
    #[error("it has more than the {0} bytes that were promised")]
    Longer(u64),
}

/// Holds bytes that pass to the digest and the size that were promised.
pub(crate) struct Verifier {
    digest: Digest,
    size: Option<u64>,
    seen: u64,
    hasher: Option<Hasher>,
}

impl Verifier {
    pub(crate) fn new(digest: Digest, size: Option<u64>) -> Self {
        let hasher = Some(Hasher::for_digest(&digest));
        Self { digest, size, seen: 0, hasher }
    }

    /// Bytes that passed.
    pub(crate) fn seen(&self) -> u64 {
        self.seen
    }

    /// The next bytes.
    pub(crate) fn update(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.seen += bytes.len() as u64;
        if let Some(size) = self.size.filter(|size| self.seen > *size) {
            return Err(io::Error::other(Mismatch::Longer(size)));
        }
        if let Some(hasher) = &mut self.hasher {
            hasher.update(bytes);
        }
        Ok(())
    }

    /// That there are no more.
    pub(crate) fn end(&mut self) -> io::Result<()> {
        let Some(hasher) = self.hasher.take() else { return Ok(()) };
        if let Some(expected) = self.size.filter(|expected| *expected != self.seen) {
            return Err(io::Error::other(Mismatch::Size { expected, found: self.seen }));
        }
        let found = hasher.finish();
        if found != self.digest {
            return Err(io::Error::other(Mismatch::Digest { expected: self.digest.clone(), found }));
        }
        Ok(())
    }
}

/// A reader that fails at its end, or earlier, when its bytes do not have the digest and the size that were promised. The
/// error holds a [`Mismatch`].
pub struct Verified<R> {
    from: R,
    verifier: Verifier,
}

impl<R: Read> Verified<R> {
    /// Reads `from`; without a size, only the digest is held to.
    pub fn new(from: R, digest: Digest, size: Option<u64>) -> Self {
        Self { from, verifier: Verifier::new(digest, size) }
    }

    /// Reads what is left, so that all of it is verified, and gives the number of bytes in all.
    pub fn finish(&mut self) -> io::Result<u64> {
        let mut buffer = vec![0; 1 << 16];
        while self.read(&mut buffer)? > 0 {}
        Ok(self.verifier.seen())
    }
}

impl<R: Read> Read for Verified<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        let count = self.from.read(buffer)?;
        if count == 0 {
            self.verifier.end()?;
        } else {
            self.verifier.update(&buffer[..count])?;
        }
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_parsed_strictly() {
        let hex = "a".repeat(64);
        assert!(format!("sha256:{hex}").parse::<Digest>().is_ok());
        assert!(format!("sha512:{hex}{hex}").parse::<Digest>().is_ok());
        let upper = format!("sha256:{}", "A".repeat(64));
        for wrong in ["", "sha256", "sha256:", "md5:00", &upper, "sha256:aa", &hex, &format!("sha512:{hex}")] {
            assert!(wrong.parse::<Digest>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_was_promised_is_held_to() {
        let read = |bytes: &'static [u8], digest: Digest, size| Verified::new(bytes, digest, size).finish();
        let good = Digest::sha256(b"hello");
        assert_eq!(read(b"hello", good.clone(), Some(5)).unwrap(), 5);
        assert_eq!(read(b"hello", good.clone(), None).unwrap(), 5);
        let cases: [(&'static [u8], Option<u64>, &str); 4] = [
            (b"hellO", Some(5), "digest"),
            (b"hell", Some(5), "has 4 bytes"),
            (b"hello!", Some(5), "more than the 5"),
            (b"hell", None, "digest"),
        ];
        for (bytes, size, part) in cases {
            let error = read(bytes, good.clone(), size).unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        }
        let long: Digest = Digest::of("sha512", &Sha512::digest(b"hello"));
        assert_eq!(read(b"hello", long, Some(5)).unwrap(), 5);
    }
}
