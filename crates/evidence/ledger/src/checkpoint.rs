//! Checkpoints (C2SP tlog-checkpoint): the signed root of the tree at a size.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use crate::digest::Digest;
use crate::note::{Note, NoteError, Signer, Verifier, sign};

/// The root of the ledger at a size, signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// Which ledger: the name of its key.
    pub origin: String,
    /// Entries under it.
    pub size: u64,
    /// The root over them.
    pub root: Digest,
    /// The signed note as it was published.
    pub note: String,
}

impl Checkpoint {
    /// Signs a root by the ledger's key, and by the key before it when it has just changed.
    pub(crate) fn sign(size: u64, root: Digest, signer: &Signer, before: Option<&Signer>) -> Self {
        let origin = signer.verifier().name().to_owned();
        let text = format!("{origin}\n{size}\n{}\n", BASE64.encode(root.0));
        let note = sign(&text, std::iter::once(signer).chain(before));
        Self { origin, size, root, note }
    }

    /// Reads a checkpoint; its signatures are not verified yet.
    ///
    /// # Errors
    /// When it is not a checkpoint.
    pub fn parse(text: &str) -> Result<Self, NoteError> {
        let wrong = |what: &str| NoteError(format!("not a checkpoint: {what}"));
        let note = Note::parse(text)?;
        let mut lines = note.text.lines();
        let (Some(origin), Some(size), Some(root)) = (lines.next(), lines.next(), lines.next()) else {
            return Err(wrong("it has fewer than three lines"));
        };
        if origin.is_empty() {
            return Err(wrong("it has no origin"));
        }
        let decimal = size == "0" || (!size.starts_with('0') && size.bytes().all(|byte| byte.is_ascii_digit()));
        let size = size.parse().ok().filter(|_| decimal).ok_or_else(|| wrong("its size is not a number"))?;
        let root = BASE64.decode(root).ok().and_then(|root| root.try_into().ok());
        let root = Digest(root.ok_or_else(|| wrong("its root is not a hash"))?);
        Ok(Self { origin: origin.to_owned(), size, root, note: text.to_owned() })
    }

    /// Whether the key signed it.
    pub fn signed_by(&self, verifier: &Verifier) -> bool {
        Note::parse(&self.note).is_ok_and(|note| note.signed_by(verifier))
    }

    /// The names of the keys that are said to have signed it.
    pub fn signers(&self) -> Vec<String> {
        Note::parse(&self.note).map(|note| note.signers().map(str::to_owned).collect()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_signed_checkpoint_is_read_back() {
        let signer = Signer::new("ledger.example", &[1; 32]);
        let made = Checkpoint::sign(70_000, Digest([7; 32]), &signer, None);
        let read = Checkpoint::parse(&made.note).unwrap();
        assert_eq!(read, made);
        assert!(read.signed_by(signer.verifier()));
        for wrong in ["070000", "-1", "+7", "seven", ""] {
            assert!(Checkpoint::parse(&made.note.replacen("70000", wrong, 1)).is_err(), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_a_checkpoint_or_refused(text in "([a-z]{1,3}\n[0-9]{0,3}\n[A-Za-z=]{0,44}\n)?.{0,40}\n\n\u{2014} [a-z]{1,3} [A-Za-z=]{0,9}\n") {
            let _ = Checkpoint::parse(&text);
        }
    }
}
