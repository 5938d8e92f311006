//! Proofs that can be checked offline (C2SP tlog-proof).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use crate::checkpoint::Checkpoint;
use crate::digest::Digest;
use crate::merkle::root_from_proof;
use crate::note::{NoteError, Verifier};

const FIRST_LINE: &str = "c2sp.org/tlog-proof@v1";

/// That an entry is under a checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    /// The entry's place.
    pub index: u64,
    /// The hashes from its sibling to the root's child.
    pub path: Vec<Digest>,
    /// The checkpoint.
    pub checkpoint: Checkpoint,
}

impl Proof {
    /// Whether the entry with this hash is under the checkpoint, and the key signed the checkpoint.
    ///
    /// # Errors
    /// Which of it does not hold.
    pub fn verify(&self, leaf: &Digest, verifier: &Verifier) -> Result<(), NoteError> {
        if !self.checkpoint.signed_by(verifier) {
            return Err(NoteError(format!("the checkpoint is not signed by the key {}", verifier.name())));
        }
        if root_from_proof(leaf, self.index, self.checkpoint.size, &self.path) != Some(self.checkpoint.root) {
            return Err(NoteError(format!("the entry is not number {} under the checkpoint's root", self.index)));
        }
        Ok(())
    }

    /// The proof as text.
    pub fn to_text(&self) -> String {
        let path: String = self.path.iter().map(|hash| BASE64.encode(hash.0) + "\n").collect();
        format!("{FIRST_LINE}\nindex {}\n{path}\n{}", self.index, self.checkpoint.note)
    }

    /// Reads a proof; nothing is verified yet.
    ///
    /// # Errors
    /// When the text is not a proof.
    pub fn parse(text: &str) -> Result<Self, NoteError> {
        let wrong = |what: &str| NoteError(format!("not a proof of the form {FIRST_LINE}: {what}"));
        let (head, checkpoint) = text.split_once("\n\n").ok_or_else(|| wrong("it has no checkpoint"))?;
        let mut lines = head.lines().peekable();
        if lines.next() != Some(FIRST_LINE) {
            return Err(wrong("its first line is another"));
        }
        lines.next_if(|line| line.starts_with("extra "));
        let index = lines.next().and_then(|line| line.strip_prefix("index ")?.parse().ok());
        let path = lines.map(|line| BASE64.decode(line).ok().and_then(|hash| hash.try_into().ok()).map(Digest));
        Ok(Self {
            index: index.ok_or_else(|| wrong("it has no index"))?,
            path: path.collect::<Option<_>>().ok_or_else(|| wrong("a line is not a hash"))?,
            checkpoint: Checkpoint::parse(checkpoint)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::merkle::{leaf_hash, node_hash};
    use crate::note::Signer;
    use proptest::prelude::*;

    #[test]
    fn a_proof_is_read_back_and_holds_for_its_entry_alone() {
        let (a, b) = (leaf_hash(b"a"), leaf_hash(b"b"));
        let signer = Signer::new("ledger.example", &[1; 32]);
        let checkpoint = Checkpoint::sign(2, node_hash(&a, &b), &signer, None);
        let proof = Proof { index: 1, path: vec![a], checkpoint };
        let read = Proof::parse(&proof.to_text()).unwrap();
        assert_eq!(read, proof);
        read.verify(&b, signer.verifier()).unwrap();
        assert!(read.verify(&a, signer.verifier()).unwrap_err().to_string().contains("not number 1"));
        let other = Signer::new("ledger.example", &[2; 32]);
        assert!(read.verify(&b, other.verifier()).unwrap_err().to_string().contains("not signed by"));
    }

    proptest! {
        #[test]
        fn any_text_is_a_proof_or_refused(text in "(c2sp.org/tlog-proof@v1\n)?(index [0-9]{0,25}\n)?[A-Za-z=\n]{0,90}\n\n.{0,90}") {
            let _ = Proof::parse(&text);
        }
    }
}
