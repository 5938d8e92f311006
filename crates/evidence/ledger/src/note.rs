//! Signed notes and their keys (C2SP signed-note), with Ed25519.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use probity_crypto::{Sha256, SigningKey, VerifyingKey};

/// The signature type of Ed25519 in signed notes.
const ED25519: u8 = 1;
/// Longer notes are refused.
const MAX_NOTE: usize = 64 * 1024;

/// A text that is not a key or not a note, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NoteError(pub(crate) String);

/// A public key with a name: `name+id+key`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verifier {
    name: String,
    id: [u8; 4],
    key: VerifyingKey,
}

impl Verifier {
    pub(crate) fn new(name: impl Into<String>, key: VerifyingKey) -> Self {
        let name = name.into();
        let id = key_id(&name, &key);
        Self { name, id, key }
    }

    /// The key's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The 32 bytes of the key.
    pub fn public_key(&self) -> [u8; 32] {
        *self.key.as_bytes()
    }

    /// The first 16 hexadecimal digits of the SHA-256 of the key.
    pub fn fingerprint(&self) -> String {
        fingerprint(&self.key)
    }

    /// Whether this key made the signature over the text.
    pub fn verifies(&self, text: &[u8], signature: &[u8]) -> bool {
        self.key.verifies(text, signature)
    }
}

pub(crate) fn fingerprint(key: &VerifyingKey) -> String {
    Sha256::digest(key.as_bytes()).iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

/// `SHA-256(name || 0x0A || type || key)[:4]`
fn key_id(name: &str, key: &VerifyingKey) -> [u8; 4] {
    let hash = Sha256::new().chain_update(name).chain_update([b'\n', ED25519]).chain_update(key.as_bytes()).finalize();
    [hash[0], hash[1], hash[2], hash[3]]
}

impl fmt::Display for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut key = vec![ED25519];
        key.extend(self.key.as_bytes());
        write!(f, "{}+{}+{}", self.name, hex4(self.id), BASE64.encode(key))
    }
}

fn hex4(id: [u8; 4]) -> String {
    format!("{:08x}", u32::from_be_bytes(id))
}

impl FromStr for Verifier {
    type Err = NoteError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = |what: &str| NoteError(format!("not a public key of the form name+id+key: {what}"));
        let mut parts = text.trim().splitn(3, '+');
        let (Some(name), Some(id), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(wrong("parts are missing"));
        };
        check_name(name)?;
        let bytes = BASE64.decode(key).map_err(|_| wrong("the key is not base64"))?;
        let [ED25519, key @ ..] = bytes.as_slice() else { return Err(wrong("not an Ed25519 key")) };
        let key: [u8; 32] = key.try_into().map_err(|_| wrong("the key has not 32 bytes"))?;
        let key = VerifyingKey::from_bytes(&key).map_err(|error| wrong(&error.to_string()))?;
        let verifier = Self::new(name, key);
        if hex4(verifier.id) != id {
            return Err(wrong("its id does not fit the key"));
        }
        Ok(verifier)
    }
}

pub(crate) fn check_name(name: &str) -> Result<(), NoteError> {
    if name.is_empty() || name.len() > 255 || name.chars().any(|c| c.is_whitespace() || c == '+' || c.is_control()) {
        return Err(NoteError(format!("`{}` cannot be a key's name", name.escape_debug())));
    }
    Ok(())
}

/// A private key with a name.
#[derive(Clone)]
pub struct Signer {
    key: SigningKey,
    verifier: Verifier,
}

impl Signer {
    pub(crate) fn new(name: impl Into<String>, seed: &[u8; 32]) -> Self {
        let key = SigningKey::from_seed(seed);
        let verifier = Verifier::new(name, key.verifying_key());
        Self { key, verifier }
    }

    pub(crate) fn seed(&self) -> [u8; 32] {
        *self.key.seed()
    }

    /// The public part.
    pub fn verifier(&self) -> &Verifier {
        &self.verifier
    }

    pub(crate) fn sign(&self, text: &[u8]) -> [u8; 64] {
        self.key.sign(text)
    }

    /// The signature line of a note with this text.
    fn line(&self, text: &str) -> String {
        let mut bytes = self.verifier.id.to_vec();
        bytes.extend(self.sign(text.as_bytes()));
        format!("\u{2014} {} {}\n", self.verifier.name, BASE64.encode(bytes))
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signer({})", self.verifier)
    }
}

/// A note of this text, which ends in a newline, signed by each of the keys.
pub(crate) fn sign<'a>(text: &str, signers: impl IntoIterator<Item = &'a Signer>) -> String {
    let lines: String = signers.into_iter().map(|signer| signer.line(text)).collect();
    format!("{text}\n{lines}")
}

/// A note, its signatures not yet verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Note<'a> {
    /// The text, up to and with its last newline.
    pub(crate) text: &'a str,
    /// Name, id and signature of each line.
    signatures: Vec<(&'a str, [u8; 4], Vec<u8>)>,
}

impl<'a> Note<'a> {
    /// Takes a note apart.
    ///
    /// # Errors
    /// When it is not of the form of a signed note.
    pub(crate) fn parse(note: &'a str) -> Result<Self, NoteError> {
        let wrong = |what: &str| NoteError(format!("not a signed note: {what}"));
        if note.len() > MAX_NOTE {
            return Err(wrong("it is too long"));
        }
        if note.chars().any(|c| c < ' ' && c != '\n') {
            return Err(wrong("it has control characters"));
        }
        let split = note.rfind("\n\n").ok_or_else(|| wrong("no signature"))?;
        let (text, lines) = (&note[..=split], &note[split + 2..]);
        let lines = lines.strip_suffix('\n').ok_or_else(|| wrong("it does not end in a newline"))?;
        let signatures = lines.split('\n').map(|line| signature_line(line).ok_or_else(|| wrong("a signature line")));
        Ok(Self { text, signatures: signatures.collect::<Result<_, _>>()? })
    }

    /// The names of the keys that are said to have signed.
    pub(crate) fn signers(&self) -> impl Iterator<Item = &'a str> + '_ {
        self.signatures.iter().map(|(name, ..)| *name)
    }

    /// Whether the key signed it. A wrong signature of the key is as bad as none.
    pub(crate) fn signed_by(&self, verifier: &Verifier) -> bool {
        let mut own = self.signatures.iter().filter(|(name, id, _)| *name == verifier.name && *id == verifier.id);
        let first = own.next();
        first.into_iter().chain(own).all(|(.., signature)| verifier.verifies(self.text.as_bytes(), signature))
            && first.is_some()
    }
}

fn signature_line(line: &str) -> Option<(&str, [u8; 4], Vec<u8>)> {
    let (name, signature) = line.strip_prefix("\u{2014} ")?.split_once(' ')?;
    check_name(name).ok()?;
    let bytes = BASE64.decode(signature).ok()?;
    let (id, signature) = bytes.split_first_chunk::<4>()?;
    Some((name, *id, signature.to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn signer(seed: u8) -> Signer {
        Signer::new("ledger.example", &[seed; 32])
    }

    #[test]
    fn the_example_of_the_specification_verifies() {
        // The key and note that Go's note package documents.
        let verifier: Verifier = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW".parse().unwrap();
        let note = "If you think cryptography is the answer to your problem,\n\
                    then you don't know what your problem is.\n\n\
                    \u{2014} PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";
        assert!(Note::parse(note).unwrap().signed_by(&verifier));
        assert!(!Note::parse(&note.replace("think", "thank")).unwrap().signed_by(&verifier));
    }

    #[test]
    fn only_the_right_key_and_text_verify() {
        let text = "ledger.example\n1\nAAAA\n";
        let note = sign(text, [&signer(1), &signer(2)]);
        let parsed = Note::parse(&note).unwrap();
        assert_eq!(parsed.text, text);
        assert!(parsed.signed_by(signer(1).verifier()) && parsed.signed_by(signer(2).verifier()));
        assert!(!parsed.signed_by(signer(3).verifier()));
        let changed = note.replacen("\n1\n", "\n2\n", 1);
        assert!(!Note::parse(&changed).unwrap().signed_by(signer(1).verifier()));
    }

    #[test]
    fn keys_are_read_back_and_wrong_ones_refused() {
        let verifier = signer(7).verifier().clone();
        let text = verifier.to_string();
        assert_eq!(text.parse::<Verifier>().unwrap(), verifier);
        for wrong in [
            String::new(),
            text.replacen("ledger", "leger", 1),
            text.replace('+', "-"),
            format!("{text}A"),
            text.replacen(&hex4(verifier.id), "00000000", 1),
        ] {
            assert!(wrong.parse::<Verifier>().is_err(), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_a_note_or_refused(text in "[\u{2014} a-z+=A-Z0-9\n\u{0}]{0,200}") {
            let _ = Note::parse(&text);
            let _ = text.parse::<Verifier>();
        }
    }
}
