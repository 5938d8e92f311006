//! The proof of an entry, and the entry as the ledger keeps it. Part of the pages of decisions and scans.

use maud::{Markup, html};
use probity_evidence_ledger::{LedgerEntry, Proof, Verifier};

use super::parts::number;
use crate::app::App;
use crate::problem::Problem;

/// An entry, the proof that it is in the ledger, and what this server finds of it.
pub(crate) struct Proven {
    pub(crate) entry: LedgerEntry,
    proof: Proof,
    verifier: Verifier,
    /// Why the proof does not hold.
    wrong: Option<String>,
}

impl Proven {
    /// Reads an entry and verifies its proof.
    pub(crate) fn read(app: &App, index: u64) -> Result<Self, Problem> {
        let entry = app.reader.entry(index)?;
        let proof = app.reader.proof(index)?;
        let verifier = app.ledger.verifier();
        let wrong = proof.verify(&entry.leaf, &verifier).err().map(|error| error.to_string());
        Ok(Self { entry, proof, verifier, wrong })
    }

    /// The panel. What it says is the server's finding, until the script has its own.
    pub(crate) fn panel(&self) -> Markup {
        let checkpoint = &self.proof.checkpoint;
        let state = if self.wrong.is_none() { "verified" } else { "failed" };
        let step = if self.wrong.is_none() { "holds" } else { "fails" };
        let href = format!("/api/v1/entries/{}/proof", self.entry.index);
        html! {
            section.card.proof aria-labelledby="proof" data-state=(state) data-proof=(href) data-index=(self.entry.index)
                data-leaf=(self.entry.leaf.hex()) data-key=(self.verifier) {
                h2.visually-hidden #proof { "Proof" }
                div.verdict role="status" {
                    span.mark aria-hidden="true" {
                        svg.tick viewBox="0 0 16 16" { path d="M3.5 8.5l3 3 6-6.5" {} }
                        svg.cross viewBox="0 0 16 16" { path d="M4 4l8 8M12 4l-8 8" {} }
                    }
                    div {
                        h3 data-title="" { @if self.wrong.is_none() { "Verified by the server" } @else { "Verification failed" } }
                        p.muted data-text="" {
                            @match &self.wrong {
                                None => { "This entry is in the ledger. With script on, this browser verifies it by itself." }
                                Some(wrong) => { (wrong) "." }
                            }
                        }
                    }
                }
                ol.steps {
                    li data-step="leaf" data-state=(step) { span { "Entry hash " code { (self.entry.leaf.hex()) } br; span.muted.small data-said="" { "of the entry below" } } }
                    li data-step="root" data-state=(step) { span { "Root of " (number(checkpoint.size)) " entries " code { (checkpoint.root.hex()) } br; span.muted.small data-said="" { "reached from the entry’s hash over " (self.proof.path.len()) " others" } } }
                    li data-step="signature" data-state=(step) { span { "Checkpoint signed by " code { (self.verifier.name()) } br; span.muted.small data-said="" { "with the key " (self.verifier.fingerprint()) } } }
                }
                div.actions {
                    a.button href=(href) download={ "entry-" (self.entry.index) ".tlog-proof" } { "Download the proof" }
                    a.button href={ "/api/v1/entries/" (self.entry.index) "/canonical" } download={ "entry-" (self.entry.index) ".json" } { "Download the entry" }
                }
                p.muted.small { "Both files and the public key suffice to verify it offline. Compare the key’s fingerprint with the one that you were given by another way." }
            }
        }
    }

    /// The entry as the hash is over it.
    pub(crate) fn canonical(&self) -> Markup {
        html! {
            section.card aria-labelledby="entry" {
                header { h2 #entry { "The entry as it is kept" } span.muted.small { "canonical JSON (RFC 8785), " (number(self.entry.bytes.len() as u64)) " bytes" } }
                pre #canonical tabindex="0" { (String::from_utf8_lossy(&self.entry.bytes)) }
            }
        }
    }
}
